"""Schedules read from other libraries' objects, held to the objects' own functions of the count."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .._core import numerics as xp
from .errors import STEP_FROM_START, Unreadable
from .numeric import to_python


def verify(
    schedule: Any,
    counts: np.ndarray,
    rates: Sequence[Any],
    cause: str,
    instead: str = STEP_FROM_START,
    described: str = "its attributes describe",
) -> None:
    """Raises where the object's own `rates` at these counts are not the schedule's.

    `cause` is what may have happened, for the error; `instead`, what to write.
    """
    theirs = np.array([to_python(rate) for rate in rates], np.float64)
    ours = rates_at(schedule, counts)
    off = np.abs(ours - theirs) > 1e-9 * np.abs(theirs) + 1e-12 * np.abs(theirs).max()
    if off.any():
        first = int(np.argmax(off))
        raise Unreadable(
            f"must have the rates that {described}, {ours[first]} at count"
            f" {counts[first]}, got {theirs[first]}: {cause}",
            instead,
        )


def rates_at(schedule: Any, counts: np.ndarray) -> np.ndarray:
    """A schedule's rates, in float64."""
    with jax.ensure_compile_time_eval(), xp.float64():
        return np.asarray(schedule(counts))


def counts_along(schedule: Any) -> np.ndarray:
    """Counts in all stretches of a curve, as far as the schedule's numbers of steps tell them.

    At the restarts of cycles a library may round to the cycle before.
    """
    numbers = [getattr(schedule, field.name) for field in schedule._field_table]
    ends = {int(n) for n in numbers if isinstance(n, int | float) and 1 < n < 10**9}
    along = [0, 1, *(end * share for end in ends for share in (0.25, 0.7, 0.95)), sum(ends) + 2]
    return np.unique(np.array(along).astype(np.int64))
