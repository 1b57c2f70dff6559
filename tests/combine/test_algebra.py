"""Ramp, clip, join, from_function and from_rates, against NumPy, Optax and PyTorch."""

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from schedules import LR, SINGLES

import jaxsched as js
from jaxsched import compare
from jaxsched._traces.trace import shipped
from jaxsched.testing import bound

COUNTS = np.arange(40)
E = js.ExponentialLR(LR, 0.9)
CYCLE = js.OneCycleLR(LR, total_steps=6)

# --- Ramp ---

HEIGHTS = {  # in x from 0 to 1
    "linear": lambda x: x,
    "cosine": lambda x: (1 - np.cos(np.pi * x)) / 2,
    "sqrt": np.sqrt,
    "1-sqrt": lambda x: 1 - np.sqrt(1 - x),
    "square": np.square,
}


@pytest.mark.parametrize("start, stop", [(0.0, 0.3), (0.7, 1e-3), (-0.1, 0.1)])
@pytest.mark.parametrize("num_steps", [1, 30, 1000])
@pytest.mark.parametrize("shape", HEIGHTS)
def test_a_ramp(shape, num_steps, start, stop):
    counts = np.arange(num_steps + 3)
    x = np.minimum(counts / num_steps, 1.0)
    expected = np.where(counts < num_steps, start + (stop - start) * HEIGHTS[shape](x), stop)
    ramp = js.Ramp(start, stop, num_steps, shape)

    error = np.abs(np.asarray(ramp(counts), np.float64) - expected)
    assert (error <= bound(expected)).all()
    with jax.enable_x64(True):
        np.testing.assert_allclose(ramp(counts), expected, rtol=1e-15, atol=2e-16)


@pytest.mark.parametrize("start, stop", [(0.1, 1e-5), (1e-4, 3.0)])
def test_an_exponential_ramp_is_geometric(start, stop):
    expected = [*np.geomspace(start, stop, 31), stop, stop]
    ramp = js.Ramp(start, stop, 30, "exponential")

    np.testing.assert_allclose(ramp(np.arange(33)), expected, rtol=1e-7)
    assert ramp(30) == np.float32(stop)


def test_a_linear_ramp_is_pytorchs_where_that_has_one():
    traces = [(trace, trace.build()) for trace in shipped()["LinearLR"]]
    single = [(trace, s) for trace, s in traces if isinstance(s, js.LinearLR)]
    whole = [(trace, s) for trace, s in single if s.total_iters > 0 and s.total_iters % 1 == 0]
    begun = [(trace, s) for trace, s in whole if s.last_epoch == -1]

    for trace, line in begun:
        ramp = js.Ramp(line.lr * line.start_factor, line.lr * line.end_factor, line.total_iters)
        assert compare(ramp, trace).ok, (line, compare(ramp, trace))
    assert len(begun) > 5


@pytest.mark.parametrize("shape", [*HEIGHTS, "exponential"])
def test_a_ramp_of_no_steps_is_its_end(shape):
    np.testing.assert_array_equal(js.Ramp(0.5, LR, 0, shape)(COUNTS), np.float32(LR))
    traced = jax.jit(lambda n: js.Ramp(0.5, LR, n, shape)(np.arange(3)))(0)
    np.testing.assert_array_equal(traced, np.float32(LR))


@pytest.mark.parametrize("shape", [*HEIGHTS, "exponential"])
def test_the_derivatives_of_a_ramp_are_finite_and_right(shape):
    def rates(start, stop):
        return js.Ramp(start, stop, 10, shape)(np.array([0, 1, 5, 9, 10, 11]))

    with jax.enable_x64(True):
        slopes = jax.jacobian(rates, (0, 1))(0.2, 0.7)
        h = 1e-6
        numeric = [(rates(0.2 + h, 0.7) - rates(0.2 - h, 0.7)) / (2 * h),
                   (rates(0.2, 0.7 + h) - rates(0.2, 0.7 - h)) / (2 * h)]  # fmt: skip
    np.testing.assert_allclose(slopes, numeric, rtol=1e-6, atol=1e-9)
    # One of no steps has arrived at once: what is not chosen must not make these NaN.
    at_once = jax.jacobian(lambda *ends: js.Ramp(*ends, 0, shape)(np.arange(2)), (0, 1))(0.2, 0.7)
    np.testing.assert_array_equal(at_once, [[0.0, 0.0], [1.0, 1.0]])
    step = jax.grad(lambda n: js.Ramp(0.2, 0.7, n, shape)(3), allow_int=True)(10)
    assert step.dtype == jax.dtypes.float0


