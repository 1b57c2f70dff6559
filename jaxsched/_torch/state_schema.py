"""What the keys of a scheduler's `state_dict()` hold, by class, in PyTorch 1.1 to 2.14."""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .._schedulers import COMPOSITES
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.constant_lr import ConstantLR
from .._schedulers.cosine_annealing_lr import CosineAnnealingLR
from .._schedulers.cosine_annealing_warm_restarts import CosineAnnealingWarmRestarts
from .._schedulers.cyclic_lr import CyclicLR
from .._schedulers.exponential_lr import ExponentialLR
from .._schedulers.lambda_lr import LambdaLR
from .._schedulers.linear_lr import LinearLR
from .._schedulers.multi_step_lr import MultiStepLR
from .._schedulers.multiplicative_lr import MultiplicativeLR
from .._schedulers.one_cycle_lr import OneCycleLR
from .._schedulers.polynomial_lr import PolynomialLR
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .._schedulers.step_lr import StepLR
from .._schedulers.swalr import SWALR
from .old_states import levels_of, strategy
from .snapshot import plain

_MOST = 2**31 - 1  # Counts are int32 in JAX.
_MOST_MILESTONES = 1024  # Each is a number of its own in the schedule, and takes a millisecond.


class Kind(NamedTuple):
    """What a key holds: in words, and as a check of the value in its dict."""

    words: str
    holds: Callable[[Any, Mapping[str, Any]], bool]
    optional: bool = False


def as_number(value: Any) -> float | None:
    """A number, or what holds a single one, as a float; None for all else, NaN too."""
    try:
        value = plain(value)
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        number = float(value) if is_number else math.nan
    except RecursionError:
        raise
    except (ValueError, RuntimeError, TypeError, OverflowError):
        return None
    return None if math.isnan(number) else number


def is_finite(value: Any) -> bool:
    number = as_number(value)
    return number is not None and math.isfinite(number)


def _number(words: str, least: float, most: float, *, whole: bool = False) -> Kind:
    def holds(value: Any, _: Mapping) -> bool:
        number = as_number(value)
        if number is None or not least <= number <= most:
            return False
        return not whole or number.is_integer()

    return Kind(words, holds)


def _one_of(*choices: Any) -> Kind:
    words = "one of " + ", ".join(map(repr, choices))
    return Kind(words, lambda value, _: isinstance(value, str) and value in choices)


def _flag(value: Any, _: Mapping) -> bool:
    return isinstance(value, bool) or as_number(value) in (0, 1)


def _numbers(value: Any, state: Mapping) -> bool:
    """A list of numbers, as long as `base_lrs` where there are such."""
    if not isinstance(value, list | tuple) or not value or not all(map(is_finite, value)):
        return False
    bases = state.get("base_lrs", value)
    return not isinstance(bases, list | tuple) or len(bases) == len(value)


def _initial(value: Any, state: Mapping) -> bool:
    return _numbers(value, {}) and all(plain(rate) >= 0 for rate in value)


def _floors(value: Any, state: Mapping) -> bool:
    return isinstance(value, list | tuple) and all(map(is_finite, value)) and _known(value, state)


def _known(value: Any, state: Mapping) -> bool:
    """Whether a plateau's floors are those of all groups that it showed."""
    shown = state.get("_last_lr", value)
    new_groups = state.get("default_min_lr") is not None
    return new_groups or not isinstance(shown, list | tuple) or len(shown) == len(value)


def _milestones(value: Any, _: Mapping) -> bool:
    if isinstance(value, list | tuple):  # PyTorch 1.2 and 1.3
        steps = [as_number(m) for m in value[: _MOST_MILESTONES + 1]]
        known = [step for step in steps if step is not None]
        return len(steps) <= _MOST_MILESTONES and steps == sorted(known)
    if not isinstance(value, Mapping) or len(value) > _MOST_MILESTONES:
        return False
    if not all(_milestone(m) and _COUNT.holds(number, {}) for m, number in value.items()):
        return False
    return sum(plain(number) for number in value.values()) <= _MOST_MILESTONES


def _milestone(value: Any) -> bool:
    """A count that `step` reaches or not; JSON makes it a string."""
    try:
        return as_number(float(value) if isinstance(value, str) else value) is not None
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
    """PyTorch's own two or three, each ending where the share of the first in all steps says."""
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        return False
    for place, phase in enumerate(value):
        if not isinstance(phase, Mapping) or not is_finite(phase.get("end_step")):
            return False
        if not levels_of(phase, place, len(value)):
            return False
    first, *middle, last = [plain(phase["end_step"]) for phase in value]
    total = as_number(state.get("total_steps"))
    if total is None:
        return True  # which is refused for itself
    has_length = first != 0  # PyTorch would divide by it.
    return has_length and -1 <= first <= total - 1 == last and middle in ([], [2 * first])


