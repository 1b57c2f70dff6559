"""fairseq's own schedulers, which only a config and an optimizer of fairseq's can build."""

import importlib
from typing import Any

from .._torch.of_fairseq import CLASSES

_FILES = {
    "inverse_sqrt": ("inverse_square_root_schedule", "InverseSquareRootLRScheduleConfig"),
    "polynomial_decay": ("polynomial_decay_schedule", "PolynomialDecayLRScheduleConfig"),
    "tri_stage": ("tri_stage_lr_scheduler", "TriStageLRScheduleConfig"),
    "cosine": ("cosine_lr_scheduler", "CosineLRScheduleConfig"),
    "fixed": ("fixed_schedule", "FixedLRScheduleConfig"),
    "step": ("step_lr_scheduler", "StepLRScheduleConfig"),
    "triangular": ("triangular_lr_scheduler", "TriangularLRScheduleConfig"),
}


def build_fairseqs(schedule: Any, optimizer: Any) -> Any:
    """The live scheduler of the same arguments, stepped by `step_update`."""
    name = type(schedule).__name__
    file, config = _FILES[name]
    home = "fairseq.optim.lr_scheduler"
    module = importlib.import_module(f"{home}.{file}")
    base: Any = importlib.import_module(f"{home}.fairseq_lr_scheduler").FairseqOptimizer

    class Wrapped(base):  # type: ignore[misc]
        param_groups = optimizer.param_groups

        def __init__(self):
            """Takes no config."""

        def get_lr(self):
            return self.param_groups[0]["lr"]

        def set_lr(self, lr):
            for group in self.param_groups:
                group["lr"] = lr

    given = {
        field.name: getattr(schedule, field.name)
        for field in schedule._field_table
        if field.name != "lr"
    }
    cls = next(cls for cls, ours in CLASSES.items() if ours == name)
    return getattr(module, cls)(getattr(module, config)(lr=[schedule.lr], **given), Wrapped())
