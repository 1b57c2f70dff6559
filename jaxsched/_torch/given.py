"""What a caller of `from_torch_state_dict` passes for what PyTorch does not save."""

import copy
import types
from collections.abc import Callable, Sequence
from typing import Any

from .._schedulers.recipe import Recipe
from .named_recipe import NamedRecipe
from .numeric import to_python

_MOST_PARTS = 256
_OR_NAME_IT = (
    " If a function of Transformers or Diffusers built it, write its name for LambdaLR, and its"
    ' arguments: `from_torch_state_dict("transformers.get_linear_schedule_with_warmup",'
    " state_dict, num_warmup_steps=..., num_training_steps=...)`."
)


class Given:
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
        return [with_attributes(f, attributes) for f, attributes in zip(listed, saved, strict=True)]

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


def with_attributes(function: Callable, saved: Any) -> Callable:
    """The callable object as it was saved: PyTorch saves its `__dict__`."""
    if not saved or isinstance(function, types.FunctionType) or not hasattr(function, "__dict__"):
        return function
    function = copy.copy(function)
    vars(function).update(saved)
    return function
