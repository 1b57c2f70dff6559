"""Phases to rates: which closed form holds in each, and how to pick the one in force.

A closed form gets the parts of a phase, their clocks, the rate at its start and the number `n`
of steps since, and returns the rate. `choose` finds the one that is right for a phase; `by_steps`
always is, at the price of n steps.
"""

import functools
from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np

from . import _numbers as xp
from . import _protocol
from ._affine import IDENTITY, Affine
from ._count_map import advance
from ._exact import with_count
from ._value import is_zero

MANY = 8  # parts or phases: from so many on, to take them one by one makes the larger program


def choose(phase):
    """The closed form for a phase, or `by_steps` where there is none."""
    parts = phase.parts
    if not parts:
        return held
    if phase.mixed and any(part.overwrites for part in parts):
        others = [part for part in parts if not part.overwrites]
        alone = len(others) == len(parts) - 1 and all(part.multiplies for part in others)
        return overwritten_at_times if alone else by_steps
    if any(part.overwrites for part in parts):
        natural = len(parts) == 1 and phase.moves[-1].schedule is parts[0] and not phase.at_zero
        return curve if natural else overwritten
    if any(part.replayed for part in parts):
        return by_steps
    if len(parts) == 1 and parts[0].whole_curve and _begins_anew(phase):
        return whole_curve
    if len(parts) == 1 or all(part.multiplies for part in parts):
        return composed
    others = [part for part in parts if not part.multiplies]
    if len(others) == 1 and is_zero(getattr(others[0], "eta_min", None)):
        return wave
    return by_steps


def _begins_anew(phase) -> bool:
    """Whether the one schedule of a phase is at its initial rate, with its clock at 0."""
    [part] = phase.parts
    begun = (phase.moves, phase.clocks)
    for moves, clocks in [begun, phase.at_zero or begun]:
        *before, last = moves
        if last.schedule is not part or clocks[0].reading != 0:
            return False
        found = before[-1].value if before and before[-1].kind == "set" else None
        if last.kind != "restart" and not (last.kind == "start" and found is part.base):
            return False
    return True


def held(parts, clocks, rate, n):
    """Nothing that steps: the rate stays as it is."""
    return rate


def curve(parts, clocks, rate, n):
    """One schedule that overwrites, and shows its curve from the start."""
    return parts[0].curve(clocks[0].at(n))


def whole_curve(parts, clocks, rate, n):
    """One schedule that goes its whole way from its initial rate on."""
    return parts[0].whole_curve(n)


def composed(parts, clocks, rate, n):
    """One schedule, or some that all multiply and so commute: each takes its n steps at once."""
    if len(parts) == 1:
        return _since_start(parts[0], clocks[0], n)(rate)
    kinds = defaultdict(list)
    for part, clock in zip(parts, clocks, strict=True):
        kinds[kind_of((part, clock))].append((part, clock))
    for members in kinds.values():
        if len(members) < MANY:
            for part, clock in members:
                rate = _since_start(part, clock, n)(rate)
        else:
            rate = _product(members, n) * rate
    return rate


def _since_start(part, clock, n) -> Affine:
    return part.steps(clock.reading, clock.at(n))


def kind_of(tree) -> tuple:
    """What schedules have in common that differ in numbers only."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, *map(np.shape, leaves)


def _product(members, n):
    """The factors of parts that differ in numbers only, in one vector operation."""
    stacked = jax.tree.map(lambda *numbers: jnp.asarray(xp.stack(numbers)), *members)
    scales = jax.vmap(lambda part, clock: _since_start(part, clock, n).a)(*stacked)
    return scales.prod()


def overwritten(parts, clocks, rate, n):
    """A chain in which the last part that overwrites leaves only its own step's successors."""
    last = max(i for i, part in enumerate(parts) if part.overwrites)
    value = parts[last].curve(clocks[last].at(n))
    for part, clock in zip(parts[last + 1 :], clocks[last + 1 :], strict=True):
        value = part._step(clock.at(n))(value)
    return xp.where(n == 0, rate, value)


def overwritten_at_times(parts, clocks, rate, n):
    """Parts that step at different counts: one overwrites, and all others multiply."""
    [index] = [i for i, part in enumerate(parts) if part.overwrites]
    now = clocks[index].at(n)
    stepped = now > clocks[index].reading
    begin = xp.where(stepped, clocks[index].when(now), 0)  # the count of its last step
    value = xp.where(stepped, parts[index].curve(now), rate)
    for i, (part, clock) in enumerate(zip(parts, clocks, strict=True)):
        if i != index:
            # Those behind it in the chain multiply what it wrote at that very count.
            first = begin if i < index else xp.maximum(begin - 1, 0)
            value = part.scale(clock.at(first), clock.at(n)) * value
    return value


