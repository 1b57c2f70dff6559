"""Live PyTorch: the rates its schedulers show, in float64 or in arithmetic without rounding."""

import contextlib
import types
import warnings
from unittest import mock

import jax
import mpmath
import numpy as np
import torch
from torch.optim import lr_scheduler

from jaxsched import ParamGroups, Trace
from jaxsched._torch.to_torch import build
from jaxsched.testing import assert_matches_trace


def rates(schedule, num_steps, metrics=None, optimizer="SGD", exact=False):
    """The rates of PyTorch's scheduler of the same name and arguments, shape (steps, groups).

    `exact` runs PyTorch's own code on 40-digit numbers: what it means, without its rounding.
    """
    groups = schedule if isinstance(schedule, ParamGroups) else [schedule]
    params = [{"params": [torch.zeros(1)]} for _ in groups]
    momentum = {"momentum": 0.9} if optimizer == "SGD" else {}
    with forty_digits() if exact else contextlib.nullcontext(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = getattr(torch.optim, optimizer)(params, lr=0.1, **momentum)
        rows, error = shown(build(schedule, optimizer), num_steps, metrics, exact)
    if error is not None:
        raise error
    return rows


def shown(scheduler, num_steps, metrics=None, exact=False):
    """The rates of a live scheduler from now on, and the error that ends them, if any."""
    rows = []
    for count in range(num_steps):
        try:
            if count:
                scheduler.step(*([] if metrics is None else [metrics[count - 1]]))
            if exact:
                in_digits(scheduler.optimizer)
            rows.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
        except Exception as error:
            return np.array(rows), error
    return np.array(rows), None


def in_digits(optimizer):
    """Makes the rates numbers of as many digits as `forty_digits` has."""
    for group in optimizer.param_groups:
        group["lr"] = mpmath.mpf(group["lr"])


def ours(schedule, counts):
    """The rates of a schedule, or of all groups of a ParamGroups along a last axis."""
    return (schedule.rates if isinstance(schedule, ParamGroups) else schedule)(counts)


def sgd(*rates, **options):
    """An optimizer with a parameter group for each rate, by default one at 0.1."""
    groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in rates or (0.1,)]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, **options)


def step(scheduler, number):
    for _ in range(number):
        scheduler.step()
    return scheduler


def history(scheduler, num_steps):
    """What a live PyTorch scheduler shows from now on, shape (steps, groups)."""
    rows = []
    for count in range(num_steps):
        if count:
            scheduler.step()
        rows.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
    return np.array(rows)


def assert_close(schedule, expected):
    """The schedule's rates are PyTorch's `expected` ones from count 0 on, in both precisions."""
    trace = Trace(torch.__version__, "scheduler", "SGD", np.arange(len(expected)), expected)
    for x64 in (False, True):
        with jax.enable_x64(x64):
            assert_matches_trace(schedule, trace)


@contextlib.contextmanager
def forty_digits():
    digits = types.SimpleNamespace(
        cos=mpmath.cos, pi=+mpmath.mp.pi, floor=lambda x: int(mpmath.floor(x)), log=mpmath.log
    )
    with mpmath.workdps(40), mock.patch.object(lr_scheduler, "math", digits):
        digits.pi = +mpmath.mp.pi
        yield
