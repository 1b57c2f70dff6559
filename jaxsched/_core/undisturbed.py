"""Contexts that leave random generators, classes and modules as they were."""

import contextlib
import random
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .copies import MUTABLE, PLAIN, NotOfTheStep, names_in, private
from .memory import memory


def alone() -> bool:
    """Whether no other thread of Python runs, which may draw random numbers meanwhile."""
    return threading.active_count() == 1


@contextlib.contextmanager
def generators_kept() -> Iterator[None]:
    """Leaves Python's, NumPy's and PyTorch's random generators as they were.

    The process has one of each. Another thread may draw from it meanwhile, and would see the same
    numbers again: while there is one, what a function has drawn is drawn.
    """
    kept: list[tuple[Any, Any]] = [
        (random.getstate, random.setstate),
        (np.random.get_state, np.random.set_state),
    ]
    if torch := sys.modules.get("torch"):
        kept.append((torch.get_rng_state, torch.set_rng_state))
        if torch.cuda.is_initialized():
            kept.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
    before = [(restore, get()) for get, restore in kept]
    try:
        yield
    finally:
        if alone():
            for restore, state in before:
                restore(state)


class _Place(NamedTuple):
    """A name that a method may write to, of its class or its module."""

    owner: Any  # a class, or a module's dict
    name: str
    value: Any
    kept: Any  # a copy

    def put_back(self) -> bool:
        """Restores the value, and tells whether that was needed."""
        now = (
            self.owner.get(self.name)
            if isinstance(self.owner, dict)
            else vars(self.owner)[self.name]
        )
        if now is self.value and memory(now) == memory(self.kept):
            return False
        value = self.value
        if isinstance(value, list):
            value[:] = self.kept
        elif isinstance(value, dict | set):
            value.clear()
            value.update(self.kept)
        elif not isinstance(value, PLAIN):
            value = self.kept
        if isinstance(self.owner, dict):
            self.owner[self.name] = value
        else:
            setattr(self.owner, self.name, value)
        return True


def _places(things: Iterable[Any]) -> Iterator[_Place]:
    for cls in {cls for thing in things for cls in type(thing).__mro__}:
        if cls.__module__.split(".")[0] in ("torch", "builtins", "jaxsched"):
            continue
        owners: list[tuple[Any, list[str]]] = [
            (cls, [name for name in vars(cls) if not name.startswith("__")])
        ]
        for method in vars(cls).values():
            if isinstance(method, types.FunctionType):
                shared = method.__globals__
                owners.append((shared, sorted(names_in(method.__code__) & shared.keys())))
        for owner, names in owners:
            values = owner if isinstance(owner, dict) else vars(owner)
            for name in names:
                if isinstance(values[name], MUTABLE + PLAIN):
                    yield _Place(owner, name, values[name], private(values[name]))


@contextlib.contextmanager
def classes_kept(things: Iterable[Any]) -> Iterator[None]:
    """Leaves what the classes of `things` keep in themselves and in their modules as it was.

    Raises a NotOfTheStep where that was written to: a copy of an object shares it.
    """
    places = list(_places(things))
    written = []
    try:
        yield
    finally:
        written = [place.name for place in places if place.put_back()]
    if written:
        raise NotOfTheStep(
            f"must keep what it remembers in itself, got one that writes to `{written[0]}`, which"
            " its class or its module holds"
        )
