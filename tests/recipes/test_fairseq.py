"""fairseq's schedules: against the library's own files, and where they are not quite its own."""

import dataclasses
import importlib
import inspect
import math
import sys
import types

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import alone, library
from recipes import LR, STEPS, arguments, assert_exact, assert_like_all
from subclasses import sgd

import jaxsched as js
from jaxsched import fairseq
from jaxsched._traces.of_fairseq import _FILES, build_fairseqs

EXAMPLES = {
    "inverse_sqrt": {"warmup_updates": 7, "warmup_init_lr": 0.001},
    "polynomial_decay": {
        "warmup_updates": 7, "end_learning_rate": 0.002, "power": 2.0, "total_num_update": 40,
    },
    "tri_stage": {"phase_ratio": (0.1, 0.4, 0.5), "init_lr_scale": 0.1, "max_update": 40},
    "cosine": {
        "warmup_updates": 7, "min_lr": 0.002, "t_mult": 2.0, "lr_period_updates": 9, "lr_shrink": 0.5,
    },
    "fixed": {"warmup_updates": 7},
    "step": {"warmup_updates": 7, "min_lr": 0.002, "lr_deacy_period": 9, "lr_decay": 0.3},
    "triangular": {"max_lr": 0.3, "lr_period_updates": 9, "lr_shrink": 0.5, "shrink_min": True},
}  # fmt: skip


def live(schedule):
    """fairseq's own scheduler of the same arguments."""
    library("fairseq")
    return build_fairseqs(schedule, sgd())


def rates_of(scheduler, counts=range(STEPS)):
    found = []
    for count in counts:
        scheduler.step_update(count)
        found.append(scheduler.optimizer.get_lr())
    return np.array(found)


