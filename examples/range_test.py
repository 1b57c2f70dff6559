"""The learning-rate range test of Lightning's `lr_find`, and the trainings that it stands in for.

The first trains once, under a rate that rises until the loss diverges. The other trains under 30
constant rates, all at once. In PyTorch: pytorch/range_test.py

python examples/range_test.py
"""

import argparse
from pathlib import Path

import jax
import matplotlib
import numpy as np
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Run, check_rates, copy_parameters, difference, load
from rich.console import Console
from rich.table import Table

import jaxsched

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LOW, HIGH, UPDATES, BATCH = 1e-4, 10.0, 100, 20
CANDIDATES = np.geomspace(LOW, HIGH, 30)


def range_test(train, low, high, num_updates):
    """The rates and smoothed losses of Lightning's `lr_find`, up to where the loss diverges.

    `train(schedule)` gives the loss of each of `num_updates` updates.
    """
    ramp = jaxsched.Ramp(low, high, num_updates, shape="exponential")
    schedule = jaxsched.join([ramp, jaxsched.skip(ramp, 2)], [1])  # Lightning skips rate 1.
    average, best, smoothed = 0.0, np.inf, []
    for update, loss in enumerate(train(schedule).tolist()):
        average = 0.98 * average + 0.02 * loss
        smoothed.append(average / (1 - 0.98 ** (update + 2)))  # + 1 would be unbiased.
        if not smoothed[-1] <= 4 * best:
            break
        best = min(best, smoothed[-1])
    return np.asarray(schedule(np.arange(len(smoothed)))), np.array(smoothed)


def suggest(rates, losses):
    """What three rules suggest to train with."""
    rates, losses = rates[10:-1], losses[10:-1]  # Lightning's `skip_begin` and `skip_end`
    return {
        "steepest over the rate (Lightning)": rates[np.argmin(np.gradient(losses, rates))],
        "steepest over its logarithm": rates[np.argmin(np.gradient(losses, np.log(rates)))],
        "a tenth of the minimum's": rates[np.argmin(losses)] / 10,
    }


def make_train(model: Classifier, xs, ys):
    """The function that trains under a schedule, and returns the loss of each update."""
    graph, params = nnx.split(model)

    def train(schedule):
        optimizer = optax.sgd(schedule, momentum=0.9)

        def step(carry, batch):
            params, opt_state = carry
            x, y = batch
            loss, grads = jax.value_and_grad(
                lambda params: cross_entropy(nnx.merge(graph, params)(x), y)
            )(params)
            updates, opt_state = optimizer.update(grads, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state), loss

        @jax.jit
        def run(params):
            return jax.lax.scan(step, (params, optimizer.init(params)), (xs, ys))[1]

        return run(params)

    return train


def train_candidates(train):
    """The mean of the last ten losses under each of the constant rates."""
    constants = [jaxsched.ConstantLR(rate, factor=1.0) for rate in CANDIDATES.tolist()]
    losses = jax.jit(jax.vmap(train))(jaxsched.stack(constants))
    return np.asarray(losses[:, -10:].mean(axis=1))


BOUNDS = {"float32": 1e-4, "float64": 1e-12}


def check(run: Run, rates, losses) -> float:
    """How far the losses are from Lightning's; an error if far, or if something else differs."""
    check_rates(f"range_test, {run.dtype}, lr", rates, run["lr"])
    worst = difference(losses, run["loss"]).max()
    assert worst <= BOUNDS[run.dtype], f"range_test, {run.dtype}: losses differ by {worst:.2g}"
    ours = rates.tolist().index(next(iter(suggest(rates, losses).values())))
    theirs = run["suggestion"]
    assert ours == theirs, f"range_test, {run.dtype}: suggests rate {ours}, Lightning {theirs}"
    return worst


def draw(path: Path, run: Run, rates, losses, final) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained", sharex=True)
    some = slice(None, None, 3)
    axes[0].plot(rates, losses, color="C0", lw=1)
    axes[0].plot(run["lr"][some], run["loss"][some], "o", color="C0", ms=4, mfc="none")
    axes[0].set_title("range test: smoothed loss (line: JAX, circles: Lightning)", fontsize=10)
    axes[1].plot(CANDIDATES, final, "o-", color="C0", lw=1, ms=4)
    axes[1].set_title(f"30 trainings: loss after {UPDATES} updates at a constant rate", fontsize=10)
    axes[1].set_yscale("log")
    for axis in axes:
        axis.set_xscale("log")
        axis.set_xlabel("learning rate")
        axis.grid(alpha=0.3)
        for number, (rule, rate) in enumerate(suggest(rates, losses).items(), start=1):
            label = rule if axis is axes[0] else None
            axis.axvline(rate, color=f"C{number}", ls="--", label=label)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, default="range_test.png", metavar="PNG")
    options = parser.parse_args(arguments)
    table = Table("", "updates", "losses differ by", "suggested", title="range test")
    for run in load("range_test"):
        with jax.enable_x64(run.dtype == "float64"):
            xs, ys = run["data"]["x"].reshape(-1, BATCH, 2), run["data"]["y"].reshape(-1, BATCH)
            train = make_train(copy_parameters(Classifier, run.dtype, run["initial"]), xs, ys)
            rates, losses = range_test(train, LOW, HIGH, UPDATES)
            worst = check(run, rates, losses)
            rules = [f"{rate:.4g}: {rule}" for rule, rate in suggest(rates, losses).items()]
            table.add_row(run.dtype, str(len(losses)), f"{worst:.1e}", "\n".join(rules))
            if run.dtype == "float32":
                final = train_candidates(train)
                draw(options.picture, run, rates, losses, final)
    console, best = Console(width=120), np.argmin(final)
    console.print(table)
    console.print(f"Of 30 constant rates, {CANDIDATES[best]:.4g} ends lowest: {final[best]:.4g}.")
    console.print(f"Picture: {options.picture}", soft_wrap=True)


if __name__ == "__main__":
    main()
