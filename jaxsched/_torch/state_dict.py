"""The `state_dict()` of a PyTorch scheduler to a schedule, without PyTorch.

A state dict has the attributes of the live object but for three things: the classes of its parts,
Python functions, and the values in the optimizer's groups, which are in the optimizer's dict.
"""

import copy
import math
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._combine.counts import delay, skip
from .._core.past_end import PastEnd
from .._schedulers import SCHEDULERS
from .._schedulers.cyclic_lr import CyclicLR
from .._schedulers.lambda_lr import LambdaLR
from .._schedulers.multiplicative_lr import MultiplicativeLR
from .._schedulers.recipe import Recipe
from . import clocks, kinds, old_states
from .errors import DifferentInitialRates, Unexplained, Unreadable
from .from_torch import as_total_steps, check_start, read
from .group_reader import MOST_CALLS
from .named_recipe import NamedRecipe, names_in_full, recipe_named
from .numeric import int_if_integer, is_finite, to_python
from .of_timm import of_timm_state, timm_name
from .ports import PORTS, Port, named_by, port_of
from .snapshot import Snapshot, steps_done
from .subclasses import subclass_of

_MOST_PARTS = 256
_OR_NAME_IT = (
    " If a function of Transformers or Diffusers built it, write its name for LambdaLR, and its"
    ' arguments: `from_torch_state_dict("transformers.get_linear_schedule_with_warmup",'
    " state_dict, num_warmup_steps=..., num_training_steps=...)`."
)


def from_torch_state_dict(
    cls_or_name: Any,
    state_dict: Mapping[str, Any],
    optimizer_state_dict: Mapping[str, Any] | None = None,
    *,
    total_steps: int | None = None,
    start: str = "beginning",
    **given: Any,
) -> Any:
    """A PyTorch scheduler from a checkpoint, as a schedule. PyTorch need not be installed.

    Args:
      cls_or_name: the scheduler's class or its name. For a ChainedScheduler or SequentialLR that
        name alone: the keys of its parts tell their classes, except LambdaLR from
        MultiplicativeLR. If these cannot be told apart, pass all names, as in
        `["SequentialLR", "LinearLR", "LambdaLR"]`. For a LambdaLR that a function of another
        library built, the function or its name, as in
        `"transformers.get_cosine_schedule_with_warmup"`. One of timm's, as in
        `"timm.CosineLRScheduler"`, or one of NeMo's, fairseq2's or ESPnet's.
      state_dict: what the scheduler's `state_dict()` returned in PyTorch 1.1 or later, read with
        `torch.load(..., weights_only=True)` or from plain Python or JSON.
      optimizer_state_dict: the optimizer's, which holds some of OneCycleLR's, SWALR's and
        ReduceLROnPlateau's values, and the `lr_scale` of timm's groups.
      total_steps: as in `from_torch`.
      start: what count 0 is. "beginning": the moment when the scheduler was built. "now": the
        moment when it was saved.
      **given: what PyTorch does not save. A Python function is `lr_lambda` or `scale_fn`, or a list
        with one for each parameter group. (A state dict does not always show that a CyclicLR had
        a `scale_fn`: pass it.) Of another library's function, its arguments, as in
        `num_warmup_steps=50`: they are verified against the rate in the dict, which in the warm-up
        says nothing of what comes after. If several parts of a composition have one, name each by
        its place, as in `schedulers_0_lr_lambda`.

    Returns:
      The schedule that `from_torch` gives for the live scheduler. (PyTorch 1.1 began the cycles of
      a CosineAnnealingWarmRestarts one step late, which gives a `jaxsched.delay`.)

    Raises:
      ValueError: for an unknown class, a dict of another class, a dict that lacks a key, or one
        whose keys contradict each other: the message names the key, or what to pass.
      TypeError: for a `state_dict` that is no dict, or functions that cannot be called, or
        functions and arguments that the scheduler does not take.

    >>> state_dict = {
    ...     "step_size": 30, "gamma": 0.1, "base_lrs": [0.1], "last_epoch": 31, "_step_count": 32,
    ...     "_last_lr": [0.01],
    ... }
    >>> from_torch_state_dict("StepLR", state_dict)
    StepLR(lr=0.1, step_size=30)
    >>> state_dict = {
    ...     "base_lrs": [0.1], "last_epoch": 31, "_step_count": 32, "_last_lr": [0.062],
    ...     "lr_lambdas": [{}],
    ... }
    >>> from_torch_state_dict(
    ...     "transformers.get_constant_schedule_with_warmup", state_dict, num_warmup_steps=50
    ... )
    transformers.get_constant_schedule_with_warmup(lr=0.1, num_warmup_steps=50)
    """
    total_steps = as_total_steps("from_torch_state_dict", total_steps)
    name = timm_name(cls_or_name)
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"`from_torch_state_dict(state_dict=...)` must be a dict, got {state_dict!r}."
        )
    check_start("from_torch_state_dict", start)
    asked = _Given(given)
    try:
        if name is not None:
            asked.check()
            return of_timm_state(name, state_dict, optimizer_state_dict)
        taken = _snapshot(cls_or_name, state_dict, asked, "")
        asked.check()
        groups = _groups(taken, state_dict, optimizer_state_dict)
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must be as PyTorch saved it, got one that"
            f" lacks something: {type(error).__name__}: {error}"
        ) from error
    except Unreadable as reason:
        raise ValueError(f"`from_torch_state_dict(state_dict=...)` {reason}.") from None
    except RecursionError:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must hold a list of state dicts as"
            " `_schedulers`, got one that contains itself."
        ) from None
    try:
        schedule = read(taken, groups, total_steps)
    except Unreadable as reason:
        hint = ""
        if isinstance(reason, Unexplained):
            rate = "`_last_lr`" if optimizer_state_dict is None else "the optimizer's `lr`"
            hint = f" One of {rate}, `base_lrs`, `last_epoch` and `_step_count` belies the others."
            if asked.recipe_names:
                hint += f" Or {asked.recipe_names[0]} had other arguments."
        if isinstance(reason, DifferentInitialRates):
            hint = " It is what each has as `base_lrs`."
        if any(leaf.cls is CyclicLR for leaf in taken.leaves()):
            hint += " A `scale_fn` that a CyclicLR had must be passed, too."
        raise ValueError(f"`from_torch_state_dict(state_dict=...)` {reason}.{hint}") from None
    except PastEnd as error:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must hold a `last_epoch` that the scheduler"
            f" reaches, got one past its end. {error}"
        ) from None
    except ValueError as error:
        told = str(error).replace("`from_torch(", "`from_torch_state_dict(")
        raise ValueError(told) from None
    late = taken.state.get(old_states.LATE)
    schedule = delay(schedule, 1) if late else schedule
    if start == "beginning" or taken.is_plateau:
        return schedule
    count = int_if_integer(to_python(state_dict["last_epoch"])) if late else steps_done(taken)
    if not isinstance(count, int):
        raise ValueError(
            f"`from_torch_state_dict(start=...)` must be 'beginning' at epoch {count:.6g}: a"
            " schedule is skipped by whole counts."
        )
    return skip(schedule, count)


