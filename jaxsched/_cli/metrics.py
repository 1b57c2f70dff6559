"""The metrics of a plateau, as `--metrics` gives them."""

from typing import Any

import numpy as np

from .._text.expression import Expression
from .._traces.values import has_plateau


def metrics_of(schedule: Any, text: str | None, steps: int) -> Expression | None:
    """The metrics of a plateau, evaluated once at each step to find errors early."""
    plateau = has_plateau(schedule)
    if plateau and text is None:
        raise ValueError(
            "a ReduceLROnPlateau depends on a metric: give --metrics, an expression of the step"
            " such as '1 / (1 + step)'"
        )
    if text is None:
        return None
    if not plateau:
        raise ValueError("--metrics needs a ReduceLROnPlateau, but this schedule is not one")
    metrics = Expression(text)
    for step in range(steps):
        try:
            if abs(float(metrics(step))) > float(np.finfo(np.float32).max):
                raise OverflowError("too large for float32")
        except (ArithmeticError, TypeError, ValueError) as error:
            raise ValueError(f"--metrics has no value at step {step}: {error}") from error
    return metrics
