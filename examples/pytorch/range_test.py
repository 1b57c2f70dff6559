"""The learning-rate range test of Lightning: `Tuner.lr_find`. In JAX: ../range_test.py

python examples/pytorch/range_test.py     # writes range_test.npz; needs lightning==2.6.6
"""

import tempfile

import lightning.pytorch as pl
import torch
from lightning.pytorch.tuner import Tuner
from moons import classifier, moons
from recorder import parameters, record
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LOW, HIGH, UPDATES, BATCH = 1e-4, 10.0, 100, 20


class Module(pl.LightningModule):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.lr = model, 0.1

    def training_step(self, batch, index):
        x, y = batch
        return nn.functional.cross_entropy(self.model(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)


def train(variant: str, dtype: torch.dtype) -> dict:
    x, y = moons(UPDATES * BATCH, noise=0.2, seed=6, dtype=dtype)
    model = classifier(seed=6, dtype=dtype)
    initial = parameters(model)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator="cpu",
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        found = Tuner(trainer).lr_find(
            Module(model),
            DataLoader(TensorDataset(x, y), BATCH),
            min_lr=LOW,
            max_lr=HIGH,
            num_training=UPDATES,
        )
    return {
        "data": {"x": x, "y": y},
        "initial": initial,
        "lr": found.results["lr"],
        "loss": found.results["loss"],
        "suggestion": found.results["lr"].index(found.suggestion()),
    }


if __name__ == "__main__":
    record(__file__, train, ["lr_find"])
