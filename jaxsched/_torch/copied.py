"""Classes that are copied from repository to repository: told by their names, and verified.

They may be in any module, and anyone may have changed one. So each is stepped, on a copy, from
where the schedule says that it stands before some count.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._combine.param_groups import groups_of
from ..cosine_annealing_warmup import CosineAnnealingWarmupRestarts
from ..pl_bolts import LinearWarmupCosineAnnealingLR
from .errors import STEP_A_COPY, Unreadable
from .numeric import to_python
from .stepped_copy import copied, undisturbed
from .subclasses import COPIED
from .verified import rates_at, verify

_AHEAD = 10  # counts from now on
_CHANGED = (
    "its class is not the one that others copy, or an attribute was changed after it was built"
)


def is_copied(cls: type) -> bool:
    """Whether ours is of a class that is copied."""
    return cls.__name__ in COPIED


def verify_copied(scheduler: Any, schedule: Any) -> None:
    """Raises where a copy steps to other rates: from now on, or put before some count."""
    members = groups_of(schedule)
    counts_of, before = _PLACES[COPIED[type(members[0]).__name__]]
    counts = counts_of(members[0])
    now = to_python(scheduler.last_epoch) - members[0].last_epoch - 1
    ahead = now + 1 + np.arange(_AHEAD)
    with undisturbed(scheduler):
        twin = copied(scheduler)
        rows = [_stepped(twin, members[0], count) for count in ahead]
        held = [rates_at(member, counts - 1) for member in members]
        for index, count in enumerate(counts):
            for group, rates in zip(twin.optimizer.param_groups, held, strict=True):
                group["lr"] = float(rates[index])
            vars(twin).update(before(members[0], int(count)))
            rows.append(_stepped(twin, members[0], count))
    told = np.concatenate([ahead, counts])
    for member, shown in zip(members, zip(*rows, strict=True), strict=True):
        verify(member, told, shown, _CHANGED, STEP_A_COPY)


def _stepped(twin: Any, schedule: Any, count: Any) -> list[float]:
    """The rates of all groups after a step to `count`."""
    try:
        twin.step()
    except Exception as error:
        raise Unreadable(
            f"must step as {schedule!r}, got {error!r} at count {count}: {_CHANGED}", STEP_A_COPY
        ) from error
    return [to_python(group["lr"]) for group in twin.optimizer.param_groups]


def _around(*counts: float) -> np.ndarray:
    near = {int(count) + more for count in counts for more in (-1, 0, 1)}
    return np.array(sorted(count for count in near if 1 <= count < 2**31))


def _of_bolts(schedule: LinearWarmupCosineAnnealingLR) -> np.ndarray:
    warm, end = int(schedule.warmup_epochs), int(schedule.max_epochs)
    way = end - warm
    along = [warm + way * share for share in (0.3, 0.6, 0.9, 1, 1.5, 2, 2.4, 3)]
    counts = _around(1, warm / 2, warm, *along) - schedule.last_epoch - 1
    return counts[counts > 0]


def _before_bolts(schedule: LinearWarmupCosineAnnealingLR, count: int) -> dict[str, Any]:
    return {"last_epoch": schedule.last_epoch + count}


def _cycles(schedule: CosineAnnealingWarmupRestarts, count: int) -> tuple[int, int, int]:
    """Index of the cycle at `count`, the counts since its start, its length."""
    warm, length = int(schedule.warmup_steps), int(schedule.first_cycle_steps)
    index = 0
    while count >= length:
        after = int((length - warm) * schedule.cycle_mult) + warm
        more = count // length if after == length else 1
        index, count, length = index + more, count - more * length, after
    return index, count, length


def _of_katsura(schedule: CosineAnnealingWarmupRestarts) -> np.ndarray:
    warm, length = int(schedule.warmup_steps), int(schedule.first_cycle_steps)
    start, found = 0, []
    for _ in range(4):
        body = length - warm
        found += [start + warm * 0.5, start + warm, start + warm + body * 0.3]
        found += [start + warm + body * 0.7, start + length]
        start, length = start + length, int(body * schedule.cycle_mult) + warm
    return _around(1, *found)


def _before_katsura(schedule: CosineAnnealingWarmupRestarts, count: int) -> dict[str, Any]:
    index, since, length = _cycles(schedule, count - 1)
    return {
        "last_epoch": count - 1, "cycle": index, "step_in_cycle": since, "cur_cycle_steps": length,
        "max_lr": schedule.max_lr * schedule.gamma**index,
    }  # fmt: skip


_Place = tuple[Callable[[Any], np.ndarray], Callable[[Any, int], dict[str, Any]]]
_PLACES: dict[str, _Place] = {
    "pl_bolts": (_of_bolts, _before_bolts),
    "cosine_annealing_warmup": (_of_katsura, _before_katsura),
}
