"""Arguments that PyTorch does not keep as they were given, rebuilt from what it computed of them.

Each function gets a scheduler's state, one of the optimizer's groups and the index of that group.
It returns None for an argument to be left at its default.
"""

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import Unreadable
from .numeric import int_if_integer, shortest, to_python

State = Mapping[str, Any]
Group = Mapping[str, Any]


def milestones(state: State, group: Group, index: int) -> list:
    """MultiStepLR's; without tensors, which PyTorch never finds when it looks the count up."""
    steps = [m for m in state["milestones"].elements() if isinstance(m, numbers.Number)]
    return [int_if_integer(to_python(step)) for step in steps]


# --- CyclicLR keeps the length of a cycle and the share of its first half ---


def step_size_up(state: State, group: Group, index: int) -> Any:
    return int_if_integer(_way_up(state))


def step_size_down(state: State, group: Group, index: int) -> Any:
    total, up = state["total_size"], _way_up(state)
    if total == 2 * up:
        return None
    return int_if_integer(shortest(total - up, lambda n: up + n == total))


def _way_up(state: State) -> float:
    total, ratio = state["total_size"], state["step_ratio"]
    return shortest(total * ratio, lambda n: n / total == ratio)


def scale_fn(state: State, group: Group, index: int) -> Callable | None:
    return state["_scale_fn_custom"]


def scale_mode(state: State, group: Group, index: int) -> str | None:
    """CyclicLR's; PyTorch replaces it unless there is a `scale_fn`."""
    return None if state["_scale_fn_custom"] is None else state["scale_mode"]


# --- OneCycleLR keeps the ends of its phases, and the three rates in the optimizer's groups ---


def pct_start(state: State, group: Group, index: int) -> float:
    end, steps = state["_schedule_phases"][0]["end_step"], state["total_steps"]
    return shortest((end + 1) / steps, lambda x: float(x * steps) - 1 == end)


def anneal_strategy(state: State, group: Group, index: int) -> str:
    """OneCycleLR's; live objects of PyTorch up to 2.1 hold the function."""
    if "_anneal_func_type" in state:
        return state["_anneal_func_type"]
    return state["anneal_func"].__name__.removeprefix("_annealing_")


def three_phase(state: State, group: Group, index: int) -> bool:
    return len(state["_schedule_phases"]) == 3


def div_factor(state: State, group: Group, index: int) -> float:
    return _divisor(group, "max_lr", "initial_lr", default=25.0)


def final_div_factor(state: State, group: Group, index: int) -> float:
    return _divisor(group, "initial_lr", "min_lr", default=1e4)


def _divisor(group: Group, name: str, quotient: str, default: float) -> float:
    """What PyTorch divided the rate `name` by to get the rate `quotient`."""
    above, below = to_python(group[name]), to_python(group[quotient])
    if above == 0 and below != 0:
        raise Unreadable(
            f"must have a `{name}` other than 0 in the optimizer's groups, as PyTorch divides"
            f" it for the lower rates, got 0 over {below}"
        )
    if above == 0:
        return default  # 0 divided by anything
    if below == 0 or not math.isfinite(above / below):
        infinite = math.copysign(math.inf, above)
        return infinite if below >= 0 else -infinite
    return shortest(above / below, lambda x: above / x == below)


def one_cycle_group(schedule: Any) -> dict[str, Any]:
    """What a OneCycleLR has left in its parameter group."""
    initial_lr = to_python(schedule.max_lr) / to_python(schedule.div_factor)
    return {
        "initial_lr": initial_lr,
        "max_lr": schedule.max_lr,
        "min_lr": initial_lr / to_python(schedule.final_div_factor),
        "max_momentum": schedule.max_momentum,
        "base_momentum": schedule.base_momentum,
    }


# --- ReduceLROnPlateau: its state is among the arguments of ours ---


def best(state: State, group: Group, index: int) -> float | None:
    value = to_python(state["best"])
    return None if value == (np.inf if state["mode"] == "min" else -np.inf) else value


def num_bad_epochs(state: State, group: Group, index: int) -> int | None:
    return state["num_bad_epochs"] or None


def cooldown_counter(state: State, group: Group, index: int) -> int | None:
    """How many more metrics the cooldown lasts; an infinite one as many as int32 holds."""
    return max(0, math.ceil(min(state["cooldown_counter"], 2**31 - 1))) or None
