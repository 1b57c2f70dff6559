"""Kinds of values under the keys of a scheduler's `state_dict()`, in PyTorch 1.1 to 2.14."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._core.number import shown as whole
from .numeric import is_finite, real_or_none, to_python
from .old_states import is_phase, strategy

_MOST = 2**31 - 1  # Counts are int32 in JAX.
_MOST_MILESTONES = 1024  # Each is a leaf of the schedule, and takes a millisecond.


def _always(state: Mapping) -> bool:
    return True


def _never(state: Mapping) -> bool:
    return False


class KeyKind(NamedTuple):
    """What a key may hold."""

    words: str  # for error messages
    holds: Callable[[Any, Mapping[str, Any]], bool]  # whether a value may stand in a state
    needed: Callable[[Mapping[str, Any]], bool] = _always  # whether a state must have the key

    @property
    def optional(self) -> "KeyKind":
        return self._replace(needed=_never)

    def unless(self, *older: str) -> "KeyKind":
        """Needed where the state lacks these keys, which hold the same in an older PyTorch."""
        return self._replace(needed=lambda state: not all(key in state for key in older))

    def beside(self, key: str) -> "KeyKind":
        """Needed where the state has `key`, which came with the same version of PyTorch."""
        return self._replace(needed=lambda state: key in state)

    def where(self, needed: Callable[[Mapping[str, Any]], bool]) -> "KeyKind":
        return self._replace(needed=needed)


def number(words: str, least: float, most: float, *, integer: bool = False) -> KeyKind:
    def holds(value: Any, _: Mapping) -> bool:
        number = real_or_none(value)
        if number is None or not least <= number <= most:
            return False
        return not integer or number.is_integer()

    return KeyKind(words, holds)


def one_of(*choices: Any) -> KeyKind:
    words = "one of " + ", ".join(map(repr, choices))
    return KeyKind(words, lambda value, _: isinstance(value, str) and value in choices)


def _flag(value: Any, _: Mapping) -> bool:
    return isinstance(value, bool) or real_or_none(value) in (0, 1)


def _numbers(value: Any, state: Mapping) -> bool:
    """A list of numbers, as long as `base_lrs` if the state has these."""
    if not isinstance(value, list | tuple) or not value or not all(map(is_finite, value)):
        return False
    bases = state.get("base_lrs", value)
    return not isinstance(bases, list | tuple) or len(bases) == len(value)


def _initial(value: Any, state: Mapping) -> bool:
    return _numbers(value, {}) and all(to_python(rate) >= 0 for rate in value)


def _floors(value: Any, state: Mapping) -> bool:
    return (
        isinstance(value, list | tuple)
        and all(map(is_finite, value))
        and _for_all_groups(value, state)
    )


def _for_all_groups(value: Any, state: Mapping) -> bool:
    """Whether a plateau has a floor for each group of `_last_lr`."""
    shown = state.get("_last_lr", value)
    new_groups = state.get("default_min_lr") is not None
    return new_groups or not isinstance(shown, list | tuple) or len(shown) == len(value)


def _milestones(value: Any, _: Mapping) -> bool:
    if isinstance(value, list | tuple):  # PyTorch 1.2 and 1.3
        steps = [real_or_none(m) for m in value[: _MOST_MILESTONES + 1]]
        known = [step for step in steps if step is not None]
        return len(steps) <= _MOST_MILESTONES and steps == sorted(known)
    if not isinstance(value, Mapping) or len(value) > _MOST_MILESTONES:
        return False
    if not all(_milestone(m) and COUNT.holds(number, {}) for m, number in value.items()):
        return False
    return sum(to_python(number) for number in value.values()) <= _MOST_MILESTONES


def _milestone(value: Any) -> bool:
    """A number, whether or not a count reaches it; a string if read from JSON."""
    try:
        return real_or_none(float(value) if isinstance(value, str) else value) is not None
    except ValueError:
        return False


def _functions(value: Any, state: Mapping) -> bool:
    if not isinstance(value, list | tuple):
        return False
    bases = state.get("base_lrs", value)
    fits = not isinstance(bases, list | tuple) or len(bases) == len(value)
    return fits and all(saved is None or isinstance(saved, Mapping) for saved in value)


def _function(value: Any, _: Mapping) -> bool:
    return value is None or callable(value) or isinstance(value, Mapping)


def _phases(value: Any, state: Mapping) -> bool:
    """The two or three phases that PyTorch makes from `total_steps` and `pct_start`."""
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        return False
    for place, phase in enumerate(value):
        if not isinstance(phase, Mapping) or not is_finite(phase.get("end_step")):
            return False
        if not is_phase(phase, place, len(value)):
            return False
    first, *middle, last = [to_python(phase["end_step"]) for phase in value]
    total = real_or_none(state.get("total_steps"))
    if total is None:
        return True  # `total_steps` is refused by its own kind.
    has_length = first != 0  # PyTorch would divide by it.
    return has_length and -1 <= first <= total - 1 == last and middle in ([], [2 * first])


def _not_over(value: Any, state: Mapping) -> bool:
    """Whether PyTorch's OneCycleLR can stand there.

    That is `total_steps` at most, and one less if the last phase has no length.
    """
    now, total = real_or_none(value), real_or_none(state.get("total_steps"))
    if not DONE.holds(value, state) or now is None or total is None:
        return DONE.holds(value, state)
    phases = state.get("_schedule_phases")
    if isinstance(phases, list | tuple) and _phases(phases, state):
        total -= to_python(phases[-2]["end_step"]) == total - 1
    return now <= total


def _way_up(value: Any, state: Mapping) -> bool:
    up, total = real_or_none(value), real_or_none(state.get("total_steps"))
    return up is not None and (total is None or -1 <= up <= total - 1)


def _way_down(value: Any, state: Mapping) -> bool:
    down = real_or_none(value)
    up, total = (real_or_none(state.get(key)) for key in ("step_size_up", "total_steps"))
    if down is None or up is None or total is None:
        return down is not None
    return abs(up + down - (total - 1)) <= 1e-9 * total


def _strategy(value: Any, state: Mapping) -> bool:
    """One of PyTorch's functions; anything if the state has the name that replaced it."""
    named = "_anneal_strategy" in state or "_anneal_func_type" in state
    return named or strategy(value) is not None