class _Given:
    """What the caller passed, and what the scheduler needs: functions, and recipes' arguments."""

    def __init__(self, given: dict[str, Any]):
        self.given, self.used = given, set[str]()
        self.missing = dict[str, str]()  # and what each is
        self.parts = 0
        self.notes = list[str]()
        self.recipe_names = list[str]()
        self.places = list[str]()  # the names under which one could be passed

    def key(self, place: str, name: str, what: str = "") -> str | None:
        """The name under which the caller passed it; None, and noted if needed, if not at all."""
        if place + name not in self.places:
            self.places.append(place + name)
        key = place + name if place + name in self.given else name
        if key not in self.given:
            self.missing |= {place + name: what} if what else {}
            return None
        if key in self.used:
            raise TypeError(
                f"`from_torch_state_dict({name}=...)` could go to several schedulers: pass"
                f" `{place}{name}=`, with the place of each."
            )
        self.used.add(key)
        return key

    def take(self, place: str, name: str, number: int, saved: Sequence) -> list[Callable] | None:
        """One function for each of `number` groups, with the attributes that PyTorch saved."""
        key = self.key(place, name, "the Python function that the scheduler was built with")
        if key is None:
            return None
        value = self.given[key]
        listed = list(value) if isinstance(value, list | tuple) else [value] * number
        if len(listed) != number or not all(map(callable, listed)):
            raise TypeError(
                f"`from_torch_state_dict({key}=...)` must be a function, or a list of {number}, got"
                f" {value!r}."
            )
        return [
            _with_attributes(f, attributes) for f, attributes in zip(listed, saved, strict=True)
        ]

    def recipes(self, place: str, recipe: NamedRecipe, rates: Sequence) -> list[Recipe] | None:
        """The recipe on each group's initial rate, with the arguments that the caller passed."""
        self.recipe_names.append(recipe.name)
        arguments, before = {}, len(self.missing)
        for parameter in recipe.arguments:
            needed = parameter.default is parameter.empty
            what = f"as {recipe.name} got it" if needed else ""
            if (key := self.key(place, parameter.name, what)) is not None:
                arguments[parameter.name] = self.given[key]
        if len(self.missing) > before:
            return None
        return recipe.built(list(map(to_python, rates)), arguments)

    def count_part(self) -> None:
        self.parts += 1
        if self.parts > _MOST_PARTS:
            raise ValueError(
                "`from_torch_state_dict(state_dict=...)` must hold at most"
                f" {_MOST_PARTS} state dicts in all its `_schedulers`, got more, or one that"
                " contains itself."
            )

    def check(self) -> None:
        """Raises for what is not used, and for what is missing."""
        function = any(place.endswith("lr_lambda") for place in self.places)
        hint = _OR_NAME_IT if function else ""
        if unused := self.given.keys() - self.used:
            places = ", ".join(f"`{name}`" for name in self.places)
            raise TypeError(
                f"`from_torch_state_dict({sorted(unused)[0]}=...)` has no place in this scheduler:"
                " besides `cls_or_name`, `state_dict`, `optimizer_state_dict`, `total_steps` and"
                f" `start` it takes {places or 'no Python function'}.{hint}"
            )
        if self.missing:
            whats = dict.fromkeys(self.missing.values())
            names = {
                what: ", ".join(f"`{name}=`" for name, its in self.missing.items() if its == what)
                for what in whats
            }
            raise ValueError(
                "`from_torch_state_dict(state_dict=...)` lacks what PyTorch does not save: pass"
                f" {'; '.join(f'{names[what]}, {what}' for what in whats)}.{''.join(self.notes)}"
                f"{hint}"
            )


