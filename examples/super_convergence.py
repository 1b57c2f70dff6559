"""Super-convergence in Flax NNX: one cycle with a large rate, compared with a constant rate.

In PyTorch: pytorch/super_convergence.py. The idea: https://arxiv.org/abs/1708.07120

python examples/super_convergence.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

STEPS, BATCH = 300, 20

SCHEDULES = {
    "one cycle to 0.4": jaxsched.OneCycleLR(0.4, total_steps=STEPS, cycle_momentum=False),
    "constant 0.05": jaxsched.ConstantLR(0.05, factor=1.0),
}


def train(model: Classifier, schedule: jaxsched.Schedule, xs, ys):
    """Returns the trained model and the loss of each step."""
    graph, params = nnx.split(model)
    optimizer = optax.sgd(schedule, momentum=0.9)

    def loss_fn(params, x, y):
        return cross_entropy(nnx.merge(graph, params)(x), y)

    def step(carry, batch):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), loss

    @jax.jit
    def run(params):
        return jax.lax.scan(step, (params, optimizer.init(params)), (xs, ys))

    (params, _), losses = run(params)
    return nnx.merge(graph, params), losses


# With so large a rate, rounding errors grow: see the picture.
BOUNDS = {"float32": Bound(1e-5, steps=75), "float64": Bound(1e-9, steps=300)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step", epoch=20)
    for run in experiment.runs():
        schedule, x, y = SCHEDULES[run.variant], run["data"]["x"], run["data"]["y"]
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        xs = np.resize(x, (experiment.steps, BATCH, 2))  # epoch after epoch
        ys = np.resize(y, (experiment.steps, BATCH))
        model, losses = train(model, schedule, xs, ys)
        result = {
            "loss": losses,
            "lr": schedule(jnp.arange(experiment.steps)),
            "loss on all points": cross_entropy(model(x), y),
        }
        experiment.check(run, result, state_dict(model), BOUNDS, figure="loss on all points")
    experiment.finish("loss on all points")


if __name__ == "__main__":
    main()
