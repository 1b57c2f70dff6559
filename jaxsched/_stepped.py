"""Any PyTorch scheduler to a table: a copy of it is stepped, on a stand-in of its optimizer."""

import contextlib
import copy
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._param_groups import ParamGroups
from ._table import Table
from ._to_torch import momentum_in, set_value


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
    with warnings.catch_warnings(), _untouched(scheduler.optimizer):
        warnings.simplefilter("ignore")  # PyTorch misses the optimizer's own steps.
        twin = _copy(scheduler)
        if done:
            _rewind(twin, done, reason)
        rates, momenta = [], []
        for count in range(total_steps):
            if count:
                _step(twin, count)
            groups = twin.optimizer.param_groups
            rates.append([float(group["lr"]) for group in groups])
            momenta.append([momentum_in(group) for group in groups])
    shown = [float(group["lr"]) for group in scheduler.optimizer.param_groups]
    if not np.allclose(rates[done], shown, rtol=1e-4, atol=1e-7 * np.abs(rates).max()):
        raise ValueError(_too_late(reason))
    tables = [
        Table(np.array(lr), momenta=np.array(m) if len(set(m)) > 1 else None)
        for lr, m in zip(zip(*rates, strict=True), zip(*momenta, strict=True), strict=True)
    ]
    return tables[0] if len(tables) == 1 else ParamGroups(tables)


def _step(twin: Any, count: int) -> None:
    try:
        twin.step()
    except Exception as error:
        raise ValueError(
            f"`from_torch(total_steps=...)` must be in the reach of {type(twin).__name__}: the step"
            f" to count {count} fails with {type(error).__name__}: {error}"
        ) from error


def _steps_done(scheduler: Any) -> int:
    if hasattr(scheduler, "_schedulers") and not hasattr(scheduler, "last_epoch"):
        return _steps_done(scheduler._schedulers[0])
    counted = getattr(scheduler, "_step_count", 0)
    return counted - 1 if counted else max(0, scheduler.last_epoch)


def _copy(scheduler: Any) -> Any:
    """A copy that shares nothing with the original, and has an optimizer without parameters."""
    import torch

    optimizer = scheduler.optimizer
    # Of the base class: an optimizer that wraps another may pass on its groups by a property.
    twin = object.__new__(torch.optim.Optimizer)
    try:
        groups = [
            {k: [] if k == "params" else copy.deepcopy(value) for k, value in group.items()}
            for group in optimizer.param_groups
        ]
        vars(twin).update(
            defaults=dict(optimizer.defaults), param_groups=groups, state=defaultdict(dict)
        )
        return copy.deepcopy(scheduler, {id(optimizer): twin})
    except Exception as error:
        raise ValueError(
            f"`from_torch(scheduler=...)` must be possible to copy, got {scheduler!r}: {error}"
        ) from error


@contextlib.contextmanager
def _untouched(optimizer: Any) -> Iterator[None]:
    """Puts the live optimizer's numbers back if the copy has reached it, and says so."""
    before = [_numbers(group) for group in optimizer.param_groups]
    reached = False
    try:
        yield
    finally:
        for group, values in zip(optimizer.param_groups, before, strict=True):
            after = _numbers(group)
            for key in after.keys() - values.keys():
                del group[key]
            for key in values:
                if repr(after.get(key)) != repr(values[key]):  # A NaN is itself.
                    set_value(group, key, values[key])
            reached = reached or repr(after) != repr(values)
    if reached:
        raise ValueError(
            "`from_torch(scheduler=...)` must reach its optimizer by its attributes alone, for a"
            " copy to be stepped: this one writes to the live optimizer from elsewhere."
        )


def _numbers(group: dict[str, Any]) -> dict[str, Any]:
    """What schedulers write into a group: rates, momenta and levels, tensors of one among them."""
    values = {
        key: value.item() if hasattr(value, "fill_") and value.numel() == 1 else value
        for key, value in group.items()
    }
    plain = (bool, int, float, str, tuple, type(None))
    return {key: value for key, value in values.items() if isinstance(value, plain)}


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
