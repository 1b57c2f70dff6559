"""`from_lightning` against a real Trainer, and without one."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxsched as js

torch = pytest.importorskip("torch")
from torch.optim import lr_scheduler as tls  # noqa: E402

LR, STEPS = 0.1, 30


def sgd(groups=1):
    return torch.optim.SGD([{"params": [torch.zeros(1)]} for _ in range(groups)], LR, momentum=0.9)


def trained(entries, optimizer, batches, accumulated):
    """The rates of a Trainer's updates."""
    pytest.importorskip("lightning")
    from jaxsched._traces.trainer import fit

    return np.array([row["lr"] for row in fit(entries, optimizer, batches, accumulated, STEPS)])


INTERVALS = st.fixed_dictionaries(
    {"interval": st.sampled_from(["step", "epoch"]), "frequency": st.integers(1, 6)}
)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(INTERVALS, min_size=1, max_size=3), st.integers(1, 9), st.integers(1, 4), st.randoms()
)
def test_any_entries_against_a_trainer(paces, batches, accumulated, random):
    makers = [
        lambda o: tls.ExponentialLR(o, 0.9),
        lambda o: tls.LinearLR(o, 0.5, total_iters=4),
        lambda o: tls.StepLR(o, 3, 0.5),
    ]
    optimizer = sgd()
    entries = [{"scheduler": make(optimizer), **pace} for make, pace in zip(makers, paces)]  # noqa: B905
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of one that is never stepped
        before = js.from_lightning(entries, batches, accumulated)
        rates = trained(entries, optimizer, batches, accumulated)
        after = js.from_lightning(entries, batches, accumulated)

    assert after == before
    np.testing.assert_allclose(before(np.arange(STEPS)), rates, rtol=1e-6)


def test_all_that_configure_optimizers_may_return():
    optimizer = sgd()
    scheduler = tls.StepLR(optimizer, 3)
    entry = {"scheduler": scheduler, "name": "lr", "interval": "epoch", "strict": True}
    expected = js.per_epoch(js.StepLR(LR, 3), 7)
    for returned in (
        scheduler,
        entry,
        [scheduler],
        [entry],
        {"optimizer": optimizer, "lr_scheduler": scheduler},
        {"optimizer": optimizer, "lr_scheduler": entry, "monitor": "loss"},
        ([optimizer], [entry]),
        ([optimizer], scheduler),
        [{"optimizer": optimizer, "lr_scheduler": entry}],
    ):
        assert js.from_lightning(returned, 7) == expected


def test_the_configs_of_a_trainer():
    types = pytest.importorskip("lightning.pytorch.utilities.types")
    config = types.LRSchedulerConfig(tls.StepLR(sgd(), 3), interval="step", frequency=2)
    assert js.from_lightning([config], 5) == js.per_batches(js.StepLR(LR, 3), 2, 5)


def test_an_interval_of_every_update_is_the_schedule_itself():
    entry = {"scheduler": tls.StepLR(sgd(), 3), "interval": "step"}
    assert js.from_lightning(entry, 5, 2) == js.StepLR(LR, 3)
    assert js.from_lightning(tls.StepLR(sgd(), 3), 4, 4) == js.StepLR(LR, 3)


def test_steps_of_interval_step_come_first():
    optimizer = sgd()
    entries = [
        {"scheduler": tls.ExponentialLR(optimizer, 0.9)},
        {"scheduler": tls.LinearLR(optimizer, 0.5), "interval": "step"},
    ]
    first, second = js.from_lightning(entries, 4).schedulers
    assert first == js.LinearLR(LR, 0.5) and second == js.per_epoch(js.ExponentialLR(LR, 0.9), 4)


def test_groups_and_momentum():
    optimizer = sgd(groups=2)
    cycle = tls.OneCycleLR(optimizer, [0.1, 0.2], total_steps=20)
    groups = js.from_lightning({"scheduler": cycle, "interval": "step", "frequency": 2}, 5)
    expected = [js.per_batches(js.OneCycleLR(lr, 20), 2, 5) for lr in (0.1, 0.2)]
    assert list(groups) == expected
    inner = js.OneCycleLR(0.1, 20).momentum
    np.testing.assert_array_equal(
        groups[0].momentum(np.arange(9)), inner(np.array([0, 0, 1, 1, 2, 2, 2, 3, 3]))
    )


