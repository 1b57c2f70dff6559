"""The counts at which one schedule follows another: Python ints, or an array to trace or batch."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .number import as_count, concrete

_RULE = "integers from 0 up, in order"


def are_counts(milestones: Any) -> bool:
    """Whether they are Python ints, and so static."""
    return isinstance(milestones, tuple)


def normalise(schedule: Any, name: str) -> None:
    """Makes a tuple of ints of field `name`, or an array."""
    milestones = getattr(schedule, name)
    if isinstance(milestones, jax.Array | np.ndarray):
        return
    if hasattr(milestones, "tolist"):  # a tensor
        milestones = milestones.tolist()
    if not isinstance(milestones, list | tuple | range):
        schedule._reject(name, "a list of counts, or an integer array", TypeError)
    milestones = tuple(map(as_count, milestones))
    if any(isinstance(m, jax.Array) for m in milestones):
        milestones = jnp.stack(milestones)
    object.__setattr__(schedule, name, milestones)


def check(schedule: Any, name: str, among: str) -> None:
    """Raises a ValueError unless they are one count less than the schedules of field `among`."""
    milestones, members = getattr(schedule, name), getattr(schedule, among)
    is_array = not are_counts(milestones)
    shape = np.shape(milestones) if is_array else (len(milestones),)
    if shape[-1:] != (len(members) - 1,) and members:
        schedule._reject(name, f"{len(members) - 1} counts, one less than `{among}`")
    if is_array and not jnp.issubdtype(milestones.dtype, jnp.integer):
        schedule._reject(name, _RULE)
    counts = concrete(milestones) if is_array else list(milestones)
    if len(shape) > 1:
        return  # a batch
    integers = is_array or all(type(m) is int for m in counts)
    if not integers or any(m < 0 for m in counts) or sorted(counts) != counts:
        schedule._reject(name, _RULE)
