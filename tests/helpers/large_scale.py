"""DeepSpeed, Megatron, torchtitan and OLMo-core, live, and what is recorded of them.

PYTHONPATH=<where the libraries are> python tests/helpers/large_scale.py    # records their traces
"""

import enum
import logging
import types

import numpy as np
import pytest
from libraries import alone, save_recorded, trace_of, versioned

from jaxsched import deepspeed, megatron, olmo, torchtitan
from jaxsched._torch.to_torch import build, momentum_in
from jaxsched._traces.cases import LONG, SPARSE

LR = 0.1


def of_deepspeed():
    quiet = logging.getLogger("deepspeed")
    quiet.setLevel(logging.ERROR)
    return alone("deepspeed.runtime.lr_schedules", "deepspeed.utils", logger=quiet)


def of_megatron():
    name = "megatron.core.optimizer_param_scheduler"
    return alone(name, "megatron.core.utils", log_single_rank=lambda *args: None)


def of_torchtitan():
    stubs = ("config", "tools.logging", "components.optimizer.optimizer")
    return alone(
        "torchtitan.components.optimizer.lr_scheduler",
        *(f"torchtitan.{stub}" for stub in stubs),
        Configurable=type("Configurable", (), {"Config": object}),
        logger=logging.getLogger("torchtitan"),
        OptimizersContainer=object,
    )


def of_olmo():
    class Words(enum.StrEnum):
        pass

    class Registrable:
        @classmethod
        def register(cls, name):
            return lambda inner: inner

    stubs = ("config", "distributed.utils", "exceptions", "optim.config")
    return alone(
        "olmo_core.optim.scheduler",
        *(f"olmo_core.{stub}" for stub in stubs),
        Config=type("Config", (), {}),
        Registrable=Registrable,
        StrEnum=Words,
        get_rank=lambda: 1,
        OLMoConfigurationError=ValueError,
        INITIAL_LR_FIELD="initial_lr",
        LR_FIELD="lr",
    )


def adam(rates=(LR,)):
    torch = pytest.importorskip("torch")
    return torch.optim.Adam([{"params": [torch.zeros(1)], "lr": lr} for lr in rates], lr=LR)


def stepped(scheduler, steps):
    """The rates that a scheduler sets, and the momenta, from count 0 on, of its first group."""
    group, rates, momenta = scheduler.optimizer.param_groups[0], [], []
    for _ in range(steps):
        rates.append(group["lr"])
        momenta.append(momentum_in(group))
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(rates), np.array(momenta)


WARM = {"warmup_num_steps": 6}
DEEPSPEED = [
    deepspeed.WarmupLR(LR),
    deepspeed.WarmupLR(LR, 0.01, **WARM),
    deepspeed.WarmupLR(LR, 0.01, 0.3, **WARM, warmup_type="linear"),
    deepspeed.WarmupLR(LR, warmup_num_steps=1),
    deepspeed.WarmupDecayLR(40, **WARM),
    deepspeed.WarmupDecayLR(40, 0.01, LR, **WARM, warmup_type="linear"),
    deepspeed.WarmupDecayLR(6, 0.01, LR, **WARM),
    deepspeed.WarmupCosineLR(LR, 40, **WARM),
    deepspeed.WarmupCosineLR(LR, 40, 0.2, 6, 0.1, "linear"),
    deepspeed.WarmupCosineLR(LR, 6, **WARM),
    deepspeed.OneCycle(0.01, LR, cycle_first_step_size=9),
    deepspeed.OneCycle(0.01, LR, 0.5, 9, 14, 3, 7, decay_step_size=4, decay_mom_rate=0.01),
    deepspeed.OneCycle(0.0, LR, 0.5, 2.5, 4, decay_step_size=1.5, cycle_momentum=False),
    deepspeed.OneCycle(0.01, LR, 0.1, 9, 0, decay_step_size=2, cycle_min_mom=0.7),
    deepspeed.LRRangeTest(1e-3, 7, 0.5),
    deepspeed.LRRangeTest(1e-3, 7, 0.5, lr_range_test_staircase=True),
]
DEEPSPEED_LONG = [
    deepspeed.WarmupCosineLR(5e-4, 95_000, warmup_num_steps=2_000),
    deepspeed.OneCycle(1e-5, 5e-4, 0.3, 20_000, 40_000, decay_step_size=1_000),
]


def arguments_of(schedule, *but):
    """The arguments of a schedule, by name."""
    return {name: value for name, value in schedule._arguments() if name not in but}


def live_megatron(schedule, *groups):
    """Megatron's scheduler with the arguments of ours."""
    optimizer = types.SimpleNamespace(param_groups=list(groups or ({},)))
    return of_megatron().OptimizerParamScheduler(optimizer, **arguments_of(schedule))


def megatron_values(scheduler, counts):
    """The rates and weight decays that Megatron sets at these counts, of its first group."""
    group, found = scheduler.optimizer.param_groups[0], []
    for count in counts:
        scheduler.step(count - scheduler.num_steps)
        found.append([group["lr"], group["weight_decay"]])
    return np.array(found).T


def live_torchtitan(schedule):
    """torchtitan's scheduler with the arguments of ours."""
    config = of_torchtitan().LRSchedulersContainer.Config
    own = arguments_of(schedule, "lr", "training_steps")
    built = config(**own).build(
        optimizers=[adam([schedule.lr])], training_steps=schedule.training_steps
    )
    return built.schedulers[0]


def olmo_rates(schedule, counts):
    """The rates that OLMo-core computes with the arguments of ours."""
    cls = getattr(of_olmo(), type(schedule).__name__)
    own = arguments_of(schedule, "lr", "max_steps")
    lists = {key: list(value) for key, value in own.items() if isinstance(value, tuple)}
    live, total = cls(**own | lists), getattr(schedule, "max_steps", None)
    return np.array([live.get_lr(schedule.lr, int(count), total) for count in counts], np.float64)


