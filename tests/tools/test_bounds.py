"""Whatever a text or a trace file holds, it is read, or refused in one clear line, in seconds."""

import json
import random
import time

import numpy as np
import pytest

from jaxsched import Trace, from_config
from jaxsched._cli import main
from jaxsched._text.call import call_text
from jaxsched._text.expression import Expression
from jaxsched._text.parse import MAX_CALLS, parse
from jaxsched._text.source import MAX_TERMS, PointedError

SECONDS = 20  # many times what each takes on two slow cores, and far less than what had no bound


def many(text, number):
    return ", ".join([text] * number)


def sequence(kinds, number):
    parts = (kinds * number)[:number]
    return f"SequentialLR([{', '.join(parts)}], {list(range(1, number))})"


PARTS = MAX_CALLS - 1
KINDS = ["StepLR(0.1, 3)", "SWALR(0.1, 0.05)", "LinearLR(0.1)", "ExponentialLR(0.1, 0.9)"]


@pytest.mark.parametrize(
    "text, reason",
    [
        (f"MultiStepLR(0.1, [{many('1', 32_000)}])", f"at most {MAX_TERMS} are allowed"),
        (f"MultiStepLR(0.1, [{many('1', MAX_TERMS + 1)}])", f"at most {MAX_TERMS} are allowed"),
        (f"LambdaLR(0.1, max({many('step', 16_000)}))", f"at most {MAX_TERMS} are allowed"),
        (
            f"ChainedScheduler([{many('StepLR(1, 3)', PARTS + 1)}])",
            f"at most {MAX_CALLS} are allowed",
        ),
        (f"ChainedScheduler([{many('StepLR(1, 3)', 6000)}])", "are allowed"),
        (f"ChainedScheduler([{many('jaxsched.StepLR(1, 3)', PARTS + 1)}])", "are allowed"),
        (sequence(KINDS, 400), f"at most {MAX_CALLS} are allowed"),
        (f"ParamGroups([{many('StepLR(1, 3)', PARTS + 1)}])", f"at most {MAX_CALLS} are allowed"),
        (
            "ChainedScheduler([" * 66 + "StepLR(1, 3)" + "])" * 66,
            f"at most {MAX_CALLS} are allowed",
        ),
        (f"{'x' * 99_000}(1)", "unknown scheduler"),
        (f"StepLR(0.1, '{'x' * 99_000}')", "must be a number"),
        (f"StepLR({many('1', 1900)})", "StepLR"),
        (f"StepLR({', '.join(f'a{i}=1' for i in range(1900))})", "is no argument"),
        (f"StepLR(0.1, {'9' * 4000})", "must be a real number of at most 64 bits"),
        (f"StepLR(0.1, {'9' * 5000})", "not a Python expression"),
        ("StepLR(0.1, 9 ** 9 ** 9)", "an integer power is too large"),
        (f"StepLR(0.1, {' * '.join(['9 ** 2000'] * 99)})", "64 bits"),
        (
            f"LambdaLR(1, lambda {', '.join(f'a{i}' for i in range(12_000))}: 1)",
            "exactly one parameter",
        ),
        (
            "LambdaLR(0.1, 0.9 ** step, total_steps=10 ** 12)",
            "total_steps must be at most 1,000,000 here, got 1000000000000",
        ),
        ("(" * 5000 + "1" + ")" * 5000, "nested"),
        ("[" * 150 + "1" + "]" * 150, "must be the call of a scheduler"),
        ("é" * 99_999, "must be the call of a scheduler"),
    ],
)
def test_a_text_of_too_much_is_refused_at_once(text, reason):
    begun = time.perf_counter()
    with pytest.raises(PointedError, match=reason):
        parse(text)
    assert time.perf_counter() - begun < SECONDS / 2