def test_a_plateau_stays_a_plateau():
    plateau = tls.ReduceLROnPlateau(sgd(), factor=0.5)
    entry = {"scheduler": plateau, "monitor": "loss", "frequency": 2}
    assert js.from_lightning(entry, 5) == js.ReduceLROnPlateau(LR, factor=0.5)


def test_functions_are_tabulated_for_the_updates():
    opaque = {"scheduler": tls.LambdaLR(sgd(), lambda step: 1.0 if step < 3 else float(int(0.5)))}
    with pytest.raises(TypeError, match="total_steps"):
        js.from_lightning(opaque, 4)
    schedule = js.from_lightning(opaque, 4, total_steps=18)
    np.testing.assert_array_equal(
        schedule(np.array([0, 11, 12, 17])), np.float32([LR, LR, 0.0, 0.0])
    )


@pytest.mark.parametrize("batches, every, accumulated", [(5, 10, 1), (5, 3, 2), (1, 2, 1)])
def test_one_that_is_never_stepped_warns(batches, every, accumulated):
    entry = {"scheduler": tls.StepLR(sgd(), 1), "interval": "step", "frequency": every}
    with pytest.warns(UserWarning, match="never steps"):
        schedule = js.from_lightning(entry, batches, accumulated)
    np.testing.assert_array_equal(schedule(np.array([0, 10**6])), np.float32([LR, LR]))
    chain = js.ChainedScheduler([js.ExponentialLR(LR, 0.5), schedule])
    np.testing.assert_array_equal(chain(np.array([0, 1])), np.float32([LR, LR / 2]))


def two_optimizers():
    return [tls.StepLR(sgd(), 3), tls.StepLR(sgd(), 3)]


def plateau_beside():
    optimizer = sgd()
    return [tls.ReduceLROnPlateau(optimizer), tls.StepLR(optimizer, 3)]


WRONG = [
    (lambda: (None, 5), TypeError, "must be a PyTorch scheduler, got None"),
    (lambda: ({"interval": "step"}, 5), TypeError, "entries with a 'scheduler'"),
    (lambda: ({"scheduler": tls.StepLR(sgd(), 3), "every": 2}, 5), ValueError, "got ['every']"),
    (lambda: ({"optimizer": sgd(), "lr": 2}, 5), ValueError, "got ['lr']"),
    (lambda: ({"optimizer": sgd()}, 5), ValueError, "must hold a scheduler, got none"),
    (lambda: ([], 5), ValueError, "must hold a scheduler, got none"),
    (
        lambda: ({"scheduler": tls.StepLR(sgd(), 3), "interval": "batch"}, 5),
        ValueError,
        "'step' or 'epoch', got 'batch'",
    ),
    (
        lambda: ({"scheduler": tls.StepLR(sgd(), 3), "frequency": 0}, 5),
        ValueError,
        "must be a positive int (below 2**31), got 0",
    ),
    (lambda: (tls.StepLR(sgd(), 3), 0), ValueError, "batches_per_epoch=...)` must be a positive"),
    (lambda: (tls.StepLR(sgd(), 3), 5, 0.5), ValueError, "accumulate_grad_batches=...)` must be"),
    (lambda: (two_optimizers(), 5), ValueError, "must be of one optimizer, got 2"),
    (lambda: (([sgd(), sgd()], []), 5), ValueError, "must be of one optimizer, got 2"),
    (lambda: (plateau_beside(), 5), ValueError, "or a plateau alone, got both"),
]


@pytest.mark.parametrize("arguments, error, message", WRONG)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error) as told:
        js.from_lightning(*arguments())
    assert message in str(told.value)


def test_one_that_was_stepped_at_other_times_is_refused():
    optimizer = sgd()
    entries = [
        {"scheduler": tls.ExponentialLR(optimizer, 0.9)},
        {"scheduler": tls.LinearLR(optimizer, 0.5), "interval": "step"},
    ]
    optimizer.step()
    for _ in range(6):
        entries[1]["scheduler"].step()
    with pytest.raises(ValueError, match="stepped on its own"):
        js.from_lightning(entries, 4)
