"""What grows with the length of a list, and what must not."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js

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
from jaxsched._core import functions

class Large:
    size = 40

def use(total_steps):
    large = Large()
    schedule = js.LambdaLR(0.1, lambda step: 0.9**step + 0 * large.size, total_steps=total_steps)
    schedule(3), jax.jit(schedule)(3)
    return weakref.ref(large)

kept = [use(None), use(10)]
assert len(functions._FOUND) == 2
jax.clear_caches()  # JAX's own, which hold what it has compiled
gc.collect()
assert [reference() for reference in kept] == [None, None]
assert not functions._FOUND
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