def _with_attributes(function: Callable, saved: Any) -> Callable:
    """The callable object as it was saved: PyTorch saves its `__dict__`."""
    if not saved or isinstance(function, types.FunctionType) or not hasattr(function, "__dict__"):
        return function
    function = copy.copy(function)
    vars(function).update(saved)
    return function


def _snapshot(named: Any, state: Mapping[str, Any], given: _Given, place: str) -> Snapshot:
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


def _parts(named: list, dicts: list, given: _Given, place: str) -> tuple[Snapshot, ...]:
    """The parts of a composition; where their classes are not `named`, their keys tell them."""
    places = [f"{place}schedulers_{index}_" for index in range(len(dicts))]
    named = named or [_told(state, given, at) for state, at in zip(dicts, places, strict=True)]
    if len(named) != len(dicts):
        raise ValueError(
            f"`from_torch_state_dict(cls_or_name=...)` must name {len(dicts)} parts, got"
            f" {len(named)}."
        )
    each = zip(named, dicts, places, strict=True)
    return tuple(_snapshot(part, state, given, at) for part, state, at in each)


def _completed(
    port: Port, recipe: NamedRecipe | None, saved: Mapping, given: _Given, place: str
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
    recipe: NamedRecipe | None, state: dict[str, Any], given: _Given, place: str
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


def _told(state: Mapping[str, Any], given: _Given, place: str) -> type:
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


def _lambda_or_multiplicative(state: Mapping[str, Any], given: _Given, place: str) -> type:
    """Which of the two it is: a LambdaLR's `_last_lr` is the function's value times `base_lrs`."""
    value = given.given.get(f"{place}lr_lambda", given.given.get("lr_lambda"))
    if value is None:
        return LambdaLR  # Either class asks for the function first.
    _check_keys(port_of(LambdaLR), state)
    bases, step = list(map(to_python, state["base_lrs"])), max(0, to_python(state["last_epoch"]))
    listed = list(value) if isinstance(value, list | tuple) else [value] * len(bases)
    if not all(map(callable, listed)):
        return LambdaLR  # Either class refuses it.
    functions = [_with_attributes(f, s) for f, s in zip(listed, state["lr_lambdas"], strict=False)]

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


def _scale_fn(state: dict[str, Any], given: _Given, place: str) -> Callable | None:
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


def _groups(
    taken: Snapshot, state_dict: Mapping, optimizer: Mapping | None
) -> list[dict[str, Any]]:
    """The optimizer's parameter groups, or their rates as the scheduler keeps them."""
    if optimizer is not None:
        if not isinstance(optimizer, Mapping) or "param_groups" not in optimizer:
            raise TypeError(
                "`from_torch_state_dict(optimizer_state_dict=...)` must be an optimizer's"
                f" `state_dict()`, with 'param_groups', got {optimizer!r}."
            )
        groups = _param_groups(optimizer["param_groups"])
    elif "_last_lr" in state_dict and not old_states.built_in_turn(state_dict):
        groups = [{"lr": to_python(lr)} for lr in state_dict["_last_lr"]]
    else:
        raise ValueError(_lacks(taken.cls, "lr"))
    if any("lr" not in group for group in groups) or not groups:
        raise ValueError(_lacks(taken.cls, "lr"))
    for leaf in taken.leaves():
        for name in leaf.port.needed_in_groups(leaf.state):
            if any(name not in group for group in groups):
                raise ValueError(_lacks(leaf.cls, name))
            _check_groups(name, groups)
    _check_groups("lr", groups)
    return groups


def _param_groups(listed: Any) -> list[dict[str, Any]]:
    if not isinstance(listed, list | tuple) or not all(isinstance(g, Mapping) for g in listed):
        raise ValueError(
            "`from_torch_state_dict(optimizer_state_dict=...)` must hold a list of dicts as"
            f" `param_groups`, got {listed!r}."
        )
    return [dict(group) for group in listed]


def _check_groups(name: str, groups: list[dict[str, Any]]) -> None:
    for group in groups:
        if not is_finite(group[name]):
            raise ValueError(
                "`from_torch_state_dict(optimizer_state_dict=...)` must hold a finite number as"
                f" `{name}` of each group, got {group[name]!r}."
            )


def _lacks(cls: type, name: str) -> str:
    return (
        f"`from_torch_state_dict(optimizer_state_dict=...)` must be given for a {cls.__name__}:"
        f" PyTorch keeps its `{name}` in the optimizer's groups. Pass `optimizer.state_dict()`."
    )
