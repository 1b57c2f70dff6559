"""Prints the tests that need PyTorch, or check more with it: whole files, or single functions."""

import ast
from pathlib import Path


def asks_for_torch(node: ast.AST) -> bool:
    lines = [line.strip() for line in ast.unparse(node).splitlines()]
    return "import torch" in lines or any("importorskip('torch')" in line for line in lines)


def tests_of(path: Path) -> list[str]:
    asking = [node for node in ast.parse(path.read_text()).body if asks_for_torch(node)]
    tests = [node for node in asking if getattr(node, "name", "").startswith("test_")]
    # What asks outside of a test, many may use.
    return [f"{path}::{node.name}" for node in tests] if tests == asking else [str(path)]


for file in sorted(Path("tests").glob("*/test_*.py")):
    if file.parent.name != "guides":
        print("".join(f"{test}\n" for test in tests_of(file)), end="")
