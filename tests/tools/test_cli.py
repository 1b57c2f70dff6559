"""The command line, as a user runs it."""

import importlib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from commands import run, start
from test_config import line

import jaxsched as js
from jaxsched.__main__ import main
from jaxsched._cli.signatures import ours, torchs
from jaxsched._schedulers import RECIPES, SCHEDULERS
from jaxsched._text.names import NAMED
from jaxsched._traces.trace import SHIPPED, shipped

COMMANDS = ("list", "show", "plot", "check", "report", "record")


# --- what all commands have in common ---


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_in_the_help_works(command, here, jaxsched):
    status, text, _ = jaxsched(f"{command} --help")
    assert status == 0
    found = re.findall(r"^(?:examples?:)? +(jaxsched .*)$", text, re.MULTILINE)
    found = [example for example in found if example.startswith(f"jaxsched {command}")]
    assert found
    (here / "my_run.jsonl").write_text(line())
    for module in {
        "plot": ["matplotlib", "plotext"],
        "report": ["jinja2"],
        "record": ["torch"],
    }.get(command, []):
        pytest.importorskip(module)
    for example in found:
        (_, *arguments) = shlex.split(example)
        assert main(arguments) == 0, example


@pytest.mark.parametrize("text", ["", "nonsense", "check --nonsense", "show", "plot", "show 'StepLR(0.1, 3)' --steps 0",
                                  "show 'StepLR(0.1, 3)' --steps 1e9", "show 'StepLR(0.1, 3)' --csv --json",
                                  "show 'StepLR(0.1, 3)' --start -1", "record 'StepLR(0.1, 3)' --steps 3",
                                  "report", "record 'StepLR(0.1, 3)' -o x --steps 3 --optimizer Lion"])  # fmt: skip
def test_wrong_usage(text, jaxsched):
    status, out, err = jaxsched(text)

    assert (status, out) == (2, "")
    assert "usage: jaxsched" in err


def test_version(jaxsched):
    assert jaxsched("--version") == (0, f"jaxsched {js.__version__}\n", "")


