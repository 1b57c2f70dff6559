"""What the ports of PyTorch's own suite share: its configurations, and both sides' rates.

The table follows test/optim/test_lrscheduler.py of PyTorch: the same schedulers, arguments,
optimizers and numbers of steps, a line each. The suite's optimizer has a second group whose rate is
a float32 tensor, and there PyTorch itself computes in float32.
"""

import dataclasses
import io

import numpy as np
import pytest
import torch
from oracle import assert_close
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)
from torch.optim.swa_utils import SWALR

import jaxsched as js

MARKS = [
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*optimizer.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*works `lr` out backwards:UserWarning"),
]


def optimizer(first=0.05, second=None, name="SGD"):
    groups = [
        {"params": [torch.zeros(1)]},
        {"params": [torch.zeros(1)], "lr": torch.tensor(0.5) if second is None else second},
    ]
    return getattr(torch.optim, name)(groups, lr=first)


def single(lr, name="SGD"):
    return getattr(torch.optim, name)([torch.zeros(1)], lr=lr)


def chain(*builds):
    """Schedulers that the suite steps one after the other on one optimizer."""
    return lambda o: ChainedScheduler([build(o) for build in builds])


def sequence(milestones, *builds):
    return lambda o: SequentialLR(o, [build(o) for build in builds], milestones)


def step3(o):
    return StepLR(o, gamma=0.1, step_size=3)


def steps259(o):
    return MultiStepLR(o, gamma=0.1, milestones=[2, 5, 9])


def exponential(gamma=0.9):
    return lambda o: ExponentialLR(o, gamma=gamma)


def constant(factor=1 / 3, total_iters=5):
    return lambda o: ConstantLR(o, factor=factor, total_iters=total_iters)


def linear(start=1 / 3, end=1.0, total_iters=5):
    return lambda o: LinearLR(o, start_factor=start, end_factor=end, total_iters=total_iters)


def polynomial(total_iters=5, power=0.9):
    return lambda o: PolynomialLR(o, total_iters=total_iters, power=power)


def cosine(T_max=10, eta_min=1e-10):
    return lambda o: CosineAnnealingLR(o, T_max=T_max, eta_min=eta_min)


def restarts(T_mult, T_0=10):
    return lambda o: CosineAnnealingWarmRestarts(o, T_0=T_0, T_mult=T_mult, eta_min=1e-10)


def cyclic(base=1, top=5, up=4, down=None, mode="triangular", gamma=1.0, moving=True, name="SGD"):
    momenta = {"base_momentum": base, "max_momentum": top} if moving else {}
    return lambda o: CyclicLR(
        o if name == "SGD" else optimizer(0.05, 0.5, name), base_lr=base, max_lr=top,
        step_size_up=up, step_size_down=down, mode=mode, gamma=gamma, cycle_momentum=moving,
        **momenta,
    )  # fmt: skip


