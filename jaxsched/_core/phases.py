"""Phases to rates: what the rate is where each phase begins, and which phase is in force."""

import array
import dataclasses
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from . import protocol
from .affine import IDENTITY, Affine
from .alike import columns, gather, in_turn, is_many, structure
from .closed_forms import change_at, pairs
from .count_map import CountMap, PeriodicMap, advance
from .evaluate import with_count
from .fast_paths import number_up_to, pick_of_two
from .value import Value


@jax.tree_util.register_pytree_node_class
class Played:
    """The phases of a composition of concrete numbers, in its place.

    Its leaves are the numbers of the schedules, each once, and the counts at which things happen.
    So compositions share a program that differ in these alone.
    """

    def __init__(self, phases, limit: int | None = None):
        self.phases, self.limit = phases, limit

    def tree_flatten(self):
        parts, treedef = jax.tree.flatten((self.phases, self.limit), is_leaf=_stays_whole)
        children: list = []
        places: dict[int, int] = {}  # of schedules among the children, by their ids
        order: list = []  # of each part its place among the children, or itself in a tuple
        for part in parts:
            if isinstance(part, CountMap | PeriodicMap) or (type(part) is int and part == 0):
                order.append((part,))
                continue
            order.append(places.get(id(part), len(children)))
            if order[-1] == len(children):
                children.append(part)
            if isinstance(part, Value):
                places[id(part)] = order[-1]
        return children, (treedef, tuple(order))

    @classmethod
    def tree_unflatten(cls, aux, children):
        treedef, order = aux
        parts = [at[0] if isinstance(at, tuple) else children[at] for at in order]
        return cls(*jax.tree.unflatten(treedef, parts))

    def _rate(self, count, plan):
        if self.limit is not None:
            count = xp.minimum(count, self.limit - 1)
        return rate_at(self.phases, plan, count)

    def _undefined_from(self) -> None:
        return None


def _stays_whole(part) -> bool:
    return isinstance(part, Value | CountMap | PeriodicMap)


def rate_at(phases, plan, count):
    """The rate at `count`."""
    entries = []
    for index, phase in enumerate(phases):
        entry = _entry(phases, plan, entries, index, phase.moves)
        if phase.at_zero:
            moves, clocks = phase.at_zero
            at_zero = _entry(phases, plan, entries, index, moves)
            entry = xp.where(phase.start == 0, at_zero, entry)
            clocks = tuple(
                later._replace(reading=xp.where(phase.start == 0, first.reading, later.reading))
                for first, later in zip(clocks, phase.clocks, strict=True)
            )
            phases = [*phases[:index], phase._replace(clocks=clocks), *phases[index + 1 :]]
        entries.append(entry)
    return _pick(phases, plan, entries, count)


def _entry(phases, plan, entries, index, moves):
    """The rate at a phase's first count: its moves, on the rate one count earlier."""
    moves = _that_matter(moves)
    many = is_many(moves)
    change = IDENTITY if many else _composed(moves)
    if change.overwrites:
        return change.b
    set_first = many and moves[0].kind == "set"
    before = 0.0 if set_first else _rate_before(phases, plan, entries, index)
    return in_turn(_effect, [(move,) for move in moves], before) if many else change(before)


def _that_matter(moves):
    """The moves from the last one on that sets the rate to a number."""
    sets = [i for i, move in enumerate(moves) if move.kind == "set"]
    return moves[sets[-1] :] if sets else moves


def _rate_before(phases, plan, entries, index):
    """The rate at the last count before a phase."""
    last = phases[index].start - 1
    if phases[index].at_zero is None:  # so that no phase before it is empty
        before = phases[index - 1]
        return _rate_in(before, plan[index - 1], entries[-1], before.steps_to(last))
    return _pick(phases[:index], plan[:index], entries, last)


def _composed(moves) -> Affine:
    change = IDENTITY
    for move in reversed(moves):
        change = change.after(_effect(move))
        if change.overwrites:
            break
    return change


def _effect(move) -> Affine:
    if move.kind == "set":
        return Affine(0, move.value)
    if move.kind == "advance":
        return move.schedule._between(move.clock - move.value, move.clock)
    return getattr(move.schedule, f"_{move.kind}")(move.clock)


