"""`jaxsched record`: runs a schedule in PyTorch and saves its rates as a trace."""

import warnings
from collections.abc import Iterator
from typing import Any

from .arguments import add_metrics, add_schedule, add_steps, command


def add(commands) -> None:
    parser = command(
        commands,
        "record",
        run,
        help="run a schedule in PyTorch and write its rates to a trace file",
        description="Builds PyTorch's scheduler of the same name and arguments, steps it, and"
        " saves every rate.\n`jaxsched check` compares the file with jaxsched, without PyTorch.",
        examples=[
            "jaxsched record 'CosineAnnealingLR(0.1, T_max=50)' --steps 100 -o my_run.jsonl",
            "jaxsched record 'OneCycleLR(0.1, 60)' --steps 60 --optimizer Adam -o cycle.jsonl",
        ],
    )
    add_schedule(parser)
    add_steps(parser, None)
    parser.add_argument(
        "--optimizer",
        choices=("SGD", "Adam", "AdamW"),
        default="SGD",
        help="the optimizer that the scheduler is built on (default: SGD)",
    )
    add_metrics(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="TRACE",
        required=True,
        help="the file to write, for example my_run.jsonl",
    )


def run(options: Any) -> int:
    from .._combine.counts import Mapped
    from .._combine.param_groups import groups_of
    from .._text.files import check_writable
    from .._text.parse import parse
    from .._traces.values import within
    from .metrics import metrics_of
    from .output import plural

    schedule = parse(options.schedule)
    for part in [part for group in groups_of(schedule) for part in _all_in(group)]:
        if isinstance(part, Mapped):
            own = part._call_name()
            raise ValueError(f"PyTorch has no {own}: record the schedule inside it")
    metrics = metrics_of(schedule, options.metrics, options.steps - 1)
    check_writable(options.output)
    trace = _record(within(schedule, options.steps), options.steps, metrics, options.optimizer)
    trace.save(options.output)
    print(f"wrote {options.output}: {plural(options.steps, 'step')} of PyTorch {trace.torch}")
    return 0


def _all_in(schedule: Any) -> Iterator[Any]:
    """The schedule and, recursively, its parts."""
    yield schedule
    for part in getattr(schedule, "schedulers", ()):
        yield from _all_in(part)


def _record(schedule: Any, steps: int, metrics: Any, optimizer: str) -> Any:
    import numpy as np

    from .._torch.to_torch import the_torch
    from .._traces.cases import Case, make

    the_torch("record")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace = make(Case(schedule, steps, metrics, optimizer))
    except Exception as error:  # raised by PyTorch for arguments that only jaxsched accepts
        raise ValueError(f"PyTorch cannot run it: {type(error).__name__}: {error}") from error
    if not np.isfinite(trace.lr).all():
        raise ValueError(
            f"PyTorch's rate is not finite at step {np.argmin(np.isfinite(trace.lr))}:"
            " such a trace cannot be compared"
        )
    return trace
