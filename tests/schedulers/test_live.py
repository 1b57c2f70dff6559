"""Random schedules against live PyTorch; skipped where it is not installed."""

import dataclasses
import warnings
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("torch")

import importlib.util
import inspect

import detection
import large_scale
import libraries
import oracle
import strategies
import torch
import warmups
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schedules import is_torchs

import jaxsched as js
from jaxsched._core.schedule import without_warnings
from jaxsched._schedulers.recipe import OfLibrary
from jaxsched._torch.to_torch import scheduler_class
from jaxsched._traces.cases import TORCH, cases, main
from jaxsched._traces.trace import SHIPPED
from jaxsched.testing import bound

LIVE = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
STEPS = 40


def assert_matches(schedule, expected, exact):
    """Within the contract's bounds of PyTorch, or of PyTorch's code run without rounding."""
    for x64 in (False, True):
        with jax.enable_x64(x64):
            ours = np.asarray(oracle.ours(schedule, np.arange(STEPS)), np.float64)
        for reference in (expected, exact):
            limit = bound(reference, np.float64 if x64 else np.float32)
            if (np.abs(ours - reference) <= limit).all():
                break
        else:
            step = np.argmax((np.abs(ours - expected) > limit).reshape(STEPS, -1).any(axis=1))
            pytest.fail(f"{schedule} at step {step}: {ours[step]}, PyTorch {expected[step]}")


def check(schedule):
    expected = oracle.rates(schedule, STEPS)
    exact = oracle.rates(schedule, STEPS, exact=True)
    if not isinstance(schedule, js.ParamGroups):
        expected, exact = expected[:, 0], exact[:, 0]
    assert_matches(schedule, expected, exact)


@settings(LIVE, max_examples=150)
@given(strategies.singles())
def test_any_scheduler(schedule):
    check(schedule)


@settings(LIVE, max_examples=60)
@given(strategies.compositions(depth=3))
def test_any_composition(schedule):
    check(schedule)


FAR = 2**31  # A table begins where training goes on, which no loop from step 0 comes to.


@pytest.mark.parametrize("last_epoch", [-1, 4, 39, 40, 41, FAR])
@pytest.mark.parametrize(
    "make",
    [
        lambda **given: js.LambdaLR(0.1, lambda step: max(1 / (step % 50 + 1), 0.1), **given),
        lambda **given: js.MultiplicativeLR(0.1, lambda step: 0.9 if step % 3 else 1.02, **given),
        lambda **given: js.CyclicLR(0.1, 0.2, 3, scale_fn=lambda cycle: 1 / cycle, **given),
        lambda **given: js.CyclicLR(0.1, 0.2, 1.5, 2, scale_fn=lambda cycle: 1 / cycle, **given),
        lambda **given: js.CyclicLR(
            0.1, 0.2, 3, scale_fn=lambda step: 1 if step % 4 else 0.5, scale_mode="iterations", **given
        ),
    ],
)  # fmt: skip
def test_a_table_of_a_function_begins_where_the_schedule_does(make, last_epoch):
    schedule = make(last_epoch=last_epoch, total_steps=STEPS)
    if last_epoch >= 0 and hasattr(schedule, "initial_lr"):
        schedule = dataclasses.replace(schedule, initial_lr=0.4)
    check(schedule)
    # As the second of a sequence it is set back to step 0, and goes on from there.
    begun = js.ConstantLR(0.1, 0.5, 4, initial_lr=getattr(schedule, "initial_lr", None))
    check(js.SequentialLR([begun, schedule], [5], total_steps=STEPS))
    with without_warnings():  # The chain's table is its parts'.
        check(
            js.ChainedScheduler(
                [dataclasses.replace(schedule, total_steps=None), begun], total_steps=STEPS
            )
        )


RESUMED = [
    lambda **initial: js.CyclicLR(0.01, 0.1, 3, last_epoch=3),
    lambda **initial: js.OneCycleLR(0.3, total_steps=60, last_epoch=3),
    lambda **initial: js.ExponentialLR(0.1, 0.9, last_epoch=3, **initial),
    lambda **initial: js.CosineAnnealingLR(0.1, 20, last_epoch=3, **initial),
]


@pytest.mark.parametrize("initial", [{}, {"initial_lr": 0.4}])
@pytest.mark.parametrize("parts", [*product(RESUMED, repeat=2), [RESUMED[i] for i in (0, 1, 0)]])
def test_resumed_parts_find_the_initial_rate_of_their_group(parts, initial):
    resumed = [part(**initial) for part in parts]
    check(js.ChainedScheduler(resumed, total_steps=STEPS))
    check(js.SequentialLR(resumed, [5, 9][: len(resumed) - 1]))


@settings(LIVE, max_examples=15)
@given(strategies.singles(), st.floats(0.001, 1.0), st.integers(2, 3))
def test_any_parameter_groups(schedule, factor, number):
    # Groups differ in their rates; PyTorch takes the other arguments once for all of them.
    names = {"lr", "initial_lr", "base_lr", "max_lr", "swa_lr"} & set(vars(schedule))
    groups = [schedule]
    for _ in range(number - 1):
        scaled = {
            name: value * factor
            for name in names
            if (value := getattr(groups[-1], name)) is not None
        }
        groups.append(type(schedule)(**{**fields(schedule), **scaled}))
    check(js.ParamGroups(groups))


def fields(schedule):
    return schedule.__getstate__()


