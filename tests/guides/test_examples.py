"""The examples, run from end to end against PyTorch's recorded runs; and the recordings, live."""

import argparse
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
# With test files, or tests below:
OTHERS = ["data_parallel", "range_test", "resume", "sweep", "train", "tune_schedule"]
RECORDED = sorted({path.stem for path in (EXAMPLES / "runs").iterdir()} - set(OTHERS))
SCRIPTS = sorted(p.stem for p in EXAMPLES.glob("*.py") if "def main" in p.read_text())


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Runs each test in a folder of its own, and holds it to leave the examples as they are."""
    monkeypatch.chdir(tmp_path)
    before = files_of(EXAMPLES)
    yield
    assert files_of(EXAMPLES) == before


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """When each file was last written, and its size; but for what Python caches."""
    paths = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size) for path in paths if path.is_file()
    }


def test_every_script_is_tested_and_shown():
    assert sorted([*RECORDED, *OTHERS, "plot_schedulers"]) == SCRIPTS
    assert sorted(path.stem for path in (EXAMPLES / "pytorch").glob("*.py")) == sorted(
        [*RECORDED, "moons", "range_test", "record_train", "recorder", "train"]
    )
    shown = (EXAMPLES / "README.md").read_text()
    for name in SCRIPTS:
        assert f"{name}.py" in shown
    for name in [*RECORDED, *OTHERS]:
        assert f"pictures/{name}.png" in shown
        assert (EXAMPLES / "pictures" / f"{name}.png").exists()


@pytest.mark.parametrize("name", RECORDED)
def test_trains_as_pytorch_did(name, load, tmp_path, capsys):
    load(EXAMPLES / f"{name}.py").main([])

    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.png"]
    assert plt.imread(tmp_path / f"{name}.png").shape[1] > 900
    assert "The rates are PyTorch's at every step" in capsys.readouterr().out


def test_runs_from_the_command_line_in_a_short_version(load, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    command = [sys.executable, EXAMPLES / "logicnet.py", "--steps", "20", "--picture", picture]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "│ 20 " in done.stdout
    assert list(tmp_path.iterdir()) == [picture]
    with pytest.raises(SystemExit) as refused:
        load(EXAMPLES / "logicnet.py").main(["--steps", "1001"])
    assert refused.value.code == 2
    assert "--steps must be from 1 to 1000, got 1001" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {*RECORDED, "train"}))
def test_a_picture_goes_into_the_working_directory(name, load, monkeypatch):
    """By default, and elsewhere with `--picture`; the others' tests above draw theirs so."""
    parsed = []

    class Parsed(Exception):
        pass

    def parse(parser, arguments):
        parsed.append(parser_of(parser, arguments).picture)
        raise Parsed

    parser_of = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    main = load(EXAMPLES / f"{name}.py").main
    for arguments in ([], ["--picture", "a/b.png"]):
        with pytest.raises(Parsed):
            main(arguments)

    assert parsed == [Path(f"{name.removeprefix('plot_')}.png"), Path("a/b.png")]


def test_a_recording_goes_into_the_working_directory(load, tmp_path):
    torch = pytest.importorskip("torch")
    recorder = load(EXAMPLES / "pytorch" / "recorder.py")

    def train(variant, dtype):
        return {"loss": torch.ones(3, dtype=dtype), "final": {"a": np.arange(2)}}

    recorder.record(str(EXAMPLES / "pytorch" / "logicnet.py"), train, ["plain"])
    with np.load(tmp_path / "logicnet.npz") as made:
        assert set(made) == {
            f"plain/{dtype}/{name}"
            for dtype in ("float32", "float64")
            for name in ("loss", "final/a")
        }


def test_a_wrong_schedule_does_not_pass(load, tmp_path):
    module = load(EXAMPLES / "logicnet.py")
    module.SCHEDULES["by hand"] = module.SCHEDULES["StepLR"]
    with pytest.raises(AssertionError, match="by hand, float32, lr differs first at step 1"):
        module.main(["--steps", "60", "--picture", str(tmp_path / "picture.png")])


def test_a_wrong_training_does_not_pass(load, tmp_path):
    module = load(EXAMPLES / "warmup_cosine.py")
    adamw = module.optax.adamw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.optax, "adamw", lambda schedule, **_: adamw(schedule, b2=0.99))
        with pytest.raises(AssertionError, match="SequentialLR, float32: losses differ by"):
            module.main(["--steps", "60", "--picture", str(tmp_path / "picture.png")])


def test_a_nan_does_not_pass(load):
    recorded = load(EXAMPLES / "recorded.py")
    experiment = recorded.Experiment("logicnet.py", None, [], unit="epoch")
    run = experiment.recorded[0]
    bounds = {"float32": recorded.Bound(1e-4, steps=1000)}
    good = {name: run[name].astype(np.float32) for name in ("loss", "lr", "accuracy")}
    experiment.check(run, good, run["final"], bounds)
    for name in ("loss", "lr"):
        bad = good | {name: np.where(np.arange(1000) == 7, np.nan, good[name])}
        with pytest.raises(AssertionError, match="differ"):
            experiment.check(run, bad, run["final"], bounds)
    last = list(run["final"])[-1]
    with pytest.raises(AssertionError, match="parameters differ by nan"):
        experiment.check(run, good, run["final"] | {last: run["final"][last] * np.nan}, bounds)


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(load, tmp_path, capfd):
    load(EXAMPLES / "resume.py").main([])

    assert [path.name for path in tmp_path.iterdir()] == ["resume.png"]
    assert capfd.readouterr().out.count("same bits") == 6


@pytest.mark.parametrize("name", RECORDED)
def test_the_recordings_are_what_pytorch_does(name, load, monkeypatch):
    torch = pytest.importorskip("torch")
    recorded = load(EXAMPLES / "recorded.py").load(name)
    module = load(EXAMPLES / "pytorch" / f"{name}.py")
    if name == "squarenet":
        monkeypatch.setattr(module, "EPOCHS", 20)
    for run in [run for run in recorded if run.dtype == "float64"]:
        live = module.train(run.variant, torch.float64)
        losses = np.asarray(live["loss"])
        np.testing.assert_allclose(losses, run["loss"][: len(losses)], rtol=1e-9)
        np.testing.assert_allclose(live["lr"], run["lr"][: len(losses)], rtol=1e-15)
        assert live["data"].keys() == run["data"].keys()
