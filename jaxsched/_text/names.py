"""What makes a schedule, by the name that one writes."""

import importlib
from collections.abc import Callable
from typing import Any

from .._combine.clip import clip
from .._combine.counts import delay, per_batches, per_epoch, per_update, skip
from .._combine.from_function import from_function, from_rates
from .._combine.join import join
from .._combine.param_groups import ParamGroups
from .._combine.product import Product
from .._combine.ramp import Ramp
from .._schedulers import RECIPES, SCHEDULERS

_MAKERS: tuple[Callable[..., Any], ...] = (
    *SCHEDULERS, ParamGroups, Product, Ramp, per_epoch, per_batches, per_update, delay, skip, clip,
    join, from_function, from_rates,
)  # fmt: skip
NAMED: dict[str, Callable[..., Any]] = {maker.__name__: maker for maker in _MAKERS}


def load_recipes_of(name: Any) -> Any:
    """The module of recipes that a name begins with, if there is one."""
    module = name.partition(".")[0] if isinstance(name, str) else ""
    return importlib.import_module(f"jaxsched.{module}") if module in RECIPES else None


def maker(name: str) -> Callable[..., Any] | None:
    """What makes a schedule under that name, if anything does."""
    name = name.removeprefix("jaxsched.").removeprefix("js.")
    if module := load_recipes_of(name):
        called = name.partition(".")[2]
        return getattr(module, called) if called in module.__all__ else None
    return NAMED.get(name)


FUNCTIONS = {"lr_lambda", "scale_fn", "function"}  # the arguments that are functions of the step
