"""The schedules of OLMo-core: against the library's file."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_scale import LR, OLMO, of_olmo, olmo_rates
from recipes import assert_exact, assert_like_all

import jaxsched as js
from jaxsched import olmo

NAMES = [name for name in olmo.__all__ if name != "WSDS"]
UP = {"warmup": 7, "warmup_min_lr": 0.001}
DOWN = {"decay": 9, "decay_fraction": None, "decay_min_lr": 0.002}
EXAMPLES = {
    "ConstantWithWarmup": {"max_steps": 70, **UP},
    "WSD": {"max_steps": 70, **UP, "decay_min_lr": 0.002},
    "PowerLR": {"max_steps": 70, **UP, "b": -0.7},
    "LinearWithWarmup": {"max_steps": 40, **UP},
    "InvSqrtWithWarmup": {"max_steps": 70, **UP},
    "CosWithWarmup": {"max_steps": 40, **UP, "alpha_f": 0.2},
    "HalfCosWithWarmup": {"max_steps": 40, **UP},
    "CosWithWarmupAndLinearDecay": {"max_steps": 70, **UP},
    "ExponentialScheduler": {"max_steps": 40, "lr_min": 1e-4},
}  # fmt: skip


@pytest.mark.parametrize("schedule", OLMO, ids=lambda s: type(s).__name__)
def test_the_recorded_ones_against_the_library(schedule):
    assert_exact(schedule, olmo_rates(schedule, range(61)))


fractions = st.sampled_from([0.05, 0.1, 0.25, 0.475])


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"ExponentialScheduler"}))
@settings(max_examples=10, deadline=None)
@given(
    total=st.sampled_from([20, 45, 60]), up=st.sampled_from([1, 3, 10]) | fractions,
    down=st.sampled_from([1, 4, 9]) | fractions, low=st.sampled_from([0.0, 0.004]),
    alpha=st.sampled_from([0.0, 0.2, 1.0]), own=st.sampled_from([None, 30, 70]),
)  # fmt: skip
def test_any_arguments_against_the_library(name, total, up, down, low, alpha, own):
    def length(word, size):
        share = isinstance(size, float)
        return {word: None if share else size, f"{word}_fraction": size if share else None}

    drawn = {"warmup_min_lr": low, "decay_min_lr": low, "alpha_f": alpha, "t_max": own}
    drawn |= length("warmup", up) | length("decay", down)
    make = getattr(olmo, name)
    options = {k: v for k, v in drawn.items() if k in inspect.signature(make).parameters}
    try:
        schedule = make(LR, total, **options)
    except ValueError as error:  # a cosine that is at the minimum before its decay
        assert "below the rate that the decay begins at" in str(error)
        live = getattr(of_olmo(), name)(**options)
        with pytest.raises(AssertionError):
            live.get_lr(LR, total, total)
        return
    assert_exact(schedule, olmo_rates(schedule, range(total + 1)))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.sampled_from([10, 13, 25]), min_size=1, max_size=4), warmup=st.integers(0, 5),
    decay=st.integers(1, 5), factors=st.booleans(), low=st.sampled_from([0.0, 0.004]),
)  # fmt: skip
def test_any_periods_against_the_library(lengths, warmup, decay, factors, low):
    factors = [1.0, 0.5, 2.0, 0.7][: len(lengths)] if factors else None
    schedule = olmo.WSDS(
        LR, period_lengths=lengths, period_lr_multipliers=factors, warmup=warmup, decay=decay,
        decay_min_lr=low,
    )  # fmt: skip

    assert_exact(schedule, olmo_rates(schedule, range(sum(lengths) + 3)))


@pytest.mark.parametrize("name", olmo.__all__)
def test_the_arguments_are_those_of_the_library(name):
    def arguments(cls, *but):
        given = inspect.signature(cls).parameters.values()
        return [(p.name, p.default) for p in given if p.name not in but]

    ours = [
        (n, list(d) if d == () else d) for n, d in arguments(getattr(olmo, name), "lr", "max_steps")
    ]
    theirs = arguments(getattr(of_olmo(), name))
    assert [n for n, _ in ours] == [n for n, _ in theirs]
    assert [d for n, d in ours if n != "period_lengths"] == [
        d for n, d in theirs if n != "period_lengths"
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(olmo, name), EXAMPLES[name])


def test_periods_are_a_schedule_like_all():
    assert_like_all(olmo.WSDS, {"period_lengths": [20, 30], "warmup": 5, "decay": 6})


def test_a_length_instead_of_a_share_survives_a_config():
    schedule = olmo.WSD(LR, 60, **UP, **DOWN)

    assert js.from_config(js.to_config(schedule)) == schedule
    assert eval(repr(schedule), {"olmo": olmo}) == schedule


def test_the_first_update_is_at_count_1():
    schedule = js.skip(olmo.WSD(LR, 100, warmup=4), 1)
    tokens = js.skip(js.per_update(olmo.WSD(LR, 800, units="tokens", warmup=32), 8), 1)

    np.testing.assert_array_equal(
        schedule(np.arange(4)), np.float32(LR) * np.float32([0.25, 0.5, 0.75, 1])
    )
    np.testing.assert_array_equal(schedule(np.arange(100)), tokens(np.arange(100)))


def test_a_sequence_is_a_join():
    """Each hands on its last rate, and the next one has no count 0."""
    live = of_olmo()
    parts = [live.CosWithWarmup(warmup=5), live.LinearWithWarmup(warmup=0, alpha_f=0.0)]
    sequence = live.SequentialScheduler(schedulers=parts, schedulers_max=[30])
    first = olmo.CosWithWarmup(LR, 30, warmup=5)
    second = olmo.LinearWithWarmup(LR * 0.1, 70 - 30, warmup=0, alpha_f=0.0)
    schedule = js.join([first, js.skip(second, 1)], [31])

    assert_exact(schedule, np.array([sequence.get_lr(LR, count, 70) for count in range(70)]))


@pytest.mark.filterwarnings("ignore:'ComposableScheduler' ignores:UserWarning")
def test_stages_are_a_join_of_ramps():
    live = of_olmo()
    stages = [
        live.ComposableSchedulerStage(duration=5, start_lr=0.0, end_lr_fraction=1.0),
        live.ComposableSchedulerStage(duration=20, end_lr_fraction=1.0),
        live.ComposableSchedulerStage(duration=30, end_lr=0.01, shape="cosine"),
    ]
    schedule = js.join([js.Ramp(0, LR, 5), js.Ramp(LR, LR, 20), js.Ramp(LR, 0.01, 30, "cosine")], [5, 25])  # fmt: skip
    composed = live.ComposableScheduler(stages=stages)
    rates = np.array([composed.get_lr(LR, count, 70) for count in range(70)])

    assert_exact(schedule, rates)
    composed.override_decay = live.OverrideDecay(start=20, duration=10, end_lr=0.0)
    rates = np.array([composed.get_lr(LR, count, 70) for count in range(70)])
    assert_exact(js.join([schedule, js.Ramp(LR, 0, 10)], [20]), rates)


WRONG = [
    (lambda: olmo.WSD(LR, 60), ValueError, "warmup=...)` must be given, or else `warmup_fraction`"),
    (lambda: olmo.WSD(LR, 60, warmup=5, decay=5), ValueError, "decay=...)` must be given, or else `decay_fraction`, but not both"),
    (lambda: olmo.WSD(LR, 60, warmup_steps=5), ValueError, "warmup_steps=...)` must be None: `warmup` is its name now"),
    (lambda: olmo.WSD(LR, 60, warmup=0), ValueError, "warmup=...)` must be more than no step"),
    (lambda: olmo.WSD(LR, 60, warmup_fraction=0.001), ValueError, "warmup_fraction=...)` must be more than no step"),
    (lambda: olmo.WSD(LR, 60, warmup=5, decay_fraction=0.0), ValueError, "decay_fraction=...)` must be more than no step"),
    (lambda: olmo.WSD(LR, 60, warmup_fraction=1.5), ValueError, "warmup_fraction=...)` must be between 0 and 1"),
    (lambda: olmo.WSD(LR, 60, warmup=5, warmup_min_lr=0.2), ValueError, "warmup_min_lr=...)` must be below `lr`, 0.1"),
    (lambda: olmo.WSD(LR, 60, warmup=5, units="x"), ValueError, "units=...)` must be 'steps' or 'tokens'"),
    (lambda: olmo.WSD(LR, 0, warmup=5), ValueError, "max_steps=...)` must be a positive number"),
    (lambda: olmo.PowerLR(LR, 60, b=0.5, warmup=5), ValueError, "b=...)` must be below 0"),
    (lambda: olmo.PowerLR(LR, 60, warmup=5, decay_fraction=1.0), ValueError, "max_steps=...)` must be longer than the decay"),
    (lambda: olmo.PowerLR(LR, 60, warmup=5, decay_min_lr=0.05), ValueError, "decay_min_lr=...)` must be below the rate that"),
    (lambda: olmo.ExponentialScheduler(LR, 60, lr_min=0.0), ValueError, "lr_min=...)` must be a positive number"),
    (lambda: olmo.WSDS(LR, warmup=5, decay=5), ValueError, "period_lengths=...)` must be at least one length"),
    (lambda: olmo.WSDS(LR, period_lengths=9, warmup=5, decay=5), TypeError, "period_lengths=...)` must be a list of numbers"),
    (lambda: olmo.WSDS(LR, period_lengths=[9], warmup=5, decay=5), ValueError, "must be at least 10 in period 0"),
    (lambda: olmo.WSDS(LR, period_lengths=[9, -1], warmup=2, decay=5), ValueError, "period_lengths=...)` must be positive"),
    (lambda: olmo.WSDS(LR, period_lengths=[9], period_lr_multipliers=[1.0, 2.0], warmup=2, decay=5), ValueError, "must be 1 factors"),
    (lambda: olmo.WSDS(LR, period_lengths=[9], warmup=2, decay=5, decay_min_lr=0.1), ValueError, "must be below the rate of each"),
    (lambda: olmo.SequentialScheduler, AttributeError, "`jaxsched.join` joins schedules"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
