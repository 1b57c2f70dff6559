"""Writes a schedule as the Python call that builds it."""

import dataclasses
import math
from typing import Any

import numpy as np

from .._combine.counts import CALLS, Mapped
from .._combine.param_groups import ParamGroups
from .._combine.product import Product
from .._core.value import Value, same
from .._schedulers import SCHEDULERS
from .expression import Expression
from .source import brief


def call_text(schedule: Any) -> str:
    """The Python call that builds a schedule; `parse` reads it back.

    Args:
      schedule: a schedule, ParamGroups or ReduceLROnPlateau with concrete numbers.

    Raises:
      TypeError: if it contains a Python function, a class of your own, or a traced value.

    >>> import jaxsched
    >>> from jaxsched._text.parse import parse
    >>> call_text(jaxsched.per_epoch(parse("LambdaLR(0.1, 1 / (1 + step))"), 390))
    'per_epoch(LambdaLR(lr=0.1, lr_lambda=lambda step: 1 / (1 + step)), steps_per_epoch=390)'
    """
    if isinstance(schedule, Product) and len(schedule.schedules) > 1:
        return " * ".join(map(_text, schedule.schedules))
    if type(schedule) not in (*SCHEDULERS, ParamGroups, Product, *CALLS):
        raise TypeError(f"{brief(repr(schedule))} cannot be written as a call of jaxsched's own.")
    arguments = []
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        if not same(value, field.default):
            arguments.append(f"{field.name}={_text(value)}")
    if isinstance(schedule, Mapped):
        arguments[0] = call_text(schedule.schedule)  # as one would write it
    name = CALLS.get(type(schedule), type(schedule)).__name__
    return f"{name}({', '.join(arguments)})"


def _text(value: Any) -> str:
    if isinstance(value, Value):
        return call_text(value)
    if isinstance(value, Expression):
        return f"lambda step: {value.text}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if value is None or isinstance(value, bool | str):
        return repr(value)
    try:
        number = np.asarray(value).tolist()
    except Exception as error:
        raise TypeError(f"{value!r} must be known to be written down.") from error
    if isinstance(number, list):
        return _text(number)
    if isinstance(number, float) and math.isinf(number):
        return 'float("inf")' if number > 0 else '-float("inf")'
    if not isinstance(number, int | float):
        raise TypeError(f"{value!r} is a Python function, which cannot be written down.")
    return repr(number)
