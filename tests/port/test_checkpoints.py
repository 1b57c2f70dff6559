"""PyTorch's checkpoints, saved and read with PyTorch, as schedules: what the live one gives."""

import functools
import io
import json
import warnings
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import history, sgd, step
from test_from_torch import METRICS, SCHEDULERS
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

import jaxsched as js

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")


def through_a_file(state_dict):
    file = io.BytesIO()
    torch.save(state_dict, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def through_json(state_dict):
    return json.loads(json.dumps(state_dict))


def functions(scheduler):
    """The functions that PyTorch does not save."""
    if type(scheduler) is lr_scheduler.LambdaLR:
        return {"lr_lambda": scheduler.lr_lambdas}
    custom = getattr(scheduler, "_scale_fn_custom", None)
    return {"scale_fn": custom} if custom else {}


@pytest.mark.parametrize("saved", [through_a_file, through_json])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_checkpoint_is_the_live_scheduler(name, saved):
    for groups, done in (((0.1,), 0), ((0.1,), 7), ((0.1, 0.3), 22)):
        scheduler = SCHEDULERS[name](sgd(*groups))
        step(scheduler, done)
        state, optimizer = saved(scheduler.state_dict()), scheduler.optimizer.state_dict()
        before = repr(state)
        given = functions(scheduler)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            live = js.from_torch(scheduler)
            both = [js.from_torch_state_dict(type(scheduler), state, saved(optimizer), **given)]
            if name.startswith(("OneCycleLR", "SWALR", "nested")):
                with pytest.raises(ValueError, match=r"Pass `optimizer.state_dict\(\)`"):
                    js.from_torch_state_dict(type(scheduler).__name__, state, **given)
            else:
                both.append(js.from_torch_state_dict(type(scheduler).__name__, state, **given))

        assert all(schedule == live for schedule in both)
        assert repr(state) == before


def test_what_a_one_cycle_lacks():
    scheduler = lr_scheduler.OneCycleLR(sgd(), 0.1, 30)

    with pytest.raises(
        ValueError, match="must be given for a OneCycleLR: PyTorch keeps its `max_lr`"
    ):
        js.from_torch_state_dict("OneCycleLR", scheduler.state_dict())
    other = torch.optim.SGD([torch.zeros(1)], lr=0.1).state_dict()
    with pytest.raises(ValueError, match="keeps its `max_lr` in the optimizer's groups"):
        js.from_torch_state_dict("OneCycleLR", scheduler.state_dict(), other)
    with pytest.raises(TypeError, match="with 'param_groups', got"):
        js.from_torch_state_dict("OneCycleLR", scheduler.state_dict(), {"lr": 0.1})


@pytest.mark.parametrize("done", [0, 1, 9, 12])
def test_a_plateau_comes_with_its_state(done):
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd(), factor=0.3, patience=1, cooldown=2)
    for metric in METRICS[:done]:
        scheduler.step(metric)
    plateau = js.from_torch_state_dict("ReduceLROnPlateau", through_a_file(scheduler.state_dict()))

    assert plateau == js.from_torch(scheduler)
    optimizer = scheduler.optimizer.state_dict()
    assert plateau == js.from_torch_state_dict(
        "ReduceLROnPlateau", scheduler.state_dict(), optimizer
    )


# --- functions, which PyTorch does not save ---


def decay(step):
    return 0.9**step


def warmup(step):
    return min(1.0, (step + 1) / 5)


class Power:
    """A callable object: PyTorch saves its attributes."""

    def __init__(self, base):
        self.base = base

    def __call__(self, step):
        return self.base**step


def test_a_lost_function_is_named():
    scheduler = lr_scheduler.LambdaLR(sgd(), decay)

    with pytest.raises(ValueError, match="does not save: pass `lr_lambda=`"):
        js.from_torch_state_dict("LambdaLR", scheduler.state_dict())
    with pytest.raises(
        TypeError, match=r"\(lr_lambda=\.\.\.\)` must be a function, or a list of 1"
    ):
        js.from_torch_state_dict("LambdaLR", scheduler.state_dict(), lr_lambda=[decay, decay])


def test_partial_functions_are_lost_too():
    scheduler = lr_scheduler.LambdaLR(sgd(), functools.partial(pow, 0.9))

    with pytest.raises(ValueError, match="pass `lr_lambda=`"):
        js.from_torch_state_dict("LambdaLR", scheduler.state_dict())


