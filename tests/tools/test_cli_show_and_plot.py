"""`jaxsched show` and `jaxsched plot`."""

import csv
import io
import json
import os
import pty
import re

import numpy as np
import pytest
from commands import start

import jaxsched as js
from jaxsched._traces.trace import shipped

COMMANDS = ("list", "show", "plot", "check", "report", "record")


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
