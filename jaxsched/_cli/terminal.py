"""Draws curves in the terminal with plotext.

plotext aborts on NaN and on ranges near the ends of float64. So points and ticks are scaled to the
interval from 0 to 1.
"""

import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotext  # type: ignore[import-untyped, import-not-found, unused-ignore]
from rich.text import Text

from .._chart.scale import Scale
from .output import Console, is_unicode

COLOURS = (4, 3, 2, 5, 6, 1)  # terminal colour numbers: blue, yellow, green, ...
MOST_POINTS = 4000  # far more than a terminal has columns
IN_ASCII = str.maketrans({"─": "-", "│": "|"} | dict.fromkeys("┌┐└┘├┤┬┴┼", "+"))


def draw(lines: Sequence[Any], log: bool) -> None:
    """Prints a panel of rates, a panel of momenta if any are cycled, and a legend."""
    console = Console()
    width, height = shutil.get_terminal_size((80, 24))
    momenta = [(line.counts, line.momentum) for line in lines]
    cycled = any(values is not None for _, values in momenta)
    room = max(20, height - len(lines) - 3)
    looks = _looks(len(lines), console)
    rates = [(line.counts, line.lr) for line in lines]
    _print(_panel("learning rate", rates, looks, (width, room * 2 // 3 if cycled else room), log))
    if cycled:
        _print(_panel("momentum", momenta, looks, (width, max(8, room // 3)), False))
    for (marker, colour), line in zip(looks, lines, strict=True):
        sample = "--" if marker == "braille" else marker
        style = "" if colour is None else f"color({colour})"
        console.print(Text.assemble((sample, style), " ", line.label))


def _looks(number: int, console: Any) -> list[tuple[str, int | None]]:
    """A marker and a colour for each curve; without colours, the markers are letters."""
    coloured = console.is_terminal and not console.no_color
    if coloured and is_unicode():
        return [("braille", COLOURS[index % len(COLOURS)]) for index in range(number)]
    if number == 1:
        return [("braille" if is_unicode() else "*", None)]
    return [(chr(ord("a") + index % 26), None) for index in range(number)]


def _panel(title: str, curves: Sequence[Any], looks: Sequence[Any], size, log: bool) -> str:
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(*size)
    figure.title(title)
    figure.label("step")
    curves = [(counts, _powers(values) if log else values) for counts, values in curves]
    across = Scale.of(np.concatenate([counts for counts, _ in curves]))
    up = Scale.of(
        np.concatenate([values for _, values in curves if values is not None]),
        zero=not log and title != "momentum",
    )
    for (counts, values), (marker, colour) in zip(curves, looks, strict=True):
        if values is None:
            continue
        x, y = across(counts), up(values)
        shown = np.flatnonzero(np.isfinite(y))[:: -(-len(y) // MOST_POINTS)]
        if not len(shown):
            continue
        dot = plotext.marker(marker, colour) if colour is not None else plotext.marker(marker)
        signal = figure.signal(x[shown].tolist(), y[shown].tolist(), marker=dot)
        figure.draw(signal.lines())
    for axis, scale, ticks in (
        ("x", across, across.ticks(max(2, size[0] // 12), integer=True)),
        ("y", up, _decades(up) if log else up.ticks(max(2, size[1] // 4))),
    ):
        values, labels = zip(*ticks, strict=True)
        ruler = figure.ruler(axis)
        ruler.lim(0, 1)
        ruler.ticks([float(scale(value)) for value in values], list(labels))
    return figure.build().string(all(colour is None for _, colour in looks))


def _powers(values: np.ndarray) -> np.ndarray:
    """The logarithms to base 10; NaN for values that are not positive."""
    values = np.asarray(values, np.float64)
    return np.log10(values, out=np.full_like(values, np.nan), where=values > 0)


def _decades(scale: Scale) -> list[tuple[float, str]]:
    """Ticks of a log axis: powers of ten, or both ends if there are fewer than two."""
    powers = [power for power, _ in scale.ticks(4, integer=True)]
    powers = powers if len(powers) > 1 else [scale.low, scale.high]
    return [(power, f"{10.0**power:.3g}") for power in powers]


def _print(panel: str) -> None:
    print(panel if is_unicode() else panel.translate(IN_ASCII))
