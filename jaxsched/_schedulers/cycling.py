"""What CyclicLR and OneCycleLR share: they set the rate themselves, and a momentum with it."""

from typing import Annotated

from .._core.fields import NESTED
from .._core.schedule import Schedule, no_number


class Momentum(Schedule):
    """The momentum that goes with a CyclicLR or OneCycleLR, as a schedule of its own."""

    schedule: Annotated["Cycling", NESTED]

    @property
    def _begun(self):
        return self.schedule._begun

    @property
    def _is_ours(self):
        return self.schedule._is_ours

    def _last_step(self):
        return self.schedule._last_step()

    def _curve(self, t):
        return self.schedule._momentum_curve(t)

    def _table_size(self):
        return self.schedule._table_size()

    def __repr__(self):
        return f"{self.schedule!r}.momentum"

    __mul__ = __rmul__ = no_number  # `optax.sgd` multiplies with it


class Cycling(Schedule):
    """What sets a momentum along with the rate."""

    cycle_momentum = True

    @property
    def _begun(self):
        return self.last_epoch  # type: ignore[attr-defined]

    def _momentum_part(self):
        return Momentum(self) if self.cycle_momentum else None

    @property
    def momentum(self) -> Momentum:
        """The momentum (Adam's beta1) at each step; call it with a count, or hand it to Optax.

        Raises a ValueError where `cycle_momentum` is False.
        """
        if not self.cycle_momentum:
            raise ValueError(
                f"`{type(self).__name__}(cycle_momentum=...)` must be True"
                " for `.momentum`, got False."
            )
        return Momentum(self)

    def _momentum_curve(self, t):
        raise NotImplementedError


def momenta_written(schedule: Cycling) -> tuple[str, ...]:
    """What a cycle writes into the group, whence every OneCycleLR on the optimizer reads it."""
    return ("base_momentum", "max_momentum") if schedule.cycle_momentum else ()
