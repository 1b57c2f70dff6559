"""Bad input: what PyTorch rejects, what it lets through to a crash, and what is a bug everywhere."""

import dataclasses
import functools
import re
import types
import warnings
from decimal import Decimal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify
from schedules import one_of_each_class

import jaxsched as js

LR = 0.1
E = js.ExponentialLR(LR, 0.9)
NAN, INF = float("nan"), float("inf")

REJECTED_BY_TORCH = [  # (class, arguments, PyTorch's exception, what the message must say)
    ("ConstantLR", dict(factor=1.5), ValueError, "factor=...)` must be from 0 to 1, got 1.5"),
    ("ConstantLR", dict(factor=-0.1), ValueError, "factor=...)` must be from 0 to 1, got -0.1"),
    ("LinearLR", dict(start_factor=0.0), ValueError, "start_factor=...)` must be above 0"),
    ("LinearLR", dict(start_factor=1.1), ValueError, "start_factor=...)` must be above 0"),
    ("LinearLR", dict(end_factor=-0.1), ValueError, "end_factor=...)` must be from 0 to 1"),
    ("LinearLR", dict(end_factor=1.1), ValueError, "end_factor=...)` must be from 0 to 1"),
    ("MultiStepLR", dict(milestones=3), TypeError, "milestones=...)` must be a sequence"),
    ("LambdaLR", dict(lr_lambda=0.5), TypeError, "lr_lambda=...)` must be a function"),
    ("MultiplicativeLR", dict(lr_lambda=0.5), TypeError, "lr_lambda=...)` must be a function"),
    ("CosineAnnealingWarmRestarts", dict(T_0=0), ValueError, "T_0=...)` must be a positive int, got 0"),
    ("CosineAnnealingWarmRestarts", dict(T_0=2.5), ValueError, "T_0=...)` must be a positive int, got 2.5"),
    ("CosineAnnealingWarmRestarts", dict(T_0=2, T_mult=0), ValueError, "T_mult=...)` must be a positive int"),
    ("CosineAnnealingWarmRestarts", dict(T_0=2, T_mult=1.5), ValueError, "T_mult=...)` must be a positive int"),
    ("CosineAnnealingWarmRestarts", dict(T_0=2, eta_min="0"), ValueError, "eta_min=...)` must be a number"),
    ("SWALR", dict(swa_lr=0.1, anneal_strategy="exp"), ValueError, "anneal_strategy=...)` must be 'cos'"),
    ("SWALR", dict(swa_lr=0.1, anneal_epochs=-1), ValueError, "anneal_epochs=...)` must be an int"),
    ("SWALR", dict(swa_lr=0.1, anneal_epochs=2.5), ValueError, "anneal_epochs=...)` must be an int"),
    ("CyclicLR", dict(base_lr=0.1, max_lr=0.2, mode="up"), ValueError, "mode=...)` must be 'triangular'"),
    ("OneCycleLR", dict(max_lr=0.1), ValueError, "must have `total_steps`"),
    ("OneCycleLR", dict(max_lr=0.1, epochs=3), ValueError, "steps_per_epoch"),
    ("OneCycleLR", dict(max_lr=0.1, total_steps=0), ValueError, "total_steps=...)` must be a positive int"),
    ("OneCycleLR", dict(max_lr=0.1, total_steps=9.5), ValueError, "total_steps=...)` must be a positive int"),
    ("OneCycleLR", dict(max_lr=0.1, epochs=0, steps_per_epoch=3), ValueError, "epochs=...)` must be a positive"),
    ("OneCycleLR", dict(max_lr=0.1, epochs=3, steps_per_epoch=-3), ValueError, "steps_per_epoch=...)` must"),
    ("OneCycleLR", dict(max_lr=0.1, total_steps=9, pct_start=1.5), ValueError, "pct_start=...)` must be a float"),
    ("OneCycleLR", dict(max_lr=0.1, total_steps=9, pct_start=1), ValueError, "pct_start=...)` must be a float"),
    ("OneCycleLR", dict(max_lr=0.1, total_steps=9, anneal_strategy="x"), ValueError, "anneal_strategy=...)`"),
    ("ReduceLROnPlateau", dict(factor=1.0), ValueError, "factor=...)` must be below 1, got 1.0"),
    ("ReduceLROnPlateau", dict(mode="up"), ValueError, "mode=...)` must be 'min' or 'max', got 'up'"),
    ("ReduceLROnPlateau", dict(threshold_mode="x"), ValueError, "threshold_mode=...)` must be 'rel'"),
]  # fmt: skip

