"""How one count follows from another: what per_epoch and its relatives have in common."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import numerics as xp
from .value import same

_LARGEST = 2**63 - 1


class CountMap(NamedTuple):
    """count -> max(count - wait, 0) * times // every + ahead, which never falls."""

    wait: Any = 0
    times: Any = 1
    every: Any = 1
    ahead: Any = 0

    def __call__(self, count):
        if _differs(self.wait, 0):
            count = xp.maximum(count - self.wait, 0)
        if _differs(self.times, 1):
            count = xp.minimum(count, _LARGEST // self.times) * self.times
        if _differs(self.every, 1):
            count = xp.floor_divide(count, self.every)
        if _differs(self.ahead, 0):
            count = xp.minimum(count, _LARGEST - self.ahead) + self.ahead
        return count

    def first(self, inner):
        """The first count that is mapped to `inner` or more."""
        steps = xp.maximum(inner - self.ahead, 0)
        waited = self.wait + xp.floor_divide(steps * self.every + (self.times - 1), self.times)
        return xp.where(steps == 0, 0, waited)

    @property
    def shifts(self) -> bool:
        """Whether every count is one step, so that it matters at the start alone."""
        return not (_differs(self.wait, 0) or _differs(self.times, 1) or _differs(self.every, 1))


class PeriodicMap(NamedTuple):
    """A count that goes up at every `every`-th step of a period, and by `steps` in each.

    count -> count // period * steps + count % period // every

    Where `steps` is one more than the last reading within a period, it goes up as the period ends.
    """

    period: int
    every: int
    steps: int  # positive

    def __call__(self, count):
        periods = xp.floor_divide(count, self.period)
        within = xp.floor_divide(count - periods * self.period, self.every)
        return periods * self.steps + within

    def first(self, inner):
        """The first count that is mapped to `inner` or more."""
        before = xp.maximum(inner - 1, 0)
        periods = xp.floor_divide(before, self.steps)
        within = (before - periods * self.steps + 1) * self.every
        first = periods * self.period + xp.minimum(within, self.period)
        return xp.where(xp.maximum(inner, 0) == 0, 0, first)

    @property
    def shifts(self) -> bool:
        return False


def _differs(number, neutral: int) -> bool:
    return not isinstance(number, int | np.integer) or number != neutral


class Clock(NamedTuple):
    """A scheduler's `last_epoch` as the counts of a phase go on.

    It stands at `reading` where the phase begins. Each of the `maps`, the outermost first, comes
    with the count that it has reached by then.
    """

    reading: Any
    maps: tuple[tuple[CountMap | PeriodicMap, Any], ...] = ()

    def at(self, n):
        """The reading after `n` more counts."""
        return self.reading + advance(self.maps, n)

    def when(self, reading):
        """After how many counts the clock first shows `reading` or more."""
        steps = reading - self.reading
        for count_map, count in reversed(self.maps):
            steps = count_map.first(count_map(count) + steps) - count
        return steps


def advance(maps, n):
    """How many steps a scheduler below `maps` takes in `n` counts."""
    for count_map, count in maps:
        n = count_map(count + n) - count_map(count)
    return n


def shared(clocks: Sequence[Clock]) -> tuple:
    """The outermost maps that all clocks have in common."""
    levels = zip(*[clock.maps for clock in clocks], strict=False)
    common = itertools.takewhile(lambda level: all(same(m, level[0]) for m in level), levels)
    return tuple(level[0] for level in common)
