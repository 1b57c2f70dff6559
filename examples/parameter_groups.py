"""Fine-tuning in Flax NNX: a slow backbone, a fast head. In PyTorch: pytorch/parameter_groups.py

A schedule per group (`optax.partition`), stepped once an epoch (`per_epoch`), in one variant on
gradients accumulated over two batches (`optax.MultiSteps`). Optax counts updates, so an epoch of
10 batches is 10 steps, or 5 where two are accumulated.

python examples/parameter_groups.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

BATCHES, BATCH = 10, 20  # to an epoch

SCHEDULES = {
    "backbone": jaxsched.LambdaLR(0.05, lambda epoch: 0.95**epoch),
    "head": jaxsched.LambdaLR(0.5, lambda epoch: 1 / (1 + epoch)),
}
GROUP_OF = {"fc1": "backbone", "fc2": "backbone", "fc3": "head"}
ACCUMULATED = {"every batch": 1, "accumulated": 2}


def train(model: Classifier, accumulated: int, xs, ys):
    """Returns the trained model, the loss of each batch, and the rates, of shape (batches, 2)."""
    graph, params = nnx.split(model)
    schedules = {
        group: jaxsched.per_epoch(schedule, steps_per_epoch=BATCHES // accumulated)
        for group, schedule in SCHEDULES.items()
    }
    optimizer = optax.MultiSteps(
        optax.partition(
            {group: optax.sgd(schedule, momentum=0.9) for group, schedule in schedules.items()},
            nnx.map_state(lambda path, _: GROUP_OF[path[0]], params),
        ),
        every_k_schedule=accumulated,
        accumulator_dtype=jnp.result_type(float),
    )

    def loss_fn(params, x, y):
        return cross_entropy(nnx.merge(graph, params)(x), y)

    def step(carry, batch):
        params, opt_state = carry
        rates = [schedule(opt_state.gradient_step) for schedule in schedules.values()]
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), (loss, jnp.stack(rates))

    @jax.jit
    def run(params):
        return jax.lax.scan(step, (params, optimizer.init(params)), (xs, ys))

    (params, _), (losses, rates) = run(params)
    return nnx.merge(graph, params), losses, rates


BOUNDS = {"float32": Bound(1e-5, steps=200), "float64": Bound(1e-12, steps=400)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="batch", epoch=BATCHES)
    for run in experiment.runs():
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        xs = np.resize(run["data"]["x"], (experiment.steps, BATCH, 2))  # epoch after epoch
        ys = np.resize(run["data"]["y"], (experiment.steps, BATCH))
        model, losses, rates = train(model, ACCUMULATED[run.variant], xs, ys)
        experiment.check(run, {"loss": losses, "lr": rates}, state_dict(model), BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
