"""The schedules of Transformers: against the installed library, and against its recorded rates."""

import functools
import math

import numpy as np
import pytest
import recipes
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import LR, STEPS, arguments, assert_exact, assert_like_all, rates_of

import jaxsched as js
from jaxsched import transformers as hf

EXAMPLES = recipes.EXAMPLES["transformers"]
SCHEDULES = {name: getattr(hf, name)(LR, **options) for name, options in EXAMPLES.items()}


live = functools.partial(recipes.live, "transformers.optimization")


small = st.integers(0, 20)
WARM = {"num_warmup_steps": small}
BOTH = WARM | {"num_training_steps": st.integers(0, 50)}
CYCLES = {"num_cycles": st.sampled_from([0.5, 1, 1.5, 0.25, 3])}
MINIMUM = BOTH | CYCLES | {"min_lr_rate": st.sampled_from([0.0, 0.1, 1.0, 0.37])}
ANY = {
    "get_constant_schedule": {},
    "get_constant_schedule_with_warmup": WARM,
    "get_linear_schedule_with_warmup": BOTH,
    "get_cosine_schedule_with_warmup": BOTH | CYCLES,
    "get_cosine_with_hard_restarts_schedule_with_warmup": BOTH | {"num_cycles": st.integers(1, 7)},
    "get_polynomial_decay_schedule_with_warmup": {
        "num_warmup_steps": small, "num_training_steps": st.integers(21, 50),
        "lr_end": st.sampled_from([0.0, 1e-7, 0.01]), "power": st.sampled_from([1.0, 0.5, 2.0, 3]),
    },
    "get_inverse_sqrt_schedule": WARM | {"timescale": st.sampled_from([None, 1, 30, 7])},
    "get_cosine_with_min_lr_schedule_with_warmup": MINIMUM,
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": MINIMUM
    | {"warmup_lr_rate": st.sampled_from([None, 0.0, 0.3, 1.0])},
    "get_wsd_schedule": WARM | CYCLES | {
        "num_decay_steps": small, "num_stable_steps": small,
        "warmup_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        "decay_type": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        "min_lr_ratio": st.sampled_from([0, 0.1, 1.0]),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}
    expected = rates_of(live(name, options), STEPS)[:, 0]

    assert_exact(getattr(hf, name)(LR, **options), expected)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    theirs = getattr(pytest.importorskip("transformers").optimization, name)
    assert arguments(getattr(hf, name), "lr") == arguments(theirs, "optimizer")


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("done", [0, 1, 25])
def test_a_live_one_converts_without_total_steps(name, done):
    scheduler = live(name, EXAMPLES[name])
    rates_of(scheduler, done)
    schedule = js.from_torch(scheduler)

    assert type(schedule) is getattr(hf, name)
    assert js.from_torch(scheduler, total_steps=100) == schedule
    assert_exact(schedule, rates_of(live(name, EXAMPLES[name]), STEPS)[:, 0])
    now = js.from_torch(scheduler, start="now")
    np.testing.assert_array_equal(now(np.arange(9)), schedule(done + np.arange(9)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_groups_with_rates_of_their_own(name):
    expected = rates_of(live(name, EXAMPLES[name], [0.1, 0.02], 0.05), STEPS)
    groups = js.from_torch(live(name, EXAMPLES[name], [0.1, 0.02], 0.05))

    for index in range(2):
        assert_exact(groups[index], expected[:, index])


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_and_back(name):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = js.to_torch(SCHEDULES[name], optimizer)

    assert js.from_torch(scheduler) == js.from_torch(live(name, EXAMPLES[name]))
    expected = rates_of(live(name, EXAMPLES[name]), STEPS)
    np.testing.assert_array_equal(rates_of(scheduler, STEPS), expected)
    resumed = getattr(hf, name)(0.05, **EXAMPLES[name], last_epoch=9, initial_lr=LR)
    scheduler = js.to_torch(resumed, torch.optim.SGD([torch.zeros(1)], lr=1.0))
    assert_exact(resumed, rates_of(scheduler, STEPS)[:, 0])


def test_a_part_of_a_sequence():
    torch = pytest.importorskip("torch")
    scheduler = live(
        "get_linear_schedule_with_warmup", {"num_warmup_steps": 3, "num_training_steps": 20}
    )
    later = torch.optim.lr_scheduler.ExponentialLR(scheduler.optimizer, 0.9)
    both = torch.optim.lr_scheduler.SequentialLR(scheduler.optimizer, [scheduler, later], [12])
    schedule = js.from_torch(both)

    assert type(schedule.schedulers[0]) is hf.get_linear_schedule_with_warmup
    assert_exact(schedule, rates_of(both, STEPS)[:, 0])


def test_functions_that_are_not_quite_the_librarys_stay_functions():
    pytest.importorskip("transformers")
    scheduler = live("get_cosine_schedule_with_warmup", EXAMPLES["get_cosine_schedule_with_warmup"])
    inner = scheduler.lr_lambdas[0]
    scheduler.lr_lambdas = [lambda step: inner(step)]
    schedule = js.from_torch(scheduler, total_steps=50)
    assert type(schedule) is js.LambdaLR
    scheduler.lr_lambdas = [functools.partial(inner.func, **inner.keywords, more=1)]
    with pytest.raises((TypeError, ValueError)):
        js.from_torch(scheduler)


NAMES = {
    "linear": "get_linear_schedule_with_warmup",
    "cosine": "get_cosine_schedule_with_warmup",
    "cosine_with_restarts": "get_cosine_with_hard_restarts_schedule_with_warmup",
    "polynomial": "get_polynomial_decay_schedule_with_warmup",
    "constant": "get_constant_schedule",
    "constant_with_warmup": "get_constant_schedule_with_warmup",
    "inverse_sqrt": "get_inverse_sqrt_schedule",
    "cosine_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup",
    "cosine_warmup_with_min_lr": "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "warmup_stable_decay": "get_wsd_schedule",
}


@pytest.mark.parametrize("name", NAMES)
def test_get_scheduler(name):
    options = dict(EXAMPLES[NAMES[name]])
    steps = {key: options.pop(key, 40) for key in ("num_warmup_steps", "num_training_steps")}
    given = {key: steps[key] for key in steps if key in EXAMPLES[NAMES[name]]}
    own = {} if name in ("constant", "constant_with_warmup") else options

    schedule = hf.get_scheduler(name, LR, **steps, scheduler_specific_kwargs=own)
    assert schedule == getattr(hf, NAMES[name])(LR, **given, **own)


def test_get_scheduler_knows_all_names_of_the_library():
    types = pytest.importorskip("transformers").SchedulerType
    assert {t.value for t in types} == {*NAMES, "reduce_lr_on_plateau", "greedy"}
    assert hf.get_scheduler(types.LINEAR, LR, 3, 9) == hf.get_scheduler("linear", LR, 3, 9)
    plateau = hf.get_scheduler(
        "reduce_lr_on_plateau", LR, scheduler_specific_kwargs={"patience": 3}
    )
    assert plateau == js.ReduceLROnPlateau(LR, patience=3)


WRONG = [
    (lambda: hf.get_scheduler("greedy", LR), ValueError, "got 'greedy', whose rate goes by the"),
    (lambda: hf.get_scheduler("cosin", LR), ValueError, "name=...)` must be one of 'linear'"),
    (
        lambda: hf.get_scheduler("linear", LR, 3),
        ValueError,
        "num_training_steps=...)` must be given",
    ),
    (lambda: hf.get_scheduler("linear", LR, None, 9), ValueError, "num_warmup_steps=...)` must be"),
    (
        lambda: hf.get_linear_schedule_with_warmup(LR, 3),
        TypeError,
        "must have `num_training_steps`",
    ),
    (
        lambda: hf.get_linear_schedule_with_warmup(LR, "3", 9),
        TypeError,
        "must be a number, got '3'",
    ),
    (lambda: hf.get_constant_schedule(-1.0), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: hf.get_wsd_schedule(LR, 3, 3), ValueError, "or `num_stable_steps`, got neither"),
    (
        lambda: hf.get_wsd_schedule(LR, 3, 3, 9, decay_type="x"),
        ValueError,
        "decay_type=...)` must be",
    ),
    (lambda: hf.get_polynomial_decay_schedule_with_warmup(LR, 3, 9, 0.2), ValueError, "below 0.1"),
    (lambda: hf.get_polynomial_decay_schedule_with_warmup(LR, 3, 3), ValueError, "other than 3"),
    (
        lambda: hf.get_inverse_sqrt_schedule(LR, -3),
        ValueError,
        "num_warmup_steps=...)` must be from 0 up without a `timescale`",
    ),
    (
        lambda: hf.get_inverse_sqrt_schedule(LR, 3, 0),
        ValueError,
        "timescale=...)` must be a positive",
    ),
    (lambda: hf.get_cosine_with_min_lr_schedule_with_warmup(LR, 3, 9), ValueError, "got neither"),
    (
        lambda: hf.get_cosine_with_min_lr_schedule_with_warmup(LR, 3, 9, min_lr=0.1, min_lr_rate=1),
        ValueError,
        "got both",
    ),
]


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


def test_both_numbers_of_a_wsd_warn():
    with pytest.warns(UserWarning, match="the second counts"):
        schedule = hf.get_wsd_schedule(LR, 3, 4, 99, 5)
    assert schedule(9) < schedule(8) == np.float32(LR)


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(hf, name), EXAMPLES[name])


def test_the_module_is_loaded_on_first_use():
    import subprocess
    import sys

    code = (
        "import sys, jaxsched; assert 'jaxsched.transformers' not in sys.modules;"
        "print(jaxsched.from_config({'class': 'transformers.get_constant_schedule', 'lr': 0.1}));"
        "assert 'transformers' not in sys.modules and 'torch' not in sys.modules;"
        "print(jaxsched.transformers.get_constant_schedule(0.1)(3))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "transformers.get_constant_schedule(lr=0.1)\n0.1\n"
    assert math.isclose(float(told.stdout.split()[-1]), 0.1)
