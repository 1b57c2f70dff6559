"""Live PyTorch schedulers to schedules: rebuild the arguments, then verify the current `lr`.

A PyTorch scheduler keeps its arguments in its attributes and the rest in the optimizer's groups,
where other schedulers, checkpoints and people write too. So a conversion is a guess with a
check: the schedule is put together from what the objects hold, and must then have each part's
base rate, stand where each part stands, and give the rate that the group shows. What fits no
schedule of ours is stepped on a copy instead and becomes a table (`stepped_copy.py`).
"""

import dataclasses
import inspect
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax

from .._combine.counts import skip
from .._combine.param_groups import ParamGroups
from .._core import numerics as xp
from .._core import protocol
from .._core.closed_forms import by_steps
from .._core.schedule import warn, without_warnings
from .._core.value import as_count
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.composite import singles
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .errors import STEP_A_COPY, DifferentInitialRates, Unexplained, Unreadable
from .numeric import shortest, to_python
from .snapshot import Snapshot, snapshot, steps_done
from .stepped_copy import Together, stepped, stepped_on, steps_by_count, steps_taken, takes_count


def from_torch(scheduler: Any, total_steps: int | None = None, start: str = "beginning") -> Any:
    """A live PyTorch scheduler, however nested, as a schedule.

    Args:
      scheduler: a PyTorch scheduler, freshly built or already stepped; it is only looked at. A
        list of schedulers on one optimizer, stepped together in that order, is a chain of them.
      total_steps: if given, what JAX cannot trace becomes a table of this many counts, and the
        last rate holds after that: Python functions, those of `transformers.get_scheduler`
        among them; compositions without a closed form; and schedulers of other classes than
        PyTorch's own, which a copy is stepped for.
      start: where count 0 is. "beginning": where PyTorch started, and `jaxsched.current_count` is
        now. "now": this moment. With `total_steps` a copy is then stepped on from where it is,
        which is right for whatever has been done to it: memory of its own, rates set by hand, a
        group added. Without, it is the schedule from the beginning, skipped to now.

    Returns:
      The schedule that says what PyTorch does: read from what the objects hold, and found to give
      the rate that they show. A ParamGroups for several parameter groups. A ReduceLROnPlateau's
      `init()` has the state of the live one: best metric, bad epochs, cooldown.

      A scheduler that was built with a `last_epoch` (or sent to an epoch by `step(epoch)`) has it
      here too; count 0 is then the moment after it.

    A copy is stepped without parameters, losses and optimizer state: a class that looks at these
    is no function of the count, and its table is meaningless.

    Warns:
      UserWarning: where the group's rate is not what follows from its initial one (an optimizer
        that had a scheduler before, a rate set by hand), so that `lr` is worked out backwards from
        the rate now. Earlier counts are then a guess.

    Raises:
      TypeError: for something that is no PyTorch scheduler; or, without `total_steps`, for a
        function that JAX cannot trace.
      ValueError: without `total_steps`, for a scheduler that is none of PyTorch's own, or that
        shows a rate that none of ours gives; for `total_steps` that are over; for one in its middle
        that cannot be put back to its beginning.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)  # doctest: +SKIP
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)  # doctest: +SKIP
    >>> jaxsched.from_torch(scheduler)  # doctest: +SKIP
    StepLR(lr=0.1, step_size=30)
    """
    scheduler = _checked(scheduler, "from_torch")
    total_steps = as_total_steps("from_torch", total_steps)
    if start not in ("beginning", "now"):
        raise ValueError(f"`from_torch(start=...)` must be 'beginning' or 'now', got {start!r}.")
    taken = _snapshot_or_reason(scheduler)
    plateau = isinstance(taken, Snapshot) and taken.is_plateau
    if start == "now" and total_steps is not None and not plateau:
        if not steps_by_count(scheduler):
            raise ValueError(_asks_for_more("holds a state that only its own `step` knows"))
        return stepped_on(scheduler, total_steps)
    try:
        if isinstance(taken, Unreadable):
            raise taken
        schedule = read(taken, scheduler.optimizer.param_groups, total_steps)
    except Unreadable as reason:
        if not steps_by_count(scheduler):
            raise ValueError(_asks_for_more(reason)) from None
        if total_steps is None:
            raise ValueError(f"`from_torch(scheduler=...)` {reason}. {reason.instead}") from None
        return stepped(scheduler, total_steps, str(reason))
    if start == "beginning" or plateau:
        return schedule
    count = current_count(scheduler)
    if not isinstance(count, int):
        raise ValueError(
            f"`from_torch(start='now')` must have `total_steps=N`, got a scheduler at epoch"
            f" {count:.6g}: from between two epochs a copy is stepped on."
        )
    return skip(schedule, count)


