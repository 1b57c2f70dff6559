"""Other libraries' subclasses of PyTorch's LRScheduler: recognised, read, and verified.

Their classes are told by their names, so that no library need be there.
"""

import copy
import importlib
import math
from collections.abc import Mapping
from typing import Any

from .._combine.param_groups import groups_of
from .._schedulers.recipe import Subclass
from .errors import Unreadable
from .finds import Attribute, Entry, Find, Group, State
from .numeric import to_python
from .verified import counts_along, verify

# The libraries' modules, by the module of ours that says the same.
HOMES = {
    "nemo": "nemo.core.optim.lr_scheduler",
    "fairseq2": "fairseq2.optim.lr_schedulers",
    "espnet": "espnet2.schedulers",
    "detectron2": "detectron2.solver.lr_scheduler",
    "cosine_annealing_warmup": "cosine_annealing_warmup",
    "pl_bolts": "pl_bolts.optimizers.lr_scheduler",
}
# Classes that are not found there, but in a module below it.
OWN_HOMES = {
    "espnet.WarmupLR": "espnet2.schedulers.warmup_lr",
    "espnet.NoamLR": "espnet2.schedulers.noam_lr",
    "espnet.PiecewiseLinearWarmupLR": "espnet2.schedulers.piecewise_linear_warmup_lr",
    "espnet.TristageLR": "espnet2.schedulers.tristage_lr",
    "espnet.WarmupStepLR": "espnet2.schedulers.warmup_step_lr",
    "espnet.CosineAnnealingWarmupRestarts": "espnet2.schedulers.cosine_anneal_warmup_restart",
    "espnet.ExponentialDecayWarmup": "espnet2.schedulers.exponential_decay_warmup",
}
DISTRIBUTIONS = {  # where pip calls them otherwise
    "nemo": "nemo_toolkit",
    "pl_bolts": "lightning_bolts",
    "cosine_annealing_warmup": "git+https://github.com/katsura-jp/pytorch-cosine-annealing-with-warmup",
}
# Classes that many repositories have a copy of, by their names, and the modules of ours.
COPIED = {
    "CosineAnnealingWarmupRestarts": "cosine_annealing_warmup",
    "LinearWarmupCosineAnnealingLR": "pl_bolts",
}
_KEPT_BY_ALL = ("lr", "initial_lr", "last_epoch")


def subclass_of(named: Any) -> type[Subclass] | None:
    """Our class for another library's, for ours or its name; None of all else."""
    if isinstance(named, type):
        if issubclass(named, Subclass):
            return named
        home = named.__module__
        library = next((x for x, h in HOMES.items() if f"{home}.".startswith(f"{h}.")), "")
        name = named.__qualname__
    elif isinstance(named, str):
        library, _, name = named.removeprefix("jaxsched.").removeprefix("js.").partition(".")
    else:
        return None
    if library not in HOMES:
        return None
    module = importlib.import_module(f"jaxsched.{library}")
    found = getattr(module, name, None) if name in module.__all__ else None
    return found if isinstance(found, type) and issubclass(found, Subclass) else None


def copied_by(scheduler: Any) -> type[Subclass] | None:
    """Our class for a live one of a class that is copied, in whichever module; else None.

    It is told by its name and by its attributes; whether it is the same is to be verified.
    """
    name = type(scheduler).__name__
    if name not in COPIED:
        return None
    cls = subclass_of(type(scheduler)) or subclass_of(f"{COPIED[name]}.{name}")
    state = vars(scheduler)
    if cls is None or not all(key in state for key in _keys_of(cls)):
        return None
    return cls


def _keys_of(cls: type[Subclass]) -> list[str]:
    finds = arguments_of(cls).values()
    return ["base_lrs", "last_epoch", *[find.name for find in finds if isinstance(find, Attribute)]]


def verify_subclass(scheduler: Any, schedule: Any) -> None:
    """Raises where the live one's own function of `last_epoch` has another rate."""
    members = groups_of(schedule)
    if getattr(members[0], "_has_own_count", False):
        return  # It is verified against the rate now.
    twin = copy.copy(scheduler)
    twin._get_lr_called_within_step = True  # It warns else.
    counts, rows = counts_along(members[0]), []
    if getattr(members[0], "_first_is_set", False):
        counts = counts[counts > 0]  # Its constructor sets the rate of count 0.
    for count in counts:
        twin.last_epoch = members[0].last_epoch + 1 + int(count)
        rows.append(twin.get_lr())
    for member, rates in zip(members, zip(*rows, strict=True), strict=True):
        verify(
            member, counts, rates,
            "an attribute was changed after it was built, or its library is of another version",
        )  # fmt: skip


