"""Checkpoints of LambdaLRs that another library's function built: its name stands for it."""

import io
import json

import numpy as np
import pytest

pytest.importorskip("torch")

import recipes
import torch
from oracle import sgd, step
from torch.optim import lr_scheduler

import jaxsched as js
from jaxsched import transformers as hf
from jaxsched._combine.param_groups import groups_of

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
ALL = [
    pytest.param(library, name, options, id=f"{library}.{name}")
    for library, examples in recipes.EXAMPLES.items()
    for name, options in examples.items()
]
COSINE = "transformers.get_cosine_schedule_with_warmup"
NUMBERS = recipes.BOTH


def through_a_file(state_dict):
    file = io.BytesIO()
    torch.save(state_dict, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def assert_alike(found, live):
    """Equal, but for what Transformers' functions keep in another form: `min_lr`, a length."""
    if found != live:
        first = live[0] if isinstance(live, js.ParamGroups) else live
        assert type(first) in (
            hf.get_cosine_with_min_lr_schedule_with_warmup, hf.get_wsd_schedule,
        )  # fmt: skip
        counts = np.arange(50)
        for one, other in zip(groups_of(found), groups_of(live), strict=True):
            assert type(one) is type(other)
            np.testing.assert_array_equal(one(counts), other(counts))


@pytest.mark.parametrize("library, name, options", ALL)
def test_a_checkpoint_is_the_live_scheduler(library, name, options):
    functions, in_full = f"{library}.optimization", f"{library}.{name}"
    recipe = getattr(getattr(js, library), name)
    for rates, done in ((0.1, 0), ([0.1, 0.02], 3), ([0.1, 0.02], 25)):
        scheduler = step(recipes.live(functions, name, options, rates, 0.1), done)
        state = through_a_file(scheduler.state_dict())
        optimizer = through_a_file(scheduler.optimizer.state_dict())
        before, live = repr(state), js.from_torch(scheduler)
        needs = "polynomial" in name or "min_lr" in options
        given = options | ({"default_lr": 0.1} if needs else {})

        schedule = js.from_torch_state_dict(in_full, state, **given)
        assert_alike(schedule, live)
        assert repr(state) == before
        function = getattr(pytest.importorskip(functions), name)
        for named in (recipe, function, f"{functions}.{name}", f"jaxsched.{in_full}"):
            assert js.from_torch_state_dict(named, state, optimizer, **given) == schedule
        as_json = json.loads(json.dumps(state))
        now = js.from_torch_state_dict(recipe, as_json, start="now", **given)
        assert now == js.skip(schedule, done)


def cosine(done=12):
    return step(recipes.live("transformers.optimization", COSINE.split(".")[1], NUMBERS), done)


def test_by_the_name_of_get_scheduler():
    scheduler = cosine()
    for library, more in (("transformers", {}), ("diffusers", {"power": 2.0})):
        schedule = js.from_torch_state_dict(
            f"{library}.get_scheduler", scheduler.state_dict(), name="cosine", **NUMBERS, **more
        )
        module = getattr(js, library)
        assert schedule == module.get_cosine_schedule_with_warmup(0.1, **NUMBERS)


def test_a_last_epoch():
    pytest.importorskip("transformers")
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 0.2
    build = pytest.importorskip("transformers.optimization").get_cosine_schedule_with_warmup
    scheduler = step(build(optimizer, **NUMBERS, last_epoch=4), 3)
    schedule = js.from_torch_state_dict(COSINE, scheduler.state_dict(), **NUMBERS)

    assert schedule == js.from_torch(scheduler)
    assert schedule == hf.get_cosine_schedule_with_warmup(0.2, **NUMBERS, last_epoch=4)


def sequence(done):
    functions = pytest.importorskip("transformers.optimization")
    optimizer = sgd(0.1, 0.3)
    parts = [
        functions.get_linear_schedule_with_warmup(optimizer, 3, 20),
        lr_scheduler.StepLR(optimizer, 5),
        functions.get_constant_schedule_with_warmup(optimizer, 3),
    ]
    return step(lr_scheduler.SequentialLR(optimizer, parts, [6, 12]), done)


@pytest.mark.parametrize("done", [0, 7, 15])
def test_parts_of_a_sequence(done):
    scheduler = sequence(done)
    state = through_a_file(scheduler.state_dict())
    constant = hf.get_constant_schedule_with_warmup
    named = ["SequentialLR", "transformers.get_linear_schedule_with_warmup", "StepLR", constant]
    given = {"schedulers_0_num_warmup_steps": 3, "num_training_steps": 20}

    with pytest.raises(ValueError, match=r"pass `schedulers_2_num_warmup_steps=`, as transf"):
        js.from_torch_state_dict(named, state, **given)
    with pytest.raises(TypeError, match=r"\(num_warmup_steps=\.\.\.\)` could go to several"):
        js.from_torch_state_dict(named, state, num_warmup_steps=3, num_training_steps=20)
    given["schedulers_2_num_warmup_steps"] = 3
    assert js.from_torch_state_dict(named, state, **given) == js.from_torch(scheduler)


def test_now_without_a_recipe():
    for build, done in ((lr_scheduler.StepLR, 7), (lr_scheduler.CosineAnnealingWarmRestarts, 9)):
        scheduler = step(build(sgd(), 5), done)
        now = js.from_torch_state_dict(build, scheduler.state_dict(), start="now")
        assert now == js.skip(js.from_torch(scheduler), done)
    with pytest.raises(ValueError, match=r"\(start=\.\.\.\)` must be 'beginning' or 'now', got 3"):
        js.from_torch_state_dict("StepLR", {}, start=3)


def test_now_at_a_fractional_epoch():
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 5)
    scheduler.step(2.5)

    with pytest.raises(ValueError, match=r"\(start=\.\.\.\)` must be 'beginning' at epoch 2\.5"):
        js.from_torch_state_dict(type(scheduler), scheduler.state_dict(), start="now")


