"""ReduceLROnPlateau on a validation loss after every step, in PyTorch.

In JAX: ../plateau_every_step.py

python examples/pytorch/plateau_every_step.py     # writes plateau_every_step.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

STEPS = 300


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(100, noise=0.4, seed=5, dtype=dtype)
    held_out_x, held_out_y = moons(100, noise=0.4, seed=6, dtype=dtype)
    model = classifier(seed=5, dtype=dtype)
    initial = parameters(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=10, threshold=0.01, min_lr=0.01)
    losses, lrs = [], []
    for _ in range(STEPS):
        lrs.append(optimizer.param_groups[0]["lr"])
        with torch.no_grad():
            validation_loss = nn.functional.cross_entropy(model(held_out_x), held_out_y)
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step(validation_loss)
        losses.append(validation_loss.item())
    return {
        "data": {"x": x, "y": y, "held_out_x": held_out_x, "held_out_y": held_out_y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
    }


if __name__ == "__main__":
    record(__file__, train, ["every step"])
