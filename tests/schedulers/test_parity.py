"""Every recorded PyTorch trace, evaluated every way JAX offers; PyTorch is not needed."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched import Trace, compare
from jaxsched._schedulers import RECIPES
from jaxsched._traces.trace import shipped
from jaxsched.testing import bound

TRACES = [
    pytest.param(trace, id=f"{name}-{index}")
    for name, traces in shipped().items()
    for index, trace in enumerate(traces)
]
STATELESS = [
    p
    for p in TRACES
    if p.values[0].metrics is None
    and p.values[0].lr.ndim == 1
    and p.values[0].counts.dtype == np.int64
]
PLATEAUS = [p for p in TRACES if p.values[0].metrics is not None and p.values[0].lr.ndim == 1]


@pytest.mark.parametrize("x64", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize("trace", TRACES)
def test_matches_torch(trace: Trace, x64: bool):
    with jax.enable_x64(x64):
        comparison = compare(trace.build(), trace)

    assert comparison.ok, f"{trace.call}: {comparison}"
    assert comparison.dtype == ("float64" if x64 else "float32")


def eager(schedule, counts):
    return jnp.stack([schedule(int(count)) for count in counts])


def vmapped(schedule, counts):
    return jax.vmap(schedule)(counts)


def jitted(schedule, counts):
    return jax.jit(lambda counts: schedule(counts))(counts)


def scanned(schedule, counts):
    return jax.lax.scan(lambda carry, count: (carry, schedule(count)), 0, counts)[1]


# One trace in nine for each way, by turns in float32 and float64: each is a compilation of its own.
WAYS = [
    pytest.param(
        way, p.values[0], x64, id=f"{way.__name__}-{p.id}-{'float64' if x64 else 'float32'}"
    )
    for offset, way in enumerate([eager, vmapped, jitted, scanned])
    for p, x64 in zip(STATELESS[offset::9], itertools.cycle([False, True]), strict=False)
]


@pytest.mark.parametrize("way, trace, x64", WAYS)
def test_matches_torch_every_way(way, trace: Trace, x64: bool):
    with jax.enable_x64(x64):
        schedule = trace.build()
        some = np.unique(np.linspace(0, len(trace.counts) - 1, 30).astype(int))
        ours = np.asarray(way(schedule, jnp.asarray(trace.counts[some])))

    expected = trace.reference[some]
    limit = bound(trace.reference, ours.dtype)[some]
    assert (np.abs(ours.astype(float) - expected) <= limit).all(), trace.call


def test_fractional_epochs_are_recorded():
    traces = shipped()["CosineAnnealingWarmRestarts"]

    assert sum(trace.counts.dtype == np.float64 for trace in traces) == 3


@pytest.mark.parametrize("trace", PLATEAUS[::5])
def test_plateau_matches_torch_in_a_scan(trace: Trace):
    plateau = trace.build()

    def step(state, metric):
        state = plateau.update(state, value=metric)
        return state, plateau(state)

    metrics = jnp.asarray(trace.stream(), jnp.result_type(float))
    _, rates = jax.jit(lambda metrics: jax.lax.scan(step, plateau.init(), metrics))(metrics)
    expected = trace.lr[trace.counts > 0]
    np.testing.assert_allclose(
        np.asarray(rates)[trace.counts[trace.counts > 0] - 1], expected, rtol=6e-8
    )


# ESPnet has a copy of its one class, and traces of that.
OF_LIBRARIES = [name for name in RECIPES if name != "cosine_annealing_warmup"]


@pytest.mark.parametrize("name", OF_LIBRARIES)
def test_the_traces_of_a_library_tell_its_version(name):
    module, traces = getattr(js, name), shipped()[name]
    classes = {x for x in map(vars(module).get, module.__all__) if isinstance(x, type)}

    [library] = {trace.library for trace in traces}
    assert f"{library}, PyTorch 2.13.0" in repr(traces[0])
    members = [t.build() for t in traces]
    members = [m[0] if isinstance(m, js.ParamGroups) else m for m in members]
    # pytorch_warmup's are recorded as factors of a cosine.
    members = [m.schedules[-1] if isinstance(m, js.Product) else m for m in members]
    assert {type(m) for m in members} == classes


def test_all_sixteen_are_recorded():
    public = {name for name in dir(js) if name.endswith(("LR", "Restarts", "Plateau", "Scheduler"))}

    assert set(shipped()) == public | {*OF_LIBRARIES} | {"TwoClocks", "lightning"}
    assert len(public) == 16


def test_a_wrong_schedule_is_told_apart():
    trace = shipped()["StepLR"][0]

    assert not compare(js.StepLR(0.1, step_size=4), trace).ok
    assert not compare(js.ExponentialLR(0.1, gamma=1.0 + 1e-7), shipped()["ConstantLR"][0]).ok


def test_the_error_is_measured_in_ulps():
    off = 0.1 * (1 + 2.0**-22)
    trace = Trace("2.13.0", "call", "SGD", np.arange(1), np.array([off]))

    with jax.enable_x64(False):
        comparison = compare(js.ExponentialLR(0.1, 1.0), trace)

    assert comparison.worst_ulp == pytest.approx(0.1 * 2.0**-22 / 2.0**-27, rel=0.5)
    assert "differs from PyTorch" in str(comparison)
    assert "in float32, worst 3 ULP at step 0 " in str(comparison)


def test_in_float64_the_error_is_relative():
    torch = np.array([0.1 * (1 + 2.0**-42), 0.1, 1e-9 * (1 + 4e-13)])
    trace = Trace("2.13.0", "call", "SGD", np.arange(3), torch)

    with jax.enable_x64(True):
        comparison = compare(js.MultiStepLR(0.1, [2], gamma=1e-8), trace)

    assert comparison.ok
    assert comparison.worst == comparison.worst_relative
    assert comparison.worst == pytest.approx(2.0**-42, rel=0.05)
    assert comparison.worst_count == 0
    assert "worst 2.3e-13 relative at step 0 (lr 0.1, PyTorch 0.1000" in str(comparison)
    assert "ULP" not in str(comparison)


@pytest.mark.parametrize("torch, ok, worst", [
    ([0.1, 0.0], False, np.inf), ([0.0, 0.0], False, np.inf), ([0.1, 0.1], True, 0.0)
])  # fmt: skip
def test_the_relative_error_of_a_rate_of_0(torch, ok, worst):
    trace = Trace("2.13.0", "call", "SGD", np.arange(2), np.array(torch))

    with jax.enable_x64(True):
        comparison = compare(js.ConstantLR(0.1, 1.0), trace)

    assert (comparison.ok, comparison.worst) == (ok, worst)
    with jax.enable_x64(True):
        zero = compare(
            js.ConstantLR(0.0), Trace("2.13.0", "call", "SGD", np.arange(2), np.zeros(2))
        )
    assert zero.ok and zero.worst == 0.0 and "worst 0 relative" in str(zero)


def test_a_trace_prints_as_one_line():
    def trace(call, steps, *groups):
        return Trace("2.13.0", call, "SGD", np.arange(steps), np.ones((steps, *groups)))

    step = "StepLR(optimizer, step_size=30)"
    assert repr(trace(step, 100)) == f"Trace({step}, 100 counts, PyTorch 2.13.0)"
    assert repr(trace(step, 1)) == f"Trace({step}, 1 count, PyTorch 2.13.0)"
    assert repr(trace(step, 2000, 3)) == f"Trace({step}, 2,000 counts, 3 groups, PyTorch 2.13.0)"
    assert repr(trace("A(\n  1\n)", 2)) == "Trace(A( 1 ), 2 counts, PyTorch 2.13.0)"
    for traces in shipped().values():
        assert all(len(repr(t)) < 160 and "\n" not in repr(t) for t in traces)


def test_the_whole_package_is_two_megabytes_at_most():
    from jaxsched._traces.trace import SHIPPED

    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2_000_000
