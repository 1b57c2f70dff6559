"""Functions that are closures: torchtune's, and those of Transformers before 4.27."""

import importlib.util
import sys
import types

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import sgd, step
from recipes import assert_exact, rates_of

import jaxsched as js
from jaxsched import transformers as hf

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
OLD = "transformers.optimization"


def torchtune(monkeypatch):
    """Its module of schedulers alone: all of it asks for much else."""
    found = importlib.util.find_spec("torchtune")
    if found is None:
        pytest.skip("without torchtune")
    name = "torchtune.training.lr_schedulers"
    for package in ("torchtune", "torchtune.training"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    memory = types.SimpleNamespace(OptimizerInBackwardWrapper=object)
    monkeypatch.setitem(sys.modules, "torchtune.training.memory", memory)
    file = f"{found.submodule_search_locations[0]}/training/lr_schedulers.py"
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("warmup, training, cycles", [(7, 40, 0.5), (0, 30, 1.5), (9, 9, 0.25)])
def test_torchtune(monkeypatch, warmup, training, cycles):
    build = torchtune(monkeypatch).get_cosine_schedule_with_warmup
    for done in (0, 3, 20):
        scheduler = build(sgd(), warmup, training, cycles)
        step(scheduler, done)
        schedule = js.from_torch(scheduler)
        assert schedule == hf.get_cosine_schedule_with_warmup(0.1, warmup, training, cycles)
    assert_exact(schedule, rates_of(build(sgd(), warmup, training, cycles), 60)[:, 0])
    arguments = {"num_warmup_steps": warmup, "num_training_steps": training, "num_cycles": cycles}
    assert js.from_torch_state_dict(build, scheduler.state_dict(), **arguments) == schedule


def of(builder, function):
    """A function as if `builder` of Transformers had made it."""
    function.__module__, function.__qualname__ = OLD, f"{builder}.<locals>.lr_lambda"
    return function


def line(num_warmup_steps, num_training_steps):
    def lr_lambda(current_step):
        if current_step < num_warmup_steps:
            return current_step / max(1, num_warmup_steps)
        left = num_training_steps - current_step
        return max(0.0, left / max(1, num_training_steps - num_warmup_steps))

    return lr_lambda


def falling(lr_init, lr_end, power, num_warmup_steps, num_training_steps):
    def lr_lambda(current_step):
        if current_step < num_warmup_steps:
            return current_step / max(1, num_warmup_steps)
        if current_step > num_training_steps:
            return lr_end / lr_init
        done = (current_step - num_warmup_steps) / (num_training_steps - num_warmup_steps)
        return ((lr_init - lr_end) * (1 - done) ** power + lr_end) / lr_init

    return lr_lambda


CLOSURES = {
    "get_constant_schedule": (lambda: lambda _: 1, {}),
    "get_linear_schedule_with_warmup": (
        line, {"num_warmup_steps": 4, "num_training_steps": 30},
    ),
    "get_polynomial_decay_schedule_with_warmup": (
        falling,
        {"lr_init": 0.1, "lr_end": 1e-3, "power": 2.0, "num_warmup_steps": 4, "num_training_steps": 30},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSURES)
def test_transformers_before_4_27(name):
    make, numbers = CLOSURES[name]
    function = of(name, make(**numbers))
    scheduler = torch.optim.lr_scheduler.LambdaLR(sgd(0.1, 0.02), function)
    expected = rates_of(scheduler, 40)
    groups = js.from_torch(scheduler)

    assert [type(schedule) for schedule in groups] == [getattr(hf, name)] * 2
    for index in range(2):
        assert_exact(groups[index], expected[:, index])


def test_a_closure_over_something_else_stays_a_function():
    extra = 2

    def lr_lambda(step):
        return extra * 0.5**step

    name = "get_constant_schedule_with_warmup"
    scheduler = torch.optim.lr_scheduler.LambdaLR(sgd(), of(name, lr_lambda))
    schedule = js.from_torch(scheduler)

    assert type(schedule) is js.LambdaLR
    np.testing.assert_allclose(schedule(np.arange(3)), [0.2, 0.1, 0.05], rtol=1e-6)


@pytest.mark.parametrize("name", ["get_no_schedule", "AdafactorSchedule.__init__"])
def test_a_function_of_transformers_that_is_none_of_ours(name):
    scheduler = torch.optim.lr_scheduler.LambdaLR(sgd(), of(name, lambda step: 0.5**step))

    assert type(js.from_torch(scheduler)) is js.LambdaLR
