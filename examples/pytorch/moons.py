"""Two interleaving half circles with noise, and a small classifier for them."""

import numpy as np
import torch
from torch import nn


def moons(points: int, noise: float, seed: int, dtype: torch.dtype):
    """The points, of shape (points, 2), in random order, and their labels, 0 or 1."""
    random = np.random.RandomState(seed)
    angle = np.pi * np.linspace(0, 1, points // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.concatenate([upper, lower]) + noise * random.standard_normal((points, 2))
    y = np.repeat([0, 1], points // 2)
    order = random.permutation(points)
    return torch.tensor(x[order], dtype=dtype), torch.tensor(y[order])


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 16)
        self.fc2 = nn.Linear(16, 16)
        self.fc3 = nn.Linear(16, 2)

    def forward(self, x):
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))


def classifier(seed: int, dtype: torch.dtype) -> Classifier:
    torch.manual_seed(seed)
    return Classifier().to(dtype)
