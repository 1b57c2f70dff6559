"""Laws of composition, among them what PyTorch cannot run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from schedules import LR

import jaxsched as js
from jaxsched._core.schedule import without_warnings

E = js.ExponentialLR(LR, 0.9)
STEPS = js.StepLR(LR, 3, 0.5)
COSINE = js.CosineAnnealingLR(LR, 7)
COUNTS = np.arange(25)

EQUIVALENT = [  # (a schedule, another with the same rates)
    (js.SequentialLR([STEPS], []), STEPS),
    (js.ChainedScheduler([STEPS]), STEPS),
    (js.ChainedScheduler([E, STEPS]), js.ChainedScheduler([STEPS, E])),
    (js.ChainedScheduler([js.ChainedScheduler([E, STEPS]), COSINE]), js.ChainedScheduler([E, STEPS, COSINE])),
    (js.StepLR(LR, 1, 0.9), E),
    (js.MultiStepLR(LR, range(3, 30, 3), 0.5), STEPS),
    (js.LinearLR(LR, 1.0, 0.0, 9), js.PolynomialLR(LR, 9)),
    (js.SequentialLR([E, STEPS, COSINE], [4, 4]), js.SequentialLR([E, COSINE], [4])),
    (js.SequentialLR([E, STEPS], np.array([4])), js.SequentialLR([E, STEPS], [4])),
    (js.per_epoch(E, 1), E),
    (js.tabulate(E, 25), E),
]  # fmt: skip


@pytest.mark.parametrize("one, other", EQUIVALENT)
def test_equivalent(one, other):
    np.testing.assert_allclose(one(COUNTS), other(COUNTS), rtol=1.2e-7, atol=1e-17)


LATER = [
    js.ChainedScheduler([STEPS, COSINE]),
    js.ChainedScheduler([js.ConstantLR(LR, 0.5, 3), E]),
    js.SequentialLR([js.LinearLR(LR, 0.1, 1.0, 4), COSINE], [4]),
    js.SequentialLR([js.ChainedScheduler([STEPS, E]), COSINE], [4]),
    js.ChainedScheduler([E, js.SequentialLR([js.LinearLR(LR, 0.1, 1.0, 4), STEPS], [4])]),
]


@pytest.mark.parametrize("part", LATER)
@pytest.mark.parametrize("milestone", [1, 6])
def test_a_composition_as_a_later_part_starts_as_if_built_at_its_milestone(part, milestone):
    schedule = js.SequentialLR([E, part], [milestone])

    np.testing.assert_array_equal(schedule(COUNTS[:milestone]), E(COUNTS[:milestone]))
    np.testing.assert_array_equal(schedule(COUNTS + milestone), part(COUNTS))


@pytest.mark.filterwarnings("ignore:.*hides what is before it")
def test_a_users_schedule_composes_like_one_that_overwrites():
    class Own(js.Schedule):
        lr: float

        def curve(self, t):
            return self.lr / (1 + t)

    own, lambda_ = Own(LR), js.LambdaLR(LR, lambda step: 1 / (1 + step))
    for build in (
        lambda s: s,
        lambda s: js.ChainedScheduler([E, s]),
        lambda s: js.ChainedScheduler([s, E]),
        lambda s: js.SequentialLR([E, s, STEPS], [3, 9]),
        lambda s: js.per_epoch(s, 4),
        lambda s: js.tabulate(s, 30),
    ):
        np.testing.assert_array_equal(build(own)(COUNTS), build(lambda_)(COUNTS))
    assert js.from_config(js.to_config(js.SequentialLR([own, E], [3]))).schedulers[0] == own


def test_a_power_of_negative_length_as_a_later_part_is_0():
    """As PyTorch 2.13.0 has it: its closed form at 0 is where the curve ends."""
    schedule = js.SequentialLR([E, js.PolynomialLR(LR, -3)], [3])

    np.testing.assert_array_equal(schedule(np.arange(6)), [*E(np.arange(3)), 0.0, 0.0, 0.0])


def test_a_range_of_milestones():
    parts = [js.StepLR(LR, 2)] * 3
    assert js.SequentialLR(parts, range(3, 9, 4)) == js.SequentialLR(parts, [3, 7])
    assert js.join(parts, range(3, 9, 4)) == js.join(parts, [3, 7])


FIRST = [js.LinearLR(0.1, 0.3), js.CosineAnnealingLR(0.1, 7), js.CyclicLR(0.02, 0.1, 3)]
LATER = [
    js.StepLR(0.1, 2, 0.5),
    js.CosineAnnealingLR(0.1, 5, 0.01),
    js.OneCycleLR(0.3, 60),
    js.CyclicLR(0.01, 0.2, 4),
    js.SWALR(0.1, 0.05),
]


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("later", LATER)
def test_a_milestone_that_is_traced_may_be_any(first, later):
    with without_warnings():

        @jax.jit
        def rates(milestone):
            return js.SequentialLR([first, later], milestone[None])(np.arange(9))

        for milestone in (0, 1, 2, 5):
            known = js.SequentialLR([first, later], [milestone], total_steps=20)
            np.testing.assert_allclose(
                rates(jnp.int32(milestone)), known(np.arange(9)), rtol=2e-6, err_msg=str(milestone)
            )
