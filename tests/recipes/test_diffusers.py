"""The schedules of Diffusers: against the installed library, and against its recorded rates."""

import functools
import subprocess
import sys

import numpy as np
import pytest
import recipes
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import LR, STEPS, arguments, assert_exact, assert_like_all, rates_of

import jaxsched as js
from jaxsched import diffusers

OPTIMIZATION = "diffusers.optimization"
EXAMPLES, BOTH = recipes.EXAMPLES["diffusers"], recipes.BOTH
live = functools.partial(recipes.live, OPTIMIZATION)

small, factors = st.integers(0, 20), st.sampled_from([0.0, 1.0, 0.1, 0.37, 2.5, -0.5])
WARM = {"num_warmup_steps": small}
ANY_BOTH = WARM | {"num_training_steps": st.integers(0, 50)}
rules = st.lists(st.tuples(factors, st.integers(-3, 70)), max_size=6)
ANY = {
    "get_constant_schedule_with_warmup": WARM,
    "get_piecewise_constant_schedule": {
        "step_rules": st.tuples(rules, factors).map(
            lambda drawn: ",".join([*(f"{f}:{step}" for f, step in drawn[0]), str(drawn[1])])
        )
    },
    "get_linear_schedule_with_warmup": ANY_BOTH | {"f_min": factors, "f_max": factors},
    "get_cosine_schedule_with_warmup": ANY_BOTH
    | {"num_cycles": st.sampled_from([0.5, 1, 1.5, 0.25])},
    "get_cosine_with_hard_restarts_schedule_with_warmup": ANY_BOTH
    | {"num_cycles": st.integers(1, 7)},
    "get_polynomial_decay_schedule_with_warmup": WARM
    | {
        "num_training_steps": st.integers(21, 50),
        "lr_end": st.sampled_from([0.0, 1e-7, 0.01]),
        "power": st.sampled_from([1.0, 0.5, 2.0, 3]),
    },
}


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}
    expected = rates_of(live(name, options), STEPS)[:, 0]

    assert_exact(getattr(diffusers, name)(LR, **options), expected)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    functions = pytest.importorskip(OPTIMIZATION)
    assert arguments(getattr(diffusers, name), "lr") == arguments(
        getattr(functions, name), "optimizer"
    )


def test_no_function_and_no_name_is_left_out():
    functions = pytest.importorskip(OPTIMIZATION)

    assert {*diffusers.__all__} == {name for name in dir(functions) if name.startswith("get_")}
    ours, theirs = diffusers.get_scheduler, functions.get_scheduler
    assert arguments(ours, "lr") == arguments(theirs, "optimizer")
    assert {t.value for t in functions.SchedulerType} == {*NAMES}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("done", [0, 1, 25])
