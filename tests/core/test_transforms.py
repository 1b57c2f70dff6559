"""A schedule under every JAX transformation: same rates, right derivatives, no leaks."""

import copy
import dataclasses
import math
import pickle
import threading
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from schedules import LR, SCHEDULES, SINGLES, InverseSquareRoot, decay

import jaxsched as js
from jaxsched._core.affine import Affine
from jaxsched._core.table import Table
from jaxsched._text.expression import Expression

COUNTS = np.arange(20)


@pytest.fixture(params=[False, True], ids=["float32", "float64"])
def x64(request):
    with jax.enable_x64(request.param):
        yield request.param


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def schedule(request):
    return request.param


def shard_mapped(schedule, counts):
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("i")
    return jax.jit(jax.shard_map(schedule.__call__, mesh=mesh, in_specs=spec, out_specs=spec))(
        counts
    )


TRANSFORMS = {
    "jit": lambda s, t: jax.jit(s.__call__)(t),
    "vmap": lambda s, t: jax.vmap(s)(t),
    "scan": lambda s, t: jax.lax.scan(lambda c, t: (c, s(t)), 0, t)[1],
    "map": lambda s, t: jax.lax.map(s, t),
    "cond": lambda s, t: jax.vmap(lambda t: jax.lax.cond(t >= 0, s.__call__, lambda t: 0.0 * s(t), t))(t),
    "checkpoint": lambda s, t: jax.checkpoint(s.__call__)(t),
    "shard_map": shard_mapped,
}  # fmt: skip


def test_every_transformation_gives_the_same_rates(schedule):
    """In one program for all, for it is compiling that takes the time."""
    expected = np.asarray(schedule(COUNTS))
    every = jax.jit(lambda t: {name: f(schedule, t) for name, f in TRANSFORMS.items()})
    for name, actual in every(COUNTS).items():
        assert actual.dtype == expected.dtype, name
        np.testing.assert_allclose(actual, expected, rtol=1e-7, err_msg=name)


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("name", ["CosineAnnealingLR", "OneCycleLR", "sequence", "table"])
def test_every_transformation_by_itself(name, transform):
    schedule = SCHEDULES[name]
    actual = transform(schedule, jnp.asarray(COUNTS))
    np.testing.assert_allclose(actual, schedule(COUNTS), rtol=1e-7)


def test_a_schedule_as_an_argument(schedule):
    actual = jax.jit(lambda s, t: s(t))(schedule, COUNTS)
    # Its hyperparameters are float32 then.
    np.testing.assert_allclose(actual, schedule(COUNTS), rtol=2e-5)


DTYPES = ["int8", "uint8", "int16", "int32", "uint32"]


def test_any_integer_dtype(schedule):
    counts = [jnp.asarray(COUNTS, dtype) for dtype in DTYPES]
    expected = schedule(COUNTS)
    for rates in jax.jit(lambda counts: [schedule(t) for t in counts])(counts):
        np.testing.assert_array_equal(rates, expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["StepLR", "OneCycleLR", "chain-table", "table"])
def test_any_integer_dtype_outside_of_jit(name, dtype):
    schedule = SCHEDULES[name]
    np.testing.assert_array_equal(schedule(jnp.asarray(COUNTS, dtype)), schedule(COUNTS))


def test_arrays_that_a_jitted_function_holds():
    """jax 0.10 takes those for 32 bits wide from then on, unless it is handed a view of them."""
    counts, rates = np.arange(45), np.linspace(0.1, 0.0, 45)
    holder = jax.jit(
        lambda: [jax.lax.map(lambda y: y + 1, jnp.asarray(x)) for x in (counts, rates)]
    )
    holder()
    tabulated = js.SequentialLR([Table(rates), SCHEDULES["ExponentialLR"]], [7])

    for schedule in (SCHEDULES["StepLR"], tabulated):
        np.testing.assert_array_equal(schedule(counts), schedule(np.arange(45)))