def one_cycle(name="SGD", **options):
    return lambda o: OneCycleLR(
        o if name == "SGD" else optimizer(0.05, 0.5, name), max_lr=25, base_momentum=1,
        max_momentum=22, total_steps=10, **options,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Half:
    """A callable object: PyTorch saves its attributes."""

    value: float = 0.5

    def __call__(self, _):
        return self.value


@dataclasses.dataclass  # which compares by value, and so has no hash
class Times:
    value: float

    def __call__(self, epoch):
        return self.value * epoch


# Those whose closed form the suite compares with the recursion, and steps to an epoch.
CLOSED = [
    ("StepLR", step3, 20),
    ("StepLR-2", lambda o: StepLR(o, 2), 20),
    ("MultiStepLR", steps259, 20),
    ("ExponentialLR", exponential(), 20),
    ("ConstantLR", constant(1 / 2, 5), 10),
    ("ConstantLR-third", constant(1 / 3, 4), 20),
    ("ConstantLR-default", ConstantLR, 10),
    ("LinearLR-quarter", linear(1 / 4, 3 / 5, 4), 10),
    ("LinearLR-half", linear(1 / 2, 1.0, 4), 10),
    ("LinearLR-third", linear(1 / 3, 0.7, 4), 20),
    ("LinearLR-default", LinearLR, 10),
    ("PolynomialLR", polynomial(), 20),
    ("CosineAnnealingLR", cosine(), 10),
    ("CosineAnnealingLR-wave", cosine(5), 20),
]

CASES = [
    *CLOSED,
    # sequences
    ("exponential|step", sequence([3], exponential(0.8), lambda o: StepLR(o, 4, 0.1)), 19),
    ("constant|exponential", sequence([3], constant(0.1, 3), exponential()), 13),
    (
        "constant|exponential|step",
        sequence([3, 6], constant(0.1, 3), exponential(0.8), lambda o: StepLR(o, 2, 0.1)),
        12,
    ),
    ("constant|constant", lambda _: sequence([10], constant(1), constant(0.1))(single(0.1)), 13),
    (
        "chain, built backwards|constant",
        sequence(
            [5],
            lambda o: ChainedScheduler([constant(0.1)(o), linear(0.1)(o)][::-1]),
            constant(0.5),
        ),
        10,
    ),
    ("linear|exponential", sequence([5], linear(0.5, 0.1), exponential()), 11),
    (
        "linear|linear on a tensor",
        lambda _: sequence([4], linear(0.1, 0.8, 4), linear(0.8, 0.1, 4))(
            single(torch.tensor(2.0))
        ),
        8,
    ),
    ("defaults|defaults", sequence([2], ConstantLR, ConstantLR), 10),
    # chains
    ("chain-step", chain(step3), 10),
    ("chain-linear", chain(linear(0.4, 1.0, 3)), 10),
    ("chain-linear-multistep", chain(linear(0.4, 1.0, 3),
                                     lambda o: MultiStepLR(o, [4, 8, 10], 0.1)), 14),
    ("chain-exponential-constant-step", chain(exponential(), constant(0.2, 4), step3), 9),
    ("chain-polynomial-constant", chain(polynomial(), constant(0.1)), 10),
    ("chain-defaults", chain(ConstantLR, ConstantLR), 10),
    # stepped one after the other
    ("step, multistep", chain(step3, steps259), 10),
    ("step, exponential", chain(step3, exponential()), 12),
    ("multistep, exponential", chain(steps259, exponential()), 11),
    ("linear, exponential", chain(linear(0.4, 0.9, 4), exponential()), 11),
    ("step, constant", chain(step3, constant(0.4, 4)), 12),
    ("multistep, linear", chain(steps259, linear(0.4, 1.0, 4)), 11),
    ("cosine, step", chain(cosine(), step3), 10),
    ("cosine, multistep", chain(cosine(), steps259), 10),
    ("linear, cosine", chain(linear(0.4, 1.0, 4), cosine()), 10),
    ("cosine, exponential", chain(cosine(), exponential(0.1)), 10),
    # functions
    ("LambdaLR", lambda _: LambdaLR(optimizer(0.05, 0.4), [lambda x: 0.9**x, lambda x: 0.8**x]),
     10),
    ("LambdaLR-object", lambda o: LambdaLR(o, Times(10)), 10),
    ("LambdaLR-floor", lambda o: LambdaLR(o, lambda e: e // 10), 40),
    ("MultiplicativeLR", lambda _: MultiplicativeLR(optimizer(0.05, 0.4),
                                                    [lambda x: 0.9, lambda x: 0.8]), 10),
    # cycles
    ("cyclic", cyclic(), 11),
    ("cyclic, momentum at rest", cyclic(moving=False), 11),
    ("cyclic, triangular2", cyclic(mode="triangular2"), 22),
    ("cyclic, exp_range", cyclic(mode="exp_range", gamma=0.9), 13),
    ("cyclic, groups", cyclic([1, 2], [5, 6]), 11),
    ("cyclic, triangular2, groups", cyclic([1, 3], [5, 7], mode="triangular2"), 22),
    ("cyclic, exp_range, groups", cyclic([1, 5], [5, 12], mode="exp_range", gamma=0.9), 13),
    ("cyclic, up and down", cyclic(down=6), 11),
    ("cyclic, triangular2, up and down", cyclic([1, 3], [5, 7], 2, 6, "triangular2"), 24),
    ("cyclic, exp_range, up and down", cyclic(1, 5, 2, 6, "exp_range", 0.9), 13),
    ("cyclic, Adam at rest", cyclic(moving=False, name="Adam"), 11),
    ("cyclic, Adam", lambda _: CyclicLR(single(1e-3, "Adam"), base_lr=1, max_lr=5), 11),
    ("cyclic, function", lambda _: CyclicLR(single(1e-3, "Adam"), 1, 5, cycle_momentum=False,
                                            scale_fn=lambda _: 0.5), 11),
    ("cyclic, object", lambda _: CyclicLR(single(1e-3, "Adam"), 1, 5, cycle_momentum=False,
                                          scale_fn=Half()), 11),
    ("one cycle, linear", one_cycle(final_div_factor=2, anneal_strategy="linear"), 10),
    ("one cycle, three phases", one_cycle(div_factor=25, pct_start=0.4, final_div_factor=4,
                                          three_phase=True, anneal_strategy="linear"), 10),
    ("one cycle, cosine", one_cycle(final_div_factor=2), 10),
    ("one cycle, Adam", one_cycle("Adam", final_div_factor=2, anneal_strategy="linear"), 10),
    # restarts and averaging
    *[(f"restarts-{T_mult}", restarts(T_mult), 100) for T_mult in (1, 2, 4)],
    ("SWALR, at once", lambda o: SWALR(o, anneal_epochs=1, swa_lr=0.01), 10),
    ("SWALR, cosine", lambda o: SWALR(o, anneal_epochs=5, swa_lr=0.01), 15),
    ("SWALR, linear", lambda o: SWALR(o, [0.01, 0.02], 4, "linear"), 15),
    # tensors as arguments, which are copied
    ("cyclic of tensors", lambda _: CyclicLR(
        single(torch.tensor(0.1)), torch.tensor(0.1), torch.tensor(0.2),
        base_momentum=torch.tensor(0.8), max_momentum=torch.tensor(0.9)), 10),
    ("one cycle of tensors", lambda _: OneCycleLR(
        single(torch.tensor(0.1)), torch.tensor(0.1), total_steps=10,
        base_momentum=torch.tensor(0.85), max_momentum=torch.tensor(0.95)), 10),
    ("SWALR of tensors", lambda _: SWALR(single(torch.tensor(0.1)), torch.tensor(0.05)), 12),
]  # fmt: skip
IDS = [case[0] for case in CASES]
BY_NAME = {name: build for name, build, _ in CASES}

# What the suite saves, loads and resumes at `last_epoch`.
RESUMED = {
    "ExponentialLR": lambda o, **kw: ExponentialLR(o, gamma=0.999, **kw),
    "LambdaLR": lambda o, **kw: LambdaLR(o, lambda epoch: epoch // 30, **kw),
    "MultiplicativeLR": lambda o, **kw: MultiplicativeLR(o, lambda epoch: 0.95, **kw),
    "StepLR": lambda o, **kw: StepLR(o, step_size=30, **kw),
    "MultiStepLR": lambda o, **kw: MultiStepLR(o, milestones=[30, 80], **kw),
    "ConstantLR": ConstantLR,
    "LinearLR": LinearLR,
    "PolynomialLR": PolynomialLR,
    "CosineAnnealingLR": lambda o, **kw: CosineAnnealingLR(o, T_max=10, **kw),
    "CosineAnnealingWarmRestarts": lambda o, **kw: CosineAnnealingWarmRestarts(o, T_0=20, **kw),
    "CyclicLR": lambda o, **kw: CyclicLR(o, base_lr=0.01, max_lr=0.1, **kw),
    "OneCycleLR": lambda o, **kw: OneCycleLR(o, max_lr=0.01, total_steps=10, **kw),
    "SWALR": lambda o, **kw: SWALR(o, swa_lr=0.01, **kw),
}


def momentum(group):
    return group["betas"][0] if "betas" in group else group["momentum"]


def history(scheduler, steps):
    """PyTorch's rates and momenta from now on, each of shape (steps, groups)."""
    rates, momenta = [], []
    for count in range(steps):
        if count:
            scheduler.step()
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
        momenta.append([float(momentum(group)) for group in scheduler.optimizer.param_groups])
    return np.array(rates), np.array(momenta)


def step(scheduler, number):
    for _ in range(number):
        scheduler.step()
    return scheduler


def members(schedule):
    return list(schedule) if isinstance(schedule, js.ParamGroups) else [schedule]


def convert(scheduler, steps):
    """A schedule for each group; the conversion leaves the scheduler as it was."""
    before = repr(vars(scheduler)), repr(scheduler.optimizer.param_groups)
    schedule = js.from_torch(scheduler, total_steps=steps)
    assert before == (repr(vars(scheduler)), repr(scheduler.optimizer.param_groups))
    assert len(members(schedule)) == len(scheduler.optimizer.param_groups)
    return members(schedule)


def assert_near(schedule, expected, rtol=1e-5):
    """Within float32: where PyTorch itself computes in float32."""
    counts = np.minimum(np.arange(256), len(expected) - 1)  # One shape is one compilation.
    ours = schedule(counts)[: len(expected)]
    np.testing.assert_allclose(ours, expected, rtol=rtol, atol=1e-7 * expected.max())


def assert_rates(schedules, rates, groups):
    for schedule, column, group in zip(schedules, rates.T, groups, strict=True):
        near = isinstance(group["lr"], torch.Tensor)
        (assert_near if near else assert_close)(schedule, column)


def saved(state_dict):
    file = io.BytesIO()
    torch.save(state_dict, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)
