"""detectron2's schedulers, and fvcore's that they are made of; the libraries need not be there.

Where detectron2 takes the optimizer, jaxsched takes the learning rate; every other argument keeps
its name, order and default. `build_lr_scheduler` reads a config's section SOLVER:

    optax.sgd(jaxsched.detectron2.build_lr_scheduler(cfg), momentum=0.9)

LRMultiplier, WarmupMultiStepLR and WarmupCosineLR are functions of the count of updates. fvcore's
schedulers, the ...ParamScheduler, are functions of the share x of training that is done, from 0 to
1, which is what they are called with here too. In an LRMultiplier x is `count / max_iter`, and they
are factors of the rate.

fvcore's steps look a millionth of the training ahead: they are on time in runs of less than a
million updates, and early in longer ones, here too.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from ._core import numerics as xp
from ._core.fields import NESTED, LastEpoch, Numbers, PositiveInt, Rate, static
from ._core.number import Float, Number, concrete, is_concrete
from ._core.past_end import End
from ._core.schedule import CarriesRate, Schedule, warn
from ._schedulers.recipe import OfLibrary, Subclass
from ._schedulers.shapes import power_of_rest

__all__ = [
    "CompositeParamScheduler",
    "ConstantParamScheduler",
    "CosineParamScheduler",
    "ExponentialParamScheduler",
    "LRMultiplier",
    "LinearParamScheduler",
    "MultiStepParamScheduler",
    "PolynomialDecayParamScheduler",
    "StepParamScheduler",
    "StepWithFixedGammaParamScheduler",
    "WarmupCosineLR",
    "WarmupMultiStepLR",
    "WarmupParamScheduler",
    "build_lr_scheduler",
]

_AHEAD = 1e-6  # fvcore's WHERE_EPSILON
_END = 1.0 - 2.0**-50  # below 1, and exact after 1 has been added and taken away


class _ParamScheduler(OfLibrary):
    """One of fvcore's: a function of the share of training that is done."""

    _fractional = True
    _is_built_here = False

    def _curve(self, t):
        return self._value(t)

    def _value(self, x):
        """The value at the share x."""
        raise NotImplementedError

    def _has(self, x: float) -> bool:
        """Whether fvcore computes a value at the share x."""
        return True

    def _last_step(self):
        if self._has(2.0) or not self._is_concrete:
            return None
        last = 1.0 if self._has(1.0) else _END if self._has(_END) else 1.0 - 1.01 * _AHEAD
        return End(last, f"`{self._call_name()}` has values at shares up to {last:.10g} alone.")


