"""Any PyTorch scheduler to a table: a copy of it is stepped, on a stand-in of its optimizer."""

import collections
import contextlib
import copy
import inspect
import math
import random
import warnings
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._copies import generators_kept
from ._param_groups import ParamGroups
from ._table import Table
from ._to_torch import momentum_in, set_value


def stepped(scheduler: Any, total_steps: int, reason: str) -> Any:
    """The rates of a scheduler at its first `total_steps` counts, as a table for each group.

    One that has been stepped is put back to its start first, as its class allows: the base class
    has no more state than a count. Stepped forward again, it must hold what the live one holds.
    """
    if _takes_count(scheduler):
        return _told(scheduler, total_steps)
    done = steps_taken(scheduler)
    if done >= total_steps:
        raise ValueError(
            f"`from_torch(total_steps=...)` must be more than the steps done, {done}, got"
            f" {total_steps}."
        )
    with _undisturbed(scheduler):
        twin = _copy(scheduler)
        if done:
            _rewind(twin, done, reason)
        history = _History(twin)
        history.go_to(done)
        if done and not _alike(_state(twin), _state(scheduler)):
            raise ValueError(_too_late(reason))
        history.go_to(total_steps - 1)
    return history.table()


def _told(scheduler: Any, total_steps: int) -> Any:
    """The table of a class that is told the count at each step, and so is a function of it."""
    with _undisturbed(scheduler):
        history = _History(_copy(scheduler), -1)
        history.go_to(total_steps - 1)
    del history.rates[0], history.momenta[0]
    shown = [float(group["lr"]) for group in scheduler.optimizer.param_groups]
    if not any(np.allclose(rates, shown, rtol=1e-9, atol=0.0) for rates in history.rates):
        raise ValueError(
            f"`from_torch(scheduler=...)` shows a rate of {shown} that {type(scheduler).__name__}"
            f' has at none of its first {total_steps} counts. `start="now"` would need the count'
            " too: convert it with a rate that it sets itself."
        )
    return history.table()


def stepped_on(scheduler: Any, total_steps: int) -> Any:
    """The rates of a scheduler at its next `total_steps` counts, as a table for each group."""
    if _takes_count(scheduler):
        raise ValueError(
            f"`from_torch(start=...)` must be 'beginning' for {type(scheduler).__name__}, whose"
            " `step` is told the count: `jaxsched.skip(schedule, n)` goes on from count n."
        )
    with _undisturbed(scheduler):
        history = _History(_copy(scheduler))
        history.go_to(total_steps - 1)
    return history.table()


def steps_by_count(scheduler: Any) -> bool:
    """Whether `step` needs no metric: no argument, or the count alone."""
    return _binds(scheduler) or _takes_count(scheduler)


def _binds(scheduler: Any, *arguments: Any) -> bool:
    try:
        inspect.signature(scheduler.step).bind(*arguments)
    except TypeError:
        return False
    return True


def _takes_count(scheduler: Any) -> bool:
    """Whether `step` must be told the count, as all of timm's are."""
    if _binds(scheduler) or not _binds(scheduler, 0):
        return False
    first = next(iter(inspect.signature(scheduler.step).parameters))
    return first in ("epoch", "step", "count", "num_updates", "iteration")


class _History:
    """The rates and momenta of a scheduler's copy as it is stepped."""

    def __init__(self, twin: Any, first: int = 0):
        self.twin, self.count = twin, first
        self.told = _takes_count(twin)
        self.rates: list[list[float]] = []
        self.momenta: list[list[float]] = []
        self._note()

    def _note(self) -> None:
        groups = self.twin.optimizer.param_groups
        self.rates.append([float(group["lr"]) for group in groups])
        self.momenta.append([momentum_in(group) for group in groups])

    def go_to(self, count: int) -> None:
        while self.count < count:
            self.count += 1
            _step(self.twin, self.count, self.told)
            self._note()

    def table(self) -> Any:
        tables = [
            Table(np.array(lr), momenta=np.array(m) if len(set(m)) > 1 else None)
            for lr, m in zip(
                zip(*self.rates, strict=True), zip(*self.momenta, strict=True), strict=True
            )
        ]
        return tables[0] if len(tables) == 1 else ParamGroups(tables)


