"""Calls of constructors: a wrong one is told what to write instead; `help` shows a short one."""

import dataclasses
import difflib
import functools
import inspect
import re
import types
import typing
from collections.abc import Iterator
from typing import Any

from .number import Float, Int, Number


def check_call(cls: Any, args: tuple, kwargs: dict[str, Any]) -> None:
    """Raises a TypeError where a constructor's arguments do not fit its fields."""
    fields = [field for field in dataclasses.fields(cls) if field.init]  # type: ignore[arg-type]
    placed = [field.name for field in fields if not field.kw_only]
    names = [*placed, *(field.name for field in fields if field.kw_only)]
    _refuse_optimizers(cls, placed, args, kwargs)
    _refuse_unpacked(cls, placed, args)
    for name in kwargs:
        if name not in names:
            raise TypeError(
                f"`{cls._call_name()}({name}=...)` is no argument: {_remedy(name, names)}."
            )
    _check_places(cls, placed, args, kwargs)
    given = {*placed[: len(args)], *kwargs}
    missing = [field.name for field in fields if _required(field) and field.name not in given]
    if missing:
        wanted = " and ".join(f"`{name}`" for name in missing)
        raise TypeError(
            f"`{cls._call_name()}(...)` must have {wanted} (it has {', '.join(names)})."
        )


def _required(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _check_places(cls: Any, placed: list[str], args: tuple, kwargs: dict[str, Any]) -> None:
    if len(args) > len(placed):
        raise TypeError(
            f"`{cls._call_name()}(...)` takes at most {len(placed)} arguments without their names"
            f" ({', '.join(placed)}), got {len(args)}."
        )
    for name in placed[: len(args)]:
        if name in kwargs:
            raise TypeError(f"`{cls._call_name()}({name}=...)` must be given once, got it twice.")


def _remedy(name: str, names: list[str]) -> str:
    if name == "verbose":
        return "it printed the rate in older PyTorch, so leave it out and print `schedule(count)`"
    lowered = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), lowered, n=1)
    if near:
        return f"did you mean `{lowered[near[0]]}`"
    return f"it has {', '.join(names)}"


def _refuse_optimizers(cls: Any, placed: list[str], args: tuple, kwargs: dict[str, Any]) -> None:
    names = [*placed[: len(args)], *[""] * (len(args) - len(placed))]
    for name, value in [*zip(names, args, strict=True), *kwargs.items()]:
        if name == "optimizer" or is_torch_optimizer(value):
            raise TypeError(
                f"`{cls._call_name()}(...)` takes no optimizer: {_in_its_place(placed)}."
            )
        if name != "schedulers" and is_optax_optimizer(value):
            raise TypeError(
                f"`{cls._call_name()}({name}=...)` must be a number, got an Optax optimizer: it"
                " takes the schedule as its rate, as in `optax.sgd(schedule)`."
            )


def _in_its_place(placed: list[str]) -> str:
    if "lr" in placed:
        return "where PyTorch takes the optimizer, give the learning rate"
    return f"leave the optimizer out, `{placed[0]}` comes first" if placed else "leave it out"


def is_torch_optimizer(value: Any) -> bool:
    return not isinstance(value, type) and isinstance(getattr(value, "param_groups", None), list)


def is_optax_optimizer(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "init") and hasattr(value, "update")


def _refuse_unpacked(cls: Any, placed: list[str], args: tuple) -> None:
    """Schedules given one by one where a list of them belongs."""
    if placed[:1] not in (["schedulers"], ["schedules"]) or len(args) < 2:
        return
    first, second, *_ = args
    if callable(first) and (callable(second) or len(placed) == 1):
        raise TypeError(
            f"`{cls._call_name()}({placed[0]}=...)` must be a list, got its schedules one by one:"
            f" write `{cls._call_name()}([a, b])`."
        )


class _Annotation(str):
    """One that `help` shows without quotes."""

    __repr__ = str.__str__


def readable(signature: inspect.Signature) -> inspect.Signature:
    """The same, with `Number` and its like by their names, which Python's unions forget."""
    parameters = [
        parameter.replace(annotation=_Annotation(_type_text(parameter.annotation)))
        if parameter.annotation is not parameter.empty
        else parameter
        for parameter in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


@functools.cache  # Few are different, and every class has them when jaxsched is imported.
def _type_text(annotation: Any) -> str:
    names: list[str] = []
    members = list(dict.fromkeys(_members(annotation)))
    for name, alias in (("Number", Number), ("Float", Float), ("Int", Int)):
        parts = typing.get_args(alias)
        if set(parts) <= set(members):
            names.append(name)
            members = [member for member in members if member not in parts]
    texts = (x if isinstance(x, str) else inspect.formatannotation(x) for x in members)
    others = [re.sub(r"\b(\w+\.)+", "", text) for text in texts]
    return " | ".join([*names, *("None" if text == "NoneType" else text for text in others)])


def _members(annotation: Any) -> Iterator[Any]:
    """The types of a union, without what is attached to them."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _members(annotation.__origin__)
    elif origin in (types.UnionType, typing.Union):
        for member in typing.get_args(annotation):
            yield from _members(member)
    else:
        yield (
            annotation.__forward_arg__ if isinstance(annotation, typing.ForwardRef) else annotation
        )
