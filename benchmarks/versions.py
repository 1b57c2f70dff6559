"""Runs the tests on several versions of Python, of the dependencies and of PyTorch.

python benchmarks/versions.py                    # the whole suite on each Python, oldest and newest
python benchmarks/versions.py --core             # the core's tests
python benchmarks/versions.py --python 3.13 --dependencies newest
python benchmarks/versions.py --torch 2.14.1     # the tests that run PyTorch, with that version
python benchmarks/versions.py --write -- -n 8    # also writes the guide's table; pytest's options

The oldest dependencies are those that pyproject.toml asks for, the newest those that pip brings.
A row of the guide's table stays until its cell is run again.
"""

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path

import markers

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "examples" / "guides" / "traces.md"
MARKERS = "<!-- versions -->", "<!-- /versions -->"
PYTHONS = "3.11", "3.12", "3.13"
PACKAGES = "jax", "optax", "numpy", "flax", "torch"
HEADER = ("Python", "dependencies", *PACKAGES, "tests", "passed", "skipped", "failed")
EXTRA = "test"

# Errors, exact numbers, compositions, Optax's states, configs.
CORE = [
    "tests/core/test_rejects.py",
    "tests/core/test_edges.py",
    "tests/core/test_numpy_inputs.py",
    "tests/schedulers/test_compose.py",
    "tests/tools/test_optax.py",
    "tests/tools/test_config.py",
]
# All traces recorded again, random schedules step by step, PyTorch's own tests, and checkpoints.
CORE_OF_TORCH = [
    "tests/schedulers/test_live.py",
    "tests/schedulers/test_torch_suite.py",
    "tests/port/test_state_dict.py",
]


@dataclasses.dataclass(frozen=True)
class Cell:
    """What is tested: a Python, the oldest or the newest dependencies, perhaps with a PyTorch."""

    python: str
    dependencies: str
    torch: str | None = None

    @property
    def name(self) -> str:
        torch = f"-torch-{self.torch}" if self.torch else ""
        return f"{self.python}-{self.dependencies}{torch}"

    def tests(self, core: bool) -> list[str]:
        """The arguments of pytest: none for the whole suite."""
        if not core:
            return []
        return CORE_OF_TORCH if self.torch else CORE

    def what(self, core: bool) -> str:
        """The column "tests"."""
        return ("core" if core else "all") + (" with PyTorch" if self.torch else "")


def requirements(*extras: str, project: dict | None = None) -> list[str]:
    """The requirements of the package and of extras; those within our own extras are followed."""
    project = project or tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = list(project["dependencies"])
    for extra in extras:
        for requirement in project["optional-dependencies"][extra]:
            if own := re.fullmatch(rf"{project['name']}\[(.*)\]", requirement):
                found += requirements(*own[1].split(","), project=project)
            else:
                found.append(requirement)
    return list(dict.fromkeys(found))


def floors(*extras: str) -> dict[str, str]:
    """The oldest version of each requirement. One without is an error."""
    oldest = {}
    for requirement in requirements(*extras):
        match = re.fullmatch(r"([\w.-]+)[>=]=([\w.]+)", requirement)
        if match is None:
            raise ValueError(f"{requirement!r} must say its oldest version: NAME>=1.2")
        oldest[match[1]] = match[2]
    return oldest


def interpreter(version: str) -> str | None:
    """The command of a Python, on the path or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for candidate in filter(None, candidates):
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.stdout.strip() == version:  # pyenv has commands for what is not switched on too
            return str(candidate)
    return None


def install(cell: Cell, environment: Path, python: str) -> None:
    """Makes the virtual environment of a cell."""
    subprocess.run([python, "-m", "venv", environment], check=True)
    pip = [environment / "bin" / "pip", "install", "--quiet"]
    if cell.torch:
        subprocess.run([*pip, f"torch=={cell.torch}"], check=True)
    if cell.dependencies == "oldest":
        pins = [f"{name}=={version}\n" for name, version in floors(EXTRA).items()]
        constraints = environment / "oldest.txt"
        constraints.write_text("".join(pins))
        pip += ["--constraint", constraints]
    subprocess.run([*pip, "--editable", f"{ROOT}[{EXTRA}]"], check=True, cwd=ROOT)


def install_this_checkout(environment: Path) -> None:
    """Into an environment of an earlier run, which may have been another checkout's."""
    pip = [environment / "bin" / "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--editable", ROOT], check=True, cwd=ROOT)


