"""A small transformer language model, as Hugging Face scripts train it, in Flax NNX.

AdamW with weight-decay groups, `get_cosine_schedule_with_warmup`, gradients accumulated over two
batches and clipped. In PyTorch: pytorch/language_model.py

python examples/language_model.py
"""

import functools

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

LR, UPDATES, WARMUP, ACCUMULATED = 0.01, 150, 15, 2
CONTEXT, WIDTH, HEADS = 32, 24, 3

SCHEDULE = jaxsched.transformers.get_cosine_schedule_with_warmup(LR, WARMUP, UPDATES)


class Block(nnx.Module):
    def __init__(self, dtype, rngs: nnx.Rngs):
        def linear(width, out, use_bias=True):
            return nnx.Linear(width, out, use_bias=use_bias, param_dtype=dtype, rngs=rngs)

        self.norm1, self.norm2 = layer_norm(dtype, rngs), layer_norm(dtype, rngs)
        # A bias of the keys would change nothing, and Adam would move it by rounding errors.
        self.qkv, self.out = linear(WIDTH, 3 * WIDTH, use_bias=False), linear(WIDTH, WIDTH)
        self.up, self.down = linear(WIDTH, 4 * WIDTH), linear(4 * WIDTH, WIDTH)

    def __call__(self, x):
        heads = self.qkv(self.norm1(x)).reshape(*x.shape[:2], 3, HEADS, WIDTH // HEADS)
        q, k, v = jnp.moveaxis(heads, 2, 0)
        # `jax.nn.dot_product_attention` takes its softmax in float32.
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / (WIDTH // HEADS) ** 0.5
        scores = jnp.where(jnp.tri(CONTEXT, dtype=bool)[None, None], scores, -jnp.inf)
        attended = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
        x = x + self.out(attended.reshape(x.shape))
        return x + self.down(jax.nn.gelu(self.up(self.norm2(x)), approximate=False))


class LanguageModel(nnx.Module):
    def __init__(self, vocabulary: int, dtype, rngs: nnx.Rngs):
        self.token = nnx.Embed(vocabulary, WIDTH, param_dtype=dtype, rngs=rngs)
        self.position = nnx.Embed(CONTEXT, WIDTH, param_dtype=dtype, rngs=rngs)
        self.block = Block(dtype, rngs)
        self.norm = layer_norm(dtype, rngs)
        self.head = nnx.Linear(WIDTH, vocabulary, param_dtype=dtype, rngs=rngs)

    def __call__(self, tokens):
        x = self.token(tokens) + self.position(jnp.arange(CONTEXT))[None]
        return self.head(self.norm(self.block(x)))


def layer_norm(dtype, rngs):
    """PyTorch's."""
    return nnx.LayerNorm(WIDTH, epsilon=1e-5, use_fast_variance=False, param_dtype=dtype, rngs=rngs)


def clip_grad_norm(max_norm: float) -> optax.GradientTransformation:
    """PyTorch's, which adds 1e-6 to the norm where `optax.clip_by_global_norm` does not."""

    def clipped(grads, params):
        scale = jnp.minimum(max_norm / (optax.tree.norm(grads) + 1e-6), 1.0)
        return jax.tree.map(lambda grad: grad * scale, grads)

    return optax.stateless(clipped)


def is_decayed(params):
    """Matrices are, biases and normalizations are not."""
    return jax.tree.map(lambda param: param.ndim > 1, params)


def train(model: LanguageModel, windows):
    """Returns the trained model, and the loss and rate of each batch."""
    graph, params = nnx.split(model)
    adamw = optax.adamw(SCHEDULE, b2=0.95, weight_decay=0.1, mask=is_decayed)
    optimizer = optax.MultiSteps(
        optax.chain(clip_grad_norm(1.0), adamw),
        every_k_schedule=ACCUMULATED,
        accumulator_dtype=jnp.result_type(float),
    )

    def loss_fn(params, window):
        logits = nnx.merge(graph, params)(window[:, :-1])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, window[:, 1:])
        return losses.mean()

    def step(carry, window):
        params, opt_state = carry
        rate = SCHEDULE(opt_state.gradient_step)
        loss, grads = jax.value_and_grad(loss_fn)(params, window)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), (loss, rate)

    @jax.jit
    def run(params):
        return jax.lax.scan(step, (params, optimizer.init(params)), windows)

    (params, _), (losses, rates) = run(params)
    return nnx.merge(graph, params), losses, rates


BOUNDS = {"float32": Bound(1e-5, steps=300), "float64": Bound(1e-12, steps=300)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="batch", epoch=20)
    for run in experiment.runs():
        vocabulary = len(run["initial"]["token.weight"])
        make = functools.partial(LanguageModel, vocabulary)
        model = copy_parameters(make, run.dtype, run["initial"])
        windows = jnp.asarray(run["data"]["windows"][: experiment.steps])
        model, losses, rates = train(model, windows)
        experiment.check(run, {"loss": losses, "lr": rates}, state_dict(model), BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
