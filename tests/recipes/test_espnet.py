"""ESPnet's schedulers: against the library's own files, and where they count in their own way."""

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import library
from recipes import LR, STEPS, assert_exact, assert_like_all, rates_of
from subclasses import all_arguments, assert_converts, assert_there_and_back, expected, live, sgd

import jaxsched as js
from jaxsched import espnet
from jaxsched._torch.subclasses import OWN_HOMES

EXAMPLES = {
    "NoamLR": {"model_size": 64, "warmup_steps": 7},
    "PiecewiseLinearWarmupLR": {
        "warmup_steps_list": [0, 5, 9], "warmup_lr_list": [0.001, 0.01, 0.1],
    },
    "TristageLR": {"max_steps": 40, "init_lr_scale": 0.1, "final_lr_scale": 0.05},
    "WarmupLR": {"warmup_steps": 7},
    "WarmupStepLR": {"warmup_steps": 7, "steps_per_epoch": 5, "step_size": 2, "gamma": 0.5},
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:NoamLR is deprecated:UserWarning")


def theirs(name):
    library("espnet")
    return getattr(sys.modules[OWN_HOMES[f"espnet.{name}"]], name)


warm = st.sampled_from([1, 7, 20, 100, 6.5])
cuts = st.integers(0, 10).flatmap(lambda a: st.integers(a, 10).map(lambda b: (a, b)))
lines = st.lists(st.integers(0, 40), min_size=1, max_size=4, unique=True).map(sorted)
ANY = {
    "NoamLR": {"model_size": st.sampled_from([1, 64, 320]), "warmup_steps": warm},
    "PiecewiseLinearWarmupLR": {"warmup_steps_list": lines},
    "TristageLR": {
        "max_steps": st.sampled_from([1, 10, 39, 50, 40.7]), "init_lr_scale": st.sampled_from([0.01, 0.3, 1.0]),
        "cut": cuts, "final_lr_scale": st.sampled_from([0.01, 0.3, 1.0]),
    },
    "WarmupLR": {"warmup_steps": warm},
    "WarmupStepLR": {
        "warmup_steps": st.integers(1, 30), "steps_per_epoch": st.integers(1, 20),
        "step_size": st.integers(1, 4), "gamma": st.sampled_from([0.1, 0.5, 1.0, 0.0, -0.5]),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}
    if "cut" in options:
        low, high = options.pop("cut")
        options |= {"warmup_ratio": low / 10, "hold_ratio": (high - low) / 10}
        options["decay_ratio"] = 1.0 - high / 10
    if name == "PiecewiseLinearWarmupLR":
        rates = itertools.cycle([0.0, 0.1, 0.02])
        options["warmup_lr_list"] = [next(rates) for _ in options["warmup_steps_list"]]

    assert_exact(getattr(espnet, name)(LR, **options), expected(theirs(name), options)[:, 0])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    own = all_arguments(theirs(name))
    fields = getattr(espnet, name)._field_table
    ours = {field.name: field.default for field in fields if field.name not in ("lr", "initial_lr")}

    assert [*ours] == [*own]
    for key, value in own.items():
        assert ours[key] == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(espnet, name), EXAMPLES[name])


def test_the_first_update_has_not_the_rate_0():
    assert espnet.WarmupLR(LR, 4)(0) == np.float32(LR / 4)
    assert espnet.WarmupLR(LR, 4)(3) == np.float32(LR)


def test_a_noam_is_a_warm_up_of_another_rate():
    counts = np.arange(STEPS)
    same = espnet.WarmupLR(LR / 64**0.5 / 7**0.5, 7)(counts)

    np.testing.assert_allclose(espnet.NoamLR(LR, 64, 7)(counts), same, rtol=1e-6)


# --- conversions ---


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "WarmupStepLR"])
def test_a_live_one_converts_in_the_middle_of_its_run(name):
    assert_converts(getattr(espnet, name), theirs(name), EXAMPLES[name])


def test_one_that_counts_by_itself_converts_too():
    scheduler = live(theirs("WarmupStepLR"), EXAMPLES["WarmupStepLR"])
    rates_of(scheduler, 20)
    schedule = js.from_torch(scheduler)

    assert schedule == espnet.WarmupStepLR(LR, **EXAMPLES["WarmupStepLR"])
    assert js.from_torch_state_dict("espnet.WarmupStepLR", scheduler.state_dict()) == schedule
    assert js.from_torch(scheduler, start="now")(5) == schedule(25)
    scheduler.step_num = 3
    scheduler.step()
    with pytest.raises(ValueError, match="must show the rate that its own steps give"):
        js.from_torch(scheduler)


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_and_back(name):
    assert_there_and_back(getattr(espnet, name), theirs(name), EXAMPLES[name])


