"""StepLR: a drop by `gamma` every `step_size` steps."""

import jax
import jax.numpy as jnp
import numpy as np

from .._core import numerics as xp
from .._core.fields import LastEpoch, Length, Rate, static
from .._core.formulas import ScalesRate
from .._core.number import Float, Int
from .._core.schedule import CarriesRate


class StepLR(ScalesRate, CarriesRate):
    """Multiplies the learning rate by `gamma` every `step_size` steps.

        lr(t) = lr * gamma ** (t // step_size)

    Args:
      lr: the learning rate before the first drop.
      step_size: the number of steps between two drops. Like PyTorch, a fractional size
        drops where the count is an integer multiple of it: 2.5 drops at 5, 10, ...
      gamma: the factor of each drop.
      last_epoch: the index of the last step before this schedule, in PyTorch's meaning; `lr` is
        then the current rate and count 0 the step `last_epoch + 1`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a `step_size` of 0, or an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> StepLR(0.05, step_size=30)(jnp.array([0, 29, 30, 60]))
    Array([0.05  , 0.05  , 0.005 , 0.0005], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
    """

    lr: Rate
    step_size: Length
    gamma: Float = 0.1
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("step_size", lambda n: n != 0, "a number of steps other than 0")
        self._warn_if_below_one("step_size", "lr")

    def _scale(self, s, t):
        return xp.power(self.gamma, self._drops(t) - self._drops(s))

    def _drops(self, t):
        """How many of the steps 1, ..., t are integer multiples of `step_size`."""
        return xp.floor_divide(xp.maximum(t, 0), _first_integer_multiple(abs(self.step_size)))


def _first_integer_multiple(size: Int | Float):
    """The smallest integer that `size`, a binary fraction, divides."""
    if jnp.issubdtype(jnp.result_type(size), jnp.integer):
        return size
    if xp.traced(size):
        return jax.lax.while_loop(lambda x: x != xp.floor(x), lambda x: 2 * x, size)
    while size != np.floor(size):
        size = 2 * size
    return size
