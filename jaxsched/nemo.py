"""NeMo's schedulers, by their names; the library need not be there.

Where NeMo takes the optimizer, jaxsched takes the learning rate; all other arguments are given by
name, as in NeMo, and keep name and default. Each is a subclass of PyTorch's LRScheduler, so the
count is the number of `scheduler.step()` done: of updates, as NeMo steps them.

    optax.adamw(jaxsched.nemo.CosineAnnealing(1e-3, max_steps=100_000, warmup_steps=2_000))

`lr` is the rate after the warm-up, `W` the `warmup_steps`, `H` the count at which the hold ends,
`M` the `max_steps` and `m` the `min_lr`. As NeMo counts them:

- For t <= W the rate is `lr * (t + 1) / (W + 1)`: the first update has not the rate 0, and the
  warm-up ends at count W, not before. Without a warm-up (W = 0) the curve begins at count 0.
- `hold_steps` come after the warm-up: H = W + `hold_steps`. Without `hold_steps` and `hold_ratio`
  H is 0, not W, and a curve that begins at H is entered in the middle.
- From count M + 1 on the rate is `m`, unless it is still held.
- A ratio is a share of M, cut to an integer: `int(warmup_ratio * max_steps)`.
- In the warm-up no rate is kept above `m`.
"""

import dataclasses
from typing import ClassVar

from ._core import numerics as xp
from ._core.fields import LastEpoch, Rate, static
from ._core.number import Float, Number, is_concrete
from ._core.schedule import CarriesRate
from ._schedulers.recipe import Subclass
from ._schedulers.shapes import share, wave

__all__ = [
    "CosineAnnealing",
    "InverseSquareRootAnnealing",
    "NoamAnnealing",
    "NoamHoldAnnealing",
    "PolynomialDecayAnnealing",
    "PolynomialHoldDecayAnnealing",
    "SquareAnnealing",
    "SquareRootAnnealing",
    "T5InverseSquareRootAnnealing",
    "WarmupAnnealing",
    "WarmupHoldAnnealLinear",
    "WarmupHoldAnnealOneMinusSquareRoot",
    "WarmupHoldPolicy",
    "WarmupPolicy",
]


def _steps(number, ratio, max_steps):
    """A number of steps, given as such or as a share of all."""
    if number is not None:
        return number
    return 0 if ratio is None else xp.floor(ratio * max_steps)


class _Policy(Subclass, CarriesRate):
    """What all share but one: a rate and a warm-up."""

    lr: Rate
    _: dataclasses.KW_ONLY
    warmup_steps: Number | None = None
    warmup_ratio: Float | None = None
    min_lr: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    _may_be_endless: ClassVar[bool] = False

    def _validate(self):
        super()._validate()
        self._check_steps("warmup")
        if not self._may_be_endless and self.max_steps is None:
            self._reject("max_steps", "a number of steps")
        self._require("max_steps", lambda n: n is None or n > 0, "a positive number")

    def _check_steps(self, kind):
        """Raises for `warmup_steps` or `warmup_ratio`, or their like, that NeMo cannot use."""
        steps, ratio = f"{kind}_steps", f"{kind}_ratio"
        if getattr(self, ratio) is not None:
            if getattr(self, steps) is not None:
                self._reject(ratio, f"None with `{steps}`: give one of the two")
            if self.max_steps is None:
                self._reject(ratio, f"None without `max_steps`: give `{steps}`")
        for name in (steps, ratio):
            self._require(name, lambda n: n is None or n >= 0, "a number from 0 up")

    def _require_rate_above_minimum(self):
        if is_concrete(self.min_lr):
            least = self.min_lr
            rule = f"at least `min_lr`, {least}"
            self._require("initial_lr", lambda x: x is None or x >= least, rule)
            if self.initial_lr is None:
                self._require("lr", lambda x: x >= least, rule)

    @property
    def _warmup(self):
        return _steps(self.warmup_steps, self.warmup_ratio, self.max_steps)

    def _curve(self, t):
        size = self._warmup
        return xp.where((t <= size) & (size > 0), self._rising(t, size), self._after(t))

    def _rising(self, t, size):
        return self._base * xp.divide(t + 1, size + 1)

    def _after(self, t):
        """The rate after the warm-up."""
        rate = self._annealed(t)
        return rate if self.max_steps is None else xp.where(t > self.max_steps, self.min_lr, rate)

    def _annealed(self, t):
        """The rate between the warm-up, or the hold, and `max_steps`."""
        raise NotImplementedError

    def _above_minimum(self, rate):
        return xp.maximum(rate, self.min_lr)


