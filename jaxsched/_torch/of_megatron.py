"""Megatron's OptimizerParamScheduler, live: its attributes and its groups are the arguments."""

import copy
from typing import Any

import numpy as np

from .._combine.param_groups import ParamGroups
from .errors import Unreadable
from .numeric import to_python
from .verified import verify

_MODULE, _NAME = "megatron.core.optimizer_param_scheduler", "OptimizerParamScheduler"
_PER_GROUP = "max_lr", "min_lr", "start_wd", "end_wd"


def is_megatrons(scheduler: Any) -> bool:
    """Whether it is a live one, told by its name: the library need not be there."""
    return type(scheduler).__module__ == _MODULE and type(scheduler).__qualname__ == _NAME


def of_megatron(scheduler: Any) -> Any:
    """The schedule of the number of samples, for each of its parameter groups."""
    from ..megatron import OptimizerParamScheduler

    names = [field.name for field in OptimizerParamScheduler._field_table]
    if lacking := [name for name in names if not hasattr(scheduler, name)]:
        raise Unreadable(f"must have the attributes of Megatron, got none of {', '.join(lacking)}")
    own = {name: to_python(getattr(scheduler, name)) for name in names}
    groups = scheduler.optimizer.param_groups
    try:
        members = [
            OptimizerParamScheduler(**own | {k: to_python(g[k]) for k in _PER_GROUP if k in g})
            for g in groups
        ]
    except (TypeError, ValueError) as error:
        raise Unreadable(f"cannot be built here: {error}".rstrip(".")) from error
    for group, member in zip(groups, members, strict=True):
        _verify(scheduler, group, member)
    return members[0] if len(members) == 1 else ParamGroups(members)


def _verify(scheduler: Any, group: Any, schedule: Any) -> None:
    """Raises where Megatron's own functions of the count have other values than the schedule."""
    probe, rates, decays = copy.copy(scheduler), [], []
    ends = (schedule.lr_warmup_steps, schedule.lr_decay_steps, schedule.wd_incr_steps)
    counts = np.unique([int(end * x) for end in ends for x in (0, 0.3, 0.7, 0.9, 1, 1.3)])
    for probe.num_steps in counts.tolist():
        rates.append(probe.get_lr(group))
        decays.append(probe.get_wd(group))
    for ours, theirs in ((schedule, rates), (schedule.weight_decay, decays)):
        verify(ours, counts, theirs, "it is of another version of Megatron than 0.19.2")
