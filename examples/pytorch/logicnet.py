"""LogicNet in PyTorch: tells two moons apart. In JAX: ../logicnet.py

python examples/pytorch/logicnet.py     # writes logicnet.npz
"""

import torch
from moons import moons
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import StepLR

EPOCHS = 1000


class LogicNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 3)
        self.fc2 = nn.Linear(3, 2)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(20, noise=0.2, seed=0, dtype=dtype)
    torch.manual_seed(0)
    model = LogicNet().to(dtype)
    initial = parameters(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = StepLR(optimizer, step_size=50, gamma=0.99)
    losses, lrs = [], []
    for i in range(EPOCHS):
        lrs.append(optimizer.param_groups[0]["lr"])
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if variant == "StepLR":
            scheduler.step()
        elif i % 50 == 0:
            for group in optimizer.param_groups:
                group["lr"] *= 0.99
        losses.append(loss.item())

    with torch.no_grad():
        prediction = torch.argmax(torch.softmax(model(x), dim=-1), dim=-1)
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
        "accuracy": (prediction == y).double().mean(),
    }


if __name__ == "__main__":
    record(__file__, train, ["by hand", "StepLR"])
