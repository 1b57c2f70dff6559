"""Ctrl-C while the command `jaxsched` is loading: it ends, without a traceback.

The package imports this module before JAX, whose import takes longer than all the rest.
"""

import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator


def is_command() -> bool:
    """Whether this process runs `jaxsched` or `python -m jaxsched`, in its main thread."""
    if threading.current_thread() is not threading.main_thread():
        return False
    program = os.path.basename((getattr(sys, "argv", None) and sys.argv[0]) or "")
    if program == "-m":  # while Python looks for the module that it is to run
        return ("-m", "jaxsched") in itertools.pairwise(sys.orig_argv)
    return program in ("jaxsched", "jaxsched.exe") or _is_main_module()


def _is_main_module() -> bool:
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "jaxsched.__main__"


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Lets the signal raise a KeyboardInterrupt meanwhile, so that files are left whole."""
    ends = is_command() and signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    if ends:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ends:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # It ends the process: status 130 in a shell.
