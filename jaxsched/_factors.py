"""Clock to factor: the six schedulers whose every step multiplies the current rate."""

from collections import Counter
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from . import _numbers as xp
from ._affine import IDENTITY, Affine
from ._schedule import Multiplying
from ._value import Float, Int, Number, is_zero, known, overflows, static


class StepLR(Multiplying):
    """Multiplies the learning rate by `gamma` every `step_size` steps.

        lr(t) = lr * gamma ** (t // step_size)

    Args:
      lr: the learning rate before the first drop.
      step_size: the number of steps between two drops. Like PyTorch, a size that is not whole
        drops where the count is a whole multiple of it: 2.5 does at 5, 10, ...
      gamma: the factor of each drop.
      last_epoch: the index of the last step before this schedule, in PyTorch's meaning; `lr` is
        then the current rate and count 0 the step `last_epoch + 1`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a `step_size` of 0, or an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> StepLR(0.05, step_size=30)(jnp.array([0, 29, 30, 60]))
    Array([0.05  , 0.05  , 0.005 , 0.0005], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
    """

    lr: Float
    step_size: Number
    gamma: Float = 0.1
    last_epoch: int = static(default=-1)

    def validate(self):
        super().validate()
        self.require("step_size", lambda n: n != 0, "a number of steps other than 0")
        self._warn_if_below_one("step_size", "lr")

    def scale(self, s, t):
        return xp.power(self.gamma, self.drops(t) - self.drops(s))

    def drops(self, t):
        """How many of the clock readings 1, ..., t are whole multiples of `step_size`."""
        return xp.quotient(xp.maximum(t, 0), _first_whole_multiple(abs(self.step_size)))


class MultiStepLR(Multiplying):
    """Multiplies the learning rate by `gamma` at each of the `milestones`.

        lr(t) = lr * gamma ** (number of milestones <= t)

    Args:
      lr: the learning rate before the first milestone.
      milestones: step counts, in any order. Like PyTorch, repeated ones count each time, and
        those that are not whole never come.
      gamma: the factor at each milestone.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      TypeError: for `milestones` that are no sequence of numbers.

    >>> import jax.numpy as jnp
    >>> MultiStepLR(0.1, [3, 5], gamma=0.5)(jnp.array([2, 3, 4, 5]))
    Array([0.1  , 0.05 , 0.05 , 0.025], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
    """

    lr: Float
    milestones: "Sequence[Number] | jax.Array | np.ndarray"
    gamma: Float = 0.1
    last_epoch: int = static(default=-1)

    def __post_init__(self):
        if not (isinstance(self.milestones, jax.Array | np.ndarray) and self.milestones.ndim):
            try:
                object.__setattr__(self, "milestones", tuple(self.milestones))
            except TypeError:
                self.reject("milestones", "a sequence of step counts", TypeError)
        super().__post_init__()

    def validate(self):
        super().validate()
        counts = () if isinstance(self.milestones, jax.Array) else self.milestones
        if known(self.gamma) and all(map(known, counts)):
            most = max(Counter(map(float, counts)).values(), default=0)
            rule = f"small enough that `gamma ** {most}` does not overflow at one milestone"
            self.require("gamma", lambda gamma: not overflows(gamma, most), rule)

    def scale(self, s, t):
        return xp.power(self.gamma, self.passed(t) - self.passed(s))

    def restart(self, t) -> Affine:
        return Affine(0, self.base * xp.power(self.gamma, self.passed(t)))

    def passed(self, t):
        """How many milestones are at or before clock `t`."""
        milestones = xp.floating(xp.stack(self.milestones))
        met = xp.where(milestones < 0, xp.floor(milestones), xp.inf)  # if it is not whole
        met = xp.where(milestones == xp.floor(milestones), milestones, met)
        return (met <= t).sum()


class ConstantLR(Multiplying):
    """Multiplies the learning rate by `factor` until step `total_iters`.

        lr(t) = lr * factor    for t < total_iters
        lr(t) = lr             from then on

    Args:
      lr: the learning rate after `total_iters` steps.
      factor: what multiplies it before, from 0 to 1. With 0, a freeze, PyTorch divides by 0 where
        the rate would switch back: the schedule ends there, unless a sequence goes on before.
      total_iters: the number of steps with the factor. Like PyTorch, 0 (or a number that is not
        whole) never switches back.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count. With a `factor` of 0, a count from
      `total_iters` on raises where its value is known; a traced one gets 0, and is an error under
      `jax.experimental.checkify`.

    Raises:
      ValueError: for a `factor` below 0 or above 1.

    >>> import jax.numpy as jnp
    >>> ConstantLR(0.1, factor=0.5, total_iters=2)(jnp.arange(4))
    Array([0.05, 0.05, 0.1 , 0.1 ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
    """

    lr: Float
    factor: Float = 1.0 / 3
    total_iters: Number = 5
    last_epoch: int = static(default=-1)

    def validate(self):
        super().validate()
        self.require("factor", lambda x: 0 <= x <= 1, "from 0 to 1")

    @property
    def last_clock(self):
        """The last step that PyTorch computes: it divides by a `factor` of 0 to switch back."""
        numbers_known = known(self.factor) and known(self.total_iters)
        if not numbers_known or self.factor != 0 or not self._switches():
            return None
        if self.last_epoch >= self.total_iters:
            return None  # It was past that when it was built.
        return int(self.total_iters) - 1

    def past_end(self, count):
        return (
            f"Tried to step {self.last_epoch + 1 + count} times. `ConstantLR(factor=0)` ends at"
            f" step {self.last_clock}, as PyTorch then divides by 0: use SequentialLR to go on."
        )

    def scale(self, s, t):
        return xp.ratio(self.height(t), self.height(s))

    def restart(self, t) -> Affine:
        return Affine(0, self.base * xp.where(self.total_iters <= 0, 1.0, self.factor))

    def height(self, t):
        switched = self._switches() & (t >= self.total_iters) & (self.factor != 0)
        return xp.where((t < 0) | switched, 1.0, self.factor)

    def _switches(self):
        """Whether PyTorch ever meets `total_iters`, which it compares with whole steps."""
        whole = self.total_iters == xp.floor(self.total_iters)
        return whole & (self.total_iters > 0) & (self.total_iters < xp.inf)


