"""`from_torch`: live PyTorch schedulers as schedules, fresh and stepped."""

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import assert_close, history, sgd, step
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

import jaxsched as js

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
STEPS = 30


def check(build, *rates_of_groups, total_steps=None, steps=STEPS, warns=False):
    """Converts the scheduler when it is fresh and again on its way: PyTorch's rates throughout."""
    expected = history(build(sgd(*rates_of_groups)), steps)
    converted = []
    for done in (0, 1, 7, steps - 1):
        scheduler = build(sgd(*rates_of_groups))
        step(scheduler, done)
        before = repr(scheduler.state_dict()), repr(scheduler.optimizer.param_groups)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if warns else "error", UserWarning)
            schedule = js.from_torch(scheduler, total_steps)
        assert before == (repr(scheduler.state_dict()), repr(scheduler.optimizer.param_groups))

        assert_close(schedule, expected if len(rates_of_groups) > 1 else expected[:, 0])
        converted.append(schedule)
    return converted[0]


# --- every scheduler, fresh and stepped ---

SCHEDULERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda e: 0.9**e),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 5, 0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [9, 3, 3], 0.5),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 40, 2.0),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 12, 0.01),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 3, 4, mode="exp_range", gamma=0.97),
    "CyclicLR-function": lambda o: lr_scheduler.CyclicLR(
        o, 0.01, 0.1, 3, scale_fn=lambda x: 0.9**x, scale_mode="iterations"
    ),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.3, 40, pct_start=0.37, div_factor=7.3),
    "OneCycleLR-three": lambda o: lr_scheduler.OneCycleLR(
        o, 0.3, epochs=8, steps_per_epoch=5, three_phase=True, anneal_strategy="linear"
    ),
    "SWALR": lambda o: SWALR(o, 0.03, 8),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, 0.1), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1), lr_scheduler.CosineAnnealingLR(o, 20)], [5]
    ),
    "nested": lambda o: lr_scheduler.SequentialLR(
        o,
        [
            lr_scheduler.ChainedScheduler(
                [
                    lr_scheduler.SequentialLR(
                        o, [lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.StepLR(o, 3)], [4]
                    ),
                    lr_scheduler.ExponentialLR(o, 0.95),
                ]
            ),
            lr_scheduler.PolynomialLR(o, 20),
            SWALR(o, 0.02, 3),
        ],
        [10, 20],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULERS)
def test_any_scheduler(name):
    check(SCHEDULERS[name], warns=name == "nested")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_parameter_groups(name):
    groups = check(SCHEDULERS[name], 0.1, 0.03, 0.5, warns=name == "nested")

    assert isinstance(groups, js.ParamGroups) and len(groups) == 3


def test_groups_with_their_own_arguments():
    check(lambda o: lr_scheduler.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)]), 0.1, 0.2)
    check(lambda o: lr_scheduler.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], 4), 0.1, 0.2)
    check(lambda o: lr_scheduler.OneCycleLR(o, [0.1, 0.3], 40), 0.1, 0.2)
    check(lambda o: SWALR(o, [0.01, 0.3]), 0.1, 0.2)


def test_a_function_that_cannot_be_traced_is_tabulated():
    def build(optimizer):
        return lr_scheduler.LambdaLR(optimizer, lambda e: 0.5 if e < 10 else max(0, 1 - e / 30))

    check(build, total_steps=STEPS)
    check(lambda o: lr_scheduler.ChainedScheduler([build(o)]), total_steps=STEPS)
    with pytest.raises(TypeError, match="Give `total_steps=N`"):
        js.from_torch(build(sgd()))


def test_multiplicative_and_compositions_without_a_closed_form_are_tabulated_or_warn():
    def multiplicative(optimizer):
        return lr_scheduler.MultiplicativeLR(optimizer, lambda e: 0.9 + 0.01 * (e % 3))

    def chain(optimizer):
        cosine = lr_scheduler.CosineAnnealingLR(optimizer, 7, 0.01)
        return lr_scheduler.ChainedScheduler([cosine, lr_scheduler.ExponentialLR(optimizer, 0.9)])

    for build in (multiplicative, chain):
        assert check(build, total_steps=STEPS).total_steps == STEPS
        with pytest.warns(UserWarning, match="total_steps=N"):
            js.from_torch(build(sgd()))


