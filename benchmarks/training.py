"""SquareNet, 2,000 epochs of 10 Adam steps: PyTorch's eager loop against one jitted scan.

python benchmarks/training.py     # takes a minute; needs PyTorch
"""

import importlib.util
import statistics
import sys
import time
from pathlib import Path

import jax
import torch
from flax import nnx
from rich.console import Console
from rich.table import Table

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(path: Path):
    """The module of one of two scripts of the same name."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.pop(0)
    return module


def seconds(function) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def measure(theirs, ours, variant: str) -> tuple[float, float, float]:
    """Seconds of PyTorch's loop, of our first call, which compiles, and of a later one."""
    x = torch.linspace(0.1, 1, 10)[:, None]
    torch.manual_seed(25)
    stepping = seconds(lambda: theirs.fit(theirs.SquareNet(), variant, x, x**2))

    graph, params = nnx.split(ours.SquareNet("float32", nnx.Rngs(0)))
    x = x.numpy()

    def train():
        return ours.train(graph, params, ours.SCHEDULES[variant], x, x**2, theirs.EPOCHS)

    first = seconds(train)
    return stepping, first, statistics.median(seconds(train) for _ in range(15))


def main() -> None:
    theirs = load(EXAMPLES / "pytorch" / "squarenet.py")
    ours = load(EXAMPLES / "squarenet.py")
    torch.set_num_threads(1)  # the fastest, for a model this small
    columns = ["", "PyTorch", "compile", "run", "faster", "with the compilation"]
    table = Table(*columns, title="SquareNet, float32, seconds")
    for variant in ("cosine", "constant"):
        stepping, first, run = measure(theirs, ours, variant)
        times = [f"{stepping:.1f}", f"{first - run:.1f}", f"{run:.3f}"]
        table.add_row(variant, *times, f"{stepping / run:.0f}x", f"{stepping / first:.0f}x")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
