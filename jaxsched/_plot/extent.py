"""How many steps of a schedule to show where nobody says it."""

import math
from typing import Any

import numpy as np

from .._combine.combined import Combined
from .._combine.counts import Mapped
from .._combine.join import Join
from .._combine.param_groups import ParamGroups
from .._core.schedule import Schedule
from .._core.table import Table
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .._traces.trace import Trace
from .._traces.values import last_count

USUAL = 100  # of a schedule that has no length
MOST = 100_000_000
# Of fields that are not the length of the whole: how many times as many steps to show.
_TIMES = {
    "step_size": 4, "step_size_up": 4, "decay_t": 4, "milestones": 1.25,
    "total_iters": 1.25,
}  # fmt: skip
_AFTER_WARMUP = 5
_STEPS = (
    "steps",
    "_t",
    "t_initial",
    "_updates",
    "_epochs",
    "_iters",
)  # what such fields are called elsewhere
_DECAYED = 0.01  # of the first rate


def extent(schedule: Any) -> int:
    """The number of steps that show what a schedule does: its length, some of its cycles."""
    return max(2, min(MOST, math.ceil(_extent(schedule))))


def spread(steps: int, most: int) -> np.ndarray:
    """The counts of so many steps; of more than `most`, as many that are evenly spaced."""
    if steps <= most:
        return np.arange(steps)
    return np.linspace(0, steps - 1, most).astype(np.int64)


def _extent(schedule: Any) -> float:
    if isinstance(schedule, Trace):
        return float(schedule.counts[-1]) + 1
    if not isinstance(schedule, Schedule):  # groups, a plateau, a function
        return max(map(_extent, parts_of(schedule)), default=USUAL)
    if math.isfinite(last := last_count(schedule)):
        return last  # A OneCycleLR has one count more, at which it rises again.
    if isinstance(schedule, Table):
        return len(schedule.rates)
    if isinstance(schedule, Mapped):
        inner = max(_extent(schedule.schedule), 2)
        return float(schedule._count_map.first(inner - 1)) + 1 or inner
    if isinstance(schedule, SequentialLR | Join):
        ends = schedule.boundaries if isinstance(schedule, Join) else schedule.milestones
        return _largest(ends) + _extent(parts_of(schedule)[-1])
    parts = parts_of(schedule)
    return max(map(_extent, parts)) if parts else _own(schedule)


def parts_of(schedule: Any) -> list:
    """The schedules that one is made of."""
    if isinstance(schedule, ParamGroups):
        return list(schedule)
    if isinstance(schedule, ReduceLROnPlateau):
        return [schedule.lr] if isinstance(schedule.lr, Schedule) else []
    if isinstance(schedule, Combined):
        return schedule._parts()
    return list(schedule._nested()) if isinstance(schedule, Schedule) else []


def _own(schedule: Any) -> float:
    """The largest of the fields that are numbers of steps."""
    lengths = [_length(schedule, field) for field in schedule._field_table]
    return max(lengths, default=0) or _until_decayed(schedule)


def _length(schedule: Any, field: Any) -> float:
    """The steps to show for a field that is a number of steps; 0 for another."""
    value = getattr(schedule, field.name)
    if value is None or field.name == "last_epoch" or not _counts_steps(field, value):
        return 0
    if field.name == "T_0":
        return _largest(value) * sum(float(schedule.T_mult) ** cycle for cycle in range(3))
    times = _AFTER_WARMUP if "warmup" in field.name else _TIMES.get(field.name)
    return _largest(value) * times if times else _largest(value) + 1


def _counts_steps(field: Any, value: Any) -> bool:
    kind = field.kind
    if kind is None:  # a field of a user's class
        return type(value) is int
    declared = kind.integers or (kind.infinite and not kind.subnormal)
    return bool(declared) or field.name in _TIMES or field.name.endswith(_STEPS)


def _largest(value: Any) -> float:
    numbers = np.atleast_1d(np.asarray(value, np.float64))
    return float(np.max(numbers, where=np.isfinite(numbers), initial=0.0))


def _until_decayed(schedule: Any) -> float:
    gamma = getattr(schedule, "gamma", None)
    if isinstance(gamma, int | float) and 0 < gamma < 1:
        return math.log(_DECAYED) / math.log(gamma)
    return USUAL
