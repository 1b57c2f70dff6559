"""What an object remembers, as something that compares by value."""

import collections
import functools
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from .copies import MUTABLE, PLAIN, names_in


def memory(thing: Any, seen: dict[int, tuple[int, Any]] | None = None) -> Any:
    """All that a thing remembers, as nested lists of numbers and strings that compare by value.

    It goes where `private` goes: attributes, containers, closures, defaults, mutable globals.
    What it has `seen`, by id, it replaces by its number.
    """
    seen = {} if seen is None else seen
    if isinstance(thing, PLAIN):
        return "nan" if thing != thing else thing
    if isinstance(thing, type | types.ModuleType | types.CodeType):
        return None
    if id(thing) in seen:
        return f"<{seen[id(thing)][0]}>"
    if not isinstance(thing, _UNSHARED):
        seen[id(thing)] = len(seen), thing  # alive, so that no other thing gets its id
    if hasattr(thing, "tolist"):
        size = thing.numel() if hasattr(thing, "numel") else np.size(thing)
        return repr(thing.tolist() if size <= _LARGE else thing.shape)
    return [memory(item, seen) for item in _held(thing)]


_UNSHARED = (tuple, types.MethodType, types.BuiltinMethodType, functools.partial)  # new in a copy
_LARGE = 100_000


def _held(thing: Any) -> list:
    """What a thing consists of."""
    if isinstance(thing, dict):
        return [*map(repr, thing), *thing.values()]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or () if _is_full(cell)]
        module = thing.__globals__
        names = sorted(names_in(thing.__code__) & module.keys())
        written = [module[name] for name in names if isinstance(module[name], MUTABLE + PLAIN)]
        return [*cells, thing.__defaults__, thing.__kwdefaults__, vars(thing), *written]
    if isinstance(thing, types.MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, list | tuple | collections.deque):
        return list(thing)
    if hasattr(thing, "__dict__") and not isinstance(thing, Iterator):
        return [vars(thing)]
    try:  # an iterator, a generator of random numbers, an object with slots
        return [item for item in thing.__reduce_ex__(4)[1:] if not callable(item)]
    except Exception:
        return []  # a lock, a file


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
