"""What grows with the length of a list, and what must not."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched._core import evaluate

MANY = list(range(1, 1001))


@pytest.mark.parametrize(
    "make",
    [
        lambda counts: js.MultiStepLR(0.1, counts, gamma=0.999),
        lambda counts: js.timm.MultiStepLRScheduler(0.1, counts, 0.999),
    ],
)
def test_a_long_list_of_numbers_is_one_array(make):
    schedule, of_array = make(MANY), make(np.array(MANY))

    assert len(jax.tree.leaves(schedule)) < 10
    assert schedule == of_array
    assert js.from_config(js.to_config(schedule)) == schedule
    counts = np.array([0, 1, 2, 500, 999, 1000, 5000])
    np.testing.assert_array_equal(schedule(counts), of_array(counts))
    np.testing.assert_allclose(make(MANY[:60])(counts[:3]), schedule(counts[:3]))


def test_a_short_list_stays_as_it_was_written():
    schedule = js.MultiStepLR(0.1, [30, 80])

    assert repr(schedule) == "MultiStepLR(lr=0.1, milestones=(30, 80))"


def test_what_is_no_python_number_is_not_made_an_array():
    traced = jax.jit(lambda m: js.MultiStepLR(0.1, [m] * 65, gamma=0.9)(3))
    huge = js.MultiStepLR(0.1, [2**70, *MANY], gamma=0.999)

    np.testing.assert_allclose(traced(2), 0.1 * 0.9**65, rtol=1e-6)
    assert huge(2) == js.MultiStepLR(0.1, MANY, gamma=0.999)(2)
    assert js.MultiStepLR(0.1, [float("inf"), *MANY], gamma=0.999)(jnp.int32(2)) == huge(2)


@pytest.mark.parametrize("wrong", [float("nan"), "3", None, 1e-320])
def test_a_long_list_is_checked_like_a_short_one(wrong):
    errors = []
    for length in (2, 100):
        with pytest.raises((TypeError, ValueError)) as error:
            js.MultiStepLR(0.1, [*MANY[:length], wrong])
        errors.append((type(error.value), str(error.value).split(", got")[0]))

    assert errors[0] == errors[1]


FUNCTIONS = """
import gc, weakref
import subprocess
import sys

import jax
import jaxsched as js
from jaxsched._core import evaluate, functions

range_of_counts = jax.numpy.arange(4)

class Large:
    size = 40

def use(total_steps):
    large = Large()
    schedule = js.LambdaLR(0.1, lambda step: 0.9**step + 0 * large.size, total_steps=total_steps)
    schedule(3), schedule(range_of_counts), jax.jit(schedule)(3)
    js.SequentialLR([js.StepLR(0.1, 2), schedule], [3])(4)
    js.LambdaLR(0.1, lambda step, size=large: 0.9**step, total_steps=total_steps)(3)
    assert functions._FOUND and evaluate._PROGRAMS
    return weakref.ref(large)

kept = [use(None), use(10)]
gc.collect()
assert [reference() for reference in kept] == [None, None]
assert not functions._FOUND and not evaluate._PROGRAMS
"""


def test_a_function_goes_with_its_schedule():
    subprocess.run([sys.executable, "-c", FUNCTIONS], check=True, timeout=120)


def test_a_function_without_weak_references_works():
    class Slotted:
        __slots__ = ("base",)

        def __init__(self, base):
            self.base = base

        def __call__(self, step):
            return self.base**step

    assert js.LambdaLR(1.0, Slotted(0.5), total_steps=5)(2) == 0.25
    assert js.LambdaLR(1.0, Slotted(0.5))(2) == 0.25


# Multiplying ones; one that is a map of its own; one that sets the rate; one that is stepped.
FACTORS = [
    lambda i: js.ConstantLR(0.1, 0.9, i % 7 + 1),
    lambda i: js.StepLR(0.1, i % 9 + 1, 0.99),
    lambda i: js.MultiStepLR(0.1, [i % 4 + 1, 9], 0.98),
]
WAVE, CURVE = js.CosineAnnealingLR(0.1, 5), js.CyclicLR(0.01, 0.1, 3)
FLOORED = js.CosineAnnealingLR(0.1, 7, eta_min=0.02)


def factors(number):
    return [FACTORS[i % 3](i) for i in range(number)]


def milestones(number):
    return list(range(3, 3 * number, 3))


LONG = {
    "factors": lambda n: js.ChainedScheduler(factors(n)),
    "around a wave": lambda n: js.ChainedScheduler([*factors(n), WAVE, *factors(n)]),
    "around one that sets": lambda n: js.ChainedScheduler([*factors(n), CURVE, *factors(n)]),
    "stepped": lambda n: js.ChainedScheduler([FLOORED, *factors(n), FLOORED, *factors(n)]),
    "a table": lambda n: js.ChainedScheduler([FLOORED, *factors(n), FLOORED], total_steps=20),
    "in turn": lambda n: js.SequentialLR(factors(n), milestones(n)),
    "going on": lambda n: js.SequentialLR([js.SWALR(0.1, 0.05, 4)] * n, milestones(n)),
    "at a milestone": lambda n: js.ChainedScheduler(
        [js.SequentialLR([js.StepLR(0.1, 2), js.LinearLR(0.1)], [3]), *factors(n)]
    ),
    "at other counts": lambda n: js.ChainedScheduler(
        [*factors(n), js.per_epoch(CURVE, 4), *factors(n)]
    ),
}


@pytest.mark.filterwarnings("ignore:.*has no closed form")
@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_programs_grow_with_the_kinds_of_parts_alone(make):
    lengths = [
        len(jax.jit(make(number)).lower(jnp.int32(3)).as_text().splitlines()) for number in (66, 99)
    ]

    assert lengths[0] == lengths[1]


@pytest.mark.filterwarnings("ignore:.*has no closed form")
@pytest.mark.parametrize("name", [name for name in LONG if "counts" not in name])
def test_long_compositions_have_pytorchs_rates(name):
    pytest.importorskip("torch")
    import oracle

    schedule, counts = LONG[name](40), np.arange(20)

    with jax.enable_x64(True):
        np.testing.assert_allclose(
            schedule(counts), oracle.rates(schedule, 20)[:, 0], rtol=1e-12, atol=1e-300
        )


def programs():
    return evaluate._run._cache_size()


@pytest.mark.parametrize(
    "make",
    [
        lambda m: js.SequentialLR([js.LinearLR(0.1), js.CosineAnnealingLR(0.1, 9)], [m]),
        lambda m: js.ChainedScheduler([js.SequentialLR(factors(2), [m]), js.StepLR(0.1, 7)]),
        lambda m: 2.0 * js.SequentialLR(factors(3), [m, m + 4]),
        lambda m: js.per_epoch(js.SequentialLR(factors(2), [m]), 5),
        lambda m: js.SequentialLR([js.SequentialLR(factors(2), [m]), WAVE], [m + 2]),
    ],
)
def test_other_milestones_share_a_program(make):
    make(3)(np.int64(5))
    before = programs()

    for milestone in (4, 5, 100):
        make(milestone)(np.int64(5))

    assert programs() == before
