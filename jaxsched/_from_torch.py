"""Live PyTorch schedulers to schedules: read what they hold, believe what they show.

A PyTorch scheduler keeps its arguments in its attributes and the rest in the optimizer's groups,
where other schedulers, checkpoints and people write too. So a conversion is a guess with a
check: the schedule is put together from what the objects hold, and must then have each part's
base rate, stand where each part stands, and give the rate that the group shows. What fits no
schedule of ours is stepped on a copy instead and becomes a table (`_stepped.py`).
"""

import contextlib
import copy
import dataclasses
import functools
import inspect
import numbers
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from . import _phases, _protocol
from ._compose import ChainedScheduler, ParamGroups, SequentialLR, singles
from ._cosine import SWALR, CosineAnnealingLR, CosineAnnealingWarmRestarts
from ._cycles import CyclicLR, OneCycleLR
from ._factors import ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR
from ._functions import LambdaLR, MultiplicativeLR
from ._plateau import ReduceLROnPlateau
from ._schedulers import COMPOSITES, SCHEDULERS
from ._to_torch import OnHost, scheduler_class

# The arguments that PyTorch keeps as attributes of the same name.
_FIELDS: dict[type, tuple[str, ...]] = {
    LambdaLR: (),
    MultiplicativeLR: (),
    StepLR: ("step_size", "gamma"),
    MultiStepLR: ("gamma",),
    ConstantLR: ("factor", "total_iters"),
    LinearLR: ("start_factor", "end_factor", "total_iters"),
    ExponentialLR: ("gamma",),
    PolynomialLR: ("total_iters", "power"),
    CosineAnnealingLR: ("T_max", "eta_min"),
    CosineAnnealingWarmRestarts: ("T_0", "T_mult", "eta_min"),
    CyclicLR: ("mode", "gamma", "cycle_momentum"),
    OneCycleLR: ("total_steps", "cycle_momentum"),
    SWALR: ("anneal_epochs",),
    ReduceLROnPlateau: (
        "mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps",
    ),
}  # fmt: skip

_OF_FUNCTIONS = (LambdaLR, MultiplicativeLR)


class Unreadable(ValueError):
    """Says why a PyTorch scheduler is no schedule of ours."""


class Held(NamedTuple):
    """A PyTorch scheduler as it stands: live, or from a checkpoint."""

    cls: type  # ours
    state: dict[str, Any]  # its attributes
    parts: "tuple[Held, ...]" = ()

    def leaves(self) -> "Iterator[Held]":
        """The single schedulers, in the order in which they are listed."""
        if self.cls not in COMPOSITES:
            yield self
        for part in self.parts:
            yield from part.leaves()


def from_torch(scheduler: Any, total_steps: int | None = None) -> Any:
    """A live PyTorch scheduler, however nested, as a schedule.

    Args:
      scheduler: a PyTorch scheduler, freshly built or already stepped; it is only looked at.
      total_steps: if given, what JAX cannot trace becomes a table of this many counts, and the
        last rate holds after that: Python functions, those of `transformers.get_scheduler`
        among them; compositions without a closed form; and schedulers of other classes than
        PyTorch's own, which a copy is stepped for.

    Returns:
      The schedule that says what PyTorch does: read from what the objects hold, and found to give
      the rate that they show. A ParamGroups for several parameter groups. A ReduceLROnPlateau's
      `init()` has the state of the live one: best metric, bad epochs, cooldown.

      Count 0 is where PyTorch started, and now is count `scheduler.last_epoch`. One that was built
      with a `last_epoch` (or sent to an epoch by `step(epoch)`) has it here too; count 0 is
      then the moment after it, and now is `scheduler.last_epoch - schedule.last_epoch - 1`.

      Where the group's rate is not what follows from its initial one (an optimizer that had
      a scheduler before, a rate set by hand), `lr` is worked out backwards from the rate now.
      What the rate now does not depend on any more, nobody can know: earlier counts are then
      those of a run that began at the initial rate.

    A copy is stepped without parameters, losses and optimizer state: a class that looks at these
    is no function of the count, and its table is meaningless.

    Raises:
      TypeError: for something that is no PyTorch scheduler; or, without `total_steps`, for a
        function that JAX cannot trace.
      ValueError: without `total_steps`, for a scheduler that is none of PyTorch's own, or that
        shows a rate that none of ours gives; for `total_steps` that are over.

    >>> import jaxsched
    >>> import torch  # doctest: +SKIP
    >>> optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)  # doctest: +SKIP
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)  # doctest: +SKIP
    >>> jaxsched.from_torch(scheduler)  # doctest: +SKIP
    StepLR(lr=0.1, step_size=30)
    """
    if not (hasattr(scheduler, "optimizer") and callable(getattr(scheduler, "step", None))):
        inner = getattr(scheduler, "scheduler", None)
        inner = scheduler.get("scheduler") if isinstance(scheduler, dict) else inner
        hint = " Pass its `scheduler`." if hasattr(inner, "optimizer") else ""
        raise TypeError(
            f"`from_torch(scheduler=...)` must be a PyTorch scheduler, got {scheduler!r}.{hint}"
        )
    check_total_steps("from_torch", total_steps)
    groups = scheduler.optimizer.param_groups
    try:
        return read(look(scheduler), groups, total_steps)
    except Unreadable as reason:
        if not _steps_alone(scheduler):
            raise ValueError(
                f"`from_torch(scheduler=...)` {reason}. Its `step` asks for more than the count, so"
                " that no table of rates by count would be its own."
            ) from None
        if total_steps is None:
            raise ValueError(
                f"`from_torch(scheduler=...)` {reason}. Give `total_steps=N`, and a copy of the"
                " scheduler is stepped instead, for the first N counts."
            ) from None
        from ._stepped import stepped

        return stepped(scheduler, total_steps, str(reason))


