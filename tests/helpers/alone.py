"""Files of libraries that need too much to be imported whole: each is loaded alone.

    PYTHONPATH=<where the libraries are> python tests/helpers/alone.py    # records their traces

A library is where it would be imported from, but its packages are not run. Without it the tests
skip.
"""

import importlib.util
import logging
import sys
import types
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxsched import Trace, deepspeed, to_config
from jaxsched._torch.to_torch import build, momentum_in, torch_call
from jaxsched._traces.cases import LONG, SPARSE
from jaxsched._traces.trace import SHIPPED, save_traces

LR = 0.1


def _stub(name, **members):
    """A package, or a module of it, that is not run."""
    if name not in sys.modules:
        sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


def load(name, **stubs):
    """The module of that name, in a package that is not run; `stubs` are what it imports of it."""
    pytest.importorskip("torch")
    if name in sys.modules:
        return sys.modules[name]
    package, *inner = name.split(".")
    found = importlib.util.find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed")
    root = Path(next(iter(found.submodule_search_locations)))
    for module, members in stubs.items():
        _stub(module, **members)
    spec = importlib.util.spec_from_file_location(name, root.joinpath(*inner).with_suffix(".py"))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of_deepspeed():
    quiet = logging.getLogger("deepspeed")
    quiet.setLevel(logging.ERROR)
    return load("deepspeed.runtime.lr_schedules", **{"deepspeed.utils": {"logger": quiet}})


def adam(rates=(LR,)):
    torch = pytest.importorskip("torch")
    return torch.optim.Adam([{"params": [torch.zeros(1)], "lr": lr} for lr in rates], lr=LR)


def stepped(scheduler, steps):
    """The rates that a scheduler sets, and the momenta, from count 0 on, of its first group."""
    group, rates, momenta = scheduler.optimizer.param_groups[0], [], []
    for _ in range(steps):
        rates.append(group["lr"])
        momenta.append(momentum_in(group))
        scheduler.step()
    return np.array(rates), np.array(momenta)


WARM = {"warmup_num_steps": 6}
DEEPSPEED = [
    deepspeed.WarmupLR(LR),
    deepspeed.WarmupLR(LR, 0.01, **WARM),
    deepspeed.WarmupLR(LR, 0.01, 0.3, **WARM, warmup_type="linear"),
    deepspeed.WarmupLR(LR, warmup_num_steps=1),
    deepspeed.WarmupDecayLR(40, **WARM),
    deepspeed.WarmupDecayLR(40, 0.01, LR, **WARM, warmup_type="linear"),
    deepspeed.WarmupDecayLR(6, 0.01, LR, **WARM),
    deepspeed.WarmupCosineLR(LR, 40, **WARM),
    deepspeed.WarmupCosineLR(LR, 40, 0.2, 6, 0.1, "linear"),
    deepspeed.WarmupCosineLR(LR, 6, **WARM),
    deepspeed.OneCycle(0.01, LR, cycle_first_step_size=9),
    deepspeed.OneCycle(0.01, LR, 0.5, 9, 14, 3, 7, decay_step_size=4, decay_mom_rate=0.01),
    deepspeed.OneCycle(0.0, LR, 0.5, 2.5, 4, decay_step_size=1.5, cycle_momentum=False),
    deepspeed.OneCycle(0.01, LR, 0.1, 9, 0, decay_step_size=2, cycle_min_mom=0.7),
    deepspeed.LRRangeTest(1e-3, 7, 0.5),
    deepspeed.LRRangeTest(1e-3, 7, 0.5, lr_range_test_staircase=True),
]
DEEPSPEED_LONG = [
    deepspeed.WarmupCosineLR(5e-4, 95_000, warmup_num_steps=2_000),
    deepspeed.OneCycle(1e-5, 5e-4, 0.3, 20_000, 40_000, decay_step_size=1_000),
]


def _trace(schedule, library, counts, rates, momenta=None):
    import torch

    return Trace(
        torch=torch.__version__.split("+")[0],
        call=torch_call(schedule),
        optimizer="Adam",
        counts=np.asarray(counts),
        lr=rates,
        momentum=momenta,
        schedule=to_config(schedule),
        library=f"{library} {version(library)}",
    )


def deepspeeds():
    of_deepspeed()
    for counts, schedules in ((range(60), DEEPSPEED), (SPARSE, DEEPSPEED_LONG)):
        steps = 60 if len(counts) == 60 else LONG
        for schedule in schedules:
            rates, momenta = (x[counts] for x in stepped(build(schedule, adam()), steps))
            cycled = getattr(schedule, "cycle_momentum", False)
            yield _trace(schedule, "deepspeed", counts, rates, momenta if cycled else None)


RECORDED = {"deepspeed": deepspeeds}


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", False)
    for name in sys.argv[1:] or RECORDED:
        save_traces(list(RECORDED[name]()), SHIPPED / f"{name}.jsonl")
