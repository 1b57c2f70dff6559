"""State dicts of PyTorch 1.1 to 2.9: their values under the keys of today's PyTorch.

The functions for a single scheduler get its state and whether it is alone, in no composition; they
return what is different today.
"""

import bisect
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from .clocks import in_cycle
from .numeric import int_if_integer, to_python

State = Mapping[str, Any]

# The functions that PyTorch kept where it keeps a string today.
_STRATEGIES = {
    "_annealing_cos": "cos",
    "_annealing_linear": "linear",
    "_cosine_anneal": "cos",
    "_linear_anneal": "linear",
}
LATE = "_late"  # A key of our own, for cycles that began one step late, as in PyTorch 1.1.
_OWN_SCALES = ("_triangular_scale_fn", "_triangular2_scale_fn", "_exp_range_scale_fn")
_TWO_PHASES = (
    ("initial_lr", "max_lr", "max_momentum", "base_momentum"),
    ("max_lr", "min_lr", "base_momentum", "max_momentum"),
)
_THREE_PHASES = (
    ("initial_lr", "max_lr", "max_momentum", "base_momentum"),
    ("max_lr", "initial_lr", "base_momentum", "max_momentum"),
    ("initial_lr", "min_lr", "max_momentum", "max_momentum"),
)
_PHASE_KEYS = ("start_lr", "end_lr", "start_momentum", "end_momentum")


def strategy(function: Any) -> str | None:
    """The `anneal_strategy` of one of PyTorch's annealing functions; None for any other."""
    name = getattr(function, "__name__", None) if callable(function) else None
    return _STRATEGIES.get(name) if isinstance(name, str) else None


def is_phase(phase: Mapping[str, Any], place: int, phases: int) -> bool:
    """Whether a phase of OneCycleLR has the ends of PyTorch's own phase at this place."""
    known = _TWO_PHASES if phases == 2 else _THREE_PHASES
    found = [phase.get(key) for key in _PHASE_KEYS]
    return all(isinstance(x, str) for x in found) and tuple(found) == known[place]


def own_function(state: Mapping[str, Any]) -> Callable | None:
    """The `scale_fn` that a CyclicLR's dict holds, as up to PyTorch 2.1."""
    for key in ("_scale_fn_custom", "scale_fn"):
        function = state.get(key)
        if callable(function) and getattr(function, "__name__", None) not in _OWN_SCALES:
            return function
    return None


# --- the values under today's keys, by scheduler ---


def milestones(state: State, alone: bool) -> dict[str, Any]:
    return {"milestones": _counter(state["milestones"])}


def swa_strategy(state: State, alone: bool) -> dict[str, Any]:
    named = state.get("_anneal_strategy", strategy(state.get("anneal_func")))
    return {"_anneal_strategy": named}


def one_cycle(state: State, alone: bool) -> dict[str, Any]:
    named = state.get("_anneal_func_type", strategy(state.get("anneal_func")))
    phases = state["_schedule_phases"] if "_schedule_phases" in state else _phases(state)
    return {"_anneal_func_type": named, "_schedule_phases": phases}


def scale_fn(state: State, alone: bool) -> dict[str, Any]:
    return {"_scale_fn_custom": state.get("_scale_fn_custom", own_function(state))}


def cycles(state: State, alone: bool) -> dict[str, Any]:
    """The cycles of PyTorch 1.1 as they would be today: they began one step late."""
    now = state["last_epoch"]
    if not alone:
        return {}
    if now == 0 and to_python(state["T_cur"]) == -1:
        return {"T_cur": 0, LATE: True} if in_cycle({**state, "T_cur": 0}) else {}
    before = {**state, "last_epoch": now - 1}
    if now > 0 and not in_cycle(state) and in_cycle(before, from_start=True):
        return {"last_epoch": now - 1, LATE: True}
    return {}


# --- compositions ---


def listed(state: State) -> list[State]:
    return list(state["_schedulers"])


def waiting(state: State) -> list[State]:
    """The parts of a SequentialLR, those still to come at a `last_epoch` of -1.

    They had 0 in PyTorch 1.10 and 1.11, and started in the same way.
    """
    dicts = listed(state)
    begun = bisect.bisect_right(state["_milestones"], state["last_epoch"])
    dicts[begun + 1 :] = [
        {**part, "last_epoch": -1} if _waits_at_0(part) else part for part in dicts[begun + 1 :]
    ]
    return dicts


def _waits_at_0(part: Mapping[str, Any]) -> bool:
    count = part.get("last_epoch")
    return "_schedulers" not in part and isinstance(count, int) and count == 0


def built_in_turn(state: State) -> bool:
    """Whether it is a SequentialLR of PyTorch 1.10 or 1.11 that has not been stepped.

    The rate is then that of the part built last, and not the SequentialLR's `_last_lr`.
    """
    is_sequence = "_milestones" in state
    return is_sequence and state["last_epoch"] == 0 and any(map(_waits_at_0, listed(state)[1:]))


def _counter(milestones: Any) -> Counter:
    """How often the rate drops at each step; the steps are strings if read from JSON."""
    if isinstance(milestones, Mapping):
        numbers = {m: float(m) if isinstance(m, str) else m for m in milestones}
        return Counter(
            {
                int_if_integer(numbers[m]): int_if_integer(to_python(n))
                for m, n in milestones.items()
            }
        )
    # PyTorch 1.2 and 1.3 counted the milestones of a list up to now: a fractional one counts from
    # the next step on, and a negative one from the start.
    steps = [to_python(m) for m in milestones if to_python(m) < math.inf]
    return Counter(0 if step < 0 else math.ceil(step) for step in steps)


def _phases(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The two phases, of which PyTorch 1.3 to 1.7 kept the lengths."""
    up, down = to_python(state["step_size_up"]), to_python(state["step_size_down"])
    phases = [dict(zip(_PHASE_KEYS, names, strict=True)) for names in _TWO_PHASES]
    return [phases[0] | {"end_step": up}, phases[1] | {"end_step": up + down}]
