"""What only makes programs smaller or faster; without it the rates would be the same.

The numbers are of one CPU with two cores and jax 0.10.2: with the fast path, and without.
"""

import numpy as np

from . import numerics as xp

_MANY = 33  # phases: from so many on, bisection is the faster search


def whole_curve(parts, clocks, rate, n):
    """The closed form of one schedule that goes its whole way from its initial rate on.

    CosineAnnealingLR by itself: 31 lines of StableHLO for 100, compiled in 43 ms for 61.
    """
    return parts[0]._whole_curve(n)


def begins_anew(phase) -> bool:
    """Whether the one schedule of a phase is at its initial rate, with its clock at 0."""
    [part] = phase.parts
    begun = (phase.moves, phase.clocks)
    for moves, clocks in [begun, phase.at_zero or begun]:
        *before, last = moves
        if last.schedule is not part or clocks[0].reading != 0:
            return False
        found = before[-1].value if before and before[-1].kind == "set" else None
        if last.kind != "restart" and not (last.kind == "start" and found is part._base):
            return False
    return True


def number_up_to(starts, count):
    """How many of the ascending `starts` are at most `count`.

    Of 100 phases and 10,000 counts: 0.4 ms for 2.1 ms. Up to 32 XLA's sum is as fast.
    """
    if xp.traced(starts) or len(starts) < _MANY:
        return (starts <= count).sum()
    # A few steps of bisection: XLA's sum takes them one by one.
    width = 1 << (len(starts) - 1).bit_length()
    starts = np.append(starts, np.full(width - len(starts), np.iinfo(np.int64).max))
    number = np.int64(0)
    while width > 1:
        width //= 2
        passed = xp.take(starts, number + width - 1) <= count
        number = xp.where(passed, number + width, number)
    return number + (xp.take(starts, number) <= count)


def pick_of_two(phases, rates, count):
    """The rate of two phases at `count`, both evaluated.

    A warm-up and a cosine: 65 lines of StableHLO for 85, compiled in 39 ms for 57.
    """
    later = count >= phases[1].start
    counts = [xp.where(later, 0, count), xp.where(later, count, phases[1].start)]
    steps = [phase.steps_to(own) for phase, own in zip(phases, counts, strict=True)]
    first, second = (rate(n) for rate, n in zip(rates, steps, strict=True))
    return xp.where(later, second, first)
