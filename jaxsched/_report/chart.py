"""The curves of a trace as charts: paths in a square, and ticks at percentages of its sides.

    counts and rates --> Scale --> fractions of the chart --> paths, ticks and marks

The page stretches the square to the width it has; strokes and text keep their size. Long curves
are thinned to the extremes of runs of neighbouring steps, so that no peak and no error is lost.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from .._traces.compare import MOST_ULP, Comparison, Curve
from .._traces.trace import Trace
from .scale import Scale

SIDE = 1000  # of the square
RUNS = 150  # of neighbouring steps that a long curve is thinned to, smallest and largest value each
MARGIN = 0.05  # of the height, above and below the rates

Ticks = list[tuple[str, str]]  # where, and the label there
Path = tuple[str, str]  # what it shows, and SVG's `d`


@dataclasses.dataclass(frozen=True)
class Panel:
    """One chart: `marks` are the worst steps, `bound` is the height of the bound."""

    kind: str
    title: str
    alt: str
    steps: Ticks
    levels: Ticks
    paths: list[Path]
    marks: list[tuple[str, str]]
    bound: str | None = None


def panels(curves: list[Curve], trace: Trace, comparisons: Sequence[Comparison]) -> list[Panel]:
    """A chart of each of the float32 `curves`, and one of their errors."""
    values = [_value_panel(curve, trace, comparisons) for curve in curves]
    return [*values, _error_panel(curves, trace, comparisons[0])]


def is_sparse(trace: Trace) -> bool:
    """Whether steps between the recorded ones were left out."""
    return bool(trace.counts.dtype.kind == "i" and np.ptp(trace.counts) >= len(trace.counts))


def count_text(count: float) -> str:
    return f"{count:,.6g}" if count % 1 else f"{int(count):,}"


def _value_panel(curve: Curve, trace: Trace, comparisons: Sequence[Comparison]) -> Panel:
    """PyTorch's points, our curve over them, and the steps that differ."""
    across = Scale.of(trace.counts)
    up = Scale.of(np.stack([curve.torch, curve.ours]), zero=True)
    wrong = [c for c in comparisons if not c.ok and c.what == curve.what]
    name = "learning rate" if curve.what == "lr" else curve.what
    return Panel(
        kind="value",
        title=name,
        alt=f"{name.capitalize()} {_span(trace)}: PyTorch's from {curve.torch.min():.6g}"
        f" to {curve.torch.max():.6g}, {_agreement(curve)}.",
        steps=_step_ticks(across, trace),
        levels=[(_percent(_height(up(tick))), label) for tick, label in up.ticks(3)],
        paths=_value_paths(curve, across(trace.counts), up, is_sparse(trace)),
        marks=[
            (_percent(across(c.worst_count)), _percent(_height(up(_shown(c.ours, c.torch)))))
            for c in wrong
        ],
    )


def _value_paths(curve: Curve, x: np.ndarray, up: "Scale", sparse: bool) -> list[Path]:
    steps = len(x)
    columns = (curve.torch, curve.ours, curve.ulp, curve.ok)
    theirs, ours, wrong = [], [], []
    for torch, our, error, ok in zip(*(c.reshape(steps, -1).T for c in columns), strict=True):
        drawn, bad = np.union1d(_extremes(torch), _extremes(our)), _worst_of_runs(error, ok)
        theirs.append(_dots(x[drawn], _height(up(torch[drawn]))))
        # What lies between steps that are far apart is not known, so nothing is drawn there.
        ours.append((_dots if sparse else _line)(x[drawn], _height(up(our[drawn]))))
        wrong.append(_dots(x[bad], _height(up(_shown(our, torch)[bad]))))
    layers = {"torch": theirs, "ours": ours, "wrong": wrong}
    return [(kind, path) for kind, paths in layers.items() for path in paths if path]


def _shown(ours, torch):
    """Where a differing step is marked: at our value, or at PyTorch's where ours is not finite."""
    return np.where(np.isfinite(ours), ours, torch)


