"""Conversions in the middle of a run: PyTorch's own rates from there on, or an error that helps."""

import copy
import random

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import assert_close, history, sgd, step
from torch.optim import lr_scheduler

import jaxsched as js

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*no closed form:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*The epoch parameter in:UserWarning"),
]
STEPS = 20


class OwnCounter(lr_scheduler.LRScheduler):
    """Counts its own steps, in what the base class knows nothing of."""

    def __init__(self, optimizer):
        self.number = -1
        super().__init__(optimizer)

    def get_lr(self):
        return [base * (1.0 if self.number < 4 else 0.1) for base in self.base_lrs]

    def step(self, epoch=None):
        self.number += 1
        super().step()


class GradualWarmup(lr_scheduler.LRScheduler):
    """As the package warmup_scheduler has it: the scheduler after it is stepped from inside."""

    def __init__(self, optimizer, total_epoch, after):
        self.total_epoch, self.after, self.finished = total_epoch, after, False
        super().__init__(optimizer)

    def get_lr(self):
        if self.last_epoch > self.total_epoch:
            self.finished = True
            return self.after.get_last_lr()
        return [base * self.last_epoch / self.total_epoch for base in self.base_lrs]

    def step(self, epoch=None):
        if self.finished:
            self.after.step()
        else:
            super().step()


class BatchCounter:
    """As DeepSpeed's: no `last_epoch`, a count that begins below 0."""

    def __init__(self, optimizer):
        self.optimizer, self.last_batch_iteration = optimizer, -1
        self.base = optimizer.param_groups[0]["lr"]
        self._set(0.0)

    def _set(self, factor):
        for group in self.optimizer.param_groups:
            group["lr"] = self.base * factor

    def step(self, last_batch_iteration=None):
        self.last_batch_iteration += 1
        self._set(min(1.0, self.last_batch_iteration / 8))


class Noam:
    """As in the annotated Transformer: it steps the optimizer too."""

    def __init__(self, optimizer):
        self.optimizer, self._step = optimizer, 0

    def step(self):
        self._step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = min(self._step**-0.5, self._step * 8**-1.5)


class Told:
    """As timm's: `step` is told the epoch."""

    def __init__(self, optimizer):
        self.optimizer = optimizer

    def step(self, epoch, metric=None):
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 * 0.9**epoch


class Drawing(lr_scheduler.LRScheduler):
    def get_lr(self):
        noise = random.random() + np.random.rand() + float(torch.rand(()))
        return [base * noise / (1 + self.last_epoch) for base in self.base_lrs]


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


def seen(scheduler):
    generators = (
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_rng_state().tolist(),
    )
    groups = [
        {k: v for k, v in g.items() if k != "params"} for g in scheduler.optimizer.param_groups
    ]
    held = {k: v for k, v in vars(scheduler).items() if isinstance(v, int | float | list)}
    return repr((generators, groups, held))


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


def counting():
    seen = 0

    def factor(step):
        nonlocal seen
        seen += 1
        return 1.0 / seen

    return factor, lambda: seen


def taking():
    left = [1.0 / n for n in range(1, 99)]
    return (lambda step: left.pop(0)), lambda: len(left)


def iterating():
    left = iter([1.0 / n for n in range(1, 99)])
    return (lambda step: next(left)), lambda: left.__length_hint__()


def appending():
    def factor(step, seen=[]):  # noqa: B006
        seen.append(step)
        return 1.0 / len(seen)

    return factor, lambda: len(factor.__defaults__[0])


def an_object():
    slotted = Slotted()
    return slotted, lambda: slotted.seen


REMEMBERING = [counting, taking, iterating, appending, an_object]


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


# --- several schedulers on one optimizer ---

