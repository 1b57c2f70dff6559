"""ReduceLROnPlateau on a validation loss after each epoch, with `nnx.Optimizer`.

An epoch is one jitted scan. After each epoch the validation loss is passed to `plateau.step`, as to
`scheduler.step` in PyTorch: pytorch/plateau_after_epoch.py

python examples/plateau_after_epoch.py
"""

import jax.numpy as jnp
import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

BATCH = 20

PLATEAU = jaxsched.ReduceLROnPlateau(0.02, factor=0.3, patience=3, cooldown=2)


@nnx.jit
@nnx.scan(in_axes=(nnx.Carry, 0, 0), out_axes=(nnx.Carry, 0))
def train_epoch(carry, x, y):
    model, optimizer = carry
    loss, grads = nnx.value_and_grad(lambda model: cross_entropy(model(x), y))(model)
    optimizer.update(model, grads)
    return carry, loss


@nnx.jit
def validate(model, x, y):
    return cross_entropy(model(x), y)


def train(model: Classifier, data: dict, epochs: int):
    """Trains the model in place; returns the validation loss and the rate of each epoch."""
    injected = optax.inject_hyperparams(optax.adam)(learning_rate=PLATEAU.held)
    optimizer = nnx.Optimizer(model, injected, wrt=nnx.Param)
    xs, ys = data["x"].reshape(-1, BATCH, 2), data["y"].reshape(-1, BATCH)
    losses, rates = [], []
    for _ in range(epochs):
        train_epoch((model, optimizer), xs, ys)
        validation_loss = validate(model, data["held_out_x"], data["held_out_y"])
        losses.append(validation_loss)
        rates.append(jaxsched.current_lr(optimizer))
        optimizer.opt_state = PLATEAU.step(optimizer.opt_state, validation_loss)
    return jnp.stack(losses), jnp.stack(rates)


BOUNDS = {"float32": Bound(1e-4, steps=60), "float64": Bound(1e-12, steps=60)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="epoch")
    for run in experiment.runs():
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        losses, rates = train(model, run["data"], experiment.steps)
        experiment.check(run, {"loss": losses, "lr": rates}, state_dict(model), BOUNDS)
    experiment.finish("last validation loss")


if __name__ == "__main__":
    main()
