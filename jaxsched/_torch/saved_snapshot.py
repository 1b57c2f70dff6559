"""Snapshot of a scheduler from its `state_dict()`: the classes of parts are told by its keys."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._schedulers import SCHEDULERS
from .._schedulers.lambda_lr import LambdaLR
from .._schedulers.multiplicative_lr import MultiplicativeLR
from . import clocks, kinds
from .given import Given, with_attributes
from .group_reader import MOST_CALLS
from .named_recipe import NamedRecipe, names_in_full, recipe_named
from .numeric import int_if_integer, to_python
from .ports import PORTS, Port, named_by, port_of
from .snapshot import Snapshot
from .subclasses import subclass_of


def saved_snapshot(named: Any, state: Mapping[str, Any], given: Given, place: str) -> Snapshot:
    """A scheduler from its dict; `named` is its class, or a list of its class and its parts'."""
    given.count_part()
    parts: list[Any] = []
    if isinstance(named, list | tuple) and named:
        named, *parts = named
    if (subclass := subclass_of(named)) is not None and not parts:
        return _of_subclass(subclass, state)
    recipe = recipe_named(named)
    port = port_of(LambdaLR) if recipe else _port(named)
    _check(port, state, recipe.name if recipe else port.cls.__name__)
    if port.parts is not None:
        return Snapshot(port.cls, dict(state), _parts(parts, port.parts(state), given, place))
    if parts:
        raise ValueError(
            f"`from_torch_state_dict(cls_or_name=...)` must name a {port.cls.__name__} alone, as it"
            f" has no parts, got {[named, *parts]!r}."
        )
    return Snapshot(port.cls, _completed(port, recipe, state, given, place))


def _of_subclass(cls: type, state: Mapping[str, Any]) -> Snapshot:
    """A scheduler of another library; a KeyError names what its dict lacks."""
    port = port_of(cls)
    _check_keys(port, state)
    if lacking := port.lacking(state):
        raise KeyError(lacking[0])
    port.find(state, {}, 0)
    return Snapshot(cls, dict(state))


def _check(port: Port, state: Mapping[str, Any], name: str) -> None:
    """Raises unless the dict has the keys of that class, and each holds what it may."""
    if lacking := port.lacking(state):
        raise ValueError(
            f"`from_torch_state_dict(state_dict=...)` must be that of a {name}, which has"
            f" `{lacking[0]}`, got one with {sorted(map(str, state))}."
        )
    told = named_by(state)
    if told is None or told.telltales != port.telltales:
        raise ValueError(
            f"`from_torch_state_dict(cls_or_name=...)` must be the dict's, got {name} for"
            f" that of a {told.cls.__name__ if told else 'scheduler of another class'}."
        )
    if unknown := port.unknown(state):
        raise ValueError(
            f"`from_torch_state_dict(state_dict=...)` must be that of PyTorch's own {name}, got a"
            f" subclass's, with {', '.join(f'`{key}`' for key in unknown)}: convert the live"
            " object, with `from_torch(scheduler, total_steps=N)`."
        )
    _check_keys(port, state)


def _check_keys(port: Port, state: Mapping[str, Any]) -> None:
    """Raises unless each key holds what it may."""
    if wrong := port.wrong(state):
        key, kind = wrong
        raise ValueError(
            f"`from_torch_state_dict(state_dict=...)` must hold {kind.words} as `{key}`, got"
            f" {kinds.shown(state[key])}."
        )


def _parts(named: list, dicts: list, given: Given, place: str) -> tuple[Snapshot, ...]:
    """The parts of a composition; where their classes are not `named`, their keys tell them."""
    places = [f"{place}schedulers_{index}_" for index in range(len(dicts))]
    named = named or [_told(state, given, at) for state, at in zip(dicts, places, strict=True)]
    if len(named) != len(dicts):
        raise ValueError(
            f"`from_torch_state_dict(cls_or_name=...)` must name {len(dicts)} parts, got"
            f" {len(named)}."
        )
    each = zip(named, dicts, places, strict=True)
    return tuple(saved_snapshot(part, state, given, at) for part, state, at in each)


def _completed(
    port: Port, recipe: NamedRecipe | None, saved: Mapping, given: Given, place: str
) -> dict[str, Any]:
    """The attributes of a single scheduler as today's PyTorch has them, with its functions."""
    state = dict(saved)
    # PyTorch 1.1 had no `_step_count`: one that was built at -1 has counted with `last_epoch`.
    state["last_epoch"] = int_if_integer(to_python(state["last_epoch"]))
    state["_step_count"] = int_if_integer(
        to_python(state.get("_step_count", state["last_epoch"] + 1))
    )
    state |= port.modern(state, not place)
    if not place and state["last_epoch"] < 0 and port.clock is not clocks.FROM_0:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must hold a count from 0 up as `last_epoch`,"
            f" got {state['last_epoch']}."
        )
    if "lr_lambdas" in state:
        state["lr_lambdas"] = _lr_lambdas(recipe, state, given, place)
    if "_scale_fn_custom" in state:
        state["_scale_fn_custom"] = _scale_fn(state, given, place)
    return state


