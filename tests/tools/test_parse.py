"""Texts to schedules and back: what is read, what is refused and where, and nothing is run."""

import math
import pickle

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedules import LR, SCHEDULES, decay

import jaxsched as js
from jaxsched._schedulers import SCHEDULERS
from jaxsched._text.call import call_text
from jaxsched._text.expression import Expression
from jaxsched._text.parse import parse
from jaxsched._text.source import PointedError
from jaxsched._traces.cases import cases

E = Expression
GOOD = [  # text, the schedule
    ("StepLR(0.1, 30)", js.StepLR(0.1, 30)),
    ("  StepLR ( 0.1 ,\n\tstep_size = 30 , )  # a comment", js.StepLR(0.1, 30)),
    ("jaxsched.StepLR(0.1, 30)", js.StepLR(0.1, 30)),
    ("js.StepLR(0.1, 30)", js.StepLR(0.1, 30)),
    ("(StepLR(0.1, 30))", js.StepLR(0.1, 30)),
    ("OneCycleLR(0.1, total_steps=30*390)", js.OneCycleLR(0.1, total_steps=11700)),
    ("OneCycleLR(1e-1, 100, three_phase=True, anneal_strategy='linear')",
     js.OneCycleLR(0.1, 100, three_phase=True, anneal_strategy="linear")),
    ("ConstantLR(0.1, 1/3)", js.ConstantLR(0.1)),
    ("ConstantLR(1e-3*2, 2 ** -1, total_iters=7 // 2 + 5 % 3)", js.ConstantLR(0.002, 0.5, 5)),
    ("StepLR(0.1, +4, gamma=-0.5)", js.StepLR(0.1, 4, gamma=-0.5)),
    ("ConstantLR(0.1, 0.5, float('inf'))", js.ConstantLR(0.1, 0.5, math.inf)),
    ("StepLR(0.1, 30, last_epoch=-1, initial_lr=None)", js.StepLR(0.1, 30)),
    ("MultiStepLR(0.1, (30, 80))", js.MultiStepLR(0.1, [30, 80])),
    ("MultiStepLR(0.1, [])", js.MultiStepLR(0.1, [])),
    ("LambdaLR(0.1, 0.95 ** step)", js.LambdaLR(0.1, E("0.95 ** step"))),
    ("LambdaLR(0.1, '0.95 ** step')", js.LambdaLR(0.1, E("0.95 ** step"))),
    ("LambdaLR(0.1, lambda step: 0.95 ** step)", js.LambdaLR(0.1, E("0.95 ** step"))),
    ("LambdaLR(0.1, lr_lambda=lambda epoch: 0.95 ** epoch)", js.LambdaLR(0.1, E("0.95 ** step"))),
    ("LambdaLR(0.1, (lambda e: max(e, (e + 1) / 10)))", js.LambdaLR(0.1, E("max(step, (step + 1) / 10)"))),
    ("LambdaLR(0.1, lambda step: (step + 1))", js.LambdaLR(0.1, E("(step + 1)"))),
    ("LambdaLR(0.1, 0.95 **\n  step)", js.LambdaLR(0.1, E("0.95 ** step"))),
    ("LambdaLR(0.1, 0.5 if step < 30 else 0.1)", js.LambdaLR(0.1, E("0.5 if step < 30 else 0.1"))),
    ("MultiplicativeLR(0.1, 0.95, total_steps=9)", js.MultiplicativeLR(0.1, E("0.95"), total_steps=9)),
    ("CyclicLR(0.01, 0.1, 4, scale_fn=0.9 ** step)", js.CyclicLR(0.01, 0.1, 4, scale_fn=E("0.9 ** step"))),
    ("CyclicLR(0.01, 0.1, 4, scale_fn=None)", js.CyclicLR(0.01, 0.1, 4)),
    ("SequentialLR([LinearLR(0.1), ExponentialLR(0.1, 0.9)], milestones=[5])",
     js.SequentialLR([js.LinearLR(0.1), js.ExponentialLR(0.1, 0.9)], [5])),
    ("ChainedScheduler([LinearLR(0.1), js.ExponentialLR(0.1, 0.9)])",
     js.ChainedScheduler([js.LinearLR(0.1), js.ExponentialLR(0.1, 0.9)])),
    ("ReduceLROnPlateau(LinearLR(0.1), 'max', patience=3)",
     js.ReduceLROnPlateau(js.LinearLR(0.1), "max", patience=3)),
    ("ParamGroups([StepLR(0.1, 3), StepLR(0.2, 3)])", js.ParamGroups([js.StepLR(0.1, 3), js.StepLR(0.2, 3)])),
    ("per_epoch(StepLR(0.1, 30), steps_per_epoch=390)", js.per_epoch(js.StepLR(0.1, 30), 390)),
    ("torch.optim.lr_scheduler.StepLR(0.1, 30)", js.StepLR(0.1, 30)),
    ("lr_scheduler.StepLR(0.1, 30) * 2", js.StepLR(0.1, 30) * 2),
    ("torch.optim.swa_utils.SWALR(0.1, 0.05)", js.SWALR(0.1, 0.05)),
    ("MultiStepLR(0.1, [30] + [60, 80] + [90])", js.MultiStepLR(0.1, [30, 60, 80, 90])),
    ("LambdaLR(0.1, lambda e: math.cos(math.pi * e))", js.LambdaLR(0.1, E("math.cos(math.pi * step)"))),
    ("CosineAnnealingLR(0.1, 95) * Ramp(0, 1, 5)", js.CosineAnnealingLR(0.1, 95) * js.Ramp(0, 1, 5)),
    ("clip(StepLR(0.1, 3), low=1e-3)", js.clip(js.StepLR(0.1, 3), low=1e-3)),
    ("join([Ramp(0, 0.1, 5, shape='cosine'), StepLR(0.1, 3)], [5])",
     js.join([js.Ramp(0, 0.1, 5, "cosine"), js.StepLR(0.1, 3)], [5])),
    ("from_function(lambda it: 0.1 / (1 + it))", js.from_function(E("0.1 / (1 + step)"))),
    ("from_rates([0.1, 1 / 20])", js.from_rates([0.1, 0.05])),
]  # fmt: skip


