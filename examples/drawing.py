"""The picture of an example: losses and rates of JAX and PyTorch, and their difference."""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TITLES = {"loss": "loss", "lr": "learning rate", "momentum": "momentum"}
NEIGHBOUR = "loss, one bit changed"  # PyTorch, after a change of one bit in the initial parameters
MANY = 10  # variants

# By variant and dtype: the arrays of JAX and of PyTorch, by name.
Results = dict[tuple[str, str], tuple[dict, dict]]


def draw(path: Path, results: Results, unit: str, epoch: int) -> None:
    """Draws the values of each `unit` (a step, for example); losses as means over `epoch` units."""
    variants = list(dict.fromkeys(variant for variant, _ in results))
    figure = (_grid if len(variants) > MANY else _panels)(results, variants, unit, epoch)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=75)
    plt.close(figure)


def _panels(results: Results, variants: list[str], unit: str, epoch: int):
    """Panels with loss, rate (and momentum) of all variants, and with the differences."""
    shown, _ = results[variants[0], "float32"]
    names = [name for name in TITLES if name in shown]
    figure, axes = plt.subplots(
        1, len(names) + 1, figsize=(4.8 * (len(names) + 1), 4.2), layout="constrained"
    )
    for number, variant in enumerate(variants):
        for name, axis in zip(names, axes, strict=False):
            _plot(axis, results[variant, "float32"], name, f"C{number}", epoch)
        for dtype, style in (("float32", "-"), ("float64", ":")):
            ours, theirs = (result["loss"] for result in results[variant, dtype])
            axes[-1].plot(_apart(ours, theirs), style, color=f"C{number}")
            neighbour = results[variant, dtype][1].get(NEIGHBOUR)
            if neighbour is not None:
                axes[-1].plot(_apart(neighbour, theirs), style, color="0.7", zorder=0)
        axes[-1].plot([], color=f"C{number}", label=variant)
    if neighbour is not None:
        axes[-1].plot([], color="0.7", label="PyTorch, and PyTorch with one bit changed")
    for name, axis in zip(names, axes, strict=False):
        axis.set_title(f"{TITLES[name]} (lines: JAX, circles: PyTorch)", fontsize=10)
    for axis in axes:
        axis.set_xlabel(unit)
        axis.grid(alpha=0.3)
    axes[0].set_yscale("log")
    if epoch > 1:
        axes[0].set_ylabel("mean of each epoch")
    axes[-1].set_yscale("log")
    axes[-1].set_ylim(1e-17, 10)
    title = "largest relative difference of the losses so far\n(solid: float32, dotted: float64)"
    axes[-1].set_title(title, fontsize=10)
    figure.legend(loc="outside lower center", ncols=6, fontsize=9)
    return figure


def _grid(results: Results, variants: list[str], unit: str, epoch: int):
    """A panel for each of many variants, with the rate and the loss."""
    columns = 4
    rows = -(-len(variants) // columns)
    size = (3.6 * columns, 2.3 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained")
    for variant, axis in zip(variants, axes.flat, strict=False):
        _plot(axis, results[variant, "float32"], "lr", "C0", epoch)
        axis.set_title(variant, fontsize=10)
        axis.set_ylim(bottom=0)
        loss = axis.twinx()
        _plot(loss, results[variant, "float32"], "loss", "C1", epoch)
        loss.set_yscale("log")
    figure.suptitle(
        f"learning rate (blue, left) and loss (orange, right) by {unit};"
        " lines: JAX, circles: PyTorch"
    )
    return figure


def _plot(axis, result: tuple[dict, dict], name: str, color: str, epoch: int) -> None:
    ours, theirs = (values[name] for values in result)
    steps = np.arange(len(ours))
    if name == "loss" and len(steps) >= epoch:
        whole = len(steps) // epoch * epoch
        ours, theirs, steps = (
            values[:whole].reshape(-1, epoch).mean(axis=1) for values in (ours, theirs, steps)
        )
    some = slice(None, None, max(1, len(steps) // 25))
    style = "default" if name == "loss" else "steps-post"
    axis.plot(steps, ours, color=color, lw=1, drawstyle=style)
    axis.plot(steps[some], theirs[some], "o", color=color, ms=4, mfc="none")


def _apart(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The largest relative difference up to each step, for a logarithmic axis."""
    return np.maximum(np.maximum.accumulate(difference(ours, theirs)), 1e-17)


def difference(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The relative difference of two arrays, element by element."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    return np.abs(ours - theirs) / np.where(theirs == 0, 1.0, np.abs(theirs))
