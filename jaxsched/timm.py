"""The schedulers of timm 1.0.31, by their names; the library need not be there.

Where timm takes the optimizer, jaxsched takes the learning rate; every other argument keeps its
name, order and default. Noise, a `decay_fn` that is a function, and PlateauLRScheduler are
refused.

    schedule = jaxsched.timm.CosineLRScheduler(0.1, t_initial=90, warmup_t=5, warmup_lr_init=1e-4)
    optax.sgd(jaxsched.per_epoch(schedule, steps_per_epoch=390))

The count is the number that timm is given: the epoch of `scheduler.step(epoch)` or, with
`t_in_epochs=False`, the update of `scheduler.step_update(num_updates)`. timm has no count of its
own. Until its first call the optimizer has `warmup_lr_init`, or `lr` without a warm-up, whatever
the rate at count 0 is; a loop that makes the first call after the first epoch trains that epoch so.

`lr` is the group's rate (its `initial_lr`, where another scheduler has left one), and `W` is
`warmup_t`. For t < W the rate is `warmup_lr_init + (lr - warmup_lr_init) * t / W`, unless it says
otherwise. A group with timm's `lr_scale` has `schedule * lr_scale`, its `lr_min` included.

With a `cycle_mul` other than 1, timm finds the cycle by a logarithm in floating point. At some
restarts it comes out just below an integer, and timm takes that one count for the end of the cycle
before: with a `cycle_mul` of 1.4 or 1.8 at the second restart, of 1.2, 1.6 or 10 at the third, of 3
or 9 at the fifth (and of 3 at the tenth). Which ones they are depends on the logarithm of the
machine, and JAX's is another one. So here each cycle begins where it is due.
"""

import math
from collections.abc import Sequence
from typing import Any

from ._core import numerics as xp
from ._core.fields import Length, Lengths, Rate, static
from ._core.number import Float, Int, Number, concrete, is_concrete
from ._core.past_end import End
from ._schedulers.recipe import OfLibrary
from ._schedulers.shapes import cycle, rise, wave

__all__ = [
    "CosineLRScheduler",
    "MultiStepLRScheduler",
    "PolyLRScheduler",
    "StepLRScheduler",
    "TanhLRScheduler",
    "WSDLRScheduler",
    "create_scheduler_v2",
]

_NO_NOISE = (
    "None (timm draws noise with PyTorch's generator: `jaxsched.from_torch(scheduler,"
    " total_steps=N)` makes a table of a live scheduler, its noise included)"
)
NO_PLATEAU = (
    "its rate goes by the metric. `jaxsched.ReduceLROnPlateau(lr, mode, factor=decay_rate,"
    " patience=patience_t, ...)` is what it steps after a warm-up, and a `Ramp` is that warm-up"
)


class _Scheduler(OfLibrary):
    """What all share: a rate, a warm-up, and no noise."""

    def _validate(self):
        for name in ("lr", "warmup_t", "warmup_lr_init"):
            self._require(name, lambda x: x >= 0, "a number from 0 up")
        if self.noise_range_t is not None:
            self._reject("noise_range_t", _NO_NOISE)

    def _require_length(self, name):
        self._require(name, lambda n: n > 0, "a positive number")
        self._warn_if_below_one(name, "lr")

    def _carried(self):
        return self.lr, None if self.initialize else self.lr

    @property
    def _waits(self) -> bool:
        """Whether the curve is counted from the end of the warm-up."""
        return getattr(self, "warmup_prefix", True)

    def _curve(self, t):
        size, begin = self.warmup_t, self.warmup_lr_init
        line = begin + (self._top() - begin) * xp.divide(t, xp.where(size == 0, 1, size))
        since = xp.maximum(t - size, 0) if self._waits else t
        return xp.where(t < size, line, self._after(since))

    def _top(self):
        """The rate that the warm-up goes to."""
        return self.lr

    def _after(self, t):
        """The rate t counts into the curve."""
        raise NotImplementedError


