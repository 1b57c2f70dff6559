"""A schedule in a real Trainer of Lightning, as a scheduler that can be recorded."""

import logging
import warnings
from typing import Any

from .._combine.counts import PerBatches, PerEpoch
from .._schedulers.chained_scheduler import ChainedScheduler
from .._torch.to_torch import build


class Trained:
    """The rates and momenta of a Trainer's updates, one after the other."""

    def __init__(
        self, schedule: Any, optimizer: Any, batches: int, accumulated: int, num_steps: int
    ):
        self.optimizer, self.count = optimizer, 0
        if isinstance(schedule, ChainedScheduler):
            parts = schedule.schedulers
            schedulers = [scheduler for scheduler, _ in build(schedule, optimizer).parts]
        else:
            parts = [schedule]
            schedulers = [build(getattr(schedule, "schedule", schedule), optimizer)]
        updates = -(-batches // accumulated)
        entries = [
            {"scheduler": scheduler, **_when(part, updates)}
            for part, scheduler in zip(parts, schedulers, strict=True)
        ]
        self.rows = fit(entries, optimizer, batches, accumulated, num_steps)
        self._show()

    def step(self) -> None:
        self.count += 1
        self._show()

    def _show(self) -> None:
        self.optimizer.param_groups[0].update(self.rows[self.count])


def _when(part: Any, updates: int) -> dict[str, Any]:
    """When a Trainer must step the scheduler of a part, with so many updates an epoch."""
    if isinstance(part, PerBatches):
        return {"interval": "step", "frequency": part.frequency}
    if isinstance(part, PerEpoch):
        return {"interval": "epoch", "frequency": part.steps_per_epoch // updates}
    return {"interval": "step"}


def fit(
    entries: list[dict], optimizer: Any, batches: int, accumulated: int, num_steps: int
) -> list[dict[str, float]]:
    """What the optimizer's group holds at each update."""
    import lightning.pytorch as pl
    import torch

    rows: list[dict[str, float]] = []

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def training_step(self, batch, index):
            return (self.weight * batch[0]).sum()

        def optimizer_step(self, epoch, index, optimizer, closure):
            group = optimizer.param_groups[0]
            rows.append({key: group[key] for key in ("lr", "momentum")})
            super().optimizer_step(epoch, index, optimizer, closure)

        def configure_optimizers(self):
            return {"optimizer": optimizer, "lr_scheduler": entries[0]} if alone else all_of_them

    alone, all_of_them = len(entries) == 1, ([optimizer], entries)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            max_steps=num_steps, accumulate_grad_batches=accumulated, accelerator="cpu",
            logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
        data = torch.utils.data.TensorDataset(torch.ones(batches, 1))
        trainer.fit(Module(), torch.utils.data.DataLoader(data))
    return rows
