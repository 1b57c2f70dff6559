"""Arguments that several commands share: schedules, numbers of steps, metrics."""

import argparse
from collections.abc import Callable
from typing import Any

MOST_STEPS = 10_000_000

SCHEDULE_HELP = (
    "the Python call that builds a schedule (`jaxsched list` shows all of them); write functions"
    " as expressions of `step`: 'LambdaLR(0.1, 0.95 ** step)'"
)


def command(commands, name: str, run: Callable[[Any], int], *, help: str, description: str,
            examples: list[str]) -> argparse.ArgumentParser:  # fmt: skip
    """A sub-command that shows its examples below its arguments."""
    label = "example: " if len(examples) == 1 else "examples: "
    parser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=label + f"\n{' ' * len(label)}".join(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_schedule(parser: argparse.ArgumentParser, **options: Any) -> None:
    parser.add_argument("schedule", metavar="SCHEDULE", help=SCHEDULE_HELP, **options)


def add_metrics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metrics",
        metavar="EXPR",
        help="the metric of each step for ReduceLROnPlateau, such as '1 / (1 + step)'",
    )


def add_steps(parser: argparse.ArgumentParser, default: int | str | None) -> None:
    parser.add_argument(
        "--steps",
        metavar="N",
        type=integer(1),
        required=default is None,
        help="the number of steps"
        + (f" (default: {default}, or fewer if the schedule ends before)" if default else ""),
    )


def integer(least: int) -> Callable[[str], int]:
    """The type of an argument that is an integer from `least` up."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = -1
        if not least <= value <= MOST_STEPS:
            raise argparse.ArgumentTypeError(
                f"must be an integer from {least} to {MOST_STEPS:,}, got {text!r}"
            )
        return value

    return number
