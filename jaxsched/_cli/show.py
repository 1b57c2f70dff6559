"""`jaxsched show`: prints the rates of a schedule, as a table, CSV or JSON."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from .arguments import add_metrics, add_schedule, add_steps, command, integer

DEFAULT_STEPS = 20


def add(commands) -> None:
    parser = command(
        commands,
        "show",
        run,
        help="print the rates (and momenta) of a schedule",
        description="Prints the rate at each step, and the momentum if the schedule cycles it. The"
        " numbers are\nthe shortest decimals that give the same float32 back (float64 with --x64).",
        examples=[
            "jaxsched show 'OneCycleLR(0.1, total_steps=100)' --steps 100",
            "jaxsched show 'LambdaLR(0.1, 0.95 ** step)' --steps 1000 --every 100 --csv",
            "jaxsched show 'ReduceLROnPlateau(0.1, patience=2)' --metrics '1 / (1 + step)' --json",
        ],
    )
    add_schedule(parser)
    add_steps(parser, DEFAULT_STEPS)
    parser.add_argument(
        "--start", metavar="N", type=integer(0), default=0, help="the first step (default: 0)"
    )
    parser.add_argument(
        "--every",
        metavar="K",
        type=integer(1),
        default=1,
        help="print every K-th step (default: 1)",
    )
    add_metrics(parser)
    parser.add_argument("--x64", action="store_true", help="compute and print float64")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="comma-separated values, with a header")
    form.add_argument(
        "--json", action="store_true", help="a list of objects with step, lr (and momentum)"
    )


def run(options: Any) -> int:
    import numpy as np

    from .._text.call import call_text
    from .._text.parse import parse
    from .._traces.values import last_count, values_of
    from .metrics import metrics_of

    schedule = parse(options.schedule)
    steps = options.steps or int(
        min(DEFAULT_STEPS, max(1, last_count(schedule) + 1 - options.start))
    )
    counts = np.arange(options.start, options.start + steps, options.every)
    metrics = metrics_of(schedule, options.metrics, int(counts[-1]))
    groups = values_of(schedule, counts, metrics, options.x64)
    columns = {"lr": [_decimals(group.lr) for group in groups]}
    if any(group.momentum is not None for group in groups):
        columns["momentum"] = [_decimals(group.momentum) for group in groups]
    if options.json:
        _write(_json(counts.tolist(), columns))
    elif options.csv:
        _write(_csv(counts.tolist(), columns))
    else:
        _print_table(call_text(schedule), counts.tolist(), columns)
    return 0


def _decimals(values: Any) -> list[str] | None:
    """The shortest decimals that give the same numbers back."""
    return None if values is None else [str(value) for value in values]


def _write(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(line)


def _rows(counts: list[int], columns: dict[str, list]) -> Iterator[tuple[int, list[list[str]]]]:
    """Each step, with one text per column and group; empty for a group without a momentum."""
    for index, count in enumerate(counts):
        yield count, [[group[index] if group else "" for group in c] for c in columns.values()]


def _headings(columns: dict[str, list]) -> list[str]:
    """The column titles; several groups have a column each: lr_0, lr_1, ..."""
    return ["step"] + [
        name if len(groups) == 1 else f"{name}_{index}"
        for name, groups in columns.items()
        for index in range(len(groups))
    ]


def _csv(counts: list[int], columns: dict[str, list]) -> Iterator[str]:
    yield ",".join(_headings(columns)) + "\n"
    for count, cells in _rows(counts, columns):
        yield ",".join([str(count), *(text for groups in cells for text in groups)]) + "\n"


def _json(counts: list[int], columns: dict[str, list]) -> Iterator[str]:
    """A JSON list with one step per line; for several groups, `lr` is a list."""
    before = "[\n"
    for count, cells in _rows(counts, columns):
        row: dict[str, Any] = {"step": count}
        for name, groups in zip(columns, cells, strict=True):
            values = [_json_number(text) for text in groups]
            row[name] = values[0] if len(values) == 1 else values
        yield before + json.dumps(row, allow_nan=False)
        before = ",\n"
    yield "\n]\n"


def _json_number(text: str) -> float | None:
    """The number; None (null) for NaN and infinities, which JSON lacks, and for no momentum."""
    return None if text in ("", "nan", "inf", "-inf") else float(text)


def _print_table(title: str, counts: list[int], columns: dict[str, list]) -> None:
    from rich.table import Table
    from rich.text import Text

    from .output import Console

    table = Table()
    for heading in _headings(columns):
        table.add_column(heading, justify="right", no_wrap=True)
    for count, cells in _rows(counts, columns):
        table.add_row(str(count), *(text for groups in cells for text in groups))
    console = Console()
    console.print(Text(title))
    console.print(table)
