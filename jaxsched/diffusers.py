"""The schedules of Hugging Face Diffusers, by their names; the library need not be there.

Where Diffusers takes the optimizer, jaxsched takes the learning rate; every other argument keeps
its name, order and default. Each is a LambdaLR in PyTorch, and behaves as one in a chain or a
sequence. Most formulas are Transformers'.

    optax.adamw(jaxsched.diffusers.get_cosine_schedule_with_warmup(1e-4, 500, 10_000))

Lengths are in updates. (Diffusers' training scripts multiply them by the number of processes,
because Accelerate steps the scheduler once for each.)

`lr` is the rate after the warm-up, `W` the `num_warmup_steps`, `N` the `num_training_steps`, and
`x = (t - W) / (N - W)` the progress after the warm-up. For t < W the rate is `lr * t / W`, so that
the first update has a rate of 0, unless it says otherwise.
"""

import math
from typing import Any

import numpy as np

from . import transformers
from ._core import numerics as xp
from ._core.fields import LastEpoch, Rate, static
from ._core.number import Float
from ._core.schedule import warn
from ._schedulers.recipe import Recipe

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_linear_schedule_with_warmup",
    "get_piecewise_constant_schedule",
    "get_polynomial_decay_schedule_with_warmup",
    "get_scheduler",
]


class get_constant_schedule(transformers.get_constant_schedule):
    """A constant rate.

        lr(t) = lr

    Args:
      lr: the learning rate.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jaxsched
    >>> jaxsched.diffusers.get_constant_schedule(1e-4)(100)
    Array(0.0001, dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """


class get_constant_schedule_with_warmup(transformers.get_constant_schedule_with_warmup):
    """A constant rate after a linear warm-up from 0.

        lr(t) = lr * t / W    for t < W
        lr(t) = lr            from then on

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.diffusers.get_constant_schedule_with_warmup(0.1, 2)(jnp.arange(4))
    Array([0.  , 0.05, 0.1 , 0.1 ], dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """


class get_piecewise_constant_schedule(Recipe):
    """A factor for each stretch of steps.

        lr(t) = lr * factor    of the first rule `factor:step` with t < step
        lr(t) = lr * last      after the last of them

    The steps are counted from the start of the training: "1:10,0.1:20,0.01" is a factor of 1 for 10
    steps, of 0.1 for the 10 after, and of 0.01 from step 20 on. As in Diffusers, the rules are
    sorted by step, and of two with the same step the later counts.

    Args:
      lr: the learning rate that the factors multiply.
      step_rules: the rules, separated by commas, with the last factor alone at the end.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      TypeError: for `step_rules` that are no string.
      ValueError: for `step_rules` that cannot be read, or a factor that is not finite.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> schedule = jaxsched.diffusers.get_piecewise_constant_schedule(0.1, "1:10,0.5:20,0.25")
    >>> schedule(jnp.array([9, 10, 19, 20]))
    Array([0.1  , 0.05 , 0.05 , 0.025], dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """

    lr: Rate
    step_rules: str = static()
    last_epoch: LastEpoch = static(default=-1)

    def _validate(self):
        super()._validate()
        rule = 'rules such as "1:10,0.1:20,0.01", factor:step and the last factor alone'
        if not isinstance(self.step_rules, str):
            self._reject("step_rules", rule, TypeError)
        try:
            steps, factors = self._rules()
        except ValueError:
            self._reject("step_rules", rule)
        if not all(map(math.isfinite, factors)):
            self._reject("step_rules", "rules with finite factors")
        # As `from_torch` finds them: sorted, and of one step the last.
        *texts, last = [repr(factor).removesuffix(".0") for factor in factors]
        rules = [f"{text}:{step}" for text, step in zip(texts, steps, strict=True)]
        object.__setattr__(self, "step_rules", ",".join([*rules, last]))

    def _rules(self) -> tuple[list[int], list[float]]:
        """The steps at which the factor changes, and the factors, one more."""
        *rules, last = self.step_rules.split(",")
        pairs = [rule.split(":") for rule in rules]
        factors = {int(step): float(factor) for factor, step in pairs}
        steps = sorted(factors)
        return steps, [*(factors[step] for step in steps), float(last)]

    def _factor(self, t):
        steps, factors = self._rules()
        within = [min(max(step, 0), 2**62) for step in steps]  # an int64, as a count is
        return xp.take(np.array(factors), (np.array(within, np.int64) <= t).sum())


class get_linear_schedule_with_warmup(transformers.get_linear_schedule_with_warmup):
    """A linear warm-up from 0, then a line down, between two factors.

        lr(t) = lr * f_max * t / W                                            for t < W
        lr(t) = lr * (f_min + (f_max - f_min) * max(0, N - t) / (N - W))      for t >= W

    Args:
      lr: the learning rate that the factors multiply.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training; from there on the rate is
        `lr * f_min`.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      f_min: the factor at the end.
      f_max: the factor after the warm-up.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> from jaxsched.diffusers import get_linear_schedule_with_warmup
    >>> get_linear_schedule_with_warmup(0.1, 2, 6, f_min=0.5)(jnp.arange(7))
    Array([0.    , 0.05  , 0.1   , 0.0875, 0.075 , 0.0625, 0.05  ], dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """

    f_min: Float = 0.0
    f_max: Float = 1.0

    def _factor(self, t):
        low = xp.where(t < self.num_warmup_steps, 0.0, self.f_min)
        return low + (self.f_max - low) * super()._factor(t)


