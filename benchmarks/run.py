"""Measures the speed and exactness of jaxsched and of its alternatives.

python benchmarks/run.py                          # all groups; writes RESULTS.md
python benchmarks/run.py --only exactness eager   # some groups
python benchmarks/run.py --quick                  # a smoke run, which stores nothing
"""

import argparse
import importlib.util
import time

import jax
from rich.console import Console

if importlib.util.find_spec("torch") is None:
    raise SystemExit("this compares with live PyTorch: pip install torch==2.13.0")

import cost
import exactness
import page
import results
import setting
import sweep
import training

MEASURES = {
    "exactness": exactness.measure,
    "eager": cost.eager,
    "adam": cost.adam,
    "compile": cost.compilation,
    "curve": cost.curve,
    "training": training.measure,
    "sweep": sweep.measure,
    "import": cost.imports,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=MEASURES, metavar="GROUP", default=[*MEASURES])
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that it runs")
    parser.add_argument("--commit", help="the commit that is measured, if git is not available")
    options = parser.parse_args(arguments)
    console = Console(width=160)
    where, measured = setting.setting(options.commit), {}
    for group, measure in MEASURES.items():
        if group in options.only:
            start = time.perf_counter()
            rows = measure(options.quick)
            measured[group] = results.Measured(rows, time.perf_counter() - start)
            console.print(results.rich_table(group, rows))
    if options.quick:
        console.print("A smoke run: sizes too small to mean anything, nothing stored.")
        return
    if reason := results.obstacle(where, measured):
        console.print(f"Not stored, as the other groups stored are of another run: {reason}.")
        return
    results.store(where, measured)
    page.write()
    console.print(f"Written: {page.PAGE}", soft_wrap=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)
    main()
