"""Functions of other libraries inside a LambdaLR, recognised by their names and arguments."""

import functools
from collections.abc import Mapping
from typing import Any

from .._schedulers.lambda_lr import LambdaLR

# Transformers' functions of the step, and ours that say the same.
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
    if cls is not LambdaLR:
        return cls, dict(arguments)
    function = arguments["lr_lambda"]
    keywords = function.keywords if isinstance(function, functools.partial) else {}
    inner = function.func if isinstance(function, functools.partial) else function
    if getattr(inner, "__module__", None) != "transformers.optimization":
        return cls, dict(arguments)
    name = _OF_TRANSFORMERS.get(getattr(inner, "__qualname__", ""))
    found = None if name is None else _of_transformers(name, keywords, base_lr)
    return (cls, dict(arguments)) if found is None else found


def _of_transformers(
    name: str, keywords: Mapping[str, Any], base_lr: float
) -> tuple[type, dict[str, Any]] | None:
    """The recipe of a function with these keywords, if it takes them all."""
    from .. import transformers

    own = {"default_lr" if key == "lr_init" else key: value for key, value in keywords.items()}
    if own.get("default_lr") == base_lr:
        del own["default_lr"]
    if "timescale" in own and own["timescale"] == (own["num_warmup_steps"] or 10_000):
        del own["timescale"]
    # One function serves two recipes, which only this keyword tells apart.
    if name == "get_cosine_schedule_with_warmup" and "min_lr_rate" in own:
        name = "get_cosine_with_min_lr_schedule_with_warmup"
    recipe = getattr(transformers, name)
    fields = {field.name for field in recipe._field_table}
    return (recipe, own) if own.keys() <= fields else None
