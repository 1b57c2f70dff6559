"""What the guide says about Optax's own schedules, measured again; and the suite that measures."""

import dataclasses
import importlib
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[2]


def load(name):
    """A module of the benchmarks."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


@pytest.fixture(scope="module")
def benchmark():
    return load("optax_schedules")


@pytest.fixture(scope="module")
def rows(benchmark):
    # Optax's schedules promote dtypes and ranks implicitly.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return benchmark.measured()


def test_ours_are_pytorchs_rates_rounded_once(rows):
    assert [row.call for row in rows if row.ours.ulp > 0.501] == []


def test_every_scheduler_has_a_row(rows):
    assert len({row.call.split("(")[0] for row in rows}) == 16


def test_the_guide_shows_what_is_measured(benchmark, rows):
    _, shown, _ = benchmark.split_guide(benchmark.GUIDE.read_text())
    shown = [line.split(" | ") for line in shown.splitlines() if line.startswith("| `")]
    assert len(shown) == len(rows)
    for cells, row in zip(shown, rows, strict=True):
        call, nearest, difference, *_ = row.cells()
        assert cells[:2] == [f"| {call}", nearest]
        if row.optax is None or row.optax.percent > 1e-3:  # more than rounding, on any machine
            assert cells[2].split(",")[0] == difference.split(",")[0]
        else:
            assert float(cells[2].split(" %")[0]) < 1e-3


def test_the_table_is_written_between_the_markers(benchmark):
    first, last = benchmark.MARKERS

    for between in ("", "an old table\n"):
        text = f"before\n{first}\n{between}{last}\nafter\n"

        assert benchmark.split_guide(text) == (f"before\n{first}\n", between, f"{last}\nafter\n")


class Clock:
    """A clock that stands still until something is done."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def __call__(self):
        return self.now

    def work(self, name, seconds):
        """A function whose result is ready after as many seconds, if it is waited for."""

        class Result:
            def block_until_ready(_):
                self.now += seconds
                self.log.append(name)

        return Result

    def timed(self, name, *seconds):
        """A candidate that takes as many seconds at each of its turns."""
        turns = iter(seconds)

        def candidate():
            self.log.append(name)
            return next(turns)

        return candidate


def test_every_call_is_waited_for():
    clock = Clock()

    assert load("timing").seconds(clock.work("a", 0.5), 4, clock) == 0.5
    assert clock.log == ["a"] * 4


def test_candidates_take_turns_in_alternating_order_and_the_warm_up_does_not_count():
    clock = Clock()
    candidates = clock.timed("a", 100, 1, 2, 3), clock.timed("b", 200, 4, 5, 6)

    assert load("timing").alternate(*candidates, rounds=3) == [[1, 2, 3], [4, 5, 6]]
    assert "".join(clock.log) == "ab" + "ab" + "ba" + "ab"


def test_without_a_warm_up_the_first_turn_counts():
    assert load("timing").alternate(Clock().timed("a", 7), rounds=1, warm_up=False) == [[7]]


def test_functions_have_their_own_number_of_calls_to_a_round():
    calls = []
    functions = [lambda name=name: calls.append(name) for name in "ab"]

    times = load("timing").interleaved(*functions, rounds=2, repeat=(3, 1))

    assert "".join(calls) == "aaab" + "aaab" + "baaa"
    assert [len(rounds) for rounds in times] == [2, 2]


def test_a_ratio_is_the_median_of_the_rounds_own():
    """A machine that slows down slows both, round by round."""
    row = load("results").timed("a", "b", [1e-3, 9e-3, 4e-3], [2e-3, 10e-3, 4e-3], "ms", target=0.7)

    assert (row.ours, row.theirs) == (4.0, 4.0)
    assert row.cells()[4:] == ["0.900 (0.700 to 0.950)", "at most 0.7x", "**no**"]
    assert row.cells()[2] == "4.000 ms"


def test_a_time_saved_is_theirs_over_ours():
    row = load("results").timed("a", "b", [2.0], [800.0], "s", faster=True, target=1000)

    assert row.cells()[2:] == ["2.000 s", "800 s", "400x", "at least 1,000x", "**no**"]


def test_a_target_may_be_about_our_own_figure():
    times = [0.049], [0.001]
    row = load("results").timed("a", "b", *times, "ms", target=50, of_ours=True)

    assert (row.met, row.target_text) == (True, "at most 50 ms")
    assert not dataclasses.replace(row, ours=50.1).met


