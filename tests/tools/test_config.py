"""Configs, expressions and trace files: there and back, and what is wrong with bad ones."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from schedules import LR, SCHEDULES, InverseSquareRoot

import jaxsched as js
from jaxsched.__main__ import main
from jaxsched._text.expression import Expression
from jaxsched._traces.trace import shipped

WRITABLE = {
    name: schedule
    for name, schedule in SCHEDULES.items()
    if name
    not in (
        "LambdaLR",
        "MultiplicativeLR",
        "CyclicLR-function",
        "chain-overwritten",
        "table",
        "from_function",
    )
}
OTHERS = {
    "plateau": js.ReduceLROnPlateau(LR, "max", patience=3, min_lr=0.01),
    "groups": js.ParamGroups([js.StepLR(LR, 3), js.StepLR(0.2, 3)]),
}


@pytest.mark.parametrize("schedule", (WRITABLE | OTHERS).values(), ids=WRITABLE | OTHERS)
def test_a_config_goes_through_json_and_back(schedule):
    config = json.loads(json.dumps(js.to_config(schedule)))

    assert js.from_config(config) == schedule
    assert hash(js.from_config(config)) == hash(schedule)


def test_a_config_of_arrays():
    schedule = js.SequentialLR(
        [js.StepLR(np.float64(LR), 3), js.StepLR(LR, jnp.int32(3))], jnp.array([4])
    )

    config = json.loads(json.dumps(js.to_config(schedule)))

    np.testing.assert_array_equal(js.from_config(config)(np.arange(9)), schedule(np.arange(9)))


def test_a_users_class_is_named_with_its_module():
    config = js.to_config(InverseSquareRoot(LR))

    assert config["class"] == "schedules:InverseSquareRoot"
    assert js.from_config(config) == InverseSquareRoot(LR)


def test_a_python_function_is_refused():
    with pytest.raises(TypeError, match=r"`LambdaLR\(lr_lambda=\.\.\.\)` is a Python function"):
        js.to_config(js.ChainedScheduler([js.LambdaLR(LR, lambda step: 1.0)]))
    with pytest.raises(TypeError, match="must be concrete"):
        jax.jit(lambda lr: js.to_config(js.StepLR(lr, 3)))(LR)


@pytest.mark.parametrize("config, message", [
    ({"class": "StepLRR"}, "got 'StepLRR': did you mean StepLR\\?"),
    ({"lr": 0.1}, "must be a dict with 'class'"),
    ([], "must be a dict with 'class'"),
    ({"class": "StepLR", "lr": 0.1, "step": 3}, r"arguments of StepLR, got \['step'\]"),
    ({"class": "StepLR", "lr": 0.1, "step_size": 0}, "step_size"),
])  # fmt: skip
def test_bad_configs(config, message):
    with pytest.raises(ValueError, match=message):
        js.from_config(config)


@pytest.mark.parametrize("text", ["0.9 ** step", "1 / (1 + step)", "step % 40 / 100.", "0.5 if step < 3 else 0.1",
                                  "max(0, 1 - step / 4)", "min(step, 3, 2.5)", "cos(pi * step / 7)",
                                  "-abs(step - 3) + exp(-step) * sqrt(step) + log(1 + step) + sin(step)",
                                  "0.99 ** (step // 2 + 1)", "1 if step != 3 else 0",
                                  "0.1 ** ((step >= 3) + (step >= 6))", "2 ** -step", "10 ** (3 - step)",
                                  "1 if 2 <= step < 5 else 0.5", "1 < 2 < step", "(step > 2 and step < 5) + 0.5",
                                  "step > 2 or step - 2", "0 or 1 and step", "not step", "+step",
                                  "floor(step / 3) + ceil(step / 3)", "0.9 ** int(step / 2.5)", "tanh(step / 4)",
                                  "math.cos(math.pi * step / 8)", "np.sqrt(step)"])  # fmt: skip
def test_an_expression_is_the_same_traced_and_not(text):
    expression = Expression(text)
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        traced = jax.jit(jax.vmap(expression))(jnp.arange(8))

    np.testing.assert_allclose(
        traced, [expression(step) for step in range(8)], rtol=1e-14, atol=1e-15
    )
    assert expression == Expression(text)


@pytest.mark.parametrize("text", ["__import__('os')", "step.real", "lambda: 1", "[step]", "x", "step + ",
                                  "max()", "'a'", "exp(x=1)", "1 if step is 3 else 0", "True", "step[0]", "math.gamma(step)", "os.cos(step)"])  # fmt: skip
def test_an_expression_is_no_python(text):
    with pytest.raises(ValueError, match=r"column|must not contain"):
        Expression(text)


# --- trace files ---


def test_a_trace_goes_to_disk_and_back(tmp_path):
    for name in ("CosineAnnealingLR", "OneCycleLR", "ReduceLROnPlateau"):
        for trace in shipped()[name]:
            trace.save(tmp_path / "trace.jsonl")
            again = js.Trace.load(tmp_path / "trace.jsonl")
            for field in ("counts", "lr", "momentum", "closed_form"):
                a, b = getattr(trace, field), getattr(again, field)
                assert (a is None) == (b is None)
                if a is not None:
                    assert a.tobytes() == b.tobytes()
            assert (again.call, again.torch, again.schedule) == (
                trace.call,
                trace.torch,
                trace.schedule,
            )
    assert [path.name for path in tmp_path.iterdir()] == ["trace.jsonl"]


def line(**changes):
    good = {"jaxsched_trace": 1, "torch": "2.13.0", "call": "x", "optimizer": "SGD",
            "counts": 3, "lr": [0.1, 0.05, 0.025],
            "schedule": {"class": "ExponentialLR", "lr": 0.1, "gamma": 0.5}}  # fmt: skip
    return json.dumps({k: v for k, v in (good | changes).items() if v is not None})


BAD_FILES = {
    "empty": ("", "not a trace: the file is empty"),
    "blank": ("\n \n", "not a trace: the file is empty"),
    "text": ("hello\n", "damaged, or not a trace"),
    "cut": (line()[:-20], "damaged, or not a trace"),
    "foreign": ('{"a": 1}\n', "not a jaxsched trace"),
    "list": ("[1]\n", "not a jaxsched trace"),
    "future": (line(jaxsched_trace=2), "trace format must be 1, got 2"),
    "no rates": (line(lr=None), "a damaged trace"),
    "short": (line(lr=[0.1]), "a damaged trace"),
    "ragged": (line(lr=[[0.1], [0.1, 0.2], 0.1]), "a damaged trace"),
    "nan": (line(lr=[0.1, None, 0.1]), "a damaged trace"),
    "words": (line(lr=["a", "b", "c"]), "a damaged trace"),
    "unknown field": (line(colour="red"), "a damaged trace"),
    "metrics": (line(metrics=[1.0]), "a damaged trace"),
    "counts": (line(counts=[3, 2, 1]), "a damaged trace"),
    "huge": (line(counts=10**30), "a damaged trace"),
    "schedule": (line(schedule={"class": "Nope"}), "got 'Nope'"),
    "silent": (line(schedule=None), r"does not contain its schedule.*jaxsched\.compare"),
    "wrong groups": (line(lr=[[0.1, 0.2]] * 3), "as many parameter groups as the trace"),
    "no metrics": (line(schedule={"class": "ReduceLROnPlateau", "lr": 0.1}), "must have metrics"),
}


@pytest.fixture(params=BAD_FILES.values(), ids=BAD_FILES)
def bad_file(request, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text(request.param[0])
    return path, request.param[1]


def test_a_bad_file_is_a_one_line_error(bad_file, capsys):
    path, message = bad_file
    assert main(["check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert re.search(message, err)


def test_trace_load_raises(tmp_path):
    (tmp_path / "cut.jsonl").write_text(line()[:-20])
    with pytest.raises(ValueError, match=r"cut\.jsonl: line 1: damaged"):
        js.Trace.load(tmp_path / "cut.jsonl")
    (tmp_path / "two.jsonl").write_text(line() + "\n" + line())
    with pytest.raises(ValueError, match="must hold one trace, got 2"):
        js.Trace.load(tmp_path / "two.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file"):
        js.Trace.load(tmp_path / "binary.jsonl")
    with pytest.raises(FileNotFoundError):
        js.Trace.load(tmp_path / "missing.jsonl")
    assert len(js.Trace.load(_good(tmp_path)).lr) == 3


def _good(tmp_path):
    (tmp_path / "good.jsonl").write_text(line())
    return tmp_path / "good.jsonl"
