"""Printing, plurals, and the import of optional dependencies."""

import importlib
import sys
from typing import Any

import rich.console


class Console(rich.console.Console):
    """Rich's console, but a closed pipe raises BrokenPipeError."""

    def __init__(self, stderr: bool = False):
        super().__init__(stderr=stderr, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def is_unicode() -> bool:
    """Whether the standard output can show braille and box drawing."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def optional(module: str, extra: str) -> Any:
    """Imports a module that an extra of jaxsched installs; the error names the extra."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"this needs {error.name}: pip install 'jaxsched[{extra}]'") from None
