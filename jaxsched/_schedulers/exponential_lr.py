"""ExponentialLR: a factor of `gamma` each step."""

from .._core import numerics as xp
from .._core.affine import IDENTITY, Affine
from .._core.fields import LastEpoch, Rate, static
from .._core.formulas import ScalesRate
from .._core.number import Float
from .._core.schedule import CarriesRate


class ExponentialLR(ScalesRate, CarriesRate):
    """Multiplies the learning rate by `gamma` every step.

        lr(t) = lr * gamma ** t

    Args:
      lr: the learning rate at step 0.
      gamma: the factor of each step.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative, or numbers that are not finite.

    >>> import jax.numpy as jnp
    >>> ExponentialLR(0.1, gamma=0.5)(jnp.arange(4))
    Array([0.1   , 0.05  , 0.025 , 0.0125], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
    """

    lr: Rate
    gamma: Float
    last_epoch: LastEpoch = static(default=-1)

    def _scale(self, s, t):
        return xp.power(self.gamma, t - s)

    def _start(self, t) -> Affine:
        return IDENTITY
