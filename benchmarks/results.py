"""Rows of results, and the files that store them."""

import dataclasses
import datetime
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from groups import GROUPS
from rich.markup import escape
from rich.table import Table

STORED = Path(__file__).parent / "results"


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
      what, against: what is measured, and what it is compared with.
      ours, theirs: the two figures, in `unit`; None if not measured here; `theirs` may also be a
        text with the reason.
      ratio: ours / theirs, or with `faster` theirs / ours; the median over the rounds.
      quartiles: the quartiles of the ratio over the rounds.
      target: the largest `ratio` allowed, or with `faster` the smallest; with `of_ours` the target
        refers to `ours`.
    """

    what: str
    against: str
    ours: float | None
    theirs: float | str | None
    unit: str
    ratio: float | None = None
    quartiles: tuple[float, float] | None = None
    rounds: int | None = None
    faster: bool = False
    target: float | None = None
    of_ours: bool = False

    @property
    def judged(self) -> float | None:
        """The figure that the target refers to."""
        return self.ours if self.of_ours else self.ratio

    @property
    def met(self) -> bool | None:
        if self.target is None or self.judged is None:
            return None
        return self.judged >= self.target if self.faster else self.judged <= self.target

    @property
    def target_text(self) -> str:
        if self.target is None:
            return "-"
        unit = f" {self.unit}" if self.of_ours else "x"
        return f"at {'least' if self.faster else 'most'} {self.target:,}{unit}"

    def figure(self, value: float | str | None) -> str:
        if value is None or isinstance(value, str):
            return value or "-"
        return f"{short(value)} {self.unit}"

    @property
    def ratio_text(self) -> str:
        if self.ratio is None:
            return "-"
        times = "x" if self.faster else ""
        if self.quartiles is None or self.rounds == 1:
            return short(self.ratio) + times
        low, high = map(short, self.quartiles)
        return f"{short(self.ratio)}{times} ({low} to {high})"

    def cells(self) -> list[str]:
        figures = [self.figure(self.ours), self.figure(self.theirs), self.ratio_text]
        return [self.what, self.against, *figures, self.target_text, _yes(self.met)]


COLUMNS = "what", "against", "jaxsched", "the other", "ratio", "target", "met?"


def timed(
    what: str,
    against: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    unit: str,
    faster: bool = False,
    target: float | None = None,
    of_ours: bool = False,
) -> Row:
    """The row of two lists of seconds, an entry for each round."""
    scale = {"s": 1, "ms": 1e3, "µs": 1e6}[unit]
    ratios = np.divide(theirs, ours) if faster else np.divide(ours, theirs)
    low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
    return Row(
        what,
        against,
        scale * float(np.median(ours)),
        scale * float(np.median(theirs)),
        unit,
        ratio,
        (low, high),
        len(ratios),
        faster,
        target,
        of_ours,
    )


def short(number: float) -> str:
    """About three digits: 0.00031, 0.985, 21.3, 22,000, 1.6e7."""
    size = abs(number)
    if size == 0:
        return "0"
    if 0.1 <= size < 10:
        return f"{number:.3f}"
    if 1e-3 <= size < 1e6:
        return f"{float(f'{number:.3g}'):,}".removesuffix(".0")
    return re.sub(r"e(-?)\+?0?", r"e\1", f"{number:.2g}")


def _yes(met: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "-"}[met]


def rich_table(group: str, rows: list[Row]) -> Table:
    """The table for the terminal."""
    table = Table(*COLUMNS, title=GROUPS[group].title)
    for row in rows:
        table.add_row(*(escape(cell.replace("`", "").replace("**", "")) for cell in row.cells()))
    return table


@dataclasses.dataclass(frozen=True)
class Measured:
    """The rows of a group, and the seconds it took to measure them."""

    rows: list[Row]
    seconds: float


def stored() -> dict[str, dict]:
    """The results of each backend that was measured."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(STORED.glob("*.json"))}


def obstacle(setting: dict, groups: Iterable[str]) -> str | None:
    """Why single groups cannot be stored next to the stored ones; None if they can."""
    before = stored().get(setting["backend"])
    if before is None or set(groups) == GROUPS.keys():
        return None
    if setting["changed"]:
        return "uncommitted changes"
    differing = [name for name in setting if before[name] != setting[name]]
    return f"measured with another {' and '.join(differing)}" if differing else None


def store(setting: dict, groups: dict[str, Measured]) -> None:
    """Writes the file of the backend; groups that were not measured are kept."""
    before = stored().get(setting["backend"], {"groups": {}})
    kept = before["groups"] | {name: dataclasses.asdict(group) for name, group in groups.items()}
    content = {
        **setting,
        "date": datetime.date.today().isoformat(),
        "groups": {name: kept[name] for name in GROUPS if name in kept},
    }
    STORED.mkdir(exist_ok=True)
    path = STORED / f"{setting['backend']}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def rows_of(result: dict | None, group: str) -> list[Row]:
    if result is None or group not in result["groups"]:
        return []
    return [Row(**row) for row in result["groups"][group]["rows"]]
