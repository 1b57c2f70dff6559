"""Reads the rate in an optimizer's state, and sets its step counts."""

import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._core.number import as_count
from ._schedulers.plateau_flows import PlateauState


def current_lr(opt_state: Any) -> Any:
    """The learning rate that the last update applied.

    Args:
      opt_state: the state of an optimizer made with `optax.inject_hyperparams`, on its own or
        inside `optax.chain`, `optax.partition`, `optax.MultiSteps` or an `nnx.Optimizer`.

    Returns:
      The rate, a scalar array; before the first update, the rate that the first update will apply.
      If several groups of an `optax.partition` inject a rate, a dict `{label: rate}`, nested like
      the partitions.

    Raises:
      TypeError: if `opt_state` is the optimizer and not its state.
      ValueError: if no state injects a `learning_rate`, or several do outside of a partition.

    >>> import jax.numpy as jnp
    >>> import jaxsched, optax
    >>> schedule = jaxsched.ExponentialLR(0.1, gamma=0.5)
    >>> optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)
    >>> state = optimizer.init(jnp.zeros(3))
    >>> for _ in range(3):
    ...     _, state = optimizer.update(jnp.ones(3), state, jnp.zeros(3))
    >>> current_lr(state)
    Array(0.025, dtype=float32)
    """
    return _applied("current_lr", opt_state)


def log_rates(opt_state: Any, name: str = "lr") -> dict[str, float]:
    """The rates that the last update applied, as a flat dict for a CSV file, TensorBoard or wandb.

        one rate               {"lr": 0.01}
        groups of a partition  {"lr/backbone": 0.001, "lr/head": 0.01}
        a batch of rates       {"lr/0": 0.1, "lr/1": 0.2}

    Args:
      opt_state: an optimizer's state, as for `current_lr`, outside of `jax.jit`.
      name: what the keys begin with.

    Returns:
      A dict of Python floats. Each has the fewest decimals that give the same float32 (or the
      rate's own type) back: 0.01, not 0.009999999776482582.

    Raises:
      TypeError: if `opt_state` is the optimizer and not its state, or traced.
      ValueError: if no state injects a `learning_rate`, or several do outside of a partition.

    >>> import jax.numpy as jnp
    >>> import jaxsched, optax
    >>> groups = jaxsched.ParamGroups([jaxsched.StepLR(lr, step_size=30) for lr in (0.001, 0.01)])
    >>> optimizer = groups.partition(
    ...     optax.inject_hyperparams(optax.sgd), {"backbone": 0, "head": 1}
    ... )
    >>> log_rates(optimizer.init({"backbone": jnp.zeros(3), "head": jnp.zeros(1)}))
    {'lr/0': 0.001, 'lr/1': 0.01}
    """
    rates = _applied("log_rates", opt_state)
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(rates)):
        raise TypeError(
            "`log_rates(opt_state=...)` must be concrete, got traced values: call it outside of"
            " `jax.jit`, with the state that the jitted step returns."
        )
    return dict(_flat(rates, name))


