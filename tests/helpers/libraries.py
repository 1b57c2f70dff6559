"""Modules of libraries, loaded alone: without what else these import, which need not be there.

python tests/helpers/libraries.py nemo    # records the traces of these libraries again
"""

import importlib.util
import inspect
import sys
import types
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from jaxsched import Trace, to_config
from jaxsched._torch.to_torch import torch_call
from jaxsched._traces.trace import SHIPPED, save_traces


class _Stub:
    """Takes whatever it is called with; as a decorator, it changes nothing."""

    def __new__(cls, *given, **_):
        return given[0] if given and inspect.isfunction(given[0]) else object.__new__(cls)

    def __init__(self, *_, **__):
        pass

    def __call__(self, decorated):
        return decorated


class _Anything(types.ModuleType):
    """A module that has whatever is imported from it; none of it is called with effect."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Stub,), {})


def alone(module, *stubs, **members):
    """The library's `module`, with `stubs` in place of modules that it imports; else skips.

    Each stub has the `members`, and whatever else is imported from it.

    It stays in `sys.modules`, so that what imports it by its name finds it.
    """
    pytest.importorskip("torch")
    if module in sys.modules:
        return sys.modules[module]
    file = _file(module)
    if file is None:
        pytest.skip(f"{module} is not installed")
    spec = importlib.util.spec_from_file_location(module, file)
    loaded = importlib.util.module_from_spec(spec)
    before = {name: sys.modules.get(name) for name in stubs}
    sys.modules.update({name: _Anything(name) for name in stubs})
    for name in stubs:
        vars(sys.modules[name]).update(members)
    try:
        spec.loader.exec_module(loaded)
    finally:
        for name, kept in before.items():
            sys.modules.pop(name)
            if kept is not None:
                sys.modules[name] = kept
    sys.modules[module] = loaded
    return loaded


def _file(module):
    top, *inner = module.split(".")
    found = importlib.util.find_spec(top)
    for root in found.submodule_search_locations or () if found else ():
        path = Path(root, *inner)
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.exists():
                return file
    return None


def is_there(name):
    """Whether a library is installed."""
    return _file(ALONE[name][0][0]) is not None


def library(name):
    """The module of a library with its schedulers."""
    loaded = [alone(*module) for module in ALONE[name]]
    if name == "fairseq":
        base = loaded[0].FairseqLRScheduler
        loaded += [alone(*file, FairseqLRScheduler=base) for file in _OF_FAIRSEQ]
    return loaded[-1]


NEMO = (
    "nemo.core.optim.lr_scheduler", "omegaconf", "nemo", "nemo.core", "nemo.core.optim",
    "nemo.core.classes", "nemo.core.classes.common", "nemo.core.config",
    "nemo.core.config.schedulers", "nemo.utils", "nemo.utils.model_utils",
)  # fmt: skip
_OF_FAIRSEQ2 = ["lr_scheduler", "cosine_annealing", "myle", "noam", "polynomial_decay", "tri_stage"]
FAIRSEQ2 = [(f"fairseq2.optim.lr_schedulers.{name}",) for name in _OF_FAIRSEQ2]
FAIRSEQ2 += [("fairseq2.optim.lr_schedulers",)]
_HOME = "fairseq.optim.lr_scheduler"
_STUBS = ("omegaconf", "fairseq", "fairseq.dataclass", "fairseq.dataclass.utils", "fairseq.optim")
FAIRSEQ = [(f"{_HOME}.fairseq_lr_scheduler", *_STUBS)]
_OF_FAIRSEQ = [
    (f"{_HOME}.{name}", *_STUBS, _HOME)
    for name in (
        "inverse_square_root_schedule", "polynomial_decay_schedule", "tri_stage_lr_scheduler",
        "cosine_lr_scheduler", "fixed_schedule", "step_lr_scheduler", "triangular_lr_scheduler",
    )
]  # fmt: skip
_FILES_OF_ESPNET = [
    "abs_scheduler", "warmup_lr", "noam_lr", "piecewise_linear_warmup_lr", "tristage_lr",
    "warmup_step_lr", "cosine_anneal_warmup_restart", "exponential_decay_warmup",
]  # fmt: skip
ESPNET = [(f"espnet2.schedulers.{name}", "typeguard") for name in _FILES_OF_ESPNET]
PL_BOLTS = (
    "pl_bolts.optimizers.lr_scheduler", "pl_bolts", "pl_bolts.optimizers", "pl_bolts.utils",
    "pl_bolts.utils.stability",
)  # fmt: skip
ALONE = {
    "espnet": ESPNET,
    "nemo": [NEMO],
    "fairseq2": FAIRSEQ2,
    "fairseq": FAIRSEQ,
    "pl_bolts": [PL_BOLTS],
}  # in the order in which they import each other


def versioned(distribution):
    """A library's name and version, as traces have it."""
    return f"{distribution} {version(distribution)}"


def trace_of(schedule, source, counts, rates, momenta=None, call=None, optimizer="Adam"):
    """A trace of rates of a library that `jaxsched.record` does not step."""
    import torch

    return Trace(
        torch=torch.__version__.split("+")[0],
        call=call or torch_call(schedule),
        optimizer=optimizer,
        counts=np.asarray(counts),
        lr=rates,
        momentum=momenta,
        schedule=to_config(schedule),
        library=source,
    )


def save_recorded(recorded):
    """Writes the traces of the libraries that the command line names, or of all."""
    for name in sys.argv[1:] or recorded:
        save_traces(list(recorded[name]()), SHIPPED / f"{name}.jsonl")


if __name__ == "__main__":
    from jaxsched._traces.cases import main

    for recorded in sys.argv[1:]:
        library(recorded)
    main(*sys.argv[1:])
