"""Schedules to live PyTorch schedulers, and to the PyTorch call as one would write it.

PyTorch is imported inside these functions only.
"""

import contextlib
import dataclasses
import functools
import importlib
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from .._combine.counts import Mapped
from .._combine.param_groups import groups_of
from .._core import numerics as xp
from .._core.count_map import CountMap
from .._core.number import is_concrete
from .._core.value import call_of, same
from .._schedulers import COMPOSITES, SCHEDULERS
from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.composite import singles
from .._schedulers.one_cycle_lr import OneCycleLR
from .._schedulers.recipe import OfLibrary, Recipe, Subclass
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .._text.expression import Expression
from .ports import port_of
from .rebuilt import one_cycle_group
from .subclasses import DISTRIBUTIONS, HOMES, OWN_HOMES


def the_torch(name: str) -> Any:
    """PyTorch, which function `name` cannot do without."""
    try:
        import torch
    except ImportError as error:
        # Any other way to ask for it may bring gigabytes of CUDA, or another version.
        raise ImportError(f"`{name}` runs real PyTorch: pip install torch==2.13.0") from error
    return torch


def scheduler_class(cls: type) -> type:
    """PyTorch's class of the same name."""
    import torch

    return getattr(getattr(torch.optim, port_of(cls).module), cls.__name__)


def to_torch(schedule: Any, optimizer: Any) -> Any:
    """The PyTorch scheduler of the same name and arguments, on `optimizer`.

    Args:
      schedule: any of PyTorch's sixteen schedulers as jaxsched has them, nested or not, with
        concrete numbers; one of another library, which must be installed; or a ParamGroups with
        one for each parameter group of `optimizer`.
      optimizer: a PyTorch optimizer. Its groups get the schedule's rate and, as from any
        scheduler, what PyTorch's scheduler keeps there. Drop a scheduler that it had before.

    Returns:
      The scheduler at step 0, or where `last_epoch` says (for a plateau `best`, `num_bad_epochs`
      and `cooldown_counter`); one of timm's before its first call. `total_steps` of a table has no
      counterpart in PyTorch. `from_torch` gives an equal schedule back, as far as PyTorch remembers
      its arguments.

    Raises:
      ImportError: without PyTorch, or the library of a recipe.
      TypeError: for a schedule that PyTorch has no scheduler for, traced numbers, or an
        `optimizer` that is none.
      ValueError: for another number of groups than the optimizer's, or what PyTorch cannot do: a
        plateau over a schedule or with `threshold_mode="magnitude"`, a chain or sequence as a
        later part of a SequentialLR, batched arguments.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=1.0)  # doctest: +SKIP
    >>> scheduler = jaxsched.to_torch(jaxsched.StepLR(0.1, 30), optimizer)  # doctest: +SKIP
    >>> scheduler.get_last_lr(), jaxsched.from_torch(scheduler)  # doctest: +SKIP
    ([0.1], StepLR(lr=0.1, step_size=30))
    """
    torch = the_torch("to_torch")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"`to_torch(optimizer=...)` must be a PyTorch optimizer, got {optimizer!r}."
        )
    members = groups_of(schedule)
    if len(members) != len(optimizer.param_groups):
        raise ValueError(
            "`to_torch(schedule=...)` must have one schedule (in a ParamGroups) for each of the"
            f" optimizer's {len(optimizer.param_groups)} parameter groups, got {len(members)}."
        )
    for member in members:
        _check(member)
    _check_alike(members)
    before = [dict(group) for group in optimizer.param_groups]
    rates = [_plain(group["lr"]) for group in before]
    try:
        return build(schedule, optimizer)
    except Exception:
        for group, values, rate in zip(optimizer.param_groups, before, rates, strict=True):
            group.clear()
            group.update(values)
            set_value(group, "lr", rate)
        raise


