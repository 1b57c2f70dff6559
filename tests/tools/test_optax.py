"""Schedules inside Optax and Flax: which rate each update applies, and how to read it."""

import flax.linen as linen
import flax.nnx as nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.training.train_state import TrainState
from schedules import DERIVED, LR, SCHEDULES, SINGLES

import jaxsched as js
from jaxsched import current_lr, fast_forward, log_rates


@pytest.fixture(autouse=True)
def relaxed():
    """Optax itself does not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


E = js.ExponentialLR(LR, gamma=0.5)
PARAMS = {"backbone": jnp.ones(2), "head": jnp.ones(3)}
GRADS = jax.tree.map(jnp.ones_like, PARAMS)


def updates(optimizer, number, **extra):
    """The states after each of some updates, by one jitted function."""
    update = jax.jit(lambda state: optimizer.update(GRADS, state, PARAMS, **extra))
    state = optimizer.init(PARAMS)
    for _ in range(number):
        change, state = update(state)
        yield change, state


@pytest.mark.parametrize("schedule", DERIVED.values(), ids=DERIVED)
def test_update_n_applies_the_rate_of_count_n(schedule):
    applied = [-change["head"][0] for change, _ in updates(optax.sgd(schedule), 8)]

    np.testing.assert_allclose(applied, schedule(np.arange(8)), rtol=1e-6)


@pytest.mark.parametrize("schedule", SINGLES.values(), ids=SINGLES)
def test_injected(schedule):
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=schedule)

    rates = [current_lr(state) for _, state in updates(optimizer, 8)]

    np.testing.assert_array_equal(rates, schedule(np.arange(8)))


def test_before_the_first_update_the_rate_is_that_of_count_0():
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=E)

    assert current_lr(optimizer.init(PARAMS)) == E(0)


def test_momentum_of_sgd_and_beta1_of_adam():
    cycle = js.OneCycleLR(LR, 20)
    for optimizer, name in [
        (optax.inject_hyperparams(optax.sgd)(cycle, momentum=cycle.momentum), "momentum"),
        (optax.inject_hyperparams(optax.adam)(cycle, b1=cycle.momentum), "b1"),
    ]:
        for count, (_, state) in enumerate(updates(optimizer, 8)):
            assert state.hyperparams[name] == cycle.momentum(count)
            assert current_lr(state) == cycle(count)


BF16 = jnp.full(2, 1.0, jnp.bfloat16)
SLOW = js.ConstantLR(1e-3, 1.0)
FULL_PRECISION = {"hyperparam_dtype": jnp.float32}
CYCLE = js.OneCycleLR(1e-3, 20, div_factor=1.0)
BF16_SAFE = {
    "sgd": optax.inject_hyperparams(optax.sgd)(SLOW),
    "adam": optax.inject_hyperparams(optax.adam, **FULL_PRECISION)(SLOW, mu_dtype="float32"),
    "beta1": optax.inject_hyperparams(optax.adam, **FULL_PRECISION)(
        CYCLE, b1=CYCLE.momentum, mu_dtype="float32"
    ),
    "momentum": optax.inject_hyperparams(optax.sgd, **FULL_PRECISION)(
        CYCLE, momentum=CYCLE.momentum, accumulator_dtype="float32"
    ),
}


def test_bfloat16_gradients_round_the_rate_of_plain_optax():
    for optimizer in (optax.sgd(SLOW), optax.adam(SLOW)):
        change, _ = optimizer.update(BF16, optimizer.init(BF16), BF16)
        assert change.dtype == jnp.bfloat16
        np.testing.assert_array_equal(change, -jnp.bfloat16(1e-3))


def test_bfloat16_parameters_make_nan_of_an_injected_adam():
    optimizer = optax.inject_hyperparams(optax.adam)(SLOW)

    change, state = optimizer.update(BF16, optimizer.init(BF16), BF16)

    assert state.hyperparams["b2"] == 1  # 0.999, rounded
    assert jnp.isnan(change).all()
    assert current_lr(state) == SLOW(0)


@pytest.mark.parametrize("name", BF16_SAFE)
def test_bfloat16_parameters_do_not_round_what_is_injected(name):
    optimizer = BF16_SAFE[name]

    def step(carry, _):
        params, state = carry
        change, state = optimizer.update(BF16, state, params)
        return (optax.apply_updates(params, change), state), (change, state.hyperparams)

    (params, _), (changes, applied) = jax.lax.scan(step, (BF16, optimizer.init(BF16)), length=3)

    assert params.dtype == jnp.bfloat16
    np.testing.assert_allclose(changes[0], -1e-3, rtol=1e-6)
    cycles = name in ("beta1", "momentum")
    schedule = CYCLE if cycles else SLOW
    np.testing.assert_array_equal(applied["learning_rate"], schedule(np.arange(3)))
    if cycles:
        key = "b1" if name == "beta1" else name
        np.testing.assert_array_equal(applied[key], CYCLE.momentum(np.arange(3)))


def partitioned():
    groups = js.ParamGroups([js.StepLR(0.01, 2), js.StepLR(0.1, 2)])
    optimizers = {
        name: optax.inject_hyperparams(optax.sgd)(learning_rate=groups[index])
        for index, name in enumerate(PARAMS)
    }
    return groups, optax.partition(optimizers, {name: name for name in PARAMS})


def test_parameter_groups_by_partition():
    groups, optimizer = partitioned()

    for count, (change, _) in enumerate(updates(optimizer, 5)):
        rates = [-change["backbone"][0], -change["head"][0]]
        np.testing.assert_allclose(rates, groups.rates(count), rtol=1e-6)


def test_parameter_groups_stack_along_a_last_axis():
    groups = js.ParamGroups([js.StepLR(0.01, 2), js.StepLR(0.1, 2)])

    assert groups.rates(3).shape == (2,)
    assert groups.rates(np.zeros((4, 5), int)).shape == (4, 5, 2)
    assert len(groups) == 2
    assert list(groups) == [groups[0], groups[1]]
    assert jax.jit(groups.rates)(3).shape == (2,)


# --- current_lr, wherever the rate is injected ---

INJECTED = optax.inject_hyperparams(optax.sgd)(learning_rate=E)
HOLDERS = {
    "alone": INJECTED,
    "chained": optax.chain(optax.clip_by_global_norm(9.0), INJECTED),
    "partitioned": optax.partition(
        {"a": INJECTED, "b": optax.sgd(0.1)}, {"backbone": "a", "head": "b"}
    ),
    "masked": optax.masked(INJECTED, {"backbone": True, "head": False}),
    "if finite": optax.apply_if_finite(INJECTED, 3),
}


@pytest.mark.parametrize("optimizer", HOLDERS.values(), ids=HOLDERS)
def test_current_lr(optimizer):
    rates = [current_lr(state) for _, state in updates(optimizer, 4)]

    np.testing.assert_array_equal(rates, E(np.arange(4)))


def test_current_lr_of_multi_steps():
    optimizer = optax.MultiSteps(INJECTED, every_k_schedule=2)

    rates = [float(current_lr(state)) for _, state in updates(optimizer, 6)]

    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025])


def test_current_lr_of_nnx():
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, INJECTED, wrt=nnx.Param)
    grads = jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param))
    for count in range(3):
        optimizer.update(model, grads)
        assert float(current_lr(optimizer)) == float(current_lr(optimizer.opt_state)) == E(count)
        assert E(optimizer.step[...]) == E(count + 1)  # its count is uint32


def test_current_lr_of_linen():
    model = linen.Dense(3)
    variables = model.init(jax.random.key(0), jnp.ones((1, 2)))
    state = TrainState.create(apply_fn=model.apply, params=variables["params"], tx=INJECTED)
    state = state.apply_gradients(grads=jax.tree.map(jnp.ones_like, state.params))

    assert current_lr(state) == E(0)


def test_current_lr_says_where_it_looked():
    with pytest.raises(ValueError, match=r"got a state without.*inject_hyperparams"):
        current_lr(optax.adam(E).init(PARAMS))
    with pytest.raises(ValueError, match=r"several, at .*\[0\].*\[1\]"):
        current_lr(optax.chain(INJECTED, INJECTED).init(PARAMS))
    states = partitioned()[1].init(PARAMS).inner_states
    assert current_lr(states["head"]) == pytest.approx(0.1)


# --- fast_forward ---

RESUMABLE = HOLDERS | {
    "adam": optax.adam(E),
    "injected adam": optax.inject_hyperparams(optax.adam)(learning_rate=E),
    "multi steps": optax.MultiSteps(INJECTED, every_k_schedule=1),
}


# --- log_rates: what goes into a log ---


def test_log_rates_are_the_shortest_decimals():
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=js.StepLR(0.01, step_size=2))
    logged = [log_rates(state) for _, state in updates(optimizer, 3)]

    assert logged == [{"lr": 0.01}, {"lr": 0.01}, {"lr": 0.001}]
    assert all(type(rate) is float for rates in logged for rate in rates.values())


@pytest.mark.parametrize("schedule", SINGLES.values(), ids=SINGLES)
def test_log_rates_are_the_same_float32(schedule):
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=schedule)

    for _, state in updates(optimizer, 3):
        assert np.float32(log_rates(state, "rate")["rate"]) == current_lr(state)


def test_log_rates_of_groups_nested_ones_and_a_batch():
    groups = js.ParamGroups([js.StepLR(0.001, 30), js.StepLR(0.01, 30)])
    injected = optax.inject_hyperparams(optax.sgd)
    optimizer = groups.partition(injected, {"backbone": 0, "head": 1})
    inner = optax.partition(
        {"a": injected(learning_rate=0.3), "b": injected(learning_rate=E)},
        {"backbone": "a", "head": "b"},
    )
    outer = optax.partition(
        {"x": inner, "y": injected(learning_rate=0.7)}, {"backbone": "x", "head": "y"}
    )
    batch = jax.vmap(lambda lr: injected(learning_rate=lr).init(PARAMS))(jnp.array([0.1, 0.2]))

    assert log_rates(optimizer.init(PARAMS)) == {"lr/0": 0.001, "lr/1": 0.01}
    assert log_rates(batch) == {"lr/0": 0.1, "lr/1": 0.2}
    state = outer.init(PARAMS)
    assert log_rates(state) == {"lr/x/a": 0.3, "lr/x/b": 0.1, "lr/y": 0.7}


def test_log_rates_of_nnx_and_of_bfloat16():
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    tx = optax.inject_hyperparams(optax.sgd)(learning_rate=E)
    rounded = optax.inject_hyperparams(optax.sgd)(learning_rate=jnp.bfloat16(0.1))

    assert log_rates(nnx.Optimizer(model, tx, wrt=nnx.Param)) == {"lr": 0.1}
    assert jnp.bfloat16(log_rates(rounded.init(PARAMS))["lr"]) == jnp.bfloat16(0.1)


def test_log_rates_says_what_it_needs():
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=E)

    with pytest.raises(TypeError, match=r"outside of `jax.jit`"):
        jax.jit(log_rates)(optimizer.init(PARAMS))
    with pytest.raises(
        TypeError, match=r"`log_rates\(opt_state=...\)` must be the optimizer's state"
    ):
        log_rates(optimizer)
    with pytest.raises(ValueError, match=r"`log_rates\(opt_state\)` must contain an injected"):
        log_rates(optax.sgd(E).init(PARAMS))


@pytest.mark.parametrize("optimizer", RESUMABLE.values(), ids=RESUMABLE)
def test_fast_forward_goes_on_where_training_would_be(optimizer):
    *_, (_, stepped) = updates(optimizer, 3)
    *_, (expected, _) = updates(optimizer, 4)

    jumped = fast_forward(optimizer.init(PARAMS), 3)

    assert jax.tree.structure(jumped) == jax.tree.structure(stepped)
    for a, b in zip(jax.tree.leaves(jumped), jax.tree.leaves(stepped), strict=True):
        assert jnp.asarray(a).dtype == jnp.asarray(b).dtype
        if jnp.issubdtype(jnp.asarray(a).dtype, jnp.integer):
            np.testing.assert_array_equal(a, b)
    if optimizer in (RESUMABLE["adam"], RESUMABLE["injected adam"]):
        return  # The moments are another matter.
    change, _ = optimizer.update(GRADS, jumped, PARAMS)
    np.testing.assert_allclose(change["backbone"], expected["backbone"], rtol=1e-6)


def test_fast_forward_of_nnx():
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, INJECTED, wrt=nnx.Param)
    optimizer.opt_state = fast_forward(optimizer.opt_state, 5)
    optimizer.update(model, jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param)))

    assert float(current_lr(optimizer)) == E(5)


def test_fast_forward_of_an_nnx_state():
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    state = nnx.state(nnx.Optimizer(model, INJECTED, wrt=nnx.Param))["opt_state"]

    counts = [leaf for leaf in jax.tree.leaves(fast_forward(state, 5)) if leaf.dtype == jnp.int32]

    assert [int(count) for count in counts] == [5, 5]


def test_fast_forward_leaves_a_plateaus_counter_alone():
    plateau = optax.contrib.reduce_on_plateau(factor=0.5, patience=1)
    state = fast_forward(optax.chain(optax.sgd(E), plateau).init(PARAMS), 3)

    assert state[1].count == 0
    assert jax.tree.leaves(state[0])[0] == 3


def test_fast_forward_of_schedule_free():
    optimizer = optax.contrib.schedule_free_sgd(learning_rate=E)
    *_, (_, stepped) = updates(optimizer, 3)

    assert fast_forward(optimizer.init(PARAMS), 3).step_count == stepped.step_count


@pytest.mark.parametrize("count, error", [(-1, ValueError), (2**31, ValueError), (2.5, TypeError),
                                          (None, TypeError), (np.arange(2), TypeError)])  # fmt: skip
def test_fast_forward_rejects(count, error):
    with pytest.raises(error, match=r"`fast_forward\(count=\.\.\.\)` must be"):
        fast_forward(optax.sgd(E).init(PARAMS), count)


def test_fast_forward_needs_a_count():
    with pytest.raises(ValueError, match="step count, got a state without"):
        fast_forward(optax.sgd(0.1).init(PARAMS), 3)


PLATEAU = js.ReduceLROnPlateau(LR, factor=0.5, patience=1)


def test_a_pure_schedule_is_not_mistaken_for_a_stateful_one():
    for schedule in SCHEDULES.values():
        assert not isinstance(schedule, optax.schedules.StatefulSchedule)
    assert isinstance(PLATEAU, optax.schedules.StatefulSchedule)


def test_per_epoch_follows_a_torch_loop():
    schedule = js.per_epoch(E, steps_per_epoch=3)

    np.testing.assert_array_equal(schedule(np.arange(9)), np.repeat(E(np.arange(3)), 3))
    assert js.per_epoch(js.OneCycleLR(LR, 9), 2).momentum(5) == js.OneCycleLR(LR, 9).momentum(2)