def test_what_was_not_measured_is_neither_met_nor_missed():
    row = load("results").Row("a", "b", None, None, "ms", target=1.0)

    assert row.cells()[2:] == ["-", "-", "-", "at most 1.0x", "-"]


@pytest.mark.parametrize(
    "number, shown",
    [
        (0.0, "0"),
        (1.5e-9, "1.5e-9"),
        (0.0123, "0.0123"),
        (0.9996, "1.000"),
        (1.2344, "1.234"),
        (21.34, "21.3"),
        (1234.0, "1,230"),
        (3.4e8, "3.4e8"),
    ],
)
def test_numbers_are_short(number, shown):
    assert load("results").short(number) == shown


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """The modules that store and show, with a folder of their own."""
    results, page = load("results"), load("page")
    monkeypatch.setattr(results, "STORED", tmp_path / "results")
    monkeypatch.setattr(page, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(page, "GUIDE", tmp_path / "speed.md")
    return results, page


SETTING = {
    "backend": "cpu",
    "machine": {"cpu": "A", "cores": 2, "gpu": None, "system": "Linux"},
    "versions": {"jax": "0.10.2"},
    "commit": "c0ffee" * 6,
    "changed": False,
}
CUDA = SETTING | {
    "backend": "cuda",
    "machine": SETTING["machine"] | {"gpu": "G"},
    "commit": "beef" * 9,
}


def groups(results, ratio=0.5, names=None):
    row = results.Row("what", "against", 1.0, 2.0, "ms", ratio, target=1.0)
    return {name: results.Measured([row], 60.0) for name in names or results.GROUPS}


def test_the_page_is_made_of_what_is_stored(stored):
    results, page = stored
    results.store(SETTING, groups(results))
    page.GUIDE.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")

    page.write()

    shown, guide = page.PAGE.read_text(), page.GUIDE.read_text()
    assert (
        shown.count(
            "| what | against | 1.000 ms | 2.000 ms | 0.500 | at most 1.0x | yes | not measured |"
        )
        == 8
    )
    assert "**CPU**: commit `c0ffeec0ffee`, " in shown
    assert "the run took 8 minutes" in shown
    assert "- **CUDA**: not measured: no CUDA GPU was at hand." in shown
    assert guide.startswith("before\n<!-- benchmarks -->\n| ")
    assert guide.endswith(" |\n<!-- /benchmarks -->\nafter\n")
    assert (
        guide.count("| 0.500 | at most 1.0x | 1 of 1 | not measured: no CUDA GPU was at hand |")
        == 8
    )


def test_cuda_has_its_own_column_and_commit(stored):
    results, page = stored
    results.store(SETTING, groups(results))
    of_its_own = results.Row("huge", "against", 3.0, 4.0, "ms", 0.75)
    measured = groups(results, ratio=1.5)
    measured["adam"].rows.append(of_its_own)
    results.store(CUDA, measured)

    shown = page.page(results.stored())

    assert "- **CUDA**: commit `beefbeefbeef`" in shown
    assert shown.count("| yes | 1.000 ms against 2.000 ms, 1.500, **not met** |") == 8
    assert (
        shown.count("| huge | against | - | - | - | - | - | 3.000 ms against 4.000 ms, 0.750 |")
        == 1
    )
    assert page.headline(results.stored()).count("| 1.500, met by 0 of 1 |") == 8


def test_an_unclean_tree_is_named(stored):
    results, page = stored
    results.store(SETTING | {"changed": True}, groups(results))

    assert "**with uncommitted changes**" in page.page(results.stored())


def test_some_groups_join_only_others_of_the_same_commit_and_machine(stored):
    results, _ = stored
    some = groups(results, ratio=0.25, names=["eager"])
    assert results.obstacle(SETTING, some) is None  # nothing is stored yet
    results.store(SETTING, groups(results))

    assert results.obstacle(SETTING, some) is None
    assert results.obstacle(SETTING | {"commit": "f00"}, some) == "measured with another commit"
    assert results.obstacle(SETTING | {"changed": True}, some) == "uncommitted changes"
    assert results.obstacle(SETTING | {"commit": "f00"}, results.GROUPS) is None
    results.store(SETTING, some)
    ratios = [results.rows_of(results.stored()["cpu"], name)[0].ratio for name in results.GROUPS]
    assert ratios == [0.5, 0.25, *[0.5] * 6]


def test_the_commit_is_gits_or_the_one_told(monkeypatch, tmp_path):
    setting = load("setting")
    monkeypatch.setattr(setting, "ROOT", tmp_path)

    assert setting.commit("abc") == {"commit": "abc", "changed": None}
    assert setting.commit() == {"commit": "unknown", "changed": None}


def test_the_page_shows_what_is_stored_and_nothing_else():
    results, page = load("results"), load("page")

    assert page.PAGE.read_text() == page.page(results.stored())


def test_the_guides_summary_shows_what_is_stored():
    results, page = load("results"), load("page")
    parts = page.split_guide(page.GUIDE.read_text())

    assert parts[1] == page.headline(results.stored())


def test_all_groups_are_stored_with_all_their_rows():
    results = load("results")
    cpu = results.stored()["cpu"]

    assert cpu["groups"].keys() == results.GROUPS.keys() == load("run").MEASURES.keys()
    assert len(results.rows_of(cpu, "exactness")) == 2 * 16
    assert all(row.met for row in results.rows_of(cpu, "exactness"))


def test_the_other_side_has_pytorchs_curve():
    """What is timed against a schedule does the same, but for rounding."""
    exactness, schedulers = load("exactness"), load("schedulers")
    cases = schedulers.cases(200)
    assert len({case.name for case in cases}) == 16
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for case in cases:
            torchs = exactness.torch_rates(case, 200)
            assert len(set(torchs.tolist())) > 1, case.name
            np.testing.assert_allclose(
                exactness.optax_rates(case, 200),
                torchs,
                atol=1e-5 * torchs.max(),
                err_msg=case.name,
            )


def test_a_port_that_is_absent_or_raises_says_so():
    exactness, schedulers = load("exactness"), load("schedulers")
    case, torchs = schedulers.cases(200)[2], np.full(4, 0.1)
    missing = dataclasses.replace(case, port=None)
    shown = {"at": [0, 1, 2, 3], "rates": [0.1, 0.1, 0.1, 0.2]}

    assert exactness.port(missing, None, torchs, 0.5)[2] == "no port"
    assert exactness.port(case, None, torchs, 0.5)[2] == "not installed"
    assert exactness.port(case, {case.name: {"error": "E: x"}}, torchs, 0.5)[2] == "raises E: x"
    assert exactness.port(case, {case.name: shown}, torchs, 0.5)[2] > 1e6
    outside = {"at": [0, 2], "rates": [0.1, 0.1]}
    name, *_ = exactness.port(case, {case.name: shown | {"outside": outside}}, torchs, 0.5)
    assert name.endswith("; outside of `jit` (at 2 of the steps) 0.200 ULP")


def test_a_sweep_holds_as_many_candidates_of_five_families():
    candidates = load("sweep").candidates(1000)

    assert len({repr(candidate) for candidate in candidates}) == 1000
    assert len({type(candidate) for candidate in candidates}) == 5


def test_a_smoke_run_measures_and_stores_nothing(stored, capsys):
    results, page = stored
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        load("run").main(["--quick", "--only", "eager", "compile", "curve", "sweep", "import"])

    shown = capsys.readouterr().out
    for name in ("eager", "compile", "curve", "sweep", "import"):
        assert results.GROUPS[name].title in shown
    assert "A smoke run" in shown
    assert not results.STORED.exists() and not page.PAGE.exists()


def test_results_of_a_run_are_stored_and_shown(stored, capsys, monkeypatch):
    results, page = stored
    page.GUIDE.write_text("no markers\n")
    run = load("run")
    monkeypatch.setattr(run, "MEASURES", {name: lambda quick: [] for name in run.MEASURES})

    run.main([])

    assert (
        json.loads((results.STORED / "cpu.json").read_text())["groups"].keys()
        == results.GROUPS.keys()
    )
    assert page.PAGE.read_text().count("\n## ") == 8
    assert page.GUIDE.read_text() == "no markers\n"
    where = run.setting.setting() | {"commit": "another"}
    monkeypatch.setattr(run.setting, "setting", lambda told: where)
    run.main(["--only", "eager"])
    assert "Not stored" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*has no closed form")
def test_the_readme_shows_each_case_of_growth():
    shown = (ROOT / "benchmarks" / "README.md").read_text()

    for work, what, size, *_ in load("growth").CASES:
        assert f"| {what.format(size)} " in shown
        work(3)
