"""CosineAnnealingWarmRestarts: down a cosine, again and again."""

from typing import Annotated

from .._core import numerics as xp
from .._core.fields import LastEpoch, NumberKind, PositiveInt, Rate, static
from .._core.number import Float
from .._core.protocol import CarryingPart, OwnClockPart
from .._core.schedule import CarriesRate


class CosineAnnealingWarmRestarts(CarriesRate):
    """Lowers the learning rate along half a cosine, and starts again at the top.

        lr(t) = eta_min + (lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2

    `T_cur` counts the steps since the last restart; the first cycle is `T_i = T_0` steps long,
    each later one `T_mult` times as long as the one before.

    Args:
      lr: the learning rate after a restart.
      T_0: the number of steps in the first cycle, a positive int.
      T_mult: the growth of the cycles, an int from 1 up.
      eta_min: the learning rate that a cycle approaches (and never quite reaches).
      last_epoch: the index of the last step before this schedule, as in `StepLR`. Like PyTorch,
        it then goes on as if in the first cycle, or the second if `T_0` steps have passed.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count. Without `last_epoch` the count may
      be fractional, as in PyTorch's `step(epoch + i / iters)`.

    Raises:
      ValueError: for a `T_0` or `T_mult` that is no int in its range.

    >>> import jax.numpy as jnp
    >>> CosineAnnealingWarmRestarts(0.1, T_0=2, T_mult=2)(jnp.arange(6))
    Array([0.1       , 0.05      , 0.1       , 0.08535534, 0.05      ,
           0.01464466], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html,
    the paper is https://arxiv.org/abs/1608.03983.
    """

    lr: Rate
    T_0: PositiveInt
    T_mult: PositiveInt = 1
    eta_min: Annotated[Float, NumberKind(subnormal=True, error=ValueError)] = 0.0
    last_epoch: LastEpoch = static(default=-1)

    @property
    def _fractional(self) -> bool:
        return self.last_epoch == -1

    @property
    def _part(self):
        # Of a resumed one SequentialLR rewinds `last_epoch`, but not `T_cur`.
        return CarryingPart if self.last_epoch == -1 else OwnClockPart

    def _curve(self, t):
        begun = self.last_epoch + 1
        wrapped = begun >= self.T_0
        first = xp.where(wrapped, self.T_0 * self.T_mult, self.T_0)
        since = t - begun + xp.where(wrapped, begun % self.T_0, begun)
        current, length = self._cycle(since, first)
        height = (1.0 + xp.cos(xp.divide(xp.pi * current, length))) / 2.0
        return self.eta_min + (self._base - self.eta_min) * height

    def _cycle(self, t, first):
        """Steps since the last restart and length of the cycle, `t` steps into the first."""

        def begin(n):
            return first * xp.round(
                xp.divide(growth**n - 1.0, xp.where(growth == 1.0, 1.0, growth - 1.0))
            )

        growth = xp.floating(self.T_mult)
        n = xp.floor(xp.divide(xp.log1p(xp.divide(t * (growth - 1.0), first)), xp.log(growth)))
        n = xp.where(growth == 1.0, 0.0, n)
        # The logarithm may be off by its last bit, and then n by one cycle.
        n = n - (t < begin(n)) + (t >= begin(n + 1.0))
        length = first * xp.round(growth**n)
        steady = growth == 1.0
        return xp.where(steady, t % first, t - begin(n)), xp.where(steady, first, length)
