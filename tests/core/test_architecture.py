"""Where things may live: what each folder imports, lazy imports included."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import jaxsched

ROOT = Path(jaxsched.__file__).parent
# Each may import from those above it, and from itself.
FLOORS = [
    "_interrupt", "_core", "_schedulers", "transformers", "diffusers", "timm", "deepspeed", "megatron", "torchtitan", "nemo", "fairseq2",
    "fairseq", "olmo", "cosine_annealing_warmup", "espnet", "mmengine", "detectron2", "pl_bolts", "pytorch_warmup", "_combine", "_optax", "_text", "_chart", "_torch", "_traces", "_plot",
    "_report", "testing",
    "_cli", "__main__",
]  # fmt: skip
WITH_TORCH = ("_torch/", "_traces/record.py", "_traces/trainer.py", "testing.py")


def modules():
    return [path for path in sorted(ROOT.rglob("*.py")) if path != ROOT / "__init__.py"]


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """The names of jaxsched's modules, and of others, that a file imports anywhere."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((None, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield None, node.module
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            module = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                yield (inner if inner in NAMES else module), None


NAMES = {name_of(path) for path in modules()}


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_from_the_floors_below_it(path):
    own = name_of(path).split(".")[0]
    for ours, other in imported(path):
        floor = (ours or "").split(".")[0]
        if floor and floor in FLOORS:
            assert FLOORS.index(floor) <= FLOORS.index(own), f"{name_of(path)} imports {ours}"
        if other and other.split(".")[0] == "torch":
            assert path.relative_to(ROOT).as_posix().startswith(WITH_TORCH)


def test_no_module_imports_itself_in_a_circle():
    graph = {
        name_of(path): {ours for ours, _ in imported(path) if ours} - {name_of(path)}
        for path in modules()
    }
    TopologicalSorter(graph).prepare()


def test_each_scheduler_has_a_file_of_its_name():
    from jaxsched._schedulers import SCHEDULERS

    for cls in SCHEDULERS:
        file = cls.__module__.split(".")[-1]
        assert file.replace("_", "") == cls.__name__.lower()


def test_warnings_are_filtered_only_where_one_thread_runs():
    """`warnings.catch_warnings` changes a list that all threads share."""
    recorders = {"_traces/cases.py", "_traces/trainer.py", "_cli/record.py"}
    found = {
        path.relative_to(ROOT).as_posix()
        for path in modules()
        if re.search(r"catch_warnings|simplefilter|filterwarnings", path.read_text())
    }

    assert found == recorders
