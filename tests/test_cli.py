"""`jaxsched check`, as a user runs it."""

import json
import subprocess
import sys
import time

import pytest
from test_config import line

from jaxsched.__main__ import main


def run(*arguments, **options):
    command = [sys.executable, "-m", "jaxsched", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


def test_check_compares_every_shipped_trace():
    started = time.monotonic()
    result = run("check")

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert result.stdout.count("exact") == 16
    assert "differs" not in result.stdout
    *_, summary = result.stdout.strip().splitlines()
    assert "all match PyTorch" in summary
    for part in ("configurations", "cpu", "jax ", "PyTorch 2.13.0"):
        assert part in summary
    print(f"{time.monotonic() - started:.1f} s")


def test_check_of_ones_own_traces(tmp_path, capsys):
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(line())
    bad.write_text(line(lr=[0.1, 0.05, 0.0251]))

    assert main(["check", str(good)]) == 0
    assert "1 configurations, 3 steps, all match PyTorch" in capsys.readouterr().out
    assert main(["check", str(good), str(bad)]) == 1
    out = capsys.readouterr().out
    assert "2 comparisons differ" in out
    assert "step 2" in out and "0.0251" in out


def test_a_missing_file(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none.jsonl")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_help_has_an_example():
    result = run("check", "--help")

    assert result.returncode == 0
    assert "example: jaxsched check my_run.jsonl" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["check", "--nonsense"]])
def test_wrong_usage(arguments):
    result = run(*arguments)

    assert result.returncode == 2
    assert "usage: jaxsched" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_closed_pipe(tmp_path):
    path = tmp_path / "good.jsonl"
    path.write_text(line())
    process = subprocess.Popen(
        [sys.executable, "-m", "jaxsched", "check", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    process.wait(60)

    assert "Traceback" not in error and "Error" not in error


def test_import_needs_neither_torch_nor_rich_nor_flax():
    code = (
        "import sys, jax, optax; before = set(sys.modules); import jaxsched;"
        "print(sorted({'torch', 'rich', 'flax', 'matplotlib'} & (set(sys.modules) - before)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )

    assert result.stdout.strip() == "[]", result.stderr


def test_the_shipped_files_are_json_lines():
    from jaxsched._trace import SHIPPED

    for path in SHIPPED.glob("*.jsonl"):
        for text in path.read_text().splitlines():
            record = json.loads(text)
            assert record["torch"] == "2.13.0"
            assert record["call"].startswith(path.stem)
