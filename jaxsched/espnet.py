"""ESPnet's schedulers, by their names; the library need not be there.

Where ESPnet takes the optimizer, jaxsched takes the learning rate; every other argument keeps its
name, order and default. Each is a subclass of PyTorch's LRScheduler, so the count is the number of
`scheduler.step()` done: of updates, as ESPnet's trainer steps them.

    optax.adam(jaxsched.espnet.WarmupLR(2e-3, warmup_steps=15_000))

ESPnet's formulas are of `s = t + 1`, so that the first update has not the rate 0. `W` is the number
of steps of the warm-up.
"""

import itertools
import math

from . import cosine_annealing_warmup
from ._core import numerics as xp
from ._core.fields import LastEpoch, Numbers, Rate, static
from ._core.number import Float, Number, concrete, is_concrete
from ._core.schedule import CarriesRate
from ._schedulers.recipe import Subclass
from ._schedulers.shapes import share

__all__ = [
    "CosineAnnealingWarmupRestarts",
    "ExponentialDecayWarmup",
    "NoamLR",
    "PiecewiseLinearWarmupLR",
    "TristageLR",
    "WarmupLR",
    "WarmupStepLR",
]


def _noam(step, size):
    """A line up to the inverse root of the step, which it meets at `size`."""
    return xp.minimum(xp.power(step, -0.5), step * xp.power(size, -1.5))


class WarmupLR(Subclass, CarriesRate):
    """A linear warm-up, then the inverse root of the count.

        lr(t) = lr * sqrt(W) * min(1 / sqrt(s), s * W ** -1.5)

    Args:
      lr: the learning rate at the end of the warm-up, at s = W.
      warmup_steps: W, the number of steps of the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr`, or a warm-up that is not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.WarmupLR(0.1, 2)(jnp.arange(6))
    Array([0.05      , 0.1       , 0.08164966, 0.07071068, 0.06324555,
           0.05773503], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers.
    """

    lr: Rate
    warmup_steps: Number = 25000
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("warmup_steps", lambda n: n > 0, "a positive number")

    def _curve(self, t):
        return self._base * xp.sqrt(self.warmup_steps) * _noam(t + 1, self.warmup_steps)


class NoamLR(Subclass, CarriesRate):
    """A linear warm-up, then the inverse root of the count, by the width of the model.

        lr(t) = lr / sqrt(model_size) * min(1 / sqrt(s), s * W ** -1.5)

    ESPnet warns that it is deprecated: a WarmupLR with another `lr` is the same.

    Args:
      lr: the factor of the rate. At the end of the warm-up the rate is `lr / sqrt(model_size *
        W)`.
      model_size: the width of the model.
      warmup_steps: W, the number of steps of the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr`, or a width or warm-up that is not positive.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.NoamLR(0.1, 4, 2)(jnp.arange(6))
    Array([0.01767767, 0.03535534, 0.02886751, 0.025     , 0.02236068,
           0.02041242], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers,
    the paper is https://arxiv.org/abs/1706.03762.
    """

    lr: Rate
    model_size: Number = 320
    warmup_steps: Number = 25000
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        for name in ("model_size", "warmup_steps"):
            self._require(name, lambda n: n > 0, "a positive number")

    def _curve(self, t):
        width = xp.power(self.model_size, -0.5)
        return self._base * width * _noam(t + 1, self.warmup_steps)


class PiecewiseLinearWarmupLR(Subclass, CarriesRate):
    """Straight lines between given rates, then the inverse root of the count.

        lr(t) = the line between the rates at the steps before and after s    for s <= W
        lr(t) = lr * sqrt(W / s)                                              from then on

    The two meet where the last rate is `lr`. Before the first of the steps the first rate holds.

    Args:
      lr: the factor of the rate after the warm-up.
      warmup_steps_list: the steps s of the given rates, in order; W is the last one.
      warmup_lr_list: the rates at these steps.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr`, or lists that are not of one length, or not in order.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.PiecewiseLinearWarmupLR(0.1, [1, 3, 4], [0.0, 0.05, 0.1])(jnp.arange(6))
    Array([0.        , 0.025     , 0.05      , 0.1       , 0.08944272,
           0.08164966], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers.
    """

    lr: Rate
    warmup_steps_list: Numbers = (0, 25000)
    warmup_lr_list: Numbers = (0.0, 0.001)
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        steps = self.warmup_steps_list
        if len(steps) != len(self.warmup_lr_list) or not len(steps):
            self._reject("warmup_lr_list", "a list of a rate for each of `warmup_steps_list`")
        known = concrete(steps) if getattr(steps, "ndim", 0) == 1 else steps
        if isinstance(known, list | tuple) and all(map(is_concrete, known)):
            if any(x >= y for x, y in itertools.pairwise(known)):
                self._reject("warmup_steps_list", "steps in order, no two of them equal")
            if known and known[0] < 0:
                self._reject("warmup_steps_list", "steps from 0 up")

    def _curve(self, t):
        steps, rates, step = self.warmup_steps_list, self.warmup_lr_list, t + 1
        warm, number = rates[0], len(rates)
        for index in range(1, number):
            done = share(step, steps[index - 1], steps[index])
            warm = warm + (rates[index] - rates[index - 1]) * done
        last = steps[number - 1]
        falling = self._base * xp.sqrt(xp.divide(last, xp.maximum(step, 1)))
        return xp.where(step <= last, warm, falling)


