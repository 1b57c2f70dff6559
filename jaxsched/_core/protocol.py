"""Symbolic run of PyTorch's scheduler protocol: which scheduler steps when.

In PyTorch schedulers share an optimizer: building one writes into its parameter group, a
SequentialLR takes back its parts' first steps, resets the rate and starts one of them anew, and
each scheduler has its own `last_epoch`, here its clock. `play` runs all that once, without rates,
and jumps from one milestone to the next. The result is a short list of phases. A phase states from
which count on it holds, what is done to the rate at that count (`moves`), and which schedulers
step from then on, with their clocks. The phases determine the rate at any count.
"""

import bisect
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from typing import Any, NamedTuple

import jax

from .count_map import Clock, CountMap, PeriodicMap, advance, shared
from .number import is_concrete
from .past_end import End
from .value import evolve


@jax.tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True)
class Move:
    """One change of the group's rate: `schedule.kind(clock)`.

    `value` itself if kind is "set"; the `value` steps up to `clock` if it is "advance".
    """

    kind: str
    schedule: Any = None
    clock: Any = None
    value: Any = None

    def tree_flatten(self):
        if self.kind == "start":  # at a clock that follows from a static `last_epoch`
            return (self.schedule, self.value), (self.kind, self.clock)
        return (self.schedule, self.value, self.clock), (self.kind,)

    @classmethod
    def tree_unflatten(cls, aux, children):
        kind, *clock = aux
        schedule, value, *traced = children
        return cls(kind, schedule, *clock, *traced, value)


class Phase(NamedTuple):
    """A stretch of counts in which the same schedulers step, in the same order."""

    start: Any  # the count it begins at
    moves: list[Move]  # what is done to the rate at that count
    parts: tuple  # the schedulers that step from then on
    clocks: tuple  # where each one's clock stands at `start`
    at_zero: tuple | None = None  # (moves, clocks) instead, should a traced `start` be 0
    maps: tuple = ()  # how the steps of all parts follow from the counts, if not one by one

    @property
    def mixed(self) -> bool:
        """Whether the parts step at different counts."""
        return any(clock.maps for clock in self.clocks)

    @property
    def parts_and_clocks(self) -> tuple:
        return self.parts, self.clocks, self.maps

    @property
    def clocks_by_count(self) -> list[Clock]:
        """The clocks as they go on with the counts of this schedule."""
        return [Clock(clock.reading, (*self.maps, *clock.maps)) for clock in self.clocks]

    def steps_to(self, count):
        """How many steps all parts have taken at `count`."""
        return advance(self.maps, count - self.start)


class Group:
    """What PyTorch keeps in a parameter group: here the rate is a tape of moves."""

    def __init__(self, lr, initial_lr, tape: list[Move]):
        self.lr, self.initial_lr, self.tape = lr, initial_lr, tape
        self.shared: dict[type, dict[str, Any]] = {}
        self.set_lr(lr)

    def set_lr(self, value) -> None:
        self.lr = value
        self.tape.append(Move("set", value=value))

    def share(self, cls: type, schedule, names) -> None:
        """Writes arguments of `schedule` to where all schedulers of class `cls` read theirs."""
        values = self.shared.setdefault(cls, {})
        values.update({name: getattr(schedule, name) for name in names})

    def with_shared(self, schedule):
        """The schedule with the arguments that its class reads here."""
        values = self.shared.get(type(schedule), {})
        if all(getattr(schedule, name) is value for name, value in values.items()):
            return schedule
        return evolve(schedule, **values)

    def set_default_initial_lr(self) -> None:
        if self.initial_lr is None:
            self.initial_lr = self.lr


class Part:
    """A single scheduler at work; `clock` is its `last_epoch`.

    Where a scheduler is built, started or restarted in a way of its own, it has a subclass.
    """

    next_milestone = None

    def __init__(self, schedule, group: Group):
        self.schedule, self.group, self.clock = schedule, group, schedule._begun
        shown = self.attach()
        self.clock = self.first_clock()
        self._move("start", shown)

    def attach(self):
        """Builds `schedule` on the group; returns the one that the first step shows."""
        self.group.set_default_initial_lr()
        return self.schedule

    def first_clock(self):
        """The clock after PyTorch's `_initial_step`."""
        return self.clock + 1

    def now(self):
        """The schedule with the arguments that it has at this moment."""
        return self.schedule

    def _move(self, kind, schedule=None):
        self.group.tape.append(Move(kind, schedule or self.now(), self.clock))

    def initial_step(self):
        self.clock = self.first_clock()
        self._move("start")

    def step(self):
        self.clock += 1
        self._move("step")

    def restart(self):
        self.clock = 0
        self._move("restart")

    def rewind(self):
        self.clock -= 1

    def skip(self, count: int):
        self.clock += count

    def advance(self, number):
        """Takes `number` steps at one count."""
        if is_concrete(number) and number <= 1:
            return self.step() if number else None
        self.clock += number
        self.group.tape.append(Move("advance", self.now(), self.clock, number))

    def active(self):
        return [(self.now(), Clock(self.clock))]


