"""Traces of logged rates, and the report from Python."""

import json
import math

import numpy as np
import pytest

import jaxsched as js
from jaxsched.__main__ import main

CYCLE = js.OneCycleLR(0.1, total_steps=40)
RATES = 0.05 * (1 + np.cos(np.pi * np.arange(50) / 50))  # of CosineAnnealingLR, without PyTorch
COSINE = js.CosineAnnealingLR(0.1, T_max=50)


def rounded(form):
    return [float(format(rate, form)) for rate in RATES]


@pytest.mark.parametrize(
    "rates, rtol",
    [
        (RATES, None),
        (RATES.tolist(), None),
        (RATES.astype(np.float32), None),
        (RATES.astype(np.float32).tolist(), 2**-24),
        ([float(str(rate)) for rate in RATES.astype(np.float32)], 2**-23),
        (rounded(".5e"), 0.5e-5),
        (rounded(".2e"), 0.5e-2),
    ],
)
def test_rates_that_were_logged_with_some_rounding_match(rates, rtol, tmp_path, capsys):
    logged = js.Trace.from_rates(rates, schedule=COSINE, rtol=rtol)
    path = tmp_path / "log.jsonl"
    logged.save(path)

    assert js.compare(COSINE, logged).ok
    assert js.Trace.load(path).rtol == logged.rtol
    assert main(["check", str(path)]) == 0
    assert "traces of rates from a log" in capsys.readouterr().out


@pytest.mark.parametrize("form, rtol", [(".5e", 0), (".5e", 0.5e-6), (".2e", 0.5e-3)])
def test_rounding_that_is_not_admitted_differs(form, rtol):
    assert not js.compare(COSINE, js.Trace.from_rates(rounded(form), rtol=rtol)).ok


def test_a_wrong_rate_differs_however_it_was_rounded(tmp_path, capsys):
    rates = RATES.copy()
    rates[20] *= 1 + 2e-5
    logged = js.Trace.from_rates(rates, schedule=COSINE, rtol=1e-5)
    path = tmp_path / "log.jsonl"
    logged.save(path)

    comparison = js.compare(COSINE, logged)
    assert not comparison.ok and comparison.worst_count == 20
    assert main(["check", str(path)]) == 1


def test_counts_momenta_groups_and_metrics():
    counts = np.arange(0, 40, 7)
    cycled = js.Trace.from_rates(
        np.asarray(CYCLE(counts)),
        counts=counts,
        momenta=np.asarray(CYCLE.momentum(counts)),
        rtol=1e-7,
    )
    groups = js.ParamGroups([js.StepLR(0.1, 1, 0.5), js.StepLR(0.2, 1, 0.5)])
    both = js.Trace.from_rates([[0.1, 0.2], [0.05, 0.1], [0.025, 0.05]])
    plateau = js.ReduceLROnPlateau(0.1, patience=0)
    reduced = js.Trace.from_rates([0.1, 0.1, 0.01], metrics=[1.0, 1.0])

    assert js.compare(CYCLE, cycled).ok
    assert js.compare(groups, both).ok
    assert js.compare(plateau, reduced).ok
    assert not js.compare(js.ParamGroups([groups[1], groups[0]]), both).ok


@pytest.mark.parametrize(
    "given, message",
    [
        ({"rates": []}, r"`from_rates\(rates=...\)` must be finite numbers"),
        ({"rates": [math.nan]}, r"`from_rates\(rates=...\)` must be finite numbers"),
        ({"rates": [[[0.1]]]}, r"of shape \(1, 1, 1\)"),
        ({"rates": 0.1}, r"of shape \(\)"),
        ({"rates": ["a"]}, r"`from_rates\(rates=...\)` must be numbers, got \['a'\]"),
        ({"rates": [0.1], "counts": [-1]}, r"`from_rates\(counts=...\)` must be integers from 0"),
        ({"rates": [0.1, 0.1], "counts": [1, 1]}, r"in ascending order, got \[1, 1\]"),
        ({"rates": [0.1], "counts": [0.5]}, r"must be integers from 0 up"),
        ({"rates": [0.1, 0.2], "counts": [1]}, r"counts=...\)` must have the shape \(2,\)"),
        ({"rates": [0.1], "momenta": [0.9, 0.9]}, r"momenta=...\)` must have the shape \(1,\)"),
        ({"rates": [0.1, 0.1], "metrics": [1, 2]}, r"metrics=...\)` must have the shape \(1,\)"),
        (
            {"rates": [0.1], "rtol": 0.1},
            r"`from_rates\(rtol=...\)` must be from 0 to 0.01, got 0.1",
        ),
        ({"rates": [0.1], "rtol": math.nan}, r"must be from 0 to 0.01, got nan"),
        ({"rates": [0.1], "rtol": -1e-9}, r"must be from 0 to 0.01"),
    ],
)
def test_what_is_no_log_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        js.Trace.from_rates(**given)


def test_a_schedule_with_a_function_is_for_compare_and_report_alone():
    with pytest.raises(TypeError, match="function"):
        js.Trace.from_rates([0.1], schedule=js.LambdaLR(0.1, lambda step: 1.0))


@pytest.mark.parametrize("rtol", [1.0, -1e-9, "x", None, True, math.inf])
def test_a_file_that_admits_any_error_is_damaged(rtol, tmp_path):
    path = tmp_path / "log.jsonl"
    js.Trace.from_rates(RATES, rtol=1e-5).save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rtol": rtol}))

    with pytest.raises(ValueError, match="damaged"):
        js.Trace.load(path)


def test_a_trace_shows_that_it_is_a_log():
    assert repr(js.Trace.from_rates([0.1, 0.2], call="train.py")) == (
        "Trace(train.py, 2 counts, rates from a log)"
    )
    assert "rounded to 6e-08" in repr(js.Trace.from_rates(np.float32([0.1])))


# --- report ---


def test_the_report_holds_what_no_file_can(tmp_path):
    function = js.LambdaLR(0.1, lambda step: 0.5**step)
    halved = js.Trace.from_rates([0.1, 0.05, 0.025], call="halve.py")
    pairs = [(COSINE, js.Trace.from_rates(RATES)), (function, halved)]

    assert js.report(pairs, tmp_path / "parity.html") is True
    page = (tmp_path / "parity.html").read_text()
    assert "LambdaLR" in page and "halve.py" in page and "rates from a log" in page
    assert "All 2 configurations match" in page


def test_the_report_says_what_differs(tmp_path):
    wrong = js.StepLR(0.2, step_size=30)

    assert js.report([(wrong, js.Trace.from_rates([0.1]))], str(tmp_path / "a.html")) is False
    assert "1 configuration" in (tmp_path / "a.html").read_text()


def test_the_report_refuses_what_is_no_pair(tmp_path):
    trace = js.Trace.from_rates([0.1])

    with pytest.raises(ValueError, match=r"must hold a \(schedule, trace\) pair, got none"):
        js.report([], tmp_path / "a.html")
    with pytest.raises(TypeError, match=r"must hold \(schedule, trace\) pairs, got Trace"):
        js.report([trace], tmp_path / "a.html")
    with pytest.raises(TypeError, match=r"`compare\(trace=...\)` must be a Trace"):
        js.report([(trace, COSINE)], tmp_path / "a.html")
    with pytest.raises(OSError):
        js.report([(COSINE, trace)], tmp_path / "nowhere" / "a.html")
    assert not (tmp_path / "a.html").exists()
