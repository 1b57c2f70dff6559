"""ConstantLR: a factor for the first `total_iters` steps."""

from .._core import numerics as xp
from .._core.affine import Affine
from .._core.fields import LastEpoch, Length, Rate, static
from .._core.formulas import ScalesRate
from .._core.number import Float, is_concrete
from .._core.past_end import End
from .._core.schedule import CarriesRate


class ConstantLR(ScalesRate, CarriesRate):
    """Multiplies the learning rate by `factor` until step `total_iters`.

        lr(t) = lr * factor    for t < total_iters
        lr(t) = lr             from then on

    Args:
      lr: the learning rate after `total_iters` steps.
      factor: what multiplies it before, from 0 to 1. With 0, a freeze, PyTorch divides by 0 where
        the rate would switch back: the schedule ends there, unless a sequence goes on before.
      total_iters: the number of steps with the factor. Like PyTorch, 0 (or a fractional
        number) never switches back.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count. With a `factor` of 0, a count from
      `total_iters` on raises if it is concrete; a traced one gets 0, and is an error under
      `jax.experimental.checkify`.

    Raises:
      ValueError: for a `factor` below 0 or above 1.

    >>> import jax.numpy as jnp
    >>> ConstantLR(0.1, factor=0.5, total_iters=2)(jnp.arange(4))
    Array([0.05, 0.05, 0.1 , 0.1 ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
    """

    lr: Rate
    factor: Float = 1.0 / 3
    total_iters: Length = 5
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("factor", lambda x: 0 <= x <= 1, "from 0 to 1")

    def _last_step(self):
        # PyTorch divides by a `factor` of 0 to switch back.
        numbers_known = is_concrete(self.factor) and is_concrete(self.total_iters)
        if not numbers_known or self.factor != 0 or not self._switches():
            return None
        if self.last_epoch >= self.total_iters:
            return None  # It was past that when it was built.
        last = int(self.total_iters) - 1
        return End(
            last,
            f"`ConstantLR(factor=0)` ends at step {last}, as PyTorch then divides by 0: use"
            " SequentialLR to go on.",
        )

    def _scale(self, s, t):
        return xp.ratio(self._height(t), self._height(s))

    def _restart(self, t) -> Affine:
        return Affine(0, self._base * xp.where(self.total_iters <= 0, 1.0, self.factor))

    def _height(self, t):
        switched = self._switches() & (t >= self.total_iters) & (self.factor != 0)
        return xp.where((t < 0) | switched, 1.0, self.factor)

    def _switches(self):
        """Whether PyTorch ever meets `total_iters`, which it compares with integer steps."""
        is_integer = self.total_iters == xp.floor(self.total_iters)
        return is_integer & (self.total_iters > 0) & (self.total_iters < xp.inf)
