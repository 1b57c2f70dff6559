"""The learning-rate schedules of OLMo-core 3.0.0; the library need not be there.

OLMo-core's schedulers are functions of the group's initial rate, the current step and the length of
the training. Here the rate `lr` and that length, `max_steps`, come first (the second where a
schedule may use it); every other argument keeps its name, order and default.

    schedule = jaxsched.olmo.WSD(3e-4, max_steps=10_000, warmup=500)
    optax.adamw(jaxsched.skip(schedule, 1))

The count is OLMo-core's `current`: the number of the step, or of the tokens with `units="tokens"`.
Its trainer counts a step before the update, so its first update is at count 1, and the last one at
`max_steps`: `jaxsched.skip(schedule, 1)` is what Optax needs. Tokens are
`jaxsched.skip(jaxsched.per_update(schedule, batch), 1)`, with the number of tokens in a batch.

Where a length may be given as a share of another one, exactly one of both is given.
SequentialScheduler and ComposableScheduler are not here: `jaxsched.join` says both. OLMo-core hands
on the last rate, and leaves out count 0 of all but the first, so after a first one of `n` steps

    jaxsched.join([first, jaxsched.skip(second, 1)], [n + 1])

with `second` of the `lr` that `first` ends at. Stages are a `join` of `jaxsched.Ramp`s.
"""

from typing import Any, ClassVar

from ._core import numerics as xp
from ._core.fields import Lengths, NonNegativeInt, Rate, static
from ._core.number import Float, Number, concrete, is_concrete
from ._schedulers.recipe import OfLibrary
from ._schedulers.shapes import wave

__all__ = [
    "WSD",
    "WSDS",
    "ConstantScheduler",
    "ConstantWithWarmup",
    "CosWithWarmup",
    "CosWithWarmupAndLinearDecay",
    "ExponentialScheduler",
    "HalfCosWithWarmup",
    "InvSqrtWithWarmup",
    "LinearWithWarmup",
    "PowerLR",
]


def _is_none(value: Any) -> bool:
    return value is None


class _Scheduler(OfLibrary):
    """What all share: a rate, and lengths that may be shares of another one."""

    def _carried(self):
        return self.lr, None

    def _validate(self):
        self._choose("units", "steps", "tokens")
        for name in ("lr", "warmup_min_lr", "decay_min_lr", "alpha_f"):
            if hasattr(self, name):
                self._require(name, lambda x: x >= 0, "a number from 0 up")
        for name in ("max_steps", "t_max"):
            if hasattr(self, name):
                self._require(name, lambda n: n is None or n > 0, "a positive number")
        for word in ("warmup", "decay"):
            if hasattr(self, word):
                self._check_length(word)

    def _check_length(self, word):
        if getattr(self, f"{word}_steps", None) is not None:
            self._reject(f"{word}_steps", f"None: `{word}` is its name now")
        share, both = f"{word}_fraction", (getattr(self, word), getattr(self, f"{word}_fraction"))
        if (both[0] is None) == (both[1] is None):
            self._reject(word, f"given, or else `{share}`, but not both")
        self._require(word, lambda n: n is None or n >= 0, "a number from 0 up")
        self._require(share, lambda x: x is None or 0 <= x <= 1, "between 0 and 1")

    def _check_low(self, name):
        if is_concrete(self.lr):
            self._require(name, lambda x: x < self.lr, f"below `lr`, {self.lr}")

    def _check_divisor(self, word, size):
        if any(n <= 0 for n in concrete(size)):
            given = word if getattr(self, word) is not None else f"{word}_fraction"
            self._reject(given, "more than no step, as OLMo-core divides by it")

    def _length(self, word, total):
        """A length that is given as such, or as a share of `total`."""
        given = getattr(self, word)
        if given is not None:
            return given
        return xp.round(xp.floating(total) * xp.floating(getattr(self, f"{word}_fraction")))

    def _size_if_known(self, word, total):
        numbers = [
            x for x in (getattr(self, word), getattr(self, f"{word}_fraction")) if x is not None
        ]
        known = all(map(is_concrete, [*numbers, total]))
        return self._length(word, total) if known else None


