"""The end of a schedule, and the error of a count past it.

A traced count past the end is an error for `checkify` alone. `checkify.debug_check` would do, but
leaves an effect behind that `jax.export` cannot serialise. So `in_range` is the identity as a
primitive of its own, and only checkify has a rule for it that checks something.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from . import numerics as xp
from .number import is_concrete


class PastEnd(ValueError):
    """A count, or a `last_epoch`, past the end of a schedule."""


class End(NamedTuple):
    """Where a schedule ends: PyTorch raises at every later count.

    For a single scheduler inside a composition it is in readings of its own `last_epoch`.
    """

    last: Any  # the last count that PyTorch computes
    reason: str
    steps: Callable[[Any], Any] = lambda count: count  # the number of steps that PyTorch tells

    def error(self, count: int) -> PastEnd:
        """The error of a count past the end."""
        return PastEnd(f"Tried to step {int(self.steps(count))} times. {self.reason}")

    def through(self, at: Callable[[Any], Any], when: Callable[[Any], Any]) -> "End":
        """The end for counts that `at` maps to these; `when` is the first to reach one."""
        return End(when(self.last + 1) - 1, self.reason, lambda count: self.steps(at(count)))


def earliest(ends: Sequence[End | None]) -> End | None:
    """The first of several ends."""
    real = [end for end in ends if end is not None]
    if not real or all(is_concrete(end.last) for end in real):
        return min(real, key=lambda end: end.last, default=None)
    return real[0]._replace(last=functools.reduce(xp.minimum, [end.last for end in real]))


def in_range(count, last_count, message: str):
    """`count`, with a check under `jax.experimental.checkify` that it is at most `last_count`."""
    last_count = jnp.minimum(jnp.asarray(last_count), 2**31 - 1).astype(jnp.int32)
    return _primitive().bind(jnp.asarray(count), last_count, message=message)


@functools.cache
def _primitive():
    # Imported here, because it takes as long as the rest of jaxsched and few schedules end.
    from jax.extend.core import Primitive
    from jax.interpreters import batching, mlir

    def identity(count, last_count, *, message):
        return count

    def batched(arguments, dims, **params):
        # The bound must meet each of the counts, so both are brought to the same leading axis.
        size = next(x.shape[d] for x, d in zip(arguments, dims, strict=True) if d is not None)
        count, last_count = (
            jnp.broadcast_to(x, (size, *x.shape)) if d is None else jnp.moveaxis(x, d, 0)
            for x, d in zip(arguments, dims, strict=True)
        )
        last_count = last_count.reshape(last_count.shape + (1,) * (count.ndim - last_count.ndim))
        return primitive.bind(count, last_count, **params), 0

    primitive = Primitive("jaxsched_in_range")
    primitive.def_impl(identity)
    primitive.def_abstract_eval(identity)
    mlir.register_lowering(primitive, mlir.lower_fun(identity, False))
    batching.primitive_batchers[primitive] = batched
    _tell_checkify(primitive)
    return primitive


def _tell_checkify(primitive) -> None:
    """Registers the check, if JAX still keeps checkify's rules where it has so far.

    They are private: without them the primitive stays the identity that it is for all others.
    """
    try:
        from jax._src import checkify

        rules, error = checkify.error_checks, checkify.FailedCheckError
        assert_func, traceback = checkify.assert_func, checkify.get_traceback
    except (ImportError, AttributeError):
        return
    if not isinstance(rules, dict):
        return

    # From jax 0.11 on, a rule is first given a context, which `assert_func` wants too.
    def check(*arguments, message):
        *context, found, enabled_errors, count, last_count = arguments
        if error in enabled_errors:
            failed = error(traceback(), message)
            with contextlib.suppress(TypeError):  # of another signature
                found = assert_func(*context, found, jnp.any(count > last_count), failed)
        return found, primitive.bind(count, last_count, message=message)

    rules[primitive] = check