small = st.sampled_from([0, 1, 7, 20])
rates = st.sampled_from([0.0, 1e-3, 0.05])
inits = st.sampled_from([-1, 0.0, 0.01, 0.2])
ANY = {
    "inverse_sqrt": {"warmup_updates": st.integers(1, 20), "warmup_init_lr": inits},
    "polynomial_decay": {
        "warmup_updates": small, "end_learning_rate": rates, "total_num_update": st.integers(1, 50),
        "power": st.sampled_from([1.0, 0.5, 2.0, 3]),
    },
    "tri_stage": {
        "warmup_steps": small, "hold_steps": small, "decay_steps": st.integers(1, 30),
        "init_lr_scale": st.sampled_from([0.0, 0.01, 0.3]), "final_lr_scale": st.sampled_from([0.01, 0.3, 1.5]),
    },
    # Of these factors, no restart is rounded to the period before.
    "cosine": {
        "warmup_updates": small, "warmup_init_lr": inits, "min_lr": rates, "max_update": st.integers(21, 50),
        "t_mult": st.sampled_from([1.0, 2.0, 1.5]), "lr_period_updates": st.sampled_from([-1, 5, 10, 17, 4.5]),
        "lr_shrink": st.sampled_from([1.0, 0.3, 0.0]),
    },
    "fixed": {"warmup_updates": small},
    "step": {
        "warmup_updates": small, "warmup_init_lr": inits, "min_lr": rates, "lr_deacy_period": st.sampled_from([1, 7, 25, 4.5]),
        "lr_decay": st.sampled_from([1.0, 0.3, 0.0]),
    },
    "triangular": {
        "max_lr": st.sampled_from([0.2, 1.0]), "lr_period_updates": st.sampled_from([2, 9, 10, 40, 8.5]),
        "lr_shrink": st.sampled_from([1.0, 0.3, 0.0, 1.2]), "shrink_min": st.booleans(),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}
    schedule = getattr(fairseq, name)(LR, **options)

    assert_exact(schedule, rates_of(live(schedule)))


@pytest.mark.parametrize("ratios", [(0.1, 0.4, 0.5), (0.0, 0.3, 0.7), (0.25, 0.25, 0.5)])
def test_ratios_of_all_updates(ratios):
    for number in (7, 39, 41):
        schedule = fairseq.tri_stage(LR, phase_ratio=ratios, max_update=number)
        assert_exact(schedule, rates_of(live(schedule)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    """A default that fairseq takes from elsewhere in its config is None here."""
    library("fairseq")
    file, config = _FILES[name]
    module = importlib.import_module(f"fairseq.optim.lr_scheduler.{file}")
    fields = [f for f in dataclasses.fields(getattr(module, config)) if f.name != "lr"]
    plain = (int, float, type(None))
    own = [(f.name, f.default if isinstance(f.default, plain) else None) for f in fields]
    own = [(name, inspect.Parameter.empty if name == "max_lr" else x) for name, x in own]

    assert arguments(getattr(fairseq, name), "")[1:] == own


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(fairseq, name), EXAMPLES[name])


def test_a_period_begins_where_it_is_due():
    """The fifth period of these is entered one count late, wherever the machine's log rounds so."""
    schedule = fairseq.cosine(LR, t_mult=3.0, lr_period_updates=10, lr_shrink=1.0)
    due = 10 * (3**5 - 1) // 2
    before, at, after = rates_of(live(schedule), (due - 1, due, due + 1))

    assert schedule(due) == np.float32(LR)
    assert at == pytest.approx(LR) or at < 1e-9
    for count, rate in ((due - 1, before), (due + 1, after)):
        assert math.isclose(schedule(count), rate, rel_tol=1e-6)


def test_a_manual_one_is_piecewise_constant():
    """The guide says how; fairseq begins at the rate of the first update, or at that of `--lr`."""
    library("fairseq")
    base = sys.modules["fairseq.optim.lr_scheduler.fairseq_lr_scheduler"]
    stub = "fairseq.optim.lr_scheduler"
    manual = alone(f"{stub}.manual_lr_scheduler", stub, **{"LegacyFairseqLRScheduler": base.LegacyFairseqLRScheduler})  # fmt: skip
    given = "{'1-9': 1e-4, '10': 5e-4, '30,31': 5e-5}"
    optimizer = live(fairseq.fixed(LR)).optimizer
    scheduler = manual.ManualSchedule(types.SimpleNamespace(epoch2lr="{}", update2lr=given, lr=[LR]), optimizer)  # fmt: skip

    assert_exact(js.diffusers.get_piecewise_constant_schedule(1.0, "1e-4:10,5e-4:30,5e-5"), rates_of(scheduler))  # fmt: skip


def test_a_warm_up_that_outlasts_the_decay():
    schedule = fairseq.polynomial_decay(LR, 9, end_learning_rate=0.01, total_num_update=5)

    assert schedule(9) == np.float32(LR) and schedule(10) == np.float32(0.01)
    assert_exact(schedule, rates_of(live(schedule)))


def test_the_slope_in_an_initial_rate():
    slope = jax.grad(lambda init: fairseq.inverse_sqrt(LR, 4, init)(1))

    np.testing.assert_allclose([slope(0.01), slope(-1.0)], [0.75, 0.0])


# --- conversions ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_live_one_converts(name):
    scheduler = live(getattr(fairseq, name)(LR, **EXAMPLES[name]))
    expected = rates_of(scheduler)
    schedule = js.from_torch(scheduler)

    assert_exact(schedule, expected)
    assert type(schedule) is getattr(fairseq, name)
    assert_exact(js.from_torch(scheduler, total_steps=STEPS), expected)
    with pytest.raises(ValueError, match=r"is told the count: `jaxsched.skip\(schedule, n\)`"):
        js.from_torch(scheduler, start="now")


def test_one_that_was_changed_is_not_guessed():
    scheduler = live(fairseq.inverse_sqrt(LR, 7))
    scheduler.decay_factor *= 2.0
    with pytest.raises(ValueError, match=r"must have the rates that its config describes"):
        js.from_torch(scheduler)
    scheduler = live(fairseq.polynomial_decay(LR, total_num_update=40))
    scheduler.cfg.lr = [0.1, 0.05]
    with pytest.raises(ValueError, match=r"must have one rate, got \[0.1, 0.05\]"):
        js.from_torch(scheduler)


def test_pytorch_has_none_of_them():
    with pytest.raises(TypeError, match=r"inverse_sqrt.*: fairseq alone builds that"):
        js.to_torch(fairseq.inverse_sqrt(LR), sgd())


WRONG = [
    (lambda: fairseq.inverse_sqrt(-LR), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: fairseq.inverse_sqrt([LR, 0.2]), TypeError, "lr=...)` must be one number"),
    (lambda: fairseq.inverse_sqrt(LR, 0), ValueError, "warmup_updates=...)` must be a positive number"),
    (lambda: fairseq.polynomial_decay(LR), ValueError, "total_num_update=...)` must be given"),
    (lambda: fairseq.polynomial_decay(LR, force_anneal=3, total_num_update=9), ValueError, "force_anneal=...)` must be None"),
    (lambda: fairseq.polynomial_decay(LR, -1, total_num_update=9), ValueError, "warmup_updates=...)` must be a number from 0 up"),
    (lambda: fairseq.polynomial_decay(LR, total_num_update=0), ValueError, "total_num_update=...)` must be a positive number"),
    (lambda: fairseq.tri_stage(LR), ValueError, "decay_steps=...)` must be of at least one update"),
    (lambda: fairseq.tri_stage(LR, phase_ratio=(0.5, 0.5, 0.0), max_update=9), ValueError, "phase_ratio=...)` must be of at least one"),
    (lambda: fairseq.tri_stage(LR, phase_ratio=(0.5, 0.5, 0.5), max_update=9), ValueError, "of a sum of exactly 1, not 1.5"),
    (lambda: fairseq.tri_stage(LR, phase_ratio=(0.5, 0.5)), ValueError, "phase_ratio=...)` must be three ratios"),
    (lambda: fairseq.tri_stage(LR, phase_ratio=(0.1, 0.4, 0.5)), ValueError, "max_update=...)` must be given"),
    (lambda: fairseq.tri_stage(LR, decay_steps=9, final_lr_scale=0), ValueError, "final_lr_scale=...)` must be a positive"),
    (lambda: fairseq.cosine(LR), ValueError, "lr_period_updates=...)` must be a positive number without `max_update`"),
    (lambda: fairseq.cosine(LR, 9, max_update=9), ValueError, "max_update=...)` must be more than the warm-up"),
    (lambda: fairseq.cosine(LR, min_lr=LR, max_update=9), ValueError, "lr=...)` must be above `min_lr`, 0.1"),
    (lambda: fairseq.fixed(LR, 3), ValueError, "force_anneal=...)` must be None"),
    (lambda: fairseq.fixed(LR, warmup_updates=-1), ValueError, "warmup_updates=...)` must be a number from 0 up"),
    (lambda: fairseq.step(LR, min_lr=LR), ValueError, "lr=...)` must be above `min_lr`, 0.1"),
    (lambda: fairseq.step(LR, min_lr=-LR), ValueError, "min_lr=...)` must be a number from 0 up"),
    (lambda: fairseq.step(LR, lr_deacy_period=0), ValueError, "lr_deacy_period=...)` must be a positive number"),
    (lambda: fairseq.step(LR, lr_decay=1.5), ValueError, "lr_decay=...)` must be from 0 to 1"),
    (lambda: fairseq.triangular(LR), TypeError, "must have `max_lr`"),
    (lambda: fairseq.triangular(LR, LR), ValueError, "max_lr=...)` must be above `lr`, 0.1"),
    (lambda: fairseq.triangular(LR, 1.0, 1), ValueError, "lr_period_updates=...)` must be at least 2"),
    (lambda: fairseq.triangular(LR, 1.0, 9, -1.0), ValueError, "lr_shrink=...)` must be a number from 0 up"),
    (lambda: fairseq.cosine(LR, t_mult=0.5, max_update=9), ValueError, "t_mult=...)` must be at least 1"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
