"""The `jaxsched` command: sub-commands and exit codes.

Exit status 0: success (for `check` and `report`: all traces match); 1: some traces differ; 2: an
error, with one message on stderr; 130: interrupted; 141: the reader closed the pipe. Each command
is a module with `add`, which declares its arguments, and `run`. Slow imports are inside `run`, so
that `--help` is fast.
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable

from .. import __version__, _interrupt
from .._text.source import PointedError, printable
from . import check, listing, plot, record, report, show


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status."""
    with _interrupt.raised():
        return _main(arguments)


def _main(arguments: list[str] | None) -> int:
    if sys.stdout is None:  # closed by the shell: `>&-`
        sys.stdout = io.StringIO()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for terminals without UTF-8
    try:
        return _flushed(lambda: _run(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except PointedError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'the output'}: {error.strerror or error}")
    except (ValueError, ImportError, RuntimeError) as error:  # RuntimeError: JAX has no such device
        if _was_interrupted(error):
            return 130
        return _fail(" ".join(str(error).split()))


def _run(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    return options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxsched",
        description="PyTorch's learning-rate schedulers, exactly, in JAX.",
        epilog="`jaxsched COMMAND --help` shows examples of each.",
    )
    parser.add_argument("--version", action="version", version=f"jaxsched {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (listing, show, plot, check, report, record):
        command.add(commands)
    return parser


def _flushed(run: Callable[[], int]) -> int:
    """Calls `run` and flushes stdout, so that a closed pipe raises here, not at Python's exit."""
    try:
        status = run()
        sys.stdout.flush()
        return status
    except SystemExit:
        sys.stdout.flush()
        raise


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is the cause: as a class is made, Python 3.11 raises a RuntimeError of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _fail(message: str) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
    lines = [printable(line) for line in message.split("\n")]
    print("\n".join(["jaxsched: " + lines[0], *lines[1:]]), file=sys.stderr)
    return 2


def _discard_output() -> None:
    """Redirects stdout to the null device, so that Python does not fail again when it exits."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
