"""mmengine's parameter schedulers, by their names; the library need not be there.

Where mmengine takes the optimizer, jaxsched takes the learning rate, and a momentum schedule the
momentum, as `value`; every other argument keeps its name, order and default. A config's list is one
schedule:

    param_scheduler = [
        dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=500),
        dict(type="MultiStepLR", begin=0, end=12, by_epoch=True, milestones=[8, 11], gamma=0.1),
    ]
    schedule = jaxsched.mmengine.build_param_scheduler(0.02, param_scheduler, epoch_length=7_330)
    optax.sgd(schedule, momentum=0.9)

Each scheduler acts on the rate in its window alone, at the steps from `begin` to `end - 1`: before
it the rate is what others left, and after it the last one stays. `c` is the number of steps since
`begin`, at most `end - 1 - begin`. A scheduler alone is a function of its own steps, be they epochs
or updates: `jaxsched.per_epoch` makes one of updates of one of epochs. `build_param_scheduler` and
`ParamSchedulers` are functions of the count of updates.

Noteworthy are mmengine's ends. A line, a constant and a polynomial end at step `end - 1`, not at
`end`. A cosine ends there too, one step short of `eta_min`.
"""

import dataclasses
import difflib
import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from ._core import numerics as xp
from ._core.affine import Affine
from ._core.fields import NESTED, NumberKind, Numbers, Rate, TotalSteps, static
from ._core.formulas import StepsRate
from ._core.number import Float, Int, Number, concrete, is_concrete, is_int, is_zero
from ._core.past_end import End, earliest
from ._core.schedule import Schedule
from ._schedulers.cosine_annealing_lr import CosineAnnealingLR as _Cosine
from ._schedulers.multi_step_lr import MultiStepLR as _MultiStep
from ._schedulers.one_cycle_lr import OneCycleLR as _OneCycle
from ._schedulers.recipe import OfLibrary
from ._schedulers.shapes import power_of_rest

__all__ = [
    "ConstantLR",
    "ConstantMomentum",
    "CosineAnnealingLR",
    "CosineAnnealingMomentum",
    "CosineRestartLR",
    "CosineRestartMomentum",
    "ExponentialLR",
    "ExponentialMomentum",
    "LinearLR",
    "LinearMomentum",
    "MultiStepLR",
    "MultiStepMomentum",
    "OneCycleLR",
    "ParamSchedulers",
    "PolyLR",
    "PolyMomentum",
    "StepLR",
    "StepMomentum",
    "build_param_scheduler",
]

INF = 1_000_000_000  # mmengine's number for a window that does not end
_Count = Annotated[Int, NumberKind(integers=range(2**62), from_float=True)]
_Size = Annotated[Int | None, NumberKind(integers=range(1, 2**62), from_float=True)]
_LastStep = Annotated[int, NumberKind(integers=range(-1, 2**62), from_float=True)]


def _count(default: int) -> Any:
    """A field with an end of a window: the order of windows depends on it, where it is known."""
    return static(default=default, when=is_int)


class _Scheduler(OfLibrary):
    """What all share: a window, and a value that its steps change."""

    _changes_momentum: ClassVar[bool] = False

    @property
    def _given(self) -> Any:
        """The value before the first step."""
        raise NotImplementedError

    @property
    def _base(self) -> Any:
        """The group's initial value, as mmengine has it."""
        raise NotImplementedError

    def _validate(self):
        for begin, end in zip(concrete(self.begin), concrete(self.end), strict=False):
            if end <= begin:
                self._reject("end", f"larger than `begin`, {begin}")

    def _require_a_fresh_start(self, why):
        if self.last_step != -1:
            self._reject("last_step", f"-1: {why}")

    # --- the window ---

    @property
    def _size(self):
        """How many steps after the first the window has."""
        return self.end - self.begin - 1

    def _clock(self, step):
        """mmengine's `last_step` at its `_global_step`."""
        return self.last_step + xp.clip(step + 1, self.begin, self.end) - self.begin

    def _within(self, before, now, base) -> Affine:
        """What the steps after `before` do, up to `now`."""
        s, t = self._clock(before), self._clock(now)
        change, none = self._change(s, t, base), s == t
        return Affine(xp.where(none, 1.0, change.a + 0.0), xp.where(none, 0.0, change.b + 0.0))

    def _change(self, s, t, base) -> Affine:
        """What the steps s + 1, ..., t do to the value, by mmengine's `last_step`."""
        raise NotImplementedError

    @property
    def _multiplies(self) -> bool:
        """Whether all its steps are known to be factors."""
        return False

    def _curve(self, t):
        return self._within(-1, t, self._base)(self._given)


class _Rate(_Scheduler):
    """One that changes the learning rate."""

    lr: Rate
    initial_lr: Rate | None = dataclasses.field(default=None, kw_only=True)

    @property
    def _given(self):
        return self.lr

    @property
    def _base(self):
        return self.lr if self.initial_lr is None else self.initial_lr

    def _carried(self):
        return self.lr, self.initial_lr

    def _validate(self):
        super()._validate()
        self._require("lr", lambda x: x >= 0, "a number from 0 up")


