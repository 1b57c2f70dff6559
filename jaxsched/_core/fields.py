"""Fields of a schedule: what each may hold, declared where the field is.

The annotation says it: `Rate`, `Length` and the others are types of `number.py` with a `NumberKind`
attached. A field of a user's own class may hold more, and says what by its annotation too.
"""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeAlias

import jax
import numpy as np

from .number import INTEGERS, Float, Int, Number, concrete, is_real


class NumberKind(NamedTuple):
    """What the numbers of a field may be."""

    infinite: bool = False
    subnormal: bool = False
    rank: int = 0  # the number of axes that the value of one schedule has
    integers: range | None = None  # ints of this range alone
    from_float: bool = False  # 2.0 is taken for 2
    error: type[Exception] = TypeError  # for what is no number
    nested: bool = False  # values, which check themselves


# A phase of infinite length never ends, in PyTorch too. A number below the smallest normal
# float64, which compiled code takes for 0, may be a rate that has decayed, but no divisor.
Rate: TypeAlias = Annotated[Float, NumberKind(subnormal=True)]
Rates: TypeAlias = Annotated["jax.Array | np.ndarray", NumberKind(subnormal=True, rank=1)]
Length: TypeAlias = Annotated[Number, NumberKind(infinite=True)]
Lengths: TypeAlias = Annotated[
    "Sequence[Number] | jax.Array | np.ndarray", NumberKind(infinite=True, rank=1)
]
Numbers: TypeAlias = Annotated["Sequence[Number] | jax.Array | np.ndarray", NumberKind(rank=1)]
Counts: TypeAlias = Annotated["Sequence[int] | jax.Array | np.ndarray", NumberKind(rank=1)]
Metric: TypeAlias = Annotated[Float, NumberKind(infinite=True, subnormal=True)]
PositiveInt: TypeAlias = Annotated[Int, NumberKind(integers=range(1, 2**63))]
NonNegativeInt: TypeAlias = Annotated[Int, NumberKind(integers=range(2**63))]
LastEpoch: TypeAlias = Annotated[int, NumberKind(integers=range(-1, 2**62), from_float=True)]
TotalSteps: TypeAlias = Annotated[int | None, NumberKind(integers=range(1, 2**31), from_float=True)]
NESTED = NumberKind(nested=True)

_NUMBER = NumberKind()
_SMALLEST = float(np.finfo(np.float64).tiny)


class Field(NamedTuple):
    """What the class of a schedule knows of a field."""

    name: str
    default: Any
    annotation: Any
    kind: NumberKind | None  # None in a user's class, whose fields may hold much more
    rank: int | None  # the number of axes that the value of one schedule has, if it matters
    static: Callable[[Any], bool]  # whether a value is static


def static(
    default: Any = dataclasses.MISSING, *, when: Callable[[Any], bool] | None = None, **options: Any
) -> Any:
    """A static field of a schedule: JAX neither traces nor maps it.

    Fields annotated as `str`, `bool`, `Callable`, `Literal` or an enum are static anyway. This is
    for numbers on which Python's control flow depends.

    Args:
      default: the field's default.
      when: if given, only values for which it is true are static.
      **options: handed to `dataclasses.field`.

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> class Drops(jaxsched.Schedule):
    ...     lr: float
    ...     number: int = jaxsched.static(3)
    ...
    ...     def curve(self, t):
    ...         ends = [10 * k for k in range(self.number)]
    ...         return sum(jnp.where(t < end, self.lr / self.number, 0.0) for end in ends)
    >>> Drops(0.3)(jnp.array([0, 15]))
    Array([0.2, 0.1], dtype=float32)
    """
    metadata = {"static": when or _always}
    return dataclasses.field(default=default, metadata=metadata, **options)


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def is_ours(cls: type) -> bool:
    """Whether a class is jaxsched's own."""
    return cls.__module__.startswith("jaxsched.")


def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields of a dataclass; those of a user's class are read by Python's own types too."""
    ours = is_ours(cls)
    return tuple(_field(field, ours) for field in dataclasses.fields(cls))  # type: ignore[arg-type]


def _field(field: dataclasses.Field, ours: bool) -> Field:
    annotation: Any = field.type
    kind = _declared(annotation) or (_NUMBER if ours else None)
    is_static = field.metadata.get("static", _never)
    rank = kind.rank if kind else None if _is_array(annotation) else 0
    if kind is None and "static" not in field.metadata and _is_untraceable(annotation):
        is_static = _always
    return Field(field.name, field.default, annotation, kind, rank, is_static)


def _declared(annotation: Any) -> NumberKind | None:
    """The `NumberKind` in an annotation, or in one of a union."""
    if typing.get_origin(annotation) is Annotated:
        return next((x for x in annotation.__metadata__ if isinstance(x, NumberKind)), None)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(filter(None, map(_declared, typing.get_args(annotation))), None)
    return None


@functools.lru_cache(maxsize=1024)
def _is_untraceable(annotation: Any) -> bool:
    """Whether a field so annotated holds nothing that JAX could trace."""
    if isinstance(annotation, str):
        name = annotation.removeprefix("typing.").removeprefix("collections.abc.")
        return name.removesuffix(" | None").split("[")[0] in ("str", "bool", "Callable", "Literal")
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return all(map(_is_untraceable, kinds))
    if isinstance(annotation, type) and issubclass(annotation, str | bool | enum.Enum):
        return True
    return annotation is Callable or origin in (Callable, typing.Literal)


def _is_array(annotation: Any) -> bool:
    """Whether a field so annotated holds an array, and no number that may be batched."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return text.split(".")[-1] in ("Array", "ndarray")


def broken_rule(kind: NumberKind, value: Any) -> tuple[str, type[Exception]] | None:
    """What a number of that kind must be and `value` is not, with the error to raise."""
    if not is_real(value) or (not kind.rank and not np.size(value)):
        return "a number", kind.error
    numbers = value if isinstance(value, np.ndarray) else concrete(value)
    sizes = np.abs(np.asarray(numbers, np.float64))
    if np.isnan(sizes).any() or (np.isinf(sizes).any() and not kind.infinite):
        return "finite", ValueError
    if ((sizes > 0) & (sizes < _SMALLEST)).any() and not kind.subnormal:
        return f"0, or at least {_SMALLEST} in size", ValueError
    return None


def in_range(number: Any, allowed: range) -> bool:
    """Whether it is an int of that range, and no bool."""
    is_int = isinstance(number, INTEGERS) and not isinstance(number, bool | np.timedelta64)
    return is_int and allowed.start <= number < allowed.stop


def range_text(allowed: range) -> str:
    """The rule that `in_range` checks, in words."""
    least = "a positive int" if allowed.start == 1 else f"an int from {allowed.start} up"
    bits = (allowed.stop - 1).bit_length()
    return least if bits > 62 else f"{least}, below 2**{bits}"
