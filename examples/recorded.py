"""Shared by the examples: recorded PyTorch runs, and the comparison of a JAX run with them.

The scripts in pytorch/ save their initial parameters, data, losses and rates to runs/*.npz, in
float32 and float64. An `Experiment` yields these runs, compares the results of JAX with each, and
prints a table and draws a picture at the end. All of the training is in the example itself.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from drawing import difference, draw
from flax import nnx
from jax.typing import ArrayLike
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of PyTorch: its arrays by name, the nested ones as dicts."""

    variant: str
    dtype: str
    arrays: dict

    def __getitem__(self, name: str):
        return self.arrays[name]


@dataclasses.dataclass(frozen=True)
class Bound:
    """The largest relative difference of a loss from PyTorch's, and for how many steps it holds."""

    relative: float
    steps: int


def load(example: str) -> list[Run]:
    """All runs of an example, in the order in which they were recorded."""
    runs: dict[tuple[str, str], dict] = {}
    with np.load(HERE / "runs" / f"{example}.npz") as file:
        for key in file.files:
            variant, dtype, *names, last = key.split("/")
            place = runs.setdefault((variant, dtype), {})
            for name in names:
                place = place.setdefault(name, {})
            place[last] = file[key]
    return [Run(variant, dtype, arrays) for (variant, dtype), arrays in runs.items()]


# Of each layer, PyTorch's name for each parameter of ours.
NAMES = {
    nnx.Linear: {"weight": "kernel", "bias": "bias"},
    nnx.Embed: {"weight": "embedding"},
    nnx.LayerNorm: {"weight": "scale", "bias": "bias"},
}


def parameters_of(model: nnx.Module, prefix: str = "") -> Iterator[tuple[str, nnx.Param, bool]]:
    """The parameters of a model's layers by PyTorch's names; True for one that is transposed."""
    for name, layer in vars(model).items():
        for theirs, ours in NAMES.get(type(layer), {}).items():
            if (parameter := getattr(layer, ours)) is not None:
                yield f"{prefix}{name}.{theirs}", parameter, ours == "kernel"
        if isinstance(layer, nnx.Module) and type(layer) not in NAMES:
            yield from parameters_of(layer, f"{prefix}{name}.")


def copy_parameters(
    make: Callable[[str, nnx.Rngs], nnx.Module], dtype: str, state_dict: dict[str, np.ndarray]
) -> nnx.Module:
    """The model `make(dtype, rngs)` with the parameters of PyTorch's layers of the same names."""
    model = nnx.eval_shape(lambda: make(dtype, nnx.Rngs(0)))  # without drawing any
    for name, parameter, transposed in parameters_of(model):
        value = state_dict[name]
        parameter.set_value(jnp.asarray(value.T if transposed else value))
    return model


def state_dict(model: nnx.Module) -> dict[str, np.ndarray]:
    """The parameters of a model's layers, as PyTorch names and lays them out."""
    found = {name: (np.asarray(p[...]), t) for name, p, t in parameters_of(model)}
    return {name: value.T if transposed else value for name, (value, transposed) in found.items()}


