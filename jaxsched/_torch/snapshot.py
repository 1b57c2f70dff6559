"""Snapshot of a PyTorch scheduler, live or saved: class, attributes, nested parts.

PyTorch keeps a scheduler's arguments in its attributes, some of them in another form, and some in
the optimizer's groups. This is where they are found again.
"""

import contextlib
import copy
import functools
import math
import numbers
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .._schedulers import COMPOSITES, OF_FUNCTIONS, SCHEDULERS
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
from .to_torch import scheduler_class


class Unreadable(ValueError):
    """Says why a PyTorch scheduler is no schedule of ours."""


class Held(NamedTuple):
    """A PyTorch scheduler as it stands: live, or from a checkpoint."""

    cls: type  # ours
    state: dict[str, Any]  # its attributes
    parts: "tuple[Held, ...]" = ()

    def leaves(self) -> "Iterator[Held]":
        """The single schedulers, in the order in which they are listed."""
        if self.cls not in COMPOSITES:
            yield self
        for part in self.parts:
            yield from part.leaves()


def look(scheduler: Any) -> Held:
    """A live scheduler, as it stands."""
    cls = next((c for c in SCHEDULERS if scheduler_class(c) is type(scheduler)), None)
    if cls is None:
        kind = type(scheduler)
        raise Unreadable(
            f"is no scheduler of PyTorch's own, got a {kind.__module__}.{kind.__qualname__}"
        )
    state = dict(vars(scheduler))
    if "lr_lambdas" in state:
        state["lr_lambdas"] = list(map(_own_function, state["lr_lambdas"]))
    if "_scale_fn_custom" in state:
        state["_scale_fn_custom"] = _own_function(state["_scale_fn_custom"])
    parts = getattr(scheduler, "_schedulers", ())
    if len(set(map(id, parts))) < len(parts):
        raise Unreadable("holds one and the same scheduler twice")
    return Held(cls, state, tuple(map(look, parts)))


def _own_function(function: Any) -> Any:
    """A function as a schedule may keep it: PyTorch writes into a callable object."""
    if hasattr(function, "for_jax"):
        return function.for_jax
    if isinstance(function, types.FunctionType | types.MethodType | functools.partial):
        return function
    with contextlib.suppress(Exception):
        return copy.deepcopy(function) if getattr(function, "__dict__", None) else function
    return function


# --- the arguments ---

# The arguments that PyTorch keeps as attributes of the same name.
_FIELDS: dict[type, tuple[str, ...]] = {
    LambdaLR: (),
    MultiplicativeLR: (),
    StepLR: ("step_size", "gamma"),
    MultiStepLR: ("gamma",),
    ConstantLR: ("factor", "total_iters"),
    LinearLR: ("start_factor", "end_factor", "total_iters"),
    ExponentialLR: ("gamma",),
    PolynomialLR: ("total_iters", "power"),
    CosineAnnealingLR: ("T_max", "eta_min"),
    CosineAnnealingWarmRestarts: ("T_0", "T_mult", "eta_min"),
    CyclicLR: ("mode", "gamma", "cycle_momentum"),
    OneCycleLR: ("total_steps", "cycle_momentum"),
    SWALR: ("anneal_epochs",),
    ReduceLROnPlateau: (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps",
    ),
}  # fmt: skip


def arguments(held: Held, group: dict[str, Any], index: int) -> dict[str, Any]:
    """What a single scheduler's constructor got, but for the rate and `last_epoch`."""
    state = held.state
    values = {name: plain(state[name]) for name in _FIELDS[held.cls]}
    if held.cls is MultiStepLR:
        # PyTorch looks the count up, and a tensor is not found by its value.
        steps = [m for m in state["milestones"].elements() if isinstance(m, numbers.Number)]
        values["milestones"] = [whole(plain(step)) for step in steps]
    elif held.cls in OF_FUNCTIONS:
        values["lr_lambda"] = state["lr_lambdas"][index]
    elif held.cls is SWALR:
        values |= {"swa_lr": plain(group["swa_lr"]), "anneal_strategy": state["_anneal_strategy"]}
    elif held.cls is CyclicLR:
        values |= _cyclic(state, index)
    elif held.cls is OneCycleLR:
        values |= _one_cycle(state, group)
    elif held.cls is ReduceLROnPlateau:
        values |= _plateau(state, index)
    return values


