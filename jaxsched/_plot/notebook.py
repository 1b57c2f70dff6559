"""What a notebook shows of a schedule: its call, a small curve, and its rates."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .._chart.small import block, number, small_chart
from .._combine.param_groups import ParamGroups
from .._core.schedule import without_warnings
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._text.source import brief
from .._traces.values import Values, values_of
from .extent import extent, spread

MOST = 20_000  # steps that are evaluated; of more, as many that are evenly spaced
MOST_GROUPS = 4
LONGEST = 2000  # characters of a call


def html_of(schedule: Any) -> str | None:
    """The HTML of a schedule; None, for Python's own text, where it holds traced values."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(schedule)):
        return None
    call = brief(repr(schedule), LONGEST)
    if isinstance(schedule, ReduceLROnPlateau):
        return block(
            call, "", [("rate", "depends on the metrics: jaxsched.plot(..., metrics=...)")]
        )
    try:
        with without_warnings():
            steps = extent(schedule)
            counts = spread(steps, MOST)
            groups = values_of(schedule, counts, None, x64=False)
    except Exception:  # A notebook shows a value whatever its function raises.
        return block(call, "", [])
    shown = groups[:MOST_GROUPS]
    alt = f"Learning rate at steps 0 to {steps - 1}."
    chart = small_chart(counts, [group.lr for group in shown], alt)
    return block(call, chart, _rows(schedule, counts, shown))


def _rows(schedule: Any, counts: np.ndarray, groups: Sequence[Values]) -> list[tuple[str, str]]:
    named = isinstance(schedule, ParamGroups) and len(schedule) > 1
    rows = []
    for index, group in enumerate(groups):
        of_group = f"group {index}, " if named else ""
        peak = int(np.argmax(group.lr))
        for word, place in (("start", 0), ("peak", peak), ("end", len(counts) - 1)):
            text = f"{number(group.lr[place])} at step {counts[place]:,}"
            rows.append((of_group + word, text))
        if group.momentum is not None:
            low, high = group.momentum.min(), group.momentum.max()
            rows.append((f"{of_group}momentum", f"{number(low)} to {number(high)}"))
    if named and len(schedule) > len(groups):
        rows.append(("groups", f"{len(schedule)}, of which {len(groups)} are shown"))
    return rows
