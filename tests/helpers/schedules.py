"""One schedule of each kind, for the tests that hold for all of them."""

import json

import numpy as np

import jaxsched as js
from jaxsched._core.schedule import without_warnings
from jaxsched._core.table import Table
from jaxsched._schedulers.recipe import OfLibrary, Recipe
from jaxsched._text.expression import Expression
from jaxsched._traces.trace import SHIPPED


class InverseSquareRoot(js.Schedule):
    """A user's own schedule."""

    lr: float
    warmup: float = 4.0

    def curve(self, t):
        return self.lr / (1.0 + t / self.warmup) ** 0.5


def decay(step):
    return 0.9**step


LR = 0.1
EXPONENTIAL = js.ExponentialLR(LR, 0.9)
COSINE = js.CosineAnnealingLR(LR, 7)
SINGLES = {
    "LambdaLR": js.LambdaLR(LR, decay),
    "MultiplicativeLR": js.MultiplicativeLR(LR, decay, total_steps=40),
    "StepLR": js.StepLR(LR, 5, 0.5),
    "MultiStepLR": js.MultiStepLR(LR, [3, 9], 0.5),
    "ConstantLR": js.ConstantLR(LR, 0.5, 4),
    "LinearLR": js.LinearLR(LR, 0.3, 0.9, 8),
    "ExponentialLR": EXPONENTIAL,
    "PolynomialLR": js.PolynomialLR(LR, 30, 2.0),
    "CosineAnnealingLR": js.CosineAnnealingLR(LR, 7, 0.01),
    "CosineAnnealingWarmRestarts": js.CosineAnnealingWarmRestarts(LR, 3, 2, 0.01),
    "CyclicLR": js.CyclicLR(0.01, LR, 3, 4, "exp_range", 0.95),
    "CyclicLR-function": js.CyclicLR(0.01, LR, 3, scale_fn=decay),
    "OneCycleLR": js.OneCycleLR(LR, 60),
    "OneCycleLR-linear": js.OneCycleLR(LR, 60, anneal_strategy="linear", three_phase=True),
    "SWALR": js.SWALR(LR, 0.05, 6),
}
DERIVED = {
    "own": InverseSquareRoot(LR),
    "resumed": js.StepLR(LR, 5, 0.5, last_epoch=6, initial_lr=0.2),
    "expression": js.LambdaLR(LR, Expression("min(1, (step + 1) / 10)")),
    "chain": js.ChainedScheduler([js.LinearLR(LR, 0.3, 0.9, 8), EXPONENTIAL]),
    "chain-wave": js.ChainedScheduler([js.LinearLR(LR, 0.3, 0.9, 8), COSINE, EXPONENTIAL]),
    "chain-overwritten": js.ChainedScheduler([js.LambdaLR(LR, decay), EXPONENTIAL]),
    "chain-table": js.ChainedScheduler(
        [EXPONENTIAL, js.CosineAnnealingLR(LR, 7, 0.01)], total_steps=40
    ),
    "sequence": js.SequentialLR([js.LinearLR(LR, 0.3, 1.0, 5), EXPONENTIAL, COSINE], [5, 11]),
    "sequence-continuing": js.SequentialLR([EXPONENTIAL, js.SWALR(LR, 0.05, 6)], [5]),
    "sequence-nested": js.SequentialLR(
        [
            js.SequentialLR([js.LinearLR(LR, 0.3, 1.0, 5), EXPONENTIAL], [5]),
            js.ChainedScheduler([js.StepLR(LR, 4), COSINE]),
        ],
        [12],
    ),
    "product": js.LinearLR(1.0, 0.3, 0.9, 8) * COSINE * 0.5,
    "per_epoch": js.per_epoch(EXPONENTIAL, 3),
    "per_batches": js.per_batches(COSINE, 3, 5),
    "ramp": js.Ramp(0.0, LR, 7),
    "clip": js.clip(COSINE, 0.02, 0.09),
    "join": js.join(
        [js.Ramp(0.01, LR, 5, "sqrt"), EXPONENTIAL, js.ExponentialLR(LR, 0.8)], [5, 11]
    ),
    "from_function": js.from_function(decay),
    "momentum": js.OneCycleLR(LR, 60).momentum,
    "table": js.tabulate(EXPONENTIAL, 40),
    "table-in-a-sequence": js.SequentialLR(
        [Table(np.linspace(LR, 0.0, 40), momenta=np.linspace(0.9, 0.8, 40)), EXPONENTIAL], [7]
    ),
}
SCHEDULES = SINGLES | DERIVED


def is_torchs(schedule):
    """Whether PyTorch runs it as a scheduler of its own.

    Two clocks are two calls of `step` in a loop, and other libraries have classes of their own.
    """
    member = schedule[0] if isinstance(schedule, js.ParamGroups) else schedule
    parts = [member, *getattr(schedule, "schedulers", ())]
    of_library = isinstance(member, OfLibrary) and not isinstance(member, Recipe)
    return not of_library and not any(hasattr(part, "_count_map") for part in parts)


def one_of_each_class():
    """The first schedule of each class, PyTorch's and other libraries', in the shipped traces."""
    found = {}

    def look(config):
        if isinstance(config, dict) and "class" in config:
            found.setdefault(config["class"], config)
        for part in config.values() if isinstance(config, dict) else config:
            if isinstance(part, dict | list):
                look(part)

    for path in sorted(SHIPPED.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            look(json.loads(line)["schedule"] or {})
    with without_warnings():
        return [js.from_config(config) for config in found.values()]