def _plateau(state: dict[str, Any], index: int) -> dict[str, Any]:
    best, floors = plain(state["best"]), state["min_lrs"]
    worst = np.inf if state["mode"] == "min" else -np.inf
    return {
        "min_lr": plain(floors[index]),
        "best": None if best == worst else best,
        "num_bad_epochs": state["num_bad_epochs"] or None,
        "cooldown_counter": _whole_pause(state["cooldown_counter"]) or None,
    }


def _whole_pause(left: float) -> int:
    """How many metrics more a cooldown takes: all there are, if it is infinite."""
    return max(0, math.ceil(min(left, 2**31 - 1)))


def _cyclic(state: dict[str, Any], index: int) -> dict[str, Any]:
    total, ratio = state["total_size"], state["step_ratio"]
    up = shortest(total * ratio, lambda n: n / total == ratio)
    values = {"base_lr": plain(state["base_lrs"][index]), "max_lr": plain(state["max_lrs"][index])}
    values |= {"step_size_up": whole(up)}
    if total != 2 * up:
        values |= {"step_size_down": whole(shortest(total - up, lambda n: up + n == total))}
    function = state["_scale_fn_custom"]
    if function is not None:
        values["scale_fn"] = function
        values["scale_mode"] = state["scale_mode"]
    if state["cycle_momentum"]:
        for name in ("base_momentum", "max_momentum"):
            values[name] = plain(state[f"{name}s"][index])
    return values


