"""`plot`: what it draws, and how many steps."""

import matplotlib.pyplot as plt
import numpy as np
import optax
import pytest
from schedules import SCHEDULES

import jaxsched as js
from jaxsched._plot.extent import extent

STEP = js.StepLR(0.1, step_size=30)
COSINE = js.CosineAnnealingLR(0.1, T_max=95)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def curves(ax):
    return [line.get_ydata() for line in ax.lines]


def test_draws_the_rates_at_each_step():
    ax = js.plot(STEP, COSINE, steps=70)

    for line, schedule in zip(ax.lines, (STEP, COSINE), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(70))
        np.testing.assert_array_equal(line.get_ydata(), schedule(np.arange(70)))
    assert [line.get_label() for line in ax.lines] == [repr(STEP), repr(COSINE)]
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == [
        repr(STEP),
        repr(COSINE),
    ]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "learning rate")


def test_one_schedule_is_named_in_the_title_if_there_is_none():
    _, ax = plt.subplots()
    ax.set_title("mine")

    assert js.plot(STEP).get_title(loc="left") == repr(STEP)
    assert js.plot(STEP, ax=ax) is ax
    assert ax.get_title() == "mine" and ax.get_title(loc="left") == ""


def test_momentum_has_an_axis_of_its_own():
    cycle = js.OneCycleLR(0.1, total_steps=20)
    ax = js.plot(cycle)
    [momenta] = [other for other in ax.figure.axes if other is not ax]

    np.testing.assert_array_equal(curves(momenta)[0], cycle.momentum(np.arange(20)))
    assert momenta.get_ylabel() == "momentum (dashed)"
    assert len(js.plot(STEP).figure.axes) == 1


def test_epochs_are_at_the_top_where_per_epoch_says_so():
    def top(*schedules):
        ax = js.plot(*schedules)
        ax.figure.draw_without_rendering()
        return [child for child in ax.child_axes if child.get_xlabel() == "epoch"]

    by_epoch = js.per_epoch(STEP, 390)
    [axis] = top(js.Product([by_epoch, js.Ramp(0, 1, 100)]), COSINE)
    assert axis.get_xlim()[1] == pytest.approx(axis.figure.axes[0].get_xlim()[1] / 390)
    assert top(js.ChainedScheduler([js.LinearLR(0.1), by_epoch]))
    assert top(js.per_batches(STEP, 1, 390))
    assert not top(STEP)
    assert not top(by_epoch, js.per_epoch(STEP, 10))


@pytest.mark.parametrize(
    "schedules, log",
    [
        ([STEP], True),
        ([COSINE], False),
        ([js.ExponentialLR(0.1, 0.9)], False),
        ([js.ReduceLROnPlateau(0.1, patience=0), STEP], True),
        ([STEP, js.CosineAnnealingLR(0.1, 10)], False),  # It is 0 at one step.
    ],
)
def test_the_axis_is_logarithmic_where_rates_are_small_for_long(schedules, log):
    def metrics(step):
        return 1.0

    assert js.plot(*schedules, metrics=metrics).get_yscale() == ("log" if log else "linear")
    assert js.plot(*schedules, metrics=metrics, log=not log).get_yscale() != (
        "log" if log else "linear"
    )


def test_groups_traces_plateaus_and_functions():
    groups = js.ParamGroups([STEP, COSINE])
    trace = js.Trace.from_rates(np.asarray(STEP(np.arange(0, 60, 10))), counts=np.arange(0, 60, 10))
    plateau = js.ReduceLROnPlateau(0.1, patience=0)
    decay = optax.exponential_decay(0.1, 10, 0.5)
    ax = js.plot(groups, trace, plateau, decay, steps=8, metrics=[1.0] * 7)

    assert [line.get_label() for line in ax.lines] == [
        f"{STEP!r}, group 0", f"{COSINE!r}, group 1", "a training loop, rates from a log, rounded to 6e-08",
        repr(plateau), "exponential_decay",
    ]  # fmt: skip
    drawn = curves(ax)
    np.testing.assert_array_equal(drawn[2], trace.lr)
    np.testing.assert_array_equal(ax.lines[2].get_xdata(), trace.counts)
    np.testing.assert_allclose(drawn[3], 0.1 ** np.array([1, 1, 2, 3, 4, 5, 6, 7]), rtol=1e-6)
    np.testing.assert_array_equal(drawn[4], decay(np.arange(8)))
    assert len({line.get_color() for line in ax.lines}) == 5


