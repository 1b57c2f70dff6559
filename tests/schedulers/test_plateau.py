"""ReduceLROnPlateau in training: three ways to feed it, and what PyTorch's cannot do."""

import dataclasses
import json
import pickle

import flax.linen as linen
import flax.nnx as nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax.training.train_state import TrainState
from schedules import LR

import jaxsched as js
from jaxsched import PlateauState, current_lr, fast_forward
from jaxsched._traces.trace import shipped


@pytest.fixture(autouse=True)
def relaxed():
    """Optax itself does not run under strict promotion."""
    with jax.numpy_dtype_promotion("standard"):
        yield


PARAMS = {"head": jnp.ones(3)}
GRADS = jax.tree.map(jnp.ones_like, PARAMS)
PLATEAU = js.ReduceLROnPlateau(LR, factor=0.5, patience=1)
LOSSES = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9]

SINGLE = [t for t in shipped()["ReduceLROnPlateau"] if t.lr.ndim == 1 and len(t.counts) <= 100]
[RECORDED] = [t for t in SINGLE if "patience=2, cooldown=3" in t.call and "max" not in t.call]


def injected(schedule, base=optax.sgd):
    return optax.inject_hyperparams(base)(learning_rate=schedule)


def assert_rates(ours, trace):
    np.testing.assert_allclose(ours, trace.lr[: len(ours)], rtol=6e-8)


# --- three flows: at every update, after an epoch, the mean of an epoch ---


class Optax:
    """A bare Optax loop."""

    def __init__(self, optimizer):
        self.params = PARAMS
        self.opt_state = optimizer.init(PARAMS)
        self.step = jax.jit(optimizer.update)

    def update(self, **metric):
        change, self.opt_state = self.step(GRADS, self.opt_state, self.params, **metric)
        self.params = optax.apply_updates(self.params, change)


class Nnx:
    def __init__(self, optimizer):
        self.model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
        self.inner = nnx.Optimizer(self.model, optimizer, wrt=nnx.Param)
        self.grads = jax.tree.map(jnp.ones_like, nnx.state(self.model, nnx.Param))
        self.step = nnx.jit(lambda inner, model, **kw: inner.update(model, self.grads, **kw))

    def update(self, **metric):
        self.step(self.inner, self.model, **metric)

    @property
    def opt_state(self):
        return self.inner.opt_state

    @opt_state.setter
    def opt_state(self, opt_state):
        self.inner.opt_state = opt_state


class MetricTrainState(TrainState):
    def apply_gradients(self, *, grads, value=None, **kwargs):
        updates, opt_state = self.tx.update(grads, self.opt_state, self.params, value=value)
        params = optax.apply_updates(self.params, updates)
        return self.replace(step=self.step + 1, params=params, opt_state=opt_state, **kwargs)


class Linen:
    def __init__(self, optimizer):
        model = linen.Dense(3)
        params = model.init(jax.random.key(0), jnp.ones((1, 2)))["params"]
        self.state = MetricTrainState.create(apply_fn=model.apply, params=params, tx=optimizer)
        grads = jax.tree.map(jnp.ones_like, params)
        self.step = jax.jit(lambda state, metric: state.apply_gradients(grads=grads, **metric))

    def update(self, **metric):
        self.state = self.step(self.state, metric)

    @property
    def opt_state(self):
        return self.state.opt_state

    @opt_state.setter
    def opt_state(self, opt_state):
        self.state = self.state.replace(opt_state=opt_state)


LOOPS = pytest.mark.parametrize("loop", [Optax, Nnx, Linen])
EPOCHS = 30  # RECORDED reduces 3 times in them


@LOOPS
def test_a_metric_with_every_update(loop):
    training, rates = loop(injected(RECORDED.build())), []
    for metric in RECORDED.stream()[:EPOCHS]:
        training.update(value=jnp.float32(metric))
        rates.append(float(current_lr(training.opt_state)))

    assert len(set(rates)) > 3
    assert_rates(rates, RECORDED)


