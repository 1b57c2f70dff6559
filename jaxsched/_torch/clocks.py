"""How PyTorch's schedulers count their steps, and where a state stands."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .errors import Unreadable
from .numeric import int_if_integer, to_python

State = Mapping[str, Any]


def last_epoch(state: State) -> int:
    return int_if_integer(to_python(state["last_epoch"]))


def _built_at(state: State) -> int:
    return max(-1, last_epoch(state) - state["_step_count"])


def _since_built(state: State, built_at: int) -> int:
    done = last_epoch(state) - built_at - 1
    if done < 0:
        raise Unreadable(
            f"has a `last_epoch` of {last_epoch(state)}, before its first step: it was set by hand"
        )
    return done


def _before_first_step(state: State) -> int:
    return -1


class StepCount(NamedTuple):
    """How one kind of scheduler counts its steps; each function gets the scheduler's state."""

    # How often `step()` has been called since construction.
    steps: Callable[[State], Any] = lambda state: _since_built(state, _built_at(state))
    built_at: Callable[[State], int] = _built_at  # the `last_epoch` that its constructor got
    reading: Callable[[State], int] = last_epoch  # what its rate is computed from
    check: Callable[[State, bool], None] = lambda state, alone: None  # raises, or does nothing
    kept_if_resumed: bool = False  # a SequentialLR sets only its `last_epoch` back


# Most schedulers: `last_epoch` goes up by one at a step, and `_step_count` too, from 0.
COUNTED = StepCount()
# Those that do not take a `last_epoch`.
FROM_0 = StepCount(
    steps=lambda state: _since_built(state, _before_first_step(state)), built_at=_before_first_step
)
# SWALR computes its rate from `_step_count`.
BY_STEP_COUNT = StepCount(
    steps=lambda state: state["_step_count"] - 1, reading=lambda state: state["_step_count"] - 1
)


# --- CosineAnnealingWarmRestarts, which keeps its place in the cycle in T_cur and T_i ---


def _steps_of_cycles(state: State) -> Any:
    fraction = state["T_cur"] % 1  # `step(epoch)` may send it to a fractional epoch
    return _since_built(state, _cycles_built_at(state)) + fraction


def _cycles_built_at(state: State) -> int:
    """The first `last_epoch`, from `T_cur` and `T_i`.

    All that the scheduler derives from its first `last_epoch` is how many first cycles are in it:
    it leaves these out and goes on in the second cycle. If the cycles do not grow, it derives
    nothing.
    """
    now, (first, growth, current, length) = last_epoch(state), _cycle_fields(state)
    before, cycle = 0, first * growth
    if growth == 1 or _cycle(first, growth, now) == (current, length):
        return -1
    while cycle < length:
        before, cycle = before + cycle, cycle * growth
    left_out = now - before - current
    begun_in_second = cycle == length and left_out > 0 and left_out % first == 0
    return left_out - 1 if begun_in_second and left_out <= now else -1


def _cycle_fields(state: State) -> list[int]:
    return [int(to_python(state[name])) for name in ("T_0", "T_mult", "T_cur", "T_i")]


def _cycle(first: int, growth: int, now: int) -> tuple[int, int]:
    """T_cur and T_i at a `last_epoch` of `now`, if the first cycle began at 0."""
    if growth == 1:
        return now % first, first
    current, length = now, first
    while current >= length:
        current, length = current - length, length * growth
    return current, length


def _check_cycles(state: State, alone: bool) -> None:
    """Raises where T_cur and T_i are not what `last_epoch` says.

    Only a scheduler that is `alone`, in no composition, can be at a fractional epoch.
    """
    now = last_epoch(state)
    if now < 0:
        return  # The first step of a part sets T_cur and T_i.
    in_between = not alone and to_python(state["T_cur"]) % 1 != 0
    if in_between or not in_cycle(state):
        first, growth, _, _ = _cycle_fields(state)
        raise Unreadable(
            f"must hold `T_cur` and `T_i` as they are at a `last_epoch` of {now} with"
            f" T_0={first} and T_mult={growth}, got T_cur={state['T_cur']!r} and"
            f" T_i={state['T_i']!r}"
        )


def in_cycle(state: State, from_start: bool = False) -> bool:
    """Whether T_cur and T_i are what `last_epoch` says; `from_start`, if built without one."""
    now = last_epoch(state)
    first, growth, current, length = _cycle_fields(state)
    begun = 0 if from_start else _cycles_built_at(state) + 1
    if begun == 0:
        return to_python(state["T_cur"]) >= 0 and _cycle(first, growth, now) == (current, length)
    is_integer = to_python(state["T_cur"]) == current
    since = now - begun + begun % first
    return is_integer and _cycle(first * growth, growth, since) == (current, length)


BY_CYCLES = StepCount(
    steps=_steps_of_cycles, built_at=_cycles_built_at, check=_check_cycles, kept_if_resumed=True
)
