"""The traces that ship with jaxsched: the configurations, and the command that records them.

    python -m jaxsched._traces.cases    # with PyTorch 2.13.0; writes the same bytes every time
    python -m jaxsched._traces.cases timm diffusers    # these files alone

Each case is a schedule. PyTorch's scheduler of the same name and arguments is stepped, and its
rates are saved with the arguments, one file per scheduler in `data/`.
"""

import dataclasses
import itertools
import random
import sys
import warnings
from collections import defaultdict
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from .. import diffusers, espnet, fairseq, fairseq2, nemo, pl_bolts, timm
from .. import transformers as hf
from .._combine.counts import Mapped, delay, per_batches, per_epoch, per_update, skip
from .._combine.param_groups import ParamGroups
from .._core.schedule import without_warnings
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
from .._schedulers.recipe import OfLibrary
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .._schedulers.sequential_lr import SequentialLR
from .._schedulers.step_lr import StepLR
from .._schedulers.swalr import SWALR
from .._text.expression import Expression
from .trace import SHIPPED, Trace, save_traces

TORCH = "2.13.0"
LIBRARIES = (
    None, "diffusers 0.42.1", "espnet 202511", "fairseq 0.12.2", "fairseq2 0.8.1", "lightning 2.6.6", "nemo 3.0.0", "pl_bolts 0.7.0", "timm 1.0.31", "transformers 5.23.0",
)  # fmt: skip


class Case(NamedTuple):
    """One trace to record; all steps are kept, or only those at `counts`."""

    schedule: Any
    num_steps: int
    metrics: Any = None  # a list, an expression of the step, or "lr" for the current rate
    optimizer: str = "SGD"
    counts: Any = None  # fractional ones are epochs, passed to `step`
    trainer: tuple[int, int] | None = None  # batches an epoch and for an update, in a Trainer


# The counts kept of a long run: beginning and end in full, and fewer and fewer in between.
LONG = 100_000
SPARSE = sorted(
    {*range(20), *np.geomspace(20, LONG - 1, 160).astype(int).tolist(), *range(LONG - 20, LONG)}
)


def long(schedule, **options) -> Case:
    return Case(schedule, LONG, counts=SPARSE, **options)


def fn(text: str) -> Expression:
    return Expression(text)


def cases() -> list[Case]:
    with without_warnings():  # Only the recorder steps through these.
        return [
            *_contract(),
            *_tutorials(),
            *_corners(),
            *_two_clocks(),
            *_plateaus(),
            *_horizons(),
            *_transformers(),
            *_diffusers(),
            *_trainers(),
            *_timm(),
            *_nemo(),
            *_fairseq2(),
            *_fairseq(),
            *_espnet(),
            *_pl_bolts(),
        ]


def _contract():
    """PyTorch's special cases, each recorded for 24 steps at a rate of 0.1."""
    lr = 0.1
    exponential, inverse = ExponentialLR(lr, 0.9), LambdaLR(lr, fn("1 / (1 + step)"))
    warm = [ConstantLR(lr, 0.5, 2), ExponentialLR(lr, 0.8)]
    inner = SequentialLR(warm, [4])
    schedules = [
        CosineAnnealingLR(lr, 3, 0.01),
        CosineAnnealingLR(lr, 2.5),
        StepLR(lr, 2.5),
        ConstantLR(lr, 0.5, 0),
        LinearLR(lr, 0.5, 1.0, 0),
        PolynomialLR(lr, 0),
        MultiStepLR(lr, [5, 3, 3], 0.5),
        MultiStepLR(lr, [0, 3], 0.5),
        ChainedScheduler([exponential, inverse]),
        ChainedScheduler([inverse, exponential]),
        ChainedScheduler([CosineAnnealingLR(lr, 3), exponential]),
        ChainedScheduler([exponential, CosineAnnealingLR(lr, 3, 0.01)], total_steps=24),
        SequentialLR([exponential, LinearLR(lr, 1.0, 0.1, 4)], [5]),
        SequentialLR([exponential, MultiplicativeLR(lr, fn("0.5"))], [3], total_steps=24),
        SequentialLR([exponential, ConstantLR(lr, 0.5, 0)], [3]),
        SequentialLR([exponential, LinearLR(lr, 0.1, 1.0, 3)], [0]),
        SequentialLR([exponential, StepLR(lr, 2), PolynomialLR(lr, 4)], [3, 3]),
        SequentialLR([ChainedScheduler(warm), exponential], [4]),
        SequentialLR([SequentialLR(warm, [2]), exponential], [5]),
        ChainedScheduler([exponential, inner]),
        ChainedScheduler([inner, exponential]),
        SequentialLR([OneCycleLR(0.2, 6), exponential], [4]),
        SequentialLR([exponential, OneCycleLR(0.2, 30)], [4]),
        SequentialLR([OneCycleLR(0.2, 30), OneCycleLR(0.4, 40)], [4]),
        ChainedScheduler([OneCycleLR(0.2, 30), OneCycleLR(0.4, 40)]),
        SequentialLR([SWALR(lr, 0.05, 3), exponential, SWALR(lr, 0.02, 4)], [5, 9]),
        CyclicLR(0.01, 0.1, 2, 4, mode="exp_range", scale_fn=fn("1 / step")),
        SequentialLR([CyclicLR(0.01, 0.1, 2), exponential], [3]),
        ChainedScheduler([exponential, CyclicLR(0.01, 0.1, 2)]),
        SequentialLR([exponential, SWALR(lr, 0.05, anneal_epochs=4)], [3]),
        CosineAnnealingWarmRestarts(lr, 3, 2),
        CosineAnnealingWarmRestarts(lr, 3, 2, last_epoch=5),
        CosineAnnealingLR(lr, 40, 0.02, last_epoch=10),
        StepLR(lr, 3, 0.1, last_epoch=2),
        ConstantLR(lr, 0.5, 4, last_epoch=1),
    ]
    return [
        *[Case(schedule, 24) for schedule in schedules],
        Case(OneCycleLR(lr, 10), 11),
        Case(OneCycleLR(lr, 5, pct_start=0.0), 6),
        Case(OneCycleLR(lr, 8, pct_start=1.0), 8),
        Case(OneCycleLR(lr, 20, pct_start=0.7, three_phase=True), 21),
        Case(
            ReduceLROnPlateau(lr, patience=1), 7, [1.0, float("nan"), float("nan"), 2.0, 3.0, 0.5]
        ),
        Case(ReduceLROnPlateau(lr, "min", 0.999, 0, eps=1e-4), 6, [1.0] * 5),
    ]


