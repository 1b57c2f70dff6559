"""A small chart as inline SVG, for notebooks: readable on light and on dark paper."""

import html
from collections.abc import Sequence

import numpy as np

from .scale import Scale
from .thin import extremes

WIDTH, HEIGHT = 300, 80
MARGIN = 4  # around the curves
# Dark enough for white paper, light enough for black.
COLOURS = ("#2f81c7", "#d9752c", "#2f9e6e", "#b06ab3")


def small_chart(
    counts: np.ndarray, curves: Sequence[np.ndarray], alt: str, dots: bool = False
) -> str:
    """Curves over the same counts, all on one scale; with `dots`, unconnected points."""
    across, up = Scale.of(counts), Scale.of(np.stack(curves), zero=True)
    paths = []
    for index, values in enumerate(curves):
        shown = extremes(values)
        x = MARGIN + (WIDTH - 2 * MARGIN) * across(counts[shown])
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * up(values[shown])
        fine = np.isfinite(y)
        colour = COLOURS[index % len(COLOURS)]
        paths.append(_dots(x[fine], y[fine], colour) if dots else _line(x[fine], y[fine], colour))
    floor = HEIGHT - MARGIN / 2
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
        f' aria-label="{html.escape(alt)}" style="max-width:100%">'
        f'<path d="M0 {floor}H{WIDTH}" stroke="currentColor" stroke-opacity=".3"/>'
        f"{''.join(paths)}</svg>"
    )


def _line(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"'
        ' stroke-linejoin="round" stroke-linecap="round"/>'
    )


def _dots(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    path = "".join(f"M{a:.1f} {b:.1f}h.1" for a, b in zip(x, y, strict=True))
    return f'<path d="{path}" stroke="{colour}" stroke-width="4" stroke-linecap="round"/>'


def block(code: str, chart: str, rows: Sequence[tuple[str, str]]) -> str:
    """What a notebook shows: a call, a chart, and lines of a name and a value."""
    left = "text-align:left;padding:0 1em 0 0;border:0"
    cells = "".join(
        f'<tr style="background:none"><th style="{left};font-weight:normal;opacity:.7">'
        f'{html.escape(name)}</th><td style="{left}">{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    table = "border:0;margin:0;color:inherit;font-variant-numeric:tabular-nums"
    return (
        '<div style="font-size:90%;line-height:1.5">'
        f'<code style="white-space:pre-wrap;overflow-wrap:anywhere">{html.escape(code)}</code>'
        f'<div style="display:flex;flex-wrap:wrap;gap:.5em 1.5em;align-items:center">{chart}'
        f'<table style="{table}">{cells}</table></div></div>'
    )


def number(value: float) -> str:
    """The shortest decimals of a float32, or of a float64."""
    return str(value if isinstance(value, np.generic) else float(value))
