"""Other libraries' subclasses of PyTorch's LRScheduler inside its SequentialLR and ChainedScheduler."""

import jax.numpy as jnp
import numpy as np
import pytest
import test_copied
import test_espnet
import test_fairseq2
import test_nemo
from recipes import LR, STEPS, rates_of
from subclasses import made, sgd

import jaxsched as js
from jaxsched import cosine_annealing_warmup, espnet, fairseq2, nemo
from jaxsched.testing import bound

pytestmark = pytest.mark.filterwarnings("ignore:NoamLR is deprecated:UserWarning")
DECAY = {"max_lr": 0.2, "min_lr": 0.01, "total_steps": 40, "warmup_steps": 5}
ESPNET = test_espnet.EXAMPLES | {"ExponentialDecayWarmup": DECAY}
KATSURA = "CosineAnnealingWarmupRestarts"
ALL = [
    *[(espnet, test_espnet.theirs, name, options) for name, options in ESPNET.items()],
    *[(fairseq2, test_fairseq2.theirs, *item) for item in test_fairseq2.EXAMPLES.items()],
    *[(nemo, test_nemo.theirs, *item) for item in test_nemo.ALL.items()],
    *[
        (test_copied.OURS[name], test_copied.theirs, name, options)
        for name, options in test_copied.EXAMPLES.items()
    ],
]
# They count their steps themselves.
OWN_COUNT = ["WarmupStepLR", "ExponentialDecayWarmup", KATSURA]
REFUSED = [("xC", name) for name in OWN_COUNT] + [("Cx", name) for name in OWN_COUNT[:2]]
IDS = [f"{module.__name__.removeprefix('jaxsched.')}.{name}" for module, _, name, _ in ALL]


def in_torch(scheduler_of, place):
    """PyTorch's composition, with the library's scheduler at that place, and others."""
    torch = pytest.importorskip("torch")
    of, optimizer = torch.optim.lr_scheduler, sgd()
    if place == "chain":
        parts = [scheduler_of(optimizer), of.StepLR(optimizer, 5, 0.5)]
        return of.ChainedScheduler(parts, optimizer)
    makers = {"x": scheduler_of, "C": lambda optimizer: of.ConstantLR(optimizer, 0.5, 10)}
    parts = [makers[letter](optimizer) for letter in place]
    return of.SequentialLR(optimizer, parts, [9, 20][: len(parts) - 1])


def here(schedule, place):
    """Ours of the same parts."""
    if place == "chain":
        return js.ChainedScheduler([schedule, js.StepLR(LR, 5, 0.5)], total_steps=STEPS)
    parts = [{"x": schedule, "C": js.ConstantLR(LR, 0.5, 10)}[letter] for letter in place]
    return js.SequentialLR(parts, [9, 20][: len(parts) - 1])


def places(name):
    """Where PyTorch runs it as alone."""
    if name not in OWN_COUNT:
        return ["chain", "xCx"]
    return ["chain", "Cx"] if name == KATSURA else ["chain"]


HELD = [pytest.param(*entry, p, id=f"{i}-{p}") for entry, i in zip(ALL, IDS, strict=True) for p in places(entry[2])]  # fmt: skip


@pytest.mark.parametrize("module, theirs, name, options, place", HELD)
def test_a_part_has_the_rates_of_the_library(module, theirs, name, options, place):
    scheduler = in_torch(lambda optimizer: theirs(name)(optimizer, **options), place)
    ours = here(made(getattr(module, name), options), place)
    expected = rates_of(scheduler, STEPS)[:, 0]

    error = abs(np.asarray(ours(np.arange(STEPS)), np.float64) - expected)
    assert (error <= bound(expected)).all()


@pytest.mark.parametrize("place, name", REFUSED)
def test_what_is_refused_has_other_rates_in_pytorch_or_fails(place, name):
    module, theirs, _, options = next(entry for entry in ALL if entry[2] == name)
    schedule = made(getattr(module, name), options)
    index = place.index("x")
    with pytest.raises(ValueError, match=rf"must hold no \w+\.{name} at index {index}: PyTorch"):
        here(schedule, place)

    if place == "xC" and name != "WarmupStepLR":  # They override `step`, and show no rate.
        with pytest.raises(AttributeError, match="_last_lr"):
            in_torch(lambda optimizer: theirs(name)(optimizer, **options), place)
        return
    scheduler = in_torch(lambda optimizer: theirs(name)(optimizer, **options), place)
    with pytest.raises(ValueError, match=r"must hold no .*jaxsched.join\(schedules, boundaries\)"):
        js.from_torch(scheduler)
    rates = rates_of(scheduler, 9 * (index + 1))[9 * index :, 0]
    assert not np.allclose(rates, schedule(np.arange(9)), rtol=1e-6)


def test_katsuras_in_a_sequence_without_a_warm_up_or_with_swept_milestones():
    cls = cosine_annealing_warmup.CosineAnnealingWarmupRestarts
    constant = js.ConstantLR(LR, 0.5, 10)
    for part, milestones in ((cls(12), [9]), (cls(12, warmup_steps=3), jnp.array([9]))):
        with pytest.raises(ValueError, match=r"must hold no .*Restarts at index 1"):
            js.SequentialLR([constant, part], milestones)

    joined = js.join([constant, cls(12, warmup_steps=3)], [9])
    np.testing.assert_array_equal(joined(np.arange(9, 30)), cls(12, warmup_steps=3)(np.arange(21)))


def test_a_chain_with_one_that_counts_itself_is_built_at_its_milestone():
    part = espnet.WarmupStepLR(LR, **test_espnet.EXAMPLES["WarmupStepLR"])
    chain = js.ChainedScheduler([part, js.StepLR(LR, 5, 0.5)], total_steps=STEPS)
    later = js.SequentialLR([js.ConstantLR(LR, 0.5, 9), chain], [9], total_steps=STEPS)

    assert later(9) == chain(0)
    with pytest.raises(ValueError, match=r"must hold no espnet.WarmupStepLR at index 0"):
        js.SequentialLR([chain, js.ConstantLR(LR)], [9])