@pytest.mark.parametrize("command", ["show", "plot", "record --steps 3 -o x.json"])
def test_a_bad_schedule_is_pointed_at(command, here, jaxsched):
    if command == "plot":
        pytest.importorskip("plotext")
    status, out, err = jaxsched(f"{command} 'StepLR(0.1, 30, gama=2)'")

    assert (status, out) == (2, "")
    assert err.startswith("jaxsched: `StepLR(gama=...)` is no argument")
    assert err.endswith("\n    StepLR(0.1, 30, gama=2)\n                    ^^^^^^\n")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command, message", [
    ("show 'ReduceLROnPlateau(0.1)'", "give --metrics"),
    ("show 'StepLR(0.1, 3)' --metrics step", "--metrics needs a ReduceLROnPlateau"),
    ("show 'ReduceLROnPlateau(0.1)' --metrics 'loss(step)'", "must not contain `loss(step)`"),
    ("show 'ReduceLROnPlateau(0.1)' --metrics '1 / step'", "no value at step 0: division by zero"),
    ("show 'ReduceLROnPlateau(0.1)' --metrics '(-1) ** 0.5'", "no value at step 0"),
    ("show 'ReduceLROnPlateau(0.1)' --metrics '1e300 * step'", "no value at step 1: too large"),
    ("show 'OneCycleLR(0.1, 10)' --steps 20", "Tried to step"),
    ("show 'LambdaLR(0.1, 9**9**9)'", "an integer power is too large"),
    ("show 'LambdaLR(0.1, exp(step))' --steps 1000", "`LambdaLR` has no rate: math range error"),
    ("show 'LambdaLR(0.1, 1 / step)'", "a division by zero"),
    ("show 'LambdaLR(0.1, (-1) ** 0.5)'", "`LambdaLR` has no rate"),
    ("show 'MultiplicativeLR(0.1, 0.9)' --start 9000000", "no closed form"),
    ("check none.jsonl", "none.jsonl: No such file"),
    ("check .", ".: Is a directory"),
    ("report none.jsonl -o page.html", "none.jsonl: No such file"),
    ("plot 'StepLR(0.1, 3)' -o curves.gif", "--output must end in .png, .svg, .pdf, got 'curves.gif'"),
    ("plot 'StepLR(0.1, 3)' --metrics step", "--metrics needs a ReduceLROnPlateau"),
    ("plot 'ReduceLROnPlateau(0.1)'", "give --metrics"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_message(command, message, here, jaxsched):
    for module in {
        "plot": ["matplotlib", "plotext"],
        "report": ["jinja2", "jaxsched._report.page"],
    }.get(command.split()[0], []):
        pytest.importorskip(module)
    status, out, err = jaxsched(command)

    assert (status, out) == (2, "")
    assert message in err and err.startswith("jaxsched: ") and "Traceback" not in err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command, module, extra", [
    ("plot 'StepLR(0.1, 3)'", "plotext", "pip install 'jaxsched[plot]'"),
    ("plot 'StepLR(0.1, 3)' -o a.png", "matplotlib", "pip install 'jaxsched[plot]'"),
    ("report -o a.html", "jinja2", "pip install 'jaxsched[report]'"),
    ("record 'StepLR(0.1, 3)' --steps 3 -o a.json", "torch", "pip install torch==2.13.0"),
])  # fmt: skip
def test_a_missing_extra_is_named(command, module, extra, here, jaxsched, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    status, out, err = jaxsched(command)

    assert (status, out) == (2, "")
    assert err.count("\n") == 1 and extra in err


OUTPUTS = {
    "plot": "plot 'StepLR(0.1, 3)' -o",
    "report": "report good.jsonl -o",
    "record": "record 'StepLR(0.1, 3)' --steps 3 -o",
}
NEEDS = {"plot": "matplotlib", "report": "jinja2", "record": "torch"}


@pytest.mark.parametrize("target, message", [
    ("folder.png", "Is a directory"),
    ("file/x.png", "Not a directory"),
    ("none/x.png", "No such file or directory"),
    ("full.png", "No space left on device"),
])  # fmt: skip
@pytest.mark.parametrize("command", OUTPUTS)
def test_what_cannot_be_written_is_one_message(command, target, message, here, jaxsched):
    pytest.importorskip(NEEDS[command])
    (here / "folder.png").mkdir()
    (here / "file").write_text("mine")
    (here / "good.jsonl").write_text(line())
    (here / "full.png").symlink_to("/dev/full")
    before = sorted(path.name for path in here.iterdir())

    status, out, err = jaxsched(f"{OUTPUTS[command]} {target}")

    assert (status, out) == (2, "")
    assert err == f"jaxsched: {target}: {message}\n"
    assert sorted(path.name for path in here.iterdir()) == before
    assert (here / "file").read_text() == "mine"


def test_an_interrupted_write_leaves_what_was_there(here, jaxsched, monkeypatch):
    pytest.importorskip("matplotlib")
    (here / "a.png").write_text("mine")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)

    assert jaxsched("plot 'StepLR(0.1, 3)' -o a.png") == (130, "", "")
    assert (here / "a.png").read_text() == "mine"
    assert [path.name for path in here.iterdir()] == ["a.png"]


def test_a_link_is_written_through(here, jaxsched):
    pytest.importorskip("torch")
    (here / "real.jsonl").write_text("old")
    (here / "link.jsonl").symlink_to("real.jsonl")

    assert jaxsched("record 'StepLR(0.1, 3)' --steps 3 -o link.jsonl")[0] == 0
    assert (here / "link.jsonl").is_symlink()
    assert len(js.Trace.load(here / "real.jsonl").lr) == 3


def test_a_closed_pipe(here):
    for arguments in (["show", "StepLR(0.1, 3)", "--csv", "--steps", "100000"], ["--help"]):
        process = start(*arguments)
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()

        assert process.wait(60) == 141
        assert error == ""


def test_a_full_disk(here):
    with open("/dev/full", "w") as full:
        result = run("show", "StepLR(0.1, 3)", "--csv", stdout=full)

    assert result.returncode == 2
    assert result.stderr == "jaxsched: the output: No space left on device\n"


@pytest.mark.parametrize("command", ["check", "report"])
def test_an_interrupt(command, here):
    if command == "report":
        pytest.importorskip("jinja2")
    arguments = [command, *(["-o", "page.html"] if command == "report" else [])]
    code = (
        "import os, signal, sys, threading; from jaxsched.__main__ import main;"
        "threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start();"
        f"sys.exit(main({arguments}))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)

    assert process.returncode == 130
    assert (process.stdout, process.stderr) == (b"", b"")
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("after", [0.3, 0.6, 0.9, 1.2])
def test_an_interrupt_while_it_loads(after, here):
    process = start("check")
    try:
        process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)

    # A shell says 130 for both: it ended by itself, or by the signal.
    assert process.returncode in (130, -signal.SIGINT)
    assert (out, err) == ("", "")


