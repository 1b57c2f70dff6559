"""State dicts of PyTorch 1.1 to 2.9 in the keys of today, which say the same."""

import bisect
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from .._schedulers.cosine_annealing_warm_restarts import CosineAnnealingWarmRestarts
from .._schedulers.cyclic_lr import CyclicLR
from .._schedulers.multi_step_lr import MultiStepLR
from .._schedulers.one_cycle_lr import OneCycleLR
from .._schedulers.sequential_lr import SequentialLR
from .._schedulers.swalr import SWALR
from .snapshot import in_step, plain, whole

# The names of PyTorch's functions, which it held where a string is today.
_STRATEGIES = {
    "_annealing_cos": "cos",
    "_annealing_linear": "linear",
    "_cosine_anneal": "cos",
    "_linear_anneal": "linear",
}
LATE = "_late"  # A key of our own: the cycles of PyTorch 1.1 began one step late.
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
_LEVELS = ("start_lr", "end_lr", "start_momentum", "end_momentum")


def strategy(function: Any) -> str | None:
    """Which of PyTorch's own annealing functions it is: "cos", "linear", or none of them."""
    name = getattr(function, "__name__", None) if callable(function) else None
    return _STRATEGIES.get(name) if isinstance(name, str) else None


def levels_of(phase: Mapping[str, Any], place: int, phases: int) -> bool:
    """Whether a phase of OneCycleLR goes from and to where PyTorch's own does."""
    known = _TWO_PHASES if phases == 2 else _THREE_PHASES
    return all(phase.get(key) == name for key, name in zip(_LEVELS, known[place], strict=True))


def own_function(state: Mapping[str, Any]) -> Callable | None:
    """The `scale_fn` of a CyclicLR where its dict holds it, as up to PyTorch 2.1."""
    for key in ("_scale_fn_custom", "scale_fn"):
        function = state.get(key)
        if callable(function) and getattr(function, "__name__", None) not in _OWN_SCALES:
            return function
    return None


def modern(cls: type, state: Mapping[str, Any], alone: bool) -> dict[str, Any]:
    """The dict, which has passed the schema, in today's keys; `alone` is one of no composition."""
    new = dict(state)
    # PyTorch 1.1 did not count its steps: they are those since the construction at -1.
    new["last_epoch"] = whole(plain(new["last_epoch"]))
    new["_step_count"] = whole(plain(new.get("_step_count", new["last_epoch"] + 1)))
    if cls is MultiStepLR:
        new["milestones"] = _counter(new["milestones"])
    if cls is SWALR:
        new.setdefault("_anneal_strategy", strategy(new.get("anneal_func")))
    if cls is OneCycleLR:
        new.setdefault("_anneal_func_type", strategy(new.get("anneal_func")))
        if "_schedule_phases" not in new:
            new["_schedule_phases"] = _phases(new)
    if cls is CyclicLR:
        new["_scale_fn_custom"] = new.get("_scale_fn_custom", own_function(new))
    if cls is CosineAnnealingWarmRestarts and alone:
        new |= _late(new)
    return new


def _late(state: dict[str, Any]) -> dict[str, Any]:
    """What a cycle that PyTorch 1.1 began would hold, had it not begun one step late."""
    now = state["last_epoch"]
    if now == 0 and plain(state["T_cur"]) == -1:
        return {"T_cur": 0, LATE: True} if in_step(state | {"T_cur": 0}, 0) else {}
    if now > 0 and not in_step(state, now) and in_step(state, now - 1, from_start=True):
        return {"last_epoch": now - 1, LATE: True}
    return {}


def parts(cls: type, state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The dicts of a composition's parts, as they would wait for their turn today.

    PyTorch 1.10 and 1.11 let them wait at step 0, not -1, where they start all the same.
    """
    dicts = list(state["_schedulers"])
    if cls is SequentialLR:
        begun = bisect.bisect_right(state["_milestones"], state["last_epoch"])
        dicts[begun + 1 :] = [
            {**part, "last_epoch": -1} if _waits_at_0(part) else part for part in dicts[begun + 1 :]
        ]
    return dicts


def _waits_at_0(part: Mapping[str, Any]) -> bool:
    count = part.get("last_epoch")
    return "_schedulers" not in part and isinstance(count, int) and count == 0


def built_in_turn(cls: type, state: Mapping[str, Any]) -> bool:
    """Whether it is a SequentialLR of PyTorch 1.10 or 1.11 that has done no step.

    The rate is then that of the part built last, whatever its own `_last_lr` says.
    """
    dicts = state.get("_schedulers", ())
    return cls is SequentialLR and state["last_epoch"] == 0 and any(map(_waits_at_0, dicts[1:]))


def _counter(milestones: Any) -> Counter:
    """How often the rate drops at each step; JSON has made the steps strings."""
    if isinstance(milestones, Mapping):
        numbers = {m: float(m) if isinstance(m, str) else m for m in milestones}
        return Counter({whole(numbers[m]): whole(plain(n)) for m, n in milestones.items()})
    # PyTorch 1.2 and 1.3 counted those of a list that are over: a broken one is over at the next
    # whole step, and one below 0 is over from the start.
    steps = [plain(m) for m in milestones if plain(m) < math.inf]
    return Counter(0 if step < 0 else math.ceil(step) for step in steps)


def _phases(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The two phases of PyTorch 1.3 to 1.7, which kept their lengths."""
    up, down = plain(state["step_size_up"]), plain(state["step_size_down"])
    phases = [dict(zip(_LEVELS, names, strict=True)) for names in _TWO_PHASES]
    return [phases[0] | {"end_step": up}, phases[1] | {"end_step": up + down}]