def test_total_steps_do_not_end_what_has_a_closed_form():
    schedule = js.from_torch(lr_scheduler.CosineAnnealingLR(sgd(), 5), total_steps=3)

    assert schedule == js.CosineAnnealingLR(0.1, 5)


# --- the momentum ---


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize(
    "build",
    [
        lambda o: lr_scheduler.OneCycleLR(o, 0.1, 30, base_momentum=0.6, max_momentum=0.91),
        lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 4, 7, base_momentum=0.6, max_momentum=0.91),
    ],
)
def test_the_momentum(build, name):
    def optimizer():
        return getattr(torch.optim, name)(
            [torch.zeros(1)], lr=0.1, **{"SGD": {"momentum": 0.9}}.get(name, {})
        )

    scheduler = build(optimizer())
    momenta = []
    for _ in range(STEPS):
        group = scheduler.optimizer.param_groups[0]
        momenta.append(group["betas"][0] if name == "Adam" else group["momentum"])
        scheduler.step()
    stepped = build(optimizer())
    step(stepped, 9)

    for schedule in (js.from_torch(build(optimizer())), js.from_torch(stepped)):
        assert_close(schedule.momentum, np.array(momenta))


def test_without_a_moving_momentum():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, 30, cycle_momentum=False)

    assert js.from_torch(scheduler) == js.OneCycleLR(0.1, 30, cycle_momentum=False)


# --- in what order things were built ---

ORDERS = {
    "the one that resets the initial rate was built last, and stands first": lambda o: (
        cosine := lr_scheduler.CosineAnnealingLR(o, 10),
        lr_scheduler.SequentialLR(o, [lr_scheduler.OneCycleLR(o, 0.2, 40), cosine], [4]),
    ),
    "built first, and stands last": lambda o: (
        cycle := lr_scheduler.OneCycleLR(o, 0.2, 40),
        lr_scheduler.SequentialLR(o, [lr_scheduler.ExponentialLR(o, 0.9), cycle], [4]),
    ),
    "a cycle built after the part behind it": lambda o: (
        decay := lr_scheduler.ExponentialLR(o, 0.9),
        lr_scheduler.SequentialLR(o, [lr_scheduler.CyclicLR(o, 0.01, 0.1, 2), decay], [4]),
    ),
    "a cycle built before the part in front of it": lambda o: (
        cycle := lr_scheduler.CyclicLR(o, 0.01, 0.1, 2),
        lr_scheduler.SequentialLR(o, [lr_scheduler.ExponentialLR(o, 0.9), cycle], [4]),
    ),
    "a chain, built backwards": lambda o: (
        decay := lr_scheduler.ExponentialLR(o, 0.9),
        lr_scheduler.ChainedScheduler([lr_scheduler.LinearLR(o), decay]),
    ),
    "a chain with a cycle, built backwards": lambda o: (
        decay := lr_scheduler.StepLR(o, 4),
        lr_scheduler.ChainedScheduler([lr_scheduler.CyclicLR(o, 0.01, 0.1, 2), decay]),
    ),
    "parts built around a OneCycleLR": lambda o: (
        late := lr_scheduler.ExponentialLR(o, 0.9),
        cycle := lr_scheduler.OneCycleLR(o, 0.2, 40),
        lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o), cycle, late], [4, 8]),
    ),
    "two OneCycleLRs, the first built last": lambda o: (
        second := lr_scheduler.OneCycleLR(o, 0.4, 40),
        lr_scheduler.SequentialLR(o, [lr_scheduler.OneCycleLR(o, 0.2, 40), second], [4]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("build", ORDERS.values(), ids=ORDERS)
def test_the_order_of_building(build):
    check(lambda optimizer: build(optimizer)[-1])


def test_a_second_scheduler_on_the_same_optimizer():
    def build(optimizer):
        step(lr_scheduler.ExponentialLR(optimizer, 0.5), 3)
        return lr_scheduler.StepLR(optimizer, 4)

    schedule = check(build, warns=True)

    assert (schedule.lr, schedule.initial_lr) == (0.0125, 0.1)


def test_a_rate_set_by_hand_goes_on_from_there():
    scheduler = lr_scheduler.CosineAnnealingLR(sgd(), 20, 0.01)
    step(scheduler, 5)
    scheduler.optimizer.param_groups[0]["lr"] = 0.04
    with pytest.warns(UserWarning, match="works `lr` out backwards from the rate now, 0.04"):
        schedule = js.from_torch(scheduler)
    expected = history(scheduler, 10)[:, 0]

    np.testing.assert_allclose(schedule(np.arange(5, 15)), expected, rtol=1e-7)


def test_a_scheduler_that_is_only_a_part_of_the_truth():
    optimizer = sgd()
    decay = lr_scheduler.LambdaLR(optimizer, lambda e: 0.9**e)
    other = lr_scheduler.StepLR(optimizer, 2)
    for _ in range(4):
        decay.step()
        other.step()

    with pytest.raises(
        ValueError,
        match=r"last step set, 0.0656\d*, got 0.00656\d* at step 4: another .* stepped after it, or .*"
        r"from_torch\(\[first, second\]\)",
    ):
        js.from_torch(decay)


def test_a_built_order_that_no_composition_of_ours_has():
    def build(optimizer):
        overwriting = lr_scheduler.LambdaLR(optimizer, lambda e: 1 / (1 + e))
        return lr_scheduler.ChainedScheduler([lr_scheduler.ConstantLR(optimizer, 0.5), overwriting])

    with pytest.raises(ValueError, match=r"built in another order than listed.*total_steps=N"):
        js.from_torch(build(sgd()))
    table = js.from_torch(build(sgd()), total_steps=STEPS)
    assert_close(table, history(build(sgd()), STEPS)[:, 0])


def test_a_rate_set_a_little_by_hand():
    scheduler = lr_scheduler.StepLR(sgd(), 20)
    scheduler.optimizer.param_groups[0]["lr"] *= 1 + 5e-5

    assert js.from_torch(scheduler) == js.StepLR(0.100005, 20, initial_lr=0.1)


def test_a_rate_in_a_tensor():
    scheduler = lr_scheduler.StepLR(sgd(torch.tensor(0.5), 0.1), 3)
    step(scheduler, 4)

    assert js.from_torch(scheduler) == js.ParamGroups([js.StepLR(0.5, 3), js.StepLR(0.1, 3)])


def test_groups_that_the_scheduler_does_not_know():
    scheduler = lr_scheduler.StepLR(sgd(), 3)
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)]})

    with pytest.raises(ValueError, match="for 1 parameter groups, and the optimizer has 2"):
        js.from_torch(scheduler)