def test_labels_of_ones_own():
    ax = js.plot(js.ParamGroups([STEP, COSINE]), STEP, labels=["both", "drops"])

    assert [line.get_label() for line in ax.lines] == ["both, group 0", "both, group 1", "drops"]


def test_a_long_curve_keeps_its_peaks():
    spikes = js.CyclicLR(0.01, 0.1, step_size_up=1, step_size_down=9_999)
    [line] = js.plot(spikes, steps=100_000).lines

    assert len(line.get_xdata()) < 5_000
    np.testing.assert_array_equal(
        line.get_xdata()[line.get_ydata() == np.float32(0.1)], np.arange(1, 100_000, 10_000)
    )


@pytest.mark.parametrize(
    "given, error, message",
    [
        (lambda: js.plot(), ValueError, "must get a schedule to draw, got none"),
        (lambda: js.plot([STEP]), TypeError, r"got a list: write `plot\(\*schedules\)`"),
        (lambda: js.plot(0.1), TypeError, "must get schedules or traces, got 0.1"),
        (lambda: js.plot(STEP, labels=["a", "b"]), ValueError, r"`plot\(labels=...\)` must hold 1"),
        (lambda: js.plot(STEP, steps=0), ValueError, "steps"),
        (
            lambda: js.plot(js.ReduceLROnPlateau(0.1)),
            ValueError,
            r"`plot\(metrics=...\)` must be given",
        ),
        (
            lambda: js.plot(js.ReduceLROnPlateau(0.1), steps=9, metrics=[1.0]),
            ValueError,
            "must be at least 8",
        ),
    ],
)
def test_bad_input(given, error, message):
    with pytest.raises(error, match=message):
        given()
    assert not plt.get_fignums()


# --- how many steps ---


@pytest.mark.parametrize(
    "schedule, steps",
    [
        (STEP, 120),
        (COSINE, 96),
        (js.MultiStepLR(0.1, [30, 80]), 100),
        (js.LinearLR(0.1, total_iters=8), 10),
        (js.ExponentialLR(0.1, 0.9), 44),
        (js.CyclicLR(0.01, 0.1, 20), 80),
        (js.CosineAnnealingWarmRestarts(0.1, 10, T_mult=2), 70),
        (js.OneCycleLR(0.1, 100), 100),
        (js.LambdaLR(0.1, lambda step: 1.0), 100),
        (js.from_rates([0.1] * 7), 7),
        (js.per_epoch(COSINE, 10), 951),
        (js.delay(COSINE, 5), 101),
        (js.skip(COSINE, 5), 91),
        (js.per_update(COSINE, 5), 20),
        (js.SequentialLR([js.LinearLR(0.1), COSINE], [5]), 101),
        (js.join([js.Ramp(0, 0.1, 50), COSINE], [50]), 146),
        (COSINE * js.Ramp(0, 1, 5), 96),
        (js.ParamGroups([STEP, COSINE]), 120),
        (js.ReduceLROnPlateau(COSINE), 96),
        (js.transformers.get_linear_schedule_with_warmup(0.1, 50, 1000), 1001),
        (js.transformers.get_inverse_sqrt_schedule(0.1, 50), 250),
        (js.timm.CosineLRScheduler(0.1, t_initial=300), 301),
        (js.nemo.CosineAnnealing(0.1, max_steps=500, warmup_steps=50), 501),
    ],
)  # fmt: skip
def test_the_steps_that_are_shown(schedule, steps):
    assert extent(schedule) == steps


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_every_schedule_has_a_number_of_steps_to_show(schedule):
    assert 2 <= extent(schedule) < 100_000
