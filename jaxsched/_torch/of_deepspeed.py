"""DeepSpeed's schedulers, live: their attributes are the arguments, per parameter group."""

import copy
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .._combine.param_groups import ParamGroups
from .errors import STEP_A_COPY, Unreadable
from .numeric import int_if_integer, to_python
from .verified import verify

_MODULE = "deepspeed.runtime.lr_schedules"


def is_deepspeeds(scheduler: Any) -> bool:
    """Whether a live scheduler is one of DeepSpeed's, told by its name: it need not be there."""
    return type(scheduler).__module__ == _MODULE and type(scheduler).__qualname__ in _ARGUMENTS


def of_deepspeed(scheduler: Any) -> Any:
    """The schedule of a live scheduler, from its beginning, for each of its parameter groups."""
    from .. import deepspeed

    name = type(scheduler).__qualname__
    groups = scheduler.optimizer.param_groups
    try:
        members = [
            getattr(deepspeed, name)(**_ARGUMENTS[name](scheduler, index))
            for index in range(len(groups))
        ]
    except (AttributeError, IndexError) as error:
        raise Unreadable(f"must have the attributes of DeepSpeed 0.19.8: {error}") from error
    except (TypeError, ValueError) as error:
        raise Unreadable(f"cannot be built here: {error}".rstrip(".")) from error
    for index, member in enumerate(members):
        _verify(scheduler, index, member)
    return members[0] if len(members) == 1 else ParamGroups(members)


def _warmup(scheduler: Any, index: int) -> dict[str, Any]:
    return {
        "lr": to_python(scheduler.max_lrs[index]),
        "warmup_min_lr": to_python(scheduler.min_lrs[index]),
        "warmup_num_steps": scheduler.warmup_num_steps,
        "warmup_type": scheduler.warmup_type,
    }


def _warmup_decay(scheduler: Any, index: int) -> dict[str, Any]:
    own = _warmup(scheduler, index)
    return {
        "total_num_steps": scheduler.total_num_steps,
        "warmup_max_lr": own.pop("lr"),
        **own,
    }


def _warmup_cosine(scheduler: Any, index: int) -> dict[str, Any]:
    names = "total_num_steps", "warmup_min_ratio", "warmup_num_steps", "cos_min_ratio"
    own = {name: getattr(scheduler, name) for name in (*names, "warmup_type")}
    return {"lr": to_python(scheduler.org_lrs[index]), **own}


def _one_cycle(scheduler: Any, index: int) -> dict[str, Any]:
    up, down = scheduler.first_step_size, scheduler.second_step_size
    stairs = scheduler.first_stair_count, scheduler.second_stair_count
    own = {
        "cycle_min_lr": to_python(scheduler.min_lrs[index]),
        "cycle_max_lr": to_python(scheduler.max_lrs[index]),
        "decay_lr_rate": scheduler.decay_lr_rate,
        "cycle_first_step_size": int_if_integer(up),
        "cycle_second_step_size": None if up == down else int_if_integer(down),
        "cycle_first_stair_count": stairs[0],
        "cycle_second_stair_count": None if stairs[0] == stairs[1] else stairs[1],
        "decay_step_size": scheduler.decay_step_size,
        "cycle_momentum": scheduler.cycle_momentum,
    }
    if scheduler.cycle_momentum:
        own["cycle_min_mom"] = scheduler.min_moms[index][0]
        own["cycle_max_mom"] = scheduler.max_moms[index][0]
        own["decay_mom_rate"] = scheduler.decay_mom_rate
    return own


def _range_test(scheduler: Any, index: int) -> dict[str, Any]:
    return {
        "lr_range_test_min_lr": to_python(scheduler.min_lr[index]),
        "lr_range_test_step_size": scheduler.step_size,
        "lr_range_test_step_rate": scheduler.step_rate,
        "lr_range_test_staircase": scheduler.staircase,
    }


_ARGUMENTS: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    "WarmupLR": _warmup,
    "WarmupDecayLR": _warmup_decay,
    "WarmupCosineLR": _warmup_cosine,
    "OneCycle": _one_cycle,
    "LRRangeTest": _range_test,
}


_LENGTHS = "warmup_num_steps", "total_num_steps", "cycle_first_step_size", "lr_range_test_step_size"


def _verify(scheduler: Any, index: int, schedule: Any) -> None:
    """Raises where DeepSpeed's own function, or its rate now, is not the schedule's."""
    probe = copy.copy(scheduler)
    if hasattr(probe, "interval_fn"):  # a method of the original
        probe.interval_fn = types.MethodType(scheduler.interval_fn.__func__, probe)
    ends = np.cumsum([getattr(schedule, name) for name in _LENGTHS if hasattr(schedule, name)])
    counts = np.unique([1, 2, *[int(end * x) for end in ends for x in (0.3, 0.7, 1, 1.3)]])
    counts = counts[counts > 0]
    rates = []
    for count in counts:
        probe.last_batch_iteration = int(count) - 1
        rates.append(probe.get_lr()[index])
    counts = np.append(counts, scheduler.last_batch_iteration + 1)
    rates.append(scheduler.optimizer.param_groups[index]["lr"])
    verify(
        schedule, counts, rates, "a rate or an attribute was changed, or it is of another version"
        " of DeepSpeed than 0.19.8", STEP_A_COPY,
    )  # fmt: skip
