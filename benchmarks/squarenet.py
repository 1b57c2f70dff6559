"""SquareNet of the examples: both programs, their data and their initial parameters."""

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from flax import nnx

EXAMPLES = Path(__file__).parents[1] / "examples"
EPOCHS = 2000


def load(path: Path) -> ModuleType:
    """Imports a script by path, as the two scripts have the same name."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The PyTorch and the JAX program, with common data and initial parameters."""

    theirs: ModuleType
    ours: ModuleType
    initial: dict[str, np.ndarray]
    x: np.ndarray
    y: np.ndarray

    def fit(self, make_scheduler, lr: float, epochs: int) -> np.ndarray:
        """PyTorch's loop, from the initial parameters: the loss of each epoch."""
        self.theirs.EPOCHS = epochs
        self.theirs.VARIANTS["measured"] = lr, make_scheduler
        model = self.theirs.SquareNet()
        model.load_state_dict({name: torch.tensor(value) for name, value in self.initial.items()})
        x, y = torch.tensor(self.x), torch.tensor(self.y)
        return np.array(self.theirs.fit(model, "measured", x, y)[1])

    def model(self) -> tuple:
        """Graph and initial parameters of the Flax model."""
        copied = sys.modules["recorded"].copy_parameters
        return nnx.split(copied(self.ours.SquareNet, "float32", self.initial))


def experiment() -> Experiment:
    torch.set_num_threads(1)  # Two are no faster, for a model this small.
    theirs = load(EXAMPLES / "pytorch" / "squarenet.py")
    ours = load(EXAMPLES / "squarenet.py")
    run = next(run for run in sys.modules["recorded"].load("squarenet") if run.dtype == "float32")
    return Experiment(theirs, ours, run["initial"], run["data"]["x"], run["data"]["y"])
