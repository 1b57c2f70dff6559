"""SquareNet trained with hundreds of schedules, to find the best family and hyperparameters.

Each family of schedulers is a grid of 100 candidates, and one compiled program. `jaxsched.stack`
makes one batched schedule of them, `vmap` trains all of them at once, and a sharding distributes
them over all devices. The rates have the same bits as those of each candidate trained alone; on a
CPU, so do the losses.

python examples/sweep.py                # on all devices
python examples/sweep.py --devices 8    # with the CPU as eight devices
"""

import argparse
import functools
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from recorded import copy_parameters, load
from rich.console import Console
from rich.progress import track
from rich.table import Table
from squarenet import SquareNet

import jaxsched

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import LogNorm

EPOCHS = 300
LEARNING_RATES = [0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1]


def warmup_cosine(lr, length):
    warmup = jaxsched.LinearLR(lr, start_factor=0.1, total_iters=length)
    cosine = jaxsched.CosineAnnealingLR(lr, T_max=EPOCHS - length)
    return jaxsched.SequentialLR([warmup, cosine], milestones=[length])


FAMILIES = {  # each is a grid over learning rates and one other hyperparameter
    "ExponentialLR": (
        "gamma",
        [0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.999, 1.0],
        jaxsched.ExponentialLR,
    ),
    "StepLR, gamma=0.5": (
        "step_size",
        [10, 20, 30, 40, 50, 75, 100, 150, 200, 300],
        functools.partial(jaxsched.StepLR, gamma=0.5),
    ),
    "PolynomialLR": (
        "power",
        [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0],
        lambda lr, power: jaxsched.PolynomialLR(lr, total_iters=EPOCHS, power=power),
    ),
    "CosineAnnealingLR": (
        "T_max",
        [10, 20, 50, 75, 100, 150, 200, 300, 450, 600],
        jaxsched.CosineAnnealingLR,
    ),
    "LinearLR, then CosineAnnealingLR": (
        "epochs of warm-up",
        [1, 2, 5, 10, 20, 30, 50, 100, 150, 200],
        warmup_cosine,
    ),
    "OneCycleLR": (
        "pct_start",
        [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9],
        lambda lr, share: jaxsched.OneCycleLR(lr, total_steps=EPOCHS, pct_start=share),
    ),
}


def candidates(family: str) -> list[jaxsched.Schedule]:
    """The grid of a family, row by row; each row has one learning rate."""
    _, values, schedule = FAMILIES[family]
    return [schedule(lr, value) for lr in LEARNING_RATES for value in values]


