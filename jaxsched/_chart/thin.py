"""Thinning: which points of a long curve to draw, so that every peak stays visible."""

import numpy as np

RUNS = 150  # a long curve keeps the smallest and the largest value of so many runs of neighbours


def peaks(values: np.ndarray, runs: int = RUNS) -> np.ndarray:
    """The index of the largest value in each run."""
    number = runs if len(values) > 2 * runs else len(values)
    starts = np.arange(number) * len(values) // number
    parts = np.split(values, starts[1:])
    return starts + np.array([int(np.argmax(part)) for part in parts])


def extremes(values: np.ndarray, runs: int = RUNS) -> np.ndarray:
    """The indices of the smallest and the largest value in each run, and of both ends."""
    ends = [0, len(values) - 1]
    return np.unique(np.concatenate([peaks(values, runs), peaks(-values, runs), ends]))