def _tutorials() -> list[Case]:
    """Configurations from published tutorials."""
    lr = 0.1
    hundred = [
        StepLR(lr, 30, 0.1),
        MultiStepLR(lr, [30, 80], 0.5),
        ExponentialLR(lr, 0.9),
        LinearLR(lr, 1.0, 0.1, 80),
        CyclicLR(0.1, 0.2, 30, 10),
        CosineAnnealingLR(lr, 20, 0.05),
        CosineAnnealingWarmRestarts(lr, 20, 2, 0.01),
        LambdaLR(lr, fn("0.9 ** step")),
        SequentialLR([ExponentialLR(lr, 0.9), LinearLR(lr, 1.0, 0.1, 80)], [50]),
        ChainedScheduler([LinearLR(lr, 1.0, 0.5, 10), ExponentialLR(lr, 0.95)]),
        ConstantLR(lr, 0.5, 80),
        CosineAnnealingLR(1.0, 40, eta_min=0.2),
        CosineAnnealingLR(1.0, 40, eta_min=0.2, last_epoch=10),
        CosineAnnealingLR(1.0, 40, eta_min=0.5, last_epoch=10),
        LambdaLR(lr, fn("step % 40 / 100.")),
        LambdaLR(lr, fn("max(0, 1 - step / 100)")),
        ChainedScheduler([ConstantLR(lr, 0.1, 2), ExponentialLR(lr, 0.9)]),
        LambdaLR(lr, fn("1 / (1 + 0.1 * step)")),
        ExponentialLR(lr, 0.95),
        StepLR(lr, 30, 0.5),
        CosineAnnealingLR(lr, 100),
        CosineAnnealingWarmRestarts(lr, 50, 2),
        SequentialLR([LambdaLR(lr, fn("step / 10")), CosineAnnealingLR(lr, 90)], [10]),
    ]
    one_cycle = OneCycleLR(0.1, 120, pct_start=0.5, div_factor=10.0, final_div_factor=10.0)
    plateau = ReduceLROnPlateau(lr, "min", 0.5, patience=5, threshold=1e-4, threshold_mode="abs",
                                min_lr=0.001, eps=1e-8)  # fmt: skip
    return [
        *[Case(schedule, 100) for schedule in hundred],
        Case(one_cycle, 120),
        Case(plateau, 100, losses(1, 99)),
        Case(plateau, 100, "lr"),
        Case(ReduceLROnPlateau(lr, "min", 0.1, 10), 100, losses(2, 99)),
        Case(CosineAnnealingLR(0.001, 200), 2000),
        Case(ExponentialLR(0.0005, 0.99995), 2000),
        Case(ExponentialLR(0.0005, 0.999), 2000),
        Case(StepLR(0.01, 50, 0.99), 1000),
        # The hand-written loop `if i % 50 == 0: lr *= 0.99`, which decays at i = 0 already.
        Case(LambdaLR(0.01, fn("0.99 ** (step // 50 + 1)")), 1000),
    ]


def losses(seed: int, number: int, *, nan: float = 0.0, step: float = 0.0) -> list[float]:
    """A noisy falling loss in float32, as in training; `step` rounds it so that ties occur."""
    generator = random.Random(seed)
    values = []
    for i in range(number):
        value = 2.0 / (1.0 + 0.1 * i) + 0.3 * generator.random()
        value = round(value / step) * step if step else value
        values.append(float("nan") if generator.random() < nan else float(np.float32(value)))
    return values