@LOOPS
def test_a_metric_after_each_epoch(loop):
    plateau = RECORDED.build()
    training, rates = loop(injected(plateau.held)), []
    for metric in RECORDED.stream()[:EPOCHS]:
        for _ in range(2):
            training.update()
        rates.append(float(current_lr(training.opt_state)))
        training.opt_state = plateau.step(training.opt_state, value=jnp.float32(metric))

    assert len(set(rates)) > 3
    assert_rates(rates, RECORDED)


@LOOPS
def test_the_mean_metric_of_each_epoch(loop):
    training, rates = loop(injected(RECORDED.build().averaged(2))), []
    for metric in RECORDED.stream()[:EPOCHS]:
        for apart in (-0.125, 0.125):
            training.update(value=jnp.float32(metric + apart))
            rates.append(float(current_lr(training.opt_state)))

    assert len(set(rates)) > 3
    assert rates[::2] == rates[1::2]
    assert_rates(rates[::2], RECORDED)


def test_a_run_that_goes_on_has_the_state_it_had():
    whole = js.ReduceLROnPlateau(0.1, factor=0.5, patience=2, cooldown=1)
    state = whole.init()
    for loss in LOSSES:
        state = whole.update(state, value=loss)
    rest = js.ReduceLROnPlateau(
        float(whole(state)), factor=0.5, patience=2, cooldown=1, best=float(state.best),
        num_bad_epochs=int(state.num_bad_epochs), cooldown_counter=int(state.cooldown_counter),
    )  # fmt: skip
    on = jax.jit(lambda plateau: plateau.init())(rest)
    for loss in LOSSES * 2:
        state, on = whole.update(state, value=loss), rest.update(on, value=loss)
        assert float(rest(on)) == float(whole(state))


def test_by_hand():
    state, rates = PLATEAU.init(), []
    for loss in LOSSES:
        rates.append(PLATEAU(state))
        state = PLATEAU.update(state, value=loss)

    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1, 0.1, 0.05, 0.05], rtol=1e-6)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: optax.chain(optax.clip_by_global_norm(9.0), inner),
        lambda inner: optax.apply_if_finite(inner, 3),
        lambda inner: optax.MultiSteps(inner, every_k_schedule=1),
        lambda inner: optax.partition({"a": inner}, {"head": "a"}),
        lambda inner: optax.masked(inner, {"head": True}),
    ],
    ids=["chain", "apply_if_finite", "MultiSteps", "partition", "masked"],
)
def test_step_finds_the_plateau_in_any_state(wrap):
    optimizer = wrap(injected(PLATEAU.held))
    step = jax.jit(lambda state, loss: PLATEAU.step(state, value=loss))
    state = optimizer.init(PARAMS)
    for loss in LOSSES:
        _, state = optimizer.update(GRADS, state, PARAMS)
        state = step(state, loss)
    change, state = optimizer.update(GRADS, state, PARAMS)

    assert current_lr(state) == pytest.approx(0.025)
    np.testing.assert_allclose(change["head"], -0.025, rtol=1e-6)


def test_step_says_what_it_takes():
    held = injected(PLATEAU.held)
    for optimizer, number in [
        (optax.sgd(0.1), 0),
        (injected(PLATEAU), 0),
        (injected(PLATEAU.averaged(2)), 0),
        (optax.chain(held, held), 2),
    ]:
        with pytest.raises(ValueError, match=rf"the state of one `plateau\.held`, got {number}"):
            PLATEAU.step(optimizer.init(PARAMS), value=1.0)
    for training in (Nnx(held).inner, Linen(held).state):
        with pytest.raises(TypeError, match="pass its `opt_state`"):
            PLATEAU.step(training, value=1.0)
    with pytest.raises(ValueError, match=r"step\(value=...\)` must be a scalar, got shape \(2,\)"):
        PLATEAU.step(held.init(PARAMS), value=jnp.ones(2))
    with pytest.raises(TypeError, match=r"step\(value=...\)` must be the metric, got None"):
        PLATEAU.step(held.init(PARAMS), value=None)


def test_held_does_not_look_at_the_metrics_of_updates():
    optimizer = injected(PLATEAU.held)
    state = optimizer.init(PARAMS)
    for _ in range(5):
        _, state = optimizer.update(GRADS, state, PARAMS, value=1.0)

    assert current_lr(state) == pytest.approx(LR)


