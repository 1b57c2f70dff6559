"""Megatron's schedule: against the library's file, its weight decay, and live ones."""

import inspect

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_scale import LR, PEAK, STYLES, WEIGHTS, live_megatron, megatron_values, of_megatron
from recipes import assert_exact, assert_like_all

import jaxsched as js
from jaxsched import megatron
from jaxsched._traces.trace import SHIPPED, load_traces

Scheduler = megatron.OptimizerParamScheduler
EXAMPLE = PEAK | STYLES[-2] | WEIGHTS
lengths = st.sampled_from([0, 1, 7, 25])


@settings(max_examples=40, deadline=None)
@given(
    style=st.sampled_from(STYLES), warmup=lengths, more=st.sampled_from([1, 30, 200]),
    low=st.sampled_from([0.0, 0.01, LR]), begin=st.sampled_from([0.0, 0.02]), wsd=lengths,
    weights=st.sampled_from(["linear", "cosine"]), rise=st.sampled_from([1, 30, 100]),
)  # fmt: skip
def test_any_arguments_against_the_library(style, warmup, more, low, begin, wsd, weights, rise):
    style = style | ({"wsd_decay_steps": wsd} if "wsd_decay_steps" in style else {})
    own = {
        "min_lr": low,
        "init_lr": begin,
        "lr_warmup_steps": warmup,
        "lr_decay_steps": warmup + more,
    }
    wd = {"wd_incr_style": weights, "wd_incr_steps": rise}
    schedule = Scheduler(**PEAK | own | style | WEIGHTS | wd)
    rates, decays = megatron_values(live_megatron(schedule), range(60))

    assert_exact(schedule, rates)
    assert_exact(schedule.weight_decay, decays)


def test_the_arguments_are_those_of_the_library():
    def arguments(cls):
        given = inspect.signature(cls).parameters.values()
        return [(p.name, p.default) for p in given if p.name != "optimizer"]

    assert arguments(Scheduler) == arguments(of_megatron().OptimizerParamScheduler)


def test_it_is_a_schedule_like_all():
    assert_like_all(Scheduler, {k: v for k, v in EXAMPLE.items() if k != "max_lr"}, "max_lr")


def test_its_traces_tell_the_version():
    traces = load_traces(SHIPPED / "megatron.jsonl")

    assert {trace.library for trace in traces} == {"megatron-core 0.19.2"}
    assert {type(trace.build()) for trace in traces} == {Scheduler}


# --- the weight decay ---


def test_the_weight_decay_is_a_schedule():
    schedule = Scheduler(**EXAMPLE)
    decay, counts = schedule.weight_decay, np.arange(40)

    assert eval(repr(decay), {"megatron": megatron}) == decay
    np.testing.assert_array_equal((decay * 0.5)(counts), decay(counts) * np.float32(0.5))
    slope = jax.grad(lambda end: Scheduler(**EXAMPLE | {"end_wd": end}).weight_decay(100))(0.1)
    assert slope == 1.0


def test_a_constant_weight_decay():
    schedule = Scheduler(
        **EXAMPLE | {"start_wd": 0.1, "wd_incr_style": "constant", "wd_incr_steps": 0}
    )
    _, decays = megatron_values(live_megatron(schedule), range(9))

    assert_exact(schedule.weight_decay, decays)


# --- edges by name ---


def test_it_counts_samples():
    schedule = Scheduler(
        **EXAMPLE
        | {"lr_warmup_steps": 6 * 512, "lr_decay_steps": 40 * 512, "wsd_decay_steps": 12 * 512}
    )

    np.testing.assert_array_equal(
        js.per_update(schedule, 512)(np.arange(60)), Scheduler(**EXAMPLE)(np.arange(60))
    )


def test_a_constant_rate_never_falls_and_a_root_jumps():
    constant, root = (Scheduler(**PEAK, **STYLES[k], **WEIGHTS) for k in (0, 3))

    assert constant(1_000) == np.float32(LR)
    assert root(40) > 5 * root(41) == 5 * np.float32(PEAK["min_lr"])


# --- live ones ---


def test_a_live_one_converts():
    schedule = Scheduler(**EXAMPLE)
    scheduler = live_megatron(schedule)
    scheduler.step(16)

    assert js.from_torch(scheduler) == schedule and js.current_count(scheduler) == 16
    assert js.from_torch(scheduler, start="now")(4) == schedule(20)


def test_groups_with_rates_of_their_own():
    schedule = Scheduler(**EXAMPLE)
    scheduler = live_megatron(schedule, {}, {"max_lr": 0.05, "min_lr": 0.01})

    assert js.from_torch(scheduler) == js.ParamGroups(
        [schedule, Scheduler(**EXAMPLE | {"max_lr": 0.05, "min_lr": 0.01})]
    )


def test_one_that_was_changed_is_told():
    scheduler = live_megatron(Scheduler(**EXAMPLE))
    scheduler.get_lr = lambda group: 0.7
    with pytest.raises(ValueError, match=r"of another version of Megatron than 0.19.2"):
        js.from_torch(scheduler)
    del scheduler.lr_wsd_decay_style
    with pytest.raises(ValueError, match="got none of lr_wsd_decay_style"):
        js.from_torch(scheduler)


WRONG = [
    ({"min_lr": 0.2}, "min_lr=...)` must be at most `max_lr`, 0.1, got 0.2"),
    ({"init_lr": 0.2}, "init_lr=...)` must be at most `max_lr`, 0.1, got 0.2"),
    ({"init_lr": -0.2}, "init_lr=...)` must be a number from 0 up"),
    ({"lr_warmup_steps": 40}, "lr_warmup_steps=...)` must be below `lr_decay_steps`, 40"),
    ({"lr_decay_steps": 0}, "lr_decay_steps=...)` must be a positive number"),
    ({"lr_decay_style": "x"}, "lr_decay_style=...)` must be 'constant', 'linear'"),
    ({"wsd_decay_steps": None}, 'wsd_decay_steps=...)` must be a number with `lr_decay_style="WSD"`'),
    ({"wsd_decay_steps": -1}, "wsd_decay_steps=...)` must be a number from 0 up"),
    ({"lr_wsd_decay_style": None}, "lr_wsd_decay_style=...)` must be 'linear', 'cosine'"),
    ({"start_wd": 0.2}, "start_wd=...)` must be at most `end_wd`, 0.1"),
    ({"wd_incr_style": "x"}, "wd_incr_style=...)` must be 'constant', 'linear' or 'cosine'"),
    ({"wd_incr_style": "constant"}, "start_wd=...)` must be `end_wd`, 0.1, with"),
    ({"wd_incr_steps": 0}, 'wd_incr_steps=...)` must be positive with `wd_incr_style="cosine"`'),
]  # fmt: skip


@pytest.mark.parametrize("wrong, message", WRONG)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValueError) as told:
        Scheduler(**EXAMPLE | wrong)
    assert message in str(told.value)


def test_to_torch_refuses_it_by_name():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR)

    with pytest.raises(TypeError, match=r"OptimizerParamScheduler.*: megatron alone builds that"):
        js.to_torch(Scheduler(**EXAMPLE), optimizer)
