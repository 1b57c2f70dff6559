"""Rates and momenta of a schedule at given steps, as pictures and the command line show them."""

import dataclasses
from typing import Any

import numpy as np

from .._combine.combined import momentum_of
from .._combine.counts import Mapped
from .._combine.param_groups import ParamGroups, groups_of
from .._core import numerics as xp
from .._core.closed_forms import by_steps
from .._core.past_end import earliest
from .._core.schedule import Schedule
from .._core.value import Value, evolve
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._text.parse import MOST_TABULATED
from .compare import at_counts, rates_of
from .trace import Trace


@dataclasses.dataclass(frozen=True, eq=False)
class Values:
    """The rates of one parameter group, and its momenta or None."""

    lr: np.ndarray
    momentum: np.ndarray | None


def values_of(schedule: Any, counts: np.ndarray, metrics: Any, x64: bool) -> list[Values]:
    """The values of each parameter group, in float32, or in float64 with `x64`.

    `metrics` are those of a plateau up to the last count, an array or an `Expression`, else None.

    Raises:
      ValueError: for a step at which the schedule or the metric raises.
    """
    groups = groups_of(within(schedule, int(counts[-1]) + 1))
    with xp.float64(x64):
        return [_values(group, counts, metrics) for group in groups]


def last_count(schedule: Any) -> float:
    """The last step of a schedule; infinity if it has none."""
    end = earliest([g._end() for g in groups_of(schedule) if isinstance(g, Schedule)])
    return np.inf if end is None else end.last


def within(schedule: Any, steps: int) -> Any:
    """The schedule with Python functions tabulated for `steps` steps, as PyTorch calls them."""
    if isinstance(schedule, ParamGroups):
        return ParamGroups([within(group, steps) for group in schedule])
    if isinstance(schedule, Mapped):
        inner = int(schedule._count_map(steps - 1)) + 1
        return evolve(schedule, schedule=within(schedule.schedule, inner))
    if isinstance(schedule, ReduceLROnPlateau) and isinstance(schedule.lr, Schedule):
        return evolve(schedule, lr=within(schedule.lr, steps))
    if not isinstance(schedule, Value):  # a function
        return schedule
    own = [f for f in dataclasses.fields(schedule) if f.name == "total_steps" and f.kw_only]
    if not own or getattr(schedule, "total_steps", None) is not None:
        return schedule
    if steps <= MOST_TABULATED:
        return evolve(schedule, total_steps=steps)
    check_steps(schedule, steps)
    return schedule


def check_steps(schedule: Any, steps: int) -> None:
    """Raises a ValueError for too many steps of a schedule that has no closed form."""
    long = steps > MOST_TABULATED and isinstance(schedule, Schedule)
    if long and by_steps in schedule._plan()[0]:
        raise ValueError(
            f"this `{type(schedule).__name__}` has no closed form and is stepped from 0:"
            f" use at most {MOST_TABULATED:,} steps, got {steps:,}"
        )


def _values(schedule: Any, counts: np.ndarray, metrics: Any) -> Values:
    metrics = metrics if isinstance(schedule, ReduceLROnPlateau) else None
    run = Trace("", "", "", counts, np.zeros(len(counts)), metrics=metrics)
    momentum = momentum_of(schedule)
    try:
        lr = rates_of(schedule, run)
        return Values(lr, None if momentum is None else at_counts(momentum, counts))
    except (ArithmeticError, TypeError) as error:  # raised by a function of the step
        raise ValueError(f"`{type(schedule).__name__}` has no rate: {error}") from error


def has_plateau(schedule: Any) -> bool:
    return any(isinstance(group, ReduceLROnPlateau) for group in groups_of(schedule))