def _corners():
    """Limits of the arguments, one-step phases, rates that reach 0, resumed runs, groups."""
    lr = 0.05
    schedules = [
        *[StepLR(lr, n, g) for n, g in [(1, 0.5), (1, 0.0), (7, 1.0), (3, 1.5), (4, -0.5), (-3, 0.5),
                                        (0.5, 0.9), (1000, 0.1), (7.5, 0.3)]],
        *[MultiStepLR(lr, m, g) for m, g in [([], 0.1), ([1], 0.5), ([2, 2, 2], 0.5), ([9, 1, 4], 0.3),
                                             ([3], 0.0), ([1.5, 4.0], 0.5), ([-2, 3], 0.5), ([500], 0.1)]],
        *[ConstantLR(lr, f, n) for f, n in [(1.0, 5), (1e-6, 3), (0.5, 1), (0.3, 2.5), (0.3, 500),
                                            (0.7, -2)]],
        ConstantLR(lr),
        *[LinearLR(lr, a, b, n) for a, b, n in [(1.0, 0.0, 10), (1e-6, 1.0, 10), (0.5, 0.5, 5),
                                                (0.2, 1.0, 1), (1.0, 0.0, 1), (0.3, 0.9, 4.5),
                                                (0.5, 1.0, -3), (0.01, 1.0, 500)]],
        LinearLR(lr),
        *[ExponentialLR(lr, g) for g in [0.0, 1.0, 1.1, -0.9, 1e-3, 0.5]],
        *[PolynomialLR(lr, n, p) for n, p in [(5, 1.0), (1, 1.0), (10, 2.0), (10, 0.5), (7, 0.0), (6.5, 1.5),
                                              (-4, 1.0), (500, 0.9), (12, 3)]],
        PolynomialLR(lr),
        *[CosineAnnealingLR(lr, n, e) for n, e in [(1, 0.0), (2, 0.0), (1, 0.01), (7, 0.05), (7, 0.2),
                                                   (4.5, 0.01), (500, 0.0), (-3, 0.01), (30, 0.1)]],
        *[CosineAnnealingWarmRestarts(lr, n, m, e) for n, m, e in [(1, 1, 0.0), (1, 2, 0.0), (5, 1, 0.01),
                                                                   (4, 3, 0.1), (500, 2, 0.0)]],
        *[CyclicLR(0.01, 0.1, **options) for options in [
            dict(step_size_up=1), dict(step_size_up=1, step_size_down=3), dict(step_size_up=4, step_size_down=0),
            dict(step_size_up=5, mode="triangular2"), dict(step_size_up=5, mode="exp_range", gamma=0.97),
            dict(step_size_up=2.5, step_size_down=4.25), dict(step_size_up=4, cycle_momentum=False),
            dict(step_size_up=3, scale_fn=fn("0.9 ** step"), scale_mode="iterations"),
            dict(step_size_up=3, base_momentum=0.5, max_momentum=0.99), dict()]],
        CyclicLR(0.1, 0.01, 4),
        SWALR(lr, 0.01), SWALR(lr, 0.2, 5, "linear"), SWALR(lr, 0.01, 0), SWALR(lr, 0.0, 1), SWALR(lr, 0.1, 1, "linear"),
        SWALR(lr, 0.01, 6, last_epoch=3),
        *[MultiplicativeLR(lr, fn(text), total_steps=60)
          for text in ["0.95", "1 / step", "0 if step == 5 else 1.1", "0.5 if step % 10 == 0 else 1"]],
        *[LambdaLR(lr, fn(text)) for text in ["0.5 if step < 30 else 0.1", "0", "cos(pi * step / 20)",
                                              "min(1, (step + 1) / 10)", "step"]],
    ]  # fmt: skip
    resumed = [
        StepLR(lr, 5, 0.5, last_epoch=7, initial_lr=0.1), StepLR(lr, 3, 0.0, last_epoch=4, initial_lr=0.1),
        MultiStepLR(lr, [3, 9], 0.5, last_epoch=2, initial_lr=0.1),
        ConstantLR(lr, 0.5, 6, last_epoch=3, initial_lr=0.1), LinearLR(lr, 0.5, 1.0, 9, last_epoch=4, initial_lr=0.1),
        LinearLR(lr, 0.5, 1.0, 9, last_epoch=20, initial_lr=0.1), ExponentialLR(lr, 0.9, last_epoch=5, initial_lr=0.1),
        ExponentialLR(lr, 0.5, last_epoch=3000, initial_lr=0.1),
        PolynomialLR(lr, 8, 2.0, last_epoch=3, initial_lr=0.1), PolynomialLR(lr, 5, last_epoch=9, initial_lr=0.1),
        CosineAnnealingLR(lr, 6, 0.01, last_epoch=3, initial_lr=0.1),
        CosineAnnealingLR(lr, 6, 0.01, last_epoch=5, initial_lr=0.1),
        CosineAnnealingLR(lr, 6, 0.01, last_epoch=8, initial_lr=0.1),
        CosineAnnealingWarmRestarts(lr, 4, 2, 0.01, last_epoch=2, initial_lr=0.1),
        LambdaLR(lr, fn("0.9 ** step"), last_epoch=5, initial_lr=0.1),
        MultiplicativeLR(lr, fn("0.9 + 0.01 * step"), last_epoch=5, initial_lr=0.1, total_steps=60),
        CyclicLR(0.01, 0.1, 4, last_epoch=5), OneCycleLR(0.1, 80, last_epoch=19),
        ChainedScheduler([LinearLR(lr, 0.5, 1.0, 9, last_epoch=4, initial_lr=0.1),
                          ExponentialLR(lr, 0.9, last_epoch=4, initial_lr=0.1)]),
    ]  # fmt: skip
    phases = [
        (OneCycleLR(0.1, 1), 2), (OneCycleLR(0.1, 2), 3), (OneCycleLR(0.1, 3), 4), (OneCycleLR(0.1, 60), 61),
        (OneCycleLR(0.1, 60, anneal_strategy="linear"), 61), (OneCycleLR(0.1, 60, three_phase=True), 61),
        (OneCycleLR(0.1, 60, three_phase=True, anneal_strategy="linear", pct_start=0.4), 61),
        (OneCycleLR(0.1, epochs=4, steps_per_epoch=13, pct_start=0.25), 53),
        (OneCycleLR(0.1, 10, pct_start=0.55, three_phase=True), 10), (OneCycleLR(0.1, 12, pct_start=0.05), 13),
        (OneCycleLR(0.1, 20, div_factor=1.0, final_div_factor=1.0, cycle_momentum=False), 21),
        (OneCycleLR(0.1, 20, base_momentum=0.5, max_momentum=0.99), 21),
    ]  # fmt: skip
    groups = [
        ParamGroups([StepLR(0.1, 5, 0.5), StepLR(0.01, 5, 0.5)]),
        ParamGroups([CosineAnnealingLR(x, 10, 0.001) for x in (0.1, 0.01, 0.001)]),
        ParamGroups([LambdaLR(0.1, fn("0.9 ** step")), LambdaLR(0.01, fn("1 / (1 + step)"))]),
        ParamGroups([CyclicLR(0.01, 0.1, 4), CyclicLR(0.02, 0.3, 4, base_momentum=0.7)]),
        ParamGroups([OneCycleLR(0.1, 60), OneCycleLR(0.5, 60, max_momentum=0.99)]),
        ParamGroups([SWALR(0.1, 0.01, 5), SWALR(0.2, 0.05, 5)]),
        ParamGroups([SequentialLR([LinearLR(x, 0.1, 1.0, 5), ExponentialLR(x, 0.9)], [5]) for x in (0.1, 0.3)]),
        ParamGroups([ChainedScheduler([LinearLR(x, 0.1, 1.0, 5), CosineAnnealingLR(x, 20)]) for x in (0.1, 0.3)]),
    ]  # fmt: skip
    return [
        *[Case(schedule, 60) for schedule in [*schedules, *resumed, *groups]],
        *[Case(schedule, steps) for schedule, steps in phases],
        *[Case(schedule, 60) for schedule in _compositions(lr)],
        Case(OneCycleLR(0.1, 40), 41, optimizer="Adam"),
        Case(OneCycleLR(0.1, 40, three_phase=True, base_momentum=0.6), 41, optimizer="Adam"),
        Case(CyclicLR(0.01, 0.1, 5, 8), 60, optimizer="Adam"),
        Case(CyclicLR(0.01, 0.1, 5, mode="triangular2", max_momentum=0.95), 60, optimizer="Adam"),
        Case(CosineAnnealingLR(0.1, 20), 60, optimizer="Adam"),
        *[
            Case(
                CosineAnnealingWarmRestarts(lr, n, m, 0.001), 0, counts=[i / 8 for i in range(200)]
            )
            for n, m in [(4, 1), (3, 2), (1, 3)]
        ],
    ]


