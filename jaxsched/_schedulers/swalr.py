"""SWALR: from the last rate to `swa_lr`."""

from typing import Annotated

from .._core import numerics as xp
from .._core.affine import Affine
from .._core.fields import LastEpoch, NumberKind, Rate, static
from .._core.formulas import MapsRate
from .._core.number import Int
from .._core.protocol import OwnClockPart
from .._core.schedule import CarriesRate


class _SWAPart(OwnClockPart):
    """It counts from 0 whatever `last_epoch` says, and keeps `swa_lr` in the group."""

    def attach(self):
        self.group.share(SWALR, self.schedule, ("swa_lr",))
        return super().attach()

    def first_clock(self):
        return 0

    def now(self):
        return self.group.with_shared(self.schedule)


class SWALR(MapsRate, CarriesRate):
    """Moves the learning rate to `swa_lr` in `anneal_epochs` steps, and keeps it there.

        lr(t) = swa_lr + (lr - swa_lr) * (1 - alpha(min(t, anneal_epochs) / anneal_epochs))

    with alpha(x) = (1 - cos(pi * x)) / 2, or x for the linear strategy.

    Args:
      lr: the learning rate at step 0.
      swa_lr: the learning rate at the end, for averaging weights.
      anneal_epochs: the number of steps on the way, an int from 0 up.
      anneal_strategy: "cos" or "linear".
      last_epoch: ignored, as PyTorch does: SWALR counts its own steps.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for `anneal_epochs` or `anneal_strategy` out of range.

    >>> import jax.numpy as jnp
    >>> SWALR(0.1, swa_lr=0.05, anneal_epochs=2)(jnp.arange(4))
    Array([0.1  , 0.075, 0.05 , 0.05 ], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.SWALR.html, the
    paper is https://arxiv.org/abs/1803.05407.
    """

    lr: Rate
    swa_lr: Rate
    anneal_epochs: Annotated[Int, NumberKind(integers=range(2**63), error=ValueError)] = 10
    anneal_strategy: str = static(default="cos")
    last_epoch: LastEpoch = static(default=-1)

    _part = _SWAPart

    def _validate(self):
        super()._validate()
        self._choose("anneal_strategy", "cos", "linear")

    def _steps(self, s, t) -> Affine:
        # Once it has arrived, PyTorch sets the rate anew at every step.
        left = self._left(s)
        shrink = xp.where(left == 0.0, 0.0, xp.divide(self._left(t), left))
        shrink = xp.where(t == s, 1.0, shrink)
        return Affine(shrink, self.swa_lr * (1.0 - shrink))

    def _left(self, t):
        """The share of the way that is still to go."""
        way = xp.clip(xp.divide(t, xp.maximum(self.anneal_epochs, 1)), 0.0, 1.0)
        way = xp.where((self.anneal_epochs == 0) & (t >= 0), 1.0, way)
        return 1.0 - way if self.anneal_strategy == "linear" else (1.0 + xp.cos(xp.pi * way)) / 2.0