class _HoldPolicy(_Policy):
    """What those share that hold the rate after the warm-up."""

    _: dataclasses.KW_ONLY
    hold_steps: Number | None = None
    hold_ratio: Float | None = None

    _divides: ClassVar[bool] = True  # by the steps from the hold to the end

    def _validate(self):
        super()._validate()
        self._check_steps("hold")
        warm_up, hold = ("warmup_steps", "warmup_ratio"), ("hold_steps", "hold_ratio")
        if self._divides and self._knows(*warm_up, *hold, "max_steps"):
            given, end = "hold_ratio" if self.hold_steps is None else "hold_steps", self._hold_end
            if end == self.max_steps:
                self._reject(
                    given,
                    f"one that ends before or after `max_steps`, {end}: NeMo"
                    " divides by the steps between",
                )

    @property
    def _hold_end(self):
        if self.hold_steps is None and self.hold_ratio is None:
            return 0
        return self._warmup + _steps(self.hold_steps, self.hold_ratio, self.max_steps)

    def _after(self, t):
        return xp.where(t < self._hold_end, self._base, super()._after(t))


class _PolynomialPolicy(_Policy):
    """What the two polynomials share."""

    _: dataclasses.KW_ONLY
    power: Float = 1.0
    cycle: bool = static(default=False)

    def _validate(self):
        super()._validate()
        self._require("power", lambda p: p >= 0, "a number from 0 up")

    def _polynomial(self, since, length):
        length = xp.where(length == 0, 1, length)
        if self.cycle:
            length = length * xp.maximum(-xp.floor(-xp.divide(since, length)), 1.0)
        height = xp.power(1.0 - share(since, 0, length), self.power)
        return self.min_lr + (self._base - self.min_lr) * height