class get_cosine_schedule_with_warmup(transformers.get_cosine_schedule_with_warmup):
    """A linear warm-up from 0, then a cosine down to 0.

        lr(t) = lr * max(0, (1 + cos(2 * pi * num_cycles * x)) / 2)    for t >= W

    As in Diffusers, x goes on after N, and the rate rises again.

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      num_cycles: the number of waves between W and N; half a one ends at 0.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> jaxsched.diffusers.get_cosine_schedule_with_warmup(0.1, 2, 4)(jnp.arange(6))
    Array([0.  , 0.05, 0.1 , 0.05, 0.  , 0.05], dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """


class get_cosine_with_hard_restarts_schedule_with_warmup(
    transformers.get_cosine_with_hard_restarts_schedule_with_warmup
):
    """A linear warm-up from 0, then cosines down to 0, each from the top.

        lr(t) = lr * (1 + cos(pi * (num_cycles * x mod 1))) / 2    for W <= t < N
        lr(t) = 0                                                from N on

    Args:
      lr: the learning rate after the warm-up, and after each restart.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      num_cycles: the number of times that the rate falls.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr` that is negative or not finite.

    >>> import jax.numpy as jnp
    >>> from jaxsched.diffusers import get_cosine_with_hard_restarts_schedule_with_warmup
    >>> get_cosine_with_hard_restarts_schedule_with_warmup(0.1, 0, 4, 2)(jnp.arange(5))
    Array([0.1 , 0.05, 0.1 , 0.05, 0.  ], dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """


class get_polynomial_decay_schedule_with_warmup(
    transformers.get_polynomial_decay_schedule_with_warmup
):
    """A linear warm-up from 0, then a power of the remaining steps, down to `lr_end`.

        lr(t) = (lr - lr_end) * (1 - x) ** power + lr_end    for W <= t <= N
        lr(t) = lr_end                                       from then on

    Args:
      lr: the learning rate after the warm-up.
      num_warmup_steps: W, the number of steps of the warm-up.
      num_training_steps: N, the number of steps of the training.
      lr_end: the learning rate at the end.
      power: the exponent.
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.
      default_lr: the optimizer's default rate, which Diffusers takes for `lr` in the formula before
        it multiplies by `lr / default_lr`: for parameter groups with rates of their own.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: for an `lr_end` that is not below the (default) rate, or as many steps of warm-up
        as of training, where Diffusers divides by 0.

    >>> import jax.numpy as jnp
    >>> from jaxsched.diffusers import get_polynomial_decay_schedule_with_warmup
    >>> get_polynomial_decay_schedule_with_warmup(0.1, 1, 3, lr_end=0.02)(jnp.arange(5))
    Array([0.  , 0.1 , 0.06, 0.02, 0.02], dtype=float32)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """


_BY_NAME: dict[str, type[Any]] = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "piecewise_constant": get_piecewise_constant_schedule,
}


def get_scheduler(
    name: Any,
    lr: Any,
    step_rules: str | None = None,
    num_warmup_steps: Any = None,
    num_training_steps: Any = None,
    num_cycles: Any = 1,
    power: Any = 1.0,
    last_epoch: int = -1,
    *,
    initial_lr: Any = None,
) -> Any:
    """A schedule by the name that Diffusers' training scripts know it by (`--lr_scheduler`).

    Args:
      name: "linear", "cosine", "cosine_with_restarts", "polynomial", "constant" (the scripts'
        default), "constant_with_warmup" or "piecewise_constant"; or a member of Diffusers'
        `SchedulerType`.
      lr: the learning rate.
      step_rules: the rules of "piecewise_constant".
      num_warmup_steps: the number of steps of the warm-up, where there is one.
      num_training_steps: the number of steps of the training, where it matters.
      num_cycles: the number of times that the rate of "cosine_with_restarts" falls.
      power: the exponent of "polynomial".
      last_epoch: the index of the last step before this schedule, as in `StepLR`.
      initial_lr: the rate that training began with, by default `lr`.

    Returns:
      The schedule. As in Diffusers, arguments that it does not take are ignored.

    Raises:
      ValueError: for an unknown name, or an argument that is missing.

    Warns:
      UserWarning: for a `num_cycles` with "cosine", which Diffusers ignores too, although
        `get_cosine_schedule_with_warmup` has an argument of that name.

    >>> import jaxsched
    >>> jaxsched.diffusers.get_scheduler("constant_with_warmup", 1e-4, num_warmup_steps=500)
    diffusers.get_constant_schedule_with_warmup(lr=0.0001, num_warmup_steps=500)

    Port of https://github.com/huggingface/diffusers/blob/v0.42.1/src/diffusers/optimization.py.
    """
    name = getattr(name, "value", name)
    if not isinstance(name, str) or name not in _BY_NAME:
        raise ValueError(
            f"`get_scheduler(name=...)` must be one of {', '.join(map(repr, _BY_NAME))}, got"
            f" {name!r}."
        )
    recipe = _BY_NAME[name]
    given = {
        "step_rules": step_rules,
        "num_warmup_steps": num_warmup_steps,
        "num_training_steps": num_training_steps,
        "num_cycles": num_cycles,
        "power": power,
    }
    if name == "cosine":
        del given["num_cycles"]
        if isinstance(num_cycles, int | float) and num_cycles not in (1, 0.5):
            warn(
                f"`get_scheduler(num_cycles={num_cycles!r})` is ignored for 'cosine', as in"
                " Diffusers: write `get_cosine_schedule_with_warmup(..., num_cycles=...)`."
            )
    taken = {f.name: given[f.name] for f in recipe._field_table if f.name in given}
    for key, value in taken.items():
        if value is None:
            raise ValueError(f"`get_scheduler({key}=...)` must be given for {name!r}, got None.")
    return recipe(lr, **taken, last_epoch=last_epoch, initial_lr=initial_lr)