def test_a_step_size_in_floats():
    """XLA would divide by the reciprocal, and 49 * (1 / 49) is less than 1."""
    counts = np.arange(300)
    for size in (49, 98, 103, 107):
        expected = js.StepLR(LR, size, 0.5)(counts)
        schedule = js.StepLR(LR, float(size), 0.5)
        traced = jax.jit(lambda size: js.StepLR(LR, size, 0.5)(jnp.asarray(counts)))

        np.testing.assert_array_equal(schedule(counts), expected)
        np.testing.assert_array_equal(jax.jit(schedule.__call__)(jnp.asarray(counts)), expected)
        np.testing.assert_array_equal(traced(jnp.float32(size)) == LR, expected == LR)
        assert jax.jit(lambda t, s=schedule: s(t))(size) == expected[size]


def test_an_epochs_table_within_a_sequence():
    halving = js.MultiplicativeLR(LR, lambda step: 0.5, total_steps=20)
    parts = [js.LinearLR(LR, 0.5, 1.0, 4), js.per_epoch(halving, 2)]
    schedule = js.SequentialLR(parts, [5], total_steps=40)

    np.testing.assert_array_equal(
        jax.jit(schedule.__call__)(jnp.asarray(COUNTS)), [schedule(int(t)) for t in COUNTS]
    )


class Halving(js.CosineAnnealingLR):
    """A user's change to one of ours, down to what it does at a step."""

    def _steps(self, s, t):
        return Affine(0.5 ** (t - s), 0)


class Divided(js.CyclicLR):
    def _momentum_curve(self, t):
        return t / self.step_size_up


def test_subclasses_of_ours():
    np.testing.assert_array_equal(Halving(LR, 10)(3), np.float32(LR / 8))
    chain = js.ChainedScheduler([Halving(LR, 10), js.ConstantLR(LR, 1.0)], total_steps=9)
    np.testing.assert_allclose(chain(3), LR / 8, rtol=1e-7)
    counts = np.arange(300)
    with jax.enable_x64(True):
        momentum = Divided(0.1, 0.2, 49).momentum
        np.testing.assert_array_equal(jax.jit(momentum.__call__)(counts), counts / 49)


def test_a_chain_of_many_of_a_kind():
    milestones = [np.arange(1, 2 + i) for i in range(9)]
    chain = js.ChainedScheduler([js.MultiStepLR(LR, m, 0.9) for m in milestones])
    lists = js.ChainedScheduler([js.MultiStepLR(LR, m.tolist(), 0.9) for m in milestones])

    np.testing.assert_allclose(chain(COUNTS), lists(COUNTS), rtol=1e-6)


def test_any_shape(schedule):
    expected = np.asarray(schedule(COUNTS))

    np.testing.assert_array_equal(schedule(COUNTS.reshape(2, 2, 5)), expected.reshape(2, 2, 5))
    for count in [3, np.int64(3), np.array(3), jnp.array(3)]:
        rate = schedule(count)
        assert rate.shape == ()
        assert rate == expected[3]


@pytest.mark.parametrize("name", ["StepLR", "sequence", "table", "momentum"])
def test_no_counts_are_no_rates(name):
    assert SCHEDULES[name](np.zeros((0, 3), int)).shape == (0, 3)


def test_results_are_strong_floats(schedule, x64):
    rate = schedule(3)

    assert isinstance(rate, jax.Array)
    assert rate.dtype == ("float64" if x64 else "float32")
    assert not rate.weak_type
    assert not jax.eval_shape(schedule.__call__, 3).weak_type


O1 = SCHEDULES.keys() - {"OneCycleLR", "OneCycleLR-linear", "momentum"}


@pytest.mark.parametrize("name", sorted(O1))
def test_the_last_int32_count(name):
    assert np.isfinite(SCHEDULES[name](2**31 - 1))


# --- derivatives ---

FLOATS = {
    "lr": ["StepLR", "ExponentialLR", "PolynomialLR", "CosineAnnealingLR", "SWALR", "LambdaLR",
           "CosineAnnealingWarmRestarts", "LinearLR", "ConstantLR", "MultiStepLR"],
    "gamma": ["StepLR", "MultiStepLR", "ExponentialLR", "CyclicLR"],
    "factor": ["ConstantLR"],
    "start_factor": ["LinearLR"],
    "end_factor": ["LinearLR"],
    "power": ["PolynomialLR"],
    "eta_min": ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"],
    "swa_lr": ["SWALR"],
    "base_lr": ["CyclicLR"],
    "max_lr": ["CyclicLR", "OneCycleLR"],
    "pct_start": ["OneCycleLR-linear"],
    "div_factor": ["OneCycleLR"],
}  # fmt: skip
SLOPES = [(name, field) for field, names in FLOATS.items() for name in names]