class _Cycles(_Scheduler):
    """What the curves with cycles share."""

    def _validate(self):
        super()._validate()
        self._require_length("t_initial")
        self._require("lr_min", lambda x: x >= 0, "a number from 0 up")
        self._require("cycle_mul", lambda x: x > 0, "a positive number")
        self._require("cycle_limit", lambda n: n >= 0, "a number from 0 up")

    def _after(self, t):
        index, since, length, exists = cycle(t, self.t_initial, self.cycle_mul)
        peak = self.lr * xp.power(self.cycle_decay, index)
        rate = self.lr_min + (peak - self.lr_min) * self._height(xp.divide(since, length))
        return xp.where(exists & (index < self.cycle_limit), rate, self.lr_min)

    def _height(self, x):
        """The curve from 1 to 0, at the share x of a cycle."""
        raise NotImplementedError

    def _last_step(self):
        if not is_concrete(self.cycle_mul) or self.cycle_mul >= 1:
            return None
        whole = xp.divide(self.t_initial, 1.0 - self.cycle_mul)
        last = -xp.floor(-whole) - 1 + (self.warmup_t if self._waits else 0)
        return End(
            xp.maximum(last, self.warmup_t - 1),
            f"`{self._call_name()}(cycle_mul={self.cycle_mul})` ends where the lengths of all"
            " cycles add up to, as timm does with a math domain error.",
        )

    def get_cycle_length(self, cycles=0):
        """How many counts `cycles` cycles take, with the warm-up if the curve waits for it.

        Args:
          cycles: the number of cycles, by default `cycle_limit`.

        >>> import jaxsched
        >>> jaxsched.timm.CosineLRScheduler(0.1, 10, cycle_mul=2.0).get_cycle_length(3)
        70
        """
        number, growth = max(1, cycles or self.cycle_limit), self.cycle_mul
        length = self.t_initial * number
        if growth != 1:
            length = math.floor(self.t_initial * (growth**number - 1) / (growth - 1))
        return length + self.warmup_t if self._waits else length


class CosineLRScheduler(_Cycles):
    """Cosines down to `lr_min`, after or over a linear warm-up.

        lr(t) = lr_min + (lr * d ** i - lr_min) * (1 + cos(pi * u ** k / T ** k)) / 2

    in cycle i, u counts after its start; `T = t_initial * m ** i` is its length, k the `k_decay`.

    Args:
      lr: the learning rate at the start of the first cycle.
      t_initial: the number of counts in the first cycle.
      lr_min: the rate that each cycle goes down to.
      cycle_mul: m, the length of each cycle over that of the one before. No restart is one count
        late, as some are in timm (`help(jaxsched.timm)` lists them).
      cycle_decay: d, the peak of each cycle over that of the one before.
      cycle_limit: the number of cycles; from their end on the rate is `lr_min`.
      warmup_t: W, the number of counts of the warm-up.
      warmup_lr_init: the rate at count 0 of the warm-up.
      warmup_prefix: whether the curve waits for the end of the warm-up. By default it does not: at
        count W it is entered in the middle.
      t_in_epochs: whether timm is given epochs (`step`) or updates (`step_update`). The rate at a
        count is the same.
      noise_range_t: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      k_decay: k, the exponent of the progress (arXiv 2004.05909).
      initialize: False where timm reads the group's `initial_lr`; that is then `lr` here.

    Returns:
      A `Schedule`: the rate as a function of the count that timm is given. (Until it is given the
      first one, timm's group has `warmup_lr_init`, or `lr` without a warm-up.)

    Raises:
      ValueError: for a length, a `cycle_mul` or a `k_decay` that is not positive, a negative rate,
        or noise. With a `cycle_mul` below 1 also for a concrete count from
        `t_initial / (1 - cycle_mul)` on, where timm has a math domain error; a traced one has
        `lr_min`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = jaxsched.timm.CosineLRScheduler(0.1, t_initial=4, warmup_t=2)
    >>> schedule(jnp.arange(5))  # The curve is entered in the middle.
    Array([0.        , 0.05      , 0.05      , 0.01464466, 0.        ],      dtype=float32)
    >>> jaxsched.timm.CosineLRScheduler(0.1, 4, warmup_t=2, warmup_prefix=True)(jnp.arange(5))
    Array([0.        , 0.05      , 0.1       , 0.08535534, 0.05      ],      dtype=float32)

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """

    lr: Rate
    t_initial: Number
    lr_min: Rate = 0.0
    cycle_mul: Float = 1.0
    cycle_decay: Float = 1.0
    cycle_limit: Length = 1
    warmup_t: Number = 0
    warmup_lr_init: Rate = 0.0
    warmup_prefix: bool = static(default=False)
    t_in_epochs: bool = static(default=True)
    noise_range_t: Any = static(default=None)
    noise_pct: Float = static(default=0.67)
    noise_std: Float = static(default=1.0)
    noise_seed: Int = static(default=42)
    k_decay: Float = 1.0
    initialize: bool = static(default=True)

    def _validate(self):
        super()._validate()
        self._require("k_decay", lambda k: k > 0, "a positive number")

    def _height(self, x):
        return wave(xp.power(x, self.k_decay))


