"""Traces: recorded PyTorch rates, in memory and in files.

A trace file holds JSON lines, one trace each. Rates are written as the shortest decimals that
give the same float64 back: exact, and readable.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .._core.schedule import without_warnings
from .._text.config import from_config
from .._text.expression import Expression
from .._text.files import write
from .._text.source import brief

FORMAT = 1
MOST_WORK = 20_000_000  # operations to compute the metrics of all steps: some seconds
MOST_COUNT = 2**53  # integers up to it are exact in float64


SHIPPED = Path(__file__).parent / "data"


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """The rates of a PyTorch scheduler, step by step.

    Args:
      torch: the PyTorch version that was recorded.
      call: the PyTorch constructor call, for display.
      optimizer: the optimizer's class name.
      counts: int64 of shape `(steps,)`, the numbers of calls of `step()`; or float64, the
        fractional epochs passed to CosineAnnealingWarmRestarts.
      lr: float64 of shape `(steps,)`, or `(steps, groups)` for several parameter groups.
      momentum: of the same shape, the momentum (Adam's beta1); None if it is not cycled.
      closed_form: of the same shape, the closed form of a CosineAnnealingLR, or NaN; after T_max
        it is the reference, as PyTorch's recursion drifts there.
      metrics: the metrics passed to ReduceLROnPlateau up to the last count, float64 of shape
        `(counts[-1],)` or (for a long run) an expression of the step, rounded to float32; or None.
      schedule: the config of the jaxsched schedule, or None if it has none.
      library: the library that the scheduler is of, and its version, if it is not PyTorch's.
    """

    torch: str
    call: str
    optimizer: str
    counts: np.ndarray
    lr: np.ndarray
    momentum: np.ndarray | None = None
    closed_form: np.ndarray | None = None
    metrics: np.ndarray | Expression | None = None
    schedule: dict[str, Any] | None = None
    library: str | None = None

    def __repr__(self) -> str:
        count = f"{len(self.counts):,} count{'' if len(self.counts) == 1 else 's'}"
        groups = f", {self.lr.shape[1]} groups" if self.lr.ndim == 2 else ""
        return f"Trace({brief(self.call, 85)}, {count}{groups}, {self.source})"

    @property
    def source(self) -> str:
        """What was recorded: PyTorch's version, and the other library's if there is one."""
        of_library = f"{self.library}, " if self.library else ""
        return f"{of_library}PyTorch {self.torch}"

    @property
    def reference(self) -> np.ndarray:
        """The rates to compare with: PyTorch's, or its closed form where recorded."""
        if self.closed_form is None:
            return self.lr
        return np.where(np.isnan(self.closed_form), self.lr, self.closed_form)

    def stream(self) -> Any:
        """The metrics as an array, one per step."""
        if isinstance(self.metrics, Expression):
            return _stream(self.metrics, int(self.counts[-1]))
        return self.metrics

    def build(self) -> Any:
        """The schedule of this trace; raises a ValueError if the trace has none."""
        if self.schedule is None:
            raise ValueError(
                f"the trace of `{self.call}` does not contain its schedule, as it was recorded in"
                " the middle of a run or has a Python function: use `jaxsched.compare(schedule,"
                " trace)`"
            )
        with without_warnings():  # about a missing `total_steps`
            return from_config(self.schedule)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Writes the trace to a file; an interrupted write leaves the old file or none."""
        save_traces([self], path)

    @staticmethod
    def load(path: "str | os.PathLike[str]") -> "Trace":
        """Reads a file with one trace.

        Raises:
          OSError: if the file cannot be read.
          ValueError: if the file is empty, damaged, not a trace or of a later version, or if its
            metrics raise at some step or take too long to compute.

        >>> import jaxsched, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "empty.jsonl")
        >>> open(path, "w").close()
        >>> Trace.load(path)
        Traceback (most recent call last):
          ...
        ValueError: ...empty.jsonl: not a trace: the file is empty
        """
        traces = load_traces(path)
        if len(traces) > 1:
            raise ValueError(f"{path}: must hold one trace, got {len(traces)}")
        return traces[0]


@functools.lru_cache(maxsize=4)
def _stream(metrics: Expression, number: int) -> np.ndarray:
    if number * (metrics.size + 10) > MOST_WORK:  # 10: the loop itself
        raise OverflowError(f"{number} steps of {metrics!r} take too long")
    with np.errstate(over="raise"):
        return np.array([metrics(step) for step in range(number)], np.float32)


def shipped() -> dict[str, list[Trace]]:
    """The traces that are shipped with jaxsched, by scheduler."""
    return {path.stem: load_traces(path) for path in sorted(SHIPPED.glob("*.jsonl"))}


_ARRAYS = ("counts", "lr", "momentum", "closed_form", "metrics")


def save_traces(traces: Iterable[Trace], path: "str | os.PathLike[str]") -> None:
    """Writes traces to one file; an interrupted write leaves the old file."""
    write(path, "".join(map(_line, traces)))


def _line(trace: Trace) -> str:
    fields = {f.name: getattr(trace, f.name) for f in dataclasses.fields(trace)}
    if isinstance(trace.metrics, Expression):
        fields["metrics"] = trace.metrics.text
    for name in _ARRAYS:
        if isinstance(fields[name], str):
            continue
        fields[name] = None if fields[name] is None else _encode(fields[name].tolist())
    if (trace.counts == np.arange(len(trace.counts))).all():
        fields["counts"] = len(trace.counts)
    line = {"jaxsched_trace": FORMAT} | {k: v for k, v in fields.items() if v is not None}
    return json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n"


def load_traces(path: "str | os.PathLike[str]") -> list[Trace]:
    """All traces of a file; raises the errors of `Trace.load`."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [(number, line) for number, line in enumerate(file, 1) if line.strip()]
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a trace: not a text file") from None
    if not lines:
        raise ValueError(f"{path}: not a trace: the file is empty")
    return [_parse(line, f"{path}: line {number}") for number, line in lines]


