"""What the README shows, run as it stands; and the picture."""

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxsched as js
from jaxsched.__main__ import main
from jaxsched._traces.trace import SHIPPED, shipped

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_snippet_runs_and_shows_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for snippet in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
            needed = re.findall(r"^(?:import|from) (torch|transformers)\b", snippet, re.MULTILINE)
            if any(find_spec(name) is None for name in needed):
                continue
            exec(compile(snippet, "README.md", "exec"), namespace)
            for line in snippet.splitlines():
                if match := re.fullmatch(r"(\S.*?)  # (Array\(.*\))", line):
                    expression, shown = match.groups()
                    dtype = "float64" if jax.config.jax_enable_x64 else "float32"
                    value = np.asarray(eval(expression, namespace))
                    numbers = [float(x) for x in re.findall(r"\d+\.\d+", shown)]
                    np.testing.assert_allclose(value.ravel(), numbers, rtol=1e-6)
                    assert value.dtype == dtype


def test_every_command_runs(tmp_path, monkeypatch, capsys):
    """But for `jaxsched check` alone, which test_cli.py runs."""
    monkeypatch.chdir(tmp_path)
    lines = [
        line
        for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
    ]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("jaxsched ")]
    assert {command[0] for command in commands} == {
        "list",
        "show",
        "plot",
        "record",
        "check",
        "report",
    }
    if find_spec("torch") is None:
        my_run = "\n".join(line for line in (SHIPPED / "StepLR.jsonl").read_text().splitlines()[:1])
        (tmp_path / "my_run.jsonl").write_text(my_run)
        commands = [command for command in commands if command[0] != "record"]
    for command in commands:
        assert main(command) == 0, capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {
        "curves.png",
        "my_run.jsonl",
        "parity.html",
    }


def test_the_number_of_traces_is_true():
    traces = [trace for traces in shipped().values() for trace in traces]
    steps = sum(trace.lr.size for trace in traces)

    assert f"{len(traces)} configurations, {steps:,} steps" in README


TABLE = re.findall(r"^\| `(.*?)` \| `(.*?)` \|$", README, re.MULTILINE)


def test_the_porting_table_has_all_sixteen():
    assert len({torchs.split("(")[0] for torchs, _ in TABLE}) == 16


@pytest.mark.parametrize("torchs, ours", TABLE)
def test_both_sides_of_the_porting_table_agree(torchs, ours):
    torch = pytest.importorskip("torch")
    scope = vars(torch.optim.lr_scheduler) | {"SWALR": torch.optim.swa_utils.SWALR}
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)

    def f(epoch):
        return 0.95**epoch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.lr_scheduler.warnings, "warn", lambda *args, **kwargs: None)
        scheduler = eval(torchs, dict(scope), {"opt": optimizer, "f": f})
        schedule = eval(ours, vars(js) | {"f": f})
        plateau = isinstance(schedule, js.ReduceLROnPlateau)
        trace = js.record(scheduler, 60, [1.0] * 59 if plateau else None)

    assert torchs.split("(")[0] == ours.split("(")[0]
    assert js.compare(schedule, trace).ok


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import plot_schedulers
    finally:
        sys.path.pop(0)
    with jax.numpy_dtype_promotion("standard"):
        plot_schedulers.main(["--picture", str(tmp_path / "all.png")])

    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    assert set(plot_schedulers.SHOWN) == {torchs.split("(")[0] for torchs, _ in TABLE}
