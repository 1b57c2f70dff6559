"""One parameter group of a PyTorch scheduler: rebuild the schedule, then verify it.

A PyTorch scheduler keeps its arguments in its attributes and in the optimizer's groups, where other
schedulers, checkpoints and people write too. So the schedule that these describe is a guess. It is
right if its parts have the same initial rates and stand at the same steps as PyTorch's, and if it
gives the rate that the group shows.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from .._core import numerics as xp
from .._core import protocol
from .._core.closed_forms import by_steps
from .._core.schedule import warn, without_warnings
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.composite import singles
from .._schedulers.one_cycle_lr import OneCycleLR
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .errors import STEP_A_COPY, DifferentInitialRates, Unexplained, Unreadable
from .numeric import shortest, to_python
from .recognised import recognised
from .snapshot import Snapshot, steps_done

# What takes a minute or so.
_MOST_STEPS = 10**7  # in a compiled loop
MOST_CALLS = 100_000  # to a Python function
_STEP_ON = (
    'give `total_steps=N` and `start="now"`, and a copy of the scheduler is stepped on from where'
    " it is."
)
_ALL_TOGETHER = (
    "Write `from_torch([first, second])` with all schedulers in the order in which they step."
)


class _Place(NamedTuple):
    """Where a part of PyTorch's scheduler stands, and where a guess has it."""

    clock: int
    due: int | None  # None where no attribute of PyTorch's part shows it
    base: float  # the initial rate that it was built on
    due_base: float | None  # None where it was built on none

    @property
    def clock_fits(self) -> bool:
        return self.due is None or self.clock == self.due

    @property
    def base_fits(self) -> bool:
        return self.due_base is None or math.isclose(self.base, self.due_base, rel_tol=1e-12)


