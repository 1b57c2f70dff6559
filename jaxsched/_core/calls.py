"""Checks of constructor calls: a wrong one is told what to write instead."""

import dataclasses
import difflib
from typing import Any


def check_call(cls: type, args: tuple, kwargs: dict[str, Any]) -> None:
    """Raises a TypeError where a constructor's arguments do not fit its fields."""
    fields = [field for field in dataclasses.fields(cls) if field.init]  # type: ignore[arg-type]
    placed = [field.name for field in fields if not field.kw_only]
    names = [*placed, *(field.name for field in fields if field.kw_only)]
    _refuse_optimizers(cls, placed, args, kwargs)
    _refuse_unpacked(cls, placed, args)
    for name in kwargs:
        if name not in names:
            raise TypeError(f"`{cls.__name__}({name}=...)` is no argument: {_remedy(name, names)}.")
    _check_places(cls, placed, args, kwargs)
    given = {*placed[: len(args)], *kwargs}
    missing = [field.name for field in fields if _required(field) and field.name not in given]
    if missing:
        wanted = " and ".join(f"`{name}`" for name in missing)
        raise TypeError(f"`{cls.__name__}(...)` must have {wanted} (it has {', '.join(names)}).")


def _required(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _check_places(cls: type, placed: list[str], args: tuple, kwargs: dict[str, Any]) -> None:
    if len(args) > len(placed):
        raise TypeError(
            f"`{cls.__name__}(...)` takes at most {len(placed)} arguments without their names"
            f" ({', '.join(placed)}), got {len(args)}."
        )
    for name in placed[: len(args)]:
        if name in kwargs:
            raise TypeError(f"`{cls.__name__}({name}=...)` must be given once, got it twice.")


def _remedy(name: str, names: list[str]) -> str:
    if name == "verbose":
        return "it printed the rate in older PyTorch, so leave it out and print `schedule(count)`"
    lowered = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    if near:
        return f"did you mean `{lowered[near[0]]}`"
    return f"it has {', '.join(names)}"


def _refuse_optimizers(cls: type, placed: list[str], args: tuple, kwargs: dict[str, Any]) -> None:
    names = [*placed[: len(args)], *[""] * (len(args) - len(placed))]
    for name, value in [*zip(names, args, strict=True), *kwargs.items()]:
        if name == "optimizer" or is_torch_optimizer(value):
            raise TypeError(f"`{cls.__name__}(...)` takes no optimizer: {_in_its_place(placed)}.")
        if name != "schedulers" and is_optax_optimizer(value):
            raise TypeError(
                f"`{cls.__name__}({name}=...)` must be a number, got an Optax optimizer: it takes"
                " the schedule as its rate, as in `optax.sgd(schedule)`."
            )


def _in_its_place(placed: list[str]) -> str:
    if "lr" in placed:
        return "where PyTorch takes the optimizer, give the learning rate"
    return f"leave the optimizer out, `{placed[0]}` comes first" if placed else "leave it out"


def is_torch_optimizer(value: Any) -> bool:
    return not isinstance(value, type) and isinstance(getattr(value, "param_groups", None), list)


def is_optax_optimizer(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "init") and hasattr(value, "update")


def _refuse_unpacked(cls: type, placed: list[str], args: tuple) -> None:
    """Schedules given one by one where a list of them belongs."""
    if placed[:1] not in (["schedulers"], ["schedules"]) or len(args) < 2:
        return
    first, second, *_ = args
    if callable(first) and (callable(second) or len(placed) == 1):
        raise TypeError(
            f"`{cls.__name__}({placed[0]}=...)` must be a list, got its schedules one by one:"
            f" write `{cls.__name__}([a, b])`."
        )
