"""Acceptance after PyTorch's own suite: the rates of every configuration, against live PyTorch.

What the suite asserts about rates is asserted here of the converted schedules.
"""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import assert_close
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    MultiplicativeLR,
)
from torch_suite import (
    BY_NAME,
    CASES,
    CLOSED,
    IDS,
    MARKS,
    assert_near,
    assert_rates,
    convert,
    history,
    optimizer,
    restarts,
    single,
    step,
)

pytestmark = MARKS


@pytest.mark.parametrize(("name", "build", "steps"), CASES, ids=IDS)
def test_the_suite(name, build, steps):
    rates, momenta = history(build(optimizer()), steps)
    first = None
    for done in (0, 1, steps // 2, steps - 1):
        scheduler = step(build(optimizer()), done)
        groups = scheduler.optimizer.param_groups
        schedules = convert(scheduler, steps)
        if schedules != first:  # The one from a fresh scheduler, as a rule.
            assert_rates(schedules, rates, groups)
        first = first or schedules
        if getattr(scheduler, "cycle_momentum", False):
            tensor = isinstance(scheduler.optimizer.param_groups[0].get("momentum"), torch.Tensor)
            for schedule, column in zip(schedules, momenta.T, strict=True):
                (assert_near if tensor else assert_close)(schedule.momentum, column)


@pytest.mark.parametrize(("name", "build", "steps"), CLOSED, ids=[case[0] for case in CLOSED])
def test_closed_forms(name, build, steps):
    scheduler = build(optimizer())
    rates = []
    for epoch in range(steps):
        scheduler.step(epoch)
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
    for epoch in (steps - 1, 2, 2, 2):
        scheduler.step(epoch)
        schedules = convert(scheduler, steps)

        assert_rates(schedules, np.array(rates), scheduler.optimizer.param_groups)


# --- fractional epochs ---

INTERLEAVED = [
    (1, [0, 1, 2, 3, 4, 5, 12, 27, 3, 4, 5, 6, 13]),
    (2, [0, 1, 2, 3, 4, 5, 25, 32, 33, 34, 80, 81, 3]),
    (3, [0, 0.1, 0.2, 0.3, 1.3, 2.3, 17.5, 18.5, 19.5, 29.5, 30.5, 31.5, 50]),
    *[(T_mult, [i / 10 for i in range(300)]) for T_mult in (1, 2, 4)],
]


@pytest.mark.parametrize(("T_mult", "epochs"), INTERLEAVED)
def test_restarts_at_any_epoch(T_mult, epochs):
    scheduler = restarts(T_mult)(optimizer())
    fresh = convert(scheduler, 10)
    rates = []
    for epoch in epochs:
        scheduler.step(epoch)
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
        if len(epochs) < 20:
            assert convert(scheduler, 100) == fresh

    for schedule, column in zip(fresh, np.transpose(rates), strict=True):
        np.testing.assert_allclose(schedule(np.array(epochs)), column, rtol=1e-5, atol=1e-7)


# --- one scheduler after the other, by hand ---


@pytest.mark.parametrize("name", ["SWALR, at once", "SWALR, cosine", "SWALR, linear"])
def test_averaging_after_another_scheduler(name):
    o = optimizer()
    first = MultiplicativeLR(o, lambda epoch: 0.9)
    averaging = BY_NAME[name](o)
    before = convert(first, 6)

    assert_rates(before, history(first, 6)[0], o.param_groups)
    assert_rates(convert(averaging, 10), history(averaging, 10)[0], o.param_groups)


def test_a_cycle_after_a_cosine():
    o = single(0.5)
    wave = CosineAnnealingLR(o, T_max=20, eta_min=0.1)
    cycle = CyclicLR(o, base_lr=0.1, max_lr=0.3, step_size_up=1, step_size_down=3)
    step(wave, 21)
    [table] = convert(cycle, 20)
    rates = history(cycle, 20)[0][:, 0]

    assert_close(table, rates)
    assert rates[1:].max() <= 0.3