@pytest.mark.parametrize("text, schedule", GOOD, ids=[text for text, _ in GOOD])
def test_a_call_is_read(text, schedule):
    assert parse(text) == schedule
    assert hash(parse(text)) == hash(schedule)


BAD = [  # text, what the carets are below (where Python does not choose that), the message
    ("StepLRR(0.1, 30)", "StepLRR", "unknown scheduler `StepLRR`: did you mean StepLR?"),
    ("onecyclelr(0.1, 30)", "onecyclelr", "did you mean OneCycleLR?"),
    ("torch.optim.lr_scheduler.StepLR(opt, 3)", "opt", "where PyTorch takes the optimizer, give the learning rate"),
    ("torch.optim.StepLR(0.1, 3)", "torch.optim.StepLR", "did you mean StepLR?"),
    ("MultiStepLR(0.1, [3] + 4)", "4", "`4` is no list, and is added to one"),
    ("LambdaLR(0.1, os.cos(step))", "os.cos(step)", "must not contain `os.cos(step)`"),
    ("jaxsched.x.StepLR(0.1, 3)", "jaxsched.x.StepLR", "unknown scheduler"),
    ("__import__('os').system('x')", "__import__('os').system", "unknown scheduler"),
    ("to_config(StepLR(0.1, 3))", "to_config", "use one of LambdaLR"),
    ("StepLR.__init__(0.1, 3)", "StepLR.__init__", "unknown scheduler"),
    ("ChainedScheduler([StepLr(0.1, 3)])", "StepLr", "did you mean StepLR?"),
    ("StepLR", "StepLR", "must be the call of a scheduler"),
    ("0.1", "0.1", "must be the call of a scheduler"),
    ("[StepLR(0.1, 3)]", "[StepLR(0.1, 3)]", "must be the call of a scheduler"),
    ("OneCycleLR(0.1, 9).momentum", "OneCycleLR(0.1, 9).momentum", "must be the call of a scheduler"),
    ("StepLR(0.1, 3) or 3", "StepLR(0.1, 3) or 3", "must be the call of a scheduler"),
    ("", "", "the text is empty"),
    (" \n ", "", "the text is empty"),
    ("StepLR(0.1, 3); StepLR(0.1, 3)", "", "invalid syntax"),
    ("StepLR(0.1, 3)\nStepLR(0.1, 3)", "", "invalid syntax"),
    ("import os", "", "invalid syntax"),
    ("StepLR(0.1, 30", "", "never closed"),
    ("StepLR(0.1 30)", "", "invalid syntax"),
    ("StepLR(0.1, \0 30)", "?", "the text contains an invalid character"),
    ("StepLR(0.1, \ud800)", "?", "the text contains an invalid character"),
    ("StepLR(optimizer, 30)", "optimizer", "where PyTorch takes the optimizer, give the learning rate"),
    ("StepLR(lr, 30)", "lr", "`lr` is not allowed here: use numbers"),
    ("StepLR(0.1, step)", "step", "is not allowed here"),
    ("StepLR(0.1, 30).gamma", "StepLR(0.1, 30).gamma", "must be the call of a scheduler"),
    ("StepLR(0.1, math.pi)", "math.pi", "is not allowed here"),
    ("StepLR(0.1, {'a': 1})", "{'a': 1}", "is not allowed here"),
    ("StepLR(0.1, f'{3}')", "f'{3}'", "is not allowed here"),
    ("StepLR(0.1, b'3')", "b'3'", "is not allowed here"),
    ("StepLR(0.1, 3j)", "3j", "is not allowed here"),
    ("StepLR(0.1, ...)", "...", "is not allowed here"),
    ("StepLR(0.1, (x := 3))", "x := 3", "is not allowed here"),
    ("StepLR(0.1, *[3])", "*[3]", "is not allowed here"),
    ("StepLR(0.1, **{'a': 3})", "**{'a': 3}", "name each argument"),
    ("StepLR(0.1, lambda step: 3)", "lambda step: 3", "is not allowed here"),
    ("MultiStepLR(0.1, [x for x in (1, 2)])", "[x for x in (1, 2)]", "is not allowed here"),
    ("MultiStepLR(0.1, [1, 2][0])", "[1, 2][0]", "is not allowed here"),
    ("StepLR(0.1, 3 < 4)", "3 < 4", "is not allowed here"),
    ("StepLR(0.1, not 3)", "not 3", "must be a number or arithmetic"),
    ("StepLR(0.1, 3 << 4)", "3 << 4", "must be a number or arithmetic"),
    ("StepLR(0.1, 'a' * 9)", "'a'", "must be a number or arithmetic"),
    ("StepLR(0.1, True + 1)", "True", "must be a number or arithmetic"),
    ("StepLR(0.1, float('nan'))", "float('nan')", "must be a number or arithmetic"),
    ("StepLR(0.1, 9**9**9)", "9**9**9", "an integer power is too large"),
    ("StepLR(0.1, 2.0 ** 9999)", "2.0 ** 9999", "has no value"),
    ("StepLR(0.1, 1 / 0)", "1 / 0", "division by zero"),
    ("StepLR(0.1, (-8) ** 0.5)", "(-8) ** 0.5", "must be a real number of at most 64 bits"),
    ("StepLR(0.1, 2 ** 63)", "2 ** 63", "must be a real number of at most 64 bits"),
    ("StepLR(0.1, 30, gama=0.5)", "gama=0.5", "`StepLR(gama=...)` is no argument: did you mean `gamma`"),
    ("StepLR(0.1)", "StepLR(0.1)", "`StepLR(...)` must have `step_size` (it has lr, step_size, gamma"),
    ("StepLR(0.1, 30, lr=3)", "lr=3", "`StepLR(lr=...)` must be given once"),
    ("StepLR(0.1, 30, 1, -1, 5)", "StepLR(0.1, 30, 1, -1, 5)", "takes at most 4 arguments without their names"),
    ("StepLR(0.1, step_size=0)", "step_size=0", "`StepLR(step_size=...)` must be a number of steps other than 0, got 0."),
    ("StepLR(0.1, 0)", "0", "must be a number of steps other than 0"),
    ("StepLR('0.1', 30)", "'0.1'", "`StepLR(lr=...)` must be a number, got '0.1'."),
    ("StepLR(StepLR(0.1, 3), 30)", "StepLR(0.1, 3)", "must be a number"),
    ("OneCycleLR(0.1)", "OneCycleLR(0.1)", "must have `total_steps`"),
    ("per_epoch(0.1, 3)", "0.1", "must be a schedule"),
    ("ChainedScheduler([ExponentialLR(0.1, 0.9), ReduceLROnPlateau(0.1)])",
     "[ExponentialLR(0.1, 0.9), ReduceLROnPlateau(0.1)]", "takes them as its `lr` instead"),
    ("SequentialLR(\n  [LinearLR(0.1)],\n  milestones=[5],\n)", "milestones=[5]", "must be 0 counts"),
    ("LambdaLR(0.1, 0.95 ** epoch)", "epoch", "must not contain `epoch`"),
    ("LambdaLR(0.1, '0.95 ** epoch')", "epoch", "must not contain `epoch`"),
    ("LambdaLR(0.1, lambda e: 0.95 ** step)", "step", "`step` is unknown here: write `e`, the lambda's parameter"),
    ("LambdaLR(0.1, lambda: 1)", "lambda: 1", "exactly one parameter"),
    ("LambdaLR(0.1, lambda *a: 1)", "lambda *a: 1", "exactly one parameter"),
    ("LambdaLR(0.1, lambda a, b: 1)", "lambda a, b: 1", "exactly one parameter"),
    ("LambdaLR(0.1, lambda a=1: 1)", "lambda a=1: 1", "exactly one parameter"),
    ("LambdaLR(0.1, lambda *, a: 1)", "lambda *, a: 1", "exactly one parameter"),
    ("LambdaLR(0.1, [0.9, step])", "[0.9, step]", "ParamGroups takes a schedule per group"),
    ("LambdaLR(0.1, None)", "None", "must be a function of the step"),
    ("LambdaLR(0.1, step.real)", "step.real", "must not contain"),
    ("LambdaLR(0.1, 'step # why')", "# why", "must not contain a comment"),
    ("LambdaLR(0.1, '')", "''", "the text is empty"),
    ("StepLR(0.1, é)", "é", "`é` is not allowed here"),
    ("StepLR('é', 'é', ü)", "ü", "`ü` is not allowed here"),
]  # fmt: skip