def _flat(rates: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(rates, dict):
        parts = [(f"{name}/{label}", rate) for label, rate in rates.items()]
    elif np.ndim(rates):
        parts = [(f"{name}/{index}", rate) for index, rate in enumerate(np.asarray(rates))]
    else:
        yield name, float(str(np.asarray(rates)[()]))  # NumPy prints the shortest decimals.
        return
    for longer, rate in parts:
        yield from _flat(rate, longer)


def _applied(caller: str, opt_state: Any) -> Any:
    """The rate that the last update applied, or the groups' rates by label."""
    _refuse_optimizer(caller, opt_state)
    state = getattr(opt_state, "opt_state", opt_state)  # of an nnx.Optimizer or a TrainState
    rate = _rate_in(caller, state)
    if rate is None:
        raise ValueError(
            f"`{caller}(opt_state)` must contain an injected learning rate, got a state without:"
            " make the optimizer with `optax.inject_hyperparams(optax.adam)(learning_rate=...)`,"
            " or call the schedule with the step count."
        )
    return rate


def _rate_in(caller: str, opt_state: Any) -> Any:
    """The same, or None without an injected rate."""
    nodes, _ = jax.tree_util.tree_flatten_with_path(opt_state, is_leaf=_has_rates)
    found = {}
    for path, node in nodes:
        if _has_rates(node) and (rate := _rate_of(caller, node)) is not None:
            found[jax.tree_util.keystr(path) or "the state itself"] = rate
    if len(found) > 1:
        raise ValueError(
            f"`{caller}(opt_state)` must contain one injected learning rate, got several, at"
            f" {', '.join(found)}: pass one of these states."
        )
    return next(iter(found.values()), None)


def _rate_of(caller: str, node: Any) -> Any:
    if _injects(node):
        rate = node.hyperparams["learning_rate"]
        return rate[...] if hasattr(rate, "get_value") else rate
    groups = {label: _rate_in(caller, state) for label, state in node.inner_states.items()}
    rates = {label: rate for label, rate in groups.items() if rate is not None}
    return rates if len(rates) > 1 else next(iter(rates.values()), None)


def _has_rates(node: Any) -> bool:
    return _injects(node) or hasattr(getattr(node, "inner_states", None), "items")


def _injects(node: Any) -> bool:
    return "learning_rate" in getattr(node, "hyperparams", ())


def _refuse_optimizer(name: str, state: Any) -> None:
    if hasattr(state, "init") and hasattr(state, "update"):
        raise TypeError(
            f"`{name}(opt_state=...)` must be the optimizer's state, got the optimizer itself"
            f" ({type(state).__name__}): pass what `optimizer.init(params)` returned."
        )


_FIRST = {"count": 0, "gradient_step": 0, "step_count": 1}  # the value of each in a fresh state


def fast_forward(opt_state: Any, count: int, *, only_schedules: bool = False) -> Any:
    """The same optimizer state with every step count set, so that training resumes at `count`.

    Args:
      opt_state: any Optax state, a TrainState or an `nnx.Optimizer`, whose `step` is set too.
        Moments are not changed. (Adam's bias correction uses the count: it treats freshly
        initialised moments as if they had been averaged for `count` steps.)
      count: the number of updates already made, from 0 up.
      only_schedules: sets only the counts that schedules read. With a `count` of 0 the schedule
        restarts, while Adam's moments and their bias correction continue. (Under
        `inject_hyperparams`, schedules do not read the state's own `count`.)

    Returns:
      A state of the same structure; an `nnx.Optimizer` is changed in place and returned. The next
      update recomputes an injected rate.

    Warns:
      UserWarning: if the state contains a ReduceLROnPlateau, whose state depends on metrics.

    Raises:
      TypeError: if `count` is not an integer, or `opt_state` is the optimizer and not its state.
      ValueError: for a negative `count`, a state without a step count, or a `step` that counts
        the batches of an `optax.MultiSteps`, which cannot be computed from the updates.

    >>> import jax.numpy as jnp
    >>> import jaxsched, optax
    >>> optimizer = optax.sgd(jaxsched.ExponentialLR(0.1, gamma=0.5))
    >>> state = fast_forward(optimizer.init(jnp.zeros(1)), 3)
    >>> optimizer.update(jnp.ones(1), state)[0]
    Array([-0.0125], dtype=float32)
    """
    count = as_count(count)
    _check_count(count)
    _refuse_optimizer("fast_forward", opt_state)
    if not hasattr(opt_state, "opt_state"):
        return _forwarded(opt_state, count, only_schedules)
    if not hasattr(opt_state, "step"):
        raise TypeError(
            "`fast_forward(opt_state=...)` must be the optimizer's state, a TrainState or an"
            f" nnx.Optimizer, got {type(opt_state).__name__}: pass its `opt_state`."
        )
    return _with_step(opt_state, count, only_schedules)


def _check_count(count: Any) -> None:
    python_int = isinstance(count, int) and not isinstance(count, bool)
    scalar = jnp.issubdtype(getattr(count, "dtype", object), jnp.integer) and not jnp.ndim(count)
    if not (python_int or scalar):
        raise TypeError(f"`fast_forward(count=...)` must be an integer, got {count!r}.")
    if not isinstance(count, jax.core.Tracer) and not 0 <= count < 2**31:
        raise ValueError(f"`fast_forward(count=...)` must be from 0 to 2**31 - 1, got {count}.")


def _with_step(holder: Any, count: Any, only_schedules: bool) -> Any:
    """A TrainState, or the same `nnx.Optimizer`, with its counts set."""
    keyed, _ = jax.tree_util.tree_flatten_with_path(holder.opt_state)
    if not only_schedules and any(_name(path) == "gradient_step" for path, _ in keyed):
        raise ValueError(
            "`fast_forward(opt_state=...)` must not contain an `optax.MultiSteps` next to a `step`"
            f" that counts its batches, got {type(holder).__name__}: pass its `opt_state`, and set"
            " its `step` yourself."
        )
    opt_state = _forwarded(holder.opt_state, count, only_schedules)
    step = holder.step
    if not only_schedules:
        step = jax.tree.map(
            lambda leaf: count if type(leaf) is int else jnp.full_like(leaf, count), step
        )
    if hasattr(holder, "replace"):
        return holder.replace(step=step, opt_state=opt_state)
    if hasattr(holder, "_replace"):
        return holder._replace(step=step, opt_state=opt_state)
    holder.step, holder.opt_state = step, opt_state
    return holder


def _forwarded(opt_state: Any, count: Any, only_schedules: bool) -> Any:
    _warn_of_plateaus(opt_state)
    changed = []

    def change(path, leaf):
        if _counts_metrics(leaf) or jnp.ndim(leaf):
            return leaf
        name = _name(path)
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.integer):
            return leaf
        if name in _FIRST:
            changed.append(name)
            return jnp.full_like(leaf, count + _FIRST[name])
        return jnp.zeros_like(leaf) if name == "mini_step" else leaf

    if only_schedules:
        state = jax.tree.map(
            lambda node: _schedule_forwarded(node, change), opt_state, is_leaf=_is_schedules
        )
    else:
        state = jax.tree_util.tree_map_with_path(change, opt_state, is_leaf=_counts_metrics)
    if not changed:
        read = " that a schedule reads" if only_schedules else ""
        raise ValueError(
            f"`fast_forward(opt_state=...)` must contain a step count{read}, got a state without."
        )
    return state


