"""pytorch_warmup's factors: against the library, in loops as its README shows."""

import jax
import numpy as np
import pytest
from recipes import LR, assert_exact
from warmups import dampened

import jaxsched as js
from jaxsched import pytorch_warmup

PERIODS = [
    (name, period) for name in ("LinearWarmup", "ExponentialWarmup") for period in (1, 7, 40)
]
UNTUNED = [
    (name, beta2)
    for name in ("UntunedLinearWarmup", "UntunedExponentialWarmup", "RAdamWarmup")
    for beta2 in (0.61, 0.9, 0.95, 0.98, 0.999)
]


@pytest.mark.parametrize("name, argument", PERIODS + UNTUNED)
def test_a_loop_that_dampens(name, argument):
    factor = getattr(pytorch_warmup, name)(argument)

    assert_exact(js.CosineAnnealingLR(LR, T_max=50) * factor, dampened(factor))


@pytest.mark.parametrize("name, argument", [PERIODS[1], UNTUNED[-1]])
def test_one_that_goes_on(name, argument):
    factor = getattr(pytorch_warmup, name)(argument, last_step=4)

    assert_exact(js.CosineAnnealingLR(LR, T_max=50) * factor, dampened(factor, last_step=4))


@pytest.mark.parametrize("name", pytorch_warmup.__all__)
def test_they_are_schedules_like_all(name):
    key, number, more = (
        ("beta2", 0.875, 0.75) if (name, 0.9) in UNTUNED else ("warmup_period", 7, 9)
    )
    make = getattr(pytorch_warmup, name)
    schedule = make(number)
    counts = np.arange(30)

    def total(factor):
        return factor(counts).sum()

    slopes = jax.tree.leaves(jax.jit(jax.grad(total, allow_int=True))(schedule))
    assert all(np.isfinite(x).all() for x in slopes if x.dtype != jax.dtypes.float0)
    many = jax.vmap(lambda x: make(**{key: x})(counts))(np.array([number, more]))
    np.testing.assert_allclose(many[0], schedule(counts), rtol=1e-5)
    assert js.from_config(js.to_config(schedule)) == schedule
    assert repr(schedule) == f"pytorch_warmup.{name}({key}={number})"


WRONG = [
    (lambda: pytorch_warmup.LinearWarmup(0), "warmup_period=...)` must be a positive integer"),
    (lambda: pytorch_warmup.ExponentialWarmup(2.5), "warmup_period=...)` must be a positive integer"),
    (lambda: pytorch_warmup.UntunedLinearWarmup(1.0), "beta2=...)` must be a number from 0 up to below 1"),
    (lambda: pytorch_warmup.RAdamWarmup(0.6), "beta2=...)` must be a number above 0.6 and below 1"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, message", WRONG)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValueError) as told:
        wrong()
    assert message in str(told.value)
