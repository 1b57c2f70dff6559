"""What is printed: tables, counted words, and what to do where an extra is not installed."""

import importlib
from typing import Any

import rich.console


class Console(rich.console.Console):
    """Rich's console, but its caller hears of a reader that has gone."""

    def __init__(self, stderr: bool = False):
        super().__init__(stderr=stderr, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def optional(module: str, extra: str) -> Any:
    """A module that only an extra of jaxsched installs."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"this needs {error.name}: pip install 'jaxsched[{extra}]'") from None
