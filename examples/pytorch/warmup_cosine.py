"""Warm-up, then cosine, with AdamW, in PyTorch. In JAX: ../warmup_cosine.py

python examples/pytorch/warmup_cosine.py     # writes warmup_cosine.npz
"""

import torch
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, CosineAnnealingLR, LinearLR, SequentialLR

STEPS, WARMUP, BATCH = 400, 40, 20


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(200, noise=0.15, seed=3, dtype=dtype)
    model = classifier(seed=3, dtype=dtype)
    initial = parameters(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.01)
    warmup = LinearLR(optimizer, start_factor=0.01, total_iters=WARMUP)
    if variant == "SequentialLR":
        cosine = CosineAnnealingLR(optimizer, T_max=STEPS - WARMUP)
        scheduler = SequentialLR(optimizer, [warmup, cosine], milestones=[WARMUP])
    else:
        cosine = CosineAnnealingLR(optimizer, T_max=STEPS)
        scheduler = ChainedScheduler([warmup, cosine])
    losses, lrs = [], []
    for step in range(STEPS):
        lrs.append(optimizer.param_groups[0]["lr"])
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
        "loss": losses,
    }


if __name__ == "__main__":
    record(__file__, train, ["SequentialLR", "ChainedScheduler"])
