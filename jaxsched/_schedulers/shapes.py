"""The shapes that warm-ups and decays of many libraries have in common."""

from .._core import numerics as xp


def progress(t, start, end):
    """The share of the way from `start` to `end`, in steps, that is done at t."""
    return xp.divide(t - start, xp.maximum(end - start, 1))


def share(t, start, end):
    """How far t is on the way from `start` to `end`: 0 up to the start, 1 from the end on."""
    way = end - start
    return xp.clip(xp.divide(t - start, xp.where(way == 0, 1, way)), 0.0, 1.0)


def power_of_rest(rest, power):
    """A power of what is left; at the end it stays 0, and so does its derivative.

    That of a power below 1 would be infinite there, and 0 times that a NaN.
    """
    ended = rest <= 0.0
    value = xp.power(xp.where(ended, 1.0, rest), power)
    return xp.where(ended, xp.where(power == 0, 1.0, 0.0), value)


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


_ROUNDING = 2.0**-45  # of the start of a cycle, what it may be off by
_LESS = 1e-9  # of a number of cycles, more than it may be off by


def cycle(t, first, growth):
    """Index of the cycle at t, the counts since its start, its length; whether there is one.

    Each cycle is `growth` times as long as the one before, and the first one has `first` counts.
    """
    first, growth = xp.floating(first), xp.floating(growth)
    steady = growth == 1.0
    more = xp.where(steady, 1.0, growth - 1.0)
    grown = xp.divide(t * (growth - 1.0), first)  # the length at t over the first, less 1
    exists = grown > -1.0
    grown = xp.where(exists, grown, 0.0)

    def start(n, power):
        # Of cycles of equal length, the second summand is 0 and has the derivative.
        even = n + (growth - 1.0) * n * (n - 1.0) / 2.0
        return first * xp.where(steady, even, xp.divide(power - 1.0, more))

    # A bit less, so that where the logarithm is rounded up the cycle before is found too.
    whole = xp.divide(xp.log1p(grown), xp.where(steady, 1.0, xp.log(growth))) - _LESS
    index = xp.where(steady, xp.floor_divide(t, first), xp.maximum(xp.floor(whole), 0.0))
    power = xp.power(growth, index)
    end = start(index + 1.0, power * growth)
    slack = first * _ROUNDING * xp.divide(1.0 + grown, abs(more))
    over = ~steady & (t >= end - slack)
    since = t - xp.where(over, end, start(index, power))
    length = first * xp.where(over, power * growth, power)
    return index + over, xp.where(since < 0.0, 0.0, since), length, exists
