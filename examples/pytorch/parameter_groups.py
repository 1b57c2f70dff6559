"""Fine-tuning in PyTorch: a slow backbone, a fast head. In JAX: ../parameter_groups.py

python examples/pytorch/parameter_groups.py     # writes parameter_groups.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

EPOCHS, BATCH, ACCUMULATED = 40, 20, 2


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(200, noise=0.15, seed=4, dtype=dtype)
    model = classifier(seed=4, dtype=dtype)
    initial = parameters(model)
    backbone = [*model.fc1.parameters(), *model.fc2.parameters()]
    optimizer = torch.optim.SGD(
        [{"params": backbone, "lr": 0.05}, {"params": model.fc3.parameters(), "lr": 0.5}],
        lr=0.1,
        momentum=0.9,
    )
    scheduler = LambdaLR(optimizer, [lambda epoch: 0.95**epoch, lambda epoch: 1 / (1 + epoch)])
    every = ACCUMULATED if variant == "accumulated" else 1
    losses, lrs = [], []
    for _ in range(EPOCHS):
        batches = range(0, len(x), BATCH)
        for number, start in enumerate(batches):
            lrs.append([group["lr"] for group in optimizer.param_groups])
            batch = slice(start, start + BATCH)
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            (loss / every).backward()
            if (number + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
            losses.append(loss.item())
        scheduler.step()
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
    }


if __name__ == "__main__":
    record(__file__, train, ["every batch", "accumulated"])
