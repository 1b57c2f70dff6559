"""The schedule of Megatron-LM (megatron-core 0.19.2), by its name; the library need not be there.

Megatron takes the optimizer and overwrites its rates, so there is no `lr` here; every argument
keeps its name, order and default. The count is its `num_steps`: the number of samples, as Megatron
steps by the global batch size.

    schedule = jaxsched.megatron.OptimizerParamScheduler(
        init_lr=0.0, max_lr=3e-4, min_lr=3e-5, lr_warmup_steps=2_000 * 512,
        lr_decay_steps=100_000 * 512, lr_decay_style="cosine", start_wd=0.1, end_wd=0.1,
        wd_incr_steps=100_000 * 512, wd_incr_style="constant",
    )
    optax.adamw(jaxsched.per_update(schedule, 512))

A parameter group with a `max_lr` or `min_lr` of its own has a schedule with that one.
"""

from typing import Annotated

from ._core import numerics as xp
from ._core.fields import NESTED, Rate, static
from ._core.number import Float, Number, is_concrete
from ._core.schedule import Schedule
from ._schedulers.recipe import OfLibrary
from ._schedulers.shapes import rise, wave

__all__ = ["OptimizerParamScheduler"]

_STYLES = ("constant", "linear", "cosine", "inverse-square-root", "WSD")
_FALLS = ("linear", "cosine", "exponential", "minus_sqrt")
_INCREASES = ("constant", "linear", "cosine")


class WeightDecay(Schedule):
    """The weight decay of an OptimizerParamScheduler, as a schedule of its own."""

    schedule: Annotated["OptimizerParamScheduler", NESTED]

    def _curve(self, t):
        return self.schedule._weight_decay_curve(t)

    def __repr__(self):
        return f"{self.schedule!r}.weight_decay"


