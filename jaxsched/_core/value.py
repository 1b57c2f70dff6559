"""What every schedule is: an immutable value that is also a JAX pytree.

A subclass of `Value` lists its hyperparameters as annotated fields and is thereby a frozen
dataclass, registered with JAX. Numbers (and nested values) are leaves; what `static` marks is
structure. Building a value checks it; flattening and unflattening never do, because JAX
puts tracers, shapes and placeholders where the numbers were.
"""

import contextlib
import dataclasses
import enum
import functools
import inspect
import math
import numbers
import re
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .calls import check_call

Float = float | jax.Array | np.ndarray
Int = int | jax.Array | np.ndarray
Number = Float | Int
INTEGERS = (int, np.integer)

# Lengths that may be infinite in PyTorch too: a phase that never ends is no error.
_MAY_BE_INFINITE = {"total_iters", "step_size", "milestones", "T_max", "patience", "cooldown"}
_MAY_BE_INFINITE |= {"threshold", "eps", "power", "best"}

# What compiled code takes for 0, a rate may have decayed to; others are divided by.
_SMALLEST = float(np.finfo(np.float64).tiny)
_MAY_BE_TINY = {"lr", "initial_lr", "eta_min", "swa_lr", "base_lr", "max_lr", "min_lr"}
_MAY_BE_TINY |= {"threshold", "eps", "best", "rates", "momenta"}

_ROWS = {"milestones", "rates", "momenta"}  # several numbers each
_MAY_BE_EMPTY = {*_ROWS, "numbers"}  # which say more themselves

_NESTED = {"schedulers", "schedules", "schedule", "plateau"}  # values, which check themselves


def static(
    default: Any = dataclasses.MISSING, *, when: Callable[[Any], bool] | None = None, **options: Any
) -> Any:
    """A field of a schedule that is structure: JAX neither traces nor maps it.

    Fields annotated as `str`, `bool`, `Callable`, `Literal` or an enum are structure anyway. This
    is for numbers on which Python's control flow depends.

    Args:
      default: the field's default.
      when: if given, only values for which it is true are structure.
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
    metadata = {"static": when or (lambda _: True)}
    return dataclasses.field(default=default, metadata=metadata, **options)


def is_ours(cls: type) -> bool:
    """Whether a class is jaxsched's own."""
    return cls.__module__.startswith("jaxsched.")


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


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """JAX mixes types and ranks of numbers here, whatever its user has it refuse."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def known(value: Any) -> bool:
    """Whether `value` is a number one can look at, and not traced or on a device."""
    return isinstance(value, (numbers.Real, np.generic)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    )


def concrete(value: Any) -> list:
    """The numbers that can be looked at, to be checked: none of them if `value` is traced."""
    if known(value):
        return [value]
    if isinstance(value, jax.core.Tracer) or not hasattr(value, "dtype"):
        return []
    if isinstance(value, jax.Array) and not value.is_fully_addressable:
        return []
    return list(np.ravel(np.asarray(value)))


def overflows(base: Any, exponent: int) -> bool:
    """Whether Python's power of a float is an OverflowError."""
    try:
        return math.isinf(float(base) ** exponent)
    except OverflowError:
        return True


def is_zero(value: Any) -> bool:
    return known(value) and value == 0


