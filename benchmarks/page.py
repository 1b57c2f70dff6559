"""Writes the results page, and the summary in the guide to speed, from the stored results."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from groups import GROUPS
from results import COLUMNS, Row, rows_of, short, stored

PAGE = Path(__file__).with_name("RESULTS.md")
GUIDE = Path(__file__).parents[1] / "examples" / "guides" / "speed.md"
MARKERS = "<!-- benchmarks -->", "<!-- /benchmarks -->"
NO_CUDA = "not measured: no CUDA GPU was at hand"
HEADER = "", "against", "measured", "target", "met", "on CUDA"


def page(results: dict[str, dict]) -> str:
    """`RESULTS.md`."""
    cpu, cuda = results.get("cpu"), results.get("cuda")
    lines = [
        "# Results",
        "",
        "Written by `python benchmarks/run.py`: see [README.md](README.md) for how to read it.",
        "",
        f"- **CPU**: {_origin(cpu) if cpu else 'not measured'}.",
        f"- **CUDA**: {_origin(cuda) if cuda else NO_CUDA}.",
        "",
    ]
    for name, group in GROUPS.items():
        rounds = sorted({row.rounds for row in rows_of(cpu, name) if row.rounds})
        note = f" Rounds: {' or '.join(map(str, rounds))}." if rounds else ""
        lines += [f"## {group.title}", "", group.text + note, ""]
        lines += [*_markdown([*COLUMNS, "on CUDA"], _joined(cpu, cuda, name)), ""]
    return "\n".join(lines)


def _origin(result: dict) -> str:
    """Commit, day, machine, versions and duration of a run."""
    tree = {True: " **with uncommitted changes**", False: "", None: " (as told: no git at hand)"}
    machine = result["machine"]
    devices = [machine["gpu"], machine["cpu"], f"{machine['cores']} cores", machine["system"]]
    packages = [" ".join(pair) for pair in result["versions"].items()]
    seconds = sum(group["seconds"] for group in result["groups"].values())
    return (
        f"commit `{result['commit'][:12]}`{tree[result['changed']]}, {result['date']};"
        f" {', '.join(filter(None, devices))}; {', '.join(packages)};"
        f" the run took {seconds / 60:.0f} minutes"
    )


def _joined(cpu: dict | None, cuda: dict | None, group: str) -> list[list[str]]:
    """The cells of a table: the rows of the CPU, with the figures of the same rows on CUDA."""
    on_cuda = {(row.what, row.against): row for row in rows_of(cuda, group)}
    table = []
    for row in rows_of(cpu, group):
        table.append([*row.cells(), _cuda_cell(on_cuda.pop((row.what, row.against), None))])
    for row in on_cuda.values():
        unmeasured = dataclasses.replace(row, ours=None, theirs=None, ratio=None)
        table.append([*unmeasured.cells(), _cuda_cell(row)])
    return table


def _cuda_cell(row: Row | None) -> str:
    if row is None:
        return "not measured"
    figures = f"{row.figure(row.ours)} against {row.figure(row.theirs)}"
    ratio = "" if row.ratio is None else f", {row.ratio_text}"
    return f"{figures}{ratio}" + {True: ", met", False: ", **not met**", None: ""}[row.met]


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def headline(results: dict[str, dict]) -> str:
    """The summary in the guide to speed: a row for each group."""
    cpu, cuda = results.get("cpu"), results.get("cuda")
    rows = []
    for name, group in GROUPS.items():
        figures = _summary(rows_of(cpu, name)) or ["not measured", "-", "-"]
        on_cuda = _summary(rows_of(cuda, name))
        cell = f"{on_cuda[0]}, met by {on_cuda[2]}" if on_cuda else "not measured"
        rows.append([group.headline, group.against, *figures, cell if cuda else NO_CUDA])
    return "\n".join([*_markdown(HEADER, rows), ""])


def _summary(rows: list[Row]) -> list[str] | None:
    """The range of the figures with the first target, that target, and how many rows are met."""
    judged = [row for row in rows if row.met is not None]
    if not judged:
        return None
    first = judged[0]
    same = [row for row in judged if row.target_text == first.target_text]
    measured = _range([row.judged for row in same]) + ("x" if first.faster else "")
    if first.of_ours:
        others = _range([row.theirs for row in same if not isinstance(row.theirs, str)])
        measured = f"{measured} {first.unit}; the others {others}"
    return [measured, first.target_text, f"{sum(row.met for row in judged)} of {len(judged)}"]


def _range(numbers: list[float]) -> str:
    return " to ".join(dict.fromkeys([short(min(numbers)), short(max(numbers))]))


def split_guide(text: str) -> tuple[str, str, str] | None:
    """The guide before, between and after the two markers; None without markers."""
    match = re.fullmatch(rf"(.*{MARKERS[0]}\n)(.*)({MARKERS[1]}\n.*)", text, re.DOTALL)
    return match and match.groups()


def write() -> None:
    """Writes the page, and the summary between the markers of the guide."""
    results = stored()
    PAGE.write_text(page(results))
    if parts := split_guide(GUIDE.read_text()):
        GUIDE.write_text(parts[0] + headline(results) + parts[2])