class CarryingPart(Part):
    """One that goes on from the optimizer's rate, and finds its base rate in the group."""

    def attach(self):
        super().attach()
        if self.schedule.initial_lr is None:
            self.schedule = evolve(self.schedule, initial_lr=self.group.initial_lr)
        return self.schedule


class OwnClockPart(CarryingPart):
    """One that counts its steps itself, so that SequentialLR neither rewinds nor resets them."""

    def restart(self):
        self._move("restart")

    def rewind(self):
        pass


class Chain:
    """A ChainedScheduler at work: a step of it is one of each part, in order."""

    def __init__(self, schedules, group: Group, table_size):
        self.schedules, self.group, self.table_size = schedules, group, table_size
        self.parts = [schedule._live(group, table_size) for schedule in schedules]

    def step(self):
        for part in self.parts:
            part.step()

    initial_step = step  # PyTorch's `_initial_step` is an ordinary step here

    def restart(self):
        # PyTorch raises here. What was meant: built now, on an optimizer at the initial rate.
        self._build_anew(Group(self.group.initial_lr, self.group.initial_lr, self.group.tape))

    def _build_anew(self, group):
        Chain.__init__(self, self.schedules, group, self.table_size)

    def rewind(self):
        for part in self.parts:
            part.rewind()

    def skip(self, count: int):
        for part in self.parts:
            part.skip(count)

    def advance(self, number):
        for _ in range(number):
            self.step()

    def active(self):
        return [pair for part in self.parts for pair in part.active()]

    @property
    def next_milestone(self):
        return min((m for p in self.parts if (m := p.next_milestone) is not None), default=None)


class Sequence(Chain):
    """A SequentialLR at work; `clock` is its own `last_epoch`."""

    def __init__(self, schedules, milestones: Seq[int], group: Group, table_size):
        super().__init__(schedules, group, table_size)
        self.milestones, self.clock = milestones, 0
        group.set_lr(group.initial_lr)
        for part in self.parts:
            part.rewind()
        self._current().initial_step()

    def _index(self) -> int:
        return bisect.bisect_right(self.milestones, self.clock)

    def _current(self):
        return self.parts[self._index()]

    def step(self):
        self.clock += 1
        if bisect.bisect_left(self.milestones, self.clock) < self._index():
            self._current().restart()
        else:
            self._current().step()

    initial_step = step

    def _build_anew(self, group):
        Sequence.__init__(self, self.schedules, self.milestones, group, self.table_size)

    def skip(self, count: int):
        self.clock += count
        self._current().skip(count)

    def active(self):
        return self._current().active()

    @property
    def next_milestone(self):
        """In how many steps something else than the current part's step happens."""
        own = [m - self.clock for m in self.milestones[self._index() : self._index() + 1]]
        inner = self._current().next_milestone
        return min(own + ([] if inner is None else [inner]), default=None)


class Paced:
    """A scheduler at work whose steps follow from the counts by a map, as those of an epoch do."""

    def __init__(self, schedule, count_map: CountMap | PeriodicMap, group: Group, table_size):
        self.schedule, self.count_map, self.group = schedule, count_map, group
        self.table_size = None if table_size is None else count_map(table_size - 1) + 1
        self._build()

    def _build(self):
        self.clock = 0
        self.inner = self.schedule._live(self.group, self.table_size)
        self.inner.advance(self.count_map(0))

    def step(self):
        self.inner.advance(self._steps(1))
        self.clock += 1

    def advance(self, number):
        self.inner.advance(self._steps(number))
        self.clock += number

    def skip(self, count: int):
        self.inner.skip(self._steps(count))
        self.clock += count

    def _steps(self, count):
        return advance([(self.count_map, self.clock)], count)

    def initial_step(self):
        if self.count_map.shifts:
            return self._build()  # A scheduler in its middle has no first step to take again.
        self.inner.initial_step()

    def rewind(self):
        if not self.count_map.shifts:
            self.inner.rewind()

    def restart(self):
        self.clock = 0
        self.inner.restart()
        self.inner.advance(self.count_map(0))

    def active(self):
        return [(schedule, self._mapped(clock)) for schedule, clock in self.inner.active()]

    def _mapped(self, clock: Clock) -> Clock:
        if self.count_map.shifts:
            return clock
        return Clock(clock.reading, ((self.count_map, self.clock), *clock.maps))

    @property
    def next_milestone(self):
        inner = self.inner.next_milestone
        if inner is None:
            return None
        return self.count_map.first(self.count_map(self.clock) + inner) - self.clock


