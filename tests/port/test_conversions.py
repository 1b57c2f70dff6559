"""Conversions in the middle of a run: PyTorch's own rates from there on, or an error that helps."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import assert_close, history, sgd, step
from own_schedulers import BatchCounter, GradualWarmup, Noam, OwnCounter, Told, seen
from remembering import counter, growing, popping
from torch.optim import lr_scheduler

import jaxsched as js

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*no closed form:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*The epoch parameter in:UserWarning"),
]
STEPS = 20


def by_hand(optimizer):
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 20, 0.01)
    optimizer.param_groups[0]["lr"] = 0.04
    return scheduler


def set_back(optimizer):
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    step(scheduler, 4)
    scheduler.last_epoch = -1
    return scheduler


def grown(optimizer):
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda e: 0.9**e)
    optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.3})
    scheduler.base_lrs.append(0.3)
    scheduler.lr_lambdas.append(lambda e: 0.8**e)
    return scheduler


def fractional(optimizer):
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    scheduler.step(2.5)
    return scheduler


def restarted(optimizer):
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3, 2)
    scheduler.step(7.25)
    return scheduler


def resumed(optimizer):
    optimizer.param_groups[0]["initial_lr"] = 0.1
    return lr_scheduler.StepLR(optimizer, 4, 0.5, last_epoch=9)


KINDS = {
    "a counter of its own": OwnCounter,
    "a warm-up around another": lambda o: GradualWarmup(o, 4, lr_scheduler.StepLR(o, 3)),
    "a count of batches": BatchCounter,
    "Noam": Noam,
    "a rate set by hand": by_hand,
    "a count set by hand": set_back,
    "a group added": grown,
    "a fractional epoch": fractional,
    "restarts at a fractional epoch": restarted,
    "resumed": resumed,
    "a chain": lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.9)]),
    "a sequence": lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o), lr_scheduler.StepLR(o, 3)], [5]),
    "a cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.3, 60),
    "an untraceable function in a chain": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LambdaLR(o, lambda e: 0.5 if e < 6 else 0.25), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}  # fmt: skip


def matches(schedule, expected):
    assert_close(schedule, expected if expected.shape[1] > 1 else expected[:, 0])


@pytest.mark.parametrize("done", [0, 1, 7])
@pytest.mark.parametrize("name", KINDS)
def test_from_now_on(name, done):
    scheduler = step(KINDS[name](sgd()), done)
    before = seen(scheduler)
    table = js.from_torch(scheduler, total_steps=STEPS, start="now")
    assert seen(scheduler) == before

    matches(table, history(scheduler, STEPS))


@pytest.mark.filterwarnings("ignore:.*works `lr` out backwards:UserWarning")
@pytest.mark.parametrize("done", [0, 1, 7])
@pytest.mark.parametrize("name", KINDS)
def test_from_the_beginning_or_an_error_that_points_to_now(name, done):
    scheduler = step(KINDS[name](sgd()), done)
    before = seen(scheduler)
    try:
        schedule = js.from_torch(scheduler, total_steps=60)
    except ValueError as error:
        assert 'start="now"' in str(error)
        schedule = None
    assert seen(scheduler) == before
    if schedule is None:
        return

    now, expected = js.current_count(scheduler), history(scheduler, STEPS)
    if isinstance(now, int):
        groups = schedule if isinstance(schedule, js.ParamGroups) else [schedule]
        for group, column in zip(groups, expected.T, strict=True):
            np.testing.assert_allclose(group(now + np.arange(STEPS)), column, rtol=2e-7)


@pytest.mark.parametrize("done", [0, 3])
@pytest.mark.parametrize(
    "name", ["a chain", "a sequence", "a cycle", "resumed", "restarts at a fractional epoch"]
)
def test_from_now_on_without_a_table(name, done):
    scheduler = step(KINDS[name](sgd()), done)
    if name.startswith("restarts"):
        scheduler = step(lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 3, 2), done)
    schedule = js.from_torch(scheduler, start="now")

    matches(schedule, history(scheduler, STEPS))


def test_a_class_that_is_told_the_epoch():
    expected = 0.1 * 0.9 ** np.arange(STEPS)
    scheduler = Told(sgd())

    assert_close(js.from_torch(scheduler, total_steps=STEPS), expected)
    with pytest.raises(ValueError, match=r"for the first N counts\.$"):  # and no `start="now"`
        js.from_torch(scheduler)
    scheduler.step(7)
    assert_close(js.from_torch(scheduler, total_steps=STEPS), expected)
    with pytest.raises(ValueError, match=r"jaxsched.skip\(schedule, n\)"):
        js.from_torch(scheduler, total_steps=STEPS, start="now")
    scheduler.optimizer.param_groups[0]["lr"] = 7.0
    with pytest.raises(ValueError, match="at none of its first 20 counts"):
        js.from_torch(scheduler, total_steps=STEPS)


class ToldUpdates(Told):
    """As timm's with `t_in_epochs=False`: `step` does nothing."""

    t_in_epochs = False

    def step(self, epoch, metric=None):
        pass

    def step_update(self, num_updates, metric=None):
        super().step(num_updates)