class Experiment:
    """The runs of one example, compared and displayed.

    Args:
      script, docstring: of the example.
      arguments: of its command line, `--steps N` and `--picture PNG`; None for the real ones.
      unit: what is recorded, each "step" or each "epoch".
      epoch: how many of these to an epoch, whose mean loss is drawn.
    """

    def __init__(
        self,
        script: str,
        docstring: str | None,
        arguments: list[str] | None,
        unit: str,
        epoch: int = 1,
    ):
        parser = argparse.ArgumentParser(
            description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("--steps", type=int, metavar="N", help=f"only the first N {unit}s")
        parser.add_argument(
            "--picture", type=Path, metavar="PNG", help="where to draw it (default: here)"
        )
        options = parser.parse_args(arguments)
        self.name, self.unit, self.epoch = Path(script).stem, unit, epoch
        self.picture = options.picture or Path(f"{self.name}.png")
        self.recorded = load(self.name)
        self.full = len(self.recorded[0]["loss"])
        if options.steps is not None and not 1 <= options.steps <= self.full:
            parser.error(f"--steps must be from 1 to {self.full}, got {options.steps}")
        self.steps = options.steps or self.full
        self.rows: list[list[str]] = []
        self.results: dict[tuple[str, str], tuple[dict, dict]] = {}

    def runs(self) -> Iterator[Run]:
        """Yields each recorded run, with JAX in the run's precision."""
        with Progress(transient=True, disable=not sys.stdout.isatty()) as progress:
            for run in progress.track(self.recorded, description=self.name):
                with jax.enable_x64(run.dtype == "float64"):
                    yield run

    def check(
        self,
        run: Run,
        result: dict,
        final: dict[str, ArrayLike],
        bounds: dict[str, Bound],
        figure: str = "loss",
        published: str = "",
    ) -> None:
        """Compares a result with PyTorch's.

        Args:
          run: what PyTorch did.
          result: what of it was done again: `loss`, `lr` and `momentum` for each step, and
            `figure`.
          final: the parameters at the end, by PyTorch's names.
          bounds: by dtype, how close the losses must be, and the final parameters where all of
            the losses are. (The rates must always be equal, as far as the dtype can tell.)
          figure: the result to print; if it has an entry for each step, the last one.
          published: the published value of that figure.
        """
        ours = {name: np.asarray(value) for name, value in result.items()}
        theirs = {
            name: value[: self.steps] if value.ndim else value
            for name, value in run.arrays.items()
            if isinstance(value, np.ndarray)
        }
        where = f"{self.name}, {run.variant}, {run.dtype}"
        for name in theirs.keys() & {"lr", "momentum"}:
            check_rates(f"{where}, {name}", ours[name], theirs[name])
        bound = bounds[run.dtype]
        steps = min(bound.steps, self.steps)
        worst = difference(ours["loss"], theirs["loss"])[:steps].max()
        assert worst <= bound.relative, f"{where}: losses differ by {worst:.2g}"

        parameters = ""
        if steps == self.full:
            off = np.max(
                [np.abs(final[name] - value).max() for name, value in run["final"].items()]
            )
            off /= np.max([np.abs(value).max() for value in run["final"].values()])
            assert off <= bound.relative, f"{where}: parameters differ by {off:.2g}"
            parameters = f"{off:.1e}"

        known = self.steps == self.full or theirs[figure].ndim > 0
        figures = [f"{np.ravel(x[figure])[-1]:.6g}" if known else "-" for x in (ours, theirs)]
        losses = [f"{worst:.1e} (at most {bound.relative:.0e})", f"{steps:,}"]
        self.rows.append([run.variant, run.dtype, *figures, published, *losses, parameters])
        self.results[run.variant, run.dtype] = ours, theirs

    def finish(self, figure: str = "last loss", note: str = "") -> None:
        """Prints the table and draws the picture."""
        columns = ["", "dtype", "this run", "PyTorch", "published", "losses differ by"]
        columns += [f"until {self.unit}", "final parameters by"]
        table = Table(title=f"{self.name}: {figure}")
        kept = [i for i in range(len(columns)) if any(row[i] for row in self.rows)]
        for i in kept:
            table.add_column(columns[i])
        for row in self.rows:
            table.add_row(*(row[i] for i in kept))
        console = Console(width=140)
        console.print(table)
        draw(self.picture, self.results, self.unit, self.epoch)
        console.print(f"The rates are PyTorch's at every step. {note}")
        console.print(f"Picture: {self.picture}", soft_wrap=True)


def check_rates(where: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Checks that rates are PyTorch's, correctly rounded."""
    if ours.dtype == np.float32:
        limit = 0.501 * np.spacing(np.abs(theirs).astype(np.float32)).astype(np.float64)
    else:
        limit = 1e-12 * np.abs(theirs)
    apart = np.abs(ours.astype(np.float64) - theirs)
    within = apart <= limit + 1e-15 * np.abs(theirs).max()
    assert within.all(), f"{where} differs first at step {np.argmin(within)}"
