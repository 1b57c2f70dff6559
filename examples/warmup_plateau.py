"""Warm-up plus plateau, a combination that PyTorch's schedulers do not support.

Here the `lr` of ReduceLROnPlateau is a schedule, and the reductions multiply it. The PyTorch script
multiplies the rates of two schedulers by hand: pytorch/warmup_plateau.py

python examples/warmup_plateau.py
"""

import jax
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

LR, STEPS, WARMUP = 0.2, 300, 30

warmup = jaxsched.LinearLR(LR, start_factor=0.1, total_iters=WARMUP)
cosine = jaxsched.CosineAnnealingLR(LR, T_max=STEPS - WARMUP, eta_min=0.02)
SCHEDULES = {
    "warm-up, plateau": warmup,
    "warm-up, cosine, plateau": jaxsched.SequentialLR([warmup, cosine], milestones=[WARMUP]),
}


def train(model: Classifier, schedule: jaxsched.Schedule, x, y, steps: int):
    """Returns the trained model, and the loss and the rate of each step."""
    graph, params = nnx.split(model)
    plateau = jaxsched.ReduceLROnPlateau(schedule, factor=0.5, patience=5, threshold=0.0028)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=plateau, momentum=0.9)

    def loss_fn(params):
        return cross_entropy(nnx.merge(graph, params)(x), y)

    def step(carry, _):
        params, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params, value=loss)
        params = optax.apply_updates(params, updates)
        return (params, opt_state), (loss, jaxsched.current_lr(opt_state))

    @jax.jit
    def run(params):
        return jax.lax.scan(step, (params, optimizer.init(params)), length=steps)

    (params, _), (losses, rates) = run(params)
    return nnx.merge(graph, params), losses, rates


BOUNDS = {"float32": Bound(1e-5, steps=300), "float64": Bound(1e-12, steps=300)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step")
    for run in experiment.runs():
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        schedule, x, y = SCHEDULES[run.variant], run["data"]["x"], run["data"]["y"]
        model, losses, rates = train(model, schedule, x, y, experiment.steps)
        experiment.check(run, {"loss": losses, "lr": rates}, state_dict(model), BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
