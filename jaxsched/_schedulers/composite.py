"""What ChainedScheduler and SequentialLR share: schedules that move one rate."""

from typing import Annotated

from .._core.closed_forms import choose
from .._core.fields import NESTED
from .._core.number import concrete
from .._core.phases import Played, momenta, rate_at
from .._core.schedule import Derived, Schedule, no_number
from .one_cycle_lr import OneCycleLR
from .reduce_lr_on_plateau import ReduceLROnPlateau


class Composite(Schedule):
    """Schedules that share one rate."""

    def __post_init__(self):
        if not isinstance(self.schedulers, list | tuple):
            self._reject("schedulers", "a list of schedules", TypeError)
        super().__post_init__()

    def _validate(self):
        if not self.schedulers:
            self._reject("schedulers", "at least one schedule")
        for index, part in enumerate(self.schedulers):
            if not isinstance(part, Schedule):
                plateau = isinstance(part, ReduceLROnPlateau)
                hint = " ReduceLROnPlateau takes them as its `lr` instead." if plateau else ""
                raise (ValueError if plateau else TypeError)(
                    f"`{type(self).__name__}(schedulers=...)` must hold schedules of the step count"
                    f" alone, got {part!r} at index {index}.{hint}"
                )
        self._check_shared_rate()
        for phase in self._phases():
            for move in phase.moves:
                if move.schedule is not None and (
                    name := move.schedule._forbids(move.kind, move.clock)
                ):
                    move.schedule._reject(name, f"other than 0 inside a {type(self).__name__}")
        self._warn_if_replayed()

    def _check_shared_rate(self):
        carried = [part._carried() for part in singles(self) if part._carried()]
        rates = [(lr, lr if initial is None else initial) for lr, initial in carried]
        # Parts built before and after a OneCycleLR have found different initial rates.
        names = ["lr", "initial_lr"]
        if any(isinstance(part, OneCycleLR) for part in singles(self)):
            names.remove("initial_lr")
        for index, name in enumerate(names):
            values = [x for rate in rates for x in concrete(rate[index])]
            if any(value != values[0] for value in values):
                raise ValueError(
                    f"`{type(self).__name__}(schedulers=...)` must agree on `{name}`, got {values}."
                )

    def _carried(self):
        return next((pair for part in singles(self) if (pair := part._carried())), None)

    def _nested(self):
        return tuple(self.schedulers)

    def _table_size(self):
        return self.total_steps

    def _plan(self):
        plan, stand_in = super()._plan()
        if stand_in is self and self._is_concrete:
            stand_in = Played(self._phases(), self._table_size())
        return plan, stand_in

    @property
    def momentum(self) -> "CompositeMomentum":
        """The momentum that PyTorch's loop leaves in the group, as a schedule of its own.

        Raises an AttributeError where no part cycles one.
        """
        if all(part._momentum_part() is None for part in singles(self)):
            raise AttributeError(
                f"`{type(self).__name__}(...)` has no `momentum`: none of its parts cycles one, as"
                " CyclicLR and OneCycleLR do."
            )
        return CompositeMomentum(self)


class CompositeMomentum(Derived):
    """The momentum that the parts of a chain or sequence leave in the group."""

    schedule: Annotated[Composite, NESTED]

    __mul__ = __rmul__ = no_number

    def _plan(self):
        phases = momenta(self.schedule._phases())
        return tuple(map(choose, phases)), Played(phases) if self._is_concrete else self

    def _rate(self, count, plan):
        return rate_at(momenta(self.schedule._phases()), plan, count)

    def _end(self):
        return self.schedule._end()

    def __repr__(self):
        return f"{self.schedule!r}.momentum"


def singles(schedule):
    """The single schedules that a schedule is made of, in the order PyTorch builds them."""
    if not schedule._nested():
        yield schedule
    for part in schedule._nested():
        yield from singles(part)
