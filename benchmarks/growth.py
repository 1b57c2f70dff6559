"""Time and memory of schedules with very many parts, numbers, functions and counts.

python benchmarks/growth.py           # prints the table of README.md
python benchmarks/growth.py --quick   # the same of small sizes, to check that it runs

Each row is a process of its own. It first does the same of a small size, so that neither JAX's
start nor the first compilation is measured. Optax's nearest is stopped after a minute.
"""

import argparse
import subprocess
import sys
import time
import warnings

import optax
from rich import box
from rich.console import Console
from rich.table import Table

import jaxsched as js

PATIENCE = 60  # seconds
FACTORS = [
    lambda i: js.ConstantLR(0.1, 0.9, i % 7 + 1),
    lambda i: js.ExponentialLR(0.1, 0.999),
    lambda i: js.StepLR(0.1, i % 9 + 1, 0.99),
    lambda i: js.LinearLR(0.1, 0.5, 1.0, i % 5 + 2),
]


def factors(number):
    return [FACTORS[i % len(FACTORS)](i) for i in range(number)]


def milestones(number):
    js.MultiStepLR(0.1, list(range(1, number + 1)), 0.999999)(number // 2)


def optax_milestones(number):
    optax.piecewise_constant_schedule(0.1, dict.fromkeys(range(1, number + 1), 0.999999))(3)


def chain(number):
    js.ChainedScheduler(factors(number))(7)


def optax_chain(number):
    decays = [optax.exponential_decay(1.0, i + 1, 0.99) for i in range(number)]
    rate = 1.0
    for decay in decays:
        rate = rate * decay(7)


def stepped_chain(number):
    curves = [js.CosineAnnealingLR(0.1, 50, eta_min=0.01), js.CosineAnnealingLR(0.1, 70)]
    js.ChainedScheduler([*curves, *factors(number - 2)])(7)


def sequence(number):
    js.SequentialLR(factors(number), list(range(5, 5 * number, 5)))(7)


def optax_sequence(number):
    parts = [optax.exponential_decay(0.1, 1, 0.999)] * number
    optax.join_schedules(parts, list(range(5, 5 * number, 5)))(7)


def other_milestones(number):
    for milestone in range(1, number + 1):
        parts = [js.LinearLR(0.1, 0.5, 1.0, 5), js.CosineAnnealingLR(0.1, 100)]
        js.SequentialLR(parts, [milestone])(7)


def functions(number):
    for _ in range(number):
        held = bytearray(40_000_000)
        js.LambdaLR(0.1, lambda step: 0.9**step + 0 * len(held))(7)  # noqa: B023


def conversion(number):
    import torch

    class Inverse(torch.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            return [lr / (self.last_epoch + 1) for lr in self.base_lrs]

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    js.from_torch(Inverse(optimizer), total_steps=number)(7)


# What is measured, its size, Optax's nearest, and what was aimed at.
CASES = [
    (milestones, "MultiStepLR, a list of {:,} milestones", 1_000_000, optax_milestones, "1 s"),
    (chain, "ChainedScheduler of {:,} parts that multiply", 2_000, optax_chain, "20 s"),
    (stepped_chain, "the same with two cosines, which is stepped", 2_000, None, "20 s"),
    (sequence, "SequentialLR of {:,} parts", 5_000, optax_sequence, "5 s"),
    (other_milestones, "{:,} SequentialLRs of other milestones", 1_000, None, "one program"),
    (functions, "{:,} LambdaLRs of functions that hold 40 MB", 20, None, "dropped"),
    (conversion, "from_torch of {:,} counts", 1_000_000, None, "a few tables"),
]  # fmt: skip


def memory() -> float:
    """The process's memory now, in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def peak() -> float:
    """Its largest so far, since `reset_peak`."""
    with open("/proc/self/status") as file:
        [line] = [line for line in file if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def measured(name: str, number: int) -> None:
    """Prints the seconds, the peak and what is left of memory; run in a process of its own."""
    warnings.simplefilter("ignore")  # that a chain is stepped
    work = globals()[name]
    work(3)
    before = memory()
    reset_peak()
    start = time.perf_counter()
    work(number)
    seconds = time.perf_counter() - start
    print(seconds, peak() - before, memory() - before)


def run(work, number: int) -> list[float] | None:
    """What `measured` prints, or None if it takes too long."""
    command = [sys.executable, __file__, "--work", work.__name__, "--size", str(number)]
    try:
        output = subprocess.run(command, stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    except subprocess.TimeoutExpired:
        return None
    return [float(word) for word in output.stdout.split()]


def shown(found: list[float] | None) -> str:
    return f"over {PATIENCE} s" if found is None else f"{found[0]:.2f} s"


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        return measured(options.work, options.size)
    columns = "", "to the first rate", "peak memory", "kept", "Optax's nearest", "aim"
    table = Table(*columns, box=box.MARKDOWN)
    for work, what, size, optax_work, aim in CASES:
        number = 10 if options.quick else size
        found = run(work, number)
        theirs = shown(run(optax_work, number)) if optax_work else ""
        sizes = [] if found is None else [f"{megabytes:.0f} MB" for megabytes in found[1:]]
        table.add_row(what.format(number), shown(found), *(sizes or ["", ""]), theirs, aim)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
