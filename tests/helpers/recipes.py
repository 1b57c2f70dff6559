"""Recipes of other libraries: run live, and held to what every schedule can do."""

import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched._text.call import call_text
from jaxsched._text.parse import parse
from jaxsched.testing import bound

LR, STEPS = 0.1, 60
BOTH = {"num_warmup_steps": 7, "num_training_steps": 40}
_TRANSFORMERS = {
    "get_constant_schedule": {},
    "get_constant_schedule_with_warmup": {"num_warmup_steps": 7},
    "get_linear_schedule_with_warmup": BOTH,
    "get_cosine_schedule_with_warmup": BOTH,
    "get_cosine_with_hard_restarts_schedule_with_warmup": BOTH | {
        "num_cycles": 3,
    },
    "get_polynomial_decay_schedule_with_warmup": BOTH | {
        "lr_end": 1e-3, "power": 0.5,
    },
    "get_inverse_sqrt_schedule": {"num_warmup_steps": 7, "timescale": 20},
    "get_cosine_with_min_lr_schedule_with_warmup": BOTH | {
        "min_lr": 0.01,
    },
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": BOTH | {
        "min_lr_rate": 0.1, "warmup_lr_rate": 0.2,
    },
    "get_wsd_schedule": {
        "num_warmup_steps": 7, "num_decay_steps": 9, "num_training_steps": 40, "min_lr_ratio": 0.1,
        "warmup_type": "1-sqrt", "decay_type": "cosine",
    },
}  # fmt: skip
_DIFFUSERS = {
    "get_constant_schedule": {},
    "get_constant_schedule_with_warmup": {"num_warmup_steps": 7},
    "get_piecewise_constant_schedule": {"step_rules": "1:10,0.1:20,0.01:30,0.005"},
    "get_linear_schedule_with_warmup": BOTH | {"f_min": 0.1, "f_max": 0.7},
    "get_cosine_schedule_with_warmup": BOTH,
    "get_cosine_with_hard_restarts_schedule_with_warmup": BOTH | {"num_cycles": 3},
    "get_polynomial_decay_schedule_with_warmup": BOTH | {"lr_end": 1e-3, "power": 0.5},
}
EXAMPLES = {"transformers": _TRANSFORMERS, "diffusers": _DIFFUSERS}  # a call of each


def live(optimization, name, options, lr=LR, default=None):
    """A library's scheduler, on an optimizer with one group for each of the rates."""
    torch = pytest.importorskip("torch")
    functions = pytest.importorskip(optimization)
    rates = lr if isinstance(lr, list) else [lr]
    groups = [{"params": [torch.zeros(1)], "lr": rate} for rate in rates]
    optimizer = torch.optim.SGD(groups, lr=default or rates[0])
    return getattr(functions, name)(optimizer, **options)


def rates_of(scheduler, steps):
    """What a live scheduler shows, and steps away from, shape (steps, groups)."""
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return np.array(found)


def assert_exact(schedule, expected):
    """The schedule has the library's `expected` rates from count 0 on, in both precisions."""
    counts = np.arange(len(expected))
    error = np.abs(np.asarray(schedule(counts), np.float64) - expected)
    assert (error <= bound(expected)).all(), (schedule, counts[error > bound(expected)])
    with jax.enable_x64(True):
        np.testing.assert_allclose(schedule(counts), expected, rtol=1e-12, atol=1e-15 * LR)


def arguments(function, rate):
    """Names and defaults of the arguments, `rate` as "lr"."""
    given = inspect.signature(function).parameters.values()
    given = [p for p in given if p.kind is not p.KEYWORD_ONLY]
    return [("lr" if p.name == rate else p.name, p.default) for p in given]


def assert_written_as_all(make, options, rate="lr"):
    """Text, configs, pickles of `make(lr=0.1, **options)`: as of any schedule."""
    schedule = make(**{rate: LR}, **options)
    library = make.__module__.removeprefix("jaxsched.")
    scope = {library: getattr(js, library), "jaxsched": js}

    if not any(isinstance(value, list | tuple) for value in options.values()):  # shown as a tuple
        assert repr(schedule) == call_text(schedule)
    assert repr(schedule).startswith(f"{library}.{make.__name__}(")
    assert f"{rate}=0.1" in repr(schedule)
    assert eval(repr(schedule), scope) == parse(call_text(schedule)) == schedule
    assert parse(f"jaxsched.{call_text(schedule)}") == schedule
    config = js.to_config(schedule)
    assert config["class"] == f"{library}.{make.__name__}" and js.from_config(config) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule


def assert_like_all(make, options, rate="lr"):
    """What is written, `jit`, `vmap`, `grad`, a chain: as with any schedule.

    `rate` is the argument in place of `lr` of one that overwrites the optimizer's rate.
    """
    assert_written_as_all(make, options, rate)
    schedule, counts = make(**{rate: LR}, **options), np.arange(STEPS)
    rates = schedule(counts)

    def summed(schedule):
        rates = schedule(counts)
        return rates.sum(), rates

    # Its numbers are float32 as an argument of `jit`.
    slopes, traced = jax.jit(jax.grad(summed, has_aux=True, allow_int=True))(schedule)
    np.testing.assert_allclose(traced, rates, rtol=1e-5, atol=1e-8)
    slopes = [x for x in jax.tree.leaves(slopes) if x.dtype != jax.dtypes.float0]
    assert slopes and all(np.isfinite(x).all() for x in slopes)
    in_chain = js.ChainedScheduler([schedule, js.StepLR(LR, 9, 0.5)])
    np.testing.assert_array_equal(in_chain(counts[:9]), rates[:9])

    words = {k: v for k, v in options.items() if isinstance(v, str | bool)}
    numbers = {k: jnp.asarray(v) for k, v in options.items() if k not in words}
    many = jax.jit(
        jax.vmap(lambda lr, numbers: make(**{rate: lr}, **numbers, **words)(counts), (0, None))
    )
    np.testing.assert_allclose(many(jnp.array([LR, 1.0]), numbers)[0], rates, rtol=1e-5, atol=1e-8)