LET_THROUGH_BY_TORCH = [  # what would be a ZeroDivisionError at some later step
    (lambda: js.StepLR(LR, 0), "step_size=...)` must be a number of steps other than 0, got 0"),
    (lambda: js.CosineAnnealingLR(LR, 0), "T_max=...)` must be"),
    (lambda: js.CyclicLR(0.1, 0.2, 0), "step_size_up=...)` must be"),
    (lambda: js.CyclicLR(0.1, 0.2, 3, -3), "step_size_down=...)` must be other than -3"),
    (lambda: js.OneCycleLR(LR, 10, pct_start=0.1), "a first phase of no length"),
    (lambda: js.OneCycleLR(LR, 1, pct_start=1.0), "a first phase of no length"),
    (lambda: js.OneCycleLR(LR, 10, div_factor=0.0), "div_factor=...)` must be"),
    (lambda: js.OneCycleLR(LR, 10, final_div_factor=0.0), "final_div_factor=...)` must be"),
    (lambda: js.PolynomialLR(LR, 5, -1.0), "power=...)` must be from 0 up"),
    (lambda: js.PolynomialLR(LR, 1, -1.0), "power=...)` must be from 0 up"),
    (lambda: js.SequentialLR([E, js.LinearLR(LR, total_iters=0)], [3]), "total_iters=...)` must be other than 0"),
    (lambda: js.SequentialLR([E, js.PolynomialLR(LR, 0)], [3]), "total_iters=...)` must be other than 0"),
    (lambda: js.SequentialLR([E, E, E], [5, 3]), "milestones=...)` must be integers from 0 up, in order"),
    (lambda: js.SequentialLR([E, E], [-1]), "milestones=...)` must be integers"),
    (lambda: js.SequentialLR([E, E], [2.5]), "milestones=...)` must be integers"),
    (lambda: js.SequentialLR([E, E], np.array([-1])), "milestones=...)` must be integers"),
    (lambda: js.SequentialLR([E, E], jnp.array([0.5])), "milestones=...)` must be integers"),
]  # fmt: skip

COMPOSITES = [
    (lambda: js.ChainedScheduler([]), ValueError, "at least one schedule"),
    (lambda: js.SequentialLR([], []), ValueError, "at least one schedule"),
    (lambda: js.ChainedScheduler([E, js.ReduceLROnPlateau(LR)]), ValueError, "at index 1"),
    (lambda: js.SequentialLR([js.ReduceLROnPlateau(LR), E], [3]), ValueError, "at index 0"),
    (lambda: js.ReduceLROnPlateau(LR, num_bad_epochs=-1), ValueError, "an int from 0 up, below 2**31, got -1"),
    (lambda: js.ReduceLROnPlateau(LR, cooldown_counter=1.5), ValueError, "an int from 0 up, below 2**31, got 1.5"),
    (lambda: js.ReduceLROnPlateau(LR, best=float("nan")), ValueError, "must be finite, got nan"),
    (lambda: js.ChainedScheduler([E, 0.1]), TypeError, "got 0.1 at index 1"),
    (lambda: js.ChainedScheduler([E, js.ParamGroups([E])]), TypeError, "at index 1"),
    (lambda: js.SequentialLR([E, E], [3, 5]), ValueError, "1 counts, one less than `schedulers`, got (3, 5)"),
    (lambda: js.SequentialLR([E, E], []), ValueError, "1 counts, one less than `schedulers`, got ()"),
    (lambda: js.ChainedScheduler([E, js.StepLR(0.2, 3)]), ValueError, "agree on `lr`, got [0.1, 0.2]"),
    (lambda: js.SequentialLR([E, js.ChainedScheduler([js.StepLR(0.2, 3)])], [3]), ValueError, "agree on `lr`"),
    (lambda: js.ChainedScheduler([E, js.ExponentialLR(LR, 0.9, initial_lr=0.3)]), ValueError, "`initial_lr`"),
    (lambda: js.SequentialLR([E, js.ChainedScheduler([E])], jnp.array([3])), ValueError, "Python ints"),
    (lambda: js.ChainedScheduler([js.SequentialLR([E, E], jnp.array([3]))]), ValueError, "Python ints"),
    (lambda: js.ParamGroups([]), ValueError, "at least one schedule"),
    (lambda: js.ParamGroups([0.1]), TypeError, "schedules=...)` must be schedules"),
    (lambda: js.per_epoch(0.1, 3), TypeError, "schedule=...)` must be a schedule"),
    (lambda: js.per_epoch(E, 0), ValueError, "steps_per_epoch=...)` must be a positive int, got 0"),
    (lambda: js.tabulate(E, 0), ValueError, "num_steps=...)` must be a positive int (below 2**31), got 0"),
    (lambda: js.ChainedScheduler([E], total_steps=0), ValueError, "total_steps=...)` must be a positive int"),
]  # fmt: skip