class WarmupPolicy(_Policy):
    """A linear warm-up, then a constant rate.

        lr(t) = lr * (t + 1) / (W + 1)    for t <= W
        lr(t) = lr                      from then on

    Args:
      lr: the learning rate after the warm-up.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      max_steps: M, the last count of that rate, by default none.
      min_lr: m, the rate from count M + 1 on (if there is an M).
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive; a ratio without them.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.WarmupPolicy(0.1, warmup_steps=3)(jnp.arange(6))
    Array([0.025, 0.05 , 0.075, 0.1  , 0.1  , 0.1  ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number | None = None

    _may_be_endless = True

    def _annealed(self, t):
        return self._base


class WarmupHoldPolicy(_HoldPolicy):
    """A linear warm-up, then a constant rate, held even after `max_steps`.

        lr(t) = lr * (t + 1) / (W + 1)    for t <= W
        lr(t) = lr                      for t < H or t <= M
        lr(t) = m                       from then on

    Args:
      lr: the learning rate after the warm-up.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      hold_steps: the number of steps for which the rate is held after the warm-up; or instead
      hold_ratio: their share of M.
      max_steps: M, the last count of that rate, unless it is still held. It must be given: NeMo
        fails without it after the hold.
      min_lr: m, the rate from count M + 1 on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive, or are None.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.WarmupHoldPolicy(0.1, max_steps=4, warmup_steps=3)(jnp.arange(6))
    Array([0.025, 0.05 , 0.075, 0.1  , 0.1  , 0.   ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number | None = None

    _divides = False

    def _annealed(self, t):
        return self._base


class SquareAnnealing(_Policy):
    """A linear warm-up, then the square of the share of steps that remain.

        lr(t) = lr * (t + 1) / (W + 1)                        for t <= W
        lr(t) = max(m, lr * ((M - t) / (M - W)) ** 2)    for t <= M
        lr(t) = m                                           from then on

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on, and the least after the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.SquareAnnealing(0.1, max_steps=5, warmup_steps=1)(jnp.arange(6))
    Array([5.000e-02, 1.000e-01, 5.625e-02, 2.500e-02, 6.250e-03, 1.000e-05],      dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number
    min_lr: Rate = 1e-5

    def _annealed(self, t):
        left = 1.0 - share(t, self._warmup, self.max_steps)
        return self._above_minimum(self._base * left * left)


class SquareRootAnnealing(_Policy):
    """A linear warm-up, then the root of the share of steps that remain.

        lr(t) = lr * (t + 1) / (W + 1)                for t <= W
        lr(t) = max(m, lr * sqrt((M - t) / M))    for t <= M
        lr(t) = m                                   from then on

    The curve is counted from 0, so the rate drops where the warm-up ends.

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on, and the least after the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.SquareRootAnnealing(0.1, max_steps=4, warmup_steps=1)(jnp.arange(6))
    Array([0.05      , 0.1       , 0.07071068, 0.05      , 0.        ,
           0.        ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number
    min_lr: Rate = 0

    def _annealed(self, t):
        return self._above_minimum(self._base * xp.sqrt(1.0 - share(t, 0, self.max_steps)))


class CosineAnnealing(_Policy):
    """A linear warm-up, then a cosine down to `min_lr`.

        lr(t) = lr * (t + 1) / (W + 1)                          for t <= W
        lr(t) = m + (lr - m) * (1 + cos(pi * x)) / 2    for t <= M, x = (t - W) / (M - W)
        lr(t) = m                                             from then on

    With constant steps the cosine ends that much before M, and the warm-up is `lr * t / W` and
    begins at 0, as in Megatron. NeMo then gives all parameter groups the rate of the first.

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on.
      constant_steps: the number of steps before M at which the rate is `min_lr` already; or
        instead
      constant_ratio: their share of M.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` below `min_lr` (or equal to it, with constant steps), constant
        steps that leave no others, both a number and a ratio, or `max_steps` that are not
        positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.CosineAnnealing(0.1, max_steps=5, warmup_steps=1)(jnp.arange(6))
    Array([0.05      , 0.1       , 0.08535534, 0.05      , 0.01464466,
           0.        ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number
    min_lr: Rate = 0
    constant_steps: Number | None = None
    constant_ratio: Float | None = None

    def _validate(self):
        super()._validate()
        self._check_steps("constant")
        self._require_rate_above_minimum()
        if not self._knows("constant_steps", "constant_ratio", "max_steps") or not self._constant:
            return
        given = "constant_ratio" if self.constant_steps is None else "constant_steps"
        known = self._knows("warmup_steps", "warmup_ratio")
        if known and self._constant + self._warmup >= self.max_steps:
            self._reject(given, "fewer than `max_steps` without the warm-up")
        if is_concrete(self.min_lr) and is_concrete(self._base) and not self._base > self.min_lr:
            self._reject("min_lr", f"below `lr`, {self._base}, with constant steps")

    @property
    def _constant(self):
        return _steps(self.constant_steps, self.constant_ratio, self.max_steps)

    @property
    def _takes_first_rate(self):
        return not is_concrete(self._constant) or self._constant > 0

    def _rising(self, t, size):
        megatrons = self._base * xp.divide(t, xp.where(size == 0, 1, size))
        return xp.where(self._constant > 0, megatrons, super()._rising(t, size))

    def _annealed(self, t):
        end = self.max_steps - self._constant
        rate = self.min_lr + (self._base - self.min_lr) * wave(share(t, self._warmup, end))
        return xp.where(t > end, self.min_lr, rate)


class WarmupAnnealing(_Policy):
    """A linear warm-up, then a line down to `min_lr`.

        lr(t) = lr * (t + 1) / (W + 1)         for t <= W
        lr(t) = m + (lr - m) * (1 - x)    for t <= M, x = (t - W) / (M - W)
        lr(t) = m                            from then on

    NeMo lets the line of all parameter groups begin at the rate of the first.

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.WarmupAnnealing(0.1, max_steps=5, warmup_steps=1)(jnp.arange(6))
    Array([0.05 , 0.1  , 0.075, 0.05 , 0.025, 0.   ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number

    _takes_first_rate = True

    def _annealed(self, t):
        left = 1.0 - share(t, self._warmup, self.max_steps)
        return self.min_lr + left * (self._base - self.min_lr)


class InverseSquareRootAnnealing(_Policy):
    """A linear warm-up, then the inverse root of the count.

        lr(t) = lr * (t + 1) / (W + 1)               for t <= W
        lr(t) = lr / sqrt((t + 1) / (W + 1))    for t <= M
        lr(t) = m                                  from then on, 0 by default

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.InverseSquareRootAnnealing(0.1, max_steps=5, warmup_steps=1)(jnp.arange(6))
    Array([0.05      , 0.1       , 0.08164966, 0.07071068, 0.06324555,
           0.05773503], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number

    def _annealed(self, t):
        return xp.divide(self._base, xp.sqrt(xp.divide(t + 1, self._warmup + 1)))


class PolynomialDecayAnnealing(_PolynomialPolicy):
    """A linear warm-up, then a power of the share of steps that remain.

        lr(t) = lr * (t + 1) / (W + 1)                  for t <= W
        lr(t) = m + (lr - m) * (1 - x) ** power    for t <= M, x = (t - W) / (M - W)
        lr(t) = m                                     from then on

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on.
      power: the exponent.
      cycle: without effect, as NeMo has `min_lr` from the end of the first cycle on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive; a negative `power`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.PolynomialDecayAnnealing(0.1, max_steps=5, warmup_steps=1, power=2.0)(jnp.arange(6))
    Array([0.05   , 0.1    , 0.05625, 0.025  , 0.00625, 0.     ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number

    def _annealed(self, t):
        start = self._warmup
        return self._polynomial(t - start, self.max_steps - start)


class PolynomialHoldDecayAnnealing(_PolynomialPolicy, _HoldPolicy):
    """A linear warm-up, a hold, then a power of the share of steps that remain.

        lr(t) = lr * (t + 1) / (W + 1)                  for t <= W
        lr(t) = lr                                    for t < H
        lr(t) = m + (lr - m) * (1 - x) ** power    for t <= M, x = min(1, (t - H) / (M - max(W, H)))
        lr(t) = m                                     from then on

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      hold_steps: the number of steps for which the rate is held after the warm-up; or instead
      hold_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on.
      power: the exponent.
      cycle: whether x is not cut at 1, but M - max(W, H) stretched to its next multiple. It
        matters without a hold only.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive; a negative `power`; a hold that ends at M.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> schedule = nemo.PolynomialHoldDecayAnnealing(0.1, max_steps=5, warmup_steps=1, hold_steps=1)
    >>> schedule(jnp.arange(6))
    Array([0.05      , 0.1       , 0.1       , 0.06666667, 0.03333334,
           0.        ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number

    def _annealed(self, t):
        end = self._hold_end
        return self._polynomial(t - end, self.max_steps - xp.maximum(self._warmup, end))


class WarmupHoldAnnealLinear(_HoldPolicy):
    """A linear warm-up, a hold, then a line down to `min_lr`.

        lr(t) = lr * (t + 1) / (W + 1)     for t <= W
        lr(t) = lr                       for t < H
        lr(t) = lr - (lr - m) * x    for t <= M, x = (t - H) / (M - H)
        lr(t) = m                        from then on

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      hold_steps: the number of steps for which the rate is held after the warm-up; or instead
      hold_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive; a hold that ends at M.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.WarmupHoldAnnealLinear(0.1, max_steps=5, warmup_steps=1, hold_steps=2)(jnp.arange(6))
    Array([0.05, 0.1 , 0.1 , 0.1 , 0.05, 0.  ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py,
    the paper is https://arxiv.org/abs/2404.06395.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number

    def _annealed(self, t):
        x = share(t, self._hold_end, self.max_steps)
        return self._base - (self._base - self.min_lr) * x


class WarmupHoldAnnealOneMinusSquareRoot(_HoldPolicy):
    """A linear warm-up, a hold, then 1 - sqrt(x) down to 0, not below `min_lr`.

        lr(t) = lr * (t + 1) / (W + 1)            for t <= W
        lr(t) = lr                              for t < H
        lr(t) = max(m, lr * (1 - sqrt(x)))    for t <= M, x = (t - H) / (M - H)
        lr(t) = m                               from then on

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      hold_steps: the number of steps for which the rate is held after the warm-up; or instead
      hold_ratio: their share of M.
      min_lr: m, the rate from count M + 1 on, and the least after the hold.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive; a hold that ends at M.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> schedule = nemo.WarmupHoldAnnealOneMinusSquareRoot(0.1, max_steps=5, hold_steps=2)
    >>> schedule(jnp.arange(6))
    Array([0.1       , 0.1       , 0.1       , 0.04226497, 0.01835034,
           0.        ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py,
    the paper is https://arxiv.org/abs/2408.11029.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number

    def _annealed(self, t):
        x = share(t, self._hold_end, self.max_steps)
        return self._above_minimum(self._base * (1.0 - xp.sqrt(x)))


class NoamHoldAnnealing(_HoldPolicy):
    """A linear warm-up, a hold, then a power of the count.

        lr(t) = lr * (t + 1) / (W + 1)    for t <= W
        lr(t) = lr                      for t < H
        lr(t) = max(m, lr * max(1, W ** p) / max(1, (t - max(H - W, 0)) ** p))    for t <= M
        lr(t) = m                       from then on

    Args:
      lr: the learning rate after the warm-up.
      max_steps: M, the last count that has not the rate `min_lr`.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      hold_steps: the number of steps for which the rate is held after the warm-up; or instead
      hold_ratio: their share of M.
      decay_rate: p, the exponent; 0.5 is that of Noam, 1.0 of Squeezeformer.
      min_lr: m, the rate from count M + 1 on, and the least after the hold.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or number of steps, both a number and a ratio, or
        `max_steps` that are not positive; no warm-up.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.NoamHoldAnnealing(0.1, max_steps=5, warmup_steps=1, hold_steps=2)(jnp.arange(6))
    Array([0.05      , 0.1       , 0.1       , 0.1       , 0.07071068,
           0.05773503], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py,
    the paper is https://arxiv.org/abs/2206.00888.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number
    decay_rate: Float = 0.5

    _divides = False

    def _validate(self):
        super()._validate()
        if self._knows("warmup_steps", "warmup_ratio", "max_steps") and self._warmup == 0:
            given = "warmup_steps" if self.warmup_ratio is None else "warmup_ratio"
            self._reject(given, "a warm-up of at least one step, which NeMo asks for")

    def _annealed(self, t):
        size = self._warmup
        since = xp.maximum(t - xp.maximum(self._hold_end - size, 0), 1)
        top = xp.maximum(xp.power(xp.maximum(size, 1), self.decay_rate), 1.0)
        fall = xp.maximum(xp.power(since, self.decay_rate), 1.0)
        return self._above_minimum(xp.divide(self._base * top, fall))


class NoamAnnealing(_Policy):
    """A linear warm-up, then the inverse root of the count.

        lr(t) = lr / sqrt(d_model) * min(1 / sqrt(s), s * W ** -1.5)    with s = max(1, t)

        Counts 0 and 1 have the same rate. From count W + 1 on it is not below `min_lr`.

    Args:
      lr: the factor of the rate. At the end of the warm-up the rate is `lr / sqrt(d_model *
        W)`.
      d_model: the width of the model.
      warmup_steps: W, the number of steps of the warm-up, by default 0; or instead
      warmup_ratio: their share of M.
      max_steps: M, which `warmup_ratio` is a share of; it ends nothing.
      min_lr: the least rate after the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` below `min_lr`, a `d_model` that is not positive, both a number
        and a ratio.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.NoamAnnealing(0.1, d_model=4, warmup_steps=2)(jnp.arange(6))
    Array([0.01767767, 0.01767767, 0.03535534, 0.02886751, 0.025     ,
           0.02236068], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py,
    the paper is https://arxiv.org/abs/1706.03762.
    """

    _: dataclasses.KW_ONLY
    d_model: Number
    max_steps: Number | None = None

    _may_be_endless = True

    def _validate(self):
        super()._validate()
        self._require("d_model", lambda n: n > 0, "a positive number")
        self._require_rate_above_minimum()

    def _curve(self, t):
        step, size = xp.maximum(t, 1), self._warmup
        fall = xp.power(step, -0.5)
        line = step * xp.power(xp.where(size > 0, size, 1), -1.5)
        shape = xp.where(size > 0, xp.minimum(fall, line), fall)
        rate = self._base * xp.power(self.d_model, -0.5) * shape
        return xp.where(step > size, self._above_minimum(rate), rate)


class T5InverseSquareRootAnnealing(Subclass):
    """The inverse root of the count, constant at first; it overwrites the optimizer's rate.

        lr(t) = 1 / sqrt(C)    for t <= C
        lr(t) = 1 / sqrt(t)    for t <= M
        lr(t) = m              from then on, 0 by default

    Args:
      max_steps: M, the last count that has not the rate `min_lr`.
      constant_steps: C, the number of steps after the first with the highest rate. It must be
        given.
      constant_ratio: None, as NeMo fails with it.
      min_lr: m, the rate from count M + 1 on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for `constant_steps` or `max_steps` that are not positive, or a
        `constant_ratio`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import nemo
    >>> nemo.T5InverseSquareRootAnnealing(max_steps=4, constant_steps=2)(jnp.arange(6))
    Array([0.70710677, 0.70710677, 0.70710677, 0.57735026, 0.5       ,
           0.        ], dtype=float32)

    Port of https://github.com/NVIDIA/NeMo/blob/main/nemo/core/optim/lr_scheduler.py,
    the paper is https://arxiv.org/abs/1910.10683.
    """

    _: dataclasses.KW_ONLY
    max_steps: Number
    constant_steps: Number | None = None
    constant_ratio: None = static(default=None)
    min_lr: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        if self.constant_ratio is not None:
            self._reject("constant_ratio", "None, as NeMo fails with it: give `constant_steps`")
        if self.constant_steps is None:
            self._reject("constant_steps", "a positive number")
        for name in ("constant_steps", "max_steps"):
            self._require(name, lambda n: n > 0, "a positive number")

    def _curve(self, t):
        rate = xp.divide(1.0, xp.sqrt(xp.maximum(t, self.constant_steps)))
        late = (t > self.max_steps) & (t > self.constant_steps)
        return xp.where(late, self.min_lr, rate)