def _steps_alone(scheduler: Any) -> bool:
    """Whether `step()` needs no metric."""
    try:
        inspect.signature(scheduler.step).bind()
    except TypeError:
        return False
    return True


def check_total_steps(name: str, total_steps: Any) -> None:
    positive = type(total_steps) is int and total_steps > 0
    if total_steps is not None and not positive:
        raise ValueError(
            f"`{name}(total_steps=...)` must be a positive int or None, got {total_steps!r}."
        )


def look(scheduler: Any) -> Held:
    """A live scheduler, as it stands."""
    cls = next((c for c in SCHEDULERS if scheduler_class(c) is type(scheduler)), None)
    if cls is None:
        kind = type(scheduler)
        raise Unreadable(
            f"is no scheduler of PyTorch's own, got a {kind.__module__}.{kind.__qualname__}"
        )
    held = Held(cls, vars(scheduler), tuple(map(look, getattr(scheduler, "_schedulers", ()))))
    leaves = [id(leaf.state) for leaf in held.leaves()]
    if len(set(leaves)) < len(leaves):
        raise Unreadable("holds one and the same scheduler twice")
    return held


def read(held: Held, groups: list[dict[str, Any]], total_steps: int | None) -> Any:
    """The schedule of all parameter groups."""
    number = len(groups)
    for leaf in held.leaves():
        if leaf.state.get("default_min_lr") is not None:
            continue  # A plateau takes new groups in.
        known = len(leaf.state["min_lrs" if leaf.cls is ReduceLROnPlateau else "base_lrs"])
        if known != number:
            raise Unreadable(f"is for {known} parameter groups, and the optimizer has {number}")
    members = [_Group(held, groups[i], i, total_steps).schedule() for i in range(number)]
    return members[0] if number == 1 else ParamGroups(members)


