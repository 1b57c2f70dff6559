"""Converts schedules to dicts that JSON can store, and back."""

import dataclasses
import difflib
from collections.abc import Iterable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core.fields import is_ours
from .._core.number import is_concrete
from .._core.value import Value
from .._schedulers import SCHEDULERS
from .._schedulers.recipe import OfLibrary
from .expression import Expression
from .names import load_recipes_of
from .source import brief

MAX_DEPTH = 100  # no schedule is deeper, and Python itself goes not far beyond


def to_config(schedule: Value) -> dict[str, Any]:
    """The schedule as a dict of plain Python values, ready for JSON.

    Args:
      schedule: any schedule with concrete numbers, nested ones and ReduceLROnPlateau included.

    Returns:
      `{"class": "StepLR", "lr": 0.1, ...}`, with a dict for each nested schedule. A class of
      your own is named with its module.

    Raises:
      TypeError: if it contains a Python function or a traced value.

    >>> import jaxsched
    >>> config = to_config(jaxsched.StepLR(0.1, step_size=30))
    >>> config
    {'class': 'StepLR', 'lr': 0.1, 'step_size': 30, 'gamma': 0.1, 'last_epoch': -1}
    >>> from_config(config)
    StepLR(lr=0.1, step_size=30)
    """
    if not isinstance(schedule, Value):
        raise TypeError(f"`to_config(schedule=...)` must be a schedule, got {schedule!r}.")
    config: dict[str, Any] = {"class": _name(type(schedule))}
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        if value is None and field.default is not None:
            config[field.name] = None
        elif value is not None:
            config[field.name] = _encode(value, f"{type(schedule).__name__}({field.name}=...)")
    return config


def from_config(config: dict[str, Any]) -> Any:
    """The schedule that `to_config` converted.

    Args:
      config: the dict of `to_config`; a round trip through JSON does not change it.

    Returns:
      An equal schedule.

    Raises:
      ValueError: for an unknown schedule or argument.

    >>> from_config({"class": "ExponentialLR", "lr": 0.1, "gamma": 0.9})
    ExponentialLR(lr=0.1, gamma=0.9)
    """
    _check_depth(config)
    return _build(config)


def _check_depth(config: Any) -> None:
    level = [config]
    for _ in range(MAX_DEPTH):
        level = [item for value in level for item in items_of(value)]
        if not level:
            return
    raise ValueError(f"`from_config(config=...)` must be nested less than {MAX_DEPTH} deep.")


def items_of(value: Any) -> Iterable[Any]:
    """The values of a dict or the items of a list; nothing for other values."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _build(config: Any) -> Any:
    if not isinstance(config, dict) or "class" not in config:
        raise ValueError(
            f"`from_config(config=...)` must be a dict with 'class', got {brief(repr(config))}."
        )
    name = config["class"]
    load_recipes_of(name)
    classes = {_name(cls): cls for cls in _subclasses(Value)}
    if not isinstance(name, str) or name not in classes:
        close = difflib.get_close_matches(str(name), classes, n=1)
        schedulers = ", ".join(cls.__name__ for cls in SCHEDULERS)
        hint = f"did you mean {close[0]}?" if close else f"use one of {schedulers}, as `to_config`."
        raise ValueError(
            f"`from_config(config=...)` must name a schedule, got {brief(repr(name))}: {hint}"
        )
    arguments = {key: _decode(value) for key, value in config.items() if key != "class"}
    unknown = arguments.keys() - {field.name for field in dataclasses.fields(classes[name])}
    if unknown:
        raise ValueError(
            f"`from_config(config=...)` must hold arguments of {name},"
            f" got {sorted(unknown, key=str)}."
        )
    return classes[name](**arguments)


def _name(cls: type[Value]) -> str:
    if not is_ours(cls):
        return f"{cls.__module__}:{cls.__qualname__}"
    return cls._call_name() if issubclass(cls, OfLibrary) else cls.__name__


def _subclasses(cls: type[Value]) -> Iterator[type[Value]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _encode(value: Any, where: str) -> Any:
    if isinstance(value, Value):
        return to_config(value)
    if isinstance(value, tuple):
        return [_encode(item, where) for item in value]
    if isinstance(value, Expression):
        return {"expression": value.text}
    if isinstance(value, bool | str):
        return value
    try:
        array = np.asarray(value)
    except Exception as error:
        raise TypeError(f"`{where}` must be concrete for a config, got {value!r}.") from error
    if jnp.issubdtype(array.dtype, jnp.floating):
        array = array.astype(np.float64)
    if not np.issubdtype(array.dtype, np.number):
        raise TypeError(f"`{where}` is a Python function, which a config cannot hold: {value!r}.")
    return (
        array.tolist()
        if not is_concrete(value) or isinstance(value, np.generic | np.ndarray)
        else value
    )


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return _expression(value["expression"]) if "expression" in value else _build(value)
    if isinstance(value, list):
        return tuple(map(_decode, value))
    return value


def _expression(text: Any) -> Expression:
    if isinstance(text, str):
        return Expression(text)
    raise ValueError(
        f"`from_config(config=...)` must hold each expression as text, got {brief(repr(text))}."
    )
