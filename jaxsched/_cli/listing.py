"""`jaxsched list`: the calls of all schedulers, in PyTorch and in jaxsched."""

import json
from pathlib import Path
from typing import Any

from .arguments import command


def add(commands) -> None:
    command(
        commands,
        "list",
        run,
        help="list the schedulers, with their arguments in PyTorch and in jaxsched",
        description="Lists the shape of each scheduler, and its constructor call in PyTorch and in"
        " jaxsched.",
        examples=["jaxsched list"],
    )


def run(options: Any) -> int:
    from rich.table import Table

    from .._schedulers import RECIPES, SCHEDULERS
    from .output import Console, is_unicode
    from .signatures import ours, own, torchs

    console = Console()
    pictured = is_unicode()
    shapes = json.loads(Path(__file__).with_name("shapes.json").read_text("utf-8"))
    table = Table(
        show_lines=True,
        caption="Where PyTorch takes the optimizer, jaxsched takes the learning rate (except the"
        " four schedulers without `lr`)."
        " In brackets: arguments that PyTorch does not have.",
    )
    if pictured:
        table.add_column("shape", no_wrap=True, min_width=12)
    table.add_column("PyTorch", ratio=1, overflow="fold")
    table.add_column("jaxsched", ratio=1, overflow="fold")
    for cls in SCHEDULERS:
        extra = f" \\[{', '.join(own(cls))}]" if own(cls) else ""
        calls = _bold(torchs(cls)), f"{_bold(ours(cls))}[dim]{extra}[/]"
        table.add_row(*([shapes[cls.__name__]] if pictured else []), *calls)
    console.print(table)
    console.print(
        "Also: ParamGroups(schedules), a schedule for each parameter group;"
        " per_epoch(schedule, steps_per_epoch), stepped once an epoch;"
        " per_batches(schedule, frequency, batches_per_epoch), as Lightning's Trainer steps it;"
        " per_update(schedule, steps_per_update), stepped several times an update;"
        " delay(schedule, num_steps), started later;"
        " skip(schedule, num_steps), started in the middle;"
        " a * b and schedule / 2; clip(schedule, low, high);"
        " Ramp(start, stop, num_steps), from one rate to another;"
        " join(schedules, boundaries), one after the other;"
        " from_function(function), from_rates(rates).",
        highlight=False,
    )
    console.print(
        f"And the schedules of {', '.join(RECIPES)} by their names, as in"
        " transformers.get_linear_schedule_with_warmup(0.1, 50, 1000).",
        highlight=False,
    )
    return 0


def _bold(call: str) -> str:
    name, _, arguments = call.partition("(")
    return f"[bold]{name}[/]({arguments}"