class LinearLR(Multiplying):
    """Moves a factor of the learning rate along a line.

        lr(t) = lr * (start_factor + (end_factor - start_factor) * x)

    with x = min(t, total_iters) / total_iters.

    Args:
      lr: the learning rate that the factors multiply.
      start_factor: the factor at step 0, above 0 and at most 1.
      end_factor: the factor from step `total_iters` on, from 0 to 1.
      total_iters: the number of steps from one to the other. Like PyTorch, 0 stays at
        `start_factor`, and the line ends at the last whole step.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for factors out of their range.

    >>> import jax.numpy as jnp
    >>> LinearLR(0.1, start_factor=0.5, total_iters=4)(jnp.arange(6))
    Array([0.05  , 0.0625, 0.075 , 0.0875, 0.1   , 0.1   ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
    """

    lr: Float
    start_factor: Float = 1.0 / 3
    end_factor: Float = 1.0
    total_iters: Number = 5
    last_epoch: int = static(default=-1)

    def validate(self):
        super().validate()
        self.require("start_factor", lambda x: 0 < x <= 1, "above 0 and at most 1")
        self.require("end_factor", lambda x: 0 <= x <= 1, "from 0 to 1")

    def scale(self, s, t):
        return xp.ratio(self.height(t), self.height(s))

    def start(self, t) -> Affine:
        return self._step(t) if t == 0 else IDENTITY

    def restart(self, t) -> Affine:
        factor = xp.where(self.total_iters < 0, self.end_factor, self.start_factor)
        return Affine(0, self.base * factor)

    def forbids(self, move, t):
        return "total_iters" if move == "restart" and is_zero(self.total_iters) else None

    def height(self, t):
        last = xp.minimum(t, xp.floor(self.total_iters))
        slope = self.end_factor - self.start_factor
        line = self.start_factor + xp.over(slope * last, self.total_iters)
        return xp.where(t < 0, 1.0, xp.where(self.total_iters > 0, line, self.start_factor))


class ExponentialLR(Multiplying):
    """Multiplies the learning rate by `gamma` every step.

        lr(t) = lr * gamma ** t

    Args:
      lr: the learning rate at step 0.
      gamma: the factor of each step.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative, or numbers that are not finite.

    >>> import jax.numpy as jnp
    >>> ExponentialLR(0.1, gamma=0.5)(jnp.arange(4))
    Array([0.1   , 0.05  , 0.025 , 0.0125], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
    """

    lr: Float
    gamma: Float
    last_epoch: int = static(default=-1)

    def scale(self, s, t):
        return xp.power(self.gamma, t - s)

    def start(self, t) -> Affine:
        return IDENTITY


class PolynomialLR(Multiplying):
    """Lowers the learning rate to 0 along a power of the remaining steps.

        lr(t) = lr * (1 - min(t, total_iters) / total_iters) ** power

    Args:
      lr: the learning rate at step 0.
      total_iters: the number of steps down to 0. Like PyTorch, 0 stays at `lr`, and the curve
        ends at the last whole step.
      power: the exponent, from 0 up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `power`, which divides by 0 where the curve ends.

    >>> import jax.numpy as jnp
    >>> PolynomialLR(0.1, total_iters=4, power=2)(jnp.arange(6))
    Array([0.1    , 0.05625, 0.025  , 0.00625, 0.     , 0.     ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
    """

    lr: Float
    total_iters: Number = 5
    power: Float = 1.0
    last_epoch: int = static(default=-1)

    def validate(self):
        super().validate()
        ends = known(self.total_iters) and self.total_iters > 0 and self.total_iters % 1 == 0
        self.require("power", lambda p: p >= 0 or not ends, "from 0 up")

    def scale(self, s, t):
        ratio = xp.ratio(self.left(t), self.left(s))
        if not xp.traced(self.total_iters, self.power):
            return xp.power(ratio, self.power)
        # Where the curve has ended it stays at 0, and so does its derivative: that of a power
        # below 1 would be infinite there, and 0 times that a NaN for all counts of a curve.
        ended = ratio == 0.0
        value = xp.power(xp.where(ended, 1.0, ratio), self.power)
        return xp.where(ended, xp.where(self.power == 0, 1.0, 0.0), value)

    def start(self, t) -> Affine:
        return IDENTITY

    def restart(self, t) -> Affine:
        left = xp.where(self.total_iters < 0, 0.0, 1.0)
        return Affine(0, self.base * xp.power(left, self.power))

    def forbids(self, move, t):
        at_zero = move == "restart" or (move == "_step" and t == 0)
        return "total_iters" if at_zero and is_zero(self.total_iters) else None

    def left(self, t):
        last = xp.minimum(t, xp.floor(self.total_iters))
        return xp.where(self.total_iters > 0, 1.0 - xp.over(last, self.total_iters), 1.0)


def _first_whole_multiple(size: Int | Float):
    """The smallest whole number that `size`, a binary fraction, divides."""
    if jnp.issubdtype(jnp.result_type(size), jnp.integer):
        return size
    if xp.traced(size):
        return jax.lax.while_loop(lambda x: x != xp.floor(x), lambda x: 2 * x, size)
    while size != np.floor(size):
        size = 2 * size
    return size
