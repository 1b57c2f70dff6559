"""`jaxsched plot`: draws schedules into a picture or in the terminal."""

import dataclasses
import os
from typing import Any

from .arguments import add_metrics, add_schedule, add_steps, command

DEFAULT_STEPS = 100
SUFFIXES = (".png", ".svg", ".pdf")


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """A curve and its label; `momentum` is None for a schedule without one."""

    label: str
    counts: Any
    lr: Any
    momentum: Any


def add(commands) -> None:
    parser = command(
        commands,
        "plot",
        run,
        help="draw schedules into a picture or in the terminal",
        description="Draws the rates of one or several schedules, and below them the momenta that"
        " are cycled.\nThe curve of a OneCycleLR ends at its last step."
        "\nThis needs an extra: pip install 'jaxsched[plot]'.",
        examples=[
            "jaxsched plot 'CyclicLR(0.01, 0.1, step_size_up=20)'",
            "jaxsched plot 'OneCycleLR(0.1, 100)' 'CosineAnnealingLR(0.1, 100)' -o curves.png",
            "jaxsched plot 'ExponentialLR(0.1, 0.9)' --log -o decay.svg",
        ],
    )
    add_schedule(parser, nargs="+")
    add_steps(parser, DEFAULT_STEPS)
    parser.add_argument(
        "-o",
        "--output",
        metavar="PICTURE",
        help="a .png, .svg or .pdf file (default: draw in the terminal)",
    )
    parser.add_argument("--log", action="store_true", help="draw the rates on a logarithmic axis")
    add_metrics(parser)


def run(options: Any) -> int:
    from .output import optional

    suffix = os.path.splitext(options.output or "")[1].lower()
    if options.output is None:
        optional("plotext", "plot")
        from .terminal import draw

        draw(_lines(options), options.log)
        return 0
    if suffix not in SUFFIXES:
        raise ValueError(f"--output must end in {', '.join(SUFFIXES)}, got {options.output!r}")
    optional("matplotlib", "plot")
    from .._text.files import check_writable, write
    from .picture import picture

    check_writable(options.output)
    write(options.output, picture(_lines(options), options.log, suffix[1:]))
    print(f"wrote {options.output}")
    return 0


def _lines(options: Any) -> list[Line]:
    """A line for each schedule and each of its parameter groups."""
    import numpy as np

    from .._text.parse import parse
    from .._text.source import brief
    from .values import has_plateau, last_count, values_of

    steps = options.steps or DEFAULT_STEPS
    schedules = [(text, parse(text)) for text in options.schedule]
    if options.metrics and not any(has_plateau(schedule) for _, schedule in schedules):
        raise ValueError("--metrics needs a ReduceLROnPlateau, but no schedule here is one")
    lines = []
    for text, schedule in schedules:
        counts = np.arange(min(steps, last_count(schedule) + 1))
        metrics = options.metrics if has_plateau(schedule) else None
        groups = values_of(schedule, counts, metrics, x64=False)
        for index, group in enumerate(groups):
            label = brief(text, 90) + (f", group {index}" if len(groups) > 1 else "")
            lines.append(Line(label, counts, group.lr, group.momentum))
    return lines