class PolyLRScheduler(_Cycles):
    """Powers of the remaining counts down to `lr_min`, after or over a linear warm-up.

        lr(t) = lr_min + (lr * d ** i - lr_min) * (1 - u ** k / T ** k) ** power

    in cycle i, u counts after its start; `T = t_initial * m ** i` is its length, k the `k_decay`.

    Args:
      lr: the learning rate at the start of the first cycle.
      t_initial: the number of counts in the first cycle.
      power: the exponent.
      lr_min: the rate that each cycle goes down to.
      cycle_mul: m, the length of each cycle over that of the one before. No restart is one count
        late, as some are in timm (`help(jaxsched.timm)` lists them).
      cycle_decay: d, the peak of each cycle over that of the one before.
      cycle_limit: the number of cycles; from their end on the rate is `lr_min`.
      warmup_t: W, the number of counts of the warm-up.
      warmup_lr_init: the rate at count 0 of the warm-up.
      warmup_prefix: whether the curve waits for the end of the warm-up. By default it does not: at
        count W it is entered in the middle.
      t_in_epochs: whether timm is given epochs (`step`) or updates (`step_update`). The rate at a
        count is the same.
      noise_range_t: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      k_decay: k, the exponent of the progress (arXiv 2004.05909).
      initialize: False where timm reads the group's `initial_lr`; that is then `lr` here.

    Returns:
      A `Schedule`: the rate as a function of the count that timm is given. (Until it is given the
      first one, timm's group has `warmup_lr_init`, or `lr` without a warm-up.)

    Raises:
      ValueError: for a length, a `cycle_mul` or a `k_decay` that is not positive, a negative rate,
        or noise. With a `cycle_mul` below 1 also for a concrete count from
        `t_initial / (1 - cycle_mul)` on, where timm has a math domain error; a traced one has
        `lr_min`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.timm.PolyLRScheduler(0.1, t_initial=4, power=2.0)(jnp.arange(5))
    Array([0.1    , 0.05625, 0.025  , 0.00625, 0.     ], dtype=float32)

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """

    lr: Rate
    t_initial: Number
    power: Float = 0.5
    lr_min: Rate = 0.0
    cycle_mul: Float = 1.0
    cycle_decay: Float = 1.0
    cycle_limit: Length = 1
    warmup_t: Number = 0
    warmup_lr_init: Rate = 0.0
    warmup_prefix: bool = static(default=False)
    t_in_epochs: bool = static(default=True)
    noise_range_t: Any = static(default=None)
    noise_pct: Float = static(default=0.67)
    noise_std: Float = static(default=1.0)
    noise_seed: Int = static(default=42)
    k_decay: Float = 1.0
    initialize: bool = static(default=True)

    def _validate(self):
        super()._validate()
        self._require("k_decay", lambda k: k > 0, "a positive number")

    def _height(self, x):
        return xp.power(1.0 - xp.power(x, self.k_decay), self.power)