@pytest.mark.parametrize("text, place, message", BAD, ids=[repr(text) for text, *_ in BAD])
def test_anything_else_is_pointed_at(text, place, message):
    with pytest.raises(ValueError) as caught:
        parse(text)

    *reason, line, carets = str(caught.value).split("\n")
    assert message in " ".join(reason)
    marked = line[carets.index("^") : carets.rindex("^") + 1]
    assert marked == place or not place


HOSTILE = {
    "parentheses": "(" * 500,
    "brackets": "[" * 199 + "]" * 199,
    "minus": "StepLR(0.1, " + "-" * 90_000 + "1)",
    "minus in a function": "LambdaLR(0.1, " + "-" * 90_000 + "1)",
    "minus in a string": f"LambdaLR(0.1, '{'-' * 90_000}1')",
    "sum": "StepLR(0.1, " + "1+" * 40_000 + "1)",
    "powers": "StepLR(0.1, " + "9**" * 20_000 + "9)",
    "products": "StepLR(0.1, " + "2**62*" * 150 + "1)",
    "attributes": "StepLR" + ".a" * 40_000,
    "lambdas": "lambda: " * 12_000 + "1",
    "conditions": "LambdaLR(0.1, " + "1 if step else " * 6000 + "1)",
    "calls": "ChainedScheduler([" * 90 + "1" + "])" * 90,
    "a long number": "StepLR(0.1, " + "9" * 5000 + ")",
    "a long hexadecimal": "StepLR(0.1, 0x" + "f" * 90_000 + ")",
    "too long": "StepLR(0.1, 3)" + " " * 100_000 + "+ 1",
    "a long name": "a" * 90_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_refused_at_once(text):
    with pytest.raises(ValueError) as caught:
        parse(text)

    assert max(map(len, str(caught.value).split("\n"))) < 1000


def test_a_function_is_not_called_when_it_is_read():
    schedule = parse("LambdaLR(0.1, 9**9**9 * 10**step)")

    with pytest.raises(OverflowError, match="an integer power is too large"):
        schedule.lr_lambda(0)
    assert Expression("10 ** step")(2000) == 10**2000
    with pytest.raises(OverflowError):
        Expression("10 ** step")(10**9)


def test_deep_expressions_still_work():
    assert Expression("1" + " + 1" * 150)(0) == 151
    with pytest.raises(ValueError, match="nested too deeply"):
        Expression("1" + " + 1" * 300)


PIECES = st.sampled_from(
    [*[cls.__name__ for cls in SCHEDULERS], "ParamGroups", "per_epoch", "jaxsched.", "(", ")", "[", "]",
     ",", ", ", "0.1", "3", "0", "-", "1e400", "**", "/", "*", "step", "lambda e: e", "lambda step:", "=",
     "lr=", "total_steps=", "last_epoch=", "milestones=", "mode=", "scale_fn=", "'max'", "'", "None", "True",
     "float('inf')", "if", " else ", "\n", "#", "\\", "é", "{", "}", ":", ";", "."]
)  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=60) | st.lists(PIECES, max_size=14).map("".join))
def test_any_text_parses_or_is_a_value_error(text):
    check_reads_or_refuses(text)


