"""Gradient descent on a schedule's own hyperparameters, through whole trainings of SquareNet.

A schedule is a pytree of its numbers, and so is its gradient: `jax.grad` of the validation loss
after a training, with respect to the schedule, is a schedule whose fields are derivatives. Optax's
Adam uses it to improve poor starting values. (The held-out points are validation data here: after
tuning on them, test on other data.)

The length of a warm-up can be learned if the rate is continuous in it, as in OneCycleLR's
`pct_start`. LinearLR's `total_iters` has a derivative only between integers: PyTorch's line ends at
the last integer step, so the rate jumps at integer lengths. SequentialLR's milestones are integers,
and have no derivative.

python examples/tune_schedule.py
"""

import argparse
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
from flax import nnx
from jax.scipy.special import expit, logit
from recorded import copy_parameters, load
from rich.console import Console
from rich.progress import track
from rich.table import Table
from squarenet import SquareNet

import jaxsched

matplotlib.use("Agg")
import matplotlib.pyplot as plt

EPOCHS = 200  # of ten steps
LAST = 10  # epochs over which the validation loss is averaged, as a single epoch is noisy
HYPER_STEPS = 75

STARTS = [
    jaxsched.ExponentialLR(0.004, gamma=0.98),
    jaxsched.CosineAnnealingLR(0.002, T_max=EPOCHS, eta_min=0.0005),
    jaxsched.OneCycleLR(0.004, total_steps=EPOCHS, pct_start=0.3),
]

# The hyperparameters to tune: maps to unbounded numbers, and back.
UNBOUNDED = {
    "lr": (jnp.log, jnp.exp),
    "eta_min": (jnp.log, jnp.exp),
    "max_lr": (jnp.log, jnp.exp),
    "gamma": (logit, expit),
    "pct_start": (logit, expit),
}


def unbounded(schedule: jaxsched.Schedule):
    """The hyperparameters to tune, as unbounded numbers; None in place of all others."""

    def leaf(path, value):
        known = UNBOUNDED.get(path[-1].name)
        return known and known[0](jnp.asarray(value, float))

    return jax.tree_util.tree_map_with_path(leaf, schedule)


def bounded(numbers, schedule: jaxsched.Schedule) -> jaxsched.Schedule:
    """The inverse of `unbounded`; `schedule` has the other hyperparameters."""

    def leaf(path, value, number):
        return value if number is None else UNBOUNDED[path[-1].name][1](number)

    return jax.tree_util.tree_map_with_path(leaf, schedule, numbers)


def train(schedule: jaxsched.Schedule, epochs: int):
    """Trains with Adam, a step per sample; returns training and validation loss of each epoch."""
    run = next(run for run in load("squarenet") if run.dtype == jnp.result_type(float))
    x, y, held_out = (jnp.asarray(run["data"][name]) for name in ("x", "y", "held_out"))
    graph, params = nnx.split(copy_parameters(SquareNet, run.dtype, run["initial"]))
    # One vector instead of ten small arrays makes a smaller program, and a faster one.
    optimizer = optax.flatten(optax.adam(jaxsched.per_epoch(schedule, steps_per_epoch=len(x))))

    def loss_fn(params, x, y):
        return jnp.sum((nnx.merge(graph, params)(x) - y) ** 2)

    def sample_step(carry, sample):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, *sample)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    # The gradient needs all intermediate values in reverse order. `checkpoint` keeps only those at
    # the start of each epoch and recomputes its steps, so that memory grows with the epochs only.
    @jax.checkpoint
    def epoch(carry, _):
        carry, losses = jax.lax.scan(sample_step, carry, (x, y))
        return carry, (jnp.sum(losses), loss_fn(carry[0], held_out, held_out**2))

    return jax.lax.scan(epoch, (params, optimizer.init(params)), length=epochs)[1]


def hyper_loss(numbers, schedule: jaxsched.Schedule, epochs: int = EPOCHS):
    """The logarithm of the final validation loss, which falls by orders of magnitude; and both
    losses of each epoch."""
    losses, validation = train(bounded(numbers, schedule), epochs)
    return jnp.log(jnp.mean(validation[-LAST:])), (losses, validation)


