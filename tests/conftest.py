"""JAX at its strictest: no implicit promotion of dtypes or ranks."""

import jax

collect_ignore = ["helpers/oracle.py"]  # It needs PyTorch, and holds no tests.

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
