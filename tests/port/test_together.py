"""Several schedulers on one optimizer, and counts that somebody set."""

import copy
import threading

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from oracle import history, sgd, step
from own_schedulers import Drawing, OwnCounter, seen
from torch.optim import lr_scheduler

import jaxsched as js

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*no closed form:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*The epoch parameter in:UserWarning"),
]
STEPS = 20


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
def test_a_class_that_draws_random_numbers(start, monkeypatch):
    for threads in (1, 2):
        monkeypatch.setattr(threading, "active_count", lambda: threads)  # noqa: B023
        scheduler = Drawing(sgd())
        before = seen(scheduler)
        with pytest.raises(ValueError, match="Drawing draws random numbers"):
            js.from_torch(scheduler, total_steps=STEPS, start=start)
        assert (seen(scheduler) == before) == (threads == 1)  # else another may have drawn, too
