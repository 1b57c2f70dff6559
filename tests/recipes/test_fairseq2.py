"""fairseq2's schedulers: against the library's own files, and where they are not quite its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import library
from recipes import LR, STEPS, assert_exact, assert_like_all
from subclasses import (
    assert_arguments,
    assert_converts,
    assert_there_and_back,
    expected,
    live,
    sgd,
)

import jaxsched as js
from jaxsched import fairseq2

ENDS = {"start_lr": 0.001, "final_lr": 0.002}
EXAMPLES = {
    "CosineAnnealingLR": {
        "cycle_len": 9, "num_warmup_steps": 7, "cycle_mul": 2.0, "lr_mul": 0.5, **ENDS,
    },
    "MyleLR": {"num_warmup_steps": 7, "start_lr": 0.001},
    "NoamLR": {"num_warmup_steps": 7},
    "PassthroughLR": {},
    "PolynomialDecayLR": {"num_steps": 40, "num_warmup_steps": 7, "power": 2.0, **ENDS},
    "TriStageLR": {
        "num_steps": 40, "stage_ratio": (0.1, 0.4, 0.5), "start_lr_scale": 0.02,
        "final_lr_scale": 0.05,
    },
}  # fmt: skip


def theirs(name):
    return getattr(library("fairseq2"), name)


rates = st.sampled_from([0.0, 1e-3, 0.15])
small = st.sampled_from([0, 1, 7, 20])
cuts = st.integers(0, 10).flatmap(lambda a: st.integers(a, 10).map(lambda b: (a, b)))
ANY = {
    # Of these factors, no restart is rounded to the cycle before.
    "CosineAnnealingLR": {
        "cycle_len": st.sampled_from([1, 5, 10, 17]), "num_warmup_steps": small,
        "cycle_mul": st.sampled_from([1.0, 2.0, 1.5]), "lr_mul": st.sampled_from([1.0, 0.3, 0.0, 1.2]),
        "start_lr": rates, "final_lr": rates,
    },
    "MyleLR": {"num_warmup_steps": st.integers(1, 20), "start_lr": rates},
    "NoamLR": {"num_warmup_steps": small},
    "PassthroughLR": {},
    "PolynomialDecayLR": {
        "num_steps": st.integers(21, 50), "num_warmup_steps": small, "start_lr": rates, "final_lr": rates,
        "power": st.sampled_from([1.0, 0.5, 2.0, 3.0]),
    },
    "TriStageLR": {
        "num_steps": st.integers(1, 50), "start_lr_scale": st.sampled_from([0.0, 0.01, 0.3]),
        "stage_ratio": cuts.map(lambda cut: (cut[0] / 10, (cut[1] - cut[0]) / 10, 1 - cut[1] / 10)),
        "final_lr_scale": st.sampled_from([0.01, 0.3, 1.5]),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}

    assert_exact(getattr(fairseq2, name)(LR, **options), expected(theirs(name), options)[:, 0])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    ours, own = assert_arguments(getattr(fairseq2, name), theirs(name))

    assert ours == own


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(fairseq2, name), EXAMPLES[name])


def test_a_cycle_begins_where_it_is_due():
    """The fifth cycle of these is entered one step late by fairseq2, wherever its log rounds so."""
    options = {"cycle_len": 10, "num_warmup_steps": 0, "cycle_mul": 3.0}
    due = 10 * (3**5 - 1) // 2
    schedule = fairseq2.CosineAnnealingLR(LR, **options)
    scheduler = live(theirs("CosineAnnealingLR"), options)

    assert schedule(due) == np.float32(LR)
    for count in (due - 1, due, due + 1):
        scheduler.last_epoch = count
        (rate,) = scheduler._compute_lrs()
        assert schedule(count) == np.float32(rate) or (count == due and rate < 1e-9)


def test_starts_and_lengths_are_cut_to_integers():
    """Cycles of 5, 7.5 and 11.25 steps: from 0, 5 and 12 on, of 5, 7 and 11."""
    schedule = fairseq2.CosineAnnealingLR(LR, 5, 0, cycle_mul=1.5)

    assert schedule(5) == np.float32(LR)
    assert_exact(
        schedule, expected(theirs("CosineAnnealingLR"), dict(cycle_len=5, num_warmup_steps=0, cycle_mul=1.5))[:, 0]
    )  # fmt: skip


def test_the_slope_in_the_warm_up_and_the_ends():
    slopes = jax.grad(lambda s, f: fairseq2.PolynomialDecayLR(1.0, 9, 3, start_lr=s, final_lr=f)(0), (0, 1))  # fmt: skip

    np.testing.assert_allclose(slopes(0.1, 0.2), (1.0, 0.0))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_live_one_converts_in_the_middle_of_its_run(name):
    assert_converts(getattr(fairseq2, name), theirs(name), EXAMPLES[name])


@pytest.mark.parametrize("name", EXAMPLES)
def test_there_and_back(name):
    assert_there_and_back(getattr(fairseq2, name), theirs(name), EXAMPLES[name])


def test_a_number_for_each_group():
    options = EXAMPLES["PolynomialDecayLR"] | {"start_lr": [0.001, 0.0], "final_lr": [0.0, 0.002]}
    scheduler = live(theirs("PolynomialDecayLR"), options, 0.1, 0.02)
    groups = js.from_torch(scheduler)
    rates = expected(theirs("PolynomialDecayLR"), options, 0.1, 0.02)

    for index in range(2):
        assert_exact(groups[index], rates[:, index])
    assert js.from_torch(js.to_torch(groups, sgd(1.0, 1.0))) == groups


@pytest.mark.parametrize("steps", [7, 39, 100, 101, 12345])
@pytest.mark.parametrize("ratios", [(0.1, 0.4, 0.5), (1 / 3, 1 / 3, 1 / 3), (0.0, 0.07, 0.93)])
def test_ratios_that_come_to_the_same_steps(steps, ratios):
    scheduler = live(theirs("TriStageLR"), {"num_steps": steps, "stage_ratio": ratios})
    counts = np.linspace(0, 1.1 * steps, 30).astype(int)

    np.testing.assert_array_equal(
        js.from_torch(scheduler)(counts), fairseq2.TriStageLR(LR, steps, ratios)(counts)
    )


def test_what_no_ratios_come_to_is_not_guessed():
    scheduler = live(theirs("TriStageLR"), EXAMPLES["TriStageLR"])
    scheduler.num_stage_steps = [4, 20, 30]

    with pytest.raises(ValueError, match=r"must have stages that ratios of 40 steps come to, got"):
        js.from_torch(scheduler)


def test_a_sweep_of_the_ratios():
    ratios = jnp.array([[0.1, 0.4, 0.5], [0.2, 0.2, 0.6]])
    swept = jax.vmap(lambda r: fairseq2.TriStageLR(LR, 40, r)(np.arange(STEPS)))(ratios)

    for row, ratio in zip(swept, [(0.1, 0.4, 0.5), (0.2, 0.2, 0.6)], strict=True):
        # As float32, 0.1 * 40 is a bit more than 4, and 0.6 * 40 than 24.
        np.testing.assert_allclose(row, fairseq2.TriStageLR(LR, 40, ratio)(np.arange(STEPS)), rtol=1e-5)  # fmt: skip


WRONG = [
    (lambda: fairseq2.MyleLR(LR), TypeError, "must have `num_warmup_steps`"),
    (lambda: fairseq2.MyleLR(LR, 0), ValueError, "num_warmup_steps=...)` must be a positive number, got 0"),
    (lambda: fairseq2.NoamLR(-LR, 3), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: fairseq2.NoamLR(LR, -3), ValueError, "num_warmup_steps=...)` must be a number from 0 up"),
    (lambda: fairseq2.PolynomialDecayLR(LR, 9, 9), ValueError, "num_warmup_steps=...)` must be below `num_steps`, 9, got 9"),
    (lambda: fairseq2.CosineAnnealingLR(LR, 0, 0), ValueError, "cycle_len=...)` must be a positive number"),
    (lambda: fairseq2.CosineAnnealingLR(LR, 9, 0, cycle_mul=0.5), ValueError, "cycle_mul=...)` must be at least 1, got 0.5"),
    (lambda: fairseq2.TriStageLR(LR, 9, (0.5, 0.5)), ValueError, "stage_ratio=...)` must be three ratios"),
    (lambda: fairseq2.TriStageLR(LR, 9, (0.5, 0.5, 0.5)), ValueError, "stage_ratio=...)` must be of a sum of 1, not 1.5"),
    (lambda: fairseq2.TriStageLR(LR, 9, (-0.5, 0.5, 1.0)), ValueError, "stage_ratio=...)` must be from 0 up"),
    (lambda: fairseq2.TriStageLR(LR, 9, (0.5, 0.5, 0.0), final_lr_scale=0.0), ValueError, "final_lr_scale=...)` must be a positive"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
