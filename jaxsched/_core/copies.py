"""Copies of users' functions and objects, which can be called without changing the original."""

import contextlib
import copy
import functools
import random
import types
from collections.abc import Callable, Iterator
from typing import Any

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
MUTABLE = (list, dict, set, bytearray, Iterator, np.random.Generator, random.Random)
PLAIN = (bool, int, float, complex, str, bytes, type(None))


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
    for name in names_in(function.__code__) & shared.keys():
        value = shared[name]
        beside = isinstance(value, types.FunctionType) and value.__globals__ is shared
        if own[name] is value and (beside or isinstance(value, MUTABLE)):
            own[name] = private(value, memo)


def names_in(code: types.CodeType) -> set[str]:
    inner = [names_in(const) for const in code.co_consts if isinstance(const, types.CodeType)]
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