def _compositions(lr: float) -> list:
    """Chains and sequences of every kind, also deeply nested."""
    e, linear, cosine = (
        ExponentialLR(lr, 0.95),
        LinearLR(lr, 0.1, 1.0, 8),
        CosineAnnealingLR(lr, 12),
    )
    steps, polynomial = StepLR(lr, 7, 0.5), PolynomialLR(lr, 9, 2.0)
    restarts, lambda_ = CosineAnnealingWarmRestarts(lr, 5, 2), LambdaLR(lr, fn("1 / (1 + step)"))
    multiplicative = MultiplicativeLR(lr, fn("0.9 + 0.01 * (step % 3)"))
    sequence = SequentialLR([linear, cosine], [8])
    return [
        sequence,
        SequentialLR([linear, e, steps, polynomial], [8, 20, 35]),
        SequentialLR([linear, restarts, lambda_], [8, 30]),
        SequentialLR([e, multiplicative, steps], [10, 20], total_steps=60),
        SequentialLR([multiplicative, e], [1], total_steps=60),
        SequentialLR([linear, OneCycleLR(0.3, 50), e], [8, 40]),
        SequentialLR([SWALR(lr, 0.01, 3), cosine, SWALR(lr, 0.02, 4)], [10, 30]),
        SequentialLR([e, cosine, e], [0, 30]),
        SequentialLR([e, cosine, linear, steps], [0, 0, 15]),
        SequentialLR([e], []),
        SequentialLR([MultiStepLR(lr, [0, 4], 0.5), MultiStepLR(lr, [0, 4], 0.5)], [10]),
        SequentialLR([ConstantLR(lr, 0.5, 30), ConstantLR(lr, 0.5, 30)], [20]),
        SequentialLR([CyclicLR(0.01, 0.1, 4), CyclicLR(0.02, 0.2, 3)], [20]),
        ChainedScheduler([linear, cosine]),
        ChainedScheduler([cosine, linear, steps]),
        ChainedScheduler([linear, steps, polynomial, e]),
        ChainedScheduler([linear, CosineAnnealingLR(lr, 12, 0.01)], total_steps=60),
        ChainedScheduler([cosine, CosineAnnealingLR(lr, 5)], total_steps=60),
        ChainedScheduler([e, SWALR(lr, 0.01, 20)], total_steps=60),
        ChainedScheduler([SWALR(lr, 0.01, 20), e], total_steps=60),
        ChainedScheduler([multiplicative, linear], total_steps=60),
        ChainedScheduler([restarts, linear, cosine]),
        ChainedScheduler([linear, OneCycleLR(0.3, 70), e]),
        ChainedScheduler([CyclicLR(0.01, 0.1, 4), SWALR(lr, 0.02, 9), e]),
        ChainedScheduler([e]),
        SequentialLR([ChainedScheduler([linear, e]), cosine], [20]),
        SequentialLR([ChainedScheduler([polynomial, e]), steps], [5]),
        SequentialLR([ChainedScheduler([SWALR(lr, 0.01, 9), e]), steps], [20], total_steps=60),
        SequentialLR([ChainedScheduler([CosineAnnealingLR(lr, 1), e]), steps], [20]),
        SequentialLR([SequentialLR([linear, cosine], [8]), e], [30]),
        SequentialLR([SequentialLR([SequentialLR([linear, e], [4]), cosine], [12]), steps], [30]),
        SequentialLR([SequentialLR([SequentialLR([linear, e], [1]), cosine], [2]), steps], [30]),
        ChainedScheduler([ChainedScheduler([linear, e]), steps]),
        ChainedScheduler([sequence, e], total_steps=60),
        ChainedScheduler([e, sequence, steps], total_steps=60),
        ChainedScheduler([SequentialLR([linear, e], [8]), SequentialLR([steps, polynomial], [15])]),
        ChainedScheduler([SequentialLR([ChainedScheduler([linear, e]), steps], [8]), lambda_]),
    ]


def _plateaus():
    """ReduceLROnPlateau on streams of losses with NaN and ties, in all of its modes."""
    cases = []
    for seed, options in enumerate(
        [
            dict(),
            dict(patience=0),
            dict(patience=0, threshold=0.0),
            dict(factor=0.5, patience=2, cooldown=3),
            dict(factor=0.5, patience=2, min_lr=0.02),
            dict(factor=0.9, patience=1, eps=1e-3),
            dict(factor=0.0, patience=4),
            dict(factor=0.5, patience=3, min_lr=0.2),
            dict(factor=0.7, patience=1, threshold=0.1),
        ]
    ):
        for mode in ("min", "max"):
            for threshold_mode in ("rel", "abs"):
                plateau = ReduceLROnPlateau(0.1, mode, threshold_mode=threshold_mode, **options)
                stream = losses(seed, 79, nan=0.05, step=0.125 * (seed % 2))
                cases.append(Case(plateau, 80, [m if mode == "min" else -m + 3 for m in stream]))
    negative = [-m for m in losses(99, 79)]
    cases += [
        Case(ReduceLROnPlateau(0.1, patience=2, threshold_mode=m), 80, negative)
        for m in ("rel", "abs")
    ]
    groups = ParamGroups([ReduceLROnPlateau(0.1, patience=2, min_lr=0.01),
                          ReduceLROnPlateau(0.5, patience=2, min_lr=0.001)])  # fmt: skip
    return [*cases, Case(groups, 80, losses(7, 79))]


