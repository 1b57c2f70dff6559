"""Python functions of the step: how LambdaLR, MultiplicativeLR and CyclicLR call them."""

import contextlib
import functools
import inspect
import numbers
import types
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from .copies import NotOfTheStep, private
from .formulas import sets_rate
from .number import as_number, is_concrete
from .schedule import TRACER_ERRORS
from .undisturbed import generators_kept
from .value import evolve


def tabulated_for(schedule, size: int | None):
    """The schedule, its function tabulated for `size` counts unless it has a `total_steps`."""
    if schedule.total_steps or not size:
        return schedule
    return evolve(schedule, total_steps=size)


def check_function(schedule, name: str) -> None:
    """Raises unless field `name` is one function that JAX can be asked to trace."""
    function = getattr(schedule, name)
    if isinstance(function, list | tuple):
        schedule._reject(name, "one function (ParamGroups takes a schedule per group)", TypeError)
    if not callable(function):
        schedule._reject(name, "a function of the step", TypeError)
    if not _takes_a_step(function):
        schedule._reject(name, "a function of the step alone", TypeError)
    if _holds_tracer(function):
        raise TypeError(
            f"`{schedule._call_name()}({name}=...)` closes over a traced value. Make it a field"
            " of a `jaxsched.Schedule` subclass, whose `curve` may then use it and is"
            " differentiated with respect to it."
        )


def _takes_a_step(function) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # It does not say.
        return True
    try:
        signature.bind(0)
    except TypeError:
        return False
    return True


