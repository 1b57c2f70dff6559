"""One-cycle training in PyTorch, with cycled momentum. In JAX: ../one_cycle.py

python examples/pytorch/one_cycle.py     # writes one_cycle.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

EPOCHS, BATCH = 30, 20


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(200, noise=0.15, seed=1, dtype=dtype)
    model = classifier(seed=1, dtype=dtype)
    initial = parameters(model)
    steps = EPOCHS * len(x) // BATCH
    if variant == "OneCycleLR, SGD momentum":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = OneCycleLR(optimizer, max_lr=0.2, total_steps=steps)
    elif variant == "OneCycleLR, Adam beta1":
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        scheduler = OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = CyclicLR(optimizer, base_lr=0.01, max_lr=0.2, step_size_up=50)

    losses, lrs, momenta = [], [], []
    for step in range(steps):
        group = optimizer.param_groups[0]
        lrs.append(group["lr"])
        momenta.append(group["betas"][0] if "betas" in group else group["momentum"])
        batch = slice(step * BATCH % len(x), step * BATCH % len(x) + BATCH)
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "momentum": momenta,
        "loss": losses,
    }


if __name__ == "__main__":
    variants = ["OneCycleLR, SGD momentum", "OneCycleLR, Adam beta1", "CyclicLR, SGD momentum"]
    record(__file__, train, variants)