def _two_clocks() -> list[Case]:
    """Chains whose parts a loop steps at different counts."""
    lr, steps = 0.1, 48
    warm, decay = LinearLR(lr, 0.1, total_iters=6), ExponentialLR(lr, 0.9)
    cosine, floored = CosineAnnealingLR(lr, 4), CosineAnnealingLR(lr, 4, 0.02)
    inverse = LambdaLR(lr, fn("1 / (1 + step)"))
    closed = [
        [LinearLR(lr, 0.1, total_iters=4), per_epoch(StepLR(lr, 2), 5)],
        [per_epoch(StepLR(lr, 2), 5), LinearLR(lr, 0.1, total_iters=4)],
        [warm, per_epoch(cosine, 5)],
        [per_epoch(cosine, 3), warm, decay],
        [decay, per_epoch(CosineAnnealingWarmRestarts(lr, 3, 2), 4), warm],
        [warm, per_epoch(inverse, 6)],
        [inverse, per_epoch(decay, 6)],
        [decay, per_update(cosine, 3)],
        [warm, delay(decay, 9)],
        [decay, delay(inverse, 9)],
        [warm, skip(decay, 4)],
        [warm, per_epoch(SequentialLR([ConstantLR(lr, 0.5, 2), decay], [4]), 5)],
        [warm, per_epoch(ChainedScheduler([StepLR(lr, 2), decay]), 5)],
        [warm, per_epoch(CyclicLR(0.01, lr, 3), 2)],
    ]
    tables = [
        [warm, per_epoch(floored, 5)],
        [per_epoch(floored, 5), warm],
        [per_epoch(SWALR(lr, 0.02, 4), 5), warm],
        [warm, per_epoch(MultiplicativeLR(lr, fn("0.9 + step / 99"), total_steps=99), 6)],
    ]
    return [
        *[Case(ChainedScheduler(parts), steps) for parts in closed],
        *[Case(ChainedScheduler(parts, total_steps=steps), steps) for parts in tables],
        long(
            ChainedScheduler(
                [LinearLR(lr, 0.01, 1.0, 5000), per_epoch(CosineAnnealingLR(lr, 100), 1000)]
            )
        ),
    ]


def _horizons() -> list[Case]:
    """100,000 steps of each scheduler."""
    lr, e = 0.1, ExponentialLR(0.1, 0.99995)
    return [
        long(LambdaLR(lr, fn("1 / (1 + 0.001 * step)"))),
        long(MultiplicativeLR(lr, fn("0.99995 if step % 2 == 0 else 1.00001"), total_steps=LONG)),
        long(StepLR(lr, 1000, 0.95)),
        long(MultiStepLR(lr, [1000, 30000, 60000, 99990], 0.3)),
        long(ConstantLR(lr, 0.3, 70_000)),
        long(LinearLR(lr, 0.001, 1.0, 90_000)),
        long(LinearLR(lr, 1.0, 0.3, 30_000)),
        long(e),
        long(PolynomialLR(lr, 95_000, 0.9)),
        long(CosineAnnealingLR(lr, 99_000, 1e-5)),
        long(CosineAnnealingLR(lr, 7)),
        long(CosineAnnealingWarmRestarts(lr, 100, 2, 1e-4)),
        long(CosineAnnealingWarmRestarts(lr, 700)),
        long(CyclicLR(0.001, 0.1, 2000, 3000, mode="exp_range", gamma=0.99994)),
        long(CyclicLR(0.001, 0.1, 1777, mode="triangular2")),
        long(OneCycleLR(lr, LONG)),
        long(OneCycleLR(lr, LONG, three_phase=True, anneal_strategy="linear")),
        long(SWALR(lr, 0.01, 80_000)),
        long(ChainedScheduler([LinearLR(lr, 0.01, 1.0, 5000), e])),
        long(ChainedScheduler([LinearLR(lr, 0.01, 1.0, 5000), CosineAnnealingLR(lr, LONG)])),
        long(
            SequentialLR(
                [LinearLR(lr, 0.01, 1.0, 5000), CosineAnnealingLR(lr, 95_000, 1e-4)], [5000]
            )
        ),
        long(
            ReduceLROnPlateau(lr, factor=0.9, patience=20, cooldown=5, min_lr=1e-5),
            metrics=fn("2 / (1 + 0.001 * step) + 0.0003 * (step * 7919 % 1000)"),
        ),
    ]


def _transformers() -> list[Case]:
    """Each schedule of Transformers: its edges, its options, and a long run."""
    w, n = {"num_warmup_steps": 6}, {"num_warmup_steps": 6, "num_training_steps": 40}
    far = {"num_warmup_steps": 2_000, "num_training_steps": 95_000}
    minimum = hf.get_cosine_with_min_lr_schedule_with_warmup
    ahead = hf.get_cosine_with_min_lr_schedule_with_warmup_lr_rate
    restarts = hf.get_cosine_with_hard_restarts_schedule_with_warmup
    polynomial = hf.get_polynomial_decay_schedule_with_warmup
    short = [
        hf.get_constant_schedule(0.1),
        hf.get_constant_schedule_with_warmup(0.1, **w),
        hf.get_constant_schedule_with_warmup(0.1, 0),
        *[hf.get_linear_schedule_with_warmup(lr, **n) for lr in (0.1, 5e-5)],
        hf.get_linear_schedule_with_warmup(0.1, 9, 9),
        hf.get_linear_schedule_with_warmup(0.05, **n, last_epoch=9, initial_lr=0.1),
        *[hf.get_cosine_schedule_with_warmup(0.1, **n, num_cycles=c) for c in (0.5, 0.25, 1.5)],
        hf.get_cosine_schedule_with_warmup(0.1, 0, 40),
        *[restarts(0.1, **n, num_cycles=c) for c in (1, 3)],
        *[polynomial(0.1, **n, power=p, lr_end=e) for p in (1.0, 0.5, 2) for e in (0.0, 1e-3)],
        polynomial(0.1, 9, 5),
        *[hf.get_inverse_sqrt_schedule(0.1, k, scale) for k in (0, 6) for scale in (None, 20)],
        *[minimum(0.1, **n, min_lr_rate=r) for r in (0.0, 0.1, 1.0)],
        minimum(0.1, **n, num_cycles=1.5, min_lr=1e-3),
        *[ahead(0.1, **n, min_lr=0.01, warmup_lr_rate=r) for r in (None, 0.0, 0.3)],
        ahead(0.1, 1, 40, min_lr_rate=0.1, warmup_lr_rate=0.3),
        *[
            hf.get_wsd_schedule(0.1, 6, 9, 40, warmup_type=up, decay_type=down, min_lr_ratio=0.1)
            for up in ("linear", "cosine", "1-sqrt")
            for down in ("linear", "cosine", "1-sqrt")
        ],
        hf.get_wsd_schedule(0.1, 6, 9, None, 5),
        hf.get_wsd_schedule(0.1, 0, 0, 40, num_cycles=1.5),
        ParamGroups([hf.get_cosine_schedule_with_warmup(lr, **n) for lr in (0.1, 0.02)]),
        ParamGroups([polynomial(lr, **n, lr_end=1e-3, default_lr=0.05) for lr in (0.1, 0.02)]),
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        long(hf.get_linear_schedule_with_warmup(5e-5, **far)),
        long(hf.get_cosine_schedule_with_warmup(5e-5, **far)),
        long(restarts(5e-5, **far, num_cycles=7)),
        long(polynomial(5e-5, **far, power=0.9)),
        long(hf.get_inverse_sqrt_schedule(5e-5, 2_000)),
        long(minimum(5e-5, **far, min_lr=5e-6)),
        long(ahead(5e-5, **far, min_lr=5e-6, warmup_lr_rate=0.1)),
        long(hf.get_wsd_schedule(5e-5, 2_000, 20_000, 95_000, decay_type="1-sqrt")),
    ]


