"""Errors against PyTorch's rates: of jaxsched, Optax's nearest schedule, braintools' port."""

import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from optax_schedules import difference
from results import Row, short
from schedulers import Case, cases, losses

import jaxsched as js
from jaxsched._traces.compare import MOST_ULP

STEPS = 20_000
PORT = Path(__file__).with_name("braintools_rates.py")


def measure(quick: bool) -> list[Row]:
    steps = 200 if quick else STEPS
    rows = []
    with jax.enable_x64(False):
        measured = cases(steps)
        ports = port_rates(measured, steps)
        for case in measured:
            torchs = torch_rates(case, steps)
            ours = difference(our_rates(case, steps), torchs).ulp
            theirs = difference(optax_rates(case, steps), torchs).ulp
            rows.append(row(case, f"Optax: `{case.optax}`", ours, theirs))
            rows.append(row(case, *port(case, ports, torchs, ours)))
    return rows


def row(case: Case, against: str, ours: float, theirs: float | str) -> Row:
    ratio = ours / theirs if isinstance(theirs, float) and theirs else None
    return Row(f"`{case.ours}`", against, ours, theirs, "ULP", ratio, target=MOST_ULP, of_ours=True)


def torch_rates(case: Case, steps: int) -> np.ndarray:
    """The rates of a live PyTorch scheduler, stepped in a loop."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    metrics = (
        [(loss,) for loss in losses(steps).tolist()] if case.is_plateau else [()] * (steps - 1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The optimizer makes no steps here.
        scheduler = js.to_torch(case.ours, optimizer)
        rates = [optimizer.param_groups[0]["lr"]]
        for metric in metrics:
            scheduler.step(*metric)
            rates.append(optimizer.param_groups[0]["lr"])
    return np.array(rates, np.float64)


def our_rates(case: Case, steps: int) -> np.ndarray:
    if not case.is_plateau:
        return np.asarray(case.ours(np.arange(steps)))

    def step(state, loss):
        state = case.ours.update(state, value=loss)
        return state, case.ours(state)

    first = case.ours.init()
    return np.append(case.ours(first), jax.lax.scan(step, first, losses(steps))[1])


def optax_rates(case: Case, steps: int) -> np.ndarray:
    """The rates as a jitted training step computes them; of a plateau, after each loss."""
    nearest = case.nearest()
    if not case.is_plateau:
        return np.asarray(jax.jit(jax.vmap(nearest))(jnp.arange(steps)))

    def step(state, loss):
        rate, state = nearest.update(jnp.float32(0.1), state, value=loss)
        return state, rate

    first = nearest.init(jnp.float32(0))
    return np.append(np.float32(0.1), jax.lax.scan(step, first, losses(steps))[1])


def port_rates(measured: list[Case], steps: int) -> dict[str, dict] | None:
    """The rates of braintools' schedulers by name; None if braintools is not installed."""
    if importlib.util.find_spec("braintools") is None:
        return None
    task = {
        "steps": steps,
        "calls": {case.name: case.port for case in measured if case.port},
        "losses": losses(steps).tolist(),
    }
    # In another process, as its import is slow and may change global settings.
    run = subprocess.run(
        [sys.executable, PORT],
        input=json.dumps(task),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
    )
    return json.loads(run.stdout)


def port(case: Case, ports: dict | None, torchs: np.ndarray, ours: float) -> tuple:
    """The cells of a row: braintools' call, the error of jaxsched, and its own or a reason."""
    if case.port is None:
        return "braintools", ours, "no port"
    name = f"braintools: `{case.port}`"
    if ports is None:
        return name, ours, "not installed"
    shown = ports[case.name]
    if "error" in shown:
        return name, ours, f"raises {shown['error']}"
    if "outside" in shown:
        steps = len(shown["outside"]["at"])
        steps = "" if steps == len(torchs) else f" (at {steps} of the steps)"
        name += f"; outside of `jit`{steps} {short(error(shown['outside'], torchs))} ULP"
    return name, ours, error(shown, torchs)


def error(shown: dict, torchs: np.ndarray) -> float:
    return difference(np.array(shown["rates"], np.float32), torchs[shown["at"]]).ulp
