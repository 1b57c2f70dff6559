"""The guide to papers: its compositions have the rates of the papers' formulas."""

import math
import re

import numpy as np
import pytest
from guide_lines import GUIDES

from jaxsched.testing import bound

PAGE = (GUIDES / "papers.md").read_text()
PEAK, FLOOR, WARMUP, LENGTH = 3e-4, 3e-5, 2_000, 100_000


def warm(t, rate):
    return PEAK * t / WARMUP if t < WARMUP else rate


def half_cosine(x):
    return (1 + math.cos(math.pi * x)) / 2


def cosine(t):
    x = min((t - WARMUP) / (LENGTH - WARMUP), 1)
    return warm(t, FLOOR + (PEAK - FLOOR) * half_cosine(x))


def wsd(t):
    return warm(t, PEAK * (1 - math.sqrt(max((t - 80_000) / 20_000, 0))))


def trapezoid(t):
    fall = 1 / math.sqrt(1 + max(t - WARMUP, 0) / 10_000)
    return PEAK * fall * min(1, t / WARMUP) * min(1, (LENGTH - t) / 30_000)


def infinite(t):
    constant = 1.5e-4
    if t <= 22_000:
        return warm(t, constant + (PEAK - constant) * half_cosine((t - WARMUP) / 20_000))
    return constant * (FLOOR / constant) ** max((t - 90_000) / 10_000, 0)


def power(t):
    tokens = 512 * 4_096 * max(t, 1)
    return min(1, t / WARMUP) * min(0.02, 512 * 4.6 * tokens**-0.51)


def steps(t):
    return warm(t, PEAK * (1 if t < 80_000 else 0.316 if t < 90_000 else 0.316**2))


def v3(t):
    tokens = 15_360 * 4_096
    start, end, last = (round(share * 1e12 / tokens) for share in (10, 14.3, 14.633))
    if t < start:
        return 2.2e-4 * min(1, t / 2_000)
    if t < end:
        return 2.2e-5 + (2.2e-4 - 2.2e-5) * half_cosine((t - start) / (end - start))
    return 2.2e-5 if t < last else 7.3e-6


def rex(t):
    left = 1 - t / LENGTH
    return PEAK * left / (0.5 + 0.5 * left)


@pytest.fixture(scope="module")
def shown():
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        exec(block, names)
    return names


FORMULAS = [cosine, wsd, trapezoid, infinite, power, steps, v3, rex]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.__name__)
def test_a_composition_has_the_rates_of_the_formula(formula, shown):
    length = 235_000 if formula is v3 else LENGTH
    around = [n + d for n in range(0, length, 2_000) for d in (-1, 0, 1, 777)]
    counts = np.array([n for n in around if 0 <= n < length])
    expected = np.array([formula(int(n)) for n in counts])

    got = np.asarray(shown[formula.__name__](counts), np.float64)

    assert (abs(got - expected) <= bound(expected)).all()


def test_a_growing_batch_counts_the_samples_before_each_update(shown):
    in_samples = shown["in_samples"]

    for update in (0, 1, 999, 1_000, 1_001, 16_124):
        samples = 32 * min(update, 1_000) + 64 * max(update - 1_000, 0)
        assert shown["growing_batch"](update) == in_samples(samples)
        assert shown["constant_batch"](update) == in_samples(64 * update)


def test_every_schedule_that_the_table_names_exists():
    import jaxsched

    named = re.findall(r"`(jaxsched(?:\.\w+)+)`", PAGE)
    assert len(named) > 12
    for name in named:
        assert callable(eval(name, {"jaxsched": jaxsched})), name
