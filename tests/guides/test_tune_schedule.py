"""The example that tunes schedules: its hypergradients against finite differences, and its run."""

import dataclasses
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxsched

EXAMPLES = Path(__file__).parents[2] / "examples"

EPOCHS = 60
SCHEDULES = [  # The last one has a fractional length.
    jaxsched.ExponentialLR(0.02, gamma=0.99),
    jaxsched.CosineAnnealingLR(0.02, T_max=EPOCHS, eta_min=0.005),
    jaxsched.OneCycleLR(0.02, total_steps=EPOCHS, pct_start=0.42),
    jaxsched.ChainedScheduler(
        [jaxsched.LinearLR(0.02, 0.1, total_iters=17.4), jaxsched.ExponentialLR(0.02, 0.99)]
    ),
]


@pytest.fixture
def example(load):
    yield load(EXAMPLES / "tune_schedule.py")
    sys.modules.pop("squarenet", None)  # Others have scripts of that name.


@pytest.mark.slow
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: type(schedule).__name__)
def test_the_hypergradient_is_that_of_finite_differences(schedule, example, monkeypatch):
    monkeypatch.setitem(example.UNBOUNDED, "total_iters", (jnp.log, jnp.exp))
    with jax.enable_x64(True):
        numbers = example.unbounded(schedule)
        loss_and_gradient = jax.jit(
            jax.value_and_grad(lambda numbers: example.hyper_loss(numbers, schedule, EPOCHS)[0])
        )
        gradient = loss_and_gradient(numbers)[1]
        leaves, treedef = jax.tree.flatten(numbers)

        def moved(index, step):
            changed = [x + step * (i == index) for i, x in enumerate(leaves)]
            return loss_and_gradient(treedef.unflatten(changed))[0]

        step = 1e-5
        expected = [(moved(i, step) - moved(i, -step)) / (2 * step) for i in range(len(leaves))]
        assert all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(gradient))

    assert type(gradient) is type(schedule)
    np.testing.assert_allclose(jax.tree.leaves(gradient), expected, rtol=1e-6)
    # In a chain the rate is the first part's: that of the second has no effect.
    assert np.count_nonzero(expected) == len(expected) - isinstance(
        schedule, jaxsched.ChainedScheduler
    )


def test_only_between_whole_lengths_is_a_linear_warmup_differentiable():
    def linear(length):
        return float(jaxsched.LinearLR(0.1, start_factor=0.1, total_iters=length)(50))

    def one_cycle(length):
        return float(jaxsched.OneCycleLR(0.1, total_steps=100, pct_start=length / 100)(50))

    with jax.enable_x64(True):
        below, at, above = (linear(30 + step) for step in (-1e-6, 0.0, 1e-6))

        assert above == pytest.approx(at, rel=1e-6)
        assert at - below == pytest.approx(0.1 * 0.9 / 30, rel=1e-4)  # the whole last step
        assert one_cycle(51 - 1e-6) == pytest.approx(one_cycle(51 + 1e-6), rel=1e-6)


@pytest.mark.slow
def test_tunes_each_schedule_and_draws_the_picture(example, monkeypatch, tmp_path, capsys):
    exponential, cosine, one_cycle = example.STARTS
    nearer = [  # so that a few hyper-steps make a difference
        dataclasses.replace(exponential, lr=0.01, gamma=0.995),
        dataclasses.replace(cosine, lr=0.01, eta_min=0.003),
        dataclasses.replace(one_cycle, max_lr=0.01),
    ]
    histories, tune = [], example.tune
    monkeypatch.setattr(example, "STARTS", nearer)
    monkeypatch.setattr(
        example, "tune", lambda *given: histories.append(tune(*given)) or histories[-1]
    )
    picture = tmp_path / "picture.png"
    example.main(["--steps", "6", "--picture", str(picture)])

    assert [len(history) for history in histories] == [7, 7, 7]
    for history in histories:
        outcomes = [np.mean(validation[-example.LAST :]) for *_, validation in history]
        assert outcomes[-1] < 0.8 * outcomes[0]
    out = capsys.readouterr().out
    for word in ("lr", "gamma", "eta_min", "max_lr", "pct_start"):
        assert f" {word} " in out
    assert plt.imread(picture).shape[1] > 900


def test_no_hyper_steps_are_refused(example, capsys):
    with pytest.raises(SystemExit):
        example.main(["--steps", "0"])

    assert "--steps must be from 1 up, got 0" in capsys.readouterr().err
