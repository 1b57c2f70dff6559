"""Schedules as lookup tables."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._exact import checked, float_type, require_scalars, settled
from ._schedule import Schedule, first_undefined
from ._value import as_count


class Table(Schedule):
    """Rates by count (and momenta, if they are known), the last ones holding on."""

    rates: "jax.Array | np.ndarray"
    momenta: "jax.Array | np.ndarray | None" = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self):
        for name in ("rates", "momenta"):
            if isinstance(getattr(self, name), list | tuple):
                try:
                    object.__setattr__(self, name, np.asarray(getattr(self, name)))
                except (TypeError, ValueError):  # rows of unlike length
                    self.reject(name, "a list of rates")
        super().__post_init__()

    def validate(self):
        if np.ndim(self.rates) < 1 or not np.size(self.rates):
            self.reject("rates", "a list of rates")
        if self.momenta is not None and np.shape(self.momenta) != np.shape(self.rates):
            self.reject("momenta", "as many as the rates")

    def undefined_from(self):
        return first_undefined(self.rates)

    def __call__(self, count: Any) -> jax.Array:
        require_scalars(self)
        count = checked(self, count, None)
        rates = jax.lax.convert_element_type(settled(self.rates), float_type())
        return rates[jnp.minimum(count, len(self.rates) - 1)]

    def curve(self, t):
        return jnp.asarray(self.rates)[jnp.clip(t, 0, len(self.rates) - 1)]

    def momentum_part(self):
        return None if self.momenta is None else Table(self.momenta)

    @property
    def momentum(self) -> "Table":
        """The momentum that goes with the rates, a table too."""
        if self.momenta is None:
            raise AttributeError("This table has rates alone, and no `momentum`.")
        return Table(self.momenta)

    def __repr__(self):
        return f"Table(rates=<{len(self.rates)} rates>)"


def tabulate(schedule: Schedule, num_steps: int) -> Table:
    """The schedule as a lookup table, without float64 in the compiled program.

    For a TPU, which computes float64 as two float32, or a runtime that has none. The table costs
    four bytes a step. It is computed on the CPU, which JAX must be allowed to use: where the
    variable JAX_PLATFORMS is set, as in `tpu,cpu`.

    Args:
      schedule: any schedule whose numbers are known.
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
    num_steps = as_count(num_steps)
    if isinstance(num_steps, bool) or not isinstance(num_steps, int) or not 0 < num_steps < 2**31:
        raise ValueError(
            f"`tabulate(num_steps=...)` must be a positive int (below 2**31), got {num_steps!r}."
        )
    # On the CPU, because a TPU's float64 is two float32.
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        return Table(np.asarray(schedule(np.arange(num_steps))))