def _phase(start, tape: list[Move], live) -> Phase:
    parts, clocks = zip(*live.active(), strict=True)
    maps = shared(clocks)
    clocks = tuple(Clock(clock.reading, clock.maps[len(maps) :]) for clock in clocks)
    return Phase(start, list(tape), parts, clocks, maps=maps)


def play(schedule) -> list[Phase]:
    """The phases of `schedule`, in order."""
    tape: list[Move] = []
    lr, initial_lr = schedule._carried() or (None, None)
    group = Group(lr, initial_lr, tape)
    if getattr(schedule, "_has_traced_milestones", False):
        return _play_traced_milestones(schedule, group)
    live, count, phases = schedule._live(group, schedule._table_size()), 0, []
    while True:
        phases.append(_phase(count, tape, live))
        tape.clear()
        if live.next_milestone is None:
            return phases
        count += live.next_milestone
        _to_milestone(live)


def _to_milestone(live) -> None:
    live.skip(live.next_milestone - 1)
    live.step()


def parts_at(schedule, count: int) -> list[Part]:
    """The single schedulers of `schedule` as they stand at `count`, in the order of building."""
    lr, initial_lr = schedule._carried() or (None, None)
    live = schedule._live(Group(lr, initial_lr, []), None)
    while live.next_milestone is not None and live.next_milestone <= count:
        count -= live.next_milestone
        _to_milestone(live)
    live.skip(count)
    return list(_parts(live))


def _parts(live) -> Iterator[Part]:
    if isinstance(live, Part):
        yield live
        return
    for part in [live.inner] if isinstance(live, Paced) else live.parts:
        yield from _parts(part)


def _play_traced_milestones(schedule, group: Group) -> list[Phase]:
    """The phases of a sequence of single schedulers whose milestones may be traced.

    The order of the parts is concrete, the counts need not be; a milestone that turns out to be 0
    makes its part the one that the sequence starts with.
    """
    tape, phases = group.tape, []
    lives = [part._live(group, schedule._table_size()) for part in schedule.schedulers]
    built = list(tape)
    for index, live in enumerate(lives):
        live.rewind()
        tape.clear()
        group.set_lr(group.initial_lr)
        live.initial_step()
        begun = _phase(0, tape, live)
        if index == 0:
            phases.append(begun._replace(moves=[*built, *begun.moves]))
            continue
        tape.clear()
        live.restart()
        restarted = _phase(schedule.milestones[index - 1], tape, live)
        phases.append(restarted._replace(at_zero=(begun.moves, begun.clocks)))
    return phases


def end(schedule, phases: list[Phase]) -> End | None:
    """Where PyTorch would raise: some part has no further step there."""
    if len(phases) == 1 and len(phases[0].parts) == 1:
        own = phases[0].parts[0]._last_step()  # traced, it is still a bound for checkify
        clock = phases[0].clocks_by_count[0]
        return None if own is None else own.through(clock.at, clock.when)
    stops = [phase.start for phase in phases[1:]]
    for phase, stop in zip(phases, [*stops, None], strict=True):
        lasts = {
            phase.start + clock.when(own.last + 1) - 1: own
            for part, clock in zip(phase.parts, phase.clocks_by_count, strict=True)
            if (own := part._last_step()) is not None
            and is_concrete(own.last)
            and is_concrete(phase.start)
        }
        last = min(lasts, default=None)
        if last is not None and (stop is None or (is_concrete(stop) and last < stop - 1)):
            name = type(schedule).__name__
            return End(last, f"`{name}` ends at step {last} with a part: {lasts[last].reason}")
    return None
