"""The shapes that warm-ups and decays of many libraries have in common."""

from .._core import numerics as xp


def progress(t, start, end):
    """The share of the way from `start` to `end`, in steps, that is done at t."""
    return xp.divide(t - start, xp.maximum(end - start, 1))


def share(t, start, end):
    """How far t is on the way from `start` to `end`: 0 up to the start, 1 from the end on."""
    way = end - start
    return xp.clip(xp.divide(t - start, xp.where(way == 0, 1, way)), 0.0, 1.0)


def rise(shape: str, x):
    """From 0 to 1 as x does: "linear", "cosine", "sqrt", "1-sqrt" or "square"."""
    if shape == "cosine":
        return (1.0 - xp.cos(xp.pi * x)) / 2.0
    if shape == "sqrt":
        return xp.sqrt(x)
    if shape == "1-sqrt":
        return 1.0 - xp.sqrt(1.0 - x)
    return x * x if shape == "square" else x


def wave(x, num_cycles=0.5):
    """A cosine that starts at 1: half a wave goes down to 0."""
    return 0.5 * (1.0 + xp.cos(xp.pi * (num_cycles * 2.0) * x))