class TristageLR(Subclass, CarriesRate):
    """A linear warm-up, a hold, then an exponential down to a share of the rate.

        lr(t) = lr * (i + (1 - i) * s / W)        for s < W
        lr(t) = lr                              for s < W + H
        lr(t) = lr * f ** ((s - W - H) / D)    for s <= max_steps, D = max_steps - W - H
        lr(t) = lr * f                          from then on

    Args:
      lr: the learning rate of the hold.
      max_steps: the number of steps of all stages, cut to an integer.
      warmup_ratio: the share of W in it, cut to an integer.
      hold_ratio: the share of H in it, cut to an integer.
      decay_ratio: what remains: the three make 1.
      init_lr_scale: i, the rate that the warm-up begins below, over `lr`.
      final_lr_scale: f, the last rate over `lr`.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr` or ratio, ratios that do not make 1, or a scale that is
        not above 0 and at most 1.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.TristageLR(0.1, 4, 0.25, 0.25, 0.5)(jnp.arange(6))
    Array([0.1  , 0.1  , 0.01 , 0.001, 0.001, 0.001], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers.
    """

    lr: Rate
    max_steps: Number = 25000
    warmup_ratio: Float = 0.1
    hold_ratio: Float = 0.4
    decay_ratio: Float = 0.5
    init_lr_scale: Float = 0.01
    final_lr_scale: Float = 0.01
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        names = ("warmup_ratio", "hold_ratio", "decay_ratio")
        for name in (*names, "max_steps"):
            self._require(name, lambda n: n >= 0, "a number from 0 up")
        if self._knows(*names):
            whole = sum(getattr(self, name) for name in names)
            if not math.isclose(whole, 1.0):
                self._reject("decay_ratio", f"such that the ratios make 1, not {whole}")
        for name in ("init_lr_scale", "final_lr_scale"):
            self._require(name, lambda x: 0 < x <= 1, "above 0 and at most 1")

    def _curve(self, t):
        number = xp.floor(self.max_steps)
        warm, hold = xp.floor(number * self.warmup_ratio), xp.floor(number * self.hold_ratio)
        step = xp.minimum(t + 1, number)
        line = self.init_lr_scale + (1.0 - self.init_lr_scale) * share(step, 0, warm)
        fall = xp.power(self.final_lr_scale, share(step, warm + hold, number))
        return self._base * xp.where(step < warm, line, xp.where(step < warm + hold, 1.0, fall))


class WarmupStepLR(Subclass, CarriesRate):
    """A linear warm-up, then a factor every few epochs.

        lr(t) = lr * s / W                                                for s <= W
        lr(t) = lr * gamma ** ((s // E - W // E) // step_size)    from then on

    Args:
      lr: the learning rate at the end of the warm-up.
      warmup_steps: W, the number of steps of the warm-up.
      steps_per_epoch: E, the number of steps in an epoch.
      step_size: the number of epochs after each of which the rate is multiplied.
      gamma: the factor.
      last_epoch: -1: ESPnet counts from 0 whatever it is.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative `lr`, a number of steps that is not positive, or a
        `last_epoch`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.WarmupStepLR(0.1, 2, 2)(jnp.arange(6))
    Array([0.05 , 0.1  , 0.1  , 0.01 , 0.01 , 0.001], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers.
    """

    lr: Rate
    warmup_steps: Number = 25000
    steps_per_epoch: Number = 10000
    step_size: Number = 1
    gamma: Float = 0.1
    last_epoch: LastEpoch = static(default=-1)

    _has_own_count = True

    def _validate(self):
        super()._validate()
        for name in ("warmup_steps", "steps_per_epoch", "step_size"):
            self._require(name, lambda n: n > 0, "a positive number")
        if self.last_epoch != -1:
            self._reject("last_epoch", "-1, as ESPnet counts from 0 whatever it is")

    def _runs_in_sequence(self, first):
        return False

    def _curve(self, t):
        size, epoch, step = self.warmup_steps, self.steps_per_epoch, t + 1
        epochs = xp.floor_divide(step, epoch) - xp.floor_divide(size, epoch)
        drops = xp.floor_divide(xp.maximum(epochs, 0), self.step_size)
        rate = xp.where(step <= size, xp.divide(step, size), xp.power(self.gamma, drops))
        return self._base * rate


