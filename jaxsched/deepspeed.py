"""The schedulers of DeepSpeed 0.19.8, by their names; the library need not be there.

Where DeepSpeed takes the optimizer, jaxsched takes the learning rate (nothing where DeepSpeed
overwrites the rate); every other argument keeps its name, order and default. The section
"scheduler" of a DeepSpeed config is read by `from_config`.

    schedule = jaxsched.deepspeed.WarmupCosineLR(0.1, total_num_steps=10_000)
    optax.sgd(schedule)

The count is the number of `scheduler.step()` done: the engine makes one with each update. Count 0
is the rate that the constructor sets, and at count c >= 1 DeepSpeed evaluates its formula at c - 1:
against PyTorch's schedulers, a warm-up is one update late. (Before 0.15.3 the constructor set no
rate, and the first update ran at the optimizer's own.)

A warm-up of W steps has at least 2. Its share of the way at step s is `log(s + 1) / log(W)` for
`warmup_type="log"`, the default, and `s / W` for "linear".
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from ._core import numerics as xp
from ._core.fields import LastEpoch, NonNegativeInt, PositiveInt, Rate, static
from ._core.number import Float, Number
from ._schedulers.cycling import Cycling
from ._schedulers.recipe import OfLibrary
from ._schedulers.shapes import progress, wave

__all__ = [
    "LRRangeTest",
    "OneCycle",
    "WarmupCosineLR",
    "WarmupDecayLR",
    "WarmupLR",
    "from_config",
]

_FROM_0 = "a number from 0 up"


class _Scheduler(OfLibrary):
    """What all share: a clock that starts at its beginning, and rates that are not negative."""

    _rates: ClassVar[tuple[str, ...]] = ()

    def _validate(self):
        for name in self._rates:
            self._require(name, lambda x: x is None or x >= 0, _FROM_0)
        if self.last_batch_iteration != -1:
            self._reject(
                "last_batch_iteration",
                "-1 (DeepSpeed then sets no rate before the first step:"
                " `jaxsched.skip(schedule, n + 1)` goes on after iteration n)",
            )


class _Warmup(_Scheduler):
    """What the three warm-ups share."""

    def _validate(self):
        super()._validate()
        self._choose("warmup_type", "log", "linear")

    @property
    def _size(self):
        return xp.maximum(self.warmup_num_steps, 2)

    def _curve(self, t):
        step, size = xp.maximum(t - 1, 0), self._size
        if self.warmup_type == "log":
            risen = xp.divide(xp.log(step + 1), xp.log(size))
        else:
            risen = xp.divide(step, size)
        return xp.where(step < size, self._warm(t, risen), self._after(step))

    def _warm(self, t, risen):
        return self._between(risen)

    def _between(self, share):
        """The rate at that share of the way from the lowest to the highest."""
        low, high = self.warmup_min_lr, self._high()
        return low + (high - low) * share

    def _high(self):
        return self.warmup_max_lr

    def _after(self, step):
        """The rate at a step after the warm-up."""
        raise NotImplementedError

    def _require_total(self):
        self._require("total_num_steps", lambda n: n > 0, "a positive number")
        self._warn_if_below_one("total_num_steps", "total_num_steps")


class WarmupLR(_Warmup):
    """Warms up to a rate, and stays there.

        lr(t) = low + (high - low) * log(t) / log(W)            for t <= W
        lr(t) = high                                            after

    with low = `warmup_min_lr`, high = `warmup_max_lr`, W = `warmup_num_steps`. At count 0 it is
    low. For `warmup_type="linear"` the share of the way is `(t - 1) / W`.

    Args:
      lr: the learning rate of the optimizer, which is `warmup_max_lr` by default.
      warmup_min_lr: the rate at count 0 (and at count 1).
      warmup_max_lr: the rate after the warm-up, by default `lr`.
      warmup_num_steps: W, the number of updates of the warm-up; 1 counts as 2.
      warmup_type: "log" or "linear".
      last_batch_iteration: -1: `jaxsched.skip` goes on in the middle.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a warm-up that is no positive int, another `warmup_type` (which DeepSpeed
        takes for "log", with a warning), a negative rate, another `last_batch_iteration`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.deepspeed.WarmupLR(0.1, warmup_num_steps=4)(jnp.arange(6))
    Array([0.        , 0.        , 0.05      , 0.07924812, 0.1       ,
           0.1       ], dtype=float32)

    Port of https://deepspeed.readthedocs.io/en/latest/schedulers.html.
    """

    lr: Rate
    warmup_min_lr: Rate = 0.0
    warmup_max_lr: Rate | None = None
    warmup_num_steps: PositiveInt = 1000
    warmup_type: str = static(default="log")
    last_batch_iteration: LastEpoch = static(default=-1)

    _rates = ("lr", "warmup_min_lr", "warmup_max_lr")

    def _carried(self):
        return self.lr, None

    def _high(self):
        return self.lr if self.warmup_max_lr is None else self.warmup_max_lr

    def _after(self, step):
        return self._between(1.0)


class WarmupDecayLR(_Warmup):
    """Warms up to a rate, then goes down a line.

        lr(t) = low + (high - low) * log(t) / log(W)                    for t <= W
        lr(t) = low + (high - low) * max(0, (N + 1 - t) / (N - W))      after

    with low = `warmup_min_lr`, high = `warmup_max_lr`, W = `warmup_num_steps`,
    N = `total_num_steps`. At count 0 it is low. For `warmup_type="linear"` the share of the way up
    is `(t - 1) / W`. The optimizer's rate has no effect, so there is no `lr` here.

    Args:
      total_num_steps: N, the number of updates with the warm-up.
      warmup_min_lr: the rate at count 0 (and at count 1), and at the end.
      warmup_max_lr: the rate after the warm-up.
      warmup_num_steps: W, the number of updates of the warm-up; 1 counts as 2.
      warmup_type: "log" or "linear".
      last_batch_iteration: -1: `jaxsched.skip` goes on in the middle.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a warm-up that is no positive int, a `total_num_steps` that is not positive,
        another `warmup_type` (which DeepSpeed takes for "log", with a warning), a negative rate,
        another `last_batch_iteration`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = jaxsched.deepspeed.WarmupDecayLR(6, 0.0, 0.1, 2, warmup_type="linear")
    >>> schedule(jnp.arange(8))
    Array([0.   , 0.   , 0.05 , 0.1  , 0.075, 0.05 , 0.025, 0.   ], dtype=float32)

    Port of https://deepspeed.readthedocs.io/en/latest/schedulers.html.
    """

    total_num_steps: Number
    warmup_min_lr: Rate = 0.0
    warmup_max_lr: Rate = 0.001
    warmup_num_steps: PositiveInt = 1000
    warmup_type: str = static(default="log")
    last_batch_iteration: LastEpoch = static(default=-1)

    _rates = ("warmup_min_lr", "warmup_max_lr")

    def _validate(self):
        super()._validate()
        self._require_total()

    def _after(self, step):
        left = xp.maximum(self.total_num_steps - step, 0)
        return self._between(xp.divide(left, xp.maximum(self.total_num_steps - self._size, 1)))


class WarmupCosineLR(_Warmup):
    """Warms up to the optimizer's rate, then goes down a cosine.

        lr(t) = lr * (a + (1 - a) * log(t) / log(W))            for 1 <= t <= W
        lr(t) = lr * (b + (1 - b) * (1 + cos(pi * x)) / 2)      after, x = min(1, (t - W) / (N - W))

    with a = `warmup_min_ratio`, b = `cos_min_ratio`, W = `warmup_num_steps`, N = `total_num_steps`.
    At count 0 it is 0, whatever the ratio. For `warmup_type="linear"` the share of the way up is
    `(t - 1) / W`. `lr` itself is never reached with it, and at count W alone with "log".

    Args:
      lr: the learning rate of the optimizer.
      total_num_steps: N, the number of updates with the warm-up.
      warmup_min_ratio: a, the share of `lr` at count 1.
      warmup_num_steps: W, the number of updates of the warm-up; 1 counts as 2.
      cos_min_ratio: b, the share of `lr` at the end.
      warmup_type: "log" or "linear".
      last_batch_iteration: -1: `jaxsched.skip` goes on in the middle.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a warm-up that is no positive int, a `total_num_steps` that is not positive,
        another `warmup_type` (which DeepSpeed takes for "log", with a warning), a negative rate or
        ratio, another `last_batch_iteration`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = jaxsched.deepspeed.WarmupCosineLR(0.1, 6, 0.5, 2, cos_min_ratio=0.0)
    >>> schedule(jnp.arange(7))
    Array([0.        , 0.05      , 0.1       , 0.08535534, 0.05      ,
           0.01464466, 0.        ], dtype=float32)

    Port of https://deepspeed.readthedocs.io/en/latest/schedulers.html.
    """

    lr: Rate
    total_num_steps: Number
    warmup_min_ratio: Float = 0.0
    warmup_num_steps: PositiveInt = 1000
    cos_min_ratio: Float = 0.0001
    warmup_type: str = static(default="log")
    last_batch_iteration: LastEpoch = static(default=-1)

    _rates = ("lr", "warmup_min_ratio", "cos_min_ratio")

    def _validate(self):
        super()._validate()
        self._require_total()

    def _carried(self):
        return self.lr, None

    def _warm(self, t, risen):
        ratio = self.warmup_min_ratio + (1.0 - self.warmup_min_ratio) * risen
        return xp.where(t == 0, 0.0, self.lr * ratio)

    def _after(self, step):
        x = xp.minimum(progress(step + 1, self._size, self.total_num_steps), 1.0)
        return self.lr * (self.cos_min_ratio + (1.0 - self.cos_min_ratio) * wave(x))


class OneCycle(_Scheduler, Cycling):
    """A triangle up and down, then a slow decay; the momentum goes the other way.

        lr(t) = low + (high - low) * height(t)                  for t <= T
        lr(t) = low / (1 + rate * (t - T) / size)               after

    with low = `cycle_min_lr`, high = `cycle_max_lr`, T the length of the cycle, rate =
    `decay_lr_rate` and size = `decay_step_size`. `height` goes from 0 to 1 in
    `cycle_first_step_size` updates and back to 0 in `cycle_second_step_size`; with a stair count of
    n it is rounded down to a multiple of 1 / n. The optimizer's rate has no effect, so there is no
    `lr` here.

    The momentum (Adam's beta1; DeepSpeed sets beta2 to 0.99 with it) is `.momentum`. At count 0 it
    is `cycle_min_mom`, then `cycle_max_mom - (cycle_max_mom - cycle_min_mom) * height(t)`, and
    after the cycle `cycle_max_mom * (1 + decay_mom_rate * (t - T) / size)`. DeepSpeed leaves the
    momentum of an optimizer that has no betas.

    Args:
      cycle_min_lr: the rate at both ends of the cycle.
      cycle_max_lr: the rate at its top.
      decay_lr_rate: how much the rate falls after the cycle.
      cycle_first_step_size: the number of updates up.
      cycle_second_step_size: the number of updates down, by default as many.
      cycle_first_stair_count: the number of stairs on the way up; 0 is a line.
      cycle_second_stair_count: the number of stairs on the way down, by default as many.
      decay_step_size: the number of updates of a decay by `decay_lr_rate`; 0 is no decay.
      cycle_momentum: whether there is a `momentum`.
      cycle_min_mom: the momentum at the top of the cycle, and at count 0.
      cycle_max_mom: the momentum at the bottom.
      decay_mom_rate: how much the momentum rises after the cycle.
      last_batch_iteration: -1: `jaxsched.skip` goes on in the middle.

    Returns:
      A `Schedule`: the rate as a function of the count of updates; `.momentum` is another.

    Raises:
      ValueError: for a way up that is not positive, a negative rate, length or number of stairs,
        another `last_batch_iteration`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = jaxsched.deepspeed.OneCycle(
    ...     0.1, 0.2, decay_lr_rate=1.0, cycle_first_step_size=2, decay_step_size=1
    ... )
    >>> schedule(jnp.arange(7))
    Array([0.1       , 0.15      , 0.2       , 0.15      , 0.1       ,
           0.05      , 0.03333334], dtype=float32)
    >>> schedule.momentum(2)
    Array(0.8, dtype=float32)

    Port of https://deepspeed.readthedocs.io/en/latest/schedulers.html.
    """

    cycle_min_lr: Rate
    cycle_max_lr: Rate
    decay_lr_rate: Float = 0.0
    cycle_first_step_size: Number = 2000
    cycle_second_step_size: Number | None = None
    cycle_first_stair_count: NonNegativeInt = 0
    cycle_second_stair_count: NonNegativeInt | None = None
    decay_step_size: Number = 0
    cycle_momentum: bool = static(default=True)
    cycle_min_mom: Float = 0.8
    cycle_max_mom: Float = 0.9
    decay_mom_rate: Float = 0.0
    last_batch_iteration: LastEpoch = static(default=-1)

    _rates = (
        "cycle_min_lr", "cycle_max_lr", "decay_lr_rate", "cycle_second_step_size",
        "decay_step_size", "decay_mom_rate",
    )  # fmt: skip
    _begun = -1

    def _validate(self):
        super()._validate()
        self._require("cycle_first_step_size", lambda n: n > 0, "a positive number")

    def _curve(self, t):
        low, high = self.cycle_min_lr, self.cycle_max_lr
        height, decayed, cycling = self._at(t, self.decay_lr_rate)
        return xp.where(cycling, low + (high - low) * height, xp.divide(low, decayed))

    def _momentum_curve(self, t):
        low, high = self.cycle_min_mom, self.cycle_max_mom
        height, decayed, cycling = self._at(t, self.decay_mom_rate)
        cycled = xp.where(t == 0, low, high - (high - low) * height)
        return xp.where(cycling, cycled, high * decayed)

    def _at(self, t, rate):
        """Height in the cycle, factor of the decay after it; whether the cycle lasts."""
        up = xp.floating(self.cycle_first_step_size)
        second = self.cycle_second_step_size
        down = up if second is None else xp.floating(second)
        total, size = up + down, self.decay_step_size
        since = xp.floating(t) - total * xp.floor_divide(xp.floating(t), total)
        stairs = self.cycle_first_stair_count, self.cycle_second_stair_count
        stairs = stairs if stairs[1] is not None else (stairs[0], stairs[0])
        rising = _in_stairs(since, up, stairs[0])
        falling = _in_stairs(total - since, xp.where(down == 0, 1.0, down), stairs[1])
        after = xp.maximum(t - total, 0.0)
        decayed = 1.0 + rate * xp.divide(after, xp.where(size == 0, 1.0, xp.floating(size)))
        height = xp.where(since <= up, rising, falling)
        return height, xp.where(size == 0, 1.0, decayed), t - 1 < total


def _in_stairs(done, size, stairs):
    """The share of `size` that is done, in that many stairs if there are any."""
    number = xp.floating(xp.maximum(stairs, 1))
    in_stairs = xp.divide(xp.floor(xp.divide(done * number, size)), number)
    return xp.where(stairs == 0, xp.divide(done, size), in_stairs)


class LRRangeTest(_Scheduler):
    """Raises the rate from a low one, to find the highest that trains.

        lr(t) = lr_range_test_min_lr * (1 + lr_range_test_step_rate * t / lr_range_test_step_size)

    With `lr_range_test_staircase` the quotient is rounded down. The optimizer's rate has no effect,
    so there is no `lr` here.

    Args:
      lr_range_test_min_lr: the rate at count 0.
      lr_range_test_step_size: the number of updates of a raise by `lr_range_test_step_rate`.
      lr_range_test_step_rate: how much of the rate at count 0 is added then.
      lr_range_test_staircase: whether the rate stays in between.
      last_batch_iteration: -1: `jaxsched.skip` goes on in the middle.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a step size that is no positive int, a negative rate, another
        `last_batch_iteration`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.deepspeed.LRRangeTest(0.1, lr_range_test_step_size=2)(jnp.arange(4))
    Array([0.1 , 0.15, 0.2 , 0.25], dtype=float32)

    Port of https://deepspeed.readthedocs.io/en/latest/schedulers.html, the paper is
    https://arxiv.org/abs/1803.09820.
    """

    lr_range_test_min_lr: Rate = 1e-3
    lr_range_test_step_size: PositiveInt = 2000
    lr_range_test_step_rate: Float = 1.0
    lr_range_test_staircase: bool = static(default=False)
    last_batch_iteration: LastEpoch = static(default=-1)

    _rates = ("lr_range_test_min_lr", "lr_range_test_step_rate")

    def _curve(self, t):
        size = self.lr_range_test_step_size
        passed = xp.floor_divide(t, size) if self.lr_range_test_staircase else xp.divide(t, size)
        return self.lr_range_test_min_lr * (1.0 + self.lr_range_test_step_rate * passed)


_CLASSES: tuple[Any, ...] = LRRangeTest, OneCycle, WarmupLR, WarmupDecayLR, WarmupCosineLR
_BY_TYPE = {cls.__name__: cls for cls in _CLASSES}


def from_config(scheduler: Mapping[str, Any], lr: Any = None) -> Any:
    """The schedule of the section "scheduler" of a DeepSpeed config.

    Args:
      scheduler: the dict with "type" and "params".
      lr: the learning rate of the optimizer, which the section does not hold; for a WarmupLR and a
        WarmupCosineLR. A WarmupLR with a `warmup_max_lr` does without.

    Returns:
      A schedule of this module.

    Raises:
      TypeError: for something that is no such dict, or a missing or unknown parameter.
      ValueError: for another type, a missing `lr`, or a value that the schedule refuses ("auto"
        among them, which Transformers' Trainer replaces by a number; and a list of values, one for
        each group: make a schedule for each, in a ParamGroups).

    >>> import jaxsched
    >>> section = {"type": "WarmupLR", "params": {"warmup_num_steps": 500}}
    >>> jaxsched.deepspeed.from_config(section, lr=3e-4)
    deepspeed.WarmupLR(lr=0.0003, warmup_num_steps=500)

    Port of https://www.deepspeed.ai/docs/config-json/#scheduler-parameters.
    """
    where = "`deepspeed.from_config"
    if not isinstance(scheduler, Mapping) or "type" not in scheduler:
        inside = isinstance(scheduler, Mapping) and "scheduler" in scheduler
        hint = ' Pass its "scheduler".' if inside else ""
        raise TypeError(
            f'{where}(scheduler=...)` must be a dict with "type" and "params", got'
            f" {scheduler!r}.{hint}"
        )
    cls = _BY_TYPE.get(scheduler["type"])
    if cls is None:
        raise ValueError(
            f"{where}(scheduler=...)` must be of the type {', '.join(_BY_TYPE)}, got"
            f" {scheduler['type']!r}."
        )
    own = dict(scheduler.get("params") or {})
    for name, value in own.items():
        if value == "auto":
            raise ValueError(
                f'{where}(scheduler=...)` must have numbers, got "auto" for {name}: write the one'
                " that the Trainer replaces it by."
            )
        if isinstance(value, list | tuple):
            raise ValueError(
                f"{where}(scheduler=...)` must have one number for {name}, got {value!r}: make a"
                " schedule for each parameter group, in a `jaxsched.ParamGroups`."
            )
    if cls not in (WarmupLR, WarmupCosineLR):
        return cls(**own)
    rate = own.get("warmup_max_lr") if lr is None else lr
    if rate is None:
        raise ValueError(
            f"{where}(lr=...)` must be the optimizer's rate for a {cls.__name__}, got None."
        )
    return cls(rate, **own)
