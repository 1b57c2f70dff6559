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

from .._chart.small import block, number, small_chart
from .._core.schedule import without_warnings
from .._text.config import from_config, to_config
from .._text.expression import Expression
from .._text.files import write
from .._text.source import brief

FORMAT = 1
MOST_WORK = 20_000_000  # operations to compute the metrics of all steps: some seconds
MOST_COUNT = 2**53  # integers up to it are exact in float64
MOST_ROUNDED = 0.01  # of a logged rate; what is coarser shows nothing
LOGGED = "rates from a log"


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
      rtol: how far a recorded rate may be from the one that was applied, as a fraction of it: 0
        for exact ones, 2**-24 for ones that were rounded to float32.
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
    rtol: float = 0.0

    def __repr__(self) -> str:
        count = f"{len(self.counts):,} count{'' if len(self.counts) == 1 else 's'}"
        groups = f", {self.lr.shape[1]} groups" if self.lr.ndim == 2 else ""
        return f"Trace({brief(self.call, 85)}, {count}{groups}, {self.source})"

    def _repr_html_(self) -> str:
        counts, rates = self.counts, self.lr.reshape(len(self.lr), -1).T
        span = f"{counts[0]:g} to {counts[-1]:g}" if len(counts) > 1 else f"{counts[0]:g}"
        rows = [
            ("recorded", self.source),
            ("steps", f"{len(counts):,}, {span}"),
            ("start", number(rates[0, 0])),
            ("largest", number(rates.max())),
            ("end", number(rates[0, -1])),
        ]
        chart = small_chart(counts, [*rates[:4]], f"Recorded rates at steps {span}.", dots=True)
        return block(brief(self.call, 2000), chart, rows)

    @property
    def source(self) -> str:
        """What was recorded: PyTorch's version, and the other library's if there is one."""
        if not self.torch:
            return f"rates from a log, rounded to {self.rtol:.2g}" if self.rtol else LOGGED
        of_library = f"{self.library}, " if self.library else ""
        return brief(f"{of_library}PyTorch {self.torch}", 100)

    @staticmethod
    def from_rates(
        rates: Any,
        *,
        counts: Any = None,
        momenta: Any = None,
        metrics: Any = None,
        schedule: Any = None,
        call: str = "a training loop",
        rtol: float | None = None,
    ) -> "Trace":
        """A trace of rates that a training loop has logged, to compare a schedule with.

        Args:
          rates: the rates, of shape `(steps,)` or `(steps, groups)`: those of the updates (or
            epochs, if the schedule counts epochs) `counts`.
          counts: integers from 0 up, in ascending order; by default 0, 1, 2, ...
          momenta: the momenta (Adam's beta1) of the same shape, if they are cycled.
          metrics: for a ReduceLROnPlateau, the metrics up to the last count, one for each step.
          schedule: the schedule that is to have these rates. It is saved in the file, so that
            `jaxsched check FILE` can compare; `jaxsched.compare` does not need it.
          call: what logged the rates, for display.
          rtol: the rounding of the logged numbers, relative, up to 0.01: 0 by default; 2**-24 for
            float32, also without being told so for a float32 array; 2**-23 for the shortest
            decimals of float32, as of `log_rates`; 0.5e-5 for `f"{lr:.5e}"`.

        Returns:
          A `Trace`.

        Raises:
          TypeError: for a `schedule` that is none, or holds a Python function.
          ValueError: for rates, counts, momenta or metrics that are no finite numbers, or whose
            shapes do not fit; for an `rtol` that is not from 0 to 0.01.

        >>> import jaxsched
        >>> logged = Trace.from_rates([0.1, 0.1, 0.01], counts=[0, 1, 30])
        >>> print(jaxsched.compare(jaxsched.StepLR(0.1, step_size=30), logged))
        matches PyTorch: 3 steps in float32, worst 0.24 ULP at step 30
        (lr 0.009999999776482582, PyTorch 0.01)
        """
        if rtol is None:
            rtol = 2.0**-24 if np.asarray(rates).dtype == np.float32 else 0.0
        if not 0 <= rtol <= MOST_ROUNDED:
            raise ValueError(f"`from_rates(rtol=...)` must be from 0 to 0.01, got {rtol!r}.")
        lr = _numbers("rates", rates)
        trace = Trace(
            torch="",
            call=call,
            optimizer="",
            counts=np.arange(len(lr)) if counts is None else _counts_of(counts),
            lr=lr,
            momentum=None if momenta is None else _numbers("momenta", momenta),
            metrics=None if metrics is None else _numbers("metrics", metrics),
            schedule=None if schedule is None else to_config(schedule),
            rtol=float(rtol),
        )
        _check_shapes(trace)
        return trace

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


def _numbers(name: str, values: Any) -> np.ndarray:
    """Finite numbers in float64, of at least one step."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"`from_rates({name}=...)` must be numbers, got {values!r}.") from None
    if not array.size or array.ndim not in (1, 2) or not np.isfinite(array).all():
        raise ValueError(
            f"`from_rates({name}=...)` must be finite numbers of shape (steps,) or (steps, groups),"
            f" got {brief(repr(values), 60)} of shape {array.shape}."
        )
    return array


def _counts_of(counts: Any) -> np.ndarray:
    array = np.asarray(counts)
    if array.ndim != 1 or (array != np.floor(array)).any() or not _has_ascending(array):
        raise ValueError(
            "`from_rates(counts=...)` must be integers from 0 up in ascending order, got"
            f" {brief(repr(counts), 60)}."
        )
    return array.astype(np.int64)


def _has_ascending(counts: np.ndarray) -> bool:
    return bool((np.diff(counts) > 0).all() and (counts[:1] >= 0).all())


def _check_shapes(trace: Trace) -> None:
    """Raises a ValueError for logged columns that do not belong together."""
    needed = {"counts": trace.lr.shape[:1], "momentum": trace.lr.shape}
    needed["metrics"] = (int(trace.counts[-1]),) if trace.counts.size else ()
    for name, shape in needed.items():
        column = getattr(trace, name)
        if column is not None and column.shape != shape:
            argument = "momenta" if name == "momentum" else name
            raise ValueError(
                f"`from_rates({argument}=...)` must have the shape {shape} for rates of shape"
                f" {trace.lr.shape} up to count {trace.counts[-1:].tolist()}, got {column.shape}."
            )


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
    if not trace.rtol:
        del line["rtol"]
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
        and _has_ascending(counts)
        and (trace.metrics is None or _has_sound_metrics(trace))
    )


def _has_sound_metrics(trace: Trace) -> bool:
    integers = np.issubdtype(trace.counts.dtype, np.integer)
    return bool(integers and trace.stream().shape == (trace.counts[-1],))


def _has_sound_words(trace: Trace) -> bool:
    words = (trace.torch, trace.call, trace.optimizer)
    named = all(isinstance(x, str) for x in words) and isinstance(trace.library, str | None)
    exact = type(trace.rtol) in (int, float) and 0 <= trace.rtol <= MOST_ROUNDED
    return named and exact and isinstance(trace.schedule, dict | None)


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