def test_each_group_is_stepped_by_its_own_plateau():
    plateaus = {"a": PLATEAU, "b": js.ReduceLROnPlateau(1.0, factor=0.5, patience=3)}
    params = {name: jnp.ones(2) for name in plateaus}
    optimizer = optax.partition(
        {name: injected(plateau.held) for name, plateau in plateaus.items()},
        {name: name for name in plateaus},
    )
    state = optimizer.init(params)
    for _ in range(5):
        groups = {
            name: plateau.step(state.inner_states[name], value=1.0)
            for name, plateau in plateaus.items()
        }
        state = state._replace(inner_states=groups)
        _, state = optimizer.update(params, state, params)

    rates = [float(current_lr(state.inner_states[name])) for name in plateaus]
    assert rates == pytest.approx([0.025, 0.5])


def test_a_long_epochs_mean_is_that_of_its_sum_in_float64():
    values = np.float32(1) + np.arange(20_000, dtype=np.float32) * np.float32(1e-6)
    averaged = PLATEAU.averaged(len(values))

    def step(state, value):
        return averaged.update(state, value=value), None

    state, _ = jax.lax.scan(step, averaged.init(), jnp.asarray(values))

    assert state.plateau.best == pytest.approx(values.mean(dtype=np.float64), rel=6e-8)
    assert state.num_values == 0


def test_an_average_overflows_no_sooner_than_its_metrics():
    averaged = PLATEAU.averaged(4)
    state = averaged.init()
    for _ in range(4):
        state = averaged.update(state, value=3e38)

    assert state.plateau.best == np.float32(3e38)


def test_an_average_of_infinite_metrics_is_no_nan():
    averaged = js.ReduceLROnPlateau(LR, "max").averaged(3)
    state = averaged.init()
    for value in [np.inf, 1.0, 2.0]:
        state = averaged.update(state, value=value)

    assert state.plateau.best == np.inf


def test_an_average_starts_anew_after_each_epoch():
    averaged = PLATEAU.averaged(3)
    state, bests = averaged.init(), []
    for value in [3.0, 1.0, 2.0, 0.0, 0.0, 3.0]:
        state = averaged.update(state, value=value)
        bests.append(float(state.plateau.best))

    assert bests == [np.inf, np.inf, 2.0, 2.0, 2.0, 1.0]


def test_multi_steps_drop_the_metrics_between():
    optimizer = optax.MultiSteps(injected(PLATEAU), every_k_schedule=2)
    state, update = optimizer.init(PARAMS), jax.jit(optimizer.update)
    for loss in LOSSES:
        for seen in (-100.0, loss):  # The first one comes with no update.
            _, state = update(GRADS, state, PARAMS, value=seen)

    assert current_lr(state) == pytest.approx(0.05)
    [inner] = [x for x in jax.tree.leaves(state, is_leaf=is_plateau) if is_plateau(x)]
    assert inner.count == len(LOSSES)


def is_plateau(node):
    return isinstance(node, PlateauState)


