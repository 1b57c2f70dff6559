"""The schedules of Hugging Face Transformers, by their names; the library need not be there.

Where Transformers takes the optimizer, jaxsched takes the learning rate; every other argument keeps
its name, order and default. Each is a LambdaLR in PyTorch, and behaves as one in a chain or a
sequence. Counts are updates, as its Trainer steps at every update.

    optax.adamw(jaxsched.transformers.get_cosine_schedule_with_warmup(5e-5, 50, 1000))

`lr` is the rate after the warm-up, `W` the `num_warmup_steps`, `N` the `num_training_steps`, and
`x = (t - W) / (N - W)` the progress after the warm-up. For t < W the rate is `lr * t / W`, so that
the first update has a rate of 0, unless it says otherwise.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ._core import numerics as xp
from ._core.fields import LastEpoch, Rate, static
from ._core.number import Float, Number, is_concrete
from ._core.schedule import warn
from ._schedulers.recipe import Recipe
from ._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from ._schedulers.shapes import progress, rise, wave

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_reduce_on_plateau_schedule",
    "get_scheduler",
    "get_wsd_schedule",
]


def _warmed_up(t, num_warmup_steps, factor):
    """`factor`, after a line from 0 up."""
    return xp.where(t < num_warmup_steps, progress(t, 0, num_warmup_steps), factor)


class get_constant_schedule(Recipe):
    """A constant rate.

        lr(t) = lr

    Args:
      lr: the learning rate.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jaxsched
    >>> jaxsched.transformers.get_constant_schedule(5e-5)(100)
    Array(5.e-05, dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    last_epoch: LastEpoch = static(default=-1)

    def _factor(self, t):
        return 1.0


class get_constant_schedule_with_warmup(Recipe):
    """A constant rate after a linear warm-up from 0.

        lr(t) = lr * t / W    for t < W
        lr(t) = lr            from then on

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.transformers.get_constant_schedule_with_warmup(0.1, 2)(jnp.arange(4))
    Array([0.  , 0.05, 0.1 , 0.1 ], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    last_epoch: LastEpoch = static(default=-1)

    def _factor(self, t):
        return _warmed_up(t, self.num_warmup_steps, 1.0)


class get_linear_schedule_with_warmup(Recipe):
    """A linear warm-up from 0, then a line down to 0.

        lr(t) = lr * max(0, N - t) / (N - W)    for t >= W

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training; the rate is 0 from there on.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.transformers.get_linear_schedule_with_warmup(0.1, 2, 6)(jnp.arange(7))
    Array([0.   , 0.05 , 0.1  , 0.075, 0.05 , 0.025, 0.   ], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_training_steps: Number
    last_epoch: LastEpoch = static(default=-1)

    def _factor(self, t):
        way = xp.maximum(self.num_training_steps - self.num_warmup_steps, 1)
        left = xp.maximum(xp.divide(self.num_training_steps - t, way), 0.0)
        return _warmed_up(t, self.num_warmup_steps, left)


class get_cosine_schedule_with_warmup(Recipe):
    """A linear warm-up from 0, then a cosine down to 0.

        lr(t) = lr * max(0, (1 + cos(2 * pi * num_cycles * x)) / 2)    for t >= W

    As in Transformers, x goes on after N, and the rate rises again.

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      num_cycles: the number of waves between W and N; half a one ends at 0.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.transformers.get_cosine_schedule_with_warmup(0.1, 2, 6)(jnp.arange(8))
    Array([0.        , 0.05      , 0.1       , 0.08535534, 0.05      ,
           0.01464466, 0.        , 0.01464466], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_training_steps: Number
    num_cycles: Float = 0.5
    last_epoch: LastEpoch = static(default=-1)

    def _factor(self, t):
        x = progress(t, self.num_warmup_steps, self.num_training_steps)
        factor = xp.maximum(wave(x, self.num_cycles), 0.0)
        return _warmed_up(t, self.num_warmup_steps, factor)


class get_cosine_with_hard_restarts_schedule_with_warmup(Recipe):
    """A linear warm-up from 0, then cosines down to 0, each from the top.

        lr(t) = lr * (1 + cos(pi * (num_cycles * x mod 1))) / 2    for W <= t < N
        lr(t) = 0                                                from N on

    Args:
      lr: the learning rate after the warm-up, and after each restart.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      num_cycles: the number of times that the rate falls.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> from jaxsched.transformers import get_cosine_with_hard_restarts_schedule_with_warmup
    >>> get_cosine_with_hard_restarts_schedule_with_warmup(0.1, 0, 4, 2)(jnp.arange(5))
    Array([0.1 , 0.05, 0.1 , 0.05, 0.  ], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_training_steps: Number
    num_cycles: Number = 1
    last_epoch: LastEpoch = static(default=-1)

    def _factor(self, t):
        x = progress(t, self.num_warmup_steps, self.num_training_steps)
        cycles = self.num_cycles * x
        factor = xp.maximum(wave(cycles - xp.floor(cycles)), 0.0)
        return _warmed_up(t, self.num_warmup_steps, xp.where(x >= 1.0, 0.0, factor))


class get_polynomial_decay_schedule_with_warmup(Recipe):
    """A linear warm-up from 0, then a power of the remaining steps, down to `lr_end`.

        lr(t) = (lr - lr_end) * (1 - x) ** power + lr_end    for W <= t <= N
        lr(t) = lr_end                                       from then on

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      lr_end: the learning rate at the end.
      power: the exponent.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.
      default_lr: the optimizer's default rate, which Transformers takes for `lr` in the formula
        before it multiplies by `lr / default_lr`: for parameter groups with rates of their own.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr_end` that is not below the (default) rate, or as many steps of warm-up
        as of training, where Transformers divides by 0.

    >>> import jax.numpy as jnp
    >>> from jaxsched.transformers import get_polynomial_decay_schedule_with_warmup
    >>> get_polynomial_decay_schedule_with_warmup(0.1, 1, 3, lr_end=0.02)(jnp.arange(5))
    Array([0.  , 0.1 , 0.06, 0.02, 0.02], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_training_steps: Number
    lr_end: Rate = 1e-7
    power: Float = 1.0
    last_epoch: LastEpoch = static(default=-1)
    default_lr: Rate | None = dataclasses.field(default=None, kw_only=True)

    def _validate(self):
        super()._validate()
        if is_concrete(self._default):
            self._require("lr_end", lambda end: end < self._default, f"below {self._default}")
        if is_concrete(self.num_warmup_steps):
            start = self.num_warmup_steps
            self._require("num_training_steps", lambda n: n != start, f"other than {start}")

    def _factor(self, t):
        start, end = self.num_warmup_steps, self.num_training_steps
        over = t > end
        way = xp.where(xp.maximum(end - start, start - end) == 0, 1, end - start)
        left = 1.0 - xp.divide(xp.where(over, end, t) - start, way)
        # At its end a power below 1 has an infinite slope, and before the warm-up is over none.
        undefined = (t < start) | (left <= 0.0)
        power = xp.power(xp.where(undefined, 1.0, left), self.power)
        power = xp.where(undefined, xp.where(self.power == 0, 1.0, 0.0), power)
        decay = (self._default - self.lr_end) * power + self.lr_end
        factor = xp.divide(xp.where(over, self.lr_end, decay), self._default)
        return _warmed_up(t, start, factor)


class get_inverse_sqrt_schedule(Recipe):
    """A linear warm-up from 0, then the inverse square root of the step.

        lr(t) = lr / sqrt((t + timescale - W) / timescale)    for t >= W

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      timescale: after how many steps the rate is down by `sqrt(2)`; by default W, or 10,000 without
        a warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a `timescale` that is not positive.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.transformers.get_inverse_sqrt_schedule(0.1, 2)(jnp.array([0, 1, 2, 8]))
    Array([0.  , 0.05, 0.1 , 0.05], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    timescale: Number | None = None
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("timescale", lambda n: n is None or n > 0, "a positive number or None")
        if self.timescale is None:
            self._require("num_warmup_steps", lambda n: n >= 0, "from 0 up without a `timescale`")

    def _factor(self, t):
        start, scale = self.num_warmup_steps, self.timescale
        if scale is None:
            scale = xp.where(start == 0, 10_000, start)
        since = xp.maximum(t - start, 0) + scale
        return _warmed_up(t, start, xp.divide(1.0, xp.sqrt(xp.divide(since, scale))))


class _WithMinimum(Recipe):
    """What the two cosines with a minimum share."""

    def _validate(self):
        super()._validate()
        given = [name for name in ("min_lr", "min_lr_rate") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"`{type(self).__name__}(...)` must have `min_lr` or `min_lr_rate`, got"
                f" {'both' if given else 'neither'}."
            )

    @property
    def _rate_at_minimum(self):
        """The minimum over the rate after the warm-up."""
        if self.min_lr is None:
            return self.min_lr_rate
        return xp.divide(self.min_lr, self._default)

    def _above_minimum(self, wave):
        ratio = self._rate_at_minimum
        return xp.maximum(wave * (1.0 - ratio) + ratio, 0.0)


class get_cosine_with_min_lr_schedule_with_warmup(_WithMinimum):
    """A linear warm-up from 0, then a cosine down to a minimum.

        lr(t) = lr * max(0, (1 - r) * (1 + cos(2 * pi * num_cycles * x)) / 2 + r)    for t >= W

    with r = min_lr / lr, or `min_lr_rate`. As in Transformers, x goes on after N, and the rate
    rises again; and the warm-up begins at 0, below the minimum.

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      num_cycles: the number of waves between W and N; half a one ends at the minimum.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      min_lr: the minimum; or instead
      min_lr_rate: the minimum over `lr`.
      initial_lr: the rate that training began with, by default `lr`.
      default_lr: the optimizer's default rate, by which Transformers divides `min_lr`, by default
        `lr`: for parameter groups with rates of their own.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for both `min_lr` and `min_lr_rate`, or neither.

    >>> import jax.numpy as jnp
    >>> from jaxsched.transformers import get_cosine_with_min_lr_schedule_with_warmup
    >>> get_cosine_with_min_lr_schedule_with_warmup(0.1, 1, 3, min_lr=0.02)(jnp.arange(4))
    Array([0.  , 0.1 , 0.06, 0.02], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_training_steps: Number
    num_cycles: Float = 0.5
    last_epoch: LastEpoch = static(default=-1)
    min_lr: Rate | None = None
    min_lr_rate: Float | None = None
    default_lr: Rate | None = dataclasses.field(default=None, kw_only=True)

    def _factor(self, t):
        x = progress(t, self.num_warmup_steps, self.num_training_steps)
        factor = self._above_minimum(wave(x, self.num_cycles))
        return _warmed_up(t, self.num_warmup_steps, factor)


class get_cosine_with_min_lr_schedule_with_warmup_lr_rate(_WithMinimum):
    """A linear warm-up that begins above 0, then a cosine down to a minimum, one step ahead.

        lr(t) = lr * (t + 1) / W                  for t < W, without `warmup_lr_rate`
        lr(t) = lr * (w + (1 - w) * t / (W - 1))    for t < W, with `warmup_lr_rate` w
        lr(t) = lr * max(0, (1 - r) * (1 + cos(2 * pi * num_cycles * x)) / 2 + r)    for t >= W

    with r = min_lr / lr, or `min_lr_rate`, and `x = (t - W + 1) / (N - W)`: as in Transformers, the
    cosine is one step ahead of `get_cosine_with_min_lr_schedule_with_warmup`.

    Args:
      lr: the learning rate at the end of the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      num_cycles: the number of waves between W and N; half a one ends at the minimum.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      min_lr: the minimum; or instead
      min_lr_rate: the minimum over `lr`.
      warmup_lr_rate: the rate at step 0, over `lr`.
      initial_lr: the rate that training began with, by default `lr`.
      default_lr: the optimizer's default rate, by which Transformers divides `min_lr`, by default
        `lr`: for parameter groups with rates of their own.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for both `min_lr` and `min_lr_rate`, or neither.

    >>> import jax.numpy as jnp
    >>> from jaxsched.transformers import get_cosine_with_min_lr_schedule_with_warmup_lr_rate
    >>> get_cosine_with_min_lr_schedule_with_warmup_lr_rate(0.1, 2, 4, min_lr=0.0)(jnp.arange(4))
    Array([0.05, 0.1 , 0.05, 0.  ], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_training_steps: Number
    num_cycles: Float = 0.5
    last_epoch: LastEpoch = static(default=-1)
    min_lr: Rate | None = None
    min_lr_rate: Float | None = None
    warmup_lr_rate: Float | None = None
    default_lr: Rate | None = dataclasses.field(default=None, kw_only=True)

    def _factor(self, t):
        start = self.num_warmup_steps
        x = xp.divide(t - start + 1.0, xp.maximum(self.num_training_steps - start, 1.0))
        if self.warmup_lr_rate is None:
            line = xp.divide(t + 1.0, xp.maximum(start, 1.0))
        else:
            done = xp.divide(t, xp.maximum(start - 1.0, 1.0))
            line = self.warmup_lr_rate + (1.0 - self.warmup_lr_rate) * done
        return xp.where(t < start, line, self._above_minimum(wave(x, self.num_cycles)))


_SHAPES = ("linear", "cosine", "1-sqrt")


class get_wsd_schedule(Recipe):
    """Warm-up, stable, decay.

        lr(t) = lr * max(0, r + (1 - r) * up(t / W))                for t < W
        lr(t) = lr                                              for the S steps after
        lr(t) = lr * max(0, r + (1 - r) * down((t - W - S) / D))    for the D steps after
        lr(t) = lr * r                                          from then on

    with r = `min_lr_ratio`, at which the warm-up begins too. By type, `up(x)` is x,
    (1 - cos(pi x)) / 2 or 1 - sqrt(1 - x), and `down(x)` is 1 - x,
    (1 + cos(2 pi num_cycles x)) / 2 or 1 - sqrt(x).

    Args:
      lr: the learning rate between warm-up and decay.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_decay_steps: D, the number of steps of the decay.
      num_training_steps: N, the number of steps of the training, of which S = N - W - D are stable;
        or instead
      num_stable_steps: S, the number of stable steps.
      warmup_type: "linear", "cosine" or "1-sqrt".
      decay_type: "linear", "cosine" or "1-sqrt".
      min_lr_ratio: r, the rate at both ends over `lr`.
      num_cycles: the number of waves of a cosine decay; half a one ends at the minimum.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for neither `num_training_steps` nor `num_stable_steps`, or an unknown type.

    Warns:
      UserWarning: for both of them: `num_stable_steps` counts.

    >>> import jax.numpy as jnp
    >>> from jaxsched.transformers import get_wsd_schedule
    >>> get_wsd_schedule(0.1, 2, 4, 8, decay_type="1-sqrt")(jnp.arange(9))
    Array([0.        , 0.05      , 0.1       , 0.1       , 0.1       ,
           0.05      , 0.02928932, 0.01339746, 0.        ], dtype=float32)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """

    lr: Rate
    num_warmup_steps: Number
    num_decay_steps: Number
    num_training_steps: Number | None = None
    num_stable_steps: Number | None = None
    warmup_type: str = static(default="linear")
    decay_type: str = static(default="cosine")
    min_lr_ratio: Float = 0
    num_cycles: Float = 0.5
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        if self.num_training_steps is None and self.num_stable_steps is None:
            raise ValueError(
                "`get_wsd_schedule(...)` must have `num_training_steps` or `num_stable_steps`, got"
                " neither."
            )
        if self.num_training_steps is not None and self.num_stable_steps is not None:
            warn(
                "`get_wsd_schedule(...)` has both `num_training_steps` and `num_stable_steps`: the"
                " second counts. Leave out the first."
            )
        self._choose("warmup_type", *_SHAPES)
        self._choose("decay_type", *_SHAPES)

    def _factor(self, t):
        up, down = self.num_warmup_steps, self.num_decay_steps
        stable = self.num_stable_steps
        if stable is None:
            stable = self.num_training_steps - up - down
        begin, end = up + stable, up + stable + down
        x = xp.clip(progress(t, 0, up), 0.0, 1.0)
        rising = self._above_minimum(rise(self.warmup_type, x))
        x = xp.clip(xp.divide(t - begin, xp.maximum(down, 1)), 0.0, 1.0)
        falling = self._above_minimum(self._fall(x))
        after = xp.where(t < begin, 1.0, xp.where(t < end, falling, self.min_lr_ratio))
        return xp.where(t < up, rising, after)

    def _fall(self, x):
        if self.decay_type == "cosine":
            return wave(x, self.num_cycles)
        return 1.0 - rise("sqrt" if self.decay_type == "1-sqrt" else "linear", x)

    def _above_minimum(self, height):
        return xp.maximum(height * (1.0 - self.min_lr_ratio) + self.min_lr_ratio, 0.0)


def get_reduce_on_plateau_schedule(lr: Any, **kwargs: Any) -> ReduceLROnPlateau:
    """PyTorch's ReduceLROnPlateau, under the name that Transformers has for it.

    Args:
      lr: the learning rate at the start.
      **kwargs: the arguments of `jaxsched.ReduceLROnPlateau`.

    Returns:
      A ReduceLROnPlateau.

    Raises:
      TypeError: for an argument that it does not have.

    >>> import jaxsched
    >>> jaxsched.transformers.get_reduce_on_plateau_schedule(5e-5, patience=3)
    ReduceLROnPlateau(lr=5e-05, patience=3)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """
    return ReduceLROnPlateau(lr, **kwargs)


_BY_NAME: dict[str, Callable[..., Any]] = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "reduce_lr_on_plateau": get_reduce_on_plateau_schedule,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "warmup_stable_decay": get_wsd_schedule,
}


def get_scheduler(
    name: Any,
    lr: Any,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """A schedule by the name that Transformers' Trainer knows it by (`lr_scheduler_type`).

    Args:
      name: "linear" (the Trainer's default), "cosine", "cosine_with_restarts", "polynomial",
        "constant", "constant_with_warmup", "inverse_sqrt", "reduce_lr_on_plateau",
        "cosine_with_min_lr", "cosine_warmup_with_min_lr" or "warmup_stable_decay"; or a member of
        Transformers' `SchedulerType`.
      lr: the learning rate.
      num_warmup_steps: the number of steps of the warm-up, where there is one.
      num_training_steps: the number of steps of the training, where it matters.
      scheduler_specific_kwargs: further arguments of that schedule, a dict.

    Returns:
      The schedule; a ReduceLROnPlateau for "reduce_lr_on_plateau".

    Raises:
      ValueError: for an unknown name, "greedy" among them, whose rate goes by the metric both up
        and down; or a number of steps that is missing.
      TypeError: for an argument that the schedule does not have.

    >>> import jaxsched
    >>> jaxsched.transformers.get_scheduler("inverse_sqrt", 5e-5, 50)
    transformers.get_inverse_sqrt_schedule(lr=5e-05, num_warmup_steps=50)

    Port of https://huggingface.co/docs/transformers/main_classes/optimizer_schedules.
    """
    name = getattr(name, "value", name)
    if name == "greedy":
        raise ValueError(
            "`get_scheduler(name=...)` must be a function of the step count, got 'greedy', whose"
            " rate goes by the metric both up and down: `jaxsched.ReduceLROnPlateau` only reduces"
            " it."
        )
    if not isinstance(name, str) or name not in _BY_NAME:
        raise ValueError(
            f"`get_scheduler(name=...)` must be one of {', '.join(map(repr, _BY_NAME))}, got"
            f" {name!r}."
        )
    make, more = _BY_NAME[name], dict(scheduler_specific_kwargs or {})
    if name == "constant":
        return make(lr)
    if name == "reduce_lr_on_plateau":
        return make(lr, **more)
    steps: dict[str, Any] = {"num_warmup_steps": num_warmup_steps}
    if name not in ("constant_with_warmup", "inverse_sqrt"):
        steps["num_training_steps"] = num_training_steps
    if name == "warmup_stable_decay" and num_training_steps is None:
        del steps["num_training_steps"]
    for key, value in steps.items():
        if value is None:
            raise ValueError(f"`get_scheduler({key}=...)` must be given for {name!r}, got None.")
    return make(lr, **steps, **({} if name == "constant_with_warmup" else more))
