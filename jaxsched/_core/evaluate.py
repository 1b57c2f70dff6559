"""How a schedule becomes a number: float64 throughout, one rounding at the end.

    count, hyperparameters --> float64 --> Schedule.rate --> float32 (float64 under jax_enable_x64)

Nothing else in the package knows of dtypes, of x64 or of derivatives, but for `numerics.py`, in
whose functions the formulas are written. Python numbers enter exactly; arrays and traced values
enter with the precision they have. Derivatives are taken forwards, in float64, and rounded once
like the rate itself; the rule is its own derivative rule, so that higher orders and reverse mode
follow.

Called by itself, a schedule hands its numbers to a compiled program that all of its kind share.
Inside another program they are constants, and whatever does not depend on the count is computed
before there is a program at all.
"""

import dataclasses
import functools
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from . import numerics as xp
from .arrays import float_type, own, settled, wide
from .counts import checked
from .number import is_concrete, lenient
from .past_end import End
from .value import Value


def evaluate(schedule, count):
    """The schedule's rate at `count`, rounded once to the caller's float type."""
    prepared = schedule.__dict__.get("_prepared") or _prepare(schedule)
    count = checked(schedule, count, prepared.end)
    if prepared.undefined_from is not None:
        _refuse_undefined(schedule, count, prepared.undefined_from)
    dtype = float_type()
    if prepared.leaves is None:
        static = prepared.static.replace(dtype=dtype)
        if isinstance(count, np.ndarray):  # int64 and float64 are rounded outside of x64
            static, count = static.replace(exact_count=_Constant(count)), np.int32(0)
        return _differentiable(static, prepared.arrays, count)
    if isinstance(count, jax.core.Tracer) and jnp.issubdtype(count.dtype, jnp.floating):
        static = prepared.static.replace(dtype=dtype, fixed=prepared.constants)
        return _differentiable(static, [], count)
    with xp.float64():
        if isinstance(count, jax.core.Tracer):
            return prepared.inside[dtype]([], count)
        if not count.ndim:  # one dispatch, for the eager call in a training loop
            return prepared.alone[dtype](prepared.leaves, count)
        # Two, so that both float types share the program of a whole curve.
        return _round(prepared.alone[None](prepared.leaves, count), dtype)


@dataclasses.dataclass(frozen=True)
class _Static:
    """All of an evaluation that is not an array; hashable, so that compiled code is shared."""

    treedef: Any
    plan: tuple
    dtype: Any = None
    fixed: tuple = ()  # exact Python numbers and `_Constant`s, None where an array goes
    wrt: tuple[int, ...] = ()  # the arguments to differentiate with respect to, one after another
    exact_count: "_Constant | None" = None  # a concrete count

    def replace(self, **changes) -> "_Static":
        return dataclasses.replace(self, **changes)

    def __hash__(self):
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:  # JAX asks at every call.
        return hash((self.treedef, self.plan, self.dtype, self.fixed, self.wrt, self.exact_count))


class _Constant:
    """A NumPy array, compared by value."""

    def __init__(self, array: np.ndarray):
        self.array = own(array)

    def __eq__(self, other):
        # JAX compares static arguments of unlike kinds too, where their hashes meet.
        if not isinstance(other, _Constant) or self is other:
            return True if self is other else NotImplemented
        a, b = self.array, other.array
        return (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()

    def __hash__(self):
        return self._hash

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.array.dtype, self.array.shape, self.array.tobytes()))


class _Prepared(NamedTuple):
    static: _Static
    arrays: list  # the hyperparameters that are JAX's arrays
    end: End | None = None
    leaves: list | None = None  # NumPy float64 and int64 for `alone`, if none is
    constants: tuple = ()  # all of them
    alone: Any = None  # programs of (leaves, count), by the float type or None for no rounding
    inside: Any = None  # those for other programs, which have the constants in them
    undefined_from: int | None = None  # the first count at which a table holds no number


