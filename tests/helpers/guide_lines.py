"""Tables of a guide, from a call in another library to code here, and the rates of those libraries."""

import json
import re
from pathlib import Path

import numpy as np

_TESTS = Path(__file__).parents[1]
GUIDES = _TESTS.parent / "examples" / "guides"


class Lines:
    """The tables of some sections of a guide, and the file of the rates that were recorded."""

    def __init__(self, guide, recorded, sections):
        self.guide = GUIDES / guide
        self.recorded = _TESTS / "recipes" / recorded
        self.sections = sections

    def lines(self):
        """Section, their call and our code of each line of the tables."""
        found = []
        for text in re.split(r"\n###? ", self.guide.read_text())[1:]:
            section = text.splitlines()[0]
            if section in self.sections:
                rows = re.findall(r"^\| `([^`]*=[^`]*)` \| `([^`]*)` \|$", text, re.MULTILINE)
                found += [(section, *row) for row in rows]
        return found

    def rates(self):
        """What was recorded of each line."""
        return json.loads(self.recorded.read_text())

    def record(self, function_of):
        """Writes the rates of each line: `function_of(section, call)` is a function, and a length."""
        recorded = {}
        for section, call, _ in self.lines():
            function, length = function_of(section, call)
            recorded[f"{section}: {call}"] = {n: float(function(n)) for n in counts(length)}
        self.recorded.write_text(json.dumps(recorded, indent=0) + "\n")


def counts(length):
    """Counts all over a run, its first and last, and the three at each multiple of 500."""
    spread = np.linspace(0, length - 1, 41).astype(int)
    near = [n + d for n in range(0, length, 500) for d in (-1, 0, 1)] + [99, 100, 101]
    near += [n + d for n in (800, 801, 7_999, 9_998) for d in (0, 1)]
    return sorted({int(n) for n in (*spread, *near) if 0 <= n < length})
