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
from typing import Any

import jax

from .._combine.counts import skip
from .._combine.param_groups import ParamGroups
from .._core import numerics as xp
from .._core import protocol
from .._core.closed_forms import by_steps
from .._core.number import as_positive_int
from .._core.schedule import warn, without_warnings
from .._schedulers import OF_FUNCTIONS
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.composite import singles
from .._schedulers.cosine_annealing_lr import CosineAnnealingLR
from .._schedulers.cyclic_lr import CyclicLR
from .._schedulers.one_cycle_lr import OneCycleLR
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .._schedulers.swalr import SWALR
from .snapshot import (
    Held,
    Unreadable,
    arguments,
    base_of,
    built_at,
    check_cycles,
    look,
    shortest,
    steps_done,
    with_floors,
)
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
    held = _held_or_reason(scheduler)
    plateau = isinstance(held, Held) and held.cls is ReduceLROnPlateau
    if start == "now" and total_steps is not None and not plateau:
        if not steps_by_count(scheduler):
            raise ValueError(_asks_for_more("holds a state that only its own `step` knows"))
        return stepped_on(scheduler, total_steps)
    try:
        if isinstance(held, Unreadable):
            raise held
        schedule = read(held, scheduler.optimizer.param_groups, total_steps)
    except Unreadable as reason:
        if not steps_by_count(scheduler):
            raise ValueError(_asks_for_more(reason)) from None
        if total_steps is None:
            raise ValueError(
                f"`from_torch(scheduler=...)` {reason}. Give `total_steps=N`, and a copy of the"
                ' scheduler is stepped instead, for the first N counts (with `start="now"`, for'
                " the next N)."
            ) from None
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


def _held_or_reason(scheduler: Any) -> Held | Unreadable:
    """What a scheduler, or a list of them, holds; or why it cannot be read."""
    try:
        if not isinstance(scheduler, Together):
            return look(scheduler)
        held = Held(ChainedScheduler, {}, tuple(map(look, scheduler._schedulers)))
    except Unreadable as reason:
        return reason
    scheduler.agreed(map(steps_done, held.parts))
    return held


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
    held = _held_or_reason(scheduler)
    try:
        return steps_taken(scheduler) if isinstance(held, Unreadable) else steps_done(held)
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
    return as_positive_int(f"{name}(total_steps=...)", total_steps, optional=True)


def read(held: Held, groups: list[dict[str, Any]], total_steps: int | None) -> Any:
    """The schedule of all parameter groups."""
    number = len(groups)
    held = with_floors(held, number)
    for leaf in held.leaves():
        check_cycles(leaf, alone=leaf is held)
        known = len(leaf.state["min_lrs" if leaf.cls is ReduceLROnPlateau else "base_lrs"])
        if known != number:
            raise Unreadable(f"is for {known} parameter groups, and the optimizer has {number}")
    members = [_Group(held, groups[i], i, total_steps).schedule() for i in range(number)]
    return members[0] if number == 1 else ParamGroups(members)


def as_read(held: Held, groups: list[dict[str, Any]]) -> ParamGroups:
    """What the schedules seem to be, unchecked."""
    held = with_floors(held, len(groups))
    readers = [_Group(held, group, i, None) for i, group in enumerate(groups)]
    return ParamGroups([reader.plain() for reader in readers])


_MOST_STEPS = 10**7  # of a compiled loop
MOST_CALLS = 100_000  # of a Python function


