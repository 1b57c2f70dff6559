"""The schedulers of DeepSpeed: against the library's file, and what a config and a live one say."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_scale import LR, adam, of_deepspeed, stepped
from recipes import assert_exact, assert_like_all

import jaxsched as js
from jaxsched import deepspeed

EXAMPLES = {
    "WarmupLR": {"warmup_min_lr": 0.01, "warmup_num_steps": 7},
    "WarmupCosineLR": {
        "total_num_steps": 40, "warmup_min_ratio": 0.2, "warmup_num_steps": 7, "warmup_type": "linear",
    },
    "WarmupDecayLR": {"total_num_steps": 40, "warmup_min_lr": 0.01, "warmup_max_lr": 0.1, "warmup_num_steps": 7},
    "OneCycle": {
        "cycle_min_lr": 0.01, "cycle_max_lr": 0.1, "decay_lr_rate": 0.5, "cycle_first_step_size": 9,
        "cycle_second_step_size": 14, "cycle_first_stair_count": 3, "decay_step_size": 4,
    },
    "LRRangeTest": {"lr_range_test_step_size": 7, "lr_range_test_step_rate": 0.5},
}  # fmt: skip
OF_LR = ("WarmupLR", "WarmupCosineLR")


def ours(name, options, lr=LR):
    return getattr(deepspeed, name)(*[lr] if name in OF_LR else [], **options)


def live(name, options, *rates):
    return getattr(of_deepspeed(), name)(adam(rates or [LR]), **options)


rates = st.sampled_from([0.0, 1e-3, 0.15])
lengths = st.sampled_from([1, 2, 3, 7, 25])
ANY_WARM = {"warmup_num_steps": lengths, "warmup_type": st.sampled_from(["log", "linear"])}
ANY = {
    "WarmupLR": ANY_WARM | {"warmup_min_lr": rates, "warmup_max_lr": st.sampled_from([None, 0.3, 0.0])},
    "WarmupDecayLR": ANY_WARM | {
        "total_num_steps": st.sampled_from([1, 7, 8, 30, 7.5, 200]), "warmup_min_lr": rates, "warmup_max_lr": rates,
    },
    "WarmupCosineLR": ANY_WARM | {
        "total_num_steps": st.sampled_from([1, 7, 8, 30, 7.5, 200]), "warmup_min_ratio": rates, "cos_min_ratio": rates,
    },
    "OneCycle": {
        "cycle_min_lr": rates, "cycle_max_lr": rates, "decay_lr_rate": rates,
        "cycle_first_step_size": st.sampled_from([1, 9, 4.5, 100]), "cycle_second_step_size": st.sampled_from([None, 0, 14, 3.25]),
        "cycle_first_stair_count": st.integers(0, 5), "cycle_second_stair_count": st.sampled_from([None, 0, 3]),
        "decay_step_size": st.sampled_from([0, 1, 2.5]), "cycle_min_mom": st.sampled_from([0.8, 0.7]), "decay_mom_rate": rates,
    },
    "LRRangeTest": {
        "lr_range_test_min_lr": rates, "lr_range_test_step_size": lengths, "lr_range_test_step_rate": rates,
        "lr_range_test_staircase": st.booleans(),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}
    schedule = ours(name, options)
    expected, momenta = stepped(live(name, options), 60)

    assert_exact(schedule, expected)
    if name == "OneCycle":
        assert_exact(schedule.momentum, momenta)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    def arguments(cls):
        given = inspect.signature(cls).parameters.values()
        return [(p.name, p.default) for p in given if p.name not in ("optimizer", "lr")]

    assert arguments(getattr(deepspeed, name)) == arguments(getattr(of_deepspeed(), name))
    assert ("lr" in inspect.signature(getattr(deepspeed, name)).parameters) == (name in OF_LR)


@pytest.mark.parametrize("name", OF_LR)
def test_those_of_a_rate_are_schedules_like_all(name):
    assert_like_all(getattr(deepspeed, name), EXAMPLES[name])


@pytest.mark.parametrize(
    "name, rate",
    [
        ("WarmupDecayLR", "warmup_max_lr"),
        ("OneCycle", "cycle_max_lr"),
        ("LRRangeTest", "lr_range_test_min_lr"),
    ],
)
def test_those_without_are_schedules_like_all(name, rate):
    options = {key: value for key, value in EXAMPLES[name].items() if key != rate}
    assert_like_all(getattr(deepspeed, name), options, rate)


# --- edges by name ---


def test_a_warm_up_is_one_update_late():
    schedule = deepspeed.WarmupLR(LR, warmup_num_steps=4, warmup_type="linear")

    assert schedule(0) == schedule(1) == 0.0
    assert schedule(4) < schedule(5) == np.float32(LR)


def test_a_cosine_begins_at_0_and_without_its_peak():
    schedule = deepspeed.WarmupCosineLR(LR, 40, 0.5, 4, warmup_type="linear")

    assert schedule(0) == 0.0 and schedule(1) == np.float32(LR / 2)
    assert max(schedule(np.arange(60))) < np.float32(LR)


def test_the_first_momentum_is_the_least():
    momentum = deepspeed.OneCycle(0.01, LR, cycle_first_step_size=10).momentum

    assert momentum(0) == np.float32(0.8) and momentum(1) == np.float32(0.89)
    with pytest.raises(ValueError, match=r"`OneCycle\(cycle_momentum=...\)` must be True"):
        deepspeed.OneCycle(0.01, LR, cycle_momentum=False).momentum  # noqa: B018


# --- configs ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_section_of_a_config(name):
    section = {"type": name, "params": EXAMPLES[name]}

    assert deepspeed.from_config(section, lr=LR) == ours(name, EXAMPLES[name])


def test_what_a_section_leaves_out():
    peak = {"type": "WarmupLR", "params": {"warmup_max_lr": 0.3}}

    assert deepspeed.from_config({"type": "WarmupLR"}, lr=LR) == deepspeed.WarmupLR(LR)
    np.testing.assert_array_equal(
        deepspeed.from_config(peak)(np.arange(9)), deepspeed.WarmupLR(0.3)(np.arange(9))
    )


# --- live ones ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_live_one_converts_and_back(name, recwarn):
    scheduler = live(name, EXAMPLES[name])
    expected, _ = stepped(scheduler, 12)
    schedule = js.from_torch(scheduler)

    assert_exact(schedule, expected)
    np.testing.assert_array_equal(
        schedule(np.arange(60)), ours(name, EXAMPLES[name])(np.arange(60))
    )
    assert js.current_count(scheduler) == 12
    assert js.from_torch(scheduler, start="now")(3) == schedule(15)
    built = js.to_torch(schedule, adam([7.0]))
    assert type(built) is type(scheduler) and js.from_torch(built) == schedule
    assert not recwarn


def test_groups_with_rates_of_their_own():
    scheduler = live("WarmupCosineLR", EXAMPLES["WarmupCosineLR"], 0.1, 0.02)
    groups = js.from_torch(scheduler)

    assert groups == js.ParamGroups(
        [ours("WarmupCosineLR", EXAMPLES["WarmupCosineLR"], lr) for lr in (0.1, 0.02)]
    )
    cycle = live("OneCycle", EXAMPLES["OneCycle"] | {"cycle_max_lr": [0.1, 0.3]}, 1.0, 1.0)
    assert js.from_torch(cycle)[1] == deepspeed.OneCycle(
        **EXAMPLES["OneCycle"] | {"cycle_max_lr": 0.3}
    )


def test_one_that_was_changed_is_stepped():
    scheduler = live("WarmupLR", EXAMPLES["WarmupLR"])
    scheduler.delta_lrs = [0.5]

    with pytest.raises(
        ValueError, match=r"of another version of DeepSpeed than 0.19.8. Give `total"
    ):
        js.from_torch(scheduler)
    assert js.from_torch(scheduler, total_steps=20)(15) == np.float32(0.51)
    del scheduler.max_lrs
    with pytest.raises(
        ValueError, match=r"must have the attributes of DeepSpeed 0.19.8: .*max_lrs"
    ):
        js.from_torch(scheduler)


WRONG = [
    (lambda: deepspeed.WarmupLR(LR, warmup_num_steps=0), ValueError, "warmup_num_steps=...)` must be a positive int"),
    (lambda: deepspeed.WarmupLR(LR, warmup_type="x"), ValueError, "warmup_type=...)` must be 'log' or 'linear'"),
    (lambda: deepspeed.WarmupLR(-LR), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: deepspeed.WarmupLR(LR, last_batch_iteration=5), ValueError, "`jaxsched.skip(schedule, n + 1)`"),
    (lambda: deepspeed.WarmupDecayLR(0), ValueError, "total_num_steps=...)` must be a positive number"),
    (lambda: deepspeed.WarmupCosineLR(LR, 40, -1.0), ValueError, "warmup_min_ratio=...)` must be a number from"),
    (lambda: deepspeed.OneCycle(0.1, 0.2, 0.0, 0), ValueError, "cycle_first_step_size=...)` must be a positive"),
    (lambda: deepspeed.OneCycle(0.1, 0.2, 0.0, 9, -1), ValueError, "cycle_second_step_size=...)` must be a number"),
    (lambda: deepspeed.LRRangeTest(lr_range_test_step_size=2.5), ValueError, "lr_range_test_step_size=...)` must be"),
    (lambda: deepspeed.from_config({"scheduler": {}}), TypeError, 'got {\'scheduler\': {}}. Pass its "scheduler".'),
    (lambda: deepspeed.from_config({"type": "StepLR"}), ValueError, "must be of the type LRRangeTest"),
    (lambda: deepspeed.from_config({"type": "WarmupLR"}), ValueError, "must be the optimizer's rate for a WarmupLR"),
    (lambda: deepspeed.from_config({"type": "WarmupDecayLR", "params": {"total_num_steps": "auto"}}), ValueError, 'got "auto"'),
    (lambda: deepspeed.from_config({"type": "OneCycle", "params": {"cycle_min_lr": [0.1]}}), ValueError, "`jaxsched.ParamGroups`"),
    (lambda: deepspeed.from_config({"type": "OneCycle", "params": {"cycle": 1}}), TypeError, "cycle"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