class _Group:
    """What a scheduler does to one of the optimizer's parameter groups."""

    def __init__(self, held: Held, group: dict[str, Any], index: int, total_steps: int | None):
        self.held, self.group, self.index, self.total_steps = held, group, index, total_steps
        self.shown = float(group["lr"])
        self.of_functions = any(
            leaf.cls in _OF_FUNCTIONS or leaf.state.get("_scale_fn_custom") is not None
            for leaf in held.leaves()
        )

    def schedule(self) -> Any:
        if self.held.cls is ReduceLROnPlateau:
            return self._plateau()
        count = steps_done(self.held)
        if self.total_steps is not None and count >= self.total_steps:
            raise ValueError(
                "`from_torch(total_steps=...)` must be more than the steps done,"
                f" {count}, got {self.total_steps}."
            )
        found = next((s for s in self._guesses(count) if self._fits(s, count)), None)
        if found is None:
            raise Unreadable(
                f"shows a rate of {self.shown} at step {count} that its parts do not explain: they"
                " were built in another order than listed, or stepped on their own, or another"
                " scheduler or a person sets the rate too (a ChainedScheduler of all that step"
                " together says it all)"
            )
        if found.horizon() is None and _phases.by_steps in found.plan()[0]:
            if self.total_steps is not None:
                return dataclasses.replace(found, total_steps=self.total_steps)
            found.warn_if_replayed()
        return found

    def _guesses(self, count: Any) -> Iterator[Any]:
        """Schedules of what is held, the likeliest first; `lr` is not held, and a guess."""
        lr = next((_base(leaf, self.index) for leaf in self.held.leaves()
                   if leaf.cls not in (CyclicLR, OneCycleLR)), None)  # fmt: skip
        plain = self._build(self.held, lr)
        yield plain
        if lr is None:
            return
        if plain.resets_initial_lr or len(list(singles(plain))) > 1:
            yield self._build(self.held, lr, own_base=True)
        # Whatever was done since, `lr` has gone through affine maps only.
        at_0, at_1 = (
            self._rate(self._build(self.held, x, own_base=True), count) for x in (0.0, 1.0)
        )
        if at_0 != at_1 and (solved := (self.shown - at_0) / (at_1 - at_0)) >= 0:
            solved = shortest(solved, lambda x: abs(x - solved) <= 1e-14 * solved)
            yield self._build(self.held, solved, own_base=True)

    def _fits(self, schedule: Any, count: Any) -> bool:
        parts = _protocol.parts_at(schedule, int(count))
        for part, leaf in zip(parts, self.held.leaves(), strict=True):
            there = part.schedule.own_clock or part.clock == leaf.state["last_epoch"]
            base = getattr(part.schedule, "base", None)
            if not there or not (base is None or _close(base, _base(leaf, self.index))):
                return False
        # PyTorch's recursions drift, those of CosineAnnealingLR far past T_max most of all.
        rate = self._rate(schedule, count)
        peak = max([abs(_base(leaf, self.index)) for leaf in self.held.leaves()])
        return abs(rate - self.shown) <= 1e-4 * abs(self.shown) + 1e-12 * peak

    @staticmethod
    def _rate(schedule: Any, count: Any) -> float:
        with jax.ensure_compile_time_eval(), jax.enable_x64(True):
            return float(schedule(count))

    def _build(self, held: Held, lr: float | None, own_base: bool = False) -> Any:
        table = {"total_steps": self.total_steps} if self.of_functions else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # There may be a better one.
            try:
                return self._node(held, lr, own_base, table)
            except (TypeError, ValueError, ArithmeticError) as error:
                raise Unreadable(f"is not possible here: {error}".rstrip(".")) from error

    def _node(self, held: Held, lr, own_base: bool, table: dict, begun: bool = True) -> Any:
        if held.cls is ChainedScheduler:
            parts = [self._node(part, lr, own_base, {}, begun) for part in held.parts]
            return ChainedScheduler(parts, **table)
        if held.cls is SequentialLR:
            # It has taken back its parts' first steps, and with them when each was built.
            parts = [self._node(part, lr, own_base, {}, False) for part in held.parts]
            return SequentialLR(parts, list(held.state["_milestones"]), **table)
        values = {name: plain(held.state[name]) for name in _FIELDS[held.cls]}
        values |= self._special(held)
        values |= table if held.cls in _OF_FUNCTIONS or "scale_fn" in values else {}
        values["last_epoch"] = built_at(held) if begun else -1
        if held.cls not in (CyclicLR, OneCycleLR):
            values["lr"] = lr
            values |= {"initial_lr": _base(held, self.index)} if own_base else {}
        return held.cls(**values)

    def _special(self, held: Held) -> dict[str, Any]:
        """The arguments that PyTorch keeps in another form, or in the optimizer's group."""
        state, i = held.state, self.index
        if held.cls is MultiStepLR:
            # PyTorch looks the count up, and a tensor is not found by its value.
            steps = [m for m in state["milestones"].elements() if isinstance(m, numbers.Number)]
            return {"milestones": [whole(plain(step)) for step in steps]}
        if held.cls in _OF_FUNCTIONS:
            return {"lr_lambda": own_function(state["lr_lambdas"][i])}
        if held.cls is SWALR:
            strategy = state["_anneal_strategy"]
            return {"swa_lr": plain(self.group["swa_lr"]), "anneal_strategy": strategy}
        if held.cls is CyclicLR:
            return _cyclic(state, i)
        if held.cls is OneCycleLR:
            return _one_cycle(state, self.group)
        return {}

    def _plateau(self) -> ReduceLROnPlateau:
        state = self.held.state
        values = {name: plain(state[name]) for name in _FIELDS[ReduceLROnPlateau]}
        best, floors = plain(state["best"]), state["min_lrs"]
        floor = floors[self.index] if self.index < len(floors) else state["default_min_lr"]
        worst = np.inf if state["mode"] == "min" else -np.inf
        return ReduceLROnPlateau(
            self.shown, **values, min_lr=plain(floor),
            best=None if best == worst else best,
            num_bad_epochs=state["num_bad_epochs"] or None,
            cooldown_counter=max(0, int(np.ceil(state["cooldown_counter"]))) or None,
        )  # fmt: skip