@pytest.mark.parametrize("steps", [7, 39, 100, 101, 12345])
@pytest.mark.parametrize("ratios", [(0.1, 0.4, 0.5), (1 / 3, 1 / 3, 1 / 3), (0.0, 0.07, 0.93)])
def test_ratios_that_come_to_the_same_steps(steps, ratios):
    scheduler = live(theirs("TristageLR"), dict(zip(
        ("max_steps", "warmup_ratio", "hold_ratio", "decay_ratio"), (steps, *ratios), strict=True
    )))  # fmt: skip
    counts = np.linspace(0, 1.1 * steps, 30).astype(int)

    np.testing.assert_array_equal(
        js.from_torch(scheduler)(counts), espnet.TristageLR(LR, steps, *ratios)(counts)
    )


def test_a_sweep_of_the_given_rates():
    rates = jnp.array([[0.0, 0.1], [0.05, 0.02]])
    swept = jax.vmap(lambda r: espnet.PiecewiseLinearWarmupLR(LR, [0, 10], r)(4))(rates)

    np.testing.assert_allclose(swept, [0.05, 0.035], rtol=1e-6)


@pytest.mark.parametrize("from_zero", [False, True])
@settings(max_examples=10, deadline=None)
@given(warm=st.integers(0, 20), steps=st.integers(21, 50), low=st.sampled_from([1e-3, 0.1, 0.5]))
def test_an_exponential_against_the_library(from_zero, warm, steps, low):
    options = {
        "max_lr": 0.3, "min_lr": low, "total_steps": steps, "warmup_steps": warm,
        "warm_from_zero": from_zero,
    }  # fmt: skip
    rates = expected(theirs("ExponentialDecayWarmup"), options)[:, 0]

    assert_exact(espnet.ExponentialDecayWarmup(LR, **options), rates)


@pytest.mark.parametrize("done", [0, 1, 25])
def test_an_exponential_converts(done):
    library("espnet")
    options = {"max_lr": 0.3, "min_lr": 0.01, "total_steps": 40, "warmup_steps": 7}
    for schedule in (
        espnet.ExponentialDecayWarmup(LR, **options),
        espnet.ExponentialDecayWarmup(LR, **options, warm_from_zero=True),
    ):
        scheduler = js.to_torch(schedule, sgd(LR))
        rates_of(scheduler, done)
        assert js.from_torch(scheduler) == schedule
        assert js.current_count(scheduler) == done
        assert_exact(js.from_torch(scheduler, start="now"), rates_of(scheduler, 9)[:, 0])


def test_an_exponential_is_a_schedule_like_all():
    options = {"max_lr": 0.3, "min_lr": 0.01, "total_steps": 40, "warmup_steps": 7}

    assert_like_all(espnet.ExponentialDecayWarmup, options)


WRONG = [
    (lambda: espnet.WarmupLR(-LR), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: espnet.WarmupLR(LR, 0), ValueError, "warmup_steps=...)` must be a positive number"),
    (lambda: espnet.NoamLR(LR, 0), ValueError, "model_size=...)` must be a positive number"),
    (lambda: espnet.TristageLR(LR, 9, 0.5, 0.5, 0.5), ValueError, "decay_ratio=...)` must be such that the ratios make 1"),
    (lambda: espnet.TristageLR(LR, 9, -0.5, 1.0, 0.5), ValueError, "warmup_ratio=...)` must be a number from 0 up"),
    (lambda: espnet.TristageLR(LR, 9, init_lr_scale=0), ValueError, "init_lr_scale=...)` must be above 0 and at most 1"),
    (lambda: espnet.PiecewiseLinearWarmupLR(LR, [0, 9], [0.0]), ValueError, "warmup_lr_list=...)` must be a list of a rate for each"),
    (lambda: espnet.PiecewiseLinearWarmupLR(LR, [9, 3], [0.0, 0.1]), ValueError, "warmup_steps_list=...)` must be steps in order"),
    (lambda: espnet.PiecewiseLinearWarmupLR(LR, [-1, 3], [0.0, 0.1]), ValueError, "warmup_steps_list=...)` must be steps from 0 up"),
    (lambda: espnet.ExponentialDecayWarmup(LR, LR, 0.0, 9), ValueError, "min_lr=...)` must be a positive number"),
    (lambda: espnet.ExponentialDecayWarmup(LR, LR, LR, 9, 9), ValueError, "total_steps=...)` must be above `warmup_steps`, 9"),
    (lambda: espnet.WarmupStepLR(LR, 0), ValueError, "warmup_steps=...)` must be a positive number"),
    (lambda: espnet.WarmupStepLR(LR, last_epoch=3), ValueError, "last_epoch=...)` must be -1, as ESPnet counts from 0"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