WRONG_RAMPS = [
    (lambda: js.Ramp(0, 1, 5, "log"), ValueError, "shape=...)` must be 'linear', 'cosine'"),
    (lambda: js.Ramp(0, 1, 5, "exponential"), ValueError, "start=...)` must be a positive number"),
    (lambda: js.Ramp(1, -1, 5, "exponential"), ValueError, "stop=...)` must be a positive number"),
    (lambda: js.Ramp(0, 1, 2.5), ValueError, "num_steps=...)` must be an int from 0 up, got 2.5"),
    (lambda: js.Ramp(0, 1, -1), ValueError, "num_steps=...)` must be an int from 0 up, got -1"),
    (lambda: js.Ramp(0, math.inf, 5), ValueError, "stop=...)` must be finite"),
    (lambda: js.Ramp(0, "1", 5), TypeError, "stop=...)` must be a number"),
    (lambda: js.Ramp(0, 1), TypeError, "must have `num_steps`"),
]


@pytest.mark.parametrize("wrong, error, message", WRONG_RAMPS)
def test_what_is_no_ramp(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


# --- clip ---


@pytest.mark.parametrize("low, high", [(0.02, None), (None, 0.07), (0.02, 0.07), (0.03, 0.03)])
@pytest.mark.parametrize("name", ["StepLR", "OneCycleLR", "CosineAnnealingLR", "MultiplicativeLR"])
def test_a_clipped_schedule(name, low, high):
    counts = np.arange(39)
    with jax.enable_x64(True):
        expected = np.clip(np.asarray(SINGLES[name](counts)), low, high)
        np.testing.assert_array_equal(js.clip(SINGLES[name], low, high)(counts), expected)
    np.testing.assert_array_equal(
        js.clip(SINGLES[name], low, high)(counts), expected.astype(np.float32)
    )


def test_a_clipped_schedule_has_the_momentum_and_the_end_of_its_own():
    clipped = js.clip(CYCLE, high=0.05)

    assert clipped.momentum == CYCLE.momentum
    with pytest.raises(ValueError, match="ends at step 6"):
        clipped(7)
    with pytest.raises(AttributeError):
        js.clip(E, high=0.05).momentum  # noqa: B018
    groups = js.clip(js.ParamGroups([E, CYCLE]), high=0.05)
    assert groups[1] == clipped and groups[0] == js.clip(E, high=0.05)
    slopes = jax.grad(lambda s: s(9), allow_int=True)(js.clip(E, low=0.05))
    assert slopes.low == 1.0 and slopes.schedule.lr == 0.0


WRONG_CLIPS = [
    (lambda: js.clip(E), ValueError, "must have a `low`, a `high` or both"),
    (lambda: js.clip(E, 0.2, 0.1), ValueError, "low=...)` must be at most `high`, which is 0.1"),
    (lambda: js.clip(0.1, 0.2), TypeError, "schedule=...)` must be a schedule of the step count"),
    (lambda: js.clip(js.ReduceLROnPlateau(0.1), 0.2), TypeError, "A plateau takes a schedule"),
    (lambda: js.clip(E, "a"), TypeError, "low=...)` must be a number"),
    (lambda: js.clip(E, math.nan), ValueError, "low=...)` must be finite"),
]


@pytest.mark.parametrize("wrong, error, message", WRONG_CLIPS)
def test_what_cannot_be_clipped(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


# --- join ---

MEMBERS = [
    js.Ramp(0.0, LR, 4),
    js.StepLR(3 * LR, 2, 0.5),
    js.StepLR(LR, 3),
    js.CosineAnnealingLR(LR, 7),
    js.SequentialLR([js.LinearLR(LR, 0.3, 1.0, 5), E], [5]),
    js.MultiplicativeLR(LR, lambda step: 0.9, total_steps=9),
    js.per_epoch(E, 2),
    js.from_rates([0.3, 0.2, 0.1]),
]


@pytest.mark.parametrize("number", [1, 2, 3, 8])
@pytest.mark.parametrize("gap", [0, 1, 4])
def test_joined_schedules_are_those_of_optax(number, gap):
    boundaries = [3 + gap * i for i in range(number - 1)]
    members = MEMBERS[:number]
    expected = optax.join_schedules(members, boundaries)
    counts = np.arange(50)  # of one length, so that the members' programs are the same

    joined = js.join(members, boundaries)
    np.testing.assert_array_equal(joined(counts), expected(counts))
    np.testing.assert_array_equal(jax.jit(joined.__call__)(counts), joined(counts))
    swept = js.join(members, jnp.array(boundaries, jnp.int32))
    np.testing.assert_array_equal(swept(counts), joined(counts))


def test_the_program_of_a_join_does_not_grow_with_its_length():
    def lines(number):
        joined = js.join([js.ExponentialLR(LR, 0.9 + 0.001 * i) for i in range(number)],
                         [5 * i for i in range(1, number)])  # fmt: skip
        return len(jax.jit(joined.__call__).lower(jnp.int32(3)).as_text().splitlines())

    assert lines(20) == lines(3)


def test_boundaries_can_be_batched_and_numbers_differentiated():
    def rate(boundary):
        return js.join([E, js.StepLR(0.5, 2, 0.1)], boundary[None])(6)

    found = jax.vmap(rate)(jnp.array([3, 6, 7]))
    np.testing.assert_allclose(found, [0.05, 0.5, 0.1 * 0.9**6], rtol=1e-6)
    slope = jax.grad(lambda lr: js.join([E, js.StepLR(lr, 2, 0.1)], [3])(6))(0.5)
    np.testing.assert_allclose(slope, 0.1, rtol=1e-6)


def test_joined_schedules_end_where_the_one_in_turn_ends():
    for boundary in (6, 7):  # CYCLE ends at 6, and is over by then
        assert np.isfinite(js.join([CYCLE, E], [boundary])(90))
    with pytest.raises(ValueError, match="Tried to step 7 times"):
        js.join([CYCLE, E], [8])(7)
    with pytest.raises(ValueError, match=r"Tried to step 7 times.*OneCycleLR.*ends at step 6"):
        js.join([CYCLE, E], [9])(90 - 83)
    with pytest.raises(ValueError, match=r"Tried to step 7 times.*OneCycleLR.*ends at step 6"):
        js.join([E, CYCLE], [4])(11)
    assert np.isfinite(js.join([E, CYCLE], [4])(10))
    # Where no boundary is known, no end is.
    for at in (jax.jit, lambda f: jax.vmap(lambda boundary: f(boundary[None]))):
        assert np.isfinite(
            at(lambda boundaries: js.join([E, CYCLE], boundaries)(12))(jnp.array([9]))
        ).all()
    overflowing = js.MultiplicativeLR(LR, lambda step: 1e100, total_steps=9)
    with pytest.raises(ValueError, match="takes counts below 8"):
        js.join([E, overflowing], [4])(9)
    assert np.isfinite(js.join([E, overflowing, E], [4, 8])(30))
    assert np.isfinite(js.join([E, js.clip(overflowing, 0.0), E], [4, 6])(30))


def test_joined_momenta():
    other = js.CyclicLR(0.01, LR, 3)
    joined = js.join([CYCLE, other], [6])
    expected = [*CYCLE.momentum(np.arange(6)), *other.momentum(np.arange(9))]

    np.testing.assert_array_equal(joined.momentum(np.arange(15)), expected)
    with pytest.raises(AttributeError, match="at index 1 cycles none"):
        js.join([CYCLE, E], [6]).momentum  # noqa: B018


WRONG_JOINS = [
    (lambda: js.join([], []), ValueError, "schedules=...)` must be at least one schedule"),
    (lambda: js.join(E, []), TypeError, "schedules=...)` must be a list of schedules"),
    (
        lambda: js.join([E, 0.1], [3]),
        TypeError,
        "must hold schedules of the step count, got 0.1 at",
    ),
    (lambda: js.join([E, np.cos], [3]), TypeError, "jaxsched.from_function(function)"),
    (lambda: js.join([E, E], []), ValueError, "boundaries=...)` must be 1 counts, one less than"),
    (lambda: js.join([E, E], [2.5]), ValueError, "boundaries=...)` must be integers from 0 up"),
    (lambda: js.join([E, E, E], [5, 3]), ValueError, "boundaries=...)` must be integers from 0 up"),
    (lambda: js.join([E, E], [-1]), ValueError, "boundaries=...)` must be integers from 0 up"),
    (lambda: js.join([E, E], 3), TypeError, "boundaries=...)` must be a list of counts"),
    (lambda: js.join([E, E], jnp.array([0.5])), ValueError, "must be integers from 0 up"),
]


@pytest.mark.parametrize("wrong, error, message", WRONG_JOINS)
def test_what_cannot_be_joined(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


# --- from_function, from_rates ---


def get_lr(it):
    """A hand-written one, as training scripts have it: Python's `if` and `math`."""
    warmup, length, low, high = 5, 30, 1e-3, 0.1
    if it < warmup:
        return high * (it + 1) / (warmup + 1)
    if it > length:
        return low
    return low + 0.5 * (1 + math.cos(math.pi * (it - warmup) / (length - warmup))) * (high - low)


def test_a_function_of_the_rate():
    expected = np.array([get_lr(it) for it in range(40)])
    schedule = js.from_function(get_lr, total_steps=40)

    np.testing.assert_array_equal(schedule(COUNTS), expected.astype(np.float32))
    assert schedule(99) == np.float32(1e-3)
    with pytest.raises(TypeError, match=r"from_function.*function=.*total_steps=N"):
        js.from_function(get_lr)(3)
    traced = js.from_function(lambda it: 0.1 / jnp.sqrt(it + 1))
    np.testing.assert_allclose(traced(COUNTS), 0.1 / np.sqrt(COUNTS + 1), rtol=1e-7)
    chain = js.join([js.Ramp(0.0, 0.1, 5), js.from_function(get_lr, total_steps=40)], [5])
    np.testing.assert_array_equal(chain(COUNTS[5:]), expected[:35].astype(np.float32))


@pytest.mark.parametrize("wrong", [3, "0.1", lambda: 0.1, lambda a, b: 0.1, [lambda s: 0.1]])
def test_what_is_no_function_of_the_rate(wrong):
    with pytest.raises(TypeError, match=r"`from_function\(function=...\)` must be"):
        js.from_function(wrong)


def test_rates_that_are_there():
    rates = np.linspace(0.1, 0.2, 7)

    np.testing.assert_array_equal(js.from_rates(rates)(np.arange(7)), rates.astype(np.float32))
    assert js.from_rates(rates)(99) == np.float32(0.2)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(js.from_rates(list(rates))(np.arange(7)), rates)
    slope = jax.grad(lambda x: (js.from_rates(x) * js.StepLR(2.0, 3))(2))(jnp.asarray(rates))
    np.testing.assert_allclose(slope, [0, 0, 2, 0, 0, 0, 0], rtol=1e-6)
    for wrong in ([], [math.nan], [math.inf], "0.1", 0.1, [[0.1], [0.2, 0.3]]):
        with pytest.raises((TypeError, ValueError), match=r"`from_rates\(rates=...\)` must be"):
            js.from_rates(wrong)


# --- all of them ---

ALL = {
    "ramp": js.Ramp(0.0, LR, 4, "1-sqrt"),
    "clip": js.clip(E, 0.02, 0.08),
    "join": js.join(MEMBERS[:3], [4, 9]),
    "from_rates": js.from_rates([0.3, 0.2]),
    "recipe": js.clip(js.join([js.Ramp(0, LR, 5), js.CosineAnnealingLR(LR, 20)], [5]) * 0.5, 1e-3),
}


@pytest.mark.parametrize("name", ALL)
def test_their_texts_configs_and_pickles(name):
    from jaxsched._text.call import call_text
    from jaxsched._text.parse import parse

    schedule = ALL[name]
    scope = {n: getattr(js, n) for n in js.__all__}
    assert js.from_config(js.to_config(schedule)) == schedule
    assert parse(call_text(schedule)) == schedule == eval(call_text(schedule), scope)
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(schedule) == hash(pickle.loads(pickle.dumps(schedule)))


@pytest.mark.parametrize("name", ALL)
def test_they_compose(name):
    schedule, rates = ALL[name], np.asarray(ALL[name](COUNTS))

    np.testing.assert_array_equal(js.per_epoch(schedule, 3)(COUNTS), rates[COUNTS // 3])
    np.testing.assert_array_equal(js.skip(schedule, 3)(COUNTS[:-3]), rates[3:])
    np.testing.assert_array_equal(js.tabulate(schedule, 40)(COUNTS), rates)
    np.testing.assert_array_equal(js.SequentialLR([schedule, E], [9])(COUNTS[:9]), rates[:9])
    np.testing.assert_array_equal(
        js.ChainedScheduler([schedule, js.StepLR(LR, 9, 0.5)])(COUNTS[:9]), rates[:9]
    )
    batch = js.stack([schedule, js.StepLR(LR, 9), schedule])
    found = jax.vmap(lambda one: jax.vmap(one)(COUNTS))(batch)
    np.testing.assert_array_equal(found[0], rates)
    np.testing.assert_array_equal(found[2], rates)


def test_equal_shapes_share_a_program_under_stack():
    def recipe(peak, steps):
        return js.join([js.Ramp(0.0, peak, steps), js.CosineAnnealingLR(peak, 20)], [steps])

    def lines(number):
        batch = js.stack([recipe(0.1 * (i + 1), 5) for i in range(number)])
        program = jax.jit(jax.vmap(lambda one: one(3))).lower(batch).as_text()
        return len(program.splitlines())

    assert lines(9) == lines(3)


def test_a_clip_is_written_as_its_call():
    assert repr(js.clip(E, 0.02, high=0.09)) == f"clip({E!r}, low=0.02, high=0.09)"
