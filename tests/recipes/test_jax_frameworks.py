"""The guide to JAX frameworks: each of its lines has the rates of the framework's own function."""

import json
import math

import jax
import jax.numpy as jnp
import jax_frameworks
import numpy as np
import pytest

import jaxsched
from jaxsched import diffusers, transformers
from jaxsched.testing import bound

LINES = jax_frameworks.lines()
RECORDED = json.loads(jax_frameworks.RECORDED.read_text())


def test_the_guide_has_the_lines_that_were_recorded():
    assert [f"{framework}: {config}" for framework, config, _ in LINES] == list(RECORDED)
    assert {framework for framework, *_ in LINES} == set(jax_frameworks.FRAMEWORKS)


@pytest.mark.parametrize("framework, config, code", LINES, ids=[" ".join(x[:2]) for x in LINES])
def test_a_line_has_the_rates_of_the_framework(framework, config, code):
    names = vars(jaxsched) | vars(diffusers) | vars(transformers)
    names |= {"jaxsched": jaxsched, "jnp": jnp, "sqrt": math.sqrt}
    schedule = eval(code, names)
    rates = RECORDED[f"{framework}: {config}"]
    counts, expected = np.array([int(n) for n in rates]), np.array(list(rates.values()))

    assert np.ptp(expected) > 0
    assert (abs(np.asarray(schedule(counts), np.float64) - expected) <= bound(expected)).all()
    with jax.enable_x64(True):
        error = abs(np.asarray(schedule(counts)) - expected)
        assert (error <= bound(expected, np.float64)).all()
