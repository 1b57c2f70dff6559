"""Any PyTorch scheduler to a table: a copy of it is stepped, on a stand-in of its optimizer."""

import copy
import warnings
from collections import defaultdict
from typing import Any

import numpy as np

from ._compose import ParamGroups
from ._table import Table


def stepped(scheduler: Any, total_steps: int, reason: str) -> Any:
    """The rates of a scheduler at its first `total_steps` counts, as a table for each group.

    One that has been stepped is put back to its start first, as its class allows: the base class
    has no more state than a count. Whether that was the start shows in the rates from there.
    """
    done = _steps_done(scheduler)
    if done >= total_steps:
        raise ValueError(
            f"`from_torch(total_steps=...)` must be more than the steps done, {done}, got"
            f" {total_steps}."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch misses the optimizer's own steps.
        twin = _copy(scheduler)
        if done:
            _rewind(twin, done, reason)
        rates = []
        for count in range(total_steps):
            if count:
                twin.step()
            rates.append([float(group["lr"]) for group in twin.optimizer.param_groups])
    shown = [float(group["lr"]) for group in scheduler.optimizer.param_groups]
    if not np.allclose(rates[done], shown, rtol=1e-4, atol=1e-7 * np.abs(rates).max()):
        raise ValueError(_too_late(reason))
    tables = [Table(np.array(column)) for column in zip(*rates, strict=True)]
    return tables[0] if len(tables) == 1 else ParamGroups(tables)


def _steps_done(scheduler: Any) -> int:
    if hasattr(scheduler, "_schedulers") and not hasattr(scheduler, "last_epoch"):
        return _steps_done(scheduler._schedulers[0])
    counted = getattr(scheduler, "_step_count", 0)
    return counted - 1 if counted else max(0, scheduler.last_epoch)


def _copy(scheduler: Any) -> Any:
    """A copy that shares nothing with the original, and has an optimizer without parameters."""
    import torch

    optimizer = scheduler.optimizer
    twin = object.__new__(type(optimizer))
    groups = [
        {key: [torch.zeros(1)] if key == "params" else copy.deepcopy(value)
         for key, value in group.items()}
        for group in optimizer.param_groups
    ]  # fmt: skip
    twin.__dict__ = vars(optimizer) | {"param_groups": groups, "state": defaultdict(dict)}
    try:
        return copy.deepcopy(scheduler, {id(optimizer): twin})
    except Exception as error:
        raise ValueError(
            f"`from_torch(scheduler=...)` must be possible to copy, got {scheduler!r}: {error}"
        ) from error


def _rewind(twin: Any, done: int, reason: str) -> None:
    if hasattr(twin, "_schedulers") or not hasattr(twin, "_initial_step"):
        raise ValueError(_too_late(reason))
    twin.last_epoch -= done + 1
    for group in twin.optimizer.param_groups:
        group["lr"] = copy.deepcopy(group.get("initial_lr", group["lr"]))
    twin._initial_step()


def _too_late(reason: str) -> str:
    return (
        f"`from_torch(scheduler=...)` {reason}; and now that it has been stepped, a copy cannot be"
        " put back to its start. Convert it right after it is built."
    )
