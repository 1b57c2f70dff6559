"""SquareNet in PyTorch: learns y = x ** 2 from ten points. In JAX: ../squarenet.py

python examples/pytorch/squarenet.py     # writes squarenet.npz
"""

import torch
from recorder import parameters, record
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR

EPOCHS = 2000

VARIANTS = {  # the initial rate, and the scheduler
    "cosine": (0.001, lambda optimizer: CosineAnnealingLR(optimizer, T_max=200)),
    "exponential .99995": (0.0005, lambda optimizer: ExponentialLR(optimizer, gamma=0.99995)),
    "exponential .999": (0.0005, lambda optimizer: ExponentialLR(optimizer, gamma=0.999)),
    "constant": (0.0005, None),
}


class SquareNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(1, 3)
        self.fc2 = nn.Linear(3, 5)
        self.fc3 = nn.Linear(5, 10)
        self.fc4 = nn.Linear(10, 5)
        self.fc5 = nn.Linear(5, 1)

    def forward(self, x):
        for layer in (self.fc1, self.fc2, self.fc3, self.fc4):
            x = torch.sigmoid(layer(x))
        return torch.relu(self.fc5(x))


def fit(model: SquareNet, variant: str, x, y) -> tuple[list[float], list[float]]:
    """Trains it, and returns the rate and the loss of each epoch."""
    lr, make_scheduler = VARIANTS[variant]
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    losses, lrs = [], []
    for _ in range(EPOCHS):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        epoch_losses = []
        for sample, target in zip(x, y, strict=True):
            loss = nn.functional.mse_loss(model(sample), target)
            loss.backward()
            optimizer.step()  # on the gradient accumulated so far in the epoch
            epoch_losses.append(loss.item())
        if scheduler:
            scheduler.step()
        losses.append(sum(epoch_losses))
    return lrs, losses


def train(variant: str, dtype: torch.dtype) -> dict:
    x = torch.tensor([[i / 10] for i in range(1, 11)], dtype=dtype)
    y = x**2
    held_out = torch.tensor([[i / 10 + 0.05] for i in range(1, 10)], dtype=dtype)

    torch.manual_seed(25)
    model = SquareNet().to(dtype)
    initial = parameters(model)
    lrs, losses = fit(model, variant, x, y)
    with torch.no_grad():
        validation = ((model(held_out) - held_out**2) ** 2).sum()

    neighbour = SquareNet().to(dtype)
    neighbour.load_state_dict(initial)
    with torch.no_grad():  # the next number, in one of 147 parameters
        weight = neighbour.fc1.weight[0]
        weight.copy_(torch.nextafter(weight, weight + 1))
    return {
        "data": {"x": x, "y": y, "held_out": held_out},
        "initial": initial,
        "final": parameters(model),
        "lr": lrs,
        "loss": losses,
        "validation": validation,
        "loss, one bit changed": fit(neighbour, variant, x, y)[1],
    }


if __name__ == "__main__":
    record(__file__, train, VARIANTS)