def _check(schedule: Any) -> None:
    """Raises for a schedule that PyTorch has no scheduler for."""
    where = "`to_torch(schedule=...)` must be"
    if type(schedule) not in SCHEDULERS and not isinstance(schedule, OfLibrary):
        mapped = isinstance(schedule, Mapped)
        hint = " Convert its `schedule`, and step that at its own counts." if mapped else ""
        raise TypeError(f"{where} one of PyTorch's schedulers, got {schedule!r}.{hint}")
    if isinstance(schedule, OfLibrary) and not (
        schedule._is_built_here and _library_of(schedule) in _MODULES
    ):
        raise TypeError(
            f"{where} one of PyTorch's schedulers, or of {', '.join(_MODULES)}, got {schedule!r}:"
            f" {_library_of(schedule)} alone builds that."
        )
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(schedule)):
        raise TypeError(f"{where} of concrete numbers, got {schedule!r}: call it outside `jit`.")
    if isinstance(schedule, ReduceLROnPlateau):
        if not is_concrete(schedule.lr) and not hasattr(schedule.lr, "dtype"):
            raise ValueError(f"{where} a plateau of one `lr` for PyTorch, got {schedule!r}.")
        if schedule.threshold_mode == "magnitude":
            raise ValueError(
                f"{where} of PyTorch's `threshold_mode` 'rel' or 'abs', got {schedule!r}."
            )
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        if hasattr(value, "dtype") and np.ndim(value) > (field.name == "milestones"):
            raise ValueError(f"{where} one schedule, not a batch, got {schedule!r}.")
    for index, part in enumerate(getattr(schedule, "schedulers", ())):
        if index and isinstance(schedule, SequentialLR) and isinstance(part, COMPOSITES):
            raise ValueError(
                f"{where} a sequence of single schedulers from its second part on, as PyTorch"
                f" raises at the milestone of a chain or a sequence, got {part!r}."
            )
        if isinstance(part, OfLibrary) and not isinstance(part, Recipe | Subclass):
            raise TypeError(
                f"{where} made of PyTorch's schedulers, got {part!r} inside it, whose library has"
                " it apart from PyTorch's."
            )
        _check(part)


def _check_alike(members: Sequence) -> None:
    """Raises where groups differ in an argument that PyTorch takes once for all groups."""
    first = members[0]
    may_differ = port_of(type(first)).per_group | {"lr", "initial_lr", "schedulers"}
    for member in members[1:]:
        same_parts = len(getattr(member, "schedulers", ())) == len(getattr(first, "schedulers", ()))
        if type(member) is not type(first) or not same_parts:
            raise ValueError(
                "`to_torch(schedule=...)` must be of the same schedulers in all groups, got"
                f" {first!r} and {member!r}."
            )
        for field in dataclasses.fields(first):
            ours, theirs = getattr(first, field.name), getattr(member, field.name)
            if field.name not in may_differ and not same(ours, theirs):
                raise ValueError(
                    f"`to_torch(schedule=...)` must have one `{field.name}` for all groups, as"
                    f" PyTorch's {type(first).__name__} has, got {ours!r} and {theirs!r}."
                )
        if getattr(first, "_takes_first_rate", False) and not same(first._base, member._base):
            raise ValueError(
                "`to_torch(schedule=...)` must have one rate for all groups, as"
                f" {first._call_name()} takes that of the first for all, got {first._base} and"
                f" {member._base}."
            )
    for column in zip(*[getattr(member, "schedulers", ()) for member in members], strict=True):
        _check_alike(column)


def build(schedule, optimizer) -> Any:
    """`to_torch` without its checks."""
    members = groups_of(schedule)
    for group, member in zip(optimizer.param_groups, members, strict=True):
        group.pop("initial_lr", None)
        for name, value in _group_values(member).items():
            set_value(group, name, value)
    if any(isinstance(part, Mapped) for part in getattr(members[0], "schedulers", ())):
        return Loop(members[0].schedulers, optimizer)
    scheduler = _build(members, optimizer)
    for group, member in zip(optimizer.param_groups, members, strict=True):
        parts = [] if isinstance(member, ReduceLROnPlateau) else singles(member)
        cycles = [part for part in parts if isinstance(part, OneCycleLR)]
        if cycles and all(part.last_epoch != -1 for part in cycles):
            group["initial_lr"] = _own_initial_rate(cycles[0])  # It is read at every step.
    return scheduler


