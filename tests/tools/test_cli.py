"""The command line, as a user runs it."""

import csv
import importlib
import inspect
import io
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
from test_config import line

import jaxsched as js
from jaxsched.__main__ import main
from jaxsched._cli.signatures import ours, torchs
from jaxsched._schedulers import SCHEDULERS
from jaxsched._traces.trace import SHIPPED, shipped

COMMANDS = ("list", "show", "plot", "check", "report", "record")


def start(*arguments, env=None, **options):
    command = [sys.executable, "-m", "jaxsched", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"} | (env or {})
    return subprocess.Popen(command, env=environment, **pipes)


def run(*arguments, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, where nothing may be left half written."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not list(tmp_path.rglob("*.part"))


@pytest.fixture
def jaxsched(capsys):
    """Runs a command in this process: (exit status, stdout, stderr)."""

    def command(text):
        try:
            status = main(shlex.split(text))
        except SystemExit as exit:
            status = exit.code
        return status, *capsys.readouterr()

    return command


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
    ("show 'StepLR(0.1, 3)' --metrics step", "--metrics is for ReduceLROnPlateau"),
    ("show 'ReduceLROnPlateau(0.1)' --metrics 'loss(step)'", "may not hold `loss(step)`"),
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
    ("plot 'StepLR(0.1, 3)' -o curves.gif", "a picture is .png, .svg, .pdf, by its name: got 'curves.gif'"),
    ("plot 'StepLR(0.1, 3)' --metrics step", "--metrics is for ReduceLROnPlateau"),
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


# --- show ---


def test_show_prints_pytorchs_rates(jaxsched):
    trace = next(
        t
        for t in shipped()["OneCycleLR"]
        if t.call == "OneCycleLR(optimizer, max_lr=0.1, total_steps=60)"
    )
    _, text, err = jaxsched("show 'OneCycleLR(0.1, 60)' --steps 60 --json")
    rows = json.loads(text)

    assert err == ""
    assert [row["step"] for row in rows] == list(range(60))
    assert_float32([row["lr"] for row in rows], trace.lr[:60])
    assert_float32([row["momentum"] for row in rows], trace.momentum[:60])

    _, text, _ = jaxsched("show 'OneCycleLR(0.1, 60)' --start 7 --steps 50 --every 10 --csv --x64")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["step", "lr", "momentum"]
    assert [int(row["step"]) for row in rows] == [7, 17, 27, 37, 47]
    np.testing.assert_allclose([float(row["lr"]) for row in rows], trace.lr[7:57:10], rtol=1e-12)
    np.testing.assert_allclose(
        [float(row["momentum"]) for row in rows], trace.momentum[7:57:10], rtol=1e-12
    )

    _, text, _ = jaxsched("show 'OneCycleLR(0.1, 60)' --steps 60")
    assert "OneCycleLR(max_lr=0.1, total_steps=60)" in text and "momentum" in text
    shown = [
        [word for word in row.split() if word != "│"] for row in text.splitlines() if "│" in row
    ]
    assert_float32([float(lr) for _, lr, _ in shown], trace.lr[:60])


def assert_float32(shown, torch):
    """Decimals that name float32 numbers, half a ULP (or a tie) from PyTorch's float64."""
    values = np.asarray(shown)
    assert [str(x) for x in np.float32(values)] == [str(np.float32(x)) for x in shown]
    np.testing.assert_array_equal(np.float32(values), np.float32(torch))


def test_show_has_a_column_for_each_group(jaxsched):
    groups = "'ParamGroups([CyclicLR(0.01, 0.1, 4), CyclicLR(0.02, 0.3, 4, base_momentum=0.7)])'"
    trace = next(t for t in shipped()["CyclicLR"] if t.lr.ndim == 2)
    _, text, _ = jaxsched(f"show {groups} --csv --steps 60")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["step", "lr_0", "lr_1", "momentum_0", "momentum_1"]
    assert_float32([float(row["lr_1"]) for row in rows], trace.lr[:, 1])
    _, text, _ = jaxsched(f"show {groups} --json --steps 60")
    assert_float32([row["momentum"][1] for row in json.loads(text)], trace.momentum[:, 1])

    _, text, _ = jaxsched(
        "show 'ParamGroups([CyclicLR(0.1, 0.2), StepLR(0.3, 3)])' --steps 1 --json"
    )
    assert json.loads(text) == [{"step": 0, "lr": [0.1, 0.3], "momentum": [0.9, None]}]


def test_show_calls_functions_as_pytorch_does(jaxsched):
    """A table of Python ints: traced, 10 ** 30 would overflow."""
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    function = lambda step: 10**step / (10**step + 7)  # noqa: E731
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, function)
    trace = js.record(scheduler, 40)
    _, text, _ = jaxsched("show 'LambdaLR(0.1, 10**step / (10**step + 7))' --steps 40 --json")

    assert_float32([row["lr"] for row in json.loads(text)], trace.lr)


@pytest.mark.parametrize("schedule, options", [
    ("MultiplicativeLR(0.1, 0.95)", ""),
    ("ReduceLROnPlateau(0.1, factor=0.5, patience=2)", "--metrics '1 / (1 + step % 5)'"),
    ("SequentialLR([LinearLR(0.1, 0.1, total_iters=5), MultiplicativeLR(0.1, 0.9 + step / 1000)], [5])", ""),
])  # fmt: skip
def test_show_prints_what_record_records(schedule, options, here, jaxsched):
    pytest.importorskip("torch")
    assert jaxsched(f"record '{schedule}' --steps 40 {options} -o a.jsonl")[0] == 0
    _, text, _ = jaxsched(f"show '{schedule}' --steps 40 {options} --json")

    assert_float32([row["lr"] for row in json.loads(text)], js.Trace.load("a.jsonl").lr)


def test_show_ends_where_the_schedule_does(jaxsched):
    _, text, _ = jaxsched("show 'OneCycleLR(0.1, 10)' --csv")
    assert len(text.splitlines()) == 1 + 11
    _, text, _ = jaxsched("show 'StepLR(0.1, 10)' --csv")
    assert len(text.splitlines()) == 1 + 20


def test_show_warns_of_nothing_and_prints_whatever_there_is(jaxsched):
    status, text, err = jaxsched("show 'LambdaLR(0.1, exp(step))' --start 2000000 --steps 1 --json")

    assert (status, err) == (0, "")
    assert json.loads(text) == [{"step": 2000000, "lr": None}]


# --- plot ---

PLOTS = [
    "'StepLR(0.1, 3)'",
    "'StepLR(0.1, 3)' 'OneCycleLR(0.1, 30)' 'ParamGroups([StepLR(0.1, 3), StepLR(0.2, 3)])' --steps 300",
    "'ExponentialLR(0.1, 0.9)' --log --steps 1000",
    "'ReduceLROnPlateau(0.1, patience=1)' 'StepLR(0.1, 3)' --metrics 1",
    "'ConstantLR(0)' --log",
    "'ConstantLR(0)' --steps 1",
    "'LambdaLR(0.1, -step)'",
    "'LambdaLR(1e-38, 1 / (1 + step))'",
    "'LambdaLR(1.0, exp(0.88 * step))' --steps 100 --log",
    "'LambdaLR(1.0, exp(step))' --steps 100",
]


@pytest.mark.parametrize(
    "suffix, magic", [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")]
)
def test_plot_draws_a_picture(suffix, magic, here, jaxsched):
    pytest.importorskip("matplotlib")
    plot = PLOTS[1]

    assert jaxsched(f"plot {plot} -o a.{suffix}") == (0, f"wrote a.{suffix}\n", "")
    content = (here / f"a.{suffix}").read_bytes()
    assert content.startswith(magic)
    jaxsched(f"plot {plot} -o b.{suffix}")
    assert (here / f"b.{suffix}").read_bytes() == content


@pytest.mark.parametrize("plot", PLOTS)
def test_plot_draws_every_curve(plot, here, jaxsched):
    pytest.importorskip("matplotlib")
    pytest.importorskip("plotext")

    assert jaxsched(f"plot {plot} -o a.svg")[0] == 0
    status, text, err = jaxsched(f"plot {plot}")
    assert (status, err) == (0, "")
    assert "learning rate" in text and "\x1b" not in text
    assert ("momentum" in text) == ("OneCycleLR" in plot)


def test_plot_draws_in_the_terminal(jaxsched):
    pytest.importorskip("plotext")
    _, text, _ = jaxsched("plot 'LinearLR(0.1, 1.0, 0.0, total_iters=99)'")
    marks = [re.search("[\u2801-\u28ff]", row) for row in text.splitlines()]
    columns = [mark.start() for mark in marks if mark]

    assert len(columns) > 10 and columns == sorted(columns), "a line that falls"
    assert "0.1┤" in text and "LinearLR(0.1, 1.0, 0.0, total_iters=99)" in text
    _, text, _ = jaxsched("plot 'StepLR(0.1, 3)' 'StepLR(0.2, 3)'")
    assert "\na StepLR(0.1, 3)\nb StepLR(0.2, 3)\n" in text


def test_plot_is_coloured_in_a_terminal():
    pytest.importorskip("plotext")
    reader, writer = pty.openpty()
    environment = {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    process = start("plot", "StepLR(0.1, 3)", "StepLR(0.2, 3)", stdout=writer, env=environment)
    os.close(writer)
    text = b""
    try:
        while chunk := os.read(reader, 4096):
            text += chunk
    except OSError:  # the terminal is gone
        pass
    os.close(reader)

    assert process.wait(60) == 0, process.stderr.read()
    process.stderr.close()
    assert b"\x1b[38;5;4m" in text and "⠒".encode() in text


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


def test_check_compares_every_shipped_trace():
    started = time.monotonic()
    result = run("check")

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert result.stdout.count("exact") == 17
    assert "differs" not in result.stdout
    *_, summary = result.stdout.strip().splitlines()
    assert "all match PyTorch" in summary
    for part in ("configurations", "cpu", "jax ", "PyTorch 2.13.0"):
        assert part in summary
    assert "bounds: 0.501 ULP in float32, 1e-12 relative in float64" in result.stdout
    errors = re.findall(r"│\s+(\d\.\d{3}) │\s+(\S+) │ exact", result.stdout)
    assert len(errors) == 17
    assert all(float(single) <= 0.501 and float(double) <= 1e-12 for single, double in errors)
    print(f"{time.monotonic() - started:.1f} s")


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
    ({"class": "LambdaLR", "lr": 0.1, "lr_lambda": {"expression": "foo"}}, "may not hold `foo`"),
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
            assert path.stem == "TwoClocks" or record["call"].startswith(path.stem)
