"""ReduceLROnPlateau: metric to rate, a pure state machine."""

import dataclasses
import functools
from typing import Annotated, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from .._core import numerics as xp
from .._core.arrays import settled
from .._core.evaluate import evaluate, require_scalars
from .._core.fields import NESTED, Length, Metric, NumberKind, Rate, static
from .._core.number import Float, Int, is_concrete
from .._core.schedule import Schedule
from .._core.value import Value, evolve
from .plateau_flows import Averaged, Held, HeldState, PlateauState, checked, scalar, tick

_Counter: TypeAlias = Annotated[Int, NumberKind(integers=range(2**31), from_float=True)]


class ReduceLROnPlateau(Value):
    """Multiplies the learning rate by `factor` when a metric has stopped improving.

        lr(k) = lr                               before the first reduction
        lr(k) = max(lr * factor ** k, min_lr)    after k reductions

    It has the shape of an `optax.schedules.StatefulSchedule`: the rate is a function of a state,
    and the state of the metrics. Drive it by hand, or with Optax:

        optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=ReduceLROnPlateau(0.1))
        updates, state = optimizer.update(grads, state, params, value=loss)

    As in PyTorch, an update uses the rate set by the metrics before it. Where a metric does not
    come with every update, hand Optax `plateau.averaged(steps_per_epoch)`, which judges an
    epoch's mean metric, or `plateau.held`, whose rate moves by `plateau.step` only.

    `lr` may be a schedule, which PyTorch cannot do: warm up, or decay, and reduce on top. Its
    rate at the number of updates then stands for `lr` above, and `min_lr` never raises it:

        max(lr(count) * factor ** k, min(min_lr, lr(count)))

    Args:
      lr: the learning rate at the start; or a schedule of the number of updates, whose rate the
        reductions so far then scale.
      mode: "min" if a smaller metric is better, "max" if a larger one is.
      factor: what each reduction multiplies by, below 1.
      patience: the number of metrics without improvement that are tolerated; the next
        one reduces the rate.
      threshold: how much better counts as better.
      threshold_mode: whether that is relative to the best metric ("rel"), or absolute ("abs").
        "rel" is PyTorch's `best * (1 - threshold)` ("max": 1 + threshold), which for negative
        metrics lies on the wrong side of `best`: one that stalls counts as better every time,
        and the rate never falls. "magnitude", which PyTorch lacks, is relative to `abs(best)`:
        the same for positive metrics (and thresholds below 1), and right for negative ones.
      cooldown: the number of metrics after a reduction that do not count as bad.
      min_lr: the smallest rate that is reduced to.
      eps: a reduction of the rate by no more than this is not made, and the patience starts anew.
        (Over a schedule, it is the rate of the next update that counts.)
      best: for a run that goes on, the best metric before; `lr` is then the current rate.
      num_bad_epochs: likewise the metrics without improvement since then, an int from 0 up.
      cooldown_counter: likewise how many more of them do not count, an int from 0 up.

    Raises:
      TypeError: for an `lr` that is neither a number nor a schedule.
      ValueError: for a `factor` of 1 or more, an unknown mode, or a negative counter.

    >>> plateau = ReduceLROnPlateau(0.1, factor=0.5, patience=1)
    >>> state = plateau.init()
    >>> for loss in [1.0, 0.9, 0.9, 0.9]:
    ...     state = plateau.update(state, value=loss)
    >>> plateau(state)
    Array(0.05, dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
    """

    lr: Rate | Schedule
    mode: str = static(default="min")
    factor: Float = 0.1
    patience: Length = 10
    threshold: Metric = 1e-4
    threshold_mode: str = static(default="rel")
    cooldown: Length = 0
    min_lr: Rate = 0
    eps: Metric = 1e-8
    best: Metric | None = dataclasses.field(default=None, kw_only=True)
    num_bad_epochs: _Counter | None = dataclasses.field(default=None, kw_only=True)
    cooldown_counter: _Counter | None = dataclasses.field(default=None, kw_only=True)

    def _validate(self):
        if not isinstance(self.lr, Schedule):
            self._require("lr", lambda x: x >= 0, "a number from 0 up")
        self._require("factor", lambda x: x < 1, "below 1")
        self._choose("mode", "min", "max")
        self._choose("threshold_mode", "rel", "abs", "magnitude")

    def _check_numbers(self, field, kind, value):
        if field.name != "lr" or not (isinstance(value, Value) or callable(value)):
            super()._check_numbers(field, kind, value)
        elif not isinstance(value, Schedule):
            rule = "a number or a jaxsched.Schedule (of a function: LambdaLR(1.0, function))"
            self._reject("lr", rule, TypeError)

    def init(self) -> PlateauState:
        """The state before any metric, or where `best` and the counters say."""
        require_scalars(self)
        worst = np.inf if self.mode == "min" else -np.inf
        begun = [self.best, self.num_bad_epochs, self.cooldown_counter]
        best, *counters = (
            x if given is None else given for given, x in zip(begun, (worst, 0, 0), strict=True)
        )
        # Arrays of their own, so that the state can be donated.
        return PlateauState(
            jnp.array(best, jnp.result_type(float)),
            *(jnp.array(number, jnp.int32) for number in (*counters, 0, 0)),
        )

    def __call__(self, state: PlateauState, **extra_args: Any) -> jax.Array:
        """The learning rate in force, in float32 (float64 under `jax_enable_x64`)."""
        checked(state)
        require_scalars(self)
        if not isinstance(self.lr, Schedule):
            return evaluate(_Reduced(self.lr, self.factor, self.min_lr), state.num_reductions)
        scaled = _Scaled(self.lr, self.factor, self.min_lr, state.num_reductions)
        return evaluate(scaled, state.count)

    def update(self, state: PlateauState, *, value: Any = None, **extra_args: Any) -> PlateauState:
        """The state after one more update, and its metric.

        Args:
          state: the state before it.
          value: the metric, a scalar; it is compared in the float type of `state.best`. NaN is
            never better.
          **extra_args: whatever else Optax hands on; ignored.

        Raises:
          TypeError: without a `value`, or for one that is no real number, or for another state.
          ValueError: for a `value` that is no scalar.
        """
        state = tick(checked(state))
        return self._judge(state, scalar("update", value, state))

    @property
    def held(self) -> Held:
        """The same for `optax.inject_hyperparams`, but only `step` moves it, no update does.

        A metric that comes with an update, for the sake of other transformations, is not looked
        at. See `step` for an example.
        """
        return Held(self)

    def step(self, opt_state: Any, value: Any) -> Any:
        """PyTorch's `scheduler.step(value)`: reports a metric between two updates.

        Args:
          opt_state: the state of an optimizer that got `held`, in whatever wrapper; for an
            `nnx.Optimizer` or a `TrainState`, its `opt_state`. Of several parameter groups,
            the state of one.
          value: the metric, a scalar. NaN is never better.

        Returns:
          The same state, in which the next update finds the new rate. (`current_lr` still tells
          that of the last one.)

        Raises:
          TypeError: for a `value` that is no real number, or for something that only contains an
            `opt_state`.
          ValueError: where no `held` plateau is in the state, or several are; or for a `value`
            that is no scalar.

        >>> import jax.numpy as jnp
        >>> import jaxsched, optax
        >>> plateau = jaxsched.ReduceLROnPlateau(0.1, factor=0.5, patience=0)
        >>> optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=plateau.held)
        >>> params, grads = jnp.zeros(3), jnp.ones(3)
        >>> state = optimizer.init(params)
        >>> for validation_loss in [1.0, 1.0, 1.0]:
        ...     for _ in range(10):
        ...         _, state = optimizer.update(grads, state, params)
        ...     state = plateau.step(state, value=validation_loss)
        >>> jaxsched.current_lr(state)  # of the last epoch
        Array(0.05, dtype=float32)
        """
        if hasattr(opt_state, "opt_state"):
            raise TypeError(
                "`ReduceLROnPlateau.step(opt_state=...)` must be the optimizer's state alone, got"
                f" {type(opt_state).__name__}: pass its `opt_state`."
            )
        nodes, treedef = jax.tree.flatten(opt_state, is_leaf=_is_held)
        places = [i for i, node in enumerate(nodes) if _is_held(node)]
        if len(places) != 1:
            raise ValueError(
                "`ReduceLROnPlateau.step(opt_state=...)` must hold the state of one `plateau.held`,"
                f" got {len(places)}: make the optimizer with `optax.inject_hyperparams(optax.sgd)"
                "(learning_rate=plateau.held)`; of several groups, pass the state of one."
            )
        [place] = places
        leaves, fields = jax.tree.flatten(nodes[place])  # nnx wraps them in Variables
        state = PlateauState(*leaves)
        state = self._judge(state, scalar("step", value, state))
        nodes[place] = jax.tree.unflatten(fields, list(state))
        return jax.tree.unflatten(treedef, nodes)

    def averaged(self, steps_per_epoch: int) -> Averaged:
        """The same, judging the mean of the metrics of each epoch, for `optax.inject_hyperparams`.

        Args:
          steps_per_epoch: the number of updates in an epoch, a positive int. Each passes its
            metric as `value`; the last one's completes the mean, and the next epoch has the
            new rate.

        Returns:
          A stateful schedule, with a state of its own around the plateau's.

        Raises:
          ValueError: for a `steps_per_epoch` that is no positive int.

        >>> plateau = ReduceLROnPlateau(0.1, factor=0.5, patience=0).averaged(2)
        >>> state = plateau.init()
        >>> for loss in [1.0, 2.0, 2.0, 1.0]:
        ...     state = plateau.update(state, value=loss)
        >>> plateau(state)
        Array(0.05, dtype=float32)
        """
        return Averaged(self, steps_per_epoch)

    def _judge(self, state: PlateauState, value: Any) -> PlateauState:
        """The state after a metric; `state.count` is already that of the next update."""
        require_scalars(self)
        plan, lr = self.lr._plan() if isinstance(self.lr, Schedule) else ((), self.lr)
        lengths: dict[str, Any] = {"patience": self.patience, "cooldown": self.cooldown}
        lengths = {
            name: float(x) if is_concrete(x) else x for name, x in lengths.items()
        }  # of any size
        plateau, value = jax.tree.map(
            lambda x: settled(x if _is_numpy(x) else jax.lax.stop_gradient(x)),
            (evolve(self, lr=lr, **lengths), value),
        )
        state = jax.tree.map(settled, state)
        with xp.float64():
            return _advance(plan, plateau, state, value)


