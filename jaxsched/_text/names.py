"""What makes a schedule, by the name that one writes."""

from collections.abc import Callable
from typing import Any

from .._combine.clip import clip
from .._combine.counts import delay, per_epoch, per_update, skip
from .._combine.from_function import from_function, from_rates
from .._combine.join import join
from .._combine.param_groups import ParamGroups
from .._combine.product import Product
from .._combine.ramp import Ramp
from .._schedulers import SCHEDULERS

_MAKERS: tuple[Callable[..., Any], ...] = (
    *SCHEDULERS, ParamGroups, Product, Ramp, per_epoch, per_update, delay, skip, clip, join,
    from_function, from_rates,
)  # fmt: skip
NAMED: dict[str, Callable[..., Any]] = {maker.__name__: maker for maker in _MAKERS}
FUNCTIONS = {"lr_lambda", "scale_fn", "function"}  # the arguments that are functions of the step
