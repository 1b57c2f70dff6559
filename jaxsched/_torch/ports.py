"""All that PyTorch keeps of each scheduler, where, and under which key: one row a scheduler."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .._schedulers.chained_scheduler import ChainedScheduler
from .._schedulers.constant_lr import ConstantLR
from .._schedulers.cosine_annealing_lr import CosineAnnealingLR
from .._schedulers.cosine_annealing_warm_restarts import CosineAnnealingWarmRestarts
from .._schedulers.cyclic_lr import CyclicLR
from .._schedulers.exponential_lr import ExponentialLR
from .._schedulers.lambda_lr import LambdaLR
from .._schedulers.linear_lr import LinearLR
from .._schedulers.multi_step_lr import MultiStepLR
from .._schedulers.multiplicative_lr import MultiplicativeLR
from .._schedulers.one_cycle_lr import OneCycleLR
from .._schedulers.polynomial_lr import PolynomialLR
from .._schedulers.recipe import OfLibrary, Subclass
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .._schedulers.step_lr import StepLR
from .._schedulers.swalr import SWALR
from ..cosine_annealing_warmup import CosineAnnealingWarmupRestarts
from ..espnet import ExponentialDecayWarmup
from . import clocks, kinds, old_states, rebuilt
from .clocks import StepCount
from .finds import Attribute, Entry, Find, Group, InGroup, State, in_group, same
from .kinds import KeyKind, one_of
from .subclasses import arguments_of


@dataclasses.dataclass(frozen=True)
class Port:
    """What PyTorch keeps of one scheduler."""

    cls: type  # ours; PyTorch's has the same name
    telltales: tuple[str, ...]  # keys that are not all in a state of a row below
    keys: Mapping[str, KeyKind]  # what each key of its `state_dict()` may hold
    arguments: Mapping[str, Find]  # where each is found, except the rate and `last_epoch`
    momenta: Mapping[str, Find] = dataclasses.field(default_factory=dict)  # if `cycle_momentum`
    in_groups: tuple[str, ...] = ()  # further keys that it reads in the optimizer's groups
    left_in_group: Callable[[Any], dict[str, Any]] = lambda schedule: {}  # by one that has begun
    attributes_only: tuple[str, ...] = ()  # our arguments that PyTorch's constructor does not take
    clock: StepCount | None = clocks.COUNTED  # None: that of its first part
    modern: Callable[[State, bool], dict[str, Any]] = lambda state, alone: {}  # see old_states.py
    parts: Callable[[State], list[State]] | None = None  # the states that a composition holds
    number_of_groups: str = "base_lrs"  # a key with one entry for each parameter group
    relative_error: float = 1e-9  # at most, between PyTorch's rate and ours
    module: str = "lr_scheduler"  # in torch.optim

    def find(self, state: State, group: Group, index: int) -> dict[str, Any]:
        """The constructor's arguments, without those that are at their defaults."""
        finds = self._finds(state).items()
        found = {name: find(state, group, index) for name, find in finds}
        return {name: value for name, value in found.items() if value is not None}

    def needed_in_groups(self, state: State) -> list[str]:
        """The keys, beside `lr`, that the optimizer's groups must have."""
        finds = self._finds(state).values()
        return [find.name for find in finds if isinstance(find, InGroup)] + [*self.in_groups]

    def _finds(self, state: State) -> dict[str, Find]:
        momenta = self.momenta if self.momenta and state["cycle_momentum"] else {}
        return {**self.arguments, **momenta}

    @property
    def per_group(self) -> set[str]:
        """The arguments that PyTorch takes a list of, with one entry for each group."""
        finds = {**self.arguments, **self.momenta}.items()
        return {name for name, find in finds if isinstance(find, Entry | InGroup)}

    @property
    def carries_lr(self) -> bool:
        """Whether it is built on the optimizer's rate, and not on rates among its arguments."""
        return any(field.name == "lr" for field in dataclasses.fields(self.cls))

    def lacking(self, state: State) -> list[str]:
        """The keys that a state of this class has and this one has not."""
        needed = [key for key, kind in self.keys.items() if kind.needed(state)]
        return [key for key in dict.fromkeys((*self.telltales, *needed)) if key not in state]

    def wrong(self, state: State, besides: Collection[str] = ()) -> tuple[str, KeyKind] | None:
        """The first key, `besides` some, that holds what it may not, and what it may hold."""
        for key in sorted(self.keys, key="base_lrs".__ne__):
            if key in state and key not in besides and not self.keys[key].holds(state[key], state):
                return key, self.keys[key]
        return None

    def unknown(self, state: State) -> list[str]:
        """The keys that no state of this class has."""
        return sorted(str(key) for key in state if key not in self.keys)

    def is_told_by(self, state: State) -> bool:
        return all(key in state for key in self.telltales)


