"""mmengine's schedulers: against the library's own files, alone and several on one rate."""

import collections
import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from detection import (
    LR,
    MMENGINE,
    MMENGINE_LONG,
    MOMENTUM,
    ONE_CYCLE,
    SHAPES,
    build_mmengines,
    config_of,
    mmengine_values,
    of_mmengine,
    options_of,
    read,
    sgd,
    stepped_by_runner,
    theirs,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import STEPS, assert_exact, assert_like_all, assert_written_as_all

import jaxsched as js
from jaxsched import mmengine
from jaxsched.testing import bound

RATES = {f"{name}LR": options for name, options in SHAPES.items()}
MOMENTA = {f"{name}Momentum": options for name, options in SHAPES.items()}


begins = st.sampled_from([0, 0, 1, 7])
sizes = st.sampled_from([2, 3, 17, 40, 10**9])
gammas = st.sampled_from([0.1, 0.5, 1.0, 1.5])
lows = st.sampled_from([{}, {"eta_min": 0.0}, {"eta_min": 0.013}, {"eta_min_ratio": 0.1}])
ANY = {
    "Constant": {"factor": st.sampled_from([0.1, 1 / 3, 1.0])},
    "CosineAnnealing": {"T_max": st.sampled_from([None, 1, 3, 8, 100]), "low": lows},
    "CosineRestart": {"cut": st.integers(1, 3), "low": lows.filter(bool)},
    "Exponential": {"gamma": gammas},
    "Linear": {"start_factor": st.sampled_from([0.001, 0.5, 1.0]), "end_factor": st.sampled_from([0.0, 0.3, 1.0])},
    "MultiStep": {"milestones": st.lists(st.integers(0, 45), max_size=4), "gamma": gammas},
    "Poly": {"power": st.sampled_from([0.0, 0.5, 1.0, 2.5]), "eta_min": st.sampled_from([0.0, 0.013])},
    "Step": {"step_size": st.integers(1, 12), "gamma": gammas},
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}
    options |= options.pop("low", {})
    if "cut" in options:
        number = options.pop("cut")
        options |= {"periods": [5, 1, 20][:number], "restart_weights": [1, 0.5, 0.7][:number]}
    options["begin"] = data.draw(begins, label="begin")
    options["end"] = options["begin"] + data.draw(sizes, label="size")

    assert_exact(getattr(mmengine, f"{name}LR")(LR, **options), theirs(f"{name}LR", options, 50))


@pytest.mark.parametrize("name", MOMENTA)
def test_a_momentum_is_as_a_rate(name):
    schedule = getattr(mmengine, name)(MOMENTUM, **MOMENTA[name])

    assert_exact(schedule, theirs(name, MOMENTA[name], STEPS))


@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("word", ["cos", "linear"])
def test_one_cycle(three_phase, word):
    options = ONE_CYCLE | {"three_phase": three_phase, "anneal_strategy": word}

    assert_exact(mmengine.OneCycleLR(**options, lr=LR), theirs("OneCycleLR", options, STEPS))


@pytest.mark.parametrize("name", ["StepLR", "ExponentialLR", "ConstantLR", "CosineAnnealingLR"])
def test_one_that_was_resumed_by_its_last_step(name):
    options = RATES[name] | {"last_step": 4}
    optimizer = sgd(0.07)
    optimizer.param_groups[0]["initial_lr"] = LR
    [scheduler] = build_mmengines(optimizer, [{"type": name, **options}], 1)
    rates, _ = stepped_by_runner(optimizer, [scheduler], 30, 1)

    assert_exact(getattr(mmengine, name)(0.07, **options, initial_lr=LR), rates)


@pytest.mark.parametrize("name", [*RATES, *MOMENTA, "OneCycleLR"])
def test_the_arguments_are_those_of_the_library(name):
    own = of_mmengine()[name]
    base = next(cls for cls in own.__mro__ if cls.__name__.endswith("ParamScheduler"))
    given = inspect.signature(base.__init__).parameters.values()
    given = {p.name: p.default for p in given if p.name not in ("self", "verbose", "param_name")}
    fields = getattr(mmengine, name)._field_table
    ours = {f.name: f.default for f in fields if not f.name.startswith("initial_")}
    given.pop("optimizer"), ours.pop("value", None), ours.pop("lr", None)

    assert [*ours] == [*given]
    for key, value in given.items():
        required = value is inspect.Parameter.empty
        assert required or ours[key] == value


@pytest.mark.parametrize("name", RATES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(mmengine, name), RATES[name])


def test_those_that_begin_with_something_else_are_too():
    assert_written_as_all(mmengine.PolyMomentum, MOMENTA["PolyMomentum"], "value")
    assert_written_as_all(mmengine.OneCycleLR, ONE_CYCLE, "lr")


# --- several on one rate ---


@pytest.mark.parametrize("name", MMENGINE)
def test_a_config_against_the_library(name):
    schedule = read(MMENGINE[name])
    rates, momenta = mmengine_values(MMENGINE[name], 70)

    assert_exact(schedule, rates)
    if name == "momentum":
        assert_exact(schedule.momentum, momenta)
    else:
        with pytest.raises(AttributeError, match="none of its schedulers"):
            schedule.momentum  # noqa: B018


@pytest.mark.parametrize("name", MMENGINE_LONG)
def test_a_long_run_costs_nothing(name):
    schedule, count = read(MMENGINE_LONG[name], 7_330), 80_000
    rates, _ = mmengine_values(MMENGINE_LONG[name], count + 1, 7_330)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = schedule(count)
    assert abs(float(shown) - rates[-1]) <= bound(rates[-1])


PIECES = {
    "LinearLR": {"start_factor": 0.2}, "MultiStepLR": {"milestones": [1, 4], "gamma": 0.5},
    "CosineAnnealingLR": {"eta_min": 0.01}, "PolyLR": {"eta_min": 0.0, "power": 2.0},
    "ConstantLR": {"factor": 0.5}, "ExponentialLR": {"gamma": 0.9},
    "CosineRestartLR": {"periods": [3, 5], "restart_weights": [1, 0.5], "eta_min_ratio": 0.1},
}  # fmt: skip
pieces = st.builds(
    lambda name, begin, size, by_epoch: {
        "type": name, **PIECES[name], "begin": begin, "end": begin + size, "by_epoch": by_epoch,
    },
    st.sampled_from(sorted(PIECES)), st.integers(0, 6), st.integers(2, 15), st.booleans(),
)  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(config=st.lists(pieces, min_size=2, max_size=4), length=st.sampled_from([1, 3]))
def test_any_windows_against_the_library(config, length):
    rates, _ = mmengine_values(config, 40, length)
    schedule = read(config, length, total_steps=40)

    assert (np.abs(np.asarray(schedule(np.arange(40)), np.float64) - rates) <= bound(rates)).all()


OVERLAPPING = [
    mmengine.LinearLR(LR, 0.1, end=9, by_epoch=False),
    mmengine.CosineAnnealingLR(LR, eta_min=0.01, end=40, by_epoch=False),
]


def test_what_has_no_closed_form_is_stepped_through_and_says_so():
    rates, _ = mmengine_values(config_of(OVERLAPPING), 50)
    with pytest.warns(UserWarning, match="total_steps=N"):
        slow = mmengine.ParamSchedulers(OVERLAPPING)

    assert_exact(slow, rates)
    assert_exact(mmengine.ParamSchedulers(OVERLAPPING, total_steps=50), rates)
    # As an argument of `jit` its numbers are float32, and its windows still known.
    traced = jax.jit(lambda schedule, count: schedule(count))(slow, 20)
    np.testing.assert_allclose(traced, rates[20], rtol=1e-5)


def test_a_float_without_a_fraction_is_a_count():
    window = mmengine.ConstantLR(LR, 0.5, begin=2.0, end=6.0, by_epoch=False)
    assert window == mmengine.ConstantLR(LR, 0.5, begin=2, end=6, by_epoch=False)
    assert mmengine.CosineAnnealingLR(LR, T_max=9.0, end=9).T_max == 9
    assert mmengine.StepLR(LR, 3, last_step=4.0).last_step == 4


def test_a_one_cycle_ends_with_its_window_or_raises_as_mmengine():
    def cycle(end):
        return mmengine.OneCycleLR(0.2, 10, lr=LR, end=end, by_epoch=False)

    np.testing.assert_allclose(cycle(11)(np.array([12, 40])), 0.009903872, rtol=1e-6)
    np.testing.assert_allclose(cycle(10)(40), 8e-7, rtol=1e-5)
    with pytest.raises(ValueError, match=r"Tried to step 11 times.*ends at step 10"):
        cycle(12)(11)


COSINE = mmengine.CosineAnnealingLR(LR, eta_min=0.01, end=40, by_epoch=False)
IN_ITS_WINDOW = {  # of another window; the rates are those of mmengine 0.10.7
    "a constant": (
        [mmengine.ConstantLR(LR, 0.5, begin=2, end=6, by_epoch=False)],
        [0.1, 0.09986128, 0.049722988, 0.049416856, 0.048990918, 0.096895599, 0.095410829, 0.093677941, 0.091707619],
    ),
    "a line": (
        [mmengine.LinearLR(LR, 0.2, begin=4, end=9, by_epoch=False)],
        [0.1, 0.09986128, 0.099445975, 0.098756646, 0.019559509, 0.038852701, 0.05753955, 0.07543337, 0.092365804],
    ),
    "restarts": (
        [mmengine.CosineRestartLR(LR, [3, 4], [1, 0.5], eta_min=0.02, begin=5, end=12, by_epoch=False)],
        [0.1, 0.09986128, 0.099445975, 0.098756646, 0.097797543, 0.1, 0.078846639, 0.03914994, 0.05, 0.044689151],
    ),
}  # fmt: skip
IN_ITS_WINDOW["all"] = (
    [part for parts, _ in IN_ITS_WINDOW.values() for part in parts],
    [0.1, 0.09986128, 0.049722988, 0.049416856, 0.0097981837, 0.1, 0.11576996, 0.063832892, 0.05, 0.044689151],
)  # fmt: skip


@pytest.mark.parametrize("name", IN_ITS_WINDOW)
def test_windows_that_overlap_a_cosines(name):
    parts, rates = IN_ITS_WINDOW[name]
    together = mmengine.ParamSchedulers([COSINE, *parts], total_steps=40)

    np.testing.assert_allclose(together(np.arange(len(rates))), rates, rtol=3e-7)


@pytest.mark.parametrize("name", IN_ITS_WINDOW)
def test_they_are_mmengines(name):
    parts, rates = IN_ITS_WINDOW[name]
    theirs, _ = mmengine_values(config_of([COSINE, *parts]), len(rates))

    np.testing.assert_allclose(np.ravel(theirs), rates, rtol=1e-7)


def test_a_one_cycle_changes_the_initial_rate_of_those_built_after_it():
    config = [
        {"type": "OneCycleLR", "eta_max": 0.2, "total_steps": 10, "end": 10, "by_epoch": False},
        {"type": "CosineRestartLR", "periods": [20], "restart_weights": [1], "eta_min_ratio": 0.1,
         "begin": 10, "end": 30, "by_epoch": False},
    ]  # fmt: skip

    assert_exact(read(config), mmengine_values(config, 40)[0])


def test_a_sweep_of_the_end_of_a_warm_up():
    def made(size):
        warmup = mmengine.LinearLR(LR, 0.1, end=size, by_epoch=False)
        poly = mmengine.PolyLR(LR, begin=size, end=60, by_epoch=False)
        return mmengine.ParamSchedulers([warmup, poly])

    swept = jax.jit(jax.vmap(lambda size: made(size)(np.arange(STEPS))))(jnp.array([5, 20]))
    for row, size in zip(swept, (5, 20), strict=True):
        np.testing.assert_array_equal(row, made(size)(np.arange(STEPS)))


def test_a_sweep_out_of_order_is_refused():
    def made(size):
        warmup = mmengine.LinearLR(LR, 0.1, end=size, by_epoch=False)
        return mmengine.ParamSchedulers([warmup, OVERLAPPING[1]])

    for sweep in (jax.vmap(lambda size: made(size)(3)), made):
        with pytest.raises(ValueError, match="must be in the order of their windows"):
            sweep(jnp.array([5, 20]))


def test_gradients_through_a_list():
    def rate(lr, factor):
        warmup = mmengine.LinearLR(lr, factor, end=5, by_epoch=False)
        cosine = mmengine.CosineAnnealingLR(lr, begin=5, end=60, by_epoch=False)
        return mmengine.ParamSchedulers([warmup, cosine])(2)

    by_lr, by_factor = jax.grad(rate, (0, 1))(LR, 0.2)
    np.testing.assert_allclose([by_lr, by_factor], [0.6, LR / 2], rtol=1e-6)


def test_a_list_is_written_as_all():
    schedule = read(MMENGINE["momentum"])

    assert eval(repr(schedule), {"mmengine": mmengine}) == schedule
    assert js.from_config(js.to_config(schedule)) == schedule


def test_epochs_and_updates_of_one_scheduler():
    schedule = mmengine.StepLR(LR, 2)
    counts = np.arange(30)

    np.testing.assert_array_equal(
        mmengine.ParamSchedulers([schedule], 5)(counts), js.per_epoch(schedule, 5)(counts)
    )


def test_the_end_of_a_run_is_the_end_of_those_that_have_none():
    config = {"type": "PolyLR", "power": 1.0}

    assert read(config, 5, max_epochs=4).schedulers[0].end == 4
    assert read(config | {"by_epoch": False}, 5, max_epochs=4).schedulers[0].end == 20
    assert read(config | {"by_epoch": False}, max_iters=30).schedulers[0].end == 30
    assert read({"type": "StepLR", "step_size": 3}).schedulers[0].end == mmengine.INF


# --- conversions ---


@pytest.mark.parametrize("steps", [0, 25])
@pytest.mark.parametrize("name", MMENGINE)
def test_live_ones_convert_in_the_middle_of_their_run(name, steps):
    optimizer = sgd(groups=2)
    schedulers = build_mmengines(optimizer, MMENGINE[name], 7)
    stepped_by_runner(optimizer, schedulers, steps + 1, 7)
    mixed = len({each.by_epoch for each in schedulers}) > 1
    schedule = js.from_torch(schedulers, epoch_length=7 if mixed else None)

    rates, _ = mmengine_values(MMENGINE[name], 60)
    assert_exact(schedule[0], rates)
    assert js.current_count(schedulers) == steps
    now = js.from_torch(schedulers, start="now", epoch_length=7 if mixed else None)
    assert now[1](3) == schedule[1](steps + 3)


@pytest.mark.parametrize("name", [*RATES, *MOMENTA])
def test_a_live_one_converts(name):
    options = (RATES | MOMENTA)[name]
    [scheduler] = build_mmengines(sgd(), [{"type": name, **options}], 1)
    schedule = js.from_torch(scheduler)

    assert schedule == getattr(mmengine, name)(
        MOMENTUM if name in MOMENTA else LR, **options
    ) or name.startswith("CosineAnnealing")
    assert_exact(schedule, theirs(name, options, STEPS))


def test_what_a_live_one_does_not_tell_is_asked_for():
    schedulers = build_mmengines(sgd(), MMENGINE["faster-rcnn"], 7)
    with pytest.raises(ValueError, match=r"epoch_length=...\)` must be the number of updates"):
        js.from_torch(schedulers)
    schedulers[0].start_factor = 0.5
    with pytest.raises(ValueError, match="must have the rates that its attributes describe"):
        js.from_torch(schedulers, epoch_length=7)
    [plateau] = build_mmengines(sgd(), [{"type": "ReduceOnPlateauLR", "factor": 0.5}], 1)
    with pytest.raises(ValueError, match="ReduceOnPlateauLR: its value goes by the metric"):
        js.from_torch(plateau)
    [resumed] = build_mmengines(
        _with_initial(), [{"type": "StepLR", "step_size": 3, "last_step": 4}], 1
    )
    with pytest.raises(ValueError, match="built with `last_step=-1`"):
        js.from_torch(resumed)


def _with_initial():
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = LR
    return optimizer


def test_pytorch_has_none_of_them():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR)

    with pytest.raises(TypeError, match="mmengine alone builds that"):
        js.to_torch(mmengine.StepLR(LR, 3), optimizer)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    with pytest.raises(ValueError, match="must be None but for mmengine's"):
        js.from_torch(scheduler, epoch_length=5)


