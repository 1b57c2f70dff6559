"""Python functions with memory: asked on copies, and refused where they give two values."""

import functools
import itertools
import random
import threading

import jax
import numpy as np
import pytest
from remembering import counter, growing, popping

import jaxsched as js

calls = 0
ones = [1.0]


def attribute():
    def factor(step):
        factor.seen += 1
        return 1.0 / factor.seen

    factor.seen = 0
    return factor, lambda: factor.seen


class Counting:
    seen = 0

    def __call__(self, step):
        self.seen += 1
        return 1.0 / self.seen


def an_object():
    counting = Counting()
    return counting, lambda: counting.seen


def a_method():
    counting = Counting()
    return counting.__call__, lambda: counting.seen


def part_of():
    counting = Counting()
    return functools.partial(lambda c, step: c(step), counting), lambda: counting.seen


def a_global():
    def factor(step):
        global calls
        calls += 1
        return 1.0 / calls

    return factor, lambda: calls


def a_global_list():
    def factor(step):
        ones.append(1.0)
        return 1.0 / len(ones)

    return factor, lambda: len(ones)


def an_iterator():
    numbers = itertools.cycle([1.0, 0.5])
    return (lambda step: next(numbers)), lambda: None


def drawing():
    return (lambda step: random.random()), random.getstate


def drawing_numpy():
    return (lambda step: np.random.rand()), lambda: np.random.get_state()[2]


def own_generator():
    rng = np.random.default_rng(3)
    return (lambda step: rng.random()), lambda: repr(rng.bit_generator.state)


def a_generator():
    values = (1.0 / n for n in range(1, 400))
    return (lambda step: next(values)), lambda: values.gi_frame.f_lasti


def a_generators_next():
    values = (1.0 / n for n in range(1, 400))
    return (lambda step: values.__next__()), lambda: values.gi_frame.f_lasti


WITH_MEMORY = [
    counter, popping, growing, attribute, an_object, a_method, part_of, a_global, a_global_list,
    an_iterator, drawing, drawing_numpy, own_generator, a_generator, a_generators_next,
]  # fmt: skip


@pytest.mark.parametrize("total_steps", [None, 20])
@pytest.mark.parametrize("make", WITH_MEMORY, ids=lambda make: make.__name__)
def test_memory_is_refused_and_left_as_it_was(make, total_steps, monkeypatch):
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # xdist has one that draws nothing
    function, memory = make()
    before = memory()
    with pytest.raises(TypeError, match=r"`LambdaLR\(lr_lambda=\.\.\.\)` must be a function of"):
        js.LambdaLR(0.1, function, total_steps=total_steps)(np.arange(5))
    with pytest.raises(TypeError, match="must be a function of the step, got one that"):
        js.MultiplicativeLR(0.1, function, total_steps=20)(np.arange(5))
    with pytest.raises(TypeError, match=r"`CyclicLR\(scale_fn=\.\.\.\)` must be a function of"):
        js.CyclicLR(0.01, 0.1, 3, scale_fn=function, scale_mode="iterations")(np.arange(5))
    assert memory() == before


def remembering_results():
    known = {}

    def factor(step):
        if isinstance(step, int) and step not in known:
            known[step] = 0.5**step
        return known[step] if isinstance(step, int) else 0.5**step

    return factor


PURE = {
    "own cache": remembering_results(),
    "lru_cache": functools.lru_cache(lambda step: 0.5**step),
    "module in the closure": (lambda np: lambda step: 0.5**step * np.ones(()))(np),
    "recursion": (lambda: (f := lambda step: 0.5**step, lambda step: f(step))[1])(),
    "jax": lambda step: jax.numpy.exp2(-jax.numpy.asarray(step, float)),
}


@pytest.mark.parametrize("function", PURE.values(), ids=PURE)
def test_what_gives_one_value_for_a_step_is_taken(function):
    schedule = js.LambdaLR(0.1, function, total_steps=5)

    np.testing.assert_allclose(schedule(np.arange(5)), 0.1 * 0.5 ** np.arange(5), rtol=1e-6)
