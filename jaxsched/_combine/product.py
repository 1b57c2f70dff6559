"""Schedules multiplied at the same count: what `a * b`, `a * 0.5` and `a / 2` are."""

import functools
import operator
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core.fields import NESTED
from .._core.number import Number, concrete, is_real
from .._core.schedule import Schedule, no_number
from .combined import Combined, instead_of, momentum_of
from .param_groups import ParamGroups


class Product(Combined):
    """The product of schedules and numbers; `a * b` makes one too.

        lr(count) = schedules[0](count) * schedules[1](count) * ...

    The product is taken in float64 and rounded once. The schedules need not agree on `lr`: one
    has the rate, and another with `lr=1.0` is a factor, such as a warm-up or a drop each epoch.
    In a chain instead, each moves the one rate that they share.

    Args:
      schedules: schedules and numbers.

    Returns:
      A `Schedule`: the rate as a function of the step count. It has a `momentum` where one of
      `schedules` has. It ends where the first of them ends.

    Raises:
      ValueError: for nothing to multiply, or a number that is not finite.
      TypeError: for something that is neither a schedule nor a number.

    >>> import jax.numpy as jnp
    >>> from jaxsched import CosineAnnealingLR, LinearLR, StepLR, per_epoch
    >>> schedule = CosineAnnealingLR(0.1, T_max=8) * LinearLR(1.0, 0.25, 1.0, total_iters=3)
    >>> schedule(jnp.arange(5))
    Array([0.025     , 0.04809699, 0.06401651, 0.06913417, 0.05      ],      dtype=float32)
    >>> schedule / 2
    CosineAnnealingLR(lr=0.1, T_max=8) * LinearLR(lr=1.0, start_factor=0.25, total_iters=3) * 0.5
    """

    schedules: Annotated["Sequence[Schedule | Number]", NESTED]

    def __post_init__(self):
        if not isinstance(self.schedules, list | tuple):
            self._reject("schedules", "a list of schedules and numbers", TypeError)
        super().__post_init__()

    def _validate(self):
        if not self.schedules:
            self._reject("schedules", "at least one schedule")
        for factor in self.schedules:
            if isinstance(factor, Schedule):
                continue
            if not is_real(factor) or np.ndim(factor):
                raise TypeError(
                    "`Product(schedules=...)` must hold schedules and single numbers, got"
                    f" {factor!r}.{instead_of(factor)}"
                )
            if not all(map(np.isfinite, concrete(factor))):
                raise ValueError(
                    f"`Product(schedules=...)` must hold finite numbers, got {factor!r}."
                )

    def _rate(self, count, plan):
        return functools.reduce(operator.mul, self._rates(count, plan))

    def _momentum_part(self):
        momenta = self._momenta()
        return momenta[0] if len(momenta) == 1 else None

    def _momenta(self) -> list[Schedule]:
        parts = [momentum_of(part) for part in self._parts()]
        return [part for part in parts if part is not None]

    @property
    def momentum(self) -> Schedule:
        """The momentum that goes with the rate: that of the factor that cycles one.

        Raises an AttributeError where none does, a ValueError where several do.
        """
        momenta = self._momenta()
        if not momenta:
            raise AttributeError(
                "`Product(...)` has no `momentum`: none of its schedules cycles one, as CyclicLR"
                " and OneCycleLR do."
            )
        if len(momenta) > 1:
            raise ValueError(
                f"`Product(schedules=...)` must cycle one momentum for `.momentum`, got"
                f" {len(momenta)}: take that of one of its schedules."
            )
        return momenta[0]

    def __repr__(self):
        if len(self.schedules) == 1:
            return super().__repr__()
        return " * ".join(map(repr, self.schedules))


def _reversed(self: Schedule, other: Any) -> Any:
    return _product(other, self)


def _over(self: Schedule, other: Any) -> Any:
    if isinstance(other, Schedule) or not is_real(other) or np.ndim(other):
        raise TypeError(
            f"`schedule / x` must have a number as `x`, got {other!r}: a schedule is multiplied by"
            " another, as in `schedule * StepLR(1.0, 30)`."
        )
    if any(number == 0 for number in concrete(other)):
        raise ValueError(f"`schedule / x` must not have 0 as `x`, got {other!r}.")
    return _product(self, 1.0 / other)


def _product(*factors: Any) -> Any:
    if any(isinstance(factor, ParamGroups) for factor in factors):
        return NotImplemented  # It says itself what to write.
    for factor in factors:
        if isinstance(factor, jax.Array | np.ndarray) and jnp.ndim(factor):
            no_number(next(x for x in factors if isinstance(x, Schedule)))
    flat: list[Any] = []
    for factor in factors:
        flat += factor.schedules if isinstance(factor, Product) else [factor]
    return Product(flat)


for _name, _operation in (("mul", _product), ("rmul", _reversed), ("truediv", _over)):
    setattr(Schedule, f"__{_name}__", _operation)