class _Group:
    """What a scheduler does to one of the optimizer's parameter groups."""

    def __init__(self, held: Held, group: dict[str, Any], index: int, total_steps: int | None):
        self.held, self.group, self.index, self.total_steps = held, group, index, total_steps
        self.shown = float(group["lr"])
        self.backwards: Any = None  # the guess whose `lr` was solved for
        self.of_functions = any(
            leaf.cls in OF_FUNCTIONS or leaf.state.get("_scale_fn_custom") is not None
            for leaf in held.leaves()
        )

    def schedule(self) -> Any:
        if self.held.cls is ReduceLROnPlateau:
            return self.plain()
        count = steps_done(self.held)
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
            raise Unreadable(
                f"shows a rate of {self.shown} at step {count} that its parts do not explain: they"
                " were built in another order than listed, or stepped on their own, or another"
                " scheduler or a person sets the rate too (a ChainedScheduler of all that step"
                " together says it all)"
            )
        if found._table_size() is None and by_steps in found._plan()[0]:
            if self.total_steps is not None:
                return dataclasses.replace(found, total_steps=self.total_steps)
            found._warn_if_replayed()
        return found

    def _check_cost(self, count: Any) -> None:
        """Raises where a loop or the calls of a Python function would take minutes."""
        if count > _MOST_STEPS:
            plain = self.plain()
            if plain._table_size() is None and by_steps in plain._plan()[0]:
                raise Unreadable(
                    f"must hold at most {_MOST_STEPS} as `last_epoch` where there is no closed"
                    f" form, as every step is gone through, got {count}"
                )
        if self.total_steps is None or not self.of_functions:
            return
        begun = max(built_at(leaf) for leaf in self.held.leaves())
        if begun > MOST_CALLS:
            raise Unreadable(
                f"must hold a `last_epoch` at most {MOST_CALLS} above `_step_count`, to be"
                f" tabulated with `total_steps`, got {begun}"
            )

    def plain(self) -> Any:
        """A schedule that began at the initial rate, its parts built in the order listed."""
        if self.held.cls is ReduceLROnPlateau:
            return ReduceLROnPlateau(self.shown, **arguments(self.held, self.group, self.index))
        return self._build(self.held, self._initial_rate())

    def _initial_rate(self) -> float | None:
        leaves = (leaf for leaf in self.held.leaves() if leaf.cls not in (CyclicLR, OneCycleLR))
        return next((base_of(leaf, self.index) for leaf in leaves), None)

    def _guesses(self, count: Any) -> Iterator[Any]:
        """Schedules of what is held, the likeliest first; `lr` is not held, and a guess."""
        lr, plain = self._initial_rate(), self.plain()
        yield plain
        if lr is None:
            return
        if len(list(singles(plain))) > 1:
            yield self._build(self.held, lr, own_base=True)
        # Whatever was done since, `lr` has gone through affine maps only.
        at_0, at_1 = (
            self._rate(self._build(self.held, x, own_base=True), count) for x in (0.0, 1.0)
        )
        if at_0 != at_1 and (solved := (self.shown - at_0) / (at_1 - at_0)) >= 0:
            solved = shortest(solved, lambda x: abs(x - solved) <= 1e-14 * solved)
            self.backwards = self._build(self.held, solved, own_base=True)
            yield self.backwards

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

    def _fits(self, schedule: Any, count: Any) -> bool:
        parts = protocol.parts_at(schedule, int(count))
        for part, leaf in zip(parts, self.held.leaves(), strict=True):
            there = (
                isinstance(part, protocol.OwnClockPart) or part.clock == leaf.state["last_epoch"]
            )
            there = part.clock == leaf.state["_step_count"] - 1 if leaf.cls is SWALR else there
            base = getattr(part.schedule, "_base", None)
            if not there or not (
                base is None or math.isclose(base, base_of(leaf, self.index), rel_tol=1e-12)
            ):
                return False
        # CosineAnnealingLR's recursion drifts far past T_max, and a tensor holds a float32.
        drifts = any(leaf.cls is CosineAnnealingLR for leaf in self.held.leaves())
        relative = 1e-4 if drifts or hasattr(self.group["lr"], "dtype") else 1e-9
        peak = max([abs(base_of(leaf, self.index)) for leaf in self.held.leaves()])
        error = abs(self._rate(schedule, count) - self.shown)
        return error <= relative * abs(self.shown) + 1e-12 * peak

    @staticmethod
    def _rate(schedule: Any, count: Any) -> float:
        with jax.ensure_compile_time_eval(), xp.float64():
            return float(schedule(count))

    def _build(self, held: Held, lr: float | None, own_base: bool = False) -> Any:
        table = {"total_steps": self.total_steps} if self.of_functions else {}
        try:
            with without_warnings():  # There may be a better one.
                return self._node(held, lr, own_base, table)
        except Unreadable:
            raise
        except (TypeError, ValueError, ArithmeticError) as error:
            raise Unreadable(f"is not possible here: {error}".rstrip(".")) from error

    def _node(self, held: Held, lr, own_base: bool, table: dict, begun: bool = True) -> Any:
        if held.cls is ChainedScheduler:
            parts = [self._node(part, lr, own_base, {}, begun) for part in held.parts]
            return ChainedScheduler(parts, **table)
        if held.cls is SequentialLR:
            # It has taken back its parts' first steps, and with them when each was built.
            parts = [self._node(part, lr, own_base, {}, False) for part in held.parts]
            return SequentialLR(parts, list(held.state["_milestones"]), **table)
        values = arguments(held, self.group, self.index)
        values |= table if held.cls in OF_FUNCTIONS or "scale_fn" in values else {}
        values["last_epoch"] = built_at(held) if begun else -1
        if held.cls not in (CyclicLR, OneCycleLR):
            values["lr"] = lr
            values |= {"initial_lr": base_of(held, self.index)} if own_base else {}
        return held.cls(**values)
