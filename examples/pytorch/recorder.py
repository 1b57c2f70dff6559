"""Saves the initial state, the losses and rates, and the final state of a PyTorch training.

Each script in this folder is a plain PyTorch loop. It passes `record` a function that trains one
variant in one dtype and returns a dict; the arrays are saved to NAME.npz in the working directory.
The JAX scripts read the files in ../runs, without PyTorch.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def record(script: str, train: Callable[[str, torch.dtype], dict], variants: Iterable[str]) -> None:
    """Runs `train(variant, dtype)` for each variant in float32 and float64, and saves the results.

    A result holds arrays under names of its own choice (`loss`, `lr`, ...); dicts in it, such as a
    `state_dict`, become `name/key`.
    """
    assert torch.__version__.startswith("2.13.0"), "the runs are recorded with PyTorch 2.13.0"
    torch.set_num_threads(1)  # one order of summation
    arrays = {}
    runs = [(variant, dtype) for variant in variants for dtype in DTYPES]
    for variant, dtype in track(runs, description=Path(script).stem):
        for name, value in flat(train(variant, DTYPES[dtype])):
            arrays[f"{variant}/{dtype}/{name}"] = value
    path = Path(f"{Path(script).stem}.npz")
    np.savez_compressed(path, allow_pickle=False, **arrays)
    print(f"wrote {path.name}: {len(runs)} runs, {path.stat().st_size / 1000:.0f} kB")


def flat(result: dict, prefix: str = "") -> Iterable[tuple[str, np.ndarray]]:
    for name, value in result.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}/")
        elif isinstance(value, torch.Tensor):
            yield prefix + name, value.detach().numpy()
        else:
            yield prefix + name, np.asarray(value)


def parameters(model: torch.nn.Module) -> dict:
    """A copy of the model's parameters, as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
