"""The range test: against Lightning's recorded one, and live; where it stops; its guide."""

import inspect
import warnings
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def script(load):
    return load(EXAMPLES / "range_test.py")


def test_finds_what_lightning_found_and_draws_the_picture(script, tmp_path, capsys):
    script.main(["--picture", str(tmp_path / "picture.png")])

    out = capsys.readouterr().out
    assert out.count("0.0005623: steepest over the rate (Lightning)") == 2
    assert "Of 30 constant rates, 0.1887 ends lowest" in out
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    assert plt.imread(tmp_path / "picture.png").shape[1] > 900


@pytest.mark.parametrize("what", ["a whole ramp", "another loss", "another suggestion"])
def test_something_else_does_not_pass(what, script):
    run = script.load("range_test")[0]
    rates, losses = run["lr"].astype(np.float32), run["loss"].copy()
    assert script.check(run, rates, losses) == 0
    if what == "a whole ramp":
        rates = script.jaxsched.Ramp(1e-4, 10.0, 100, "exponential")(jnp.arange(90))
        rates, message = np.asarray(rates), "lr differs first at step 1"
    elif what == "another loss":
        losses[50] *= 1.001
        message = "losses differ by 0.001"
    else:
        run.arrays["suggestion"] += 1
        message = "suggests rate 14, Lightning 15"
    with pytest.raises(AssertionError, match=message):
        script.check(run, rates, losses)


@pytest.mark.parametrize("last", [1000.0, np.nan, np.inf])
def test_stops_after_the_loss_that_diverges(last, script):
    def train(schedule):
        return np.where(np.arange(50) < 30, 1.0, last)

    rates, losses = script.range_test(train, 1e-3, 1.0, 50)

    assert len(rates) == len(losses) == 31
    # All ones, but for the bias of Lightning's correction.
    np.testing.assert_allclose(
        losses[:30], (1 - 0.98 ** np.arange(1, 31)) / (1 - 0.98 ** np.arange(2, 32))
    )


def test_the_guide_shows_the_functions_of_the_script(script):
    guide = (EXAMPLES / "guides" / "range_test.md").read_text()
    for function in (script.range_test, script.suggest):
        assert inspect.getsource(function) in guide


def test_the_recording_is_what_lightning_does(load, script):
    torch = pytest.importorskip("torch")
    (run,) = [run for run in script.load("range_test") if run.dtype == "float64"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's, of PyTorch's own changes
        pytest.importorskip("lightning")
        live = load(EXAMPLES / "pytorch" / "range_test.py").train(run.variant, torch.float64)

    np.testing.assert_allclose(live["lr"], run["lr"], rtol=1e-15)
    np.testing.assert_allclose(live["loss"], run["loss"], rtol=1e-9)
    assert live["suggestion"] == run["suggestion"]