def deepspeeds():
    of_deepspeed()
    for counts, schedules in ((range(60), DEEPSPEED), (SPARSE, DEEPSPEED_LONG)):
        steps = 60 if len(counts) == 60 else LONG
        for schedule in schedules:
            rates, momenta = (x[counts] for x in stepped(build(schedule, adam()), steps))
            cycled = getattr(schedule, "cycle_momentum", False)
            yield trace_of(
                schedule, versioned("deepspeed"), counts, rates, momenta if cycled else None
            )


PEAK = {"init_lr": 1e-3, "max_lr": LR, "min_lr": 5e-3, "lr_warmup_steps": 6, "lr_decay_steps": 40}
WEIGHTS = {"start_wd": 0.01, "end_wd": 0.1, "wd_incr_steps": 30, "wd_incr_style": "cosine"}
WSD = {"lr_decay_style": "WSD", "wsd_decay_steps": 12}
STYLES = [
    *[
        {"lr_decay_style": style}
        for style in ("constant", "linear", "cosine", "inverse-square-root")
    ],
    *[
        WSD | {"lr_wsd_decay_style": style}
        for style in ("linear", "cosine", "exponential", "minus_sqrt")
    ],
]
MEGATRON = [
    *[megatron.OptimizerParamScheduler(**PEAK, **style, **WEIGHTS) for style in STYLES],
    *[
        megatron.OptimizerParamScheduler(**PEAK | {"lr_warmup_steps": 0}, **style, **WEIGHTS)
        for style in STYLES[2:5]
    ],
]
SAMPLES = {"lr_warmup_steps": 2_000, "lr_decay_steps": 95_000}
MEGATRON_LONG = [
    megatron.OptimizerParamScheduler(**PEAK | SAMPLES, **style, **WEIGHTS)
    for style in (STYLES[2], STYLES[-2] | {"wsd_decay_steps": 20_000})
]
TORCHTITAN = [
    torchtitan.lr_scheduler(LR, 60, 7),
    *[torchtitan.lr_scheduler(LR, 60, 7, None, 0.4, word, 0.1) for word in ("linear", "sqrt")],
    torchtitan.lr_scheduler(LR, 90, 7, 59, 0.4, "cosine"),
    torchtitan.lr_scheduler(LR, 60, 0, None, 0.25, "sqrt"),
]
TORCHTITAN_LONG = [torchtitan.lr_scheduler(5e-4, LONG, 2_000, None, 0.2, "sqrt", 0.01)]


def megatrons():
    for counts, schedules in ((range(60), MEGATRON), (SPARSE, MEGATRON_LONG)):
        for schedule in schedules:
            rates, _ = megatron_values(live_megatron(schedule), counts)
            yield trace_of(schedule, versioned("megatron-core"), counts, rates)


def torchtitans():
    for counts, schedules in ((range(60), TORCHTITAN), (SPARSE, TORCHTITAN_LONG)):
        steps = 60 if len(counts) == 60 else LONG
        for schedule in schedules:
            rates, _ = stepped(live_torchtitan(schedule), steps)
            yield trace_of(schedule, versioned("torchtitan"), counts, rates[counts])


UP = {"warmup": 6, "warmup_min_lr": 1e-3}
DOWN = {"decay": 12, "decay_fraction": None, "decay_min_lr": 2e-3}
OLMO = [
    olmo.ConstantScheduler(LR),
    olmo.ConstantWithWarmup(LR, 60, warmup_fraction=0.125),
    olmo.WSD(LR, 60, **UP),
    olmo.WSD(LR, 60, **UP, **DOWN),
    olmo.PowerLR(LR, 60, **UP),
    olmo.PowerLR(LR, 60, b=-0.9, **UP, **DOWN),
    olmo.LinearWithWarmup(LR, 50, **UP),
    olmo.LinearWithWarmup(LR, 60, alpha_f=0.0, t_max=45, warmup_fraction=0.1),
    olmo.InvSqrtWithWarmup(LR, 60, **UP),
    olmo.CosWithWarmup(LR, 50, **UP),
    olmo.CosWithWarmup(LR, 60, warmup=0, t_max=45),
    olmo.HalfCosWithWarmup(LR, 50, **UP),
    olmo.CosWithWarmupAndLinearDecay(LR, 60, t_max=80, **UP, **DOWN),
    olmo.ExponentialScheduler(LR, 50),
    olmo.WSDS(LR, period_lengths=[20, 15, 25], **UP, decay=5),
    olmo.WSDS(
        LR, period_lengths=[20, 30], period_lr_multipliers=[1.0, 0.5], warmup_fraction=0.2,
        decay_fraction=0.3, decay_min_lr=2e-3,
    ),
]  # fmt: skip
OLMO_LONG = [
    olmo.WSD(5e-4, LONG, warmup=2_000),
    olmo.PowerLR(5e-4, LONG, warmup=2_000),
    olmo.CosWithWarmup(5e-4, 95_000, warmup=2_000),
]


def olmos():
    for counts, schedules in ((range(60), OLMO), (SPARSE, OLMO_LONG)):
        for schedule in schedules:
            yield trace_of(
                schedule, versioned("ai2-olmo-core"), counts, olmo_rates(schedule, counts)
            )


RECORDED = {
    "deepspeed": deepspeeds,
    "megatron": megatrons,
    "olmo": olmos,
    "torchtitan": torchtitans,
}


if __name__ == "__main__":
    save_recorded(RECORDED)
