"""Why a scheduler does not convert: each cause that can be told, and that what is advised works."""

import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

from oracle import history, sgd
from torch.optim import lr_scheduler as pt

import jaxsched as js

pytestmark = pytest.mark.filterwarnings("ignore:Detected call:UserWarning")
MORE = 6


def inverse(step):
    return 1.0 / (1 + step)


def stepped(number, *schedulers):
    for _ in range(number):
        for scheduler in schedulers:
            scheduler.step()
    return schedulers[0]


class InTurn:
    def __init__(self, *schedulers):
        self.schedulers, self.optimizer = schedulers, schedulers[0].optimizer

    def step(self):
        stepped(1, *self.schedulers)


def assert_gives(schedule, scheduler, first=0):
    expected = history(scheduler, MORE)[:, 0]
    np.testing.assert_allclose(schedule(first + np.arange(MORE)), expected, rtol=1e-6)


def assert_goes_on(scheduler):
    assert_gives(js.from_torch(scheduler, total_steps=MORE, start="now"), scheduler)


def chain(optimizer):
    parts = [pt.LinearLR(optimizer, 0.5, total_iters=10), pt.ExponentialLR(optimizer, 0.9)]
    return pt.ChainedScheduler(parts), parts


@pytest.mark.parametrize(
    "part, clocks", [(0, r"\[5, 4\], .* due at \[5, 5\]"), (1, r"\[4, 5\], .* due at \[4, 4\]")]
)
def test_a_part_that_was_stepped_on_its_own(part, clocks):
    scheduler, parts = chain(sgd())
    stepped(4, scheduler)
    parts[part].step()

    message = rf"\['LinearLR', 'ExponentialLR'\] at steps {clocks}: one was stepped on its own"
    with pytest.raises(ValueError, match=message + '.*`start="now"`'):
        js.from_torch(scheduler)
    assert_goes_on(scheduler)


def test_a_part_of_a_sequence_that_was_stepped_before_its_turn():
    optimizer = sgd()
    parts = [pt.LinearLR(optimizer, 0.5, total_iters=10), pt.ExponentialLR(optimizer, 0.9)]
    scheduler = pt.SequentialLR(optimizer, parts, [3])
    stepped(2, scheduler)
    parts[1].step()

    with pytest.raises(
        ValueError, match=r"at steps \[2, 0\], .* due at \[2, -1\]: one was stepped"
    ):
        js.from_torch(scheduler)
    assert_goes_on(scheduler)


def test_parts_that_were_built_on_different_initial_rates():
    optimizer = sgd()
    first = pt.LinearLR(optimizer, 0.5, total_iters=10)
    optimizer.param_groups[0]["initial_lr"] = 0.05
    scheduler = pt.ChainedScheduler([first, pt.CosineAnnealingLR(optimizer, 9)])
    stepped(2, scheduler)

    with pytest.raises(ValueError, match=r"on the same initial rate, got \[0.1, 0.05\].*\"now\""):
        js.from_torch(scheduler)
    assert_goes_on(scheduler)


def test_parts_that_were_built_in_another_order():
    optimizer = sgd()
    overwriting = pt.LambdaLR(optimizer, inverse)
    scheduler = pt.ChainedScheduler([pt.ConstantLR(optimizer, 0.5), overwriting])

    message = r"got LambdaLR as the last, and it was ConstantLR that set the rate now, 0.05"
    with pytest.raises(ValueError, match=message + ".*built in another order.*`total_steps=N`"):
        js.from_torch(scheduler)
    assert_gives(js.from_torch(scheduler, total_steps=MORE), scheduler)


def test_a_list_in_another_order_than_its_schedulers_step():
    optimizer = sgd()
    first, second = pt.LambdaLR(optimizer, inverse), pt.StepLR(optimizer, 2)
    stepped(4, first, second)

    with pytest.raises(ValueError, match=r"were stepped, got LambdaLR .* with StepLR as the last"):
        js.from_torch([second, first])
    assert_gives(js.from_torch([first, second]), InTurn(first, second), first=4)


def test_another_scheduler_that_was_built_after_it():
    optimizer = sgd()
    first, second = pt.LambdaLR(optimizer, inverse), pt.OneCycleLR(optimizer, 0.5, 20)
    stepped(4, first, second)

    message = r"`initial_lr` is 0.02 now and was 0.1, so another scheduler was built after it"
    with pytest.raises(ValueError, match=message):
        js.from_torch(first)
    assert_gives(js.from_torch([first, second]), InTurn(first, second), first=4)


@pytest.mark.parametrize("cause", ["another scheduler", "by hand"])
def test_a_rate_set_after_its_last_step(cause):
    """What set it shows in nothing that is held."""
    optimizer = sgd()
    scheduler = pt.LambdaLR(optimizer, inverse)
    if cause == "by hand":
        stepped(4, scheduler)
        optimizer.param_groups[0]["lr"] = 0.002
    else:
        stepped(4, scheduler, pt.StepLR(optimizer, 4))

    with pytest.raises(
        ValueError,
        match=r"own last step set, 0.02\d*, got 0.002\d* at step 4: another scheduler stepped after"
        r' it, or the rate was set by hand.*from_torch\(\[first, second\]\).*`start="now"`',
    ):
        js.from_torch(scheduler)
    assert_goes_on(scheduler)


def test_a_state_that_was_loaded_into_the_scheduler_alone():
    state = stepped(4, pt.LambdaLR(sgd(), inverse)).state_dict()
    scheduler = pt.LambdaLR(sgd(), inverse)
    scheduler.load_state_dict(state)

    with pytest.raises(
        ValueError, match=r"got 0.1 at step 4: that is the initial rate.*Load both\."
    ):
        js.from_torch(scheduler)
    assert_goes_on(scheduler)


def another_scheduler(optimizer, scheduler):
    other = pt.StepLR(optimizer, 2, 0.1)
    stepped(15, other, scheduler)


def a_person(optimizer, scheduler):
    stepped(14, scheduler)
    optimizer.param_groups[0]["lr"] = 0.0
    stepped(1, scheduler)


def a_new_attribute(optimizer, scheduler):
    stepped(4, scheduler)
    scheduler.eta_min = 0.4
    optimizer.param_groups[0]["lr"] = 0.01
    stepped(11, scheduler)


@pytest.mark.parametrize("change", [another_scheduler, a_person, a_new_attribute])
def test_a_rate_changed_before_its_last_step(change):
    """Which of these it was shows in nothing that is held: one sentence names them."""
    optimizer = sgd()
    scheduler = pt.CosineAnnealingLR(optimizer, 20, 0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(optimizer, scheduler)

    with pytest.raises(
        ValueError,
        match=r"its own steps give, 0.\d+, got -?0.\d+ at step 15: before its last step another"
        r" scheduler or a person set the rate, or an attribute .* was changed",
    ):
        js.from_torch(scheduler)
    assert_goes_on(scheduler)


def test_a_checkpoint_is_told_which_keys_belie_each_other():
    scheduler, parts = chain(sgd())
    stepped(4, scheduler)
    parts[1].step()

    with pytest.raises(ValueError, match=r"stepped on its own. One of `_last_lr`, .* belies"):
        js.from_torch_state_dict("ChainedScheduler", scheduler.state_dict())
