"""ReduceLROnPlateau on a validation loss with every step, with `nnx.Optimizer`.

In PyTorch: pytorch/plateau_every_step.py

python examples/plateau_every_step.py
"""

import optax
from flax import nnx
from moons import Classifier, cross_entropy
from recorded import Bound, Experiment, copy_parameters, state_dict

import jaxsched

PLATEAU = jaxsched.ReduceLROnPlateau(0.1, factor=0.5, patience=10, threshold=0.01, min_lr=0.01)


def train(model: Classifier, data: dict, steps: int):
    """Trains the model in place; returns the validation loss and the rate of each step."""
    injected = optax.inject_hyperparams(optax.sgd)(learning_rate=PLATEAU, momentum=0.9)
    optimizer = nnx.Optimizer(model, injected, wrt=nnx.Param)

    @nnx.jit
    @nnx.scan(in_axes=nnx.Carry, out_axes=(nnx.Carry, 0, 0), length=steps)
    def run(carry):
        model, optimizer = carry
        validation_loss = cross_entropy(model(data["held_out_x"]), data["held_out_y"])
        grads = nnx.grad(lambda model: cross_entropy(model(data["x"]), data["y"]))(model)
        optimizer.update(model, grads, value=validation_loss)
        return carry, validation_loss, jaxsched.current_lr(optimizer)

    _, losses, rates = run((model, optimizer))
    return losses, rates


BOUNDS = {"float32": Bound(1e-5, steps=300), "float64": Bound(1e-12, steps=300)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step")
    for run in experiment.runs():
        model = copy_parameters(Classifier, run.dtype, run["initial"])
        losses, rates = train(model, run["data"], experiment.steps)
        experiment.check(run, {"loss": losses, "lr": rates}, state_dict(model), BOUNDS)
    experiment.finish("last validation loss")


if __name__ == "__main__":
    main()