def train(schedule: jaxsched.Schedule, graph, params, data, epochs: int) -> dict[str, jax.Array]:
    """Returns the validation loss, and the loss and the rate of each step."""
    schedule = jaxsched.per_epoch(schedule, steps_per_epoch=len(data["x"]))
    # With one vector, Adam gets separate kernels. Fused with the gradients, some products and sums
    # are rounded once instead of twice, and not the same ones alone and in a batch.
    optimizer = optax.flatten(optax.inject_hyperparams(optax.adam)(learning_rate=schedule))

    def step(carry, sample):
        params, opt_state = carry
        x, y = sample
        loss, grads = jax.value_and_grad(
            lambda params: jnp.mean((nnx.merge(graph, params)(x) - y) ** 2)
        )(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return (params, opt_state), {"loss": loss, "lr": jaxsched.current_lr(opt_state)}

    def epoch(carry, _):
        return jax.lax.scan(step, carry, (data["x"], data["y"]))

    carry = params, optimizer.init(params)
    (params, _), history = jax.lax.scan(epoch, carry, length=epochs)
    error = nnx.merge(graph, params)(data["held_out"]) - data["held_out"] ** 2
    return {"validation": jnp.sum(error**2)} | jax.tree.map(jnp.ravel, history)


def sweep(train, schedules: list[jaxsched.Schedule], mesh: Mesh) -> dict[str, jax.Array]:
    """`train(schedule)` for all schedules, as one program that is sharded over the devices.

    The last schedule, and its result, is repeated until all devices have equally many.
    """
    missing = -len(schedules) % mesh.size
    batch = jaxsched.stack([*schedules, *[schedules[-1]] * missing])
    batch = jax.device_put(batch, NamedSharding(mesh, P("candidates")))
    return jax.jit(jax.vmap(train))(batch)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=EPOCHS, metavar="N", help="train for N epochs")
    parser.add_argument("--picture", type=Path, default="sweep.png", metavar="PNG")
    parser.add_argument("--devices", type=int, metavar="N", help="use the CPU as N devices")
    options = parser.parse_args(arguments)
    if not 1 <= options.steps <= EPOCHS:
        parser.error(f"--steps must be from 1 to {EPOCHS}, got {options.steps}")
    if options.devices:
        jax.config.update("jax_num_cpu_devices", options.devices)

    run = load("squarenet")[0]
    graph, params = nnx.split(copy_parameters(SquareNet, run.dtype, run["initial"]))
    train_one = functools.partial(
        train, graph=graph, params=params, data=run["data"], epochs=options.steps
    )
    mesh = Mesh(jax.devices(), "candidates")
    start, results = time.perf_counter(), {}
    for family in track(FAMILIES, "sweep", transient=True, disable=not sys.stdout.isatty()):
        schedules = candidates(family)
        result = sweep(train_one, schedules, mesh)
        results[family] = np.asarray(result["validation"])[: len(schedules)]
    seconds = time.perf_counter() - start

    console = Console(width=140)
    console.print(ranking(results))
    draw(options.picture, results)
    number = sum(len(losses) for losses in results.values())
    console.print(f"{number} candidates, devices: {mesh.size}, seconds: {seconds:.0f}")
    console.print(f"Picture: {options.picture}", soft_wrap=True)


def ranking(results: dict[str, np.ndarray]) -> Table:
    """The ten best candidates, and the best of each family that is not among them."""
    losses = np.concatenate(list(results.values()))
    schedules = [schedule for family in results for schedule in candidates(family)]
    families = [family for family, losses in results.items() for _ in losses]
    table = Table("rank", "schedule, stepped once an epoch", "validation loss", title="sweep")
    seen = set()
    for rank, i in enumerate(np.argsort(losses), start=1):  # NaN comes last
        if rank <= 10 or families[i] not in seen:
            table.add_row(str(rank), repr(schedules[i]), f"{losses[i]:.3g}", end_section=rank == 10)
        seen.add(families[i])
    return table


def draw(path: Path, results: dict[str, np.ndarray]) -> None:
    """The validation loss of each family over its two hyperparameters."""
    losses = np.concatenate(list(results.values()))
    finite = losses[np.isfinite(losses)]
    norm = LogNorm(finite.min(), finite.max())
    figure, axes = plt.subplots(2, 3, figsize=(14.4, 8.4), dpi=75, layout="constrained")
    for axis, (family, losses) in zip(axes.flat, results.items(), strict=True):
        name, values, _ = FAMILIES[family]
        grid = losses.reshape(len(LEARNING_RATES), len(values))
        axis.patch.set(hatch="xx", edgecolor="0.6")  # visible where the loss is not finite
        image = axis.imshow(grid, norm=norm, cmap="viridis_r", origin="lower", aspect="auto")
        row, column = np.unravel_index(np.argsort(losses)[0], grid.shape)  # NaN comes last
        if np.isfinite(grid[row, column]):
            axis.plot(column, row, "*", ms=16, mfc="C3", mec="white")
        axis.set_title(f"{family}: best {grid[row, column]:.2g}", fontsize=10)
        axis.set_xlabel(name)
        axis.set_xticks(range(len(values)), values, fontsize=8)
        axis.set_yticks(range(len(LEARNING_RATES)), LEARNING_RATES, fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("learning rate")
    figure.colorbar(image, ax=axes, label="validation loss", shrink=0.8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    main()
