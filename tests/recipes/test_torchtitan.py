"""torchtitan's schedule: against the library's file, and live ones."""

import dataclasses
import inspect

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_scale import LR, live_torchtitan, of_torchtitan, stepped
from recipes import assert_exact, assert_like_all

import jaxsched as js
from jaxsched.torchtitan import lr_scheduler

EXAMPLE = {"training_steps": 50, "warmup_steps": 7, "decay_ratio": 0.4, "decay_type": "sqrt", "min_lr_factor": 0.1}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*cut as in torchtitan:UserWarning")
@settings(max_examples=30, deadline=None)
@given(
    training=st.sampled_from([1, 20, 59, 80]), warmup=st.sampled_from([0, 1, 7, 30]),
    total=st.sampled_from([None, 45]), ratio=st.sampled_from([None, 0.5, 0.1, 0.95, 1.0]),
    word=st.sampled_from(["linear", "sqrt", "cosine"]), low=st.sampled_from([0.0, 0.1, 1.0]),
)  # fmt: skip
def test_any_arguments_against_the_library(training, warmup, total, ratio, word, low):
    schedule = lr_scheduler(LR, training, warmup, total, ratio, word, low)
    expected, _ = stepped(live_torchtitan(schedule), total or training)

    assert_exact(schedule, expected)


def test_the_arguments_are_those_of_the_library():
    fields = dataclasses.fields(of_torchtitan().LRSchedulersContainer.Config)
    given = [
        p for p in inspect.signature(lr_scheduler).parameters.values() if p.kind != p.KEYWORD_ONLY
    ]

    assert [p.name for p in given[:2]] == ["lr", "training_steps"]
    assert [(p.name, p.default) for p in given[2:]] == [(f.name, f.default) for f in fields]


def test_it_is_a_schedule_like_all():
    assert_like_all(lr_scheduler, EXAMPLE | {"training_steps": 70})  # whose rates stay positive


# --- edges by name ---


def test_the_last_update_has_a_rate():
    schedule = lr_scheduler(LR, 60, 7)

    assert schedule(59) > 0.0 and schedule(60) == 0.0
    assert schedule(6) == schedule(7) == np.float32(LR)


def test_after_its_end_the_formula_goes_on():
    schedule = lr_scheduler(LR, 20, 5)
    expected, _ = stepped(live_torchtitan(schedule), 40)

    assert_exact(schedule, expected)
    assert schedule(30) < 0.0


def test_without_a_decay_it_ends():
    schedule = lr_scheduler(LR, 20, 5, decay_ratio=0.0)
    scheduler = live_torchtitan(schedule)

    assert_exact(schedule, stepped(scheduler, 20)[0])
    with pytest.raises(AssertionError):
        scheduler.step()
    with pytest.raises(ValueError, match="ends at count 20 without a decay"):
        schedule(21)
    assert np.isfinite(jax.jit(schedule)(21))


@pytest.mark.parametrize(
    "options, told", [({"warmup_steps": 30}, "warmup_steps=.*30"), ({"warmup_steps": 15, "decay_ratio": 0.5}, "decay_ratio=.*0.5")]
)  # fmt: skip
def test_what_is_cut_is_told(options, told):
    with pytest.warns(UserWarning, match=told):
        lr_scheduler(LR, 20, **options)


# --- live ones ---


@pytest.mark.parametrize("options", [EXAMPLE, {"training_steps": 50, "warmup_steps": 7}])
def test_a_live_one_converts(options):
    schedule = lr_scheduler(LR, **options)
    scheduler = live_torchtitan(schedule)
    stepped(scheduler, 9)

    assert js.from_torch(scheduler) == schedule and js.current_count(scheduler) == 9


def test_to_torch_refuses_it_by_name():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR)

    with pytest.raises(TypeError, match=r"lr_scheduler.*: torchtitan alone builds that"):
        js.to_torch(lr_scheduler(LR, **EXAMPLE), optimizer)


WRONG = [
    ({"training_steps": 0}, "training_steps=...)` must be a positive int"),
    ({"warmup_steps": -1}, "warmup_steps=...)` must be an int from 0 up"),
    ({"decay_ratio": 1.5}, "decay_ratio=...)` must be between 0 and 1"),
    ({"min_lr_factor": -0.1}, "min_lr_factor=...)` must be between 0 and 1"),
    ({"decay_type": "x"}, "decay_type=...)` must be 'linear', 'sqrt' or 'cosine'"),
]


@pytest.mark.parametrize("wrong, message", WRONG)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValueError) as told:
        lr_scheduler(LR, **EXAMPLE | wrong)
    assert message in str(told.value)
