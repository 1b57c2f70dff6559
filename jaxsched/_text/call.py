"""Writes a schedule as the Python call that builds it."""

import math
from typing import Any

import numpy as np

from .._combine.product import Product
from .._core.fields import is_ours
from .._core.table import Table
from .._core.value import Value
from .expression import Expression
from .names import maker
from .source import brief

_LONG = 1000  # rates of a table, of the numbers that `parse` reads


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
    if isinstance(schedule, Table) and np.size(schedule.rates) > _LONG:
        raise TypeError(
            f"{schedule!r} is too long to be written as a call: a config holds it, as"
            " `jaxsched.to_config(schedule)`."
        )
    if not is_ours(type(schedule)) or maker(schedule._call_name()) is None:
        raise TypeError(f"{brief(repr(schedule))} cannot be written as a call of jaxsched's own.")
    return schedule._call_text(_text)


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
        raise TypeError(f"{value!r} must be concrete to be written down.") from error
    if isinstance(number, list):
        return _text(number)
    if isinstance(number, float) and math.isinf(number):
        return 'float("inf")' if number > 0 else '-float("inf")'
    if not isinstance(number, int | float):
        raise TypeError(f"{value!r} is a Python function, which cannot be written down.")
    return repr(number)