@pytest.mark.parametrize(
    "text",
    [
        f"MultiStepLR(0.1, {list(range(MAX_TERMS - 4))})",
        f"ChainedScheduler([{many('ExponentialLR(0.1, 0.9)', PARTS)}])",
        sequence(KINDS, PARTS),
        sequence(["SWALR(0.1, 0.05)"], PARTS),
        f"LambdaLR(0.1, lambda é: max({many('é', MAX_TERMS - 4)}))",
        f"LambdaLR(0.1, min({many('cos(step)', MAX_TERMS // 2 - 4)}))",
    ],
    ids=["milestones", "chain", "sequence", "averages", "lambda", "cosines"],
)
def test_the_most_that_is_read_is_evaluated_in_seconds(text):
    begun = time.perf_counter()
    schedule = parse(text)
    assert np.isfinite(schedule(np.arange(20))).all()
    assert call_text(schedule)
    assert time.perf_counter() - begun < SECONDS


SEEDS = [
    "StepLR(0.1, step_size=30, gamma=1 / 3)",
    "LambdaLR(0.1, lambda e: 0.95 ** e if e < 3 else min(1, 2 / e))",
    "SequentialLR([LinearLR(0.1), ExponentialLR(0.1, .9)], milestones=[5])",
    "per_epoch(OneCycleLR(0.1, total_steps=100), 10)",
    "ReduceLROnPlateau(0.1, mode='max', patience=2)",
]
PIECES = ["(", ")", "[", "]", ",", "=", "**", "*", "-", "9" * 30, "1e308", "step", "'", "\n", "\t"]
PIECES += [
    "é",
    "\0",
    "\ud800",
    "lambda x:",
    "None",
    "float('inf')",
    "StepLR",
    "#",
    "1j",
    ":=",
    "{}",
]


def mutated(draw):
    text = draw.choice(SEEDS)
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(text) + 1)
        end = start + draw.choice([0, 0, 1, 5])
        text = text[:start] + draw.choice(PIECES) * draw.choice([1, 1, 2, 40]) + text[end:]
    return text


@pytest.mark.parametrize("seed", range(5))
def test_a_text_is_a_schedule_or_an_error_that_points(seed):
    draw, errors = random.Random(seed), 0
    begun = time.perf_counter()
    for _ in range(100):
        try:
            parse(mutated(draw))
        except PointedError as error:
            assert "^" in str(error).splitlines()[-1]
            errors += 1
    assert errors > 20  # else it tries nothing
    assert time.perf_counter() - begun < SECONDS


def test_products_of_integers_are_bounded_as_powers_are():
    big = Expression(" * ".join(["9 ** 2000"] * 9))
    with pytest.raises(OverflowError, match="product is too large"):
        big(1)


PLATEAU = {"class": "ReduceLROnPlateau", "lr": 0.1}
GOOD = {
    "jaxsched_trace": 1,
    "torch": "2.13.0",
    "call": "StepLR(optimizer, 30)",
    "optimizer": "SGD",
    "counts": 3,
    "lr": [0.1, 0.1, 0.1],
    "schedule": {"class": "StepLR", "lr": 0.1, "step_size": 30},
}


def fed(metrics, **more):
    return {"metrics": metrics, "schedule": PLATEAU} | more


DAMAGED = [
    *({"counts": x} for x in ("step", "3", -3, 0, True, None, {}, 3.0, 10**400, float("inf"))),
    *({"counts": [0, 1, x]} for x in (1e308, float("nan"), None, 10**400, 1, "2", True, [2])),
    {"counts": [[0], [1], [2]]},
    *({"lr": x} for x in ("step", None, 5, [], {}, ["0.1"] * 3, [True] * 3, [{}] * 3, ["inf"] * 3)),
    *({"lr": x} for x in ([[0.1], 0.1, 0.1], [[0.1], [0.1, 0.2], [0.1]], [[[0.1]]] * 3)),
    *({"momentum": x} for x in ("step", [0.9], ["inf"] * 3, [[0.9]] * 3)),
    *({"closed_form": x} for x in ("step", [0.1], ["inf"] * 3)),
    *map(fed, ("1/0", "1/step", "9**9**9*step", "(0-1)**0.5", "1e300", "exp(1000)", "log(0)")),
    *map(fed, ("nope", "", "-" * 500 + "step", "10**400", [1.0], ["x", "y"], 5, {})),
    fed("step", counts=[0, 1, 10**15]),
    fed("step", counts=[0, 0.5, 1]),
    fed("9**step * 9**step", counts=[0, 1, 10**4]),
    *({"schedule": x} for x in (5, [], "StepLR")),
    {"torch": 5},
    {"call": None},
    {"unknown": 1},
]


