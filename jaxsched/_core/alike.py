"""Schedules that differ in numbers only, evaluated together: programs grow with their kinds."""

import functools
from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from .affine import Affine

_MANY = 32  # parts: from so many on, XLA takes longer for each by itself than for all of a kind


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


def is_many(rows) -> bool:
    return len(rows) >= _MANY


def columns(of, rows) -> list:
    """The numbers of `of(*row)` for all rows: an array of the first ones, of the second ones."""
    kinds = defaultdict(list)
    for place, row in enumerate(rows):
        kinds[structure(row)].append(place)

    def numbers(row):
        return [jnp.asarray(number, np.float64) for number in of(*row)]

    found = []
    for places in kinds.values():
        stacked = jax.tree.map(lambda *each: xp.stack(each), *[rows[i] for i in places])
        found.append(jax.vmap(numbers)(jax.tree.map(jnp.asarray, stacked)))
    order = np.argsort(np.concatenate(list(kinds.values())))
    return [jnp.concatenate(column)[order] for column in zip(*found, strict=True)]


def multiplied(of, rows, rate):
    """The rate times the factors `of(*row)`."""
    if not is_many(rows):
        return functools.reduce(lambda rate, row: xp.scaled(rate, of(*row)), rows, rate)
    [factors] = columns(lambda *row: (of(*row),), rows)
    return xp.scaled(rate, jnp.prod(factors))


def in_turn(of, rows, rate):
    """The rate after the affine maps `of(*row)`, one after the other."""
    if not is_many(rows):
        return functools.reduce(lambda rate, row: of(*row)(rate), rows, rate)
    a, b = columns(of, rows)

    def change(i, rate):
        return xp.where(a[i] == 0.0, b[i], Affine(a[i], b[i])(rate))

    return jax.lax.fori_loop(0, len(rows), change, rate)
