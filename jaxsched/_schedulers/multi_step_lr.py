"""MultiStepLR: a drop by `gamma` at each milestone."""

import jax
import numpy as np

from .._core import numerics as xp
from .._core.affine import Affine
from .._core.fields import LastEpoch, Lengths, Rate, static
from .._core.formulas import ScalesRate
from .._core.number import Float, is_concrete, overflows
from .._core.schedule import CarriesRate


class MultiStepLR(ScalesRate, CarriesRate):
    """Multiplies the learning rate by `gamma` at each of the `milestones`.

        lr(t) = lr * gamma ** (number of milestones <= t)

    Args:
      lr: the learning rate before the first milestone.
      milestones: step counts, in any order. Like PyTorch, repeated ones count each time, and
        fractional ones are never reached.
      gamma: the factor at each milestone.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      TypeError: for `milestones` that are no sequence of numbers.

    >>> import jax.numpy as jnp
    >>> MultiStepLR(0.1, [3, 5], gamma=0.5)(jnp.array([2, 3, 4, 5]))
    Array([0.1  , 0.05 , 0.05 , 0.025], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
    """

    lr: Rate
    milestones: Lengths
    gamma: Float = 0.1
    last_epoch: LastEpoch = static(default=-1)

    def __post_init__(self):
        if not (isinstance(self.milestones, jax.Array | np.ndarray) and self.milestones.ndim):
            try:
                object.__setattr__(self, "milestones", tuple(self.milestones))
            except TypeError:
                self._reject("milestones", "a sequence of step counts", TypeError)
        super().__post_init__()

    def _validate(self):
        super()._validate()
        counts = () if isinstance(self.milestones, jax.Array) else self.milestones
        single = np.ndim(counts) == 1 if isinstance(counts, np.ndarray) else True
        if is_concrete(self.gamma) and single and all(map(is_concrete, counts)):
            _, times = np.unique(np.array(counts, np.float64), return_counts=True)
            most = int(times.max(initial=0))
            rule = f"small enough that `gamma ** {most}` does not overflow at one milestone"
            self._require("gamma", lambda gamma: not overflows(gamma, most), rule)

    def _scale(self, s, t):
        return xp.power(self.gamma, self._passed(t) - self._passed(s))

    def _restart(self, t) -> Affine:
        return Affine(0, self._base * xp.power(self.gamma, self._passed(t)))

    def _passed(self, t):
        """How many milestones are at or before clock `t`."""
        milestones = xp.floating(xp.stack(self.milestones))
        met = xp.where(milestones < 0, xp.floor(milestones), xp.inf)  # if it is fractional
        met = xp.where(milestones == xp.floor(milestones), milestones, met)
        return (met <= t).sum()