NONSENSE = [
    (lambda: js.ExponentialLR(LR, None), TypeError, "gamma=...)` must be a number, got None"),
    (lambda: js.StepLR(None, 3), TypeError, "lr=...)` must be a number, got None"),
    (lambda: js.CosineAnnealingWarmRestarts(LR, 3, eta_min=None), ValueError, "eta_min=...)` must be a number"),
    (lambda: js.CyclicLR(LR, LR, step_size_up="a"), ValueError, "step_size_up=...)` must be a number, got 'a'"),
    (lambda: js.OneCycleLR(LR, epochs="a", steps_per_epoch=3), ValueError, "epochs=...)` must be a number"),
    (lambda: js.SWALR(LR, LR, "3"), ValueError, "anneal_epochs=...)` must be a number"),
    (lambda: js.StepLR(LR, 3, last_epoch=NAN), ValueError, "last_epoch=...)` must be an int from -1 up"),
    (lambda: js.StepLR(LR, 3, last_epoch=-2), ValueError, "last_epoch=...)` must be an int from -1 up"),
    (lambda: js.StepLR(LR, 3, last_epoch=2.5), ValueError, "last_epoch=...)` must be an int from -1 up"),
    (lambda: js.StepLR(jnp.float32(NAN), 3), ValueError, "lr=...)` must be finite"),
    (lambda: js.StepLR(jnp.float32(-0.1), 3), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: js.StepLR(LR, jnp.int32(0)), ValueError, "step_size=...)` must be"),
    (lambda: js.StepLR(jnp.complex64(1), 3), TypeError, "lr=...)` must be a number"),
    (lambda: js.CosineAnnealingWarmRestarts(LR, jnp.float32(2.5)), ValueError, "T_0=...)` must be a positive int"),
    (lambda: js.SequentialLR([E, E, E], jnp.array([5, 3])), ValueError, "milestones=...)` must be integers"),
    (lambda: js.SequentialLR([E, E], [True]), ValueError, "milestones=...)` must be integers"),
    (lambda: js.SequentialLR([E, E], 3), TypeError, "milestones=...)` must be a list of counts"),
    (lambda: js.MultiStepLR(LR, np.int64(3)), TypeError, "milestones=...)` must be a sequence"),
    (lambda: js.ChainedScheduler(E), TypeError, "schedulers=...)` must be a list of schedules"),
    (lambda: js.ChainedScheduler([E, lambda step: 0.1]), TypeError, "schedulers=...)` must hold schedules"),
    (lambda: js.ChainedScheduler([E, js.StepLR(jnp.float32(0.2), 3)]), ValueError, "agree on `lr`"),
    (lambda: js.LambdaLR(LR, lambda step: jnp.ones(2))(3), TypeError, "lr_lambda=...)` must give one number"),
    (lambda: js.LambdaLR(LR, lambda step: None)(3), TypeError, "lr_lambda=...)` must give one number"),
    (lambda: js.CyclicLR(0.1, 0.2, scale_fn=0.5), TypeError, "scale_fn=...)` must be a function of the step"),
    (lambda: js.LambdaLR(LR, lambda step: INF, total_steps=3)(2), ValueError, "an infinity"),
    (lambda: js.CosineAnnealingWarmRestarts(LR, 3)(INF), ValueError, "takes finite counts, got inf"),
    (lambda: js.ChainedScheduler([js.per_epoch(js.OneCycleLR(LR, 5), 2)])(40), ValueError, "Tried to step"),
]  # fmt: skip