def _holds_tracer(thing, depth: int = 4) -> bool:
    """Whether a traced value is in reach of a function: its closure, defaults, attributes."""
    if isinstance(thing, jax.core.Tracer):
        return True
    if depth == 0:
        return False
    held: list = []
    if isinstance(thing, functools.partial):
        held = [thing.func, *thing.args, *thing.keywords.values()]
    elif inspect.isfunction(thing):
        cells = inspect.getclosurevars(thing).nonlocals.values()
        held = [*cells, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
    elif inspect.ismethod(thing):
        held = [thing.__self__, thing.__func__]
    elif isinstance(thing, dict):
        held = list(thing.values())
    elif isinstance(thing, list | tuple):
        held = list(thing)
    elif not isinstance(thing, type | types.ModuleType):
        held = list(getattr(thing, "__dict__", {}).values())
    return any(_holds_tracer(item, depth - 1) for item in held)


def call(schedule, name: str, t, needed: range | None = None, first: int = 0):
    """The value of the schedule's function at the integer `t`, in float64.

    `needed` are the arguments that a table must have, by default those of its steps; `first` is the
    least that there can be.
    """
    function = getattr(schedule, name)
    if is_concrete(t):
        t = int(t)  # one of NumPy's, too
    begun = schedule._begun + 1
    needed = needed or range(begun, begun + (schedule.total_steps or 0))
    try:
        on_host(function)
        if schedule.total_steps is not None:
            table, place = _looked_up(function, t, needed, first)
    except (NotOfTheStep, NotANumber) as error:
        raise TypeError(f"`{schedule._call_name()}({name}=...)` {error}.") from None
    if schedule.total_steps is not None:
        unused = len(table) - len(needed) + (not sets_rate(schedule))
        if not np.isfinite(table[place] if isinstance(t, int) else table[unused:]).all():
            raise ValueError(
                f"`{schedule._call_name()}({name}=...)` must be a number at every step of the"
                " table, got a NaN, an infinity or a division by zero."
            )
        return jnp.asarray(table)[place]
    where = f"`{schedule._call_name()}({name}=...)`"
    remedy = (
        " Give `total_steps=N`, and the function is tabulated on the host for the first N counts;"
        " or write it with jax.numpy (`jnp.where` for `if`, `jnp.maximum` for `max`)."
    )
    try:
        with generators_kept():
            value = private(function)(t)
    except Exception as error:
        told = isinstance(error, TRACER_ERRORS)
        if not told and (isinstance(t, int) or not _works_on_host(function)):
            raise
        raise TypeError(
            f"{where} cannot be traced by JAX, because it needs the step as a Python number."
            f"{remedy}"
        ) from error
    if not _is_number(value):
        raise TypeError(f"{where} must give one number, got {value!r}.")
    if not isinstance(t, int) and (found := differs_when_traced(function)):
        step, python, traced = found
        raise TypeError(
            f"{where} gives {python!r} at step {step}, but {traced!r} when JAX traces it, whose"
            f" numbers are not Python's (bools add up to a bool, integers overflow).{remedy}"
        )
    return jnp.asarray(value, jnp.float64)


class NotANumber(TypeError):
    """A function has given something else than a number at a step."""


def _is_number(value: Any) -> bool:
    """Whether PyTorch multiplies a rate with it into a rate: one real number, or a tensor of it."""
    if isinstance(value, numbers.Complex):
        return isinstance(value, numbers.Real)
    single = hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0
    return single and "complex" not in str(value.dtype)


def _looked_up(function, t, needed: range, first: int) -> tuple[np.ndarray, Any]:
    """A table that ends with the values at `needed`, and the place of that at `t` in it."""
    first = min(first, needed.start)
    restarted = range(first, first + len(needed))  # as SequentialLR restarts its parts
    if needed.start <= restarted.stop:
        table = tabulated(function, restarted.start, needed.stop)
        return table, xp.clip(t - restarted.start, 0, len(table) - 1)
    parts = [tabulated(function, steps.start, steps.stop) for steps in (restarted, needed)]
    places = [xp.clip(t - steps.start, 0, len(steps) - 1) for steps in (restarted, needed)]
    table = np.concatenate(parts)
    return table, xp.where(t < needed.start, places[0], len(restarted) + places[1])


def _works_on_host(function) -> bool:
    try:
        with jax.ensure_compile_time_eval():
            private(function)(1)
    except Exception:
        return False
    return True


# What was found out of each function that is alive, by its id: one with an `__eq__` need not have a
# hash. The weak reference removes the entry as the function goes, and all that it closes over.
_FOUND: dict[int, tuple[weakref.ref, dict]] = {}


def _found_once(ask):
    """Keeps the results of `ask(function, *arguments)` as long as the function lives."""

    @functools.wraps(ask)
    def asked(function, *arguments):
        results = _results_of(function)
        key = (ask.__name__, *arguments)
        if key not in results:
            results[key] = ask(function, *arguments)
        return results[key]

    return asked


def _results_of(function) -> dict:
    key = id(function)
    found = _FOUND.get(key)
    if found is not None and found[0]() is function:
        return found[1]
    try:
        reference = weakref.ref(function, lambda gone: _forget(key, gone))
    except TypeError:  # an object with slots: asked anew each time
        return {}
    _FOUND[key] = reference, {}
    return _FOUND[key][1]


def _forget(key: int, gone: weakref.ref) -> None:
    if key in _FOUND and _FOUND[key][0] is gone:
        del _FOUND[key]


# Where Python's numbers and JAX's may part: powers, overflows, thresholds that add up.
_SAMPLES = [*range(130), *(2**k for k in range(8, 17)), 1000, 10_000, 100_000]


def differs_when_traced(function) -> tuple[int, float, float] | None:
    """A step at which a function gives something else when it is traced, with both values."""
    return None if jax.config.values["jax_disable_jit"] else _difference(function)


@_found_once
def on_host(function) -> list:
    """The function's values at `_SAMPLES`; it need not be defined at all of them."""
    with jax.transfer_guard("allow"):
        few = values_at(function, [1, 2, 3], Exception)
        if any(isinstance(value, jax.Array) for value in few):
            return few  # written for JAX
        return values_at(function, _SAMPLES, Exception)


@_found_once
def _difference(function) -> tuple[int, float, float] | None:
    values = on_host(function)
    if any(isinstance(value, jax.Array) for value in values):
        return None
    steps, expected = np.array(_SAMPLES, np.int64), np.array(values, np.float64)
    copied = private(function)
    with (
        jax.ensure_compile_time_eval(),
        xp.float64(),
        jax.transfer_guard("allow"),
        jax.default_device(jax.local_devices(backend="cpu")[0]),
    ):
        ask = jax.jit(jax.vmap(lambda step: jnp.asarray(copied(step), jnp.float64)))
        traced = np.asarray(ask(steps))
    size = np.where(np.isfinite(expected), np.abs(expected), np.nan)
    # Near a zero of a wave, the last bits of its argument are all that is left.
    wrong = np.abs(traced - expected) > 1e-9 * (size + min(1.0, np.nanmax(size, initial=0.0)))
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    return int(steps[first]), float(expected[first]), float(traced[first])


@_found_once
def tabulated(function, first: int, end: int) -> np.ndarray:
    """The function's values at first, ..., end - 1; NaN where it divides by zero."""
    # Not every table is used from its start, where a function may divide by zero.
    return values_at(function, range(first, end), collect=_as_floats)


def _as_floats(values: Iterable) -> np.ndarray:
    return np.fromiter(map(float, values), np.float64)


def values_at(
    function: Any,
    steps: Sequence[int],
    passing: type[Exception] = ZeroDivisionError,
    collect: Callable[[Iterable], Any] = list,
) -> Any:
    """The function's values on the host, NaN where it raises `passing`.

    Each step is asked twice, there and back, on one copy: so shows what remembers or draws.
    """
    own = private(function)
    differing = None
    with generators_kept():
        values = collect(_value(own, step, passing) for step in steps)
        for place in reversed(range(len(steps))):
            again = _value(own, steps[place], passing)
            if not _alike(values[place], again):
                differing = steps[place], values[place], again
    if differing:
        step, once, again = differing
        raise NotOfTheStep(
            f"must be a function of the step, got one that gives {as_number(once)!r} and then"
            f" {again!r} at step {step}: it remembers its calls (a counter, an iterator, a `pop`)"
            " or draws random numbers"
        )
    return values


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b)  # many of them, and NumPy takes its time for one
    return np.array_equal(a, b, equal_nan=True)


def _value(function: Any, step: int, passing: type[Exception]) -> Any:
    with contextlib.suppress(passing), jax.ensure_compile_time_eval():
        value = function(step)
        if not _is_number(value):
            raise NotANumber(f"must give one number, got {value!r}")
        return value if isinstance(value, jax.Array) else float(value)
    return np.nan
