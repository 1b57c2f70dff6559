"""ReduceLROnPlateau on each epoch's mean training loss, with Flax Linen's `TrainState`.

The whole training is one jitted scan; `averaged` gathers the losses of an epoch on the way. In
PyTorch: pytorch/plateau_epoch_mean.py

python examples/plateau_epoch_mean.py
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen
from flax.training.train_state import TrainState
from moons import cross_entropy
from recorded import Bound, Experiment

import jaxsched

BATCHES, BATCH = 5, 20  # to an epoch

PLATEAU = jaxsched.ReduceLROnPlateau(0.3, factor=0.5, patience=1)


class Classifier(linen.Module):
    dtype: str

    @linen.compact
    def __call__(self, x):
        x = linen.tanh(linen.Dense(16, param_dtype=self.dtype, name="fc1")(x))
        x = linen.tanh(linen.Dense(16, param_dtype=self.dtype, name="fc2")(x))
        return linen.Dense(2, param_dtype=self.dtype, name="fc3")(x)


class MetricTrainState(TrainState):
    """A TrainState whose `apply_gradients` takes a metric; that of Flax does not."""

    def apply_gradients(self, *, grads, value, **kwargs):
        updates, opt_state = self.tx.update(grads, self.opt_state, self.params, value=value)
        params = optax.apply_updates(self.params, updates)
        return self.replace(step=self.step + 1, params=params, opt_state=opt_state, **kwargs)


@jax.jit
def train(state: MetricTrainState, xs, ys):
    """Returns the trained state, and the loss and the rate of each step."""

    def step(state, batch):
        x, y = batch
        loss, grads = jax.value_and_grad(
            lambda params: cross_entropy(state.apply_fn({"params": params}, x), y)
        )(state.params)
        state = state.apply_gradients(grads=grads, value=loss)
        return state, (loss, jaxsched.current_lr(state))

    return jax.lax.scan(step, state, (xs, ys))


def from_torch(state_dict: dict) -> dict:
    """The parameters of PyTorch's Linear layers, for Dense layers of the same names."""
    return {
        layer: {
            "kernel": jnp.asarray(state_dict[f"{layer}.weight"].T),
            "bias": jnp.asarray(state_dict[f"{layer}.bias"]),
        }
        for layer in ("fc1", "fc2", "fc3")
    }


def to_torch(params: dict) -> dict:
    """The inverse: the parameters of Dense layers, for PyTorch's Linear layers."""
    kernels = {f"{layer}.weight": value["kernel"].T for layer, value in params.items()}
    return kernels | {f"{layer}.bias": value["bias"] for layer, value in params.items()}


BOUNDS = {"float32": Bound(1e-5, steps=300), "float64": Bound(1e-12, steps=300)}


def main(arguments=None):
    experiment = Experiment(__file__, __doc__, arguments, unit="step", epoch=BATCHES)
    for run in experiment.runs():
        state = MetricTrainState.create(
            apply_fn=Classifier(run.dtype).apply,
            params=from_torch(run["initial"]),
            tx=optax.inject_hyperparams(optax.sgd)(
                learning_rate=PLATEAU.averaged(steps_per_epoch=BATCHES), momentum=0.9
            ),
        )
        xs = np.resize(run["data"]["x"], (experiment.steps, BATCH, 2))  # epoch after epoch
        ys = np.resize(run["data"]["y"], (experiment.steps, BATCH))
        state, (losses, rates) = train(state, xs, ys)
        experiment.check(run, {"loss": losses, "lr": rates}, to_torch(state.params), BOUNDS)
    experiment.finish()


if __name__ == "__main__":
    main()