class TanhLRScheduler(_Cycles):
    """Hyperbolic tangents down towards `lr_min`, after or over a linear warm-up.

        lr(t) = lr_min + (lr * d ** i - lr_min) * (1 - tanh(lb * (1 - u / T) + ub * u / T)) / 2

    in cycle i, u counts after its start; `T = t_initial * m ** i` is its length (arXiv 1806.01593).
    The warm-up goes to the rate at count W of this curve, and to `lr` with `warmup_prefix`.

    Args:
      lr: the learning rate that the first cycle starts just below.
      t_initial: the number of counts in the first cycle.
      lb: the argument of the tangent at the start of a cycle.
      ub: the argument of the tangent at its end.
      lr_min: the rate that each cycle goes down towards.
      cycle_mul: m, the length of each cycle over that of the one before. No restart is one count
        late, as some are in timm (`help(jaxsched.timm)` lists them).
      cycle_decay: d, the peak of each cycle over that of the one before.
      cycle_limit: the number of cycles; from their end on the rate is `lr_min`.
      warmup_t: W, the number of counts of the warm-up.
      warmup_lr_init: the rate at count 0 of the warm-up.
      warmup_prefix: whether the curve waits for the end of the warm-up. By default it does not: at
        count W it is entered in the middle.
      t_in_epochs: whether timm is given epochs (`step`) or updates (`step_update`). The rate at a
        count is the same.
      noise_range_t: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      initialize: False where timm reads the group's `initial_lr`; that is then `lr` here.

    Returns:
      A `Schedule`: the rate as a function of the count that timm is given. (Until it is given the
      first one, timm's group has `warmup_lr_init`, or `lr` without a warm-up.)

    Raises:
      ValueError: for a length or a `cycle_mul` that is not positive, a negative rate, an `lb` from
        `ub` up, or noise. With a `cycle_mul` below 1 also for a concrete count from
        `t_initial / (1 - cycle_mul)` on, where timm has a math domain error; a traced one has
        `lr_min`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.timm.TanhLRScheduler(0.1, t_initial=4)(jnp.arange(6))
    Array([0.09999992, 0.09998766, 0.09820138, 0.02689414, 0.        ,
           0.        ], dtype=float32)

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """

    lr: Rate
    t_initial: Number
    lb: Float = -7.0
    ub: Float = 3.0
    lr_min: Rate = 0.0
    cycle_mul: Float = 1.0
    cycle_decay: Float = 1.0
    cycle_limit: Length = 1
    warmup_t: Number = 0
    warmup_lr_init: Rate = 0.0
    warmup_prefix: bool = static(default=False)
    t_in_epochs: bool = static(default=True)
    noise_range_t: Any = static(default=None)
    noise_pct: Float = static(default=0.67)
    noise_std: Float = static(default=1.0)
    noise_seed: Int = static(default=42)
    initialize: bool = static(default=True)

    def _validate(self):
        super()._validate()
        if is_concrete(self.ub):
            self._require("lb", lambda lb: lb < self.ub, f"below `ub`, {self.ub}")

    def _top(self):
        return self.lr if self._waits else self._after(self.warmup_t)

    def _height(self, x):
        return (1.0 - xp.tanh(self.lb * (1.0 - x) + self.ub * x)) / 2.0


class StepLRScheduler(_Scheduler):
    """A drop every `decay_t` counts, after a linear warm-up.

        lr(t) = lr * decay_rate ** ((t - W) // decay_t)    for t >= W

    Args:
      lr: the learning rate before the first drop.
      decay_t: the number of counts between two drops.
      decay_rate: the factor of each drop.
      warmup_t: W, the number of counts of the warm-up.
      warmup_lr_init: the rate at count 0 of the warm-up.
      warmup_prefix: whether the drops are counted from the end of the warm-up, as by default.
      t_in_epochs: whether timm is given epochs (`step`) or updates (`step_update`). The rate at a
        count is the same.
      noise_range_t: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      initialize: False where timm reads the group's `initial_lr`; that is then `lr` here.

    Returns:
      A `Schedule`: the rate as a function of the count that timm is given. (Until it is given the
      first one, timm's group has `warmup_lr_init`, or `lr` without a warm-up.)

    Raises:
      ValueError: for a `decay_t` that is not positive, a negative rate, or noise.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.timm.StepLRScheduler(0.1, decay_t=2, decay_rate=0.5, warmup_t=2)(jnp.arange(6))
    Array([0.  , 0.05, 0.1 , 0.1 , 0.05, 0.05], dtype=float32)

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """

    lr: Rate
    decay_t: Length
    decay_rate: Float = 1.0
    warmup_t: Number = 0
    warmup_lr_init: Rate = 0.0
    warmup_prefix: bool = static(default=True)
    t_in_epochs: bool = static(default=True)
    noise_range_t: Any = static(default=None)
    noise_pct: Float = static(default=0.67)
    noise_std: Float = static(default=1.0)
    noise_seed: Int = static(default=42)
    initialize: bool = static(default=True)

    def _validate(self):
        super()._validate()
        self._require_length("decay_t")

    def _after(self, t):
        return self.lr * xp.power(self.decay_rate, xp.floor_divide(t, self.decay_t))