class ConstantParamScheduler(_ParamScheduler):
    """One value.

        value(x) = value    for x < 1

    Args:
      value: the value.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a value that is not finite, or a concrete share from 1 on.

    >>> from jaxsched import detectron2
    >>> detectron2.ConstantParamScheduler(0.5)(0.25)
    Array(0.5, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    value: Rate

    def _value(self, x):
        return xp.floating(self.value)

    def _has(self, x):
        return x < 1.0


class CosineParamScheduler(_ParamScheduler):
    """Half a cosine.

        value(x) = end_value + (start_value - end_value) * (1 + cos(pi * x)) / 2

    Args:
      start_value: the value at 0.
      end_value: the value at 1.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a number that is not finite.

    >>> from jaxsched import detectron2
    >>> detectron2.CosineParamScheduler(1.0, 0.0)(0.5)
    Array(0.5, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    start_value: Rate
    end_value: Rate

    def _value(self, x):
        wave = 1.0 + xp.cos(xp.pi * x)
        return self.end_value + 0.5 * (self.start_value - self.end_value) * wave


class ExponentialParamScheduler(_ParamScheduler):
    """An exponential.

        value(x) = start_value * decay ** x

    Args:
      start_value: the value at 0.
      decay: the value at 1 over that at 0.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a negative `decay`.

    >>> from jaxsched import detectron2
    >>> detectron2.ExponentialParamScheduler(2.0, 0.25)(0.5)
    Array(1., dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    start_value: Rate
    decay: Float

    def _validate(self):
        self._require(
            "decay", lambda x: x >= 0, "a number from 0 up, as powers of others are not real"
        )

    def _value(self, x):
        return self.start_value * xp.power(self.decay, x)


class LinearParamScheduler(_ParamScheduler):
    """A line.

        value(x) = end_value * x + start_value * (1 - x)

    Args:
      start_value: the value at 0.
      end_value: the value at 1.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a number that is not finite.

    >>> from jaxsched import detectron2
    >>> detectron2.LinearParamScheduler(1.0, 0.0)(0.75)
    Array(0.25, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    start_value: Rate
    end_value: Rate

    def _value(self, x):
        return self.end_value * x + self.start_value * (1.0 - x)


class MultiStepParamScheduler(_ParamScheduler):
    """One of some values, by the milestones that are behind.

        value(x) = values[the number of milestones up to n],    n = floor((x + 1e-6) * num_updates)

    Args:
      values: the values, one more than milestones.
      num_updates: the number of updates; without it, the last of the milestones.
      milestones: the updates at which the next value begins; without them, equal parts.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for neither a number nor milestones, another number of them, or milestones that
        are not in order and below `num_updates`; for a concrete share above 1.

    >>> from jaxsched import detectron2
    >>> detectron2.MultiStepParamScheduler([1.0, 0.1], 90, [60])(0.75)
    Array(0.1, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    values: Numbers
    num_updates: Number | None = None
    milestones: Numbers | None = None

    def _validate(self):
        if self.num_updates is None and self.milestones is None:
            self._reject("num_updates", "given, or `milestones` in its place")
        needed = len(self.values) - (self.num_updates is not None)
        if self.milestones is not None and len(self.milestones) != needed:
            self._reject("milestones", f"a list of {needed}, for {len(self.values)} values")
        if not len(self.values):
            self._reject("values", "at least one value")
        number, steps = self._updates()
        known = [x for step in steps for x in concrete(step)]
        if is_concrete(number) and number < len(self.values):
            self._reject("num_updates", f"{len(self.values)} at least, one for each value")
        if any(x >= y for x, y in zip([0, *known], known, strict=False)):
            self._reject("milestones", "positive and in order, no two of them equal")
        if is_concrete(number) and known and known[-1] >= number:
            self._reject("milestones", f"below the number of updates, {number}")

    def _updates(self):
        """The number of updates, and the milestones before its end."""
        if self.milestones is None:
            width = -xp.floor(-xp.divide(self.num_updates, float(len(self.values))))
            return self.num_updates, [width * (k + 1) for k in range(len(self.values) - 1)]
        steps = [self.milestones[k] for k in range(len(self.milestones))]
        return (
            (self.num_updates, steps) if self.num_updates is not None else (steps[-1], steps[:-1])
        )

    def _value(self, x):
        number, steps = self._updates()
        now = xp.floor((x + _AHEAD) * number)
        value = xp.floating(self.values[0])
        for k, step in enumerate(steps):
            value = xp.where(now >= step, self.values[k + 1], value)
        return value

    def _has(self, x):
        return x <= 1.0


class PolynomialDecayParamScheduler(_ParamScheduler):
    """A power of the share that remains.

        value(x) = base_value * (1 - x) ** power

    Args:
      base_value: the value at 0.
      power: the exponent.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a negative `power`, or a concrete share above 1.

    >>> from jaxsched import detectron2
    >>> detectron2.PolynomialDecayParamScheduler(1.0, 2.0)(0.5)
    Array(0.25, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    base_value: Rate
    power: Float

    def _validate(self):
        self._require("power", lambda x: x >= 0, "a number from 0 up")

    def _value(self, x):
        return self.base_value * power_of_rest(1.0 - x, self.power)

    def _has(self, x):
        return x <= 1.0


class StepParamScheduler(_ParamScheduler):
    """One of some values after the other, each as long.

        value(x) = values[floor((x + 1e-6) * len(values))]    for x < 1 - 1e-6

    Args:
      num_updates: the number of updates, without effect.
      values: the values.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a `num_updates` that is not positive, no values, or a concrete share
        so near 1 that there is no value left.

    >>> from jaxsched import detectron2
    >>> detectron2.StepParamScheduler(90, [1.0, 0.1, 0.01])(0.5)
    Array(0.1, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    num_updates: Number
    values: Numbers

    def _validate(self):
        self._require("num_updates", lambda n: n > 0, "a positive number")
        if not len(self.values):
            self._reject("values", "at least one value")

    def _value(self, x):
        number = len(self.values)
        index, value = xp.floor((x + _AHEAD) * number), xp.floating(self.values[0])
        for k in range(1, number):
            value = xp.where(index >= k, self.values[k], value)
        return value

    def _has(self, x):
        return int((x + _AHEAD) * len(self.values)) < len(self.values)


class StepWithFixedGammaParamScheduler(_ParamScheduler):
    """A factor at the end of each of equal parts of the training.

        value(x) = base_value * gamma ** floor((x + 1e-6) * (num_decays + 1))    for x < 1 - 1e-6

    Args:
      base_value: the value at 0.
      num_decays: the number of drops.
      gamma: the factor.
      num_updates: the number of updates, without effect.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a number that is not positive, or a concrete share so near 1 that there is
        no value left.

    >>> from jaxsched import detectron2
    >>> detectron2.StepWithFixedGammaParamScheduler(1.0, 2, 0.1, 90)(0.5)
    Array(0.1, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    base_value: Rate
    num_decays: PositiveInt
    gamma: Float
    num_updates: PositiveInt

    def _validate(self):
        for name in ("base_value", "gamma"):
            self._require(name, lambda x: x > 0, "a positive number")

    def _value(self, x):
        drops = xp.floor((x + _AHEAD) * (self.num_decays + 1))
        return self.base_value * xp.power(self.gamma, drops)

    def _has(self, x):
        return int((x + _AHEAD) * (self.num_decays + 1)) <= self.num_decays


# --- of several ---


class _Parts(_ParamScheduler):
    """One after the other, each for a share of the training."""

    def _parts(self) -> tuple[list, list, Any]:
        """The functions of the share, how long each is, and the scaling of each."""
        raise NotImplementedError

    def _value(self, x):
        parts, lengths, scaling = self._parts()
        total, end, value = 0.0, None, None
        for part, length, scale in zip(parts, lengths, scaling, strict=True):
            total = total + length
            own = x
            if scale == "rescaled":
                own = xp.divide(x - (total - length), xp.where(length == 0, 1.0, length))
            found = part(own)
            value = found if end is None else xp.where(x + _AHEAD > end, found, value)
            end = total
        return value

    def _at(self, x: float) -> tuple[int, float]:
        """Which part is in force at the share x, and its own share."""
        _, lengths, scaling = self._parts()
        ends = np.cumsum(lengths).tolist()
        index = int(np.searchsorted(ends[:-1], x + _AHEAD))
        if scaling[index] != "rescaled":
            return index, x
        length = lengths[index]
        return index, (x - (ends[index] - length)) / length if length else math.inf


class CompositeParamScheduler(_Parts):
    """Several of fvcore's schedulers, each for a share of the training.

    One that is "fixed" goes on with the share of the whole training; one that is "rescaled" goes
    from 0 to 1 in its own part.

    Args:
      schedulers: the schedulers.
      lengths: the share of each; they make 1, and the last one is what remains.
      interval_scaling: "rescaled" or "fixed", for each.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for lists that are not of one length, or lengths that do not make 1.
      TypeError: for a part that is none of fvcore's schedulers.

    >>> from jaxsched import detectron2
    >>> warm, fall = detectron2.LinearParamScheduler(0, 1), detectron2.CosineParamScheduler(1, 0)
    >>> detectron2.CompositeParamScheduler([warm, fall], [0.2, 0.8], ["rescaled"] * 2)(0.6)
    Array(0.5, dtype=float32)

    Port of https://github.com/facebookresearch/fvcore/blob/main/fvcore/common/param_scheduler.py.
    """

    schedulers: Annotated[Sequence[Schedule], NESTED]
    lengths: Numbers
    interval_scaling: Sequence[str] = static()

    def __post_init__(self):
        for name in ("schedulers", "interval_scaling"):
            given = getattr(self, name)
            if not isinstance(given, list | tuple):
                self._reject(name, "a list", TypeError)
            object.__setattr__(self, name, tuple(given))
        super().__post_init__()

    def _validate(self):
        if not self.schedulers:
            self._reject("schedulers", "at least one scheduler")
        for part in self.schedulers:
            _require_fvcores(self, "schedulers", part)
        for name in ("lengths", "interval_scaling"):
            if len(getattr(self, name)) != len(self.schedulers):
                self._reject(name, f"one for each of the {len(self.schedulers)} schedulers")
        if any(word not in ("rescaled", "fixed") for word in self.interval_scaling):
            self._reject("interval_scaling", "'rescaled' or 'fixed' for each")
        if self._knows("lengths"):
            if any(not 0 <= length <= 1 for length in self.lengths):
                self._reject("lengths", "shares from 0 to 1")
            if abs(sum(self.lengths) - 1.0) >= 1e-3:
                self._reject("lengths", f"such that they make 1, not {sum(self.lengths)}")

    def _parts(self):
        *first, last = (self.lengths[k] for k in range(len(self.schedulers)))
        before = sum(first)
        last = xp.where(before + last == 1.0, last, 1.0 - before)
        return [part._value for part in self.schedulers], [*first, last], self.interval_scaling

    def _has(self, x):
        index, own = self._at(x)
        return self.schedulers[index]._has(own)


class WarmupParamScheduler(_Parts):
    """A warm-up before another scheduler.

        value(x) = w + (e - w) * x / W    for x < W, or w if constant, with w = warmup_factor * s(0)
        value(x) = s(x)                   from then on, or s((x - W) / (1 - W)) if rescaled

    s is the other scheduler. The line ends at its value there: `e = s(W)`, or s(0) if rescaled.

    Args:
      scheduler: s.
      warmup_factor: the first value over that of s.
      warmup_length: W, the share of the warm-up in the training.
      warmup_method: "linear" or "constant".
      rescale_interval: whether s begins after the warm-up, in place of going on under it.

    Returns:
      A `Schedule`: the value as a function of the share of training that is done.

    Raises:
      ValueError: for a length that is not from 0 to 1, or at which s has no value.
      TypeError: for a scheduler that is none of fvcore's.

    >>> from jaxsched import detectron2
    >>> drops = detectron2.MultiStepParamScheduler([1.0, 0.1], 90, [60])
    >>> detectron2.WarmupParamScheduler(drops, 0.001, 0.1)(0.05)
    Array(0.5005, dtype=float32)

    Port of https://github.com/facebookresearch/detectron2/blob/main/detectron2/solver/lr_scheduler.py.
    """

    scheduler: Annotated[Schedule, NESTED]
    warmup_factor: Float
    warmup_length: Float
    warmup_method: str = static(default="linear")
    rescale_interval: bool = static(default=False)

    def _validate(self):
        _require_fvcores(self, "scheduler", self.scheduler)
        self._choose("warmup_method", "linear", "constant")
        self._require("warmup_length", lambda x: 0 <= x <= 1, "a share from 0 to 1")
        if self._is_concrete and not self.rescale_interval:
            inner = self.scheduler
            if not inner._has(self.warmup_length):
                self._reject("warmup_length", f"a share at which {inner!r} has a value")

    def _parts(self):
        inner = self.scheduler
        size, rescaled = self.warmup_length, self.rescale_interval
        begin = self.warmup_factor * inner._value(xp.floating(0.0))
        end = inner._value(xp.floating(0.0 if rescaled else size))

        def warm(x):
            return begin if self.warmup_method == "constant" else end * x + begin * (1.0 - x)

        scaling = ("rescaled", "rescaled" if rescaled else "fixed")
        return [warm, inner._value], [size, 1.0 - size], scaling

    def _has(self, x):
        inner = self.scheduler
        index, own = self._at(x)
        if index == 0:
            return self.warmup_method == "linear" or own < 1.0
        return own < math.inf and inner._has(own)


def _require_fvcores(schedule, name, part):
    if not isinstance(part, _ParamScheduler):
        schedule._reject(name, "of fvcore's schedulers, the ...ParamScheduler here", TypeError)


class LRMultiplier(OfLibrary, CarriesRate):
    """One of fvcore's schedulers as a factor of the rate.

        lr(t) = lr * multiplier(t / max_iter)

    Args:
      lr: the learning rate that is multiplied.
      multiplier: one of fvcore's schedulers, or a WarmupParamScheduler.
      max_iter: the number of updates.
      last_iter: the index of the last update before this schedule, as `last_epoch` in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a negative `lr`, a `max_iter` that is not positive, or a concrete count
        at which fvcore raises: past `max_iter`, and for some at it.
      TypeError: for a multiplier that is none of fvcore's schedulers.

    >>> import jax.numpy as jnp
    >>> from jaxsched import detectron2
    >>> drops = detectron2.MultiStepParamScheduler([1.0, 0.1], 5, [3])
    >>> warm = detectron2.WarmupParamScheduler(drops, 0.5, 2 / 5)
    >>> detectron2.LRMultiplier(0.1, warm, max_iter=5)(jnp.arange(6))
    Array([0.05 , 0.075, 0.1  , 0.01 , 0.01 , 0.01 ], dtype=float32)

    Port of https://github.com/facebookresearch/detectron2/blob/main/detectron2/solver/lr_scheduler.py.
    """

    lr: Rate
    multiplier: Annotated[Schedule, NESTED]
    max_iter: Number
    last_iter: LastEpoch = static(default=-1)

    _is_built_here = False

    @property
    def _begun(self):
        return self.last_iter

    def _validate(self):
        super()._validate()
        _require_fvcores(self, "multiplier", self.multiplier)
        self._require("max_iter", lambda n: n > 0, "a positive number")

    def _curve(self, t):
        inner = self.multiplier
        return self._base * inner._value(xp.divide(t, self.max_iter))

    def _last_step(self):
        inner = self.multiplier
        if not self._is_concrete or inner._has(2.0):
            return None
        last = math.floor(self.max_iter)
        while last > 0 and not inner._has(last / self.max_iter):
            last -= 1
        return End(
            last,
            f"`detectron2.LRMultiplier(max_iter={self.max_iter})` ends at step {last}, where its"
            " multiplier does.",
        )


# --- the older ones ---


def _warmth(schedule, t):
    """The factor of the warm-up at t."""
    size, factor = schedule.warmup_iters, schedule.warmup_factor
    if schedule.warmup_method == "constant":
        return xp.where(t >= size, 1.0, factor)
    way = xp.divide(t, xp.where(size == 0, 1, size))
    return xp.where(t >= size, 1.0, factor * (1.0 - way) + way)


class _Warmup(Subclass, CarriesRate):
    def _validate(self):
        super()._validate()
        self._choose("warmup_method", "linear", "constant")


class WarmupMultiStepLR(_Warmup):
    """A factor at each of given steps, times a warm-up.

        lr(t) = lr * w(t) * gamma ** (the number of milestones up to t)
        w(t) = f * (1 - t / W) + t / W    for t < W, or f if constant; 1 from then on

    detectron2 warns that it is deprecated: `build_lr_scheduler` gives an LRMultiplier.

    Args:
      lr: the learning rate after the warm-up.
      milestones: the updates at which the rate is multiplied, in order.
      gamma: the factor.
      warmup_factor: f, the first rate over `lr`.
      warmup_iters: W, the number of updates of the warm-up.
      warmup_method: "linear" or "constant".
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a negative `lr`, milestones that are not in order, or another method.

    >>> import jax.numpy as jnp
    >>> from jaxsched import detectron2
    >>> detectron2.WarmupMultiStepLR(0.1, [4], warmup_factor=0.5, warmup_iters=2)(jnp.arange(6))
    Array([0.05 , 0.075, 0.1  , 0.1  , 0.01 , 0.01 ], dtype=float32)

    Port of https://github.com/facebookresearch/detectron2/blob/main/detectron2/solver/lr_scheduler.py.
    """

    lr: Rate
    milestones: Numbers
    gamma: Float = 0.1
    warmup_factor: Float = 0.001
    warmup_iters: Number = 1000
    warmup_method: str = static(default="linear")
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        known = [x for step in self.milestones for x in concrete(step)]
        if known != sorted(known):
            self._reject("milestones", "numbers of updates in order")

    def _curve(self, t):
        passed = sum((t >= self.milestones[k]) * 1 for k in range(len(self.milestones)))
        return self._base * _warmth(self, t) * xp.power(self.gamma, passed)


class WarmupCosineLR(_Warmup):
    """Half a cosine down to 0, times a warm-up.

        lr(t) = lr * w(t) * (1 + cos(pi * t / max_iters)) / 2
        w(t) = f * (1 - t / W) + t / W    for t < W, or f if constant; 1 from then on

    detectron2 warns that it is deprecated: `build_lr_scheduler` gives an LRMultiplier, whose
    warm-up is a line to the cosine and no factor of it.

    Args:
      lr: the learning rate that the cosine begins with.
      max_iters: the number of updates.
      warmup_factor: f, the first rate over `lr`.
      warmup_iters: W, the number of updates of the warm-up.
      warmup_method: "linear" or "constant".
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a negative `lr`, a `max_iters` that is not positive, or another method.

    >>> import jax.numpy as jnp
    >>> from jaxsched import detectron2
    >>> detectron2.WarmupCosineLR(0.1, 5, warmup_factor=0.5, warmup_iters=2)(jnp.arange(6))
    Array([0.05      , 0.06783814, 0.06545085, 0.03454915, 0.00954915,
           0.        ], dtype=float32)

    Port of https://github.com/facebookresearch/detectron2/blob/main/detectron2/solver/lr_scheduler.py.
    """

    lr: Rate
    max_iters: Number
    warmup_factor: Float = 0.001
    warmup_iters: Number = 1000
    warmup_method: str = static(default="linear")
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("max_iters", lambda n: n > 0, "a positive number")

    def _curve(self, t):
        wave = 1.0 + xp.cos(xp.divide(xp.pi * t, self.max_iters))
        return self._base * _warmth(self, t) * 0.5 * wave


# --- configs ---

_DEFAULTS = {
    "LR_SCHEDULER_NAME": "WarmupMultiStepLR", "MAX_ITER": 40000, "BASE_LR": 0.001,
    "BASE_LR_END": 0.0, "GAMMA": 0.1, "STEPS": (30000,), "NUM_DECAYS": 3, "WARMUP_FACTOR": 0.001,
    "WARMUP_ITERS": 1000, "WARMUP_METHOD": "linear", "RESCALE_INTERVAL": False,
}  # fmt: skip


def build_lr_scheduler(cfg: Any, lr: Number | None = None) -> LRMultiplier:
    """The schedule that a config's section SOLVER describes, as detectron2's function builds it.

    Args:
      cfg: detectron2's config, or a dict like it: its section SOLVER, or that section itself.
        What it lacks has detectron2's default.
      lr: the learning rate of the optimizer, by default BASE_LR.

    Returns:
      An `LRMultiplier`.

    Raises:
      TypeError: for what is no config.
      ValueError: for an unknown LR_SCHEDULER_NAME, a key that is nearly one of those read, or
        numbers that detectron2 refuses.

    Warns:
      UserWarning: for STEPS after MAX_ITER, which are left out.

    >>> import jax.numpy as jnp
    >>> from jaxsched import detectron2
    >>> solver = {"BASE_LR": 0.1, "MAX_ITER": 5, "STEPS": (3,), "WARMUP_ITERS": 2}
    >>> detectron2.build_lr_scheduler({"SOLVER": solver})(jnp.arange(6))
    Array([1.000e-04, 5.005e-02, 1.000e-01, 1.000e-02, 1.000e-02, 1.000e-02],      dtype=float32)

    Port of https://github.com/facebookresearch/detectron2/blob/main/detectron2/solver/build.py.
    """
    own = _solver(cfg)
    name, number, gamma = own["LR_SCHEDULER_NAME"], own["MAX_ITER"], own["GAMMA"]
    where = "`detectron2.build_lr_scheduler(cfg=...)` must have"
    multiplier: _ParamScheduler
    if name == "WarmupMultiStepLR":
        steps = [step for step in own["STEPS"] if step <= number]
        if len(steps) != len(own["STEPS"]):
            warn(f"SOLVER.STEPS={own['STEPS']!r} are left out after SOLVER.MAX_ITER={number}.")
        values = [gamma**k for k in range(len(steps) + 1)]
        multiplier = MultiStepParamScheduler(values, number, steps)
    elif name == "WarmupCosineLR":
        end = own["BASE_LR_END"] / own["BASE_LR"]
        if not 0.0 <= end <= 1.0:
            raise ValueError(
                f"{where} a BASE_LR_END from 0 to BASE_LR, {own['BASE_LR']}, got"
                f" {own['BASE_LR_END']}."
            )
        multiplier = CosineParamScheduler(1, end)
    elif name == "WarmupStepWithFixedGammaLR":
        multiplier = StepWithFixedGammaParamScheduler(1.0, own["NUM_DECAYS"], gamma, number)
    else:
        raise ValueError(
            f"{where} an LR_SCHEDULER_NAME of 'WarmupMultiStepLR', 'WarmupCosineLR' or"
            f" 'WarmupStepWithFixedGammaLR', got {name!r}."
        )
    warm = WarmupParamScheduler(
        multiplier, own["WARMUP_FACTOR"], min(own["WARMUP_ITERS"] / number, 1.0),
        own["WARMUP_METHOD"], own["RESCALE_INTERVAL"],
    )  # fmt: skip
    return LRMultiplier(own["BASE_LR"] if lr is None else lr, warm, number)


def _solver(cfg: Any) -> dict[str, Any]:
    """What is read of a config, with detectron2's defaults."""
    section = cfg["SOLVER"] if isinstance(cfg, Mapping) and "SOLVER" in cfg else cfg
    section = getattr(section, "SOLVER", section)
    if not isinstance(section, Mapping):
        raise TypeError(
            "`detectron2.build_lr_scheduler(cfg=...)` must be a config with a section SOLVER, or"
            f" a dict with its values, got {cfg!r}."
        )
    for key in section:
        near = difflib.get_close_matches(str(key), _DEFAULTS, n=1, cutoff=0.85)
        if near and key not in _DEFAULTS:
            raise ValueError(
                f"`detectron2.build_lr_scheduler(cfg=...)` must have detectron2's keys in SOLVER,"
                f" got {key!r}: did you mean {near[0]}?"
            )
    return _DEFAULTS | {key: section[key] for key in _DEFAULTS if key in section}
