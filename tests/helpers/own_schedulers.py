"""PyTorch schedulers of users' own classes, and all that one may not disturb in a live one."""

import random

import numpy as np
import torch
from torch.optim import lr_scheduler


class OwnCounter(lr_scheduler.LRScheduler):
    """Counts its own steps, in what the base class knows nothing of."""

    def __init__(self, optimizer):
        self.number = -1
        super().__init__(optimizer)

    def get_lr(self):
        return [base * (1.0 if self.number < 4 else 0.1) for base in self.base_lrs]

    def step(self, epoch=None):
        self.number += 1
        super().step()


class GradualWarmup(lr_scheduler.LRScheduler):
    """As the package warmup_scheduler has it: the scheduler after it is stepped from inside."""

    def __init__(self, optimizer, total_epoch, after):
        self.total_epoch, self.after, self.finished = total_epoch, after, False
        super().__init__(optimizer)

    def get_lr(self):
        if self.last_epoch > self.total_epoch:
            self.finished = True
            return self.after.get_last_lr()
        return [base * self.last_epoch / self.total_epoch for base in self.base_lrs]

    def step(self, epoch=None):
        if self.finished:
            self.after.step()
        else:
            super().step()


class BatchCounter:
    """As DeepSpeed's: no `last_epoch`, a count that begins below 0."""

    def __init__(self, optimizer):
        self.optimizer, self.last_batch_iteration = optimizer, -1
        self.base = optimizer.param_groups[0]["lr"]
        self._set(0.0)

    def _set(self, factor):
        for group in self.optimizer.param_groups:
            group["lr"] = self.base * factor

    def step(self, last_batch_iteration=None):
        self.last_batch_iteration += 1
        self._set(min(1.0, self.last_batch_iteration / 8))


class Noam:
    """As in the annotated Transformer: it steps the optimizer too."""

    def __init__(self, optimizer):
        self.optimizer, self._step = optimizer, 0

    def step(self):
        self._step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = min(self._step**-0.5, self._step * 8**-1.5)


class Told:
    """As timm's: `step` is told the epoch."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def step(self, epoch, metric=None):
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 * 0.9**epoch


class Drawing(lr_scheduler.LRScheduler):
    def get_lr(self):
        noise = random.random() + np.random.rand() + float(torch.rand(()))
        return [base * noise / (1 + self.last_epoch) for base in self.base_lrs]


def seen(scheduler):
    generators = (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
    )
    groups = [
        {k: v for k, v in g.items() if k != "params"} for g in scheduler.optimizer.param_groups
    ]
    held = {k: v for k, v in vars(scheduler).items() if isinstance(v, int | float | list)}
    return repr((generators, groups, held))
