"""Derivatives of whole curves with respect to each hyperparameter: finite, and right."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js

LR = 0.1
COUNTS = np.arange(14)
CURVES = {
    "StepLR": (js.StepLR(LR, 5, 0.5), ["lr", "gamma"]),
    "MultiStepLR": (js.MultiStepLR(LR, [3, 9], 0.5), ["lr", "gamma"]),
    "ConstantLR": (js.ConstantLR(LR, 0.5, 4), ["lr", "factor"]),
    "LinearLR": (js.LinearLR(LR, 0.3, 0.9, 8), ["lr", "start_factor", "end_factor"]),
    "LinearLR down to 0": (js.LinearLR(LR, 1.0, 0.0, 8), ["lr", "start_factor"]),
    "ExponentialLR": (js.ExponentialLR(LR, 0.9), ["lr", "gamma"]),
    "PolynomialLR below 1": (js.PolynomialLR(LR, 10.5, 0.5), ["lr", "total_iters", "power"]),
    "PolynomialLR, past its end": (js.PolynomialLR(LR, 9, 0.5), ["lr", "power"]),
    "PolynomialLR above 1": (js.PolynomialLR(LR, 10.5, 2.0), ["lr", "total_iters", "power"]),
    "CosineAnnealingLR": (js.CosineAnnealingLR(LR, 7, 0.01), ["lr", "eta_min", "T_max"]),
    "CosineAnnealingWarmRestarts": (js.CosineAnnealingWarmRestarts(LR, 3, 2, 0.01), ["lr", "eta_min"]),
    "CyclicLR": (js.CyclicLR(0.01, LR, 3, 4, "exp_range", 0.95), ["base_lr", "max_lr", "gamma"]),
    "OneCycleLR": (js.OneCycleLR(LR, 60), ["max_lr", "div_factor", "final_div_factor"]),
    "SWALR": (js.SWALR(LR, 0.05, 6), ["lr", "swa_lr"]),
}  # fmt: skip
ROWS = [(name, field) for name, (_, fields) in CURVES.items() for field in fields]


def rates(schedule, field, value):
    return dataclasses.replace(schedule, **{field: value})(COUNTS)


def slopes(schedule, field, value):
    """Central differences of the schedule with known numbers, in float64."""
    step = 1e-6
    with jax.enable_x64(True):
        above, below = (np.asarray(rates(schedule, field, value + d)) for d in (step, -step))
    return (above - below) / (2 * step)


@pytest.mark.parametrize("name, field", ROWS)
def test_forwards_and_backwards(name, field):
    schedule = CURVES[name][0]
    value = float(getattr(schedule, field))
    # One-sided where a bound is: 1 may not be exceeded.
    if (name, field) == ("LinearLR down to 0", "start_factor"):
        value = 0.9
        schedule = dataclasses.replace(schedule, start_factor=value)
    expected = slopes(schedule, field, value)
    with jax.enable_x64(True):
        both = jax.jit(
            lambda x: [j(lambda x: rates(schedule, field, x))(x) for j in (jax.jacfwd, jax.jacrev)]
        )
        forwards, backwards = both(value)
    np.testing.assert_allclose(forwards, expected, rtol=1e-4, atol=1e-8)
    np.testing.assert_allclose(backwards, expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("power", [0.25, 0.5, 0.9, 1.0, 2.0])
@pytest.mark.parametrize("field", ["total_iters", "power"])
def test_one_count_at_the_end_does_not_poison_the_others(field, power):
    schedule = js.PolynomialLR(LR, 9, power)
    value = jnp.float32(getattr(schedule, field))

    def first(x):
        return rates(schedule, field, x)[:5].sum()

    whole = jax.jacrev(lambda x: rates(schedule, field, x))(value)
    np.testing.assert_allclose(jax.grad(first)(value), whole[:5].sum(), rtol=1e-5)
    assert np.isfinite(whole).all() and np.isfinite(jax.hessian(first)(value))


def test_the_derivatives_by_many_epochs_at_once():
    restarts = js.CosineAnnealingWarmRestarts(LR, 3)
    epochs = jnp.array([0.5, 1.25, 4.0])

    rates, slopes = jax.jvp(restarts, (epochs,), (jnp.array([1.0, 2.0, 1.0]),))

    each = [jax.value_and_grad(restarts)(epoch) for epoch in epochs]
    np.testing.assert_allclose(rates, [rate for rate, _ in each], rtol=1e-6)
    np.testing.assert_allclose(slopes, [each[0][1], 2 * each[1][1], each[2][1]], rtol=1e-6)
    np.testing.assert_allclose(each[0][1], -LR * np.pi / 6 * np.sin(np.pi / 6), rtol=1e-6)