EVERY: dict[str, KeyKind] = {"_last_lr": kinds.RATES.optional, "verbose": kinds.UNREAD}
BASE: dict[str, KeyKind] = {
    **EVERY, "base_lrs": kinds.INITIAL_RATES, "last_epoch": kinds.DONE,
    "_step_count": kinds.POSITIVE.beside("_last_lr"),  # PyTorch 1.1 has neither.
    "_get_lr_called_within_step": kinds.UNREAD,
    "_is_initial": kinds.FALSE.optional,  # With True some of PyTorch's schedulers never step.
}  # fmt: skip
COMPOSITION: dict[str, KeyKind] = {
    **BASE, **dict.fromkeys(("base_lrs", "last_epoch", "_step_count"), kinds.UNREAD),
    "_schedulers": kinds.PARTS,
}  # fmt: skip

# A state is of the class of the first row whose telltales it has.
PORTS = (
    Port(
        SequentialLR,
        telltales=("_milestones", "_schedulers", "last_epoch"),
        keys={
            **COMPOSITION, "last_epoch": kinds.DONE, "_milestones": kinds.PART_STARTS,
        },
        arguments={"milestones": Attribute("_milestones")},
        clock=clocks.FROM_0,
        parts=old_states.waiting,
    ),
    Port(
        ChainedScheduler,
        telltales=("_schedulers",),
        keys=COMPOSITION,
        arguments={},
        clock=None,
        parts=old_states.listed,
    ),
    Port(
        OneCycleLR,
        telltales=("total_steps", "cycle_momentum"),
        keys={
            **BASE, "base_lrs": kinds.RATES, "last_epoch": kinds.DONE_OF_TOTAL,
            "total_steps": kinds.POSITIVE,
            "_schedule_phases": kinds.PHASES.unless("step_size_up", "step_size_down"),
            "step_size_up": kinds.WAY_UP.optional, "step_size_down": kinds.WAY_DOWN.optional,
            "_anneal_func_type": kinds.STRATEGY.unless("anneal_func"),
            "anneal_func": kinds.ANNEALING.optional,
            "cycle_momentum": kinds.FLAG, "use_beta1": kinds.FLAG.optional,
            "base_momentums": kinds.RATES.optional, "max_momentums": kinds.RATES.optional,
        },
        arguments={
            **in_group("max_lr"), **same("total_steps", "cycle_momentum"),
            "pct_start": rebuilt.pct_start, "anneal_strategy": rebuilt.anneal_strategy,
            "div_factor": rebuilt.div_factor, "final_div_factor": rebuilt.final_div_factor,
            "three_phase": rebuilt.three_phase,
        },
        momenta=in_group("base_momentum", "max_momentum"),
        in_groups=("min_lr", "initial_lr"),
        left_in_group=rebuilt.one_cycle_group,
        modern=old_states.one_cycle,
    ),
    Port(
        CyclicLR,
        telltales=("total_size", "step_ratio", "max_lrs", "mode", "scale_mode", "cycle_momentum"),
        keys={
            **BASE, "base_lrs": kinds.RATES, "max_lrs": kinds.RATES,
            "total_size": kinds.CYCLE_LENGTH, "step_ratio": kinds.CYCLE_SHARE,
            "mode": kinds.STRING, "gamma": kinds.FINITE,
            "scale_mode": one_of("cycle", "iterations"), "scale_fn": kinds.UNREAD,
            "_scale_fn_ref": kinds.UNREAD, "_scale_fn_custom": kinds.FUNCTION.optional,
            "cycle_momentum": kinds.FLAG, "use_beta1": kinds.FLAG.optional,
            "base_momentums": kinds.RATES.where(kinds.cycles_momentum),
            "max_momentums": kinds.RATES.where(kinds.cycles_momentum),
        },
        arguments={
            "base_lr": Entry("base_lrs"), "max_lr": Entry("max_lrs"),
            "step_size_up": rebuilt.step_size_up, "step_size_down": rebuilt.step_size_down,
            "scale_fn": rebuilt.scale_fn, "scale_mode": rebuilt.scale_mode,
            **same("mode", "gamma", "cycle_momentum"),
        },
        momenta={"base_momentum": Entry("base_momentums"), "max_momentum": Entry("max_momentums")},
        modern=old_states.scale_fn,
    ),
    Port(
        ReduceLROnPlateau,
        telltales=("mode", "factor", "patience", "best", "num_bad_epochs", "min_lrs"),
        keys={
            **EVERY, "last_epoch": kinds.PLATEAU_DONE,
            "mode": one_of("min", "max"), "factor": kinds.FINITE, "patience": kinds.ANY_NUMBER,
            "threshold": kinds.ANY_NUMBER, "threshold_mode": one_of("rel", "abs"),
            "cooldown": kinds.ANY_NUMBER, "eps": kinds.ANY_NUMBER,
            "min_lrs": kinds.FLOORS, "default_min_lr": kinds.OR_NONE.optional,
            "best": kinds.ANY_NUMBER, "num_bad_epochs": kinds.COUNT,
            "cooldown_counter": kinds.COOLDOWN,
            "mode_worse": kinds.UNREAD, "is_better": kinds.UNREAD,
        },
        arguments={
            **same("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "eps"),
            "min_lr": Entry("min_lrs"), "best": rebuilt.best,
            "num_bad_epochs": rebuilt.num_bad_epochs, "cooldown_counter": rebuilt.cooldown_counter,
        },
        attributes_only=("best", "num_bad_epochs", "cooldown_counter"),
        clock=clocks.FROM_0,
        number_of_groups="min_lrs",
    ),
    Port(
        SWALR,
        telltales=("anneal_epochs",),
        keys={
            **BASE, "_step_count": kinds.POSITIVE, "anneal_epochs": kinds.LENGTH_FROM_0,
            "_anneal_strategy": kinds.STRATEGY.unless("anneal_func"),
            "anneal_func": kinds.ANNEALING.optional,
        },
        arguments={
            **in_group("swa_lr"), **same("anneal_epochs"),
            "anneal_strategy": Attribute("_anneal_strategy"),
        },
        clock=clocks.BY_STEP_COUNT,
        modern=old_states.swa_strategy,
        module="swa_utils",
    ),
    Port(
        CosineAnnealingWarmRestarts,
        telltales=("T_0", "T_mult", "T_cur", "T_i", "eta_min"),
        keys={
            **BASE, "T_0": kinds.POSITIVE, "T_mult": kinds.POSITIVE, "T_i": kinds.POSITIVE,
            "T_cur": kinds.IN_CYCLE, "eta_min": kinds.FINITE,
            "_step_count": kinds.COUNT.beside("_last_lr"),  # 0 up to PyTorch 1.12
        },
        arguments=same("T_0", "T_mult", "eta_min"),
        clock=clocks.BY_CYCLES,
        modern=old_states.cycles,
    ),
    Port(
        CosineAnnealingLR,
        telltales=("T_max", "eta_min"),
        keys={**BASE, "T_max": kinds.LENGTH, "eta_min": kinds.FINITE},
        arguments=same("T_max", "eta_min"),
        relative_error=1e-4,  # PyTorch's recursion drifts far past T_max.
    ),
    Port(
        LinearLR,
        telltales=("start_factor", "end_factor", "total_iters"),
        keys={
            **BASE, "start_factor": kinds.FINITE, "end_factor": kinds.FINITE,
            "total_iters": kinds.LENGTH,
        },
        arguments=same("start_factor", "end_factor", "total_iters"),
    ),
    Port(
        PolynomialLR,
        telltales=("power", "total_iters"),
        keys={**BASE, "total_iters": kinds.LENGTH, "power": kinds.FINITE},
        arguments=same("total_iters", "power"),
    ),
    Port(
        ConstantLR,
        telltales=("factor", "total_iters"),
        keys={**BASE, "factor": kinds.FINITE, "total_iters": kinds.LENGTH},
        arguments=same("factor", "total_iters"),
    ),
    Port(
        MultiStepLR,
        telltales=("milestones", "gamma"),
        keys={**BASE, "milestones": kinds.MILESTONES, "gamma": kinds.FINITE},
        arguments={**same("gamma"), "milestones": rebuilt.milestones},
        modern=old_states.milestones,
    ),
    Port(
        StepLR,
        telltales=("step_size", "gamma"),
        keys={**BASE, "step_size": kinds.LENGTH_FROM_0, "gamma": kinds.FINITE},
        arguments=same("step_size", "gamma"),
    ),
    Port(
        ExponentialLR,
        telltales=("gamma",),
        keys={**BASE, "gamma": kinds.FINITE},
        arguments=same("gamma"),
    ),
    Port(
        LambdaLR,
        telltales=("lr_lambdas",),
        keys={**BASE, "lr_lambdas": kinds.FUNCTIONS},
        arguments={"lr_lambda": Entry("lr_lambdas")},
    ),
    Port(
        MultiplicativeLR,
        telltales=("lr_lambdas",),  # as a LambdaLR's
        keys={**BASE, "lr_lambdas": kinds.FUNCTIONS},
        arguments={"lr_lambda": Entry("lr_lambdas")},
    ),
)  # fmt: skip
_BY_CLASS = {port.cls: port for port in PORTS}


@functools.cache
def _of_subclass(cls: type[Subclass]) -> Port:
    """The row of another library's subclass, which keeps its arguments as its author liked."""
    if cls is ExponentialDecayWarmup:
        return Port(
            cls, telltales=("log_decay",), keys={**BASE, "_step_count": kinds.UNREAD},
            arguments=arguments_of(cls), clock=clocks.FROM_0,
        )  # fmt: skip
    if issubclass(cls, CosineAnnealingWarmupRestarts):
        return Port(
            cls, telltales=("step_in_cycle", "cycle", "cur_cycle_steps"),
            keys={**BASE, "_step_count": kinds.UNREAD}, arguments=arguments_of(cls),
            clock=clocks.FROM_0,  # Its `step` raises no `_step_count`.
        )  # fmt: skip
    return Port(cls, telltales=(), keys=BASE, arguments=arguments_of(cls))


def port_of(cls: type) -> Port:
    if issubclass(cls, Subclass):
        return _of_subclass(cls)  # type: ignore[arg-type]  # A class has its type's hash.
    return _BY_CLASS[LambdaLR if issubclass(cls, OfLibrary) else cls]


def named_by(state: State) -> Port | None:
    """The row of a state's class; LambdaLR's for a MultiplicativeLR, whose keys are the same."""
    return next((port for port in PORTS if port.is_told_by(state)), None)
