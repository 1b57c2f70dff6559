"""A traced count past the end of a schedule: an error for `checkify`, and nothing for all others.

`checkify.debug_check` would do, but leaves an effect behind that `jax.export` cannot serialise. So
this is the identity as a primitive of its own, and only checkify knows that there is more to it.
"""

import contextlib
import functools

import jax.numpy as jnp


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
