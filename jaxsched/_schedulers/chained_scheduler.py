"""ChainedScheduler: schedulers that step together, on one rate."""

from collections.abc import Sequence
from typing import Annotated

from .._core import protocol
from .._core.fields import NESTED, TotalSteps, is_ours, static
from .._core.formulas import sets_rate
from .._core.schedule import Derived, Schedule, warn
from .._core.table import Table
from .composite import Composite, singles


class ChainedScheduler(Composite):
    """Schedules that step together, each on the rate that the one before it left.

    Most chains have a closed form: those in which all parts multiply; those with a part that
    overwrites, where only what stands behind it counts; and multiplying parts around one
    CosineAnnealingLR with `eta_min=0`. The others are stepped through.

    Args:
      schedulers: the schedules, in the order in which they step. Those that carry an `lr` agree.
      total_steps: if given, the rates of the first `total_steps` counts become a table where
        there is no closed form, and the last of them holds after that.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for no schedules, a ReduceLROnPlateau among them, or rates that differ.
      TypeError: for a part that is no schedule.

    Warns:
      UserWarning: where there is no closed form and no `total_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import ConstantLR, ExponentialLR
    >>> schedule = ChainedScheduler([ConstantLR(0.1, 0.5, 2), ExponentialLR(0.1, 0.9)])
    >>> schedule(jnp.arange(4))
    Array([0.05  , 0.045 , 0.081 , 0.0729], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
    """

    schedulers: Annotated[Sequence[Schedule], NESTED]
    total_steps: TotalSteps = static(default=None, kw_only=True)

    def _validate(self):
        super()._validate()
        self._warn_of_hidden_parts()

    def _warn_of_hidden_parts(self):
        """Tells of a part that is no scheduler of PyTorch's and hides those before it."""
        for index, part in enumerate(self.schedulers[1:], 1):
            hiding = next((single for single in singles(part) if _hides(single)), None)
            if hiding is not None:
                warn(
                    f"`ChainedScheduler(schedulers=...)` steps {type(hiding).__name__} at index"
                    f" {index}, which sets the rate and hides what is before it. For the product of"
                    " their rates write `a * b`."
                )

    def _live(self, group, table_size):
        return protocol.Chain(self.schedulers, group, table_size)


def _hides(schedule: Schedule) -> bool:
    """Whether each of its steps replaces the rate, as a reader of the chain may not expect."""
    if isinstance(schedule, Table | Derived):
        return True
    return sets_rate(schedule) and not is_ours(type(schedule))
