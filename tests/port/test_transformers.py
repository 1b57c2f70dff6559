"""Hugging Face's schedulers, `transformers.get_scheduler` and its functions, as schedules."""

import functools

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from oracle import assert_close, history, sgd, step
from transformers import SchedulerType, optimization

import jaxsched as js

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
STEPS = 40

# The arguments that some need beside the steps of the warm-up and of the training.
SPECIFIC = {
    SchedulerType.COSINE_WITH_RESTARTS: {"num_cycles": 3},
    SchedulerType.POLYNOMIAL: {"lr_end": 1e-4, "power": 2.0},
    SchedulerType.INVERSE_SQRT: {"timescale": 9},
    SchedulerType.COSINE_WITH_MIN_LR: {"min_lr": 0.01},
    SchedulerType.COSINE_WARMUP_WITH_MIN_LR: {"min_lr_rate": 0.1, "warmup_lr_rate": 0.05},
    SchedulerType.WARMUP_STABLE_DECAY: {"num_decay_steps": 10, "min_lr_ratio": 0.1},
}
BY_METRIC = {SchedulerType.REDUCE_ON_PLATEAU, SchedulerType.GREEDY}
BY_COUNT = [name for name in SchedulerType if name not in BY_METRIC]


def by_name(name, warmup=6, training=35, **specific):
    return lambda optimizer: optimization.get_scheduler(
        name, optimizer, warmup, training, specific or SPECIFIC.get(name)
    )


F = functools.partial
FUNCTIONS = [
    F(optimization.get_constant_schedule),
    F(optimization.get_constant_schedule_with_warmup, num_warmup_steps=5),
    F(optimization.get_constant_schedule_with_warmup, num_warmup_steps=0),
    F(optimization.get_linear_schedule_with_warmup, num_warmup_steps=5, num_training_steps=30),
    F(optimization.get_linear_schedule_with_warmup, num_warmup_steps=0, num_training_steps=30),
    F(optimization.get_cosine_schedule_with_warmup, num_warmup_steps=5, num_training_steps=30),
    F(optimization.get_cosine_schedule_with_warmup, num_warmup_steps=0, num_training_steps=20,
      num_cycles=1.5),
    F(optimization.get_cosine_with_hard_restarts_schedule_with_warmup, num_warmup_steps=5,
      num_training_steps=30, num_cycles=2),
    F(optimization.get_polynomial_decay_schedule_with_warmup, num_warmup_steps=5,
      num_training_steps=30),
    F(optimization.get_inverse_sqrt_schedule, num_warmup_steps=5),
    F(optimization.get_inverse_sqrt_schedule, num_warmup_steps=0),
    F(optimization.get_cosine_with_min_lr_schedule_with_warmup, num_warmup_steps=5,
      num_training_steps=30, min_lr_rate=0.1),
    F(optimization.get_cosine_with_min_lr_schedule_with_warmup_lr_rate, num_warmup_steps=5,
      num_training_steps=30, min_lr=0.001),
    *[
        F(optimization.get_wsd_schedule, num_warmup_steps=5, num_decay_steps=10,
          num_stable_steps=8, warmup_type=kind, decay_type=kind)
        for kind in ("linear", "cosine", "1-sqrt")
    ],
]  # fmt: skip


def check(build):
    """Fresh, in the warm-up, behind it, at the end: one schedule, and PyTorch's rates."""
    for groups in ((0.1,), (0.1, 0.03)):
        expected = history(build(sgd(*groups)), STEPS)
        fresh = js.from_torch(build(sgd(*groups)), total_steps=STEPS)
        assert_close(fresh, expected if len(groups) > 1 else expected[:, 0])
        for done in (1, 12, STEPS - 1):
            scheduler = step(build(sgd(*groups)), done)
            before = repr(scheduler.state_dict()), repr(scheduler.optimizer.param_groups)
            schedule = js.from_torch(scheduler, total_steps=STEPS)
            assert before == (repr(scheduler.state_dict()), repr(scheduler.optimizer.param_groups))
            np.testing.assert_array_equal(rates(schedule), rates(fresh))


