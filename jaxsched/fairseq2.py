"""fairseq2's schedulers, by their names; the library need not be there.

Where fairseq2 takes the optimizer, jaxsched takes the learning rate; every other argument keeps its
name, order and default. A list with a number for each parameter group is a `jaxsched.ParamGroups`
of schedules here. Each is a subclass of PyTorch's LRScheduler, so the count is the number of
`scheduler.step()` done: of updates, as fairseq2 steps them.

    optax.adamw(jaxsched.fairseq2.MyleLR(5e-4, num_warmup_steps=4_000))

`lr` is the rate after the warm-up, and `W` the `num_warmup_steps`. For t < W the rate is
`start_lr + (lr - start_lr) * t / W`, so that the first update has a rate of 0 by default.

With a `cycle_mul` other than 1, fairseq2 finds the cycle of a CosineAnnealingLR by a logarithm in
floating point, which comes out just below an integer at some restarts; there it has, for that one
count, the rate at the end of the cycle before. Here each cycle begins where it is due.
"""

import dataclasses
import math

from ._core import numerics as xp
from ._core.fields import LastEpoch, Numbers, Rate, static
from ._core.number import Float, Number, concrete, is_concrete
from ._core.schedule import CarriesRate
from ._schedulers.recipe import Subclass
from ._schedulers.shapes import cycle, share, wave

__all__ = [
    "CosineAnnealingLR",
    "MyleLR",
    "NoamLR",
    "PassthroughLR",
    "PolynomialDecayLR",
    "TriStageLR",
]


class _Warmed(Subclass, CarriesRate):
    """What all share: a rate, and a warm-up."""

    def _check(self, rule, *names, ok):
        for name in names:
            self._require(name, ok, rule)

    def _curve(self, t):
        size, start = self._warmup, self._begin
        line = start + (self._base - start) * share(t, 0, size)
        return xp.where(t < size, line, self._after(t - size))

    @property
    def _warmup(self):
        return self.num_warmup_steps

    @property
    def _begin(self):
        return self.start_lr

    def _after(self, since):
        """The rate, so many steps after the warm-up."""
        raise NotImplementedError


def _cut(number):
    """The integer below, of a number that may be rounded to just below its own integer."""
    return xp.floor(number * (1.0 + 2.0**-45))


class CosineAnnealingLR(_Warmed):
    """A linear warm-up, then cosines down to `final_lr`.

        lr(t) = a ** i * (final_lr + (lr - final_lr) * (1 + cos(pi * u / T)) / 2)    for t >= W

    in cycle i, whose length `T = cycle_len * b ** i` and start are cut to integers; u counts from
    its start.

    Args:
      lr: the learning rate after the warm-up.
      cycle_len: the number of steps in the first cycle.
      num_warmup_steps: W, the number of steps of the warm-up.
      cycle_mul: b, the length of each cycle over that of the one before.
      lr_mul: a, the rates of each cycle over those of the one before.
      start_lr: the rate at count 0 of the warm-up.
      final_lr: the rate at the end of the first cycle.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate or warm-up, a `cycle_len` that is not positive, or a
        `cycle_mul` below 1, with which fairseq2 fails where the cycles have become too short.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq2
    >>> fairseq2.CosineAnnealingLR(0.1, 3, 1)(jnp.arange(6))
    Array([0.   , 0.1  , 0.075, 0.025, 0.1  , 0.075], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq2/tree/main/src/fairseq2/optim/lr_schedulers.
    """

    lr: Rate
    cycle_len: Number
    num_warmup_steps: Number
    _: dataclasses.KW_ONLY
    cycle_mul: Float = 1.0
    lr_mul: Float = 1.0
    start_lr: Rate = 0.0
    final_lr: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._check("a number from 0 up", "num_warmup_steps", ok=lambda n: n >= 0)
        self._check("a positive number", "cycle_len", ok=lambda n: n > 0)
        self._check("at least 1", "cycle_mul", ok=lambda n: n >= 1)
        self._warn_if_below_one("cycle_len", "lr")

    def _after(self, since):
        first, growth = self.cycle_len, self.cycle_mul
        index, _, _, _ = cycle(xp.maximum(since, 0), first, growth)
        power = xp.power(growth, index)
        steady = growth == 1.0
        before = xp.divide(power - 1.0, xp.where(steady, 1.0, growth - 1.0))
        begin = xp.where(steady, index * first, _cut(before * first))
        height = wave(xp.divide(since - begin, _cut(power * first)))
        scale = xp.power(self.lr_mul, index)
        return scale * (self.final_lr + (self._base - self.final_lr) * height)


class MyleLR(_Warmed):
    """A linear warm-up, then the inverse root of the count.

        lr(t) = lr * sqrt(W / t)    for t >= W

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      start_lr: the rate at count 0 of the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate, or a warm-up that is not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq2
    >>> fairseq2.MyleLR(0.1, 2)(jnp.arange(6))
    Array([0.        , 0.05      , 0.1       , 0.08164966, 0.07071068,
           0.06324555], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq2/tree/main/src/fairseq2/optim/lr_schedulers.
    """

    lr: Rate
    num_warmup_steps: Number
    _: dataclasses.KW_ONLY
    start_lr: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._check("a positive number", "num_warmup_steps", ok=lambda n: n > 0)

    def _after(self, since):
        size = self._warmup
        return self._base * xp.sqrt(xp.divide(size, xp.maximum(since, 0) + size))