def _error_panel(curves: list[Curve], trace: Trace, comparison: Comparison) -> Panel:
    """The largest error of each step, over all curves and parameter groups."""
    steps = len(trace.counts)
    errors = np.concatenate([curve.ulp.reshape(steps, -1) for curve in curves], axis=1)
    errors = np.where(np.isnan(errors), np.inf, errors).max(axis=1)
    fine: np.ndarray = np.all([curve.ok.reshape(steps, -1).all(axis=1) for curve in curves], axis=0)
    across, (up, levels) = Scale.of(trace.counts), _error_scale(errors)
    x = across(trace.counts)
    good, bad = _worst_of_runs(errors, ~fine), _worst_of_runs(errors, fine)
    heights = 1 - up(errors)
    stems = {"stem": _stems(x[good], heights[good]), "wrong": _stems(x[bad], heights[bad])}
    worst = int(np.argmax(errors))
    return Panel(
        kind="error",
        title="error in ULP of float32",
        alt=f"Error {_span(trace)}: at most {errors[worst]:.3g} ULP of float32, at step"
        f" {count_text(comparison.worst_count)}; the bound is {MOST_ULP} ULP.",
        steps=_step_ticks(across, trace),
        levels=[(_percent(1 - up(level)), label) for level, label in levels],
        paths=[(kind, path) for kind, path in stems.items() if path],
        marks=[(_percent(x[worst]), _percent(heights[worst]))],
        bound=_percent(1 - up(MOST_ULP)),
    )


def _error_scale(errors: np.ndarray):
    """The height of an error, and its ticks: linear, or logarithmic if the bound is left behind."""
    if errors.max() <= 1:
        top = max(0.6, errors.max())
        return (lambda error: np.asarray(error) / top), [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5")]
    largest = np.max(errors, where=np.isfinite(errors), initial=10.0)
    high = math.ceil(math.log10(largest)) + 0.2
    powers = range(-1, int(high) + 1, 1 + int(high) // 3)

    def height(error):
        return (np.log10(np.clip(error, 0.1, 10**high)) + 1) / (high + 1)

    return height, [(10.0**power, _power_text(power)) for power in powers]


def _power_text(power: int) -> str:
    if power < 0:
        return "≤ 0.1"
    return f"{10**power:,}" if power < 4 else f"1e{power}"


def _span(trace: Trace) -> str:
    counts = trace.counts
    if len(counts) == 1:
        return f"at step {count_text(counts[0])}"
    return f"at {len(counts):,} steps, {count_text(counts[0])} to {count_text(counts[-1])}"


def _agreement(curve: Curve) -> str:
    wrong = int((~curve.ok).sum())
    return f"ours differs at {wrong:,} points" if wrong else "ours through every point"


# --- thinning: indices of the steps to draw ---


def _peaks(values: np.ndarray) -> np.ndarray:
    """The step with the largest value in each run."""
    number = RUNS if len(values) > 2 * RUNS else len(values)
    starts = np.arange(number) * len(values) // number
    parts = np.split(values, starts[1:])
    return starts + np.array([int(np.argmax(part)) for part in parts])


def _extremes(values: np.ndarray) -> np.ndarray:
    ends = [0, len(values) - 1]
    return np.unique(np.concatenate([_peaks(values), _peaks(-values), ends]))


def _worst_of_runs(errors: np.ndarray, without: np.ndarray) -> np.ndarray:
    """The steps with the largest error in each run, of those that are not `without`."""
    ranked = np.where(np.isnan(errors), np.inf, errors)
    peaks = _peaks(np.where(without, -1.0, ranked))
    return peaks[~without[peaks]]


# --- ticks ---


def _step_ticks(across: Scale, trace: Trace) -> Ticks:
    integer = trace.counts.dtype.kind == "i"
    return [
        (_percent(across(tick)), _step_text(tick)) for tick, _ in across.ticks(5, integer=integer)
    ]


def _step_text(step: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if step >= 10 * size or (step >= size and size > 1e3):
            return f"{step / size:g}{letter}"
    return f"{step:g}"


# --- paths ---


def _height(fraction):
    """From above, as SVG counts."""
    return 1 - MARGIN - (1 - 2 * MARGIN) * np.asarray(fraction)


def _percent(fraction) -> str:
    return f"{100 * float(fraction):.4g}%" if math.isfinite(fraction) else "0%"


def _places(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int] | None]:
    return [
        (round(SIDE * float(a)), round(SIDE * float(b))) if math.isfinite(b) else None
        for a, b in zip(x, y, strict=True)
    ]


def _dots(x: np.ndarray, y: np.ndarray) -> str:
    """Strokes of hardly any length, which their caps make dots of the stroke's width."""
    return "".join(f"M{place[0]} {place[1]}h.1" for place in _places(x, y) if place)


def _stems(x: np.ndarray, y: np.ndarray) -> str:
    return "".join(f"M{place[0]} {SIDE}V{place[1]}" for place in _places(x, y) if place)


def _line(x: np.ndarray, y: np.ndarray) -> str:
    """Through all places; where one is missing the pen is lifted."""
    path, pen = [], "M{} {}h.1"
    for place in _places(x, y):
        path.append(pen.format(*place) if place else "")
        pen = "L{} {}" if place else "M{} {}h.1"
    return "".join(path)
