"""The script to copy: against PyTorch's recorded run; killed and resumed; its log and picture."""

import contextlib
import csv
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import orbax.checkpoint as ocp
import pytest
from scripts import load

EXAMPLES = Path(__file__).parents[2] / "examples"

# The largest relative difference of a loss from PyTorch's, in all 300 updates.
BOUNDS = {"float32": 3e-4, "float64": 1e-12}


@pytest.fixture
def script():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield load(EXAMPLES / "train.py")


@pytest.fixture
def recorded(monkeypatch):
    """The module of that name, imported as the examples do it."""
    monkeypatch.syspath_prepend(EXAMPLES)
    return load(EXAMPLES / "recorded.py")


def columns(folder):
    """The log as float64 arrays by name, with NaN where it has no validation."""
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def last_checkpoint(folder):
    """The epoch, and the bytes of all that is saved of it."""
    checkpoints = ocp.CheckpointManager(folder / "checkpoints")
    epoch = checkpoints.latest_step()
    restored = checkpoints.restore(epoch, args=ocp.args.StandardRestore())
    checkpoints.close()
    leaves, _ = jax.tree.flatten_with_path(restored)
    return epoch, {jax.tree_util.keystr(path): np.asarray(leaf).tobytes() for path, leaf in leaves}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trains_as_pytorch_did(dtype, script, recorded, tmp_path):
    (run,) = [run for run in recorded.load("train") if run.dtype == dtype]
    (tmp_path / "data").mkdir()
    for name, array in run["data"].items():
        is_input = name.endswith("_x")
        np.save(tmp_path / "data" / f"{name}.npy", array.astype(dtype) if is_input else array)
    with jax.enable_x64(dtype == "float64"):
        model = recorded.copy_parameters(
            lambda dtype, rngs: script.Model(rngs), dtype, run["initial"]
        )
        script.train(model, tmp_path, epochs=10)
        final = recorded.state_dict(model)
    log = columns(tmp_path)

    recorded.check_rates("train", log["lr"].astype(dtype), run["lr"])
    validated = ~np.isnan(log["validation_loss"])
    assert np.flatnonzero(validated).tolist() == list(range(29, 300, 30))
    for ours, theirs in [
        (log["loss"], run["loss"]),
        (log["validation_loss"][validated], run["validation_loss"]),
    ]:
        assert recorded.difference(ours, theirs).max() <= BOUNDS[dtype]
    assert final.keys() == run["final"].keys()
    largest = max(np.abs(value).max() for value in run["final"].values())
    for name, value in run["final"].items():
        assert np.abs(final[name] - value).max() <= BOUNDS[dtype] * largest


KILLED = """
import os, signal, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import orbax.checkpoint as ocp, train

def save(self, epoch, args):
    saved(self, epoch, args=args)
    if epoch == 1:
        os.kill(os.getpid(), signal.SIGKILL)

saved, ocp.CheckpointManager.save = ocp.CheckpointManager.save, save
train.main(sys.argv[2:])
"""


@pytest.mark.slow
def test_a_run_killed_while_it_saves_resumes_bit_for_bit(script, tmp_path, monkeypatch, capsys):
    """By the very same command. It has drawn its picture, and written nowhere else."""
    monkeypatch.chdir(tmp_path)
    resumed, whole = tmp_path / "resumed", tmp_path / "whole"
    command = ["--folder", "resumed", "--epochs", "3"]
    dead = subprocess.run([sys.executable, "-c", KILLED, EXAMPLES / "train.py", *command])
    assert dead.returncode == -signal.SIGKILL
    with open(resumed / "log.csv", "a") as log:
        log.write("60,2,0.1")  # Another kill might have left half a row.
    capsys.readouterr()
    script.main(command)
    assert "epoch 0:" not in capsys.readouterr().out
    script.main(["--folder", "whole", "--epochs", "3"])
    assert "epoch 0:" in capsys.readouterr().out

    assert last_checkpoint(resumed) == last_checkpoint(whole)
    assert (resumed / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()
    assert plt.imread(resumed / "train.png").shape[1] > 900
    made = {path.name for path in resumed.iterdir()}
    assert made == {"data", "checkpoints", "log.csv", "train.png"}
    assert {path.name for path in tmp_path.iterdir()} == {"resumed", "whole"}

    log, rates = columns(whole), script.make_schedule(90)(np.arange(90))
    assert log["update"].tolist() == list(range(90))
    assert log["lr"].astype(rates.dtype).tolist() == rates.tolist()


@pytest.mark.kills
def test_twenty_kills_at_random_times(tmp_path):
    """Each run goes on by the same command until it ends; then the next one begins."""
    seed = random.randrange(2**32)
    print(f"the kills are of seed {seed}")
    moments, kills, folders = random.Random(seed), 0, []

    def start(folder):
        command = [sys.executable, EXAMPLES / "train.py", "--folder", folder, "--epochs", "20"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    begun = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    longest = time.monotonic() - begun
    while kills < 20:
        folders.append(tmp_path / str(len(folders)))
        status = None
        while status != 0:
            begun, process = time.monotonic(), start(folders[-1])
            if kills < 20:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(moments.uniform(0.2, 1.0) * longest)
                process.kill()  # nothing, if it has ended
            status = process.wait()
            assert status in (0, -signal.SIGKILL)
            kills += status != 0
            longest = min(longest, time.monotonic() - begun) if status == 0 else longest

    whole = tmp_path / "whole"
    for folder in folders:
        assert last_checkpoint(folder) == last_checkpoint(whole)
        assert (folder / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()


def test_the_recording_is_what_pytorch_does(recorded, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(EXAMPLES / "pytorch")
    monkeypatch.delitem(sys.modules, "train", raising=False)
    (run,) = [run for run in recorded.load("train") if run.dtype == "float64"]
    live = load(EXAMPLES / "pytorch" / "record_train.py").train(run.variant, torch.float64)
    sys.modules.pop("train")  # The script in JAX has that name too.

    for name in ("loss", "validation_loss"):
        np.testing.assert_allclose(live[name], run[name], rtol=1e-9)
    np.testing.assert_allclose(live["lr"], run["lr"], rtol=1e-15)


def test_the_twin_resumes_bit_for_bit_too(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    twin = load(EXAMPLES / "pytorch" / "train.py")
    validate, calls = twin.validate, []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(*given)

    monkeypatch.setattr(twin, "validate", interrupted)
    command = ["--epochs", "3", "--folder"]
    with pytest.raises(KeyboardInterrupt):
        twin.main([*command, str(tmp_path / "resumed")])
    for name in ("resumed", "whole"):
        twin.main([*command, str(tmp_path / name)])

    assert len(calls) == 2 + 2 + 3
    folders = [tmp_path / "resumed", tmp_path / "whole"]
    resumed, whole = (torch.load(folder / "checkpoint.pt") for folder in folders)
    assert resumed["epoch"] == whole["epoch"] == 2
    for name, value in whole["model"].items():
        assert torch.equal(resumed["model"][name], value)
    assert len({(folder / "log.csv").read_bytes() for folder in folders}) == 1
