"""The schedule of torchtitan 0.3.0; the library need not be there.

torchtitan has one schedule, which the section `lr_scheduler` of its config describes. Its fields
are the arguments here, behind the learning rate and the number of steps of the training.

    schedule = jaxsched.torchtitan.lr_scheduler(3e-4, training_steps=10_000, decay_ratio=0.1)
    optax.adamw(schedule)

The count is the number of updates. Before 0.1.0, torchtitan's warm-up and decay were longer by one.
"""

from ._core import numerics as xp
from ._core.fields import LastEpoch, NonNegativeInt, PositiveInt, Rate, static
from ._core.number import Float, is_concrete
from ._core.past_end import End
from ._core.schedule import warn
from ._schedulers.recipe import Recipe
from ._schedulers.shapes import rise, wave

__all__ = ["lr_scheduler"]


class lr_scheduler(Recipe):
    """A linear warm-up, a stable rate, a decay.

        lr(t) = lr * (t + 1) / W                        for t < W
        lr(t) = lr                                      for t < W + S
        lr(t) = lr * (m + (1 - m) * fall(x))            from then on, x = (t + 1 - W - S) / D

    with W = `warmup_steps`, m = `min_lr_factor`, N = `total_steps`, D = `round(N * decay_ratio)`
    (by default N - W) and S = N + 1 - W - D. `fall(x)` is 1 - x ("linear"), 1 - sqrt(x) ("sqrt") or
    (1 + cos(pi x)) / 2 ("cosine"). The last of the N updates, at count N - 1, is at
    x = (D - 1) / D, so that its rate is not 0. After count N, where x is 1, the formula goes on: a
    line goes below 0, and a cosine rises.

    Args:
      lr: the learning rate after the warm-up.
      training_steps: the number of updates of the training.
      warmup_steps: W, the number of updates of the warm-up, at most N.
      total_steps: N, the number of updates of the schedule, by default `training_steps`.
      decay_ratio: the share of N that the decay takes, at most N - W; by default all after the
        warm-up.
      decay_type: "linear", "sqrt" or "cosine".
      min_lr_factor: m, the share of `lr` that the decay goes to.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the count of updates.

    Raises:
      ValueError: for a number of steps that is none, a share outside of 0 to 1, an unknown
        `decay_type`. Without a decay (D = 0) also for a concrete count after N, where torchtitan
        fails.

    Warns:
      UserWarning: for a warm-up, or a warm-up and a decay, longer than N, which are cut as in
        torchtitan.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.torchtitan.lr_scheduler(0.1, 8, warmup_steps=2, decay_ratio=0.5)(jnp.arange(8))
    Array([0.05 , 0.1  , 0.1  , 0.1  , 0.1  , 0.075, 0.05 , 0.025], dtype=float32)

    Port of https://github.com/pytorch/torchtitan/blob/main/torchtitan/components/optimizer/lr_scheduler.py.
    """

    lr: Rate
    training_steps: PositiveInt
    warmup_steps: NonNegativeInt = 200
    total_steps: PositiveInt | None = None
    decay_ratio: Float | None = None
    decay_type: str = static(default="linear")
    min_lr_factor: Float = 0.0
    last_epoch: LastEpoch = static(default=-1, kw_only=True)

    def _validate(self):
        super()._validate()
        for name in ("decay_ratio", "min_lr_factor"):
            self._require(name, lambda x: x is None or 0 <= x <= 1, "between 0 and 1")
        self._choose("decay_type", "linear", "sqrt", "cosine")
        if self._is_known:
            self._warn_if_cut(self.warmup_steps, self._total, self.decay_ratio or 0.0)

    def _warn_if_cut(self, warmup, total, ratio):
        where, cut = f"`{self._call_name()}", f"of {total} `total_steps`, and cut as in torchtitan."
        if warmup > total:
            warn(f"{where}(warmup_steps=...)` is longer, got {warmup}, than a schedule {cut}")
        elif warmup + round(total * ratio) > total:
            warn(f"{where}(decay_ratio=...)` is more, got {ratio}, than the warm-up leaves {cut}")

    @property
    def _is_known(self) -> bool:
        """Whether no length is traced."""
        ratio = 0.0 if self.decay_ratio is None else self.decay_ratio
        return all(map(is_concrete, (self.warmup_steps, self._total, ratio)))

    @property
    def _total(self):
        return self.training_steps if self.total_steps is None else self.total_steps

    @property
    def _sizes(self):
        """The lengths of the warm-up and of the decay, and the count that the decay begins at."""
        total = self._total
        warmup = xp.minimum(self.warmup_steps, total)
        left = xp.floating(total - warmup)
        if self.decay_ratio is None:
            decay = left
        else:
            share = xp.floating(total) * xp.floating(self.decay_ratio)
            decay = xp.minimum(xp.round(share), left)
        return warmup, decay, total + 1 - decay

    def _last_step(self):
        if not self._is_known:
            return None
        _, decay, begin = self._sizes
        if decay > 0:
            return None
        reason = f"`{self._call_name()}` ends at count {int(begin) - 1} without a decay,"
        return End(int(begin) - 1, f"{reason} as torchtitan does with an AssertionError.")

    def _factor(self, t):
        warmup, decay, begin = self._sizes
        up = xp.divide(t + 1, xp.where(warmup == 0, 1, warmup))
        x = xp.divide(xp.maximum(t + 1 - begin, 0.0), xp.where(decay == 0, 1.0, decay))
        fall = wave(x) if self.decay_type == "cosine" else 1.0 - rise(self.decay_type, x)
        low = self.min_lr_factor
        after = xp.where(t < begin, 1.0, low + (1.0 - low) * fall)
        return xp.where(t < warmup, up, after)