NUMBERS = st.sampled_from(["0.1", "1", "0", "-1", "2.5", "5", "1e-9", "True", "None", "'min'", "[3]", "(1, 2)",
                           "step", "0.9 ** step", "StepLR(0.1, 3)", "[StepLR(0.1, 3), ExponentialLR(0.1, 1)]"])  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from([*[cls.__name__ for cls in SCHEDULERS], "ParamGroups", "per_epoch"]),
    st.lists(NUMBERS, max_size=5),
)
def test_any_arguments_build_or_are_a_value_error(name, arguments):
    check_reads_or_refuses(f"{name}({', '.join(arguments)})")


def check_reads_or_refuses(text):
    try:
        schedule = parse(text)
    except ValueError as error:
        assert isinstance(error, PointedError)
        assert "^" in str(error)
    else:
        assert parse(call_text(schedule)) == schedule


# --- schedules to texts ---

UNWRITABLE = ("LambdaLR", "MultiplicativeLR", "CyclicLR-function", "chain-overwritten", "own", "momentum", "from_function")  # fmt: skip
WRITABLE = {name: schedule for name, schedule in SCHEDULES.items() if name not in UNWRITABLE}


@pytest.mark.parametrize("schedule", WRITABLE.values(), ids=WRITABLE)
def test_a_schedule_is_written_and_read_back(schedule):
    assert parse(call_text(schedule)) == schedule


