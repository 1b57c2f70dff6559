"""fairseq's schedulers: their config holds the arguments, and they keep no count."""

import copy
import types
from typing import Any

import numpy as np

from .._schedulers.recipe import OfLibrary
from .errors import STEP_FROM_START, Unreadable
from .numeric import to_python
from .verified import counts_along, verify

_HOME = "fairseq.optim.lr_scheduler."
CLASSES = {
    "InverseSquareRootSchedule": "inverse_sqrt",
    "PolynomialDecayLRSchedule": "polynomial_decay",
    "TriStageLRSchedule": "tri_stage",
    "CosineLRSchedule": "cosine",
    "FixedLRSchedule": "fixed",
    "StepLRSchedule": "step",
    "TriangularLRSchedule": "triangular",
}
_CHANGED = "it was changed after it was built, or is of another version of fairseq than 0.12.2"


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
    counts = counts_along(schedule)
    rates = _rates(scheduler, counts)
    verify(schedule, counts, rates, _CHANGED, described="its config describes")
    return schedule


def _rates(scheduler: Any, counts: np.ndarray) -> list[float]:
    """Those that fairseq's own function of the count sets, in an optimizer that keeps them."""
    twin, shown = copy.copy(scheduler), list[float]()
    twin.optimizer = types.SimpleNamespace(set_lr=shown.append, get_lr=lambda: shown[-1])
    for count in counts:
        twin.step_update(int(count))
    return shown
