"""The matrix of versions: what pyproject.toml promises is what was run, and what the guide shows."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from scripts import load

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def versions(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return load(ROOT / "benchmarks" / "versions.py")


def row(versions, python="3.11.7", dependencies="oldest", torch="-", failed="0"):
    cells = [python, dependencies, "0.8.1", "0.2.8", "2.1.0", "0.12.1", torch, "core"]
    return dict(zip(versions.HEADER, [*cells, "1,234", "5", failed], strict=True))


def same(version, floor):
    """3.1 and 3.1.0 are the same version."""
    parts = [[int(part) for part in text.split(".")] for text in (version, floor)]
    length = max(map(len, parts))
    return len({tuple(part + [0] * (length - len(part))) for part in parts}) == 1


def test_every_requirement_says_its_oldest_version(versions):
    extras = PROJECT["optional-dependencies"]

    assert set(versions.floors(*extras)) >= {"jax", "flax", "pytest", "torch", "playwright"}


def test_the_oldest_row_of_the_guide_has_the_oldest_versions(versions):
    _, shown, _ = versions.split_guide(versions.GUIDE.read_text())
    rows = versions.rows_of(shown)
    oldest = [row for row in rows if row["dependencies"] == "oldest"]

    assert versions.table(rows) == shown
    assert PROJECT["requires-python"] == f">={versions.PYTHONS[0]}"
    assert {".".join(row["Python"].split(".")[:2]) for row in rows} == set(versions.PYTHONS)
    assert oldest
    for row in oldest:
        for name, floor in versions.floors(versions.EXTRA).items():
            if name in versions.PACKAGES:
                assert same(row[name], floor), f"{name}>={floor}, but {row[name]} was run"


def test_the_guide_shows_no_failure(versions):
    _, shown, _ = versions.split_guide(versions.GUIDE.read_text())

    assert {row["failed"] for row in versions.rows_of(shown)} == {"0"}


def test_the_files_of_the_core_exist(versions):
    for path in [*versions.CORE, *versions.CORE_OF_TORCH]:
        assert (ROOT / path).exists(), path


def test_requirements_follow_extras_of_our_own(versions):
    project = {
        "name": "p",
        "dependencies": ["a>=1"],
        "optional-dependencies": {"x": ["p[y,z]", "b>=2"], "y": ["c>=3"], "z": ["a>=1", "d==4.1"]},
    }

    assert versions.requirements("x", project=project) == ["a>=1", "c>=3", "d==4.1", "b>=2"]


@pytest.mark.parametrize("requirement", ["jax", "jax<2", "jax>1", "jax>=1,<2"])
def test_a_requirement_without_an_oldest_version_is_named(versions, requirement, monkeypatch):
    monkeypatch.setattr(versions, "requirements", lambda *extras: [requirement])

    with pytest.raises(ValueError, match=f"'{requirement}' must say its oldest version: NAME>=1.2"):
        versions.floors()


def test_a_row_replaces_that_of_its_cell_and_no_other(versions):
    first, last = versions.MARKERS
    text = f"before\n{first}\n{last}\nafter\n"
    others = [
        row(versions, torch="2.14.1"),
        row(versions, "3.13.0"),
        row(versions, dependencies="newest"),
        row(versions, "3.12.9"),
    ]
    text = versions.merged(text, [*others, row(versions, failed="7")])

    text = versions.merged(text, [row(versions, "3.11.9")])

    before, shown, after = versions.split_guide(text)
    assert (before, after) == (f"before\n{first}\n", f"{last}\nafter\n")
    assert versions.rows_of(shown) == [
        row(versions, "3.11.9"), others[2], others[3], others[1], others[0],
    ]  # fmt: skip


def test_an_interpreter_is_found_or_missed(versions, monkeypatch, tmp_path):
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert versions.interpreter(here) is None

    other = tmp_path / f"python{here}"  # such a command may start another version, or none
    other.write_text("#!/bin/sh\nexit 127\n")
    other.chmod(0o755)
    assert versions.interpreter(here) is None

    of_pyenv = tmp_path / "versions" / f"{here}.1" / "bin"
    of_pyenv.mkdir(parents=True)
    (of_pyenv / "python").symlink_to(sys.executable)
    assert versions.interpreter(here) == str(of_pyenv / "python")


def test_a_missing_interpreter_is_said_and_the_others_go_on(versions, monkeypatch, capsys):
    made, ran = [], []
    monkeypatch.setattr(versions, "interpreter", lambda version: {"3.12": "python"}.get(version))
    monkeypatch.setattr(versions, "install", lambda cell, *_: made.append(cell.name))
    monkeypatch.setattr(
        versions, "run", lambda cell, *_: ran.append(cell.name) or row(versions, "3.12.1")
    )

    assert versions.main(["--python", "3.10", "3.12", "--dependencies", "oldest"]) == 0

    assert made == ran == ["3.12-oldest"]
    assert "Python 3.10 is not here: no 3.10-oldest" in capsys.readouterr().out


@pytest.mark.parametrize("failed", ["0", "1"])
def test_an_environment_that_is_there_gets_this_checkout(versions, monkeypatch, tmp_path, failed):
    given = []
    monkeypatch.setattr(versions, "run", lambda *_: row(versions, failed=failed))
    monkeypatch.setattr(versions, "install_this_checkout", given.append)
    (tmp_path / "3.11-oldest").mkdir()
    arguments = ["--python", "3.11", "--dependencies", "oldest", "--environments", str(tmp_path)]

    status = versions.main(arguments)

    assert given == [tmp_path / "3.11-oldest"]
    assert status == int(failed)


def test_what_pytest_counts(versions, tmp_path):
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_skipped(): pytest.skip()\n"
        "def test_broken(absent): pass\n"
    )
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run([*command, "test_some.py"], cwd=tmp_path, capture_output=True)

    assert versions.counts(report) == {"passed": 1, "skipped": 1, "failed": 2}
