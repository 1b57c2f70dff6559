"""The two classes that are copied from repository to repository: rates, and who has changed one."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import library
from recipes import LR, STEPS, assert_exact, assert_like_all, rates_of
from subclasses import assert_arguments, expected, live, sgd

import jaxsched as js
from jaxsched import cosine_annealing_warmup, espnet, pl_bolts

KATSURA, BOLTS = "CosineAnnealingWarmupRestarts", "LinearWarmupCosineAnnealingLR"
OURS = {KATSURA: cosine_annealing_warmup, BOLTS: pl_bolts}
EXAMPLES = {
    KATSURA: {
        "first_cycle_steps": 12, "cycle_mult": 1.5, "min_lr": 0.001, "warmup_steps": 3, "gamma": 0.5,
    },
    BOLTS: {"warmup_epochs": 6, "max_epochs": 40, "warmup_start_lr": 0.01, "eta_min": 0.001},
}  # fmt: skip
ANY = {
    KATSURA: {
        "first_cycle_steps": st.integers(8, 30), "cycle_mult": st.sampled_from([1.0, 1.1, 1.5, 2.0, 3]),
        "max_lr": st.sampled_from([0.1, 0.3]), "min_lr": st.sampled_from([0.0, 0.001]),
        "warmup_steps": st.integers(0, 7), "gamma": st.sampled_from([1.0, 0.5, 0.93]),
    },
    BOLTS: {
        "warmup_epochs": st.integers(0, 9), "max_epochs": st.integers(10, 70),
        "warmup_start_lr": st.sampled_from([0.0, 0.01, 0.2]), "eta_min": st.sampled_from([0.0, 0.02]),
    },
}  # fmt: skip


def theirs(name):
    """The class of ESPnet's copy, and of Lightning Bolts."""
    if name == BOLTS:
        return getattr(library("pl_bolts"), name)
    library("espnet")
    return getattr(sys.modules["espnet2.schedulers.cosine_anneal_warmup_restart"], name)


def elsewhere(name, **changes):
    """A copy of the class in a repository of someone's own."""
    return type(name, (theirs(name),), {"__module__": "my_project.lr", **changes})


def ours(name, **options):
    rate = (LR,) if name == BOLTS else ()
    return getattr(OURS[name], name)(*rate, **options)


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}

    assert_exact(ours(name, **options), expected(theirs(name), options)[:, 0])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_arguments_are_those_of_the_library(name):
    ours, own = assert_arguments(getattr(OURS[name], name), theirs(name))

    assert ours == own


@pytest.mark.filterwarnings("ignore:`ChainedScheduler` has no closed form here")
@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    options = {key: value for key, value in EXAMPLES[name].items() if key != "min_lr"}
    if name == BOLTS:
        assert_like_all(pl_bolts.LinearWarmupCosineAnnealingLR, options)
    else:
        restarts = cosine_annealing_warmup.CosineAnnealingWarmupRestarts
        assert_like_all(restarts, options | {"max_lr": 0.3}, "min_lr")


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_cycles(length):
    options = {"first_cycle_steps": length, "gamma": 0.9}

    assert_exact(ours(KATSURA, **options), expected(theirs(KATSURA), options)[:, 0])


def test_cycles_of_one_step():
    rates = ours(KATSURA, first_cycle_steps=1, gamma=0.9)(np.arange(5))

    np.testing.assert_allclose(rates, [0.001, 0.09, 0.081, 0.0729, 0.06561], rtol=1e-6)


def test_cycles_that_shrink_to_their_warm_ups():
    options = {"first_cycle_steps": 20, "cycle_mult": 0.5, "warmup_steps": 4, "gamma": 0.9}

    assert_exact(ours(KATSURA, **options), expected(theirs(KATSURA), options, steps=200)[:, 0])


def test_cycles_far_away():
    """After a million cycles of one length, and where each is longer than the one before."""
    alike = ours(KATSURA, first_cycle_steps=100, warmup_steps=10)
    longer = ours(KATSURA, first_cycle_steps=100, cycle_mult=2.0, warmup_steps=0)

    assert alike(100_000_010) == np.float32(0.1)
    assert longer(100 * (2**20 - 1)) == np.float32(0.1)
    assert longer(100 * (2**20 - 1) + 50 * 2**20) == pytest.approx(0.0505)


def test_the_first_rate_is_the_lowest_without_a_warm_up_too():
    np.testing.assert_allclose(
        ours(KATSURA, first_cycle_steps=2)(np.arange(3)), [0.001, 0.0505, 0.1]
    )


def test_in_a_chain_of_pytorchs():
    """The steps add to the rate, which another scheduler has changed."""
    torch = pytest.importorskip("torch")
    optimizer = sgd(LR)
    cosine = theirs(BOLTS)(optimizer, **EXAMPLES[BOLTS])
    drops = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
    chain = torch.optim.lr_scheduler.ChainedScheduler([cosine, drops], optimizer=optimizer)

    schedule = js.ChainedScheduler(
        [ours(BOLTS, **EXAMPLES[BOLTS]), js.StepLR(LR, 4, 0.5)], total_steps=100
    )
    chain.optimizer = optimizer
    assert_exact(schedule, rates_of(chain, 100)[:, 0])


# --- conversions ---


@pytest.mark.parametrize("done", [0, 1, 7, 25, 90])
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_copy_in_any_module_converts_in_the_middle_of_its_run(name, done):
    scheduler = live(elsewhere(name), EXAMPLES[name])
    rates_of(scheduler, done)
    schedule = ours(name, **EXAMPLES[name])
    before = dict(vars(scheduler))

    assert js.from_torch(scheduler) == schedule == js.from_torch(scheduler, total_steps=99)
    assert js.current_count(scheduler) == done
    assert vars(scheduler) == before
    now = js.from_torch(scheduler, start="now")
    assert_exact(now, rates_of(scheduler, 30)[:, 0])


