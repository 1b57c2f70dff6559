"""Ramp: from one rate to another, in one of six shapes."""

from .._core import numerics as xp
from .._core.fields import NonNegativeInt, Rate, static
from .._core.schedule import Schedule
from .._schedulers.shapes import rise

SHAPES = ("linear", "cosine", "sqrt", "1-sqrt", "square", "exponential")


class Ramp(Schedule):
    """Goes from `start` to `stop` in `num_steps` steps, and stays there.

        lr(t) = start + (stop - start) * height(min(t, num_steps) / num_steps)

    `height(x)` by shape:

        linear: x            cosine: (1 - cos(pi * x)) / 2
        sqrt: sqrt(x)        1-sqrt: 1 - sqrt(1 - x)
        square: x ** 2       exponential: start * (stop / start) ** x, as a rate

    A ramp from 0 to 1 is a warm-up to multiply another schedule with, one from 1 to 0 a cool-down.
    Unlike LinearLR's, its ends may be 0.

    Args:
      start: the rate at step 0.
      stop: the rate from step `num_steps` on.
      num_steps: the number of steps from one to the other, an int from 0 up. 0 is `stop` at once.
      shape: "linear", "cosine", "sqrt", "1-sqrt", "square" or "exponential".

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an unknown `shape`, a `num_steps` that is no int from 0 up, or rates that are
        not positive with "exponential".

    >>> import jax.numpy as jnp
    >>> from jaxsched import CosineAnnealingLR
    >>> Ramp(0.0, 0.1, num_steps=4)(jnp.arange(6))
    Array([0.   , 0.025, 0.05 , 0.075, 0.1  , 0.1  ], dtype=float32)
    >>> (CosineAnnealingLR(0.1, T_max=8) * Ramp(0, 1, 2))(jnp.arange(4))
    Array([0.        , 0.04809699, 0.08535534, 0.06913417], dtype=float32)
    """

    start: Rate
    stop: Rate
    num_steps: NonNegativeInt
    shape: str = static(default="linear")

    def _validate(self):
        self._choose("shape", *SHAPES)
        if self.shape == "exponential":
            for name in ("start", "stop"):
                self._require(name, lambda x: x > 0, 'a positive number with "exponential"')

    def _curve(self, t):
        arrived = t >= self.num_steps
        x = xp.divide(xp.where(arrived, 1, t), xp.where(arrived, 1, self.num_steps))
        if self.shape == "exponential":
            rate = self.start * xp.power(xp.divide(self.stop, self.start), x)
        else:
            rate = self.start + (self.stop - self.start) * rise(self.shape, x)
        return xp.where(arrived, self.stop, rate)
