"""Where an argument of a PyTorch scheduler is found."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .numeric import to_python

State = Mapping[str, Any]
Group = Mapping[str, Any]


class Attribute(NamedTuple):
    """In an attribute of the scheduler."""

    name: str

    def __call__(self, state: State, group: Group, index: int) -> Any:
        return to_python(state[self.name])


class Entry(NamedTuple):
    """In a list with one entry for each parameter group."""

    name: str

    def __call__(self, state: State, group: Group, index: int) -> Any:
        return to_python(state[self.name][index])


class InGroup(NamedTuple):
    """In the optimizer's parameter group."""

    name: str

    def __call__(self, state: State, group: Group, index: int) -> Any:
        return to_python(group[self.name])


Find = Attribute | Entry | InGroup | Callable[[State, Group, int], Any]


def same(*names: str) -> dict[str, Find]:
    """Arguments found in attributes of the same name."""
    return {name: Attribute(name) for name in names}


def in_group(*names: str) -> dict[str, Find]:
    """Arguments found in the optimizer's groups under the same name."""
    return {name: InGroup(name) for name in names}