TOGETHER = {
    "factors": lambda o: [lr_scheduler.LinearLR(o), lr_scheduler.ExponentialLR(o, 0.9)],
    "a cosine": lambda o: [lr_scheduler.ExponentialLR(o, 0.9), lr_scheduler.CosineAnnealingLR(o, 9)],
    "three": lambda o: [lr_scheduler.LinearLR(o), lr_scheduler.StepLR(o, 3), lr_scheduler.ExponentialLR(o, 0.9)],
    "an own class": lambda o: [OwnCounter(o), lr_scheduler.StepLR(o, 3)],
}  # fmt: skip


class InTurn:
    def __init__(self, schedulers):
        self.schedulers, self.optimizer = schedulers, schedulers[0].optimizer

    def step(self):
        for scheduler in self.schedulers:
            scheduler.step()


@pytest.mark.parametrize("options", [{}, {"total_steps": STEPS}], ids=["read", "table"])
@pytest.mark.parametrize("start", ["beginning", "now"])
@pytest.mark.parametrize("done", [0, 3])
@pytest.mark.parametrize("name", TOGETHER)
def test_a_list_is_stepped_together(name, done, start, options):
    schedulers = TOGETHER[name](sgd())
    run = step(InTurn(schedulers), done)
    before = [seen(scheduler) for scheduler in schedulers]
    impossible = name == "an own class" and (not options or (done and start == "beginning"))
    if impossible:
        with pytest.raises(ValueError, match='start="now"'):
            js.from_torch(schedulers, start=start, **options)
        return
    schedule = js.from_torch(schedulers, start=start, **options)
    assert [seen(scheduler) for scheduler in schedulers] == before
    assert js.current_count(schedulers) == done

    first = done if start == "beginning" else 0
    expected = history(run, STEPS - first)[:, 0]
    np.testing.assert_allclose(schedule(np.arange(first, STEPS)), expected, rtol=1e-6, atol=1e-9)


def test_a_list_of_one_is_that_one():
    assert js.from_torch([lr_scheduler.StepLR(sgd(), 3)]) == js.StepLR(0.1, 3)


def test_a_list_that_was_not_stepped_together():
    optimizer = sgd()
    first, second = lr_scheduler.LinearLR(optimizer), lr_scheduler.StepLR(optimizer, 2)
    step(first, 4), step(second, 1)
    with pytest.raises(ValueError, match=r"stepped \[4, 1\] times.*per_epoch\(from_torch\(b\), n"):
        js.from_torch([first, second])


def test_lists_of_what_does_not_step_together():
    optimizer = sgd()
    first = lr_scheduler.LinearLR(optimizer)
    with pytest.raises(ValueError, match="got several optimizers"):
        js.from_torch([first, lr_scheduler.LinearLR(sgd())])
    with pytest.raises(ValueError, match=r"`ReduceLROnPlateau\(lr=schedule, ...\)`"):
        js.from_torch([first, lr_scheduler.ReduceLROnPlateau(optimizer)])
    with pytest.raises(TypeError, match=r"must be a PyTorch scheduler, got \[\]"):
        js.from_torch([])
    with pytest.raises(TypeError, match="must be a PyTorch scheduler, got 3"):
        js.from_torch([first, 3])


# --- counts set by hand ---

SET_BACK = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 3),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda e: 0.9**e),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.3, 100),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 4),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.LinearLR(o), lr_scheduler.StepLR(o, 3)], [5]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*works `lr` out backwards:UserWarning")
@pytest.mark.parametrize("last_epoch", [-1, 0, 2, 7])
@pytest.mark.parametrize("done", [0, 4])
@pytest.mark.parametrize("name", SET_BACK)
def test_a_count_set_by_hand(name, done, last_epoch):
    """PyTorch's own rates from now on, or an error that points to `start="now"`."""
    right = 0
    for options in ({}, {"total_steps": 60}, {"start": "now"}, {"start": "now", "total_steps": 60}):
        scheduler = step(SET_BACK[name](sgd()), done)
        scheduler.last_epoch = last_epoch
        try:
            schedule = js.from_torch(scheduler, **options)
        except ValueError as error:
            assert 'start="now"' in str(error)
            continue
        now = 0 if "start" in options else js.current_count(scheduler)
        expected = history(scheduler, STEPS)[:, 0]
        np.testing.assert_allclose(schedule(now + np.arange(STEPS)), expected, rtol=1e-6, atol=1e-9)
        right += 1
    assert right