class _Warmed(_Scheduler):
    """What has a linear warm-up, and a length."""

    _divides: ClassVar[tuple[str, ...]] = ()  # lengths that OLMo-core divides by at a count it has
    _inclusive = False  # whether count W belongs to the warm-up, also where the decay has begun

    def _validate(self):
        super()._validate()
        self._check_low("warmup_min_lr")
        for word in self._divides:
            size = self._size_if_known(word, self.max_steps)
            if size is not None:
                self._check_divisor(word, size)

    @property
    def _total(self):
        own = getattr(self, "t_max", None)
        return self.max_steps if own is None else own

    @property
    def _warmup(self):
        return self._length("warmup", self._total)

    def _curve(self, t):
        size = self._warmup
        warm = t <= size if self._inclusive else t < size
        return xp.where(warm, _warm(t, size, self.warmup_min_lr, self._top()), self._after(t))

    def _top(self):
        return self.lr

    def _after(self, t):
        """The rate from the end of the warm-up on."""
        raise NotImplementedError

    def _progress(self, t):
        """The share of the way from the warm-up to the end, which is not left."""
        begin, end = self._warmup, self._total
        span = xp.where(end > begin, end - begin, 1)
        return xp.where(t < end, xp.divide(xp.maximum(t - begin, 0), span), 1.0)

    def _falling(self, t, top):
        """The line from `top` at the beginning of the decay to `decay_min_lr` at the end."""
        size = self._length("decay", self.max_steps)
        left = xp.minimum(self.max_steps - t, size)
        return self.decay_min_lr + xp.divide((top - self.decay_min_lr) * left, xp.floating(size))

    def _check_top(self):
        """The decay must go down, from the rate that it begins at."""
        if self._is_concrete:
            top = self._decay_top()
            rule = f"below the rate that the decay begins at, {top:g}"
            self._require("decay_min_lr", lambda x: x < top, rule)

    def _decay_top(self):
        """The rate that the decay begins at."""
        raise NotImplementedError

    @property
    def _decay_begins(self):
        return self.max_steps - self._length("decay", self.max_steps)


def _warm(t, size, low, top):
    rising = (top - low) * xp.minimum(t, size)
    return low + xp.divide(rising, xp.where(size == 0, 1.0, xp.floating(size)))


