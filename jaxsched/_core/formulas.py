"""What the steps of a scheduler do to the rate: the one thing that each scheduler states.

One step of any PyTorch scheduler is an affine map of the current rate, lr <- a * lr + b. The map
of the steps from `last_epoch` s to `last_epoch` t is a scheduler's whole definition:

- one that sets the rate states `_curve(t)`, the rate at t (a = 0);
- `ScalesRate`: one that multiplies states `_scale(s, t)`, the factor between the two (b = 0);
- `MapsRate`: one that does both states `_steps(s, t)`;
- `StepsRate`: one without a formula for many steps states `_step(t)`.

All run in float64, for one reading of `last_epoch` at a time.
"""

from typing import Any

from . import numerics as xp
from .affine import Affine
from .past_end import End


class Formula:
    """What each schedule has; by default every step sets the rate to `_curve(t)`."""

    def _curve(self, t):
        """The rate at t: a user's own `curve`."""
        own = getattr(self, "curve", None)
        if own is None:
            raise NotImplementedError(f"`{type(self).__name__}` states no `curve(t)`.")
        return own(t)

    def _steps(self, s, t) -> Affine:
        """What the steps s + 1, ..., t do to the rate."""
        return Affine(0, self._curve(t))

    def _step(self, t) -> Affine:
        """What the one step to t does."""
        return self._steps(t - 1, t)

    def _start(self, t) -> Affine:
        """What construction does, which sets `last_epoch` to t: PyTorch's `_initial_step`."""
        return self._step(t)

    def _restart(self, t) -> Affine:
        """What reaching a milestone of SequentialLR does: PyTorch's `_update_lr(0)`."""
        return self._step(t)

    def _between(self, s, t) -> Affine:
        """What the steps s + 1, ..., t do at one count: nothing where there is none."""
        change = self._steps(s, t)
        if not change.overwrites:
            return change
        none = t == s
        return Affine(xp.where(none, 1.0, 0.0), xp.where(none, 0.0, change.b))

    def _forbids(self, move: str, t: int) -> str | None:
        """The argument that makes `move` at t a division by zero in PyTorch, if any."""
        return None

    def _runs_in_sequence(self, first: bool) -> bool:
        """Whether SequentialLR runs it as its formula says: as the part that runs first, or later.

        One that counts its steps itself has the first one counted twice there.
        """
        return True

    def _last_step(self) -> End | None:
        """The last `last_epoch` that PyTorch computes without an error, if there is one."""
        return None


class ScalesRate(Formula):
    """A scheduler whose every step is a factor of the current rate."""

    _base: Any  # PyTorch's `base_lrs` entry

    def _scale(self, s, t):
        """The rate at t over the rate at s."""
        raise NotImplementedError

    def _steps(self, s, t) -> Affine:
        return Affine(self._scale(s, t), 0)

    def _restart(self, t) -> Affine:
        return Affine(0, self._base)


class MapsRate(Formula):
    """A scheduler whose steps are affine maps of the current rate."""

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name in ("_whole_curve", "_form_among_factors"):
            if "_steps" in vars(cls) and name not in vars(cls):
                setattr(cls, name, vars(MapsRate)[name])  # Those inherited are of other steps.

    def _steps(self, s, t) -> Affine:
        raise NotImplementedError

    # The rate at t if it was the initial one at 0: shorter than `_steps`.
    _whole_curve: Any = None

    def _form_among_factors(self) -> Any:
        """The closed form of a chain in which all others multiply, if there is one."""
        return None


class StepsRate(Formula):
    """A scheduler that has to be stepped: no formula says what many steps do."""

    def _step(self, t) -> Affine:
        raise NotImplementedError


def sets_rate(schedule: Formula) -> bool:
    """Whether each step sets the rate, whatever it was."""
    return class_sets_rate(type(schedule))


def class_sets_rate(cls: type) -> bool:
    """Whether each step of such a schedule sets the rate."""
    return not issubclass(cls, ScalesRate | MapsRate | StepsRate)
