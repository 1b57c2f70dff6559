"""Snapshot of a PyTorch scheduler, live or saved: class, attributes, nested parts."""

import contextlib
import copy
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .._core.count_map import CountMap, PeriodicMap
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .clocks import StepCount
from .errors import Unreadable
from .kinds import shown
from .numeric import to_python
from .ports import PORTS, Port, port_of
from .subclasses import copied_by, subclass_of
from .to_torch import scheduler_class


class Pace(NamedTuple):
    """When a training loop steps a scheduler."""

    mapped: Callable[[Any], Any]  # from a schedule to one that counts as the loop
    count_map: CountMap | PeriodicMap

    def steps(self, counts: int) -> int:
        """How many steps of it there are in so many counts, and the one before."""
        return int(self.count_map(counts - 1)) + 1


class Snapshot(NamedTuple):
    """A PyTorch scheduler as it stands: live, or from a checkpoint."""

    cls: type  # ours
    state: dict[str, Any]  # its attributes
    parts: "tuple[Snapshot, ...]" = ()
    pace: "Pace | None" = None  # of a part that a loop does not step at every count

    @property
    def port(self) -> Port:
        return port_of(self.cls)

    @property
    def clock(self) -> StepCount:
        return self.port.clock or self.parts[0].clock

    @property
    def is_plateau(self) -> bool:
        """Whether `step` takes a metric, so that the rate is no function of the count."""
        return self.cls is ReduceLROnPlateau

    @property
    def is_composition(self) -> bool:
        return self.port.parts is not None

    @property
    def has_functions(self) -> bool:
        return "lr_lambdas" in self.state or self.state.get("_scale_fn_custom") is not None

    def leaves(self) -> "Iterator[Snapshot]":
        """The single schedulers, in the order in which they are listed."""
        if not self.is_composition:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def arguments(self, group: Mapping[str, Any], index: int) -> dict[str, Any]:
        """The arguments of a single scheduler, without the rate and `last_epoch`."""
        return self.port.find(self.state, group, index)

    def base_lr(self, index: int) -> float:
        """The initial rate that a single scheduler was built on, in one of the groups."""
        return to_python(self.state["base_lrs"][index])

    def check(self, alone: bool) -> None:
        """Raises where a single scheduler's attributes contradict each other.

        `alone` is one that is part of no composition.
        """
        self.clock.check(self.state, alone)

    def fault(self) -> str | None:
        """What PyTorch's class would not have left among the attributes, if anything."""
        besides = ("lr_lambdas", "_scale_fn_custom", "_schedulers")  # saved otherwise than they are
        if lacking := [key for key in self.port.lacking(self.state) if key != "_last_lr"]:
            return f"must have `{lacking[0]}`, which its class reads"
        if wrong := self.port.wrong(self.state, besides):
            key, kind = wrong
            return f"must have {kind.words} as `{key}`, got {shown(self.state[key])}"
        return next(filter(None, (part.fault() for part in self.parts)), None)

    def last_lr(self, index: int) -> float | None:
        """The rate that its own last step set, if it keeps it."""
        if "_last_lr" not in self.state and self.parts:  # a list of schedulers
            return self.parts[-1].last_lr(index)
        last_lr = self.state.get("_last_lr", ())
        return to_python(last_lr[index]) if index < len(last_lr) else None

    @property
    def built_at(self) -> int:
        """The `last_epoch` that a single scheduler's constructor got."""
        return self.clock.built_at(self.state)

    @property
    def number_of_groups(self) -> int:
        return len(self.state[self.port.number_of_groups])

    def with_floors(self, number: int) -> "Snapshot":
        """A plateau with `number` floors: PyTorch resets them all if there is another group."""
        default = self.state.get("default_min_lr")
        if default is None or len(self.state["min_lrs"]) == number:
            return self
        return self._replace(state=self.state | {"min_lrs": [default] * number})


def snapshot(scheduler: Any) -> Snapshot:
    """A live scheduler, as it stands."""
    copied = copied_by(scheduler)
    return _snapshot(scheduler) if copied is None else Snapshot(copied, dict(vars(scheduler)))


def _snapshot(scheduler: Any) -> Snapshot:
    port = next((port for port in PORTS if scheduler_class(port.cls) is type(scheduler)), None)
    cls = subclass_of(type(scheduler)) if port is None else port.cls
    if cls is None:
        kind = type(scheduler)
        raise Unreadable(
            f"is no scheduler of PyTorch's own, got a {kind.__module__}.{kind.__qualname__}"
        )
    state = dict(vars(scheduler))
    if "get_lr" in state:
        raise Unreadable("has a `get_lr` of its own, which its class does not have")
    if "lr_lambdas" in state:
        state["lr_lambdas"] = list(map(_own_function, state["lr_lambdas"]))
    if "_scale_fn_custom" in state:
        state["_scale_fn_custom"] = _own_function(state["_scale_fn_custom"])
    parts = getattr(scheduler, "_schedulers", ())
    if len(set(map(id, parts))) < len(parts):
        raise Unreadable("holds one and the same scheduler twice")
    return Snapshot(cls, state, tuple(map(_snapshot, parts)))


def steps_done(taken: Snapshot) -> Any:
    """How often `step()` has been called since construction, with the fraction of an epoch.

    Of parts that a loop steps at different counts, the first count at which all have theirs.
    """
    if any(part.pace for part in taken.parts):
        maps = [part.pace.count_map if part.pace else CountMap() for part in taken.parts]
        firsts = [m.first(steps_done(p)) for m, p in zip(maps, taken.parts, strict=True)]
        return int(max(firsts))
    clock = taken.port.clock
    return steps_done(taken.parts[0]) if clock is None else clock.steps(taken.state)


def _own_function(function: Any) -> Any:
    """The function for a schedule: a copy of a callable object, which PyTorch writes into."""
    if hasattr(function, "for_jax"):
        return function.for_jax
    if isinstance(function, types.FunctionType | types.MethodType | functools.partial):
        return function
    with contextlib.suppress(Exception):
        return copy.deepcopy(function) if getattr(function, "__dict__", None) else function
    return function
