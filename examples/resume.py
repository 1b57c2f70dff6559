"""A run that is killed and resumed from an Orbax checkpoint has the bits of an uninterrupted one.

Schedules have no state: the count, and the state of a plateau, are in Optax's state. For each of
three optimizers a process trains, saves checkpoints, and kills itself before the end; another
process resumes from the last checkpoint.

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
    """Returns the loss and the rate of each step, also of the steps before a restart.

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
            os.kill(os.getpid(), signal.SIGKILL)  # Steps after the last checkpoint are lost.
        history = [old.at[now].set(new) for old, new in zip(state["history"], made, strict=True)]
        state = {"params": carry[0], "opt_state": carry[1], "history": history}
        if directory:
            checkpoints.save(now.stop, args=ocp.args.StandardSave(state))
    return [np.asarray(values) for values in state["history"]]


def kill_and_resume():
    """Returns, for each optimizer, the last saved step, and losses and rates of all steps."""
    found = {}
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, __file__, "--directory", directory, "--train"]
        killed = {name: subprocess.Popen([*command, name, "--kill"]) for name in OPTIMIZERS}
        for name, process in killed.items():
            assert process.wait() == -signal.SIGKILL, f"{name} was to be killed"
            found[name] = ocp.CheckpointManager(Path(directory) / name).latest_step()
        subprocess.run([*command, *OPTIMIZERS], check=True)
        for name, saved in found.items():
            with np.load(Path(directory) / name / "history.npz") as history:
                found[name] = saved, (history["losses"], history["rates"])
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, default="resume.png", metavar="PNG")
    parser.add_argument("--train", nargs="+", choices=OPTIMIZERS, help="only train these")
    parser.add_argument("--directory", type=Path, help="where the checkpoints are")
    parser.add_argument("--kill", action="store_true", help=f"be killed at step {KILLED_AT}")
    options = parser.parse_args(arguments)
    if options.train:
        for name in options.train:
            directory, killed_at = options.directory / name, KILLED_AT if options.kill else None
            losses, rates = train(OPTIMIZERS[name], directory, killed_at)
            np.savez(directory / "history.npz", losses=losses, rates=rates)
        return

    console = Console(width=120)
    table = Table("", "killed at", "went on from", "last loss", "losses", "rates", title="resume")
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    with console.status("three trainings, killed and resumed: half a minute"):
        found = kill_and_resume()
    for color, (name, (saved, resumed)) in zip(("C0", "C1", "C2"), found.items(), strict=True):
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
