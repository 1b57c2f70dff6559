"""Fallback: step a deep copy of a PyTorch scheduler on a dummy optimizer, and tabulate."""

import array
import contextlib
import copy
import inspect
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .._combine.param_groups import ParamGroups
from .._core.copies import NotOfTheStep, private
from .._core.memory import memory
from .._core.table import Table
from .._core.undisturbed import alone, classes_kept, generators_kept
from .to_torch import momentum_in, set_value


def stepped(scheduler: Any, total_steps: int, reason: str) -> Any:
    """The rates of a scheduler at its first `total_steps` counts, as a table for each group.

    The copy of a scheduler that has been stepped is put back to its start, as PyTorch's base class
    can be, whose state is a count. After as many steps it must hold what the live one holds.
    """
    if takes_count(scheduler):
        return _told(scheduler, total_steps)
    done = steps_taken(scheduler)
    if done >= total_steps:
        raise ValueError(
            f"`from_torch(total_steps=...)` must be more than the steps done, {done}, got"
            f" {total_steps}."
        )

    def walk():
        twin = copied(scheduler)
        if done:
            _rewind(twin, done, reason)
        history = _History(twin)
        history.go_to(done)
        if done and _state(twin) != _state(scheduler):
            raise ValueError(
                f"`from_torch(scheduler=...)` {reason}; and a copy, put back to its start and"
                " stepped again, does not hold what it holds now: it has a state of its own, or"
                f" its rate or count was set from outside.{_TOO_LATE}"
            )
        history.go_to(total_steps - 1)
        return history

    return _walked(scheduler, walk).table()


def _told(scheduler: Any, total_steps: int) -> Any:
    """The table of a scheduler whose `step` is given the count, and so is a function of it."""

    def walk():
        history = _History(copied(scheduler), -1)
        history.go_to(total_steps - 1)
        return history

    history = _walked(scheduler, walk)
    for column in [*history.rates, *history.momenta]:
        del column[0]
    shown = [float(group["lr"]) for group in scheduler.optimizer.param_groups]
    alike = np.isclose(np.transpose(history.rates), shown, rtol=1e-9, atol=0.0)
    if not alike.all(axis=1).any():
        raise ValueError(
            f"`from_torch(scheduler=...)` shows a rate of {shown} that {type(scheduler).__name__}"
            f' has at none of its first {total_steps} counts. `start="now"` would need the count'
            " too: convert it with a rate that it sets itself."
        )
    return history.table()


def stepped_on(scheduler: Any, total_steps: int) -> Any:
    """The rates of a scheduler at its next `total_steps` counts, as a table for each group."""

    def walk():
        history = _History(copied(scheduler))
        history.go_to(total_steps - 1)
        return history

    return _walked(scheduler, walk).table()


def _walked(scheduler: Any, walk: "Callable[[], _History]") -> "_History":
    """The history of a copy; raises a ValueError if it draws random numbers.

    Where other threads may have drawn them meanwhile, a second copy shows who did.
    """
    with undisturbed(scheduler):
        before = _generators()
        history = walk()
        if _generators() != before and (alone() or walk().rates != history.rates):
            raise ValueError(
                f"`from_torch(scheduler=...)` must be a function of the count, and"
                f" {type(scheduler).__name__} draws random numbers: record the rates of a run."
            )
    return history


def steps_by_count(scheduler: Any) -> bool:
    """Whether `step` needs no metric: no argument, or the count alone."""
    return _binds(scheduler) or takes_count(scheduler)


def _binds(scheduler: Any, *arguments: Any) -> bool:
    try:
        inspect.signature(scheduler.step).bind(*arguments)
    except TypeError:
        return False
    return True


def takes_count(scheduler: Any) -> bool:
    """Whether `step` must be given the count, as in all of timm's schedulers."""
    if _binds(scheduler) or not _binds(scheduler, 0):
        return False
    first = next(iter(inspect.signature(scheduler.step).parameters))
    return first in ("epoch", "step", "count", "num_updates", "iteration")


