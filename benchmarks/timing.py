"""Timing of several candidates, alternately, round by round, after a warm-up.

Each round runs every candidate once, and every other round in reverse order, so that a machine that
slows down, or a cache that one candidate fills for the next, favours none of them.
"""

import functools
import time
from collections.abc import Callable, Sequence

import jax

Seconds = Callable[[], float]  # does the work and returns the seconds


def seconds(function: Callable, repeat: int = 1, clock: Seconds = time.perf_counter) -> float:
    """Seconds per call, until every result is ready."""
    start = clock()
    for _ in range(repeat):
        jax.block_until_ready(function())
    return (clock() - start) / repeat


def alternate(*candidates: Seconds, rounds: int, warm_up: bool = True) -> list[list[float]]:
    """The seconds of each candidate in each round.

    Args:
      candidates: functions that do the work and return the seconds.
      rounds: the number of rounds.
      warm_up: whether each candidate runs once before, without being counted.
    """
    if warm_up:
        for candidate in candidates:
            candidate()
    taken: dict[int, list[float]] = {index: [] for index in range(len(candidates))}
    for number in range(rounds):
        for index in sorted(taken, reverse=number % 2 == 1):
            taken[index].append(candidates[index]())
    return list(taken.values())


def interleaved(
    *functions: Callable, rounds: int, repeat: int | Sequence[int] = 1
) -> list[list[float]]:
    """Seconds per call of each function in each round, with `repeat` calls per round."""
    repeats = [repeat] * len(functions) if isinstance(repeat, int) else repeat
    timed = [functools.partial(seconds, *pair) for pair in zip(functions, repeats, strict=True)]
    return alternate(*timed, rounds=rounds)