def _trainers() -> list[Case]:
    """What a Trainer of Lightning does with intervals, frequencies and accumulation."""
    lr, steps = 0.1, 40
    warm, decay = LinearLR(lr, 0.1, total_iters=6), ExponentialLR(lr, 0.9)

    def batches(schedule, every, *trainer):
        return Case(per_batches(schedule, every, *trainer), steps, trainer=trainer)

    def together(parts, *trainer):
        return Case(ChainedScheduler(parts), steps, trainer=trainer)

    return [
        *[batches(decay, every, 5, 1) for every in (2, 3, 5, 10)],
        *[batches(decay, every, 7, 2) for every in (2, 3, 4, 7)],
        *[batches(decay, every, 6, 4) for every in (2, 3, 6)],
        batches(CosineAnnealingLR(lr, 5, 0.01), 3, 8, 3),
        batches(OneCycleLR(lr, 20), 2, 5, 1),
        *[Case(per_epoch(decay, n), steps, trainer=t) for n, t in [(4, (7, 2)), (8, (7, 2))]],
        Case(per_epoch(StepLR(lr, 2), 10), steps, trainer=(5, 1)),
        Case(decay, steps, trainer=(5, 2)),
        together([warm, per_epoch(StepLR(lr, 2), 5)], 5, 1),
        together([per_batches(decay, 2, 5, 1), per_epoch(CosineAnnealingLR(lr, 6), 5)], 5, 1),
        together([per_batches(warm, 3, 7, 2), per_epoch(decay, 8)], 7, 2),
    ]


def _timm() -> list[Case]:
    """Each scheduler of timm: its edges, its options, and a long run."""
    cosine, poly, tanh = timm.CosineLRScheduler, timm.PolyLRScheduler, timm.TanhLRScheduler
    warm: dict[str, Any] = {"warmup_t": 5, "warmup_lr_init": 1e-4}
    cycles: dict[str, Any] = {"lr_min": 1e-3, "cycle_decay": 0.5, "cycle_limit": 3}
    wsd = timm.WSDLRScheduler
    short = [
        cosine(0.1, 40, 1e-3, **warm),
        cosine(0.1, 40),
        cosine(0.1, 40, 1e-3, **warm, warmup_prefix=True),
        cosine(0.1, 5, warmup_t=20, k_decay=1.5),
        cosine(0.1, 9, **cycles, k_decay=2.0),
        cosine(0.1, 6, **cycles, cycle_mul=2.0, **warm, warmup_prefix=True, t_in_epochs=False),
        cosine(0.1, 9, **cycles, cycle_mul=1.5),
        cosine(0.1, 40, cycle_limit=0, lr_min=0.01),
        poly(0.1, 40, **warm),
        poly(0.1, 9, 2.0, **cycles, cycle_mul=2.0, k_decay=1.5),
        tanh(0.1, 40, **warm),
        tanh(0.1, 40, lb=-6.0, ub=4.0, **warm, warmup_prefix=True),
        tanh(0.1, 9, **cycles, cycle_mul=2.0),
        timm.StepLRScheduler(0.1, 9, 0.5, **warm),
        timm.StepLRScheduler(0.1, 2.5, 0.9, **warm, warmup_prefix=False),
        timm.MultiStepLRScheduler(0.1, [9, 20, 20], 0.5),
        timm.MultiStepLRScheduler(0.1, [9, 20], 0.5, **warm),
        wsd(0.1, 40, 10, 1e-3, **warm),
        *[wsd(0.1, 40, 20, 1e-3, decay_fn=fall) for fall in ("linear", "cosine", "exp")],
        wsd(0.1, 40, 10, 0.02, "rsqrt", decay_fn="power", decay_power=2.0, **warm),
        wsd(0.1, 40, 40, 0.0, "power", 3.0, 0.7, **warm),
        ParamGroups([cosine(lr, 40, 1e-3, **warm) for lr in (0.1, 0.02)]),
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        long(cosine(5e-4, 90_000, 1e-6, warmup_t=5_000, warmup_lr_init=1e-6)),
        long(wsd(5e-4, 93_000, 20_000, 0.0, "rsqrt", warmup_t=2_000)),
    ]


def _diffusers() -> list[Case]:
    """Each schedule of Diffusers; of the formulas that are Transformers' less."""
    n = {"num_warmup_steps": 6, "num_training_steps": 40}
    far = {"num_warmup_steps": 2_000, "num_training_steps": 95_000}
    linear, pieces = (
        diffusers.get_linear_schedule_with_warmup,
        diffusers.get_piecewise_constant_schedule,
    )
    polynomial = diffusers.get_polynomial_decay_schedule_with_warmup
    restarts = diffusers.get_cosine_with_hard_restarts_schedule_with_warmup
    short = [
        diffusers.get_constant_schedule(1e-4),
        diffusers.get_constant_schedule_with_warmup(1e-4, 6),
        *[pieces(0.1, rules) for rules in ("1:10,0.1:20,0.01:30,0.005", "0.3", "2:0,1:9,0:50,0.1")],
        pieces(0.01, "1:10,0.1:20,0.01", last_epoch=14, initial_lr=0.1),
        *[
            linear(0.1, **n, f_min=low, f_max=high)
            for low, high in ((0.0, 1.0), (0.1, 0.7), (1.0, 0.5))
        ],
        linear(0.1, 9, 9, f_min=0.2),
        *[diffusers.get_cosine_schedule_with_warmup(0.1, **n, num_cycles=c) for c in (0.5, 1.5)],
        restarts(0.1, **n, num_cycles=3),
        polynomial(0.1, **n, lr_end=1e-3, power=0.5),
        ParamGroups([polynomial(lr, **n, lr_end=1e-3, default_lr=0.05) for lr in (0.1, 0.02)]),
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        long(linear(1e-4, **far, f_min=0.01)),
        long(pieces(1e-4, "1:500,0.1:70000,0.03:99990,0.01")),
    ]