def test_between_two_epochs_there_is_no_count():
    scheduler = step(lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 3, 2), 1)
    scheduler.step(7.25)
    with pytest.raises(
        ValueError, match=r"must have `total_steps=N`, got a scheduler at epoch 7.25"
    ):
        js.from_torch(scheduler, start="now")


@pytest.mark.parametrize("number", [8, 8.0, np.int64(8), np.float32(8), torch.tensor(8)])
def test_total_steps_as_people_write_them(number):
    scheduler = lr_scheduler.LambdaLR(sgd(), lambda e: 0.5 if e > 2 else 1.0)

    assert js.from_torch(scheduler, total_steps=number).total_steps == 8


@pytest.mark.parametrize("number", [0, -1, 2.5, "8", True, 2**31, np.arange(2)])
def test_total_steps_that_are_none(number):
    with pytest.raises(ValueError, match=r"`from_torch\(total_steps=...\)` must be a positive int"):
        js.from_torch(lr_scheduler.StepLR(sgd(), 3), total_steps=number)


WRONG = [
    ({"last_epoch": 3, "_schedulers": []}, "converts with `from_torch_state_dict`"),
    (lr_scheduler.StepLR, "Pass an instance"),
    (sgd(), "got an optimizer. Pass the scheduler"),
]


@pytest.mark.parametrize("wrong, message", WRONG)
def test_what_is_no_scheduler(wrong, message):
    with pytest.raises(TypeError, match=message):
        js.from_torch(wrong)


def test_accelerates_wrapper():
    class Wrapper:
        def __init__(self, scheduler):
            self.scheduler, self.step_with_optimizer = scheduler, True

    with pytest.raises(TypeError, match=r"per_update\(from_torch\(wrapper.scheduler\)"):
        js.from_torch(Wrapper(lr_scheduler.StepLR(sgd(), 3)))


def test_a_metric_is_no_count():
    class Plateau(lr_scheduler.ReduceLROnPlateau):
        pass

    for start in ("beginning", "now"):
        with pytest.raises(ValueError, match="asks for more than the count"):
            js.from_torch(Plateau(sgd()), 9, start)


def test_a_start_that_is_none():
    with pytest.raises(ValueError, match=r"from_torch\(start=...\)` must be 'beginning' or 'now'"):
        js.from_torch(lr_scheduler.StepLR(sgd(), 3), start="middle")


@pytest.mark.parametrize("options", [{"cooldown": float("inf")}, {"patience": float("inf")}])
def test_a_plateau_of_infinite_lengths(options):
    scheduler = lr_scheduler.ReduceLROnPlateau(sgd(), factor=0.5, **{"patience": 0} | options)
    metrics = [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1.0]
    for metric in metrics[:3]:
        scheduler.step(metric)
    plateau = js.from_torch(copy.deepcopy(scheduler))
    state = plateau.init()
    for metric in metrics[3:]:
        scheduler.step(metric)
        state = plateau.update(state, value=metric)

        assert float(plateau(state)) == pytest.approx(
            scheduler.optimizer.param_groups[0]["lr"], rel=1e-6
        )


@pytest.mark.parametrize("start", ["beginning", "now"])
def test_a_class_that_draws_random_numbers(start):
    scheduler = Drawing(sgd())
    before = seen(scheduler)
    with pytest.raises(ValueError, match="Drawing draws random numbers"):
        js.from_torch(scheduler, total_steps=STEPS, start=start)
    assert seen(scheduler) == before
