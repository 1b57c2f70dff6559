"""`tests/fuzz.py` notices: a wrong rate, an error that no user should see, a type of its own."""

import re

import jax
import pytest

pytest.importorskip("torch")

import fuzz
import fuzz_cases
import fuzz_outcomes

import jaxsched as js


@pytest.fixture(autouse=True)
def only_step_lr(monkeypatch):
    monkeypatch.setattr(fuzz_cases, "KINDS", [(fuzz_cases.constructor, 1)])
    monkeypatch.setattr(fuzz_cases, "SINGLES", ["StepLR"])


def run(capsys, *arguments):
    """The exit code and what is printed."""
    with jax.numpy_dtype_promotion("strict"):
        status = fuzz.main(["--seed", "7", *arguments])
    return status, capsys.readouterr().out


def test_nothing_is_found_where_nothing_is_wrong(capsys):
    status, told = run(capsys, "--cases", "12")
    assert status == 0 and "FIND" not in told
    assert told.startswith("python tests/fuzz.py --seed 7,")
    accepted, refused, skipped, finds = map(int, re.search(r"^all +(.*)$", told, re.M)[1].split())
    assert accepted > 3 and accepted + refused == 12 and skipped == finds == 0


def test_a_wrong_rate_is_found_and_shown(capsys, monkeypatch):
    right = js.StepLR.__call__
    monkeypatch.setattr(js.StepLR, "__call__", lambda self, count: right(self, count) * (1 + 1e-10))
    status, told = run(capsys, "--cases", "12")
    assert status == 1
    assert run(capsys, "--cases", "12", "--allow", "1")[0] == 0
    index, equal = (
        re.search(r"--index (\d+)", told)[1],
        re.search(r"(\d+) x constructor of StepLR: rates differ", told),
    )
    assert int(equal[1]) > 3, "equal finds are one, and counted"
    assert told.count("FIND") == 1

    status, again = run(capsys, "--index", index)
    assert status == 1 and "rates differ" in again, "its seed and index alone give the case"
    find = told[told.index("FIND") :].partition("\n\n")[0]
    script = [line[4:] for line in find.splitlines() if line.startswith("    ")]
    assert script[:2] == [
        'import sys; sys.path.insert(0, "tests/helpers")',
        "from fuzz_outcomes import *",
    ]
    exec("\n".join(script[1:]), {})
    assert re.match(r"step 0: \[.*\], PyTorch \[.*\]\nstep 1: ", capsys.readouterr().out)


@pytest.mark.parametrize(
    "error", [KeyError("gamma"), AttributeError("no"), ValueError("not told in the house's way")]
)
def test_a_raw_error_is_found(capsys, monkeypatch, error):
    def fail(self):
        raise error

    monkeypatch.setattr(js.StepLR, "_validate", fail)
    status, told = run(capsys, "--cases", "2")
    assert status == 1 and f"raw {type(error).__name__} in test_fuzz.py" in told


def test_what_is_refused_by_one_alone_is_found(capsys, monkeypatch):
    def fail(self):
        raise ValueError("`StepLR(gamma=...)` must be lucky, got 0.1.")

    monkeypatch.setattr(js.StepLR, "_validate", fail)
    status, told = run(capsys, "--cases", "6")
    assert status == 1 and "refuses: `StepLR(gamma=...)` must be lucky" in told
    monkeypatch.setattr(
        fuzz_outcomes,
        "DIFFERENCES",
        [fuzz_outcomes.Difference("Luck is asked for.", ours="must be lucky")],
    )
    status, told = run(capsys, "--cases", "6")
    assert status == 0 and "refused by one alone: Luck is asked for." in told
