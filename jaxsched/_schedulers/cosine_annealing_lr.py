"""CosineAnnealingLR: along a cosine, and after `T_max` up again."""

from .._core import numerics as xp
from .._core.affine import IDENTITY, Affine
from .._core.closed_forms import around, scaled_between
from .._core.fields import LastEpoch, Length, Rate, static
from .._core.formulas import MapsRate
from .._core.number import is_zero
from .._core.schedule import CarriesRate


class CosineAnnealingLR(MapsRate, CarriesRate):
    """Lowers the learning rate along half a cosine, and raises it again.

        lr(t) = eta_min + (lr - eta_min) * (1 + cos(pi * t / T_max)) / 2

    Like PyTorch, it goes on as a wave after `T_max`, with period 2 * `T_max`. In a chain each
    wave starts anew from the initial rate at the trough.

    Args:
      lr: the learning rate at step 0.
      T_max: the number of steps from the top to the trough.
      eta_min: the learning rate at the trough.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a `T_max` of 0.

    >>> import jax.numpy as jnp
    >>> CosineAnnealingLR(0.1, T_max=3, eta_min=0.01)(jnp.arange(7))
    Array([0.1   , 0.0775, 0.0325, 0.01  , 0.0325, 0.0775, 0.1   ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html,
    the paper is https://arxiv.org/abs/1608.03983.
    """

    lr: Rate
    T_max: Length
    eta_min: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        self._require("T_max", lambda n: n != 0, "a number of steps other than 0")
        self._warn_if_below_one("T_max", "lr")

    def _steps(self, s, t) -> Affine:
        # Between two troughs the height above eta_min follows the cosine. Into the step after
        # a trough PyTorch adds the first piece of a new wave to whatever the rate then is.
        trough = self._last_trough(t)
        crossed = trough >= s
        shrink = xp.divide(self._height(t), self._height(xp.where(crossed, trough + 1, s)))
        shrink = xp.where(t == s, 1.0, xp.where(trough > s, 0.0, shrink))
        wave = xp.where(crossed, (self._base - self.eta_min) * self._height(t), 0.0)
        return Affine(shrink, self.eta_min * (1.0 - shrink) + wave)

    def _whole_curve(self, t):
        """The rate at clock `t`, if it was the initial one at 0."""
        return self.eta_min + (self._base - self.eta_min) * self._height(t)

    def _form_among_factors(self):
        return _wave if is_zero(self.eta_min) else None

    def _start(self, t) -> Affine:
        return IDENTITY

    def _restart(self, t) -> Affine:
        return Affine(0, self._base)

    def _height(self, t):
        return (1.0 + xp.cos(xp.divide(xp.pi * t, self.T_max))) / 2.0

    def _last_trough(self, t):
        """The last step before `t` at a trough; one between two steps is never met."""
        half = abs(xp.floating(self.T_max))
        trough = half + 2.0 * half * xp.floor(xp.divide(t - 1 - half, 2.0 * half))
        met = (half == xp.floor(half)) & (half < xp.inf)
        return xp.where(met, trough, -xp.inf)


def _wave(parts, clocks, rate, n):
    """Multiplying parts around one CosineAnnealingLR that goes down to 0.

    At a trough the rate is 0 whatever came before, and the cosine's next step adds the first
    piece of a new wave, which only the parts behind it in the chain multiply at that step.
    """
    [index] = [i for i, part in enumerate(parts) if isinstance(part, CosineAnnealingLR)]
    cosine, clock = parts[index], clocks[index]
    trough = cosine._last_trough(clock.at(n))
    begin = xp.where(trough >= clock.reading, clock.when(trough + 1) - 1, 0)
    shrink, rise = cosine._steps(clock.at(begin), clock.at(n))
    before, behind = around(parts, clocks, index)
    shrink = scaled_between(before, begin, n, shrink)
    rise = scaled_between(before, xp.minimum(begin + 1, n), n, rise)
    return scaled_between(behind, begin, n, xp.where(begin > 0, 0.0, rate) * shrink + rise)