class _Momentum(_Scheduler):
    """One that changes the momentum."""

    value: Rate
    initial_value: Rate | None = dataclasses.field(default=None, kw_only=True)

    _changes_momentum = True

    @property
    def _given(self):
        return self.value

    @property
    def _base(self):
        return self.value if self.initial_value is None else self.initial_value

    def _validate(self):
        super()._validate()
        self._require("value", lambda x: x >= 0, "a number from 0 up")


def _quotient(now, then):
    """now / then; where the value was 0, it stays so by any factor."""
    return xp.divide(now, xp.where(then == 0.0, 1.0, then))


# --- what the steps do: mmengine's ...ParamScheduler ---


class _Factors(_Scheduler):
    """Steps that all multiply."""

    _multiplies = True

    def _change(self, s, t, base):
        return Affine(self._factor(s, t), 0.0)

    def _factor(self, s, t):
        raise NotImplementedError


class _Constant(_Factors):
    factor: Float = 1.0 / 3
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)

    def _validate(self):
        super()._validate()
        self._require(
            "factor", lambda x: 0 < x <= 1, "above 0 (mmengine divides by it) and at most 1"
        )

    def _factor(self, s, t):
        def height(t):
            return xp.where((t < 0) | ((t >= self._size) & (self._size > 0)), 1.0, self.factor)

        return _quotient(height(t), height(s))


class _Linear(_Factors):
    start_factor: Float = 1.0 / 3
    end_factor: Float = 1.0
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)

    def _validate(self):
        super()._validate()
        rule = "above 0 (mmengine divides by it) and at most 1"
        self._require("start_factor", lambda x: 0 < x <= 1, rule)
        self._require("end_factor", lambda x: 0 <= x <= 1, "from 0 to 1")
        self._require_a_fresh_start("mmengine goes on along the line beyond its end")

    def _factor(self, s, t):
        def height(t):
            way = xp.divide(xp.maximum(t, 0), xp.maximum(self._size, 1))
            line = self.start_factor + (self.end_factor - self.start_factor) * way
            return xp.where(t < 0, 1.0, line)

        return _quotient(height(t), height(s))


class _Step(_Factors):
    step_size: Number
    gamma: Float = 0.1
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)

    def _validate(self):
        super()._validate()
        self._require("step_size", lambda n: n > 0, "a positive number")
        self._warn_if_below_one("step_size", "lr")

    def _factor(self, s, t):
        first, last = (xp.floor_divide(xp.maximum(x, 0), self.step_size) for x in (s, t))
        return xp.power(self.gamma, last - first)


class _Milestones(_Factors):
    milestones: Numbers
    gamma: Float = 0.1
    last_step: _LastStep = static(default=-1)
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    by_epoch: bool = static(default=True)

    def _factor(self, s, t):
        return _MultiStep(self._given, self.milestones, self.gamma)._scale(s, t)


class _Exponential(_Factors):
    gamma: Float
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)

    def _factor(self, s, t):
        return xp.power(self.gamma, xp.maximum(t, 0) - xp.maximum(s, 0))


class _Poly(_Scheduler):
    eta_min: Rate = 0.0
    power: Float = 1.0
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)

    def _validate(self):
        super()._validate()
        self._require("power", lambda x: x >= 0, "a number from 0 up")
        self._require_a_fresh_start("mmengine divides by 0 at the end of a resumed one")

    @property
    def _multiplies(self):
        return is_zero(self.eta_min)

    def _change(self, s, t, base):
        size, since = self._size, xp.maximum(s, 0)
        left = xp.divide(size - t, xp.where(size == since, 1, size - since))
        shrink = xp.where(t <= since, 1.0, power_of_rest(left, self.power))
        return Affine(shrink, self.eta_min * (1.0 - shrink))


class _Trough(_Scheduler):
    """One with a lowest value, or its share of the initial one."""

    def _validate(self):
        super()._validate()
        if self.eta_min is not None and self.eta_min_ratio is not None:
            self._reject("eta_min_ratio", "None where `eta_min` is given")

    def _lowest(self, base):
        if self.eta_min_ratio is not None:
            return base * self.eta_min_ratio
        return 0.0 if self.eta_min is None else self.eta_min


class _Annealing(_Trough):
    T_max: Number | None = None
    eta_min: Rate | None = None
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)
    eta_min_ratio: Float | None = dataclasses.field(default=None, kw_only=True)

    def _validate(self):
        super()._validate()
        if self.T_max is not None:
            self._require("T_max", lambda n: n > 0, "a positive number, or None for the window")
            self._warn_if_below_one("T_max", "lr")

    @property
    def _length(self):
        return self.end - self.begin if self.T_max is None else self.T_max

    @property
    def _multiplies(self):
        last = self.last_step + self.end - self.begin
        known = is_concrete(self._length) and is_concrete(last)
        return is_zero(self._lowest(self._base)) and known and last <= self._length

    def _change(self, s, t, base):
        wave = _Cosine(base, self._length, self._lowest(base))
        return wave._steps(xp.maximum(s, 0), xp.maximum(t, 0))