RATES = [
    (lambda x: js.StepLR(x, 3), "lr"),
    (lambda x: js.StepLR(LR, 3, initial_lr=x), "initial_lr"),
    (lambda x: js.CosineAnnealingLR(LR, 3, x), "eta_min"),
    (lambda x: js.SWALR(LR, x), "swa_lr"),
    (lambda x: js.CyclicLR(x, LR), "base_lr"),
    (lambda x: js.CyclicLR(LR, x), "max_lr"),
    (lambda x: js.OneCycleLR(x, 10), "max_lr"),
    (lambda x: js.CyclicLR(LR, LR, base_momentum=x), "base_momentum"),
    (lambda x: js.ReduceLROnPlateau(x), "lr"),
    (lambda x: js.ReduceLROnPlateau(LR, min_lr=x), "min_lr"),
    (lambda x: js.ExponentialLR(LR, x), "gamma"),
]


def arguments_of(name, arguments):
    return arguments if name in ("CyclicLR", "OneCycleLR") else dict(lr=LR) | arguments


@pytest.mark.parametrize("name, arguments, error, message", REJECTED_BY_TORCH)
def test_what_torch_rejects(name, arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        getattr(js, name)(**arguments_of(name, arguments))


@pytest.mark.parametrize("name, arguments, error, message", REJECTED_BY_TORCH)
def test_torch_rejects_it_with_the_same_exception(name, arguments, error, message):
    torch = pytest.importorskip("torch")
    from jaxsched._torch.to_torch import scheduler_class

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR, momentum=0.9)
    with pytest.raises(error):
        scheduler_class(getattr(js, name))(optimizer, **arguments)


@pytest.mark.parametrize("build, error, message", NONSENSE)
def test_nonsense(build, error, message):
    with pytest.raises(error, match=re.escape(message)):
        build()


