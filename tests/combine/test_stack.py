"""Stacked schedules: each rate is that of its schedule alone, in float32 bit for bit."""

import copy
import dataclasses
import itertools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from schedules import COSINE, EXPONENTIAL, LR, SCHEDULES

import jaxsched as js

COUNTS = np.arange(45)
CYCLES = [js.OneCycleLR(0.1, 20), js.OneCycleLR(0.3, 40, pct_start=0.5), js.CyclicLR(0.01, 0.1, 7)]
WARMUPS = [
    js.SequentialLR([js.LinearLR(lr, 0.1, total_iters=n), js.CosineAnnealingLR(lr, 40 - n)], [n])
    for lr, n in itertools.product([0.1, 0.3], [0, 1, 7, 39])
]


def alone(schedules, counts=COUNTS):
    return np.stack([np.asarray(schedule(counts)) for schedule in schedules])


@pytest.mark.parametrize("x64", [False, True])
def test_rates_of_every_kind_of_schedule_at_once(x64):
    with jax.enable_x64(x64):
        batch = js.stack(list(SCHEDULES.values()))
        counts = jnp.asarray(COUNTS)
        rates = jax.jit(jax.vmap(lambda schedule: schedule(counts)))(batch)

        # In float64 the compiler's way to fuse a program decides on the last bit.
        np.testing.assert_allclose(rates, alone(SCHEDULES.values()), rtol=1e-15 if x64 else 0)


def test_rates_step_by_step_in_a_scan():
    schedules = [*CYCLES[2:], *WARMUPS, EXPONENTIAL, COSINE]

    def steps(batch):
        rates = jax.vmap(lambda schedule, count: schedule(count), in_axes=(0, None))
        return jax.lax.scan(lambda _, t: (None, rates(batch, t)), None, jnp.asarray(COUNTS))[1]

    np.testing.assert_array_equal(jax.jit(steps)(js.stack(schedules)).T, alone(schedules))


def test_a_python_number_stays_exact():
    schedules = [js.ExponentialLR(0.1, gamma) for gamma in (0.9999, 0.99999)]
    count = jnp.int32(20_000)

    rounded = jax.vmap(lambda gamma: js.ExponentialLR(0.1, gamma)(count))
    exact = np.array([schedule(20_000) for schedule in schedules])

    np.testing.assert_array_equal(jax.vmap(lambda s: s(count))(js.stack(schedules)), exact)
    assert (rounded(jnp.array([0.9999, 0.99999])) != exact).all()


def test_a_program_for_each_family():
    def families(schedules):
        return len(js.stack(schedules).schedules.families)

    assert families([warmup for warmup in WARMUPS if warmup.milestones > (0,)]) == 1
    assert families(WARMUPS) == 2  # A warm-up of no step is none: the second part alone is left.
    assert families([js.CosineAnnealingLR(lr, n) for lr in (0.1, 0.2) for n in (5, 9)]) == 1
    # A period that is no int has another rule in PyTorch.
    assert families([js.CosineAnnealingLR(0.1, n) for n in (5, 5.0)]) == 2
    assert families([js.StepLR(0.1, 3), js.StepLR(0.2, 3), EXPONENTIAL]) == 2
    assert families([js.tabulate(x, 30) for x in (EXPONENTIAL, COSINE, js.StepLR(0.1, 3))]) == 1


def test_the_program_grows_with_the_families_alone():
    def program(number):
        batch = js.stack([js.ExponentialLR(LR, 0.9 + 0.01 / (i + 1)) for i in range(number)])
        evaluate = jax.jit(jax.vmap(lambda schedule: schedule(jnp.int32(3))))
        return len(evaluate.lower(batch).as_text().splitlines())

    assert program(100) == program(2)


def test_momenta():
    momenta = jax.vmap(lambda schedule: schedule.momentum(jnp.asarray(COUNTS[:20])))

    np.testing.assert_array_equal(
        momenta(js.stack(CYCLES)), alone([cycle.momentum for cycle in CYCLES], COUNTS[:20])
    )
    with pytest.raises(AttributeError, match="momentum"):
        momenta(js.stack([*CYCLES, EXPONENTIAL]))


def test_the_last_rate_holds_past_the_end():
    rates = jax.vmap(lambda schedule: schedule(jnp.int32(100)))(js.stack(CYCLES[:2]))

    np.testing.assert_array_equal(rates, [CYCLES[0](19), CYCLES[1](39)])


