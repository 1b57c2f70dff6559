"""`plot`: schedules and traces in matplotlib's axes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._chart.thin import extremes
from .._combine.counts import PerBatches, PerEpoch
from .._combine.param_groups import ParamGroups
from .._core.number import as_positive_int
from .._core.schedule import Schedule
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._text.call import call_text
from .._text.source import brief
from .._traces.trace import Trace
from .._traces.values import has_plateau, last_count, values_of
from .extent import extent, parts_of, spread

MOST_POINTS = 1_000_000  # that are evaluated; of more steps, as many that are evenly spaced
MANY, RUNS = 4000, 1000  # of more points, the extremes of so many runs are drawn
FEW = 40  # points, each of which gets a marker
LOW = 0.01  # of the largest rate; a logarithmic axis shows what is smaller for a quarter of a line


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """A curve and its label; `momentum` is None for a schedule without one."""

    label: str
    counts: np.ndarray
    lr: np.ndarray
    momentum: np.ndarray | None
    recorded: bool = False


def plot(
    *schedules: Any,
    steps: int | None = None,
    ax: Any = None,
    labels: Sequence[str] | None = None,
    log: bool | None = None,
    metrics: Any = None,
) -> Any:
    """Draws the rates of schedules and traces over the step count, with matplotlib.

    Momenta that are cycled are dashed, on an axis of their own at the right. Where the schedules
    are stepped once an epoch (`per_epoch`), an axis at the top counts epochs.

    Args:
      *schedules: what to draw: schedules, ParamGroups (a curve for each group), a
        ReduceLROnPlateau, `Trace`s (their recorded counts, as dots), functions of the count such as
        Optax's schedules.
      steps: the number of steps to draw, from 0 on; by default as many as show what the longest
        of them does: its length, or a few of its cycles. A schedule that ends is drawn to its end.
      ax: matplotlib's axes to draw into; by default those of a new figure.
      labels: a label for each of `schedules`; by default their calls.
      log: whether the rates have a logarithmic axis; by default, whether some curve is positive and
        spends at least a quarter of its steps below a hundredth of its largest rate.
      metrics: those of a ReduceLROnPlateau: a list with one for each step, or a function of the
        step.

    Returns:
      The axes.

    Raises:
      ImportError: without matplotlib (`pip install 'jaxsched[plot]'`).
      TypeError: for something that has no rate by count, such as a list of schedules.
      ValueError: for nothing to draw, a plateau without `metrics`, or as many `labels` as do not
        fit.

    >>> import jaxsched
    >>> warmup = jaxsched.LinearLR(0.1, start_factor=0.01, total_iters=5)
    >>> ax = plot(warmup, jaxsched.CosineAnnealingLR(0.1, T_max=95))
    >>> [text.get_text() for text in ax.figure.legends[0].get_texts()]
    ['LinearLR(lr=0.1, start_factor=0.01)', 'CosineAnnealingLR(lr=0.1, T_max=95)']
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("`plot` needs an extra: pip install 'jaxsched[plot]'.") from error
    lines = lines_of(schedules, steps, labels, metrics)
    alone = ax is None
    if alone:
        _, ax = pyplot.subplots(figsize=(9, 4.6), layout="constrained")
    draw(ax, lines, spans_decades(lines) if log is None else log, epochs_of(schedules), alone)
    return ax


def lines_of(
    schedules: Sequence[Any], steps: int | None, labels: Sequence[str] | None, metrics: Any
) -> list[Line]:
    """A line for each schedule and each of its parameter groups."""
    if not schedules:
        raise ValueError("`plot(...)` must get a schedule to draw, got none.")
    for schedule in schedules:
        _check(schedule)
    named: Sequence[str | None] = [None] * len(schedules) if labels is None else labels
    if len(named) != len(schedules):
        raise ValueError(
            f"`plot(labels=...)` must hold {len(schedules)}, one for each schedule, got {labels!r}."
        )
    shown = max(map(extent, schedules)) if steps is None else as_positive_int("plot(steps)", steps)
    return [
        line
        for schedule, label in zip(schedules, named, strict=True)
        for line in _lines(schedule, label, shown, metrics)
    ]


def _check(schedule: Any) -> None:
    if isinstance(schedule, list | tuple):
        raise TypeError("`plot(...)` must get schedules, got a list: write `plot(*schedules)`.")
    known = isinstance(schedule, Schedule | ParamGroups | ReduceLROnPlateau | Trace)
    if not known and not callable(schedule):
        raise TypeError(f"`plot(...)` must get schedules or traces, got {schedule!r}.")


def _lines(schedule: Any, label: str | None, steps: int, metrics: Any) -> list[Line]:
    if isinstance(schedule, Trace):
        counts, recorded, rates = schedule.counts, True, _columns(schedule.lr)
        momenta: Sequence[Any] = [None] * len(rates)
        if schedule.momentum is not None:
            momenta = _columns(schedule.momentum)
        values = list(zip(rates, momenta, strict=True))
    else:
        counts = spread(int(min(steps, last_count(schedule) + 1)), MOST_POINTS)
        recorded = False
        stream = _stream(schedule, metrics, int(counts[-1]))
        groups = values_of(schedule, counts, stream, x64=False)
        values = [(group.lr, group.momentum) for group in groups]
    labels = _labels(schedule, label, len(values))
    return [
        Line(label, counts, *pair, recorded) for label, pair in zip(labels, values, strict=True)
    ]


