"""The sweep: on eight devices, in one program per family, each candidate trained as if alone."""

import functools
import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxsched as js

EXAMPLES = Path(__file__).parents[2] / "examples"
EPOCHS = 60


@pytest.fixture
def swept(tmp_path):
    """What `sweep_on_eight_devices` finds, in a process of its own, and what is printed there."""
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, tmp_path],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return pickle.loads((tmp_path / "found").read_bytes()), done.stdout, tmp_path


def sweep_on_eight_devices(directory: Path):
    sys.path.insert(0, str(EXAMPLES))
    import jax
    import sweep

    programs, swept = [], []
    run, train = sweep.sweep, sweep.train

    def traced(schedule, **arguments):
        programs.append(schedule)
        return train(schedule, **arguments)

    def kept(train_one, schedules, mesh):
        results = run(train_one, schedules, mesh)
        swept.append((train_one, schedules, results))
        return results

    sweep.sweep, sweep.train = kept, traced
    picture = str(directory / "picture.png")
    sweep.main(["--devices", "8", "--steps", str(EPOCHS), "--picture", picture])

    found = {"programs": len(programs), "families": {}}
    for number, (family, (train_one, schedules, results)) in enumerate(
        zip(sweep.FAMILIES, swept, strict=True)
    ):
        candidate = 16 * number + 5
        alone = jax.jit(functools.partial(train_one, schedules[candidate]))()
        found["families"][family] = {
            "shards": [(shard.device.id, shard.data.shape) for shard in results["loss"].addressable_shards],
            "swept": {name: np.asarray(result)[candidate] for name, result in results.items()},
            "alone": jax.tree.map(np.asarray, alone),
            "validation": np.asarray(results["validation"])[: len(schedules)],
        }  # fmt: skip
    (directory / "found").write_bytes(pickle.dumps(found))


@pytest.fixture
def sweep(monkeypatch):
    """The script, imported here; the benchmarks have modules of the same names."""
    for name in ("drawing", "recorded", "squarenet", "sweep"):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_on_eight_devices(swept, sweep):
    """One test, so that one of pytest's processes sweeps."""
    each_candidate_is_trained_as_if_alone(swept)
    one_program_for_each_family(swept, sweep)
    each_device_trains_its_part(swept)
    prints_the_best_and_draws(swept)


def each_candidate_is_trained_as_if_alone(swept):
    families = swept[0]["families"]

    assert len(families) == 6
    for family, results in families.items():
        assert results["alone"]["loss"].shape == (10 * EPOCHS,)
        for name, alone in results["alone"].items():
            assert results["swept"][name].tobytes() == alone.tobytes(), f"{family}: {name}"
        assert len(np.unique(results["validation"])) > 40  # Too large a rate always ends alike.


def one_program_for_each_family(swept, sweep):
    assert swept[0]["programs"] == 6
    for family in sweep.FAMILIES:
        assert len(js.stack(sweep.candidates(family)).schedules.families) == 1


def each_device_trains_its_part(swept):
    for results in swept[0]["families"].values():  # of 100 candidates, and 4 to fill up
        assert results["shards"] == [(device, (13, 10 * EPOCHS)) for device in range(8)]


def prints_the_best_and_draws(swept):
    found, printed, directory = swept
    losses = np.concatenate([results["validation"] for results in found["families"].values()])
    rows = [line.split("│")[1:-1] for line in printed.splitlines() if line.startswith("│")]
    ranked = [(int(row[0]), row[2].strip()) for row in rows if row[0].strip()]

    assert ranked[:10] == [(i + 1, f"{loss:.3g}") for i, loss in enumerate(np.sort(losses)[:10])]
    for kind in ("Exponential", "Step", "Polynomial", "CosineAnnealing", "Sequential", "OneCycle"):
        assert any(row[1].strip().startswith(f"{kind}LR(") for row in rows)
    assert "600 candidates, devices: 8" in printed
    assert plt.imread(directory / "picture.png").shape == (630, 1080, 4)


def test_diverged_candidates_rank_last_and_are_hatched(sweep, tmp_path):
    results = {family: np.linspace(0.1, 1, 100) for family in sweep.FAMILIES}
    results["StepLR, gamma=0.5"][:] = np.nan  # the upper middle of the picture
    results["OneCycleLR"][:3] = np.nan, np.inf, 0.01
    sweep.draw(tmp_path / "picture.png", results)
    ranks, schedules, losses = (list(column.cells) for column in sweep.ranking(results).columns)
    panel = plt.imread(tmp_path / "picture.png")[100:200, 450:550, :3]

    assert (schedules[0], losses[0]) == (repr(sweep.candidates("OneCycleLR")[2]), "0.01")
    assert (ranks[-1], losses[-1]) == ("500", "nan")
    assert (panel == 1).all(axis=2).any() and (panel < 0.9).any()
    assert np.ptp(panel, axis=2).max() == 0  # grey on white


@pytest.mark.parametrize("steps", ["0", "301"])
def test_refuses_other_numbers_of_epochs(sweep, steps, capsys):
    with pytest.raises(SystemExit):
        sweep.main(["--steps", steps])
    assert f"--steps must be from 1 to 300, got {steps}" in capsys.readouterr().err


if __name__ == "__main__":
    sweep_on_eight_devices(Path(sys.argv[1]))