def _nemo() -> list[Case]:
    """Each scheduler of NeMo: its edges, and long runs."""
    warm: dict[str, Any] = {"max_steps": 40, "warmup_steps": 6, "min_lr": 1e-3}
    hold: dict[str, Any] = {**warm, "hold_steps": 9}
    share: dict[str, Any] = {"max_steps": 39, "warmup_ratio": 0.2}
    far: dict[str, Any] = {"max_steps": 95_000, "warmup_steps": 2_000, "min_lr": 1e-6}
    held = [
        nemo.WarmupHoldPolicy, nemo.WarmupHoldAnnealLinear, nemo.WarmupHoldAnnealOneMinusSquareRoot,
        nemo.PolynomialHoldDecayAnnealing, nemo.NoamHoldAnnealing,
    ]  # fmt: skip
    others = [
        nemo.SquareAnnealing, nemo.SquareRootAnnealing, nemo.CosineAnnealing, nemo.WarmupAnnealing,
        nemo.InverseSquareRootAnnealing, nemo.PolynomialDecayAnnealing,
    ]  # fmt: skip
    polynomial, noam, t5 = (
        nemo.PolynomialHoldDecayAnnealing,
        nemo.NoamAnnealing,
        nemo.T5InverseSquareRootAnnealing,
    )
    short = [
        nemo.WarmupPolicy(0.1, warmup_steps=6),
        nemo.WarmupPolicy(0.1, **warm),
        *[cls(0.1, **options) for cls in held for options in (warm, hold)],
        *[cls(0.1, **options) for cls in others for options in (warm, {"max_steps": 40}, share)],
        nemo.CosineAnnealing(0.1, **warm, constant_steps=10),
        nemo.CosineAnnealing(0.1, **share, constant_ratio=0.3, min_lr=0.01),
        nemo.CosineAnnealing(0.05, **warm, last_epoch=9, initial_lr=0.1),
        *[polynomial(0.1, **hold, power=p) for p in (0.5, 2.0)],
        polynomial(0.1, max_steps=40, warmup_steps=25, cycle=True),
        nemo.NoamHoldAnnealing(0.1, **hold, decay_rate=1.0),
        *[noam(1.0, d_model=512, warmup_steps=w, min_lr=m) for w in (0, 6) for m in (0.0, 0.01)],
        t5(max_steps=40, constant_steps=9),
        t5(max_steps=40, constant_steps=50, min_lr=0.01),
        ParamGroups([nemo.SquareAnnealing(lr, **warm) for lr in (0.1, 0.02)]),
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        *[long(cls(1e-3, **far)) for cls in others],
        *[long(cls(1e-3, **far, hold_steps=20_000)) for cls in held[1:]],
        long(noam(2.0, d_model=512, warmup_steps=10_000)),
    ]


def _fairseq2() -> list[Case]:
    """Each scheduler of fairseq2: its edges, and long runs."""
    cosine, polynomial = fairseq2.CosineAnnealingLR, fairseq2.PolynomialDecayLR
    myle, noam, tri_stage = fairseq2.MyleLR, fairseq2.NoamLR, fairseq2.TriStageLR
    ends: dict[str, Any] = {"start_lr": 1e-4, "final_lr": 1e-3}
    short = [
        cosine(0.1, 40, 6),
        cosine(0.1, 40, 0, final_lr=0.01),
        cosine(0.1, 9, 6, **ends, lr_mul=0.5),
        cosine(0.1, 7, 0, cycle_mul=1.5, lr_mul=0.8),
        cosine(0.1, 6, 6, **ends, cycle_mul=2.0, lr_mul=0.5),
        myle(0.1, 6),
        myle(0.1, 6, start_lr=0.01),
        myle(0.05, 6, last_epoch=9, initial_lr=0.1),
        *[noam(0.1, warm) for warm in (0, 6)],
        polynomial(0.1, 40, 6),
        *[polynomial(0.1, 40, 6, **ends, power=p) for p in (0.5, 2.0)],
        polynomial(0.1, 40, 0),
        tri_stage(0.1, 40, (0.1, 0.4, 0.5)),
        tri_stage(0.1, 39, (0.1, 0.4, 0.5), start_lr_scale=0.0, final_lr_scale=0.05),
        tri_stage(0.1, 40, (0.0, 0.0, 1.0), final_lr_scale=2.0),
        ParamGroups([cosine(lr, 9, 6, start_lr=lr / 10) for lr in (0.1, 0.02)]),
        fairseq2.PassthroughLR(0.1),
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        long(cosine(5e-4, 5_000, 2_000, cycle_mul=2.0, lr_mul=0.5)),
        long(myle(5e-4, 4_000)),
        long(polynomial(5e-4, 95_000, 2_000, power=0.9)),
        long(tri_stage(5e-4, 95_000, (0.1, 0.4, 0.5))),
    ]


def _fairseq() -> list[Case]:
    """Each schedule of fairseq: its edges, and long runs."""
    inverse, polynomial = fairseq.inverse_sqrt, fairseq.polynomial_decay
    tri_stage, cosine = fairseq.tri_stage, fairseq.cosine
    fixed, drops, triangular = fairseq.fixed, fairseq.step, fairseq.triangular
    short = [
        inverse(0.1, 6),
        inverse(0.1, 6, 0.01),
        polynomial(0.1, total_num_update=40),
        *[polynomial(0.1, 6, None, 1e-3, p, 40) for p in (1.0, 0.5, 2.0)],
        polynomial(0.1, 50, total_num_update=40),
        tri_stage(0.1, 6, 9, 20),
        tri_stage(0.1, decay_steps=30, final_lr_scale=0.05),
        tri_stage(0.1, phase_ratio=(0.1, 0.4, 0.5), init_lr_scale=0.1, max_update=39),
        cosine(0.1, 6, max_update=40),
        cosine(0.1, 6, 1e-4, 1e-3, lr_period_updates=9, lr_shrink=0.5),
        cosine(0.1, 0, -1, 1e-3, 2.0, 7, 0.8),
        cosine(0.1, 6, -1, 0.01, 1.5, 7, 0.5),
        fixed(0.1, warmup_updates=6),
        drops(0.1, 6, lr_deacy_period=9),
        drops(0.1, 6, 0.2, 0.01, 7, 0.3),
        triangular(0.01, 0.1, 20, 0.5),
        triangular(0.01, 0.1, 9, 0.7, True),
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        long(inverse(5e-4)),
        long(polynomial(5e-4, 2_000, power=0.9, total_num_update=95_000)),
        long(tri_stage(5e-4, phase_ratio=(0.1, 0.4, 0.5), max_update=95_000)),
        long(cosine(5e-4, 2_000, 1e-7, 1e-6, 2.0, 5_000, 0.5)),
        long(fixed(5e-4, warmup_updates=2_000)),
        long(drops(5e-4, 2_000, 1e-7, 1e-6)),
        long(triangular(1e-5, 5e-4, 9_999, 0.9)),
    ]


