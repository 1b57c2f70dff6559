"""Numbers as PyTorch's schedulers and checkpoints hold them."""

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np


def to_python(value: Any) -> Any:
    """A Python number for a tensor or an array of one element; all else as it is."""
    return value.item() if hasattr(value, "item") else value


def real_or_none(value: Any) -> float | None:
    """A real number, or a tensor of one, as a float; None for anything else, NaN included."""
    try:
        value = to_python(value)
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        number = float(value) if is_number else math.nan
    except RecursionError:
        raise
    except (ValueError, RuntimeError, TypeError, OverflowError):
        return None
    return None if math.isnan(number) else number


def is_finite(value: Any) -> bool:
    number = real_or_none(value)
    return number is not None and math.isfinite(number)


def int_if_integer(value: Any) -> Any:
    """An int for a float such as 30.0, as a user would have written it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shortest(guess: float, holds: Callable[[float], bool]) -> float:
    """The number of the fewest digits near `guess` for which `holds`, or `guess` itself."""
    near = [float(f"{guess:.{digits}g}") for digits in range(1, 18)]
    near += [float(np.nextafter(guess, towards)) for towards in (-np.inf, np.inf)]
    return next((x for x in near if holds(x)), guess)