def _one_cycle(state: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    phases, steps = state["_schedule_phases"], state["total_steps"]
    top, initial, final = (plain(group[name]) for name in ("max_lr", "initial_lr", "min_lr"))
    for name, above, below in (("max_lr", top, initial), ("initial_lr", initial, final)):
        if above == 0 and below != 0:
            raise Unreadable(
                f"must have a `{name}` other than 0 in the optimizer's groups, as PyTorch divides"
                f" it for the lower rates, got 0 over {below}"
            )
    end = phases[0]["end_step"]
    values = {
        "max_lr": top,
        "pct_start": shortest((end + 1) / steps, lambda x: float(x * steps) - 1 == end),
        "anneal_strategy": _strategy(state),
        "div_factor": _factor(top, initial, 25.0),
        "final_div_factor": _factor(initial, final, 1e4),
        "three_phase": len(phases) == 3,
    }
    if state["cycle_momentum"]:
        values |= {name: plain(group[name]) for name in ("base_momentum", "max_momentum")}
    return values


def _strategy(state: dict[str, Any]) -> str:
    """OneCycleLR's `anneal_strategy`; old checkpoints hold the function."""
    if "_anneal_func_type" in state:
        return state["_anneal_func_type"]
    return state["anneal_func"].__name__.removeprefix("_annealing_")


def _factor(above: float, below: float, default: float) -> float:
    """What PyTorch divided `above` by, which is no 0 unless `below` is."""
    if above == 0:
        return default  # 0 over anything
    most = math.copysign(sys.float_info.max, above)
    if below == 0 or not math.isfinite(above / below):
        return most if below >= 0 else -most  # It was infinite; this leaves 0 all the same.
    return shortest(above / below, lambda x: above / x == below)


def with_floors(held: Held, number: int) -> Held:
    """A plateau with the floors of `number` groups: PyTorch forgets all if one has come or gone."""
    default = held.state.get("default_min_lr")
    if held.cls is not ReduceLROnPlateau or default is None:
        return held
    floors = held.state["min_lrs"]
    floors = floors if len(floors) == number else [default] * number
    return held._replace(state=held.state | {"min_lrs": floors})


# --- where it stands ---


def base_of(leaf: Held, index: int) -> float:
    """The initial rate that a single scheduler was built on."""
    return plain(leaf.state["base_lrs"][index])


def steps_done(held: Held) -> Any:
    """How often `step()` has been called since construction (or, at last, to which epoch)."""
    if held.cls is ChainedScheduler:
        return steps_done(held.parts[0])
    if held.cls is SWALR:
        return held.state["_step_count"] - 1  # which alone it goes by
    plain_count = held.cls in (SequentialLR, ReduceLROnPlateau)
    done = _now(held) if plain_count else _now(held) - built_at(held) - 1
    if done < 0:
        raise Unreadable(
            f"has a `last_epoch` of {_now(held)}, before its first step: it was set by hand"
        )
    return done + held.state["T_cur"] % 1 if held.cls is CosineAnnealingWarmRestarts else done


def _now(held: Held) -> int:
    return whole(plain(held.state["last_epoch"]))


def built_at(held: Held) -> int:
    """The `last_epoch` that a scheduler's constructor got."""
    if held.cls is not CosineAnnealingWarmRestarts:
        return max(-1, _now(held) - held.state["_step_count"])
    return _restarts_built_at(_now(held), *_cycles(held.state))


def _cycles(state: dict[str, Any]) -> list[int]:
    return [int(plain(state[name])) for name in ("T_0", "T_mult", "T_cur", "T_i")]


def _restarts_built_at(now: int, first: int, growth: int, current: int, length: int) -> int:
    """Where CosineAnnealingWarmRestarts began, to be `current` steps into a cycle of `length`.

    It sees of its first `last_epoch` only how many whole first cycles are in it; these it leaves
    out, and goes on in the second. With cycles that do not grow it sees nothing.
    """
    before, cycle = 0, first * growth
    if growth == 1 or _cycle(first, growth, now) == (current, length):
        return -1
    while cycle < length:
        before, cycle = before + cycle, cycle * growth
    left_out = now - before - current
    begun_in_second = cycle == length and left_out > 0 and left_out % first == 0
    return left_out - 1 if begun_in_second and left_out <= now else -1


def _cycle(first: int, growth: int, now: int) -> tuple[int, int]:
    """T_cur and T_i at `now` of CosineAnnealingWarmRestarts that began at its start."""
    if growth == 1:
        return now % first, first
    current, length = now, first
    while current >= length:
        current, length = current - length, length * growth
    return current, length


def check_cycles(leaf: Held, alone: bool) -> None:
    """Raises where a CosineAnnealingWarmRestarts goes on otherwise than its `last_epoch` says.

    Only one that is `alone`, part of no composition, can be at a fractional epoch.
    """
    if leaf.cls is not CosineAnnealingWarmRestarts or _now(leaf) < 0:
        return  # The first step of a part sets its cycle.
    broken = not alone and plain(leaf.state["T_cur"]) % 1 != 0
    if broken or not in_step(leaf.state, _now(leaf)):
        first, growth, _, _ = _cycles(leaf.state)
        raise Unreadable(
            f"must hold `T_cur` and `T_i` as they are at a `last_epoch` of {_now(leaf)} with"
            f" T_0={first} and T_mult={growth}, got T_cur={leaf.state['T_cur']!r} and"
            f" T_i={leaf.state['T_i']!r}"
        )


def in_step(state: dict[str, Any], now: int, from_start: bool = False) -> bool:
    """Whether the cycle of a CosineAnnealingWarmRestarts is that of a `last_epoch` of `now`."""
    first, growth, current, length = _cycles(state)
    begun = 0 if from_start else _restarts_built_at(now, first, growth, current, length) + 1
    if begun == 0:
        return plain(state["T_cur"]) >= 0 and _cycle(first, growth, now) == (current, length)
    whole_steps = plain(state["T_cur"]) == current
    since = now - begun + begun % first
    return whole_steps and _cycle(first * growth, growth, since) == (current, length)


def plain(value: Any) -> Any:
    """A Python number for a tensor's or an array's."""
    return value.item() if hasattr(value, "item") else value


def whole(value: Any) -> Any:
    """An int for a whole float, as one would have written it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shortest(guess: float, holds: Callable[[float], bool]) -> float:
    """The number of fewest digits near `guess` of which `holds`, or `guess`."""
    near = [float(f"{guess:.{digits}g}") for digits in range(1, 18)]
    near += [float(np.nextafter(guess, towards)) for towards in (-np.inf, np.inf)]
    return next((x for x in near if holds(x)), guess)
