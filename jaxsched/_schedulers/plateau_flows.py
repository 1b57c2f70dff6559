"""How metrics reach a plateau: three flows, which differ only in when a step's two halves come.

    `tick`: an optimizer update has been made       `judge`: a metric has come

- `ReduceLROnPlateau` itself does both at every update;
- `Averaged` ticks at every update, and judges the mean metric after every n of them;
- `Held` only ticks; `ReduceLROnPlateau.step` judges, between updates, say after an epoch.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._core.fields import NESTED, NumberKind, static
from .._core.number import is_concrete
from .._core.value import Value


class PlateauState(NamedTuple):
    """What ReduceLROnPlateau remembers: five scalar arrays."""

    best: jax.Array  # the best metric so far
    num_bad_epochs: jax.Array  # metrics since then that were no better
    cooldown_counter: jax.Array  # metrics still to be ignored
    num_reductions: jax.Array  # how often the rate was reduced
    count: jax.Array  # type: ignore[assignment]  # updates made, for a schedule underneath


class HeldState(NamedTuple):
    """The state of a plateau that updates leave alone: where `ReduceLROnPlateau.step` works."""

    plateau: PlateauState


class AveragedState(NamedTuple):
    """A plateau's state, and the metrics of the epoch so far."""

    plateau: PlateauState
    total: jax.Array  # of the metrics, scaled
    compensation: jax.Array  # what rounding took from `total`
    num_values: jax.Array


class Held(Value):
    """A plateau whose rate updates leave alone; what `ReduceLROnPlateau.held` is."""

    plateau: Annotated[Any, NESTED]  # a ReduceLROnPlateau, whose module imports this one

    def init(self) -> HeldState:
        """The state before any metric."""
        return HeldState(self.plateau.init())

    def __call__(self, state: HeldState, **extra_args: Any) -> jax.Array:
        """The learning rate in force."""
        return self.plateau(checked(state, HeldState).plateau)

    def update(self, state: HeldState, **extra_args: Any) -> HeldState:
        """The state after one more update; a metric that comes with it is not looked at."""
        return HeldState(tick(checked(state, HeldState).plateau))

    def __repr__(self):
        return f"{self.plateau!r}.held"


class Averaged(Value):
    """A plateau that judges epochs; what `ReduceLROnPlateau.averaged` returns."""

    plateau: Annotated[Any, NESTED]  # a ReduceLROnPlateau
    steps_per_epoch: Annotated[int, NumberKind(integers=range(1, 2**31))] = static()

    def init(self) -> AveragedState:
        """The state before any metric."""
        return _new_epoch(self.plateau.init())

    def __call__(self, state: AveragedState, **extra_args: Any) -> jax.Array:
        """The learning rate in force."""
        return self.plateau(checked(state, AveragedState).plateau)

    def update(
        self, state: AveragedState, *, value: Any = None, **extra_args: Any
    ) -> AveragedState:
        """The state after one more update and its metric, the last of an epoch judging the mean."""
        plateau = tick(checked(state, AveragedState).plateau)
        value = jnp.asarray(scalar("update", value, plateau), state.total.dtype).reshape(())
        with jax.numpy_dtype_promotion("standard"):
            # Kahan's sum: an epoch may be long, and a threshold of 1e-4 small. It is scaled by a
            # power of 2, which rounds nothing, so that it overflows no sooner than the metrics.
            scale = 0.5 ** int(self.steps_per_epoch).bit_length()
            added = value * scale - state.compensation
            total = state.total + added
            lost = jnp.where(jnp.isfinite(total), (total - state.total) - added, 0)
            more = AveragedState(plateau, total, lost, state.num_values + 1)
            mean = total / (more.num_values.astype(total.dtype) * scale)
            judged = self.plateau._judge(plateau, mean)
            ended = plateau.count % self.steps_per_epoch == 0
        return jax.tree.map(lambda a, b: jnp.where(ended, a, b), _new_epoch(judged), more)

    def __repr__(self):
        return f"{self.plateau!r}.averaged({self.steps_per_epoch!r})"


def _new_epoch(plateau: PlateauState) -> AveragedState:
    total, compensation = jnp.zeros_like(plateau.best), jnp.zeros_like(plateau.best)
    return AveragedState(plateau, total, compensation, jnp.zeros((), jnp.int32))


def tick(state: PlateauState) -> PlateauState:
    return state._replace(count=optax.safe_increment(state.count))


def scalar(method: str, value: Any, state: PlateauState) -> Any:
    """The metric that `method` got, in the float type of the state where it is concrete."""
    where = f"`ReduceLROnPlateau.{method}(value=...)` must be"
    if value is None:
        raise TypeError(
            f"{where} the metric, got None. With Optax, it comes with `update(grads, state, params,"
            " value=loss)` (Flax's TrainState.apply_gradients does not hand it on); or, where not"
            " every update has one, with `plateau.held` and `plateau.step(opt_state, value=loss)`."
        )
    try:
        dtype = jnp.result_type(value)
        real = any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_))
    except (TypeError, ValueError):
        real = False
    if not real or isinstance(value, str):  # "float32" names a dtype
        raise TypeError(f"{where} a real number or a scalar array of JAX or NumPy, got {value!r}.")
    if np.size(value) != 1:
        raise ValueError(f"{where} a scalar, got shape {np.shape(value)}.")
    return np.asarray(value, state.best.dtype) if is_concrete(value) else value


def checked(state: Any, kind: type = PlateauState) -> Any:
    if isinstance(state, kind):
        return state
    raise TypeError(
        f"`ReduceLROnPlateau(...)(state)` must get its {kind.__name__}, the rate depends on a"
        f" metric and not on a step count; got {state!r}. Hand it to Optax as"
        " `optax.inject_hyperparams(optax.sgd)(learning_rate=plateau)`, or `plateau.held`, or"
        " `plateau.averaged(steps_per_epoch)`."
    )
