"""Prints the tests that need PyTorch, or check more with it: whole files, or single functions."""

import ast
import re
from pathlib import Path

DIRECTLY = r"^\s*import torch$|importorskip\(['\"]torch['\"]\)"
helpers = Path("tests/helpers").glob("*.py")
asking = [path.stem for path in helpers if re.search(DIRECTLY, path.read_text(), re.MULTILINE)]
ASKS = rf"{DIRECTLY}|^(?:import|from) (?:{'|'.join(asking)})\b"


def tests_of(path: Path) -> list[str]:
    nodes = ast.parse(path.read_text()).body
    asking = [node for node in nodes if re.search(ASKS, ast.unparse(node), re.MULTILINE)]
    tests = [node for node in asking if getattr(node, "name", "").startswith("test_")]
    # What asks outside of a test, many may use.
    return [f"{path}::{node.name}" for node in tests] if tests == asking else [str(path)]


for file in sorted(Path("tests").glob("*/test_*.py")):
    if file.parent.name != "guides":
        print("".join(f"{test}\n" for test in tests_of(file)), end="")
