"""Schedules multiplied: against the products of the rates that PyTorch's schedulers give."""

import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from schedules import SINGLES, InverseSquareRoot

import jaxsched as js
from jaxsched import Trace, compare
from jaxsched._core.table import Table
from jaxsched._text.call import call_text
from jaxsched._text.parse import parse
from jaxsched._traces.trace import shipped

STEPS = 30
A = js.CosineAnnealingLR(0.1, 8)
B = js.LinearLR(1.0, 0.25, 1.0, total_iters=3)

RECORDED = [
    trace
    for name, traces in shipped().items()
    for trace in traces[:2]
    if trace.metrics is None and trace.lr.ndim == 1 and trace.counts.dtype == np.int64
]
PAIRS = list(zip(RECORDED, RECORDED[5:] + RECORDED[:5], strict=True))


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_the_product_of_recorded_rates(number):
    (a, b), x64 = PAIRS[number], bool(number % 2)
    counts, here, there = np.intersect1d(a.counts, b.counts, return_indices=True)
    product = Trace(a.torch, f"{a.call} * {b.call}", "SGD", counts, a.lr[here] * b.lr[there])
    with jax.enable_x64(x64):
        comparison = compare(a.build() * b.build(), product)

    assert len(counts) > 5
    assert comparison.ok, comparison


@pytest.mark.parametrize("name", SINGLES)
def test_the_product_of_live_rates(name):
    pytest.importorskip("torch")
    import oracle

    warm_up = js.LinearLR(1.0, 0.1, 1.0, total_iters=7)
    expected = oracle.rates(SINGLES[name], STEPS)[:, 0] * oracle.rates(warm_up, STEPS)[:, 0]

    oracle.assert_close(SINGLES[name] * warm_up, expected)
    oracle.assert_close(0.5 * SINGLES[name] * warm_up / 4, expected / 8)