def _pick(phases, plan, entries, count):
    """The rate at `count`, each kind of phase evaluated once.

    Phases of the same form and structure differ in numbers only: these are stacked and the
    ones in force are gathered, so that programs grow with the kinds of schedules in a sequence,
    not with its length.
    """
    each = zip(phases, plan, entries, strict=True)
    rates = [functools.partial(_rate_in, *in_phase) for in_phase in each]
    if len(phases) == 1:
        return rates[0](phases[0].steps_to(count))
    if len(phases) == 2:
        return pick_of_two(phases, rates, count)
    starts = xp.stack([phase.start for phase in phases])
    index = number_up_to(starts, count) - 1
    start = xp.take(starts, index)
    kinds = defaultdict(list)
    for i, (phase, form) in enumerate(zip(phases, plan, strict=True)):
        kinds[form, structure(phase.parts_and_clocks)].append(i)
    result = None
    for (form, *_), members in kinds.items():
        inside = xp.take(np.isin(np.arange(len(phases)), members), index)
        rows = [(*phases[i].parts_and_clocks, entries[i]) for i in members]
        parts, clocks, maps, entry = gather(rows, members, index, len(phases))
        n = advance(maps, xp.where(inside, count - start, 0))
        value = form(_varied(parts, n), clocks, entry, n)
        result = value if result is None else xp.where(inside, value, result)
    return result


def _rate_in(phase, form, entry, n):
    """The rate after n steps of a phase."""
    return form(_varied(phase.parts, n), phase.clocks, entry, n)


def _varied(parts, count):
    """The parts; a user's, which may divide by `/`, with numbers that vary with the count."""
    return [part if part._is_ours else with_count(part, count) for part in parts]


def momenta(phases):
    """The phases of the momentum: the schedules that cycle one, which nothing else changes."""
    return [_momenta(phase) for phase in phases]


def _momenta(phase):
    parts = [part._momentum_part() for part in phase.parts]

    def kept(values):
        pairs = zip(parts, values, strict=True)
        return tuple(value for part, value in pairs if part is not None)

    at_zero = phase.at_zero
    return phase._replace(
        moves=_momentum_moves(phase.moves),
        parts=kept(parts),
        clocks=kept(phase.clocks),
        at_zero=at_zero and (_momentum_moves(at_zero[0]), kept(at_zero[1])),
    )


def _momentum_moves(moves):
    parts = [(move, move.schedule and move.schedule._momentum_part()) for move in moves]
    return [dataclasses.replace(move, schedule=part) for move, part in parts if part is not None]


def replay(schedule, total_steps: int) -> np.ndarray:
    """The rates at counts 0, ..., total_steps - 1, stepped in float64 on the host."""
    leaves, treedef = jax.tree.flatten(schedule)
    with xp.float64(), jax.default_device(jax.local_devices(backend="cpu")[0]):
        leaves = [np.asarray(leaf) for leaf in leaves]
        # Compiled by hand, it runs at once even while an outer function is being traced.
        phases = jax.device_get(_changes.lower(treedef, total_steps, leaves).compile()(leaves))
    rates = array.array("d")
    rate = 0.0
    for moves, steps in phases:
        at_once = [column[np.newaxis] for column in moves]
        for changes in itertools.chain(_rows(at_once), _rows(steps)):
            for a, b in zip(*changes, strict=True):
                rate = a * rate + b
            rates.append(rate)
    return np.asarray(rates)


def _rows(columns: list[np.ndarray], size: int = 4096) -> Iterator:
    """The rows of arrays as lists of Python numbers, which take four times the memory."""
    for start in range(0, len(columns[0]), size):
        yield from zip(*(column[start : start + size].tolist() for column in columns), strict=True)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _changes(treedef, total_steps: int, leaves):
    """For each phase the a and b of each of its moves, and of each part at each later count."""
    schedule = jax.tree.unflatten(treedef, leaves)
    phases = [phase for phase in protocol.play(schedule) if phase.start < total_steps]
    ends = [*[phase.start for phase in phases[1:]], total_steps]
    changes = []
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for phase, end in zip(phases, ends, strict=True):
            rows = pairs(phase.parts, phase.clocks_by_count)

            def at(n, rows=rows):
                def change(part, clock):
                    return change_at(*_varied([part], n), clock, n)

                return columns(change, rows)

            steps = jax.vmap(at)(jnp.arange(1, end - phase.start))
            moves = _that_matter(phase.moves)
            changes.append((columns(_effect, [(move,) for move in moves]), steps))
    return changes
