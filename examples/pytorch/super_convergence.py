"""Super-convergence in PyTorch: one cycle up to a large rate. In JAX: ../super_convergence.py

python examples/pytorch/super_convergence.py     # writes super_convergence.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, OneCycleLR

EPOCHS, BATCH = 15, 20


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(400, noise=0.1, seed=2, dtype=dtype)
    model = classifier(seed=2, dtype=dtype)
    initial = parameters(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    steps = EPOCHS * len(x) // BATCH
    if variant == "one cycle to 0.4":
        scheduler = OneCycleLR(optimizer, max_lr=0.4, total_steps=steps, cycle_momentum=False)
    else:
        scheduler = ConstantLR(optimizer, factor=1.0)
    losses, lrs = [], []
    for step in range(steps):
        lrs.append(optimizer.param_groups[0]["lr"])
        batch = slice(step * BATCH % len(x), step * BATCH % len(x) + BATCH)
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    with torch.no_grad():
        total = nn.functional.cross_entropy(model(x), y)
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
        "loss on all points": total,
    }


if __name__ == "__main__":
    record(__file__, train, ["one cycle to 0.4", "constant 0.05"])