def test_a_live_one_converts_without_total_steps(name, done):
    scheduler = live(name, EXAMPLES[name])
    rates_of(scheduler, done)
    schedule = js.from_torch(scheduler)

    assert schedule == getattr(diffusers, name)(LR, **EXAMPLES[name])
    assert js.from_torch(scheduler, total_steps=100) == schedule
    now = js.from_torch(scheduler, start="now")
    np.testing.assert_array_equal(now(np.arange(9)), schedule(done + np.arange(9)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_groups_with_rates_of_their_own(name):
    expected = rates_of(live(name, EXAMPLES[name], [0.1, 0.02], 0.05), STEPS)
    groups = js.from_torch(live(name, EXAMPLES[name], [0.1, 0.02], 0.05))

    for index in range(2):
        assert_exact(groups[index], expected[:, index])


def test_a_function_of_its_own_for_each_group():
    torch = pytest.importorskip("torch")
    first = live("get_linear_schedule_with_warmup", BOTH)
    second = live("get_cosine_schedule_with_warmup", BOTH)
    functions = [first.lr_lambdas[0], second.lr_lambdas[0]]
    groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (0.1, 0.02)]
    scheduler = torch.optim.lr_scheduler.LambdaLR(torch.optim.SGD(groups), functions)

    assert js.from_torch(scheduler) == js.ParamGroups(
        [
            diffusers.get_linear_schedule_with_warmup(0.1, **BOTH),
            diffusers.get_cosine_schedule_with_warmup(0.02, **BOTH),
        ]
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_and_back(name):
    torch = pytest.importorskip("torch")
    pytest.importorskip(OPTIMIZATION)
    schedule = getattr(diffusers, name)(LR, **EXAMPLES[name])
    scheduler = js.to_torch(schedule, torch.optim.SGD([torch.zeros(1)], lr=1.0))

    assert js.from_torch(scheduler) == schedule
    assert scheduler.lr_lambdas[0].__module__ == OPTIMIZATION
    assert_exact(schedule, rates_of(scheduler, STEPS)[:, 0])
    resumed = getattr(diffusers, name)(0.05, **EXAMPLES[name], last_epoch=9, initial_lr=LR)
    scheduler = js.to_torch(resumed, torch.optim.SGD([torch.zeros(1)], lr=1.0))
    assert_exact(resumed, rates_of(scheduler, STEPS)[:, 0])


def test_a_function_around_the_librarys_stays_a_function():
    scheduler = live("get_cosine_schedule_with_warmup", BOTH)
    inner = scheduler.lr_lambdas[0]
    scheduler.lr_lambdas = [lambda step: inner(step)]

    assert type(js.from_torch(scheduler, total_steps=50)) is js.LambdaLR


def test_a_recorded_one_tells_the_library():
    trace = js.record(live("get_cosine_schedule_with_warmup", BOTH), 50)

    assert trace.library == "diffusers 0.42.1"
    assert trace.call.startswith("diffusers.get_cosine_schedule_with_warmup(optimizer, ")
    assert js.compare(trace.build(), trace).ok


NAMES = {
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "cosine_with_restarts": "get_cosine_with_hard_restarts_schedule_with_warmup",
    "polynomial": "get_polynomial_decay_schedule_with_warmup",
    "constant": "get_constant_schedule",
    "constant_with_warmup": "get_constant_schedule_with_warmup",
    "piecewise_constant": "get_piecewise_constant_schedule",
}
# What a training script passes, whatever the name.
GIVEN = {"step_rules": "1:9,0.5", "num_cycles": 3, "power": 2.0, "last_epoch": 4} | BOTH


@pytest.mark.filterwarnings("ignore:.*num_cycles=3.* is ignored for 'cosine'")
@pytest.mark.parametrize("name", NAMES)
def test_get_scheduler(name):
    schedule = diffusers.get_scheduler(name, LR, **GIVEN, initial_lr=1.0)
    recipe = getattr(diffusers, NAMES[name])
    used = {field.name for field in recipe._field_table} & GIVEN.keys()
    used -= {"num_cycles"} if name == "cosine" else set()

    assert schedule == recipe(LR, **{key: GIVEN[key] for key in used}, initial_lr=1.0)
    functions = pytest.importorskip(OPTIMIZATION)
    torch = pytest.importorskip("torch")
    group = {"params": [torch.zeros(1)], "lr": LR, "initial_lr": 1.0}
    scheduler = functions.get_scheduler(name, torch.optim.SGD([group], lr=1.0), **GIVEN)
    assert_exact(schedule, rates_of(scheduler, STEPS)[:, 0])
    member = functions.SchedulerType(name)
    assert diffusers.get_scheduler(member, LR, **GIVEN, initial_lr=1.0) == schedule


def test_the_cycles_that_a_cosine_ignores():
    with pytest.warns(UserWarning, match=r"num_cycles=2\)` is ignored for 'cosine'"):
        schedule = diffusers.get_scheduler("cosine", LR, None, 7, 40, num_cycles=2)
    assert schedule == diffusers.get_cosine_schedule_with_warmup(LR, 7, 40)


PIECES = diffusers.get_piecewise_constant_schedule
WRONG = [
    (lambda: diffusers.get_scheduler("cosin", LR), ValueError, "name=...)` must be one of 'linear'"),
    (lambda: diffusers.get_scheduler("linear", LR, None, 3), ValueError, "num_training_steps=...)` must be given"),
    (lambda: diffusers.get_scheduler("piecewise_constant", LR), ValueError, "(step_rules=...)` must be given"),
    (lambda: diffusers.get_linear_schedule_with_warmup(LR, 3), TypeError, "must have `num_training_steps`"),
    (lambda: diffusers.get_linear_schedule_with_warmup(LR, 3, 9, f_min="0"), TypeError, "must be a number, got '0'"),
    (lambda: diffusers.get_constant_schedule(-1.0), ValueError, "diffusers.get_constant_schedule(lr=...)` must be"),
    (lambda: diffusers.get_polynomial_decay_schedule_with_warmup(LR, 3, 9, 0.2), ValueError, "below 0.1"),
    (lambda: PIECES(LR, None), TypeError, "must be rules such as"),
    *[(lambda rules=rules: PIECES(LR, rules), ValueError, f"factor:step and the last factor alone, got {rules!r}")
      for rules in ("", "1:10", "1:10,", "a:3,1", "1:1.5,2", "1:2:3,4")],
    (lambda: PIECES(LR, "1:10,inf"), ValueError, "must be rules with finite factors, got '1:10,inf'"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


def test_rules_that_say_the_same_are_equal():
    schedule = PIECES(LR, "1.0:10, 2:0,0.7:50,1e-5:50,.5")

    assert repr(schedule).endswith("step_rules='2:0,1:10,1e-05:50,0.5')")
    assert (
        schedule
        == PIECES(LR, "2:0,1:10,0.00001:50,0.5")
        == eval(repr(schedule), {"diffusers": diffusers})
    )


def test_steps_beyond_all_counts():
    schedule = PIECES(LR, f"2:{-(10**30)},1:{10**30},0.5")

    assert schedule(0) == schedule(2**31 - 2) == np.float32(LR)


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_written_as_all(name):
    recipes.assert_written_as_all(getattr(diffusers, name), EXAMPLES[name])


# The others have no code but Transformers'.
@pytest.mark.parametrize(
    "name", [name for name in EXAMPLES if "_factor" in vars(getattr(diffusers, name))]
)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(diffusers, name), EXAMPLES[name])


def test_the_module_is_loaded_on_first_use():
    code = (
        "import sys, jaxsched; assert 'jaxsched.diffusers' not in sys.modules;"
        "print(jaxsched.from_config({'class': 'diffusers.get_constant_schedule', 'lr': 0.1}));"
        "assert 'diffusers' not in sys.modules and 'torch' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "diffusers.get_constant_schedule(lr=0.1)\n"