def tune(schedule: jaxsched.Schedule, steps: int, epochs: int = EPOCHS):
    """Returns, for the start and each of `steps` hyper-steps: the schedule, its gradient in
    unbounded numbers, and the training and validation loss of each epoch."""
    # Clipped, as the gradient is huge where a small change leads to a different outcome.
    adam = optax.adam(jaxsched.CosineAnnealingLR(0.06, T_max=steps), b2=0.99)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), adam)

    @jax.jit
    def hyper_step(numbers, opt_state):
        (_, losses), gradient = jax.value_and_grad(hyper_loss, has_aux=True)(
            numbers, schedule, epochs
        )
        updates, opt_state = optimizer.update(gradient, opt_state, numbers)
        came_to = bounded(numbers, schedule), gradient, *losses
        return optax.apply_updates(numbers, updates), opt_state, came_to

    numbers = unbounded(schedule)
    opt_state = optimizer.init(numbers)
    history = []
    name, quiet = type(schedule).__name__, not sys.stdout.isatty()
    for _ in track(range(steps + 1), name, transient=True, disable=quiet):
        numbers, opt_state, came_to = hyper_step(numbers, opt_state)
        history.append(jax.device_get(came_to))
    return history


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=HYPER_STEPS, help="the number of hyper-steps")
    parser.add_argument("--picture", type=Path, default="tune_schedule.png", metavar="PNG")
    options = parser.parse_args(arguments)
    if options.steps < 1:
        parser.error(f"--steps must be from 1 up, got {options.steps}")

    console = Console(width=120)
    table = Table("", "", "start", "tuned", "at hyper-step", title="tune_schedule")
    figure, axes = plt.subplots(1, 4, figsize=(19.2, 4.2), layout="constrained")
    for number, start in enumerate(STARTS):
        history = tune(start, options.steps)
        if not number:
            gradient = jax.tree.map(lambda x: float(f"{x:.2g}"), history[0][1])
            console.print(f"The first gradient of {start} is a schedule itself: {gradient}")
        outcomes = np.array([np.mean(validation[-LAST:]) for *_, validation in history])
        best = int(np.nanargmin(outcomes))  # A training may diverge.
        add_rows(table, start, history[best][0], outcomes, best)
        draw(axes, start, history, outcomes, best, color=f"C{number}")
    console.print(table)
    titles = ["learning rate", "training loss", "validation loss"]
    titles.append(f"validation loss, mean of the last {LAST} epochs")
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    for axis in axes[1:]:
        axis.set_yscale("log")
    axes[-1].set_xlabel("hyper-step")
    axes[0].plot([], "--", color="0.4", label="start")
    axes[0].plot([], color="0.4", label="tuned")
    figure.legend(loc="outside lower center", ncols=5)
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.picture, dpi=75)
    plt.close(figure)
    console.print(f"Picture: {options.picture}", soft_wrap=True)


def add_rows(table: Table, start, tuned, outcomes, best: int) -> None:
    """Adds a row for each tuned hyperparameter, and one for the validation loss."""
    name = type(start).__name__
    for field in UNBOUNDED:
        if hasattr(start, field):
            values = [f"{getattr(schedule, field):.4g}" for schedule in (start, tuned)]
            table.add_row(name, field, *values)
            name = ""
    figures = [f"{outcomes[step]:.3g}" for step in (0, best)]
    table.add_row("", "validation loss", *figures, str(best), end_section=True)


def draw(axes, start, history, outcomes, best: int, color: str) -> None:
    """Draws rates and losses of the first training (dashed) and the best one, and all outcomes."""
    for style, (schedule, _, *losses) in (("--", history[0]), ("-", history[best])):
        for axis, values in zip(axes, [schedule(np.arange(EPOCHS)), *losses], strict=False):
            axis.plot(values, style, color=color, lw=1)
    axes[-1].plot(outcomes, color=color, lw=1, label=type(start).__name__)
    axes[-1].plot(best, outcomes[best], "o", color=color, mfc="none")


if __name__ == "__main__":
    main()
