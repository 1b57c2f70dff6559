"""fairseq's schedulers: their config holds the arguments, and they keep no count."""

import copy
import types
from typing import Any

import jax
import numpy as np

from .._core import numerics as xp
from .._schedulers.recipe import OfLibrary
from .errors import STEP_FROM_START, Unreadable
from .numeric import to_python

_HOME = "fairseq.optim.lr_scheduler."
CLASSES = {
    "InverseSquareRootSchedule": "inverse_sqrt",
    "PolynomialDecayLRSchedule": "polynomial_decay",
    "TriStageLRSchedule": "tri_stage",
    "CosineLRSchedule": "cosine",
}


def is_fairseqs(scheduler: Any) -> bool:
    """Whether a live scheduler is one of fairseq's, told by its name."""
    kind = type(scheduler)
    return kind.__module__.startswith(_HOME) and kind.__qualname__ in CLASSES


def of_fairseq(scheduler: Any) -> OfLibrary:
    """The schedule of a live scheduler, verified against its own function of the count."""
    from .. import fairseq

    cls = getattr(fairseq, CLASSES[type(scheduler).__qualname__])
    given, lr = scheduler.cfg, scheduler.cfg.lr
    rates = list(lr) if hasattr(lr, "__iter__") else [lr]
    if len(rates) != 1:
        raise Unreadable(f"must have one rate, got {rates}, one for each epoch", STEP_FROM_START)
    names = [field.name for field in cls._field_table if field.name != "lr"]
    own = {name: to_python(getattr(given, name)) for name in names if hasattr(given, name)}
    own = {name: tuple(x) if isinstance(x, list) else x for name, x in own.items()}
    try:
        schedule = cls(to_python(rates[0]), **own)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"cannot be built here: {error}".rstrip("."), STEP_FROM_START) from error
    _verify(scheduler, schedule)
    return schedule


def _verify(scheduler: Any, schedule: Any) -> None:
    """Raises where fairseq's own function of the count has another rate than the schedule."""
    twin, shown = copy.copy(scheduler), list[float]()
    twin.optimizer = types.SimpleNamespace(set_lr=shown.append, get_lr=lambda: shown[-1])
    numbers = [getattr(schedule, field.name) for field in schedule._field_table]
    ends = {int(n) for n in numbers if isinstance(n, int | float) and 1 < n < 10**9}
    along = [0, 1, *(end * x for end in ends for x in (0.25, 0.7, 0.95)), sum(ends) + 2]
    counts = np.unique(np.array(along).astype(np.int64))
    for count in counts:
        twin.step_update(int(count))
    with jax.ensure_compile_time_eval(), xp.float64():
        ours = np.asarray(schedule(counts))
    off = np.abs(ours - shown) > 1e-9 * np.abs(shown) + 1e-12 * np.abs(shown).max()
    if off.any():
        first = int(np.argmax(off))
        raise Unreadable(
            f"must have the rates that its config describes, {ours[first]} at count"
            f" {counts[first]}, got {shown[first]}: it was changed after it was built, or is of"
            " another version of fairseq than 0.12.2",
            STEP_FROM_START,
        )
