"""A traced count past the end of a schedule: an error for `checkify`, and nothing for all others.

`checkify.debug_check` would do, but leaves an effect behind that `jax.export` cannot serialise. So
this is the identity as a primitive of its own, and only checkify knows that there is more to it.
"""

import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

in_range_p = Primitive("jaxsched_in_range")
in_range_p.def_impl(lambda count, **_: count)
in_range_p.def_abstract_eval(lambda count, **_: count)
mlir.register_lowering(in_range_p, mlir.lower_fun(lambda count, **_: count, False))
batching.primitive_batchers[in_range_p] = lambda args, dims, **params: (
    in_range_p.bind(*args, **params),
    dims[0],
)


def in_range(count, last_count: int, message: str):
    """`count`, with a check under `jax.experimental.checkify` that it is at most `last_count`."""
    _teach_checkify()
    return in_range_p.bind(jnp.asarray(count), last_count=last_count, message=message)


def _teach_checkify() -> None:
    from jax._src import checkify

    def rule(error, enabled_errors, count, *, last_count, message):
        if checkify.FailedCheckError in enabled_errors:
            failed = checkify.FailedCheckError(checkify.get_traceback(), message)
            error = checkify.assert_func(error, jnp.any(count > last_count), failed)
        return error, in_range_p.bind(count, last_count=last_count, message=message)

    checkify.error_checks.setdefault(in_range_p, rule)