def _not_over(value: Any, state: Mapping) -> bool:
    """Whether PyTorch's OneCycleLR can stand there: its last phase may have no length."""
    now, total = as_number(value), as_number(state.get("total_steps"))
    if not _CURRENT.holds(value, state) or now is None or total is None:
        return _CURRENT.holds(value, state)
    phases = state.get("_schedule_phases")
    if isinstance(phases, list | tuple) and _phases(phases, state):
        total -= plain(phases[-2]["end_step"]) == total - 1
    return now <= total


def _way_up(value: Any, state: Mapping) -> bool:
    up, total = as_number(value), as_number(state.get("total_steps"))
    return up is not None and (total is None or -1 <= up <= total - 1)


def _way_down(value: Any, state: Mapping) -> bool:
    down = as_number(value)
    up, total = (as_number(state.get(key)) for key in ("step_size_up", "total_steps"))
    if down is None or up is None or total is None:
        return down is not None
    return abs(up + down - (total - 1)) <= 1e-9 * total


def _strategy(value: Any, state: Mapping) -> bool:
    """PyTorch's own function; it is not looked at beside the name of today."""
    named = "_anneal_strategy" in state or "_anneal_func_type" in state
    return named or strategy(value) is not None


def _dicts(value: Any, _: Mapping) -> bool:
    listed = isinstance(value, list | tuple) and len(value) > 0
    return listed and all(isinstance(part, Mapping) for part in value)


def _counts(value: Any, state: Mapping) -> bool:
    parts = state.get("_schedulers", ())
    if not isinstance(value, list | tuple) or not all(_COUNT.holds(m, {}) for m in value):
        return False
    return not isinstance(parts, list | tuple) or len(value) == len(parts) - 1


_FINITE = Kind("a finite number", lambda value, _: is_finite(value))
_ANY = _number("a number", -math.inf, math.inf)
_COUNT = _number("a count", 0, _MOST, whole=True)
_POSITIVE = _number("a positive count", 1, _MOST, whole=True)
_LENGTH = _number("a number of steps", -_MOST, math.inf)
_CURRENT = _number("a whole count of steps done", -64, _MOST, whole=True)
_FLAG = Kind("True or False", _flag)
_RATES = Kind("a list of finite numbers, as long as `base_lrs`,", _numbers)
_INITIAL = Kind("a list of finite numbers from 0 up, one for each parameter group,", _initial)
_MODES = _one_of("min", "max")
_ANNEALING = Kind(
    "PyTorch's own annealing function, whose name says cos or linear,", _strategy, optional=True
)
_UNREAD = Kind("anything", lambda *_: True, optional=True)

_SHOWN = {"_last_lr": _RATES._replace(optional=True), "verbose": _UNREAD}
_BASE = _SHOWN | {
    "base_lrs": _INITIAL, "last_epoch": _CURRENT, "_step_count": _POSITIVE._replace(optional=True),
    "_get_lr_called_within_step": _UNREAD,
    # With True some of PyTorch's schedulers would never step.
    "_is_initial": Kind("False", lambda value, _: _flag(value, {}) and not value, optional=True),
}  # fmt: skip
_OF_FUNCTIONS = _BASE | {
    "lr_lambdas": Kind("a list of dicts or None, one for each parameter group", _functions)
}
_MOMENTUMS = {
    "cycle_momentum": _FLAG, "use_beta1": _FLAG._replace(optional=True),
    "base_momentums": _RATES._replace(optional=True),
    "max_momentums": _RATES._replace(optional=True),
}  # fmt: skip

