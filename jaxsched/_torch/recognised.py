"""Functions of other libraries inside a LambdaLR, recognised by their names and arguments."""

import functools
import importlib
import inspect
import types
from collections.abc import Mapping
from typing import Any

from .._schedulers.lambda_lr import LambdaLR
from .._schedulers.recipe import Recipe

# The libraries' modules, and the module of ours that says the same.
OURS = {
    "transformers.optimization": "transformers",
    "diffusers.optimization": "diffusers",
    "torchtune.training.lr_schedulers": "transformers",
    "torchtitan.components.optimizer.lr_scheduler": "torchtitan",
}
# Transformers' functions of the step since 4.27, whose arguments are those of a partial, and the
# recipes that build them. Before, and in the other libraries, they were closures.
_OF_TRANSFORMERS = {
    "_get_constant_lambda": "get_constant_schedule",
    "_get_constant_schedule_with_warmup_lr_lambda": "get_constant_schedule_with_warmup",
    "_get_linear_schedule_with_warmup_lr_lambda": "get_linear_schedule_with_warmup",
    "_get_cosine_schedule_with_warmup_lr_lambda": "get_cosine_schedule_with_warmup",
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": (
        "get_cosine_with_hard_restarts_schedule_with_warmup"
    ),
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": (
        "get_polynomial_decay_schedule_with_warmup"
    ),
    "_get_inverse_sqrt_schedule_lr_lambda": "get_inverse_sqrt_schedule",
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": (
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    ),
    "_get_wsd_scheduler_lambda": "get_wsd_schedule",
}


def recognised(
    cls: type, arguments: Mapping[str, Any], base_lr: float
) -> tuple[type, dict[str, Any]]:
    """The class and arguments of a scheduler, those of a recipe where its function is recognised.

    `base_lr` is the rate that it was built on.
    """
    function = arguments["lr_lambda"] if cls is LambdaLR else None
    if isinstance(function, Recipe):  # a checkpoint's, by its name
        own = {name: value for name, value in function._arguments() if name != "lr"}
        return type(function), _without_defaults(own, base_lr)
    keywords = function.keywords if isinstance(function, functools.partial) else {}
    inner = function.func if isinstance(function, functools.partial) else function
    library = OURS.get(getattr(inner, "__module__", None) or "")
    found = None
    if library == "torchtitan":
        return _of_torchtitan(keywords)
    if library is not None and isinstance(inner, types.FunctionType):
        builder, _, within = inner.__qualname__.partition(".<locals>.")
        if within:
            keywords = {**keywords, **inspect.getclosurevars(inner).nonlocals}
        found = _recipe(
            library, builder if within else _OF_TRANSFORMERS.get(builder), keywords, base_lr
        )
    return (cls, dict(arguments)) if found is None else found


def _of_torchtitan(keywords: Mapping[str, Any]) -> tuple[type, dict[str, Any]]:
    """torchtitan's only schedule, whose lengths its function is given as it has cut them."""
    from ..torchtitan import lr_scheduler

    warmup, decay = keywords["warmup_steps"], keywords["decay_steps"]
    total = warmup + keywords["stable_steps"] + decay - 1
    return lr_scheduler, {
        "training_steps": total,
        "warmup_steps": warmup,
        "decay_ratio": None if decay == total - warmup else decay / total,
        "decay_type": keywords["lr_decay_type"],
        "min_lr_factor": keywords["min_lr_factor"],
    }


def _recipe(
    library: str, name: str | None, keywords: Mapping[str, Any], base_lr: float
) -> tuple[type, dict[str, Any]] | None:
    """The recipe of a function with these keywords, if it takes them all."""
    module = importlib.import_module(f"jaxsched.{library}")
    if name is None or name not in module.__all__:
        return None
    own = {"default_lr" if key == "lr_init" else key: value for key, value in keywords.items()}
    own = _without_defaults(own, base_lr)
    if "rules_dict" in own:
        rules = [f"{factor}:{step}" for step, factor in own["rules_dict"].items()]
        own = {"step_rules": ",".join([*rules, str(own["last_lr_multiple"])])}
    # One function serves two recipes, which only this keyword tells apart.
    if name == "get_cosine_schedule_with_warmup" and "min_lr_rate" in own:
        name = "get_cosine_with_min_lr_schedule_with_warmup"
    recipe = getattr(module, name)
    fields = {field.name for field in recipe._field_table}
    return (recipe, own) if own.keys() <= fields else None


def _without_defaults(own: dict[str, Any], base_lr: float) -> dict[str, Any]:
    """The arguments without those that say what the recipe assumes anyway."""
    assumed = {"default_lr": base_lr, "timescale": own.get("num_warmup_steps") or 10_000}
    return {name: x for name, x in own.items() if name not in assumed or x != assumed[name]}
