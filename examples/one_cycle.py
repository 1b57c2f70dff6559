"""One-cycle training in Flax NNX, with cycled momentum. In PyTorch: pytorch/one_cycle.py

python examples/one_cycle.py
"""

import jax
import numpy as np
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

STEPS, BATCH = 300, 20

ONE_CYCLE = jaxsched.OneCycleLR(max_lr=0.2, total_steps=STEPS)
ONE_CYCLE_ADAM = jaxsched.OneCycleLR(max_lr=0.01, total_steps=STEPS)
CYCLES = jaxsched.CyclicLR(base_lr=0.01, max_lr=0.2, step_size_up=50)

sgd, adam = optax.inject_hyperparams(optax.sgd), optax.inject_hyperparams(optax.adam)
OPTIMIZERS = {
    "OneCycleLR, SGD momentum": sgd(learning_rate=ONE_CYCLE, momentum=ONE_CYCLE.momentum),
    "OneCycleLR, Adam beta1": adam(learning_rate=ONE_CYCLE_ADAM, b1=ONE_CYCLE_ADAM.momentum),
    "CyclicLR, SGD momentum": sgd(learning_rate=CYCLES, momentum=CYCLES.momentum),
}


def train(model: Classifier, optimizer, xs, ys):
    """Returns the trained model, and the loss and the hyperparameters of each step."""
    graph, params = nnx.split(model)

    def loss_fn(params, x, y):
        return cross_entropy(nnx.merge(graph, params)(x), y)

    def step(carry, batch):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return (params, opt_state), (loss, opt_state.hyperparams)

    @jax.jit
    def run(params):
        return jax.lax.scan(step, (params, optimizer.init(params)), (xs, ys))

    (params, _), (losses, applied) = run(params)
    return nnx.merge(graph, params), losses, applied


BOUNDS = {"float32": Bound(1e-4, steps=300), "float64": Bound(1e-12, steps=300)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step", epoch=10)
    for run in experiment.runs():
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        xs = np.resize(run["data"]["x"], (experiment.steps, BATCH, 2))  # epoch after epoch
        ys = np.resize(run["data"]["y"], (experiment.steps, BATCH))
        model, losses, applied = train(model, OPTIMIZERS[run.variant], xs, ys)
        result = {
            "loss": losses,
            "lr": applied["learning_rate"],
            "momentum": applied["b1" if "Adam" in run.variant else "momentum"],
        }
        experiment.check(run, result, state_dict(model), BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