class ConstantWithWarmup(_Warmed):
    """A constant rate after a linear warm-up.

        lr(t) = low + (lr - low) * t / W                        for t < W
        lr(t) = lr                                              from then on

    with low = `warmup_min_lr`.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      warmup_min_lr: the rate at count 0.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.ConstantWithWarmup(0.1, 9, warmup=2)(jnp.arange(4))
    Array([0.  , 0.05, 0.1 , 0.1 ], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    warmup_min_lr: Rate = 0.0

    _divides = ("warmup",)
    _inclusive = True

    def _after(self, t):
        return self.lr


class WSD(_Warmed):
    """A linear warm-up, a stable rate, a linear decay.

        lr(t) = low + (lr - low) * t / W                        for t < W
        lr(t) = lr                                              for t < T - D
        lr(t) = end + (lr - end) * (T - t) / D                  from then on

    with low = `warmup_min_lr` and end = `decay_min_lr`. After T the line goes on, below `end`.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      decay: D, the length of the decay at the end of the training.
      decay_steps: None: its old name.
      decay_fraction: the decay as a share of `max_steps`.
      warmup_min_lr: the rate at count 0.
      decay_min_lr: the rate at the end of the decay.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.WSD(0.1, 8, warmup=2, decay=4, decay_fraction=None)(jnp.arange(9))
    Array([0.   , 0.05 , 0.1  , 0.1  , 0.1  , 0.075, 0.05 , 0.025, 0.   ],      dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    decay: Number | None = None
    decay_steps: Number | None = None
    decay_fraction: Float | None = static(default=0.1, when=_is_none)
    warmup_min_lr: Rate = 0.0
    decay_min_lr: Rate = 0.0

    _divides = ("warmup", "decay")
    _inclusive = True

    def _validate(self):
        super()._validate()
        self._check_low("decay_min_lr")

    def _after(self, t):
        return xp.where(t < self._decay_begins, self.lr, self._falling(t, self.lr))


class PowerLR(_Warmed):
    """A linear warm-up, a power of the count, a linear decay.

        lr(t) = low + (lr - low) * t / W                        for t < W
        lr(t) = lr * (t / W) ** b                               for t < T - D
        lr(t) = end + (lr(T - D) - end) * (T - t) / D           from then on

    with low = `warmup_min_lr` and end = `decay_min_lr` (arXiv 2408.13359).

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      b: the exponent, below 0.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      warmup_min_lr: the rate at count 0.
      decay: D, the length of the decay at the end of the training.
      decay_steps: None: its old name.
      decay_fraction: the decay as a share of `max_steps`.
      decay_min_lr: the rate at the end of the decay.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.PowerLR(0.1, 8, b=-1.0, warmup=2, decay=2, decay_fraction=None)(jnp.arange(9))
    Array([0.        , 0.05      , 0.1       , 0.06666667, 0.05      ,
           0.04      , 0.03333334, 0.01666667, 0.        ], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    b: Float = -0.51
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    warmup_min_lr: Rate = 0.0
    decay: Number | None = None
    decay_steps: Number | None = None
    decay_fraction: Float | None = static(default=0.1, when=_is_none)
    decay_min_lr: Rate = 0.0

    _divides = ("warmup", "decay")
    _inclusive = True

    def _validate(self):
        super()._validate()
        self._require("b", lambda b: b < 0, "below 0")
        size = self._size_if_known("decay", self.max_steps)
        if size is not None and size >= self.max_steps:
            self._reject("max_steps", f"longer than the decay, {size:g}")
        self._check_top()

    def _after(self, t):
        rate = self._power(xp.maximum(t, 1))
        return xp.where(t < self._decay_begins, rate, self._falling(t, self._decay_top()))

    def _decay_top(self):
        return self._power(self._decay_begins)

    def _power(self, t):
        return self.lr * xp.power(xp.divide(t, xp.floating(self._warmup)), self.b)


class LinearWithWarmup(_Warmed):
    """A linear warm-up, then a line.

        lr(t) = low + (lr - low) * t / W                        for t < W
        lr(t) = lr - (lr - a * lr) * (t - W) / (T - W)          for t < T
        lr(t) = a * lr                                          from then on

    with low = `warmup_min_lr`.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      alpha_f: the rate at the end as a share of `lr`: a.
      t_max: the length of the schedule, by default `max_steps`: T.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      warmup_min_lr: the rate at count 0.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.LinearWithWarmup(0.1, 6, warmup=2)(jnp.arange(8))
    Array([0.    , 0.05  , 0.1   , 0.0775, 0.055 , 0.0325, 0.01  , 0.01  ],      dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    alpha_f: Float = 0.1
    t_max: Number | None = None
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    warmup_min_lr: Rate = 0.0

    def _after(self, t):
        return self.lr - (self.lr - self.lr * self.alpha_f) * self._progress(t)


class InvSqrtWithWarmup(_Warmed):
    """A linear warm-up, then an inverse square root.

        lr(t) = low + (lr - low) * t / W                        for t < W
        lr(t) = a * lr + (lr - a * lr) * sqrt(W / t)            from then on

    with low = `warmup_min_lr`.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      alpha_f: the rate at the end as a share of `lr`: a.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      warmup_min_lr: the rate at count 0.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.InvSqrtWithWarmup(0.1, 9, warmup=2)(jnp.arange(4))
    Array([0.        , 0.05      , 0.1       , 0.08348469], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    alpha_f: Float = 0.1
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    warmup_min_lr: Rate = 0.0

    _divides = ("warmup",)

    def _after(self, t):
        low, size = self.lr * self.alpha_f, xp.floating(self._warmup)
        return low + (self.lr - low) * xp.sqrt(xp.divide(size, xp.maximum(t, size)))


class CosWithWarmup(_Warmed):
    """A linear warm-up, then a cosine.

        lr(t) = low + (lr - low) * t / W                        for t < W
        lr(t) = a * lr + (lr - a * lr) * (1 + cos(pi x)) / 2    from then on

    with low = `warmup_min_lr` and `x = min(1, (t - W) / (T - W))`.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      alpha_f: the rate at the end as a share of `lr`: a.
      t_max: the length of the schedule, by default `max_steps`: T.
      warmup_min_lr: the rate at count 0.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.CosWithWarmup(0.1, 6, warmup=2)(jnp.arange(8))
    Array([0.        , 0.05      , 0.1       , 0.08681981, 0.055     ,
           0.02318019, 0.01      , 0.01      ], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    alpha_f: Float = 0.1
    t_max: Number | None = None
    warmup_min_lr: Rate = 0.0

    def _after(self, t):
        low = self.lr * self.alpha_f
        return low + (self.lr - low) * wave(self._progress(t))


class HalfCosWithWarmup(_Warmed):
    """A linear warm-up, then the second half of a cosine.

        lr(t) = low + (top - low) * t / W                       for t < W
        lr(t) = a * lr + (lr - a * lr) * (1 + cos(pi x)) / 2    from then on

    with low = `warmup_min_lr`, `x = min(1, (1 + (t - W) / (T - W)) / 2)`, and
    `top = (lr + a * lr) / 2`: `lr` is the peak of the whole cosine.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      alpha_f: the rate at the end as a share of `lr`: a.
      t_max: the length of the schedule, by default `max_steps`: T.
      warmup_min_lr: the rate at count 0.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.HalfCosWithWarmup(0.1, 6, warmup=2)(jnp.arange(8))
    Array([0.        , 0.0275    , 0.055     , 0.03777925, 0.02318019,
           0.01342542, 0.01      , 0.01      ], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    warmup: Number | None = None
    warmup_steps: Number | None = None
    warmup_fraction: Float | None = None
    alpha_f: Float = 0.1
    t_max: Number | None = None
    warmup_min_lr: Rate = 0.0

    def _top(self):
        low = self.lr * self.alpha_f
        return low + (self.lr - low) / 2.0

    def _after(self, t):
        low = self.lr * self.alpha_f
        return low + (self.lr - low) * wave((1.0 + self._progress(t)) / 2.0)


class CosWithWarmupAndLinearDecay(CosWithWarmup):
    """A CosWithWarmup, the end of which a linear decay replaces.

        lr(t) = cos(t)                                          for t < T - D
        lr(t) = end + (cos(T - D) - end) * (T - t) / D          from then on

    with `cos` a CosWithWarmup of these arguments, end = `decay_min_lr` and T = `max_steps`.

    Args:
      lr: the learning rate at the end of the warm-up (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      warmup: W, the length of the warm-up.
      warmup_steps: None: its old name.
      warmup_fraction: the warm-up as a share of the length of the schedule.
      alpha_f: the rate at the end as a share of `lr`: a.
      t_max: the length of the schedule, by default `max_steps`: T.
      warmup_min_lr: the rate at count 0.
      decay: D, the length of the decay at the end of the training.
      decay_steps: None: its old name.
      decay_fraction: the decay as a share of `max_steps`.
      decay_min_lr: the rate at the end of the decay.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for lengths and rates that are negative, a share outside of 0 to 1, a length that
        is given twice or not at all, and what OLMo-core refuses or divides by when it is 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.CosWithWarmupAndLinearDecay(0.1, 8, warmup=2)(jnp.arange(9))
    Array([0.        , 0.05      , 0.1       , 0.09397114, 0.0775    ,
           0.055     , 0.0325    , 0.01602886, 0.        ], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    decay: Number | None = None
    decay_steps: Number | None = None
    decay_fraction: Float | None = static(default=0.1, when=_is_none)
    decay_min_lr: Rate = 0.0

    _divides = ("decay",)

    def _validate(self):
        super()._validate()
        self._check_top()

    def _curve(self, t):
        falling = self._falling(t, self._decay_top())
        return xp.where(t < self._decay_begins, super()._curve(t), falling)

    def _decay_top(self):
        return super()._curve(self._decay_begins)


class ConstantScheduler(_Scheduler):
    """A constant rate.

    Args:
      lr: the learning rate.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for a rate that is negative.

    >>> import jaxsched
    >>> jaxsched.olmo.ConstantScheduler(0.1)(100)
    Array(0.1, dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")

    def _curve(self, t):
        return self.lr


class ExponentialScheduler(_Scheduler):
    """An exponential from a small rate up to `lr`, as in a range test.

        lr(t) = lr_min * (lr / lr_min) ** min(1, t / T)

    Args:
      lr: the learning rate at the end (the group's `initial_lr`).
      max_steps: the number of steps (or tokens) of the training: T.
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      lr_min: the rate at count 0, above 0.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for a rate that is negative, or an `lr_min` that is not above 0.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.ExponentialScheduler(0.1, 2, lr_min=0.001)(jnp.arange(4))
    Array([0.001, 0.01 , 0.1  , 0.1  ], dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    max_steps: Number
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    lr_min: Float = 1e-9

    def _validate(self):
        super()._validate()
        self._require("lr_min", lambda x: x > 0, "a positive number")

    def _curve(self, t):
        x = xp.minimum(xp.divide(t, self.max_steps), 1.0)
        rising = self.lr_min * xp.power(xp.divide(self.lr, xp.floating(self.lr_min)), x)
        return xp.where(t < self.max_steps, rising, self.lr)


class WSDS(_Scheduler):
    """One linear warm-up, then periods of a stable rate and a linear decay (arXiv 2410.05192).

        lr(t) = low + (m_0 * lr - low) * t / W                  for t < W
        lr(t) = m_i * lr                                        in period i, until its last D_i
        lr(t) = end + (m_i * lr - end) * (E_i - t) / D_i        until its end at count E_i
        lr(t) = end                                             after the last period

    with low = `warmup_min_lr` and end = `decay_min_lr`. The warm-up is part of the first period,
    and the rate is `end` at E_i itself. The length of the training has no effect.

    Args:
      lr: the learning rate of the stable phases (the group's `initial_lr`).
      lr_field: without effect.
      initial_lr_field: without effect.
      units: "steps" or "tokens", what the counts are.
      period_lengths: the length of each period.
      period_lr_multipliers: m, the factor of each period, by default 1.
      warmup: W, the length of the warm-up.
      warmup_fraction: the warm-up as a share of the first period.
      decay: D, the length of the decay of each period.
      decay_fraction: the decay as a share of its period.
      warmup_min_lr: the rate at count 0.
      decay_min_lr: the rate at the end of each period.

    Returns:
      A `Schedule`: the rate as a function of OLMo-core's count, which is 1 at the first update.

    Raises:
      ValueError: for periods that are none, or not longer than their decay (the first one with the
        warm-up), another number of factors, a length that is given twice or not at all, and for
        what is negative.
      TypeError: for periods that are no list of numbers.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.olmo.WSDS(0.1, period_lengths=[5, 4], warmup=2, decay=2)(jnp.arange(10))
    Array([0.  , 0.05, 0.1 , 0.1 , 0.05, 0.  , 0.1 , 0.1 , 0.05, 0.  ],      dtype=float32)

    Port of https://olmo-core.readthedocs.io/en/latest/optim.html.
    """

    lr: Rate
    lr_field: str = static(default="lr")
    initial_lr_field: str = static(default="initial_lr")
    units: str = static(default="steps")
    period_lengths: Lengths = ()
    period_lr_multipliers: Lengths | None = None
    warmup: NonNegativeInt | None = None
    warmup_fraction: Float | None = None
    decay: NonNegativeInt | None = None
    decay_fraction: Float | None = None
    warmup_min_lr: Rate = 0.0
    decay_min_lr: Rate = 0.0

    def _validate(self):
        super()._validate()
        lengths = self.period_lengths
        if not len(lengths):
            self._reject("period_lengths", "at least one length")
        factors = self.period_lr_multipliers
        if factors is not None and len(factors) != len(lengths):
            self._reject("period_lr_multipliers", f"{len(lengths)} factors, one for each period")
        for name in ("period_lengths", "period_lr_multipliers"):
            if any(x <= 0 for x in _known(getattr(self, name))):
                self._reject(name, "positive numbers")
        if is_concrete(self.lr):
            least = self.lr * min(_known(factors), default=1)
            rule = f"below the rate of each period, {least:g} at least"
            self._require("decay_min_lr", lambda x: x < least, rule)
        for index, length in enumerate(_known(lengths)):
            decay = self._size_if_known("decay", length)
            warmup = 0 if index else self._size_if_known("warmup", length)
            if decay is not None:
                self._check_divisor("decay", decay)
            if None not in (decay, warmup) and warmup + decay > length:
                self._reject(
                    "period_lengths",
                    f"at least {warmup + decay:g} in period {index}, its warm-up and decay",
                )

    def _curve(self, t):
        lengths = xp.floating(xp.stack(self.period_lengths))
        ends, warmup = lengths.cumsum(), self._length("warmup", lengths[0])
        index = xp.minimum((ends < t).sum(), len(ends) - 1)
        end, decay = xp.take(ends, index), self._length("decay", xp.take(lengths, index))
        low, left = self.decay_min_lr, xp.maximum(end - t, 0.0)
        peak = self._peak(index)
        falling = low + xp.divide((peak - low) * xp.minimum(left, decay), xp.floating(decay))
        rising = _warm(t, warmup, self.warmup_min_lr, self._peak(0))
        return xp.where(t < warmup, rising, xp.where(left > decay, peak, falling))

    def _peak(self, index):
        factors = self.period_lr_multipliers
        return (
            self.lr if factors is None else self.lr * xp.take(xp.floating(xp.stack(factors)), index)
        )


def _known(numbers):
    """The numbers of a list that can be looked at."""
    if numbers is None:
        return []
    return (
        concrete(numbers) if hasattr(numbers, "dtype") else [n for n in numbers if is_concrete(n)]
    )


def __getattr__(name: str) -> Any:
    if name in ("SequentialScheduler", "ComposableScheduler"):
        raise AttributeError(
            f"`jaxsched.olmo.{name}` does not exist: `jaxsched.join` joins schedules at their ends,"
            " each with an `lr` of its own."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
