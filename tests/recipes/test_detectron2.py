"""detectron2's schedulers, and fvcore's: against the libraries' own files."""

import types
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from detection import (
    DETECTRON2,
    DETECTRON2_LONG,
    FVCORE,
    LR,
    SHARES,
    detectron2_rates,
    fvcores,
    live_detectron2,
    of_build,
    of_detectron2,
    of_fvcore,
    sgd,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import STEPS, assert_exact, assert_like_all, assert_written_as_all
from subclasses import assert_arguments, assert_converts, assert_there_and_back

import jaxsched as js
from jaxsched import detectron2
from jaxsched.testing import bound

OLD = {
    "WarmupMultiStepLR": {"milestones": [20, 30], "gamma": 0.5, "warmup_iters": 9},
    "WarmupCosineLR": {"max_iters": 50, "warmup_factor": 0.1, "warmup_iters": 9},
}
DROPS = detectron2.MultiStepParamScheduler([1.0, 0.1], 50, [20])
WAVE = detectron2.CosineParamScheduler(1.0, 0.05)
WARM = detectron2.WarmupParamScheduler(WAVE, 0.001, 0.2)


def name_of(schedule):
    return type(schedule).__name__


@pytest.mark.parametrize("schedule", FVCORE, ids=name_of)
def test_a_function_of_the_share_of_training(schedule):
    theirs = fvcores(schedule)
    expected = np.array([theirs(share) for share in SHARES.tolist()], np.float64)

    error = np.abs(np.asarray(schedule(SHARES), np.float64) - expected)
    assert (error <= bound(expected)).all()


@pytest.mark.parametrize("schedule", DETECTRON2, ids=name_of)
def test_a_function_of_the_count_of_updates(schedule):
    assert_exact(schedule, detectron2_rates(schedule, 61))


@pytest.mark.parametrize("schedule", FVCORE, ids=name_of)
@pytest.mark.parametrize("size", [61, 40])
def test_the_end_is_where_the_library_raises(schedule, size):
    schedule = detectron2.LRMultiplier(LR, schedule, size)
    theirs, end = fvcores(schedule.multiplier), schedule._end()

    theirs(size / size if end is None else end.last / size)
    if end is None:
        theirs(1.5)
    else:
        with pytest.raises((RuntimeError, IndexError)):
            _real(theirs((end.last + 1) / size))
        with pytest.raises(ValueError, match=r"LRMultiplier\(max_iter=.*ends at step"):
            schedule(end.last + 1)


def _real(value):
    if isinstance(value, complex):
        raise RuntimeError("a power of a negative number")


shares = st.sampled_from([0.0, 0.01, 0.1, 1 / 3, 0.7, 1.0])
inner = st.one_of(
    st.just(DROPS), st.just(WAVE),
    st.builds(detectron2.StepWithFixedGammaParamScheduler, st.just(1.0), st.integers(1, 5), st.just(0.3), st.just(9)),
    st.builds(detectron2.PolynomialDecayParamScheduler, st.just(1.0), st.sampled_from([0.5, 1.0, 2.0])),
)  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(
    scheduler=inner, factor=st.sampled_from([0.0, 0.001, 1.0]), length=shares.filter(lambda x: x < 1),
    method=st.sampled_from(["linear", "constant"]), rescale=st.booleans(), size=st.integers(45, 70),
)  # fmt: skip
def test_any_warm_up_against_the_library(scheduler, factor, length, method, rescale, size):
    warm = detectron2.WarmupParamScheduler(scheduler, factor, length, method, rescale)
    schedule = detectron2.LRMultiplier(LR, warm, size)

    assert_exact(schedule, detectron2_rates(schedule, size))


@settings(max_examples=10, deadline=None)
@given(
    lengths=st.lists(st.sampled_from([1, 2, 3, 7]), min_size=3, max_size=3), size=st.integers(50, 70),
    scaling=st.lists(st.sampled_from(["rescaled", "fixed"]), min_size=3, max_size=3),
)  # fmt: skip
def test_any_composite_against_the_library(lengths, size, scaling):
    whole = sum(lengths)
    parts = [detectron2.LinearParamScheduler(0.1, 1.0), DROPS, WAVE]
    composite = detectron2.CompositeParamScheduler(parts, [n / whole for n in lengths], scaling)
    schedule = detectron2.LRMultiplier(LR, composite, size)

    assert_exact(schedule, detectron2_rates(schedule, size))


@settings(max_examples=15, deadline=None)
@given(size=st.integers(10, 2000), drop=st.floats(0.0, 1.0))
def test_any_milestone_is_met_when_the_library_meets_it(size, drop):
    milestone = min(max(1, int(size * drop)), size - 1)
    steps = detectron2.MultiStepParamScheduler([1.0, 0.1], size, [milestone])
    theirs = fvcores(steps)

    for count in (milestone - 1, milestone, milestone + 1):
        share = count / size
        assert steps(share) == np.float32(theirs(share))


def test_milestones_of_long_runs_are_early_as_in_fvcore():
    size, milestone = 10_000_000, 5_000_000
    steps = detectron2.MultiStepParamScheduler([1.0, 0.1], size, [milestone])
    schedule, theirs = detectron2.LRMultiplier(LR, steps, size), fvcores(steps)

    counts = milestone + np.arange(-15, 3)
    expected = [LR * theirs(count / size) for count in counts.tolist()]
    np.testing.assert_array_equal(schedule(counts), np.float32(expected))
    assert schedule(4_999_989) == np.float32(LR)
    assert schedule(4_999_990) == np.float32(LR * 0.1)


@pytest.mark.parametrize("schedule", DETECTRON2_LONG)
def test_a_long_run_against_the_library(schedule):
    counts = np.array([0, 999, 1000, 59_999, 60_000, 80_000, 99_999])
    theirs = fvcores(schedule.multiplier)
    expected = np.array([LR * theirs(count / 100_000) for count in counts.tolist()])

    error = np.abs(np.asarray(schedule(counts), np.float64) - expected)
    assert (error <= bound(expected)).all()


# --- as all schedules ---


@pytest.mark.parametrize("name", OLD)
def test_the_older_ones_are_schedules_like_all(name):
    assert_like_all(getattr(detectron2, name), OLD[name])


@pytest.mark.parametrize("schedule", [*FVCORE, detectron2.LRMultiplier(LR, WARM, 70)], ids=name_of)
def test_they_are_written_as_all(schedule):
    assert eval(repr(schedule), {"detectron2": detectron2}) == schedule
    assert js.from_config(js.to_config(schedule)) == schedule


def test_a_multiplier_of_a_count_is_written_as_all():
    assert_written_as_all(detectron2.LRMultiplier, {"multiplier": WARM, "max_iter": 70})


@pytest.mark.parametrize("multiplier", FVCORE, ids=name_of)
def test_gradients_are_finite(multiplier):
    schedule, counts = detectron2.LRMultiplier(LR, multiplier, 61), np.arange(61)
    slopes = jax.jit(jax.grad(lambda s: s(counts).sum(), allow_int=True))(schedule)

    slopes = [x for x in jax.tree.leaves(slopes) if x.dtype != jax.dtypes.float0]
    assert slopes and all(np.isfinite(x).all() for x in slopes)
    np.testing.assert_allclose(slopes[0], schedule(counts).sum() / LR, rtol=1e-5)


def test_a_sweep_of_a_warm_up():
    def rates(factor, length):
        warm = detectron2.WarmupParamScheduler(WAVE, factor, length)
        return detectron2.LRMultiplier(LR, warm, 61)(np.arange(STEPS))

    swept = jax.jit(jax.vmap(rates))(jnp.array([0.25, 0.5]), jnp.array([0.125, 0.25]))
    for row, factor, length in zip(swept, (0.25, 0.5), (0.125, 0.25), strict=True):
        np.testing.assert_allclose(row, rates(factor, length), rtol=1e-6)


# --- configs ---

SOLVER = {
    "BASE_LR": 0.02, "MAX_ITER": 60, "STEPS": (30, 50), "GAMMA": 0.1, "WARMUP_ITERS": 9,
    "WARMUP_FACTOR": 0.001, "IMS_PER_BATCH": 16, "WEIGHT_DECAY": 1e-4, "MOMENTUM": 0.9,
}  # fmt: skip
SOLVERS = [
    {},
    {"RESCALE_INTERVAL": True},
    {"WARMUP_METHOD": "constant"},
    {"WARMUP_ITERS": 0},
    {"LR_SCHEDULER_NAME": "WarmupCosineLR"},
    {"LR_SCHEDULER_NAME": "WarmupCosineLR", "BASE_LR_END": 0.002, "RESCALE_INTERVAL": True},
    {"LR_SCHEDULER_NAME": "WarmupStepWithFixedGammaLR", "NUM_DECAYS": 2},
]


@pytest.mark.parametrize("more", SOLVERS)
def test_a_config_against_the_library(more):
    pytest.importorskip("torch")
    defaults = {"LR_SCHEDULER_NAME": "WarmupMultiStepLR", "NUM_DECAYS": 3, "BASE_LR_END": 0.0,
                "WARMUP_METHOD": "linear", "RESCALE_INTERVAL": False}  # fmt: skip
    solver = SOLVER | more
    cfg = types.SimpleNamespace(SOLVER=types.SimpleNamespace(**defaults | solver))
    scheduler, rates = of_build().build_lr_scheduler(cfg, sgd(0.02)), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(59):
            rates.append(scheduler.optimizer.param_groups[0]["lr"])
            scheduler.step()

    schedule = detectron2.build_lr_scheduler({"SOLVER": solver})
    assert_exact(schedule, np.array(rates))
    assert detectron2.build_lr_scheduler(solver) == schedule
    section = types.SimpleNamespace(SOLVER=solver)
    assert detectron2.build_lr_scheduler(section, lr=0.5) == js.from_config(
        js.to_config(schedule) | {"lr": 0.5}
    )


def test_a_config_of_drops_at_even_distances():
    """The rates of detectron2 and fvcore."""
    solver = {
        "LR_SCHEDULER_NAME": "WarmupStepWithFixedGammaLR", "BASE_LR": 0.1, "MAX_ITER": 9,
        "NUM_DECAYS": 3, "GAMMA": 0.5, "WARMUP_ITERS": 2, "STEPS": (),
    }  # fmt: skip
    rates = [1e-4, 0.05005, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125]
    np.testing.assert_allclose(
        detectron2.build_lr_scheduler({"SOLVER": solver})(np.arange(9)), rates, rtol=1e-6
    )


def test_a_multiplier_ends_where_its_function_does():
    constant = detectron2.LRMultiplier(LR, detectron2.ConstantParamScheduler(1.0), max_iter=1)
    assert constant(0) == np.float32(LR)
    with pytest.raises(ValueError, match="ends at step 0, where its multiplier does"):
        constant(1)
    cosine = detectron2.CosineParamScheduler(1.0, 0.0)
    assert cosine(2.0) == 1.0  # It comes up again, and has no end.
    assert detectron2.LRMultiplier(LR, cosine, max_iter=2)(4) == np.float32(LR)


def test_steps_after_the_end_are_left_out_with_a_warning():
    with pytest.warns(UserWarning, match="left out after SOLVER.MAX_ITER=60"):
        schedule = detectron2.build_lr_scheduler(SOLVER | {"STEPS": (30, 90)})

    assert schedule == detectron2.build_lr_scheduler(SOLVER | {"STEPS": (30,)})


# --- conversions ---


@pytest.mark.parametrize("name", OLD)
def test_the_older_ones_convert(name):
    theirs = getattr(of_detectron2(), name)
    [*_] = assert_arguments(getattr(detectron2, name), theirs)

    assert_converts(getattr(detectron2, name), theirs, OLD[name])
    assert_there_and_back(getattr(detectron2, name), theirs, OLD[name])


@pytest.mark.parametrize("steps", [0, 25])
@pytest.mark.parametrize("multiplier", FVCORE, ids=name_of)
def test_a_live_multiplier_converts_in_the_middle_of_its_run(multiplier, steps):
    schedule = detectron2.LRMultiplier(LR, multiplier, 61)
    scheduler = live_detectron2(schedule, sgd(LR, groups=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(steps):
            scheduler.step()
    first, second = js.from_torch(scheduler)
    counts = np.arange(60)

    np.testing.assert_array_equal(first(counts), schedule(counts))
    assert (first.lr, second.lr) == (LR, LR / 2)
    assert type(first.multiplier) is type(multiplier)
    assert js.current_count(scheduler) == steps
    assert js.from_torch(scheduler, start="now")[0](5) == schedule(steps + 5)


def test_a_resumed_multiplier_converts():
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = LR
    schedule = detectron2.LRMultiplier(LR, WARM, 61, last_iter=9)
    rates = detectron2_rates(detectron2.LRMultiplier(LR, WARM, 61), 61)
    scheduler = live_detectron2(schedule, optimizer)

    assert_exact(schedule, rates[10:])
    assert js.from_torch(scheduler) == schedule


def test_what_a_live_one_does_not_show_is_refused():
    scheduler = live_detectron2(detectron2.LRMultiplier(LR, WAVE, 61), sgd())
    scheduler.optimizer.param_groups[0]["lr"] = 0.3
    with pytest.raises(ValueError, match="the rate was set from outside"):
        js.from_torch(scheduler)

    class Own(of_fvcore().ParamScheduler):
        def __call__(self, where):
            return 1.0 - where

    own = of_detectron2().LRMultiplier(sgd(), Own(), 61)
    with pytest.raises(ValueError, match="must have a multiplier of fvcore's own classes"):
        js.from_torch(own)
    assert js.from_torch(own, total_steps=9)(5) == np.float32(LR * (1.0 - 5 / 61))


def test_a_multiplier_is_not_built():
    with pytest.raises(TypeError, match="detectron2 alone builds that"):
        js.to_torch(detectron2.LRMultiplier(LR, WAVE, 61), sgd())


two = [1.0, 0.1]
build = detectron2.build_lr_scheduler
WRONG = [
    (lambda: detectron2.LRMultiplier(-LR, WAVE, 9), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: detectron2.LRMultiplier(LR, WAVE, 0), ValueError, "max_iter=...)` must be a positive number"),
    (lambda: detectron2.LRMultiplier(LR, js.StepLR(LR, 3), 9), TypeError, "multiplier=...)` must be of fvcore's schedulers"),
    (lambda: detectron2.ExponentialParamScheduler(1.0, -1.0), ValueError, "decay=...)` must be a number from 0 up"),
    (lambda: detectron2.PolynomialDecayParamScheduler(1.0, -1.0), ValueError, "power=...)` must be a number from 0 up"),
    (lambda: detectron2.MultiStepParamScheduler(two), ValueError, "num_updates=...)` must be given, or `milestones`"),
    (lambda: detectron2.MultiStepParamScheduler(two, 9, [3, 4]), ValueError, "milestones=...)` must be a list of 1, for 2 values"),
    (lambda: detectron2.MultiStepParamScheduler(two, 9, [9]), ValueError, "milestones=...)` must be below the number of updates, 9"),
    (lambda: detectron2.MultiStepParamScheduler([1, 2, 3], 9, [5, 4]), ValueError, "milestones=...)` must be positive and in order"),
    (lambda: detectron2.MultiStepParamScheduler(two, 1), ValueError, "num_updates=...)` must be 2 at least"),
    (lambda: detectron2.MultiStepParamScheduler(1.0, 9), TypeError, "values=...)` must be a list of numbers"),
    (lambda: detectron2.StepParamScheduler(0, two), ValueError, "num_updates=...)` must be a positive number"),
    (lambda: detectron2.StepParamScheduler(9, []), ValueError, "values=...)` must be at least one value"),
    (lambda: detectron2.StepWithFixedGammaParamScheduler(1.0, 0, 0.1, 9), ValueError, "num_decays=...)` must be a positive int"),
    (lambda: detectron2.StepWithFixedGammaParamScheduler(1.0, 3, 0.0, 9), ValueError, "gamma=...)` must be a positive number"),
    (lambda: detectron2.CompositeParamScheduler([], [], []), ValueError, "schedulers=...)` must be at least one scheduler"),
    (lambda: detectron2.CompositeParamScheduler([WAVE], [0.5], ["fixed"]), ValueError, "lengths=...)` must be such that they make 1, not 0.5"),
    (lambda: detectron2.CompositeParamScheduler([WAVE], [1.0], ["scaled"]), ValueError, "interval_scaling=...)` must be 'rescaled' or 'fixed'"),
    (lambda: detectron2.CompositeParamScheduler([WAVE], [0.5, 0.5], ["fixed"]), ValueError, "lengths=...)` must be one for each of the 1 schedulers"),
    (lambda: detectron2.CompositeParamScheduler([WAVE, WAVE], [1.5, -0.5], ["fixed"] * 2), ValueError, "lengths=...)` must be shares from 0 to 1"),
    (lambda: detectron2.WarmupParamScheduler(WAVE, 0.1, 2.0), ValueError, "warmup_length=...)` must be a share from 0 to 1"),
    (lambda: detectron2.WarmupParamScheduler(detectron2.ConstantParamScheduler(1.0), 0.1, 1.0), ValueError, "warmup_length=...)` must be a share at which"),
    (lambda: detectron2.WarmupParamScheduler(WAVE, 0.1, 0.1, "cosine"), ValueError, "warmup_method=...)` must be 'linear' or 'constant'"),
    (lambda: detectron2.ConstantParamScheduler(1.0)(1.0), ValueError, "has values at shares up to"),
    (lambda: DROPS(1.25), ValueError, "has values at shares up to 1 alone"),
    (lambda: detectron2.WarmupMultiStepLR(LR, [9, 3]), ValueError, "milestones=...)` must be numbers of updates in order"),
    (lambda: detectron2.WarmupCosineLR(LR, 0), ValueError, "max_iters=...)` must be a positive number"),
    (lambda: build(3), TypeError, "cfg=...)` must be a config with a section SOLVER"),
    (lambda: build({"LR_SCHEDULER_NAME": "Cosine"}), ValueError, "must have an LR_SCHEDULER_NAME of"),
    (lambda: build({"LR_SCHEDULER_NAME": "WarmupCosineLR", "BASE_LR_END": 1.0}), ValueError, "a BASE_LR_END from 0 to BASE_LR, 0.001, got 1.0"),
    (lambda: build({"WARMUP_ITER": 9}), ValueError, "got 'WARMUP_ITER': did you mean WARMUP_ITERS?"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