def _parse(line: str, where: str) -> Trace:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: damaged, or not a trace: not a line of JSON") from None
    if not isinstance(fields, dict) or "jaxsched_trace" not in fields:
        raise ValueError(f"{where}: not a jaxsched trace")
    version = fields.pop("jaxsched_trace")
    if type(version) is not int or version != FORMAT:
        found = brief(repr(version)) if isinstance(version, int | float | str) else "not a number"
        raise ValueError(f"{where}: trace format must be {FORMAT}, got {found}")
    try:
        trace = _from_fields(fields)
        if _is_sound(trace):
            return trace
    except (LookupError, TypeError, ValueError, ArithmeticError):
        pass  # also raised by a metric at some step
    raise ValueError(f"{where}: a damaged trace (fields missing or of the wrong shape)")


def _from_fields(fields: dict[str, Any]) -> Trace:
    if type(fields["counts"]) is int:
        fields["counts"] = list(range(min(fields["counts"], len(fields["lr"]) + 1)))
    arrays = {name: _array(name, fields[name]) for name in _ARRAYS if fields.get(name) is not None}
    if not (np.abs(arrays["counts"]) <= MOST_COUNT).all():  # also false for NaN
        raise ValueError("invalid counts")
    integers = arrays["counts"].astype(np.int64)
    if (integers == arrays["counts"]).all():
        arrays["counts"] = integers
    return Trace(**fields | arrays)


def _array(name: str, value: Any) -> Any:
    if name == "metrics" and isinstance(value, str):
        return Expression(value)
    return np.array(_decode(value), np.float64)


def _is_sound(trace: Trace) -> bool:
    return _has_sound_rates(trace) and _has_sound_counts(trace) and _has_sound_words(trace)


def _has_sound_rates(trace: Trace) -> bool:
    columns = [x for x in (trace.lr, trace.momentum, trace.closed_form) if x is not None]
    return bool(
        len({x.shape for x in columns}) == 1
        and trace.lr.ndim in (1, 2)
        and trace.lr.size
        and np.isfinite(trace.lr).all()
        and not any(np.isinf(x).any() for x in columns)
    )


def _has_sound_counts(trace: Trace) -> bool:
    counts = trace.counts
    return bool(
        counts.shape == trace.lr.shape[:1]
        and (np.diff(counts) > 0).all()
        and counts[0] >= 0
        and (trace.metrics is None or _has_sound_metrics(trace))
    )


def _has_sound_metrics(trace: Trace) -> bool:
    integers = np.issubdtype(trace.counts.dtype, np.integer)
    return bool(integers and trace.stream().shape == (trace.counts[-1],))


def _has_sound_words(trace: Trace) -> bool:
    words = (trace.torch, trace.call, trace.optimizer)
    named = all(isinstance(x, str) for x in words) and isinstance(trace.library, str | None)
    return named and isinstance(trace.schedule, dict | None)


def _encode(value):
    if isinstance(value, list):
        return [_encode(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return value


def _decode(value, depth: int = 2):
    """The inverse of `_encode`: numbers, lists, and lists of lists."""
    if isinstance(value, list) and depth:
        return [_decode(item, depth - 1) for item in value]
    if value is None:
        return float("nan")
    if type(value) in (int, float) or value in ("inf", "-inf"):
        return float(value)
    raise ValueError(f"not a number: {type(value).__name__}")