def _schedule_forwarded(node: Any, change: Any) -> Any:
    """A part of an optimizer's state, with the counts that schedules read set."""

    def all_of(tree):
        return jax.tree_util.tree_map_with_path(change, tree, is_leaf=_counts_metrics)

    if isinstance(node, optax.ScaleByScheduleState):
        return all_of(node)
    if not _is_schedules(node):
        return node
    own = all_of({"count": node.count, "states": node.hyperparams_states})
    inner = jax.tree.map(
        lambda part: _schedule_forwarded(part, change), node.inner_state, is_leaf=_is_schedules
    )
    return node._replace(count=own["count"], hyperparams_states=own["states"], inner_state=inner)


def _is_schedules(node: Any) -> bool:
    """Whether a node is the state of one or several schedules in Optax."""
    return isinstance(node, optax.ScaleByScheduleState) or (
        hasattr(node, "hyperparams_states") and hasattr(node, "_replace")
    )


def _name(path: Any) -> str | None:
    """The field name of a leaf; under nnx, that of the Variable around it."""
    keys = [getattr(key, "name", getattr(key, "key", None)) for key in path]
    named = [key for key in keys if isinstance(key, str) and key != "value"]
    return named[-1] if named else None


def _warn_of_plateaus(opt_state: Any) -> None:
    if any(map(_is_plateau, jax.tree.leaves(opt_state, is_leaf=_is_plateau))):
        warnings.warn(
            "`fast_forward(opt_state=...)` contains a ReduceLROnPlateau, whose state depends on"
            " metrics and is not changed: restore it from a checkpoint.",
            stacklevel=4,
        )


def _is_plateau(node: Any) -> bool:
    return isinstance(node, PlateauState)


def _counts_metrics(node: Any) -> bool:
    """Whether a node is the state of `optax.contrib.reduce_on_plateau`, which counts metrics."""
    return hasattr(node, "plateau_count")