class MultiStepLRScheduler(_Scheduler):
    """A drop one count before each milestone, after a linear warm-up.

        lr(t) = lr * decay_rate ** (number of milestones <= t - W + 1)    for t >= W

    As timm says of it, that is unlike PyTorch's MultiStepLR, and kept on purpose.

    Args:
      lr: the learning rate before the first drop.
      decay_t: the milestones, in order.
      decay_rate: the factor of each drop.
      warmup_t: W, the number of counts of the warm-up.
      warmup_lr_init: the rate at count 0 of the warm-up.
      warmup_prefix: whether the drops are counted from the end of the warm-up, as by default.
      t_in_epochs: whether timm is given epochs (`step`) or updates (`step_update`). The rate at a
        count is the same.
      noise_range_t: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      initialize: False where timm reads the group's `initial_lr`; that is then `lr` here.

    Returns:
      A `Schedule`: the rate as a function of the count that timm is given. (Until it is given the
      first one, timm's group has `warmup_lr_init`, or `lr` without a warm-up.)

    Raises:
      ValueError: for milestones that are not in order, a negative rate, or noise.
      TypeError: for `decay_t` that is no list of numbers.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.timm.MultiStepLRScheduler(0.1, decay_t=[2, 4], decay_rate=0.5)(jnp.arange(5))
    Array([0.1  , 0.05 , 0.05 , 0.025, 0.025], dtype=float32)

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """

    lr: Rate
    decay_t: Lengths
    decay_rate: Float = 1.0
    warmup_t: Number = 0
    warmup_lr_init: Rate = 0.0
    warmup_prefix: bool = static(default=True)
    t_in_epochs: bool = static(default=True)
    noise_range_t: Any = static(default=None)
    noise_pct: Float = static(default=0.67)
    noise_std: Float = static(default=1.0)
    noise_seed: Int = static(default=42)
    initialize: bool = static(default=True)

    def _validate(self):
        super()._validate()
        listed, rank = self.decay_t, getattr(self.decay_t, "ndim", 0)
        listed = concrete(listed) if rank else listed
        if rank < 2 and all(map(is_concrete, listed)) and sorted(listed) != list(listed):
            self._reject("decay_t", "milestones in order, which timm takes for granted")

    def _after(self, t):
        passed = (xp.floating(xp.stack(self.decay_t)) <= t + 1).sum()
        return self.lr * xp.power(self.decay_rate, passed)


_STABLE = ("constant", "rsqrt", "power")
_DECAY = ("linear", "1-sqrt", "cosine", "power", "exp")