def test_every_recorded_schedule_is_written_and_read_back():
    for case in cases():
        assert parse(call_text(case.schedule)) == case.schedule, call_text(case.schedule)


@pytest.mark.parametrize("schedule, text", [
    (js.StepLR(0.1, 30), "StepLR(lr=0.1, step_size=30)"),
    (js.StepLR(np.float64(0.1), jnp.int32(30)), "StepLR(lr=0.1, step_size=30)"),
    (js.MultiStepLR(0.1, jnp.array([3, 9])), "MultiStepLR(lr=0.1, milestones=[3, 9])"),
    (js.ConstantLR(0.1, 0.5, math.inf), 'ConstantLR(lr=0.1, factor=0.5, total_iters=float("inf"))'),
    (js.StepLR(0.1, -math.inf), 'StepLR(lr=0.1, step_size=-float("inf"))'),
    (js.LambdaLR(0.1, E(" (1 +\n step) ")), "LambdaLR(lr=0.1, lr_lambda=lambda step: (1 + step))"),
    (js.per_epoch(js.StepLR(0.1, 3), 9), "per_epoch(StepLR(lr=0.1, step_size=3), steps_per_epoch=9)"),
    (js.ReduceLROnPlateau(0.1, "max"), "ReduceLROnPlateau(lr=0.1, mode='max')"),
])  # fmt: skip
def test_a_text_is_a_python_call(schedule, text):
    assert call_text(schedule) == text
    assert parse(text) == schedule
    names = {cls.__name__: cls for cls in SCHEDULERS} | {"per_epoch": js.per_epoch}
    assert type(eval(text, names)) is type(schedule)


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_cannot_be_written_is_a_type_error(name):
    with pytest.raises(TypeError, match="written"):
        call_text(SCHEDULES[name])


def test_a_long_table_is_no_call():
    rates = np.linspace(0.1, 0.2, 1000)
    assert parse(call_text(js.from_rates(rates))) == js.from_rates(rates)
    with pytest.raises(TypeError, match=r"from_rates\(<1001 rates>\) is too long"):
        call_text(js.from_rates(np.ones(1001)))


def test_traced_numbers_cannot_be_written():
    import jax

    with pytest.raises(TypeError, match="must be concrete"):
        jax.jit(lambda lr: call_text(js.StepLR(lr, 3)))(0.1)
    with pytest.raises(TypeError, match="Python function"):
        call_text(js.LambdaLR(LR, decay))


def test_a_pointed_error_pickles():
    error = PointedError("why", "some text", 5, 9)

    assert (
        str(pickle.loads(pickle.dumps(error))) == str(error) == "why\n    some text\n         ^^^^"
    )


def test_a_long_line_is_cut_around_its_place():
    with pytest.raises(ValueError) as caught:
        parse(f"MultiStepLR(0.1, [{'1, ' * 500}x, {'1, ' * 500}])")

    _, line, carets = str(caught.value).split("\n")
    assert len(line) < 110 and line.count("...") == 2
    assert line[carets.index("^")] == "x" and carets.count("^") == 1