STEP = mmengine.StepLR(LR, 3, by_epoch=False)
ONE = mmengine.OneCycleLR(0.2, 9, by_epoch=False)
WRONG = [
    (lambda: mmengine.StepLR(-LR, 3), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: mmengine.StepLR(LR, 0), ValueError, "step_size=...)` must be a positive number"),
    (lambda: mmengine.StepLR(LR, 3, begin=4, end=4), ValueError, "end=...)` must be larger than `begin`, 4"),
    (lambda: mmengine.StepLR(LR, 3, begin=1.5), ValueError, "begin=...)` must be an int from 0 up"),
    (lambda: mmengine.LinearLR(LR, 0.0), ValueError, "start_factor=...)` must be above 0 (mmengine divides by it)"),
    (lambda: mmengine.LinearLR(LR, 0.5, 2.0), ValueError, "end_factor=...)` must be from 0 to 1"),
    (lambda: mmengine.LinearLR(LR, last_step=3), ValueError, "last_step=...)` must be -1: mmengine goes on"),
    (lambda: mmengine.ConstantLR(LR, 0), ValueError, "factor=...)` must be above 0"),
    (lambda: mmengine.PolyLR(LR, power=-1), ValueError, "power=...)` must be a number from 0 up"),
    (lambda: mmengine.PolyLR(LR, last_step=3), ValueError, "last_step=...)` must be -1: mmengine divides by 0"),
    (lambda: mmengine.CosineAnnealingLR(LR, 0), ValueError, "T_max=...)` must be a positive number"),
    (lambda: mmengine.CosineAnnealingLR(LR, 5, 0.1, eta_min_ratio=0.1), ValueError, "eta_min_ratio=...)` must be None where"),
    (lambda: mmengine.CosineRestartLR(LR, [3, 4], eta_min=0), ValueError, "restart_weights=...)` must be 2 weights"),
    (lambda: mmengine.CosineRestartLR(LR, [3]), ValueError, "eta_min=...)` must be given, or `eta_min_ratio`"),
    (lambda: mmengine.CosineRestartLR(LR, [0], eta_min=0), ValueError, "periods=...)` must be positive numbers of steps"),
    (lambda: mmengine.CosineRestartLR(LR, 3, eta_min=0), TypeError, "periods=...)` must be a list of numbers"),
    (lambda: mmengine.MultiStepLR(LR, 3), TypeError, "milestones=...)` must be a list of numbers"),
    (lambda: mmengine.MultiStepLR(LR, b"12"), TypeError, "milestones=...)` must be a list of numbers"),
    (lambda: mmengine.OneCycleLR(LR, 9, begin=2), ValueError, "lr=...)` must be the rate before step `begin`, 2"),
    (lambda: mmengine.OneCycleLR(LR, 9, anneal_strategy="exp"), ValueError, "anneal_strategy=...)` must be 'cos' or 'linear'"),
    (lambda: ONE(11), ValueError, "`mmengine.OneCycleLR(total_steps=9)` ends at step 9"),
    (lambda: mmengine.ParamSchedulers([]), ValueError, "schedulers=...)` must be at least one schedule"),
    (lambda: mmengine.ParamSchedulers(STEP), TypeError, "schedulers=...)` must be a list of schedules"),
    (lambda: mmengine.ParamSchedulers([js.StepLR(LR, 3)]), TypeError, "schedulers=...)` must be schedules of `jaxsched.mmengine`"),
    (lambda: mmengine.ParamSchedulers([mmengine.StepLR(LR, 3)]), ValueError, "epoch_length=...)` must be the number of updates in an epoch, as StepLR"),
    (lambda: mmengine.ParamSchedulers([STEP, mmengine.StepLR(0.2, 3, by_epoch=False)]), ValueError, "must agree on the rate, got [0.1, 0.2]"),
    (lambda: mmengine.ParamSchedulers([ONE, ONE]), ValueError, "schedulers=...)` must be one OneCycleLR at most"),
    (lambda: mmengine.build_param_scheduler(LR, "StepLR"), TypeError, "scheduler=...)` must be a dict with a `type`"),
    (lambda: mmengine.build_param_scheduler(LR, {}), TypeError, "must have a `type` in each dict"),
    (lambda: mmengine.build_param_scheduler(LR, {"type": "StpLR"}), ValueError, "got 'StpLR': did you mean StepLR?"),
    (lambda: mmengine.build_param_scheduler(LR, {"type": "ReduceOnPlateauLR"}), ValueError, "`jaxsched.ReduceLROnPlateau(lr, mode='min'"),
    (lambda: mmengine.build_param_scheduler(LR, {"type": "PolyLR"}, 5), ValueError, "must have an `end` for PolyLR"),
    (lambda: mmengine.build_param_scheduler(LR, {"type": "StepLR", "step_size": 3, "convert_to_iter_based": True}), ValueError, "and `epoch_length=N` the number of updates"),
    (lambda: mmengine.build_param_scheduler(LR, [{"type": "StepMomentum", "step_size": 3}], 5), ValueError, "momentum=...)` must be the momentum of the optimizer"),
    (lambda: mmengine.build_param_scheduler(LR, [{"type": "StepMomentum", "step_size": 3}], 5, momentum=0.9), ValueError, "got those of the momentum alone"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


def test_the_options_of_ours_are_those_of_mmengine():
    assert options_of(mmengine.PolyLR(LR, power=2.0, end=9)) == {"power": 2.0, "end": 9}


def test_a_config_may_have_sequences_of_its_own():
    class ListConfig(collections.UserList):
        pass

    listed = mmengine.MultiStepLR(LR, [2, 3])
    for milestones in (range(2, 4), ListConfig([2, 3]), (2, 3)):
        assert mmengine.MultiStepLR(LR, milestones) == listed
