"""Pictures in files, in one style and with the same bytes each time."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from .._plot.plot import Line, draw

# The palette of Okabe and Ito, for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
INK, QUIET = "#333333", "#8a8a8a"
STYLE: Any = {
    "font.size": 10,
    "font.family": "sans-serif",
    "svg.hashsalt": "jaxsched",  # the same bytes each time
    "axes.prop_cycle": cycler(linestyle=STYLES) * cycler(color=COLOURS),
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8e8e8",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def picture(lines: Sequence[Line], log: bool, epoch: int | None, form: str) -> bytes:
    """The file of a picture: `form` is png, svg or pdf."""
    with matplotlib.rc_context(STYLE):
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08)
        figure = Figure(figsize=(9, 4.8), layout=layout)
        draw(figure.subplots(), lines, log, epoch)
        file = io.BytesIO()
        dated = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(file, format=form, dpi=160, metadata=dated[form])
    return file.getvalue()