def test_now_with_the_late_cycles_of_pytorch_1_1():
    state = {
        "T_0": 4, "T_mult": 2, "eta_min": 0, "T_cur": 3, "T_i": 4, "base_lrs": [0.1], "last_epoch": 4,
    }  # fmt: skip
    optimizer = {"param_groups": [{"lr": 0.1 * (1 + np.cos(np.pi * 3 / 4)) / 2}]}
    schedules = [
        js.from_torch_state_dict("CosineAnnealingWarmRestarts", state, optimizer, start=start)
        for start in ("beginning", "now")
    ]

    assert isinstance(schedules[0], type(js.delay(js.StepLR(0.1, 3), 1)))
    assert schedules[0](4) == schedules[1](0) == pytest.approx(optimizer["param_groups"][0]["lr"])
    assert schedules[0](7) == schedules[1](3)


WRONG = [
    (COSINE, {}, ValueError, f"pass `num_warmup_steps=`, `num_training_steps=`, as {COSINE} got"),
    (COSINE, {"num_warmup_steps": 7}, ValueError, "pass `num_training_steps=`"),
    (COSINE, NUMBERS | {"num_cycle": 1}, TypeError, "(num_cycle=...)` has no place in this scheduler"),
    (COSINE, NUMBERS | {"last_epoch": 3}, TypeError, "it takes `num_warmup_steps`, `num_training_steps`, `num_cycles`."),
    (COSINE, NUMBERS | {"lr_lambda": abs}, TypeError, "(lr_lambda=...)` has no place"),
    (COSINE, NUMBERS | {"num_training_steps": "40"}, TypeError, f"`{COSINE}(num_training_steps=...)` must be a number"),
    (COSINE, NUMBERS | {"num_training_steps": 41}, ValueError, f"Or {COSINE} had other arguments."),
    ("transformers.get_cosin", {}, ValueError, "one of the functions of jaxsched.transformers, got 'transformers.get_cosin'"),
    ("get_cosine_schedule_with_warmup", NUMBERS, ValueError, f"write '{COSINE}' or 'diffusers.get_"),
    ("LambdaLR", NUMBERS, TypeError, "it takes `lr_lambda`. If a function of Transformers or Diffusers built it, write its"),
    ("LambdaLR", {}, ValueError, "lr_lambda=`, the Python function that the scheduler was built with. If a function of"),
    ("transformers.get_scheduler", {"name": "reduce_lr_on_plateau"}, ValueError, "that gives a ReduceLROnPlateau for that of a LambdaLR"),
    ("StepLR", {}, ValueError, "must be that of a StepLR, which has `step_size`"),
]  # fmt: skip


@pytest.mark.parametrize("named, given, error, message", WRONG)
def test_what_is_refused(named, given, error, message):
    with pytest.raises(error) as told:
        js.from_torch_state_dict(named, cosine().state_dict(), **given)
    assert message in str(told.value)


def test_the_dict_of_something_else():
    state = step(lr_scheduler.StepLR(sgd(), 5), 3).state_dict()
    with pytest.raises(ValueError, match=f"must be that of a {COSINE}, which has `lr_lambdas`"):
        js.from_torch_state_dict(COSINE, state, **NUMBERS)

    class Power:
        def __init__(self):
            self.base = 0.5

        def __call__(self, step):
            return self.base**step

    state = lr_scheduler.LambdaLR(sgd(), Power()).state_dict()
    with pytest.raises(ValueError, match=r"must be 'LambdaLR', with the object as `lr_lambda`"):
        js.from_torch_state_dict(COSINE, state, **NUMBERS)


def test_a_default_rate_that_no_dict_holds():
    name, numbers = "get_polynomial_decay_schedule_with_warmup", NUMBERS | {"lr_end": 1e-3}
    scheduler = step(recipes.live("transformers.optimization", name, numbers, [0.1, 0.02], 0.05), 9)
    for named in (f"transformers.{name}", f"diffusers.{name}"):
        with pytest.raises(
            ValueError, match=r"default_lr=\.\.\.\)` must be given to .*\[0\.1, 0\.02\]"
        ):
            js.from_torch_state_dict(named, scheduler.state_dict(), **numbers)
    read = js.from_torch_state_dict(
        f"transformers.{name}", scheduler.state_dict(), **numbers, default_lr=0.05
    )
    assert read == js.from_torch(scheduler)
    alike = step(recipes.live("transformers.optimization", name, numbers, [0.1, 0.1], 0.1), 9)
    read = js.from_torch_state_dict(f"transformers.{name}", alike.state_dict(), **numbers)
    assert read == js.from_torch(alike)