def installed(python: Path, names: Iterable[str]) -> dict[str, str]:
    """Versions of packages in an environment; "-" for those that are not there."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "there = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        "print(json.dumps({name: there.get(name, '-') for name in sys.argv[1:]}))"
    )
    return json.loads(subprocess.check_output([python, "-c", code, *names], text=True))


def counts(report: Path) -> dict[str, int]:
    """What pytest's JUnit file counts."""
    suites = ET.parse(report).getroot().iter("testsuite")
    number = {name: 0 for name in ("tests", "skipped", "failures", "errors")}
    for suite in suites:
        for name in number:
            number[name] += int(suite.get(name, "0"))
    failed = number["failures"] + number["errors"]
    passed = number["tests"] - number["skipped"] - failed
    return {"passed": passed, "skipped": number["skipped"], "failed": failed}


def run(cell: Cell, environment: Path, core: bool, options: Sequence[str]) -> dict[str, str]:
    """The row of a cell: versions and counts."""
    python = environment / "bin" / "python"
    # Another checkout on the path would be tested instead of this one.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    report = environment / "report.xml"
    report.unlink(missing_ok=True)
    command = [python, "-m", "pytest", *cell.tests(core), f"--junitxml={report}", *options]
    subprocess.run(command, cwd=ROOT, env=environ)
    if not report.exists():
        raise SystemExit(f"{cell.name}: pytest did not come to its end")
    number = counts(report)
    if cell.torch is None:
        check = subprocess.run([python, "-m", "jaxsched", "check"], cwd=ROOT, env=environ)
        number["passed" if check.returncode == 0 else "failed"] += 1
    version = subprocess.check_output(
        [python, "-c", "import platform; print(platform.python_version())"], text=True
    ).strip()
    versions = installed(python, PACKAGES)
    versions["torch"] = versions["torch"].split("+")[0]
    shown = {name: f"{count:,}" for name, count in number.items()}
    return dict.fromkeys(HEADER, "") | {
        "Python": version,
        "dependencies": cell.dependencies,
        **versions,
        "tests": cell.what(core),
        **shown,
    }


def key(row: dict[str, str]) -> tuple:
    """Tells the cells of the table apart, and puts them in order: PyTorch's rows come last."""
    minor = tuple(map(int, row["Python"].split(".")[:2]))
    torch = tuple(map(int, re.findall(r"\d+", row["torch"])))
    return torch, minor, row["dependencies"] == "newest"


def table(rows: Iterable[dict[str, str]]) -> str:
    lines = [HEADER, ["---"] * len(HEADER)]
    lines += [[row[name] for name in HEADER] for row in sorted(rows, key=key)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def rows_of(shown: str) -> list[dict[str, str]]:
    """The rows of a table; none of an empty text."""
    lines = [line.strip("| ").split(" | ") for line in shown.splitlines()]
    return [dict(zip(HEADER, cells, strict=True)) for cells in lines[2:]]


def split_guide(text: str) -> tuple[str, str, str]:
    """The guide before, between and after the two markers."""
    return markers.split_guide(text, GUIDE, MARKERS)


def merged(text: str, rows: Iterable[dict[str, str]]) -> str:
    """The guide with rows in place of those of the same cells."""
    before, shown, after = split_guide(text)
    together = {key(row): row for row in [*rows_of(shown), *rows]}
    return before + table(together.values()) + after


def cells(options: argparse.Namespace) -> list[Cell]:
    if options.torch:
        python = options.python or ["3.11"]
        return [Cell(version, "newest", torch) for version in python for torch in options.torch]
    python, dependencies = options.python or PYTHONS, options.dependencies or ["oldest", "newest"]
    return [Cell(version, which) for version in python for which in dependencies]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--core", action="store_true", help="the core's tests, a few minutes")
    parser.add_argument("--python", nargs="+", metavar="3.X", help=f"default: {' '.join(PYTHONS)}")
    parser.add_argument("--dependencies", nargs="+", choices=["oldest", "newest"])
    parser.add_argument("--torch", nargs="+", metavar="VERSION", help="with these PyTorch versions")
    parser.add_argument("--write", action="store_true", help=f"write the rows into {GUIDE.name}")
    parser.add_argument(
        "--environments", type=Path, metavar="FOLDER",
        help="make the environments there and keep them; one that is there keeps its versions",
    )  # fmt: skip
    parser.add_argument("pytest", nargs="*", metavar="-- OPTIONS", help="options of pytest")
    options = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for cell in cells(options):
            environment = (options.environments or Path(temporary)).absolute() / cell.name
            python = interpreter(cell.python)
            if not environment.exists():
                if python is None:
                    print(f"Python {cell.python} is not here: no {cell.name}", flush=True)
                    continue
                install(cell, environment, python)
            else:
                install_this_checkout(environment)
            rows.append(run(cell, environment, options.core, options.pytest))
            print(table(rows), flush=True)
            if options.write:
                GUIDE.write_text(merged(GUIDE.read_text(), rows[-1:]))
    return int(any(row["failed"] != "0" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