class _Reduced(Schedule):
    """A rate as a function of the number of reductions."""

    lr: Rate
    factor: Float
    min_lr: Rate

    def _curve(self, t):
        reduced = self.lr * xp.power(self.factor, t)
        return jnp.where(t == 0, self.lr, jnp.maximum(reduced, self.min_lr))


class _Scaled(Schedule):
    """A schedule's rate after some reductions, as a function of the step count."""

    schedule: Annotated[Schedule, NESTED]
    factor: Float
    min_lr: Rate
    num_reductions: Int

    def _plan(self):
        plan, stand_in = self.schedule._plan()
        return plan, evolve(self, schedule=stand_in)

    def _rate(self, count, plan):
        return _reduced(self.schedule, plan, count, self.factor, self.min_lr)(self.num_reductions)

    def _end(self):
        return self.schedule._end()

    def _undefined_from(self):
        return self.schedule._undefined_from()


def _reduced(lr, plan: tuple, count, factor, min_lr):
    """The rate at `count`, as a function of the number of reductions."""
    if not hasattr(lr, "_rate"):
        return _Reduced(lr, factor, min_lr)._curve
    rate = lr._rate(count, plan)
    return _Reduced(rate, factor, jnp.minimum(min_lr, rate))._curve  # Reductions never raise it.