class CosineAnnealingWarmupRestarts(cosine_annealing_warmup.CosineAnnealingWarmupRestarts):
    """In each cycle a line up from `min_lr`, then a cosine down to it: katsura's scheduler.

    Its arguments and rates are those of
    `jaxsched.cosine_annealing_warmup.CosineAnnealingWarmupRestarts`, of which ESPnet has a copy. It
    overwrites the optimizer's rate, so it takes none.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.CosineAnnealingWarmupRestarts(4, warmup_steps=2, min_lr=0.0)(jnp.arange(6))
    Array([0.  , 0.05, 0.1 , 0.05, 0.  , 0.05], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers.
    """


class ExponentialDecayWarmup(Subclass, CarriesRate):
    """A warm-up, then an exponential from `max_lr` to `min_lr`, and on.

        lr(t) = max_lr * s / W                                       for t < W, if `warm_from_zero`
        lr(t) = lr                                                   for t < W, if not
        lr(t) = max_lr * (min_lr / max_lr) ** ((t - W) / (N - W))    from then on

    The optimizer's rate is that of a warm-up which does not begin at 0, and of nothing else. After
    N the rate falls below `min_lr`. At count 0 it is 0 if `warm_from_zero`, and `max_lr` if not.

    Args:
      lr: the rate of a warm-up that does not begin at 0.
      max_lr: the highest rate.
      min_lr: the rate at count N.
      total_steps: N, the number of steps of warm-up and decay.
      warmup_steps: W, the number of steps of the warm-up.
      warm_from_zero: whether the warm-up is a line, or the rate `lr`.
      last_epoch: -1: ESPnet's class must be built at the beginning.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for rates that are not positive, a warm-up that is negative or not shorter than
        `total_steps`, or a `last_epoch`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import espnet
    >>> espnet.ExponentialDecayWarmup(0.1, 0.1, 0.001, 6, 2, warm_from_zero=True)(jnp.arange(7))
    Array([0.        , 0.1       , 0.1       , 0.03162277, 0.01      ,
           0.00316228, 0.001     ], dtype=float32)

    Port of https://github.com/espnet/espnet/tree/master/espnet2/schedulers.
    """

    lr: Rate
    max_lr: Rate
    min_lr: Rate
    total_steps: Number
    warmup_steps: Number = 0
    warm_from_zero: bool = static(default=False)
    last_epoch: LastEpoch = static(default=-1)

    _first_is_set = True

    def _validate(self):
        super()._validate()
        for name in ("max_lr", "min_lr"):
            self._require(name, lambda x: x > 0, "a positive number")
        self._require("warmup_steps", lambda n: n >= 0, "a number from 0 up")
        if self._knows("warmup_steps", "total_steps"):
            least = self.warmup_steps
            self._require("total_steps", lambda n: n > least, f"above `warmup_steps`, {least}")
        if self.last_epoch != -1:
            self._reject("last_epoch", "-1, as ESPnet sets the first rate whatever it is")

    def _runs_in_sequence(self, first):
        return False

    def _curve(self, t):
        size, peak = self.warmup_steps, self.max_lr
        done = xp.divide(xp.maximum(t - size, 0), self.total_steps - size)
        falling = peak * xp.power(xp.divide(self.min_lr, peak), done)
        line = peak * xp.divide(t + 1, xp.maximum(size, 1))
        first, warm = (0.0, line) if self.warm_from_zero else (peak, self._base)
        return xp.where(t <= 0, first, xp.where(t < size, warm, falling))
