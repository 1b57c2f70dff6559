"""The same schedule at another count: per_epoch, per_batches, per_update, delay and skip."""

import math
from typing import Annotated, Any, TypeAlias

from .._core import protocol
from .._core.count_map import CountMap, PeriodicMap
from .._core.fields import NESTED, NumberKind, static
from .._core.number import Int, is_int
from .._core.schedule import Derived, Schedule
from .._core.value import evolve
from .param_groups import for_each_group

_Positive: TypeAlias = Annotated[Int, NumberKind(integers=range(1, 2**63), from_float=True)]
_FromZero: TypeAlias = Annotated[Int, NumberKind(integers=range(2**63), from_float=True)]


class Mapped(Derived):
    """`schedule` at a count that follows from the count by a map.

    A subclass has a number as its next field; it is static where it is an int, as a sequence's
    milestones are, and a leaf where it is an array.
    """

    schedule: Annotated[Schedule, NESTED]

    _role = ""  # what the number is in the `CountMap`
    _unnamed = 1

    def _validate(self):
        if not isinstance(self.schedule, Schedule):
            rule = "a schedule of the step count (a plateau has `held` and `averaged` for epochs)"
            self._reject("schedule", rule, TypeError)

    @property
    def _count_map(self) -> CountMap | PeriodicMap:
        """How the count of `schedule` follows from this one's."""
        return CountMap(**{self._role: getattr(self, self._field_table[1].name)})

    def _plan(self):
        plan, stand_in = self.schedule._plan()
        if stand_in is self.schedule:
            return plan, self
        return plan, evolve(self, schedule=stand_in)

    def _rate(self, count, plan):
        return self.schedule._rate(self._count_map(count), plan)

    def _carried(self):
        return self.schedule._carried()

    def _nested(self):
        return (self.schedule,)

    def _live(self, group, table_size):
        return protocol.Paced(self.schedule, self._count_map, group, table_size)

    def _end(self):
        inner = self.schedule._end()
        return None if inner is None else inner.through(self._count_map, self._count_map.first)

    def _undefined_from(self):
        inner = self.schedule._undefined_from()
        return None if inner is None else int(self._count_map.first(inner))

    @property
    def momentum(self):
        return evolve(self, schedule=self.schedule.momentum)


class PerEpoch(Mapped):
    """A schedule stepped once an epoch; what `per_epoch` returns."""

    steps_per_epoch: _Positive = static(when=is_int)

    _role, _called = "every", "per_epoch"