def _snapshot_or_reason(scheduler: Any) -> Snapshot | Unreadable:
    """What a scheduler, or a list of them, holds; or why it cannot be read."""
    try:
        if not isinstance(scheduler, Together):
            return snapshot(scheduler)
        taken = Snapshot(ChainedScheduler, {}, tuple(map(snapshot, scheduler._schedulers)))
    except Unreadable as reason:
        return reason
    scheduler.agreed(map(steps_done, taken.parts))
    return taken


def current_count(scheduler: Any) -> Any:
    """The count at which a schedule from `from_torch(scheduler)` stands now.

    Args:
      scheduler: a live PyTorch scheduler, or a list of those that step together.

    Returns:
      How often it has been stepped since it was built: an int (or a float, for a
      CosineAnnealingWarmRestarts that was sent to a fractional epoch). It is what
      `jaxsched.fast_forward` takes, to go on with an Optax state.

    Raises:
      TypeError: for something that is no PyTorch scheduler.
      ValueError: for one that does not say how often it was stepped.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)  # doctest: +SKIP
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)  # doctest: +SKIP
    >>> jaxsched.current_count(scheduler)  # doctest: +SKIP
    0
    """
    scheduler = _checked(scheduler, "current_count")
    taken = _snapshot_or_reason(scheduler)
    try:
        return steps_taken(scheduler) if isinstance(taken, Unreadable) else steps_done(taken)
    except Unreadable:
        return steps_taken(scheduler)


def _checked(scheduler: Any, name: str) -> Any:
    """A scheduler, or those of a list as one."""
    if isinstance(scheduler, list | tuple) and scheduler:
        return _together([_checked(part, name) for part in scheduler], name)
    groups = getattr(getattr(scheduler, "optimizer", None), "param_groups", None)
    usable = groups is not None and callable(getattr(scheduler, "step", None))
    if usable and not inspect.isclass(scheduler):
        return scheduler
    given = repr(scheduler) if not hasattr(scheduler, "param_groups") else "an optimizer"
    raise TypeError(
        f"`{name}(scheduler=...)` must be a PyTorch scheduler, got {given}.{_hint(scheduler)}"
    )


def _together(schedulers: list[Any], name: str) -> Any:
    if len(schedulers) == 1:
        return schedulers[0]
    if any(part.optimizer is not schedulers[0].optimizer for part in schedulers):
        raise ValueError(
            f"`{name}(scheduler=...)` must be a list of schedulers on one optimizer, got several"
            " optimizers: convert each scheduler by itself."
        )
    if any(not _needs_nothing(part) for part in schedulers):
        raise ValueError(
            f"`{name}(scheduler=...)` must be a list of schedulers whose `step` takes nothing, got"
            f" {schedulers!r}: a plateau over a schedule is `ReduceLROnPlateau(lr=schedule, ...)`."
        )
    return Together(schedulers)


def _needs_nothing(scheduler: Any) -> bool:
    return steps_by_count(scheduler) and not takes_count(scheduler)


