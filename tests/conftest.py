"""JAX at its strictest: no implicit promotion of dtypes or ranks. And PyTorch in one thread."""

import os

import jax

NEED_TORCH = ("oracle", "own_schedulers", "torch_suite")
collect_ignore = [f"helpers/{name}.py" for name in NEED_TORCH]

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# PyTorch's threads wait for each other by spinning: where cores are shared, trainings of small
# arrays have taken 80 times as long. The recordings were made in one thread too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