def _step(twin: Any, count: int, told: bool) -> None:
    try:
        twin.step(*[count] if told else [])
    except Exception as error:
        raise ValueError(
            f"`from_torch(total_steps=...)` must be in the reach of {type(twin).__name__}: the step"
            f" to count {count} fails with {type(error).__name__}: {error}"
        ) from error


def steps_taken(scheduler: Any) -> int:
    """How often a scheduler of any class has been stepped, as far as it tells."""
    if hasattr(scheduler, "_schedulers") and not hasattr(scheduler, "last_epoch"):
        return steps_taken(scheduler._schedulers[0])
    counted = getattr(scheduler, "_step_count", 0)
    if counted:
        return counted - 1
    for name, before in _COUNTERS:
        if isinstance(number := getattr(scheduler, name, None), int):
            return max(0, number - before)
    raise ValueError(
        f"`from_torch(scheduler=...)` must tell how often it was stepped, and"
        f" {type(scheduler).__name__} has no `last_epoch`: give `total_steps=N` and"
        ' `start="now"`, and a copy is stepped on from where it is.'
    )


# Where libraries keep their counts, and what these are when they are built.
_COUNTERS = [("last_epoch", 0), ("last_step", 0), ("last_batch_iteration", -1), ("_step", 0)]


@contextlib.contextmanager
def _undisturbed(scheduler: Any) -> Iterator[None]:
    """Leaves the live optimizer, the random generators and the warnings as they were."""
    with generators_kept(), warnings.catch_warnings(), _untouched(scheduler.optimizer):
        warnings.simplefilter("ignore")  # PyTorch misses the optimizer's own steps.
        before = _generators()
        yield
        if _generators() != before:
            raise ValueError(
                f"`from_torch(scheduler=...)` must be a function of the count, and"
                f" {type(scheduler).__name__} draws random numbers: record the rates of a run."
            )


def _generators() -> list:
    import torch

    numpy_state = np.random.get_state(legacy=False)
    return [random.getstate(), repr(numpy_state), torch.get_rng_state().tolist()]


def _state(scheduler: Any) -> tuple:
    """All that a scheduler and its optimizer's groups hold, but for objects without a value."""
    groups = [_numbers(group) for group in scheduler.optimizer.param_groups]
    return _plain(vars(scheduler), 8), [_plain(group, 8) for group in groups]


def _plain(value: Any, depth: int) -> Any:
    """A value as nested dicts and lists of numbers and strings."""
    if isinstance(value, bool | int | float | str | bytes | type(None)):
        return value
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "param_groups") or depth == 0:
        return None  # an optimizer is compared by its groups
    if isinstance(value, dict):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | collections.deque):
        return [_plain(item, depth - 1) for item in value]
    if inspect.isroutine(value) or inspect.isclass(value) or not hasattr(value, "__dict__"):
        return None
    return _plain(vars(value), depth - 1)


def _alike(a: Any, b: Any) -> bool:
    """Equality of such values, floats up to rounding (a recursion drifts from its closed form)."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9) or (a != a and b != b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    return a == b


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
    if hasattr(twin, "_schedulers") or not (
        hasattr(twin, "_initial_step") and isinstance(getattr(twin, "last_epoch", None), int)
    ):
        raise ValueError(_too_late(reason))
    twin.last_epoch -= done + 1
    for group in twin.optimizer.param_groups:
        group["lr"] = copy.deepcopy(group.get("initial_lr", group["lr"]))
    twin._initial_step()


def _too_late(reason: str) -> str:
    return (
        f"`from_torch(scheduler=...)` {reason}; and now that it has been stepped, a copy cannot be"
        ' put back to its start. Give `total_steps=N` and `start="now"`, and a copy is stepped on'
        " from where it is; or convert it right after it is built."
    )
