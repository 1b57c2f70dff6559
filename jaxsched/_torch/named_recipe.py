"""A recipe's name and arguments, in place of the function that a checkpoint has lost."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .._schedulers import RECIPES
from .._schedulers.recipe import Recipe
from .._text.names import load_recipes_of, maker
from .recognised import OURS

_IN_THE_DICT = ("lr", "initial_lr", "last_epoch")


class NamedRecipe(NamedTuple):
    """A function of `jaxsched.transformers` and its like."""

    name: str
    make: Callable[..., Any]

    @property
    def arguments(self) -> list[inspect.Parameter]:
        """Those that a checkpoint does not hold."""
        parameters = inspect.signature(self.make).parameters.values()
        return [p for p in parameters if p.name not in _IN_THE_DICT and p.kind != p.VAR_KEYWORD]

    def built(self, rates: Sequence[float], given: Mapping[str, Any]) -> list[Recipe]:
        """The recipe on the initial rate of each parameter group."""
        schedules = [self.make(lr=rate, **given) for rate in rates]
        first = schedules[0]
        if not isinstance(first, Recipe):
            raise ValueError(
                f"`from_torch_state_dict(cls_or_name=...)` must be the dict's, got {self.name} that"
                f" gives a {type(first).__name__} for that of a LambdaLR."
            )
        if len(set(rates)) > 1 and first._assumes_default:
            raise ValueError(
                "`from_torch_state_dict(default_lr=...)` must be given to"
                f" {first._call_name()} for groups with initial rates of {[*rates]}: it reads the"
                " optimizer's default rate (`optimizer.defaults['lr']`), which PyTorch does not"
                " save."
            )
        return schedules


def recipe_named(named: Any) -> NamedRecipe | None:
    """A recipe by its name, its class, or the other library's function; None for a scheduler."""
    full = named if isinstance(named, str) else _path(named)
    module, _, last = full.rpartition(".")
    name = f"{OURS.get(module, module)}.{last}".removeprefix("jaxsched.").removeprefix("js.")
    recipes = load_recipes_of(name)
    if recipes is None:
        return None
    make = maker(name)
    if make is None:
        raise ValueError(
            "`from_torch_state_dict(cls_or_name=...)` must be one of the functions of"
            f" {recipes.__name__}, got {named!r}: these are {', '.join(recipes.__all__)}."
        )
    return NamedRecipe(name, make)


def _path(named: Any) -> str:
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__name__', '')}"


def names_in_full(name: str) -> list[str]:
    """The recipes of that name in all libraries."""
    modules = map(load_recipes_of, RECIPES)
    return [f"{lib}.{name}" for lib, m in zip(RECIPES, modules, strict=True) if name in m.__all__]
