"""The closed forms: the rate of the schedulers of a phase after `n` steps of it.

A closed form gets the parts of a phase, their clocks, the rate at its start and the number `n`
of steps since, and returns the rate. `choose` finds the one that is right for a phase; `by_steps`
always is, at the price of n steps.
"""

from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from .affine import Affine
from .value import is_zero

MANY = 8  # parts or phases: from so many on, to take them one by one makes the larger program


def choose(phase):
    """The closed form for a phase, or `by_steps` where there is none."""
    parts = phase.parts
    if not parts:
        return held
    if phase.mixed and any(part._overwrites for part in parts):
        others = [part for part in parts if not part._overwrites]
        alone = len(others) == len(parts) - 1 and all(part._multiplies for part in others)
        return overwritten_at_times if alone else by_steps
    if any(part._overwrites for part in parts):
        natural = len(parts) == 1 and phase.moves[-1].schedule is parts[0] and not phase.at_zero
        return curve if natural else overwritten
    if any(part._replayed for part in parts):
        return by_steps
    if len(parts) == 1 and parts[0]._whole_curve and _begins_anew(phase):
        return whole_curve
    if len(parts) == 1 or all(part._multiplies for part in parts):
        return composed
    others = [part for part in parts if not part._multiplies]
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
        if last.kind != "restart" and not (last.kind == "start" and found is part._base):
            return False
    return True


def held(parts, clocks, rate, n):
    """Nothing that steps: the rate stays as it is."""
    return rate


def curve(parts, clocks, rate, n):
    """One schedule that overwrites, and shows its curve from the start."""
    return parts[0]._curve(clocks[0].at(n))


def whole_curve(parts, clocks, rate, n):
    """One schedule that goes its whole way from its initial rate on."""
    return parts[0]._whole_curve(n)


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
    return part._steps(clock.reading, clock.at(n))


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
    """A chain in which only the last overwriting part and those after it matter."""
    last = max(i for i, part in enumerate(parts) if part._overwrites)
    value = parts[last]._curve(clocks[last].at(n))
    for part, clock in zip(parts[last + 1 :], clocks[last + 1 :], strict=True):
        value = part._step(clock.at(n))(value)
    return xp.where(n == 0, rate, value)


def overwritten_at_times(parts, clocks, rate, n):
    """Parts that step at different counts: one overwrites, and all others multiply."""
    [index] = [i for i, part in enumerate(parts) if part._overwrites]
    now = clocks[index].at(n)
    stepped = now > clocks[index].reading
    begin = xp.where(stepped, clocks[index].when(now), 0)  # the count of its last step
    value = xp.where(stepped, parts[index]._curve(now), rate)
    for i, (part, clock) in enumerate(zip(parts, clocks, strict=True)):
        if i != index:
            # Those behind it in the chain multiply what it wrote at that very count.
            first = begin if i < index else xp.maximum(begin - 1, 0)
            value = part._scale(clock.at(first), clock.at(n)) * value
    return value


def wave(parts, clocks, rate, n):
    """Multiplying parts around one CosineAnnealingLR that goes down to 0.

    At a trough the rate is 0 whatever came before, and the cosine's next step adds the first
    piece of a new wave, which only the parts behind it in the chain multiply at that step.
    """
    [index] = [i for i, part in enumerate(parts) if not part._multiplies]
    cosine, clock = parts[index], clocks[index]
    trough = cosine._last_trough(clock.at(n))
    begin = xp.where(trough >= clock.reading, clock.when(trough + 1) - 1, 0)
    shrink, rise = cosine._steps(clock.at(begin), clock.at(n))
    before = after = 1.0
    for i, (part, own) in enumerate(zip(parts, clocks, strict=True)):
        if i < index:
            before = before * part._scale(own.at(xp.minimum(begin + 1, n)), own.at(n))
            shrink = shrink * part._scale(own.at(begin), own.at(n))
        elif i > index:
            after = after * part._scale(own.at(begin), own.at(n))
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
    return part._between(clock.at(n - 1), clock.at(n)) if clock.maps else part._step(clock.at(n))