class WSDLRScheduler(_Scheduler):
    """Warm-up, stable, decay.

        s(t) = max(lr * stable(t - W), lr_min)
        lr(t) = s(t)                                       for the T - D counts after the warm-up
        lr(t) = lr_min + (s(t) - lr_min) * decay(x)        for the D counts after
        lr(t) = lr_min                                     from then on

    with T = `t_initial`, D = `decay_t`, and `x = (t - W - (T - D)) / D`. The warm-up always comes
    before the T counts. The stable rate goes on falling in the decay.

    `stable(u)` is 1 ("constant"), `(1 + u / timescale) ** -0.5` ("rsqrt") or
    `(1 + u / timescale) ** -stable_power` ("power"). `decay(x)` is 1 - x ("linear"), 1 - sqrt(x)
    ("1-sqrt"), (1 + cos(pi x)) / 2 ("cosine"), `1 - x ** decay_power` ("power") or
    `(r ** x - r) / (1 - r)` with r = `decay_ratio` ("exp").

    Args:
      lr: the learning rate at the end of the warm-up.
      t_initial: T, the number of counts of the stable phase and the decay.
      decay_t: D, the number of counts of the decay.
      lr_min: the rate at the end, and the least of the stable one.
      stable_fn: "constant", "rsqrt" or "power".
      stable_timescale: by default `warmup_t`.
      stable_power: the exponent of a stable phase of "power".
      decay_fn: "linear", "1-sqrt", "cosine", "power" or "exp". A function, which timm takes too, is
        refused: `from_torch(scheduler, total_steps=N)` makes a table of it.
      decay_power: the exponent of a decay of "power".
      decay_ratio: r, the share of the rate that a decay of "exp" would end at, before it is
        stretched to end at `lr_min`.
      warmup_t: W, the number of counts of the warm-up.
      warmup_lr_init: the rate at count 0 of the warm-up.
      t_in_epochs: whether timm is given epochs (`step`) or updates (`step_update`). The rate at a
        count is the same.
      noise_range_t: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      initialize: False where timm reads the group's `initial_lr`; that is then `lr` here.

    Returns:
      A `Schedule`: the rate as a function of the count that timm is given. (Until it is given the
      first one, timm's group has `warmup_lr_init`, or `lr` without a warm-up.)

    Raises:
      ValueError: for what timm refuses (lengths and powers that are not positive, a `decay_t` above
        `t_initial`, a `decay_ratio` outside of 0 to 1, an unknown word, no timescale), a negative
        rate, a `decay_fn` that is a function, or noise.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.timm.WSDLRScheduler(0.1, t_initial=6, decay_t=4, warmup_t=2)(jnp.arange(9))
    Array([0.        , 0.05      , 0.1       , 0.1       , 0.1       ,
           0.05      , 0.02928932, 0.01339746, 0.        ], dtype=float32)

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """

    lr: Rate
    t_initial: Number
    decay_t: Number
    lr_min: Rate = 0.0
    stable_fn: str = static(default="constant")
    stable_timescale: Number | None = None
    stable_power: Float = 0.5
    decay_fn: str = static(default="1-sqrt")
    decay_power: Float = 0.5
    decay_ratio: Float = 0.1
    warmup_t: Number = 0
    warmup_lr_init: Rate = 0.0
    t_in_epochs: bool = static(default=True)
    noise_range_t: Any = static(default=None)
    noise_pct: Float = static(default=0.67)
    noise_std: Float = static(default=1.0)
    noise_seed: Int = static(default=42)
    initialize: bool = static(default=True)

    def _validate(self):
        super()._validate()
        for name in ("t_initial", "decay_t"):
            self._require_length(name)
        if is_concrete(self.t_initial):
            most = self.t_initial
            self._require("decay_t", lambda n: n <= most, f"at most `t_initial`, {most}")
        self._require("lr_min", lambda x: x >= 0, "a number from 0 up")
        self._choose("stable_fn", *_STABLE)
        table = " (`jaxsched.from_torch(scheduler, total_steps=N)` makes a table of a function)"
        self._choose("decay_fn", *_DECAY, more=table if callable(self.decay_fn) else "")
        self._require("decay_ratio", lambda r: 0 < r < 1, "above 0 and below 1")
        for name in ("decay_power", "stable_power"):
            self._require(name, lambda p: p > 0, "a positive number")
        if self.stable_fn != "constant":
            word = f"a positive number with `stable_fn={self.stable_fn!r}`"
            name = "warmup_t" if self.stable_timescale is None else "stable_timescale"
            more = ", or `stable_timescale` must be given" if name == "warmup_t" else ""
            self._require(name, lambda n: n > 0, word + more)

    def _after(self, t):
        stable = xp.maximum(self.lr * self._stable(t), self.lr_min)
        into = t - (self.t_initial - self.decay_t)
        x = xp.clip(xp.divide(into, self.decay_t), 0.0, 1.0)
        falling = self.lr_min + (stable - self.lr_min) * self._fall(x)
        return xp.where(into <= 0, stable, falling)

    def _stable(self, t):
        if self.stable_fn == "constant":
            return 1.0
        scale = self.warmup_t if self.stable_timescale is None else self.stable_timescale
        power = 0.5 if self.stable_fn == "rsqrt" else self.stable_power
        return xp.power(1.0 + xp.divide(t, scale), -power)

    def _fall(self, x):
        if self.decay_fn == "cosine":
            return wave(x)
        if self.decay_fn == "exp":
            ratio = self.decay_ratio
            return xp.divide(xp.power(ratio, x) - ratio, 1.0 - ratio)
        if self.decay_fn == "power":
            return 1.0 - xp.power(x, self.decay_power)
        return 1.0 - rise("sqrt" if self.decay_fn == "1-sqrt" else "linear", x)

    def get_cycle_length(self, cycles=0):
        """The number of counts with the warm-up, whatever `cycles` is."""
        return self.warmup_t + self.t_initial


