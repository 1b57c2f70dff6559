"""Many schedules as one, to train under all of them at once.

Hyperparameters that go through `jax.vmap` as arrays are rounded to float32 on the way. Here only
the number of a schedule goes through it; the hyperparameters are constants of the program, looked
up in float64, so that each rate is the very one of that schedule alone. (In float64 the last bit
may be another, as the compiler's way to fuse a program decides on it.)
"""

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from .._core import numerics as xp
from .._core.arrays import wide
from .._core.fields import static
from .._core.number import concrete
from .._core.schedule import Schedule


class Stack(Schedule):
    """Schedules by number, of which `jax.vmap` takes one each; what `stack` returns."""

    schedules: Sequence[Schedule] = static()
    numbers: "jax.Array | np.ndarray | None" = None

    def __post_init__(self):
        if not isinstance(self.schedules, list | tuple):
            self._reject("schedules", "a list of schedules", TypeError)
        if not self.schedules:
            self._reject("schedules", "at least one schedule")
        object.__setattr__(self, "schedules", _Schedules(self.schedules))
        numbers = np.arange(len(self.schedules)) if self.numbers is None else self.numbers
        if not isinstance(numbers, jax.Array):
            object.__setattr__(self, "numbers", np.asarray(numbers, np.int32))
        super().__post_init__()

    def _validate(self):
        for index, schedule in enumerate(self.schedules):
            if not isinstance(schedule, Schedule) or isinstance(schedule, Stack):
                raise TypeError(
                    "`stack(schedules=...)` must hold single schedules of the step count alone, got"
                    f" {schedule!r} at index {index}."
                )
            if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(schedule)):
                raise TypeError(
                    "`stack(schedules=...)` must hold schedules of concrete numbers, got"
                    f" {schedule!r} at index {index}: traced ones go through `jax.vmap` themselves."
                )
        if not all(0 <= number < len(self.schedules) for number in concrete(self.numbers)):
            self._reject("numbers", f"from 0 to {len(self.schedules) - 1}")

    def _curve(self, t):
        rate = None
        for family in self.schedules.families:
            inside = xp.take(family.members, self.numbers)
            slot = xp.take(family.slots, self.numbers)
            leaves = [xp.take(column, slot) for column in family.leaves]
            member = jax.tree.unflatten(family.treedef, leaves)
            # A rate that is not asked for must not cost the steps up to it.
            value = member._rate(xp.where(inside, t, 0), family.plan)
            rate = value if rate is None else xp.where(inside, value, rate)
        return rate

    @property
    def momentum(self):
        """The momenta that go with the rates, stacked too."""
        return Stack([schedule.momentum for schedule in self.schedules], self.numbers)

    def __repr__(self):
        return f"stack(<{len(self.schedules)} schedules>)"


class _Family(NamedTuple):
    """Those of the schedules that differ in numbers only, and so share a program."""

    treedef: Any
    plan: tuple
    leaves: list[np.ndarray]  # of each hyperparameter, an entry for each member
    members: np.ndarray  # of all schedules, whether it is one
    slots: np.ndarray  # of all schedules, its place among the members


class _Schedules(tuple):
    """A tuple of schedules that JAX looks up quickly, and that remembers its families."""

    def __hash__(self):
        return len(self)  # JAX asks at every call, and equality soon tells two apart.

    def __reduce__(self):
        return _Schedules, (tuple(self),)

    @functools.cached_property
    def families(self) -> list[_Family]:
        kinds = defaultdict(list)
        for number, schedule in enumerate(self):
            stand_in, plan = _form(schedule)
            leaves, treedef = jax.tree.flatten(stand_in)
            leaves = [np.asarray(leaf, wide(leaf)) for leaf in leaves]
            shapes = tuple((leaf.dtype, leaf.shape) for leaf in leaves)
            kinds[treedef, plan, shapes].append((number, leaves))
        return [self._family(treedef, plan, rows) for (treedef, plan, _), rows in kinds.items()]

    def _family(self, treedef, plan, rows) -> _Family:
        numbers, leaves = zip(*rows, strict=True)
        slots = np.zeros(len(self), int)
        slots[list(numbers)] = np.arange(len(numbers))
        columns = [np.stack(column) for column in zip(*leaves, strict=True)]
        return _Family(treedef, plan, columns, np.isin(np.arange(len(self)), numbers), slots)


def _form(schedule: Schedule) -> tuple[Any, tuple]:
    """What to evaluate for a schedule, and how."""
    plan, stand_in = jax.tree.map(_concrete, schedule)._plan()
    return stand_in, plan


def _concrete(leaf: Any) -> Any:
    """A hyperparameter on a device as one of NumPy's numbers."""
    return leaf if np.ndim(leaf) else np.asarray(leaf)[()]


def stack(schedules: Sequence[Schedule]) -> Stack:
    """Many schedules as one batched schedule, to train under all of them at once.

    The result goes through `jax.vmap` (and `jit`, and a `NamedSharding`) as a pytree of one
    array, the numbers of the schedules; inside, it is any one of them. Its rates are those of the
    schedule alone, correctly rounded: the hyperparameters are no arrays that `vmap` would round to
    float32, but constants of the program.

    Schedules that differ only in numbers (the milestones of a sequence of single schedulers among
    them) share a program. Each other family adds its own to it, and all are evaluated for each
    candidate, which is little beside a training step.

    Args:
      schedules: the schedules, of one family or several, all their numbers concrete.

    Returns:
      A `Schedule` to call under `jax.vmap`. Where all of `schedules` have one, its `momentum` is
      theirs. Past the end of a OneCycleLR the last rate holds.

    Raises:
      ValueError: for no schedules.
      TypeError: for an entry that is no schedule, a stack itself, or traced. To differentiate with
        respect to hyperparameters, or to vary a ReduceLROnPlateau's, put arrays through `jax.vmap`.
        When called: for a count that is no integer, a fractional epoch too.

    >>> import jax
    >>> import jaxsched
    >>> candidates = [jaxsched.ExponentialLR(0.1, gamma=gamma) for gamma in (0.5, 0.9)]
    >>> batch = stack([*candidates, jaxsched.StepLR(0.1, step_size=2)])
    >>> jax.vmap(lambda schedule: schedule(2))(batch)
    Array([0.025, 0.081, 0.01 ], dtype=float32)
    """
    return Stack(schedules)
