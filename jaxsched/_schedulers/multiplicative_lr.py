"""MultiplicativeLR: the product of a Python function's values."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from .._core.affine import IDENTITY, Affine
from .._core.fields import LastEpoch, Rate, TotalSteps, static
from .._core.formulas import StepsRate
from .._core.functions import call, check_function, tabulated_for
from .._core.schedule import CarriesRate


class MultiplicativeLR(StepsRate, CarriesRate):
    """Multiplies the learning rate by a function of the step, every step.

        lr(t) = lr * lr_lambda(1) * lr_lambda(2) * ... * lr_lambda(t)

    There is no closed form: with `total_steps` the product is computed once, on the host; else
    each call multiplies its way up from step 1.

    Args:
      lr: the learning rate at step 0.
      lr_lambda: a function of the integer step, as in `LambdaLR`.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      total_steps: if given, the rates of the first `total_steps` counts become a table, and the
        last of them holds after that.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      TypeError: for an `lr_lambda` that is no function, closes over a traced value or, when the
        schedule is called, cannot be traced or gives other values than in Python.

    Warns:
      UserWarning: without `total_steps`.

    >>> import jax.numpy as jnp
    >>> MultiplicativeLR(0.1, lambda epoch: 0.5, total_steps=100)(jnp.arange(4))
    Array([0.1   , 0.05  , 0.025 , 0.0125], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
    """

    lr: Rate
    lr_lambda: Callable[[int], float] = static()
    last_epoch: LastEpoch = static(default=-1)
    total_steps: TotalSteps = static(default=None, kw_only=True)

    def _validate(self):
        super()._validate()
        check_function(self, "lr_lambda")
        self._warn_if_replayed()

    def _start(self, t) -> Affine:
        return IDENTITY

    def _step(self, t) -> Affine:
        return Affine(call(self, "lr_lambda", t), 0)

    def _steps(self, s, t) -> Affine:
        def multiply(i, factor):
            return factor * self._step(s + i).a

        return Affine(jax.lax.fori_loop(1, t - s + 1, multiply, jnp.float64(1.0)), 0)

    def _table_size(self):
        return self.total_steps

    def _tabulated(self, size):
        return tabulated_for(self, size)