def create_scheduler_v2(
    lr: Any,
    sched: str = "cosine",
    num_epochs: int = 300,
    decay_epochs: float | None = None,
    decay_milestones: Sequence[int] = (90, 180, 270),
    cooldown_epochs: int = 0,
    patience_epochs: int = 10,
    decay_rate: float = 0.1,
    min_lr: float = 0.0,
    warmup_lr: float = 1e-5,
    warmup_epochs: int = 0,
    warmup_prefix: bool = False,
    noise: Any = None,
    noise_pct: float = 0.67,
    noise_std: float = 1.0,
    noise_seed: int = 42,
    cycle_mul: float = 1.0,
    cycle_decay: float = 0.1,
    cycle_limit: int = 1,
    k_decay: float = 1.0,
    decay_fn: str | None = None,
    stable_timescale: float | None = None,
    plateau_mode: str = "max",
    step_on_epochs: bool = True,
    updates_per_epoch: int = 0,
) -> tuple[Any, int]:
    """A schedule by the name that timm's training script knows it by, and how long to train.

    Args:
      lr: the learning rate.
      sched: "cosine", "tanh", "poly", "step", "multistep", "wsd", "rsqrt" (a WSDLRScheduler),
        "constant" (a StepLRScheduler without drops) or "none".
      num_epochs: the number of epochs of the schedule, without `cooldown_epochs`.
      decay_epochs: the epochs between two drops ("step"), by default 90; or those of the decay
        ("wsd", "rsqrt"), where a number below 1 is a share of the schedule, by default 0.2.
      decay_milestones: the epochs of the drops ("multistep").
      cooldown_epochs: how many more epochs to train at the end.
      patience_epochs: without effect, as there is no plateau.
      decay_rate: the factor of each drop; the `power` of "poly".
      min_lr: the rate at the end.
      warmup_lr: the rate at count 0 of the warm-up.
      warmup_epochs: the number of epochs of the warm-up.
      warmup_prefix: whether the warm-up comes before the `num_epochs`.
      noise: None: noise is refused, as timm draws it with PyTorch's generator.
      noise_pct: without effect, as there is no noise.
      noise_std: without effect.
      noise_seed: without effect.
      cycle_mul: as in `CosineLRScheduler`, for "cosine", "tanh" and "poly".
      cycle_decay: likewise; by default 0.1 here.
      cycle_limit: likewise.
      k_decay: as in `CosineLRScheduler`, for "cosine" and "poly".
      decay_fn: as in `WSDLRScheduler`, by default "1-sqrt" for "wsd" and "linear" for "rsqrt".
      stable_timescale: as in `WSDLRScheduler`, in epochs ("rsqrt").
      plateau_mode: without effect, as there is no plateau.
      step_on_epochs: whether counts are epochs, else updates.
      updates_per_epoch: the number of updates in an epoch, if counts are updates.

    Returns:
      `(schedule, num_epochs)`, the second with cycles, warm-up and `cooldown_epochs` as timm counts
      them. For "none" the schedule is None, as in timm: the rate stays `lr`.

    Raises:
      ValueError: for an unknown `sched`, "plateau", whose rate goes by the metric, noise, updates
        without `updates_per_epoch`, or a decay that is longer than the schedule.

    >>> import jaxsched
    >>> jaxsched.timm.create_scheduler_v2(0.1, "step", 100, decay_epochs=30, warmup_epochs=5)[0]
    timm.StepLRScheduler(lr=0.1, decay_t=30, decay_rate=0.1, warmup_t=5, warmup_lr_init=1e-05,
     warmup_prefix=False)
    >>> jaxsched.timm.create_scheduler_v2(0.1, num_epochs=90, cooldown_epochs=10)[1]
    100

    Port of https://huggingface.co/docs/timm/reference/schedulers.
    """
    where = "`timm.create_scheduler_v2"
    if sched == "plateau":
        raise ValueError(
            f"{where}(sched=...)` must be a function of the count, got 'plateau': {NO_PLATEAU}."
        )
    names = ("cosine", "tanh", "poly", "step", "multistep", "wsd", "rsqrt", "constant", "none")
    if sched not in names:
        raise ValueError(
            f"{where}(sched=...)` must be one of {', '.join(map(repr, names))}, got {sched!r}."
        )
    if noise is not None:
        raise ValueError(f"{where}(noise=...)` must be {_NO_NOISE}, got {noise!r}.")
    if not step_on_epochs and not updates_per_epoch > 0:
        raise ValueError(
            f"{where}(updates_per_epoch=...)` must be positive with `step_on_epochs=False`, got"
            f" {updates_per_epoch!r}."
        )
    of_decay = sched in ("wsd", "rsqrt")
    if decay_epochs is None:
        decay_epochs = 0.2 if of_decay else 90
    unit = 1 if step_on_epochs else updates_per_epoch
    length, warmup = num_epochs * unit, warmup_epochs * unit
    common: dict[str, Any] = {
        "t_in_epochs": step_on_epochs, "noise_pct": noise_pct, "noise_std": noise_std,
        "noise_seed": noise_seed, "warmup_t": warmup, "warmup_lr_init": warmup_lr,
    }  # fmt: skip
    waits = {"warmup_prefix": warmup_prefix}
    cycles = {"cycle_mul": cycle_mul, "cycle_decay": cycle_decay, "cycle_limit": cycle_limit}
    curve = {"t_initial": length, "lr_min": min_lr, **cycles, **common, **waits}
    schedule: Any = None
    if sched == "cosine":
        schedule = CosineLRScheduler(lr, k_decay=k_decay, **curve)
    elif sched == "poly":
        schedule = PolyLRScheduler(lr, power=decay_rate, k_decay=k_decay, **curve)
    elif sched == "tanh":
        schedule = TanhLRScheduler(lr, **curve)
    elif sched == "step":
        schedule = StepLRScheduler(lr, decay_epochs * unit, decay_rate, **common, **waits)
    elif sched == "constant":
        schedule = StepLRScheduler(lr, 1, 1.0, **common, **waits)
    elif sched == "multistep":
        milestones = [epoch * unit for epoch in decay_milestones]
        schedule = MultiStepLRScheduler(lr, milestones, decay_rate, **common, **waits)
    elif of_decay:
        whole = length if warmup_prefix else length - warmup
        share = 0 < decay_epochs < 1
        decay = round(decay_epochs * (whole if share else unit))
        if not 0 < decay <= whole:
            raise ValueError(
                f"{where}(decay_epochs=...)` must be positive, and at most the schedule after its"
                f" warm-up, got {decay_epochs!r}: {decay} of {whole} counts."
            )
        schedule = WSDLRScheduler(
            lr,
            whole,
            decay,
            min_lr,
            "rsqrt" if sched == "rsqrt" else "constant",
            None if stable_timescale is None else stable_timescale * unit,
            decay_fn=decay_fn or ("linear" if sched == "rsqrt" else "1-sqrt"),
            **common,
        )
    if hasattr(schedule, "get_cycle_length"):
        whole = schedule.get_cycle_length() + cooldown_epochs * unit
        return schedule, whole if step_on_epochs else whole // unit
    return schedule, num_epochs + (warmup_epochs if warmup_prefix else 0)


def __getattr__(name: str) -> Any:
    if name == "PlateauLRScheduler":
        raise AttributeError(f"`jaxsched.timm.{name}` does not exist: {NO_PLATEAU}.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
