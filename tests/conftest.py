"""JAX at its strictest: no implicit promotion of dtypes or ranks."""

import jax

collect_ignore = ["helpers/oracle.py", "helpers/own_schedulers.py"]  # They need PyTorch.

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