def _dicts(value: Any, _: Mapping) -> bool:
    listed = isinstance(value, list | tuple) and len(value) > 0
    return listed and all(isinstance(part, Mapping) for part in value)


def _counts(value: Any, state: Mapping) -> bool:
    parts = state.get("_schedulers", ())
    if not isinstance(value, list | tuple) or not all(COUNT.holds(m, {}) for m in value):
        return False
    return not isinstance(parts, list | tuple) or len(value) == len(parts) - 1


FINITE = KeyKind("a finite number", lambda value, _: is_finite(value))
ANY_NUMBER = number("a number", -math.inf, math.inf)
COUNT = number("a count", 0, _MOST, integer=True)
POSITIVE = number("a positive count", 1, _MOST, integer=True)
LENGTH = number("a number of steps", -_MOST, math.inf)
LENGTH_FROM_0 = number("a number of steps", 0, math.inf)
DONE = number("a whole count of steps done", -64, _MOST, integer=True)
FLAG = KeyKind("True or False", _flag)
FALSE = KeyKind("False", lambda value, _: _flag(value, {}) and not value)
STRING = KeyKind("a string", lambda value, _: isinstance(value, str))
OR_NONE = KeyKind("a number or None", lambda value, _: value is None or is_finite(value))
UNREAD = KeyKind("anything", lambda *_: True).optional

RATES = KeyKind("a list of finite numbers, as long as `base_lrs`,", _numbers)
INITIAL_RATES = KeyKind(
    "a list of finite numbers from 0 up, one for each parameter group,", _initial
)
FLOORS = KeyKind("a list of finite numbers, one for each parameter group", _floors)
FUNCTIONS = KeyKind("a list of dicts or None, one for each parameter group", _functions)
FUNCTION = KeyKind("a dict, a function (up to 2.1) or None", _function)
PARTS = KeyKind("a list of state dicts", _dicts)
PART_STARTS = KeyKind("a list of counts, one fewer than there are `_schedulers`,", _counts)
MILESTONES = KeyKind(
    f"a Counter of milestones, up to {_MOST_MILESTONES} in all (or a sorted list, as in"
    " PyTorch 1.2 and 1.3),",
    _milestones,
)
STRATEGY = one_of("cos", "linear")
ANNEALING = KeyKind("PyTorch's own annealing function, whose name says cos or linear,", _strategy)
PHASES = KeyKind(
    "the 2 or 3 phases that PyTorch makes, the last of which has its `end_step` at"
    " total_steps - 1, and of three the middle one at twice the first,",
    _phases,
)
DONE_OF_TOTAL = KeyKind("a whole count of steps done, up to `total_steps`,", _not_over)
WAY_UP = KeyKind("a number of steps below `total_steps`", _way_up)
WAY_DOWN = KeyKind("what `step_size_up` leaves of total_steps - 1", _way_down)
CYCLE_LENGTH = number("a positive number of steps", 5e-324, _MOST)
CYCLE_SHARE = number("a number above 0 and at most 1", 5e-324, 1)
PLATEAU_DONE = number("a count of steps done", -64, _MOST)
COOLDOWN = number("a number", -_MOST, _MOST)
IN_CYCLE = number("a number of steps done in this cycle", -64, _MOST)


def cycles_momentum(state: Mapping) -> bool:
    cycles = state.get("cycle_momentum")
    return cycles is True or real_or_none(cycles) == 1


def shown(value: Any) -> str:
    """A value in an error message, cut where it is long."""
    text = whole(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
