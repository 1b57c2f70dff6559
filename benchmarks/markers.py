"""The part of a guide that a script writes: what stands between two markers."""

import re
from pathlib import Path


def split_guide(text: str, guide: Path, markers: tuple[str, str]) -> tuple[str, str, str]:
    """The text of a guide before, between and after two markers."""
    match = re.fullmatch(rf"(.*{markers[0]}\n)(.*)({markers[1]}\n.*)", text, re.DOTALL)
    if match is None:
        raise ValueError(f"{guide.name} has no lines `{markers[0]}` and, later, `{markers[1]}`.")
    return match[1], match[2], match[3]