class Together:
    """Several schedulers on one optimizer that step together, in order, as a scheduler."""

    def __init__(self, schedulers: Sequence[Any]):
        self._schedulers, self.optimizer = list(schedulers), schedulers[0].optimizer

    def step(self) -> None:
        for scheduler in self._schedulers:
            scheduler.step()

    def agreed(self, counts: Iterable[Any]) -> Any:
        """How often all of them have been stepped."""
        counts = list(counts)
        if any(count != counts[0] for count in counts):
            raise ValueError(
                f"`from_torch(scheduler=...)` must be schedulers that were stepped together, got"
                f" some that were stepped {counts} times. Convert each right after it is built, and"
                " write `ChainedScheduler([from_torch(a), per_epoch(from_torch(b), n)])` for two"
                " that step at different times."
            )
        return counts[0]


class _History:
    """The rates and momenta of a scheduler's copy as it is stepped."""

    def __init__(self, twin: Any, first: int = 0):
        self.twin, self.count = twin, first
        self.told = takes_count(twin)
        self.advance = updating(twin) if self.told else twin.step
        number = len(twin.optimizer.param_groups)
        self.rates = [array.array("d") for _ in range(number)]
        self.momenta = [array.array("d") for _ in range(number)]
        self._note()

    def _note(self) -> None:
        groups = self.twin.optimizer.param_groups
        for rates, momenta, group in zip(self.rates, self.momenta, groups, strict=True):
            rates.append(float(group["lr"]))
            momenta.append(momentum_in(group))
        for what, columns in (("rates", self.rates), ("momenta", self.momenta)):
            shown = [column[-1] for column in columns]
            if not all(map(math.isfinite, shown)):
                raise ValueError(
                    "`from_torch(total_steps=...)` must be in the reach of"
                    f" {type(self.twin).__name__}: its {what} at count {self.count} are {shown}."
                )

    def go_to(self, count: int) -> None:
        while self.count < count:
            self.count += 1
            self._step()
            self._note()

    def _step(self) -> None:
        try:
            self.advance(*[self.count] if self.told else [])
        except Exception as error:
            raise ValueError(
                f"`from_torch(total_steps=...)` must be in the reach of {type(self.twin).__name__}:"
                f" the step to count {self.count} fails with {type(error).__name__}: {error}"
            ) from error

    def table(self) -> Any:
        tables = [
            Table(np.asarray(lr), momenta=np.asarray(m) if len(set(m)) > 1 else None)
            for lr, m in zip(self.rates, self.momenta, strict=True)
        ]
        return tables[0] if len(tables) == 1 else ParamGroups(tables)


def updating(scheduler: Any) -> Callable[[int], Any]:
    """The method that is given the count: of timm's two, `t_in_epochs` disables one."""
    if hasattr(scheduler, "step_update") and not getattr(scheduler, "t_in_epochs", False):
        return scheduler.step_update
    return scheduler.step


def steps_taken(scheduler: Any) -> int:
    """How often a scheduler of any class has been stepped, by the counters of common libraries."""
    if isinstance(scheduler, Together):
        return scheduler.agreed(map(steps_taken, scheduler._schedulers))
    if hasattr(scheduler, "_schedulers") and not hasattr(scheduler, "last_epoch"):
        return steps_taken(scheduler._schedulers[0])
    counted = getattr(scheduler, "_step_count", 0)
    if counted:
        return counted - 1
    for name, before in _COUNTERS:
        if isinstance(number := getattr(scheduler, name, None), int):
            return max(0, number - before)
    if takes_count(scheduler):
        raise ValueError(
            f"`current_count(scheduler=...)` must keep how often it was stepped, and"
            f" {type(scheduler).__name__} is told: it is the number that your loop gives to `step`."
        )
    raise ValueError(
        f"`from_torch(scheduler=...)` must tell how often it was stepped, and"
        f" {type(scheduler).__name__} has no `last_epoch`: give `total_steps=N` and"
        ' `start="now"`, and a copy is stepped on from where it is.'
    )


# Where libraries keep their counts, and the count of a scheduler that was just built.
_COUNTERS = [("last_epoch", 0), ("last_step", 0), ("last_batch_iteration", -1), ("_step", 0)]


@contextlib.contextmanager
def undisturbed(scheduler: Any) -> Iterator[None]:
    """Leaves the live optimizer and the random generators as they were."""
    parts = getattr(scheduler, "_schedulers", ())
    with (
        generators_kept(),
        _untouched(scheduler.optimizer),
        _as_value_error(),
        classes_kept([scheduler, *parts]),
    ):
        yield


