"""Axes: the position of a number, and ticks at round numbers."""

import dataclasses
import math

import numpy as np

LARGEST = float(np.finfo(np.float64).max)


@dataclasses.dataclass(frozen=True)
class Scale:
    """Maps an interval of numbers to the interval from 0 to 1."""

    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray, zero: bool = False) -> "Scale":
        """The interval of the finite values; with `zero`, it may be extended to 0.

        Nearly constant values get a wide interval around them, so that rounding is not visible.
        """
        finite = values[np.isfinite(values)].astype(np.float64)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if zero and high / 2 - low / 2 < 1e-5 * max(abs(low), abs(high)):
            low, high = min(0.0, 2 * low), max(0.0, 2 * high)
        elif zero and 0 < low < high / 2:
            low = 0.0
        return cls(max(low, -LARGEST), min(high, LARGEST))

    @property
    def half(self) -> float:
        return self.high / 2 - self.low / 2  # high - low may overflow

    def __call__(self, values):
        if not self.half > 0:
            return np.where(np.isfinite(values), 0.5, np.nan)
        return (np.asarray(values, np.float64) / 2 - self.low / 2) / self.half

    def ticks(self, number: int, integer: bool = False) -> list[tuple[float, str]]:
        """About `number` round numbers of the interval, with their labels."""
        if not self.half > 0:
            return [(self.low, f"{self.low:.6g}")]
        step = _round_up(self.half / (number / 2))
        if not 0 < step < math.inf:
            step = self.half
        step = max(step, 1.0) if integer else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [index * step for index in range(first, last + 1)]
        return list(zip(values, _labels(values), strict=True))


def _round_up(value: float) -> float:
    """The next larger number that is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((f * power for f in (1, 2, 5) if f * power >= value * (1 - 1e-9)), 10 * power)


def _labels(values: list[float]) -> list[str]:
    """The shortest labels that are all different."""
    for digits in range(3, 17):
        labels = [f"{value:.{digits}g}" for value in values]
        if len(set(labels)) == len(labels):
            break
    return labels