class OptimizerParamScheduler(OfLibrary):
    """A linear warm-up, a decay of any style, and a weight decay that rises.

        lr(n) = init_lr + (max_lr - init_lr) * n / W              for n <= W, if W > 0
        lr(n) = min_lr + (max_lr - min_lr) * fall(n)              for n <= N
        lr(n) = min_lr                                            from then on

    with W = `lr_warmup_steps` and N = `lr_decay_steps`. With `x = (n - W) / (N - W)`, `fall` is
    1 - x ("linear") or (1 + cos(pi x)) / 2 ("cosine"). For "WSD" it is 1 until the last
    `wsd_decay_steps` before N, and with x the share of them that is done 1 - x ("linear"),
    (1 + cos(pi x)) / 2 ("cosine"), 2 * 0.5 ** x - 1 ("exponential") or 1 - sqrt(x) ("minus_sqrt").
    For "constant" the rate stays at `max_lr`, after N too, and for "inverse-square-root" it is
    max(min_lr, max_lr * sqrt(max(W, 1) / n)) until N.

    `.weight_decay` is another schedule:

        weight_decay(n) = start_wd + (end_wd - start_wd) * rise(n / wd_incr_steps)

    `rise(x)` is x ("linear") or (1 - cos(pi x)) / 2 ("cosine"); then it stays at `end_wd`. Megatron
    multiplies it by a parameter group's `wd_mult`: so do `schedule.weight_decay * wd_mult`.

    Args:
      init_lr: the rate at count 0 of the warm-up.
      max_lr: the rate after the warm-up.
      min_lr: the rate at the end.
      lr_warmup_steps: W, the number of samples of the warm-up.
      lr_decay_steps: N, the number of samples until the end of the decay, with the warm-up.
      lr_decay_style: "constant", "linear", "cosine", "inverse-square-root" or "WSD".
      start_wd: the weight decay at count 0.
      end_wd: the weight decay after `wd_incr_steps`.
      wd_incr_steps: the number of samples until then.
      wd_incr_style: "constant", "linear" or "cosine".
      use_checkpoint_opt_param_scheduler: without effect, as there is no checkpoint.
      override_opt_param_scheduler: without effect.
      wsd_decay_steps: the number of samples of the decay of "WSD".
      lr_wsd_decay_style: "linear", "cosine", "exponential" or "minus_sqrt", for "WSD".

    Returns:
      A `Schedule`: the rate as a function of the number of samples; `.weight_decay` is another.

    Raises:
      ValueError: for what Megatron refuses (a `min_lr` or `init_lr` above `max_lr`, a warm-up that
        is not shorter than the decay, a `start_wd` above `end_wd`, or another one for "constant",
        an unknown style), a "WSD" without its two arguments, a negative number.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = jaxsched.megatron.OptimizerParamScheduler(
    ...     0.0, 0.1, 0.01, 2, 6, "linear", 0.0, 0.1, 4, "linear"
    ... )
    >>> schedule(jnp.arange(8))
    Array([0.    , 0.05  , 0.1   , 0.0775, 0.055 , 0.0325, 0.01  , 0.01  ],      dtype=float32)
    >>> schedule.weight_decay(jnp.arange(6))
    Array([0.   , 0.025, 0.05 , 0.075, 0.1  , 0.1  ], dtype=float32)

    Port of https://github.com/NVIDIA/Megatron-LM/blob/main/megatron/core/optimizer_param_scheduler.py.
    """

    init_lr: Rate
    max_lr: Rate
    min_lr: Rate
    lr_warmup_steps: Number
    lr_decay_steps: Number
    lr_decay_style: str = static()
    start_wd: Float
    end_wd: Float
    wd_incr_steps: Number
    wd_incr_style: str = static()
    use_checkpoint_opt_param_scheduler: bool = static(default=True)
    override_opt_param_scheduler: bool = static(default=False)
    wsd_decay_steps: Number | None = None
    lr_wsd_decay_style: str | None = static(default=None)

    def _validate(self):
        for name in ("init_lr", "min_lr", "lr_warmup_steps", "start_wd", "wd_incr_steps"):
            self._require(name, lambda x: x >= 0, "a number from 0 up")
        self._require("lr_decay_steps", lambda n: n > 0, "a positive number")
        for name, limit in (("init_lr", "max_lr"), ("min_lr", "max_lr"), ("start_wd", "end_wd")):
            most = getattr(self, limit)
            if is_concrete(most):
                self._require(name, lambda x, y=most: x <= y, f"at most `{limit}`, {most}")
        if is_concrete(self.lr_decay_steps):
            end = self.lr_decay_steps
            self._require("lr_warmup_steps", lambda n: n < end, f"below `lr_decay_steps`, {end}")
        self._choose("lr_decay_style", *_STYLES)
        if self.lr_decay_style == "WSD":
            if self.wsd_decay_steps is None:
                self._reject("wsd_decay_steps", 'a number with `lr_decay_style="WSD"`')
            self._require("wsd_decay_steps", lambda n: n >= 0, "a number from 0 up")
            self._choose("lr_wsd_decay_style", *_FALLS, more=' with `lr_decay_style="WSD"`')
        self._choose("wd_incr_style", *_INCREASES)
        if self.wd_incr_style != "constant":
            style = f'with `wd_incr_style="{self.wd_incr_style}"`'
            self._require("wd_incr_steps", lambda n: n > 0, f"positive {style}")
        elif is_concrete(self.end_wd):
            end = self.end_wd
            rule = f'`end_wd`, {end}, with `wd_incr_style="constant"`'
            self._require("start_wd", lambda x: x == end, rule)

    def _curve(self, t):
        size, top = self.lr_warmup_steps, self.max_lr
        up = xp.divide((top - self.init_lr) * t, xp.where(size == 0, 1, size))
        after = top if self.lr_decay_style == "constant" else self._decay(t)
        return xp.where((t <= size) & (size > 0), self.init_lr + up, after)

    def _decay(self, t):
        low, top = self.min_lr, self.max_lr
        if self.lr_decay_style == "inverse-square-root":
            begun = xp.floating(xp.maximum(self.lr_warmup_steps, 1))
            rate = xp.maximum(low, top * xp.sqrt(begun) / xp.sqrt(xp.floating(xp.maximum(t, 1))))
        else:
            rate = low + self._fall(t) * (top - low)
        return xp.where(t > self.lr_decay_steps, low, rate)

    def _fall(self, t):
        end, begun = self.lr_decay_steps, self.lr_warmup_steps
        if self.lr_decay_style != "WSD":
            x = xp.clip(xp.divide(t - begun, end - begun), 0.0, 1.0)
            return wave(x) if self.lr_decay_style == "cosine" else 1.0 - x
        size, style = self.wsd_decay_steps, self.lr_wsd_decay_style
        x = xp.clip(xp.divide(t - (end - size), xp.where(size == 0, 1, size)), 0.0, 1.0)
        if style == "exponential":
            return 2.0 * xp.power(0.5, x) - 1.0
        if style == "cosine":
            return wave(x)
        return 1.0 - rise("sqrt" if style == "minus_sqrt" else "linear", x)

    @property
    def weight_decay(self) -> WeightDecay:
        """The weight decay at each count; call it with a count, or hand it to Optax."""
        return WeightDecay(self)

    def _weight_decay_curve(self, t):
        if self.wd_incr_style == "constant":
            return xp.floating(self.end_wd) + 0.0 * t
        x = xp.minimum(xp.divide(t, self.wd_incr_steps), 1.0)
        risen = wave(1.0 - x) if self.wd_incr_style == "cosine" else x
        return xp.where(
            t > self.wd_incr_steps,
            self.end_wd,
            self.start_wd + risen * (self.end_wd - self.start_wd),
        )