def _lr_lambdas(
    recipe: NamedRecipe | None, state: dict[str, Any], given: Given, place: str
) -> Sequence | None:
    attributes = state["lr_lambdas"]
    if recipe is None:
        return given.take(place, "lr_lambda", len(attributes), attributes)
    if any(attributes):
        raise ValueError(
            "`from_torch_state_dict(cls_or_name=...)` must be 'LambdaLR', with the object as"
            f" `lr_lambda`, got {recipe.name} for that of a callable object with attributes,"
            f" {kinds.shown(attributes)}."
        )
    return given.recipes(place, recipe, state["base_lrs"])


def _port(named: Any) -> Port:
    name = named if isinstance(named, str) else getattr(named, "__name__", repr(named))
    cls = next((c for c in SCHEDULERS if c.__name__ == name), None)
    if cls is None:
        if in_full := names_in_full(name):
            raise ValueError(
                "`from_torch_state_dict(cls_or_name=...)` must say the library too, got"
                f" {named!r}: write {' or '.join(map(repr, in_full))}."
            )
        raise ValueError(
            "`from_torch_state_dict(cls_or_name=...)` must be one of PyTorch's schedulers, got"
            f" {named!r}: these are {', '.join(c.__name__ for c in SCHEDULERS)}. For another class"
            " write `from_torch(scheduler, total_steps=N)` with the live scheduler."
        )
    return port_of(cls)


def _told(state: Mapping[str, Any], given: Given, place: str) -> type:
    """The class of a part, from its keys."""
    port = named_by(state)
    if port is None:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must hold PyTorch's own schedulers, got a part"
            f" with {sorted(map(str, state))}{_nearly(state)}."
        )
    return _lambda_or_multiplicative(state, given, place) if port.cls is LambdaLR else port.cls


def _nearly(state: Mapping[str, Any]) -> str:
    """The class whose telltales all but one are there, for an error message."""
    for port in PORTS:
        lacking = [key for key in port.telltales if key not in state]
        if len(lacking) == 1 and not port.unknown(state):
            return f" (that of a {port.cls.__name__} has `{lacking[0]}`, too)"
    return ""


def _lambda_or_multiplicative(state: Mapping[str, Any], given: Given, place: str) -> type:
    """Which of the two it is: a LambdaLR's `_last_lr` is the function's value times `base_lrs`."""
    value = given.given.get(f"{place}lr_lambda", given.given.get("lr_lambda"))
    if value is None:
        return LambdaLR  # Either class asks for the function first.
    _check_keys(port_of(LambdaLR), state)
    bases, step = list(map(to_python, state["base_lrs"])), max(0, to_python(state["last_epoch"]))
    listed = list(value) if isinstance(value, list | tuple) else [value] * len(bases)
    if not all(map(callable, listed)):
        return LambdaLR  # Either class refuses it.
    functions = [with_attributes(f, s) for f, s in zip(listed, state["lr_lambdas"], strict=False)]

    def explained(factors: list) -> list[bool]:
        """Of each group, whether they give its rate."""
        rates = [base * factor for base, factor in zip(bases, factors, strict=False)]
        shown = map(to_python, state["_last_lr"])
        return [math.isclose(*pair, rel_tol=1e-9) for pair in zip(rates, shown, strict=False)]

    values = explained([function(step) for function in functions])
    if not any(values):
        return MultiplicativeLR
    fit = "they may hold the same"
    if step <= MOST_CALLS:
        products = explained([math.prod(map(f, range(1, step + 1))) for f in functions])
        alone = [x and not y for x, y in zip(values, products, strict=False)]
        if all(values) and any(alone):
            return LambdaLR
        if not all(values) and not any(alone):
            return MultiplicativeLR  # A group whose factors are all 1 shows the same as both.
        fit = "they hold the same" if all(values) else "its groups' rates fit neither"
    raise ValueError(
        "`from_torch_state_dict(cls_or_name=...)` must say whether the part at"
        f" `{place.rstrip('_')}` is a LambdaLR or a MultiplicativeLR: {fit}. Pass a list such as"
        ' `["SequentialLR", "LinearLR", "LambdaLR"]`.'
    )


def _scale_fn(state: dict[str, Any], given: Given, place: str) -> Callable | None:
    """CyclicLR's `scale_fn`; its dict does not always show whether it had one."""
    saved = state["_scale_fn_custom"]
    given.places.append(f"{place}scale_fn")
    natural = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}
    told = saved is not None or natural.get(state["mode"]) != state["scale_mode"]
    passed = bool({f"{place}scale_fn", "scale_fn"} & given.given.keys())
    if not passed and (callable(saved) or not told):
        return saved
    if not passed:
        given.notes.append(
            f" (It had one, as PyTorch has none itself for `mode` {state['mode']!r} with"
            f" `scale_mode` {state['scale_mode']!r}, or as its `_scale_fn_custom` is not None.)"
        )
    taken = given.take(place, "scale_fn", 1, [None if callable(saved) else saved])
    return None if taken is None else taken[0]
