"""SquareNet, 2,000 epochs of 10 Adam steps: PyTorch's eager loop against one jitted scan.

python benchmarks/training.py     # takes three minutes; needs PyTorch
"""

import importlib.util
import statistics
import sys
import time
from pathlib import Path

import jax
import numpy as np
import torch
from flax import nnx
from rich.console import Console
from rich.table import Table

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))
from recorded import copy_parameters  # noqa: E402
from recorded import load as load_runs  # noqa: E402


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
    run = next(run for run in load_runs("squarenet") if run.variant == variant)
    x, y = (torch.tensor(run["data"][name]) for name in "xy")
    parameters = {name: torch.tensor(value) for name, value in run["initial"].items()}

    def step_by_step():
        model = theirs.SquareNet()
        model.load_state_dict(parameters)
        return np.array(theirs.fit(model, variant, x, y)[1])

    model = copy_parameters(ours.SquareNet("float32", nnx.Rngs(0)), run["initial"])
    graph, params = nnx.split(model)
    x_, y_ = x.numpy(), y.numpy()

    def scan():
        return ours.train(graph, params, ours.SCHEDULES[variant], x_, y_, theirs.EPOCHS)[1]

    first = seconds(scan)
    np.testing.assert_allclose(scan()[:100], step_by_step()[:100], rtol=1e-5)
    stepping = statistics.median(seconds(step_by_step) for _ in range(3))
    return stepping, first, statistics.median(seconds(scan) for _ in range(15))


def main() -> None:
    theirs = load(EXAMPLES / "pytorch" / "squarenet.py")
    ours = load(EXAMPLES / "squarenet.py")
    torch.set_num_threads(1)  # Two are no faster, for a model this small.
    columns = ["", "PyTorch", "compile", "run", "faster", "with the compilation"]
    table = Table(*columns, title="SquareNet, float32, seconds")
    for variant in ("cosine", "constant"):
        stepping, first, run = measure(theirs, ours, variant)
        times = [f"{stepping:.1f}", f"{first - run:.1f}", f"{run:.3f}"]
        table.add_row(variant, *times, f"{stepping / run:.0f}x", f"{stepping / first:.0f}x")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
