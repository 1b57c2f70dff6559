"""The range test of Lightning, on the network, data and parameters of one_cycle.py.

python examples/pytorch/range_test.py     # prints its rates, losses and suggestion as JSON
"""

import json
import logging
import sys
import tempfile
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.tuner import Tuner
from moons import Classifier
from torch.utils.data import DataLoader, TensorDataset

RUNS = Path(__file__).parents[1] / "runs" / "one_cycle.npz"


class Module(lightning.LightningModule):
    def __init__(self, initial):
        super().__init__()
        self.lr = 1.0
        self.net = Classifier()
        self.net.load_state_dict(initial)

    def training_step(self, batch, _):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.net(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


def recorded() -> tuple[dict, torch.Tensor, torch.Tensor]:
    """Initial parameters, and the data."""
    with np.load(RUNS) as file:
        first = file.files[0].split("/")
        prefix = "/".join(first[:2]) + "/"
        arrays = {
            key.removeprefix(prefix): file[key] for key in file.files if key.startswith(prefix)
        }
    initial = {
        k.removeprefix("initial/"): torch.tensor(v)
        for k, v in arrays.items()
        if k.startswith("initial/")
    }
    return initial, torch.tensor(arrays["data/x"]), torch.tensor(arrays["data/y"])


def find(low: float, high: float, updates: int) -> dict:
    initial, x, y = recorded()
    data = DataLoader(TensorDataset(x, y), batch_size=20)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=1000, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
        )  # fmt: skip
        found = Tuner(trainer).lr_find(
            Module(initial), train_dataloaders=data,
            min_lr=low, max_lr=high, num_training=updates,
        )  # fmt: skip
    return found.results | {"suggestion": found.suggestion()}


if __name__ == "__main__":
    json.dump({"lightning": lightning.__version__} | find(1e-5, 100.0, 100), sys.stdout, indent=0)
