"""Metric to rate: ReduceLROnPlateau, a pure state machine."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._exact import evaluate, power_of
from ._schedule import Schedule
from ._value import Float, Int, Number, Value, known, static


class PlateauState(NamedTuple):
    """What ReduceLROnPlateau remembers: four scalar arrays."""

    best: jax.Array  # the best metric so far
    num_bad_epochs: jax.Array  # metrics since then that were no better
    cooldown_counter: jax.Array  # metrics still to be ignored
    num_reductions: jax.Array  # how often the rate was reduced


class ReduceLROnPlateau(Value):
    """Multiplies the learning rate by `factor` when a metric has stopped improving.

        lr = max(lr * factor ** num_reductions, min_lr)

    It has the shape of an `optax.schedules.StatefulSchedule`: the rate is a function of a state,
    and the state of the metrics. Drive it by hand, or with Optax:

        optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=ReduceLROnPlateau(0.1))
        updates, state = optimizer.update(grads, state, params, value=loss)

    As in PyTorch, an update uses the rate set by the metrics before it.

    Args:
      lr: the learning rate at the start.
      mode: "min" if a smaller metric is better, "max" if a larger one is.
      factor: what each reduction multiplies by, below 1.
      patience: the number of metrics without improvement that are put up with; the next
        one reduces the rate.
      threshold: how much better counts as better.
      threshold_mode: whether that is relative to the best metric ("rel") or absolute ("abs").
        Like PyTorch, "rel" never improves on a negative metric that keeps its sign: use "abs".
      cooldown: the number of metrics after a reduction that do not count as bad.
      min_lr: the smallest rate that is reduced to.
      eps: a reduction by no more than this is not made.

    Raises:
      ValueError: for a `factor` of 1 or more, or an unknown mode.

    >>> plateau = ReduceLROnPlateau(0.1, factor=0.5, patience=1)
    >>> state = plateau.init()
    >>> for loss in [1.0, 0.9, 0.9, 0.9]:
    ...     state = plateau.update(state, value=loss)
    >>> plateau(state)
    Array(0.05, dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
    """

    lr: Float
    mode: str = static(default="min")
    factor: Float = 0.1
    patience: Int = 10
    threshold: Float = 1e-4
    threshold_mode: str = static(default="rel")
    cooldown: Int = 0
    min_lr: Float = 0
    eps: Float = 1e-8

    def validate(self):
        self.require("lr", lambda x: x >= 0, "a number from 0 up")
        self.require("factor", lambda x: x < 1, "below 1")
        if self.mode not in ("min", "max"):
            self.reject("mode", "'min' or 'max'")
        if self.threshold_mode not in ("rel", "abs"):
            self.reject("threshold_mode", "'rel' or 'abs'")

    def init(self) -> PlateauState:
        """The state before any metric."""
        worst = jnp.asarray(np.inf if self.mode == "min" else -np.inf, jnp.result_type(float))
        zero = jnp.zeros((), jnp.int32)
        return PlateauState(worst, zero, zero, zero)

    def update(self, state: PlateauState, *, value: Any = None, **extra_args: Any) -> PlateauState:
        """The state after one more metric.

        Args:
          state: the state before it.
          value: the metric, a scalar; it is compared in the float type of `state.best`. NaN is
            never better.
          **extra_args: whatever else Optax hands on; ignored.

        Raises:
          TypeError: without a `value`.
          ValueError: for a `value` that is no scalar.
        """
        del extra_args
        if value is None:
            raise TypeError(
                "`ReduceLROnPlateau.update(value=...)` must be the metric, got None: pass it to the"
                " optimizer's `update(grads, state, params, value=loss)`."
            )
        _check_state(state)
        if np.size(value) != 1:
            raise ValueError(
                "`ReduceLROnPlateau.update(value=...)` must be a scalar,"
                f" got shape {np.shape(value)}."
            )
        value = np.asarray(value, state.best.dtype) if known(value) else value
        numbers, value = jax.tree.map(
            lambda x: x if known(x) else jax.lax.stop_gradient(x), (_Numbers.of(self), value)
        )
        with jax.enable_x64(True):
            return _advance(self.mode, self.threshold_mode, numbers, state, value)

    def __call__(self, state: PlateauState, **extra_args: Any) -> jax.Array:
        """The learning rate in force, in float32 (float64 under `jax_enable_x64`)."""
        del extra_args
        _check_state(state)
        return evaluate(_Reduced(self.lr, self.factor, self.min_lr), state.num_reductions)


class _Reduced(Schedule):
    """The rate as a function of the number of reductions."""

    lr: Float
    factor: Float
    min_lr: Float

    def curve(self, t):
        reduced = self.lr * power_of(self.factor, t)
        return jnp.where(t == 0, self.lr, jnp.maximum(reduced, self.min_lr))


class _Numbers(NamedTuple):
    """ReduceLROnPlateau's numbers, as they enter the compiled update."""

    lr: Float
    factor: Float
    min_lr: Float
    patience: Number
    threshold: Float
    cooldown: Number
    eps: Float

    @classmethod
    def of(cls, p: ReduceLROnPlateau):
        return cls(*[getattr(p, name) for name in cls._fields])


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def _advance(mode: str, threshold_mode: str, p: _Numbers, state: PlateauState, value):
    with jax.numpy_dtype_promotion("standard"):
        value = jnp.reshape(value, ()).astype(state.best.dtype)
        metric, best = value.astype(jnp.float64), state.best.astype(jnp.float64)
        sign = 1.0 if mode == "min" else -1.0
        bar = (
            best * (1.0 - sign * p.threshold)
            if threshold_mode == "rel"
            else best - sign * p.threshold
        )
        better = metric < bar if mode == "min" else metric > bar
        bad = jnp.where(better, 0, state.num_bad_epochs + 1)
        cooling = state.cooldown_counter > 0
        bad = jnp.where(cooling, 0, bad)
        cooldown = state.cooldown_counter - cooling
        due = bad > p.patience
        pause = jnp.clip(jnp.ceil(p.cooldown), 0, 2**31 - 1)  # a broken one ends in a whole step
        count = state.num_reductions
        reduced = _Reduced(p.lr, p.factor, p.min_lr)
        change = reduced.curve(count) - reduced.curve(count + 1)
        return PlateauState(
            jnp.where(better, value, state.best),
            jnp.where(due, 0, bad).astype(jnp.int32),
            jnp.where(due, pause, cooldown).astype(jnp.int32),
            (count + (due & (change > p.eps))).astype(jnp.int32),
        )


def _check_state(state: Any) -> None:
    if not isinstance(state, PlateauState):
        raise TypeError(
            "`ReduceLROnPlateau(...)(state)` must get a PlateauState, the rate depends on a metric"
            f" and not on a step count; got {state!r}. Hand it to Optax as"
            " `optax.inject_hyperparams(optax.sgd)(learning_rate=ReduceLROnPlateau(...))`."
        )
