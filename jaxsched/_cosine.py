"""Clock to cosine: CosineAnnealingLR, its warm restarts, and SWALR's approach to a fixed rate."""

from . import _numbers as xp
from ._affine import IDENTITY, Affine
from ._schedule import Single
from ._value import INTEGERS, Float, Int, Number, static


class CosineAnnealingLR(Single):
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

    lr: Float
    T_max: Number
    eta_min: Float = 0.0
    last_epoch: int = static(default=-1)

    def validate(self):
        super().validate()
        self.require("T_max", lambda n: n != 0, "a number of steps other than 0")
        self._warn_if_below_one("T_max", "lr")

    def steps(self, s, t) -> Affine:
        # Between two troughs the height above eta_min follows the cosine. Into the step after
        # a trough PyTorch adds the first piece of a new wave to whatever the rate then is.
        trough = self.last_trough(t)
        crossed = trough >= s
        shrink = xp.over(self.height(t), self.height(xp.where(crossed, trough + 1, s)))
        shrink = xp.where(t == s, 1.0, xp.where(trough > s, 0.0, shrink))
        wave = xp.where(crossed, (self.base - self.eta_min) * self.height(t), 0.0)
        return Affine(shrink, self.eta_min * (1.0 - shrink) + wave)

    def whole_curve(self, t):
        """The rate at clock `t`, if it was the initial one at 0."""
        return self.eta_min + (self.base - self.eta_min) * self.height(t)

    def start(self, t) -> Affine:
        return IDENTITY

    def restart(self, t) -> Affine:
        return Affine(0, self.base)

    def height(self, t):
        return (1.0 + xp.cos(xp.over(xp.pi * t, self.T_max))) / 2.0

    def last_trough(self, t):
        """The last clock reading before `t` at a trough; troughs at broken readings never come."""
        half = abs(xp.floating(self.T_max))
        trough = half + 2.0 * half * xp.floor(xp.over(t - 1 - half, 2.0 * half))
        met = (half == xp.floor(half)) & (half < xp.inf)
        return xp.where(met, trough, -xp.inf)


class CosineAnnealingWarmRestarts(Single):
    """Lowers the learning rate along half a cosine, and starts again at the top.

        lr(t) = eta_min + (lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2

    `T_cur` counts the steps since the last restart; the first cycle is `T_i = T_0` steps long,
    each later one `T_mult` times as long as the one before.

    Args:
      lr: the learning rate after a restart.
      T_0: the number of steps in the first cycle, a positive int.
      T_mult: the growth of the cycles, an int from 1 up.
      eta_min: the learning rate that a cycle approaches (and never quite reaches).
      last_epoch: the index of the last step before this schedule, as in `StepLR`. Like PyTorch,
        it then goes on as if in the first cycle, or the second if `T_0` steps have passed.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count. Without `last_epoch` the count may
      be fractional, as in PyTorch's `step(epoch + i / iters)`.

    Raises:
      ValueError: for a `T_0` or `T_mult` that is no int in its range.

    >>> import jax.numpy as jnp
    >>> CosineAnnealingWarmRestarts(0.1, T_0=2, T_mult=2)(jnp.arange(6))
    Array([0.1       , 0.05      , 0.1       , 0.08535534, 0.05      ,
           0.01464466], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html,
    the paper is https://arxiv.org/abs/1608.03983.
    """

    lr: Float
    T_0: Int
    T_mult: Int = 1
    eta_min: Float = 0.0
    last_epoch: int = static(default=-1)

    overwrites = True
    checked_by_value = ("eta_min",)

    def validate(self):
        super().validate()
        self.require("T_0", lambda n: isinstance(n, INTEGERS) and n > 0, "a positive int")
        self.require("T_mult", lambda n: isinstance(n, INTEGERS) and n >= 1, "an int from 1 up")

    @property
    def fractional(self) -> bool:
        return self.last_epoch == -1

    @property
    def own_clock(self) -> bool:
        return self.last_epoch != -1  # PyTorch rewinds `last_epoch`, but not `T_cur`

    def curve(self, t):
        begun = self.last_epoch + 1
        wrapped = begun >= self.T_0
        first = xp.where(wrapped, self.T_0 * self.T_mult, self.T_0)
        since = t - begun + xp.where(wrapped, begun % self.T_0, begun)
        current, length = self.cycle(since, first)
        height = (1.0 + xp.cos(xp.over(xp.pi * current, length))) / 2.0
        return self.eta_min + (self.base - self.eta_min) * height

    def cycle(self, t, first):
        """Steps since the last restart and length of the cycle, `t` steps into the first."""

        def begin(n):
            return first * xp.round(
                xp.over(growth**n - 1.0, xp.where(growth == 1.0, 1.0, growth - 1.0))
            )

        growth = xp.floating(self.T_mult)
        n = xp.floor(xp.over(xp.log1p(xp.over(t * (growth - 1.0), first)), xp.log(growth)))
        n = xp.where(growth == 1.0, 0.0, n)
        # The logarithm may be off by its last bit, and then n by one cycle.
        n = n - (t < begin(n)) + (t >= begin(n + 1.0))
        length = first * xp.round(growth**n)
        steady = growth == 1.0
        return xp.where(steady, t % first, t - begin(n)), xp.where(steady, first, length)


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

    own_clock = True
    checked_by_value = ("anneal_epochs",)

    def validate(self):
        super().validate()
        self.require(
            "anneal_epochs", lambda n: isinstance(n, INTEGERS) and n >= 0, "an int from 0 up"
        )
        self.choose("anneal_strategy", "cos", "linear")

    def first_clock(self, t):
        return 0

    def attach(self, group):
        group.set_levels(SWALR, self, ("swa_lr",))
        return super().attach(group)

    def steps(self, s, t) -> Affine:
        # Once it has arrived, PyTorch sets the rate anew at every step.
        left = self.left(s)
        shrink = xp.where(left == 0.0, 0.0, xp.over(self.left(t), left))
        shrink = xp.where(t == s, 1.0, shrink)
        return Affine(shrink, self.swa_lr * (1.0 - shrink))

    def left(self, t):
        """The share of the way that is still to go."""
        way = xp.clip(xp.over(t, xp.maximum(self.anneal_epochs, 1)), 0.0, 1.0)
        way = xp.where((self.anneal_epochs == 0) & (t >= 0), 1.0, way)
        return 1.0 - way if self.anneal_strategy == "linear" else (1.0 + xp.cos(xp.pi * way)) / 2.0
