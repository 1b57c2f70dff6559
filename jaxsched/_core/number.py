"""Numbers of any kind: which are concrete, and the Python number that one stands for."""

import contextlib
import math
import numbers
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Float = float | jax.Array | np.ndarray
Int = int | jax.Array | np.ndarray
Number = Float | Int
INTEGERS = (int, np.integer)


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """JAX mixes types and ranks of numbers here, whatever its user has it refuse."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def is_concrete(value: Any) -> bool:
    """Whether `value` is a number one can look at, and not traced or on a device."""
    return isinstance(value, (numbers.Real, np.generic)) or (
        isinstance(value, np.ndarray) and value.ndim == 0
    )


def concrete(value: Any) -> list:
    """The numbers that can be looked at, to be checked: none of them if `value` is traced."""
    if is_concrete(value):
        return [value]
    if isinstance(value, jax.core.Tracer) or not hasattr(value, "dtype"):
        return []
    if isinstance(value, jax.Array) and not value.is_fully_addressable:
        return []
    return list(np.ravel(np.asarray(value)))


LONG = 64  # A longer list of numbers is one array: JAX's time for a pytree goes by its leaves.


def as_array(numbers: Any) -> Any:
    """A list of Python numbers as one array; a tuple of something else, or beyond int64."""
    if {*map(type, numbers)} <= {int, float}:
        array = np.array(numbers)
        if array.dtype in (np.int64, np.float64):
            return array
    return tuple(map(as_number, numbers))


def overflows(base: Any, exponent: int) -> bool:
    """Whether Python's power of a float is an OverflowError."""
    try:
        return math.isinf(float(base) ** exponent)
    except OverflowError:
        return True


def is_int(value: Any) -> bool:
    """Whether it is one of Python's own ints, which are static where an order depends on them."""
    return isinstance(value, int)


def is_zero(value: Any) -> bool:
    return is_concrete(value) and value == 0


def as_number(value: Any) -> Any:
    """The number that an array or tensor of one element, a Fraction, a huge int stand for.

    Everything else as it is, arrays in a type that JAX has too.
    """
    if isinstance(value, jax.Array):
        return _promotable(value)
    if isinstance(value, np.ndarray):
        plain = native(value)
        return plain if plain.ndim or np.ma.is_masked(plain) else as_number(plain[()])
    if not isinstance(value, type) and hasattr(value, "numel") and hasattr(value, "item"):
        try:
            return value.item() if value.numel() == 1 else value
        except RuntimeError:  # a tensor without data
            return value
    if isinstance(value, np.str_):
        return str(value)
    if hasattr(value, "dtype") and isinstance(value, int | float):
        # JAX's own, which `jax.grad` hands to a function; NumPy's are kept.
        is_numpys = isinstance(value, np.generic)
        value = value if is_numpys else float(value) if isinstance(value, float) else int(value)
    if isinstance(value, np.longdouble) or _is_huge(value):
        return _as_float(value)
    if isinstance(value, numbers.Real) and not isinstance(value, int | float | np.generic):
        if isinstance(value, numbers.Rational) and value.denominator == 1:
            return as_number(int(value.numerator))
        return _as_float(value)
    return value


def _promotable(array: jax.Array) -> jax.Array:
    """The array in a type that JAX lets meet others, which those of a few bits must not."""
    if jnp.issubdtype(array.dtype, jnp.integer) and jnp.iinfo(array.dtype).bits < 8:
        return array.astype(jnp.int32)
    if jnp.issubdtype(array.dtype, jnp.floating) and jnp.finfo(array.dtype).bits < 16:
        return array.astype(jnp.float32)
    return array


def native(array: np.ndarray) -> np.ndarray:
    """The array as a plain one, in a type that JAX has too; one with masked numbers as it is."""
    if np.ma.is_masked(array):
        return array
    array = np.asarray(array)
    if array.dtype == np.longdouble:
        array = array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _is_huge(value: Any) -> bool:
    """Whether an int is too large for 64 bits."""
    return isinstance(value, int | np.unsignedinteger) and not -(2**63) <= int(value) < 2**63


def as_count(value: Any) -> Any:
    """A number without a fraction as an int; everything else as it is."""
    value = as_number(value)
    integral = isinstance(value, float | np.floating) and float(value).is_integer()
    if integral or (isinstance(value, np.integer) and not isinstance(value, np.timedelta64)):
        return int(value)
    return value


def is_real(number: Any) -> bool:
    """Whether it is one real number, or an array of them that JAX takes for one."""
    if not hasattr(number, "dtype"):
        return isinstance(number, numbers.Real)
    arrays = isinstance(number, np.generic | np.ndarray | jax.Array)
    if np.ma.is_masked(number) or not (arrays or hasattr(number, "__jax_array__")):
        return False
    if getattr(number.dtype, "kind", "") == "m":  # a duration, which is an integer to NumPy
        return False
    return any(jnp.issubdtype(number.dtype, kind) for kind in (jnp.integer, jnp.floating))


def as_positive_int(where: str, value: Any, *, optional: bool = False) -> Any:
    """A positive int below 2**31, however it was written; or None, if `optional`.

    Raises a ValueError that names `where` for all else.
    """
    number = as_count(value)
    if (optional and number is None) or (type(number) is int and 0 < number < 2**31):
        return number
    kinds = "a positive int (below 2**31)" + (" or None" if optional else "")
    raise ValueError(f"`{where}` must be {kinds}, got {shown(value)}.")


def shown(value: Any) -> str:
    """The value as it is printed in an error."""
    try:
        return repr(value)
    except ValueError:  # an int of more digits than Python writes
        return f"a very long {type(value).__name__}"
    except Exception:  # one of a user's class, or one that holds itself
        return f"a {type(value).__name__}"
