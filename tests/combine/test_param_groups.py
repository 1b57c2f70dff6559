"""Parameter groups as one optimizer, the rates they show, and optimizer states moved to a count."""

import flax.nnx as nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.training.train_state import TrainState

import jaxsched as js
from jaxsched import current_lr, fast_forward


@pytest.fixture(autouse=True)
def relaxed():
    """Optax itself does not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


SLOW, FAST = js.StepLR(0.01, 2), js.StepLR(0.1, 2)
GROUPS = js.ParamGroups([SLOW, FAST])
PARAMS = {"backbone": jnp.ones(2), "head": jnp.ones(3)}
GRADS = jax.tree.map(jnp.ones_like, PARAMS)
LABELS = {"backbone": 0, "head": 1}
E = js.ExponentialLR(0.1, gamma=0.5)
INJECT = optax.inject_hyperparams(optax.sgd)


def run(optimizer, number, state=None, **extra):
    update = jax.jit(lambda state: optimizer.update(GRADS, state, PARAMS, **extra))
    state = optimizer.init(PARAMS) if state is None else state
    changes = []
    for _ in range(number):
        change, state = update(state)
        changes.append([-float(change[name][0]) for name in PARAMS])
    return changes, state


@pytest.mark.parametrize("use", [
    lambda: optax.adamw(GROUPS), lambda: optax.sgd(GROUPS), lambda: INJECT(GROUPS).init(PARAMS),
    lambda: optax.scale_by_learning_rate(GROUPS), lambda: run(optax.adam(0.1, b1=GROUPS), 1),
    lambda: jnp.asarray(GROUPS), lambda: np.asarray(GROUPS), lambda: float(GROUPS),
    lambda: GROUPS < 1, lambda: np.float32(2) * GROUPS, lambda: jnp.ones(2) * GROUPS,
    lambda: 1 - GROUPS, lambda: GROUPS**2, lambda: jax.jit(lambda t: GROUPS * t)(1),
])  # fmt: skip
def test_groups_are_no_rate(use):
    with pytest.raises(TypeError, match=r"groups\.partition.*optax\.partition"):
        use()


def test_groups_are_no_function():
    assert not callable(GROUPS)
    with pytest.raises(TypeError, match="not callable"):
        optax.join_schedules([GROUPS, GROUPS], [3])(1)


@pytest.mark.parametrize("use, error, message", [
    (lambda: js.ParamGroups(SLOW, FAST), TypeError, r"write `ParamGroups\(\[a, b\]\)`"),
    (lambda: GROUPS[2], IndexError, "2 groups, got index 2"),
    (lambda: GROUPS[-3], IndexError, "2 groups, got index -3"),
    (lambda: GROUPS["head"], TypeError, "an int, got 'head'"),
    (lambda: GROUPS.single(), ValueError, r"lr=0.01.* at index 0 and .*lr=0.1.* at index 1"),
    (lambda: GROUPS.momentum, AttributeError, "got none from StepLR.* at index 0"),
    (lambda: GROUPS.partition(optax.sgd(0.1), LABELS), TypeError, "a function of the rate"),
    (lambda: GROUPS.partition(0.1, LABELS), TypeError, "a function of the rate"),
    (lambda: GROUPS.partition([optax.sgd], LABELS), ValueError, "each of 2 groups, got 1"),
    (lambda: GROUPS.partition(lambda lr: lr, LABELS), TypeError, "must make an optimizer"),
    *[(lambda label=label: GROUPS.partition(optax.sgd, {"backbone": 0, "head": label}),
       ValueError, "ints from 0 to 1, got") for label in ("fast", 2, -1, 1.0, True)],
    (lambda: GROUPS.partition(optax.sgd, lambda p: "fast").init(PARAMS), ValueError, "'fast'"),
])  # fmt: skip
def test_rejected(use, error, message):
    with pytest.raises(error, match=message):
        use()


def test_indices():
    assert GROUPS[np.int64(-1)] == FAST and GROUPS[:1] == js.ParamGroups([SLOW])
    assert js.ParamGroups([SLOW, SLOW]).single() == SLOW


def test_momentum():
    cycles = [js.OneCycleLR(0.1, 20), js.CyclicLR(0.1, 0.2, 4)]
    momenta = js.ParamGroups(cycles).momentum
    np.testing.assert_array_equal(momenta.rates(3), [cycle.momentum(3) for cycle in cycles])


OPTIMIZERS = {
    "plain": (optax.sgd, LABELS),
    "function": (optax.sgd, lambda params: {name: LABELS[name] for name in params}),
    "NumPy ints": (optax.sgd, jax.tree.map(np.int64, LABELS)),
    "injected": (INJECT, LABELS),
    "one each": ([optax.sgd, lambda lr: optax.sgd(lr, momentum=0.0)], LABELS),
}


@pytest.mark.parametrize("optimizer, labels", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_partition(optimizer, labels):
    changes, _ = run(GROUPS.partition(optimizer, labels), 4)

    expected = [[0.01, 0.1], [0.01, 0.1], [0.001, 0.01], [0.001, 0.01]]
    np.testing.assert_allclose(changes, expected, rtol=1e-6)


def test_partition_hands_options_on():
    changes, _ = run(GROUPS.partition(optax.sgd, LABELS, momentum=0.5), 2)

    np.testing.assert_allclose(changes, [[0.01, 0.1], [0.015, 0.15]], rtol=1e-6)


def test_partition_of_plateaus():
    plateaus = [js.ReduceLROnPlateau(lr, factor=0.5, patience=0) for lr in (0.01, 0.1)]
    optimizer = js.ParamGroups(plateaus).partition(INJECT, LABELS)

    changes, _ = run(optimizer, 3, value=1.0)

    np.testing.assert_allclose(changes, [[0.01, 0.1], [0.01, 0.1], [0.005, 0.05]], rtol=1e-6)


# --- current_lr of several groups ---


def test_current_lr_by_label():
    inner = GROUPS.partition(INJECT, LABELS)
    nested = optax.partition({"a": inner, "b": optax.sgd(0.1)}, "a")
    both = optax.partition({"a": inner, "b": INJECT(E)}, {"backbone": "a", "head": "b"})
    pair = {0: jnp.float32(0.01), 1: jnp.float32(0.1)}
    for optimizer in (inner, optax.chain(optax.clip(9.0), inner), optax.MultiSteps(inner, 2)):
        assert current_lr(optimizer.init(PARAMS)) == pair
    assert current_lr(nested.init(PARAMS)) == pair
    assert current_lr(both.init(PARAMS)) == {"a": pair, "b": E(0)}


def nnx_optimizer(tx):
    return nnx.Optimizer(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), tx, wrt=nnx.Param)


def train_state(tx):
    return TrainState.create(apply_fn=None, params=PARAMS, tx=tx)


@pytest.mark.parametrize("hold", [nnx_optimizer, train_state])
def test_current_lr_by_label_of_flax(hold):
    tx = GROUPS.partition(INJECT, lambda params: jax.tree.map(lambda x: int(x.ndim > 1), params))
    assert current_lr(hold(tx)) == {0: jnp.float32(0.01), 1: jnp.float32(0.1)}


# --- fast_forward ---


def test_fast_forward_of_nnx_sets_its_step():
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, INJECT(E), wrt=nnx.Param)

    assert fast_forward(optimizer, 5) is optimizer
    assert optimizer.step[...] == 5 and optimizer.step[...].dtype == jnp.uint32
    update = nnx.jit(lambda model, optimizer, grads: optimizer.update(model, grads))
    update(model, optimizer, jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param)))
    assert optimizer.step[...] == 6 and current_lr(optimizer) == E(5)


def test_fast_forward_of_a_train_state():
    state = train_state(INJECT(E))
    moved = fast_forward(state, 5)

    assert (state.step, moved.step) == (0, 5)
    assert current_lr(moved.apply_gradients(grads=GRADS)) == E(5)
    assert jax.jit(fast_forward)(state, 5).step == 5


@pytest.mark.parametrize("hold", [nnx_optimizer, train_state])
def test_a_step_that_counts_batches_is_left_to_the_user(hold):
    with pytest.raises(ValueError, match=r"MultiSteps.*set its `step` yourself"):
        fast_forward(hold(optax.MultiSteps(INJECT(E), 2)), 5)


@pytest.mark.parametrize("optimizer", [optax.sgd(E), optax.MultiSteps(INJECT(E), 2)])
def test_an_optimizer_is_no_state(optimizer):
    for use in (current_lr, lambda optimizer: fast_forward(optimizer, 5)):
        with pytest.raises(TypeError, match=r"pass what `optimizer.init\(params\)` returned"):
            use(optimizer)


ADAMS = {
    "plain": lambda rate: optax.adam(rate),
    "injected": lambda rate: optax.inject_hyperparams(optax.adam)(learning_rate=rate),
    "partitioned": lambda rate: optax.partition({0: optax.adam(rate)}, 0),
}


@pytest.mark.parametrize("make", ADAMS.values(), ids=ADAMS)
def test_only_the_schedules_start_anew(make):
    _, stepped = run(make(E), 3)
    changes, _ = run(make(E), 2, fast_forward(stepped, 0, only_schedules=True))

    # Adam without a schedule, going on, and its steps scaled by the rates of counts 0 and 1.
    unit, _ = run(make(1.0), 5)
    np.testing.assert_allclose(changes, np.multiply(unit[3:], [[0.1], [0.05]]), rtol=1e-6)


def test_only_schedules_keeps_adams_count_and_the_step():
    state = train_state(optax.adam(E))
    for _ in range(3):
        state = state.apply_gradients(grads=GRADS)
    moved = fast_forward(state, 0, only_schedules=True)

    assert (moved.step, moved.opt_state[0].count, moved.opt_state[1].count) == (3, 3, 0)


def test_only_schedules_needs_one():
    with pytest.raises(ValueError, match="that a schedule reads, got a state without"):
        fast_forward(optax.adam(0.1).init(PARAMS), 3, only_schedules=True)


# --- a schedule where Optax wants a number ---

MOMENTUM = js.OneCycleLR(0.1, 20).momentum


@pytest.mark.parametrize("optimizer", [
    optax.adam(0.1, b1=MOMENTUM), optax.adamw(0.1, b1=MOMENTUM), optax.adam(0.1, b2=E),
    optax.sgd(0.1, momentum=MOMENTUM), optax.sgd(0.1, momentum=MOMENTUM, nesterov=True),
    optax.rmsprop(0.1, decay=MOMENTUM), optax.lion(0.1, b1=MOMENTUM),
])  # fmt: skip
def test_a_momentum_is_to_be_injected(optimizer):
    with pytest.raises(TypeError, match=r"optax\.inject_hyperparams"):
        optimizer.update(GRADS, optimizer.init(PARAMS), PARAMS)
