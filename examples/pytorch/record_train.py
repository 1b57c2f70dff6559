"""Records what train.py does. Its own data are float32; in float64 the same points are trained on.

python examples/pytorch/record_train.py     # writes train.npz
"""

import csv
import tempfile
from pathlib import Path

import numpy as np
import torch
from recorder import parameters, record
from train import Model, make_data
from train import train as train_in

EPOCHS = 10


def train(variant: str, dtype: torch.dtype) -> dict:
    torch.manual_seed(0)
    model = Model().to(dtype)
    initial = parameters(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / "data")
        data = {path.stem: np.load(path) for path in sorted((folder / "data").iterdir())}
        if dtype == torch.float64:
            for part in ("train_x", "validation_x"):
                np.save(folder / "data" / f"{part}.npy", data[part].astype(np.float64))
        train_in(model, folder, EPOCHS)
        with open(folder / "log.csv", newline="") as file:
            rows = list(csv.DictReader(file))
    return {
        "data": data,
        "initial": initial,
        "final": parameters(model),
        "lr": [float(row["lr"]) for row in rows],
        "loss": [float(row["loss"]) for row in rows],
        "validation_loss": [float(row["validation_loss"]) for row in rows if row["accuracy"]],
    }


if __name__ == "__main__":
    record("train.py", train, ["warm-up, cosine"])