# --- resumed ---


def resumed(optimizer, last_epoch, lr=0.1):
    for group in optimizer.param_groups:
        group["initial_lr"], group["lr"] = 0.1, lr
    return lr_scheduler.StepLR(optimizer, 4, 0.5, last_epoch=last_epoch)


def test_built_with_a_last_epoch():
    schedule = check(lambda o: resumed(o, 9))

    assert schedule == js.StepLR(0.1, 4, 0.5, last_epoch=9)
    assert check(lambda o: resumed(o, 9, 0.07), warns=True).lr == 0.07


def test_loaded_from_a_state_dict():
    first = lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 3, 2)
    step(first, 11)
    optimizer = sgd()
    second = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2)
    second.load_state_dict(first.state_dict())
    optimizer.param_groups[0]["lr"] = first.get_last_lr()[0]

    assert js.from_torch(second) == js.CosineAnnealingWarmRestarts(0.1, 3, 2)


@pytest.mark.parametrize("last_epoch", [2, 5, 6])
def test_restarts_resumed_in_a_later_cycle(last_epoch):
    def build(optimizer):
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.1
        return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2, last_epoch=last_epoch)

    scheduler = build(sgd())
    step(scheduler, 4)
    schedule = js.from_torch(scheduler)
    now = scheduler.last_epoch - schedule.last_epoch - 1

    np.testing.assert_allclose(schedule(now + np.arange(9)), history(scheduler, 9)[:, 0], rtol=1e-7)


def test_a_fractional_epoch():
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 3, 2)
    scheduler.step(7.25)
    schedule = js.from_torch(scheduler)

    assert schedule == js.CosineAnnealingWarmRestarts(0.1, 3, 2)
    assert float(schedule(7.25)) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-7)


# --- ReduceLROnPlateau ---

METRICS = [
    1.0,
    0.9,
    0.95,
    0.94,
    0.93,
    0.5,
    0.6,
    0.6,
    0.6,
    0.6,
    0.6,
    0.6,
    float("nan"),
    0.6,
    0.4,
    0.4,
]


