"""NumPy's and JAX's arrays, as 64-bit numbers inside a 32-bit program need them."""

import jax
import jax.numpy as jnp
import numpy as np

from .number import native


def float_type():
    """The caller's float type."""
    return np.float64 if jax.config.jax_enable_x64 else np.float32


def own(array: np.ndarray) -> np.ndarray:
    """A fresh view, in a type that JAX has too.

    jax 0.10 knows NumPy arrays by identity, and one that was a constant of a jitted function
    outside of x64 it still takes for 32 bits wide inside.
    """
    return native(array).view()


def settled(x):
    """A traced value that is what its type says, also for a 64-bit `x` in the caller's context.

    An eager `jax.vmap` or `jax.jvp` batches NumPy's arrays as they are: 64 bits wide, under a
    tracer that says 32. In x64 that would be taken at its word. A copy converts it, and is nothing
    in a compiled program.
    """
    return jnp.array(x, copy=True) if isinstance(x, jax.core.Tracer) else x


def wide(x) -> type:
    """The type in which a number is exact."""
    return np.int64 if jnp.issubdtype(jnp.result_type(x), jnp.integer) else np.float64
