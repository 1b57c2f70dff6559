"""Clock to cycle: CyclicLR and OneCycleLR, which set the rate, and the momentum with it."""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from . import _numbers as xp
from ._functions import call, check_function, check_total_steps, tabulated_within
from ._schedule import Schedule, no_number
from ._value import Float, Int, Number, evolve, known, overflows, static

_LARGEST = float(np.finfo(np.float64).max)
_SIZES = "less than 2**1000 steps"
_MODES = ("triangular", "triangular2", "exp_range")


class Momentum(Schedule):
    """The momentum that goes with a CyclicLR or OneCycleLR, as a schedule of its own."""

    schedule: "Cycling"

    @property
    def last_epoch(self):
        return self.schedule.last_epoch

    @property
    def plain_division(self):
        return self.schedule.plain_division

    @property
    def last_clock(self):
        return self.schedule.last_clock

    def curve(self, t):
        return self.schedule.momentum_curve(t)

    def horizon(self):
        return self.schedule.horizon()

    def past_end(self, count):
        return self.schedule.past_end(count)

    def __repr__(self):
        return f"{self.schedule!r}.momentum"

    __mul__ = __rmul__ = no_number  # `optax.sgd` multiplies with it


class Cycling(Schedule):
    """What sets a momentum along with the rate."""

    cycle_momentum = True

    def momentum_part(self):
        return Momentum(self) if self.cycle_momentum else None

    @property
    def momentum(self) -> Momentum:
        """The momentum (Adam's beta1) at each step; call it with a count, or hand it to Optax.

        Raises a ValueError where `cycle_momentum` is False.
        """
        if not self.cycle_momentum:
            raise ValueError(
                f"`{type(self).__name__}(cycle_momentum=...)` must be True"
                " for `.momentum`, got False."
            )
        return Momentum(self)

    def momentum_curve(self, t):
        raise NotImplementedError


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

    base_lr: Float
    max_lr: Float
    step_size_up: Number = 2000
    step_size_down: Number | None = None
    mode: str = static(default="triangular")
    gamma: Float = 1.0
    scale_fn: Callable[[int], float] | None = static(default=None)
    scale_mode: str = static(default="cycle")
    cycle_momentum: bool = static(default=True)
    base_momentum: Float = 0.8
    max_momentum: Float = 0.9
    last_epoch: int = static(default=-1)
    total_steps: int | None = static(default=None, kw_only=True)

    checked_by_value = ("step_size_up", "step_size_down")

    def validate(self):
        if self.scale_fn is not None:
            check_function(self, "scale_fn")
        else:
            self.choose("mode", *_MODES, more=", without a `scale_fn`")
        for name in ("mode", "scale_mode"):  # PyTorch then takes any
            if not isinstance(getattr(self, name), str | None):
                self.reject(name, "a str")
        for name in ("step_size_up", "step_size_down"):
            self.require(name, lambda n: n is None or abs(float(n)) < 2.0**1000, _SIZES)
        self.require("step_size_up", lambda n: n != 0, "a number of steps other than 0")
        self._warn_if_below_one("step_size_up", "base_lr")
        if known(self.step_size_up) and known(self.step_size_down):
            up = self.step_size_up
            self.require("step_size_down", lambda n: n != -up, f"other than {-up}")
        check_total_steps(self)

    @property
    def last_clock(self):
        """The last step that PyTorch computes: from the next one on `gamma ** step` overflows."""
        grows = self.mode == "exp_range" and self.scale_fn is None and known(self.gamma)
        if not grows or abs(self.gamma) <= 1:
            return None
        last = int(math.log(_LARGEST) / math.log(abs(self.gamma)))
        last += not overflows(self.gamma, last + 1)
        last -= overflows(self.gamma, last)
        return last if last < 2**31 else None

    def past_end(self, count):
        return (
            f"Tried to step {self.last_epoch + 1 + count} times. `CyclicLR(gamma={self.gamma!r})`"
            f" ends at step {self.last_clock}, as `gamma ** step` then overflows."
        )

    def attach(self, group):
        if self.last_epoch == -1:
            group.set_lr(self.base_lr)
            group.set_levels(OneCycleLR, self, momenta_written(self))
        group.set_default_initial_lr()
        if group.initial_lr is None:
            return self, self
        # PyTorch's first step still takes the group's initial rate for its base.
        built_first = group.initial_lr is self.base_lr
        return self, self if built_first else evolve(self, base_lr=group.initial_lr)

    def within(self, horizon):
        return tabulated_within(self, horizon)

    def horizon(self):
        return self.total_steps

    def curve(self, t):
        return self.base_lr + self._swing(self.base_lr, self.max_lr, t)

    def momentum_curve(self, t):
        return self.max_momentum - self._swing(self.base_momentum, self.max_momentum, t)

    def _swing(self, base, top, t):
        up, total = self._sizes()
        ratio = up / total
        cycles = xp.over(t, total)
        cycle = xp.floor(1 + cycles)
        x = 1.0 + cycles - cycle
        height = xp.where(x <= ratio, xp.over(x, ratio), xp.over(x - 1, ratio - 1))
        return (top - base) * height * self._scale(cycle, t)

    def _sizes(self):
        up = xp.floating(self.step_size_up)
        down = up if self.step_size_down is None else xp.floating(self.step_size_down)
        return up, up + down

    def _scale(self, cycle, t):
        if self.scale_fn is not None:
            if self.scale_mode != "cycle":
                return call(self, "scale_fn", t)
            return call(self, "scale_fn", cycle.astype(jnp.int64), 1, self._last_cycle() + 1)
        if self.mode == "triangular":
            return 1.0
        if self.mode == "triangular2":
            return xp.exp2(1 - cycle)
        # Never infinite, which the 0 between two cycles would make a NaN of.
        return xp.clip(xp.power(self.gamma, t), -_LARGEST, _LARGEST)

    def _last_cycle(self) -> int | None:
        """The last cycle to tabulate `scale_fn` for."""
        if self.total_steps is None:
            return 0
        steps = self.last_epoch + 1 + self.total_steps
        total = self.step_size_up + (self.step_size_down or self.step_size_up)
        return int(1 + steps / total) if known(total) else steps + 1


