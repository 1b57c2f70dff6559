"""Records live PyTorch schedulers as traces.

Only these functions import PyTorch; checking a trace does not need it.
"""

import contextlib
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from .._combine.combined import momentum_of
from .._combine.param_groups import ParamGroups
from .._core.number import as_count, as_positive_int
from .._core.schedule import without_warnings
from .._schedulers.recipe import OfLibrary
from .._text.config import to_config
from .._text.expression import Expression
from .._torch.from_torch import as_read, read
from .._torch.of_timm import is_timms, of_timm
from .._torch.snapshot import snapshot, steps_done
from .._torch.stepped_copy import takes_count, updating
from .._torch.subclasses import DISTRIBUTIONS
from .._torch.to_torch import momentum_in, the_torch, torch_call
from .trace import Trace


def record(scheduler: Any, num_steps: int, metrics: Sequence[float] | None = None) -> Trace:
    """Steps a live PyTorch scheduler and records its rates.

    Args:
      scheduler: any PyTorch scheduler; it is stepped `num_steps` - 1 times (its optimizer is
        not). Count 0 of the trace is its current rate. One of timm's is told the counts from 0 on.
      num_steps: the number of rates to record, from 1 up.
      metrics: for ReduceLROnPlateau, the `num_steps` - 1 arguments of its `step`.

    Returns:
      A `Trace`: rates, momenta if the scheduler cycles them, PyTorch's version, and the converted
      schedule, if the scheduler is freshly built and contains no Python function.

    Raises:
      ImportError: without PyTorch.
      TypeError: if `scheduler` is not a PyTorch scheduler.
      ValueError: if `num_steps` is not positive, or `metrics` has the wrong length.
    """
    num_steps = as_count(num_steps)
    check_arguments("record", scheduler, num_steps, metrics)
    schedule = _schedule(scheduler, num_steps)
    return step_through(scheduler, num_steps, metrics, schedule=schedule)


def check_arguments(
    name: str, scheduler: Any, num_steps: Any, metrics: Sequence[float] | None
) -> None:
    """Raises an error for wrong arguments of `step_through`, as arguments of function `name`."""
    torch = the_torch(name)
    if not isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler) and not is_timms(scheduler):
        raise TypeError(f"`{name}(scheduler=...)` must be a PyTorch scheduler, got {scheduler!r}.")
    as_positive_int(f"{name}(num_steps=...)", num_steps)
    plateau = isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    if plateau != (metrics is not None) or (metrics is not None and len(metrics) != num_steps - 1):
        wanted = f"{num_steps - 1} metrics" if plateau else "None without a ReduceLROnPlateau"
        given = "None" if metrics is None else f"{len(metrics)} metrics"
        raise ValueError(f"`{name}(metrics=...)` must be {wanted}, got {given}.")


def _schedule(scheduler, num_steps: int) -> Any:
    """The schedule of a freshly built scheduler, or None if the conversion fails."""
    groups = scheduler.optimizer.param_groups
    try:
        if is_timms(scheduler):
            return of_timm(scheduler)
        taken = snapshot(scheduler)
        if steps_done(taken):
            return None
        with without_warnings():  # about slow compositions: a trace is short
            try:
                return read(taken, groups, None)
            except TypeError:  # a function that JAX cannot trace
                return read(taken, groups, num_steps)
    except Exception:  # A trace without its schedule is still useful.
        return None


def call_of(scheduler) -> str:
    """PyTorch's constructor call, or `Class(...)` if its arguments cannot be recovered."""
    try:
        if is_timms(scheduler):
            return torch_call(of_timm(scheduler))
        with without_warnings():
            return torch_call(as_read(snapshot(scheduler), scheduler.optimizer.param_groups))
    except Exception:
        return f"{type(scheduler).__name__}(...)"


def step_through(
    scheduler, num_steps: int, metrics=None, counts=None, *, schedule=None, momentum=None
) -> Trace:
    """Steps a scheduler, converted to `schedule`, and keeps all counts or only `counts`.

    The momentum is kept if `momentum` is True; by default, if `schedule` cycles it.
    """
    import torch

    groups = scheduler.optimizer.param_groups
    advance = updating(scheduler) if (told := takes_count(scheduler)) else scheduler.step
    keep = range(num_steps) if counts is None else counts
    fractional = not all(isinstance(count, int) for count in keep)
    path = keep if fractional else range(num_steps)
    keep = set(keep)
    rows: list[tuple] = []
    fed: list[float] = []
    stream = iter(() if metrics is None or isinstance(metrics, Expression) else metrics)
    if isinstance(metrics, Expression):
        stream = (np.float32(metrics(step)) for step in range(num_steps - 1))
    with _as_if_stepped(scheduler.optimizer):
        for count in path:
            if count or told:
                fed += [] if metrics is None else [float(next(stream))]
                advance(*[count] if fractional or told else fed[-1:])
            if count in keep:
                closed = _closed_form(scheduler) or [np.nan] * len(groups)
                lr = [float(group["lr"]) for group in groups]
                rows.append((count, lr, [momentum_in(group) for group in groups], closed))
    cycled = cycles_momentum(schedule) if momentum is None else momentum
    kept, rates, momenta, closed_form = (np.array(column) for column in zip(*rows, strict=True))
    shape = rates.shape if len(groups) > 1 else rates.shape[:1]
    return Trace(
        torch=torch.__version__.split("+")[0],
        call=call_of(scheduler) if schedule is None else torch_call(schedule),
        optimizer=type(scheduler.optimizer).__name__,
        counts=kept,
        lr=rates.reshape(shape),
        momentum=momenta.reshape(shape) if cycled else None,
        closed_form=None if np.isnan(closed_form).all() else closed_form.reshape(shape),
        metrics=metrics if isinstance(metrics, Expression) else np.array(fed) if fed else None,
        schedule=_config(schedule),
        library=_library(scheduler, schedule),
    )


@contextlib.contextmanager
def _as_if_stepped(optimizer) -> Iterator[None]:
    """Spares PyTorch's warning that the optimizer takes no steps.

    Not by a filter: those of `warnings` are one list for all threads.
    """
    before = getattr(optimizer, "_opt_called", None)
    optimizer._opt_called = True
    try:
        yield
    finally:
        if before is None:
            del optimizer._opt_called
        else:
            optimizer._opt_called = before


def _library(scheduler, schedule) -> str | None:
    """The library of a recipe, and its version: that of the live one's function."""
    member = schedule[0] if isinstance(schedule, ParamGroups) else schedule
    if not isinstance(member, OfLibrary):
        return None
    name = member._call_name()
    for function in getattr(scheduler, "lr_lambdas", [])[:1]:  # torchtune's are Transformers' here
        name = getattr(function, "func", function).__module__
    name = name.partition(".")[0]
    return f"{name} {version(DISTRIBUTIONS.get(name, name))}"


def cycles_momentum(schedule) -> bool:
    """Whether a schedule (of the first group) cycles the momentum."""
    member = schedule[0] if isinstance(schedule, ParamGroups) else schedule
    return momentum_of(member) is not None


def _config(schedule) -> dict[str, Any] | None:
    try:
        return None if schedule is None else to_config(schedule)
    except TypeError:
        return None


def _closed_form(scheduler) -> Any:
    """The closed form of the active CosineAnnealingLR after T_max; None otherwise."""
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
