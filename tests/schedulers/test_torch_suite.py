"""Acceptance after PyTorch's own suite of scheduler tests.

The table follows the configurations of that suite (test/optim/test_lrscheduler.py of PyTorch): the
same schedulers, arguments, optimizers and numbers of steps, a line each. What it asserts about
rates is asserted here of the converted schedules, against live PyTorch. Its optimizer has a second
group whose rate is a float32 tensor, and there PyTorch itself computes in float32.
"""

import dataclasses
import io

import numpy as np
import pytest

pytest.importorskip("torch")

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
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from torch.optim.swa_utils import SWALR

import jaxsched as js

pytestmark = [
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


@pytest.mark.parametrize(("name", "build", "steps"), CASES, ids=IDS)
def test_the_suite(name, build, steps):
    rates, momenta = history(build(optimizer()), steps)
    first = None
    for done in (0, 1, steps // 2, steps - 1):
        scheduler = step(build(optimizer()), done)
        groups = scheduler.optimizer.param_groups
        schedules = convert(scheduler, steps)
        if schedules != first:  # The one from a fresh scheduler, as a rule.
            assert_rates(schedules, rates, groups)
        first = first or schedules
        if getattr(scheduler, "cycle_momentum", False):
            tensor = isinstance(scheduler.optimizer.param_groups[0].get("momentum"), torch.Tensor)
            for schedule, column in zip(schedules, momenta.T, strict=True):
                (assert_near if tensor else assert_close)(schedule.momentum, column)


@pytest.mark.parametrize(("name", "build", "steps"), CLOSED, ids=[case[0] for case in CLOSED])
def test_closed_forms(name, build, steps):
    scheduler = build(optimizer())
    rates = []
    for epoch in range(steps):
        scheduler.step(epoch)
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
    for epoch in (steps - 1, 2, 2, 2):
        scheduler.step(epoch)
        schedules = convert(scheduler, steps)

        assert_rates(schedules, np.array(rates), scheduler.optimizer.param_groups)


# --- fractional epochs ---

INTERLEAVED = [
    (1, [0, 1, 2, 3, 4, 5, 12, 27, 3, 4, 5, 6, 13]),
    (2, [0, 1, 2, 3, 4, 5, 25, 32, 33, 34, 80, 81, 3]),
    (3, [0, 0.1, 0.2, 0.3, 1.3, 2.3, 17.5, 18.5, 19.5, 29.5, 30.5, 31.5, 50]),
    *[(T_mult, [i / 10 for i in range(300)]) for T_mult in (1, 2, 4)],
]


@pytest.mark.parametrize(("T_mult", "epochs"), INTERLEAVED)
def test_restarts_at_any_epoch(T_mult, epochs):
    scheduler = restarts(T_mult)(optimizer())
    fresh = convert(scheduler, 10)
    rates = []
    for epoch in epochs:
        scheduler.step(epoch)
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
        if len(epochs) < 20:
            assert convert(scheduler, 100) == fresh

    for schedule, column in zip(fresh, np.transpose(rates), strict=True):
        np.testing.assert_allclose(schedule(np.array(epochs)), column, rtol=1e-5, atol=1e-7)


# --- one scheduler after the other, by hand ---


@pytest.mark.parametrize("name", ["SWALR, at once", "SWALR, cosine", "SWALR, linear"])
def test_averaging_after_another_scheduler(name):
    o = optimizer()
    first = MultiplicativeLR(o, lambda epoch: 0.9)
    averaging = BY_NAME[name](o)
    before = convert(first, 6)

    assert_rates(before, history(first, 6)[0], o.param_groups)
    assert_rates(convert(averaging, 10), history(averaging, 10)[0], o.param_groups)


def test_a_cycle_after_a_cosine():
    o = single(0.5)
    wave = CosineAnnealingLR(o, T_max=20, eta_min=0.1)
    cycle = CyclicLR(o, base_lr=0.1, max_lr=0.3, step_size_up=1, step_size_down=3)
    step(wave, 21)
    [table] = convert(cycle, 20)
    rates = history(cycle, 20)[0][:, 0]

    assert_close(table, rates)
    assert rates[1:].max() <= 0.3


# --- saved, loaded, resumed ---


def saved(state_dict):
    file = io.BytesIO()
    torch.save(state_dict, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@pytest.mark.parametrize("build", RESUMED.values(), ids=RESUMED)
def test_resumed_at_a_last_epoch(build):
    first = step(build(single(1e-3, "AdamW")), 1)
    second = single(1e-3, "AdamW")
    second.load_state_dict(first.optimizer.state_dict())
    scheduler = build(second, last_epoch=0)
    fresh = convert(scheduler, 9)
    rates = history(scheduler, 4)[0]
    now = convert(scheduler, 9)
    rates = np.concatenate([rates, history(scheduler, 5)[0][1:]])
    assert rates[0, 0] == first.optimizer.param_groups[0]["lr"]

    # Warm restarts do not count their steps: built at 0 is for them the same as stepped to 1.
    if isinstance(scheduler, CosineAnnealingWarmRestarts):
        rates = np.concatenate([[[1e-3]], rates])
    for [schedule] in (fresh, now):
        assert_close(schedule, rates[:, 0])


LOADED = {
    "StepLR": (step3, lambda o: StepLR(o, gamma=0.005, step_size=1)),
    "MultiStepLR": (steps259, lambda o: MultiStepLR(o, gamma=0.01, milestones=[1, 4, 6])),
    "ExponentialLR": (exponential(0.1), exponential(0.01)),
    "CosineAnnealingLR": (cosine(), cosine(5, 5e-11)),
    "CosineAnnealingWarmRestarts": (
        lambda o: CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2),
        lambda o: CosineAnnealingWarmRestarts(o, T_0=100),
    ),
    "SWALR": (lambda o: SWALR(o, 0.5, 3), lambda o: SWALR(o, 5.0, 10, "linear")),
    "CyclicLR": (cyclic(mode="triangular2"), cyclic()),
    "LambdaLR": (lambda o: LambdaLR(o, Times(10)), lambda o: LambdaLR(o, Times(-1))),
}


@pytest.mark.parametrize(("build", "other"), LOADED.values(), ids=LOADED)
def test_loaded_into_a_scheduler_of_other_arguments(build, other):
    first = step(build(optimizer()), 9)
    loaded = other(optimizer())
    loaded.load_state_dict(first.state_dict())
    loaded.optimizer.load_state_dict(first.optimizer.state_dict())
    rates = history(build(optimizer()), 20)[0]

    assert convert(loaded, 20) == convert(first, 20)
    assert_rates(convert(loaded, 20), rates, loaded.optimizer.param_groups)


@pytest.mark.parametrize("name", [*RESUMED, "defaults|defaults", "chain-defaults"])
def test_saved_and_read_again(name):
    build = {**BY_NAME, **RESUMED}[name]
    for done in (0, 5):
        scheduler = step(build(optimizer()), done)
        known = hasattr(scheduler, "lr_lambdas")
        functions = {"lr_lambda": scheduler.lr_lambdas} if known else {}
        read = js.from_torch_state_dict(
            type(scheduler).__name__, saved(scheduler.state_dict()),
            saved(scheduler.optimizer.state_dict()), total_steps=20, **functions,
        )  # fmt: skip

        assert members(read) == convert(scheduler, 20)


def test_a_one_cycle_from_an_old_checkpoint():
    scheduler = BY_NAME["one cycle, cosine"](optimizer())
    del scheduler._anneal_func_type
    scheduler.anneal_func = OneCycleLR._annealing_cos

    assert_rates(
        convert(scheduler, 10), history(scheduler, 10)[0], scheduler.optimizer.param_groups
    )


def test_a_cosine_goes_on_at_its_last_epoch():
    o = optimizer()
    step(cosine(5, 0.1)(o), 1)
    second = CosineAnnealingLR(o, T_max=5, eta_min=0.1, last_epoch=0)
    schedules = convert(second, 9)

    assert_rates(schedules, history(second, 9)[0], o.param_groups)


# --- ReduceLROnPlateau ---

FALLING = [10 - i * 0.0165 for i in range(22)]
SLOWLY = [10 - i * 0.0167 for i in range(20)]
RISING = [1.5 * 1.005**i for i in range(20)]
DROP = [1] * 7 + [0.6] + [0.5] * 12
NEGATIVE = [-0.8] * 2 + [-0.234] * 20
PATIENT = {"patience": 5, "cooldown": 5}
TENTH = {"threshold_mode": "rel", "threshold": 0.1}

PLATEAUS = [
    ({"threshold_mode": "abs", "threshold": 0.01, **PATIENT}, SLOWLY),
    ({"threshold_mode": "abs", "threshold": 0.1, "patience": 5, "cooldown": 0}, FALLING),
    ({"threshold_mode": "abs", "mode": "max", **PATIENT}, NEGATIVE),
    ({"mode": "max", "patience": 3, **TENTH}, [1.5 * 1.025**i for i in range(20)]),
    ({"mode": "max", **PATIENT, **TENTH}, RISING),
    ({"mode": "min", **TENTH}, [1.5 * 0.85**i for i in range(20)]),
    ({"mode": "min", **PATIENT, **TENTH}, DROP),
    ({"mode": "max", "min_lr": [0.4, 0.3], **PATIENT, **TENTH}, RISING),
    ({"mode": "min", "min_lr": [1e-5, 1e-4], **PATIENT, **TENTH}, DROP),
    ({"mode": "min", "patience": 0}, [1.0, 2.0]),
    ({"mode": "min", "factor": 0.1, "patience": 2}, [1, 2, 3, 4, 3, 4, 5, 3, 2, 1]),
]


def feed(scheduler, metrics):
    """PyTorch's rates before the metrics and after each."""
    rates = [[float(group["lr"]) for group in scheduler.optimizer.param_groups]]
    for metric in metrics:
        scheduler.step(metric)
        rates.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
    return np.array(rates)


def ours(plateaus, metrics):
    states = [plateau.init() for plateau in plateaus]
    rates = [[float(p(s)) for p, s in zip(plateaus, states, strict=True)]]
    for metric in metrics:
        states = [p.update(s, value=metric) for p, s in zip(plateaus, states, strict=True)]
        rates.append([float(p(s)) for p, s in zip(plateaus, states, strict=True)])
    return np.array(rates)


@pytest.mark.parametrize(("options", "metrics"), PLATEAUS)
def test_plateaus(options, metrics):
    for done in (0, 2, 8):
        scheduler = ReduceLROnPlateau(optimizer(0.5, 0.5), **options)
        feed(scheduler, metrics[:done])
        plateaus = convert(scheduler, None)
        rest = metrics[done:]

        np.testing.assert_allclose(ours(plateaus, rest), feed(scheduler, rest), rtol=1e-6)


def test_a_plateau_on_tensors_and_loaded_into_another():
    scheduler = ReduceLROnPlateau(optimizer(), patience=2)
    feed(scheduler, PLATEAUS[-1][1])
    loaded = ReduceLROnPlateau(scheduler.optimizer, mode="max", factor=0.5, patience=10)
    loaded.load_state_dict(saved(scheduler.state_dict()))
    plateaus = convert(loaded, None)

    assert plateaus == convert(scheduler, None)
    np.testing.assert_allclose(ours(plateaus, DROP), feed(loaded, DROP), rtol=1e-5)


def test_a_plateau_built_on_a_loaded_optimizer():
    first = ReduceLROnPlateau(single(1e-3, "AdamW"))
    first.step(1)
    second = single(1e-3, "AdamW")
    second.load_state_dict(first.optimizer.state_dict())

    assert convert(ReduceLROnPlateau(second), None) == [js.ReduceLROnPlateau(1e-3)]


ABSOLUTE = {"threshold_mode": "abs", "threshold": 0.1, "patience": 5, "cooldown": 0}
COMPOUND = [
    (step3, PLATEAUS[0][0], SLOWLY[:10]),
    (lambda o: MultiStepLR(o, gamma=0.1, milestones=[3, 8, 12]), ABSOLUTE, FALLING),
    (exponential(0.1), PLATEAUS[2][0], NEGATIVE),
    (cosine(), PLATEAUS[3][0], PLATEAUS[3][1][:10]),
    (linear(0.4, 1.0, 4), ABSOLUTE, FALLING),
]


@pytest.mark.parametrize(("build", "options", "metrics"), COMPOUND)
def test_a_plateau_beside_another_scheduler(build, options, metrics):
    """Which PyTorch steps by hand; here the plateau takes the other as its rate."""
    o = single(0.5)
    plateau = ReduceLROnPlateau(o, **options)
    [reductions] = convert(plateau, None)
    scheduler = build(o)
    [rate] = convert(scheduler, len(metrics) + 1)
    together = dataclasses.replace(reductions, lr=rate)
    expected = [o.param_groups[0]["lr"]]
    for metric in metrics:
        plateau.step(metric)
        scheduler.step()
        expected.append(o.param_groups[0]["lr"])

    # PyTorch leaves out reductions of less than its `eps` of 1e-8.
    np.testing.assert_allclose(ours([together], metrics)[:, 0], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("min_lr", [0, [1e-5, 1e-4]])
def test_a_plateau_whose_optimizer_gets_another_group(min_lr):
    scheduler = ReduceLROnPlateau(optimizer(0.5, 0.5), min_lr=min_lr, **PATIENT, **TENTH)
    feed(scheduler, DROP[:8])
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.05})
    if min_lr:
        scheduler.min_lrs.append(1e-6)
    plateaus = convert(scheduler, None)

    np.testing.assert_allclose(ours(plateaus, DROP[8:]), feed(scheduler, DROP[8:]), rtol=1e-6)


# --- the rate in a tensor that somebody else changes ---


@pytest.mark.parametrize("name", [name for name in RESUMED if name not in ("SWALR",)])
def test_initial_rates_are_not_the_tensor(name):
    lr = torch.tensor(0.1)
    scheduler = RESUMED[name](single(lr))
    [fresh] = convert(scheduler, 12)
    lr.multiply_(0.1)
    expected = history(RESUMED[name](single(torch.tensor(0.1))), 9)[0]

    assert_rates([fresh], expected, scheduler.optimizer.param_groups)