def check_ends_in(line, capsys, tmp_path, status):
    path = tmp_path / "it.jsonl"
    path.write_text(f"\n{line}\n", encoding="utf-8")
    begun = time.perf_counter()
    assert main(["check", str(path)]) == status
    assert time.perf_counter() - begun < SECONDS
    return path, capsys.readouterr().err


@pytest.mark.parametrize("damage", DAMAGED, ids=lambda damage: str(damage)[:50])
def test_a_damaged_trace_is_one_line(damage, tmp_path, capsys):
    path, err = check_ends_in(json.dumps(GOOD | damage), capsys, tmp_path, 2)
    line = f"{path}: line 2: a damaged trace (fields missing or of the wrong shape)"
    assert err == f"jaxsched: {line}\n"
    with pytest.raises(ValueError) as error:
        Trace.load(path)
    assert str(error.value) == line


@pytest.mark.parametrize("field", ["lr", "counts", "metrics", "schedule", "jaxsched_trace"])
def test_a_trace_nested_a_thousand_deep_is_one_line(field, tmp_path, capsys):
    deep = "[" * 1000 + "0.1" + "]" * 1000
    line = json.dumps(GOOD | {field: "DEEP"}).replace('"DEEP"', deep)
    path, err = check_ends_in(line, capsys, tmp_path, 2)
    assert err.startswith(f"jaxsched: {path}: line 2: ") and err.count("\n") == 1


def chained(depth):
    config = {"class": "StepLR", "lr": 0.1, "step_size": 3}
    for _ in range(depth):
        config = {"class": "ChainedScheduler", "schedulers": [config]}
    return config


def lambda_of(text, **more):
    return {"class": "LambdaLR", "lr": 0.1, "lr_lambda": {"expression": text}} | more


CONFIGS = [
    {},
    *({"class": name} for name in (5, None, [], {}, "Value", "foreign:Class")),
    {"class": "StepLR", "lr": 0.1, "step_size": 3, "x": 1},
    lambda_of(5),
    lambda_of(["step"]),
    chained(300),
    chained(100_000),
]


@pytest.mark.parametrize("config", [*CONFIGS, [], 5, None, "StepLR"], ids=lambda _: "")
def test_an_absurd_config_is_a_value_error(config):
    with pytest.raises(ValueError) as error:
        from_config(config)
    assert len(str(error.value)) < 2000
    if config == {}:
        assert "must be a dict with 'class'" in str(error.value)


@pytest.mark.parametrize(
    "config",
    [
        *CONFIGS[:-1],
        {"class": "StepLR"},
        {"class": "Schedule"},
        {"class": "StepLR", "lr": "x", "step_size": 3},
        {"class": "StepLR", "lr": 10**400, "step_size": 3},
        {"class": "StepLR", "lr": [[[0.1]]], "step_size": 3},
        {"class": "ChainedScheduler", "schedulers": [1]},
        PLATEAU,
        lambda_of("1/0"),
        lambda_of("9**9**9"),
        lambda_of("step", total_steps=10**12),
    ],
    ids=lambda _: "",
)
def test_a_trace_of_no_schedule_names_its_file(config, tmp_path, capsys):
    line = json.dumps(GOOD | {"schedule": config})
    path, err = check_ends_in(line, capsys, tmp_path, 2)
    assert err.startswith(f"jaxsched: {path}: the trace of `StepLR(optimizer, 30)`: ")
    assert err.count("\n") == 1


def test_a_trace_that_would_be_stepped_for_ever_is_refused(tmp_path, capsys):
    config = lambda_of("0.9 + 0 * step") | {"class": "MultiplicativeLR"}
    line = json.dumps(GOOD | {"schedule": config, "counts": [0, 1, 10**12]})
    _, err = check_ends_in(line, capsys, tmp_path, 2)
    assert "is stepped from 0: use at most 1,000,000 steps" in err