def rates(schedule):
    groups = schedule if isinstance(schedule, js.ParamGroups) else js.ParamGroups([schedule])
    return groups.rates(np.arange(STEPS))


@pytest.mark.parametrize("name", BY_COUNT)
def test_every_name(name):
    check(by_name(name))


@pytest.mark.parametrize("build", FUNCTIONS, ids=lambda f: f.func.__name__)
def test_every_function(build):
    check(build)


def test_no_name_and_no_function_is_left_out():
    special = {"get_scheduler", "get_reduce_on_plateau_schedule", "get_greedy_schedule",
               "get_adafactor_schedule"}  # fmt: skip
    known = {build.func.__name__ for build in FUNCTIONS} | special

    assert known == {name for name in dir(optimization) if name.startswith("get_")}


@pytest.mark.parametrize("name", BY_COUNT)
def test_without_total_steps(name):
    scheduler = by_name(name)(sgd(0.1))
    schedule = js.from_torch(scheduler)

    assert type(schedule).__module__ == "jaxsched.transformers"
    assert_close(schedule, history(scheduler, STEPS)[:, 0])


def test_as_a_part():
    def build(optimizer):
        warmup = optimization.get_constant_schedule_with_warmup(optimizer, 5)
        decay = torch.optim.lr_scheduler.StepLR(optimizer, 7)
        return torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, decay], [5])

    check(build)


def test_resumed_from_a_checkpoint():
    build = by_name(SchedulerType.COSINE)
    first = step(build(sgd(0.1)), 12)
    second = build(sgd(0.1))
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    expected = history(build(sgd(0.1)), STEPS)[:, 0]

    assert_close(js.from_torch(second, total_steps=STEPS), expected)
    read = js.from_torch_state_dict(
        "LambdaLR", first.state_dict(), total_steps=STEPS, lr_lambda=second.lr_lambdas
    )
    assert_close(read, expected)


def test_a_last_epoch():
    optimizer = sgd(0.1)
    optimizer.param_groups[0]["initial_lr"] = 0.1
    scheduler = optimization.get_linear_schedule_with_warmup(optimizer, 5, 30, last_epoch=9)
    schedule = js.from_torch(scheduler, total_steps=STEPS)

    assert_close(schedule, history(scheduler, STEPS)[:, 0])


# --- by a metric ---

METRICS = [1.0, 0.9, 0.95, 0.95, 0.96, 0.5, 0.6, 0.6, 0.6, 0.6, float("nan"), 0.4, 0.4]


@pytest.mark.parametrize("done", [0, 4, 9])
def test_reduce_lr_on_plateau(done):
    build = by_name(SchedulerType.REDUCE_ON_PLATEAU, factor=0.5, patience=1, cooldown=1)
    scheduler = build(sgd(0.1))
    for metric in METRICS[:done]:
        scheduler.step(metric)
    plateau = js.from_torch(scheduler)
    state = plateau.init()
    for metric in METRICS[done:] + METRICS:
        scheduler.step(metric)
        state = plateau.update(state, value=metric)
        assert float(plateau(state)) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-6)


def test_adafactors_proxy_is_told_apart():
    """It shows what the optimizer itself decides."""
    adafactor = optimization.Adafactor([torch.zeros(1)])
    scheduler = optimization.get_adafactor_schedule(adafactor, initial_lr=0.1)

    with pytest.raises(ValueError, match=r"AdafactorSchedule\. Give `total_steps=N`"):
        js.from_torch(scheduler)


def test_a_class_that_goes_by_a_metric_is_told_apart():
    scheduler = by_name(SchedulerType.GREEDY, min_lr=0.01)(sgd(0.1))

    with pytest.raises(ValueError, match=r"no scheduler of PyTorch's own, got a .*GreedyLR"):
        js.from_torch(scheduler)