def _labels(schedule: Any, label: str | None, number: int) -> list[str]:
    """One for each parameter group."""
    if isinstance(schedule, ParamGroups) and label is None:
        calls = [_call(group) for group in schedule]
    else:
        calls = [_call(schedule) if label is None else label] * number
    if number == 1:
        return calls
    return [f"{call}, group {index}" for index, call in enumerate(calls)]


def _columns(values: np.ndarray) -> list[np.ndarray]:
    return list(values.reshape(len(values), -1).T)


def _stream(schedule: Any, metrics: Any, number: int) -> Any:
    """The metrics of a plateau at the steps before the last count."""
    if not has_plateau(schedule):
        return None
    if metrics is None:
        raise ValueError(
            "`plot(metrics=...)` must be given for a ReduceLROnPlateau, whose rate depends on them:"
            " a list with one for each step, or a function of the step."
        )
    given = [metrics(step) for step in range(number)] if callable(metrics) else metrics
    values = np.asarray(given, np.float64)
    if values.ndim != 1 or len(values) < number:
        raise ValueError(
            f"`plot(metrics=...)` must be at least {number}, one for each step but the last, got"
            f" {values.shape}."
        )
    return values[:number]


def _call(schedule: Any) -> str:
    if isinstance(schedule, Trace):
        return brief(f"{schedule.call}, {schedule.source}", 90)
    if hasattr(schedule, "__qualname__"):  # Optax's are functions within functions.
        return schedule.__qualname__.partition(".")[0]
    try:
        return brief(call_text(schedule), 90)
    except TypeError:  # It holds a function.
        return brief(repr(schedule), 90)


def spans_decades(lines: Sequence[Line]) -> bool:
    """Whether the rates are small for so long that a linear axis would not show them."""
    positive = all((line.lr[np.isfinite(line.lr)] > 0).all() for line in lines)
    return positive and any(
        np.mean(line.lr < LOW * np.nanmax(line.lr)) >= 0.25 for line in lines if len(line.lr) > 1
    )


def epochs_of(schedules: Sequence[Any]) -> int | None:
    """How many steps an epoch has, if all that are stepped once an epoch agree on it."""
    found = {length for schedule in schedules for length in _epochs(schedule)}
    return found.pop() if len(found) == 1 else None


def _epochs(schedule: Any) -> set[int]:
    if isinstance(schedule, PerEpoch):
        return {int(schedule.steps_per_epoch)}
    if isinstance(schedule, PerBatches):
        return {int(-(-schedule.batches_per_epoch // schedule.accumulate_grad_batches))}
    return {length for part in parts_of(schedule) for length in _epochs(part)}


def draw(
    ax: Any, lines: Sequence[Line], log: bool, epoch: int | None = None, alone: bool = True
) -> None:
    """Draws into matplotlib's axes; `alone`: nothing else is in their figure."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    momenta = ax.twinx() if any(line.momentum is not None for line in lines) else None
    for line in lines:
        style = _style(len(line.counts), line.recorded)
        shown = _shown(line.lr)
        (drawn,) = ax.plot(
            line.counts[shown], _drawable(line.lr, log)[shown], label=line.label, **style
        )
        if momenta is not None and line.momentum is not None:
            shown = _shown(line.momentum)
            style |= {"linestyle": "--", "linewidth": 1.2, "color": drawn.get_color()}
            momenta.plot(line.counts[shown], line.momentum[shown], **style)
    ax.set_xlabel("step")
    ax.set_ylabel("learning rate")
    ax.margins(x=0.015, y=0.08)
    if log and any((line.lr > 0).any() for line in lines):
        ax.set_yscale("log")
    elif alone and not log and all((line.lr >= 0).all() for line in lines):
        ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    if momenta is not None:
        momenta.set_ylabel("momentum (dashed)")
        momenta.grid(False)  # It would lie on top of the rates.
        momenta.margins(x=0.015, y=0.08)
    if epoch is not None:
        both: tuple[Callable, Callable] = (lambda step: step / epoch, lambda step: step * epoch)
        ax.secondary_xaxis("top", functions=both).set_xlabel("epoch")
    _name(ax, lines, alone)


def _shown(values: np.ndarray) -> Any:
    return extremes(values, RUNS) if len(values) > MANY else slice(None)


def _drawable(rates: np.ndarray, log: bool) -> np.ndarray:
    """The rates, with NaN (a gap) for those that the axis cannot show."""
    return np.where(np.isfinite(rates) & ((rates > 0) | (not log)), rates, np.nan)


def _style(points: int, recorded: bool) -> dict[str, Any]:
    if recorded:
        return {"linestyle": "", "marker": "o", "markersize": 4, "markerfacecolor": "none"}
    return {
        "linewidth": 1.8,
        "marker": "o" if points <= FEW else None,
        "markersize": 3.5,
        "solid_capstyle": "round",
        "clip_on": False,  # a rate of 0 lies on the axis
    }


def _name(ax: Any, lines: Sequence[Line], alone: bool) -> None:
    """The call of one curve as the title, unless there is one; else a legend."""
    font = {"family": "monospace", "size": 9}
    if len(lines) == 1:
        if not any(ax.get_title(loc=place) for place in ("left", "center", "right")):
            ax.set_title(lines[0].label, loc="left", fontdict=font, parse_math=False, wrap=True)
        return
    above = {"loc": "outside upper left"} if alone else {}
    legend = (ax.figure if alone else ax).legend(frameon=False, prop=font, **above)
    legend.set_in_layout(alone)  # Long calls would squeeze a small panel.
    for text in legend.get_texts():
        text.set_parse_math(False)
