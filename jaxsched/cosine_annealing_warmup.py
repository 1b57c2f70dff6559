"""katsura's CosineAnnealingWarmupRestarts, which many repositories hold a copy of.

It overwrites the optimizer's rate, so it takes none; every argument keeps its name, order and
default. The count is the number of `scheduler.step()` done.

    optax.sgd(jaxsched.cosine_annealing_warmup.CosineAnnealingWarmupRestarts(200, max_lr=0.1))

`from_torch` knows a live one by the name of its class and by its attributes, in whichever module
it is, and steps a copy of it to see that it has the rates of this one.
"""

import jax

from ._core import numerics as xp
from ._core.fields import LastEpoch, Rate, static
from ._core.number import Float, Number
from ._schedulers.recipe import Subclass
from ._schedulers.shapes import share, wave

__all__ = ["CosineAnnealingWarmupRestarts"]


def _cycle(t, warm, body, growth):
    """Index of the cycle at t, the counts since its start, and its counts after the warm-up.

    Each cycle cuts its number of counts to an integer, and the next one is `growth` times that. So
    the cycles are gone through, until they have all the same length.
    """

    def grown(body):
        return xp.floor(body * growth)

    def more(place):
        _, since, body = place
        return (since >= warm + body) & (grown(body) != body)

    def later(place):
        index, since, body = place
        return index + 1.0, since - warm - body, grown(body)

    # Adding 0 * t lets what is carried vary with the count, which shard_map wants to know.
    start = tuple(xp.floating(x) + 0.0 * t for x in (0.0, t, body))
    index, since, body = jax.lax.while_loop(more, later, start)
    alike = xp.floor_divide(since, xp.maximum(warm + body, 1.0))
    return index + alike, since - alike * (warm + body), body


class CosineAnnealingWarmupRestarts(Subclass):
    """In each cycle a line up from `min_lr`, then a cosine down to it.

        lr(t) = min_lr + (a - min_lr) * u / W                                  for u < W
        lr(t) = min_lr + (a - min_lr) * (1 + cos(pi * (u - W) / B)) / 2    from then on

    in cycle i, with `a = max_lr * gamma ** i`; u counts from its start. It has W + B counts: B is
    `first_cycle_steps - W` at first, and `floor(B * cycle_mult)` of the cycle before. The rate at
    count 0 is `min_lr`, without a warm-up too.

    Args:
      first_cycle_steps: the number of steps in the first cycle, its warm-up included.
      cycle_mult: the length of each cycle over that of the one before, without the warm-ups.
      max_lr: the highest rate of the first cycle.
      min_lr: the lowest rate of all cycles.
      warmup_steps: W, the number of steps of each warm-up.
      gamma: the highest rate of each cycle over that of the one before.
      last_epoch: the index of the last step before this schedule, in the first cycle.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for a negative rate, numbers of steps that are no integers, a warm-up that is not
        shorter than the first cycle, a negative `cycle_mult`, one below 1 without a warm-up, as
        the library fails once a cycle has no steps, or a `last_epoch` after the first cycle.

    >>> import jax.numpy as jnp
    >>> from jaxsched import cosine_annealing_warmup
    >>> schedule = cosine_annealing_warmup.CosineAnnealingWarmupRestarts(
    ...     4, max_lr=0.1, min_lr=0.0, warmup_steps=2, gamma=0.5
    ... )
    >>> schedule(jnp.arange(8))
    Array([0.   , 0.05 , 0.1  , 0.05 , 0.   , 0.025, 0.05 , 0.025], dtype=float32)

    Port of https://github.com/katsura-jp/pytorch-cosine-annealing-with-warmup.
    """

    first_cycle_steps: Number
    cycle_mult: Float = 1.0
    max_lr: Rate = 0.1
    min_lr: Rate = 0.001
    warmup_steps: Number = 0
    gamma: Float = 1.0
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        for name in ("first_cycle_steps", "warmup_steps"):
            self._require(name, lambda n: n >= 0 and n == int(n), "an integer from 0 up")
        self._require("cycle_mult", lambda n: n >= 0, "a number from 0 up")
        if self._knows("first_cycle_steps", "warmup_steps"):
            least = self.warmup_steps
            rule = f"above `warmup_steps`, {least}"
            self._require("first_cycle_steps", lambda n: n > least, rule)
        if self._knows("warmup_steps") and self.warmup_steps == 0:
            rule = "at least 1 without a warm-up, as the cycles come to have no steps"
            self._require("cycle_mult", lambda n: n >= 1, rule)
        if self._knows("first_cycle_steps") and self.last_epoch + 1 >= self.first_cycle_steps:
            self._reject(
                "last_epoch",
                f"below {self.first_cycle_steps - 1}, in the first cycle, as the library takes a"
                " later one for that",
            )

    def _runs_in_sequence(self, first):
        warm = not self._knows("warmup_steps") or self.warmup_steps > 0
        return not first and warm and self.last_epoch == -1

    def _curve(self, t):
        first, warm = self.first_cycle_steps, self.warmup_steps
        known = map(jax.lax.stop_gradient, (warm, first - warm, self.cycle_mult))
        index, since, body = _cycle(t, *known)
        body = xp.where(index == 0, first - warm, body)
        done = share(since, 0, xp.where(warm > 0, warm, 1))
        height = xp.where(since < warm, done, wave(xp.divide(since - warm, xp.maximum(body, 1))))
        peak = self.max_lr * xp.power(self.gamma, index)
        rate = self.min_lr + (peak - self.min_lr) * height
        return xp.where(t <= self.last_epoch + 1, self.min_lr, rate)
