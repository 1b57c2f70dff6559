"""CyclicLR: up and down between two rates."""

import math
from collections.abc import Callable
from typing import Annotated, TypeAlias

import jax.numpy as jnp
import numpy as np

from .._core import numerics as xp
from .._core.fields import LastEpoch, NumberKind, Rate, TotalSteps, static
from .._core.functions import call, check_function, tabulated_for
from .._core.number import Float, Number, is_concrete, overflows
from .._core.past_end import End
from .._core.protocol import Part
from .._core.value import evolve
from .cycling import Cycling, momenta_written
from .one_cycle_lr import OneCycleLR

_LARGEST = float(np.finfo(np.float64).max)
_SIZES = "less than 2**1000 steps"
_Size: TypeAlias = Annotated[Number, NumberKind(error=ValueError)]
_MODES = ("triangular", "triangular2", "exp_range")


class _CyclicPart(Part):
    """It sets the rate when it is built, and its momenta for a OneCycleLR."""

    def attach(self):
        schedule, group = self.schedule, self.group
        if schedule.last_epoch == -1:
            group.set_lr(schedule.base_lr)
            group.share(OneCycleLR, schedule, momenta_written(schedule))
        group.set_default_initial_lr()
        if group.initial_lr is None:
            group.initial_lr = schedule.base_lr
        # PyTorch's first step still takes the group's initial rate for its base.
        if group.initial_lr is schedule.base_lr:
            return schedule
        return evolve(schedule, base_lr=group.initial_lr)


class CyclicLR(Cycling):
    """Moves the learning rate up and down between two rates.

        lr(t) = base_lr + (max_lr - base_lr) * height(t) * scale

    `height` rises from 0 to 1 in `step_size_up` steps and falls in `step_size_down`. `scale` is
    1 ("triangular"), halves each cycle ("triangular2"), is `gamma ** t` ("exp_range"), or what
    `scale_fn` says. The momentum falls from `max_momentum` while the rate rises, and rises again.

    Args:
      base_lr: the learning rate at the bottom of each cycle.
      max_lr: the learning rate at the top of the first cycle.
      step_size_up: the number of steps up.
      step_size_down: the number of steps down, by default as many.
      mode: "triangular", "triangular2" or "exp_range".
      gamma: the factor of each step for "exp_range".
      scale_fn: a function instead of `mode`, traced by JAX as LambdaLR's is; it gets an int.
      scale_mode: whether `scale_fn` gets the number of the cycle, from 1 up ("cycle"), or of
        the step ("iterations").
      cycle_momentum: whether there is a `momentum`.
      base_momentum: the momentum at the top of the cycle.
      max_momentum: the momentum at the bottom.
      last_epoch: the index of the last step before this schedule; count 0 is the one after it.
      total_steps: if given, `scale_fn` is called on the host for the first `total_steps`
        counts, and the last rate holds after that.

    Returns:
      A `Schedule`: the rate as a function of the step count; `.momentum` is another.

    Raises:
      ValueError: for an unknown `mode` without `scale_fn`, or a way up of 0 steps.

    >>> import jax.numpy as jnp
    >>> schedule = CyclicLR(0.1, max_lr=0.2, step_size_up=2)
    >>> schedule(jnp.arange(6))
    Array([0.1 , 0.15, 0.2 , 0.15, 0.1 , 0.15], dtype=float32)
    >>> schedule.momentum(2)
    Array(0.8, dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html,
    the paper is https://arxiv.org/abs/1506.01186.
    """

    base_lr: Rate
    max_lr: Rate
    step_size_up: _Size = 2000
    step_size_down: _Size | None = None
    mode: str = static(default="triangular")
    gamma: Float = 1.0
    scale_fn: Callable[[int], float] | None = static(default=None)
    scale_mode: str = static(default="cycle")
    cycle_momentum: bool = static(default=True)
    base_momentum: Float = 0.8
    max_momentum: Float = 0.9
    last_epoch: LastEpoch = static(default=-1)
    total_steps: TotalSteps = static(default=None, kw_only=True)

    _part = _CyclicPart

    def _validate(self):
        if self.scale_fn is not None:
            check_function(self, "scale_fn")
        else:
            self._choose("mode", *_MODES, more=", without a `scale_fn`")
        for name in ("mode", "scale_mode"):  # PyTorch then takes any
            if not isinstance(getattr(self, name), str | None):
                self._reject(name, "a str")
        for name in ("step_size_up", "step_size_down"):
            self._require(name, lambda n: n is None or abs(float(n)) < 2.0**1000, _SIZES)
        self._require("step_size_up", lambda n: n != 0, "a number of steps other than 0")
        self._warn_if_below_one("step_size_up", "base_lr")
        if is_concrete(self.step_size_up) and is_concrete(self.step_size_down):
            up = self.step_size_up
            self._require("step_size_down", lambda n: n != -up, f"other than {-up}")

    def _last_step(self):
        grows = self.mode == "exp_range" and self.scale_fn is None and is_concrete(self.gamma)
        if not grows or abs(self.gamma) <= 1:
            return None
        last = int(math.log(_LARGEST) / math.log(abs(self.gamma)))
        last += not overflows(self.gamma, last + 1)
        last -= overflows(self.gamma, last)
        if last >= 2**31:
            return None
        reason = f"`CyclicLR(gamma={self.gamma!r})` ends at step {last}, as `gamma ** step` then"
        return End(last, f"{reason} overflows.")

    def _tabulated(self, size):
        return tabulated_for(self, size)

    def _table_size(self):
        return self.total_steps

    @property
    def _has_constants(self):
        """Whether its program has its numbers: in a table, the cycles follow from them."""
        return self.scale_fn is not None and self.scale_mode == "cycle"

    def _curve(self, t):
        return self.base_lr + self._swing(self.base_lr, self.max_lr, t)

    def _momentum_curve(self, t):
        return self.max_momentum - self._swing(self.base_momentum, self.max_momentum, t)

    def _swing(self, base, top, t):
        up, total = self._sizes()
        ratio = up / total
        cycles = xp.divide(t, total)
        cycle = xp.floor(1 + cycles)
        x = 1.0 + cycles - cycle
        height = xp.where(x <= ratio, xp.divide(x, ratio), xp.divide(x - 1, ratio - 1))
        return (top - base) * height * self._scale(cycle, t)

    def _sizes(self):
        up = xp.floating(self.step_size_up)
        down = up if self.step_size_down is None else xp.floating(self.step_size_down)
        return up, up + down

    def _scale(self, cycle, t):
        if self.scale_fn is not None:
            if self.scale_mode != "cycle":
                return call(self, "scale_fn", t)
            return call(self, "scale_fn", cycle.astype(jnp.int64), self._cycles(), 1)
        if self.mode == "triangular":
            return 1.0
        if self.mode == "triangular2":
            return xp.exp2(1 - cycle)
        # Never infinite, which the 0 between two cycles would make a NaN of.
        return xp.clip(xp.power(self.gamma, t), -_LARGEST, _LARGEST)

    def _cycles(self) -> range | None:
        """The cycles to tabulate `scale_fn` for."""
        if self.total_steps is None:
            return None
        begun = self.last_epoch + 1
        total = self._sizes()[1]
        if not is_concrete(total):  # in a program that was given them
            return range(1, begun + self.total_steps + 2)
        cycles = [int(xp.floor(1 + t / total)) for t in (begun, begun + self.total_steps)]
        return range(min(cycles), max(cycles) + 1)