@contextlib.contextmanager
def _as_value_error() -> Iterator[None]:
    try:
        yield
    except NotOfTheStep as error:
        raise ValueError(f"`from_torch(scheduler=...)` {error}.") from None


def _generators() -> list:
    import torch

    numpy_state = np.random.get_state(legacy=False)
    return [random.getstate(), repr(numpy_state), torch.get_rng_state().tolist()]


def _state(scheduler: Any) -> list:
    """All that a scheduler and its optimizer's groups hold."""
    optimizer = scheduler.optimizer
    apart = [optimizer, optimizer.param_groups]  # Their numbers are compared instead.
    seen = {id(thing): (number, thing) for number, thing in enumerate(apart)}
    groups = [sorted(_numbers(group).items()) for group in optimizer.param_groups]
    return [memory(scheduler, seen), memory(groups)]


def copied(scheduler: Any) -> Any:
    """A copy that shares nothing with the original, and has an optimizer without parameters."""
    import torch

    optimizer = scheduler.optimizer
    # Of the base class: an optimizer that wraps another may pass on its groups by a property.
    twin = object.__new__(torch.optim.Optimizer)
    groups: list[dict[str, Any]] = []
    memo: dict[int, Any] = {id(optimizer): twin, id(optimizer.param_groups): groups}
    memo[id(getattr(optimizer, "optimizer", optimizer))] = twin  # the optimizer that it wraps
    try:
        for group in optimizer.param_groups:
            memo[id(group)] = {
                k: [] if k == "params" else private(value, memo) for k, value in group.items()
            }
            groups.append(memo[id(group)])
        vars(twin).update(
            defaults=dict(optimizer.defaults), param_groups=groups, state=defaultdict(dict)
        )
        vars(twin).update(step=_step, _opt_called=True)
        found = private(scheduler, memo)
    except Exception as error:
        raise ValueError(
            f"`from_torch(scheduler=...)` must be possible to copy, got {scheduler!r}: {error}"
        ) from error
    if found is scheduler:
        raise ValueError(
            f"`from_torch(scheduler=...)` must be possible to copy, got {scheduler!r}."
        )
    return found


def _step(*_: Any) -> None:
    """The step of a copy's optimizer. PyTorch warns where it was not wrapped, or not called."""


_step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]


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
                if repr(after.get(key)) != repr(values[key]):  # A NaN is unequal to itself.
                    set_value(group, key, values[key])
            reached = reached or repr(after) != repr(values)
    if reached:
        raise ValueError(
            "`from_torch(scheduler=...)` must reach its optimizer by its attributes alone, for a"
            " copy to be stepped: this one writes to the live optimizer from elsewhere."
        )


def _numbers(group: dict[str, Any]) -> dict[str, Any]:
    """What schedulers write into a group: rates and momenta, some in tensors of one element."""
    values = {
        key: value.item() if hasattr(value, "fill_") and value.numel() == 1 else value
        for key, value in group.items()
    }
    plain = (bool, int, float, str, tuple, type(None))
    return {key: value for key, value in values.items() if isinstance(value, plain)}


def _rewind(twin: Any, done: int, reason: str) -> None:
    if hasattr(twin, "_schedulers") or not (
        hasattr(twin, "_initial_step")
        and isinstance(last := getattr(twin, "last_epoch", None), int)
        and last >= done
    ):
        raise ValueError(
            f"`from_torch(scheduler=...)` {reason}; and now that it has been stepped, a copy cannot"
            f" be put back to its start.{_TOO_LATE}"
        )
    twin.last_epoch -= done + 1
    for group in twin.optimizer.param_groups:
        group["lr"] = copy.deepcopy(group.get("initial_lr", group["lr"]))
    try:
        twin._initial_step()
    except Exception as error:
        raise ValueError(
            f"`from_torch(scheduler=...)` {reason}; and now that it has been stepped, a copy cannot"
            f" be put back to its start: {type(error).__name__}: {error}.{_TOO_LATE}"
        ) from error


_TOO_LATE = (
    ' Give `total_steps=N` and `start="now"`, and a copy is stepped on from where it is; or convert'
    " it right after it is built."
)