class Loop:
    """A training loop that steps the parts of a chain at counts of their own, as a scheduler."""

    def __init__(self, parts: Sequence[Any], optimizer: Any):
        self.optimizer, self.count = optimizer, 0
        self.parts = [
            (_build([part.schedule], optimizer), part._count_map)
            if isinstance(part, Mapped)
            else (_build([part], optimizer), CountMap())
            for part in parts
        ]
        for scheduler, count_map in self.parts:
            _step(scheduler, count_map(0))

    def step(self) -> None:
        self.count += 1
        for scheduler, count_map in self.parts:
            _step(scheduler, count_map(self.count) - count_map(self.count - 1))


def _step(scheduler: Any, number: int) -> None:
    for _ in range(number):
        scheduler.step()


def set_value(group: dict[str, Any], name: str, value: Any) -> None:
    """Writes into one of an optimizer's groups, as PyTorch's schedulers do."""
    if hasattr(group.get(name), "fill_"):
        group[name].fill_(value)  # A compiled or captured step reads the rate from its tensor.
    else:
        group[name] = value


def _group_values(schedule) -> dict[str, Any]:
    """What PyTorch expects in the group: the rates, and what a resumed scheduler left there."""
    if isinstance(schedule, ReduceLROnPlateau):
        return {"lr": _plain(schedule.lr)}
    values: dict[str, Any] = {}
    lr, initial_lr = schedule._carried() or (None, None)
    for part in singles(schedule):
        if getattr(part, "last_epoch", -1) == -1:
            continue
        left = port_of(type(part)).left_in_group(part)
        if initial_lr is None:
            default = getattr(part, "base_lr", None) if lr is None else lr
            initial_lr = left.get("initial_lr", default)
        values = left | values
    values |= {} if lr is None else {"lr": lr}
    values |= {} if initial_lr is None else {"initial_lr": initial_lr}
    return {name: _plain(value) for name, value in values.items()}


def _build(members: Sequence, optimizer) -> Any:
    first = members[0]
    cls = _maker(first)
    if isinstance(first, COMPOSITES):
        columns = zip(*[member.schedulers for member in members], strict=True)
        parts = [_build(column, optimizer) for column in columns]
        if isinstance(first, ChainedScheduler):
            return cls(parts, optimizer=optimizer)
        with _own_initial_rates([member.schedulers[0] for member in members], optimizer):
            return cls(optimizer, parts, milestones=[int(m) for m in first.milestones])
    with _own_initial_rates(members, optimizer), _default_rate(first, optimizer):
        scheduler = cls(optimizer, **_arguments(members))
    for name in port_of(type(first)).attributes_only:
        if getattr(first, name) is not None:
            setattr(scheduler, name, _plain(getattr(first, name)))
    return scheduler


def _maker(schedule: Any) -> Callable[..., Any]:
    """PyTorch's class of that name, or the other library's function."""
    if not isinstance(schedule, OfLibrary):
        return scheduler_class(type(schedule))
    library, name = schedule._call_name().split(".")
    try:
        home = OWN_HOMES.get(schedule._call_name(), _MODULES[library])
        module = importlib.import_module(home)
    except ImportError as error:
        package = DISTRIBUTIONS.get(library, library)
        raise ImportError(
            f"`to_torch` builds {name} with {library}: pip install {package}"
        ) from error
    return getattr(module, name)


def _library_of(schedule: OfLibrary) -> str:
    return schedule._call_name().partition(".")[0]


_MODULES = {
    "transformers": "transformers.optimization",
    "diffusers": "diffusers.optimization",
    "timm": "timm.scheduler",
    "deepspeed": "deepspeed.runtime.lr_schedules",
    **HOMES,
}


@contextlib.contextmanager
def _default_rate(schedule: Any, optimizer: Any) -> Iterator[None]:
    """Sets the optimizer's default rate to the one that a recipe was built on, and back."""
    before = optimizer.defaults.get("lr")
    if isinstance(schedule, Recipe):
        optimizer.defaults["lr"] = _plain(schedule._default)
    yield
    optimizer.defaults["lr"] = before


