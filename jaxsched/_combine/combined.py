"""Schedules whose rate follows from the rates of others: what Product, clip and join share."""

import operator
from typing import Any

from .._core.past_end import earliest
from .._core.schedule import Derived, Schedule
from .._core.value import evolve
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .param_groups import ParamGroups


class Combined(Derived):
    """Schedules, and numbers, at the same count; a subclass states `_rate`."""

    def _members(self) -> tuple:
        return self.schedules  # type: ignore[attr-defined]

    def _with_members(self, members: tuple) -> Any:
        return evolve(self, schedules=members)

    def _parts(self) -> list[Schedule]:
        return [member for member in self._members() if isinstance(member, Schedule)]

    def _plan(self):
        planned = [
            member._plan() if isinstance(member, Schedule) else (None, member)
            for member in self._members()
        ]
        plans, stand_ins = zip(*planned, strict=True)
        replaced = any(map(operator.is_not, stand_ins, self._members()))
        return plans, self._with_members(stand_ins) if replaced else self

    def _rates(self, count, plan) -> list:
        """The rate of each schedule at `count`, and each number as it is."""
        return [
            member if own is None else member._rate(count, own)
            for member, own in zip(self._members(), plan, strict=True)
        ]

    def _tabulated(self, size):
        members = (x._tabulated(size) if isinstance(x, Schedule) else x for x in self._members())
        return self._with_members(tuple(members))

    def _end(self):
        return earliest([part._end() for part in self._parts()])

    def _undefined_from(self):
        firsts = [part._undefined_from() for part in self._parts()]
        return min((first for first in firsts if first is not None), default=None)


def momentum_of(schedule: Any) -> Schedule | None:
    """The momentum of a schedule, if it cycles one."""
    try:
        return schedule.momentum
    except (AttributeError, ValueError):  # It says that it cycles none.
        return None


def instead_of(member: Any) -> str:
    """What to write for something that is no schedule."""
    if isinstance(member, ReduceLROnPlateau):
        return " A plateau takes a schedule as its `lr` instead."
    if isinstance(member, ParamGroups):
        return " Combine each of its schedules."
    if callable(member):
        return " A function is a schedule with `jaxsched.from_function(function)`."
    return ""