def test_an_interrupt_while_a_class_is_made(jaxsched, monkeypatch):
    """Python 3.11 raises a RuntimeError of it, which is no error of a device."""
    from jaxsched._cli import listing

    def interrupted(_):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("Error calling __set_name__ on 'Field' instance") from error

    monkeypatch.setattr(listing, "run", interrupted)

    assert jaxsched("list") == (130, "", "")


def test_the_library_leaves_the_signal_alone():
    code = (
        "import signal, sys; before = signal.getsignal(signal.SIGINT); sys.argv[:] = {};"
        "import jaxsched; assert signal.getsignal(signal.SIGINT) is before"
    )
    for argv in ([], ["train.py"], ["-m"]):
        subprocess.run([sys.executable, "-c", code.format(argv)], check=True, timeout=120)


def test_a_terminal_without_unicode(here):
    pytest.importorskip("plotext")
    code = (
        "from jaxsched.__main__ import main; import sys;"
        "status = [main(['list']), main(['show', 'StepLR(0.1, 3)']), main(['show', 'StepLR(0.1, ü)']),"
        "main(['plot', 'OneCycleLR(0.1, 30)', 'StepLR(0.1, 3)'])]; print(status)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=120,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "LANG": "C"},
    )  # fmt: skip

    assert result.stdout.decode("ascii").endswith("[0, 0, 2, 0]\n"), result.stderr
    assert b"Traceback" not in result.stderr and b"\\xfc" in result.stderr


def test_import_needs_none_of_the_extras():
    code = (
        "import sys, jax, optax; before = set(sys.modules); import jaxsched, jaxsched.__main__;"
        "print(sorted({'torch', 'rich', 'flax', 'matplotlib', 'plotext', 'jinja2'}"
        " & (set(sys.modules) - before)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )

    assert result.stdout.strip() == "[]", result.stderr


# --- list ---


def test_list_names_every_scheduler(jaxsched):
    status, out, _ = jaxsched("list")

    assert status == 0
    for cls in SCHEDULERS:
        assert out.count(f" {cls.__name__}(") == 2
    assert "total_steps=None]" in out
    for name in [*NAMED, *RECIPES]:
        assert re.search(rf"\b{name}\b", out) or name == "Product"  # which is `a * b`


@pytest.mark.parametrize("cls", SCHEDULERS)
def test_the_listed_signatures_are_the_real_ones(cls):
    assert defaults(ours(cls)) == {
        name: parameter.default
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind is not parameter.KEYWORD_ONLY
    }
    pytest.importorskip("torch")
    module = "swa_utils" if cls is js.SWALR else "lr_scheduler"
    torch_class = getattr(importlib.import_module(f"torch.optim.{module}"), cls.__name__)
    parameters = inspect.signature(torch_class).parameters
    assert list(defaults(torchs(cls)).items()) == [(n, p.default) for n, p in parameters.items()]


def defaults(text):
    """The parameters of a call such as `StepLR(lr, gamma=0.1)`."""
    function = eval(f"lambda {text.partition('(')[2][:-1]}: 0")
    return {name: p.default for name, p in inspect.signature(function).parameters.items()}


# --- record, check and report ---


@pytest.mark.parametrize("schedule, options", [
    ("CosineAnnealingLR(0.1, T_max=20)", ""),
    ("OneCycleLR(0.1, 30)", "--optimizer Adam"),
    ("ReduceLROnPlateau(0.1, patience=2)", "--metrics '1 / (1 + step % 3)'"),
    ("ParamGroups([StepLR(0.1, 3), StepLR(0.2, 3)])", ""),
    ("LambdaLR(0.1, 10 ** step / 10 ** step)", ""),
    ("StepLR(0.1, 3)", "--steps 1"),
])  # fmt: skip
def test_what_is_recorded_passes_the_check(schedule, options, here, jaxsched):
    pytest.importorskip("torch")
    status, out, err = jaxsched(f"record '{schedule}' --steps 30 {options} -o a.jsonl")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"wrote a\.jsonl: (30 steps|1 step) of PyTorch 2\.[\d.]+\n", out)

    status, out, _ = jaxsched("check a.jsonl")
    assert status == 0 and "1 configuration, " in out
    trace = js.Trace.load("a.jsonl")
    assert trace.optimizer == ("Adam" if "Adam" in options else "SGD")