class OneCycleLR(Cycling):
    """One rise to `max_lr` and one long fall far below the start: super-convergence.

        lr goes   max_lr / div_factor  ->  max_lr  ->  max_lr / div_factor / final_div_factor

    in two phases, the first `pct_start` of all steps long; with `three_phase` as long a way back
    to the start comes before the rest. Each phase follows half a cosine, or a line. The momentum
    falls from `max_momentum` to `base_momentum` and rises again.

    Args:
      max_lr: the learning rate at the top.
      total_steps: the number of steps, a positive int; or instead
      epochs: a number of epochs, and
      steps_per_epoch: the number of steps in each.
      pct_start: the share of steps on the way up, a float from 0 to 1.
      anneal_strategy: "cos" or "linear".
      cycle_momentum: whether there is a `momentum`.
      base_momentum: the momentum at the top.
      max_momentum: the momentum at both ends.
      div_factor: `max_lr` over the first rate.
      final_div_factor: the first rate over the last.
      three_phase: whether the way down has two phases.
      last_epoch: the index of the last step before this schedule; count 0 is the one after it.

    Returns:
      A `Schedule`: the rate as a function of the step count; `.momentum` is another. Like
      PyTorch's, it is defined up to step `total_steps`, where it rebounds. Past that a count whose
      value is known raises; a traced one gets the rate of step `total_steps - 1`, and is an error
      under `jax.experimental.checkify`.

    Raises:
      ValueError: for arguments out of range, among them a first phase of no length.

    >>> import jax.numpy as jnp
    >>> schedule = OneCycleLR(0.1, total_steps=6)
    >>> schedule(jnp.arange(6))
    Array([4.0000002e-03, 9.9441543e-02, 8.1174567e-02, 4.6263710e-02,
           1.3347753e-02, 4.0000000e-07], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html,
    the paper is https://arxiv.org/abs/1708.07120.
    """

    max_lr: Float
    total_steps: Int | None = None
    epochs: Int | None = None
    steps_per_epoch: Int | None = None
    pct_start: Float = 0.3
    anneal_strategy: str = static(default="cos")
    cycle_momentum: bool = static(default=True)
    base_momentum: Float = 0.85
    max_momentum: Float = 0.95
    div_factor: Float = 25.0
    final_div_factor: Float = 1e4
    three_phase: bool = static(default=False)
    last_epoch: int = static(default=-1)

    resets_initial_lr = True
    checked_by_value = ("epochs", "steps_per_epoch")

    def validate(self):
        lengths = (
            ("total_steps",) if self.total_steps is not None else ("epochs", "steps_per_epoch")
        )
        for name in lengths:
            if getattr(self, name) is None:
                raise ValueError(
                    f"`OneCycleLR(...)` must have `total_steps`, or both `epochs` and"
                    f" `steps_per_epoch`, got `{name}=None`."
                )
            self.require(
                name, lambda n: isinstance(n, (int, np.integer)) and n > 0, "a positive int"
            )
        floats = float | np.floating
        self.require(
            "pct_start", lambda x: isinstance(x, floats) and 0 <= x <= 1, "a float from 0 to 1"
        )
        self.choose("anneal_strategy", "cos", "linear")
        for name in ("div_factor", "final_div_factor"):
            self.require(name, lambda x: x != 0, "a number other than 0")
        if known(self.length) and known(self.pct_start) and self.pct_start * self.length == 1:
            self.reject("pct_start", f"other than 1 / {self.length}, a first phase of no length")
        if known(self.length) and self.length >= 2**63:
            names = "=..., ".join(lengths)
            raise ValueError(
                f"`OneCycleLR({names}=...)` must be fewer than 2**63 steps, got {self.length}."
            )
        with np.errstate(over="ignore"):
            initial = xp.over(self.max_lr, self.div_factor)
            lowest = xp.over(initial, self.final_div_factor)
        for name, rate in (("div_factor", initial), ("final_div_factor", lowest)):
            if known(rate) and math.isinf(rate):
                self.reject(name, "large enough that no rate is infinite")
        self._refuse_an_end_behind_it()

    def _refuse_an_end_behind_it(self) -> None:
        if not (known(self.length) and known(self.pct_start)):
            return
        if self.last_epoch >= self.last_clock:
            raise ValueError(self.past_end(0))

    @property
    def length(self):
        if self.total_steps is not None:
            return self.total_steps
        return self.epochs * self.steps_per_epoch

    @property
    def last_clock(self):
        """The last step that PyTorch computes: it divides by 0 in a last phase of no length."""
        begin, end = self._ends()[-2:]
        if known(begin) and known(end):
            return end if begin == end else self.length
        return xp.where(begin == end, end, self.length)

    def past_end(self, count):
        return (
            f"Tried to step {self.last_epoch + 1 + count} times."
            f" `OneCycleLR(total_steps={self.length})` ends at step {self.last_clock}:"
            " `total_steps` must cover all updates."
        )

    def attach(self, group):
        initial = self.max_lr / self.div_factor
        if self.last_epoch == -1:
            group.initial_lr = initial
        if self.last_epoch == -1 or "max_lr" not in group.levels.get(OneCycleLR, {}):
            rates = ("max_lr", "div_factor", "final_div_factor")
            group.set_levels(OneCycleLR, self, (*rates, *momenta_written(self)))
        if group.initial_lr is None:
            group.initial_lr = initial
        return self, self

    def curve(self, t):
        initial = self.max_lr / self.div_factor
        return self._along(t, initial, self.max_lr, initial / self.final_div_factor)

    def momentum_curve(self, t):
        return self._along(t, self.max_momentum, self.base_momentum, self.max_momentum)

    def _ends(self) -> list:
        """The step each phase ends at, after a 0."""
        up = self.pct_start * self.length
        return [0.0, up - 1, *([2 * up - 2] if self.three_phase else []), self.length - 1]

    def _along(self, t, initial, top, final):
        ends = self._ends()
        levels = [initial, top, *([initial] if self.three_phase else []), final]
        t = xp.where(t > self.last_clock, ends[-1], t)
        value = None
        for begin, end, low, high in reversed(
            list(zip(ends, ends[1:], levels, levels[1:], strict=False))
        ):
            piece = self._anneal(low, high, xp.over(t - begin, end - begin))
            value = piece if value is None else xp.where(t <= end, piece, value)
        return value

    def _anneal(self, begin, end, way):
        if self.anneal_strategy == "linear":
            return (end - begin) * way + begin
        return end + (begin - end) / 2.0 * (xp.cos(xp.pi * way) + 1.0)


def momenta_written(schedule: Cycling) -> tuple[str, ...]:
    """What a cycle writes into the group, whence every OneCycleLR on the optimizer reads it."""
    return ("base_momentum", "max_momentum") if schedule.cycle_momentum else ()
