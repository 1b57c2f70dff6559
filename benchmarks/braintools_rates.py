"""Reads calls of braintools' schedulers as JSON, and writes their rates as JSON.

`exactness.py` runs this script. Each scheduler is stepped inside a jitted loop, as in training;
those whose rates are different outside of `jit` are also stepped there.
"""

import json
import sys

import brainstate
import numpy as np
from braintools import optim

SAMPLED = 100  # steps of a SequentialLR outside of `jit`, as each takes a quarter of a second


def build(call: str):
    return eval(call, dict(vars(optim)))


def rate(scheduler):
    return scheduler.current_lrs.value[0]


def looped(call: str, steps: int, losses: np.ndarray) -> np.ndarray:
    """The rates of all steps, stepped inside a jitted loop."""
    scheduler = build(call)
    first = rate(scheduler)

    def step(_, *metric):
        scheduler.step(*metric)
        return rate(scheduler)

    metrics = [losses] if call.startswith("ReduceLROnPlateau") else []
    rest = brainstate.transform.for_loop(step, np.arange(steps - 1), *metrics)
    return np.append(np.float32(first), rest)


def outside(call: str, at: np.ndarray) -> list[float]:
    """The rates of some steps, outside of `jit`."""
    scheduler = build(call)
    rates = []
    for step in at.tolist():
        scheduler.step(step)
        rates.append(float(rate(scheduler)))
    return rates


def show(call: str, steps: int, losses: np.ndarray) -> dict:
    every, rates = np.arange(steps), looped(call, steps, losses).tolist()
    shown = {"at": every.tolist(), "rates": rates}
    if call.startswith("SequentialLR"):
        at = np.unique(np.linspace(0, steps - 1, SAMPLED).astype(int))
        return shown | {"outside": {"at": at.tolist(), "rates": outside(call, at)}}
    if call.startswith(("StepLR", "ExponentialLR")):  # fast: they compute with Python floats there
        return shown | {"outside": {"at": every.tolist(), "rates": outside(call, every)}}
    return shown


def main() -> None:
    task = json.load(sys.stdin)
    losses, shown = np.array(task["losses"], np.float32), {}
    for name, call in task["calls"].items():
        try:
            shown[name] = show(call, task["steps"], losses)
        except Exception as error:
            shown[name] = {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    json.dump(shown, sys.stdout)


if __name__ == "__main__":
    main()
