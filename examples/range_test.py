"""A learning-rate range test, and the better way that JAX makes cheap: many rates at once.

python examples/range_test.py
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import jax
import matplotlib.pyplot as plt
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import copy_parameters, load

import jaxsched

LOW, HIGH, UPDATES, BATCH = 1e-5, 100.0, 100, 20
CANDIDATES = 30


def rising(low: float, high: float, updates: int) -> jaxsched.Schedule:
    """The rates of Lightning's finder: from the second update on, it is one ahead."""
    ramp = jaxsched.Ramp(low, high, updates, shape="exponential")
    return jaxsched.join([jaxsched.Ramp(low, low, 1), jaxsched.skip(ramp, 2)], [1])


def losses_of(schedule, model: nnx.Module, xs, ys):
    """The loss before each update of a training with that schedule."""
    graph, params = nnx.split(model)
    optimizer = optax.sgd(schedule)

    def loss_fn(params, x, y):
        return cross_entropy(nnx.merge(graph, params)(x), y)

    def step(carry, batch):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        updates, opt_state = optimizer.update(grads, opt_state)
        return (optax.apply_updates(params, updates), opt_state), loss

    _, losses = jax.lax.scan(step, (params, optimizer.init(params)), (xs, ys))
    return losses


def smooth(losses, beta: float = 0.98, diverged: float = 4.0) -> np.ndarray:
    """The running mean of the losses, up to where it is 4 times the best: Lightning's."""
    mean, best, smoothed = 0.0, np.inf, []
    for index, loss in enumerate(np.asarray(losses, np.float64)):
        mean = beta * mean + (1 - beta) * loss
        smoothed.append(mean / (1 - beta ** (index + 2)))
        if index and not smoothed[-1] <= diverged * best:
            break
        best = min(best, smoothed[-1])
    return np.array(smoothed)


SHOWN = slice(10, -1)  # The first means are of few losses.


def steepest(rates, losses) -> int:
    """The index where the loss falls most for a change of the rate: Lightning's suggestion."""
    return SHOWN.start + int(np.nanargmin(np.gradient(losses[SHOWN], rates[SHOWN])))


def a_tenth_of_the_best(rates, losses) -> float:
    """fastai's `minimum`: the rate of the smallest loss, divided by 10."""
    return float(rates[SHOWN][np.nanargmin(losses[SHOWN])]) / 10


def candidates(make, rates, model, xs, ys) -> np.ndarray:
    """The mean loss of the last 20 updates, under the schedule `make(rate)` of each rate."""
    schedules = jaxsched.stack([make(rate) for rate in rates])
    run = jax.jit(jax.vmap(losses_of, in_axes=(0, None, None, None)))
    return np.asarray(run(schedules, model, xs, ys))[:, -20:].mean(axis=1)


def recorded():
    """The initial parameters and the data of one_cycle.py, in batches, epoch after epoch."""
    run = load("one_cycle")[0]
    xs = np.resize(run["data"]["x"], (UPDATES, BATCH, 2))
    ys = np.resize(run["data"]["y"], (UPDATES, BATCH))
    return copy_parameters(Classifier, run.dtype, run["initial"]), xs, ys


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, default="range_test.png", metavar="PNG")
    path = parser.parse_args(arguments).picture

    model, xs, ys = recorded()
    schedule = rising(LOW, HIGH, UPDATES)
    losses = smooth(jax.jit(losses_of)(schedule, model, xs, ys))
    rates = np.asarray(schedule(np.arange(len(losses))))
    index = steepest(rates, losses)
    print(f"the loss has diverged after {len(losses)} of {UPDATES} updates")
    print(f"steepest: {rates[index]:.3g}; minimum / 10: {a_tenth_of_the_best(rates, losses):.3g}")

    tried = np.geomspace(1e-3, 10.0, CANDIDATES)
    final = candidates(lambda rate: jaxsched.OneCycleLR(rate, UPDATES), tried, model, xs, ys)
    print(f"best of {CANDIDATES} one-cycle trainings: {tried[np.nanargmin(final)]:.3g}")
    draw(path, rates, losses, index, tried, final)


def draw(path: Path, rates, losses, index, tried, final) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.semilogx(rates, losses)
    left.plot(rates[index], losses[index], "o", label=f"steepest: {rates[index]:.2g}")
    tenth = a_tenth_of_the_best(rates, losses)
    left.axvline(tenth, color="C2", ls=":", label=f"minimum / 10: {tenth:.2g}")
    left.set(xlabel="learning rate, rising", ylabel="smoothed loss", title="one run, rising rate")
    left.legend()
    right.loglog(tried, final, "o-", ms=4)
    best = np.nanargmin(final)
    right.plot(tried[best], final[best], "o", ms=9, mfc="none", label=f"best: {tried[best]:.2g}")
    right.set(
        xlabel="largest rate of a OneCycleLR",
        ylabel="loss at the end",
        title=f"{len(tried)} runs in one call",
    )
    right.legend()
    figure.savefig(path, dpi=75)
    plt.close(figure)


if __name__ == "__main__":
    main()
