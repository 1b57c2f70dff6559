"""Live PyTorch schedulers to schedules: rebuild the arguments, then verify the current `lr`.

`group_reader.py` does both for one parameter group. Of a scheduler that cannot be read, a copy is
stepped and its rates become a table (`stepped_copy.py`).
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

from .._combine.counts import skip
from .._combine.param_groups import ParamGroups
from .._core.number import as_positive_int
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.recipe import Subclass
from .copied import is_copied, verify_copied
from .errors import STEP_FROM_START, Unreadable
from .group_reader import GroupReader
from .of_deepspeed import is_deepspeeds, of_deepspeed
from .of_detectron2 import is_multiplier, of_multiplier
from .of_fairseq import is_fairseqs, of_fairseq
from .of_megatron import is_megatrons, of_megatron
from .of_mmengine import count_of, is_mmengines, of_mmengine
from .of_timm import is_any_of_timms, of_timm
from .snapshot import Snapshot, snapshot, steps_done
from .stepped_copy import Together, stepped, stepped_on, steps_by_count, steps_taken, takes_count
from .subclasses import verify_subclass


def from_torch(
    scheduler: Any,
    total_steps: int | None = None,
    start: str = "beginning",
    epoch_length: int | None = None,
) -> Any:
    """A live PyTorch scheduler, however nested, as a schedule.

    Args:
      scheduler: a PyTorch scheduler, freshly built or already stepped; it is not changed. A list
        of schedulers on one optimizer, stepped together in that order, converts to a chain.
      total_steps: the number of counts to tabulate where JAX cannot trace the rate: for Python
        functions (those of Transformers, Diffusers and torchtune are known, and need none), for
        compositions without a closed form, and for schedulers of other classes than PyTorch's own,
        of which a copy is stepped. After the table its last rate holds.
      start: what count 0 is. "beginning": the moment when the scheduler was built, so that it
        stands at `jaxsched.current_count` now. "now": the present moment. With `total_steps` a
        copy is then stepped on from where it is, which is right whatever has been done to it: a
        state of its own, rates set by hand, a group added. Without `total_steps`, the schedule
        from the beginning is skipped to now.
      epoch_length: the number of updates in an epoch, for a list of mmengine's schedulers of which
        some count epochs and others updates. All others need none.

    Returns:
      The schedule with PyTorch's rates: rebuilt from the scheduler's attributes, and verified
      against its current rate. A ParamGroups for several parameter groups. A ReduceLROnPlateau's
      `init()` has the state of the live one: best metric, bad epochs, cooldown.

      timm's schedulers convert too: the count is the epoch or update that timm is given, and a
      group with `lr_scale` has `schedule * lr_scale`. As they keep no count, `start` must be
      "beginning". DeepSpeed's, NeMo's, fairseq2's, ESPnet's and detectron2's convert as PyTorch's
      own, in the middle of a run too; and so do two classes that are copied from repository to
      repository, in whichever module they are, once a copy of them has shown the same rates:
      CosineAnnealingWarmupRestarts and LinearWarmupCosineAnnealingLR. Megatron's count is its
      `num_steps`; fairseq's is the number of updates, and "beginning" its `start`. A list of
      mmengine's is a `jaxsched.mmengine.ParamSchedulers`.

      A scheduler that was built with a `last_epoch` (or sent to an epoch by `step(epoch)`) has it
      here too; count 0 is then the moment after it.

    A copy is stepped without parameters, losses and optimizer state: a class that reads these is
    no function of the count, and its table is meaningless.

    Warns:
      UserWarning: where the current rate does not follow from the initial one (an optimizer that
        had a scheduler before, a rate set by hand), so that `lr` is solved for from the current
        rate. Earlier counts are then a guess.

    Raises:
      TypeError: for something that is no PyTorch scheduler; or, without `total_steps`, for a
        function that JAX cannot trace.
      ValueError: without `total_steps`, for a scheduler that is none of PyTorch's own, or whose
        current rate no schedule of ours gives (the message names the cause, as far as it can be
        told); for `total_steps` that are over; for a scheduler of another class that has been
        stepped and cannot be put back to its beginning.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)  # doctest: +SKIP
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)  # doctest: +SKIP
    >>> jaxsched.from_torch(scheduler)  # doctest: +SKIP
    StepLR(lr=0.1, step_size=30)
    """
    scheduler = _checked(scheduler, "from_torch")
    total_steps = as_total_steps("from_torch", total_steps)
    check_start("from_torch", start)
    epoch_length = _as_epoch_length(epoch_length, scheduler)
    if start == "now" and takes_count(scheduler):
        raise ValueError(
            f"`from_torch(start=...)` must be 'beginning' for {type(scheduler).__name__}, whose"
            " `step` is told the count: `jaxsched.skip(schedule, n)` goes on from count n."
        )
    taken = _snapshot_or_reason(scheduler)
    plateau = isinstance(taken, Snapshot) and taken.is_plateau
    stepped_by_hand = plateau or is_megatrons(scheduler)  # `step` takes a metric, or an increment
    if start == "now" and total_steps is not None and not stepped_by_hand:
        if not steps_by_count(scheduler):
            raise ValueError(_asks_for_more("holds a state that only its own `step` knows"))
        return stepped_on(scheduler, total_steps)
    try:
        with _explained(taken):
            schedule = _converted(scheduler, taken, total_steps, epoch_length)
    except Unreadable as reason:
        if not steps_by_count(scheduler):
            raise ValueError(_asks_for_more(reason)) from None
        if total_steps is None:
            instead = STEP_FROM_START if takes_count(scheduler) else reason.instead
            raise ValueError(f"`from_torch(scheduler=...)` {reason}. {instead}") from None
        return stepped(scheduler, total_steps, str(reason))
    if start == "beginning" or plateau:
        return schedule
    count = current_count(scheduler)
    if is_mmengines(scheduler):
        count = count_of(scheduler, epoch_length)
    if not isinstance(count, int):
        raise ValueError(
            f"`from_torch(start='now')` must have `total_steps=N`, got a scheduler at epoch"
            f" {count:.6g}: a copy is stepped on from a fractional epoch."
        )
    return skip(schedule, count)


def _as_epoch_length(epoch_length: Any, scheduler: Any) -> int | None:
    number = as_positive_int("from_torch(epoch_length=...)", epoch_length, optional=True)
    if number is not None and not is_mmengines(scheduler):
        raise ValueError(
            "`from_torch(epoch_length=...)` must be None but for mmengine's schedulers, got"
            f" {number}: `jaxsched.per_epoch(schedule, {number})` counts updates."
        )
    return number


def _converted(
    scheduler: Any, taken: Snapshot | Unreadable, total_steps: int | None, epoch_length: int | None
) -> Any:
    """The schedule that a scheduler's attributes describe, from its beginning."""
    if is_mmengines(scheduler):
        return of_mmengine(scheduler, epoch_length)
    for is_one, of_one in _OF_LIBRARIES:
        if is_one(scheduler):
            return of_one(scheduler)
    if isinstance(taken, Unreadable):
        raise taken
    schedule = read(taken, scheduler.optimizer.param_groups, total_steps)
    if is_copied(taken.cls):
        verify_copied(scheduler, schedule)
    elif issubclass(taken.cls, Subclass):
        verify_subclass(scheduler, schedule)
    return schedule


