"""`from_function` and `from_rates`: rates that are there already, as a schedule."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from .._core.fields import TotalSteps, static
from .._core.functions import call, check_function, tabulated_for
from .._core.schedule import Schedule
from .._core.table import Table


class FromFunction(Schedule):
    """A Python function of the step as a schedule; what `from_function` returns."""

    function: Callable[[int], float] = static()
    total_steps: TotalSteps = static(default=None)

    _called = "from_function"
    _unnamed = 1

    def _validate(self):
        check_function(self, "function")

    def _curve(self, t):
        return call(self, "function", t)

    def _tabulated(self, size):
        return tabulated_for(self, size)


def from_function(function: Callable[[int], float], total_steps: int | None = None) -> FromFunction:
    """A function that gives the rate itself, such as a script's own `get_lr(step)`.

        lr(count) = function(count)

    Args:
      function: a function of the integer step that gives the rate. (For one that gives a factor,
        `LambdaLR(lr, function)`.) JAX traces it; one that cannot be traced, or that JAX's numbers
        would make another function of, needs `total_steps`. It is static: define it once, for a
        new function means a new compilation. Both go with the schedule.
      total_steps: if given, the function is called on the host, with the Python ints of the first
        `total_steps` counts, and the last rate holds after that.

    Returns:
      A schedule.

    Raises:
      TypeError: for a `function` that is none, closes over a traced value or, when the schedule is
        called, cannot be traced or gives other values than in Python.
      ValueError: for a `total_steps` that is no positive int.

    >>> import jax.numpy as jnp
    >>> def get_lr(it):
    ...     return 0.1 * (it + 1) / 4 if it < 4 else 0.1 / (it - 3)
    >>> from_function(get_lr, total_steps=100)(jnp.arange(6))
    Array([0.025, 0.05 , 0.075, 0.1  , 0.1  , 0.05 ], dtype=float32)
    """
    return FromFunction(function, total_steps)


def from_rates(
    rates: "Sequence[float] | jax.Array | np.ndarray",
    *,
    momenta: "Sequence[float] | jax.Array | np.ndarray | None" = None,
) -> Table:
    """Rates that are there already, as a schedule: an array of them, one for each count.

        lr(count) = rates[min(count, len(rates) - 1)]

    Args:
      rates: the rates at counts 0, 1, ...; the last one holds after that.
      momenta: the momenta that go with them, if there are any, as many as the rates.

    Returns:
      A schedule, whose rates may be traced and differentiated. It has a `momentum` where there are
      `momenta`.

    Raises:
      ValueError: for no rates, rates that are not finite, or another number of momenta.
      TypeError: for something that is no list of numbers.

    >>> import jax.numpy as jnp
    >>> from_rates([0.1, 0.05, 0.01])(jnp.arange(5))
    Array([0.1 , 0.05, 0.01, 0.01, 0.01], dtype=float32)
    """
    return Table(rates, momenta=momenta)  # type: ignore[arg-type]  # It makes arrays of lists.
