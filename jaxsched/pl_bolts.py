"""Lightning Bolts' LinearWarmupCosineAnnealingLR, which many repositories hold a copy of.

Where it takes the optimizer, jaxsched takes the learning rate; every other argument keeps its name,
order and default. The count is the number of `scheduler.step()` done: of epochs, or of updates.

    optax.adam(jaxsched.pl_bolts.LinearWarmupCosineAnnealingLR(1e-3, 500, 10_000))

`from_torch` knows a live one by the name of its class and by its attributes, in whichever module
it is, and steps a copy of it to see that it has the rates of this one.
"""

from ._core import numerics as xp
from ._core.affine import Affine
from ._core.fields import LastEpoch, Rate, static
from ._core.formulas import MapsRate
from ._core.number import Number
from ._core.schedule import CarriesRate, without_warnings
from ._schedulers.cosine_annealing_lr import CosineAnnealingLR
from ._schedulers.recipe import Subclass

__all__ = ["LinearWarmupCosineAnnealingLR"]


class LinearWarmupCosineAnnealingLR(Subclass, MapsRate, CarriesRate):
    """A linear warm-up, then half a cosine down, and up again.

        lr(t) = start + (lr - start) * t / (W - 1)                                   for t < W
        lr(t) = eta_min + (lr - eta_min) * (1 + cos(pi * (t - W) / (M - W))) / 2    from then on

    So `lr` is reached at W - 1, and is the rate at W too. After M it goes on as a wave, like
    CosineAnnealingLR. Without a warm-up the library begins the first half wave at `start`.

    Args:
      lr: the learning rate after the warm-up.
      warmup_epochs: W, the number of steps of the warm-up.
      max_epochs: M, the number of steps to the trough, the warm-up included.
      warmup_start_lr: start, the rate at count 0.
      eta_min: the learning rate at the trough.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for numbers of steps that are no integers, or a warm-up that is not shorter than
        `max_epochs`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import pl_bolts
    >>> pl_bolts.LinearWarmupCosineAnnealingLR(0.1, 3, 5)(jnp.arange(7))
    Array([0.  , 0.05, 0.1 , 0.1 , 0.05, 0.  , 0.05], dtype=float32)

    Port of https://github.com/Lightning-Universe/lightning-bolts/blob/master/src/pl_bolts/optimizers/lr_scheduler.py.
    """

    lr: Rate
    warmup_epochs: Number
    max_epochs: Number
    warmup_start_lr: Rate = 0.0
    eta_min: Rate = 0.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        for name in ("warmup_epochs", "max_epochs"):
            self._require(name, lambda n: n >= 0 and n == int(n), "an integer from 0 up")
        if self._knows("warmup_epochs", "max_epochs"):
            least = self.warmup_epochs
            self._require("max_epochs", lambda n: n > least, f"above `warmup_epochs`, {least}")

    def _steps(self, s, t) -> Affine:
        size, start = self.warmup_epochs, self.warmup_start_lr
        with without_warnings():
            falling = CosineAnnealingLR(self._base, self.max_epochs - size, self.eta_min)
        fall = falling._steps(xp.maximum(s - size, 0), xp.maximum(t - size, 0))
        warm, enters = t < size, s < size
        top = xp.where(size > 0, self._base, start)
        rise = xp.divide(self._base - start, xp.maximum(size - 1, 1))
        line = xp.where(s < 0, start + rise * t, rise * (t - s))
        kept = xp.where(warm, xp.where(s < 0, 0.0, 1.0), xp.where(enters, 0.0, fall.a))
        return Affine(kept, xp.where(warm, line, fall.b + xp.where(enters, fall.a * top, 0.0)))

    def _restart(self, t) -> Affine:
        return Affine(0, xp.where(self.warmup_epochs > 0, self.warmup_start_lr, self._base))

    def _forbids(self, move, t):
        return (
            "warmup_epochs"
            if move == "restart" and self._knows("warmup_epochs") and self.warmup_epochs == 1
            else None
        )
