"""What holds for the schedules of every other library."""

import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np

import jaxsched as js
from jaxsched._text.call import call_text
from jaxsched._text.parse import parse
from jaxsched.testing import bound

LR, STEPS = 0.1, 60


def assert_exact(schedule, expected):
    """The schedule has the library's `expected` rates from count 0 on, in both precisions."""
    counts = np.arange(len(expected))
    error = np.abs(np.asarray(schedule(counts), np.float64) - expected)
    assert (error <= bound(expected)).all(), (schedule, counts[error > bound(expected)])
    with jax.enable_x64(True):
        np.testing.assert_allclose(schedule(counts), expected, rtol=1e-12, atol=1e-15 * LR)


def arguments(function, rate):
    """Names and defaults of the arguments but `rate`, which is the first one."""
    (first, *rest) = inspect.signature(function).parameters.values()
    assert first.name == rate
    return [(p.name, p.default) for p in rest if p.kind is not p.KEYWORD_ONLY]


def assert_like_all(make, options):
    """`make(0.1, **options)` is a schedule like all others."""
    schedule, counts = make(LR, **options), np.arange(STEPS)
    rates = schedule(counts)
    library = make.__module__.removeprefix("jaxsched.")
    scope = {library: getattr(js, library), "jaxsched": js}

    if not any(isinstance(value, list) for value in options.values()):  # shown as a tuple
        assert repr(schedule) == call_text(schedule)
    assert repr(schedule).startswith(f"{library}.{make.__name__}(lr=0.1")
    assert eval(repr(schedule), scope) == parse(call_text(schedule)) == schedule
    assert parse(f"jaxsched.{call_text(schedule)}") == schedule
    config = js.to_config(schedule)
    assert config["class"] == f"{library}.{make.__name__}" and js.from_config(config) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    traced = jax.jit(lambda s: s(counts))(schedule)  # whose numbers are then float32
    np.testing.assert_allclose(traced, rates, rtol=1e-5, atol=1e-8)
    batch = jax.vmap(lambda lr: make(lr, **options)(9))(jnp.array([LR, 1.0]))
    np.testing.assert_allclose(batch[0], rates[9], rtol=1e-6)
    slopes = jax.jit(jax.grad(lambda s: s(counts).sum(), allow_int=True))(schedule)
    finite = [np.isfinite(x).all() for x in jax.tree.leaves(slopes) if x.dtype != jax.dtypes.float0]
    assert finite and all(finite)
    in_chain = js.ChainedScheduler([schedule, js.StepLR(LR, 9, 0.5)])
    np.testing.assert_array_equal(in_chain(counts[:9]), rates[:9])
    words = {k: v for k, v in options.items() if isinstance(v, str | bool)}
    traced = {k: jnp.asarray(v) for k, v in options.items() if k not in words}
    found = jax.jit(lambda numbers: make(LR, **numbers, **words)(counts))(traced)
    np.testing.assert_allclose(found, rates, rtol=1e-5, atol=1e-8)
