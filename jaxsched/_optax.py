"""Optimizer state to rate, and to another step count."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp

from ._flows import PlateauState


def current_lr(opt_state: Any) -> jax.Array:
    """The learning rate that the last update applied.

    Args:
      opt_state: the state of an optimizer made with `optax.inject_hyperparams`, on its own or
        inside `optax.chain`, `optax.partition`, `optax.MultiSteps` or an `nnx.Optimizer`.

    Returns:
      The rate, a scalar array; before the first update, the rate that one will apply.

    Raises:
      ValueError: where no state injects a `learning_rate`, or several do.

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
    opt_state = getattr(opt_state, "opt_state", opt_state)  # an nnx.Optimizer or a TrainState
    found = {}
    nodes, _ = jax.tree_util.tree_flatten_with_path(opt_state, is_leaf=_injects)
    for path, node in nodes:
        if _injects(node):
            found[jax.tree_util.keystr(path) or "the state itself"] = node.hyperparams
    if not found:
        raise ValueError(
            "`current_lr(opt_state)` must find an injected learning rate, got a state without one:"
            " make the optimizer with `optax.inject_hyperparams(optax.adam)(learning_rate=...)`,"
            " or call the schedule with the step count."
        )
    if len(found) > 1:
        raise ValueError(
            "`current_lr(opt_state)` must find one injected learning rate, got several, at"
            f" {', '.join(found)}: pass one of these states."
        )
    [hyperparams] = found.values()
    rate = hyperparams["learning_rate"]
    return rate[...] if hasattr(rate, "get_value") else rate


def _injects(node: Any) -> bool:
    return "learning_rate" in getattr(node, "hyperparams", ())


_FIRST = {"count": 0, "gradient_step": 0, "step_count": 1}  # what each starts from


def fast_forward(opt_state: Any, count: int) -> Any:
    """The same optimizer state with every step count set, so that training resumes at `count`.

    Args:
      opt_state: any Optax state; the moments in it stay as they are. (Adam's bias correction goes
        by the count: it takes moments that are still empty for full ones.)
      count: the number of updates that are to have been made, from 0 up.

    Returns:
      A state of the same structure. An injected rate in it is renewed by the next update.

    Warns:
      UserWarning: for a ReduceLROnPlateau in it, as no count tells what it remembers.

    Raises:
      TypeError: for a `count` that is no integer.
      ValueError: for a negative `count`, or a state without a step count.

    >>> import jax.numpy as jnp
    >>> import jaxsched, optax
    >>> optimizer = optax.sgd(jaxsched.ExponentialLR(0.1, gamma=0.5))
    >>> state = fast_forward(optimizer.init(jnp.zeros(1)), 3)
    >>> optimizer.update(jnp.ones(1), state)[0]
    Array([-0.0125], dtype=float32)
    """
    python_int = isinstance(count, int) and not isinstance(count, bool)
    scalar = jnp.issubdtype(getattr(count, "dtype", object), jnp.integer) and not jnp.ndim(count)
    if not (python_int or scalar):
        raise TypeError(f"`fast_forward(count=...)` must be an integer, got {count!r}.")
    if not isinstance(count, jax.core.Tracer) and not 0 <= count < 2**31:
        raise ValueError(f"`fast_forward(count=...)` must be from 0 to 2**31 - 1, got {count}.")
    if hasattr(opt_state, "opt_state"):
        raise TypeError(
            "`fast_forward(opt_state=...)` must be the optimizer's state alone, got"
            f" {type(opt_state).__name__}: pass its `opt_state`."
        )
    if any(map(_is_plateau, jax.tree.leaves(opt_state, is_leaf=_is_plateau))):
        warnings.warn(
            "`fast_forward(opt_state=...)` holds a ReduceLROnPlateau: what it remembers came of"
            " metrics, and stays as it is. Restore it from a checkpoint.",
            stacklevel=2,
        )
    changed = []

    def change(path, leaf):
        if _counts_metrics(leaf) or jnp.ndim(leaf):
            return leaf
        keys = [getattr(key, "name", getattr(key, "key", None)) for key in path]
        named = [key for key in keys if isinstance(key, str) and key != "value"]
        name = named[-1] if named else None
        if not jnp.issubdtype(jnp.result_type(leaf), jnp.integer):
            return leaf
        if name in _FIRST:
            changed.append(name)
            return jnp.full_like(leaf, count + _FIRST[name])
        return jnp.zeros_like(leaf) if name == "mini_step" else leaf

    state = jax.tree_util.tree_map_with_path(change, opt_state, is_leaf=_counts_metrics)
    if not changed:
        raise ValueError("`fast_forward(opt_state=...)` must hold a step count, got none.")
    return state


def _is_plateau(node: Any) -> bool:
    return isinstance(node, PlateauState)


def _counts_metrics(node: Any) -> bool:
    """Whether it is the state of `optax.contrib.reduce_on_plateau`, whose count is no step's."""
    return hasattr(node, "plateau_count")
