"""Schedules to live PyTorch schedulers, and live PyTorch schedulers to traces.

PyTorch is imported inside these functions only: checking a trace never needs it.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _compose, _cosine, _cycles, _factors, _functions, _plateau
from ._compose import ParamGroups, singles
from ._config import to_config
from ._expression import Expression
from ._trace import Trace
from ._value import same


def scheduler_class(cls: type) -> type:
    """PyTorch's class of the same name."""
    from torch.optim import lr_scheduler, swa_utils

    return getattr(swa_utils if cls.__name__ == "SWALR" else lr_scheduler, cls.__name__)


def build(schedule, optimizer) -> Any:
    """The PyTorch scheduler of the same name and arguments, on `optimizer`'s groups."""
    groups = list(schedule) if isinstance(schedule, ParamGroups) else [schedule]
    for group, member in zip(optimizer.param_groups, groups, strict=True):
        group.update(_group_values(member))
    return _build(groups, optimizer)


def _group_values(schedule) -> dict[str, Any]:
    """What PyTorch finds in the group: the rates, and the levels a resumed scheduler left there."""
    if isinstance(schedule, _plateau.ReduceLROnPlateau):
        return {"lr": schedule.lr}
    values: dict[str, Any] = {}
    lr, initial_lr = schedule.carried() or (None, None)
    for part in singles(schedule):
        if part.last_epoch == -1:
            continue
        if isinstance(part, _cycles.OneCycleLR):
            initial_lr = part.max_lr / part.div_factor
            values |= {"max_lr": part.max_lr, "min_lr": initial_lr / part.final_div_factor}
            values |= {"max_momentum": part.max_momentum, "base_momentum": part.base_momentum}
        elif isinstance(part, _cycles.CyclicLR):
            initial_lr = part.base_lr
        elif initial_lr is None:
            initial_lr = lr
    values |= {} if lr is None else {"lr": lr}
    return values | ({} if initial_lr is None else {"initial_lr": initial_lr})


def _build(members: Sequence, optimizer) -> Any:
    first = members[0]
    cls = scheduler_class(type(first))
    if isinstance(first, _compose.SequentialLR | _compose.ChainedScheduler):
        columns = zip(*[member.schedulers for member in members], strict=True)
        parts = [_build(column, optimizer) for column in columns]
        if isinstance(first, _compose.ChainedScheduler):
            return cls(parts, optimizer=optimizer)
        return cls(optimizer, parts, milestones=[int(m) for m in first.milestones])
    return cls(optimizer, **_arguments(members))


def _arguments(members: Sequence) -> dict[str, Any]:
    """The constructor's arguments; where the groups differ, a list as PyTorch takes it."""
    arguments = {}
    for field in dataclasses.fields(members[0]):
        values = [getattr(member, field.name) for member in members]
        unset = all(same(value, field.default) for value in values)
        if field.name == "lr" or field.kw_only or unset:
            continue
        arguments[field.name] = values[0] if all(same(v, values[0]) for v in values) else values
    return arguments


def call_text(schedule) -> str:
    """The PyTorch constructor call, as one would write it."""
    members = list(schedule) if isinstance(schedule, ParamGroups) else [schedule]
    return _call_text(members)


def _call_text(members: Sequence) -> str:
    first = members[0]
    name = type(first).__name__
    if isinstance(first, _compose.SequentialLR | _compose.ChainedScheduler):
        columns = zip(*[member.schedulers for member in members], strict=True)
        parts = f"[{', '.join(map(_call_text, columns))}]"
        if isinstance(first, _compose.ChainedScheduler):
            return f"{name}({parts})"
        return f"{name}(optimizer, {parts}, milestones={list(first.milestones)})"
    arguments = [f"{key}={_text(value)}" for key, value in _arguments(members).items()]
    return f"{name}({', '.join(['optimizer', *arguments])})"


def _text(value) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return f"lambda step: {value.text}" if isinstance(value, Expression) else repr(value)