@pytest.mark.parametrize("now", [0, 7])
def test_a_class_that_is_told_the_update(now):
    scheduler = ToldUpdates(sgd())
    scheduler.step_update(now)

    table = js.from_torch(scheduler, total_steps=STEPS)
    expected = []
    for update in range(STEPS):
        scheduler.step_update(update)
        expected.append(scheduler.optimizer.param_groups[0]["lr"])
    assert_close(table, np.array(expected))


class AlmostRight(OwnCounter):
    def get_lr(self):
        return [base * (1.0 + 1e-15 * self.number) for base in self.base_lrs]


class Holding(lr_scheduler.LRScheduler):
    """Holds a function, or an object, that remembers its calls."""

    def __init__(self, optimizer, function):
        self.function = function
        super().__init__(optimizer)

    def get_lr(self):
        return [base * self.function(self.last_epoch) for base in self.base_lrs]


class Slotted:
    __slots__ = ("seen",)

    def __init__(self):
        self.seen = 0

    def __call__(self, step):
        self.seen += 1
        return 1.0 / self.seen


def iterating():
    left = iter([1.0 / n for n in range(1, 99)])
    return (lambda step: next(left)), lambda: left.__length_hint__()


def an_object():
    slotted = Slotted()
    return slotted, lambda: slotted.seen


REMEMBERING = [counter, popping, iterating, growing, an_object]


@pytest.mark.parametrize("build", [lr_scheduler.LambdaLR, Holding], ids=["LambdaLR", "own class"])
@pytest.mark.parametrize("done", [0, 3])
@pytest.mark.parametrize("make", REMEMBERING, ids=lambda make: make.__name__)
def test_functions_with_memory_go_on_from_now(make, done, build):
    function, memory = make()
    scheduler = step(build(sgd(), function), done)
    before = memory()
    table = js.from_torch(scheduler, total_steps=STEPS, start="now")
    assert memory() == before

    matches(table, history(scheduler, STEPS))


@pytest.mark.parametrize("make", REMEMBERING, ids=lambda make: make.__name__)
def test_a_memory_is_no_table_from_the_beginning(make):
    function, memory = make()
    scheduler = step(Holding(sgd(), function), 3)
    before = memory()
    with pytest.raises(ValueError, match=r'does not hold what it holds now.*`start="now"`'):
        js.from_torch(scheduler, total_steps=8)
    assert memory() == before


@pytest.mark.parametrize("cls", [OwnCounter, AlmostRight])
def test_a_count_of_its_own_is_no_table_from_the_beginning(cls):
    with pytest.raises(ValueError, match=r'does not hold what it holds now.*`start="now"`'):
        js.from_torch(step(cls(sgd()), 1), total_steps=8)


def test_a_generator_cannot_be_copied():
    left = (1.0 / n for n in range(1, 99))
    scheduler = Holding(sgd(), lambda step: next(left))
    before = left.gi_frame.f_lasti
    for start in ("beginning", "now"):
        with pytest.raises(ValueError, match="cannot be copied"):
            js.from_torch(scheduler, total_steps=8, start=start)
    assert left.gi_frame.f_lasti == before


calls, steps_seen = 0, []


class InItsModule(lr_scheduler.LRScheduler):
    def get_lr(self):
        global calls
        calls += 1
        return [base / calls for base in self.base_lrs]


class InAList(lr_scheduler.LRScheduler):
    def get_lr(self):
        steps_seen.append(self.last_epoch)
        return [base / len(steps_seen) for base in self.base_lrs]


