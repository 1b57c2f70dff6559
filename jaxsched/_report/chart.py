"""Charts of a trace: SVG paths in a square, and ticks at percentages of its sides.

    counts and rates --> Scale --> fractions of the chart --> paths, ticks and marks

The page stretches the square to its width; strokes and text keep their size. Of a long curve, only
the smallest and the largest value of each run of neighbouring steps are drawn, so that every peak
and the largest errors stay visible.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from .._chart.scale import Scale
from .._chart.thin import extremes, peaks
from .._traces.compare import MOST_ULP, Comparison, Curve
from .._traces.trace import Trace

SIDE = 1000  # length of a side of the square
MARGIN = 0.05  # above and below the rates, as a fraction of the height

Ticks = list[tuple[str, str]]  # position and label
Path = tuple[str, str]  # CSS class and SVG's `d`


@dataclasses.dataclass(frozen=True)
class Panel:
    """One chart: `marks` are circled steps, `bound` is the height of the line at the bound."""

    kind: str
    title: str
    alt: str
    steps: Ticks
    levels: Ticks
    paths: list[Path]
    marks: list[tuple[str, str]]
    bound: str | None = None


def panels(curves: list[Curve], trace: Trace, comparisons: Sequence[Comparison]) -> list[Panel]:
    """A chart for each of the float32 `curves`, and one for their errors."""
    values = [_value_panel(curve, trace, comparisons) for curve in curves]
    return [*values, _error_panel(curves, trace, comparisons[0])]


def is_sparse(trace: Trace) -> bool:
    """Whether only some of the steps were recorded."""
    return bool(trace.counts.dtype.kind == "i" and np.ptp(trace.counts) >= len(trace.counts))


def count_text(count: float) -> str:
    return f"{count:,.6g}" if count % 1 else f"{int(count):,}"


def _value_panel(curve: Curve, trace: Trace, comparisons: Sequence[Comparison]) -> Panel:
    """PyTorch's points, jaxsched's curve on top, and the steps that differ."""
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
        drawn, bad = np.union1d(extremes(torch), extremes(our)), _worst_of_runs(error, ok)
        theirs.append(_dots(x[drawn], _height(up(torch[drawn]))))
        # The rates between steps that are far apart are unknown, so no line joins them.
        ours.append((_dots if sparse else _line)(x[drawn], _height(up(our[drawn]))))
        wrong.append(_dots(x[bad], _height(up(_shown(our, torch)[bad]))))
    layers = {"torch": theirs, "ours": ours, "wrong": wrong}
    return [(kind, path) for kind, paths in layers.items() for path in paths if path]


def _shown(ours, torch):
    """The value at which to mark a step: ours, or PyTorch's where ours is not finite."""
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
    """The height of an error, and its ticks: linear, or logarithmic for errors above 1 ULP."""
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


def _worst_of_runs(errors: np.ndarray, without: np.ndarray) -> np.ndarray:
    """The step with the largest error in each run, excluding the steps in `without`."""
    ranked = np.where(np.isnan(errors), np.inf, errors)
    worst = peaks(np.where(without, -1.0, ranked))
    return worst[~without[worst]]


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
    """Flipped, as the y axis of SVG points down."""
    return 1 - MARGIN - (1 - 2 * MARGIN) * np.asarray(fraction)


def _percent(fraction) -> str:
    return f"{100 * float(fraction):.4g}%" if math.isfinite(fraction) else "0%"


def _places(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int] | None]:
    return [
        (round(SIDE * float(a)), round(SIDE * float(b))) if math.isfinite(b) else None
        for a, b in zip(x, y, strict=True)
    ]


def _dots(x: np.ndarray, y: np.ndarray) -> str:
    """Dots: strokes of almost no length with round caps."""
    return "".join(f"M{place[0]} {place[1]}h.1" for place in _places(x, y) if place)


def _stems(x: np.ndarray, y: np.ndarray) -> str:
    return "".join(f"M{place[0]} {SIDE}V{place[1]}" for place in _places(x, y) if place)


def _line(x: np.ndarray, y: np.ndarray) -> str:
    """A line through all places, with gaps where one is missing."""
    path, pen = [], "M{} {}h.1"
    for place in _places(x, y):
        path.append(pen.format(*place) if place else "")
        pen = "L{} {}" if place else "M{} {}h.1"
    return "".join(path)
