"""mmengine's parameter schedulers, live: their attributes are the arguments, and their windows."""

from typing import Any

import numpy as np

from .._combine.param_groups import ParamGroups
from .errors import Unreadable
from .numeric import to_python
from .verified import verify

_HOME = "mmengine.optim.scheduler"
_KEPT_ELSEWHERE = {"last_step", "lr", "initial_lr", "value", "initial_value"}
_CHANGED = (
    "an attribute or the rate was changed after it was built, or it is of another version of"
    " mmengine than 0.10.7"
)


def parts_of(scheduler: Any) -> list[Any]:
    """The schedulers of a list, or the one."""
    return getattr(scheduler, "_schedulers", None) or [scheduler]


def is_mmengines(scheduler: Any) -> bool:
    """Whether a live scheduler, or each of a list, is one of mmengine's."""
    homes = [type(part).__module__ for part in parts_of(scheduler)]
    return all(f"{home}.".startswith(f"{_HOME}.") for home in homes)


def of_mmengine(scheduler: Any, epoch_length: int | None = None) -> Any:
    """The schedule of a live one by its own steps, of several by the count of updates."""
    from .. import mmengine

    parts = parts_of(scheduler)
    paces = {bool(part.by_epoch) for part in parts}
    if len(paces) > 1 and epoch_length is None:
        raise ValueError(
            "`from_torch(epoch_length=...)` must be the number of updates in an epoch for"
            " schedulers of mmengine's of which some count epochs and others updates, got None."
        )
    groups = parts[0].optimizer.param_groups
    members = []
    for index, group in enumerate(groups):
        read = [_read(mmengine, part, index) for part in parts]
        alone = len(read) == 1 and epoch_length is None
        together = mmengine.ParamSchedulers(read, epoch_length or 1) if not alone else read[0]
        members.append(together)
        names = {part.param_name for part in parts}
        for name in sorted(names):
            momentum = name != "lr" and not alone
            schedule: Any = together.momentum if momentum else together
            if name != "lr" or not all(part._changes_momentum for part in read):
                count = np.array([count_of(scheduler, epoch_length)])
                verify(schedule, count, [group[name]], _CHANGED)
    return members[0] if len(members) == 1 else ParamGroups(members)


def count_of(scheduler: Any, epoch_length: int | None = None) -> int:
    """How often a live one was stepped; of several, the count of updates."""
    parts = parts_of(scheduler)
    by_update = [part._global_step for part in parts if not part.by_epoch]
    if by_update:
        return by_update[0]
    return parts[0]._global_step * (epoch_length or 1)


def _read(mmengine: Any, part: Any, index: int) -> Any:
    """The schedule of one, for the parameter group at that index."""
    name = type(part).__qualname__
    if name.startswith("ReduceOnPlateau"):
        raise ValueError(
            f"`from_torch(scheduler=...)` must be a function of the count, got mmengine's {name}:"
            f" {mmengine.NO_PLATEAU}."
        )
    cls: Any = getattr(mmengine, name, None) if name in mmengine.__all__ else None
    if cls is None:
        raise Unreadable(f"is none of mmengine's schedulers of 0.10.7, got a {name}")
    state = {key: to_python(value) for key, value in vars(part).items()}
    done = min(max(part._global_step + 1, part.begin), part.end) - part.begin
    if part.last_step - done != -1:
        raise Unreadable(
            "must have been built with `last_step=-1`, as one that was resumed does not keep its"
            " first rate"
        )
    fields = {field.name for field in cls._field_table} - _KEPT_ELSEWHERE
    own = {key: state[key] for key in sorted(fields & state.keys())}
    if name.startswith("MultiStep"):
        own["milestones"] = sorted(part.milestones.elements())
    if name == "OneCycleLR":
        own |= _cycle(part, index)
        return cls(**own)
    if isinstance(own.get("eta_min"), list | tuple):
        own["eta_min"] = own["eta_min"][index]
    return cls(to_python(part.base_values[index]), **own)


def _cycle(part: Any, index: int) -> dict[str, Any]:
    """The arguments of a OneCycleLR that it keeps in another form."""
    if part.begin:
        raise Unreadable(
            "must have a OneCycleLR that begins at step 0, for it does not keep the rate before"
            " its window"
        )
    phases, number = part._schedule_phases, part.total_steps
    end = phases[0]["end_step"]
    shares = (round((end + 1) / number, digits) for digits in range(1, 18))
    share = next((x for x in shares if float(x * number) - 1 == end), None)
    if share is None:
        raise Unreadable(f"must have a first phase that a share of {number} steps comes to")
    top = part.eta_max
    return {
        "eta_max": to_python(top[index] if isinstance(top, list | tuple) else top),
        "pct_start": float(share),
        "anneal_strategy": part.anneal_func.__name__.removeprefix("_annealing_"),
        "three_phase": len(phases) == 3,
    }
