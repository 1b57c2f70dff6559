"""The HTML page that `jaxsched report` writes: the comparison of traces with jaxsched.

Each configuration is a card with its charts, its worst steps and its constructor calls. This module
computes the content, `page.html` is the template. The page loads no other file. Traces may come
from anyone, so Jinja2 escapes every text, and the page's Content-Security-Policy allows only the
two scripts whose digests it lists.
"""

import base64
import dataclasses
import datetime
import hashlib
import itertools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jinja2
import markupsafe

from .. import __version__
from .._core import numerics as xp
from .._text.call import call_text
from .._traces.compare import MOST_ULP, Comparison, curves, relative_text
from .._traces.trace import LOGGED, Trace
from . import chart

Pair = tuple[Comparison, Comparison]  # in float32, in float64


def page(results: Iterable[tuple[str, Trace, Any, Pair]]) -> str:
    """The HTML of `(name, trace, schedule, (float32, float64))` comparisons, grouped by name."""
    groups: dict[str, Group] = {}
    for name, trace, schedule, pair in results:
        anchor = f"s{len(groups) + 1}-{re.sub('[^A-Za-z0-9]+', '-', name).strip('-')}"
        group = groups.setdefault(name, Group(name, anchor, []))
        group.cards.append(_card(group, trace, schedule, pair))
    device = jax.devices()[0]
    return _template().render(
        groups=groups.values(),
        whole=Group("all", "all", [card for group in groups.values() for card in group.cards]),
        jaxsched=__version__,
        jax=jax.__version__,
        device=f"{device.platform} ({device.device_kind})",
        today=datetime.date.today(),
        bound=MOST_ULP,
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {
        "sha256": _sha256, "breakable": _breakable,
        "ulp": _ulp, "relative": _relative, "error": _error,
    }  # fmt: skip
    return environment.from_string(Path(__file__).with_suffix(".html").read_text("utf-8"))


def _sha256(text: str) -> str:
    """The digest by which a Content-Security-Policy allows a script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _breakable(call: str) -> markupsafe.Markup:
    """Allows a line break after each parenthesis; copying gives the same text."""
    return markupsafe.escape(call).replace("(", markupsafe.Markup("(<wbr>"))


def _error(comparison: Comparison) -> str:
    """The largest error, in the unit of its bound."""
    if math.isnan(comparison.worst):
        return "NaN"
    if comparison.dtype == "float32":
        return f"{_ulp(comparison.worst)} ULP"
    return f"{_relative(comparison.worst)} relative"


def _ulp(error: float) -> str:
    if math.isnan(error):
        return "NaN"
    if 0 < error < 10:
        return f"{error:.3f}"
    return f"{error:,.0f}" if error < 1e6 else f"{error:.2g}"


def _relative(error: float) -> str:
    return "NaN" if math.isnan(error) else relative_text(error)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The worst step of a comparison: the digits that both values share, and the rest of each."""

    comparison: Comparison
    step: str
    shared: str
    ours: str
    torch: str


@dataclasses.dataclass(frozen=True)
class Card:
    """One configuration."""

    title: str
    anchor: str
    ok: bool
    facts: list[str]
    torch_call: str
    our_call: str
    trace: Trace
    pair: Pair
    panels: list[chart.Panel]

    @property
    def sparse(self) -> bool:
        return chart.is_sparse(self.trace)

    @property
    def evidence(self) -> list[Evidence]:
        return [_evidence(comparison) for comparison in self.pair]


@dataclasses.dataclass(frozen=True)
class Group:
    """The configurations of one scheduler, one file, or the whole page."""

    name: str
    anchor: str
    cards: list[Card]

    @property
    def differing(self) -> list[Card]:
        return [card for card in self.cards if not card.ok]

    @property
    def steps(self) -> int:
        return sum(card.pair[0].num_steps for card in self.cards)

    @property
    def worst(self) -> list[float]:
        """The largest errors: float32 in ULP, float64 relative; NaN counts as the largest."""
        return [
            max((card.pair[index].worst for card in self.cards), key=_badness, default=0.0)
            for index in range(2)
        ]

    @property
    def schedulers(self) -> int:
        return len({card.trace.call.partition("(")[0] for card in self.cards})

    @property
    def torch(self) -> str:
        return ", ".join(sorted({card.trace.torch or LOGGED for card in self.cards}))


def _badness(error: float) -> tuple[bool, float]:
    return math.isnan(error), error


def _card(group: Group, trace: Trace, schedule, pair: Pair) -> Card:
    number = len(group.cards) + 1
    with xp.float64(False):
        panels = chart.panels(curves(schedule, trace), trace, pair)
    return Card(
        title=f"{group.name} {number}",
        anchor=f"{group.anchor}-{number}",
        ok=all(comparison.ok for comparison in pair),
        facts=_facts(trace),
        torch_call=trace.call,
        our_call=_our_call(schedule),
        trace=trace,
        pair=pair,
        panels=panels,
    )


def _our_call(schedule) -> str:
    try:
        return call_text(schedule)
    except TypeError:  # It contains a user's class or function.
        return repr(schedule)


def _facts(trace: Trace) -> list[str]:
    """Short facts about a trace, for the head of its card."""
    counts = trace.counts
    facts = [f"{len(counts):,} step{'s' if len(counts) > 1 else ''}"]
    if chart.is_sparse(trace):
        facts[0] += f" of {chart.count_text(counts[0])} to {chart.count_text(counts[-1])}"
    if trace.lr.ndim == 2:
        facts.append(f"{trace.lr.shape[1]} parameter groups")
    if trace.metrics is not None:
        facts.append("with metrics")
    return [*facts, *filter(None, [trace.optimizer]), trace.source]


def _evidence(comparison: Comparison) -> Evidence:
    ours, torch = repr(comparison.ours), repr(comparison.torch)
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(ours, torch, strict=False))
    shared = "".join(digit for digit, _ in same)
    return Evidence(
        comparison=comparison,
        step=chart.count_text(comparison.worst_count),
        shared=shared,
        ours=ours.removeprefix(shared),
        torch=torch.removeprefix(shared),
    )
