"""Warm-up plus plateau, by hand, as PyTorch's schedulers cannot be combined for it.

ReduceLROnPlateau and LinearLR run on separate optimizers, and the product of their rates is written
into the optimizer that trains. In JAX it is one schedule: ../warmup_plateau.py

python examples/pytorch/warmup_plateau.py     # writes warmup_plateau.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, SequentialLR

STEPS, WARMUP = 300, 30


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(100, noise=0.4, seed=9, dtype=dtype)
    model = classifier(seed=9, dtype=dtype)
    initial = parameters(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    rate = torch.optim.SGD([torch.zeros(1)], lr=0.2)
    scale = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = LinearLR(rate, start_factor=0.1, total_iters=WARMUP)
    if variant == "warm-up, cosine, plateau":
        cosine = CosineAnnealingLR(rate, T_max=STEPS - WARMUP, eta_min=0.02)
        scheduler = SequentialLR(rate, [scheduler, cosine], milestones=[WARMUP])
    plateau = ReduceLROnPlateau(scale, factor=0.5, patience=5, threshold=0.0028)
    losses, lrs = [], []
    for _ in range(STEPS):
        lr = rate.param_groups[0]["lr"] * scale.param_groups[0]["lr"]
        optimizer.param_groups[0]["lr"] = lr
        lrs.append(lr)
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        scheduler.step()
        plateau.step(loss.item())
        losses.append(loss.item())
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
    }


if __name__ == "__main__":
    record(__file__, train, ["warm-up, plateau", "warm-up, cosine, plateau"])