def _hint(scheduler: Any) -> str:
    """What to pass instead."""
    if hasattr(scheduler, "param_groups"):
        return " Pass the scheduler that was built on it."
    if inspect.isclass(scheduler):
        return " Pass an instance, built on an optimizer."
    if isinstance(scheduler, dict) and {"last_epoch", "_schedulers"} & scheduler.keys():
        return " A `state_dict()` converts with `from_torch_state_dict`."
    inner = getattr(scheduler, "scheduler", None)
    inner = scheduler.get("scheduler") if isinstance(scheduler, dict) else inner
    if not hasattr(inner, "optimizer"):
        return ""
    if hasattr(scheduler, "step_with_optimizer"):  # Accelerate's
        return (
            " It steps its `scheduler` once for each process at every update: write"
            " `per_update(from_torch(wrapper.scheduler), num_processes)`."
        )
    return " Pass its `scheduler`."


def _asks_for_more(reason: Any) -> str:
    return (
        f"`from_torch(scheduler=...)` {reason}. Its `step` asks for more than the count, so"
        " that no table of rates by count would be its own."
    )


def as_total_steps(name: str, total_steps: Any) -> int | None:
    """A number of counts, however it was written."""
    number = as_count(total_steps)
    positive = type(number) is int and 0 < number < 2**31
    if number is not None and not positive:
        raise ValueError(
            f"`{name}(total_steps=...)` must be a positive int (below 2**31) or None, got"
            f" {total_steps!r}."
        )
    return number


def read(taken: Snapshot, groups: list[dict[str, Any]], total_steps: int | None) -> Any:
    """The schedule of all parameter groups."""
    number = len(groups)
    taken = taken.with_floors(number)
    for leaf in taken.leaves():
        leaf.check(alone=leaf is taken)
        if (own := leaf.number_of_groups) != number:
            raise Unreadable(f"is for {own} parameter groups, and the optimizer has {number}")
    members = [_GroupReader(taken, groups[i], i, total_steps).schedule() for i in range(number)]
    return members[0] if number == 1 else ParamGroups(members)


def as_read(taken: Snapshot, groups: list[dict[str, Any]]) -> ParamGroups:
    """What the schedules seem to be, unchecked."""
    taken = taken.with_floors(len(groups))
    readers = [_GroupReader(taken, group, i, None) for i, group in enumerate(groups)]
    return ParamGroups([reader.as_listed() for reader in readers])


_MOST_STEPS = 10**7  # of a compiled loop
MOST_CALLS = 100_000  # of a Python function


