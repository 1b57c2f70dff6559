"""A whole training script to copy: data files, epochs, validation, a log, checkpoints, a picture.

Run the same command again after the run was killed, with the same `--epochs`: it resumes from the
last checkpoint and ends with the same bits. In PyTorch: pytorch/train.py

python examples/train.py --folder spirals
"""

import argparse
import csv
from pathlib import Path

import jax
import matplotlib
import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx
from rich.progress import Progress

import jaxsched

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
    """The points and labels of one part, read from the disk when they are indexed."""
    return [np.load(folder / f"{name}_{what}.npy", mmap_mode="r") for what in "xy"]


def batches(x, y, epoch: int):
    """All points in random order. The epoch is the seed: a resumed run sees the same batches."""
    order = np.random.RandomState(epoch).permutation(len(x))
    for start in range(0, len(x) - BATCH + 1, BATCH):  # A smaller last batch is dropped.
        chosen = order[start : start + BATCH]
        yield x[chosen], y[chosen]


class Model(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.fc1, self.norm1 = nnx.Linear(2, 32, rngs=rngs), layer_norm(32, rngs)
        self.fc2, self.norm2 = nnx.Linear(32, 32, rngs=rngs), layer_norm(32, rngs)
        self.head = nnx.Linear(32, 3, rngs=rngs)

    def __call__(self, x):
        x = jax.nn.gelu(self.norm1(self.fc1(x)), approximate=False)
        x = jax.nn.gelu(self.norm2(self.fc2(x)), approximate=False)
        return self.head(x)


def layer_norm(width: int, rngs: nnx.Rngs):
    """PyTorch's."""
    return nnx.LayerNorm(width, epsilon=1e-5, use_fast_variance=False, rngs=rngs)


def make_schedule(updates: int) -> jaxsched.Schedule:
    """Linear warm-up over a tenth of all updates, then a cosine to 0."""
    warmup = updates // 10
    return jaxsched.SequentialLR(
        [
            jaxsched.LinearLR(LR, start_factor=0.01, total_iters=warmup),
            jaxsched.CosineAnnealingLR(LR, T_max=updates - warmup),
        ],
        milestones=[warmup],
    )


def is_decayed(params):
    """Matrices are, biases and normalizations are not."""
    return jax.tree.map(lambda param: param.ndim > 1, params)


@optax.inject_hyperparams  # keeps the rate in the optimizer's state, where `log_rates` reads it
def adamw(learning_rate):
    return optax.adamw(learning_rate, weight_decay=WEIGHT_DECAY, mask=is_decayed)


def loss_fn(model: Model, x, y):
    logits = model(x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits


@nnx.jit
def train_step(model: Model, optimizer: nnx.Optimizer, x, y):
    (loss, _), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model, x, y)
    optimizer.update(model, grads)
    return loss


@nnx.jit
def validate(model: Model, x, y):
    loss, logits = loss_fn(model, x, y)
    return loss, (logits.argmax(axis=-1) == y).mean()


def train(model: Model, folder: Path, epochs: int) -> None:
    """Trains the model in place; goes on from the last checkpoint in the folder."""
    if not (folder / "data").exists():
        make_data(folder / "data")
    x, y = load_data(folder / "data", "train")
    held_out = load_data(folder / "data", "validation")
    updates_per_epoch = len(x) // BATCH
    updates = updates_per_epoch * epochs
    # There is no scheduler to step: the optimizer counts its updates.
    optimizer = nnx.Optimizer(model, adamw(learning_rate=make_schedule(updates)), wrt=nnx.Param)

    first_epoch = 0
    checkpoints = ocp.CheckpointManager(
        (folder / "checkpoints").resolve(), options=ocp.CheckpointManagerOptions(max_to_keep=2)
    )
    if (saved := checkpoints.latest_step()) is not None:
        state = {"model": nnx.state(model), "optimizer": nnx.state(optimizer)}
        state = checkpoints.restore(saved, args=ocp.args.StandardRestore(state))
        nnx.update(model, state["model"])
        nnx.update(optimizer, state["optimizer"])
        first_epoch = saved + 1

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
                loss = train_step(model, optimizer, batch_x, batch_y)
                row = {"update": epoch * updates_per_epoch + len(rows), "epoch": epoch}
                rows.append(row | {"loss": float(loss)} | jaxsched.log_rates(optimizer))
                bar.update(task, advance=1, description=f"epoch {epoch}, loss {loss:.4f}")
            loss, accuracy = map(float, validate(model, *held_out))
            rows[-1] |= {"validation_loss": loss, "accuracy": accuracy}
            bar.print(f"epoch {epoch}: validation loss {loss:.4f}, accuracy {accuracy:.3f}")
            log.writerows(rows)
            file.flush()  # The log is at no time behind the checkpoints.
            state = {"model": nnx.state(model), "optimizer": nnx.state(optimizer)}
            checkpoints.save(epoch, args=ocp.args.StandardSave(state))
    checkpoints.close()


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
    parser.add_argument("--folder", type=Path, default="train", help="of data, log, checkpoints")
    parser.add_argument("--epochs", type=int, default=10, help="the same when it resumes")
    options = parser.parse_args(arguments)
    train(Model(nnx.Rngs(0)), options.folder, options.epochs)
    draw(options.folder)
    print(f"Log, checkpoints and picture: {options.folder}")


if __name__ == "__main__":
    main()
