"""The closed forms: the rate of the schedulers of a phase after `n` steps of it.

A closed form gets the parts of a phase, their clocks, the rate at its start and the number `n`
of steps since, and returns the rate. `choose` finds the one that is right for a phase; `by_steps`
always is, at the price of n steps.
"""

import jax
import jax.numpy as jnp

from . import numerics as xp
from .affine import Affine
from .alike import in_turn, multiplied
from .fast_paths import begins_anew, whole_curve
from .formulas import MapsRate, ScalesRate, StepsRate, sets_rate


def choose(phase):
    """The closed form for a phase, or `by_steps` where there is none."""
    parts = phase.parts
    if not parts:
        return held
    others = [part for part in parts if not isinstance(part, ScalesRate)]
    if phase.mixed and any(map(sets_rate, parts)):
        return overwritten_at_times if len(others) == 1 else by_steps
    if any(map(sets_rate, parts)):
        natural = len(parts) == 1 and phase.moves[-1].schedule is parts[0] and not phase.at_zero
        return curve if natural else overwritten
    if any(isinstance(part, StepsRate) for part in parts):
        return by_steps
    if len(parts) == 1 and isinstance(parts[0], MapsRate) and parts[0]._whole_curve:
        return whole_curve if begins_anew(phase) else composed
    if len(parts) == 1 or not others:
        return composed
    return (len(others) == 1 and others[0]._form_among_factors()) or by_steps


def held(parts, clocks, rate, n):
    """Nothing that steps: the rate stays as it is."""
    return rate


def curve(parts, clocks, rate, n):
    """One schedule that overwrites, and shows its curve from the start."""
    return parts[0]._curve(clocks[0].at(n))


def composed(parts, clocks, rate, n):
    """One schedule, or some that all multiply and so commute: each takes its n steps at once."""
    if len(parts) == 1:
        return parts[0]._steps(clocks[0].reading, clocks[0].at(n))(rate)

    def factor(part, clock):
        return part._scale(clock.reading, clock.at(n))

    return multiplied(factor, pairs(parts, clocks), rate)


def overwritten(parts, clocks, rate, n):
    """A chain in which only the last overwriting part and those after it matter."""
    last = max(i for i, part in enumerate(parts) if sets_rate(part))
    value = parts[last]._curve(clocks[last].at(n))
    behind = pairs(parts, clocks)[last + 1 :]
    value = in_turn(lambda part, clock: part._step(clock.at(n)), behind, value)
    return xp.where(n == 0, rate, value)


def overwritten_at_times(parts, clocks, rate, n):
    """Parts that step at different counts: one overwrites, and all others multiply."""
    [index] = [i for i, part in enumerate(parts) if sets_rate(part)]
    now = clocks[index].at(n)
    stepped = now > clocks[index].reading
    begin = xp.where(stepped, clocks[index].when(now), 0)  # the count of its last step
    value = xp.where(stepped, parts[index]._curve(now), rate)
    before, behind = around(parts, clocks, index)
    # Those behind it in the chain multiply what it wrote at that very count.
    value = scaled_between(before, begin, n, value)
    return scaled_between(behind, xp.maximum(begin - 1, 0), n, value)


def pairs(parts, clocks) -> list[tuple]:
    """Each part with its clock."""
    return list(zip(parts, clocks, strict=True))


def around(parts, clocks, index: int) -> tuple[list[tuple], list[tuple]]:
    """The parts before the one at `index`, and those behind it, each with its clock."""
    each = pairs(parts, clocks)
    return each[:index], each[index + 1 :]


def scaled_between(each, first, last, rate):
    """The rate after the steps that parts which multiply take between two counts of a phase."""
    return multiplied(lambda part, clock: part._scale(clock.at(first), clock.at(last)), each, rate)


def by_steps(parts, clocks, rate, n):
    """Anything, one step after the other."""

    def step(i, rate):
        def change(part, clock):
            return change_at(part, clock, i)

        return in_turn(change, pairs(parts, clocks), rate)

    # Adding 0 * n lets the carry vary with the count, which shard_map wants to know beforehand.
    rate = jnp.asarray(rate, jnp.float64) + 0.0 * n
    return jax.lax.fori_loop(1, n + 1, step, rate)


def change_at(part, clock, n) -> Affine:
    """What a part does at the `n`th count of a phase."""
    return part._between(clock.at(n - 1), clock.at(n)) if clock.maps else part._step(clock.at(n))