class GroupReader:
    """Rebuilds what a scheduler does to one of the optimizer's parameter groups."""

    def __init__(self, taken: Snapshot, group: dict[str, Any], index: int, total_steps: int | None):
        self.taken, self.group, self.index, self.total_steps = taken, group, index, total_steps
        self.leaves = list(taken.leaves())
        self.shown = float(group["lr"])
        self.backwards: Any = None  # the guess whose `lr` was solved for
        self.has_functions = any(leaf.has_functions for leaf in self.leaves)

    def schedule(self) -> Any:
        if self.taken.is_plateau:
            return self.as_listed()
        count = steps_done(self.taken)
        if self.total_steps is not None and count >= self.total_steps:
            raise ValueError(
                "`from_torch(total_steps=...)` must be more than the steps done,"
                f" {count}, got {self.total_steps}."
            )
        self._check_cost(count)
        found = next((s for s in self._guesses(count) if self._fits(s, count)), None)
        if found is not None and found is self.backwards and count:
            self._warn(found)
        if found is None:
            raise self._unexplained(count)
        if found._table_size() is None and by_steps in found._plan()[0]:
            if self.total_steps is not None:
                return dataclasses.replace(found, total_steps=self.total_steps)
            found._warn_if_replayed()
        return found

    def _check_cost(self, count: Any) -> None:
        """Raises where the steps of a loop or the calls of a function would take minutes."""
        if count > _MOST_STEPS:
            listed = self.as_listed()
            if listed._table_size() is None and by_steps in listed._plan()[0]:
                raise Unreadable(
                    f"must hold at most {_MOST_STEPS} as `last_epoch`, as without a closed form"
                    f" every step is computed, got {count}"
                )
        if self.total_steps is None or not self.has_functions:
            return
        begun = max(leaf.built_at for leaf in self.leaves)
        if begun > MOST_CALLS:
            raise Unreadable(
                f"must hold a `last_epoch` at most {MOST_CALLS} above `_step_count`, to be"
                f" tabulated with `total_steps`, got {begun}"
            )

    def as_listed(self) -> Any:
        """The schedule if it began at the initial rate, with its parts built as listed."""
        if self.taken.is_plateau:
            return ReduceLROnPlateau(self.shown, **self.taken.arguments(self.group, self.index))
        return self._build(self._initial_rate())

    def _initial_rate(self) -> float | None:
        carriers = (leaf for leaf in self.leaves if leaf.port.carries_lr)
        return next((leaf.base_lr(self.index) for leaf in carriers), None)

    def _guesses(self, count: Any) -> Iterator[Any]:
        """Schedules with the arguments found, which `lr` is not among; the likeliest first."""
        lr, listed = self._initial_rate(), self.as_listed()
        yield listed
        if lr is None:
            return
        self._check_initial_rates(listed, count)
        if len(list(singles(listed))) > 1:
            yield self._build(lr, own_base=True)
        # All steps are affine maps of the rate, so two points tell which `lr` gives the rate now.
        at_0, at_1 = (self._rate(self._build(x, own_base=True), count) for x in (0.0, 1.0))
        if at_0 != at_1 and (solved := (self.shown - at_0) / (at_1 - at_0)) >= 0:
            solved = shortest(solved, lambda x: abs(x - solved) <= 1e-14 * solved)
            self.backwards = self._build(solved, own_base=True)
            yield self.backwards

    def _fits(self, schedule: Any, count: Any) -> bool:
        places = self._places(schedule, count)
        if not all(place.clock_fits and place.base_fits for place in places):
            return False
        peak = max(abs(leaf.base_lr(self.index)) for leaf in self.leaves)
        return self._is_shown(self._rate(schedule, count), peak)

    def _places(self, schedule: Any, count: Any) -> "list[_Place]":
        """Where each part stands, and where `schedule` has it at `count`."""
        return [
            _Place(
                clock=leaf.clock.reading(leaf.state),
                due=None
                if leaf.clock.kept_if_resumed and part.schedule.last_epoch != -1
                else part.clock,
                base=leaf.base_lr(self.index),
                due_base=getattr(part.schedule, "_base", None),
            )
            for part, leaf in zip(protocol.parts_at(schedule, int(count)), self.leaves, strict=True)
        ]

    def _is_shown(self, rate: float, peak: float = 0.0) -> bool:
        relative = max(leaf.port.relative_error for leaf in self.leaves)
        if hasattr(self.group["lr"], "dtype"):  # a tensor of float32
            relative = max(relative, 1e-4)
        return abs(rate - self.shown) <= relative * abs(self.shown) + 1e-12 * peak

    @staticmethod
    def _rate(schedule: Any, count: Any) -> float:
        with jax.ensure_compile_time_eval(), xp.float64():
            return float(schedule(count))

    def _build(self, lr: float | None, own_base: bool = False) -> Any:
        table = {"total_steps": self.total_steps} if self.has_functions else {}
        try:
            with without_warnings():  # Another guess may be taken.
                return self._node(self.taken, lr, own_base, table)
        except Unreadable:
            raise
        except (TypeError, ValueError, ArithmeticError) as error:
            raise Unreadable(f"cannot be built here: {error}".rstrip(".")) from error

    def _node(self, node: Snapshot, lr, own_base: bool, table: dict, begun: bool = True) -> Any:
        schedule = self._unpaced(node, lr, own_base, table, begun)
        return node.pace.mapped(schedule) if node.pace else schedule

    def _unpaced(self, node: Snapshot, lr, own_base: bool, table: dict, begun: bool) -> Any:
        values = node.arguments(self.group, self.index)
        if node.is_composition:
            # A SequentialLR undoes its parts' first steps: they start anew whatever their
            # `last_epoch` was.
            begun = begun and node.cls is not SequentialLR
            parts = [self._node(part, lr, own_base, {}, begun) for part in node.parts]
            return node.cls(parts, **values, **table)
        cls, values = recognised(node.cls, values, node.base_lr(self.index))
        values |= table if cls is node.cls and node.has_functions else {}
        values["last_epoch"] = node.built_at if begun else -1
        if node.port.carries_lr:
            values["lr"] = lr
            values |= {"initial_lr": node.base_lr(self.index)} if own_base else {}
        return cls(**values)

    # --- no guess fits, or only one with a `lr` that was solved for ---

    def _warn(self, found: Any) -> None:
        rate = found._carried()[0]
        if rate == self._initial_rate():
            return  # as built
        warn(
            f"This conversion works `lr` out backwards from the rate now, {self.shown}, which does"
            f" not follow from the initial rate of {self._initial_rate()}: it assumes that all"
            f" steps were this scheduler's own, and began at {rate}. If another scheduler or a"
            ' person sets the rate too, write `from_torch(..., total_steps=N, start="now")`, which'
            " does not depend on earlier steps, or `from_torch([first, second])` with all"
            " schedulers in the order in which they step."
        )

    def _check_initial_rates(self, listed: Any, count: Any) -> None:
        """Raises for different initial rates, which the parts of our compositions cannot have."""
        if any(isinstance(part, OneCycleLR) for part in singles(listed)):
            return
        bases = [leaf.base_lr(self.index) for leaf in self.leaves if leaf.port.carries_lr]
        if any(base != bases[0] for base in bases):
            raise DifferentInitialRates(
                f"must hold parts that were built on the same initial rate, got {bases}: the"
                " optimizer's `initial_lr` was changed between them",
                f"For what it does from here on, {_STEP_ON}" if count else STEP_A_COPY,
            )

    def _unexplained(self, count: Any) -> Unexplained:
        """Why no guess fits, as far as PyTorch's attributes show it."""
        lr = self._initial_rate()
        schedule = self.as_listed() if lr is None else self._build(lr, own_base=True)
        places = self._places(schedule, count)
        if not all(place.clock_fits for place in places):
            return Unexplained(
                "must hold parts that were stepped together, got"
                f" {[leaf.cls.__name__ for leaf in self.leaves]} at steps"
                f" {[place.clock for place in places]}, and at step {count} of the whole they are"
                f" due at {[place.clock if place.due is None else place.due for place in places]}:"
                " one was stepped on its own",
                f"For what it does from here on, {_STEP_ON}",
            )
        if (part := self._set_by_another_part()) is not None:
            done = "stepped" if count else "built"
            name, last = part.cls.__name__, self.taken.parts[-1].cls.__name__
            return Unexplained(
                f"must list its parts in the order in which they were {done}, got {last} as the"
                f" last, and it was {name} that set the rate now, {self.shown}: they were {done} in"
                " another order than listed",
                f"Write `from_torch([...])` with {name} as the last."
                if count
                else f"Build them in the order listed. {STEP_A_COPY}",
            )
        last_lr = self.taken.last_lr(self.index)
        if last_lr is not None and not self._is_shown(last_lr):
            cause, instead = self._who_else(count)
            return Unexplained(
                f"must show the rate that its own last step set, {last_lr}, got {self.shown} at"
                f" step {count}: {cause}",
                f"{instead} After a rate set by hand, {_STEP_ON}",
            )
        return Unexplained(
            f"must show the rate that its own steps give, {self._rate(schedule, count)}, got"
            f" {self.shown} at step {count}: before its last step another scheduler or a person set"
            " the rate, or an attribute or a value in the optimizer's groups was changed",
            f"{_ALL_TOGETHER} After a change by hand, {_STEP_ON}",
        )

    def _set_by_another_part(self) -> Snapshot | None:
        """The part of a chain that has set the rate now, if it is not the last one."""
        if self.taken.cls is not ChainedScheduler:
            return None
        rates = [part.last_lr(self.index) for part in self.taken.parts]
        shows = [rate is not None and self._is_shown(rate) for rate in rates]
        return self.taken.parts[shows.index(True)] if any(shows) and not shows[-1] else None

    def _who_else(self, count: Any) -> tuple[str, str]:
        """What may have set the rate since the scheduler's last step, and what to do about it."""
        built_on = self._initial_rate()
        initial_lr = to_python(self.group.get("initial_lr", built_on))
        if built_on not in (None, initial_lr):
            return (
                f"the optimizer's `initial_lr` is {initial_lr} now and was {built_on}, so another"
                " scheduler was built after it, or another optimizer's state was loaded",
                _ALL_TOGETHER,
            )
        if count and self._is_shown(built_on or initial_lr or 0.0):
            return (
                "that is the initial rate, as if the state of the scheduler had been loaded without"
                " that of the optimizer, or the other way round",
                "Load both.",
            )
        return "another scheduler stepped after it, or the rate was set by hand", _ALL_TOGETHER