class InItsClass(lr_scheduler.LRScheduler):
    seen = 0

    def get_lr(self):
        InItsClass.seen += 1
        return [base / self.seen for base in self.base_lrs]


@pytest.mark.parametrize("start", ["beginning", "now"])
@pytest.mark.parametrize("cls", [InItsModule, InAList, InItsClass])
def test_a_memory_that_a_copy_would_share(cls, start):
    scheduler = cls(sgd())
    before = calls, list(steps_seen), InItsClass.seen
    with pytest.raises(ValueError, match="which its class or its module holds"):
        js.from_torch(scheduler, total_steps=8, start=start)
    assert (calls, steps_seen, InItsClass.seen) == before


class ByGroups(lr_scheduler.LRScheduler):
    """Writes to the groups by a name of its own."""

    def __init__(self, optimizer):
        self.groups = optimizer.param_groups
        super().__init__(optimizer)

    def get_lr(self):
        self.groups[0]["weight"] = self.last_epoch
        return [group["initial_lr"] / (1 + group["weight"]) for group in self.groups]


@pytest.mark.parametrize("done", [0, 3])
def test_a_class_that_keeps_the_groups(done):
    scheduler = step(ByGroups(sgd()), done)
    before = dict(scheduler.optimizer.param_groups[0])
    table = js.from_torch(scheduler, total_steps=STEPS)
    assert scheduler.optimizer.param_groups[0] == before

    expected = 0.1 / (1 + np.arange(STEPS))
    np.testing.assert_allclose(history(scheduler, STEPS - done)[:, 0], expected[done:])
    assert_close(table, expected)


@pytest.mark.parametrize("factors", [
    {"div_factor": float("inf")}, {"final_div_factor": float("inf")}, {"div_factor": float("-inf")},
    {"div_factor": float("inf"), "final_div_factor": float("inf"), "three_phase": True},
])  # fmt: skip
def test_a_one_cycle_from_or_to_a_rate_of_0(factors):
    scheduler = lr_scheduler.OneCycleLR(optimizer := sgd(), 0.1, 12, **factors)
    read = js.from_torch(scheduler)
    saved = js.from_torch_state_dict("OneCycleLR", scheduler.state_dict(), optimizer.state_dict())
    schedule = js.OneCycleLR(0.1, 12, **factors)
    assert js.from_config(js.to_config(schedule)) == schedule

    expected = history(scheduler, 12)[:, 0]
    for one in (schedule, read, saved):
        assert_close(one, expected)


@pytest.mark.parametrize("name, value", [("base_lrs", None), ("T_0", None), ("last_epoch", None)])
def test_an_attribute_that_pytorch_would_not_have_left(name, value):
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 3, 2)
    for inside in (scheduler, lr_scheduler.ChainedScheduler([scheduler])):
        setattr(scheduler, name, value)
        with pytest.raises(ValueError, match=f"as `{name}`, got {value!r}. Give `total_steps=N`"):
            js.from_torch(inside)
    delattr(scheduler, name)
    with pytest.raises(ValueError, match=f"must have `{name}`, which its class reads"):
        js.from_torch(scheduler)


def test_a_get_lr_of_an_objects_own_is_never_overlooked():
    scheduler = lr_scheduler.LinearLR(sgd())
    scheduler.get_lr = lambda: [0.1 / (1 + scheduler.last_epoch)]
    step(scheduler, 2)
    with pytest.raises(ValueError, match="has a `get_lr` of its own"):
        js.from_torch(scheduler)


def test_a_copy_that_fails_as_it_is_put_back():
    scheduler = torch.optim.swa_utils.SWALR(optimizer := sgd(), 0.05, 4)
    step(scheduler, 2)
    optimizer.add_param_group({"params": [torch.zeros(1)]})
    with pytest.raises(
        ValueError, match=r"be put back to its start: KeyError: 'swa_lr'.*start=\"now\""
    ):
        js.from_torch(scheduler, total_steps=9)


def test_a_rate_that_is_no_number_is_told_with_its_count():
    scheduler = lr_scheduler.ExponentialLR(optimizer := sgd(), 0.9)
    optimizer.param_groups[0]["lr"] = float("nan")
    with pytest.raises(
        ValueError, match=r"from_torch\(total_steps=...\)` .* rates at count 0 are \[nan\]"
    ):
        js.from_torch(scheduler, total_steps=9, start="now")