def _is_numpy(x: Any) -> bool:
    return is_concrete(x) or isinstance(x, np.ndarray)


def _is_held(node: Any) -> bool:
    return isinstance(node, HeldState)


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _advance(plan: tuple, p: ReduceLROnPlateau, state: PlateauState, value) -> PlateauState:
    with jax.numpy_dtype_promotion("standard"):
        value = jnp.reshape(value, ()).astype(state.best.dtype)
        metric, best = value.astype(jnp.float64), state.best.astype(jnp.float64)
        threshold = xp.floating(p.threshold)  # an unsigned one has no negative
        margin = threshold if p.mode == "min" else -threshold
        if p.threshold_mode == "abs":
            bar = best - margin
        elif p.threshold_mode == "rel":
            bar = best * (1.0 - margin)
        else:
            bar = best * (1.0 - jnp.where(best < 0, -margin, margin))
            bar = jnp.where(jnp.isinf(best), best, bar)
        better = metric < bar if p.mode == "min" else metric > bar
        bad = jnp.where(better, 0, state.num_bad_epochs + 1)
        cooling = state.cooldown_counter > 0
        bad = jnp.where(cooling, 0, bad)
        cooldown = state.cooldown_counter - cooling
        due = bad.astype(jnp.float64) > p.patience
        pause = jnp.clip(
            jnp.ceil(p.cooldown), 0, 2**31 - 1
        )  # a fractional one ends at the next metric
        reductions = state.num_reductions
        rate = _reduced(p.lr, plan, state.count, p.factor, p.min_lr)
        change = rate(reductions) - rate(reductions + 1)
        return PlateauState(
            jnp.where(better, value, state.best),
            jnp.where(due, 0, bad).astype(jnp.int32),
            jnp.where(due, pause, cooldown).astype(jnp.int32),
            (reductions + (due & (change > p.eps))).astype(jnp.int32),
            state.count,
        )