@contextlib.contextmanager
def _own_initial_rates(members: Sequence, optimizer) -> Iterator[None]:
    """Sets the groups to the initial rates that a part was built on, and back."""
    own = [
        (group, group.get("initial_lr"), rate)
        for group, member in zip(optimizer.param_groups, members, strict=True)
        if (rate := _own_initial_rate(member)) is not None
    ]
    for group, _, rate in own:
        group["initial_lr"] = rate
    yield
    for group, before, _ in own:
        group |= {} if before is None else {"initial_lr": before}


def _own_initial_rate(schedule: Any) -> float | None:
    """The initial rate that a part was built on, if it says so."""
    if isinstance(schedule, OneCycleLR) and schedule.last_epoch != -1:
        return _plain(one_cycle_group(schedule)["initial_lr"])
    return _plain(getattr(schedule, "initial_lr", None))


def _arguments(members: Sequence) -> dict[str, Any]:
    """The constructor's arguments; where the groups differ, a list as PyTorch takes it."""
    arguments = {}
    for field in dataclasses.fields(members[0]):
        given = [getattr(member, field.name) for member in members]
        values = [_plain(value) for value in given]
        unset = all(same(value, field.default) for value in values)
        if field.name == "lr" or not _is_passed_on(members[0], field) or unset:
            continue
        # Equal functions are one: wrapped for PyTorch, they differ.
        alike = [all(same(x, xs[0]) for x in xs) for xs in (given, values)]
        arguments[field.name] = values[0] if any(alike) else values
    return arguments


def _is_passed_on(schedule: Any, field: dataclasses.Field) -> bool:
    """Whether PyTorch's constructor takes it: of what is given by name, what a library has so."""
    of_library = isinstance(schedule, Subclass) and field.name != "initial_lr"
    return of_library or not field.kw_only


def _plain(value: Any) -> Any:
    """What PyTorch can use: Python's own numbers, and functions that return them."""
    if hasattr(value, "dtype"):
        return np.asarray(value).tolist()
    if callable(value) and not _is_plain(value):
        return _on_host(value)
    return value


def _is_plain(function: Callable) -> bool:
    """Whether PyTorch can use a function as it is.

    It cannot save a JAX array, and it saves the attributes of a callable object and overwrites
    them when it loads.
    """
    if not isinstance(function, types.FunctionType | types.MethodType | functools.partial):
        return False
    with contextlib.suppress(Exception):  # A function may reject step 1, or divide by 0.
        return not isinstance(function(1), jax.Array)
    return True


def _on_host(function: Callable) -> Callable[[int], float]:
    def on_host(step: int) -> float:
        with xp.float64():
            return float(function(step))

    on_host.for_jax = function  # type: ignore[attr-defined]  # where `from_torch` finds it
    return on_host


def momentum_in(group: dict[str, Any]) -> float:
    """The momentum of one of an optimizer's groups: Adam's beta1, or 0 where there is none."""
    return float(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))


def torch_call(schedule) -> str:
    """The PyTorch constructor call, as one would write it."""
    return _torch_call(groups_of(schedule))


def _torch_call(members: Sequence) -> str:
    first = members[0]
    name = first._call_name()
    if isinstance(first, Mapped):
        inner = _torch_call([member.schedule for member in members])
        numbers = {f.name: repr(getattr(first, f.name)) for f in first._field_table[1:]}
        return call_of(name, inner, **numbers)
    if isinstance(first, COMPOSITES):
        columns = zip(*[member.schedulers for member in members], strict=True)
        parts = f"[{', '.join(map(_torch_call, columns))}]"
        if isinstance(first, ChainedScheduler):
            return call_of(name, parts)
        return call_of(name, "optimizer", parts, milestones=repr(list(first.milestones)))
    named = {key: _text(value) for key, value in _arguments(members).items()}
    return call_of(name, "optimizer", **named)


def _text(value) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    value = getattr(value, "for_jax", value)
    return f"lambda step: {value.text}" if isinstance(value, Expression) else repr(value)
