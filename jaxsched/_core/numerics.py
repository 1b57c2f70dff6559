"""The functions that formulas are written in: NumPy's on concrete numbers, lax's on traced ones.

What does not depend on the count is computed once, while a formula is traced, so that the program
is small. `jax.numpy` would leave all of it to the compiler.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

pi, inf = np.pi, np.inf


def float64(enabled: bool = True):
    """A context in which JAX has 64-bit numbers (or has not): the one place that asks for them."""
    return jax.enable_x64(enabled)


def traced(*numbers: Any) -> bool:
    """Whether any of them is an array of JAX's, and so perhaps a tracer."""
    return any(isinstance(number, jax.Array) for number in numbers)


def where(condition, x, y):
    if not traced(condition):
        return np.where(condition, x, y) if np.ndim(condition) else x if condition else y
    x, y = _alike(x, y)
    return lax.select(jnp.broadcast_to(condition, x.shape), x, y)


def maximum(x, y):
    return lax.max(*_alike(x, y)) if traced(x, y) else np.maximum(x, y)


def minimum(x, y):
    return lax.min(*_alike(x, y)) if traced(x, y) else np.minimum(x, y)


def clip(x, low, high):
    return minimum(maximum(x, low), high)


def floor_divide(x, y):
    """x // y, of numbers that are not negative."""
    if not traced(x, y):
        return np.floor_divide(x, y)
    x, y = _alike(x, y)
    if jnp.issubdtype(x.dtype, jnp.integer):
        return lax.div(x, y)
    return round((x - lax.rem(x, y)) / y)  # The remainder is exact, a quotient need not be.


def divide(x, y):
    """x / y in float64, rounded right.

    XLA turns the division of many numbers by one into a product with its reciprocal, which is off
    by a bit: enough to miss the end of a curve, and much more inside a cosine. So `y` becomes as
    many numbers as `x`.
    """
    if not traced(x, y):
        return np.divide(x, y)
    x, y = floating(x), floating(y)
    if not traced(x):
        return x / y
    return x if not traced(y) and y == 1.0 else lax.div(x, y + 0.0 * x)


def scaled(rate, factor):
    """rate * factor, and 0 where the rate is 0, though the factor has overflowed."""
    if not traced(rate) and rate != 0.0:
        return rate * factor
    return where((rate == 0.0) & (abs(factor) == inf), 0.0, rate * factor)


def ratio(now, then):
    """now / then, and 1 where both are 0: a rate that has reached it stays there."""
    if not traced(then) and then != 0.0:
        return divide(now, then)
    return where((now == 0.0) & (then == 0.0), 1.0, divide(now, then))


def power(base, exponent):
    """base ** exponent in float64, with derivatives that are right at 0 too."""
    if not traced(base, exponent):
        return np.power(floating(base), exponent)
    if not traced(exponent) and exponent in (1, 2):
        return base if exponent == 1 else base * base
    if not traced(base) and base > 0:
        return lax.pow(floating(base), floating(exponent))
    return _power(base, exponent)


@jax.custom_jvp
def _power(base, exponent):
    base, exponent = floating(base), floating(exponent)
    # XLA gives 1 where a power of 0 is tiny.
    return where((base == 0.0) & (exponent > 0.0), 0.0, lax.pow(base, exponent))


@_power.defjvp
def _power_rule(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    z = _power(x, y)
    slope = where(y == 0, 0.0, y * _power(x, where(y == 0, 1.0, y - 1.0)))
    total = slope * dx if dx.dtype != jax.dtypes.float0 else jnp.zeros_like(z)
    if dy.dtype != jax.dtypes.float0:
        total = total + z * log(where(x == 0, 1.0, abs(x))) * dy
    return z, total


def stack(numbers):
    """A sequence of numbers as an array."""
    if hasattr(numbers, "dtype"):
        return numbers
    if not traced(*numbers):
        return np.asarray(numbers)
    return jnp.stack([jnp.asarray(number) for number in numbers])


def take(array, index):
    """`array[index]`, for an index that is not negative."""
    return lax.dynamic_index_in_dim(
        jnp.asarray(array), jnp.asarray(index), keepdims=False, allow_negative_indices=False
    )


def floating(x):
    """The number as float64."""
    return lax.convert_element_type(x, np.float64) if traced(x) else np.asarray(x, np.float64)[()]


def _unary(name: str):
    known, unknown = getattr(np, name), getattr(lax, name)
    return lambda x: unknown(floating(x)) if traced(x) else known(x)


floor, cos, tanh, log, log1p, exp2, _root = map(
    _unary, ("floor", "cos", "tanh", "log", "log1p", "exp2", "sqrt")
)


def sqrt(x):
    """The root; its derivative, infinite at 0, does not make a NaN of all others there."""
    return where(x == 0.0, 0.0, _root(where(x == 0.0, 1.0, x)))


def round(x):
    return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN) if traced(x) else np.round(x)


def _alike(x, y):
    """Both numbers as arrays of one type and shape."""
    dtype = np.promote_types(jnp.result_type(x), jnp.result_type(y))
    x, y = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
    return (x, y) if x.shape == y.shape else jnp.broadcast_arrays(x, y)