@typing.dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
class Value:
    """An immutable record of numbers: compares by value, prints as the call that made it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    _checked_by_value: ClassVar[tuple[str, ...]] = ()  # PyTorch raises a ValueError for their type

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        generated = "__init__" not in vars(cls)
        dataclasses.dataclass(frozen=True, repr=False, eq=False)(cls)
        if generated:
            cls.__init__ = _checking_its_call(cls.__init__)  # type: ignore[method-assign]
        cls.__setattr__ = cls.__delattr__ = _refuse_change  # type: ignore[assignment]
        jax.tree_util.register_pytree_with_keys(
            cls,
            flatten_with_keys=lambda self: _flatten_with_keys(self),
            unflatten_func=lambda aux, children: _unflatten(cls, aux, children),
            flatten_func=lambda self: _flatten(self),
        )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _normalised(self, field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            optional = value is None and field.default is None
            if not optional and not self._is_structure(field, value):
                if is_ours(type(self)):
                    self._check_numbers(field.name, value)
                else:
                    self._check_own(field.name, value)
            if field.name == "last_epoch" and (type(value) is not int or not -1 <= value < 2**62):
                self._reject("last_epoch", "an int from -1 up, below 2**62")
        with lenient():
            self._validate()

    @classmethod
    def _is_structure(cls, field: dataclasses.Field, value: Any) -> bool:
        if "static" in field.metadata:
            return field.metadata["static"](value)
        return not is_ours(cls) and _is_untraceable(typing.cast(Any, field.type))

    def _validate(self) -> None:
        """Raises on hyperparameters that make no sense; a subclass says which."""

    def _require(self, name: str, ok: Callable[[Any], bool], rule: str) -> None:
        """Raises a ValueError if field `name` holds something known that is not `ok`."""
        value = getattr(self, name)
        numbers = concrete(value) if hasattr(value, "dtype") else [value]
        if not all(ok(number) for number in numbers):
            self._reject(name, rule)

    def _choose(self, name: str, *words: str, more: str = "") -> None:
        """Raises a ValueError if field `name` is none of the `words`."""
        word = getattr(self, name)
        if not isinstance(word, str) or word not in words:
            *most, last = map(repr, words)
            self._reject(name, f"{', '.join(most)} or {last}{more}")

    def _batched_field(self) -> tuple[str, int, tuple[int, ...]] | None:
        """A field with more axes than one schedule has: its name, rank and shape."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            rank = int(field.name in _ROWS)
            own_array = not is_ours(type(self)) and _is_array(field.type)
            if own_array or self._is_structure(field, value):
                continue
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Value) and (found := item._batched_field()):
                    return found
                if getattr(item, "ndim", 0) > rank:
                    return field.name, rank, item.shape
        return None

    def _require_scalars(self) -> None:
        """Raises a ValueError for a field that is still a batch."""
        for field in dataclasses.fields(self):
            shape = np.shape(value) if hasattr(value := getattr(self, field.name), "dtype") else ()
            if shape:
                self._reject(field.name, "a scalar when it is used (a batch goes under `jax.vmap`)")

    def _reject(self, name: str, rule: str, error: type[Exception] = ValueError) -> typing.NoReturn:
        value = getattr(self, name)
        raise error(f"`{type(self).__name__}({name}=...)` must be {rule}, got {_shown(value)}.")

    def _check_own(self, name: str, value: Any) -> None:
        """Raises unless a user's own field holds what JAX can trace; infinities may be meant."""
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, tuple):
                self._check_own(name, item)
            elif isinstance(item, Value) or item is None:
                continue
            elif not is_real(item):
                rule = "a number, a schedule or a tuple of them (else annotate it as what it is)"
                self._reject(name, rule, TypeError)
            elif any(math.isnan(number) for number in map(float, concrete(item))):
                self._reject(name, "a number")

    def _check_numbers(self, name: str, value: Any) -> None:
        if name in _NESTED:
            return
        if isinstance(value, tuple) and name != "milestones":
            self._reject(name, "one number (ParamGroups takes a schedule per group)", TypeError)
        error = ValueError if name in self._checked_by_value else TypeError
        for number in value if isinstance(value, tuple) else (value,):
            empty = name not in _MAY_BE_EMPTY and not np.size(number)
            if not is_real(number) or empty:
                self._reject(name, "a number", error)
            for x in map(float, concrete(number)):
                if math.isnan(x) or (math.isinf(x) and name not in _MAY_BE_INFINITE):
                    self._reject(name, "finite")
                if 0 < abs(x) < _SMALLEST and name not in _MAY_BE_TINY:
                    self._reject(name, f"0, or at least {_SMALLEST} in size")

    def __repr__(self) -> str:
        arguments = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not same(value, field.default):
                name = getattr(value, "__qualname__", None)
                arguments.append(f"{field.name}={name or repr(value)}")
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in dataclasses.fields(self)]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        # By shape alone, an array lets `jax.jit` and its like take the schedule for a function.
        return hash((type(self), *(getattr(x, "shape", None) or _plain(x) for x in values)))

    def __getstate__(self):
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # an int of more digits than Python writes
        return f"a very long {type(value).__name__}"


def _checking_its_call(generated):
    @functools.wraps(generated)
    def __init__(self, *args, **kwargs):
        check_call(type(self), args, kwargs)
        generated(self, *args, **kwargs)

    __init__.__signature__ = _readable(inspect.signature(generated))  # type: ignore[attr-defined]
    return __init__


class _Annotation(str):
    """One that `help` shows without quotes."""

    __repr__ = str.__str__