def _prepare(schedule) -> _Prepared:
    require_scalars(schedule)
    exact = _exact(schedule)
    with lenient():
        end = schedule._end()
        end = end and end._replace(last=_looked_at(end.last))
        plan, stand_in = exact._plan()
    leaves, treedef = jax.tree.flatten(stand_in)
    static = _Static(treedef, plan)
    tabulated = stand_in is not exact  # A table of the user's own may be written to.
    if not all(is_concrete(x) or (tabulated and isinstance(x, np.ndarray)) for x in leaves):
        return _of_arrays(static, leaves)._replace(end=end)
    prepared = _of_numbers(schedule, static, leaves)
    prepared = prepared._replace(end=end, undefined_from=stand_in._undefined_from())
    object.__setattr__(schedule, "_prepared", prepared)
    return prepared


def _of_arrays(static: _Static, leaves: list) -> _Prepared:
    """For hyperparameters that are arrays: JAX compiles at each call, or the user's own `jit`."""
    fixed = tuple(map(_fixed, leaves))
    arrays = [
        settled(jnp.asarray(x)) for x, exact in zip(leaves, fixed, strict=True) if exact is None
    ]
    return _Prepared(static.replace(fixed=fixed), arrays)


def _of_numbers(schedule, static: _Static, leaves: list) -> _Prepared:
    """The programs of a schedule all of whose hyperparameters are known."""
    leaves = [np.array(x, wide(x)) for x in leaves]
    constants = tuple(map(_Constant, leaves))
    constant = static.replace(fixed=constants)
    values = list(_values_in(schedule))
    if len(leaves) > _MOST or any(value._has_constants for value in values):
        shared, leaves = constant, []
    else:
        shared = static
    functions = list(_functions_in(values))
    alone, inside = (
        {
            dtype: _program(of.replace(dtype=dtype), functions)
            for dtype in (None, np.float32, np.float64)
        }
        for of in (shared, constant)
    )
    if functions and not any(map(_holds_more, functions)):
        _RECENT.append((alone, inside))
    return _Prepared(static, [], leaves=leaves, constants=constants, alone=alone, inside=inside)


# Numbers: with more arguments XLA takes longer than with as many constants.
_MOST = 64


def require_scalars(schedule) -> None:
    """Raises a ValueError for a schedule that is still a batch."""
    if batched := schedule._batched_field():
        name, rank, shape = batched
        raise ValueError(
            f"`{type(schedule).__name__}({name}=...)` must be a {'list' if rank else 'scalar'}"
            f" when the schedule is called, got shape {shape}: call a batched schedule under"
            " `jax.vmap`."
        )


def _refuse_undefined(schedule, count, undefined_from: int) -> None:
    """Raises a ValueError for a count at which a table holds no number, or that may be one."""
    traced = isinstance(count, jax.core.Tracer)
    if traced or np.max(count, initial=0) >= undefined_from:
        raise ValueError(
            f"`{type(schedule).__name__}(...)(count)` takes counts below {undefined_from}, from"
            " where on the rate in its table is an infinity or a NaN (`total_steps` would be no"
            f" larger), got {'a traced one, which may be any' if traced else np.max(count)}."
        )


def _exact(schedule):
    """The schedule with Python's numbers for NumPy's, whose float32 stays one among Python's."""
    leaves, treedef = jax.tree.flatten(schedule)
    known = [np.asarray(x).item() if hasattr(x, "dtype") and is_concrete(x) else x for x in leaves]
    same = all(x is y for x, y in zip(known, leaves, strict=True))
    return schedule if same else jax.tree.unflatten(treedef, known)


def _looked_at(number):
    """A concrete array of one number as an int; all else as it is."""
    array = isinstance(number, jax.Array) and not isinstance(number, jax.core.Tracer)
    return int(number) if array and number.is_fully_addressable and not number.ndim else number


def _fixed(leaf):
    """A leaf as an exact number or constant; None for a JAX array, which enters as it is."""
    if is_concrete(leaf):
        return np.asarray(leaf).item()
    return _Constant(leaf) if isinstance(leaf, np.ndarray) else None


def _values_in(thing) -> Iterator[Value]:
    """A schedule and all that it is made of."""
    if isinstance(thing, tuple):
        for item in thing:
            yield from _values_in(item)
    if isinstance(thing, Value):
        yield thing
        for field in thing._field_table:
            yield from _values_in(getattr(thing, field.name))


def _functions_in(values: list[Value]) -> Iterator[Callable]:
    """The Python functions that they hold."""
    for value in values:
        for field in value._field_table:
            held = getattr(value, field.name)
            if field.static(held) and callable(held) and not isinstance(held, type | Value):
                yield held


