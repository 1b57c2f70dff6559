"""detectron2's LRMultiplier, live: it keeps fvcore's schedulers, which keep their arguments."""

from typing import Any

import numpy as np

from .._combine.param_groups import ParamGroups
from .errors import Unreadable
from .numeric import to_python
from .verified import verify

_FVCORE = "fvcore.common.param_scheduler"
_DETECTRON2 = "detectron2.solver.lr_scheduler"
_KEPT_AS = {  # fvcore's attributes, by our arguments
    "ConstantParamScheduler": {"value": "_value"},
    "CosineParamScheduler": {"start_value": "_start_value", "end_value": "_end_value"},
    "ExponentialParamScheduler": {"start_value": "_start_value", "decay": "_decay"},
    "LinearParamScheduler": {"start_value": "_start_value", "end_value": "_end_value"},
    "MultiStepParamScheduler": {
        "values": "_param_schedule", "num_updates": "_num_updates", "milestones": "_milestones",
    },
    "PolynomialDecayParamScheduler": {"base_value": "_base_value", "power": "_power"},
    "StepParamScheduler": {"values": "_param_schedule"},
    "StepWithFixedGammaParamScheduler": {
        name: name for name in ("base_value", "num_decays", "gamma", "num_updates")
    },
    "CompositeParamScheduler": {"lengths": "_lengths", "interval_scaling": "_interval_scaling"},
}  # fmt: skip


def is_multiplier(scheduler: Any) -> bool:
    """Whether a live scheduler is detectron2's LRMultiplier."""
    cls = type(scheduler)
    return cls.__module__ == _DETECTRON2 and cls.__qualname__ == "LRMultiplier"


def of_multiplier(scheduler: Any) -> Any:
    """The schedule of a live one, from its beginning."""
    from .. import detectron2

    multiplier, number = _read(detectron2, scheduler._multiplier), to_python(scheduler._max_iter)
    begun = scheduler.last_epoch - scheduler._step_count  # `last_epoch` when it was built
    members = [
        detectron2.LRMultiplier(to_python(rate), multiplier, number, begun)
        for rate in scheduler.base_lrs
    ]
    along = (0.0, 0.01, 0.1, 0.25, 0.45, 0.7, 0.9, 0.99)
    steps = np.unique([*(int(number * x) for x in along), scheduler.last_epoch])
    steps = steps[steps > begun]
    for member, group in zip(members, scheduler.optimizer.param_groups, strict=True):
        factors = [scheduler._multiplier(step / number) for step in steps.tolist()]
        rates = [to_python(member.lr) * factor for factor in factors]
        cause = "an attribute was changed, or it is of another version of fvcore than 0.1.5"
        verify(member, steps - begun - 1, rates, cause)
        now = np.array([scheduler.last_epoch - begun - 1])
        verify(member, now, [group["lr"]], "the rate was set from outside")
    return members[0] if len(members) == 1 else ParamGroups(members)


def _read(detectron2: Any, live: Any) -> Any:
    """Our schedule of one of fvcore's."""
    name, home = type(live).__qualname__, type(live).__module__
    if home == _DETECTRON2 and name == "WarmupParamScheduler":
        return _warmup(detectron2, live)
    if home != _FVCORE or name not in _KEPT_AS:
        raise Unreadable(f"must have a multiplier of fvcore's own classes, got a {home}.{name}")
    own = {ours: to_python(getattr(live, theirs)) for ours, theirs in _KEPT_AS[name].items()}
    if name == "CompositeParamScheduler":
        own["schedulers"] = [_read(detectron2, part) for part in live._schedulers]
        own["interval_scaling"] = list(live._interval_scaling)
    if name == "StepParamScheduler":
        own["num_updates"] = len(own["values"])  # It is not kept, and has no effect.
    return getattr(detectron2, name)(**own)


def _warmup(detectron2: Any, live: Any) -> Any:
    """A WarmupParamScheduler keeps its first value, and not the share of the other's."""
    warm, inner = live._schedulers
    constant = type(warm).__qualname__ == "ConstantParamScheduler"
    begin, base = warm._value if constant else warm._start_value, inner(0.0)
    scheduler = _read(detectron2, inner)
    if not base:
        raise Unreadable("must have a multiplier that is not 0 at its start, got a warm-up to 0")
    return detectron2.WarmupParamScheduler(
        scheduler, to_python(begin / base), to_python(live._lengths[0]),
        "constant" if constant else "linear", live._interval_scaling[1] == "rescaled",
    )  # fmt: skip
