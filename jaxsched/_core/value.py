"""What every schedule is: an immutable value that is also a JAX pytree.

A subclass of `Value` lists its hyperparameters as annotated fields and is thereby a frozen
dataclass, registered with JAX. Numbers and nested values are its children in the pytree, static
fields are not. Building a value checks it; flattening and unflattening never do, because JAX
puts tracers, shapes and placeholders where the numbers were.
"""

import dataclasses
import functools
import inspect
import math
import typing
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import numpy as np

from .calls import check_call, readable
from .fields import Field, NumberKind, broken_rule, fields_of, in_range, range_text, static
from .number import (
    LONG,
    as_array,
    as_count,
    as_number,
    concrete,
    is_concrete,
    is_real,
    lenient,
    shown,
)


@typing.dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
class Value:
    """An immutable record of numbers: compares by value, prints as the call that made it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    _field_table: ClassVar[tuple[Field, ...]]
    _called: ClassVar[str] = ""  # the function that makes one, if it is not the class
    _unnamed: ClassVar[int] = 0  # how many of its arguments one writes without their names
    _has_constants: ClassVar[Any] = False  # its program has its numbers, and is no other's

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        generated = "__init__" not in vars(cls)
        dataclasses.dataclass(frozen=True, repr=False, eq=False)(cls)
        cls._field_table = fields_of(cls)
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
        for field in self._field_table:
            value = _normalised(self, field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if value is not None or field.default is not None:
                self._check_field(field, value)
        with lenient():
            self._validate()

    def _validate(self) -> None:
        """Raises on hyperparameters that make no sense; a subclass says which."""

    def _require(self, name: str, ok: Callable[[Any], bool], rule: str) -> None:
        """Raises a ValueError if field `name` holds a concrete number that is not `ok`."""
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
        for field in self._field_table:
            value = getattr(self, field.name)
            if field.rank is None or field.static(value):
                continue
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Value) and (found := item._batched_field()):
                    return found
                if getattr(item, "ndim", 0) > field.rank:
                    return field.name, field.rank, item.shape
        return None

    def _reject(self, name: str, rule: str, error: type[Exception] = ValueError) -> typing.NoReturn:
        value = getattr(self, name)
        raise error(f"`{self._call_name()}({name}=...)` must be {rule}, got {shown(value)}.")

    def _check_field(self, field: Field, value: Any) -> None:
        if field.kind is None:
            if not field.static(value):
                self._check_own(field.name, value)
            return
        if field.kind.nested:
            return
        if not field.static(value):
            self._check_numbers(field, field.kind, value)
        if (allowed := field.kind.integers) is not None:
            batched = hasattr(value, "dtype") and not field.static(value)
            if not all(in_range(n, allowed) for n in (concrete(value) if batched else [value])):
                self._reject(field.name, range_text(allowed))

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

    def _check_numbers(self, field: Field, kind: NumberKind, value: Any) -> None:
        if isinstance(value, tuple) and not kind.rank:
            rule = "one number (ParamGroups takes a schedule per group)"
            self._reject(field.name, rule, TypeError)
        for number in value if isinstance(value, tuple) else (value,):
            if broken := broken_rule(kind, number):
                self._reject(field.name, *broken)

    def _arguments(self) -> list[tuple[str, Any]]:
        """The constructor's arguments that are not the defaults."""
        values = ((field, getattr(self, field.name)) for field in self._field_table)
        return [(field.name, value) for field, value in values if not same(value, field.default)]

    @classmethod
    def _call_name(cls) -> str:
        return cls._called or cls.__name__

    def _call_text(self, write: Callable[[Any], str]) -> str:
        """The call that makes it, each argument as `write` has it."""
        arguments = [(name, write(value)) for name, value in self._arguments()]
        unnamed = [text for _, text in arguments[: self._unnamed]]
        return call_of(self._call_name(), *unnamed, **dict(arguments[self._unnamed :]))

    def __repr__(self) -> str:
        return self._call_text(_shown_in_repr)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        names = [field.name for field in self._field_table]
        return all(same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        values = [getattr(self, field.name) for field in self._field_table]
        # By shape alone, an array lets `jax.jit` and its like take the schedule for a function.
        return hash((type(self), *(getattr(x, "shape", None) or _plain(x) for x in values)))

    def __getstate__(self):
        return {field.name: getattr(self, field.name) for field in self._field_table}

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)


def call_of(name: str, /, *arguments: str, **named: str) -> str:
    """A call as Python text, of the texts of its arguments."""
    texts = [*arguments, *(f"{key}={text}" for key, text in named.items())]
    return f"{name}({', '.join(texts)})"


def _shown_in_repr(value: Any) -> str:
    """A function by its name, all else by its repr."""
    return getattr(value, "__qualname__", None) or repr(value)


def _checking_its_call(generated):
    @functools.wraps(generated)
    def __init__(self, *args, **kwargs):
        check_call(type(self), args, kwargs)
        generated(self, *args, **kwargs)

    __init__.__signature__ = readable(inspect.signature(generated))  # type: ignore[attr-defined]
    return __init__


def _refuse_change(self, name: str, *_: Any) -> typing.NoReturn:
    names = [field.name for field in self._field_table]
    example = f"{name if name in names else names[0]}=..."
    raise dataclasses.FrozenInstanceError(
        f"`{type(self).__name__}.{name}` cannot be changed, for a schedule is a value: make another"
        f" with `dataclasses.replace(schedule, {example})`."
    )


def _normalised(value: Value, field: Field, given: Any) -> Any:
    """What a field is to hold, of what was given for it."""
    if field.annotation is bool or field.annotation == "bool":
        return _as_bool(value, field.name, given)
    if type(given) in (list, tuple):
        is_list = field.kind is not None and field.kind.rank == 1
        if is_list and len(given) > LONG and not field.static(tuple(given)):
            return as_array(given)
        return tuple(map(as_number, given))
    if field.kind is not None and field.kind.from_float:
        return as_count(given)
    plain = as_number(given)
    # As a number, not a truth value, which JAX would not add to one.
    is_number = isinstance(plain, bool | np.bool_) and not field.static(plain)
    return int(plain) if is_number else plain


def _as_bool(value: Value, name: str, given: Any) -> bool:
    plain = as_number(given)
    if plain is None or isinstance(plain, np.bool_):
        return bool(plain)
    if is_concrete(plain) and is_real(plain) and plain in (0, 1):
        return bool(plain)
    value._reject(name, "True or False", TypeError)


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
    children, static_fields = [], []
    for field in self._field_table:
        value = getattr(self, field.name)
        if field.static(value):
            static_fields.append((field.name, value))
        else:
            children.append((field.name, value))
    return children, tuple(static_fields)


def _flatten(self):
    children, static_fields = _split(self)
    return [value for _, value in children], (tuple(name for name, _ in children), static_fields)


def _flatten_with_keys(self):
    children, static_fields = _split(self)
    keyed = [(jax.tree_util.GetAttrKey(name), value) for name, value in children]
    return keyed, (tuple(name for name, _ in children), static_fields)


def _unflatten(cls, aux, children):
    names, static_fields = aux
    value = object.__new__(cls)
    value.__setstate__(dict(static_fields) | dict(zip(names, children, strict=True)))
    return value
