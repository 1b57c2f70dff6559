"""A 2 x 2 parameter under SGD, through every scheduler. In PyTorch: pytorch/every_scheduler.py

python examples/every_scheduler.py
"""

import jax
import jax.numpy as jnp
import optax
from recorded import Bound, Experiment

import jaxsched

LR, STEPS = 0.1, 60
WARMUP = jaxsched.LinearLR(LR, start_factor=0.1, total_iters=10)

SCHEDULES = {
    "LambdaLR": jaxsched.LambdaLR(LR, lambda epoch: 0.95**epoch),
    "MultiplicativeLR": jaxsched.MultiplicativeLR(LR, lambda epoch: 0.95, total_steps=STEPS),
    "StepLR": jaxsched.StepLR(LR, step_size=20, gamma=0.5),
    "MultiStepLR": jaxsched.MultiStepLR(LR, milestones=[10, 40], gamma=0.5),
    "ConstantLR": jaxsched.ConstantLR(LR, factor=0.5, total_iters=20),
    "LinearLR": jaxsched.LinearLR(LR, start_factor=0.1, total_iters=20),
    "ExponentialLR": jaxsched.ExponentialLR(LR, gamma=0.95),
    "PolynomialLR": jaxsched.PolynomialLR(LR, total_iters=50, power=2.0),
    "CosineAnnealingLR": jaxsched.CosineAnnealingLR(LR, T_max=25, eta_min=0.01),
    "CosineAnnealingWarmRestarts": jaxsched.CosineAnnealingWarmRestarts(LR, T_0=8, T_mult=2),
    "CyclicLR": jaxsched.CyclicLR(0.01, 0.1, step_size_up=10, cycle_momentum=False),
    "OneCycleLR": jaxsched.OneCycleLR(0.1, total_steps=STEPS, cycle_momentum=False),
    "SWALR": jaxsched.SWALR(LR, swa_lr=0.02, anneal_epochs=30),
    "ChainedScheduler": jaxsched.ChainedScheduler([WARMUP, jaxsched.ExponentialLR(LR, gamma=0.95)]),
    "SequentialLR": jaxsched.SequentialLR([WARMUP, jaxsched.CosineAnnealingLR(LR, 50)], [10]),
    "ReduceLROnPlateau": jaxsched.ReduceLROnPlateau(LR, factor=0.5, patience=1, threshold=0.1),
}


def train(weight, schedule, target, scale, steps: int):
    """Returns the trained weight, and the loss and the rate of each step."""
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)

    def loss_fn(weight):
        return jnp.mean(scale * (weight - target) ** 2)

    def step(carry, _):
        weight, opt_state = carry
        loss, grads = jax.value_and_grad(loss_fn)(weight)
        updates, opt_state = optimizer.update(grads, opt_state, weight, value=loss)
        weight = optax.apply_updates(weight, updates)
        return (weight, opt_state), (loss, jaxsched.current_lr(opt_state))

    @jax.jit
    def run(weight):
        return jax.lax.scan(step, (weight, optimizer.init(weight)), length=steps)

    (weight, _), (losses, rates) = run(weight)
    return weight, losses, rates


BOUNDS = {"float32": Bound(1e-6, steps=60), "float64": Bound(1e-12, steps=60)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step")
    for run in experiment.runs():
        weight = jnp.asarray(run["initial"]["weight"])
        target, scale = run["data"]["target"], run["data"]["scale"]
        schedule = SCHEDULES[run.variant]
        weight, losses, rates = train(weight, schedule, target, scale, experiment.steps)
        experiment.check(run, {"loss": losses, "lr": rates}, {"weight": weight}, BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