def wave(parts, clocks, rate, n):
    """Multiplying parts around one CosineAnnealingLR that goes down to 0.

    At a trough the rate is 0 whatever came before, and the cosine's next step adds the first
    piece of a new wave, which only the parts behind it in the chain multiply at that step.
    """
    [index] = [i for i, part in enumerate(parts) if not part.multiplies]
    cosine, clock = parts[index], clocks[index]
    trough = cosine.last_trough(clock.at(n))
    begin = xp.where(trough >= clock.reading, clock.when(trough + 1) - 1, 0)
    shrink, rise = cosine.steps(clock.at(begin), clock.at(n))
    before = after = 1.0
    for i, (part, own) in enumerate(zip(parts, clocks, strict=True)):
        if i < index:
            before = before * part.scale(own.at(xp.minimum(begin + 1, n)), own.at(n))
            shrink = shrink * part.scale(own.at(begin), own.at(n))
        elif i > index:
            after = after * part.scale(own.at(begin), own.at(n))
    return xp.where(begin > 0, 0.0, rate) * shrink * after + rise * before * after


def by_steps(parts, clocks, rate, n):
    """Anything, one step after the other."""

    def step(i, rate):
        for part, clock in zip(parts, clocks, strict=True):
            rate = change_at(part, clock, i)(rate)
        return rate

    # Adding 0 * n lets the carry vary with the count, which shard_map wants to know beforehand.
    rate = jnp.asarray(rate, jnp.float64) + 0.0 * n
    return jax.lax.fori_loop(1, n + 1, step, rate)


def change_at(part, clock, n) -> Affine:
    """What a part does at the `n`th count of a phase."""
    return part.between(clock.at(n - 1), clock.at(n)) if clock.maps else part._step(clock.at(n))


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
        return schedule.between(clock - value, clock)
    return getattr(schedule, kind)(clock)


def _pick(phases, plan, entries, count):
    """The rate at `count`, each kind of phase evaluated once.

    Phases of the same form and structure differ in numbers only: these are stacked and the
    ones in force are gathered, so that programs grow with the kinds of schedules in a sequence,
    not with its length.
    """
    if len(phases) == 1:
        [phase] = phases
        n = phase.steps_to(count)
        return plan[0](_varied(phase.parts, n), phase.clocks, entries[0], n)
    if len(phases) == 2:
        return _pick_of_two(phases, plan, entries, count)
    starts = xp.stack([phase.start for phase in phases])
    index = _number_up_to(starts, count) - 1
    start = xp.take(starts, index)
    kinds = defaultdict(list)
    for i, (phase, form) in enumerate(zip(phases, plan, strict=True)):
        kinds[form, kind_of(phase.parts_and_clocks)].append(i)
    result = None
    for (form, *_), members in kinds.items():
        inside = xp.take(np.isin(np.arange(len(phases)), members), index)
        parts, clocks, maps, entry = _gather(phases, entries, members, index)
        n = advance(maps, xp.where(inside, count - start, 0))
        value = form(_varied(parts, n), clocks, entry, n)
        result = value if result is None else xp.where(inside, value, result)
    return result


def _number_up_to(starts, count):
    """How many of the ascending `starts` are at most `count`."""
    if xp.traced(starts) or len(starts) < MANY:
        return (starts <= count).sum()
    # A few steps of bisection: XLA's sum takes them one by one.
    width = 1 << (len(starts) - 1).bit_length()
    starts = np.append(starts, np.full(width - len(starts), np.iinfo(np.int64).max))
    number = np.int64(0)
    while width > 1:
        width //= 2
        passed = xp.take(starts, number + width - 1) <= count
        number = xp.where(passed, number + width, number)
    return number + (xp.take(starts, number) <= count)


def _pick_of_two(phases, plan, entries, count):
    """The same for two phases, where to gather would take longer."""
    later = count >= phases[1].start
    counts = [xp.where(later, 0, count), xp.where(later, count, phases[1].start)]
    steps = [phase.steps_to(own) for phase, own in zip(phases, counts, strict=True)]
    first, second = (
        form(_varied(phase.parts, n), phase.clocks, entry, n)
        for phase, form, entry, n in zip(phases, plan, entries, steps, strict=True)
    )
    return xp.where(later, second, first)


def _gather(phases, entries, members, index):
    """Parts, clocks, maps and entry of the phase at `index`, if it is one of `members`."""
    rows = [(*phases[i].parts_and_clocks, entries[i]) for i in members]
    if len(rows) == 1:
        return rows[0]
    slot = np.zeros(len(phases), int)
    slot[members] = np.arange(len(members))
    slot = xp.take(slot, index)
    return jax.tree.map(lambda *values: xp.take(xp.stack(values), slot), *rows)


def _varied(parts, count):
    """The parts, their numbers as ones that vary with the count where they divide by them."""
    return [with_count(part, count) if part.plain_division else part for part in parts]


def momenta(phases):
    """The phases of the momentum: the schedules that cycle one, which nothing else changes."""
    return [_momenta(phase) for phase in phases]


def _momenta(phase):
    parts = [part.momentum_part() for part in phase.parts]

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
    parts = [(move, move.schedule and move.schedule.momentum_part()) for move in moves]
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
    phases = [phase for phase in _protocol.play(schedule) if phase.start < total_steps]
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