def record(scheduler: Any, num_steps: int, metrics: Sequence[float] | None = None) -> Trace:
    """Steps a live PyTorch scheduler and writes down what it does.

    Args:
      scheduler: any PyTorch scheduler; it is stepped `num_steps` - 1 times (its optimizer is
        not). Count 0 of the trace is the rate it shows now.
      num_steps: the number of rates to record, from 1 up.
      metrics: for ReduceLROnPlateau, the `num_steps` - 1 metrics to step it with.

    Returns:
      A `Trace`: rates, momenta if they move, PyTorch's version, and the schedule that is
      meant, as far as it is freshly built and no Python function is in it.

    Raises:
      ImportError: without PyTorch.
      TypeError: for something that is no PyTorch scheduler.
      ValueError: for a `num_steps` or `metrics` of the wrong size.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError("`jaxsched.record` steps real PyTorch: pip install torch") from error
    if not isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler):
        raise TypeError(f"`record(scheduler=...)` must be a PyTorch scheduler, got {scheduler!r}.")
    if isinstance(num_steps, bool) or not isinstance(num_steps, int) or num_steps < 1:
        raise ValueError(f"`record(num_steps=...)` must be a positive int, got {num_steps!r}.")
    plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    if plateau != (metrics is not None) or (metrics is not None and len(metrics) != num_steps - 1):
        wanted = f"{num_steps - 1} metrics" if plateau else "None without a ReduceLROnPlateau"
        given = "None" if metrics is None else f"{len(metrics)} metrics"
        raise ValueError(f"`record(metrics=...)` must be {wanted}, got {given}.")

    return _record(scheduler, read(scheduler), num_steps, metrics)


def _record(scheduler, schedule, num_steps: int, metrics=None, counts=None) -> Trace:
    """Records a scheduler that `schedule` describes, at `counts` if not at all of them."""
    import torch

    groups = scheduler.optimizer.param_groups
    keep = range(num_steps) if counts is None else counts
    fractional = not all(isinstance(count, int) for count in keep)
    path = keep if fractional else range(num_steps)
    keep = set(keep)
    rows: list[tuple] = []
    fed: list[float] = []
    stream = iter(() if metrics is None or isinstance(metrics, Expression) else metrics)
    if isinstance(metrics, Expression):
        stream = (np.float32(metrics(step)) for step in range(num_steps - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch misses the optimizer's own steps.
        for count in path:
            if count:
                fed += [] if metrics is None else [float(next(stream))]
                scheduler.step(*[count] if fractional else fed[-1:])
            if count in keep:
                closed = _closed_form(scheduler) or [np.nan] * len(groups)
                lr = [float(group["lr"]) for group in groups]
                rows.append((count, lr, [_momentum(group) for group in groups], closed))
    kept, rates, momentum, closed_form = (np.array(column) for column in zip(*rows, strict=True))
    shape = rates.shape if len(groups) > 1 else rates.shape[:1]
    return Trace(
        torch=torch.__version__.split("+")[0],
        call=f"{type(scheduler).__name__}(...)" if schedule is None else call_text(schedule),
        optimizer=type(scheduler.optimizer).__name__,
        counts=kept,
        lr=rates.reshape(shape),
        momentum=momentum.reshape(shape) if _cycles_momentum(schedule) else None,
        closed_form=None if np.isnan(closed_form).all() else closed_form.reshape(shape),
        metrics=metrics if isinstance(metrics, Expression) else np.array(fed) if fed else None,
        schedule=_config(schedule),
    )


def _cycles_momentum(schedule) -> bool:
    member = schedule[0] if isinstance(schedule, ParamGroups) else schedule
    return getattr(member, "cycle_momentum", False)


def _config(schedule) -> dict[str, Any] | None:
    try:
        return None if schedule is None else to_config(schedule)
    except TypeError:
        return None


def _momentum(group: dict[str, Any]) -> float:
    return float(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))


def _closed_form(scheduler) -> Any:
    """The closed form of the CosineAnnealingLR in charge, once it is past T_max."""
    from torch.optim import lr_scheduler

    if isinstance(scheduler, lr_scheduler.SequentialLR):
        index = np.searchsorted(scheduler._milestones, scheduler.last_epoch, side="right")
        return _closed_form(scheduler._schedulers[index])
    if isinstance(scheduler, lr_scheduler.CosineAnnealingLR):
        # A resumed scheduler starts from `lr`, and from `initial_lr` again after its next trough.
        half = abs(scheduler.T_max)
        begun = scheduler.last_epoch - scheduler._step_count + 1
        trough = half * (1 + 2 * max(0, (begun + half) // (2 * half)))
        if scheduler.last_epoch > trough:
            return scheduler._get_closed_form_lr()
    return None


# --- a freshly built scheduler, read back ---

_FIELDS = {
    _factors.StepLR: ("step_size", "gamma"),
    _factors.ConstantLR: ("factor", "total_iters"),
    _factors.LinearLR: ("start_factor", "end_factor", "total_iters"),
    _factors.ExponentialLR: ("gamma",),
    _factors.PolynomialLR: ("total_iters", "power"),
    _cosine.CosineAnnealingLR: ("T_max", "eta_min"),
    _cosine.CosineAnnealingWarmRestarts: ("T_0", "T_mult", "eta_min"),
    _factors.MultiStepLR: ("gamma",),
    _functions.LambdaLR: (),
    _functions.MultiplicativeLR: (),
    _cosine.SWALR: ("anneal_epochs",),
    _cycles.CyclicLR: ("mode", "gamma", "scale_mode", "cycle_momentum"),
    _cycles.OneCycleLR: ("total_steps", "cycle_momentum"),
    _plateau.ReduceLROnPlateau: (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps",
    ),
}  # fmt: skip


def read(scheduler) -> Any:
    """The schedule of a freshly built PyTorch scheduler, or None where it cannot be told."""
    groups = scheduler.optimizer.param_groups
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A trace is short, whatever it costs to step.
        try:
            members = [_read(scheduler, index) for index in range(len(groups))]
        except (TypeError, ValueError):
            return None
    if any(member is None for member in members):
        return None
    return members[0] if len(members) == 1 else ParamGroups(members)


def _read(scheduler, index: int, top: bool = True) -> Any:
    parts = getattr(scheduler, "_schedulers", None)
    if parts is not None:
        read = [_read(part, index, top=False) for part in parts]
        if any(part is None for part in read):
            return None
        if type(scheduler).__name__ == "ChainedScheduler":
            return _compose.ChainedScheduler(read)
        if scheduler.last_epoch > 0 and top:
            return None
        return _compose.SequentialLR(read, list(scheduler._milestones))
    cls = next((c for c in _FIELDS if scheduler_class(c) is type(scheduler)), None)
    if cls is None or scheduler.last_epoch > 0:
        return None
    group = scheduler.optimizer.param_groups[index]
    values = {name: getattr(scheduler, name) for name in _FIELDS[cls]}
    if cls is _cycles.OneCycleLR:
        return cls(**values | _one_cycle(scheduler, group))
    if cls is _cycles.CyclicLR:
        return cls(**values | _cyclic(scheduler, index))
    if cls is _plateau.ReduceLROnPlateau:
        return cls(group["lr"], min_lr=scheduler.min_lrs[index], **values)
    if cls is _factors.MultiStepLR:
        values["milestones"] = sorted(scheduler.milestones.elements())
    if cls in (_functions.LambdaLR, _functions.MultiplicativeLR):
        values["lr_lambda"] = scheduler.lr_lambdas[index]
    if cls is _cosine.SWALR:
        values |= {"swa_lr": group["swa_lr"], "anneal_strategy": scheduler._anneal_strategy}
    return cls(scheduler.base_lrs[index], **values)


def _cyclic(scheduler, index: int) -> dict[str, Any]:
    up = round(scheduler.total_size * scheduler.step_ratio, 9)
    values = {"base_lr": scheduler.base_lrs[index], "max_lr": scheduler.max_lrs[index]}
    values |= {"step_size_up": up, "step_size_down": scheduler.total_size - up}
    if scheduler._scale_fn_custom is not None:
        values["scale_fn"] = scheduler._scale_fn_custom
    if scheduler.cycle_momentum:
        values["base_momentum"] = scheduler.base_momentums[index]
        values["max_momentum"] = scheduler.max_momentums[index]
    return values


def _one_cycle(scheduler, group) -> dict[str, Any]:
    phases = scheduler._schedule_phases
    values = {
        "max_lr": group["max_lr"],
        "pct_start": (phases[0]["end_step"] + 1) / scheduler.total_steps,
        "anneal_strategy": scheduler._anneal_func_type,
        "div_factor": group["max_lr"] / group["initial_lr"],
        "final_div_factor": group["initial_lr"] / group["min_lr"],
        "three_phase": len(phases) == 3,
    }
    if scheduler.cycle_momentum:
        values |= {name: group[name] for name in ("base_momentum", "max_momentum")}
    return values
