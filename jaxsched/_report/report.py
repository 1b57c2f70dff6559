"""`report`: the HTML report from Python."""

import os
from collections.abc import Iterable
from typing import Any

from .._text.files import check_writable, write
from .._traces.compare import compare_both
from .._traces.trace import Trace


def report(pairs: Iterable[tuple[Any, Trace]], path: "str | os.PathLike[str]") -> bool:
    """Writes an HTML page that shows each trace and the rates of its schedule.

    The page is that of `jaxsched report`: recorded points, the schedule's curve, the error at each
    step in float32, the largest errors in float32 and float64. It loads no other file.

    Args:
      pairs: `(schedule, trace)` pairs, with a schedule, ParamGroups or ReduceLROnPlateau as for
        `jaxsched.compare`; also one that holds Python functions, which no file can hold.
      path: the file to write, for example "parity.html".

    Returns:
      Whether all rates are within the bounds, in both float types.

    Raises:
      ImportError: without jinja2 (`pip install 'jaxsched[report]'`).
      OSError: if the file cannot be written.
      TypeError, ValueError: for something that is no pair, no schedule or no trace, or that
        `jaxsched.compare` refuses.

    >>> import os, tempfile
    >>> import jaxsched
    >>> schedule = jaxsched.LambdaLR(0.1, lambda step: 0.5 ** step)
    >>> logged = jaxsched.Trace.from_rates([0.1, 0.05, 0.025])
    >>> report([(schedule, logged)], os.path.join(tempfile.mkdtemp(), "parity.html"))
    True
    """
    try:
        from .page import page
    except ImportError as error:
        raise ImportError("`report` needs an extra: pip install 'jaxsched[report]'.") from error
    pairs = [_checked(pair) for pair in pairs]
    if not pairs:
        raise ValueError("`report(pairs=...)` must hold a (schedule, trace) pair, got none.")
    check_writable(os.fspath(path))
    results = [
        (_name(schedule), trace, schedule, compare_both(schedule, trace))
        for schedule, trace in pairs
    ]
    write(path, page(results))
    return all(comparison.ok for *_, both in results for comparison in both)


def _checked(pair: Any) -> tuple[Any, Trace]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"`report(pairs=...)` must hold (schedule, trace) pairs, got {pair!r}.")
    return pair[0], pair[1]


def _name(schedule: Any) -> str:
    return getattr(schedule, "_called", None) or type(schedule).__name__
