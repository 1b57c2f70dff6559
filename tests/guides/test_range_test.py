"""The range test: Lightning's rates, losses and suggestion, and many candidates in one call."""

import importlib.util
import json
import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxsched
from jaxsched.testing import bound

EXAMPLES = Path(__file__).parents[2] / "examples"
RECORDED = json.loads(Path(__file__).with_name("range_test.json").read_text())


def load(path, monkeypatch):
    for shared in ("moons", "recorded"):
        monkeypatch.delitem(sys.modules, shared, raising=False)
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(monkeypatch):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield load(EXAMPLES / "range_test.py", monkeypatch)


def test_it_is_lightnings(script):
    schedule = script.rising(script.LOW, script.HIGH, script.UPDATES)
    losses = script.smooth(jax.jit(script.losses_of)(schedule, *script.recorded()))
    lr, expected = np.array(RECORDED["lr"]), np.array(RECORDED["loss"])
    rates = np.asarray(schedule(np.arange(len(lr))), np.float64)

    assert len(losses) == len(expected) < script.UPDATES  # both stop where it diverges
    assert (abs(rates - lr) <= bound(lr)).all()
    small = lr < 1.0  # Beyond, the training is chaotic.
    np.testing.assert_allclose(losses[small], expected[small], rtol=1e-5)
    assert script.steepest(rates, losses) == RECORDED["lr"].index(RECORDED["suggestion"])
    assert 0.01 < script.a_tenth_of_the_best(rates, losses) < 1.0


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_the_recording_is_what_lightning_does(monkeypatch):
    lightning = pytest.importorskip("lightning")
    if lightning.__version__ != RECORDED["lightning"]:
        pytest.skip("another version of Lightning than the recorded one")
    found = load(EXAMPLES / "pytorch" / "range_test.py", monkeypatch).find(1e-5, 100.0, 100)

    assert found["lr"] == RECORDED["lr"]
    np.testing.assert_allclose(found["loss"][:60], RECORDED["loss"][:60], rtol=1e-5)
    assert found["suggestion"] == RECORDED["suggestion"]


def test_candidates_together_train_as_each_alone(script):
    model, xs, ys = script.recorded()

    def make(rate):
        return jaxsched.OneCycleLR(rate, script.UPDATES)

    together = script.candidates(make, [0.01, 0.1, 1.0], model, xs, ys)
    alone = np.asarray(jax.jit(script.losses_of)(make(0.1), model, xs, ys))[-20:].mean()

    np.testing.assert_allclose(together[1], alone, rtol=1e-5)
    assert together[0] > together[1] > together[2]


def test_draws_where_it_is_told(script, tmp_path, capsys):
    script.main(["--picture", str(tmp_path / "a.png")])

    assert plt.imread(tmp_path / "a.png").shape[1] > 700
    said = capsys.readouterr().out
    assert "diverged after" in said and "best of 30 one-cycle trainings" in said
