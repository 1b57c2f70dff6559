"""Draws curves with matplotlib."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator

# The palette of Okabe and Ito, for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
INK, QUIET = "#333333", "#8a8a8a"
STYLE: Any = {
    "font.size": 10,
    "font.family": "sans-serif",
    "svg.hashsalt": "jaxsched",  # the same bytes each time
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def picture(lines: Sequence[Any], log: bool, form: str) -> bytes:
    """The file of a picture: `form` is png, svg or pdf."""
    cycled = any(line.momentum is not None for line in lines)
    with matplotlib.rc_context(STYLE):
        figure = Figure(
            figsize=(9, 6.2 if cycled else 4.6),
            layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08),
        )
        panels = figure.subplots(
            2 if cycled else 1, sharex=True, squeeze=False, height_ratios=[3, 1] if cycled else None
        )[:, 0]
        for index, line in enumerate(lines):
            look = _look(index, len(line.counts))
            panels[0].plot(line.counts, _drawable(line.lr, log), label=line.label, **look)
            if line.momentum is not None:
                panels[1].plot(line.counts, line.momentum, **look)
        _dress(panels, log, lines)
        _name(figure, panels[0], lines)
        figure.align_ylabels()
        file = io.BytesIO()
        dated = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(file, format=form, dpi=160, metadata=dated[form])
    return file.getvalue()


def _drawable(rates: np.ndarray, log: bool) -> np.ndarray:
    """The rates, with NaN (a gap) for those that the axis cannot show."""
    return np.where(np.isfinite(rates) & ((rates > 0) | (not log)), rates, np.nan)


def _look(index: int, points: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": STYLES[index // len(COLOURS) % len(STYLES)],
        "linewidth": 1.8,
        "marker": "o" if points <= 40 else None,  # few enough to mark each step
        "markersize": 3.5,
        "solid_capstyle": "round",
        "clip_on": False,  # a rate of 0 lies on the axis
    }


def _dress(panels: Any, log: bool, lines: Sequence[Any]) -> None:
    for panel in panels:
        panel.grid(color="#e8e8e8", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.margins(x=0.015, y=0.08)
    rates, last = panels[0], panels[-1]
    rates.set_ylabel("learning rate")
    if log and any((line.lr > 0).any() for line in lines):
        rates.set_yscale("log")
    elif not log and all((line.lr >= 0).all() for line in lines):
        rates.set_ylim(bottom=0)
    if last is not rates:
        last.set_ylabel("momentum")
    last.set_xlabel("step")
    last.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    last.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))


def _name(figure: Figure, panel: Any, lines: Sequence[Any]) -> None:
    """Adds a title for one curve, or a legend above the panel for several."""
    if len(lines) == 1:
        panel.set_title(
            lines[0].label, loc="left", fontsize=10, family="monospace", parse_math=False
        )
        return
    legend = figure.legend(
        loc="outside upper left", frameon=False, prop={"family": "monospace", "size": 9}
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
