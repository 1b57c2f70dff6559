"""timm's schedulers, live or saved: their attributes are the arguments, and they keep no count."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._combine.param_groups import ParamGroups
from .errors import STEP_FROM_START, Unreadable
from .numeric import to_python
from .verified import verify

_NOT_KEPT = ("lr", "initialize")
_PLATEAU = "PlateauLRScheduler"
_CHANGED = (
    "an attribute was changed after it was built, or it is of another version of timm than 1.0.31"
)


def timm_name(named: Any) -> str | None:
    """The name of timm's scheduler, from its class, ours or a name; None of all else.

    timm's classes are told by their names, so that timm need not be there.
    """
    if isinstance(named, type):
        if not named.__module__.startswith(("timm.scheduler.", "jaxsched.timm")):
            return None
        named = named.__qualname__
    if not isinstance(named, str):
        return None
    name = named.removeprefix("timm.")
    if not name.endswith("LRScheduler"):
        return None
    from .. import timm

    return name if name in (*timm.__all__, _PLATEAU) else None


def is_any_of_timms(scheduler: Any) -> bool:
    """Whether a live scheduler is one of timm's, the plateau among them."""
    return timm_name(type(scheduler)) is not None


def is_timms(scheduler: Any) -> bool:
    """Whether a live scheduler is one of timm's whose rate goes by the count."""
    return timm_name(type(scheduler)) not in (None, _PLATEAU)


def of_timm(scheduler: Any) -> Any:
    """The schedule of a live scheduler of timm's, its groups' `lr_scale` included."""
    where = "`from_torch(scheduler=...)`"
    members = _members(type(scheduler).__qualname__, vars(scheduler), where)
    for index, member in enumerate(members):
        counts = _some_counts(member)
        rates = [scheduler._get_lr(int(count))[index] for count in counts]
        verify(member, counts, rates, _CHANGED)
    return _scaled(members, scheduler.optimizer.param_groups)


def of_timm_state(name: str, state: Mapping[str, Any], optimizer_state: Any) -> Any:
    """The schedule of what timm's `state_dict` returned."""
    members = _members(name, state, "`from_torch_state_dict(cls_or_name=...)`")
    groups = [{}] * len(members) if optimizer_state is None else optimizer_state["param_groups"]
    return _scaled(members, groups)


def _members(name: str, state: Mapping[str, Any], where: str) -> list[Any]:
    """A schedule for each group, without its scale; `where` is told in the error for a plateau."""
    from .. import timm

    if name == _PLATEAU:
        raise ValueError(
            f"{where} must be a function of the count, got timm's {_PLATEAU}: {timm.NO_PLATEAU}."
        )
    cls = getattr(timm, name)
    names = [field.name for field in cls._field_table if field.name not in _NOT_KEPT]
    if lacking := [key for key in (*names, "base_values") if key not in state]:
        raise Unreadable(
            f"must have the attributes of timm 1.0.31, got a {name} without {', '.join(lacking)}",
            STEP_FROM_START,
        )
    own = {key: to_python(state[key]) for key in names}
    if own.get("stable_timescale") == own["warmup_t"]:
        own["stable_timescale"] = None
    try:
        return [cls(to_python(rate), **own) for rate in state["base_values"]]
    except (TypeError, ValueError) as error:
        raise Unreadable(f"cannot be built here: {error}".rstrip("."), STEP_FROM_START) from error


def _some_counts(schedule: Any) -> np.ndarray:
    """Counts in the warm-up and in the first cycle, where timm rounds none to another cycle."""
    size = schedule.warmup_t
    length = getattr(schedule, "t_initial", None) or np.max(schedule.decay_t, initial=1)
    along = 0.9 * min(length, 1e6) * np.linspace(0.0, 1.0, 8)
    warm = size * np.linspace(0.0, 1.0, 4)
    return np.unique(np.concatenate([warm, along, along + size]).astype(np.int64))


def _scaled(members: list[Any], groups: Sequence[Mapping[str, Any]]) -> Any:
    """The schedules of all parameter groups, as timm multiplies them."""
    if len(groups) != len(members):
        raise Unreadable(
            f"is for {len(members)} parameter groups, and the optimizer has {len(groups)}",
            STEP_FROM_START,
        )
    scales = [to_python(group.get("lr_scale", 1.0)) for group in groups]
    scaled = [x if scale == 1 else x * scale for x, scale in zip(members, scales, strict=True)]
    return scaled[0] if len(scaled) == 1 else ParamGroups(scaled)