def _readable(signature: inspect.Signature) -> inspect.Signature:
    """The same, with `Number` and its like by their names, which Python's unions forget."""
    parameters = [
        parameter.replace(annotation=_Annotation(_type_text(parameter.annotation)))
        if parameter.annotation is not parameter.empty
        else parameter
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def _type_text(annotation: Any) -> str:
    names, members = [], [annotation]
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        members = list(typing.get_args(annotation))
    for name, alias in (("Number", Number), ("Float", Float), ("Int", Int)):
        parts = typing.get_args(alias)
        if set(parts) <= set(members):
            names.append(name)
            members = [member for member in members if member not in parts]
    others = (x if isinstance(x, str) else inspect.formatannotation(x) for x in members)
    texts = (re.sub(r"\b(\w+\.)+", "", text) for text in others)
    return " | ".join([*names, *("None" if text == "NoneType" else text for text in texts)])


def _refuse_change(self, name: str, *_: Any) -> typing.NoReturn:
    known = [field.name for field in dataclasses.fields(self)]
    example = f"{name if name in known else known[0]}=..."
    raise dataclasses.FrozenInstanceError(
        f"`{type(self).__name__}.{name}` cannot be changed, for a schedule is a value: make another"
        f" with `dataclasses.replace(schedule, {example})`."
    )


def _normalised(value: "Value", field: dataclasses.Field, given: Any) -> Any:
    """What a field is to hold, of what was given for it."""
    if field.type is bool or field.type == "bool":
        return _as_bool(value, field.name, given)
    if type(given) in (list, tuple):
        return tuple(map(as_number, given))
    is_count = field.name == "last_epoch" or (
        field.name == "total_steps" and "static" in field.metadata
    )
    if is_count:
        return as_count(given)
    plain = as_number(given)
    # As a number, not a truth value, which JAX would not add to one.
    is_number = isinstance(plain, bool | np.bool_) and "static" not in field.metadata
    return int(plain) if is_number else plain


def _as_bool(value: "Value", name: str, given: Any) -> bool:
    plain = as_number(given)
    if plain is None or isinstance(plain, np.bool_):
        return bool(plain)
    if known(plain) and is_real(plain) and plain in (0, 1):
        return bool(plain)
    value._reject(name, "True or False", TypeError)


def as_number(value: Any) -> Any:
    """The number that an array or tensor of one element, a Fraction, a huge int stand for.

    Everything else as it is, arrays in a type that JAX has too.
    """
    if isinstance(value, jax.Array):
        return _promotable(value)
    if isinstance(value, np.ndarray):
        plain = native(value)
        return plain if plain.ndim or np.ma.is_masked(plain) else as_number(plain[()])
    if not isinstance(value, type) and hasattr(value, "numel") and hasattr(value, "item"):
        try:
            return value.item() if value.numel() == 1 else value
        except RuntimeError:  # a tensor without data
            return value
    if isinstance(value, np.str_):
        return str(value)
    if isinstance(value, np.longdouble) or _is_huge(value):
        return _as_float(value)
    if isinstance(value, numbers.Real) and not isinstance(value, int | float | np.generic):
        if isinstance(value, numbers.Rational) and value.denominator == 1:
            return as_number(int(value.numerator))
        return _as_float(value)
    return value


def _promotable(array: jax.Array) -> jax.Array:
    """The array in a type that JAX lets meet others, which those of a few bits must not."""
    if jnp.issubdtype(array.dtype, jnp.integer) and jnp.iinfo(array.dtype).bits < 8:
        return array.astype(jnp.int32)
    if jnp.issubdtype(array.dtype, jnp.floating) and jnp.finfo(array.dtype).bits < 16:
        return array.astype(jnp.float32)
    return array


def native(array: np.ndarray) -> np.ndarray:
    """The array as a plain one, in a type that JAX has too; one with masked numbers as it is."""
    if np.ma.is_masked(array):
        return array
    array = np.asarray(array)
    if array.dtype == np.longdouble:
        array = array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _is_huge(value: Any) -> bool:
    """Whether an int is too large for 64 bits."""
    return isinstance(value, int | np.unsignedinteger) and not -(2**63) <= int(value) < 2**63


def as_count(value: Any) -> Any:
    """A whole number as an int; everything else as it is."""
    value = as_number(value)
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    if whole or (isinstance(value, np.integer) and not isinstance(value, np.timedelta64)):
        return int(value)
    return value


def is_real(number: Any) -> bool:
    """Whether it is one real number, or an array of them that JAX takes for one."""
    if not hasattr(number, "dtype"):
        return isinstance(number, numbers.Real)
    arrays = isinstance(number, np.generic | np.ndarray | jax.Array)
    if np.ma.is_masked(number) or not (arrays or hasattr(number, "__jax_array__")):
        return False
    if getattr(number.dtype, "kind", "") == "m":  # a duration, which is an integer to NumPy
        return False
    return any(jnp.issubdtype(number.dtype, kind) for kind in (jnp.integer, jnp.floating))


def _plain(value: Any) -> Any:
    return () if isinstance(value, np.ndarray | jax.Array) else value


def same(a: Any, b: Any) -> bool:
    """Equality by value, arrays and tuples of arrays included."""
    if isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return a is b
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "shape") or hasattr(b, "shape"):
        if a is b or b is dataclasses.MISSING:
            return a is b
        try:
            return np.array_equal(a, b)
        except TypeError:  # the gradient of an integer, which JAX gives no numbers
            return False
    return a is b or a == b


def evolve(value, **changes):
    """A copy with other fields, unchecked: the changes may be traced."""
    copy = object.__new__(type(value))
    copy.__setstate__(value.__getstate__() | changes)
    return copy


def _split(self):
    leaves, structure = [], []
    for field in dataclasses.fields(self):
        value = getattr(self, field.name)
        if self._is_structure(field, value):
            structure.append((field.name, value))
        else:
            leaves.append((field.name, value))
    return leaves, tuple(structure)


def _flatten(self):
    leaves, structure = _split(self)
    return [value for _, value in leaves], (tuple(name for name, _ in leaves), structure)


def _flatten_with_keys(self):
    leaves, structure = _split(self)
    keyed = [(jax.tree_util.GetAttrKey(name), value) for name, value in leaves]
    return keyed, (tuple(name for name, _ in leaves), structure)


def _unflatten(cls, aux, children):
    names, structure = aux
    value = object.__new__(cls)
    value.__setstate__(dict(structure) | dict(zip(names, children, strict=True)))
    return value
