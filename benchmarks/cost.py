"""Times of eager calls, Adam steps, compilation, whole curves, late steps and the import."""

import copy
import functools
import os
import subprocess
import sys
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from results import Row, timed
from schedulers import Case, cases, composites
from timing import alternate, interleaved, seconds

import jaxsched as js

ADAM = "ExponentialLR", "CosineAnnealingLR", "OneCycleLR", "SequentialLR"
CURVES = "ExponentialLR", "CosineAnnealingLR", "SequentialLR"
FAR = "ExponentialLR", "CosineAnnealingWarmRestarts", "CyclicLR", "SequentialLR"


def named(names: tuple[str, ...], steps: int = 20_000) -> list[Case]:
    return [case for case in cases(steps) if case.name in names]


def eager(quick: bool) -> list[Row]:
    rounds, repeat = (1, 1) if quick else (21, 100)
    rows = []
    for case in cases()[-2:] if quick else cases():
        # Optax's plateau compiles at every eager update, so one call is long enough to time.
        calls = 1 if case.is_plateau else repeat
        for kind, pair in eager_calls(case).items():
            times = interleaved(*pair, rounds=rounds, repeat=calls)
            rows.append(timed(f"{case.name}, {kind}", against(case), *times, "µs", target=1.0))
    return rows


def eager_calls(case: Case) -> dict[str, list]:
    """The calls of jaxsched and of Optax, by kind of call."""
    if case.is_plateau:
        return {"an update": updates(case)}
    counts = {"a Python int": 3, "a JAX array": jnp.int32(3)}
    schedules = case.ours, case.nearest()
    return {
        kind: [functools.partial(schedule, count) for schedule in schedules]
        for kind, count in counts.items()
    }


def against(case: Case) -> str:
    return f"`{case.optax}`"


def updates(case: Case) -> list:
    """The update of a plateau with a loss, of jaxsched and of Optax."""
    theirs, loss, rate = case.nearest(), jnp.float32(0.5), jnp.float32(0.1)
    state, optax_state = case.ours.init(), theirs.init(rate)
    return [
        lambda: case.ours.update(state, value=loss),
        lambda: theirs.update(rate, optax_state, value=loss),
    ]


def adam(quick: bool) -> list[Row]:
    large = 1000 if quick else 10_000_000
    rows = adam_rows(large, 1.02, *((1, 1) if quick else (61, 1)))
    rows += adam_rows(100, None, *((1, 1) if quick else (41, 200)))
    if jax.default_backend() == "gpu" and not quick:
        return rows + adam_rows(100_000_000, 1.02, 41, 5)
    for case in named(ADAM):
        for other, target in (("a constant rate", 1.02), (against(case), None)):
            what = f"{case.name}, 100,000,000 parameters (on a GPU)"
            rows.append(Row(what, other, None, None, "ms", target=target))
    return rows


def adam_rows(parameters: int, target: float | None, rounds: int, repeat: int) -> list[Row]:
    rows = []
    for case in named(ADAM):
        steps = [adam_step(rate, parameters) for rate in (case.ours, 0.1, case.nearest())]
        ours, constant, nearest = interleaved(*steps, rounds=rounds, repeat=repeat)
        gpu = " (on a GPU)" if parameters == 100_000_000 else ""
        what = f"{case.name}, {parameters:,} parameters{gpu}"
        rows.append(timed(what, "a constant rate", ours, constant, "ms", target=target))
        rows.append(timed(what, against(case), ours, nearest, "ms"))
    return rows


def adam_step(rate, parameters: int):
    """A jitted Adam step that continues from the state of the previous call."""
    optimizer = optax.adam(rate)
    params, grads = jnp.zeros(parameters), jnp.full(parameters, 1e-3)
    carry = [(params, jax.jit(optimizer.init)(params))]

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, grads):
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state

    def run():
        carry.append(step(*carry.pop(), grads))
        return carry[0]

    return run


def compilation(quick: bool) -> list[Row]:
    rounds, sizes = (1, (2, 3)) if quick else (9, (2, 10, 100))
    rows = []
    for case in cases()[-2:] if quick else cases():
        pair, arguments = (case.ours, case.nearest()), (0,)
        if case.is_plateau:
            pair, arguments = jittable(case), (0.1, 0.5)
        times = alternate(
            *(functools.partial(compile_seconds, function, arguments) for function in pair),
            rounds=rounds,
        )
        rows.append(timed(case.name, against(case), *times, "ms", target=1.0))
    for parts in sizes:
        ours, join = composites(parts)
        for name, schedule in ours.items():
            pair = [functools.partial(compile_seconds, s, (0,)) for s in (schedule, join)]
            times = alternate(*pair, rounds=rounds)
            what = f"{name} of {parts} parts"
            rows.append(timed(what, "`join_schedules` of as many", *times, "ms", target=1.0))
    return rows + growth(quick, sizes)


