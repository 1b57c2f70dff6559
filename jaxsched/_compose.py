"""Schedules to one: ChainedScheduler and SequentialLR."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from . import _phases, _protocol
from ._functions import check_total_steps
from ._plateau import ReduceLROnPlateau
from ._schedule import Derived, Schedule, is_ours, no_number, warn
from ._table import Table
from ._value import as_count, concrete, static


class Composite(Schedule):
    """Schedules that share one rate."""

    def __post_init__(self):
        if not isinstance(self.schedulers, list | tuple):
            self.reject("schedulers", "a list of schedules", TypeError)
        super().__post_init__()

    def validate(self):
        if not self.schedulers:
            self.reject("schedulers", "at least one schedule")
        for index, part in enumerate(self.schedulers):
            if not isinstance(part, Schedule):
                plateau = isinstance(part, ReduceLROnPlateau)
                hint = " ReduceLROnPlateau takes them as its `lr` instead." if plateau else ""
                raise (ValueError if plateau else TypeError)(
                    f"`{type(self).__name__}(schedulers=...)` must hold schedules of the step count"
                    f" alone, got {part!r} at index {index}.{hint}"
                )
        check_total_steps(self)
        self._check_shared_rate()
        for phase in _protocol.play(self):
            for move in phase.moves:
                if move.schedule is not None and (
                    name := move.schedule.forbids(move.kind, move.clock)
                ):
                    move.schedule.reject(name, f"other than 0 inside a {type(self).__name__}")
        self.warn_if_replayed()

    def _check_shared_rate(self):
        carried = [part.carried() for part in singles(self) if part.carried()]
        rates = [(lr, lr if initial is None else initial) for lr, initial in carried]
        # Parts built before and after a OneCycleLR have found different initial rates.
        names = ["lr", "initial_lr"]
        if any(part.resets_initial_lr for part in singles(self)):
            names.remove("initial_lr")
        for index, name in enumerate(names):
            values = [x for rate in rates for x in concrete(rate[index])]
            if any(value != values[0] for value in values):
                raise ValueError(
                    f"`{type(self).__name__}(schedulers=...)` must agree on `{name}`, got {values}."
                )

    def carried(self):
        return next((pair for part in singles(self) if (pair := part.carried())), None)

    def nested(self):
        return tuple(self.schedulers)

    def horizon(self):
        return self.total_steps

    @property
    def momentum(self) -> "CompositeMomentum":
        """The momentum that PyTorch's loop leaves in the group, as a schedule of its own.

        Raises an AttributeError where no part cycles one.
        """
        if all(part.momentum_part() is None for part in singles(self)):
            raise AttributeError(
                f"`{type(self).__name__}(...)` has no `momentum`: none of its parts cycles one, as"
                " CyclicLR and OneCycleLR do."
            )
        return CompositeMomentum(self)


class CompositeMomentum(Derived):
    """The momentum that the parts of a chain or sequence leave in the group."""

    schedule: Composite

    __mul__ = __rmul__ = no_number

    def plan(self):
        phases = _phases.momenta(_protocol.play(self.schedule))
        return tuple(map(_phases.choose, phases)), self

    def rate(self, count, plan):
        phases = _phases.momenta(_protocol.play(self.schedule))
        return _phases.rate_at(phases, plan, count)

    def last_count(self):
        return self.schedule.last_count()

    def past_end(self, count):
        return self.schedule.past_end(count)

    def __repr__(self):
        return f"{self.schedule!r}.momentum"


class ChainedScheduler(Composite):
    """Schedules that step together, each on the rate that the one before it left.

    Most chains have a closed form: those in which all parts multiply; those with a part that
    overwrites, where only what stands behind it counts; and multiplying parts around one
    CosineAnnealingLR with `eta_min=0`. The others are stepped through.

    Args:
      schedulers: the schedules, in the order in which they step. Those that carry an `lr` agree.
      total_steps: if given, the rates of the first `total_steps` counts become a table where
        there is no closed form, and the last of them holds after that.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for no schedules, a ReduceLROnPlateau among them, or rates that differ.
      TypeError: for a part that is no schedule.

    Warns:
      UserWarning: where there is no closed form and no `total_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import ConstantLR, ExponentialLR
    >>> schedule = ChainedScheduler([ConstantLR(0.1, 0.5, 2), ExponentialLR(0.1, 0.9)])
    >>> schedule(jnp.arange(4))
    Array([0.05  , 0.045 , 0.081 , 0.0729], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
    """

    schedulers: Sequence[Schedule]
    total_steps: int | None = static(default=None, kw_only=True)

    def validate(self):
        super().validate()
        self._warn_of_hidden_parts()

    def _warn_of_hidden_parts(self):
        """Tells of a part that is no scheduler of PyTorch's and hides those before it."""
        for index, part in enumerate(self.schedulers[1:], 1):
            hiding = next((single for single in singles(part) if _hides(single)), None)
            if hiding is not None:
                warn(
                    f"`ChainedScheduler(schedulers=...)` steps {type(hiding).__name__} at index"
                    f" {index}, which sets the rate and hides what is before it. For the product of"
                    " their rates write `a * b`."
                )

    def live(self, group, horizon):
        return _protocol.Chain(self.schedulers, group, horizon)


def _hides(schedule: Schedule) -> bool:
    """Whether each of its steps replaces the rate, as a reader of the chain may not expect."""
    if isinstance(schedule, Table | Derived):
        return True
    return schedule.overwrites and not is_ours(type(schedule))


def _are_counts(milestones) -> bool:
    return isinstance(milestones, tuple)


class SequentialLR(Composite):
    """One schedule after the other; each `milestone` is the count at which the next begins.

    Like PyTorch, a part begins at the initial rate if it has a closed form of its own, and goes
    on from the last rate if not (MultiplicativeLR, SWALR); of two equal milestones the part
    between is skipped. A chain or sequence as a later part, which PyTorch cannot run, starts as
    if built at that moment on an optimizer at the initial rate.

    Args:
      schedulers: the schedules, in order. Those that carry an `lr` agree on it.
      milestones: one count less than schedules, in order: Python ints, or an integer array to
        trace or sweep them (all parts then single schedulers).
      total_steps: if given, the rates of the first `total_steps` counts become a table where
        there is no closed form, and the last of them holds after that.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: as ChainedScheduler does, and for milestones of the wrong number, unsorted,
        negative or not whole.
      TypeError: for a part that is no schedule.

    Warns:
      UserWarning: where there is no closed form and no `total_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import ExponentialLR, LinearLR
    >>> schedule = SequentialLR([LinearLR(0.1, 0.5, 1.0, 2), ExponentialLR(0.1, 0.9)], [2])
    >>> schedule(jnp.arange(5))
    Array([0.05 , 0.075, 0.1  , 0.09 , 0.081], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
    """

    schedulers: Sequence[Schedule]
    milestones: "Sequence[int] | jax.Array | np.ndarray" = static(when=_are_counts)
    total_steps: int | None = static(default=None, kw_only=True)

    def __post_init__(self):
        milestones = self.milestones
        if not isinstance(milestones, jax.Array | np.ndarray):
            if hasattr(milestones, "tolist"):  # a tensor
                milestones = milestones.tolist()
            if not isinstance(milestones, list | tuple):
                self.reject("milestones", "a list of counts, or an integer array", TypeError)
            milestones = tuple(map(as_count, milestones))
            if any(isinstance(m, jax.Array) for m in milestones):
                milestones = jnp.stack(milestones)
            object.__setattr__(self, "milestones", milestones)
        super().__post_init__()

    @property
    def swept(self) -> bool:
        """Whether the milestones are an array, and so perhaps traced."""
        return not _are_counts(self.milestones)

    def validate(self):
        milestones = self.milestones
        number = len(self.schedulers) - 1
        shape = np.shape(milestones) if self.swept else (len(milestones),)
        if shape[-1:] != (number,) and self.schedulers:
            self.reject("milestones", f"{number} counts, one less than `schedulers`")
        if self.swept and not jnp.issubdtype(milestones.dtype, jnp.integer):
            self.reject("milestones", "whole counts from 0 up, in order, as integers")
        counts = concrete(milestones) if self.swept else list(milestones)
        if len(shape) == 1:
            whole = self.swept or all(type(m) is int for m in counts)
            if not whole or any(m < 0 for m in counts) or sorted(counts) != counts:
                self.reject("milestones", "whole counts from 0 up, in order")
        if not self.swept:
            object.__setattr__(self, "milestones", tuple(int(m) for m in self.milestones))
        elif any(isinstance(part, Composite) for part in self.schedulers):
            self.reject("milestones", "Python ints where a part is a chain or a sequence")
        super().validate()

    def live(self, group, horizon):
        if self.swept:
            self.reject("milestones", "Python ints inside another chain or sequence")
        return _protocol.Sequence(self.schedulers, self.milestones, group, horizon)


def singles(schedule):
    """The single schedules that a schedule is made of, in the order PyTorch builds them."""
    if not schedule.nested():
        yield schedule
    for part in schedule.nested():
        yield from singles(part)
