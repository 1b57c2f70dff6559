"""`clip`: a schedule that goes no lower, and no higher."""

from typing import Annotated, Any

from .._core import numerics as xp
from .._core.fields import NESTED, Rate
from .._core.number import Number, is_concrete
from .._core.schedule import Schedule
from .._core.value import evolve
from .combined import Combined, instead_of, momentum_of
from .param_groups import for_each_group


class Clip(Combined):
    """A schedule between two rates; what `clip` returns."""

    schedule: Annotated[Schedule, NESTED]
    low: Rate | None = None
    high: Rate | None = None

    _called = "clip"
    _unnamed = 1

    def _validate(self):
        if not isinstance(self.schedule, Schedule):
            raise TypeError(
                "`clip(schedule=...)` must be a schedule of the step count, got"
                f" {self.schedule!r}.{instead_of(self.schedule)}"
            )
        if self.low is None and self.high is None:
            raise ValueError("`clip(...)` must have a `low`, a `high` or both, got neither.")
        if is_concrete(self.low) and is_concrete(self.high) and self.low > self.high:
            self._reject("low", f"at most `high`, which is {self.high!r}")

    def _members(self):
        return (self.schedule,)

    def _with_members(self, members):
        return evolve(self, schedule=members[0])

    def _rate(self, count, plan):
        [rate] = self._rates(count, plan)
        rate = rate if self.low is None else xp.maximum(rate, self.low)
        return rate if self.high is None else xp.minimum(rate, self.high)

    def _momentum_part(self):
        return momentum_of(self.schedule)

    @property
    def momentum(self) -> Schedule:
        """The momentum that goes with the rate, which is not clipped."""
        return self.schedule.momentum  # type: ignore[attr-defined]


def clip(schedule: Any, low: Number | None = None, high: Number | None = None) -> Any:
    """The same schedule between two rates.

        lr(count) = min(max(schedule(count), low), high)

    For a floor that PyTorch's scheduler does not have, or a cap.

    Args:
      schedule: a schedule, or a ParamGroups of them.
      low: the smallest rate, if there is one.
      high: the largest rate, if there is one.

    Returns:
      A schedule; it has a `momentum` where `schedule` has one. Of a ParamGroups, one of these.

    Raises:
      ValueError: for neither `low` nor `high`, or a `low` above `high`.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.clip(jaxsched.ExponentialLR(0.1, gamma=0.5), low=0.02)(jnp.arange(4))
    Array([0.1  , 0.05 , 0.025, 0.02 ], dtype=float32)
    """
    return for_each_group(lambda member: Clip(member, low, high), schedule)