class _Restart(_Trough):
    periods: Numbers
    restart_weights: Numbers = (1,)
    eta_min: Rate | None = None
    eta_min_ratio: Float | None = None
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)

    def _validate(self):
        super()._validate()
        if not len(self.periods):
            self._reject("periods", "at least one number of steps")
        if len(self.periods) != len(self.restart_weights):
            self._reject("restart_weights", f"{len(self.periods)} weights, one for each period")
        if self.eta_min is None and self.eta_min_ratio is None:
            self._reject("eta_min", "given, or `eta_min_ratio` in its place")
        if any(not n > 0 for period in self.periods for n in concrete(period)):
            self._reject("periods", "positive numbers of steps")

    def _change(self, s, t, base):
        number, lowest = len(self.periods), self._lowest(base)
        total = sum(self.periods[k] for k in range(number))
        now, then = (xp.clip(x, 0, total - 1) for x in (t, s))
        begin, length, weight, end = 0, self.periods[0], self.restart_weights[0], 0
        for k in range(number):
            inside = now >= end
            begin = xp.where(inside, end, begin)
            length = xp.where(inside, self.periods[k], length)
            weight = xp.where(inside, self.restart_weights[k], weight)
            end = end + self.periods[k]

        def height(t):
            return (1.0 + xp.cos(xp.divide(xp.pi * (t - begin), length))) / 2.0

        restarted = (begin > s) & (t >= 0)
        shrink = xp.where(restarted, 0.0, _quotient(height(now), height(then)))
        top = xp.where(restarted, (base * weight - lowest) * height(now), 0.0)
        return Affine(shrink, lowest * (1.0 - shrink) + top)


# --- the schedulers ---


