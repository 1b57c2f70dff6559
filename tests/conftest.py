"""JAX at its strictest: no implicit promotion of dtypes or ranks. And PyTorch in one thread."""

import os

import jax

collect_ignore = ["helpers/oracle.py", "helpers/own_schedulers.py"]  # They need PyTorch.

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# PyTorch's threads wait for each other by spinning: where cores are shared, trainings of small
# arrays have taken 80 times as long. The recordings were made in one thread too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
