"""LambdaLR: a Python function of the step, times the initial rate."""

from collections.abc import Callable

from .._core.fields import LastEpoch, Rate, TotalSteps, static
from .._core.functions import call, check_function, tabulated_for
from .._core.schedule import CarriesRate


class LambdaLR(CarriesRate):
    """Sets the learning rate to a function of the step, times the initial rate.

        lr(t) = lr * lr_lambda(t)

    Args:
      lr: the learning rate that the function's value multiplies.
      lr_lambda: a function of the integer step that gives a factor, not a rate. (For one that
        gives rates, `lr=1.0`.) JAX traces it; one that cannot be traced
        (`max(0, 1 - e / 100)`, `0.5 if e < 30 else 0.1`), or that JAX's numbers would make
        another function of (`0.1 ** ((e >= 30) + (e >= 60))`), needs `total_steps`. It is
        static: define it once, for a new function means a new compilation. Both go with the
        schedule; with an array as `lr`, JAX keeps them until `jax.clear_caches()`.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      total_steps: if given, the function is called on the host, with the Python ints of the
        first `total_steps` counts, and the last value holds after that.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      TypeError: for an `lr_lambda` that is no function, closes over a traced value or, when the
        schedule is called, cannot be traced or gives other values than in Python.

    >>> import jax.numpy as jnp
    >>> LambdaLR(0.1, lambda epoch: 0.5**epoch)(jnp.arange(4))
    Array([0.1   , 0.05  , 0.025 , 0.0125], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
    """

    lr: Rate
    lr_lambda: Callable[[int], float] = static()
    last_epoch: LastEpoch = static(default=-1)
    total_steps: TotalSteps = static(default=None, kw_only=True)

    def _validate(self):
        super()._validate()
        check_function(self, "lr_lambda")

    def _curve(self, t):
        return self._base * call(self, "lr_lambda", t)

    def _tabulated(self, size):
        return tabulated_for(self, size)
