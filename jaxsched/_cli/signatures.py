"""The constructor calls of a scheduler, in jaxsched and in PyTorch.

PyTorch need not be installed: where it takes the optimizer, jaxsched takes the learning rate, and
every other argument is the same.
"""

import inspect
from typing import Any

# Arguments of PyTorch that jaxsched does not need.
_MORE = {"ChainedScheduler": ["optimizer=None"], "SequentialLR": ["last_epoch=-1"]}
_WITHOUT_OPTIMIZER = {"ChainedScheduler"}


def ours(cls: type) -> str:
    return f"{cls.__name__}({', '.join(_shared(cls))})"


def torchs(cls: type) -> str:
    arguments = [text for text in _shared(cls) if text != "lr"]
    optimizer = [] if cls.__name__ in _WITHOUT_OPTIMIZER else ["optimizer"]
    return f"{cls.__name__}({', '.join(optimizer + arguments + _MORE.get(cls.__name__, []))})"


def own(cls: type) -> list[str]:
    """The arguments that PyTorch does not have."""
    return [_text(p) for p in _parameters(cls) if p.kind is p.KEYWORD_ONLY]


def _shared(cls: type) -> list[str]:
    return [_text(p) for p in _parameters(cls) if p.kind is not p.KEYWORD_ONLY]


def _parameters(cls: type) -> Any:
    return inspect.signature(cls).parameters.values()


def _text(parameter: inspect.Parameter) -> str:
    default = parameter.default
    return parameter.name if default is parameter.empty else f"{parameter.name}={default!r}"
