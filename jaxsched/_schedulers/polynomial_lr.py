"""PolynomialLR: a power of what is left, down to 0."""

from .._core import numerics as xp
from .._core.affine import IDENTITY, Affine
from .._core.fields import LastEpoch, Length, Rate, static
from .._core.formulas import ScalesRate
from .._core.number import Float, is_concrete, is_zero
from .._core.schedule import CarriesRate


class PolynomialLR(ScalesRate, CarriesRate):
    """Lowers the learning rate to 0 along a power of the remaining steps.

        lr(t) = lr * (1 - min(t, total_iters) / total_iters) ** power

    Args:
      lr: the learning rate at step 0.
      total_iters: the number of steps down to 0. Like PyTorch, 0 stays at `lr`, and the curve
        ends at the last step before it if it is fractional.
      power: the exponent, from 0 up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `power`, which divides by 0 where the curve ends.

    >>> import jax.numpy as jnp
    >>> PolynomialLR(0.1, total_iters=4, power=2)(jnp.arange(6))
    Array([0.1    , 0.05625, 0.025  , 0.00625, 0.     , 0.     ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
    """

    lr: Rate
    total_iters: Length = 5
    power: Float = 1.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        ends = is_concrete(self.total_iters) and self.total_iters > 0 and self.total_iters % 1 == 0
        self._require("power", lambda p: p >= 0 or not ends, "from 0 up")

    def _scale(self, s, t):
        ratio = xp.ratio(self._left(t), self._left(s))
        if not xp.traced(self.total_iters, self.power):
            return xp.power(ratio, self.power)
        # Where the curve has ended it stays at 0, and so does its derivative: that of a power
        # below 1 would be infinite there, and 0 times that a NaN for all counts of a curve.
        ended = ratio == 0.0
        value = xp.power(xp.where(ended, 1.0, ratio), self.power)
        return xp.where(ended, xp.where(self.power == 0, 1.0, 0.0), value)

    def _start(self, t) -> Affine:
        return IDENTITY

    def _restart(self, t) -> Affine:
        left = xp.where(self.total_iters < 0, 0.0, 1.0)
        return Affine(0, self._base * xp.power(left, self.power))

    def _forbids(self, move, t):
        at_zero = move == "restart" or (move == "step" and t == 0)
        return "total_iters" if at_zero and is_zero(self.total_iters) else None

    def _left(self, t):
        last = xp.minimum(t, xp.floor(self.total_iters))
        return xp.where(self.total_iters > 0, 1.0 - xp.divide(last, self.total_iters), 1.0)
