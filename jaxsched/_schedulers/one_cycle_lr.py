"""OneCycleLR: one rise and one fall over all of a training."""

import math
from typing import Annotated, TypeAlias

import numpy as np

from .._core import numerics as xp
from .._core.fields import LastEpoch, NumberKind, PositiveInt, Rate, static
from .._core.number import Float, Int, is_concrete
from .._core.past_end import End
from .._core.protocol import Part
from .cycling import Cycling, momenta_written

_Divisor: TypeAlias = Annotated[Float, NumberKind(infinite=True)]  # which gives a rate of 0
# PyTorch raises a ValueError for what is no number, too.
_Number: TypeAlias = Annotated[Int, NumberKind(integers=range(1, 2**63), error=ValueError)]


class _OneCyclePart(Part):
    """It keeps its rates and momenta in the group, which all OneCycleLRs on it share."""

    def attach(self):
        schedule, group = self.schedule, self.group
        initial = schedule.max_lr / schedule.div_factor
        if schedule.last_epoch == -1:
            group.initial_lr = initial
        if schedule.last_epoch == -1 or "max_lr" not in group.shared.get(OneCycleLR, {}):
            rates = ("max_lr", "div_factor", "final_div_factor")
            group.share(OneCycleLR, schedule, (*rates, *momenta_written(schedule)))
        if group.initial_lr is None:
            group.initial_lr = initial
        return schedule

    def now(self):
        return self.group.with_shared(self.schedule)


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
      PyTorch's, it is defined up to step `total_steps`, where it rebounds. Past that a concrete
      count raises; a traced one gets the rate of step `total_steps - 1`, and is an error under
      `jax.experimental.checkify`.

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

    max_lr: Rate
    total_steps: PositiveInt | None = None
    epochs: _Number | None = None
    steps_per_epoch: _Number | None = None
    pct_start: Float = 0.3
    anneal_strategy: str = static(default="cos")
    cycle_momentum: bool = static(default=True)
    base_momentum: Float = 0.85
    max_momentum: Float = 0.95
    div_factor: _Divisor = 25.0
    final_div_factor: _Divisor = 1e4
    three_phase: bool = static(default=False)
    last_epoch: LastEpoch = static(default=-1)

    _part = _OneCyclePart

    def _validate(self):
        lengths = (
            ("total_steps",) if self.total_steps is not None else ("epochs", "steps_per_epoch")
        )
        for name in lengths:
            if getattr(self, name) is None:
                raise ValueError(
                    f"`OneCycleLR(...)` must have `total_steps`, or both `epochs` and"
                    f" `steps_per_epoch`, got `{name}=None`."
                )
        floats = float | np.floating
        self._require(
            "pct_start", lambda x: isinstance(x, floats) and 0 <= x <= 1, "a float from 0 to 1"
        )
        self._choose("anneal_strategy", "cos", "linear")
        for name in ("div_factor", "final_div_factor"):
            self._require(name, lambda x: x != 0, "a number other than 0")
        if (
            is_concrete(self._length)
            and is_concrete(self.pct_start)
            and self.pct_start * self._length == 1
        ):
            self._reject("pct_start", f"other than 1 / {self._length}, a first phase of no length")
        if is_concrete(self._length) and self._length >= 2**63:
            names = "=..., ".join(lengths)
            raise ValueError(
                f"`OneCycleLR({names}=...)` must be fewer than 2**63 steps, got {self._length}."
            )
        self._refuse_infinite_rates()
        self._refuse_an_end_behind_it()

    def _refuse_infinite_rates(self) -> None:
        rate = self.max_lr
        for name in ("div_factor", "final_div_factor"):
            factor = getattr(self, name)
            if not (is_concrete(rate) and is_concrete(factor)):
                return  # Outside of x64 a traced one would be rounded.
            with np.errstate(over="ignore"):
                rate = xp.divide(rate, factor)
            if math.isinf(rate):
                self._reject(name, "large enough that no rate is infinite")

    def _refuse_an_end_behind_it(self) -> None:
        if not (is_concrete(self._length) and is_concrete(self.pct_start)):
            return
        end = self._last_step()
        if self.last_epoch >= end.last:
            raise end.error(self.last_epoch + 1)

    @property
    def _length(self):
        if self.total_steps is not None:
            return self.total_steps
        return self.epochs * self.steps_per_epoch

    @property
    def _last(self):
        """The last step that PyTorch computes: it divides by 0 in a last phase of no length."""
        begin, end = self._ends()[-2:]
        if is_concrete(begin) and is_concrete(end):
            return end if begin == end else self._length
        return xp.where(begin == end, end, self._length)

    def _last_step(self):
        last = self._last
        return End(
            last,
            f"`OneCycleLR(total_steps={self._length})` ends at step {last}: `total_steps` must"
            " cover all updates.",
        )

    def _curve(self, t):
        initial = self.max_lr / self.div_factor
        return self._along(t, initial, self.max_lr, initial / self.final_div_factor)

    def _momentum_curve(self, t):
        return self._along(t, self.max_momentum, self.base_momentum, self.max_momentum)

    def _ends(self) -> list:
        """The step each phase ends at, after a 0."""
        up = self.pct_start * self._length
        return [0.0, up - 1, *([2 * up - 2] if self.three_phase else []), self._length - 1]

    def _along(self, t, initial, top, final):
        ends = self._ends()
        values = [initial, top, *([initial] if self.three_phase else []), final]
        t = xp.where(t > self._last, ends[-1], t)
        value = None
        for begin, end, low, high in reversed(
            list(zip(ends, ends[1:], values, values[1:], strict=False))
        ):
            piece = self._anneal(low, high, xp.divide(t - begin, end - begin))
            value = piece if value is None else xp.where(t <= end, piece, value)
        return value

    def _anneal(self, begin, end, way):
        if self.anneal_strategy == "linear":
            return (end - begin) * way + begin
        return end + (begin - end) / 2.0 * (xp.cos(xp.pi * way) + 1.0)
