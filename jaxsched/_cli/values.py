"""Rates and momenta of a schedule at given steps, for `show`, `plot` and `check`."""

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
from .._core.value import evolve
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._text.expression import Expression
from .._text.parse import MOST_TABULATED
from .._traces.compare import at_counts, rates_of
from .._traces.trace import Trace


@dataclasses.dataclass(frozen=True, eq=False)
class Values:
    """The rates of one parameter group, and its momenta or None."""

    lr: np.ndarray
    momentum: np.ndarray | None


def values_of(schedule: Any, counts: np.ndarray, metrics: str | None, x64: bool) -> list[Values]:
    """The values of each parameter group, in float32, or in float64 with `x64`.

    Raises:
      ValueError: for a plateau without metrics, metrics without a plateau, or a step at which
        the schedule or the metric raises.
    """
    stream = metrics_of(schedule, metrics, int(counts[-1]))
    groups = groups_of(within(schedule, int(counts[-1]) + 1))
    with xp.float64(x64):
        return [_values(group, counts, stream) for group in groups]


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
    own = [f for f in dataclasses.fields(schedule) if f.name == "total_steps" and f.kw_only]
    if not own or schedule.total_steps is not None:
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


def _values(schedule: Any, counts: np.ndarray, metrics: Expression | None) -> Values:
    run = Trace("", "", "", counts, np.zeros(len(counts)), metrics=metrics)
    momentum = momentum_of(schedule)
    try:
        lr = rates_of(schedule, run)
        return Values(lr, None if momentum is None else at_counts(momentum, counts))
    except (ArithmeticError, TypeError) as error:  # raised by a function of the step
        raise ValueError(f"`{type(schedule).__name__}` has no rate: {error}") from error


def has_plateau(schedule: Any) -> bool:
    return any(isinstance(group, ReduceLROnPlateau) for group in groups_of(schedule))


def metrics_of(schedule: Any, text: str | None, steps: int) -> Expression | None:
    """The metrics of a plateau, evaluated once at each step to find errors early."""
    plateau = has_plateau(schedule)
    if plateau and text is None:
        raise ValueError(
            "a ReduceLROnPlateau depends on a metric: give --metrics, an expression of the step"
            " such as '1 / (1 + step)'"
        )
    if text is None:
        return None
    if not plateau:
        raise ValueError("--metrics needs a ReduceLROnPlateau, but this schedule is not one")
    metrics = Expression(text)
    for step in range(steps):
        try:
            if abs(float(metrics(step))) > float(np.finfo(np.float32).max):
                raise OverflowError("too large for float32")
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ValueError(f"--metrics has no value at step {step}: {error}") from error
    return metrics
