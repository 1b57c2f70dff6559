"""`join`: one schedule after the other, each from its own count 0."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import numpy as np

from .._core import milestones
from .._core import numerics as xp
from .._core.alike import gather, structure
from .._core.fast_paths import number_up_to
from .._core.fields import NESTED, Counts, static
from .._core.number import is_concrete
from .._core.past_end import earliest
from .._core.schedule import Schedule
from .combined import Combined, instead_of, momentum_of


class Join(Combined):
    """Schedules in turn; what `join` returns."""

    schedules: Annotated[Sequence[Schedule], NESTED]
    boundaries: Counts = static(when=milestones.are_counts)

    _called = "join"
    _unnamed = 2

    def __post_init__(self):
        if not isinstance(self.schedules, list | tuple):
            self._reject("schedules", "a list of schedules", TypeError)
        milestones.normalise(self, "boundaries")
        super().__post_init__()

    def _validate(self):
        if not self.schedules:
            self._reject("schedules", "at least one schedule")
        for index, member in enumerate(self.schedules):
            if not isinstance(member, Schedule):
                raise TypeError(
                    f"`join(schedules=...)` must hold schedules of the step count, got {member!r}"
                    f" at index {index}.{instead_of(member)}"
                )
        milestones.check(self, "boundaries", "schedules")

    def _rate(self, count, plan):
        starts = xp.stack([0, *self.boundaries])
        index = number_up_to(starts, count) - 1
        since = count - xp.take(starts, index)
        kinds = defaultdict(list)
        for i, (member, own) in enumerate(zip(self.schedules, plan, strict=True)):
            kinds[own, structure(member)].append(i)
        rate = None
        for (own, _), numbers in kinds.items():
            inside = xp.take(np.isin(np.arange(len(self.schedules)), numbers), index)
            members = [self.schedules[i] for i in numbers]
            # A rate that is not asked for must not cost the steps up to it.
            value = gather(members, numbers, index, len(self.schedules))._rate(
                xp.where(inside, since, 0), own
            )
            rate = value if rate is None else xp.where(inside, value, rate)
        return rate

    def _windows(self) -> list[tuple[Any, Any, Schedule]]:
        """From which count to which each schedule is in turn."""
        starts = [0, *self.boundaries]
        return list(zip(starts, [*starts[1:], None], self.schedules, strict=True))

    def _end(self):
        ends = []
        for start, stop, member in self._windows():
            own = member._end()
            if own is None or not (is_concrete(own.last) and is_concrete(start)):
                continue
            end = own.through(lambda n, start=start: n - start, lambda n, start=start: n + start)
            if stop is None or (is_concrete(stop) and end.last < stop - 1):
                ends.append(end)
        return earliest(ends)

    def _undefined_from(self):
        firsts = []
        for start, stop, member in self._windows():
            own = member._undefined_from()
            if own is not None and (stop is None or start + own < stop):
                firsts.append(int(start + own))
        return min(firsts, default=None)

    def _momentum_part(self):
        return momentum_of(self)

    @property
    def momentum(self) -> "Join":
        """The momenta that go with the rates, in turn too.

        Raises an AttributeError where one of the schedules has none.
        """
        momenta = []
        for index, member in enumerate(self.schedules):
            momentum = momentum_of(member)
            if momentum is None:
                raise AttributeError(
                    f"`join(...)` has no `momentum`: the schedule at index {index} cycles none, as"
                    " CyclicLR and OneCycleLR do."
                )
            momenta.append(momentum)
        return Join(momenta, self.boundaries)


def join(schedules: Sequence[Schedule], boundaries: Sequence[int] | jax.Array) -> Join:
    """One schedule after the other, each from its own count 0.

        lr(count) = schedules[i](count - boundaries[i - 1])    for the i-th stretch

    It is `optax.join_schedules`, exact, and its program grows with the kinds of schedules, not with
    their number. `SequentialLR` instead has PyTorch's rules for restarts, and one initial rate.

    Args:
      schedules: the schedules, in order; they need not agree on `lr`.
      boundaries: the counts at which the second and each later one begins, in order, one less
        than schedules: Python ints, or an integer array to trace or batch them. The schedule
        between two equal ones is left out.

    Returns:
      A schedule; it has a `momentum` where each of `schedules` has one. It ends where the one in
      turn ends.

    Raises:
      ValueError: for no schedules, or boundaries of the wrong number, unsorted, negative or no
        integers.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = join([jaxsched.Ramp(0.0, 0.1, 2), jaxsched.ExponentialLR(0.1, gamma=0.5)], [2])
    >>> schedule(jnp.arange(5))
    Array([0.   , 0.05 , 0.1  , 0.05 , 0.025], dtype=float32)
    """
    return Join(schedules, boundaries)
