"""A 2 x 2 parameter under SGD, through every scheduler of PyTorch. In JAX: ../every_scheduler.py

python examples/pytorch/every_scheduler.py     # writes every_scheduler.npz
"""

import torch
from recorder import record
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.optim.swa_utils import SWALR

STEPS = 60

SCHEDULERS = {
    "LambdaLR": lambda opt: LambdaLR(opt, lambda epoch: 0.95**epoch),
    "MultiplicativeLR": lambda opt: MultiplicativeLR(opt, lambda epoch: 0.95),
    "StepLR": lambda opt: StepLR(opt, step_size=20, gamma=0.5),
    "MultiStepLR": lambda opt: MultiStepLR(opt, milestones=[10, 40], gamma=0.5),
    "ConstantLR": lambda opt: ConstantLR(opt, factor=0.5, total_iters=20),
    "LinearLR": lambda opt: LinearLR(opt, start_factor=0.1, total_iters=20),
    "ExponentialLR": lambda opt: ExponentialLR(opt, gamma=0.95),
    "PolynomialLR": lambda opt: PolynomialLR(opt, total_iters=50, power=2.0),
    "CosineAnnealingLR": lambda opt: CosineAnnealingLR(opt, T_max=25, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda opt: CosineAnnealingWarmRestarts(opt, T_0=8, T_mult=2),
    "CyclicLR": lambda opt: CyclicLR(opt, 0.01, 0.1, step_size_up=10, cycle_momentum=False),
    "OneCycleLR": lambda opt: OneCycleLR(opt, 0.1, total_steps=STEPS, cycle_momentum=False),
    "SWALR": lambda opt: SWALR(opt, swa_lr=0.02, anneal_epochs=30),
    "ChainedScheduler": lambda opt: ChainedScheduler(
        [LinearLR(opt, start_factor=0.1, total_iters=10), ExponentialLR(opt, gamma=0.95)]
    ),
    "SequentialLR": lambda opt: SequentialLR(
        opt, [LinearLR(opt, start_factor=0.1, total_iters=10), CosineAnnealingLR(opt, 50)], [10]
    ),
    "ReduceLROnPlateau": lambda opt: ReduceLROnPlateau(opt, factor=0.5, patience=1, threshold=0.1),
}


def train(variant: str, dtype: torch.dtype) -> dict:
    target = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=dtype)
    scale = torch.tensor([[1.0, 0.1], [20.5, 4.0]], dtype=dtype)  # the third one overshoots
    weight = torch.nn.Parameter(torch.zeros(2, 2, dtype=dtype))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scheduler = SCHEDULERS[variant](optimizer)
    losses, lrs = [], []
    for _ in range(STEPS):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss = (scale * (weight - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(loss.item())
        else:
            scheduler.step()
        losses.append(loss.item())
    return {
        "data": {"target": target, "scale": scale},
        "lr": lrs,
        "loss": losses,
        "initial": {"weight": torch.zeros(2, 2, dtype=dtype)},
        "final": {"weight": weight},
    }


if __name__ == "__main__":
    record(__file__, train, SCHEDULERS)
