"""Phases to rates: what the rate is where each phase begins, and which phase is in force."""

import functools
from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from . import protocol
from .affine import IDENTITY, Affine
from .closed_forms import change_at
from .count_map import advance
from .evaluate import with_count
from .fast_paths import number_up_to, pick_of_two


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
    change = _compose(moves)
    if change.overwrites:
        return change.b
    return change(_pick(phases[:index], plan[:index], entries, phases[index].start - 1))


def _compose(moves):
    change = IDENTITY
    for move in reversed(moves):
        change = change.after(_effect(*move))
        if change.overwrites:
            break
    return change


def _effect(kind, schedule, clock, value) -> Affine:
    if kind == "set":
        return Affine(0, value)
    if kind == "advance":
        return schedule._between(clock - value, clock)
    return getattr(schedule, f"_{kind}")(clock)


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


def structure(tree) -> tuple:
    """What schedules have in common that differ in numbers only."""
    leaves, treedef = jax.tree.flatten(tree)
    return treedef, *map(np.shape, leaves)


def gather(trees, members, index, total: int):
    """Of `trees` of one structure, the places `members` among `total`, the one at place `index`."""
    if len(trees) == 1:
        return trees[0]
    slot = np.zeros(total, int)
    slot[members] = np.arange(len(members))
    slot = xp.take(slot, index)
    return jax.tree.map(lambda *values: xp.take(xp.stack(values), slot), *trees)


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
    return [move._replace(schedule=part) for move, part in parts if part is not None]


def replay(schedule, total_steps: int) -> np.ndarray:
    """The rates at counts 0, ..., total_steps - 1, stepped in float64 on the host."""
    leaves, treedef = jax.tree.flatten(schedule)
    with xp.float64(), jax.default_device(jax.local_devices(backend="cpu")[0]):
        leaves = [np.asarray(leaf) for leaf in leaves]
        # Compiled by hand, it runs at once even while an outer function is being traced.
        phases = jax.device_get(_changes.lower(treedef, total_steps, leaves).compile()(leaves))
    rates: list[float] = []
    rate = 0.0
    for (a, b), steps in phases:
        rate = float(a) * rate + float(b)
        rates.append(rate)
        columns = [column.tolist() for pair in steps for column in pair]
        for row in zip(*columns, strict=True):
            for a, b in zip(row[::2], row[1::2], strict=True):
                rate = a * rate + b
            rates.append(rate)
    return np.array(rates)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _changes(treedef, total_steps: int, leaves):
    """For each phase its entry, and for each part (a, b) of its steps at all later counts."""
    schedule = jax.tree.unflatten(treedef, leaves)
    phases = [phase for phase in protocol.play(schedule) if phase.start < total_steps]
    ends = [*[phase.start for phase in phases[1:]], total_steps]
    changes = []

    def change(n, part, clock):
        [part] = _varied([part], n)
        step = change_at(part, clock, n)
        return jnp.asarray(step.a, jnp.float64), jnp.asarray(step.b, jnp.float64)

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for phase, end in zip(phases, ends, strict=True):
            n = jnp.arange(1, end - phase.start)
            steps = [
                jax.vmap(functools.partial(change, part=part, clock=clock))(n)
                for part, clock in zip(phase.parts, phase.clocks_by_count, strict=True)
            ]
            changes.append((tuple(_compose(phase.moves)), steps))
    return changes
