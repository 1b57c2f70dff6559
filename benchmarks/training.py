"""SquareNet, 2,000 epochs of 10 Adam steps: PyTorch's eager loop and one jitted scan."""

import functools

import jax
import numpy as np
from results import Row, timed
from squarenet import EPOCHS, experiment
from timing import alternate, seconds


def measure(quick: bool) -> list[Row]:
    rounds, epochs = (1, 3) if quick else (3, EPOCHS)
    squarenet = experiment()
    graph, params = squarenet.model()
    rows = []
    for variant in ("cosine", "constant"):
        schedule = squarenet.ours.SCHEDULES[variant]
        lr, make_scheduler = squarenet.theirs.VARIANTS[variant]
        loop = functools.partial(squarenet.fit, make_scheduler, lr)
        scan = functools.partial(
            squarenet.ours.train, graph, params, schedule, squarenet.x, squarenet.y, epochs
        )
        checked = min(100, epochs)
        np.testing.assert_allclose(scan()[1][:checked], loop(checked), rtol=1e-5)
        times = alternate(
            functools.partial(seconds, functools.partial(loop, epochs)),
            functools.partial(first_call, scan),
            functools.partial(seconds, scan, 5),
            rounds=rounds,
            warm_up=False,  # The check above was the warm-up.
        )
        stepping, first, run = times
        name = f"{type(schedule).__name__}, {epochs:,} epochs"
        rows += [
            timed(name, "PyTorch's loop", run, stepping, "s", faster=True, target=200),
            timed(f"{name}, compilation included", "PyTorch's loop", first, stepping, "s", True),
        ]
    return rows


def first_call(function) -> float:
    """Seconds of a call that includes compilation."""
    jax.clear_caches()
    return seconds(function)
