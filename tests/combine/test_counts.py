"""Schedules at counts of their own: against PyTorch's schedulers, each stepped at its own counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched.testing import bound

LR = 0.1
STEPS = 48
E = js.ExponentialLR(LR, 0.9)
COSINE = js.CosineAnnealingLR(LR, 4)
LINEAR = js.LinearLR(LR, 0.1, total_iters=6)
CYCLE = js.OneCycleLR(0.3, 60)

MAPS = {
    "per_epoch": (js.per_epoch, 5, lambda count: count // 5),
    "per_update": (js.per_update, 3, lambda count: count * 3),
    "delay": (js.delay, 7, lambda count: max(count - 7, 0)),
    "skip": (js.skip, 4, lambda count: count + 4),
}
HELD = {
    "multiplies": js.StepLR(LR, 2, 0.5),
    "moves": js.CosineAnnealingLR(LR, 4, 0.02),
    "overwrites": js.CosineAnnealingWarmRestarts(LR, 3, 2),
    "product": js.MultiplicativeLR(LR, lambda step: 0.9, total_steps=200),
    "chain": js.ChainedScheduler([js.LinearLR(LR), E]),
    "sequence": js.SequentialLR([js.LinearLR(LR), E, COSINE], [3, 8]),
    "cycle": js.CyclicLR(0.01, LR, 3),
}


def test_the_longest_delay():
    assert js.delay(E, 2**63 - 1)(5) == js.skip(E, 0)(0) == E(0)
    assert js.skip(js.StepLR(LR, 10**18), 2**63 - 10)(5) == np.float32(LR * 0.1**9)
    for of in (js.delay, js.skip, js.per_epoch, js.per_update):
        with pytest.raises(
            ValueError, match=r"must be an? (positive )?int.*, got 9223372036854775808"
        ):
            of(E, 2**63)
    assert js.per_epoch(E, 3.0) == js.per_epoch(E, 3) and js.delay(E, 2.0) == js.delay(E, 2)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_alone_it_is_the_schedule_at_another_count(name, held):
    mapped, number, inner = MAPS[name]
    counts = np.arange(12)
    expected = held(np.array([inner(count) for count in counts]))

    np.testing.assert_array_equal(mapped(held, number)(counts), expected)
    np.testing.assert_array_equal(jax.jit(jax.vmap(mapped(held, number)))(counts), expected)
    assert mapped(held, number)(3) == expected[3]


def loop(parts, num_steps):
    """The rates and momenta of a PyTorch loop that steps each part at its own counts."""
    torch = pytest.importorskip("torch")
    from jaxsched._torch.to_torch import Loop

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR, momentum=0.5)
    live, rows = Loop(parts, optimizer), []
    for count in range(num_steps):
        if count:
            live.step()
        rows.append([optimizer.param_groups[0][key] for key in ("lr", "momentum")])
    return np.array(rows).T


CHAINS = {
    "warm-up by update, steps by epoch": [LINEAR, js.per_epoch(js.StepLR(LR, 2), 5)],
    "the other way round": [js.per_epoch(js.StepLR(LR, 2), 5), LINEAR],
    "warm-up by update, cosine by epoch": [LINEAR, js.per_epoch(COSINE, 5)],
    "cosine by epoch first, past its trough": [js.per_epoch(COSINE, 3), LINEAR, E],
    "a floor": [LINEAR, js.per_epoch(js.CosineAnnealingLR(LR, 4, 0.02), 5)],
    "a floor, first": [js.per_epoch(js.CosineAnnealingLR(LR, 4, 0.02), 5), LINEAR],
    "restarts by epoch": [E, js.per_epoch(js.CosineAnnealingWarmRestarts(LR, 3, 2), 4), LINEAR],
    "a function by epoch": [LINEAR, js.per_epoch(js.LambdaLR(LR, lambda e: 1 / (1 + e)), 6)],
    "a function by update": [js.LambdaLR(LR, lambda e: 1 / (1 + e)), js.per_epoch(E, 6)],
    "a product by epoch": [LINEAR, js.per_epoch(js.MultiplicativeLR(LR, lambda e: 0.9 + e / 99, total_steps=99), 6)],
    "a cosine several times an update": [E, js.per_update(COSINE, 3)],
    "a cosine several times an update, last": [js.per_update(COSINE, 3), E],
    "a delayed decay": [LINEAR, js.delay(E, 9)],
    "a delayed cosine": [js.delay(COSINE, 3), E],
    "a delayed function": [E, js.delay(js.LambdaLR(LR, lambda e: 1 / (1 + e)), 9)],
    "a decay in its middle": [LINEAR, js.skip(E, 4)],
    "a cosine in its middle": [LINEAR, js.skip(js.CosineAnnealingLR(LR, 9, 0.01), 4)],
    "two clocks and an approach": [js.per_epoch(js.SWALR(LR, 0.02, 4), 5), LINEAR],
    "a sequence by epoch": [LINEAR, js.per_epoch(js.SequentialLR([js.ConstantLR(LR, 0.5, 2), E], [4]), 5)],
    "a chain by epoch": [LINEAR, js.per_epoch(js.ChainedScheduler([js.StepLR(LR, 2), E]), 5)],
    "a sequence several times an update": [E, js.per_update(js.SequentialLR([LINEAR, js.StepLR(LR, 5)], [4]), 3)],
    "two functions at two clocks": [js.per_epoch(js.LambdaLR(LR, lambda e: 0.9**e), 5), js.per_update(js.LambdaLR(LR, lambda e: 1 / (1 + e)), 2)],
    "a cycle by epoch": [LINEAR, js.per_epoch(js.CyclicLR(0.01, LR, 3), 2)],
}  # fmt: skip
WITHOUT_A_TABLE = {
    "warm-up by update, steps by epoch", "the other way round", "warm-up by update, cosine by epoch",
    "cosine by epoch first, past its trough", "restarts by epoch", "a function by epoch", "a delayed function",
    "a function by update", "a cosine several times an update", "a cosine several times an update, last", "a delayed decay",
    "a delayed cosine", "a decay in its middle", "a sequence by epoch", "a chain by epoch",
    "a sequence several times an update", "a cycle by epoch",
}  # fmt: skip


def assert_close(ours, expected):
    error = np.abs(np.asarray(ours, float) - expected)
    assert (error <= bound(expected)).all(), error.argmax()


@pytest.mark.filterwarnings("ignore:.*no closed form:UserWarning")
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_is_a_loop_with_several_clocks(name):
    parts = CHAINS[name]
    expected, _ = loop(parts, STEPS)
    total_steps = None if name in WITHOUT_A_TABLE else STEPS
    schedule = js.ChainedScheduler(parts, total_steps=total_steps)

    assert_close(schedule(np.arange(STEPS)), expected)
    if total_steps is None:
        text = jax.jit(schedule.__call__).lower(jnp.int32(3)).as_text()
        assert "stablehlo.while" not in text
    else:
        assert_close(js.ChainedScheduler(parts)(np.arange(STEPS)), expected)


# --- the momentum of compositions ---

AGAIN = js.OneCycleLR(0.2, 70, base_momentum=0.7, max_momentum=0.99)
TRIANGLE = js.CyclicLR(0.01, 0.3, 3, base_momentum=0.6, max_momentum=0.92)
MOMENTA = {
    "a chain with a cycle": js.ChainedScheduler([js.ExponentialLR(0.012, 0.9), CYCLE]),
    "a cycle first": js.ChainedScheduler([CYCLE, js.ExponentialLR(0.012, 0.9)]),
    "a cycle begins": js.SequentialLR([js.ExponentialLR(0.012, 0.9), CYCLE], [7]),
    "a cycle ends": js.SequentialLR([CYCLE, js.ExponentialLR(0.012, 0.9)], [7]),
    "two cycles in turn": js.SequentialLR([CYCLE, E, AGAIN], [5, 11]),
    "two cycles together": js.ChainedScheduler([CYCLE, AGAIN]),
    "a triangle": js.SequentialLR([E, TRIANGLE, E], [4, 21]),
    "a triangle after a cycle": js.SequentialLR([CYCLE, TRIANGLE], [9]),
    "a cycle after a triangle": js.SequentialLR([TRIANGLE, CYCLE], [9]),
    "one that does not cycle it": js.ChainedScheduler([TRIANGLE, js.CyclicLR(0.01, 0.3, 4, cycle_momentum=False)]),
    "nested": js.SequentialLR([js.ChainedScheduler([E, TRIANGLE]), js.StepLR(LR, 3)], [12]),
    "milestones as an array": js.SequentialLR([E, TRIANGLE, E], np.array([4, 21])),
    "a milestone of 0": js.SequentialLR([E, TRIANGLE], [0]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*no closed form:UserWarning")
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("schedule", MOMENTA.values(), ids=MOMENTA)
def test_the_momentum_of_a_composition_is_what_pytorch_leaves(schedule):
    rates, momenta = loop([schedule], STEPS)

    assert_close(schedule(np.arange(STEPS)), rates)
    assert_close(schedule.momentum(np.arange(STEPS)), momenta)
    assert jax.jit(schedule.momentum.__call__)(9) == schedule.momentum(9)


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
def test_the_momentum_at_two_clocks():
    parts = [js.per_epoch(TRIANGLE, 2), js.LinearLR(0.3, 0.1)]
    _, momenta = loop(parts, STEPS)

    assert_close(js.ChainedScheduler(parts).momentum(np.arange(STEPS)), momenta)
    by_epoch = js.per_epoch(js.ChainedScheduler([E, TRIANGLE]), 3).momentum
    _, momenta = loop([js.per_epoch(js.ChainedScheduler([E, TRIANGLE]), 3)], STEPS)
    assert_close(by_epoch(np.arange(STEPS)), momenta)


def test_no_momentum():
    with pytest.raises(AttributeError, match="none of its parts cycles one"):
        _ = js.ChainedScheduler([E]).momentum


def test_the_momentum_ends_with_the_rates():
    schedule = js.SequentialLR([E, js.OneCycleLR(LR, 10)], [4])
    with pytest.raises(ValueError, match="Tried to step"):
        schedule.momentum(15)
