"""Schedulers of other classes than PyTorch's own: a copy is stepped into a table."""

import copy
import warnings
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import assert_close, history, sgd, step
from torch.optim import lr_scheduler

import jaxsched as js

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
STEPS = 30


class InverseSquareRoot(lr_scheduler.LRScheduler):
    def get_lr(self):
        return [base / (1 + self.last_epoch) ** 0.5 for base in self.base_lrs]


class Warmup(lr_scheduler.LRScheduler):
    """Steps another one once it is over: state that cannot be put back."""

    def __init__(self, optimizer, length, after):
        self.length, self.after, self.model = length, after, [1.0]
        super().__init__(optimizer)

    def get_lr(self):
        if self.last_epoch <= self.length:
            return [base * (self.last_epoch + 1) / (self.length + 1) for base in self.base_lrs]
        self.after.step()
        return self.after.get_last_lr()


class Own(lr_scheduler.LinearLR):
    def get_lr(self):
        return (
            [0.5 * rate for rate in super().get_lr()] if self.last_epoch == 3 else super().get_lr()
        )


@pytest.mark.parametrize("build", [
    InverseSquareRoot, Own,
    lambda o: lr_scheduler.SequentialLR(o, [Own(o), lr_scheduler.StepLR(o, 3)], [5]),
    lambda o: Warmup(o, 4, lr_scheduler.CosineAnnealingLR(o, 20)),
])  # fmt: skip
def test_a_users_class_is_stepped_on_a_copy(build):
    for groups in ((0.1,), (0.1, 0.3)):
        scheduler = build(sgd(*groups))
        before = copy.deepcopy(scheduler.state_dict()) if not hasattr(scheduler, "after") else None
        table = js.from_torch(scheduler, total_steps=STEPS)
        assert before is None or before == scheduler.state_dict()
        expected = history(scheduler, STEPS)

        assert_close(table, expected if len(groups) > 1 else expected[:, 0])


def test_a_users_class_that_has_been_stepped_is_put_back():
    expected = history(InverseSquareRoot(sgd()), STEPS)[:, 0]
    scheduler = InverseSquareRoot(sgd())
    step(scheduler, 12)

    assert_close(js.from_torch(scheduler, total_steps=STEPS), expected)
    assert scheduler.last_epoch == 12


def test_a_users_class_that_cannot_be_put_back():
    scheduler = Warmup((o := sgd()), 4, lr_scheduler.CosineAnnealingLR(o, 20))
    step(scheduler, 12)

    with pytest.raises(
        ValueError, match=r"does not hold what it holds now: .* Give .* convert it right after"
    ):
        js.from_torch(scheduler, total_steps=STEPS)


def test_a_users_class_with_a_moving_momentum():
    class Warmer(lr_scheduler.OneCycleLR):
        def get_lr(self):
            return [2 * rate for rate in super().get_lr()]

    scheduler = Warmer(sgd(), 0.1, 30)
    table = js.from_torch(scheduler, total_steps=STEPS)
    momenta = []
    for _ in range(STEPS):
        momenta.append(scheduler.optimizer.param_groups[0]["momentum"])
        scheduler.step()

    assert_close(table.momentum, np.array(momenta))
    with pytest.raises(AttributeError, match="no `momentum`"):
        _ = js.from_torch(InverseSquareRoot(sgd()), total_steps=STEPS).momentum
    with pytest.raises(
        ValueError, match="reach of Warmer: the step to count 31 fails with ValueError"
    ):
        js.from_torch(Warmer(sgd(), 0.1, 30), total_steps=40)


