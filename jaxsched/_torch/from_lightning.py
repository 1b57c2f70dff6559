"""What a LightningModule's `configure_optimizers` returns, as the schedule of its Trainer."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from .._combine.counts import per_batches, per_epoch
from .._combine.param_groups import ParamGroups
from .._combine.ramp import Ramp
from .._core.number import as_positive_int, shown
from .._core.schedule import warn
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .errors import Unreadable
from .from_torch import as_total_steps, from_torch, read
from .snapshot import Pace, Snapshot, snapshot

_INTERVALS = ("step", "epoch")  # in the order in which a Trainer steps at an epoch's end
_NO_MATTER = ("name", "monitor", "strict", "reduce_on_plateau")  # for the rate


def from_lightning(
    entries: Any,
    batches_per_epoch: int,
    accumulate_grad_batches: int = 1,
    *,
    total_steps: int | None = None,
) -> Any:
    """What a Trainer of Lightning makes of the schedulers of `configure_optimizers`.

    An entry's scheduler is stepped at each `frequency`-th epoch, or with an `interval` of "step" at
    each `frequency`-th batch of an epoch, if that batch ends an update (`per_batches`). The count
    is that of the updates, `trainer.global_step`, from the beginning of training. Of several
    entries, those of interval "step" come before those of interval "epoch".

    Args:
      entries: an entry of `configure_optimizers`, or a list of them, or all that it returns. An
        entry is a scheduler, or a dict of one with `interval` and `frequency`, or one of
        `trainer.lr_scheduler_configs`; freshly built or in the middle of a run.
      batches_per_epoch: the number of training batches in an epoch,
        `trainer.num_training_batches`.
      accumulate_grad_batches: the Trainer's; the batches that are left at an epoch's end are an
        update too.
      total_steps: the number of updates to tabulate, where `from_torch` needs it.

    Returns:
      The schedule, a function of the number of updates; a ParamGroups for several parameter
      groups; a ChainedScheduler of several entries. Of a ReduceLROnPlateau, a ReduceLROnPlateau, to
      be stepped with the monitored metric where the Trainer does, after every `frequency`-th
      epoch.

    Warns:
      UserWarning: for a frequency at which the Trainer never steps.

    Raises:
      TypeError: for an entry without a scheduler.
      ValueError: for an unknown key or `interval`, a frequency that is no positive int, several
        optimizers, a plateau beside other schedulers, or what `from_torch` refuses.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)  # doctest: +SKIP
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)  # doctest: +SKIP
    >>> entry = {"scheduler": scheduler, "interval": "epoch"}  # doctest: +SKIP
    >>> jaxsched.from_lightning(entry, batches_per_epoch=500)  # doctest: +SKIP
    per_epoch(StepLR(lr=0.1, step_size=30), steps_per_epoch=500)

    Source: https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#configure-optimizers
    """
    batches = as_positive_int("from_lightning(batches_per_epoch=...)", batches_per_epoch)
    accumulated = as_positive_int(
        "from_lightning(accumulate_grad_batches=...)", accumulate_grad_batches
    )
    total_steps = as_total_steps("from_lightning", total_steps)
    found = sorted(map(_entry, _listed(entries)), key=lambda entry: _INTERVALS.index(entry[1]))
    if not found:
        raise ValueError("`from_lightning(entries=...)` must hold a scheduler, got none.")
    schedulers = [scheduler for scheduler, _, _ in found]
    paces = [_pace(interval, every, batches, accumulated) for _, interval, every in found]
    if len(found) == 1:
        return _alone(schedulers[0], paces[0], total_steps)
    return _together(schedulers, paces, total_steps)


def _listed(entries: Any) -> list[Any]:
    """The entries in what `configure_optimizers` returns."""
    if isinstance(entries, Mapping) and "optimizer" in entries:
        _check_keys(entries, {"optimizer", "lr_scheduler", "monitor"})
        return [entries["lr_scheduler"]] if "lr_scheduler" in entries else []
    if not isinstance(entries, list | tuple):
        return [entries]
    if len(entries) == 2 and isinstance(entries[0], list | tuple):
        optimizers, entries = entries
        _check_one(len(optimizers))
        return list(entries) if isinstance(entries, list | tuple) else [entries]
    if any(isinstance(entry, Mapping) and "optimizer" in entry for entry in entries):
        _check_one(len(entries))
        return _listed(entries[0])
    return list(entries)


def _check_one(optimizers: int) -> None:
    if optimizers != 1:
        raise ValueError(
            f"`from_lightning(entries=...)` must be of one optimizer, got {optimizers}: a Trainer"
            " leaves several to `training_step`. Convert each scheduler by `from_torch`."
        )


def _entry(entry: Any) -> tuple[Any, str, int]:
    """The scheduler, interval and frequency of an entry."""
    if dataclasses.is_dataclass(entry) and hasattr(entry, "interval"):
        entry = vars(entry)
    if not isinstance(entry, Mapping):
        entry = {"scheduler": entry}
    _check_keys(entry, {"scheduler", "interval", "frequency", *_NO_MATTER})
    if "scheduler" not in entry:
        raise TypeError(
            f"`from_lightning(entries=...)` must be entries with a 'scheduler', got {entry!r}."
        )
    interval = entry.get("interval", "epoch")
    if interval not in _INTERVALS:
        raise ValueError(
            "`from_lightning(entries=...)` must have an 'interval' of 'step' or 'epoch', got"
            f" {shown(interval)}."
        )
    where = "from_lightning(entries=[{'frequency': ...}])"
    return entry["scheduler"], interval, as_positive_int(where, entry.get("frequency", 1))


def _check_keys(given: Mapping, known: set[str]) -> None:
    if unknown := given.keys() - known:
        raise ValueError(
            f"`from_lightning(entries=...)` must have no keys but {sorted(known)}, got"
            f" {sorted(map(str, unknown))}."
        )


def _pace(interval: str, frequency: int, batches: int, accumulated: int) -> Pace | None:
    """When the Trainer steps; None for each update."""
    updates = -(-batches // accumulated)

    def mapped(schedule: Any) -> Any:
        if interval == "epoch":
            return per_epoch(schedule, updates * frequency)
        return per_batches(schedule, frequency, batches, accumulated)

    count_map = mapped(Ramp(0.0, 0.0, 0))._count_map
    if count_map(updates) == updates:
        return None
    if interval == "step" and count_map(updates) == 0:
        warn(
            f"A Trainer never steps this scheduler: at a frequency of {frequency} with"
            f" {batches} batches an epoch and {accumulated} for an update, no batch is both a"
            " multiple of the frequency and an update's. Its first rate holds."
        )
    return Pace(mapped, count_map)


def _alone(scheduler: Any, pace: Pace | None, total_steps: int | None) -> Any:
    if pace is None:
        return from_torch(scheduler, total_steps)
    schedule = from_torch(scheduler, None if total_steps is None else pace.steps(total_steps))
    first = schedule[0] if isinstance(schedule, ParamGroups) else schedule
    return schedule if isinstance(first, ReduceLROnPlateau) else pace.mapped(schedule)


def _together(schedulers: list[Any], paces: list[Pace | None], total_steps: int | None) -> Any:
    if any(scheduler.optimizer is not schedulers[0].optimizer for scheduler in schedulers):
        _check_one(len(schedulers))
    if any(hasattr(scheduler, "num_bad_epochs") for scheduler in schedulers):
        raise ValueError(
            "`from_lightning(entries=...)` must be schedulers of the count, or a plateau alone, got"
            " both. Convert each by itself before training; where the others only multiply the"
            " rate, `ReduceLROnPlateau(lr=schedule, ...)` reduces on top of them."
        )
    try:
        parts = [
            snapshot(scheduler)._replace(pace=pace)
            for scheduler, pace in zip(schedulers, paces, strict=True)
        ]
        whole = Snapshot(ChainedScheduler, {}, tuple(parts))
        return read(whole, schedulers[0].optimizer.param_groups, total_steps)
    except Unreadable as reason:
        raise ValueError(
            f"`from_lightning(entries=...)` {reason}. Several entries must be PyTorch's own"
            " schedulers, converted before training or where the Trainer has left them."
        ) from None
