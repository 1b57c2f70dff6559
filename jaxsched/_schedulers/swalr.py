"""SWALR: from the last rate to `swa_lr`."""

from .._core import numerics as xp
from .._core.affine import Affine
from .._core.schedule import Single
from .._core.value import INTEGERS, Float, Int, static


class SWALR(Single):
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

    lr: Float
    swa_lr: Float
    anneal_epochs: Int = 10
    anneal_strategy: str = static(default="cos")
    last_epoch: int = static(default=-1)

    _own_clock = True
    _checked_by_value = ("anneal_epochs",)

    def _validate(self):
        super()._validate()
        self._require(
            "anneal_epochs", lambda n: isinstance(n, INTEGERS) and n >= 0, "an int from 0 up"
        )
        self._choose("anneal_strategy", "cos", "linear")

    def _first_clock(self, t):
        return 0

    def _attach(self, group):
        group.set_levels(SWALR, self, ("swa_lr",))
        return super()._attach(group)

    def _steps(self, s, t) -> Affine:
        # Once it has arrived, PyTorch sets the rate anew at every step.
        left = self._left(s)
        shrink = xp.where(left == 0.0, 0.0, xp.over(self._left(t), left))
        shrink = xp.where(t == s, 1.0, shrink)
        return Affine(shrink, self.swa_lr * (1.0 - shrink))

    def _left(self, t):
        """The share of the way that is still to go."""
        way = xp.clip(xp.over(t, xp.maximum(self.anneal_epochs, 1)), 0.0, 1.0)
        way = xp.where((self.anneal_epochs == 0) & (t >= 0), 1.0, way)
        return 1.0 - way if self.anneal_strategy == "linear" else (1.0 + xp.cos(xp.pi * way)) / 2.0
