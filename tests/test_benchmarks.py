"""What the README says about Optax's own schedules, measured again."""

import sys
from pathlib import Path

import jax
import pytest

pytest.importorskip("torch")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import optax_schedules
    finally:
        sys.path.pop(0)
    return optax_schedules


@pytest.fixture(scope="module")
def rows(benchmark):
    # Optax's schedules promote dtypes and ranks implicitly.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return benchmark.measured()


def test_ours_are_pytorchs_rates_rounded_once(rows):
    assert [row.call for row in rows if row.ours.ulp > 0.501] == []


def test_every_scheduler_has_a_row(rows):
    assert len({row.call.split("(")[0] for row in rows}) == 16


def test_the_readme_shows_what_is_measured(benchmark, rows):
    _, shown, _ = benchmark.split_readme((ROOT / "README.md").read_text())
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

        assert benchmark.split_readme(text) == (f"before\n{first}\n", between, f"{last}\nafter\n")
