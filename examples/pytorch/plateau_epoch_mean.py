"""ReduceLROnPlateau on each epoch's mean training loss, in PyTorch.

In JAX: ../plateau_epoch_mean.py

python examples/pytorch/plateau_epoch_mean.py     # writes plateau_epoch_mean.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

EPOCHS, BATCH = 60, 20


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(100, noise=0.4, seed=8, dtype=dtype)
    model = classifier(seed=8, dtype=dtype)
    initial = parameters(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    losses, lrs = [], []
    for _ in range(EPOCHS):
        epoch_losses = []
        for start in range(0, len(x), BATCH):
            lrs.append(optimizer.param_groups[0]["lr"])
            batch = slice(start, start + BATCH)
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_losses.append(loss.item())
        scheduler.step(sum(epoch_losses) / len(epoch_losses))
        losses += epoch_losses
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
    }


if __name__ == "__main__":
    record(__file__, train, ["mean of each epoch"])