class NoamLR(_Warmed):
    """A linear warm-up from 0, then the inverse root of the count.

        lr(t) = lr * t * W ** -1.5    for t < W
        lr(t) = lr / sqrt(t)        from then on, lr at t = 0

    Args:
      lr: the factor of the rate. At the end of the warm-up the rate is `lr / sqrt(W)`.
      num_warmup_steps: W, the number of steps of the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate or warm-up.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq2
    >>> fairseq2.NoamLR(0.1, 4)(jnp.arange(6))
    Array([0.        , 0.0125    , 0.025     , 0.0375    , 0.05      ,
           0.04472136], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq2/tree/main/src/fairseq2/optim/lr_schedulers,
    the paper is https://arxiv.org/abs/1706.03762.
    """

    lr: Rate
    num_warmup_steps: Number
    _: dataclasses.KW_ONLY
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._check("a number from 0 up", "num_warmup_steps", ok=lambda n: n >= 0)

    def _curve(self, t):
        size = self._warmup
        line = t * xp.power(xp.maximum(size, 1), -1.5)
        return self._base * xp.where(t < size, line, xp.power(xp.maximum(t, 1), -0.5))


class PassthroughLR(Subclass, CarriesRate):
    """The rate of the optimizer, whatever the count.

    Args:
      lr: the learning rate.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq2
    >>> fairseq2.PassthroughLR(0.1)(jnp.arange(3))
    Array([0.1, 0.1, 0.1], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq2/tree/main/src/fairseq2/optim/lr_schedulers.
    """

    lr: Rate
    _: dataclasses.KW_ONLY
    last_epoch: LastEpoch = static(default=-1)

    def _curve(self, t):
        return self._base


class PolynomialDecayLR(_Warmed):
    """A linear warm-up, then a power of the remaining steps, down to `final_lr`.

        lr(t) = final_lr + (lr - final_lr) * ((N - t) / (N - W)) ** power    for t >= W
        lr(t) = final_lr                                                 for t >= N

    Args:
      lr: the learning rate after the warm-up.
      num_steps: N, the number of steps of warm-up and decay.
      num_warmup_steps: W, the number of steps of the warm-up.
      power: the exponent.
      start_lr: the rate at count 0 of the warm-up.
      final_lr: the rate from count N on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate or warm-up, or one that is not below `num_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq2
    >>> fairseq2.PolynomialDecayLR(0.1, 5, 1)(jnp.arange(6))
    Array([0.   , 0.1  , 0.075, 0.05 , 0.025, 0.   ], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq2/tree/main/src/fairseq2/optim/lr_schedulers.
    """

    lr: Rate
    num_steps: Number
    num_warmup_steps: Number
    _: dataclasses.KW_ONLY
    power: Float = 1.0
    start_lr: Rate = 0.0
    final_lr: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._check("a number from 0 up", "num_warmup_steps", ok=lambda n: n >= 0)
        if is_concrete(self.num_steps):
            most = self.num_steps
            rule = f"below `num_steps`, {most}"
            self._check(rule, "num_warmup_steps", ok=lambda n: n < most)

    def _after(self, since):
        way = self.num_steps - self._warmup
        height = xp.power(1.0 - share(since, 0, way), self.power)
        rate = self.final_lr + (self._base - self.final_lr) * height
        return xp.where(since >= way, self.final_lr, rate)


class TriStageLR(_Warmed):
    """A linear warm-up, a hold, then an exponential down to a share of the rate.

        lr(t) = lr * (s + (1 - s) * t / W)        for t < W
        lr(t) = lr                              for the H steps after
        lr(t) = lr * f ** ((t - W - H) / D)    for the D steps after
        lr(t) = lr * f                          from then on

    Args:
      lr: the learning rate of the hold.
      num_steps: the number of steps of all stages.
      stage_ratio: the shares of W, H and D in it, three numbers; each is cut to an integer.
      start_lr_scale: s, the rate at count 0 over `lr`.
      final_lr_scale: f, the last rate over `lr`.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate, a `final_lr_scale` that is not positive, or ratios that
        are not three, of a sum of 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import fairseq2
    >>> fairseq2.TriStageLR(0.1, 4, (0.25, 0.25, 0.5))(jnp.arange(6))
    Array([0.001, 0.1  , 0.1  , 0.01 , 0.001, 0.001], dtype=float32)

    Port of https://github.com/facebookresearch/fairseq2/tree/main/src/fairseq2/optim/lr_schedulers.
    """

    lr: Rate
    num_steps: Number
    stage_ratio: Numbers
    _: dataclasses.KW_ONLY
    start_lr_scale: Float = 0.01
    final_lr_scale: Float = 0.01
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._check("a positive number", "final_lr_scale", ok=lambda f: f > 0)
        self._check("a number from 0 up", "num_steps", ok=lambda n: n >= 0)
        ratios = self.stage_ratio
        if len(ratios) != 3 and getattr(ratios, "ndim", 1) < 2:
            self._reject("stage_ratio", "three ratios, of warm-up, hold and decay")
        known = concrete(ratios) if hasattr(ratios, "dtype") else ratios
        if len(known) == 3 and all(map(is_concrete, known)):
            if not math.isclose(sum(known), 1.0):
                self._reject("stage_ratio", f"of a sum of 1, not {sum(known)}")
            if min(known) < 0:
                self._reject("stage_ratio", "from 0 up")

    def _stage(self, index):
        return xp.floor(self.stage_ratio[index] * self.num_steps)

    @property
    def _warmup(self):
        return self._stage(0)

    @property
    def _begin(self):
        return self.start_lr_scale * self._base

    def _after(self, since):
        hold, decay, last = self._stage(1), self._stage(2), self.final_lr_scale
        fall = xp.power(last, share(since, hold, hold + decay))
        shape = xp.where(since < hold, 1.0, xp.where(since < hold + decay, fall, last))
        return self._base * shape
