"""`jaxsched.testing`: when the two assertions fail, and what they then say."""

import dataclasses
import re

import jax
import numpy as np
import optax
import pytest

import jaxsched as js
from jaxsched._core.table import Table
from jaxsched._traces.trace import shipped
from jaxsched.testing import assert_matches_torch, assert_matches_trace, ulp

TRACES = {name: traces[0] for name, traces in shipped().items()}
DECAY = js.ExponentialLR(0.1, 0.9)


@pytest.mark.parametrize("name", TRACES)
def test_a_recorded_run_matches(name):
    trace = TRACES[name]
    assert_matches_trace(trace.build(), trace)


@pytest.mark.parametrize("name", TRACES)
def test_a_change_in_the_last_bits_of_one_rate_is_found(name):
    trace = TRACES[name]
    lr = trace.lr.copy()
    lr[-1] *= 1 + 2e-7
    changed = dataclasses.replace(trace, lr=lr, closed_form=None)

    with pytest.raises(AssertionError, match=rf"at 1 of {len(lr)} steps in all, in float32"):
        assert_matches_trace(trace.build(), changed)


def test_the_message_says_where_it_begins_and_where_it_is_worst():
    trace = js.Trace("2.13.0", "ExponentialLR(optimizer, gamma=0.9)", "SGD", np.arange(6),
                     0.1 * np.array([1, 0.9, 0.81, 0.73, 0.66, 0.5905]))  # fmt: skip

    with pytest.raises(AssertionError) as error:
        assert_matches_trace(DECAY, trace)

    assert str(error.value).splitlines() == [
        "differs from PyTorch at step 3: lr 0.0729, PyTorch 0.073 (0.14 %, 1.34e+04 ULP)",
        "  worst at step 4: lr 0.06561, PyTorch 0.066 (0.59 %, 5.23e+04 ULP)",
        "  at 3 of 6 steps in all, in float32",
        "  jaxsched: ExponentialLR(lr=0.1, gamma=0.9)",
        "  PyTorch 2.13.0: ExponentialLR(optimizer, gamma=0.9)",
    ]


def test_the_momentum_is_compared_too():
    trace = next(t for t in shipped()["OneCycleLR"] if t.momentum is not None)
    momentum = trace.momentum.copy()
    momentum[2] += 0.01

    with pytest.raises(AssertionError, match=r"at step 2: momentum .*\n  worst at step 2"):
        assert_matches_trace(trace.build(), dataclasses.replace(trace, momentum=momentum))


def test_groups_are_named():
    trace = next(t for t in shipped()["StepLR"] if t.lr.ndim == 2)
    lr = trace.lr.copy()
    lr[4, 1] *= 2

    with pytest.raises(AssertionError, match="PyTorch at step 4 of group 1: lr"):
        assert_matches_trace(trace.build(), dataclasses.replace(trace, lr=lr))


def test_a_nan_is_a_difference():
    class Broken(js.Schedule):
        def curve(self, t):
            return jax.numpy.nan * t

    with pytest.raises(AssertionError, match=re.escape("nan")):
        assert_matches_trace(Broken(), TRACES["ExponentialLR"])


def test_float64_is_held_to_its_own_bound():
    trace = TRACES["ExponentialLR"]
    off = dataclasses.replace(trace, lr=trace.lr * (1 + 5e-12))
    assert_matches_trace(trace.build(), off)
    message = r"at step 0: lr \S+, PyTorch \S+ \(5.0e-12 relative\)\n(?s:.*) in float64"
    with jax.enable_x64(True), pytest.raises(AssertionError, match=message) as error:
        assert_matches_trace(trace.build(), off)
    assert "ULP" not in str(error.value)


def test_pytest_alone_is_enough(pytester_like):
    """A project's own test file, run by pytest: the failure shows the message."""
    output = pytester_like("""
        import jaxsched, jaxsched.testing, numpy as np

        TRACE = jaxsched.Trace("2.13.0", "StepLR(...)", "SGD", np.arange(3), np.array([0.1, 0.1, 0.2]))

        def test_parity():
            jaxsched.testing.assert_matches_trace(jaxsched.StepLR(0.1, 30), TRACE)
    """)

    assert "1 failed" in output
    assert "AssertionError: differs from PyTorch at step 2: lr 0.1, PyTorch 0.2" in output
    assert "Raises:" not in output


@pytest.fixture
def pytester_like(tmp_path):
    import subprocess
    import sys
    import textwrap

    def run(code):
        (tmp_path / "test_mine.py").write_text(textwrap.dedent(code))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, cwd=tmp_path
        ).stdout

    return run


# --- against live PyTorch ---


def test_live_pytorch_matches():
    torch = pytest.importorskip("torch")
    scheduler = torch.optim.lr_scheduler

    assert_matches_torch(DECAY, lambda o: scheduler.ExponentialLR(o, 0.9), 50)
    assert_matches_torch(js.OneCycleLR(0.1, 30), lambda o: scheduler.OneCycleLR(o, 0.1, 30), 30)
    assert_matches_torch(js.per_epoch(DECAY, 1), lambda o: scheduler.ExponentialLR(o, 0.9), 50)
    assert_matches_torch(
        js.ParamGroups([DECAY, js.ExponentialLR(0.3, 0.9)]),
        lambda o: scheduler.ExponentialLR(o, 0.9), 50,
    )  # fmt: skip
    assert_matches_torch(
        js.ReduceLROnPlateau(0.1, patience=1), lambda o: scheduler.ReduceLROnPlateau(o, patience=1),
        5, metrics=[1.0, 1.0, 1.0, 1.0],
    )  # fmt: skip


