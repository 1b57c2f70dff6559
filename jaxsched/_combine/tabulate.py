"""`tabulate`: any schedule as a lookup table."""

import jax
import numpy as np

from .._core.number import as_positive_int
from .._core.schedule import Schedule
from .._core.table import Table


def tabulate(schedule: Schedule, num_steps: int) -> Table:
    """The schedule as a lookup table, without float64 in the compiled program.

    For a TPU, which computes float64 as two float32, or a runtime that has none. The table costs
    four bytes a step. It is computed on the CPU, which JAX must be allowed to use: where the
    variable JAX_PLATFORMS is set, as in `tpu,cpu`.

    Args:
      schedule: any schedule of concrete numbers.
      num_steps: the number of counts in the table; the last rate holds after that.

    Returns:
      A `Table` schedule of the rates at counts 0, ..., `num_steps` - 1, bit for bit.

    Raises:
      ValueError: for a `num_steps` that is no positive int.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> table = jaxsched.tabulate(jaxsched.ExponentialLR(0.1, gamma=0.5), 3)
    >>> table(jnp.arange(5))
    Array([0.1  , 0.05 , 0.025, 0.025, 0.025], dtype=float32)
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(
            "`tabulate(schedule=...)` must be a schedule, whose rates become the table, got"
            f" {type(schedule).__name__}."
        )
    num_steps = as_positive_int("tabulate(num_steps=...)", num_steps)
    # On the CPU, because a TPU's float64 is two float32.
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        return Table(np.asarray(schedule(np.arange(num_steps))))
