"""A run that is killed and resumed from an Orbax checkpoint: bit for bit the uninterrupted one.

Schedules have no state of their own: what they need, and what a plateau remembers, is in Optax's
state. For each of three optimizers a process trains, saves, and kills itself on the way; another
one finds the checkpoint and goes on.

python examples/resume.py
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax
import orbax.checkpoint as ocp
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import load
from rich.console import Console
from rich.progress import track
from rich.table import Table

import jaxsched

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STEPS, EPOCH, BATCH = 300, 10, 20
SAVED_EVERY, KILLED_AT = 50, 220

CYCLE = jaxsched.OneCycleLR(max_lr=0.2, total_steps=STEPS)
WARMUP = jaxsched.LinearLR(0.1, start_factor=0.1, total_iters=30)
PLATEAU = jaxsched.ReduceLROnPlateau(WARMUP, factor=0.5, patience=60, threshold=0.5)
sgd, adam = optax.inject_hyperparams(optax.sgd), optax.inject_hyperparams(optax.adam)
OPTIMIZERS = {
    "CosineAnnealingLR, Adam": adam(jaxsched.CosineAnnealingLR(0.01, T_max=STEPS)),
    "OneCycleLR, cycling momentum": sgd(CYCLE, momentum=CYCLE.momentum),
    "warm-up, ReduceLROnPlateau": sgd(PLATEAU, momentum=0.9),
}


def train(optimizer, directory: Path | None = None, killed_at: int | None = None):
    """Returns the loss and the rate of each step, of this process and those before it.

    Saves into `directory`, and goes on from what is there.
    """
    data = load("one_cycle")[0]["data"]
    xs, ys = np.resize(data["x"], (STEPS, BATCH, 2)), np.resize(data["y"], (STEPS, BATCH))
    graph, params = nnx.split(Classifier("float32", nnx.Rngs(0)))

    def step(carry, batch):
        params, opt_state = carry
        x, y = batch
        loss, grads = jax.value_and_grad(
            lambda params: cross_entropy(nnx.merge(graph, params)(x), y)
        )(params)
        updates, opt_state = optimizer.update(grads, opt_state, params, value=loss)
        params = optax.apply_updates(params, updates)
        return (params, opt_state), (loss, jaxsched.current_lr(opt_state))

    @jax.jit
    def steps(carry, xs, ys):
        return jax.lax.scan(step, carry, (xs, ys))

    state = {
        "params": params,
        "opt_state": optimizer.init(params),
        "history": [jnp.zeros(STEPS), jnp.zeros(STEPS)],
    }
    start = 0
    if directory:
        options = ocp.CheckpointManagerOptions(enable_async_checkpointing=False)
        checkpoints = ocp.CheckpointManager(directory, options=options)
        if (saved := checkpoints.latest_step()) is not None:
            start, state = saved, checkpoints.restore(saved, args=ocp.args.StandardRestore(state))
    for first in range(start, STEPS, SAVED_EVERY):
        now = slice(first, first + SAVED_EVERY)
        carry, made = steps((state["params"], state["opt_state"]), xs[now], ys[now])
        if killed_at in range(first, first + SAVED_EVERY):
            os.kill(os.getpid(), signal.SIGKILL)  # What came after the last checkpoint is lost.
        history = [old.at[now].set(new) for old, new in zip(state["history"], made, strict=True)]
        state = {"params": carry[0], "opt_state": carry[1], "history": history}
        if directory:
            checkpoints.save(now.stop, args=ocp.args.StandardSave(state))
    return [np.asarray(values) for values in state["history"]]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, default="resume.png", metavar="PNG")
    parser.add_argument("--train", choices=OPTIMIZERS, help="only train, in --directory")
    parser.add_argument("--directory", type=Path, help="where the checkpoints are")
    parser.add_argument("--kill", action="store_true", help=f"be killed at step {KILLED_AT}")
    options = parser.parse_args(arguments)
    if options.train:
        killed_at = KILLED_AT if options.kill else None
        losses, rates = train(OPTIMIZERS[options.train], options.directory, killed_at)
        np.savez(options.directory / "history.npz", losses=losses, rates=rates)
        return

    console = Console(width=120)
    table = Table("", "killed at", "went on from", "last loss", "losses", "rates", title="resume")
    names = track(OPTIMIZERS, "three trainings, half a minute", disable=not sys.stdout.isatty())
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for color, name in zip(("C0", "C1", "C2"), names, strict=False):
        with tempfile.TemporaryDirectory() as directory:
            command = [sys.executable, __file__, "--train", name, "--directory", directory]
            killed = subprocess.run([*command, "--kill"])
            assert killed.returncode == -signal.SIGKILL, f"{name} was to be killed"
            saved = ocp.CheckpointManager(directory).latest_step()
            subprocess.run(command, check=True)
            with np.load(Path(directory) / "history.npz") as history:
                resumed = history["losses"], history["rates"]
        uninterrupted = train(OPTIMIZERS[name])
        for what, ours, theirs in zip(("losses", "rates"), resumed, uninterrupted, strict=True):
            assert ours.tobytes() == theirs.tobytes(), f"{name}: the {what} differ"
            assert len(set(ours[saved:])) > 1, f"{name}: the {what} no longer change"
        table.add_row(name, str(KILLED_AT), str(saved), f"{resumed[0][-1]:.6g}", *["same bits"] * 2)
        for axis, ours, theirs in zip(axes, resumed, uninterrupted, strict=True):
            epochs, means = np.arange(0, STEPS, EPOCH), (-1, EPOCH)
            axis.plot(epochs, theirs.reshape(means).mean(axis=1), color=color, lw=1, label=name)
            axis.plot(epochs, ours.reshape(means).mean(axis=1), "o", color=color, ms=4, mfc="none")
            axis.axvline(saved, color="0.8", zorder=0)
    console.print(table)
    for axis, what in zip(axes, ("loss", "learning rate"), strict=True):
        axis.set_title(
            f"{what} of each epoch (lines: uninterrupted, circles: resumed)", fontsize=10
        )
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axes[0].set_yscale("log")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(options.picture, dpi=75)
    console.print("Picture:", options.picture)


if __name__ == "__main__":
    main()