def test_live_pytorch_differs():
    torch = pytest.importorskip("torch")
    scheduler = torch.optim.lr_scheduler

    with pytest.raises(
        AssertionError,
        match=r"(?s)at step 2.*at 42 of 50.*: StepLR\(optimizer, step_size=2, gamma=0.2\)",
    ):
        assert_matches_torch(js.StepLR(0.1, 2), lambda o: scheduler.StepLR(o, 2, gamma=0.2), 50)
    with pytest.raises(AssertionError, match=r"momentum .*PyTorch"):
        assert_matches_torch(
            js.OneCycleLR(0.1, 30),
            lambda o: scheduler.OneCycleLR(o, 0.1, 30, base_momentum=0.8),
            30,
        )


def test_an_optax_schedule_can_be_put_to_the_same_test():
    torch = pytest.importorskip("torch")

    def build(optimizer):
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)

    # Optax promotes implicitly, and stays down where PyTorch rises again.
    with (
        jax.numpy_dtype_promotion("standard"),
        pytest.raises(AssertionError, match="of 40 steps"),
    ):
        assert_matches_torch(optax.cosine_decay_schedule(0.1, 20), build, 40, lr=0.1)


def test_a_momentum_that_only_pytorch_moves():
    scheduler = pytest.importorskip("torch").optim.lr_scheduler
    still = js.OneCycleLR(0.1, 10, cycle_momentum=False)

    assert_matches_torch(
        still, lambda o: scheduler.OneCycleLR(o, 0.1, 10, cycle_momentum=False), 10
    )
    for schedule in (still, js.ParamGroups([still, js.OneCycleLR(0.1, 10)])):
        with pytest.raises(
            AssertionError, match=r"does not cycle the momentum, but PyTorch's OneCycleLR"
        ):
            assert_matches_torch(schedule, lambda o: scheduler.OneCycleLR(o, 0.1, 10), 10)


def test_functions_of_other_libraries():
    scheduler = pytest.importorskip("torch").optim.lr_scheduler

    def constant(optimizer):
        return scheduler.ConstantLR(optimizer, 1.0)

    assert_matches_torch(optax.constant_schedule(1.0), constant, 5)
    assert_matches_torch(lambda counts: np.ones(len(counts), int), constant, 5)
    assert_matches_torch(
        lambda counts: jax.numpy.ones(len(counts), jax.numpy.bfloat16), constant, 5
    )
    for wrong in (lambda counts: None, lambda counts: np.ones((len(counts), 2)), 0.1, None):
        with pytest.raises(TypeError, match=r"`compare\(schedule=\.\.\.\)` must"):
            assert_matches_torch(wrong, constant, 5)


def test_what_is_no_trace():
    with pytest.raises(
        TypeError, match=r"`compare\(trace=\.\.\.\)` must be a Trace, got 'run.jsonl'"
    ):
        assert_matches_trace(DECAY, "run.jsonl")
    with pytest.raises(ValueError, match="must have a momentum, as the trace has one"):
        assert_matches_trace(
            DECAY, next(t for t in shipped()["OneCycleLR"] if t.momentum is not None)
        )


@pytest.mark.parametrize(
    "build, steps, metrics, error, message",
    [
        (3, 3, None, TypeError, r"`assert_matches_torch\(build=\.\.\.\)` must be a function"),
        (lambda o: o, 3, None, TypeError, "must be a PyTorch scheduler"),
        (lambda o: None, 3, None, TypeError, "must be a PyTorch scheduler, got None"),
        ("StepLR", 0, None, ValueError, r"num_steps=\.\.\.\)` must be a positive int .*got 0"),
        ("StepLR", 3, [1.0, 2.0], ValueError, "must be None without a ReduceLROnPlateau"),
    ],
)
def test_bad_arguments(build, steps, metrics, error, message):
    torch = pytest.importorskip("torch")
    if build == "StepLR":
        build = lambda o: torch.optim.lr_scheduler.StepLR(o, 2)  # noqa: E731
    with pytest.raises(error, match=message):
        assert_matches_torch(js.StepLR(0.1, 2), build, steps, metrics)


def test_an_error_where_the_rate_is_0_is_one():
    counts = np.arange(4)
    trace = js.Trace(
        "2.13.0", "LinearLR(optimizer)", "SGD", counts, np.array([0.1, 0.05, 0.0, 0.0])
    )
    for x64 in (False, True):
        with jax.enable_x64(x64):
            wrong = Table([0.1, 0.05, 0.0, 1e-9])
            assert not js.compare(wrong, trace).ok
            assert js.compare(Table([0.1, 0.05, 0.0, 1e-17]), trace).ok  # PyTorch's own rounding


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_unit_in_the_last_place(dtype):
    rates = np.array([1.0, 0.1, 3e-5, 1e-310 if dtype == np.float64 else 1e-42, 0.0], dtype)

    np.testing.assert_array_equal(ulp(rates, dtype), np.spacing(np.abs(rates)))