def test_a_callable_object_gets_its_attributes_back():
    scheduler = lr_scheduler.LambdaLR(sgd(), Power(0.8))
    fresh = Power(0.5)
    schedule = js.from_torch_state_dict("LambdaLR", scheduler.state_dict(), lr_lambda=fresh)

    assert float(schedule(2)) == pytest.approx(0.1 * 0.8**2)
    assert fresh.base == 0.5


def two_functions(optimizer):
    parts = [
        lr_scheduler.LambdaLR(optimizer, warmup),
        lr_scheduler.MultiplicativeLR(optimizer, decay),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, [4])


@pytest.mark.parametrize("done", [0, 3, 9])
def test_functions_of_parts_are_named_by_their_place(done):
    scheduler = two_functions(sgd())
    step(scheduler, done)
    state = through_json(scheduler.state_dict())

    with pytest.raises(
        ValueError, match="pass `schedulers_0_lr_lambda=`, `schedulers_1_lr_lambda=`"
    ):
        js.from_torch_state_dict("SequentialLR", state)
    with pytest.raises(TypeError, match="could go to several schedulers"):
        js.from_torch_state_dict("SequentialLR", state, lr_lambda=decay, total_steps=20)
    given = {"schedulers_0_lr_lambda": warmup, "schedulers_1_lr_lambda": decay, "total_steps": 20}
    named = ["SequentialLR", "LambdaLR", "MultiplicativeLR"]
    live = js.from_torch(scheduler, 20)
    assert js.from_torch_state_dict(named, state, **given) == live
    assert js.from_torch_state_dict("SequentialLR", state, **given) == live


@pytest.mark.parametrize("done", [0, 1])
def test_a_part_that_could_be_either(done):
    chain = lr_scheduler.ChainedScheduler([lr_scheduler.MultiplicativeLR(sgd(), decay)])
    step(chain, done)
    state = chain.state_dict()

    with pytest.raises(ValueError, match="`schedulers_0` is a LambdaLR or a MultiplicativeLR"):
        js.from_torch_state_dict("ChainedScheduler", state, lr_lambda=decay, total_steps=20)
    named = ["ChainedScheduler", "MultiplicativeLR"]
    schedule = js.from_torch_state_dict(named, state, lr_lambda=decay, total_steps=20)
    assert schedule == js.from_torch(chain, 20)


def test_groups_that_tell_which_it_is_and_groups_that_do_not():
    functions = [decay, lambda step: 1.0]
    given = {"lr_lambda": functions, "total_steps": 20}
    for cls in (lr_scheduler.LambdaLR, lr_scheduler.MultiplicativeLR):
        chain = lr_scheduler.ChainedScheduler([cls(sgd(0.1, 0.2), functions)])
        step(chain, 5)
        state = chain.state_dict()
        assert js.from_torch_state_dict("ChainedScheduler", state, **given) == js.from_torch(
            chain, 20
        )
    state["_schedulers"][0]["_last_lr"] = [0.1 * decay(5), -1.0]
    with pytest.raises(ValueError, match=r"LambdaLR or a MultiplicativeLR: .* fit neither"):
        js.from_torch_state_dict("ChainedScheduler", state, **given)


def test_the_only_function_needs_no_place():
    optimizer = sgd()
    parts = [lr_scheduler.LambdaLR(optimizer, warmup), lr_scheduler.CosineAnnealingLR(optimizer, 9)]
    scheduler = lr_scheduler.SequentialLR(optimizer, parts, [4])
    state = scheduler.state_dict()

    found = js.from_torch_state_dict("SequentialLR", state, lr_lambda=warmup, total_steps=20)
    assert found == js.from_torch(scheduler, 20)


def test_a_scale_function_that_the_checkpoint_does_not_show():
    scheduler = lr_scheduler.CyclicLR(sgd(), 0.01, 0.1, 4, scale_fn=lambda x: 0.5 ** (x - 1))
    step(scheduler, 12)

    with pytest.raises(ValueError, match="A `scale_fn` that a CyclicLR had must be passed"):
        js.from_torch_state_dict("CyclicLR", scheduler.state_dict())


