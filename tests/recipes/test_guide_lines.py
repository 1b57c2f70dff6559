"""Tables of guides: each of their lines has the rates of the other library's own code."""

import math

import jax
import jax.numpy as jnp
import jax_frameworks
import numpy as np
import pytest
import pytorch_libraries

import jaxsched
from jaxsched import diffusers, espnet, fairseq, nemo, transformers
from jaxsched.testing import bound

TABLES = [jax_frameworks.LINES, pytorch_libraries.LINES]
LINES = [(table, *line) for table in TABLES for line in table.lines()]
RECORDED = {table: table.rates() for table in TABLES}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.guide.stem)
def test_the_guide_has_the_lines_that_were_recorded(table):
    assert [f"{section}: {call}" for section, call, _ in table.lines()] == list(RECORDED[table])
    assert {section for section, *_ in table.lines()} == set(table.sections)


@pytest.mark.parametrize("table, section, call, code", LINES, ids=[" ".join(x[1:3]) for x in LINES])
def test_a_line_has_the_rates_of_the_library(table, section, call, code):
    names = vars(jaxsched) | vars(diffusers) | vars(transformers)
    names |= {"jaxsched": jaxsched, "espnet": espnet, "fairseq": fairseq, "nemo": nemo}
    schedule = eval(code, names | {"jnp": jnp, "sqrt": math.sqrt})
    rates = RECORDED[table][f"{section}: {call}"]
    counts, expected = np.array([int(n) for n in rates]), np.array(list(rates.values()))

    assert np.ptp(expected) > 0
    assert (abs(np.asarray(schedule(counts), np.float64) - expected) <= bound(expected)).all()
    with jax.enable_x64(True):
        error = abs(np.asarray(schedule(counts)) - expected)
        assert (error <= bound(expected, np.float64)).all()
