"""A traced count past the end of a schedule: an error for `checkify`, and nothing for all others.

`checkify.debug_check` would do, but leaves an effect behind that `jax.export` cannot serialise. So
this is the identity as a primitive of its own, and only checkify knows that there is more to it.
"""

import functools

import jax.numpy as jnp


def in_range(count, last_count, message: str):
    """`count`, with a check under `jax.experimental.checkify` that it is at most `last_count`."""
    last_count = jnp.minimum(jnp.asarray(last_count), 2**31 - 1).astype(jnp.int32)
    return _primitive().bind(jnp.asarray(count), last_count, message=message)


@functools.cache
def _primitive():
    # Imported here, because they take as long as the rest of jaxsched and few schedules end.
    from jax._src import checkify
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

    def check(error, enabled_errors, count, last_count, *, message):
        if checkify.FailedCheckError in enabled_errors:
            failed = checkify.FailedCheckError(checkify.get_traceback(), message)
            error = checkify.assert_func(error, jnp.any(count > last_count), failed)
        return error, primitive.bind(count, last_count, message=message)

    primitive = Primitive("jaxsched_in_range")
    primitive.def_impl(identity)
    primitive.def_abstract_eval(identity)
    mlir.register_lowering(primitive, mlir.lower_fun(identity, False))
    batching.primitive_batchers[primitive] = batched
    checkify.error_checks[primitive] = check
    return primitive