def test_groups_convert_each_by_itself():
    scheduler = live(elsewhere(BOLTS), EXAMPLES[BOLTS], LR, 0.02)
    rates_of(scheduler, 9)

    assert js.from_torch(scheduler) == js.ParamGroups(
        [pl_bolts.LinearWarmupCosineAnnealingLR(lr, **EXAMPLES[BOLTS]) for lr in (LR, 0.02)]
    )


def test_the_one_of_espnet_has_its_name():
    scheduler = live(theirs(KATSURA), EXAMPLES[KATSURA])
    schedule = espnet.CosineAnnealingWarmupRestarts(**EXAMPLES[KATSURA])

    assert js.from_torch(scheduler) == schedule
    assert repr(schedule).startswith("espnet.CosineAnnealingWarmupRestarts(first_cycle_steps=12")
    again = js.to_torch(schedule, sgd(7.0))
    assert type(again) is theirs(KATSURA) and js.from_torch(again) == schedule


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_checkpoint_under_the_name_of_ours(name):
    scheduler = live(elsewhere(name), EXAMPLES[name])
    rates_of(scheduler, 20)
    named = f"{OURS[name].__name__.partition('.')[2]}.{name}"

    found = js.from_torch_state_dict(
        named, scheduler.state_dict(), scheduler.optimizer.state_dict()
    )
    assert found == ours(name, **EXAMPLES[name])


def _lower_from(count):
    def get_lr(self):
        found = super(type(self), self).get_lr()
        return found if self.last_epoch < count else [rate * 0.9 for rate in found]

    return get_lr


@pytest.mark.parametrize("count", [1, 9, 38])
@pytest.mark.parametrize("name", EXAMPLES)
def test_one_that_someone_has_changed_is_stepped(name, count):
    changed = elsewhere(name, get_lr=_lower_from(count))
    scheduler = live(changed, EXAMPLES[name])

    with pytest.raises(ValueError, match=r"must (have|show) the rate.*Give `total_steps=N`"):
        js.from_torch(scheduler)
    rates = expected(changed, EXAMPLES[name])[:, 0]
    assert_exact(js.from_torch(scheduler, total_steps=STEPS), rates)
    rates_of(scheduler, 3)
    assert_exact(js.from_torch(scheduler, total_steps=9, start="now"), rates[3:12])


def test_one_that_holds_its_minimum_after_the_end_is_stepped():
    def get_lr(self):
        over = self.last_epoch > self.max_epochs
        return [self.eta_min] if over else super(type(self), self).get_lr()

    with pytest.raises(ValueError, match="its class is not the one that others copy"):
        js.from_torch(live(elsewhere(BOLTS, get_lr=get_lr), EXAMPLES[BOLTS]))


def test_one_that_was_sent_to_an_epoch_is_not_where_its_count_says():
    scheduler = live(elsewhere(KATSURA), EXAMPLES[KATSURA])
    scheduler.step(60)  # It finds the cycle as if the warm-ups grew too.

    with pytest.raises(ValueError, match=r"must (have|show) the rate"):
        js.from_torch(scheduler)


def test_another_class_of_that_name_is_one_of_its_own():
    torch = pytest.importorskip("torch")

    class LinearWarmupCosineAnnealingLR(torch.optim.lr_scheduler.ExponentialLR):
        pass

    with pytest.raises(ValueError, match="is no scheduler of PyTorch's own"):
        js.from_torch(LinearWarmupCosineAnnealingLR(sgd(LR), 0.9))


WRONG = [
    (lambda: ours(KATSURA, first_cycle_steps=9, warmup_steps=9), "first_cycle_steps=...)` must be above `warmup_steps`, 9"),
    (lambda: ours(KATSURA, first_cycle_steps=9.5), "first_cycle_steps=...)` must be an integer from 0 up"),
    (lambda: ours(KATSURA, first_cycle_steps=9, cycle_mult=0.5), "cycle_mult=...)` must be at least 1 without a warm-up"),
    (lambda: ours(KATSURA, first_cycle_steps=9, cycle_mult=-1, warmup_steps=2), "cycle_mult=...)` must be a number from 0 up"),
    (lambda: ours(KATSURA, first_cycle_steps=9, last_epoch=8), "last_epoch=...)` must be below 8, in the first cycle"),
    (lambda: ours(BOLTS, warmup_epochs=9, max_epochs=9), "max_epochs=...)` must be above `warmup_epochs`, 9"),
    (lambda: ours(BOLTS, warmup_epochs=2.5, max_epochs=9), "warmup_epochs=...)` must be an integer from 0 up"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, message", WRONG)
def test_what_is_refused(wrong, message):
    with pytest.raises(ValueError) as told:
        wrong()
    assert message in str(told.value)


def test_katsuras_as_the_later_part_of_a_sequence():
    """Recorded with espnet 202511 and PyTorch 2.13.0."""
    restarts = espnet.CosineAnnealingWarmupRestarts(20, max_lr=LR, min_lr=0.01, warmup_steps=3)
    schedule = js.SequentialLR([js.ExponentialLR(LR, 0.9), restarts], [5])

    first = [
        0.1,
        0.09000000000000001,
        0.08100000000000002,
        0.07290000000000002,
        0.06561000000000002,
    ]
    assert_exact(schedule, [*first, 0.01, 0.04, 0.07, 0.1, 0.09923378948577559])
    with pytest.raises(ValueError, match=r"must hold no espnet\..*at index 0"):
        js.SequentialLR([restarts, js.ExponentialLR(LR, 0.9)], [5])
