"""LogicNet in Flax NNX: tells two moons apart. In PyTorch: pytorch/logicnet.py

One variant uses StepLR, the other a decay that is often written by hand in the loop; in JAX it is a
function of the epoch.

python examples/logicnet.py
"""

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

SCHEDULES = {
    # if i % 50 == 0: group["lr"] *= 0.99, at the end of epoch i; so for the first time in epoch 0
    "by hand": jaxsched.LambdaLR(0.01, lambda i: 0.99 ** ((i + 49) // 50)),
    "StepLR": jaxsched.StepLR(0.01, step_size=50, gamma=0.99),
}


class LogicNet(nnx.Module):
    def __init__(self, dtype, rngs: nnx.Rngs):
        self.fc1 = nnx.Linear(2, 3, param_dtype=dtype, rngs=rngs)
        self.fc2 = nnx.Linear(3, 2, param_dtype=dtype, rngs=rngs)

    def __call__(self, x):
        return self.fc2(nnx.tanh(self.fc1(x)))


def train(model: LogicNet, schedule: jaxsched.Schedule, x, y, epochs: int):
    """Returns the trained model and the loss of each epoch."""
    graph, params = nnx.split(model)
    optimizer = optax.adam(schedule)

    def loss_fn(params):
        logits = nnx.merge(graph, params)(x)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, y))

    def epoch(carry, _):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    @jax.jit
    def run(params):
        return jax.lax.scan(epoch, (params, optimizer.init(params)), length=epochs)

    (params, _), losses = run(params)
    return nnx.merge(graph, params), losses


BOUNDS = {"float32": Bound(1e-4, steps=1000), "float64": Bound(1e-12, steps=1000)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="epoch")
    for run in experiment.runs():
        schedule, x, y = SCHEDULES[run.variant], run["data"]["x"], run["data"]["y"]
        model = copy_parameters(LogicNet, run.dtype, run["initial"])
        model, losses = train(model, schedule, x, y, experiment.steps)
        prediction = jnp.argmax(nnx.softmax(model(x)), axis=-1)
        result = {
            "loss": losses,
            "lr": schedule(jnp.arange(experiment.steps)),
            "accuracy": jnp.mean(prediction == y),
        }
        experiment.check(run, result, state_dict(model), BOUNDS, figure="accuracy")
    experiment.finish("accuracy")


if __name__ == "__main__":
    main()