@pytest.mark.parametrize("name, field", SLOPES)
@pytest.mark.parametrize("count", [4])
def test_derivatives_are_those_of_the_curve(name, field, count):
    schedule = SINGLES[name]
    value = getattr(schedule, field)

    def rate(x):
        return dataclasses.replace(schedule, **{field: x})(count)

    with jax.enable_x64(True):
        h = 1e-5 * value
        slope = (rate(value + h) - rate(value - h)) / (2 * h)
        d = 1e-3 * value
        curvature = (rate(value + d) - 2 * rate(value) + rate(value - d)) / d**2
        x = jnp.float64(value)

        def twice(x):
            return jax.lax.scan(lambda c, t: (c + rate(x) / 2, None), 0.0, jnp.arange(2))[0]

        ways = (jax.grad(rate), jax.jacfwd(rate), jax.grad(jax.jit(rate)),
                jax.grad(jax.checkpoint(rate)), jax.grad(twice))  # fmt: skip
        second = (jax.grad(jax.grad(rate)), jax.hessian(rate))
        slopes, curvatures = jax.jit(lambda x: ([f(x) for f in ways], [f(x) for f in second]))(x)
        np.testing.assert_allclose(slopes, slope, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(curvatures, curvature, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(
        jax.jit(jax.grad(rate))(jnp.float32(value)), slope, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize(
    "name", ["chain", "chain-wave", "chain-table", "sequence", "sequence-nested"]
)
def test_derivatives_of_compositions(name):
    schedule = SCHEDULES[name]
    leaves, treedef = jax.tree.flatten(schedule)
    floats = [
        i for i, leaf in enumerate(leaves) if isinstance(leaf, float) and leaf not in (0.0, 1.0)
    ]

    def total(values):
        changed = dict(zip(floats, values, strict=True))
        schedule = jax.tree.unflatten(
            treedef, [changed.get(i, leaf) for i, leaf in enumerate(leaves)]
        )
        return jax.vmap(schedule)(jnp.arange(17)).sum()

    with jax.enable_x64(True):
        values = [leaves[i] for i in floats]
        gradient = jax.grad(total)([jnp.float64(value) for value in values])
        for index, value in enumerate(values):
            up, down = list(values), list(values)
            up[index], down[index] = value * (1 + 1e-6), value * (1 - 1e-6)
            slope = (total(up) - total(down)) / (2e-6 * value)
            np.testing.assert_allclose(gradient[index], slope, rtol=1e-5, atol=1e-7)


AT_SPECIAL_VALUES = [  # (rate as a function of x, x, its derivative)
    (lambda x: js.LinearLR(LR, 0.5, x, 4)(2), 0.5, 0.05),
    (lambda x: js.LinearLR(LR, x, 1.0, 4)(2), 1.0, 0.05),
    (lambda x: js.ConstantLR(LR, x, 4)(2), 1.0, 0.1),
    (lambda x: js.ExponentialLR(LR, x)(0), 0.0, 0.0),
    (lambda x: js.ExponentialLR(LR, x)(1), 0.0, 0.1),
    (lambda x: js.ExponentialLR(LR, x)(2), 0.0, 0.0),
    (lambda x: js.ExponentialLR(LR, x)(2), -0.5, -0.1),
    (lambda x: js.StepLR(LR, 3, x)(4), 0.0, 0.1),
    (lambda x: js.PolynomialLR(LR, 4, x)(4), 2.0, 0.0),
    (lambda x: js.CosineAnnealingLR(LR, 4, x)(4), 0.0, 1.0),
    (lambda x: js.SWALR(LR, x, 0)(4), 0.1, 1.0),
]


@pytest.mark.parametrize("rate, x, slope", AT_SPECIAL_VALUES)
def test_derivatives_at_the_edges_of_a_formula(rate, x, slope):
    assert jax.grad(rate)(x) == pytest.approx(slope, abs=1e-7)
    assert jax.jacfwd(jax.jit(rate))(x) == pytest.approx(slope, abs=1e-7)
    assert np.isfinite(jax.hessian(rate)(x))


def test_grad_with_respect_to_a_whole_schedule():
    gradient = jax.grad(lambda s: s(7), allow_int=True)(js.StepLR(LR, 5, 0.5))

    assert gradient.lr == pytest.approx(0.5)
    assert gradient.gamma == pytest.approx(LR)


def test_derivative_at_a_fractional_epoch():
    schedule = js.CosineAnnealingWarmRestarts(LR, 10)

    slope = jax.grad(schedule)(2.5)

    assert slope == pytest.approx(-LR * np.pi / 20 * np.sin(np.pi / 4), rel=1e-5)
    curvature = -LR / 2 * (np.pi / 10) ** 2 * np.cos(np.pi / 4)
    for second in (jax.hessian(schedule), jax.grad(jax.grad(schedule))):
        assert second(2.5) == pytest.approx(curvature, rel=1e-5)
    mixed = jax.grad(lambda t: jax.grad(lambda lr: dataclasses.replace(schedule, lr=lr)(t))(LR))
    assert mixed(2.5) == pytest.approx(float(slope) / LR, rel=1e-5)


# --- sweeps ---


def test_vmap_over_a_hyperparameter(schedule):
    if not hasattr(schedule, "lr") or schedule == SCHEDULES["chain"]:
        return
    rates = jnp.array([0.1, 0.2, 0.4])

    swept = jax.vmap(lambda lr: dataclasses.replace(schedule, lr=lr)(4))(rates)

    expected = [dataclasses.replace(schedule, lr=float(lr))(4) for lr in rates]
    np.testing.assert_allclose(swept, expected, rtol=1e-6)


def test_vmap_over_a_batched_schedule():
    batch = js.StepLR(LR, 3, jnp.array([0.5, 0.9]))
    axes = jax.tree.map(lambda x: 0 if jnp.ndim(x) else None, batch)

    rates = jax.vmap(lambda s: s(4), in_axes=(axes,))(batch)

    np.testing.assert_allclose(rates, [0.05, 0.09], rtol=1e-6)


def test_a_batched_schedule_is_not_called_by_mistake():
    with pytest.raises(
        ValueError, match=r"`StepLR\(gamma=\.\.\.\)` must be a scalar.*\(2,\).*vmap"
    ):
        js.StepLR(LR, 3, jnp.array([0.5, 0.9]))(4)


OF_BATCHES = {
    "milestones": lambda m: js.SequentialLR([js.ExponentialLR(LR, 0.9), js.StepLR(LR, 2, 0.5)], m),
    "decays": lambda m: js.MultiStepLR(LR, m, 0.5),
    "boundaries": lambda m: js.join([js.ExponentialLR(LR, 0.9), js.StepLR(0.5, 2)], m),
}


@pytest.mark.parametrize("build", OF_BATCHES.values(), ids=OF_BATCHES)
def test_a_batch_of_milestones_is_built_outside_of_vmap(build):
    batch = build(jnp.array([[3], [6]]))
    axes = jax.tree.map(lambda x: 0 if jnp.ndim(x) == 2 else None, batch)

    rates = jax.vmap(lambda s: s(COUNTS), in_axes=(axes,))(batch)

    np.testing.assert_allclose(rates, [build([m])(COUNTS) for m in (3, 6)], rtol=1e-6)
    with pytest.raises(ValueError, match=r"=\.\.\.\)` must be a list.*\(2, 1\).*vmap"):
        batch(4)


def test_a_swept_warmup_length():
    def rate(milestone, count):
        parts = [js.LinearLR(LR, 0.1, 1.0, 4), js.SWALR(LR, 0.05, 5), js.ExponentialLR(LR, 0.9)]
        return js.SequentialLR(parts, milestone)(count)

    sweep = np.array([[0, 3], [2, 9], [5, 5], [4, 4], [0, 0], [1, 2]])
    actual = jax.vmap(lambda m: rate(m, COUNTS))(jnp.asarray(sweep))

    for row, milestones in zip(actual, sweep.tolist(), strict=True):
        np.testing.assert_allclose(row, rate(milestones, COUNTS), rtol=1e-6)


def test_no_recompilation_for_new_numbers():
    traces = []

    @jax.jit
    def rate(schedule, count):
        traces.append(schedule)
        return schedule(count)

    for gamma in (0.9, 0.8, 0.7):
        rate(js.ExponentialLR(LR, gamma), 5)

    assert len(traces) == 1


ARRAYS = [
    js.StepLR(jnp.float32(LR), 3),
    js.MultiStepLR(LR, np.array([3, 5])),
    js.SequentialLR([js.ExponentialLR(LR, 0.9), js.ConstantLR(LR)], jnp.array([3])),
    js.tabulate(js.ExponentialLR(LR, 0.9), 9),
]


@pytest.mark.parametrize("schedule", ARRAYS, ids=lambda s: type(s).__name__)
def test_a_schedule_that_holds_arrays_is_a_function_too(schedule):
    for call in (jax.jit(schedule), jax.checkpoint(schedule),
                 lambda t: jax.lax.cond(True, schedule, js.ExponentialLR(LR, 0.9), t)):  # fmt: skip
        np.testing.assert_allclose(call(4), schedule(4))
    assert hash(schedule) == hash(copy.deepcopy(schedule))
    assert schedule == copy.deepcopy(schedule)


def test_large_counts_with_array_hyperparameters():
    exact, arrays = js.CosineAnnealingLR(LR, 10), js.CosineAnnealingLR(jnp.float32(LR), 10)
    for count in (2**31 + 5, np.array([2**33 + 3, 4])):
        np.testing.assert_allclose(arrays(count), exact(count), rtol=1e-6)
    restarts = js.CosineAnnealingWarmRestarts(jnp.float32(LR), 10)
    np.testing.assert_allclose(
        restarts(123456.7), js.CosineAnnealingWarmRestarts(LR, 10)(123456.7), rtol=1e-6
    )


def test_total_steps_with_a_function_of_jax_numpy():
    def function(step):
        return jnp.where(step > 3, 0.5, 0.9)

    for schedule in (
        js.LambdaLR(LR, function, total_steps=9),
        js.MultiplicativeLR(LR, function, total_steps=9),
        js.SequentialLR([js.LambdaLR(LR, function), js.SWALR(LR, 0.05)], [3], total_steps=9),
    ):
        np.testing.assert_array_equal(
            jax.jit(schedule.__call__)(jnp.arange(9)), schedule(np.arange(9))
        )


# --- isolation ---


def test_x64_never_leaks(schedule):
    def state():
        return jax.config.jax_enable_x64, jnp.zeros(()).dtype, jax.config.jax_numpy_dtype_promotion

    before = state()
    schedule(3)
    jax.jit(schedule.__call__)(3)
    for wrong in (1j, 0.5 if not schedule._fractional else "x", None):
        with pytest.raises((TypeError, ValueError)):
            schedule(wrong)
    assert state() == before


def test_x64_does_not_leak_from_a_call_that_raises():
    def fails(step):
        raise RuntimeError("no rate")

    with pytest.raises(RuntimeError, match="no rate"):
        js.LambdaLR(LR, fails)(3)
    assert jnp.zeros(()).dtype == jnp.float32 or jax.config.jax_enable_x64


def test_any_thread():
    results = []

    def work():
        results.append([float(schedule(7)) for schedule in SINGLES.values()])

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(results) == 4
    assert all(result == results[0] for result in results)


def test_closed_forms_do_not_loop(schedule):
    text = jax.jit(schedule.__call__).lower(jnp.int32(3)).as_text()

    assert "stablehlo.while" not in text


@pytest.mark.parametrize("name, operation, number", [
    ("ExponentialLR", "power", 1),
    ("StepLR", "power", 1),
    ("PolynomialLR", "power", 0),  # the power is 2
    ("CosineAnnealingLR", "cosine", 1),
    ("OneCycleLR", "cosine", 2),
    ("chain", "power", 1),
    ("chain", "divide", 2),  # of the line, and by where it began
    ("sequence", "cosine", 1),
])  # fmt: skip
def test_what_does_not_depend_on_the_count_is_not_in_the_program(name, operation, number):
    text = jax.jit(SCHEDULES[name].__call__).lower(jnp.int32(3)).as_text()

    assert text.count(f"stablehlo.{operation} ") == number


def test_the_program_of_a_sequence_does_not_grow_with_its_length():
    def lines(parts):
        schedules = [js.ExponentialLR(LR, 0.9 + 0.01 / (i + 1)) for i in range(parts)]
        schedule = js.SequentialLR(schedules, list(range(10, 10 * parts, 10)))
        return len(jax.jit(schedule.__call__).lower(jnp.int32(3)).as_text().splitlines())

    assert lines(32) == lines(7) == lines(3)
    assert lines(100) == lines(65) < 3 * lines(3)  # some for each step of a bisection


@pytest.mark.parametrize("parts", [2, 3, 32, 33, 34, 64, 65])  # the search is another from 33 on
def test_sequences_of_many_parts(parts):
    gammas, counts = 0.9 + 0.001 * np.arange(parts), np.arange(5 * parts + 3)
    milestones = list(range(5, 5 * parts, 5))
    schedule = js.SequentialLR([js.ExponentialLR(LR, gamma) for gamma in gammas], milestones)
    part = np.minimum(counts // 5, parts - 1)

    # Each begins at the initial rate, as `gamma ** 0` of PyTorch's `_get_closed_form_lr` says.
    expected = LR * gammas[part] ** (counts - 5 * part)
    np.testing.assert_array_equal(schedule(counts), expected.astype(np.float32))


class Warmed(js.Schedule):
    """Fields of every kind, some named as what a scheduler does."""

    schedule: js.Schedule
    steps: int
    start: float = 0.0
    shape: str = "linear"
    rising: bool = True
    scale: Callable[[float], float] = np.float64
    rate: tuple[js.Schedule, ...] = ()
    plan: "jax.Array | None" = None
    horizon: float = math.inf
    live: int = js.static(2)

    def curve(self, t):
        x = jnp.minimum(t / self.steps, 1.0)
        x = x if self.shape == "linear" else jnp.sqrt(x)
        height = self.start + (1.0 - self.start) * (x if self.rising else 1.0 - x)
        for schedule in self.rate * self.live:
            height = height * schedule(t)
        height = jnp.where(t < self.horizon, height, 0.0)
        return self.scale(1.0) * height * self.schedule(t)


def test_a_users_fields_may_be_of_any_kind_and_name():
    decay, factor = js.ExponentialLR(LR, 0.9), js.StepLR(1.0, 3, 0.5)
    schedule = Warmed(decay, 4, shape="sqrt", rate=[factor], horizon=10.0)
    counts = np.arange(12)
    expected = 0.1 * 0.9**counts * np.sqrt(np.minimum(counts / 4, 1)) * 0.25 ** (counts // 3)
    expected[10:] = 0.0

    np.testing.assert_allclose(schedule(counts), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda s, c: s(c))(schedule, counts), expected, rtol=1e-6)
    for copied in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule)):
        assert copied == schedule and hash(copied) == hash(schedule)
    assert schedule != dataclasses.replace(schedule, shape="linear")
    assert Warmed(decay, 4).horizon == math.inf and Warmed(decay, 4)(20) == decay(20)
    slopes = jax.grad(lambda s: s(2), allow_int=True)(Warmed(decay, 4, start=0.5))
    np.testing.assert_allclose(slopes.start, 0.5 * decay(2), rtol=1e-6)
    assert slopes.schedule.lr > 0 and slopes.shape == "linear"
    batch = jax.vmap(lambda start: Warmed(decay, 4, start=start)(1))(jnp.array([0.0, 1.0]))
    np.testing.assert_allclose(batch, [0.25 * decay(1), decay(1)], rtol=1e-6)
    assert [leaf for leaf in jax.tree.leaves(schedule) if isinstance(leaf, str | bool)] == []


def test_a_users_last_epoch_is_a_number_like_any_other():
    class Resumed(js.Schedule):
        lr: float
        last_epoch: float = 0.5
        total_steps: int = 7

        def curve(self, t):
            return self.lr * (t + self.last_epoch) / self.total_steps

    np.testing.assert_allclose(Resumed(0.7)(np.arange(3)), [0.05, 0.15, 0.25], rtol=1e-6)
    slope = jax.grad(lambda x: Resumed(0.7, last_epoch=x)(2))(0.5)
    np.testing.assert_allclose(slope, 0.1, rtol=1e-6)
    chain = js.ChainedScheduler([Resumed(0.7), js.ExponentialLR(LR, 0.5)])
    np.testing.assert_allclose(chain(np.arange(3)), [0.05, 0.075, 0.125], rtol=1e-6)


@pytest.mark.parametrize("base", [js.StepLR, js.CosineAnnealingLR, js.LambdaLR, js.OneCycleLR])
def test_a_curve_that_nobody_would_ask_for(base):
    with pytest.raises(TypeError, match=f"a `curve`, which {base.__name__} would not ask for"):

        class Own(base):
            def curve(self, t):
                return 0.1


def test_a_users_array_is_no_batch():
    class Knots(js.Schedule):
        heights: jax.Array

        def curve(self, t):
            return jnp.interp(t, jnp.arange(3.0), self.heights)

    schedule = Knots(jnp.array([0.0, 1.0, 0.5]))
    np.testing.assert_allclose(schedule(np.arange(4)), [0.0, 1.0, 0.5, 0.5])
    chain = js.ChainedScheduler([schedule, js.ExponentialLR(LR, 0.5)])
    np.testing.assert_allclose(chain(np.arange(3)), [0.0, 0.5, 0.25])


@pytest.mark.parametrize("wrong", ["x", {1}, object(), math.nan, ("x",), lambda step: 1.0])
def test_a_users_number_that_is_none(wrong):
    with pytest.raises(
        (TypeError, ValueError), match=r"`InverseSquareRoot\(lr=...\)` must be a num"
    ):
        InverseSquareRoot(wrong)


# --- values ---


def test_value_semantics(schedule):
    assert schedule == copy.deepcopy(schedule)
    assert schedule == pickle.loads(pickle.dumps(schedule))
    assert schedule == jax.tree.unflatten(*reversed(jax.tree.flatten(schedule)))
    assert schedule == dataclasses.replace(schedule)
    assert schedule != js.ExponentialLR(LR, 0.123)
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.lr = 1.0


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"table"}))
def test_hash_and_repr(name):
    schedule = SCHEDULES[name]

    assert hash(schedule) == hash(copy.deepcopy(schedule))
    if name not in ("own", "table-in-a-sequence"):
        scope = vars(js) | {"decay": decay, "Expression": Expression}
        assert eval(repr(schedule), scope) == schedule


