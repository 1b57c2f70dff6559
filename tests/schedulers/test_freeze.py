"""ConstantLR(factor=0), a freeze: legal up to where PyTorch divides by 0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

import jaxsched as js

LR = 0.1
FREEZE = js.ConstantLR(LR, 0.0, 4)
STEPS = js.StepLR(LR, 3)
E = js.ExponentialLR(LR, 0.9)
ENDING = {  # and the last count
    "alone": (FREEZE, 3),
    "resumed": (js.ConstantLR(LR, 0.0, 9, last_epoch=2), 5),
    "in a chain": (js.ChainedScheduler([FREEZE, E]), 3),
    "its milestone comes too late": (js.SequentialLR([FREEZE, STEPS], [6]), 3),
    "a later part": (js.SequentialLR([STEPS, FREEZE], [3]), 6),
}
ENDLESS = {
    "thawed in time": js.SequentialLR([FREEZE, STEPS], [4]),
    "thawed early": js.SequentialLR([FREEZE, STEPS], [2]),
    "for ever": js.ConstantLR(LR, 0.0, float("inf")),
    "no length": js.ConstantLR(LR, 0.0, 0),
    "a length that never comes": js.ConstantLR(LR, 0.0, 2.5),
    "built past its end": js.ConstantLR(LR, 0.0, 4, last_epoch=6),
    "in a chain that thaws": js.ChainedScheduler([js.SequentialLR([FREEZE, STEPS], [4]), E]),
}


@pytest.mark.parametrize("name", ENDING)
def test_it_ends_where_pytorch_divides_by_0(name):
    schedule, last = ENDING[name]

    assert np.isfinite(schedule(np.arange(last + 1))).all()
    with pytest.raises(ValueError, match=r"Tried to step \d+ times\..*ends at step .*"):
        schedule(last + 1)
    assert jax.jit(schedule.__call__)(last + 1) == schedule(last)
    checked = checkify.checkify(jax.jit(schedule.__call__))
    assert checked(jnp.int32(last))[0].get() is None
    assert "Tried to step" in checked(jnp.int32(last + 1))[0].get()


@pytest.mark.parametrize("name", [*ENDING, *ENDLESS])
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
def test_pytorch_does_the_same(name):
    pytest.importorskip("torch")
    import oracle

    schedule, last = ENDING[name] if name in ENDING else (ENDLESS[name], 20)
    expected = oracle.rates(schedule, last + 1)[:, 0]

    oracle.assert_close(schedule, expected)
    if name in ENDING:
        with pytest.raises(ZeroDivisionError):
            oracle.rates(schedule, last + 2)


@pytest.mark.parametrize("schedule", ENDLESS.values(), ids=ENDLESS)
def test_it_need_not_end(schedule):
    assert np.isfinite(schedule(10**6))


@pytest.mark.parametrize("factor", [-0.1, 1.5])
def test_a_factor_out_of_range(factor):
    with pytest.raises(ValueError, match=r"`ConstantLR\(factor=\.\.\.\)` must be from 0 to 1"):
        js.ConstantLR(LR, factor)


def test_traced_numbers_may_freeze():
    """Whether it ends is not known then, and nothing is refused."""
    rates = jax.jit(lambda n: js.ConstantLR(LR, 0.0, n)(jnp.arange(5)))(3)
    np.testing.assert_array_equal(rates[:3], 0.0)
    rates = jax.jit(lambda factor: js.ConstantLR(LR, factor, 3)(jnp.arange(5)))(0.5)
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.05, 0.1, 0.1], rtol=1e-6)