class ConstantLR(_Constant, _Rate):
    """A factor in a window, taken back at its last step.

        lr(c) = lr * factor    in the window, but at its last step:
        lr(c) = lr             from step `end - 1` on

    Args:
      lr: the learning rate before its window.
      factor: the factor, above 0 and at most 1.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        a factor that is not above 0 and at most 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.ConstantLR(0.1, factor=0.5, end=4)(jnp.arange(6))
    Array([0.05, 0.05, 0.05, 0.1 , 0.1 , 0.1 ], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class LinearLR(_Linear, _Rate):
    """A factor that goes along a line in a window.

        lr(c) = lr * (start_factor + (end_factor - start_factor) * c / (end - begin - 1))

    Args:
      lr: the learning rate before its window.
      start_factor: the factor at step `begin`, above 0 and at most 1.
      end_factor: the factor at step `end - 1`, from 0 to 1.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        a factor out of its range, or a `last_step`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.LinearLR(0.1, start_factor=0.5, end=5)(jnp.arange(6))
    Array([0.05  , 0.0625, 0.075 , 0.0875, 0.1   , 0.1   ], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class StepLR(_Step, _Rate):
    """A factor every few steps.

        lr(c) = lr * gamma ** (c // step_size)

    Args:
      lr: the learning rate before its window.
      step_size: the number of steps after each of which the rate is multiplied.
      gamma: the factor.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        a `step_size` that is not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.StepLR(0.1, step_size=2)(jnp.arange(6))
    Array([0.1  , 0.1  , 0.01 , 0.01 , 0.001, 0.001], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class MultiStepLR(_Milestones, _Rate):
    """A factor at each of given steps.

        lr(c) = lr * gamma ** (the number of milestones up to c)

    Args:
      lr: the learning rate before its window.
      milestones: the steps c, counted from `begin`; one listed twice counts twice.
      gamma: the factor.
      last_step: the index of its last step before this schedule, -1 for none.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        milestones that are no numbers.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.MultiStepLR(0.1, milestones=[2, 4])(jnp.arange(6))
    Array([0.1  , 0.1  , 0.01 , 0.01 , 0.001, 0.001], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class ExponentialLR(_Exponential, _Rate):
    """A factor at every step but the first.

        lr(c) = lr * gamma ** c

    Args:
      lr: the learning rate before its window.
      gamma: the factor.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        a number that is not finite.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.ExponentialLR(0.1, gamma=0.5)(jnp.arange(6))
    Array([0.1     , 0.05    , 0.025   , 0.0125  , 0.00625 , 0.003125],      dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class PolyLR(_Poly, _Rate):
    """A power of the steps that remain, down to `eta_min`.

        lr(c) = eta_min + (lr - eta_min) * (1 - c / (end - begin - 1)) ** power

    Args:
      lr: the learning rate before its window.
      eta_min: the rate from step `end - 1` on.
      power: the exponent.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        a negative power, or a `last_step`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.PolyLR(0.1, eta_min=0.01, power=2.0, end=5)(jnp.arange(6))
    Array([0.1     , 0.060625, 0.0325  , 0.015625, 0.01    , 0.01    ],      dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class OneCycleLR(_Scheduler):
    """A rise to `eta_max`, then a fall far below: it overwrites the optimizer's rate.

        lr(c) = from eta_max / div_factor to eta_max         up to c = pct_start * total_steps - 1
        lr(c) = from there to eta_max / div_factor / final_div_factor    up to total_steps - 1

    along half a cosine each, or a line. With `three_phase` the rate falls as it rose, and only
    then to its end.

    Args:
      eta_max: the highest rate. A list with a number for each parameter group is a
        `jaxsched.ParamGroups` of schedules here.
      total_steps: the number of steps of the cycle, by default `end - begin`.
      pct_start: the share of the steps of the rise, a float.
      anneal_strategy: "cos" or "linear".
      div_factor: `eta_max` over the first rate.
      final_div_factor: the first rate over the last one.
      three_phase: whether the fall has a phase as long as the rise.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: -1, as a resumed one reads its rates from the optimizer.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      lr: the rate before `begin`; without effect where `begin` is 0.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for an `end` that is not after `begin`, numbers that make no cycle, a `begin`
        other than 0 without `lr`, or a concrete count in the window past `total_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.OneCycleLR(0.1, total_steps=6)(jnp.arange(6))
    Array([4.0000002e-03, 9.9441543e-02, 8.1174567e-02, 4.6263710e-02,
           1.3347753e-02, 4.0000000e-07], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html,
    the paper is https://arxiv.org/abs/1708.07120.
    """

    eta_max: Rate = 0.0
    total_steps: _Size = None
    pct_start: Float = 0.3
    anneal_strategy: str = static(default="cos")
    div_factor: Float = 25.0
    final_div_factor: Float = 1e4
    three_phase: bool = static(default=False)
    begin: _Count = _count(0)
    end: _Count = _count(INF)
    last_step: _LastStep = static(default=-1)
    by_epoch: bool = static(default=True)
    lr: Rate | None = dataclasses.field(default=None, kw_only=True)

    def _validate(self):
        super()._validate()
        self._require_a_fresh_start("a resumed one reads its rates from the optimizer")
        self._choose("anneal_strategy", "cos", "linear")
        if self.lr is not None:
            self._require("lr", lambda x: x >= 0, "a number from 0 up")
        elif not is_zero(self.begin):
            self._reject("lr", f"the rate before step `begin`, {self.begin}")
        self._cycle()  # It checks its numbers.

    def _cycle(self) -> _OneCycle:
        """PyTorch's schedule of the same steps."""
        number = self.end - self.begin if self.total_steps is None else self.total_steps
        return _OneCycle(
            self.eta_max, number, pct_start=self.pct_start, anneal_strategy=self.anneal_strategy,
            cycle_momentum=False, div_factor=self.div_factor,
            final_div_factor=self.final_div_factor, three_phase=self.three_phase,
        )  # fmt: skip

    @property
    def _given(self):
        return 0.0 if self.lr is None else self.lr

    @property
    def _base(self):
        """The initial rate that it leaves to those built after it."""
        return xp.divide(self.eta_max, self.div_factor)

    def _carried(self):
        return None if self.lr is None else (self.lr, None)

    def _change(self, s, t, base):
        return Affine(0.0, self._cycle()._curve(xp.maximum(t, 0)))

    def _last_step(self):
        own = self._cycle()._last_step()
        if (
            is_concrete(own.last)
            and is_concrete(self.end)
            and self.begin + own.last >= self.end - 1
        ):
            return None
        last = xp.where(own.last >= self._size, INF, own.last) + self.begin
        return End(last, own.reason.replace("`OneCycleLR", "`mmengine.OneCycleLR"))


class CosineAnnealingLR(_Annealing, _Rate):
    """A cosine from the rate towards `eta_min`.

        lr(c) = eta_min + (lr - eta_min) * (1 + cos(pi * c / T_max)) / 2

    With the default `T_max` the last step, `end - 1`, is one short of `eta_min`.

    Args:
      lr: the learning rate before its window.
      T_max: the number of steps of half a wave, by default `end - begin`.
      eta_min: the lowest rate, by default 0; or instead
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      eta_min_ratio: its share of the initial rate.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        a `T_max` that is not positive, or both `eta_min` and `eta_min_ratio`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.CosineAnnealingLR(0.1, eta_min=0.01, end=5)(jnp.arange(6))
    Array([0.1       , 0.09140576, 0.06890576, 0.04109424, 0.01859424,
           0.01859424], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class CosineRestartLR(_Restart, _Rate):
    """Cosines, each of its own height and length; then the last rate stays.

        lr(c) = eta_min + (lr * weight - eta_min) * (1 + cos(pi * u / period)) / 2

    at u steps after the start of a period. It sets the rate where a period starts.

    Args:
      lr: the learning rate before its window.
      periods: the number of steps of each cosine.
      restart_weights: the rate at the start of each over the initial one.
      eta_min: the rate that each goes down towards; or instead
      eta_min_ratio: its share of the initial rate. One of the two is given.
      begin: the first step of its window: epochs, or updates if not `by_epoch`.
      end: the step after its last one; by default the window has no end.
      last_step: the index of its last step before this schedule, -1 for none.
      by_epoch: whether its steps are epochs. `ParamSchedulers` reads it; alone it changes nothing.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of its steps.

    Raises:
      ValueError: for a negative `lr`, an `end` that is not after `begin`, or
        no periods, another number of weights, or not one of `eta_min` and `eta_min_ratio`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.CosineRestartLR(0.1, [2, 3], [1, 0.5], 0.01)(jnp.arange(6))
    Array([0.1  , 0.055, 0.05 , 0.04 , 0.02 , 0.02 ], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class ConstantMomentum(_Constant, _Momentum):
    """A factor in a window, taken back at its last step.

        m(c) = value * factor    in the window, but at its last step:
        m(c) = value             from step `end - 1` on

    Args:
      value: the momentum before its window: Adam's is its first beta.
      factor, begin, end, last_step, by_epoch: as of `ConstantLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        a factor that is not above 0 and at most 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.ConstantMomentum(0.8, factor=0.5, end=4)(jnp.arange(6))
    Array([0.4, 0.4, 0.4, 0.8, 0.8, 0.8], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class LinearMomentum(_Linear, _Momentum):
    """A factor that goes along a line in a window.

        m(c) = value * (start_factor + (end_factor - start_factor) * c / (end - begin - 1))

    Args:
      value: the momentum before its window: Adam's is its first beta.
      start_factor, end_factor, begin, end, last_step, by_epoch: as of `LinearLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        a factor out of its range, or a `last_step`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.LinearMomentum(0.8, start_factor=0.5, end=5)(jnp.arange(6))
    Array([0.4, 0.5, 0.6, 0.7, 0.8, 0.8], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class StepMomentum(_Step, _Momentum):
    """A factor every few steps.

        m(c) = value * gamma ** (c // step_size)

    Args:
      value: the momentum before its window: Adam's is its first beta.
      step_size, gamma, begin, end, last_step, by_epoch: as of `StepLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        a `step_size` that is not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.StepMomentum(0.8, step_size=2)(jnp.arange(6))
    Array([0.8  , 0.8  , 0.08 , 0.08 , 0.008, 0.008], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class MultiStepMomentum(_Milestones, _Momentum):
    """A factor at each of given steps.

        m(c) = value * gamma ** (the number of milestones up to c)

    Args:
      value: the momentum before its window: Adam's is its first beta.
      milestones, gamma, last_step, begin, end, by_epoch: as of `MultiStepLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        milestones that are no numbers.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.MultiStepMomentum(0.8, milestones=[2, 4])(jnp.arange(6))
    Array([0.8  , 0.8  , 0.08 , 0.08 , 0.008, 0.008], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class ExponentialMomentum(_Exponential, _Momentum):
    """A factor at every step but the first.

        m(c) = value * gamma ** c

    Args:
      value: the momentum before its window: Adam's is its first beta.
      gamma, begin, end, last_step, by_epoch: as of `ExponentialLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        a number that is not finite.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.ExponentialMomentum(0.8, gamma=0.5)(jnp.arange(6))
    Array([0.8  , 0.4  , 0.2  , 0.1  , 0.05 , 0.025], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class PolyMomentum(_Poly, _Momentum):
    """A power of the steps that remain, down to `eta_min`.

        m(c) = eta_min + (value - eta_min) * (1 - c / (end - begin - 1)) ** power

    Args:
      value: the momentum before its window: Adam's is its first beta.
      eta_min, power, begin, end, last_step, by_epoch: as of `PolyLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        a negative power, or a `last_step`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.PolyMomentum(0.8, eta_min=0.01, power=2.0, end=5)(jnp.arange(6))
    Array([0.8     , 0.454375, 0.2075  , 0.059375, 0.01    , 0.01    ],      dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class CosineAnnealingMomentum(_Annealing, _Momentum):
    """A cosine from the momentum towards `eta_min`.

        m(c) = eta_min + (value - eta_min) * (1 + cos(pi * c / T_max)) / 2

    With the default `T_max` the last step, `end - 1`, is one short of `eta_min`.

    Args:
      value: the momentum before its window: Adam's is its first beta.
      T_max, eta_min, begin, end, last_step, by_epoch, eta_min_ratio: as of
        `CosineAnnealingLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        a `T_max` that is not positive, or both `eta_min` and `eta_min_ratio`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.CosineAnnealingMomentum(0.8, eta_min=0.01, end=5)(jnp.arange(6))
    Array([0.8       , 0.7245617 , 0.5270617 , 0.2829383 , 0.08543829,
           0.08543829], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


class CosineRestartMomentum(_Restart, _Momentum):
    """Cosines, each of its own height and length; then the last momentum stays.

        m(c) = eta_min + (value * weight - eta_min) * (1 + cos(pi * u / period)) / 2

    at u steps after the start of a period. It sets the momentum where a period starts.

    Args:
      value: the momentum before its window: Adam's is its first beta.
      periods, restart_weights, eta_min, eta_min_ratio, begin, end, last_step, by_epoch: as of
        `CosineRestartLR`.
      initial_value: the momentum that training began with, by default `value`.

    Returns:
      A `Schedule`: the momentum as a function of the count of its steps.

    Raises:
      ValueError: for a negative `value`, an `end` that is not after `begin`, or
        no periods, another number of weights, or not one of `eta_min` and `eta_min_ratio`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> mmengine.CosineRestartMomentum(0.8, [2, 3], [1, 0.5], 0.01)(jnp.arange(6))
    Array([0.8   , 0.405 , 0.4   , 0.3025, 0.1075, 0.1075], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/api/optim.html.
    """


# --- several at once ---


def _windows(schedule, part):
    """The first and the last count of updates at which a part acts, or None if not known."""
    if not (is_int(part.begin) and is_int(part.end)):
        return None
    size = schedule._counts_in_a_step(part)
    return part.begin * size, (part.end - 1) * size


class _InTurn(NamedTuple):
    """The closed form in which each part takes all of its steps at once, in this order."""

    order: tuple[int, ...]

    def __call__(self, parts, clocks, rate, n):
        return parts[0]._closed(self.order, clocks[0].at(n))


class ParamSchedulers(OfLibrary, StepsRate):
    """Several of mmengine's schedulers on one rate, as a function of the count of updates.

    At each count those whose window it is in act on the rate, each on what the one before it left:
    in the order of the list when training begins, and then those that count updates first, as
    mmengine's hook calls them.

    There is a closed form where windows follow each other, and where overlapping ones all multiply
    (a linear warm-up over milestones, over a cosine or a polynomial down to 0). Others are stepped
    through. Where a `begin` or `end` is a JAX array, which may be traced, the list must be in the
    order of the windows, and none may lie in another's unless both multiply; what is traced is
    taken to be so.

    Args:
      schedulers: the schedules, in the order in which mmengine builds them. Those that have an `lr`
        agree on it. They set the rate; what of them sets the momentum is `.momentum`.
      epoch_length: the number of updates in an epoch. It must be given where one of them is
        `by_epoch`, as all are by default.
      total_steps: if given, the rates of the first `total_steps` counts become a table where
        there is no closed form, and the last of them holds after that.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for no schedules, rates that differ, two OneCycleLR, or no `epoch_length`.
      TypeError: for a part that is none of mmengine's schedulers.

    Warns:
      UserWarning: where there is no closed form and no `total_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> warmup = mmengine.LinearLR(0.1, 0.5, end=3, by_epoch=False)
    >>> drop = mmengine.MultiStepLR(0.1, milestones=[2], gamma=0.1)
    >>> mmengine.ParamSchedulers([warmup, drop], epoch_length=2)(jnp.arange(5))
    Array([0.05 , 0.075, 0.1  , 0.1  , 0.01 ], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/tutorials/param_scheduler.html.
    """

    schedulers: Annotated[Sequence[Schedule], NESTED]
    epoch_length: _Size = static(default=None, when=lambda n: n is None or is_int(n))
    total_steps: TotalSteps = static(default=None, kw_only=True)

    def __post_init__(self):
        if not isinstance(self.schedulers, list | tuple):
            self._reject("schedulers", "a list of schedules", TypeError)
        super().__post_init__()

    def _validate(self):
        if not self.schedulers:
            self._reject("schedulers", "at least one schedule")
        for part in self.schedulers:
            if not isinstance(part, _Scheduler):
                self._reject("schedulers", "schedules of `jaxsched.mmengine`", TypeError)
            if part.by_epoch and self.epoch_length is None:
                self._reject(
                    "epoch_length",
                    f"the number of updates in an epoch, as {type(part).__name__} counts epochs"
                    " (`by_epoch=True` is mmengine's default)",
                )
        parts = self._acting
        rates = [x for part in parts if _has_rate(part) for x in concrete(part._given)]
        if any(rate != rates[0] for rate in rates):
            raise ValueError(
                f"`mmengine.ParamSchedulers(schedulers=...)` must agree on the rate, got {rates}."
            )
        if sum(isinstance(part, OneCycleLR) for part in parts) > 1:
            self._reject(
                "schedulers",
                "one OneCycleLR at most, as in mmengine the last one changes the rates of all",
            )
        self._refuse_arrays_out_of_order()
        self._warn_if_replayed()

    def _refuse_arrays_out_of_order(self):
        """Raises where windows given as arrays are seen to be out of order."""
        parts = self._acting
        if all(is_int(n) for part in parts for n in (part.begin, part.end)):
            return
        for part, later in itertools.combinations(parts, 2):
            sizes = self._counts_in_a_step(part), self._counts_in_a_step(later)
            if (part._multiplies and later._multiplies) or not all(map(is_int, sizes)):
                continue
            # Of a window whose end is traced, the first step is known to be in it.
            lasts = [n - 1 for n in concrete(part.end)] or concrete(part.begin)
            firsts = concrete(later.begin)
            if any(x * sizes[0] >= y * sizes[1] for x, y in zip(lasts, firsts, strict=False)):
                self._reject(
                    "schedulers",
                    "in the order of their windows, and none in another's unless both multiply,"
                    " where `begin` or `end` is an array",
                )

    # --- what acts, and when ---

    @property
    def _acting(self) -> list[Any]:
        """Those that set the rate; of a list of momenta alone, all."""
        parts: list[Any] = list(self.schedulers)
        rates = [part for part in parts if not part._changes_momentum]
        return rates or parts

    @property
    def momentum(self) -> "ParamSchedulers":
        """The momentum, as a schedule of its own.

        Raises an AttributeError where none of the schedulers sets one.
        """
        members: list[Any] = list(self.schedulers)
        parts = [part for part in members if part._changes_momentum]
        if not parts:
            raise AttributeError(
                "`mmengine.ParamSchedulers(...)` has no `momentum`: none of its schedulers is one"
                " of the momentum, as ConstantMomentum is."
            )
        return ParamSchedulers(parts, self.epoch_length, total_steps=self.total_steps)

    def _counts_in_a_step(self, part):
        return self.epoch_length if part.by_epoch else 1

    def _step_of(self, part, count):
        """mmengine's `_global_step` of a part at that count."""
        return xp.floor_divide(count, self.epoch_length) if part.by_epoch else count

    def _bases(self, parts) -> list:
        """The initial value that each finds: a OneCycleLR changes it for those after it."""
        bases, shared = [], None
        for part in parts:
            own = getattr(part, "initial_lr", None)
            bases.append(part._base if own is not None or shared is None else shared)
            shared = part._base if isinstance(part, OneCycleLR) else shared
        return bases

    def _in_turn(self) -> list[int] | None:
        """An order in which each part may take all its steps at once, or None."""
        parts = self._acting
        windows = [_windows(self, part) for part in parts]
        if not all(windows) or not all(is_int(n) for window in windows for n in window):
            return list(range(len(parts)))
        order = sorted(range(len(parts)), key=lambda i: windows[i][0])
        for place, i in enumerate(order):
            for j in order[place + 1 :]:
                apart = windows[i][1] < windows[j][0]
                if not apart and not (parts[i]._multiplies and parts[j]._multiplies):
                    return None
        return order

    # --- what they do ---

    @property
    def _given(self):
        return next((part._given for part in self._acting if _has_rate(part)), 0.0)

    def _carried(self):
        return self._given, None

    def _plan(self):
        order = self._in_turn()
        return super()._plan() if order is None else ((_InTurn(tuple(order)),), self)

    def _closed(self, order, count):
        parts = self._acting
        bases, value = self._bases(parts), self._given
        for i in order:
            value = parts[i]._within(-1, self._step_of(parts[i], count), bases[i])(value)
        return value

    def _start(self, t):
        pairs = zip(self._acting, self._bases(self._acting), strict=True)
        return _one_by_one([part._within(-1, 0, base) for part, base in pairs])

    def _step(self, t):
        pairs = zip(self._acting, self._bases(self._acting), strict=True)
        in_order = sorted(pairs, key=lambda pair: pair[0].by_epoch)
        return _one_by_one(
            [
                part._within(self._step_of(part, t - 1), self._step_of(part, t), base)
                for part, base in in_order
            ]
        )

    def _nested(self):
        return ()

    def _table_size(self):
        return self.total_steps

    def _last_step(self):
        ends = []
        for part in self._acting:
            own, size = part._last_step(), self._counts_in_a_step(part)
            ends.append(own and own._replace(last=(own.last + 1) * size - 1))
        return earliest(ends)


def _has_rate(part) -> bool:
    return not (isinstance(part, OneCycleLR) and part.lr is None)


def _one_by_one(changes) -> Affine:
    whole = changes[0]
    for change in changes[1:]:
        whole = change.after(whole)
    return whole


# --- configs ---

_IN_STEPS = ("step_size", "T_max", "total_steps")  # what an epoch-based config counts in epochs
_LISTS_OF_STEPS = ("milestones", "periods")
_NEEDS_AN_END = ("Constant", "Linear", "Poly", "CosineAnnealing", "OneCycle")
_PLATEAUS = ("ReduceOnPlateauLR", "ReduceOnPlateauMomentum", "ReduceOnPlateauParamScheduler")
NO_PLATEAU = (
    "its value goes by the metric. `jaxsched.ReduceLROnPlateau(lr, mode='min', factor=...,"
    " patience=...)` steps as it does (`rule` 'less' is `mode` 'min', `min_value` is `min_lr`), and"
    " takes a schedule of the others as its `lr`"
)


def build_param_scheduler(
    lr: Number,
    scheduler: Any,
    epoch_length: int | None = None,
    *,
    max_epochs: int | None = None,
    max_iters: int | None = None,
    momentum: Number | None = None,
    total_steps: int | None = None,
) -> ParamSchedulers:
    """The `param_scheduler` of a config of mmengine's, as a function of the count of updates.

    It has the name of the method of mmengine's Runner that reads it, with the learning rate in
    front.

    Args:
      lr: the learning rate of the optimizer.
      scheduler: the config's `param_scheduler`: a dict, or a list of them, each with a `type` and
        its arguments, `convert_to_iter_based` too.
      epoch_length: the number of updates in an epoch, `len(train_dataloader)`. It must be given
        where one of them counts epochs, as all do without `by_epoch=False`.
      max_epochs: the `end` of those that count epochs and have none, as in mmengine's Runner.
      max_iters: the `end` of those that count updates; by default `max_epochs * epoch_length`.
      momentum: the momentum of the optimizer (Adam's first beta), which schedulers of the momentum
        need. Their schedule is the result's `.momentum`.
      total_steps: as in `ParamSchedulers`.

    Returns:
      A `ParamSchedulers`.

    Raises:
      TypeError: for what is no dict with a `type`.
      ValueError: for an unknown type, a plateau, or what must be given and is not.

    >>> import jax.numpy as jnp
    >>> from jaxsched import mmengine
    >>> config = [
    ...     {"type": "LinearLR", "start_factor": 0.5, "by_epoch": False, "begin": 0, "end": 3},
    ...     {"type": "MultiStepLR", "milestones": [2], "gamma": 0.1, "by_epoch": True},
    ... ]
    >>> mmengine.build_param_scheduler(0.1, config, epoch_length=2)(jnp.arange(5))
    Array([0.05 , 0.075, 0.1  , 0.1  , 0.01 ], dtype=float32)

    Port of https://mmengine.readthedocs.io/en/latest/tutorials/param_scheduler.html.
    """
    configs = [scheduler] if isinstance(scheduler, Mapping) else scheduler
    if not isinstance(configs, list | tuple) or not all(isinstance(x, Mapping) for x in configs):
        raise TypeError(
            "`mmengine.build_param_scheduler(scheduler=...)` must be a dict with a `type`, or a"
            f" list of them, got {scheduler!r}."
        )
    if max_iters is None and max_epochs is not None and epoch_length is not None:
        max_iters = max_epochs * epoch_length
    ends = {True: max_epochs, False: max_iters}
    parts = [_built(lr, dict(config), epoch_length, ends, momentum) for config in configs]
    if parts and all(part._changes_momentum for part in parts):
        raise ValueError(
            "`mmengine.build_param_scheduler(scheduler=...)` must hold a scheduler of the rate, got"
            " those of the momentum alone: the rate stays `lr`, and"
            " `mmengine.ParamSchedulers([...])` of them is the momentum."
        )
    return ParamSchedulers(parts, epoch_length, total_steps=total_steps)


def _built(lr, config, epoch_length, ends, momentum):
    """The schedule of one entry of a config."""
    where = "`mmengine.build_param_scheduler(scheduler=...)` must"
    cls = _class_of(config.pop("type", None), where)
    name = cls.__name__
    config.pop("verbose", None)
    config.pop("_scope_", None)
    by_epoch = config.get("by_epoch", True)
    if "end" not in config and ends[bool(by_epoch)] is not None:
        config["end"] = ends[bool(by_epoch)]
    shape = name.removesuffix("LR").removesuffix("Momentum")
    has_length = config.get("T_max") is not None or config.get("total_steps") is not None
    if "end" not in config and not has_length and shape in _NEEDS_AN_END:
        which = "max_epochs" if by_epoch else "max_iters"
        raise ValueError(
            f"{where} have an `end` for {name}, which ends where its window does, or"
            f" `{which}=N` for all without one, got {config}."
        )
    if config.pop("convert_to_iter_based", False):
        if not by_epoch or epoch_length is None:
            raise ValueError(
                f"{where} have `by_epoch=True`, and `epoch_length=N` the number of updates in an"
                f" epoch, for a {name} with `convert_to_iter_based`, got"
                f" by_epoch={by_epoch!r}, epoch_length={epoch_length!r}."
            )
        _convert(config, epoch_length)
    if cls._changes_momentum:
        if momentum is None:
            raise ValueError(
                "`mmengine.build_param_scheduler(momentum=...)` must be the momentum of the"
                f" optimizer, which {name} changes, got None."
            )
        return cls(momentum, **config)
    return cls(lr=lr, **config)


def _class_of(named, where):
    name = getattr(named, "__name__", named)
    if not isinstance(name, str):
        raise TypeError(f"{where} have a `type` in each dict, got {named!r}.")
    name = name.removeprefix("mmengine.")
    if name in _PLATEAUS:
        raise ValueError(f"{where} be functions of the count, got {name}: {NO_PLATEAU}.")
    known = [known for known in __all__ if known[0].isupper() and known != "ParamSchedulers"]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}."
        raise ValueError(f"{where} name schedulers of mmengine's, got {name!r}: {hint}")
    return globals()[name]


def _convert(config, size):
    """Epochs to updates, as mmengine's `build_iter_from_epoch` does it."""
    config["by_epoch"] = False
    for name in _IN_STEPS:
        if config.get(name) is not None:
            config[name] = config[name] * size
    for name in _LISTS_OF_STEPS:
        if name in config:
            config[name] = [number * size for number in config[name]]
    config["begin"] = int(config.get("begin", 0) * size)
    if config.get("end", INF) != INF:
        config["end"] = int(config["end"] * size)