def _cyclic(state: dict[str, Any], index: int) -> dict[str, Any]:
    total, ratio = state["total_size"], state["step_ratio"]
    up = shortest(total * ratio, lambda n: n / total == ratio)
    values = {"base_lr": plain(state["base_lrs"][index]), "max_lr": plain(state["max_lrs"][index])}
    values |= {"step_size_up": whole(up)}
    if total != 2 * up:
        values |= {"step_size_down": whole(shortest(total - up, lambda n: up + n == total))}
    function = state["_scale_fn_custom"]
    if function is not None:
        values["scale_fn"] = own_function(function)
        values["scale_mode"] = state["scale_mode"]
    if state["cycle_momentum"]:
        for name in ("base_momentum", "max_momentum"):
            values[name] = plain(state[f"{name}s"][index])
    return values


def _one_cycle(state: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    phases, steps = state["_schedule_phases"], state["total_steps"]
    top, initial, final = (plain(group[name]) for name in ("max_lr", "initial_lr", "min_lr"))
    end = phases[0]["end_step"]
    values = {
        "max_lr": top,
        "pct_start": shortest((end + 1) / steps, lambda x: float(x * steps) - 1 == end),
        "anneal_strategy": strategy_of(state),
        "div_factor": _factor(top, initial, 25.0),
        "final_div_factor": _factor(initial, final, 1e4),
        "three_phase": len(phases) == 3,
    }
    if state["cycle_momentum"]:
        values |= {name: plain(group[name]) for name in ("base_momentum", "max_momentum")}
    return values


def strategy_of(state: dict[str, Any]) -> str:
    """OneCycleLR's `anneal_strategy`; before PyTorch 2.1 its checkpoints held the function."""
    if "_anneal_func_type" in state:
        return state["_anneal_func_type"]
    return state["anneal_func"].__name__.removeprefix("_annealing_")


def _factor(above: float, below: float, default: float) -> float:
    """What PyTorch divided `above` by."""
    if below == 0:
        return default  # 0 over anything
    return shortest(above / below, lambda x: above / x == below)


def own_function(function: Callable) -> Callable:
    """A function as a schedule may keep it: PyTorch writes into a callable object."""
    if isinstance(function, OnHost):
        return function.function
    if isinstance(function, types.FunctionType | types.MethodType | functools.partial):
        return function
    with contextlib.suppress(Exception):
        return copy.deepcopy(function) if getattr(function, "__dict__", None) else function
    return function


def _base(leaf: Held, index: int) -> float:
    return plain(leaf.state["base_lrs"][index])


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-12 * abs(b)


def steps_done(held: Held) -> Any:
    """How often `step()` has been called since construction (or, at last, to which epoch)."""
    if held.cls in (SequentialLR, ReduceLROnPlateau):
        return _now(held)
    if held.cls is ChainedScheduler:
        return steps_done(held.parts[0])
    done = _now(held) - built_at(held) - 1
    return done + held.state["T_cur"] % 1 if held.cls is CosineAnnealingWarmRestarts else done


def _now(held: Held) -> int:
    return whole(plain(held.state["last_epoch"]))


def built_at(held: Held) -> int:
    """The `last_epoch` that a scheduler's constructor got."""
    if held.cls is not CosineAnnealingWarmRestarts:
        return max(-1, _now(held) - held.state["_step_count"])
    first, growth, current, length = (held.state[n] for n in ("T_0", "T_mult", "T_cur", "T_i"))
    now = _now(held)
    for begun in range(-1, now):
        if _cycle(first, growth, begun, now) == (int(current), length):
            return begun
    return -1


def _cycle(first: int, growth: int, begun: int, now: int) -> tuple[int, int]:
    """T_cur and T_i at `now` of CosineAnnealingWarmRestarts built with `last_epoch=begun`."""
    current, length = begun + 1, first
    if current >= length:
        current, length = current % length, length * growth
    current += now - begun - 1
    if growth == 1:
        return current % length, length
    while current >= length:
        current, length = current - length, length * growth
    return current, length


def plain(value: Any) -> Any:
    """A Python number for a tensor's or an array's."""
    return value.item() if hasattr(value, "item") else value


def whole(value: Any) -> Any:
    """An int for a whole float, as one would have written it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shortest(guess: float, holds: Callable[[float], bool]) -> float:
    """The number of fewest digits near `guess` of which `holds`, or `guess`."""
    near = [float(f"{guess:.{digits}g}") for digits in range(1, 18)]
    near += [float(np.nextafter(guess, towards)) for towards in (-np.inf, np.inf)]
    return next((x for x in near if holds(x)), guess)
