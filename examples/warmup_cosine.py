"""Warm-up, then cosine, with AdamW, in Flax NNX. In PyTorch: pytorch/warmup_cosine.py

python examples/warmup_cosine.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

LR, STEPS, WARMUP, BATCH = 0.01, 400, 40, 20

warmup = jaxsched.LinearLR(LR, start_factor=0.01, total_iters=WARMUP)
SCHEDULES = {
    "SequentialLR": jaxsched.SequentialLR(
        [warmup, jaxsched.CosineAnnealingLR(LR, T_max=STEPS - WARMUP)], milestones=[WARMUP]
    ),
    "ChainedScheduler": jaxsched.ChainedScheduler(
        [warmup, jaxsched.CosineAnnealingLR(LR, T_max=STEPS)]
    ),
}


def train(model: Classifier, schedule: jaxsched.Schedule, xs, ys):
    """Returns the trained model and the loss of each step."""
    graph, params = nnx.split(model)
    optimizer = optax.adamw(schedule, weight_decay=0.01)

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


BOUNDS = {"float32": Bound(3e-4, steps=400), "float64": Bound(1e-12, steps=400)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step", epoch=10)
    for run in experiment.runs():
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        xs = np.resize(run["data"]["x"], (experiment.steps, BATCH, 2))  # epoch after epoch
        ys = np.resize(run["data"]["y"], (experiment.steps, BATCH))
        model, losses = train(model, SCHEDULES[run.variant], xs, ys)
        rates = SCHEDULES[run.variant](jnp.arange(experiment.steps))
        experiment.check(run, {"loss": losses, "lr": rates}, state_dict(model), BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
