"""PyTorch's own suite: ReduceLROnPlateau, alone and beside another scheduler."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.optim.lr_scheduler import (
    MultiStepLR,
    ReduceLROnPlateau,
)
from torch_suite import (
    MARKS,
    convert,
    cosine,
    exponential,
    linear,
    optimizer,
    saved,
    single,
    step3,
)

import jaxsched as js

pytestmark = MARKS


FALLING = [10 - i * 0.0165 for i in range(22)]
SLOWLY = [10 - i * 0.0167 for i in range(20)]
RISING = [1.5 * 1.005**i for i in range(20)]
DROP = [1] * 7 + [0.6] + [0.5] * 12
NEGATIVE = [-0.8] * 2 + [-0.234] * 20
PATIENT = {"patience": 5, "cooldown": 5}
TENTH = {"threshold_mode": "rel", "threshold": 0.1}

PLATEAUS = [
    ({"threshold_mode": "abs", "threshold": 0.01, **PATIENT}, SLOWLY),
    ({"threshold_mode": "abs", "threshold": 0.1, "patience": 5, "cooldown": 0}, FALLING),
    ({"threshold_mode": "abs", "mode": "max", **PATIENT}, NEGATIVE),
    ({"mode": "max", "patience": 3, **TENTH}, [1.5 * 1.025**i for i in range(20)]),
    ({"mode": "max", **PATIENT, **TENTH}, RISING),
    ({"mode": "min", **TENTH}, [1.5 * 0.85**i for i in range(20)]),
    ({"mode": "min", **PATIENT, **TENTH}, DROP),
    ({"mode": "max", "min_lr": [0.4, 0.3], **PATIENT, **TENTH}, RISING),
    ({"mode": "min", "min_lr": [1e-5, 1e-4], **PATIENT, **TENTH}, DROP),
    ({"mode": "min", "patience": 0}, [1.0, 2.0]),
    ({"mode": "min", "factor": 0.1, "patience": 2}, [1, 2, 3, 4, 3, 4, 5, 3, 2, 1]),
]


def feed(scheduler, metrics):
    """PyTorch's rates before the metrics and after each."""
    rates = [[float(group["lr"]) for group in scheduler.optimizer.param_groups]]
    for metric in metrics:
        scheduler.step(metric)
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
    return np.array(rates)


def ours(plateaus, metrics):
    states = [plateau.init() for plateau in plateaus]
    rates = [[float(p(s)) for p, s in zip(plateaus, states, strict=True)]]
    for metric in metrics:
        states = [p.update(s, value=metric) for p, s in zip(plateaus, states, strict=True)]
        rates.append([float(p(s)) for p, s in zip(plateaus, states, strict=True)])
    return np.array(rates)


@pytest.mark.parametrize(("options", "metrics"), PLATEAUS)
def test_plateaus(options, metrics):
    for done in (0, 2, 8):
        scheduler = ReduceLROnPlateau(optimizer(0.5, 0.5), **options)
        feed(scheduler, metrics[:done])
        plateaus = convert(scheduler, None)
        rest = metrics[done:]

        np.testing.assert_allclose(ours(plateaus, rest), feed(scheduler, rest), rtol=1e-6)


def test_a_plateau_on_tensors_and_loaded_into_another():
    scheduler = ReduceLROnPlateau(optimizer(), patience=2)
    feed(scheduler, PLATEAUS[-1][1])
    loaded = ReduceLROnPlateau(scheduler.optimizer, mode="max", factor=0.5, patience=10)
    loaded.load_state_dict(saved(scheduler.state_dict()))
    plateaus = convert(loaded, None)

    assert plateaus == convert(scheduler, None)
    np.testing.assert_allclose(ours(plateaus, DROP), feed(loaded, DROP), rtol=1e-5)


def test_a_plateau_built_on_a_loaded_optimizer():
    first = ReduceLROnPlateau(single(1e-3, "AdamW"))
    first.step(1)
    second = single(1e-3, "AdamW")
    second.load_state_dict(first.optimizer.state_dict())

    assert convert(ReduceLROnPlateau(second), None) == [js.ReduceLROnPlateau(1e-3)]


ABSOLUTE = {"threshold_mode": "abs", "threshold": 0.1, "patience": 5, "cooldown": 0}
COMPOUND = [
    (step3, PLATEAUS[0][0], SLOWLY[:10]),
    (lambda o: MultiStepLR(o, gamma=0.1, milestones=[3, 8, 12]), ABSOLUTE, FALLING),
    (exponential(0.1), PLATEAUS[2][0], NEGATIVE),
    (cosine(), PLATEAUS[3][0], PLATEAUS[3][1][:10]),
    (linear(0.4, 1.0, 4), ABSOLUTE, FALLING),
]


@pytest.mark.parametrize(("build", "options", "metrics"), COMPOUND)
def test_a_plateau_beside_another_scheduler(build, options, metrics):
    """Which PyTorch steps by hand; here the plateau takes the other as its rate."""
    o = single(0.5)
    plateau = ReduceLROnPlateau(o, **options)
    [reductions] = convert(plateau, None)
    scheduler = build(o)
    [rate] = convert(scheduler, len(metrics) + 1)
    together = dataclasses.replace(reductions, lr=rate)
    expected = [o.param_groups[0]["lr"]]
    for metric in metrics:
        plateau.step(metric)
        scheduler.step()
        expected.append(o.param_groups[0]["lr"])

    # PyTorch leaves out reductions of less than its `eps` of 1e-8.
    np.testing.assert_allclose(ours([together], metrics)[:, 0], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("min_lr", [0, [1e-5, 1e-4]])
def test_a_plateau_whose_optimizer_gets_another_group(min_lr):
    scheduler = ReduceLROnPlateau(optimizer(0.5, 0.5), min_lr=min_lr, **PATIENT, **TENTH)
    feed(scheduler, DROP[:8])
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.05})
    if min_lr:
        scheduler.min_lrs.append(1e-6)
    plateaus = convert(scheduler, None)

    np.testing.assert_allclose(ours(plateaus, DROP[8:]), feed(scheduler, DROP[8:]), rtol=1e-6)