# --- where they keep their arguments, unless in an attribute of the same name ---


def arguments_of(cls: type[Subclass]) -> dict[str, Find]:
    """Where each argument is found, except the rates and `last_epoch`."""
    library = cls._called.partition(".")[0]
    names = [field.name for field in cls._field_table if field.name not in _KEPT_BY_ALL]
    special = {**_OF_LIBRARY.get(library, {}), **_OF_CLASS.get(cls._called, {})}
    return {name: special.get(name, Attribute(name)) for name in names}


def _not_kept(state: State, group: Group, index: int) -> None:
    """A share of all steps, which is kept as the number that it comes to."""


def _after_warmup(state: State, group: Group, index: int) -> Any:
    """NeMo keeps the end of the hold, and 0 if there is none."""
    end = to_python(state["hold_steps"])
    return end - to_python(state["warmup_steps"]) if end else None


def _width(state: State, group: Group, index: int) -> Any:
    """NeMo keeps the inverse root of the width."""
    width = to_python(state["_normalize"]) ** -2
    return round(width) if abs(width - round(width)) < 1e-9 * width else width


def _constant(state: State, group: Group, index: int) -> Any:
    if "reset_lr" in group:
        raise Unreadable(
            "must have no `reset_lr` in the optimizer's groups, by which NeMo starts its count anew"
        )
    constant = to_python(state["constant_steps"])
    return constant or None


def _stage_ratio(state: State, group: Group, index: int) -> Any:
    """fairseq2 keeps the steps of each stage: the shortest ratios that come to them."""
    number, steps = to_python(state["num_steps"]), state["num_stage_steps"]
    exact = [(n + (number - sum(steps)) / 3) / number for n in steps] if number else [1.0, 0, 0]
    slightly_more = tuple(ratio * (1.0 + 1e-12) for ratio in exact)
    rounded = (tuple(round(ratio, digits) for ratio in exact) for digits in range(1, 15))
    for ratios in (*rounded, tuple(exact), slightly_more):
        whole = math.isclose(sum(ratios), 1.0)
        if whole and [int(ratio * number) for ratio in ratios] == list(steps):
            return ratios
    raise Unreadable(f"must have stages that ratios of {number} steps come to, got {steps}")


def _share_of(stage: int) -> Find:
    """ESPnet keeps the steps of each stage: a ratio of the shortest that come to them."""

    def find(state: State, group: Group, index: int) -> float:
        number, warm, hold = (
            to_python(state[name]) for name in ("max_steps", "warmup_steps", "hold_steps")
        )
        shares = (warm / number, hold / number) if number else (0.0, 0.0)
        for digits in range(1, 18):
            for more in (0.0, 1e-12):
                first, second = (round(x + more, digits) for x in shares)
                third = round(1.0 - first - second, 12)
                if [int(number * first), int(number * second)] == [warm, hold] and third >= 0:
                    return (first, second, third)[stage]
        raise Unreadable(f"must have stages that ratios of {number} steps come to")

    return find


def _listed(name: str) -> Find:
    return lambda state, group, index: tuple(map(to_python, state[name]))


_OF_LIBRARY: dict[str, Mapping[str, Find]] = {
    "nemo": {
        "warmup_ratio": _not_kept, "hold_ratio": _not_kept, "constant_ratio": _not_kept,
        "warmup_steps": lambda state, group, index: to_python(state["warmup_steps"]) or None,
        "hold_steps": _after_warmup, "d_model": _width,
    },
    "fairseq2": {
        "start_lr": Entry("start_lrs"), "final_lr": Entry("final_lrs"),
        "start_lr_scale": Entry("start_lr_scales"), "final_lr_scale": Entry("final_lr_scales"),
        "stage_ratio": _stage_ratio,
    },
    "espnet": {
        "warmup_ratio": _share_of(0), "hold_ratio": _share_of(1), "decay_ratio": _share_of(2),
        "warmup_steps_list": _listed("warmup_steps_list"),
        "warmup_lr_list": _listed("warmup_lr_list"),
    },
    "detectron2": {"milestones": _listed("milestones")},
}  # fmt: skip
_OF_CLASS: dict[str, Mapping[str, Find]] = {
    "nemo.CosineAnnealing": {"constant_steps": _constant},
    "espnet.ExponentialDecayWarmup": {
        "max_lr": Attribute("initial_lr"),
        "min_lr": Attribute("final_lr"),
    },
    **{
        f"{library}.CosineAnnealingWarmupRestarts": {"max_lr": Attribute("base_max_lr")}
        for library in ("cosine_annealing_warmup", "espnet")
    },
}