# Classes apart from PyTorch's, told by their names, and how they are read.
_OF_LIBRARIES = (
    (is_any_of_timms, of_timm),
    (is_fairseqs, of_fairseq),
    (is_deepspeeds, of_deepspeed),
    (is_megatrons, of_megatron),
    (is_multiplier, of_multiplier),
)


def _snapshot_or_reason(scheduler: Any) -> Snapshot | Unreadable:
    """A snapshot of a scheduler, or of a list of them; or why there is none."""
    try:
        if not isinstance(scheduler, Together):
            return snapshot(scheduler)
        taken = Snapshot(ChainedScheduler, {}, tuple(map(snapshot, scheduler._schedulers)))
    except Unreadable as reason:
        return reason
    scheduler.agreed(map(steps_done, taken.parts))
    return taken


@contextlib.contextmanager
def _explained(taken: Snapshot | Unreadable) -> Iterator[None]:
    """Turns an error of Python's into one that names the attribute that is not PyTorch's."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        fault = taken.fault() if isinstance(taken, Snapshot) else None
        if fault is None:
            raise
        raise Unreadable(fault) from error


def current_count(scheduler: Any) -> Any:
    """The count at which a schedule from `from_torch(scheduler)` stands now.

    Args:
      scheduler: a live PyTorch scheduler, or a list of those that step together.

    Returns:
      How often it has been stepped since it was built: an int (or a float, for a
      CosineAnnealingWarmRestarts that was sent to a fractional epoch). `jaxsched.fast_forward`
      takes it, to resume training with an Optax state.

    Raises:
      TypeError: for something that is no PyTorch scheduler.
      ValueError: for a scheduler that does not keep how often it was stepped.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)  # doctest: +SKIP
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)  # doctest: +SKIP
    >>> jaxsched.current_count(scheduler)  # doctest: +SKIP
    0
    """
    scheduler = _checked(scheduler, "current_count")
    if is_megatrons(scheduler):
        return scheduler.num_steps
    if is_mmengines(scheduler):
        return count_of(scheduler)
    taken = _snapshot_or_reason(scheduler)
    try:
        with _explained(taken):
            return steps_taken(scheduler) if isinstance(taken, Unreadable) else steps_done(taken)
    except Unreadable:
        return steps_taken(scheduler)


def _checked(scheduler: Any, name: str) -> Any:
    """A scheduler, or the schedulers of a list as one."""
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
    """What to pass instead of something that is no scheduler."""
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
    if isinstance(scheduler, dict):  # Lightning's
        return " An entry converts with `from_lightning(entry, batches_per_epoch)`."
    return " Pass its `scheduler`."


def _asks_for_more(reason: Any) -> str:
    return (
        f"`from_torch(scheduler=...)` {reason}. Its `step` asks for more than the count, so"
        " its rates cannot be tabulated by count."
    )


def as_total_steps(name: str, total_steps: Any) -> int | None:
    """A number of counts, however it was written."""
    return as_positive_int(f"{name}(total_steps=...)", total_steps, optional=True)


def check_start(name: str, start: Any) -> None:
    """Raises for what is no moment that count 0 can be."""
    if start not in ("beginning", "now"):
        raise ValueError(f"`{name}(start=...)` must be 'beginning' or 'now', got {start!r}.")


def read(taken: Snapshot, groups: list[dict[str, Any]], total_steps: int | None) -> Any:
    """The schedule of all parameter groups."""
    number = len(groups)
    taken = taken.with_floors(number)
    for leaf in taken.leaves():
        leaf.check(alone=leaf is taken)
        if (own := leaf.number_of_groups) != number:
            raise Unreadable(f"is for {own} parameter groups, and the optimizer has {number}")
    members = [GroupReader(taken, groups[i], i, total_steps).schedule() for i in range(number)]
    return members[0] if number == 1 else ParamGroups(members)


def as_read(taken: Snapshot, groups: list[dict[str, Any]]) -> ParamGroups:
    """The schedules that the attributes describe, not verified."""
    taken = taken.with_floors(len(groups))
    readers = [GroupReader(taken, group, i, None) for i, group in enumerate(groups)]
    return ParamGroups([reader.as_listed() for reader in readers])
