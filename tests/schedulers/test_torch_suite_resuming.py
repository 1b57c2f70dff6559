"""PyTorch's own suite: schedulers saved, loaded, resumed, and given a rate that others change."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import assert_close
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LambdaLR,
    MultiStepLR,
    OneCycleLR,
    StepLR,
)
from torch.optim.swa_utils import SWALR
from torch_suite import (
    BY_NAME,
    MARKS,
    RESUMED,
    Times,
    assert_rates,
    convert,
    cosine,
    cyclic,
    exponential,
    history,
    members,
    optimizer,
    saved,
    single,
    step,
    step3,
    steps259,
)

import jaxsched as js

pytestmark = MARKS


@pytest.mark.parametrize("build", RESUMED.values(), ids=RESUMED)
def test_resumed_at_a_last_epoch(build):
    first = step(build(single(1e-3, "AdamW")), 1)
    second = single(1e-3, "AdamW")
    second.load_state_dict(first.optimizer.state_dict())
    scheduler = build(second, last_epoch=0)
    fresh = convert(scheduler, 9)
    rates = history(scheduler, 4)[0]
    now = convert(scheduler, 9)
    rates = np.concatenate([rates, history(scheduler, 5)[0][1:]])
    assert rates[0, 0] == first.optimizer.param_groups[0]["lr"]

    # Warm restarts do not count their steps: built at 0 is for them the same as stepped to 1.
    if isinstance(scheduler, CosineAnnealingWarmRestarts):
        rates = np.concatenate([[[1e-3]], rates])
    for [schedule] in (fresh, now):
        assert_close(schedule, rates[:, 0])


LOADED = {
    "StepLR": (step3, lambda o: StepLR(o, gamma=0.005, step_size=1)),
    "MultiStepLR": (steps259, lambda o: MultiStepLR(o, gamma=0.01, milestones=[1, 4, 6])),
    "ExponentialLR": (exponential(0.1), exponential(0.01)),
    "CosineAnnealingLR": (cosine(), cosine(5, 5e-11)),
    "CosineAnnealingWarmRestarts": (
        lambda o: CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2),
        lambda o: CosineAnnealingWarmRestarts(o, T_0=100),
    ),
    "SWALR": (lambda o: SWALR(o, 0.5, 3), lambda o: SWALR(o, 5.0, 10, "linear")),
    "CyclicLR": (cyclic(mode="triangular2"), cyclic()),
    "LambdaLR": (lambda o: LambdaLR(o, Times(10)), lambda o: LambdaLR(o, Times(-1))),
}


@pytest.mark.parametrize(("build", "other"), LOADED.values(), ids=LOADED)
def test_loaded_into_a_scheduler_of_other_arguments(build, other):
    first = step(build(optimizer()), 9)
    loaded = other(optimizer())
    loaded.load_state_dict(first.state_dict())
    loaded.optimizer.load_state_dict(first.optimizer.state_dict())
    rates = history(build(optimizer()), 20)[0]

    assert convert(loaded, 20) == convert(first, 20)
    assert_rates(convert(loaded, 20), rates, loaded.optimizer.param_groups)


@pytest.mark.parametrize("name", [*RESUMED, "defaults|defaults", "chain-defaults"])
def test_saved_and_read_again(name):
    build = {**BY_NAME, **RESUMED}[name]
    for done in (0, 5):
        scheduler = step(build(optimizer()), done)
        known = hasattr(scheduler, "lr_lambdas")
        functions = {"lr_lambda": scheduler.lr_lambdas} if known else {}
        read = js.from_torch_state_dict(
            type(scheduler).__name__, saved(scheduler.state_dict()),
            saved(scheduler.optimizer.state_dict()), total_steps=20, **functions,
        )  # fmt: skip

        assert members(read) == convert(scheduler, 20)


def test_a_one_cycle_from_an_old_checkpoint():
    scheduler = BY_NAME["one cycle, cosine"](optimizer())
    del scheduler._anneal_func_type
    scheduler.anneal_func = OneCycleLR._annealing_cos

    assert_rates(
        convert(scheduler, 10), history(scheduler, 10)[0], scheduler.optimizer.param_groups
    )


def test_a_cosine_goes_on_at_its_last_epoch():
    o = optimizer()
    step(cosine(5, 0.1)(o), 1)
    second = CosineAnnealingLR(o, T_max=5, eta_min=0.1, last_epoch=0)
    schedules = convert(second, 9)

    assert_rates(schedules, history(second, 9)[0], o.param_groups)


# --- the rate in a tensor that somebody else changes ---


@pytest.mark.parametrize("name", [name for name in RESUMED if name not in ("SWALR",)])
def test_initial_rates_are_not_the_tensor(name):
    lr = torch.tensor(0.1)
    scheduler = RESUMED[name](single(lr))
    [fresh] = convert(scheduler, 12)
    lr.multiply_(0.1)
    expected = history(RESUMED[name](single(torch.tensor(0.1))), 9)[0]

    assert_rates([fresh], expected, scheduler.optimizer.param_groups)
