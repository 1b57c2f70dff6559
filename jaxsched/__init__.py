"""Every PyTorch learning-rate scheduler, in JAX: the same names, arguments and numbers.

Where PyTorch takes the optimizer, jaxsched takes the learning rate. A schedule is an immutable
value and a pure function of the step count, so it goes wherever Optax takes one:

    optax.adam(jaxsched.CosineAnnealingLR(0.1, T_max=5000))

Twelve ways in:

- `StepLR`, `CosineAnnealingLR`, `OneCycleLR`, ...: PyTorch's sixteen schedulers by their names
- `ChainedScheduler`, `SequentialLR`, `a * b`: schedules of schedules
- `per_epoch(schedule, steps_per_epoch)`: for a loop that steps once an epoch (Optax counts updates)
- `from_torch(scheduler)`, `from_torch_state_dict(...)`: a live scheduler, or a checkpoint
- `to_torch(schedule, optimizer)`: and back
- `ParamGroups`: one schedule for each parameter group
- `current_lr(opt_state)`, `log_rates(opt_state)`, `fast_forward(opt_state, count)`: the rate now,
  also for logs; resume at a count
- `Schedule`, `static`: the base class, for a curve of your own
- `Ramp`, `join`, `clip`, `from_function`, `jaxsched.transformers.get_scheduler`, ...: recipes
- `stack(schedules)`, `tabulate(schedule, num_steps)`: a sweep as one schedule; a lookup table
- `record(scheduler, num_steps)`, `Trace`, `compare`, `report`, `jaxsched.testing`: proof
- `plot(schedule, ...)`: a picture; a notebook shows one by itself

On the command line: `jaxsched check`, `list`, `show`, `plot`, `record`, `report`.
"""

import typing as _typing

from . import _interrupt as _interrupt
from ._combine.clip import clip
from ._combine.counts import delay, per_batches, per_epoch, per_update, skip
from ._combine.from_function import from_function, from_rates
from ._combine.join import join
from ._combine.param_groups import ParamGroups
from ._combine.product import Product
from ._combine.ramp import Ramp
from ._combine.stack import stack
from ._combine.tabulate import tabulate
from ._core.fields import static
from ._core.schedule import Schedule
from ._optax import current_lr, fast_forward, log_rates
from ._schedulers import RECIPES as _RECIPES
from ._schedulers.chained_scheduler import ChainedScheduler
from ._schedulers.constant_lr import ConstantLR
from ._schedulers.cosine_annealing_lr import CosineAnnealingLR
from ._schedulers.cosine_annealing_warm_restarts import CosineAnnealingWarmRestarts
from ._schedulers.cyclic_lr import CyclicLR
from ._schedulers.exponential_lr import ExponentialLR
from ._schedulers.lambda_lr import LambdaLR
from ._schedulers.linear_lr import LinearLR
from ._schedulers.multi_step_lr import MultiStepLR
from ._schedulers.multiplicative_lr import MultiplicativeLR
from ._schedulers.one_cycle_lr import OneCycleLR
from ._schedulers.plateau_flows import PlateauState
from ._schedulers.polynomial_lr import PolynomialLR
from ._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from ._schedulers.sequential_lr import SequentialLR
from ._schedulers.step_lr import StepLR
from ._schedulers.swalr import SWALR


def _html(value: _typing.Any) -> str | None:
    from ._plot.notebook import html_of

    return html_of(value)


# What a notebook shows. It is set from outside, as `_core` knows neither values nor pictures.
for _cls in (Schedule, ParamGroups, ReduceLROnPlateau):
    _cls._repr_html_ = _html  # type: ignore[union-attr]

if _typing.TYPE_CHECKING:
    from . import cosine_annealing_warmup as cosine_annealing_warmup
    from . import deepspeed as deepspeed
    from . import detectron2 as detectron2
    from . import diffusers as diffusers
    from . import espnet as espnet
    from . import fairseq as fairseq
    from . import fairseq2 as fairseq2
    from . import megatron as megatron
    from . import mmengine as mmengine
    from . import nemo as nemo
    from . import olmo as olmo
    from . import pl_bolts as pl_bolts
    from . import pytorch_warmup as pytorch_warmup
    from . import timm as timm
    from . import torchtitan as torchtitan
    from . import transformers as transformers
    from ._plot.plot import plot
    from ._report.report import report
    from ._text.config import from_config, to_config
    from ._torch.from_lightning import from_lightning
    from ._torch.from_torch import current_count, from_torch
    from ._torch.state_dict import from_torch_state_dict
    from ._torch.to_torch import to_torch
    from ._traces.compare import compare
    from ._traces.record import record
    from ._traces.trace import Trace
else:
    # Loaded on first use: conversion, traces and recipes take as long as all the rest.
    _LAZY = {
        "from_config": "_text.config",
        "to_config": "_text.config",
        "from_lightning": "_torch.from_lightning",
        "current_count": "_torch.from_torch",
        "from_torch": "_torch.from_torch",
        "from_torch_state_dict": "_torch.state_dict",
        "to_torch": "_torch.to_torch",
        "report": "_report.report",
        "plot": "_plot.plot",
        "compare": "_traces.compare",
        "record": "_traces.record",
        "Trace": "_traces.trace",
        **{library: library for library in _RECIPES},
    }

    def __getattr__(name):
        from importlib import import_module

        if name not in _LAZY:
            raise AttributeError(f"module 'jaxsched' has no attribute {name!r}")
        module = import_module(f"jaxsched.{_LAZY[name]}")
        value = module if name == _LAZY[name] else getattr(module, name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted({*globals(), *_LAZY})


__version__ = "0.1.0"

__all__ = [  # noqa: RUF022
    # PyTorch's schedulers
    "LambdaLR",
    "MultiplicativeLR",
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "LinearLR",
    "ExponentialLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "OneCycleLR",
    "SWALR",
    "ChainedScheduler",
    "SequentialLR",
    "ReduceLROnPlateau",
    "PlateauState",
    # schedules of schedules
    "Product",
    "Ramp",
    "clip",
    "join",
    "from_function",
    "from_rates",
    "per_epoch",
    "per_batches",
    "per_update",
    "delay",
    "skip",
    "ParamGroups",
    "stack",
    "tabulate",
    "Schedule",
    "static",
    # Optax
    "current_lr",
    "log_rates",
    "fast_forward",
    # PyTorch
    "from_torch",
    "from_torch_state_dict",
    "from_lightning",
    "current_count",
    "to_torch",
    # configs and traces
    "to_config",
    "from_config",
    "record",
    "Trace",
    "compare",
    "report",
    # pictures
    "plot",
]
