"""Where a recipe takes a list of numbers, a single one is told so."""

import importlib
import inspect

import pytest

import jaxsched as js
from jaxsched._core.fields import fields_of
from jaxsched._core.value import Value
from jaxsched._schedulers import RECIPES
from jaxsched._schedulers.recipe import OfLibrary


def lists():
    """Each class of a library with a list among its fields, and the field's name."""
    for library in RECIPES:
        for made in vars(importlib.import_module(f"jaxsched.{library}")).values():
            if inspect.isclass(made) and issubclass(made, OfLibrary) and issubclass(made, Value):
                for field in fields_of(made):
                    if field.kind is not None and field.kind.rank == 1:
                        yield made, field.name


LISTS = sorted(set(lists()), key=str)


def test_there_are_such_lists():
    assert {made.__module__ for made, _ in LISTS} >= {
        f"jaxsched.{x}" for x in ("espnet", "fairseq", "fairseq2", "timm", "mmengine", "detectron2", "olmo")
    }  # fmt: skip


@pytest.mark.parametrize("made, name", LISTS)
@pytest.mark.parametrize("value", [3, 0.5, "3", 2.5j])
def test_a_number_for_a_list(made, name, value):
    needed = inspect.signature(made).parameters.values()
    given = {p.name: 1.0 for p in needed if p.default is p.empty} | {"lr": 0.1, name: value}
    if "lr" not in inspect.signature(made).parameters:
        del given["lr"]
    others = [field for field in fields_of(made) if field.kind is not None and field.kind.rank == 1]
    given |= {field.name: [1.0] for field in others if field.name in given and field.name != name}
    of_others = {"schedulers": [js.ExponentialLR(0.1, 0.9)], "interval_scaling": ["rescaled"]}
    given |= {key: value for key, value in of_others.items() if key in given}
    with pytest.raises(TypeError, match=rf"`{made._called}\({name}=...\)` must be a list of"):
        made(**given)
