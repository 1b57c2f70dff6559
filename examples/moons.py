"""The small classifier of the examples, in Flax NNX. In PyTorch: pytorch/moons.py"""

import jax.numpy as jnp
import optax
from flax import nnx


class Classifier(nnx.Module):
    def __init__(self, dtype, rngs: nnx.Rngs):
        self.fc1 = nnx.Linear(2, 16, param_dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(16, 16, param_dtype=dtype, rngs=rngs)
        self.fc3 = nnx.Linear(16, 2, param_dtype=dtype, rngs=rngs)

    def __call__(self, x):
        return self.fc3(nnx.tanh(self.fc2(nnx.tanh(self.fc1(x)))))


def cross_entropy(logits, labels):
    """`torch.nn.functional.cross_entropy`."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