# What JAX compiles for a static argument it keeps. So a program of users' functions, and all that
# they close over, is a function of its own: it goes with the schedules that have it.
_PROGRAMS: "weakref.WeakValueDictionary[_Static, Any]" = weakref.WeakValueDictionary()
_RECENT: deque = deque(maxlen=16)  # those of schedules whose functions hold nothing: they go later


def _program(static: _Static, functions: list[Callable]):
    """The compiled evaluation as a function of (leaves, count)."""
    if not functions:
        return functools.partial(_run, static)
    return _PROGRAMS.get(static) or _PROGRAMS.setdefault(static, _own_program(static))


def _holds_more(function: Callable) -> bool:
    """Whether a function may hold more than its code: objects, closures, defaults."""
    if not isinstance(function, types.FunctionType):
        return True
    return bool(function.__closure__ or function.__defaults__ or function.__kwdefaults__)


def _own_program(static: _Static):
    return jax.jit(lambda leaves, count: _evaluated(static, leaves, count), inline=True)


def _evaluated(static: _Static, leaves, count):
    def rate(*arguments):
        *leaves, count = arguments
        schedule = jax.tree.unflatten(static.treedef, leaves)
        return jnp.asarray(schedule._rate(count, static.plan), np.float64)

    for index in static.wrt:
        rate = jax.jacfwd(rate, index)

    def at(count):
        return rate(*leaves, count)

    with (
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        np.errstate(all="ignore"),  # in numbers that `where` does not choose
    ):
        if leaves:
            leaves = [jax.lax.convert_element_type(x, wide(x)) for x in leaves]
        else:
            leaves = [constant.array[()] for constant in static.fixed]
        count = jax.lax.convert_element_type(count, wide(count))
        flat = jax.vmap(at)(count.reshape(-1)) if count.ndim else at(count)
        shaped = flat.reshape(count.shape + flat.shape[1:]) if count.ndim else flat
        return shaped if static.dtype is None else _round(shaped, static.dtype)


_run = jax.jit(_evaluated, static_argnums=0, inline=True)


@functools.partial(jax.jit, static_argnums=1, inline=True)
def _round(rate, dtype):
    return jax.lax.convert_element_type(rate, dtype)


def with_count(tree, count):
    """The same numbers, as ones that vary with the count.

    For formulas that divide by them with `/` where ours use `numerics.divide`, which says why.
    """
    zero = jax.lax.convert_element_type(count, np.float64) * np.float64(0)

    def vary(leaf):
        if np.ndim(leaf):
            return leaf
        leaf, none = (jax.lax.convert_element_type(x, wide(leaf)) for x in (leaf, zero))
        return leaf + none

    return jax.tree.map(vary, tree)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _differentiable(static: _Static, arrays, count):
    with xp.float64():
        rest = iter(arrays)
        exact = [x.array if isinstance(x, _Constant) else x for x in static.fixed]
        leaves = [next(rest) if x is None else np.asarray(x, wide(x)) for x in exact]
        count = count if static.exact_count is None else static.exact_count.array
        return _run(static.replace(exact_count=None), leaves, count)


def _rule(static: _Static, primals, tangents):
    arrays, count = primals
    rate = _differentiable(static, arrays, count)
    slots = [i for i, x in enumerate(static.fixed) if x is None] + [len(static.fixed)]
    total = jnp.zeros_like(rate)
    for slot, array, tangent in zip(
        slots, [*arrays, count], [*tangents[0], tangents[1]], strict=True
    ):
        if isinstance(tangent, SymbolicZero) or tangent.dtype == jax.dtypes.float0:
            continue
        slope = _differentiable(static.replace(wrt=(*static.wrt, slot)), arrays, count)
        tangent = jax.lax.convert_element_type(tangent, rate.dtype)
        if array is count:
            extra = slope.ndim - jnp.ndim(count)
            tangent = jnp.reshape(tangent, jnp.shape(count) + (1,) * extra)
            total = total + slope * tangent
        else:
            total = total + jnp.tensordot(slope, tangent, axes=np.ndim(array))
    return rate, total


_differentiable.defjvp(_rule, symbolic_zeros=True)
