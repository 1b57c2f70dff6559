"""The command line: `jaxsched check`."""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from . import __version__
from ._trace import Comparison, Trace, compare, load_traces, shipped


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="jaxsched", description="PyTorch's learning-rate schedulers, exactly, in JAX."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="compare every recorded PyTorch trace with jaxsched, on this machine",
        description="Evaluates recorded PyTorch traces on JAX's default device, in float32 and in"
        " float64. Exit status 0: all match PyTorch; 1: some differ; 2: a file cannot be checked.",
        epilog="example: jaxsched check my_run.jsonl",
    )
    check.add_argument("files", nargs="*", metavar="FILE", help="your own traces (default: ours)")
    try:
        return check_traces(parser.parse_args(arguments).files)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # The reader has gone; so must the message that says so.
        return 141


def check_traces(files: list[str]) -> int:
    """Prints the table of verdicts; returns the exit status."""
    try:
        groups = {file: load_traces(file) for file in files} if files else shipped()
        work = [(name, trace, trace.build()) for name, traces in groups.items() for trace in traces]
    except (OSError, ValueError) as error:
        return _fail(str(error))

    results: list[tuple[str, Trace, tuple[Comparison, Comparison]]] = []
    progress = Progress(
        SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[name]}"),
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty(),
    )  # fmt: skip
    with progress, ThreadPoolExecutor(2) as pool:  # One thread traces while the other compiles.
        task = progress.add_task("checking", total=len(work), name="")
        try:
            pairs = pool.map(_compare_both, [(schedule, trace) for _, trace, schedule in work])
            for (name, trace, _), pair in zip(work, pairs, strict=True):
                progress.update(task, advance=1, name=name)
                results.append((name, trace, pair))
        except ValueError as error:
            return _fail(str(error))
        finally:
            pool.shutdown(cancel_futures=True)

    console = Console(soft_wrap=True)
    _print_table(console, results)
    wrong = [(trace, c) for _, trace, pair in results for c in pair if not c.ok]
    for trace, comparison in wrong:
        console.print(f"{trace.call}: {comparison}", markup=False, highlight=False)
    steps = sum(pair[0].num_steps for _, _, pair in results)
    verdict = f"{len(wrong)} comparisons differ" if wrong else "all match PyTorch"
    torch = ", ".join(sorted({trace.torch for _, trace, _ in results}))
    device = jax.devices()[0]
    console.print(
        f"{len(results)} configurations, {steps:,} steps, {verdict}"
        f" | {device.platform} ({device.device_kind}) | jaxsched {__version__},"
        f" jax {jax.__version__}, traces of PyTorch {torch}",
        markup=False, highlight=False,
    )  # fmt: skip
    return 1 if wrong else 0


def _compare_both(pair) -> tuple[Comparison, Comparison]:
    schedule, trace = pair
    both = []
    for x64 in (False, True):
        with jax.enable_x64(x64):
            both.append(compare(schedule, trace))
    return both[0], both[1]


def _print_table(console: Console, results) -> None:
    table = Table(
        caption="worst errors in units in the last place (ULP), beyond 1e-15 of the peak rate"
    )
    table.add_column("scheduler", no_wrap=True)
    for heading in ("configs", "steps", "float32 ULP", "float64 ULP"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for name in dict.fromkeys(name for name, _, _ in results):
        pairs = [pair for other, _, pair in results if other == name]
        single, double = zip(*pairs, strict=True)
        ok = all(c.ok for pair in pairs for c in pair)
        table.add_row(
            name,
            str(len(pairs)),
            f"{sum(c.num_steps for c in single):,}",
            f"{max(c.worst_ulp for c in single):.3f}",
            f"{max(c.worst_ulp for c in double):.0f}",
            "[green]exact[/]" if ok else "[red]differs[/]",
        )
    console.print(table)


def _fail(message: str) -> int:
    print(f"jaxsched: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
