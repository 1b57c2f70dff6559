"""Schedules as lookup tables."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import float_type, settled
from .counts import checked
from .evaluate import require_scalars
from .fields import Rates
from .schedule import Schedule, first_undefined, looked_up
from .value import call_of


class Table(Schedule):
    """Rates by count (and momenta, where there are any); the last ones hold on."""

    rates: Rates
    momenta: Rates | None = dataclasses.field(default=None, kw_only=True)

    _called = "from_rates"
    _unnamed = 1

    def __post_init__(self):
        for name in ("rates", "momenta"):
            if isinstance(getattr(self, name), list | tuple):
                try:
                    object.__setattr__(self, name, np.asarray(getattr(self, name)))
                except (TypeError, ValueError):  # rows of unlike length
                    self._reject(name, "a list of rates")
        super().__post_init__()

    def _validate(self):
        if np.ndim(self.rates) < 1 or not np.size(self.rates):
            self._reject("rates", "a list of rates")
        if self.momenta is not None and np.shape(self.momenta) != np.shape(self.rates):
            self._reject("momenta", "as many as the rates")

    def _undefined_from(self):
        return first_undefined(self.rates)

    def __call__(self, count: Any) -> jax.Array:
        require_scalars(self)
        count = checked(self, count, None)
        rates = jax.lax.convert_element_type(settled(self.rates), float_type())
        return rates[jnp.minimum(count, len(self.rates) - 1)]

    def _curve(self, t):
        return looked_up(self.rates, t)

    def _momentum_part(self):
        return None if self.momenta is None else Table(self.momenta)

    @property
    def momentum(self) -> "Table":
        """The momentum that goes with the rates, a table too."""
        if self.momenta is None:
            raise AttributeError("This table has rates alone, and no `momentum`.")
        return Table(self.momenta)

    def __repr__(self):
        return call_of(self._called, f"<{len(self.rates)} rates>")