def test_lists_become_tuples():
    assert js.MultiStepLR(LR, [3, 5]).milestones == (3, 5)
    assert isinstance(js.SequentialLR([js.ExponentialLR(LR, 0.9)], []).schedulers, tuple)


def test_leaves_are_the_numbers():
    assert jax.tree.leaves(js.StepLR(LR, 5, 0.5)) == [LR, 5, 0.5]
    assert jax.tree.leaves(js.CosineAnnealingLR(LR, 5)) == [LR, 5, 0.0]
    sequence = js.SequentialLR([js.ExponentialLR(LR, 0.9)] * 2, [5])
    assert jax.tree.leaves(sequence) == [LR, 0.9] * 2
    swept = js.SequentialLR([js.ExponentialLR(LR, 0.9)] * 2, jnp.array([5]))
    assert len(jax.tree.leaves(swept)) == 5


def test_nothing_of_an_inner_trace_stays_in_a_schedule():
    """A schedule of traced numbers, called inside a loop of the same program, and then outside."""

    @jax.jit
    def rates(lr):
        parts = [js.LinearLR(lr, 0.3, total_iters=3), js.OneCycleLR(lr, total_steps=60)]
        schedule = js.SequentialLR(parts, [4])
        inside = jax.lax.map(schedule, jnp.arange(7))
        return inside, jnp.stack([schedule(count) for count in range(7)])

    with jax.checking_leaks():
        inside, outside = rates(0.1)
    np.testing.assert_allclose(inside, outside, rtol=1e-6)