@pytest.mark.parametrize("count", [0, 2**31 - 1])
def test_far_counts_with_a_stepped_one_beside(count):
    schedules = [EXPONENTIAL, js.CosineAnnealingLR(0.1, 1000)]
    with pytest.warns(UserWarning, match="no closed form"):
        stepped = js.ChainedScheduler([EXPONENTIAL, js.CosineAnnealingLR(LR, 7, 0.01)])
    batch = js.stack([*schedules, stepped])
    rate = jax.jit(lambda batch, count: batch(count))

    for number, schedule in enumerate(schedules):
        one = jax.tree.map(lambda x, number=number: x[number], batch)
        assert rate(one, jnp.int32(count)) == schedule(count)


def test_one_of_a_stack_is_a_schedule():
    batch = js.stack(WARMUPS)
    third = jax.tree.map(lambda numbers: numbers[3], batch)

    np.testing.assert_array_equal(third(COUNTS), WARMUPS[3](COUNTS))
    np.testing.assert_array_equal(
        jax.vmap(lambda schedule: js.per_epoch(schedule, 3)(jnp.int32(20)))(batch),
        alone(WARMUPS, 6),
    )


def test_training_under_all_at_once():
    schedules = [*WARMUPS, EXPONENTIAL]

    def train(schedule):
        optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=schedule)
        state = optimizer.init(jnp.float32(1))
        rates = []
        for _ in range(3):
            _, state = optimizer.update(jnp.float32(1), state)
            rates.append(js.current_lr(state))
        return jnp.stack(rates)

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        trained = jax.jit(jax.vmap(train))(js.stack(schedules))

    np.testing.assert_array_equal(trained, alone(schedules, COUNTS[:3]))


def test_sharded():
    mesh = jax.make_mesh((1,), ("candidates",), axis_types=(jax.sharding.AxisType.Auto,))
    batch = jax.device_put(js.stack(WARMUPS), NamedSharding(mesh, P("candidates")))

    np.testing.assert_array_equal(
        jax.jit(jax.vmap(lambda schedule: schedule(jnp.int32(5))))(batch), alone(WARMUPS, 5)
    )


def test_no_recompilation_for_the_same_schedules():
    traces = []

    @jax.jit
    def rates(batch):
        traces.append(batch)
        return jax.vmap(lambda schedule: schedule(jnp.int32(3)))(batch)

    for lr in (0.1, 0.1, 0.2):
        rates(js.stack([js.StepLR(lr, 3), EXPONENTIAL]))
    assert len(traces) == 2


def test_value_semantics():
    batch = js.stack(WARMUPS)
    jax.vmap(lambda schedule: schedule(jnp.int32(3)))(batch)

    for other in (pickle.loads(pickle.dumps(batch)), copy.deepcopy(batch), js.stack(WARMUPS)):
        assert other == batch
        assert hash(other) == hash(batch)
    assert batch != js.stack(WARMUPS[::-1])
    assert js.from_config(js.to_config(batch)) == batch
    assert repr(batch) == "stack(<8 schedules>)"


@pytest.mark.parametrize("schedules, error, message", [
    ([], ValueError, "at least one schedule"),
    (EXPONENTIAL, TypeError, "a list of schedules"),
    ([EXPONENTIAL, 0.1], TypeError, "got 0.1 at index 1"),
    ([js.ReduceLROnPlateau(0.1)], TypeError, "schedules of the step count alone"),
    ([js.stack([EXPONENTIAL])], TypeError, "single schedules"),
])  # fmt: skip
def test_rejects(schedules, error, message):
    with pytest.raises(error, match=message):
        js.stack(schedules)


def test_rejects_traced_numbers():
    with pytest.raises(TypeError, match=r"concrete numbers, got ExponentialLR.* at index 0"):
        jax.vmap(lambda gamma: js.stack([js.ExponentialLR(0.1, gamma)]))(jnp.ones(2))


def test_is_called_under_vmap():
    with pytest.raises(ValueError, match=r"under `jax\.vmap`"):
        js.stack(WARMUPS)(3)


def test_numbers_that_there_are_not():
    both = js.stack([js.StepLR(0.1, 3), js.StepLR(0.2, 3)])

    for numbers in ([0, 2], [-1, 0]):
        with pytest.raises(ValueError, match=r"numbers=\.\.\.\)` must be from 0 to 1, got"):
            dataclasses.replace(both, numbers=np.array(numbers))
