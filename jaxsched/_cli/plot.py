"""`jaxsched plot`: draws schedules into a picture or in the terminal."""

import argparse
import os
from typing import Any

from .arguments import add_metrics, add_schedule, add_steps, command

SUFFIXES = (".png", ".svg", ".pdf")


def add(commands) -> None:
    parser = command(
        commands,
        "plot",
        run,
        help="draw schedules into a picture or in the terminal",
        description="Draws the rates of one or several schedules, and the momenta that are"
        " cycled.\nThe curve of a OneCycleLR ends at its last step."
        "\nThis needs an extra: pip install 'jaxsched[plot]'.",
        examples=[
            "jaxsched plot 'CyclicLR(0.01, 0.1, step_size_up=20)'",
            "jaxsched plot 'OneCycleLR(0.1, 100)' 'CosineAnnealingLR(0.1, 100)' -o curves.png",
            "jaxsched plot 'ExponentialLR(0.1, 0.9)' --log -o decay.svg",
        ],
    )
    add_schedule(parser, nargs="+")
    add_steps(parser, "as many as show what the schedules do")
    parser.add_argument(
        "-o",
        "--output",
        metavar="PICTURE",
        help="a .png, .svg or .pdf file (default: draw in the terminal)",
    )
    parser.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        help="draw the rates on a logarithmic axis (default: if they are small for long)",
    )
    add_metrics(parser)


def run(options: Any) -> int:
    from .output import optional

    suffix = os.path.splitext(options.output or "")[1].lower()
    if options.output is None:
        optional("plotext", "plot")
        from .terminal import draw

        lines, _ = _lines(options)
        draw(lines, _is_log(options, lines))
        return 0
    if suffix not in SUFFIXES:
        raise ValueError(f"--output must end in {', '.join(SUFFIXES)}, got {options.output!r}")
    optional("matplotlib", "plot")
    from .._text.files import check_writable, write
    from .picture import picture

    check_writable(options.output)
    lines, epoch = _lines(options)
    write(options.output, picture(lines, _is_log(options, lines), epoch, suffix[1:]))
    print(f"wrote {options.output}")
    return 0


def _lines(options: Any) -> tuple[list, int | None]:
    """The lines to draw, and the steps of an epoch."""
    from .._plot.extent import extent
    from .._plot.plot import epochs_of, lines_of
    from .._text.parse import parse
    from .._text.source import brief
    from .._traces.values import has_plateau
    from .metrics import metrics_of

    schedules = [parse(text) for text in options.schedule]
    steps = options.steps or max(map(extent, schedules))
    plateaus = [schedule for schedule in schedules if has_plateau(schedule)]
    if options.metrics and not plateaus:
        raise ValueError("--metrics needs a ReduceLROnPlateau, but no schedule here is one")
    metrics = metrics_of(plateaus[0], options.metrics, steps - 1) if plateaus else None
    labels = [brief(text, 90) for text in options.schedule]
    return lines_of(schedules, steps, labels, metrics), epochs_of(schedules)


def _is_log(options: Any, lines: list) -> bool:
    from .._plot.plot import spans_decades

    return spans_decades(lines) if options.log is None else options.log