class PerBatches(Mapped):
    """A schedule stepped at every k-th batch of an epoch; what `per_batches` returns."""

    frequency: _Positive = static()
    batches_per_epoch: _Positive = static()
    accumulate_grad_batches: _Positive = static(default=1)

    _called = "per_batches"

    @property
    def _count_map(self):
        updates = -(-self.batches_per_epoch // self.accumulate_grad_batches)
        # All updates but an epoch's last come at multiples of `accumulate_grad_batches`.
        every = self.frequency // math.gcd(self.frequency, self.accumulate_grad_batches)
        at_the_last = self.batches_per_epoch % self.frequency == 0
        steps = (updates - 1) // every + at_the_last
        return PeriodicMap(updates, every, steps) if steps else CountMap(wait=_NEVER)


_NEVER = 2**62  # with room for more steps


class PerUpdate(Mapped):
    """A schedule stepped several times an update; what `per_update` returns."""

    steps_per_update: _Positive = static(when=is_int)

    _role, _called = "times", "per_update"


class Delay(Mapped):
    """A schedule that begins later; what `delay` returns."""

    num_steps: _FromZero = static(when=is_int)

    _role, _called = "wait", "delay"


class Skip(Mapped):
    """A schedule that has begun before; what `skip` returns."""

    num_steps: _FromZero = static(when=is_int)

    _role, _called = "ahead", "skip"


def per_epoch(schedule: Any, steps_per_epoch: int) -> Any:
    """The same schedule stepped once an epoch, as most PyTorch loops call `scheduler.step()`.

        lr(count) = schedule(count // steps_per_epoch)

    In a chain it moves the rate where an epoch ends, as a loop does that steps one scheduler every
    update and this one every epoch.

    Args:
      schedule: a schedule that counts epochs, or a ParamGroups of them.
      steps_per_epoch: the number of optimizer steps in each, a positive int.

    Returns:
      A schedule that counts optimizer steps; it has a `momentum` where `schedule` has one. Of a
      ParamGroups, one of these.

    Raises:
      ValueError: for a `steps_per_epoch` that is no positive int.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.per_epoch(jaxsched.ExponentialLR(0.1, gamma=0.5), 2)(jnp.arange(5))
    Array([0.1  , 0.1  , 0.05 , 0.05 , 0.025], dtype=float32)
    """
    return for_each_group(lambda member: PerEpoch(member, steps_per_epoch), schedule)


def per_batches(
    schedule: Any, frequency: int, batches_per_epoch: int, accumulate_grad_batches: int = 1
) -> Any:
    """The same schedule stepped at every `frequency`-th batch, counted anew in each epoch.

    What a Trainer of Lightning does with `{"interval": "step", "frequency": 3}`. It accumulates the
    gradients of `accumulate_grad_batches` batches for each update, and of the rest at an epoch's
    end; a scheduler steps where the batch of an update is a multiple of the frequency. With 5
    batches an epoch and a frequency of 3, that is at the third batch of each epoch; with a
    frequency of 10, never.

    Args:
      schedule: a schedule, or a ParamGroups of them.
      frequency: the number of batches between its steps, a positive int.
      batches_per_epoch: the number of batches in an epoch, a positive int.
      accumulate_grad_batches: the number of batches for an update, a positive int.

    Returns:
      A schedule that counts optimizer steps; it has a `momentum` where `schedule` has one. Of a
      ParamGroups, one of these.

    Raises:
      ValueError: for a number that is no positive int.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> halved = jaxsched.ExponentialLR(0.4, gamma=0.5)
    >>> jaxsched.per_batches(halved, 3, batches_per_epoch=5)(jnp.arange(10))
    Array([0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1], dtype=float32)

    Source: https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#configure-optimizers
    """
    return for_each_group(
        lambda member: PerBatches(
            member, frequency, batches_per_epoch, accumulate_grad_batches=accumulate_grad_batches
        ),
        schedule,
    )


def per_update(schedule: Any, steps_per_update: int) -> Any:
    """The same schedule stepped several times at each optimizer update.

        lr(count) = schedule(count * steps_per_update)

    For a scheduler that every process steps (Accelerate's does, once for each), or that counts
    micro-batches, samples or tokens.

    Args:
      schedule: a schedule, or a ParamGroups of them.
      steps_per_update: how often it is stepped at each update, a positive int.

    Returns:
      A schedule that counts optimizer updates; it has a `momentum` where `schedule` has one. Of a
      ParamGroups, one of these.

    Raises:
      ValueError: for a `steps_per_update` that is no positive int.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.per_update(jaxsched.LinearLR(0.1, 0.2, total_iters=4), 2)(jnp.arange(3))
    Array([0.02, 0.06, 0.1 ], dtype=float32)
    """
    return for_each_group(lambda member: PerUpdate(member, steps_per_update), schedule)


def delay(schedule: Any, num_steps: int) -> Any:
    """The same schedule, begun later: it stays where it starts for `num_steps` counts.

        lr(count) = schedule(max(count - num_steps, 0))

    Args:
      schedule: a schedule, or a ParamGroups of them.
      num_steps: how many counts to wait, an int from 0 up.

    Returns:
      A schedule; it has a `momentum` where `schedule` has one. Of a ParamGroups, one of these.

    Raises:
      ValueError: for a `num_steps` that is no int from 0 up.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.delay(jaxsched.ExponentialLR(0.1, gamma=0.5), 2)(jnp.arange(5))
    Array([0.1  , 0.1  , 0.1  , 0.05 , 0.025], dtype=float32)
    """
    return for_each_group(lambda member: Delay(member, num_steps), schedule)


def skip(schedule: Any, num_steps: int) -> Any:
    """The same schedule from its middle on.

        lr(count) = schedule(count + num_steps)

    For a run that goes on with an optimizer state that starts at 0. (`jaxsched.fast_forward` is
    the other way: it sets the counts of the state.)

    Args:
      schedule: a schedule, or a ParamGroups of them.
      num_steps: the count that it goes on from, an int from 0 up.

    Returns:
      A schedule; it has a `momentum` where `schedule` has one. Of a ParamGroups, one of these.

    Raises:
      ValueError: for a `num_steps` that is no int from 0 up.
      TypeError: for something that is no schedule.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.skip(jaxsched.ExponentialLR(0.1, gamma=0.5), 2)(jnp.arange(3))
    Array([0.025  , 0.0125 , 0.00625], dtype=float32)
    """
    return for_each_group(lambda member: Skip(member, num_steps), schedule)
