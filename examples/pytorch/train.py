"""A whole training script to copy: data files, epochs, validation, a log, checkpoints, a picture.

Run the same command again after the run was killed, with the same `--epochs`: it resumes from the
last checkpoint and ends with the same bits. In JAX: ../train.py

python examples/pytorch/train.py --folder spirals
"""

import argparse
import csv
import os
from pathlib import Path

import matplotlib
import numpy as np
import torch
from rich.progress import Progress
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LR, WEIGHT_DECAY, BATCH = 0.01, 0.01, 40
COLUMNS = ["update", "epoch", "loss", "lr", "validation_loss", "accuracy"]


def make_data(folder: Path) -> None:
    """Writes the points of three spiral arms. Put arrays of your own in their place."""
    random = np.random.RandomState(0)
    arm, radius = random.randint(3, size=1500), random.uniform(0.1, 1, size=1500)
    angle = 2 * np.pi * (arm / 3 + radius) + random.normal(scale=0.3, size=1500)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
    y = arm.astype(np.int32)
    unfinished = folder.with_suffix(".part")  # A run that is killed here leaves no half of them.
    unfinished.mkdir(parents=True, exist_ok=True)
    for name, part in {"train": slice(1200), "validation": slice(1200, None)}.items():
        np.save(unfinished / f"{name}_x.npy", x[part])
        np.save(unfinished / f"{name}_y.npy", y[part])
    unfinished.rename(folder)


def load_data(folder: Path, name: str):
    """The points and labels of one part."""
    x, y = (torch.tensor(np.load(folder / f"{name}_{what}.npy")) for what in "xy")
    return x, y.long()


def batches(x, y, epoch: int):
    """All points in random order. The epoch is the seed: a resumed run sees the same batches."""
    order = np.random.RandomState(epoch).permutation(len(x))
    return DataLoader(TensorDataset(x, y), BATCH, sampler=order, drop_last=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.norm1 = nn.Linear(2, 32), nn.LayerNorm(32)
        self.fc2, self.norm2 = nn.Linear(32, 32), nn.LayerNorm(32)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        x = nn.functional.gelu(self.norm1(self.fc1(x)))
        x = nn.functional.gelu(self.norm2(self.fc2(x)))
        return self.head(x)


def make_scheduler(optimizer, updates: int):
    """Linear warm-up over a tenth of all updates, then a cosine to 0."""
    warmup = updates // 10
    return SequentialLR(
        optimizer,
        [
            LinearLR(optimizer, start_factor=0.01, total_iters=warmup),
            CosineAnnealingLR(optimizer, T_max=updates - warmup),
        ],
        milestones=[warmup],
    )


def adamw(model: Model):
    """Matrices are decayed, biases and normalizations are not."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=LR)


def train_step(model: Model, optimizer, scheduler, x, y):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    return loss


@torch.no_grad()
def validate(model: Model, x, y):
    logits = model(x)
    return nn.functional.cross_entropy(logits, y), (logits.argmax(-1) == y).to(x.dtype).mean()


def train(model: Model, folder: Path, epochs: int) -> None:
    """Trains the model in place; goes on from the last checkpoint in the folder."""
    if not (folder / "data").exists():
        make_data(folder / "data")
    x, y = load_data(folder / "data", "train")
    held_out = load_data(folder / "data", "validation")
    updates_per_epoch = len(x) // BATCH
    updates = updates_per_epoch * epochs
    optimizer = adamw(model)
    scheduler = make_scheduler(optimizer, updates)

    first_epoch = 0
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        first_epoch = state["epoch"] + 1

    done = first_epoch * updates_per_epoch
    if done:
        keep_rows(folder / "log.csv", done)
    with open(folder / "log.csv", "a" if done else "w", newline="") as file, Progress() as bar:
        log = csv.DictWriter(file, COLUMNS)
        if not done:
            log.writeheader()
        task = bar.add_task("", total=updates, completed=done)
        for epoch in range(first_epoch, epochs):
            rows = []
            for batch_x, batch_y in batches(x, y, epoch):
                lr = scheduler.get_last_lr()[0]
                loss = train_step(model, optimizer, scheduler, batch_x, batch_y).item()
                row = {"update": epoch * updates_per_epoch + len(rows), "epoch": epoch}
                rows.append(row | {"loss": loss, "lr": lr})
                bar.update(task, advance=1, description=f"epoch {epoch}, loss {loss:.4f}")
            loss, accuracy = map(float, validate(model, *held_out))
            rows[-1] |= {"validation_loss": loss, "accuracy": accuracy}
            bar.print(f"epoch {epoch}: validation loss {loss:.4f}, accuracy {accuracy:.3f}")
            log.writerows(rows)
            file.flush()  # The log is at no time behind the checkpoints.
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"scheduler": scheduler.state_dict(), "epoch": epoch}
            torch.save(state, checkpoint.with_suffix(".part"))
            os.replace(checkpoint.with_suffix(".part"), checkpoint)


def keep_rows(path: Path, updates: int) -> None:
    """Removes what a killed run has logged after its last checkpoint."""
    with open(path, "r+", newline="") as file:
        for _ in range(updates + 1):  # with the header
            file.readline()
        file.truncate(file.tell())


def draw(folder: Path) -> None:
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    validated = [row for row in rows if row["validation_loss"]]
    figure, (losses, rates) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    for axis, column, shown, color, label in [
        (losses, "loss", rows, "0.7", "of each batch"),
        (losses, "validation_loss", validated, "C0", "validation, after each epoch"),
        (rates, "lr", rows, "C0", ""),
    ]:
        points = [int(row["update"]) for row in shown], [float(row[column]) for row in shown]
        axis.plot(*points, color=color, label=label)
    losses.set(xlabel="update", yscale="log", title="loss")
    losses.legend()
    rates.set(xlabel="update", title="learning rate")
    figure.savefig(folder / "train.png", dpi=80)
    plt.close(figure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default="train_pytorch", help="of data and log")
    parser.add_argument("--epochs", type=int, default=10, help="the same when it resumes")
    options = parser.parse_args(arguments)
    torch.manual_seed(0)
    train(Model(), options.folder, options.epochs)
    draw(options.folder)
    print(f"Log, checkpoint and picture: {options.folder}")


if __name__ == "__main__":
    main()
