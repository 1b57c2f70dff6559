"""Schedules in other shapes: as a lookup table, and stepped once an epoch."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._exact import checked, float_type
from ._schedule import Schedule
from ._value import Int


class Table(Schedule):
    """Rates by count (and momenta, if they are known), the last ones holding on."""

    rates: "jax.Array | np.ndarray"
    momenta: "jax.Array | np.ndarray | None" = dataclasses.field(default=None, kw_only=True)

    def __post_init__(self):
        for name in ("rates", "momenta"):
            if isinstance(getattr(self, name), list | tuple):
                object.__setattr__(self, name, np.asarray(getattr(self, name)))
        super().__post_init__()

    def validate(self):
        if np.ndim(self.rates) < 1 or not np.size(self.rates):
            self.reject("rates", "a list of rates")
        if self.momenta is not None and np.shape(self.momenta) != np.shape(self.rates):
            self.reject("momenta", "as many as the rates")

    def __call__(self, count: Any) -> jax.Array:
        count = checked(self, count, None)
        rates = jax.lax.convert_element_type(self.rates, float_type())
        return rates[jnp.minimum(count, len(self.rates) - 1)]

    def curve(self, t):
        return jnp.asarray(self.rates)[jnp.clip(t, 0, len(self.rates) - 1)]

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
    if isinstance(num_steps, bool) or not isinstance(num_steps, int) or num_steps < 1:
        raise ValueError(f"`tabulate(num_steps=...)` must be a positive int, got {num_steps!r}.")
    # On the CPU, because a TPU's float64 is two float32.
    cpu = jax.local_devices(backend="cpu")[0]
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        return Table(np.asarray(schedule(np.arange(num_steps))))


class PerEpoch(Schedule):
    """A schedule stepped once an epoch; what `per_epoch` returns."""

    schedule: Schedule
    steps_per_epoch: Int

    def validate(self):
        if not isinstance(self.schedule, Schedule):
            rule = "a schedule of the step count (a plateau has `held` and `averaged` for epochs)"
            self.reject("schedule", rule, TypeError)
        self.require(
            "steps_per_epoch",
            lambda n: isinstance(n, (int, np.integer)) and n > 0,
            "a positive int",
        )

    def curve(self, t):
        plan, stand_in = self.plan()
        return stand_in.rate(t, plan)

    def plan(self):
        plan, stand_in = self.schedule.plan()
        return plan, self if stand_in is self.schedule else PerEpoch(stand_in, self.steps_per_epoch)

    def rate(self, count, plan):
        return self.schedule.rate(count // self.steps_per_epoch, plan)

    def last_count(self):
        last = self.schedule.last_count()
        return None if last is None else (last + 1) * self.steps_per_epoch - 1

    def past_end(self, count):
        return self.schedule.past_end(count // self.steps_per_epoch)

    @property
    def last_clock(self):
        return self.last_count()

    def __repr__(self):
        return f"per_epoch({self.schedule!r}, steps_per_epoch={self.steps_per_epoch!r})"

    @property
    def momentum(self):
        return PerEpoch(self.schedule.momentum, self.steps_per_epoch)


def per_epoch(schedule: Schedule, steps_per_epoch: int) -> PerEpoch:
    """The same schedule stepped once an epoch, as most PyTorch loops call `scheduler.step()`.

        lr(count) = schedule(count // steps_per_epoch)

    Args:
      schedule: a schedule that counts epochs.
      steps_per_epoch: the number of optimizer steps in each, a positive int.

    Returns:
      A schedule that counts optimizer steps; it has a `momentum` where `schedule` has one.

    Raises:
      ValueError: for a `steps_per_epoch` that is no positive int.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.per_epoch(jaxsched.ExponentialLR(0.1, gamma=0.5), 2)(jnp.arange(5))
    Array([0.1  , 0.1  , 0.05 , 0.05 , 0.025], dtype=float32)
    """
    return PerEpoch(schedule, steps_per_epoch)