@pytest.mark.parametrize("done", [0, 1, 4, 9, 12, 15])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_plateau_comes_with_its_state(done, mode):
    scheduler = lr_scheduler.ReduceLROnPlateau(
        sgd(0.1, 0.02), mode, 0.3, patience=1, cooldown=2, min_lr=[0.001, 0.01]
    )
    for metric in METRICS[:done]:
        scheduler.step(metric)
    groups = js.from_torch(scheduler)
    states = [plateau.init() for plateau in groups]
    for metric in [*METRICS[done:], *METRICS]:
        ours = [float(p(s)) for p, s in zip(groups, states, strict=True)]
        np.testing.assert_allclose(
            ours, [g["lr"] for g in scheduler.optimizer.param_groups], rtol=1e-6
        )
        scheduler.step(metric)
        states = [p.update(s, value=metric) for p, s in zip(groups, states, strict=True)]


def test_a_fresh_plateau_is_the_plain_one():
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd(), "max", patience=3)

    assert js.from_torch(scheduler) == js.ReduceLROnPlateau(0.1, "max", patience=3)


def test_a_plateau_takes_new_groups_in():
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd(), min_lr=0.01)
    scheduler.optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.5})

    assert js.from_torch(scheduler) == js.ParamGroups(
        [js.ReduceLROnPlateau(lr, min_lr=0.01) for lr in (0.1, 0.5)]
    )


# --- functions ---

MISREAD = {
    "bools that add up": lambda e: 0.1 ** ((e >= 10) + (e >= 20)),
    "negative powers of integers": lambda e: 2 ** -(e // 10),
    "integers that overflow": lambda e: 1 / (1 + e**20),
    "types": lambda e: 1.0 if isinstance(e, int) else 0.5,
    "look-ups": lambda e: {3: 0.5}.get(e, 1.0),
    "methods of int": lambda e: 1 / (1 + e.bit_length()),
    "errors that are caught": lambda e: caught([1.0, 0.5, 0.25], e),
}


def caught(table, step):
    try:
        return table[step]
    except Exception:
        return 0.1


@pytest.mark.parametrize("function", MISREAD.values(), ids=MISREAD)
def test_a_function_that_jax_would_misread_is_no_silent_difference(function):
    """Without `total_steps` an error says so, with it the rates are PyTorch's."""
    check(lambda o: lr_scheduler.LambdaLR(o, function), total_steps=STEPS)
    for build in (
        lr_scheduler.LambdaLR,
        lambda o, f: lr_scheduler.CyclicLR(o, 0.01, 0.1, 3, scale_fn=f, scale_mode="iterations"),
    ):
        with pytest.raises(TypeError, match="Give `total_steps=N`"):
            js.from_torch(build(sgd(), function))(np.arange(STEPS))


class Odd:
    """Compares by value, and so has no hash, as in PyTorch's own tests."""

    def __init__(self, base):
        self.base = base

    def __call__(self, step):
        return self.base**step

    def __eq__(self, other):
        return isinstance(other, Odd) and self.base == other.base


def test_callables_without_a_hash():
    schedule = check(lambda o: lr_scheduler.LambdaLR(o, Odd(0.9)))

    assert schedule == js.from_torch(lr_scheduler.LambdaLR(sgd(), Odd(0.9)))
    check(lambda o: lr_scheduler.LambdaLR(o, Odd(0.9)), total_steps=STEPS)


def test_a_function_that_is_no_number_far_out():
    check(lambda o: lr_scheduler.LambdaLR(o, lambda e: (1 - e / 1000) ** 0.9))


def test_a_callable_object_is_taken_as_it_is_now():
    class Slope:
        def __init__(self, slope):
            self.slope = slope

        def __call__(self, step):
            return max(0.0, 1.0 - self.slope * step)

    scheduler = lr_scheduler.LambdaLR(sgd(), Slope(0.1))
    before = js.from_torch(scheduler, 20)
    before(0)
    scheduler.load_state_dict(lr_scheduler.LambdaLR(sgd(), Slope(0.02)).state_dict())

    np.testing.assert_allclose(before(np.arange(3)), [0.1, 0.09, 0.08], rtol=1e-6)
    np.testing.assert_allclose(
        js.from_torch(scheduler, 20)(np.arange(3)), [0.1, 0.098, 0.096], rtol=1e-6
    )


def test_milestones_that_pytorch_never_meets():
    check(lambda o: lr_scheduler.MultiStepLR(o, [3, torch.tensor(5)]))
