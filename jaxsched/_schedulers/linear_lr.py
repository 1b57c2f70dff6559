"""LinearLR: a factor that goes along a line, such as a warm-up."""

from .._core import numerics as xp
from .._core.affine import IDENTITY, Affine
from .._core.fields import LastEpoch, Length, Rate, static
from .._core.formulas import ScalesRate
from .._core.number import Float, is_zero
from .._core.schedule import CarriesRate


class LinearLR(ScalesRate, CarriesRate):
    """Moves a factor of the learning rate along a line.

        lr(t) = lr * (start_factor + (end_factor - start_factor) * x)

    with x = min(t, total_iters) / total_iters.

    Args:
      lr: the learning rate that the factors multiply.
      start_factor: the factor at step 0, above 0 and at most 1.
      end_factor: the factor from step `total_iters` on, from 0 to 1.
      total_iters: the number of steps from one to the other. Like PyTorch, 0 stays at
        `start_factor`, and the line ends at the last step before it if it is fractional.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for factors out of their range.

    >>> import jax.numpy as jnp
    >>> LinearLR(0.1, start_factor=0.5, total_iters=4)(jnp.arange(6))
    Array([0.05  , 0.0625, 0.075 , 0.0875, 0.1   , 0.1   ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
    """

    lr: Rate
    start_factor: Float = 1.0 / 3
    end_factor: Float = 1.0
    total_iters: Length = 5
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("start_factor", lambda x: 0 < x <= 1, "above 0 and at most 1")
        self._require("end_factor", lambda x: 0 <= x <= 1, "from 0 to 1")

    def _scale(self, s, t):
        return xp.ratio(self._height(t), self._height(s))

    def _start(self, t) -> Affine:
        return self._step(t) if t == 0 else IDENTITY

    def _restart(self, t) -> Affine:
        factor = xp.where(self.total_iters < 0, self.end_factor, self.start_factor)
        return Affine(0, self._base * factor)

    def _forbids(self, move, t):
        return "total_iters" if move == "restart" and is_zero(self.total_iters) else None

    def _height(self, t):
        last = xp.minimum(t, xp.floor(self.total_iters))
        slope = self.end_factor - self.start_factor
        line = self.start_factor + xp.divide(slope * last, self.total_iters)
        return xp.where(t < 0, 1.0, xp.where(self.total_iters > 0, line, self.start_factor))