def jittable(case: Case) -> list:
    """The update of a plateau as a function of rate and loss, of jaxsched and of Optax."""
    theirs = case.nearest()
    return [
        lambda rate, loss: case.ours(case.ours.update(case.ours.init(), value=loss)),
        lambda rate, loss: theirs.update(rate, theirs.init(rate), value=loss)[0],
    ]


def compile_seconds(function, arguments: tuple) -> float:
    """The seconds to trace and compile a function, or a schedule just built."""
    function = copy.copy(function)  # without the cached values of a schedule
    shapes = [jax.ShapeDtypeStruct((), jnp.asarray(x).dtype) for x in arguments]
    jax.clear_caches()
    start = time.perf_counter()
    jax.jit(lambda *arguments: function(*arguments)).lower(*shapes).compile()
    return time.perf_counter() - start


def growth(quick: bool, sizes: tuple[int, ...]) -> list[Row]:
    """The time of one step of a composition, for few and for many parts."""
    rounds, repeat, scanned = (1, 1, 10) if quick else (41, 200, 10_000)
    few, *_, many = sizes
    (small, _), (large, join) = composites(few), composites(many)
    count, rows = jnp.int32(7), []

    def call(schedule):
        return functools.partial(jax.jit(lambda t: schedule(t)), count)

    def scan(schedule):
        def add(total, t):
            return total + schedule(t), None

        counts = jnp.arange(scanned, dtype=jnp.int32)
        return functools.partial(jax.jit(lambda t: jax.lax.scan(add, 0.0, t)[0]), counts)

    for name, schedule in large.items():
        runs = call(schedule), call(small[name]), call(join)
        ours, fewer, joined = interleaved(*runs, rounds=rounds, repeat=repeat)
        what = f"a jitted call, {name} of {many} parts"
        rows.append(timed(what, f"of {few} parts", ours, fewer, "µs", target=1.5))
        rows.append(timed(what, f"`join_schedules` of {many}", ours, joined, "µs"))
        runs = scan(schedule), scan(small[name]), scan(join)
        ours, fewer, joined = np.divide(interleaved(*runs, rounds=rounds), scanned)
        what = f"a step inside a scan, {name} of {many} parts"
        rows.append(timed(what, f"of {few} parts", ours, fewer, "µs", target=5))
        rows.append(timed(what, f"`join_schedules` of {many}", ours, joined, "µs"))
    return rows


def curve(quick: bool) -> list[Row]:
    rounds, steps = (1, 200) if quick else (3, 1_000_000)
    rows = []
    for case in named(CURVES, steps):
        pair = (
            functools.partial(seconds, lambda s=case.ours: s(np.arange(steps)), 5),
            functools.partial(seconds, lambda s=case.ours: stepped(s, steps)),
        )
        times = alternate(*pair, rounds=rounds)
        what = f"{case.name}, {steps:,} steps"
        rows.append(timed(what, "PyTorch, stepping", *times, "ms", faster=True, target=200))
    rounds, repeat = (1, 1) if quick else (41, 200)
    for case in named(FAR):
        calls = [functools.partial(case.ours, count) for count in (2_000_000_000, 3)]
        times = interleaved(*calls, rounds=rounds, repeat=repeat)
        rows.append(timed(f"{case.name}, step 2e9", "its step 3", *times, "µs", target=1.05))
    return rows


def stepped(schedule: js.Schedule, steps: int) -> np.ndarray:
    """The curve from a PyTorch scheduler that is stepped in a loop."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The optimizer makes no steps here.
        scheduler = js.to_torch(schedule, optimizer)
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return np.array(rates)


def imports(quick: bool) -> list[Row]:
    pair = [
        functools.partial(import_seconds, "import jax, optax", "import jaxsched"),
        functools.partial(import_seconds, "pass", "import jax, optax"),
    ]
    times = alternate(*pair, rounds=1 if quick else 9, warm_up=not quick)
    what, other = "`import jaxsched` after jax and optax", "`import jax, optax`"
    return [timed(what, other, *times, "ms", target=50, of_ours=True)]


def import_seconds(before: str, statement: str) -> float:
    """The seconds of an import in a new process, with modules already compiled to bytecode."""
    code = (
        f"{before}\nimport time\nstart = time.perf_counter()\n{statement}\n"
        "print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return float(subprocess.check_output([sys.executable, "-c", code], env=environment))
