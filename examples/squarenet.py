"""SquareNet in Flax NNX: learns y = x ** 2 from ten points. In PyTorch: pytorch/squarenet.py

Adam makes a step after each of the ten samples, with the gradient accumulated since the start of
the epoch. The scheduler is stepped once an epoch.

python examples/squarenet.py
"""

import functools

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

SCHEDULES = {
    "cosine": jaxsched.CosineAnnealingLR(0.001, T_max=200),
    "exponential .99995": jaxsched.ExponentialLR(0.0005, gamma=0.99995),
    "exponential .999": jaxsched.ExponentialLR(0.0005, gamma=0.999),
    "constant": jaxsched.ConstantLR(0.0005, factor=1.0),
}


class SquareNet(nnx.Module):
    def __init__(self, dtype, rngs: nnx.Rngs):
        self.fc1 = nnx.Linear(1, 3, param_dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(3, 5, param_dtype=dtype, rngs=rngs)
        self.fc3 = nnx.Linear(5, 10, param_dtype=dtype, rngs=rngs)
        self.fc4 = nnx.Linear(10, 5, param_dtype=dtype, rngs=rngs)
        self.fc5 = nnx.Linear(5, 1, param_dtype=dtype, rngs=rngs)

    def __call__(self, x):
        for layer in (self.fc1, self.fc2, self.fc3, self.fc4):
            x = nnx.sigmoid(layer(x))
        return nnx.relu(self.fc5(x))


@functools.partial(jax.jit, static_argnames=("graph", "schedule", "epochs"))
def train(graph, params, schedule: jaxsched.Schedule, x, y, epochs: int):
    """Returns the trained parameters and the loss of each epoch."""
    optimizer = optax.adam(jaxsched.per_epoch(schedule, steps_per_epoch=len(x)))

    def loss_fn(params, x, y):
        return jnp.mean((nnx.merge(graph, params)(x) - y) ** 2)

    def sample_step(carry, sample):
        params, opt_state, grads = carry
        loss, grad = jax.value_and_grad(loss_fn)(params, *sample)
        grads = jax.tree.map(jnp.add, grads, grad)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state, grads), loss

    def epoch(carry, _):
        params, opt_state = carry
        zeros = jax.tree.map(jnp.zeros_like, params)
        (params, opt_state, _), losses = jax.lax.scan(
            sample_step, (params, opt_state, zeros), (x, y)
        )
        return (params, opt_state), jnp.sum(losses)

    (params, _), losses = jax.lax.scan(epoch, (params, optimizer.init(params)), length=epochs)
    return params, losses


# After that the run is chaotic, and a difference in the last bit grows: see the picture.
BOUNDS = {"float32": Bound(1e-5, steps=100), "float64": Bound(1e-12, steps=1000)}
PUBLISHED = {"cosine": "0.0027", "exponential .99995": "0.0037", "constant": "0.0053"}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="epoch")
    for run in experiment.runs():
        schedule, data = SCHEDULES[run.variant], run["data"]
        model = copy_parameters(SquareNet, run.dtype, run["initial"])
        graph, params = nnx.split(model)
        x, y, held_out = data["x"], data["y"], data["held_out"]
        params, losses = train(graph, params, schedule, x, y, experiment.steps)
        model = nnx.merge(graph, params)
        result = {
            "loss": losses,
            "lr": schedule(jnp.arange(experiment.steps)),
            "validation": jnp.sum((model(held_out) - held_out**2) ** 2),
        }
        published = PUBLISHED.get(run.variant, "")
        experiment.check(
            run, result, state_dict(model), BOUNDS, figure="validation", published=published
        )
    chaotic = "From epoch 1,500 on the run is chaotic: see the grey lines in the picture."
    experiment.finish("validation loss", chaotic)


if __name__ == "__main__":
    main()