def test_a_warm_up_by_update_over_an_epochs_schedule():
    """What PyTorch's parts would make of it, each on an optimizer of its own."""
    pytest.importorskip("torch")
    import oracle

    drops = oracle.rates(js.StepLR(0.1, 2), 6)[:, 0]
    warm_up = oracle.rates(B, STEPS)[:, 0]
    schedule = js.per_epoch(js.StepLR(0.1, 2), 5) * B

    oracle.assert_close(schedule, drops[np.arange(STEPS) // 5] * warm_up)


USES = {
    "eager": lambda s: jnp.stack([s(count) for count in range(6)]),
    "curve": lambda s: s(np.arange(6)),
    "jit": lambda s: jax.jit(s)(jnp.arange(6)),
    "vmap": lambda s: jax.vmap(s)(np.arange(6)),
    "argument": lambda s: jax.jit(lambda s, c: s(c))(s, jnp.arange(6)),
    "scan": lambda s: jax.lax.scan(lambda c, count: (c, s(count)), 0, jnp.arange(6))[1],
    "stack": lambda s: jax.vmap(lambda one: one(jnp.arange(6)))(js.stack([s, s / 2]))[0],
    "table": lambda s: js.tabulate(s, 6)(np.arange(6)),
    "epochs": lambda s: js.per_epoch(s, 2)(2 * np.arange(6)),
    "first in a sequence": lambda s: js.SequentialLR([s, js.StepLR(0.1, 3)], [6])(np.arange(6)),
    "later in a sequence": lambda s: js.SequentialLR([js.StepLR(0.1, 3), s], [2])(2 + np.arange(6)),
    "first in a chain": lambda s: js.ChainedScheduler([s, js.StepLR(0.1, 99)])(np.arange(6)),
    "config": lambda s: js.from_config(js.to_config(s))(np.arange(6)),
    "text": lambda s: parse(call_text(s))(np.arange(6)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_it_is_a_schedule_like_the_others(use):
    steps = np.arange(6)
    cosine, line = (1 + np.cos(np.pi * steps / 8)) / 2, np.minimum(steps / 3, 1)
    expected = 0.1 * cosine * (0.25 + 0.75 * line)  # PyTorch's closed forms

    np.testing.assert_allclose(use(A * B), expected, rtol=2e-6)


def test_factors_in_any_order():
    counts = np.arange(12)
    for order in itertools.permutations([A, B, 0.5]):
        product = order[0] * order[1] * order[2]
        np.testing.assert_allclose(product(counts), (A * B / 2)(counts), rtol=2e-7)
        assert product == js.Product(list(order))


@pytest.mark.parametrize(
    "number", [np.float32(0.5), np.float64(0.5), np.array(0.5), jnp.float32(0.5)]
)
def test_numbers_as_people_write_them(number):
    for product in (A * number, number * A, A / (1 / number)):
        np.testing.assert_array_equal(product(np.arange(5)), (A * 0.5)(np.arange(5)))


def test_gradients():
    def rate(lr, start, factor):
        cosine, warm_up = js.CosineAnnealingLR(lr, 8), js.LinearLR(1.0, start, 1.0, total_iters=3)
        return (cosine * warm_up * factor)(1)

    values = (0.1, 0.25, 0.5)
    slopes = jax.grad(rate, (0, 1, 2))(*values)
    for index, slope in enumerate(slopes):
        moved = list(values)
        moved[index] += 0.01
        difference = (rate(*moved) - rate(*values)) / 0.01
        np.testing.assert_allclose(slope, difference, rtol=1e-4)  # linear in each
    many = jax.vmap(lambda factor: (A * factor)(3))(jnp.arange(3.0))
    np.testing.assert_allclose(many, np.arange(3.0) * np.float64(A(3)), rtol=1e-6)


def test_a_function_and_a_product_of_its_own_are_tabulated():
    slow = js.MultiplicativeLR(1.0, lambda step: 0.9, total_steps=20)
    steps = js.LambdaLR(1.0, lambda step: 0.5 if step < 3 else 0.25, total_steps=20)
    counts = np.arange(8)
    expected = 0.1 * 0.9**counts * np.where(counts < 3, 0.5, 0.25)

    np.testing.assert_allclose((js.StepLR(0.1, 99) * slow * steps)(counts), expected, rtol=1e-6)


def test_momentum_is_that_of_the_factor_that_cycles_one():
    cycle = js.OneCycleLR(0.1, 30)
    counts = np.arange(10)
    expected = cycle.momentum(counts)

    np.testing.assert_array_equal((cycle * B).momentum(counts), expected)
    np.testing.assert_array_equal((0.5 * js.per_epoch(cycle, 1)).momentum(counts), expected)
    sequence = js.SequentialLR([cycle * B, js.StepLR(0.1, 3)], [9])
    np.testing.assert_array_equal(sequence.momentum(counts[:9]), expected[:9])
    with pytest.raises(AttributeError, match="none of its schedules cycles one"):
        (A * B).momentum  # noqa: B018
    with pytest.raises(ValueError, match="got 2: take that of one"):
        (cycle * cycle).momentum  # noqa: B018


def test_it_ends_with_the_first_that_ends():
    product = js.OneCycleLR(0.1, 12) * js.OneCycleLR(0.1, 9) * B
    product(9)
    with pytest.raises(ValueError, match="Tried to step 10 times"):
        product(10)


def test_values():
    assert js.Product([A, B]) == A * B and hash(A * B) == hash(js.Product([A, B]))
    assert A * B != B * A
    assert repr(A * 0.5) == "CosineAnnealingLR(lr=0.1, T_max=8) * 0.5"
    assert repr(js.Product([A])).startswith("Product(schedules=(CosineAnnealingLR")
    assert call_text(0.5 * A / 4) == "0.5 * CosineAnnealingLR(lr=0.1, T_max=8) * 0.25"
    assert parse("0.5 * (StepLR(0.1, 3) * 2) / 4") == 0.5 * js.StepLR(0.1, 3) * 2 / 4


def test_in_an_optimizer():
    optimizer = optax.sgd(A * B)
    state = optimizer.init(jnp.ones(()))
    for count in range(4):
        update, state = optimizer.update(jnp.ones(()), state)
        assert update == -(A * B)(count)


WRONG = [
    (lambda: A * "x", "must hold schedules and single numbers, got 'x'"),
    (lambda: A * None, "must hold schedules and single numbers, got None"),
    (lambda: A * (lambda step: 0.5), r"`jaxsched.from_function\(function\)`"),
    (lambda: A * js.ReduceLROnPlateau(0.1), "A plateau takes a schedule as its `lr`"),
    (lambda: A * js.ParamGroups([B]), "`ParamGroups` must not be used as one rate"),
    (lambda: js.Product([A, js.ParamGroups([B])]), "Combine each of its schedules"),
    (lambda: A * jnp.ones(3), "must not be used as a number"),
    (lambda: np.ones(3) * A, "must not be used as a number"),
    (lambda: A / B, "`schedule / x` must have a number"),
    (lambda: 1 / A, "must not be used as a number"),
    (lambda: A + B, "must not be used as a number"),
    (lambda: js.Product(A), "must be a list of schedules and numbers"),
    (lambda: js.Product(A, B), r"write `Product\(\[a, b\]\)`"),
    (lambda: parse("StepLR(0.1, 3) + 1"), r"combined by `\*` and `/` only"),
    (lambda: parse("StepLR(0.1, 3) / 0"), "must not have 0"),
    (lambda: A / 0, "must not have 0"),
    (lambda: A * float("nan"), "must hold finite numbers, got nan"),
    (lambda: js.Product([]), "must be at least one schedule"),
]


@pytest.mark.parametrize("wrong, message", WRONG)
def test_what_cannot_be_multiplied(wrong, message):
    with pytest.raises((TypeError, ValueError), match=message):
        wrong()


# --- chains that hide their first parts ---

HIDING = {
    "table": Table([0.1, 0.2]),
    "table by epoch": js.per_epoch(Table([0.1, 0.2]), 3),
    "own curve": InverseSquareRoot(0.1),
    "product": A * B,
    "table in a sequence": js.SequentialLR([Table([0.1, 0.2]), js.StepLR(0.1, 3)], [2]),
}


@pytest.mark.parametrize("hiding", HIDING.values(), ids=HIDING)
def test_a_chain_that_hides_its_first_part_names_the_product(hiding):
    with pytest.warns(UserWarning, match=r"at index 1, which sets the rate and hides.*`a \* b`"):
        js.ChainedScheduler([js.StepLR(0.1, 3), hiding])


@pytest.mark.parametrize("name", SINGLES)
def test_the_first_part_and_pytorchs_own_classes_are_taken_without_a_word(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*no closed form", UserWarning)
        js.ChainedScheduler([js.tabulate(A, 9), js.StepLR(0.1, 3)])
        try:
            js.ChainedScheduler([js.StepLR(0.1, 3), SINGLES[name]])
        except ValueError as error:
            assert "must agree on" in str(error)


def test_in_a_composition_the_functions_of_a_product_get_its_table():
    dropping = js.LambdaLR(0.1, lambda step: 0.5 if step > 2 else 1.0)  # which JAX cannot trace
    parts = [0.5 * dropping, js.clip(dropping, 0.06, 1.0), js.join([dropping, dropping], [7])]

    for part, rate in zip(parts, (0.025, 0.06, 0.05), strict=True):
        with pytest.raises(TypeError, match="total_steps=N"):
            part(3)
        chain = js.ChainedScheduler([part], total_steps=9)
        np.testing.assert_allclose(chain(3), rate, rtol=1e-6)
