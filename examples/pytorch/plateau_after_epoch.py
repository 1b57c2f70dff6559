"""ReduceLROnPlateau on a validation loss after each epoch, in PyTorch.

In JAX: ../plateau_after_epoch.py

python examples/pytorch/plateau_after_epoch.py     # writes plateau_after_epoch.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

EPOCHS, BATCH = 60, 20


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(100, noise=0.2, seed=6, dtype=dtype)
    held_out_x, held_out_y = moons(100, noise=0.2, seed=7, dtype=dtype)
    model = classifier(seed=6, dtype=dtype)
    initial = parameters(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.3, patience=3, cooldown=2)
    losses, lrs = [], []
    for _ in range(EPOCHS):
        lrs.append(optimizer.param_groups[0]["lr"])
        for start in range(0, len(x), BATCH):
            batch = slice(start, start + BATCH)
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            validation_loss = nn.functional.cross_entropy(model(held_out_x), held_out_y)
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
    record(__file__, train, ["after each epoch"])