@pytest.mark.parametrize("schedule, message", [
    ("per_epoch(StepLR(0.1, 3), 9)", "record the schedule inside"),
    ("OneCycleLR(0.1, 10)", "PyTorch cannot run it: ValueError: Tried to step"),
    ("LambdaLR(0.1, 1 / step)", "PyTorch cannot run it: ZeroDivisionError"),
    ("LambdaLR(1e300, 1e300)", "PyTorch's rate is not finite at step 0"),
])  # fmt: skip
def test_what_pytorch_cannot_run(schedule, message, here, jaxsched):
    pytest.importorskip("torch")
    status, out, err = jaxsched(f"record '{schedule}' --steps 30 -o a.jsonl")

    assert (status, out) == (2, "")
    assert message in err and err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_check_has_a_line_for_each_shipped_file(jaxsched, monkeypatch):
    """Of one trace each; `tests/schedulers/test_parity.py` compares them all."""

    first = {name: traces[:1] for name, traces in shipped().items()}
    asked = []
    monkeypatch.setattr("jaxsched._cli.check.shipped", lambda: asked.append(1) or first)
    status, out, err = jaxsched("check")

    assert (status, err, asked) == (0, "", [1])
    for name in first:
        assert re.search(rf"│ {name} +│ +1 │", out), name
    assert out.count("exact") == len(first)
    *_, summary = out.strip().splitlines()
    assert f"{len(first)} configurations" in summary and "all match PyTorch" in summary
    for part in ("cpu", "jax ", "PyTorch 2.13.0"):
        assert part in summary
    assert "bounds: 0.501 ULP in float32, 1e-12 relative in float64" in out
    errors = re.findall(r"│\s+(\d\.\d{3}) │\s+(\S+) │ exact", out)
    assert len(errors) == len(first)
    assert all(float(single) <= 0.501 and float(double) <= 1e-12 for single, double in errors)


def test_check_of_ones_own_traces(here, jaxsched):
    (here / "good.jsonl").write_text(line())
    (here / "bad.jsonl").write_text(line(lr=[0.1, 0.05, 0.0251]))

    status, out, _ = jaxsched("check good.jsonl")
    assert status == 0
    assert "1 configuration, 3 steps, all match PyTorch" in out
    status, out, _ = jaxsched("check good.jsonl bad.jsonl")
    assert status == 1
    assert "2 configurations, 6 steps, 2 comparisons differ |" in out
    assert "step 2" in out and "0.0251" in out


@pytest.mark.parametrize("schedule, message", [
    ({"class": "StepLR", "lr": "a", "step_size": 3}, "must be a number"),
    ({"class": "StepLR", "lr": 0.1}, "must have `step_size`"),
    ({"class": "LambdaLR", "lr": 0.1, "lr_lambda": {"expression": "9**9**9"}}, "an integer power is too large"),
    ({"class": "LambdaLR", "lr": 0.1, "lr_lambda": {"expression": "foo"}}, "must not contain `foo`"),
    ({"class": "StepLR", "lr": {"class": "StepLR", "lr": 0.1, "step_size": 3}, "step_size": 3}, "must be a number"),
])  # fmt: skip
def test_a_foreign_schedule_in_a_file_is_one_message(schedule, message, here, jaxsched):
    (here / "bad.jsonl").write_text(line(schedule=schedule))

    status, out, err = jaxsched("check bad.jsonl")
    assert (status, out) == (2, "")
    assert err.startswith("jaxsched: ") and message in err


def test_report_writes_a_page(here, jaxsched):
    pytest.importorskip("jinja2")
    (here / "good.jsonl").write_text(line())
    (here / "bad.jsonl").write_text(line(lr=[0.1, 0.05, 0.0251]))

    status, out, err = jaxsched("report good.jsonl -o page.html")
    assert (status, err) == (0, "")
    assert out.startswith("wrote page.html: 1 configuration, 3 steps, all match PyTorch | cpu")
    assert out.count("\n") == 1
    assert "<html" in (here / "page.html").read_text()

    status, out, _ = jaxsched("report good.jsonl bad.jsonl -o page.html")
    assert status == 1 and "2 comparisons differ" in out


def test_the_shipped_files_are_json_lines():
    for path in SHIPPED.glob("*.jsonl"):
        for text in path.read_text().splitlines():
            record = json.loads(text)
            assert record["torch"] == "2.13.0"
            composed = path.stem in ("TwoClocks", "lightning")
            assert composed or record["call"].startswith(path.stem)
