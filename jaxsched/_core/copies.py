"""Copies of users' functions, so that asking one leaves no trace in the run that it belongs to."""

import collections
import contextlib
import copy
import functools
import random
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np


class NotOfTheStep(TypeError):
    """Says why a Python function is no function of the step alone."""


_SHARED = (
    type,
    types.ModuleType,
    types.CodeType,
    jax.Array,
    jax.core.Tracer,
    str,
    bytes,
    int,
    float,
)
_MUTABLE = (list, dict, set, bytearray, Iterator, np.random.Generator, random.Random)
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def private(function: Any, memo: dict[int, Any] | None = None) -> Any:
    """A copy whose closure, defaults, attributes and mutable globals are its own."""
    memo = {} if memo is None else memo
    if id(function) in memo:
        return memo[id(function)]
    if isinstance(function, _SHARED) or getattr(function, "requires_grad", False) is True:
        return function
    memo.setdefault(id(memo), []).append(function)  # So that no other thing gets its id.
    for kind, make in _MAKERS.items():
        if isinstance(function, kind):
            return make(function, memo)
    return _other(function, memo)


def _function(function: types.FunctionType, memo: dict) -> types.FunctionType:
    cells = [memo.setdefault(id(c), types.CellType()) for c in function.__closure__ or ()]
    shared = function.__globals__
    own = memo.setdefault(id(shared), dict(shared))
    new = types.FunctionType(function.__code__, own, function.__name__, None, tuple(cells) or None)
    memo[id(function)] = new
    _copy_globals(function, own, memo)
    for cell, old in zip(cells, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # An empty one stays empty.
            cell.cell_contents = private(old.cell_contents, memo)
    new.__defaults__ = private(function.__defaults__, memo)
    new.__kwdefaults__ = private(function.__kwdefaults__, memo)
    vars(new).update({name: private(value, memo) for name, value in vars(function).items()})
    return new


def _copy_globals(function: types.FunctionType, own: dict[str, Any], memo: dict) -> None:
    """Gives a function its own of its module's names, those that it may write to copied."""
    shared = function.__globals__
    for name in _names(function.__code__) & shared.keys():
        value = shared[name]
        beside = isinstance(value, types.FunctionType) and value.__globals__ is shared
        if own[name] is value and (beside or isinstance(value, _MUTABLE)):
            own[name] = private(value, memo)


def _names(code: types.CodeType) -> set[str]:
    inner = [_names(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*inner)


def _cached(function: Any, memo: dict) -> Any:
    fresh = functools.lru_cache(**function.cache_parameters())
    return fresh(private(function.__wrapped__, memo))


def _bound(method: Any, memo: dict) -> Any:
    """A method of a built-in type, such as `list.pop`; a plain built-in function is itself."""
    owner = getattr(method, "__self__", None)
    shared = owner is None or isinstance(owner, _SHARED)
    return method if shared else getattr(private(owner, memo), method.__name__)


def _list(items: list, memo: dict) -> list:
    new = memo[id(items)] = []
    new += [private(item, memo) for item in items]
    return new


def _dict(items: dict, memo: dict) -> dict:
    new = memo[id(items)] = {}
    new.update({key: private(item, memo) for key, item in items.items()})
    return new


def _other(thing: Any, memo: dict) -> Any:
    kind = type(thing)
    if (
        hasattr(thing, "__dict__")
        and kind.__new__ is object.__new__
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and kind.__getstate__ is object.__getstate__
        and not hasattr(kind, "__deepcopy__")
        and not any(getattr(base, "__slots__", ()) for base in kind.__mro__)
    ):
        new = memo[id(thing)] = object.__new__(kind)
        vars(new).update({name: private(value, memo) for name, value in vars(thing).items()})
        return new
    try:
        return copy.deepcopy(thing, memo)
    except Exception as error:
        if hasattr(thing, "__next__") or "generator" in str(error):
            raise NotOfTheStep(
                f"must be a function of the step, got one that asks {thing!r}, which remembers"
                " where it is and cannot be copied"
            ) from error
        return thing  # A lock, a file, a trainer: nothing that a rate is kept in.


_MAKERS: dict[type, Callable[[Any, dict], Any]] = {
    types.FunctionType: _function,
    types.MethodType: lambda m, memo: types.MethodType(
        private(m.__func__, memo), private(m.__self__, memo)
    ),
    functools.partial: lambda p, memo: functools.partial(
        private(p.func, memo), *private(list(p.args), memo), **private(p.keywords, memo)
    ),
    functools._lru_cache_wrapper: _cached,
    types.BuiltinMethodType: _bound,
    types.MethodWrapperType: _bound,
}


def _exactly(thing: Any, memo: dict) -> Any:
    """Containers of the very types; a subclass copies itself."""
    if type(thing) is tuple:
        return tuple(private(item, memo) for item in thing)
    if type(thing) is list:
        return _list(thing, memo)
    return _dict(thing, memo) if type(thing) is dict else _other(thing, memo)


_MAKERS |= dict.fromkeys((tuple, list, dict), _exactly)


def memory(thing: Any, seen: dict[int, tuple[int, Any]] | None = None) -> Any:
    """All that a thing remembers, as nested lists of numbers and strings that compare by value.

    It goes where `private` goes: attributes, containers, closures, defaults, mutable globals.
    What it has `seen`, by id, it replaces by its number.
    """
    seen = {} if seen is None else seen
    if isinstance(thing, _PLAIN):
        return "nan" if thing != thing else thing
    if isinstance(thing, type | types.ModuleType | types.CodeType):
        return None
    if id(thing) in seen:
        return f"<{seen[id(thing)][0]}>"
    if not isinstance(thing, _UNSHARED):
        seen[id(thing)] = len(seen), thing  # alive, so that no other thing gets its id
    if hasattr(thing, "tolist"):
        size = thing.numel() if hasattr(thing, "numel") else np.size(thing)
        return repr(thing.tolist() if size <= _LARGE else thing.shape)
    return [memory(item, seen) for item in _held(thing)]


_UNSHARED = (tuple, types.MethodType, types.BuiltinMethodType, functools.partial)  # new in a copy
_LARGE = 100_000


def _held(thing: Any) -> list:
    """What a thing consists of."""
    if isinstance(thing, dict):
        return [*map(repr, thing), *thing.values()]
    if isinstance(thing, set | frozenset):
        return sorted(map(repr, thing))
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or () if _is_full(cell)]
        known = thing.__globals__
        names = sorted(_names(thing.__code__) & known.keys())
        written = [known[name] for name in names if isinstance(known[name], _MUTABLE + _PLAIN)]
        return [*cells, thing.__defaults__, thing.__kwdefaults__, vars(thing), *written]
    if isinstance(thing, types.MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, list | tuple | collections.deque):
        return list(thing)
    if hasattr(thing, "__dict__") and not isinstance(thing, Iterator):
        return [vars(thing)]
    try:  # an iterator, a generator of random numbers, an object with slots
        return [item for item in thing.__reduce_ex__(4)[1:] if not callable(item)]
    except Exception:
        return []  # a lock, a file


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def generators_kept() -> Iterator[None]:
    """Leaves Python's, NumPy's and PyTorch's random generators as they were."""
    kept: list[tuple[Any, Any]] = [
        (random.getstate, random.setstate),
        (np.random.get_state, np.random.set_state),
    ]
    if torch := sys.modules.get("torch"):
        kept.append((torch.get_rng_state, torch.set_rng_state))
        if torch.cuda.is_initialized():
            kept.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
    before = [(restore, get()) for get, restore in kept]
    try:
        yield
    finally:
        for restore, state in before:
            restore(state)


class _Place(NamedTuple):
    """A name that a method may write to, of its class or its module."""

    owner: Any  # a class, or a module's dict
    name: str
    value: Any
    kept: Any  # a copy

    def put_back(self) -> bool:
        """Restores the value, and tells whether that was needed."""
        now = (
            self.owner.get(self.name)
            if isinstance(self.owner, dict)
            else vars(self.owner)[self.name]
        )
        if now is self.value and memory(now) == memory(self.kept):
            return False
        value = self.value
        if isinstance(value, list):
            value[:] = self.kept
        elif isinstance(value, dict | set):
            value.clear()
            value.update(self.kept)
        elif not isinstance(value, _PLAIN):
            value = self.kept
        if isinstance(self.owner, dict):
            self.owner[self.name] = value
        else:
            setattr(self.owner, self.name, value)
        return True


def _places(things: Iterable[Any]) -> Iterator[_Place]:
    for cls in {cls for thing in things for cls in type(thing).__mro__}:
        if cls.__module__.split(".")[0] in ("torch", "builtins", "jaxsched"):
            continue
        owners: list[tuple[Any, list[str]]] = [
            (cls, [name for name in vars(cls) if not name.startswith("__")])
        ]
        for method in vars(cls).values():
            if isinstance(method, types.FunctionType):
                shared = method.__globals__
                owners.append((shared, sorted(_names(method.__code__) & shared.keys())))
        for owner, names in owners:
            values = owner if isinstance(owner, dict) else vars(owner)
            for name in names:
                if isinstance(values[name], _MUTABLE + _PLAIN):
                    yield _Place(owner, name, values[name], private(values[name]))


@contextlib.contextmanager
def classes_kept(things: Iterable[Any]) -> Iterator[None]:
    """Leaves what the classes of `things` keep in themselves and in their modules as it was.

    Raises a NotOfTheStep where that was written to: a copy of an object shares it.
    """
    places = list(_places(things))
    written = []
    try:
        yield
    finally:
        written = [place.name for place in places if place.put_back()]
    if written:
        raise NotOfTheStep(
            f"must keep what it remembers in itself, got one that writes to `{written[0]}`, which"
            " its class or its module holds"
        )


def values_at(function: Any, steps: Any, passing: type[Exception] = ZeroDivisionError) -> list:
    """The function's values on the host, NaN where it raises `passing`.

    Each step is asked twice, there and back, on one copy: so shows what remembers or draws.
    """
    own = private(function)
    with generators_kept():
        first = [_value(own, step, passing) for step in steps]
        second = [_value(own, step, passing) for step in reversed(steps)][::-1]
    for step, a, b in zip(steps, first, second, strict=True):
        if not (a is b or np.array_equal(a, b, equal_nan=True)):
            raise NotOfTheStep(
                f"must be a function of the step, got one that gives {a!r} and then {b!r} at step"
                f" {step}: it remembers its calls (a counter, an iterator, a `pop`) or draws random"
                " numbers"
            )
    return first


def _value(function: Any, step: int, passing: type[Exception]) -> Any:
    with contextlib.suppress(passing), jax.ensure_compile_time_eval():
        value = function(step)
        return value if isinstance(value, jax.Array) else float(value)
    return np.nan
