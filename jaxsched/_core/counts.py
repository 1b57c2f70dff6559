"""Counts: what a schedule may be called with, as an array from 0 up, or one clear error."""

import numbers

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from .arrays import own, settled
from .number import is_concrete, lenient
from .past_end import End, in_range


def checked(schedule, count, end: End | None):
    """`count` as an array from 0 up, after every check that its type and value allow."""
    if type(count) is int and 0 <= count < 2**63 and end is None:
        return np.asarray(count)  # the common case in a training loop
    name = schedule._call_name()
    traced = isinstance(count, jax.core.Tracer)
    if not isinstance(count, jax.Array):
        count = _array_of(name, count)
    fractional = jnp.issubdtype(count.dtype, jnp.floating)
    if not (fractional and schedule._fractional) and not jnp.issubdtype(count.dtype, jnp.integer):
        raise _no_count(name, count)
    if traced:
        count = _from_zero(settled(count))
    elif count.size:
        count = _checked_values(name, count, end)
    if end is not None and (traced or not is_concrete(end.last)):
        where = f"past step {end.last}" if is_concrete(end.last) else "past its end"
        count = in_range(count, end.last, f"Tried to step `{name}` {where}.")
    return count


def _array_of(name: str, count) -> np.ndarray:
    """A count that is not JAX's as an array."""
    if isinstance(count, bool) or not isinstance(count, numbers.Real | np.ndarray | np.generic):
        raise _no_count(name, count)
    if isinstance(count, int):
        count = max(count, 0)  # however far below
        if count >= 2**63:
            raise _too_large(name, count)
    return own(np.asarray(count))


def _checked_values(name: str, count, end: End | None):
    """A count that is not traced: what is negative becomes 0, what cannot be is an error."""
    values = np.asarray(count)
    if not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)].flat[0]
        raise ValueError(f"`{name}(...)(count)` takes finite counts, got {wrong}.")
    largest = values.max()
    if largest >= 2**63:
        raise _too_large(name, largest)
    if end is not None and is_concrete(end.last) and largest > end.last:
        with lenient():
            raise end.error(int(largest))
    return _from_zero(count) if values.min() < 0 else count


def _from_zero(count):
    """0 for a negative count, as `optax.join_schedules` hands them to its parts."""
    if count.dtype == np.uint64:  # What is traced may be beyond int64, where it would wrap round.
        return xp.minimum(count, np.array(2**63 - 1, np.uint64))
    if jnp.issubdtype(count.dtype, jnp.unsignedinteger):
        return count
    return xp.where(count < 0, np.zeros((), count.dtype), count)


def _no_count(name: str, count) -> TypeError:
    dtype = f" of dtype {count.dtype}" if hasattr(count, "dtype") else ""
    is_float = hasattr(count, "dtype") and jnp.issubdtype(count.dtype, jnp.floating)
    hint = " Write `int(count)`, or `count // steps_per_epoch` for epochs." if is_float else ""
    return TypeError(
        f"`{name}(...)(count)` takes an integer step count, got {count!r}{dtype}.{hint}"
    )


def _too_large(name: str, count) -> ValueError:
    return ValueError(f"`{name}(...)(count)` takes counts below 2**63, got {count}.")
