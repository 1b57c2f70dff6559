"""Numbers at the edge: large counts, every integer type, extreme rates and factors, short phases.

The right values come from PyTorch's formulas in 50-digit decimal arithmetic.
"""

import decimal
from decimal import Decimal as D
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched._core import numerics as xp
from jaxsched.testing import bound

decimal.getcontext().prec = 50
decimal.getcontext().Emin, decimal.getcontext().Emax = -(10**9), 10**9
F = D.from_float
PI = D("3.14159265358979323846264338327950288419716939937510")
COUNTS = [0, 1, 2, 29, 30, 31, 2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1]


def cos(x):
    """The Taylor series, after whole turns are taken off."""
    x %= 2 * PI
    term, total, k = D(1), D(1), 0
    while abs(term) > D(10) ** -48:
        k += 2
        term *= -x * x / (k * (k - 1))
        total += term
    return total


def power(base, exponent):
    if base == 0:
        return D(int(exponent == 0))
    sign = -1 if base < 0 and exponent % 2 else 1
    return sign * abs(base) ** exponent


# By name: the schedule of a rate, and the rate at a count in exact arithmetic.
SCHEDULES = {
    "step": (lambda lr: js.StepLR(lr, 30, 0.999), lambda lr, t: lr * power(F(0.999), t // 30)),
    "step, rising": (
        lambda lr: js.StepLR(lr, 2**36, 1.5),
        lambda lr, t: lr * power(F(1.5), t // 2**36),
    ),
    "step, negative": (
        lambda lr: js.StepLR(lr, 30, -1.0),
        lambda lr, t: lr * power(D(-1), t // 30),
    ),
    "step, zero": (lambda lr: js.StepLR(lr, 30, 0.0), lambda lr, t: lr * power(D(0), t // 30)),
    "step, one": (lambda lr: js.StepLR(lr, 30, 1.0), lambda lr, t: lr),
    "milestones": (
        lambda lr: js.MultiStepLR(lr, [0, 1, 30, 2**24, 2**31 - 1], 0.5),
        lambda lr, t: lr * power(F(0.5), sum(t >= m for m in (1, 30, 2**24, 2**31 - 1)))
        # A milestone of 0 is met as PyTorch builds the scheduler.
        * F(0.5),
    ),
    "exponential": (
        lambda lr: js.ExponentialLR(lr, 0.9999999),
        lambda lr, t: lr * power(F(0.9999999), t),
    ),
    "linear": (
        lambda lr: js.LinearLR(lr, 0.25, 1.0, 2**31 - 1),
        lambda lr, t: lr * (F(0.25) + (1 - F(0.25)) * min(t, 2**31 - 1) / (2**31 - 1)),
    ),
    "linear, one step": (
        lambda lr: js.LinearLR(lr, 0.25, 1.0, 1),
        lambda lr, t: lr * (F(0.25) if t == 0 else 1),
    ),
    "constant": (
        lambda lr: js.ConstantLR(lr, 0.25, 30),
        lambda lr, t: lr * (F(0.25) if t < 30 else 1),
    ),
    "constant, no step": (lambda lr: js.ConstantLR(lr, 0.25, 0), lambda lr, t: lr / 4),  # for good
    "polynomial": (
        lambda lr: js.PolynomialLR(lr, 2**25, 2.0),
        lambda lr, t: lr * (1 - D(min(t, 2**25)) / 2**25) ** 2,
    ),
    "polynomial, one step": (
        lambda lr: js.PolynomialLR(lr, 1),
        lambda lr, t: lr * (1 if t == 0 else 0),
    ),
    "cosine": (
        lambda lr: js.CosineAnnealingLR(lr, 2**31),
        lambda lr, t: lr * (1 + cos(PI * t / 2**31)) / 2,
    ),
    "cosine, one step": (
        lambda lr: js.CosineAnnealingLR(lr, 1),
        lambda lr, t: lr * (1 + cos(PI * t)) / 2,
    ),
    "restarts": (
        lambda lr: js.CosineAnnealingWarmRestarts(lr, 1000),
        lambda lr, t: lr * (1 + cos(PI * (t % 1000) / 1000)) / 2,
    ),
    "triangles": (
        lambda lr: js.CyclicLR(0.0, lr, 1000, cycle_momentum=False),
        lambda lr, t: lr * (1 - abs(D(t % 2000) / 1000 - 1)),
    ),
    "ramp": (
        lambda lr: js.Ramp(0.0, lr, 2**31 - 1),
        lambda lr, t: lr * min(t, 2**31 - 1) / (2**31 - 1),
    ),
    "ramp, no step": (lambda lr: js.Ramp(0.0, lr, 0), lambda lr, t: lr),
    "product": (
        lambda lr: js.StepLR(lr, 30, 0.999) * js.Ramp(0.0, 1.0, 2**24),
        lambda lr, t: lr * power(F(0.999), t // 30) * min(D(t) / 2**24, 1),
    ),
    "per epoch": (
        lambda lr: js.per_epoch(js.ExponentialLR(lr, 0.9999999), 7),
        lambda lr, t: lr * power(F(0.9999999), t // 7),
    ),
    "join": (
        lambda lr: js.join([js.Ramp(0.0, lr, 30), js.StepLR(lr, 2**20, 0.5)], [30]),
        lambda lr, t: lr * t / 30 if t < 30 else lr * power(F(0.5), (t - 30) // 2**20),
    ),
    "sequence": (
        lambda lr: js.SequentialLR([js.ConstantLR(lr, 0.5, 30), js.ExponentialLR(lr, 0.9999999)], [30]),
        lambda lr, t: lr / 2 if t < 30 else lr * power(F(0.9999999), t - 30),
    ),
}  # fmt: skip
# Up to which count PyTorch's own float64 formula tells the phase of a cycle.
LARGEST = {"cosine, one step": 2**24 + 1, "triangles": 2**24 + 1}
CASES = [pytest.param(*case, LARGEST.get(name, 2**63), id=name) for name, case in SCHEDULES.items()]


def assert_right(rates, make_exact, lr, counts):
    """Within the documented bound, or both below the smallest normal number of the type."""
    rates = np.asarray(rates)
    exact = np.array([float(make_exact(D(lr), int(t))) for t in counts])
    tiny = float(np.finfo(rates.dtype).tiny)
    error = abs(rates.astype(np.float64) - exact)
    fine = (error <= bound(exact, rates.dtype)) | (np.maximum(abs(rates), abs(exact)) < 2 * tiny)
    over = abs(exact) > np.finfo(rates.dtype).max
    assert (fine | (over & np.isinf(rates))).all(), (counts, rates, exact)


@pytest.mark.parametrize("make, exact, largest", CASES)
def test_large_counts(make, exact, largest):
    counts = [count for count in COUNTS if count <= largest]
    assert_right(make(0.1)(np.array(counts)), exact, 0.1, counts)


@pytest.mark.parametrize("make, exact, largest", CASES)
def test_large_counts_in_float64(make, exact, largest):
    counts = [n for n in (*COUNTS, 2**31, 2**32 + 1, 2**40) if n <= largest]
    with jax.enable_x64(True):
        assert_right(make(0.1)(np.array(counts)), exact, 0.1, counts)


@pytest.mark.parametrize("lr", [1e-30, 1e-6, 1e6, 1e30])
@pytest.mark.parametrize("make, exact, largest", CASES)
def test_rates_from_1e_30_to_1e30(make, exact, largest, lr):
    counts = [count for count in COUNTS if count <= largest]
    assert_right(make(lr)(np.array(counts)), exact, lr, counts)


INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_type_up_to_its_largest(dtype):
    largest = min(np.iinfo(dtype).max, 2**31 - 1)
    counts = sorted({0, 1, largest // 2, largest - 1, largest})
    schedule, exact = SCHEDULES["step"][0](0.1), SCHEDULES["step"][1]

    assert_right(schedule(np.array(counts, dtype)), exact, 0.1, counts)
    for count in counts:
        assert schedule(np.dtype(dtype).type(count)) == schedule(int(count))
    with jax.enable_x64(True):
        assert_right(schedule(jnp.array(counts, dtype)), exact, 0.1, counts)


def test_a_traced_count_beyond_int64_is_a_late_one():
    with jax.enable_x64(True):
        rate = jax.jit(js.LinearLR(0.1, 0.25, 1.0, 30).__call__)(jnp.uint64(2**64 - 1))
        assert rate == 0.1


@pytest.mark.parametrize("phases", [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 34, 64, 65])
def test_any_number_of_phases(phases):
    """Up to 32 phases are picked by a sum, from 33 on by bisection."""
    milestones = [10 * k for k in range(1, phases)]
    parts = [js.ConstantLR(1.0, 1 / (k + 2), 1000) for k in range(phases)]
    schedule = js.SequentialLR(parts, milestones) if milestones else js.SequentialLR(parts, [])
    counts = sorted({t + d for t in [*milestones, 0] for d in (0, 1, 9, -1) if t + d >= 0})

    assert_right(
        schedule(np.array(counts)), lambda lr, t: lr / (min(t // 10, phases - 1) + 2), 1.0, counts
    )


def test_gradients_are_finite_wherever_the_rate_is():
    """In one program, which compiles faster than as many as there are schedules."""
    counts = jnp.array([0, 1, 29, 30, 31, 999, 1000, 2000, 2**24])

    @jax.jit
    def slopes(lr):
        def slope(make):
            return jax.vmap(jax.grad(lambda lr, count: make(lr)(count)), (None, 0))(lr, counts)

        return {name: slope(make) for name, (make, _) in SCHEDULES.items()}

    at_zero = slopes(jnp.float32(0.0))
    for name, found in slopes(jnp.float32(0.1)).items():
        # All are proportional to `lr`.
        expected = SCHEDULES[name][0](0.1)(counts) / 0.1
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7, err_msg=name)
        assert np.isfinite(at_zero[name]).all(), name


GAMMAS = {
    "step": lambda gamma, t: js.StepLR(0.1, 2, gamma)(t),
    "milestones": lambda gamma, t: js.MultiStepLR(0.1, [1, 3], gamma)(t),
    "exponential": lambda gamma, t: js.ExponentialLR(0.1, gamma)(t),
}


@pytest.mark.parametrize("gamma", [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("name", GAMMAS)
def test_the_slope_in_gamma(name, gamma):
    times = {
        "step": lambda t: t // 2,
        "milestones": lambda t: (t >= 1) + (t >= 3),
        "exponential": lambda t: t,
    }
    for t in range(5):
        n = int(times[name](t))
        slope = 0.1 * n * gamma ** max(n - 1, 0)
        np.testing.assert_allclose(jax.grad(GAMMAS[name])(gamma, t), slope, rtol=1e-6)


GROWING = {
    "a power": js.ExponentialLR(0.0, 1e30),
    "drops": js.StepLR(0.0, 1, 1e30),
    "a chain": js.ChainedScheduler([js.ExponentialLR(0.0, 1e30), js.LinearLR(0.0, 0.5)]),
    "a long chain": js.ChainedScheduler([js.ExponentialLR(0.0, 1e30), *[js.LinearLR(0.0)] * 40]),
    "a sequence": js.SequentialLR([js.ConstantLR(0.0), js.ExponentialLR(0.0, 1e30)], [3]),
    "a table": js.MultiplicativeLR(0.0, lambda step: 1e30, total_steps=40),
}


@pytest.mark.parametrize("name", GROWING)
def test_a_rate_of_0_stays_so_when_its_factor_overflows(name):
    counts = np.array([0, 1, 9, 10, 11, 30])
    for x64 in (False, True):
        with jax.enable_x64(x64):
            np.testing.assert_array_equal(GROWING[name](counts), 0.0)
            assert GROWING[name](30) == jax.jit(GROWING[name].__call__)(30) == 0.0


def test_the_derivative_by_a_rate_of_0_is_the_factor():
    slope = jax.grad(lambda lr: js.ExponentialLR(lr, 1.1)(5))(0.0)
    np.testing.assert_allclose(slope, 1.1**5, rtol=1e-6)


@pytest.mark.parametrize("exponent", [0.0, 5e-324, 1e-300, 1e-9, 0.5, 2.0, 3.0])
@pytest.mark.parametrize("base", [0.0, 1.0, 2.5])
def test_a_power_is_pythons(base, exponent):
    """XLA's own gives 1 for 0 to a tiny power."""
    with jax.enable_x64(True):
        for power in (jax.jit(xp.power), xp.power):
            given = (
                [jnp.float64(base), jnp.float64(exponent)]
                if power is not xp.power
                else [base, exponent]
            )
            np.testing.assert_allclose(power(*given), base**exponent, rtol=1e-15)
        assert jax.jit(lambda base: xp.power(base, exponent))(base) == pytest.approx(base**exponent)


def test_a_cycle_of_one_step():
    for cycle in (js.OneCycleLR(0.1, 1), js.OneCycleLR(0.1, epochs=1, steps_per_epoch=1)):
        np.testing.assert_allclose(cycle(0), 4e-7, rtol=1e-6)  # PyTorch's


def test_a_fraction_is_the_number_that_it_is():
    assert js.StepLR(Fraction(1, 4), Fraction(6, 2), Fraction(1, 2)) == js.StepLR(0.25, 3, 0.5)
    assert type(js.StepLR(0.1, Fraction(6, 2)).step_size) is int
