"""SquareNet trained with a thousand schedules: one call, compared with PyTorch one by one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from results import Row, timed
from squarenet import EPOCHS, Experiment, experiment
from timing import alternate, seconds
from training import first_call

import jaxsched as js

TRAINED = 200  # epochs in PyTorch, for one candidate of each family
FAMILY = 10  # candidates per family and learning rate


def candidates(number: int) -> list[js.Schedule]:
    """Five families of schedules, each over a grid of a rate and another hyperparameter."""
    rates = np.geomspace(1e-4, 5e-3, number // (5 * FAMILY)).tolist()
    lengths = np.linspace(20, 400, FAMILY).astype(int).tolist()
    gammas = (1 - np.geomspace(1e-4, 1e-2, FAMILY)).tolist()
    shares = np.linspace(0.1, 0.5, FAMILY).tolist()
    families = [
        [js.ExponentialLR(lr, gamma) for lr in rates for gamma in gammas],
        [js.CosineAnnealingLR(lr, 5 * n) for lr in rates for n in lengths],
        [js.StepLR(lr, n, 0.8) for lr in rates for n in lengths],
        [one_cycle(lr, share) for lr in rates for share in shares],
        [warmed_up(lr, n) for lr in rates for n in lengths],
    ]
    return [schedule for family in families for schedule in family]


def one_cycle(lr: float, share: float) -> js.Schedule:
    # Otherwise PyTorch cycles Adam's beta1 too.
    return js.OneCycleLR(lr, EPOCHS, pct_start=share, cycle_momentum=False)


def warmed_up(lr: float, length: int) -> js.Schedule:
    warmup = js.LinearLR(lr, 0.1, 1.0, length)
    return js.SequentialLR([warmup, js.CosineAnnealingLR(lr, EPOCHS - length)], [length])


def trainer(squarenet: Experiment, epochs: int):
    """A function that trains with one schedule and returns the loss of each epoch."""
    graph, initial = squarenet.model()
    adam = optax.scale_by_adam()

    def loss_fn(params, x, y):
        return jnp.mean((nnx.merge(graph, params)(x) - y) ** 2)

    def train(schedule: js.Schedule):
        def epoch(carry, number):
            rate = schedule(number)

            def sample_step(carry, sample):
                params, state, grads = carry
                loss, grad = jax.value_and_grad(loss_fn)(params, *sample)
                grads = jax.tree.map(jnp.add, grads, grad)
                updates, state = adam.update(grads, state)
                params = jax.tree.map(lambda p, u: p - rate * u, params, updates)
                return (params, state, grads), loss

            params, state = carry
            zeros = jax.tree.map(jnp.zeros_like, params)
            samples = squarenet.x, squarenet.y
            (params, state, _), losses = jax.lax.scan(sample_step, (params, state, zeros), samples)
            return (params, state), jnp.sum(losses)

        return jax.lax.scan(epoch, (initial, adam.init(initial)), jnp.arange(epochs))[1]

    return train


def measure(quick: bool) -> list[Row]:
    if quick:
        return sweep(50, epochs=20, trained=2, rounds=1)
    rows = sweep(1000, EPOCHS, TRAINED, rounds=3)
    if jax.default_backend() == "gpu":
        return rows + sweep(10_000, EPOCHS, TRAINED, rounds=3)
    for what in names(10_000):
        rows.append(
            Row(what, one_by_one(TRAINED, EPOCHS), None, None, "s", faster=True, target=1000)
        )
    return rows


def names(number: int) -> list[str]:
    gpu = " (on a GPU)" if number > 1000 else ""
    return [f"{number:,} candidates{gpu}", f"{number:,} candidates{gpu}, compilation included"]


def one_by_one(trained: int, epochs: int) -> str:
    return f"PyTorch one by one, extrapolated from 5 candidates, {trained} of {epochs:,} epochs"


def sweep(number: int, epochs: int, trained: int, rounds: int) -> list[Row]:
    squarenet = experiment()
    schedules = candidates(number)
    batch = js.stack(schedules)
    run = functools.partial(jax.jit(jax.vmap(trainer(squarenet, epochs))), batch)
    middle = number // 10 // FAMILY * FAMILY + FAMILY // 2
    sample = list(range(middle, number, number // 5))  # the middle one of each family

    def stepped(length: int) -> list[np.ndarray]:
        return [
            squarenet.fit(functools.partial(js.to_torch, schedules[i]), 0.1, length) for i in sample
        ]

    checked = min(20, epochs)
    ours = np.asarray(run())[sample, :checked]
    np.testing.assert_allclose(ours, stepped(checked), rtol=1e-5)
    stepping, first, later = alternate(
        functools.partial(seconds, functools.partial(stepped, trained)),
        functools.partial(first_call, run),
        functools.partial(seconds, run),
        rounds=rounds,
        warm_up=False,  # The check above was the warm-up.
    )
    extrapolated = np.multiply(stepping, epochs / trained * number / len(sample)).tolist()
    other = one_by_one(trained, epochs)
    return [
        timed(what, other, times, extrapolated, "s", faster=True, target=1000)
        for what, times in zip(names(number), (later, first), strict=True)
    ]