@pytest.mark.parametrize(
    "name, other", [("StepLR", "ExponentialLR"), ("MultiStepLR", "ExponentialLR"),
                    ("CosineAnnealingLR", "StepLR"), ("SequentialLR", "ChainedScheduler")],
)  # fmt: skip
def test_the_dict_of_another_class(name, other):
    with pytest.raises(ValueError, match=f"{other}"):
        js.from_torch_state_dict(other, SCHEDULERS[name](sgd()).state_dict())


@pytest.mark.parametrize(
    "key, value", [("last_epoch", "5"), ("_step_count", None), ("base_lrs", None)]
)
def test_a_damaged_dict(key, value):
    state = SCHEDULERS["StepLR"](sgd()).state_dict()

    with pytest.raises(ValueError, match=f"must hold a .* as `{key}`, got {value!r}"):
        js.from_torch_state_dict("StepLR", state | {key: value})
    del state[key]
    with pytest.raises(ValueError, match=f"which has `{key}`"):
        js.from_torch_state_dict("StepLR", state)
    milestones = SCHEDULERS["MultiStepLR"](sgd()).state_dict()
    for wrong, shown in (([3, 1], r"\[3, 1\]"), (Counter({3: torch.ones(3), 5: 1}), "a Counter")):
        with pytest.raises(
            ValueError, match=rf"a Counter of milestones, .* as `milestones`, got {shown}"
        ):
            js.from_torch_state_dict("MultiStepLR", milestones | {"milestones": wrong})


def test_a_checkpoint_of_before_the_strategy_was_a_name():
    scheduler = lr_scheduler.OneCycleLR(sgd(), 0.1, 30, anneal_strategy="linear")
    state = scheduler.state_dict()
    del state["_anneal_func_type"]
    state["anneal_func"] = lr_scheduler.OneCycleLR._annealing_linear

    optimizer = scheduler.optimizer.state_dict()
    assert js.from_torch_state_dict("OneCycleLR", state, optimizer) == js.from_torch(scheduler)


def test_groups_that_are_not_the_optimizers():
    state = SCHEDULERS["StepLR"](sgd(0.1, 0.2)).state_dict()

    with pytest.raises(ValueError, match="for 2 parameter groups, and the optimizer has 1"):
        js.from_torch_state_dict("StepLR", state, sgd().state_dict())


def test_numbers_of_parts():
    state = SCHEDULERS["SequentialLR"](sgd()).state_dict()

    with pytest.raises(ValueError, match="must name 2 parts, got 1"):
        js.from_torch_state_dict(["SequentialLR", "LinearLR"], state)


def test_parts_of_what_has_none():
    with pytest.raises(ValueError, match="must name a StepLR alone"):
        js.from_torch_state_dict(["StepLR", "LinearLR"], SCHEDULERS["StepLR"](sgd()).state_dict())


def test_the_rate_is_the_optimizers():
    """A checkpoint of an optimizer that a person has slowed down."""
    scheduler = lr_scheduler.ExponentialLR(sgd(), 0.9)
    step(scheduler, 5)
    optimizer = scheduler.optimizer.state_dict()
    optimizer["param_groups"][0]["lr"] = 0.01
    with pytest.warns(UserWarning, match="works `lr` out backwards from the rate now, 0.01"):
        schedule = js.from_torch_state_dict("ExponentialLR", scheduler.state_dict(), optimizer)

    np.testing.assert_allclose(schedule(np.array([5, 6])), [0.01, 0.009], rtol=1e-7)


def test_swalr_reads_its_level_from_the_optimizer():
    scheduler = SWALR(sgd(0.1, 0.2), [0.05, 0.02], 5)
    state, optimizer = scheduler.state_dict(), scheduler.optimizer.state_dict()

    assert js.from_torch_state_dict("SWALR", state, optimizer) == js.ParamGroups(
        [js.SWALR(0.1, 0.05, 5), js.SWALR(0.2, 0.02, 5)]
    )


def test_a_cycle_of_pytorch_1_13_to_2_1_that_holds_its_function():
    def halved(cycle):
        return 0.5**cycle

    scheduler = lr_scheduler.CyclicLR(sgd(), 0.01, 0.1, 3, scale_fn=halved)
    state = step(scheduler, 4).state_dict() | {"_scale_fn_custom": halved}

    schedule = js.from_torch_state_dict("CyclicLR", state, scale_fn=halved)
    np.testing.assert_allclose(schedule(np.arange(4, 12)), history(scheduler, 8)[:, 0], rtol=1e-7)
