"""`jaxsched check`: compares recorded PyTorch traces with jaxsched, on this machine."""

import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

from .. import __version__
from .._combine.param_groups import groups_of
from .._text.config import items_of
from .._text.parse import MOST_TABULATED
from .._text.source import brief, printable
from .._traces.compare import Comparison, compare_both, relative_text
from .._traces.trace import LOGGED, Trace, load_traces, shipped
from .arguments import command

# Errors that a damaged file can cause; any other RuntimeError comes from the device.
_FAULTS: tuple[type[Exception], ...] = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
    NotImplementedError, RecursionError,
)  # fmt: skip
Result = tuple[str, Trace, Any, tuple[Comparison, Comparison]]


def add(commands) -> None:
    parser = command(
        commands,
        "check",
        run,
        help="compare every recorded PyTorch trace with jaxsched, on this machine",
        description="Evaluates recorded PyTorch traces on JAX's default device, in float32 and in"
        " float64.\nExit status 0: all match PyTorch; 1: some differ; 2: a file cannot be checked.",
        examples=["jaxsched check my_run.jsonl"],
    )
    add_files(parser)


def add_files(parser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="trace files (default: the shipped ones)"
    )


def run(options: Any) -> int:
    from .output import Console

    results = evaluate(options.files)
    console = Console()
    _print_table(console, results)
    for _, trace, _, pair in results:
        for comparison in pair:
            if not comparison.ok:
                text = f"{brief(trace.call, 500)}: {comparison}"
                console.print(text, markup=False, highlight=False)
    console.print(verdict(results), markup=False, highlight=False)
    return 0 if all_match(results) else 1


def evaluate(files: list[str]) -> list[Result]:
    """Compares the traces of `files`, or those that ship with jaxsched, in both float types.

    Returns:
      For each trace: its file or scheduler, the trace, its schedule, and the comparison of both
      in float32 and in float64.

    Raises:
      OSError: where a file cannot be read.
      ValueError: where a file holds no trace, or a trace without its schedule.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from .output import Console

    groups = {file: load_traces(file) for file in files} if files else shipped()
    work = [
        (name, trace, _built(name, trace)) for name, traces in groups.items() for trace in traces
    ]
    results: list[Result] = []
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[name]}"),
        console=console, transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with progress, ThreadPoolExecutor(2) as pool:  # One thread traces, the other compiles.
        task = progress.add_task("checking", total=len(work), name="")
        try:
            pairs = pool.map(_compare_both, work)
            for (name, trace, schedule), pair in zip(work, pairs, strict=True):
                progress.update(task, advance=1, name=name)
                results.append((name, trace, schedule, pair))
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _built(name: str, trace: Trace) -> Any:
    if trace.schedule is None:
        return trace.build()  # raises
    from .._traces.values import check_steps

    with _about(name, trace):
        _check_tables(trace.schedule)
        schedule = trace.build()
        for group in groups_of(schedule):
            check_steps(group, int(trace.counts[-1]) + 1)
        return schedule


def _check_tables(config: Any) -> None:
    """Raises a ValueError for a table that would take minutes to compute."""
    if isinstance(config, dict):
        steps = config.get("total_steps")
        if (
            isinstance(steps, int | float)
            and steps > MOST_TABULATED
            and config.get("class") != "OneCycleLR"
        ):
            raise ValueError(f"total_steps must be at most {MOST_TABULATED:,} here, got {steps}")
    for item in items_of(config):
        _check_tables(item)


def _compare_both(item: tuple[str, Trace, Any]) -> tuple[Comparison, Comparison]:
    name, trace, schedule = item
    with _about(name, trace):
        return compare_both(schedule, trace)


@contextlib.contextmanager
def _about(name: str, trace: Trace) -> Iterator[None]:
    """Turns an error of a schedule in a file into a ValueError that names the file."""
    try:
        yield
    except _FAULTS as error:
        raise ValueError(f"{name}: the trace of `{brief(trace.call)}`: {error}") from error


def all_match(results: list[Result]) -> bool:
    return all(comparison.ok for *_, pair in results for comparison in pair)


def verdict(results: list[Result]) -> str:
    """One line: what was compared, the outcome, the device and the versions."""
    from .output import plural

    wrong = sum(not comparison.ok for *_, pair in results for comparison in pair)
    differ = f"{plural(wrong, 'comparison')} differ{'s' if wrong == 1 else ''}"
    versions = {trace.torch for _, trace, *_ in results}
    torch = sorted(f"PyTorch {version}" if version else LOGGED for version in versions)
    libraries = sorted({trace.library for _, trace, *_ in results if trace.library})
    device = jax.devices()[0]
    return (
        f"{plural(len(results), 'configuration')},"
        f" {plural(sum(pair[0].num_steps for *_, pair in results), 'step')},"
        f" {differ if wrong else 'all match PyTorch'}"
        f" | {device.platform} ({device.device_kind}) | jaxsched {__version__},"
        f" jax {jax.__version__}, traces of {brief(', '.join([*torch, *libraries]), 1000)}"
    )


def _print_table(console: Any, results: list[Result]) -> None:
    from rich.table import Table
    from rich.text import Text

    closed = any(trace.closed_form is not None for _, trace, *_ in results)
    drift = "\nafter T_max: compared with PyTorch's closed form, as its recursion drifts"
    rounded = any(trace.rtol for _, trace, *_ in results)
    table = Table(
        caption="largest errors: ULP (units in the last place), relative; both without 1e-15 of the"
        f" peak rate{' and the rounding of the log' if rounded else ''}"
        "\nbounds: 0.501 ULP in float32, 1e-12 relative in float64" + (drift if closed else "")
    )
    table.add_column("scheduler", no_wrap=True)
    for heading in ("configs", "steps", "float32 ULP", "float64 relative"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for name in dict.fromkeys(name for name, *_ in results):
        pairs = [pair for other, *_, pair in results if other == name]
        single, double = zip(*pairs, strict=True)
        ok = all(c.ok for pair in pairs for c in pair)
        table.add_row(
            Text(printable(name)),
            str(len(pairs)),
            f"{sum(c.num_steps for c in single):,}",
            f"{max(c.worst for c in single):.3f}",
            relative_text(max(c.worst for c in double)),
            "[green]exact[/]" if ok else "[red]differs[/]",
        )
    console.print(table)
