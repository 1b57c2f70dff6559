"""Numbers to places between 0 and 1 on an axis, and the round numbers to write beside it."""

import math
from collections.abc import Sequence

import numpy as np


class Scale:
    """An axis that holds all of the given values: its finite ones, of a log axis the positive.

    Args:
      columns: arrays of numbers.
      log: whether the axis is logarithmic.
      zero: whether it begins at 0 where nothing is negative.
      whole: whether it only has ticks at whole numbers.

    >>> import numpy as np
    >>> Scale([np.array([0.0, 0.08])]).ticks(4)
    {'0': 0.0, '0.02': 0.25, '0.04': 0.5, '0.06': 0.75, '0.08': 1.0}
    """

    def __init__(self, columns: Sequence[np.ndarray], *, log=False, zero=False, whole=False):
        self.log, self.whole = log, whole
        values = np.concatenate([np.asarray(column, np.float64) for column in columns])
        values = self._placed(values)
        values = values[np.isfinite(values)]
        self.low, self.high = 0.0, 1.0
        if len(values):
            self.low, self.high = float(values.min()), float(values.max())
        if zero and not log:
            self.low = min(self.low, 0.0)
        if self.high - self.low <= 1e-9 * abs(self.high):
            margin = abs(self.high) / 10 or 1.0
            self.low, self.high = self.low - margin, self.high + margin

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Their places; NaN where the axis has none."""
        places = self._placed(np.asarray(values, np.float64))
        return (np.where(np.isfinite(places), places, np.nan) - self.low) / (self.high - self.low)

    def ticks(self, number: int) -> dict[str, float]:
        """About `number` labels and their places."""
        step = _round((self.high - self.low) / number)
        if self.log or self.whole:
            step = max(1.0, float(round(step)))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        found = [index * step for index in range(first, last + 1)]
        if self.log and len(found) < 2:  # less than a decade
            found = [self.low, self.high]
        span = self.high - self.low
        return {
            self._label(value): min(1.0, max(0.0, (value - self.low) / span)) for value in found
        }

    def _placed(self, values: np.ndarray) -> np.ndarray:
        if not self.log:
            return values
        return np.log10(values, out=np.full_like(values, np.nan), where=values > 0)

    def _label(self, value: float) -> str:
        if self.log:
            return f"{10.0**value:.3g}"
        return f"{value:,.0f}" if self.whole else f"{value:.6g}"


def _round(step: float) -> float:
    """The least 1, 2 or 5 times a power of ten from `step` up."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= step * (1 - 1e-9))
