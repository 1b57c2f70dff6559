"""Whatever NumPy hands to a schedule, by itself and through JAX's transformations, eagerly."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from schedules import SCHEDULES

import jaxsched as js
from jaxsched._core import past_end as _past_end
from jaxsched._core.evaluate import _Constant
from jaxsched._core.table import Table

LR = 0.1
E = js.ExponentialLR(LR, 0.9)
COUNTS = np.arange(6)
MANY = SCHEDULES | {
    "per_update": js.per_update(E, 2),
    "two clocks": js.ChainedScheduler([E, js.per_epoch(js.StepLR(LR, 2), 2)]),
    "momentum of a sequence": js.SequentialLR([js.CyclicLR(0.01, LR, 3), E], [3]).momentum,
}


@pytest.mark.parametrize("dtype", ["int8", "uint32", "int64", "uint64", ">i4", ">i8", "<u2"])
@pytest.mark.parametrize("schedule", [E, MANY["table"], MANY["two clocks"]])
def test_counts_of_any_integer_type(schedule, dtype):
    expected = schedule(jnp.arange(6))

    np.testing.assert_array_equal(schedule(COUNTS.astype(dtype)), expected)
    assert schedule(COUNTS.astype(dtype)[3]) == expected[3]


@pytest.mark.parametrize("name", MANY)
def test_an_eager_vmap_over_numpy_counts(name):
    schedule = MANY[name]
    expected = schedule(COUNTS)

    np.testing.assert_array_equal(jax.vmap(schedule)(COUNTS), expected)
    if name in ("StepLR", "OneCycleLR", "sequence", "table", "momentum"):
        np.testing.assert_array_equal(jax.vmap(jax.vmap(schedule))(COUNTS[None])[0], expected)


WAYS = {
    "vmap": lambda f, x: jax.vmap(f)(x),
    "vmap of vmap": lambda f, x: jax.vmap(jax.vmap(f))(x[None]),
    "vmap of grad": lambda f, x: jax.vmap(jax.grad(f))(x),
    "vmap of jvp": lambda f, x: jax.vmap(lambda y: jax.jvp(f, (y,), (y,)))(x),
    "vmap of hessian": lambda f, x: jax.vmap(jax.hessian(f))(x),
    "vmap of checkpoint": lambda f, x: jax.vmap(jax.checkpoint(f))(x),
    "jvp": lambda f, x: jax.jvp(f, (x[0],), (x[1],)),
    "vjp": lambda f, x: jax.vjp(f, x[0])[1](np.float32(1)),
    "linearize": lambda f, x: jax.linearize(f, x[0])[1](x[1]),
    "jacrev": lambda f, x: jax.jacrev(f)(x[0]),
    "lax.map": lambda f, x: jax.lax.map(f, x),
    "jacfwd of a curve": lambda f, x: jax.jacfwd(lambda y: f(y))(x[0]),
}  # fmt: skip
HYPERPARAMETERS = {
    "gamma": lambda x: js.ExponentialLR(LR, x)(3),
    "two of them": lambda x: js.PolynomialLR(x, 10, x)(3),
    "in a sequence": lambda x: js.SequentialLR([js.ExponentialLR(LR, x), js.StepLR(LR, 3)], [2])(4),
    "in a chain": lambda x: js.ChainedScheduler([js.ExponentialLR(LR, x), js.StepLR(LR, 2)])(3),
    "a cosine": lambda x: js.CosineAnnealingLR(x, 7, 0.01)(3),
    "a momentum": lambda x: js.CyclicLR(0.01, LR, 3, base_momentum=x).momentum(2),
    "by epoch": lambda x: js.per_epoch(js.ExponentialLR(LR, x), 2)(5),
    "a plateau": lambda x: js.ReduceLROnPlateau(x, factor=0.5)(js.ReduceLROnPlateau(x).init()),
}


ROWS = [("gamma", way) for way in WAYS] + [(name, "vmap of hessian") for name in HYPERPARAMETERS]


@pytest.mark.parametrize("name, way", sorted({*ROWS}))
def test_float64_numpy_hyperparameters(name, way):
    function, way = HYPERPARAMETERS[name], WAYS[way]
    values = np.array([0.5, 0.9])
    expected = way(function, jnp.asarray(values))

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), way(function, values), expected
    )


def cosine_in_a_chain(x):
    parts = [js.CosineAnnealingLR(x(0.3), 2, x(0.001)), js.ExponentialLR(x(0.3), x(0.9))]
    return js.ChainedScheduler(parts, total_steps=20)


def cycle_in_a_sequence(x):
    cycle = js.OneCycleLR(x(0.3), total_steps=30, div_factor=x(7.3))
    # Which has set the initial rate of the group before the first part begins.
    return js.SequentialLR([js.LinearLR(x(0.3), x(0.1), x(0.7)), cycle], [9])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, lambda x: np.array(x, np.float32)])
@pytest.mark.parametrize(
    "make",
    [
        cosine_in_a_chain,
        cycle_in_a_sequence,
        lambda x: x(0.7) * js.LinearLR(x(0.3), x(0.1)),
        lambda x: js.ConstantLR(x(0.3), x(0.7)) * js.PolynomialLR(x(1.0), power=x(0.9)),
        lambda x: js.CyclicLR(x(0.1), x(0.3), x(2.7), gamma=x(0.9), mode="exp_range"),
    ],
)
def test_a_narrow_number_is_computed_with_as_the_float64_that_it_is(make, dtype):
    narrow, wide = make(dtype), make(lambda x: dtype(x).item())
    with jax.enable_x64(True):
        np.testing.assert_array_equal(narrow(COUNTS), wide(COUNTS))
        assert narrow(7) == wide(7)


def test_a_pair_of_numpy_arrays():
    def rate(gamma, count):
        return js.ExponentialLR(LR, gamma)(count)

    ours = jax.vmap(rate)(np.array([0.5, 0.9]), np.array([1, 2]))
    np.testing.assert_allclose(ours, [0.05, 0.081], rtol=1e-6)


def test_tables_and_stacks():
    rates = np.linspace(0.1, 0.2, 6).reshape(2, 3)
    ours = jax.vmap(lambda row, count: Table(row)(count))(rates, np.array([2, 0]))
    np.testing.assert_allclose(ours, rates[[0, 1], [2, 0]], rtol=1e-6)
    batch = js.stack([E, js.StepLR(LR, 2)])
    ours = jax.vmap(lambda schedule, count: schedule(count))(batch, np.array([1, 2]))
    np.testing.assert_allclose(ours, [0.09, 0.01], rtol=1e-6)


@pytest.mark.parametrize(
    "plateau", [js.ReduceLROnPlateau(LR, patience=0), js.ReduceLROnPlateau(E, patience=0)]
)
def test_a_plateau_whose_state_is_numpy(plateau):
    states = [plateau.init(), plateau.update(plateau.init(), value=1.0)]
    stacked = jax.tree.map(
        lambda *x: np.stack(x).astype(np.int64 if x[0].dtype == jnp.int32 else np.float64), *states
    )
    after = jax.vmap(lambda state, value: plateau.update(state, value=value))(
        stacked, np.array([2.0, 2.0])
    )
    expected = [plateau(plateau.update(state, value=2.0)) for state in states]

    np.testing.assert_array_equal(jax.vmap(plateau)(after), expected)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_negative_count_is_count_0(name):
    """NumPy's and Python's here, by the schedule's own program; JAX's inside `jit`."""
    schedule = SCHEDULES[name]
    for count in (-1, -(2**70), np.int8(-3), np.array(-5)):
        assert schedule(count) == schedule(0)
    traced = jax.jit(schedule.__call__)(jnp.int32(-7))
    np.testing.assert_array_equal(traced, schedule(0))


@pytest.mark.parametrize("name", ["StepLR", "OneCycleLR", "chain-table", "sequence", "table"])
def test_negative_counts_of_jax(name):
    schedule = SCHEDULES[name]
    assert schedule(jnp.int32(-2)) == schedule(0)
    np.testing.assert_array_equal(
        jax.jit(schedule.__call__)(jnp.array([-7, 2])), schedule(np.array([0, 2]))
    )


def test_a_negative_epoch_is_epoch_0():
    restarts = js.CosineAnnealingWarmRestarts(LR, 3)

    assert restarts(-0.5) == restarts(0)
    assert jax.grad(lambda epoch: restarts(epoch))(0.5) < 0


def test_joined_by_optax():
    joined = optax.join_schedules([E, js.StepLR(LR, 2)], [5])
    expected = [*np.asarray(E(np.arange(5))), *np.asarray(js.StepLR(LR, 2)(np.arange(4)))]

    np.testing.assert_array_equal([joined(count) for count in range(9)], expected)
    np.testing.assert_array_equal(jax.jit(joined)(jnp.arange(9)), expected)


@pytest.mark.parametrize(
    "count", [2**63, 2**70, np.uint64(2**63 + 5), np.array([1, 2**63], np.uint64)]
)
@pytest.mark.parametrize(
    "schedule", [E, MANY["table"], MANY["two clocks"], js.per_epoch(E, 3), MANY["momentum"]]
)
def test_a_count_beyond_64_bits(schedule, count):
    with pytest.raises(ValueError, match=r"takes counts below 2\*\*63, got 9223|got 11805"):
        schedule(count)


@pytest.mark.parametrize("count", [3.0, np.float32(3), np.array([1.0]), jnp.float32(2)])
def test_a_whole_float_is_no_count(count):
    with pytest.raises(TypeError, match=r"Write `int\(count\)`, or `count // steps_per_epoch`"):
        E(count)


@pytest.mark.parametrize(
    "count", [np.array([1, 2], object), np.array("3"), np.datetime64(1, "D"), np.True_]
)
def test_what_is_no_count(count):
    with pytest.raises(TypeError, match="takes an integer step count"):
        E(count)


@pytest.mark.parametrize("other", [None, 3, object(), "x", np.array([1, 2]), (1, 2)])
def test_a_constant_is_compared_with_anything(other):
    constant = _Constant(np.array([1, 2]))

    assert not np.any(constant == other)
    assert constant == _Constant(np.array([1, 2])) != _Constant(np.array([1, 3]))


@pytest.mark.parametrize(
    "missing", ["error_checks", "FailedCheckError", "assert_func", "get_traceback"]
)
def test_without_checkifys_rules_the_check_is_the_identity(monkeypatch, missing):
    monkeypatch.delattr(f"jax._src.checkify.{missing}")
    monkeypatch.setattr(_past_end, "_primitive", _past_end._primitive.__wrapped__)

    assert jax.jit(lambda count: js.OneCycleLR(LR, 10)(count))(jnp.int32(99)) > 0


@pytest.mark.parametrize(
    "name, other",
    [("error_checks", None), ("error_checks", ()), ("assert_func", lambda error: error)],
)
def test_with_other_rules_of_checkifys_the_check_is_the_identity(monkeypatch, name, other):
    from jax.experimental import checkify

    monkeypatch.setattr(f"jax._src.checkify.{name}", other)
    monkeypatch.setattr(_past_end, "_primitive", functools.cache(_past_end._primitive.__wrapped__))
    schedule = js.OneCycleLR(LR, 10)

    assert jax.jit(lambda count: schedule(count))(jnp.int32(99)) > 0
    if name == "assert_func":
        assert checkify.checkify(jax.jit(lambda n: schedule(n)))(jnp.int32(99))[0].get() is None


def test_numbers_of_a_foreign_byte_order():
    expected = js.MultiStepLR(LR, [1, 3])(COUNTS)
    np.testing.assert_array_equal(js.MultiStepLR(LR, np.array([1, 3], ">i8"))(COUNTS), expected)
    expected = js.SequentialLR([E, E], [2])(COUNTS)
    np.testing.assert_array_equal(js.SequentialLR([E, E], np.array([2], ">i4"))(COUNTS), expected)
    restarts = js.CosineAnnealingWarmRestarts(LR, 3)
    assert restarts(np.longdouble(2.5)) == restarts(2.5)


def test_64_bits_are_asked_for_in_one_place():
    from pathlib import Path

    package = Path(js.__file__).parent
    asking = [path.name for path in package.rglob("*.py") if "enable_x64(" in path.read_text()]
    assert asking == ["numerics.py"]