def test_an_nnx_training_resumes_from_a_checkpoint(tmp_path):
    def train(training, epochs):
        rates = []
        for metric in RECORDED.stream()[epochs]:
            training.update()
            rates.append(float(current_lr(training.opt_state)))
            training.opt_state = plateau.step(training.opt_state, jnp.float32(metric))
        return rates

    plateau = RECORDED.build()
    first, rest = slice(0, 20), slice(20, EPOCHS)
    uninterrupted = Nnx(injected(plateau.held))
    train(uninterrupted, first)
    state = {"model": nnx.state(uninterrupted.model), "optimizer": nnx.state(uninterrupted.inner)}
    with ocp.CheckpointManager(tmp_path) as checkpoints:
        checkpoints.save(20, args=ocp.args.StandardSave(state))
        checkpoints.wait_until_finished()
        resumed = Nnx(injected(plateau.held))
        fresh = {"model": nnx.state(resumed.model), "optimizer": nnx.state(resumed.inner)}
        restored = checkpoints.restore(20, args=ocp.args.StandardRestore(fresh))
    nnx.update(resumed.model, restored["model"])
    nnx.update(resumed.inner, restored["optimizer"])

    assert resumed.inner.step[...] == 20
    rates = train(resumed, rest)
    assert rates == train(uninterrupted, rest)
    assert rates == pytest.approx(RECORDED.lr[rest].tolist())
    for ours, theirs in zip(
        *map(jax.tree.leaves, map(nnx.state, (resumed.model, uninterrupted.model))), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


# --- over a schedule ---

WARMUP = js.LinearLR(LR, start_factor=0.1, total_iters=10)


@pytest.mark.parametrize("flow", ["every update", "held", "averaged"])
def test_reductions_scale_the_schedule(flow):
    plateau = dataclasses.replace(RECORDED.build(), lr=WARMUP, eps=0.0)
    schedule = {
        "every update": plateau, "held": plateau.held, "averaged": plateau.averaged(1)
    }[flow]  # fmt: skip
    optimizer = injected(schedule)
    state, rates = optimizer.init(PARAMS), []
    for metric in RECORDED.stream()[:40]:
        _, state = optimizer.update(GRADS, state, PARAMS, value=jnp.float32(metric))
        rates.append(float(current_lr(state)))
        if flow == "held":
            state = plateau.step(state, value=metric)

    assert len(set(rates)) > 12
    expected = WARMUP(np.arange(40)).astype(float) * RECORDED.lr[:40] / RECORDED.lr[0]
    np.testing.assert_allclose(rates, expected, rtol=2e-7)


@pytest.mark.parametrize("trace", SINGLE[::4])
def test_over_a_constant_it_is_the_plateau_alone(trace):
    plateau = trace.build()
    over = dataclasses.replace(plateau, lr=js.ConstantLR(plateau.lr, factor=1.0))

    np.testing.assert_allclose(rates_of(over, trace.stream()), trace.lr, rtol=6e-8)


def rates_of(plateau, metrics):
    def step(state, metric):
        return plateau.update(state, value=metric), plateau(state)

    metrics = jnp.asarray([*metrics, 0.0], jnp.result_type(float))
    return np.asarray(jax.lax.scan(step, plateau.init(), metrics)[1])


def test_min_lr_bounds_the_product_but_not_the_schedule():
    plateau = js.ReduceLROnPlateau(WARMUP, factor=0.1, patience=0, min_lr=0.03)
    state, rates = plateau.init(), []
    for _ in range(14):
        rates.append(float(plateau(state)))
        state = plateau.update(state, value=1.0)

    schedule = np.asarray(WARMUP(np.arange(14)))
    np.testing.assert_allclose(rates, np.minimum(schedule, 0.03), rtol=1e-7)


def test_fast_forward_takes_the_schedule_under_a_plateau_along():
    plateau = js.ReduceLROnPlateau(WARMUP, factor=0.5, patience=0)
    for schedule in (plateau, plateau.held, plateau.averaged(1)):
        optimizer = injected(schedule)
        with pytest.warns(
            UserWarning, match="contains a ReduceLROnPlateau, whose state depends on metrics"
        ):
            state = fast_forward(optimizer.init(PARAMS), 7)
        _, state = optimizer.update(GRADS, state, PARAMS, value=1.0)

        assert current_lr(state) == WARMUP(7)


def test_composes_with_all_that_schedules_compose_of():
    parts = [WARMUP, js.CosineAnnealingLR(LR, T_max=30)]
    schedule = js.SequentialLR([WARMUP, js.ChainedScheduler(parts)], milestones=[10])
    for under in (schedule, js.per_epoch(schedule, 3), js.tabulate(schedule, 40)):
        plateau = js.ReduceLROnPlateau(under, factor=0.5, patience=100)

        def step(state, _, plateau=plateau):
            return plateau.update(state, value=1.0), plateau(state)

        _, rates = jax.jit(lambda step=step: jax.lax.scan(step, PLATEAU.init(), length=40))()
        np.testing.assert_array_equal(rates, under(np.arange(40)))


def test_over_a_function_of_the_count():
    warmup = js.LambdaLR(1.0, optax.linear_schedule(0.01, 0.1, 10))
    plateau = js.ReduceLROnPlateau(warmup, factor=0.5, patience=0)

    np.testing.assert_allclose(
        rates_of(plateau, [1.0, 1.0, 2.0]), [0.01, 0.019, 0.014, 0.00925], rtol=1e-6
    )


def test_a_plateau_over_a_schedule_is_a_value():
    plateau = js.ReduceLROnPlateau(WARMUP, factor=0.5, patience=3)

    assert js.from_config(json.loads(json.dumps(js.to_config(plateau)))) == plateau
    assert pickle.loads(pickle.dumps(plateau)) == plateau
    assert hash(plateau) == hash(js.ReduceLROnPlateau(WARMUP, factor=0.5, patience=3))
    assert repr(plateau.held) == f"{plateau!r}.held"
    assert repr(plateau.averaged(5)) == f"{plateau!r}.averaged(5)"
    assert plateau.held == js.ReduceLROnPlateau(WARMUP, factor=0.5, patience=3).held


def test_derivatives_reach_the_schedule_and_the_factor():
    def rate(lr, factor):
        plateau = js.ReduceLROnPlateau(js.LinearLR(lr, 0.1, 1.0, 10), factor=factor, patience=0)
        state = plateau.init()
        for loss in [1.0, 2.0, 3.0]:
            state = plateau.update(state, value=loss)
        return plateau(state)

    value = (0.1 + 0.9 * 3 / 10) * 0.5**2  # times lr
    by_lr, by_factor = jax.grad(rate, (0, 1))(0.1, 0.5)
    assert by_lr == pytest.approx(value, rel=1e-6)
    assert by_factor == pytest.approx(2 * 0.1 * value / 0.5, rel=1e-6)
    swept = jax.vmap(rate, (None, 0))(0.1, jnp.array([0.5, 0.25]))
    np.testing.assert_allclose(swept, [0.1 * value, 0.025 * value], rtol=1e-6)


def test_is_differentiable_and_swept():
    def rate(factor):
        plateau = js.ReduceLROnPlateau(LR, factor=factor, patience=0)
        state = plateau.init()
        for loss in [1.0, 2.0, 3.0]:
            state = plateau.update(state, value=loss)
        return plateau(state)

    assert jax.grad(rate)(0.5) == pytest.approx(2 * 0.5 * LR)
    np.testing.assert_allclose(jax.vmap(rate)(jnp.array([0.5, 0.1])), [0.025, 0.001], rtol=1e-6)


# --- negative metrics ---


@pytest.mark.parametrize("trace", [t for t in SINGLE if "abs" not in t.call and t.stream()[0] > 0])
def test_magnitude_treats_a_negative_metric_as_its_mirror(trace):
    plateau = dataclasses.replace(trace.build(), threshold_mode="magnitude")
    mirrored = dataclasses.replace(plateau, mode={"min": "max", "max": "min"}[plateau.mode])

    np.testing.assert_allclose(rates_of(plateau, trace.stream()), trace.lr, rtol=6e-8)
    np.testing.assert_allclose(rates_of(mirrored, -trace.stream()), trace.lr, rtol=6e-8)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_magnitude_accepts_the_first_metric_whatever_the_threshold(mode):
    plateau = js.ReduceLROnPlateau(LR, mode, threshold=1.0, threshold_mode="magnitude")
    for metric in (-3.0, 3.0):
        assert plateau.update(plateau.init(), value=metric).best == metric


@pytest.mark.parametrize("mode", ["min", "max"])
def test_rel_never_reduces_where_a_negative_metric_stalls(mode):
    stalled = [-1.0] * 30
    plateau = js.ReduceLROnPlateau(LR, mode, patience=2)

    assert set(rates_of(plateau, stalled)) == {float(PLATEAU(PLATEAU.init()))}
    magnitude = dataclasses.replace(plateau, threshold_mode="magnitude")
    assert len(set(rates_of(magnitude, stalled))) > 5


# --- what it is ---


def test_its_state_is_a_pytree_of_arrays():
    for plateau in (PLATEAU, PLATEAU.held, PLATEAU.averaged(2)):
        state = plateau.init()
        assert all(isinstance(x, jax.Array) and not x.weak_type for x in jax.tree.leaves(state))
        again = plateau.update(state, value=0.5)
        assert jax.tree.map(lambda x: x.dtype, again) == jax.tree.map(lambda x: x.dtype, state)
    assert len(jax.tree.leaves(PLATEAU.init())) == 5


@pytest.mark.parametrize("plateau", [PLATEAU, PLATEAU.held, PLATEAU.averaged(2)])
def test_its_state_can_be_donated(plateau):
    optimizer = injected(plateau)
    step = jax.jit(
        lambda state, loss: optimizer.update(GRADS, state, PARAMS, value=loss)[1], donate_argnums=0
    )

    assert current_lr(step(optimizer.init(PARAMS), 1.0)) == pytest.approx(LR)


@pytest.mark.parametrize("patience", [2**31 - 1, 2**31, 2**32, 2**63 - 1, 10**25, np.inf])
def test_it_can_be_patient(patience):
    plateau = js.ReduceLROnPlateau(LR, patience=patience, cooldown=patience)

    assert set(rates_of(plateau, [1.0, 1.0, 1.0])) == {rates_of(PLATEAU, [])[0]}


@pytest.mark.parametrize("metric", [[1.0], "1.0", 1j, jnp.complex64(1), object(), {}])
def test_a_metric_is_a_real_number(metric):
    for plateau in (PLATEAU, PLATEAU.averaged(2)):
        with pytest.raises(TypeError, match=r"update\(value=...\)` must be a real number or"):
            plateau.update(plateau.init(), value=metric)


def test_it_says_how_it_is_used():
    with pytest.raises(TypeError, match=r"optax\.inject_hyperparams"):
        Optax(optax.sgd(PLATEAU)).update()
    for plateau in (PLATEAU, PLATEAU.averaged(2)):
        with pytest.raises(TypeError, match=r"value=loss.*plateau\.held"):
            Optax(injected(plateau)).update()
        with pytest.raises(ValueError, match=r"must be a scalar, got shape \(2,\)"):
            plateau.update(plateau.init(), value=jnp.ones(2))
    for schedule in (PLATEAU, PLATEAU.held, PLATEAU.averaged(2)):
        assert js.from_config(js.to_config(schedule)) == schedule
        with pytest.raises(TypeError, match=r"must get its (Plateau|Averaged|Held)State"):
            schedule(3)
        assert isinstance(schedule, optax.schedules.StatefulSchedule)


def test_it_says_what_to_do_instead():
    with pytest.raises(ValueError, match="ReduceLROnPlateau takes them as its `lr` instead"):
        js.SequentialLR([WARMUP, PLATEAU], milestones=[10])
    with pytest.raises(TypeError, match="a plateau has `held` and `averaged` for epochs"):
        js.per_epoch(PLATEAU, 5)
    with pytest.raises(TypeError, match="must get its AveragedState"):
        PLATEAU.averaged(2).update(PLATEAU.init(), value=1.0)
    with pytest.raises(TypeError, match="must get its PlateauState"):
        PLATEAU.update(PLATEAU.averaged(2).init(), value=1.0)


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, None])
def test_averaged_rejects(steps):
    with pytest.raises((TypeError, ValueError), match=r"`Averaged\(steps_per_epoch=\.\.\.\)` must"):
        PLATEAU.averaged(steps)


@pytest.mark.parametrize(
    "lr",
    [PLATEAU, js.ParamGroups([WARMUP, WARMUP]), optax.constant_schedule(0.1), "0.1", None],
)
def test_the_rate_is_a_number_or_a_schedule(lr):
    with pytest.raises(TypeError, match=r"`ReduceLROnPlateau\(lr=\.\.\.\)` must be a"):
        js.ReduceLROnPlateau(lr)


def test_a_long_cooldown():
    """Reduced at once, then every `cooldown + 1` metrics; patience is 0."""
    plateau = js.ReduceLROnPlateau(1.0, factor=0.5, patience=0, cooldown=100)
    state, rates = plateau.init(), []
    update = jax.jit(lambda state: plateau.update(state, value=1.0))
    for _ in range(205):
        state = update(state)
        rates.append(float(plateau(state)))

    assert rates == [1.0] + [0.5] * 101 + [0.25] * 101 + [0.125] * 2