class Wrapping(torch.optim.Optimizer):
    """An optimizer that passes on what another one holds, as Accelerate's does."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    param_groups = property(lambda self: self.optimizer.param_groups)
    defaults = property(lambda self: self.optimizer.defaults)

    def step(self):
        self.optimizer.step()


def test_a_momentum_that_is_no_number():
    class Cooling(lr_scheduler.LRScheduler):
        def get_lr(self):
            for group in self.optimizer.param_groups:
                group["momentum"] = 0.9 if self.last_epoch < 4 else float("nan")
            return self.base_lrs

    scheduler = Cooling(sgd())

    assert js.from_torch(scheduler, total_steps=4)(3) == np.float32(0.1)
    with pytest.raises(
        ValueError, match=r"from_torch\(total_steps=...\)` .* its momenta at count 4 are \[nan\]"
    ):
        js.from_torch(scheduler, total_steps=5)


def test_a_wrapped_optimizer_stays_as_it_is():
    scheduler = InverseSquareRoot(Wrapping(sgd()))
    table = js.from_torch(scheduler, total_steps=STEPS)

    assert scheduler.optimizer.param_groups[0]["lr"] == 0.1
    assert_close(table, history(scheduler, STEPS)[:, 0])


def test_what_a_group_holds_beside_numbers_stays_where_it_is():
    scheduler = InverseSquareRoot(sgd())
    [group] = scheduler.optimizer.param_groups
    kept = {"tags": ["a"], "thing": object(), "table": torch.ones(3)}
    group.update(kept)
    js.from_torch(scheduler, total_steps=5)

    assert all(group[name] is value for name, value in kept.items())


def test_a_class_that_reaches_the_live_optimizer_past_the_copy():
    optimizer = sgd()

    class Direct(lr_scheduler.LRScheduler):
        def get_lr(self):
            optimizer.param_groups[0]["momentum"] = 0.1 * self.last_epoch
            return self.base_lrs

    scheduler = Direct(optimizer)
    with pytest.raises(ValueError, match="writes to the live optimizer from elsewhere"):
        js.from_torch(scheduler, total_steps=5)
    assert optimizer.param_groups[0]["momentum"] == 0.0


def test_a_class_that_steps_on_metrics_is_no_function_of_the_count():
    class Plateau(lr_scheduler.ReduceLROnPlateau):
        pass

    for total_steps in (None, 9):
        with pytest.raises(ValueError, match="asks for more than the count"):
            js.from_torch(Plateau(sgd()), total_steps)


def test_the_same_scheduler_twice_in_a_chain():
    def build(optimizer):
        return lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(optimizer, 4)] * 2)

    with pytest.raises(ValueError, match="holds one and the same scheduler twice"):
        js.from_torch(build(sgd()))
    assert_close(js.from_torch(build(sgd()), STEPS), history(build(sgd()), STEPS)[:, 0])


def test_threads_leave_the_warnings_as_they_were():
    scheduler = lr_scheduler.StepLR(sgd(), 4)
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: js.from_torch(scheduler), range(64)))

    assert warnings.filters == before


def test_inside_jit():
    scheduler = lr_scheduler.StepLR(sgd(), 4)
    step(scheduler, 5)

    assert jax.jit(lambda count: js.from_torch(scheduler)(count))(4) == np.float32(0.01)


def test_a_one_cycle_of_nothing():
    assert js.from_torch(lr_scheduler.OneCycleLR(sgd(), 0.0, 30)) == js.OneCycleLR(0.0, 30)


def test_a_users_class_needs_total_steps():
    with pytest.raises(ValueError, match=r"InverseSquareRoot\. Give `total_steps=N`"):
        js.from_torch(InverseSquareRoot(sgd()))
    scheduler = InverseSquareRoot(sgd())
    step(scheduler, 12)
    with pytest.raises(ValueError, match="must be more than the steps done, 12, got 12"):
        js.from_torch(scheduler, total_steps=12)


@pytest.mark.parametrize("bad", [3, None, "StepLR", torch.zeros(1)])
def test_what_is_no_scheduler(bad):
    with pytest.raises(
        TypeError, match=r"`from_torch\(scheduler=\.\.\.\)` must be a PyTorch scheduler"
    ):
        js.from_torch(bad)


def test_a_lightning_entry_is_told_apart():
    with pytest.raises(TypeError, match="converts with `from_lightning"):
        js.from_torch({"scheduler": lr_scheduler.StepLR(sgd(), 3), "interval": "epoch"})


@pytest.mark.parametrize("bad", [0, -1, 2.5, True])
def test_bad_total_steps(bad):
    with pytest.raises(
        ValueError, match=r"`from_torch\(total_steps=\.\.\.\)` must be a positive int"
    ):
        js.from_torch(lr_scheduler.StepLR(sgd(), 3), bad)