SCHEMA: dict[type, dict[str, Kind]] = {
    LambdaLR: _OF_FUNCTIONS,
    MultiplicativeLR: _OF_FUNCTIONS,
    StepLR: _BASE | {"step_size": _number("a number of steps", 0, math.inf), "gamma": _FINITE},
    MultiStepLR: _BASE
    | {
        "milestones": Kind(
            f"a Counter of milestones, up to {_MOST_MILESTONES} in all (or a sorted list, as in"
            " PyTorch 1.2 and 1.3),",
            _milestones,
        ),
        "gamma": _FINITE,
    },
    ConstantLR: _BASE | {"factor": _FINITE, "total_iters": _LENGTH},
    LinearLR: _BASE | {"start_factor": _FINITE, "end_factor": _FINITE, "total_iters": _LENGTH},
    ExponentialLR: _BASE | {"gamma": _FINITE},
    PolynomialLR: _BASE | {"total_iters": _LENGTH, "power": _FINITE},
    CosineAnnealingLR: _BASE | {"T_max": _LENGTH, "eta_min": _FINITE},
    CosineAnnealingWarmRestarts: _BASE
    | {
        "T_0": _POSITIVE, "T_mult": _POSITIVE, "T_i": _POSITIVE, "eta_min": _FINITE,
        "T_cur": _number("a number of steps done in this cycle", -64, _MOST),
        "_step_count": _COUNT._replace(optional=True),  # It did not count before PyTorch 1.13.
    },
    CyclicLR: _BASE
    | _MOMENTUMS
    | {
        "base_lrs": _RATES,
        "max_lrs": _RATES, "mode": Kind("a string", lambda value, _: isinstance(value, str)),
        "total_size": _number("a positive number of steps", 5e-324, _MOST),
        "step_ratio": _number("a number above 0 and at most 1", 5e-324, 1), "gamma": _FINITE,
        "scale_mode": _one_of("cycle", "iterations"),
        "scale_fn": _UNREAD, "_scale_fn_ref": _UNREAD,
        "_scale_fn_custom": Kind("a dict, a function (up to 2.1) or None", _function, True),
    },
    OneCycleLR: _BASE
    | _MOMENTUMS
    | {
        "base_lrs": _RATES, "total_steps": _POSITIVE,
        "last_epoch": Kind("a whole count of steps done, up to `total_steps`,", _not_over),
        "_schedule_phases": Kind(
            "the 2 or 3 phases that PyTorch makes, the last of which has its `end_step` at"
            " total_steps - 1, and of three the middle one at twice the first,",
            _phases,
            optional=True,
        ),
        "step_size_up": Kind("a number of steps below `total_steps`", _way_up, optional=True),
        "step_size_down": Kind(
            "what `step_size_up` leaves of total_steps - 1", _way_down, optional=True
        ),
        "_anneal_func_type": _one_of("cos", "linear")._replace(optional=True),
        "anneal_func": _ANNEALING,
    },
    SWALR: _BASE
    | {
        "anneal_epochs": _number("a number of steps", 0, math.inf), "anneal_func": _ANNEALING,
        "_anneal_strategy": _one_of("cos", "linear")._replace(optional=True),
        "_step_count": _number("a positive count", 1, _MOST, whole=True),
    },
    ReduceLROnPlateau: _SHOWN
    | {
        "mode": _MODES, "factor": _FINITE, "patience": _ANY, "cooldown": _ANY, "eps": _ANY,
        "threshold": _ANY, "threshold_mode": _one_of("rel", "abs"), "best": _ANY,
        "min_lrs": Kind("a list of finite numbers, one for each parameter group", _floors),
        "num_bad_epochs": _COUNT, "cooldown_counter": _number("a number", -_MOST, _MOST),
        "last_epoch": _number("a count of steps done", -64, _MOST), "mode_worse": _UNREAD,
        "is_better": _UNREAD,
        "default_min_lr": Kind(
            "a number or None", lambda value, _: value is None or is_finite(value), True
        ),
    },
    ChainedScheduler: _BASE
    | dict.fromkeys(("base_lrs", "last_epoch", "_step_count"), _UNREAD)
    | {"_schedulers": Kind("a list of state dicts", _dicts)},
    SequentialLR: _BASE
    | dict.fromkeys(("base_lrs", "_step_count"), _UNREAD)
    | {
        "_milestones": Kind("a list of counts, one fewer than there are `_schedulers`,", _counts),
        "_schedulers": Kind("a list of state dicts", _dicts),
    },
}  # fmt: skip


def unknown(cls: type, state: Mapping[str, Any]) -> list[str]:
    """The keys that are none of the class."""
    return sorted(str(key) for key in state if key not in SCHEMA[cls])


def check(cls: type, state: Mapping[str, Any]) -> None:
    """Raises for a key that the class does not have, or a value that the key does not hold."""
    if names := unknown(cls, state):
        raise ValueError(
            f"`from_torch_state_dict(state_dict=...)` must be that of PyTorch's own {cls.__name__},"
            f" got a subclass's, with {', '.join(f'`{name}`' for name in names)}: convert the live"
            " object, with `from_torch(scheduler, total_steps=N)`."
        )
    for key in sorted(SCHEMA[cls], key="base_lrs".__ne__):
        kind = SCHEMA[cls][key]
        if key in state and not kind.holds(state[key], state):
            raise ValueError(
                f"`from_torch_state_dict(state_dict=...)` must hold {kind.words} as `{key}`, got"
                f" {_shown(state[key])}."
            )


# The keys of today and, where a dict lacks one, those that said the same before.
_BEFORE: dict[type, dict[str, tuple[str, ...]]] = {
    OneCycleLR: {
        "_schedule_phases": ("step_size_up", "step_size_down"),
        "_anneal_func_type": ("anneal_func",),
    },
    SWALR: {"_anneal_strategy": ("anneal_func",)},
}


def lacking(cls: type, state: Mapping[str, Any]) -> list[str]:
    keys = [key for key, kind in SCHEMA[cls].items() if not kind.optional]
    for key, before in _BEFORE.get(cls, {}).items():
        keys += [] if all(old in state for old in before) else [key]
    # PyTorch 1.1 did not count the steps, nor remember its rates.
    counted = "_step_count" in SCHEMA[cls] and "_last_lr" in state and cls not in COMPOSITES
    keys += ["_step_count"] if counted else []
    keys += ["base_momentums", "max_momentums"] if _cycles_momentum(cls, state) else []
    return [key for key in keys if key not in state]


def _cycles_momentum(cls: type, state: Mapping[str, Any]) -> bool:
    cycles = state.get("cycle_momentum")
    return cls is CyclicLR and (cycles is True or as_number(cycles) == 1)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:200]}..."
