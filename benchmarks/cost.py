"""What a schedule costs: eager calls, a jitted Adam step, trace and compile, import, a whole curve.

python benchmarks/cost.py     # ratios against Optax and (if installed) PyTorch, in one run
"""

import os
import platform
import statistics
import subprocess
import sys
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.table import Table

import jaxsched as js

ROUNDS = 15

# (name, ours, Optax's nearest)
PAIRS = [
    ("ExponentialLR", js.ExponentialLR(0.1, 0.9), optax.exponential_decay(0.1, 1, 0.9)),
    ("StepLR", js.StepLR(0.1, 30), optax.exponential_decay(0.1, 30, 0.1, staircase=True)),
    ("CosineAnnealingLR", js.CosineAnnealingLR(0.1, 100), optax.cosine_decay_schedule(0.1, 100)),
    ("PolynomialLR", js.PolynomialLR(0.1, 100, 2.0), optax.polynomial_schedule(0.1, 0.0, 2.0, 100)),
    ("OneCycleLR", js.OneCycleLR(0.1, 10_000), optax.cosine_onecycle_schedule(10_000, 0.1)),
    (
        "SequentialLR",
        js.SequentialLR([js.LinearLR(0.1, 0.1, 1.0, 5), js.CosineAnnealingLR(0.1, 95)], [5]),
        optax.join_schedules(
            [optax.linear_schedule(0.01, 0.1, 5), optax.cosine_decay_schedule(0.1, 95)], [5]
        ),
    ),
]


def sequences(parts: int):
    """A sequence of many exponential decays, ours and Optax's."""
    gammas, milestones = np.linspace(0.9, 0.99, parts).tolist(), list(range(10, 10 * parts, 10))
    return (
        f"SequentialLR of {parts} parts",
        js.SequentialLR([js.ExponentialLR(0.1, gamma) for gamma in gammas], milestones),
        optax.join_schedules([optax.exponential_decay(0.1, 1, g) for g in gammas], milestones),
    )


def median(*functions, repeat: int) -> list[float]:
    """Median seconds per call of each function, in interleaved rounds after a warm-up."""
    for function in functions:
        jax.block_until_ready(function())
    times = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, rounds in zip(functions, times, strict=True):
            start = time.perf_counter()
            for _ in range(repeat):
                result = function()
            jax.block_until_ready(result)
            rounds.append((time.perf_counter() - start) / repeat)
    return [statistics.median(rounds) for rounds in times]


def adam_step(schedule, parameters: int):
    params = jnp.zeros(parameters)
    grads = jnp.ones(parameters)
    optimizer = optax.adam(schedule)
    state = jax.jit(optimizer.init)(params)

    @jax.jit
    def step(grads, state):
        updates, state = optimizer.update(grads, state)
        return updates, state

    return lambda: step(grads, state)


def compile_time(schedule) -> float:
    jax.clear_caches()
    start = time.perf_counter()
    jax.jit(lambda count: schedule(count)).lower(jnp.int32(3)).compile()
    return time.perf_counter() - start


def import_time(module: str) -> float:
    code = (
        "import jax, optax, time; start = time.perf_counter();"
        f"import {module}; print(time.perf_counter() - start)"
    )
    run = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # as users have it: compiled once
    return statistics.median(float(subprocess.check_output(run, env=environment)) for _ in range(7))


def torch_curve(steps: int) -> float:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        start = time.perf_counter()
        for _ in range(steps):
            scheduler.step()
    return time.perf_counter() - start


def main() -> None:
    console = Console(width=100)
    table = Table("", "jaxsched", "Optax", "ratio", title="one eager call, microseconds")
    for name, ours, theirs in PAIRS:
        a, b = median(lambda s=ours: s(3), lambda s=theirs: s(3), repeat=300)
        table.add_row(name, f"{a * 1e6:.0f}", f"{b * 1e6:.0f}", f"{a / b:.2f}")
    console.print(table)

    table = Table("", "jaxsched", "constant", "ratio", title="jitted Adam step, milliseconds")
    for parameters in (100, 10_000_000):
        for name, ours, _ in (PAIRS[0], PAIRS[-1]):
            repeat = 300 if parameters == 100 else 3
            ours_step, constant = adam_step(ours, parameters), adam_step(0.1, parameters)
            a, b = median(ours_step, constant, repeat=repeat)
            name = f"{name}, {parameters:,} parameters"
            table.add_row(name, f"{a * 1e3:.3f}", f"{b * 1e3:.3f}", f"{a / b:.2f}")
    console.print(table)

    table = Table("", "jaxsched", "Optax", "ratio", title="trace and compile, milliseconds")
    for name, ours, theirs in [*PAIRS, sequences(2), sequences(100)]:
        times = [(compile_time(ours), compile_time(theirs)) for _ in range(5)]
        a, b = (statistics.median(column) for column in zip(*times, strict=True))
        table.add_row(name, f"{a * 1e3:.0f}", f"{b * 1e3:.0f}", f"{a / b:.2f}")
    console.print(table)

    table = Table("", "jaxsched", "Optax", "ratio", title="one jitted call, microseconds")
    count = jnp.int32(7)
    for name, ours, theirs in (sequences(2), sequences(100)):
        calls = [jax.jit(lambda t, s=s: s(t)) for s in (ours, theirs)]
        a, b = median(*[lambda call=call: call(count) for call in calls], repeat=300)
        table.add_row(name, f"{a * 1e6:.0f}", f"{b * 1e6:.0f}", f"{a / b:.2f}")
    console.print(table)

    schedule = js.CosineAnnealingLR(0.1, 1_000_000)
    near, far = median(lambda: schedule(3), lambda: schedule(2_000_000_000), repeat=300)
    console.print(f"step 2e9 against step 3: {far / near:.2f}x")
    console.print(
        f"import jaxsched, on top of jax and optax: {import_time('jaxsched') * 1e3:.0f} ms"
    )
    try:
        steps = 1_000_000
        stepping = torch_curve(steps)
        [ours] = median(lambda: schedule(np.arange(steps)), repeat=1)
        console.print(
            f"a curve of {steps:,} steps: {stepping / ours:.0f}x faster than PyTorch steps"
        )
    except ImportError:
        console.print("a whole curve against PyTorch: torch is not installed")
    device = jax.devices()[0]
    console.print(
        f"{platform.machine()}, {device.platform} ({device.device_kind}), Python"
        f" {platform.python_version()}, jax {jax.__version__}, optax {optax.__version__}"
    )


if __name__ == "__main__":
    main()