@settings(LIVE, max_examples=60)
@given(
    st.lists(st.floats(-2, 2, width=32) | st.sampled_from([float("nan"), 1.0]), min_size=39, max_size=39),
    st.builds(
        js.ReduceLROnPlateau,
        st.just(0.1),
        st.sampled_from(["min", "max"]),
        st.floats(0.0, 0.99, allow_subnormal=False),
        st.integers(0, 5),
        st.floats(0, 0.2),
        st.sampled_from(["rel", "abs"]),
        st.integers(0, 4) | st.just(1.5),
        st.floats(0, 0.05),
        st.sampled_from([1e-8, 1e-3]),
    ),
)  # fmt: skip
def test_any_plateau(metrics, plateau):
    expected = oracle.rates(plateau, STEPS, metrics)[:, 0]
    state, ours = plateau.init(), []
    for metric in [*metrics, 0.0]:
        ours.append(float(plateau(state)))
        state = plateau.update(state, value=jnp.asarray(metric, jnp.result_type(float)))

    np.testing.assert_allclose(ours, expected, rtol=6e-8, atol=1e-16)


@pytest.mark.parametrize("epoch", [0.25, 2.5, 3.0, 8.75, 30.5, 99.99])
@pytest.mark.parametrize("t_mult", [1, 2, 3])
def test_fractional_epochs_of_warm_restarts(epoch, t_mult):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, t_mult, 0.01)
    scheduler.step(epoch)

    ours = js.CosineAnnealingWarmRestarts(0.1, 3, t_mult, 0.01)(np.float64(epoch))

    assert float(ours) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-7)


def public_schedulers():
    return [cls for name, cls in vars(js).items() if name.endswith(("LR", "Restarts", "Plateau"))]


@pytest.mark.parametrize("cls", [*public_schedulers(), js.ChainedScheduler])
def test_signatures_are_torchs(cls):
    torchs = inspect.signature(scheduler_class(cls)).parameters
    ours = inspect.signature(cls).parameters
    expected = [
        ("lr", inspect.Parameter.empty) if name == "optimizer" else (name, parameter.default)
        for name, parameter in torchs.items()
    ]
    if cls in (js.CyclicLR, js.OneCycleLR, js.SequentialLR, js.ChainedScheduler):
        expected = [pair for pair in expected if pair[0] != "lr"]
    if cls is js.SequentialLR:
        expected.remove(("last_epoch", -1))
    positional = [
        (name, p.default) for name, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD
    ]

    assert positional == expected
    resumed = (
        {"best", "num_bad_epochs", "cooldown_counter"} if cls is js.ReduceLROnPlateau else set()
    )
    assert {name for name, p in ours.items() if p.kind is p.KEYWORD_ONLY} <= {
        "initial_lr", "total_steps", *resumed,
    }  # fmt: skip


def test_recording_again_gives_the_same_bytes(tmp_path, monkeypatch):
    """Another PyTorch writes another version, and the same numbers."""
    here = torch.__version__.split("+")[0]
    names = {path.stem for path in SHIPPED.iterdir()} - {
        *large_scale.RECORDED, *detection.RECORDED, *warmups.RECORDED,
    }  # fmt: skip
    names -= {library for library in ("transformers", "diffusers", "timm", "lightning")
              if importlib.util.find_spec(library) is None}  # fmt: skip
    for library in libraries.ALONE:
        if libraries.is_there(library):
            libraries.library(library)
        else:
            names.remove(library)
    monkeypatch.setattr("jaxsched._traces.cases.SHIPPED", tmp_path)
    monkeypatch.setattr("jaxsched._traces.cases.TORCH", here)
    main(*names)

    version, recorded = f'"torch":"{here}"'.encode(), f'"torch":"{TORCH}"'.encode()
    assert {p.name: p.read_bytes().replace(version, recorded) for p in tmp_path.iterdir()} == {
        p.name: p.read_bytes() for p in SHIPPED.iterdir() if p.stem in names
    }


def test_record_reads_the_schedule_of_a_fresh_scheduler(tmp_path):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=5)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20, 0.01)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, decay], [5])

    js.record(scheduler, 30).save(tmp_path / "run.jsonl")
    trace = js.Trace.load(tmp_path / "run.jsonl")

    assert trace.torch == torch.__version__.split("+")[0]
    assert trace.build() == js.SequentialLR(
        [js.LinearLR(0.1, 0.1), js.CosineAnnealingLR(0.1, 20, 0.01)], [5]
    )
    assert js.compare(trace.build(), trace).ok
    assert len(trace.lr) == 30


def is_fresh(case):
    groups = case.schedule if isinstance(case.schedule, js.ParamGroups) else [case.schedule]
    return all(getattr(group, "last_epoch", -1) == -1 for group in groups)


SHORT = [
    case
    for case in cases()
    if 0 < case.num_steps <= 100
    and is_fresh(case)
    and is_torchs(case.schedule)
    and case.metrics != "lr"
]


@pytest.mark.parametrize("case", SHORT[::3])
def test_record_reads_what_was_recorded(case):
    if isinstance(case.schedule, OfLibrary):
        pytest.importorskip(case.schedule._call_name().partition(".")[0])
    groups = case.schedule if isinstance(case.schedule, js.ParamGroups) else [case.schedule]
    params = [{"params": [torch.zeros(1)]} for _ in groups]
    optimizer = torch.optim.SGD(params, lr=0.1, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = js.to_torch(case.schedule, optimizer)
    trace = js.record(scheduler, case.num_steps, case.metrics)

    if trace.schedule is not None:
        comparison = js.compare(trace.build(), trace)
        assert comparison.ok, f"{trace.call} {comparison}"


def test_record_says_what_it_needs():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    with pytest.raises(TypeError, match="must be a PyTorch scheduler, got 3"):
        js.record(3, 5)
    with pytest.raises(ValueError, match=r"num_steps=\.\.\..* positive int .*got 0"):
        js.record(scheduler, 0)
    with pytest.raises(ValueError, match=r"metrics=\.\.\..*None without a ReduceLROnPlateau"):
        js.record(scheduler, 2, [1.0])