@pytest.mark.parametrize("build, message", LET_THROUGH_BY_TORCH)
def test_what_torch_lets_through_to_a_crash(build, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        build()


@pytest.mark.parametrize("build, error, message", COMPOSITES)
def test_compositions(build, error, message):
    with pytest.raises(error, match=re.escape(message)):
        build()


@pytest.mark.parametrize("value, error", [(NAN, ValueError), (INF, ValueError), (-INF, ValueError),
                                          (np.float32(NAN), ValueError), ("0.1", TypeError),
                                          ([0.1, 0.2], TypeError), ({}, TypeError)])  # fmt: skip
@pytest.mark.parametrize("build, name", RATES)
def test_rates_are_finite_numbers(build, name, value, error):
    with pytest.raises(error, match=rf"\({name}=\.\.\.\)` must be"):
        build(value)


def test_an_unsigned_length_beyond_int64():
    with jax.enable_x64(True):
        length = jnp.asarray(2**63, jnp.uint64)
        with pytest.raises(ValueError, match=r"T_0=\.\.\.\)` must be a positive int"):
            js.CosineAnnealingWarmRestarts(LR, length)


def test_a_negative_rate():
    """PyTorch's optimizers refuse one, whatever the scheduler."""
    number = 0
    for schedule in one_of_each_class():
        if "lr" in (field.name for field in dataclasses.fields(schedule)):
            number += 1
            with pytest.raises(ValueError, match=r"\(lr=\.\.\.\)` must be"):
                dataclasses.replace(schedule, lr=-0.1)
                pytest.fail(f"{schedule!r} takes a negative rate.")
    assert number > 80


@pytest.mark.parametrize("count, error", [(3.0, TypeError),
                                          (np.float32(3), TypeError), (jnp.ones(2), TypeError),
                                          ("3", TypeError), (None, TypeError), (True, TypeError),
                                          ([1, 2], TypeError), (1j, TypeError)])  # fmt: skip
@pytest.mark.parametrize(
    "schedule", [E, js.SequentialLR([E, E], [3]), js.per_epoch(E, 3), js.tabulate(E, 9)]
)
def test_counts(schedule, count, error):
    with pytest.raises(error, match="count"):
        schedule(count)


def test_a_traced_float_count():
    with pytest.raises(TypeError, match="integer step count"):
        jax.jit(E.__call__)(3.0)


@pytest.mark.parametrize("count, error", [(INF, ValueError), (NAN, ValueError), ("1", TypeError)])
def test_fractional_epochs(count, error):
    with pytest.raises(error):
        js.CosineAnnealingWarmRestarts(LR, 3)(count)
    with pytest.raises(TypeError, match="integer step count"):
        js.CosineAnnealingWarmRestarts(LR, 3, last_epoch=4)(0.5)


# --- past the end of a OneCycleLR ---

ENDING = [
    (js.OneCycleLR(LR, 10), 10),
    (js.OneCycleLR(LR, 10, pct_start=1.0), 9),
    (js.OneCycleLR(LR, 10, last_epoch=3), 6),
    (js.OneCycleLR(LR, 10).momentum, 10),
    (js.per_epoch(js.OneCycleLR(LR, 10), 3), 32),
    (js.SequentialLR([js.OneCycleLR(LR, 10), E.__class__(0.1, 0.9)], [20]), 10),
    (js.SequentialLR([E, js.OneCycleLR(LR, 10)], [4]), 14),
    (js.ChainedScheduler([E, js.OneCycleLR(LR, 10)]), 10),
]


@pytest.mark.parametrize("schedule, last", ENDING, ids=lambda x: str(x)[:30])
def test_past_the_end(schedule, last):
    assert np.isfinite(schedule(last))
    with pytest.raises(ValueError, match="Tried to step"):
        schedule(last + 1)
    with pytest.raises(ValueError, match="Tried to step"):
        schedule(np.array([0, last + 7]))


@pytest.mark.parametrize("schedule, last", ENDING, ids=lambda x: str(x)[:30])
def test_past_the_end_under_checkify(schedule, last):
    checked = checkify.checkify(jax.jit(schedule.__call__))

    assert checked(jnp.int32(last))[0].get() is None
    assert "Tried to step" in checked(jnp.int32(last + 1))[0].get()
    batched = checkify.checkify(jax.jit(jax.vmap(schedule)))
    assert "Tried to step" in batched(jnp.array([0, last + 1]))[0].get()


def test_past_the_end_under_checkify_as_an_argument():
    checked = checkify.checkify(jax.jit(lambda schedule, count: schedule(count)))

    assert checked(js.OneCycleLR(LR, 20), jnp.int32(20))[0].get() is None
    assert "Tried to step" in checked(js.OneCycleLR(LR, 20), jnp.int32(21))[0].get()


def test_a_traced_milestone_may_cut_a_one_cycle_short():
    cycle = js.OneCycleLR(LR, 10)
    for milestone in ([5], jnp.array([5])):
        assert js.SequentialLR([cycle, js.ExponentialLR(0.004, 0.9)], milestone)(20) > 0


def test_past_the_end_inside_jit_the_last_rate_holds():
    schedule = js.OneCycleLR(LR, 10)

    rates = jax.jit(schedule.__call__)(jnp.array([9, 10, 11, 1000]))

    np.testing.assert_array_equal(rates[2:], rates[0])
    assert rates[1] == schedule(10) > rates[0]


def test_end_without_a_trace_of_torchs_zero_division():
    assert jax.jit(js.OneCycleLR(LR, 10, pct_start=1.0).__call__)(jnp.int32(10)) == js.OneCycleLR(
        LR, 10, pct_start=1.0
    )(9)


# --- momentum ---


@pytest.mark.parametrize("schedule", [js.CyclicLR(0.1, 0.2, cycle_momentum=False),
                                      js.OneCycleLR(LR, 10, cycle_momentum=False)])  # fmt: skip
def test_momentum_without_cycle_momentum(schedule):
    with pytest.raises(ValueError, match=r"cycle_momentum=\.\.\.\)` must be True for `\.momentum`"):
        schedule.momentum  # noqa: B018


# --- Python functions ---


@pytest.mark.parametrize("function", [lambda e: max(0, 1 - e / 100), lambda e: 0.5 if e < 30 else 0.1,
                                      lambda e: [1.0, 0.5][e], lambda e: np.sin(e), lambda e: float(e),
                                      lambda e: 0.5 if jnp.sin(e) > 0 else 0.1])  # fmt: skip
def test_a_function_that_cannot_be_traced(function):
    for schedule in (js.LambdaLR(LR, function), js.CyclicLR(0.1, 0.2, 3, scale_fn=function)):
        with pytest.raises(TypeError, match=r"cannot be traced.*`total_steps=N`"):
            schedule(3)


@pytest.mark.filterwarnings("ignore:.*has no closed form")
@pytest.mark.parametrize("cls", [js.LambdaLR, js.MultiplicativeLR])
def test_a_function_that_cannot_be_traced_inside_a_composition(cls):
    """Its step is concrete where a phase begins, and a number of NumPy's in a program."""
    part = cls(LR, lambda e: 0.5 if e < 30 else 0.1)
    sequence = js.SequentialLR([js.StepLR(LR, 3), js.ExponentialLR(LR, 0.9)], [4])
    cycle = js.CyclicLR(0.0, 0.3, 10, scale_fn=lambda e: 1.0 if e < 3 else 0.5)
    for schedule in (
        js.ChainedScheduler([sequence, part]),
        js.SequentialLR([js.StepLR(LR, 3), part, cycle], [5, 7]),
    ):
        for call in (schedule, jax.jit(schedule)):
            with pytest.raises(TypeError, match=r"cannot be traced.*`total_steps=N`"):
                call(3)


@pytest.mark.parametrize("function, message", [
    (lambda e: 0.1 ** ((e >= 30) + (e >= 60)), r"gives 0.01\d* at step 60, but 0.1 when JAX traces it"),
    (lambda e: 2 ** -(e // 10), r"gives 0.5 at step 10, but -9.2\d*e\+18 when JAX traces it"),
    (lambda e: 1.0 if isinstance(e, int) else 0.5, "gives 1.0 at step 0, but 0.5 when JAX traces it"),
    (lambda e: {3: 0.5}.get(e, 1.0), "cannot be traced"),
])  # fmt: skip
def test_a_function_that_jax_would_misread(function, message):
    for schedule in (js.LambdaLR(LR, function), js.CyclicLR(0.1, 0.2, 3, scale_fn=function)):
        with pytest.raises(TypeError, match=rf"{message}.*`total_steps=N`"):
            schedule(3)
    tabulated = js.LambdaLR(1.0, function, total_steps=70)
    np.testing.assert_array_equal(tabulated(np.arange(70)), np.float32([*map(function, range(70))]))


def test_what_overflows_or_is_a_span_of_time():
    with pytest.raises(ValueError, match=r"step_size_up=...\)` must be .*, got 1e\+302"):
        js.CyclicLR(0.1, 0.2, 1e302)
    with pytest.raises(
        ValueError, match=r"div_factor=...\)` must be large enough that no rate is inf"
    ):
        js.OneCycleLR(1e300, 9, div_factor=1e-300)
    span = np.timedelta64(3, "s")
    for make in (
        lambda: js.SequentialLR([js.StepLR(LR, 3)] * 2, [span]),
        lambda: js.CosineAnnealingWarmRestarts(LR, span),
        lambda: js.StepLR(LR, span),
        lambda: js.StepLR(LR, 3, last_epoch=span),
    ):
        with pytest.raises((TypeError, ValueError), match=r"must be .*, got .*timedelta64"):
            make()


NO_NUMBERS = [
    None,
    "0.5",
    "a",
    [0.5],
    (0.5,),
    {},
    1j,
    Decimal("0.5"),
    np.ones(1),
    jnp.ones(2),
    np.array(1j),
]
TABLES = {
    "LambdaLR": lambda f: js.LambdaLR(LR, f, total_steps=5),
    "MultiplicativeLR": lambda f: js.MultiplicativeLR(LR, f, total_steps=5),
    "CyclicLR": lambda f: js.CyclicLR(LR, 0.2, 3, scale_fn=f, total_steps=5),
    "a table of a chain": lambda f: js.ChainedScheduler([js.LambdaLR(LR, f)], total_steps=5),
    "no table": lambda f: js.LambdaLR(LR, f),
}


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_function_that_gives_no_number(make, value):
    with pytest.raises(TypeError, match=r"(lr_lambda|scale_fn)=...\)` must give one number, got "):
        make(lambda step: value)(2)


def test_a_table_of_one_step_needs_no_factor():
    schedule = js.MultiplicativeLR(LR, lambda step: 1 / step, total_steps=1)
    np.testing.assert_array_equal(jax.jit(schedule.__call__)(jnp.arange(2)), np.float32(LR))


def test_a_function_is_sampled_wherever_jax_computes():
    with jax.disable_jit():
        assert float(js.LambdaLR(1.0, lambda e: 0.5 if e < 3 else 0.25)(4)) == 0.25
    schedule, count = js.LambdaLR(1.0, lambda e: 0.5**e), jnp.int32(3)
    compiled = jax.jit(lambda count: schedule(count))
    with jax.transfer_guard("disallow"):
        assert compiled(count).shape == ()


def test_a_function_that_cannot_be_traced_is_tabulated():
    def halves(step):
        return 0.5 if step < 3 else 0.25

    schedule = js.LambdaLR(1.0, halves, total_steps=5)
    np.testing.assert_array_equal(schedule(np.arange(7)), [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25])
    np.testing.assert_array_equal(
        js.MultiplicativeLR(1.0, halves, total_steps=5)(np.arange(7)),
        [1.0, 0.5, 0.25, 0.0625, 0.015625, 0.015625, 0.015625],
    )
    np.testing.assert_array_equal(
        js.CyclicLR(0.0, 1.0, 2, scale_fn=halves, total_steps=20)(np.arange(7)),
        [0.0, 0.25, 0.5, 0.25, 0.0, 0.25, 0.5],
    )
    chain = js.ChainedScheduler(
        [js.LambdaLR(1.0, halves), js.ExponentialLR(1.0, 0.5)], total_steps=5
    )
    np.testing.assert_array_equal(chain(np.arange(5)), [0.5, 0.25, 0.25, 0.125, 0.125])


@pytest.mark.parametrize("down", [None, 3, 2.5, 0])
def test_a_cycle_of_a_tabulated_function_may_come_down_in_its_own_time(down):
    """Inside a program the sizes are traced, and no condition may ask for their truth."""
    up = 2 if down is None else 1.5
    cycle = js.CyclicLR(0.0, 1.0, up, down, scale_fn=lambda cycle: 0.5 if cycle < 3 else 0.25)
    scales = dataclasses.replace(cycle, scale_fn=lambda cycle: jnp.where(cycle < 3, 0.5, 0.25))
    counts = np.arange(1, 20)  # At 0 a chain shows the group's rate.
    for part in (
        dataclasses.replace(cycle, total_steps=20),
        js.ChainedScheduler([E, cycle], total_steps=20),
    ):
        np.testing.assert_allclose(part(counts), scales(counts), rtol=1e-6)


class Power:
    def __init__(self, gamma):
        self.gamma = {"gamma": gamma}

    def __call__(self, step):
        return self.gamma["gamma"] ** step


@pytest.mark.parametrize("close", [
    lambda gamma: lambda step: gamma**step,
    lambda gamma: lambda step, gamma=gamma: gamma**step,
    lambda gamma: lambda step, *, gamma=gamma: gamma**step,
    lambda gamma: functools.partial(lambda gamma, step: gamma**step, gamma),
    lambda gamma: functools.partial(lambda step, gamma: gamma**step, gamma=gamma),
    lambda gamma: functools.partial(lambda many, step: many[0]**step, [gamma]),
    lambda gamma: functools.partial(lambda many, step: many[0]**step, (gamma,)),
    lambda gamma: functools.partial(lambda own, step: own.gamma**step, types.SimpleNamespace(gamma=gamma)),
    lambda gamma: Power(gamma).__call__,
    Power,
])  # fmt: skip
def test_a_function_that_closes_over_a_traced_value(close):
    with pytest.raises(TypeError, match=r"traced value.*`jaxsched.Schedule` subclass"):
        jax.grad(lambda gamma: js.LambdaLR(LR, close(gamma))(3))(0.9)


@pytest.mark.parametrize("function, error", [(lambda step: step.missing, AttributeError),
                                             (lambda step: {}["missing"], KeyError)])  # fmt: skip
def test_a_function_that_fails_anyway_shows_its_own_error(function, error):
    for call in (js.LambdaLR(LR, function), jax.jit(js.LambdaLR(LR, function).__call__)):
        with pytest.raises(error, match="missing"):
            call(jnp.int32(3))


def test_a_table_with_a_hole():
    with pytest.raises(ValueError, match="division by zero"):
        js.LambdaLR(LR, lambda step: 1 / (step - 3), total_steps=5)(2)


# --- the warning ---

LOOPS = [
    lambda: js.MultiplicativeLR(LR, lambda step: 0.9),
    lambda: js.ChainedScheduler([E, js.CosineAnnealingLR(LR, 5, 0.01)]),
    lambda: js.ChainedScheduler([js.CosineAnnealingLR(LR, 5), js.CosineAnnealingLR(LR, 5)]),
    lambda: js.ChainedScheduler([E, js.SWALR(LR, 0.05)]),
    lambda: js.SequentialLR([js.ChainedScheduler([E, js.SWALR(LR, 0.05)]), E], [3]),
]


@pytest.mark.parametrize("build", LOOPS)
def test_no_closed_form_warns_where_it_is_built(build):
    with pytest.warns(UserWarning, match=r"no closed form.*`total_steps=N`") as caught:
        schedule = build()
    assert caught[-1].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule(np.arange(5))

        dataclasses.replace(schedule, total_steps=10)


def test_the_loop_gives_the_rates_of_the_table():
    for build in LOOPS:
        with pytest.warns(UserWarning):
            schedule = build()

        table = dataclasses.replace(schedule, total_steps=12)
        np.testing.assert_allclose(
            schedule(np.arange(12)), table(np.arange(12)), rtol=1e-7, atol=1e-17
        )
        assert table(50) == table(11)


def test_the_last_rate_of_total_steps_holds_for_a_closed_form_too():
    parts = [E, js.StepLR(LR, 2, 0.5)]
    for build in (js.ChainedScheduler, lambda parts, **n: js.SequentialLR(parts, [3], **n)):
        endless, schedule = build(parts), build(parts, total_steps=5)
        np.testing.assert_array_equal(schedule(np.arange(5)), endless(np.arange(5)))
        np.testing.assert_array_equal(schedule(np.arange(5, 9)), [endless(4)] * 4)


CLOSED_FORMS = [
    lambda: js.SequentialLR([E, js.SWALR(LR, 0.05), js.CosineAnnealingLR(LR, 5, 0.01)], [3, 9]),
    lambda: js.ChainedScheduler([E, js.StepLR(LR, 3), js.LinearLR(LR), js.PolynomialLR(LR)]),
    lambda: js.ChainedScheduler(
        [js.CosineAnnealingLR(LR, 5, 0.1), js.LambdaLR(LR, lambda s: 1.0), E]
    ),
    lambda: js.ChainedScheduler([E, js.CosineAnnealingWarmRestarts(LR, 5), js.SWALR(LR, 0.1)]),
    lambda: js.ChainedScheduler([E, js.CyclicLR(0.1, 0.2)]),
    lambda: js.ChainedScheduler([js.OneCycleLR(0.2, 90), js.CosineAnnealingLR(LR, 5, 0.1)]),
    lambda: js.ChainedScheduler([js.LinearLR(LR), js.CosineAnnealingLR(LR, 50)]),
    lambda: js.SequentialLR([js.ChainedScheduler([E, js.ConstantLR(LR)]), E], [9]),
]


@pytest.mark.parametrize("build", CLOSED_FORMS)
def test_closed_forms_need_neither_table_nor_warning(build):
    schedule = build()

    assert "stablehlo.while" not in jax.jit(schedule.__call__).lower(jnp.int32(3)).as_text()
