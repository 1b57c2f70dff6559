"""pytorch_warmup's warm-ups, as factors that multiply another schedule.

    schedule = jaxsched.CosineAnnealingLR(0.1, T_max=5_000)
    optax.adam(schedule * jaxsched.pytorch_warmup.LinearWarmup(warmup_period=500))

That is the rate in a loop of `with warmup_scheduler.dampening(): lr_scheduler.step()`. The count is
the number of these. Where pytorch_warmup takes the optimizer, of which it reads the second beta of
Adam, jaxsched takes `beta2`, or nothing; every other argument keeps its name, order and default. A
period for each parameter group is a `jaxsched.ParamGroups` of products here. The untuned periods
are cut to integers: a traced `beta2` of float32 may have another one than Python's.

The formulas are of `s = t + 1`, so that the first factor is not 0.
"""

import math

import jax

from ._core import numerics as xp
from ._core.fields import LastEpoch, static
from ._core.number import Float, Number
from ._schedulers.recipe import OfLibrary

__all__ = [
    "ExponentialWarmup",
    "LinearWarmup",
    "RAdamWarmup",
    "UntunedExponentialWarmup",
    "UntunedLinearWarmup",
]


class _Warmup(OfLibrary):
    """A factor by the number of updates, the coming one among them."""

    @property
    def _begun(self):
        return self.last_step

    def _curve(self, t):
        return self._factor(t + 1, self._period)

    @property
    def _period(self):
        return self.warmup_period

    def _factor(self, step, period):
        raise NotImplementedError


class _OfPeriod(_Warmup):
    def _validate(self):
        super()._validate()
        self._require("warmup_period", lambda n: n > 0 and n == int(n), "a positive integer")


class _Untuned(_Warmup):
    def _validate(self):
        super()._validate()
        self._require("beta2", lambda b: 0 <= b < 1, "a number from 0 up to below 1")


class LinearWarmup(_OfPeriod):
    """A line up to the factor 1.

        factor(t) = min(1, s / warmup_period)

    Args:
      warmup_period: the number of updates until the factor is 1.
      last_step: the index of the last update before this schedule.

    Returns:
      A `Schedule`: the factor as a function of the step count.

    Raises:
      ValueError: for a period that is no positive integer.

    >>> import jax.numpy as jnp
    >>> from jaxsched import pytorch_warmup
    >>> pytorch_warmup.LinearWarmup(4)(jnp.arange(6))
    Array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ], dtype=float32)

    Port of https://github.com/Tony-Y/pytorch_warmup.
    """

    warmup_period: Number
    last_step: LastEpoch = static(default=-1)

    def _factor(self, step, period):
        return xp.minimum(1.0, xp.divide(step, period))


class ExponentialWarmup(_OfPeriod):
    """An exponential that comes near the factor 1.

        factor(t) = 1 - exp(-s / warmup_period)

    Args:
      warmup_period: the number of updates until the factor is 1 - 1 / e.
      last_step: the index of the last update before this schedule.

    Returns:
      A `Schedule`: the factor as a function of the step count.

    Raises:
      ValueError: for a period that is no positive integer.

    >>> import jax.numpy as jnp
    >>> from jaxsched import pytorch_warmup
    >>> pytorch_warmup.ExponentialWarmup(2)(jnp.arange(4))
    Array([0.39346933, 0.63212055, 0.77686983, 0.86466473], dtype=float32)

    Port of https://github.com/Tony-Y/pytorch_warmup.
    """

    warmup_period: Number
    last_step: LastEpoch = static(default=-1)

    def _factor(self, step, period):
        return 1.0 - xp.power(math.e, -xp.divide(step, period))


class UntunedLinearWarmup(_Untuned):
    """A LinearWarmup whose period is `2 / (1 - beta2)`, cut to an integer.

    Args:
      beta2: the second beta of Adam.
      last_step: the index of the last update before this schedule.

    Returns:
      A `Schedule`: the factor as a function of the step count.

    Raises:
      ValueError: for a `beta2` that is not from 0 up to below 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import pytorch_warmup
    >>> pytorch_warmup.UntunedLinearWarmup(0.5)(jnp.arange(4))
    Array([0.25, 0.5 , 0.75, 1.  ], dtype=float32)

    Port of https://github.com/Tony-Y/pytorch_warmup,
    the paper is https://arxiv.org/abs/1910.04209.
    """

    beta2: Float
    last_step: LastEpoch = static(default=-1)

    _factor = LinearWarmup._factor

    @property
    def _period(self):
        return xp.floor(xp.divide(2.0, 1.0 - self.beta2))


class UntunedExponentialWarmup(_Untuned):
    """An ExponentialWarmup whose period is `1 / (1 - beta2)`, cut to an integer.

    Args:
      beta2: the second beta of Adam.
      last_step: the index of the last update before this schedule.

    Returns:
      A `Schedule`: the factor as a function of the step count.

    Raises:
      ValueError: for a `beta2` that is not from 0 up to below 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import pytorch_warmup
    >>> pytorch_warmup.UntunedExponentialWarmup(0.5)(jnp.arange(4))
    Array([0.39346933, 0.63212055, 0.77686983, 0.86466473], dtype=float32)

    Port of https://github.com/Tony-Y/pytorch_warmup,
    the paper is https://arxiv.org/abs/1910.04209.
    """

    beta2: Float
    last_step: LastEpoch = static(default=-1)

    _factor = ExponentialWarmup._factor

    @property
    def _period(self):
        return xp.floor(xp.divide(1.0, 1.0 - self.beta2))


class RAdamWarmup(_Warmup):
    """The rectification of RAdam as a factor.

        factor(t) = sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r))
        r = R - 2 * n * beta2 ** n / (1 - beta2 ** n),  R = 2 / (1 - beta2) - 1

    n counts from the least number, from 1 up, with which r is above 4.

    Args:
      beta2: the second beta of Adam.
      last_step: the index of the last update before this schedule.

    Returns:
      A `Schedule`: the factor as a function of the step count.

    Raises:
      ValueError: for a `beta2` that is not above 0.6 and below 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import pytorch_warmup
    >>> pytorch_warmup.RAdamWarmup(0.99)(jnp.arange(3))
    Array([0.05447105, 0.0816792 , 0.10369613], dtype=float32)

    Port of https://github.com/Tony-Y/pytorch_warmup,
    the paper is https://arxiv.org/abs/1908.03265.
    """

    beta2: Float
    last_step: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("beta2", lambda b: 0.6 < b < 1, "a number above 0.6 and below 1")

    @property
    def _period(self):
        """The count before the first with which r is above 4."""
        beta2 = jax.lax.stop_gradient(xp.floating(self.beta2))
        return jax.lax.while_loop(
            lambda n: ~(_length(n + 1.0, beta2) > 4.0), lambda n: n + 1.0, 0.0 * beta2
        )

    def _factor(self, step, period):
        most, length = 2.0 / (1.0 - self.beta2) - 1.0, _length(step + period, self.beta2)
        above = (length - 4.0) * (length - 2.0) * most
        return xp.sqrt(xp.divide(above, (most - 4.0) * (most - 2.0) * length))


def _length(n, beta2):
    """How many updates the average of the squares is of, as RAdam has it."""
    power = xp.power(beta2, n)
    return 2.0 / (1.0 - beta2) - 1.0 - xp.divide(2.0 * n * power, 1.0 - power)