def _espnet() -> list[Case]:
    """Schedulers of ESPnet: their edges, and long runs."""
    warmup, noam, drops = espnet.WarmupLR, espnet.NoamLR, espnet.WarmupStepLR
    piecewise, tristage = espnet.PiecewiseLinearWarmupLR, espnet.TristageLR
    restarts = espnet.CosineAnnealingWarmupRestarts
    short = [
        warmup(0.1, 6),
        warmup(0.1, 6.5),
        warmup(0.05, 6, last_epoch=9, initial_lr=0.1),
        noam(1.0, 512, 6),
        piecewise(0.1, [0, 9], [0.0, 0.1]),
        piecewise(0.1, [3, 9, 20], [0.01, 0.1, 0.05]),
        tristage(0.1, 40),
        tristage(0.1, 39, 0.1, 0.2, 0.7, 0.1, 0.05),
        tristage(0.1, 40, 0.5, 0.5, 0.0),
        drops(0.1, 6, 9),
        drops(0.1, 10, 4, 3, 0.5),
        ParamGroups([warmup(lr, 6) for lr in (0.1, 0.02)]),
        restarts(20),
        restarts(20, 1.0, 0.1, 0.0, 6, 0.5),
        restarts(9, 2.0, 0.1, 0.01, 3, 0.9),
        restarts(11, 1.3, 0.1, 0.001, 4),
        restarts(30, 0.5, 0.1, 0.001, 5, 0.8),
    ]
    decay = espnet.ExponentialDecayWarmup
    short += [
        decay(0.05, 0.1, 1e-3, 40),
        *[decay(0.05, 0.1, 1e-3, 40, 6, from_zero) for from_zero in (False, True)],
    ]
    return [
        *[Case(schedule, 60) for schedule in short],
        long(decay(1e-3, 5e-4, 1e-6, 95_000, 2_000, True)),
        long(warmup(2e-3)),
        long(piecewise(2e-3, [0, 5_000, 25_000], [0.0, 1e-5, 2e-3])),
        long(tristage(2e-3, 95_000)),
        long(drops(2e-3, gamma=0.5)),
        long(restarts(5_000, 1.7, 5e-4, 1e-6, 500, 0.7)),
    ]


def _pl_bolts() -> list[Case]:
    """The scheduler of Lightning Bolts: its edges, and a long run."""
    cosine = pl_bolts.LinearWarmupCosineAnnealingLR
    short = [
        cosine(0.1, 6, 40),
        *[cosine(0.1, warm, 25, 0.01, 1e-3) for warm in (0, 1, 2, 24)],
        cosine(0.1, 6, 60, eta_min=0.02),
        ParamGroups([cosine(lr, 6, 40) for lr in (0.1, 0.02)]),
    ]
    return [*[Case(schedule, 60) for schedule in short], long(cosine(5e-4, 2_000, 101_000))]


def make(case: Case) -> Trace:
    """Records one case with the PyTorch that is installed."""
    from .._torch.to_torch import build, the_torch
    from .of_fairseq import build_fairseqs
    from .record import step_through
    from .trainer import Trained

    torch = the_torch("jaxsched._traces.cases")
    groups = case.schedule if isinstance(case.schedule, ParamGroups) else [case.schedule]
    params = [{"params": [torch.zeros(1)]} for _ in groups]
    momentum = {"momentum": 0.9} if case.optimizer == "SGD" else {}
    optimizer = getattr(torch.optim, case.optimizer)(params, lr=0.1, **momentum)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _file(case.schedule) == "fairseq":
            scheduler = build_fairseqs(case.schedule, optimizer)
        elif case.trainer is None:
            scheduler = build(case.schedule, optimizer)
        else:
            scheduler = Trained(case.schedule, optimizer, *case.trainer, case.num_steps)
    metrics = case.metrics
    if metrics == "lr":
        metrics = (group["lr"] for group in itertools.cycle(optimizer.param_groups))
    trace = step_through(scheduler, case.num_steps, metrics, case.counts, schedule=case.schedule)
    if case.trainer is None:
        return trace
    return dataclasses.replace(trace, library=f"lightning {version('lightning')}")


def _file(schedule: Any) -> str:
    """The name of the file for a schedule's trace."""
    member = schedule[0] if isinstance(schedule, ParamGroups) else schedule
    if isinstance(member, OfLibrary):
        return member._call_name().partition(".")[0]
    mapped = any(isinstance(part, Mapped) for part in getattr(member, "schedulers", ()))
    return "TwoClocks" if mapped else type(member).__name__


def main(*only: str) -> None:
    """Records all files, or only those of these names."""
    files = defaultdict(list)
    for case in cases():
        name = "lightning" if case.trainer else _file(case.schedule)
        if not only or name in only:
            files[name].append(make(case))
    SHIPPED.mkdir(exist_ok=True)
    for name, traces in sorted(files.items()):
        if any(trace.torch != TORCH or trace.library not in LIBRARIES for trace in traces):
            raise SystemExit(
                f"The traces are recorded with PyTorch {TORCH} and {LIBRARIES[1:]}, this is"
                f" {traces[0].source}."
            )
        save_traces(traces, SHIPPED / f"{name}.jsonl")


if __name__ == "__main__":
    main(*sys.argv[1:])