class _GroupReader:
    """What a scheduler does to one of the optimizer's parameter groups."""

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
        if found._horizon() is None and by_steps in found._plan()[0]:
            if self.total_steps is not None:
                return dataclasses.replace(found, total_steps=self.total_steps)
            found._warn_if_replayed()
        return found

    def _check_cost(self, count: Any) -> None:
        """Raises where a loop or the calls of a Python function would take minutes."""
        if count > _MOST_STEPS:
            listed = self.as_listed()
            if listed._horizon() is None and by_steps in listed._plan()[0]:
                raise Unreadable(
                    f"must hold at most {_MOST_STEPS} as `last_epoch` where there is no closed"
                    f" form, as every step is gone through, got {count}"
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
        """A schedule that began at the initial rate, its parts built in the order listed."""
        if self.taken.is_plateau:
            return ReduceLROnPlateau(self.shown, **self.taken.arguments(self.group, self.index))
        return self._build(self._initial_rate())

    def _initial_rate(self) -> float | None:
        carriers = (leaf for leaf in self.leaves if leaf.port.carries_lr)
        return next((leaf.base_lr(self.index) for leaf in carriers), None)

    def _guesses(self, count: Any) -> Iterator[Any]:
        """Schedules of what is held, the likeliest first; `lr` is not held, and a guess."""
        lr, listed = self._initial_rate(), self.as_listed()
        yield listed
        if lr is None:
            return
        self._check_initial_rates(listed, count)
        if listed._resets_initial_lr or len(list(singles(listed))) > 1:
            yield self._build(lr, own_base=True)
        # Whatever was done since, `lr` has gone through affine maps only.
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
        """Where each part stands, and where it is due if `schedule` describes the scheduler."""
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
            with without_warnings():  # There may be a better one.
                return self._node(self.taken, lr, own_base, table)
        except Unreadable:
            raise
        except (TypeError, ValueError, ArithmeticError) as error:
            raise Unreadable(f"is not possible here: {error}".rstrip(".")) from error

    def _node(self, node: Snapshot, lr, own_base: bool, table: dict, begun: bool = True) -> Any:
        values = node.arguments(self.group, self.index)
        if node.is_composition:
            # A SequentialLR has taken back its parts' first steps, and with them when each was
            # built.
            begun = begun and node.cls is not SequentialLR
            parts = [self._node(part, lr, own_base, {}, begun) for part in node.parts]
            return node.cls(parts, **values, **table)
        values |= table if node.has_functions else {}
        values["last_epoch"] = node.built_at if begun else -1
        if node.port.carries_lr:
            values["lr"] = lr
            values |= {"initial_lr": node.base_lr(self.index)} if own_base else {}
        return node.cls(**values)

    # --- where the guess and what is held part ways ---

    def _warn(self, found: Any) -> None:
        rate = found._carried()[0]
        if rate == self._initial_rate():
            return  # as built
        warn(
            f"This conversion works `lr` out backwards from the rate now, {self.shown}, which does"
            f" not follow from the initial rate of {self._initial_rate()}: it assumes that all"
            f" steps were this scheduler's own, and began at {rate}. Where another scheduler or a"
            ' person sets the rate too, `from_torch(..., total_steps=N, start="now")` is certain,'
            " or `from_torch([first, second])` of all that step together."
        )

    def _check_initial_rates(self, listed: Any, count: Any) -> None:
        """Raises for different initial rates: the parts of a composition of ours share one."""
        if any(part._resets_initial_lr for part in singles(listed)):
            return
        bases = [leaf.base_lr(self.index) for leaf in self.leaves if leaf.port.carries_lr]
        if any(base != bases[0] for base in bases):
            raise DifferentInitialRates(
                f"must hold parts that were built on the same initial rate, got {bases}: the"
                " optimizer's `initial_lr` was changed between them",
                f"For what it does from here on, {_STEP_ON}" if count else STEP_A_COPY,
            )

    def _unexplained(self, count: Any) -> Unexplained:
        """The cause, as far as it shows in what is held."""
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
            return Unexplained(
                f"must show the rate that its own last step set, {last_lr}, got {self.shown} at"
                f" step {count}: {self._who_else(count)}",
                f"{_ALL_TOGETHER} After a rate set by hand, {_STEP_ON}",
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

    def _who_else(self, count: Any) -> str:
        """Who has set the rate since the scheduler's last step."""
        built_on = self._initial_rate()
        initial_lr = to_python(self.group.get("initial_lr", built_on))
        if built_on not in (None, initial_lr):
            return (
                "another scheduler, which was built after it and made the optimizer's `initial_lr`"
                f" {initial_lr}, stepped after it"
            )
        if count and self._is_shown(built_on or initial_lr or 0.0):
            return (
                "that is the initial rate, as if the state of only one of scheduler and optimizer"
                " had been loaded"
            )
        return "another scheduler stepped after it, or the rate was set by hand"


_STEP_ON = (
    'give `total_steps=N` and `start="now"`, and a copy of the scheduler is stepped on from where'
    " it is."
)
_ALL_TOGETHER = (
    "Write `from_torch([first, second])` with all schedulers in the order in which they step."
)


class _Place(NamedTuple):
    """Where a part of a scheduler stands."""

    clock: int
    due: int | None  # None where it shows in no attribute
    base: float  # the initial rate that it was built on
    due_base: float | None  # None where it is built on none

    @property
    def clock_fits(self) -> bool:
        return self.due is None or self.clock == self.due

    @property
    def base_fits(self) -> bool:
        return self.due_base is None or math.isclose(self.base, self.due_base, rel_tol=1e-12)
