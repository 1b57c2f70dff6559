"""Recorded PyTorch rates on disk, and how far a schedule is from them.

A trace file holds JSON lines, one trace each. Rates are written as the shortest decimals that
give the same float64 back, so that they are exact and a person can read them.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._config import from_config
from ._expression import Expression
from ._files import write
from ._param_groups import ParamGroups, groups_of
from ._plateau import ReduceLROnPlateau
from ._schedule import without_warnings
from ._source import brief

FORMAT = 1
MOST_WORK = 20_000_000  # operations of a metric over all steps: some seconds
MOST_COUNT = 2**53  # whole numbers up to it are exact in float64
SHIPPED = Path(__file__).parent / "traces"


@dataclasses.dataclass(frozen=True, eq=False)
class Trace:
    """What a PyTorch scheduler did, step by step.

    Args:
      torch: the PyTorch version that was recorded.
      call: the PyTorch constructor call, for people.
      optimizer: the optimizer's class name.
      counts: int64 of shape `(steps,)`, how often `step()` had been called; or float64, the
        fractional epochs that CosineAnnealingWarmRestarts was stepped to.
      lr: float64 of shape `(steps,)`, or `(steps, groups)` for several parameter groups.
      momentum: likewise the momentum (Adam's beta1), or None if it does not move.
      closed_form: likewise the closed form of a CosineAnnealingLR, NaN where there is none;
        past T_max it is the reference, as PyTorch's own recursion drifts there.
      metrics: what ReduceLROnPlateau was fed up to the last count, float64 of shape
        `(counts[-1],)` or (for a long run) an expression of the step, rounded to float32; or None.
      schedule: the jaxsched schedule's config, or None if it cannot be written down.
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

    @property
    def reference(self) -> np.ndarray:
        """The rates to compare with: PyTorch's, or its closed form where that is the reference."""
        if self.closed_form is None:
            return self.lr
        return np.where(np.isnan(self.closed_form), self.lr, self.closed_form)

    def stream(self) -> Any:
        """The metrics, one per step."""
        if isinstance(self.metrics, Expression):
            return _stream(self.metrics, int(self.counts[-1]))
        return self.metrics

    def build(self) -> Any:
        """The schedule of this trace; a ValueError where it holds a Python function."""
        if self.schedule is None:
            raise ValueError(
                f"the trace of `{self.call}` does not say its schedule, as it was recorded in the"
                " middle of a run or holds a Python function: use `jaxsched.compare(schedule,"
                " trace)`"
            )
        with without_warnings():  # A trace is as long as it is.
            return from_config(self.schedule)

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Writes the trace to a file of its own; an interrupted write leaves no file."""
        save_traces([self], path)

    @staticmethod
    def load(path: "str | os.PathLike[str]") -> "Trace":
        """Reads a file with one trace.

        Raises:
          OSError: where the file cannot be read.
          ValueError: where it is no such file: damaged, empty, foreign, of a later version; also
            where its metrics have no value at some step, or take too long to compute.

        >>> import jaxsched, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "empty.jsonl")
        >>> open(path, "w").close()
        >>> Trace.load(path)
        Traceback (most recent call last):
          ...
        ValueError: ...empty.jsonl: an empty file, no trace
        """
        traces = load_traces(path)
        if len(traces) > 1:
            raise ValueError(f"{path}: holds {len(traces)} traces, not one")
        return traces[0]


@functools.lru_cache(maxsize=4)
def _stream(metrics: Expression, number: int) -> np.ndarray:
    if number * (metrics.size + 10) > MOST_WORK:  # 10: of a step itself
        raise OverflowError(f"{number} steps of {metrics!r} take too long")
    with np.errstate(over="raise"):
        return np.array([metrics(step) for step in range(number)], np.float32)


def shipped() -> dict[str, list[Trace]]:
    """The traces that come with jaxsched, by scheduler."""
    return {path.stem: load_traces(path) for path in sorted(SHIPPED.glob("*.jsonl"))}


_ARRAYS = ("counts", "lr", "momentum", "closed_form", "metrics")


def save_traces(traces: Iterable[Trace], path: "str | os.PathLike[str]") -> None:
    """Writes them all to one file; an interrupted write leaves what was there."""
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
    """All traces of a file; errors as `Trace.load` says."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [(number, line) for number, line in enumerate(file, 1) if line.strip()]
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file, no trace") from None
    if not lines:
        raise ValueError(f"{path}: an empty file, no trace")
    return [_parse(line, f"{path}: line {number}") for number, line in lines]


def _parse(line: str, where: str) -> Trace:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: damaged, or no trace (not a line of JSON)") from None
    if not isinstance(fields, dict) or "jaxsched_trace" not in fields:
        raise ValueError(f"{where}: not a jaxsched trace")
    version = fields.pop("jaxsched_trace")
    if type(version) is not int or version != FORMAT:
        found = brief(repr(version)) if isinstance(version, int | float | str) else "of no number"
        raise ValueError(f"{where}: trace format {found}, this jaxsched reads {FORMAT}")
    try:
        trace = _from_fields(fields)
        if _is_sound(trace):
            return trace
    except (LookupError, TypeError, ValueError, ArithmeticError):
        pass  # of a metric, what it raises at some step
    raise ValueError(f"{where}: a damaged trace (fields missing or of the wrong shape)")


def _from_fields(fields: dict[str, Any]) -> Trace:
    if type(fields["counts"]) is int:
        fields["counts"] = list(range(min(fields["counts"], len(fields["lr"]) + 1)))
    arrays = {name: _array(name, fields[name]) for name in _ARRAYS if fields.get(name) is not None}
    if not (np.abs(arrays["counts"]) <= MOST_COUNT).all():  # nor NaN
        raise ValueError("counts that are none")
    whole = arrays["counts"].astype(np.int64)
    if (whole == arrays["counts"]).all():
        arrays["counts"] = whole
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
    whole = np.issubdtype(trace.counts.dtype, np.integer)
    return bool(whole and trace.stream().shape == (trace.counts[-1],))


def _has_sound_words(trace: Trace) -> bool:
    words = (trace.torch, trace.call, trace.optimizer)
    return all(isinstance(x, str) for x in words) and isinstance(trace.schedule, dict | None)


def _encode(value):
    if isinstance(value, list):
        return [_encode(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return value


def _decode(value, depth: int = 2):
    """What `_encode` wrote: numbers, in lists of lists at most."""
    if isinstance(value, list) and depth:
        return [_decode(item, depth - 1) for item in value]
    if value is None:
        return float("nan")
    if type(value) in (int, float) or value in ("inf", "-inf"):
        return float(value)
    raise ValueError(f"no number: {type(value).__name__}")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How far a schedule is from a trace, in the float type JAX had; `print` it.

    `worst_ulp` is the largest error in units in the last place of that type, and `worst_relative`
    the largest relative one, each after the 1e-15 of the peak rate that PyTorch's own rounding is
    granted. `ok` says whether all lie within the bound: 0.501 ULP in float32, a relative 1e-12 in
    float64. `worst_count` is where the error that is bounded is largest, and `ours` and `torch`
    are the two values there.
    """

    dtype: str
    num_steps: int
    worst_ulp: float
    worst_relative: float
    worst_count: float
    ours: float
    torch: float
    what: str
    ok: bool

    @property
    def worst(self) -> float:
        """The largest error in the unit of its bound: ULP in float32, relative in float64."""
        return self.worst_ulp if self.dtype == "float32" else self.worst_relative

    def __str__(self) -> str:
        verdict = "matches PyTorch" if self.ok else "differs from PyTorch"
        worst = error_text(self.dtype, self.worst)
        return (
            f"{verdict}: {self.num_steps} steps in {self.dtype}, worst {worst} at"
            f" step {self.worst_count} ({self.what} {self.ours!r}, PyTorch {self.torch!r})"
        )


def error_text(dtype: str, error: float) -> str:
    """An error in the unit of its bound, named: thousands of float64 ULP may be within it."""
    return f"{error:.3g} ULP" if dtype == "float32" else f"{relative_text(error)} relative"


def relative_text(error: float) -> str:
    return f"{error:.1e}" if error else "0"


def compare(schedule: Any, trace: Trace) -> Comparison:
    """Evaluates `schedule` at the steps of `trace` and measures the error.

    Args:
      schedule: a schedule, a ParamGroups for a trace of several groups, a ReduceLROnPlateau for
        a trace with metrics.
      trace: what PyTorch did.

    Returns:
      A `Comparison`, in float32, or in float64 under `jax_enable_x64`.

    Raises:
      ValueError: where the number of groups differs, or only the trace has metrics or momenta.
      TypeError: for a `schedule` that gives no rates, or a `trace` that is none.

    >>> import jaxsched
    >>> trace = Trace("2.13.0", "ExponentialLR(optimizer, gamma=0.5)", "SGD",
    ...               np.arange(3), np.array([0.1, 0.05, 0.025]))
    >>> print(compare(jaxsched.ExponentialLR(0.1, gamma=0.5), trace))
    matches PyTorch: 3 steps in float32, worst 0.2 ULP at step 0
    (lr 0.10000000149011612, PyTorch 0.1)
    """
    results = [_worst(curve, trace.counts) for curve in curves(schedule, trace)]
    return max(results, key=lambda result: (not result.ok, result.worst))


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """A recorded quantity and ours, at each step of a trace (and in each parameter group).

    Args:
      what: "lr" or "momentum".
      ours: in the float type JAX had, of shape `(steps,)` or `(steps, groups)`.
      torch: float64, likewise.
      ulp: how far apart they are in units in the last place, as `Comparison` measures it; NaN
        where ours is.
      relative: likewise relative to PyTorch's.
      ok: whether that is within the bound.
    """

    what: str
    ours: np.ndarray
    torch: np.ndarray
    ulp: np.ndarray
    relative: np.ndarray
    ok: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """How far apart they are in the unit of the bound, as `Comparison.worst`."""
        return self.ulp if self.ours.dtype == np.float32 else self.relative


def curves(schedule: Any, trace: Trace) -> list[Curve]:
    """Our rates beside those of the trace, and the momenta where they move; as `compare`."""
    if not isinstance(trace, Trace):
        raise TypeError(f"`compare(trace=...)` must be a Trace, got {trace!r}: see `Trace.load`.")
    if not callable(schedule) and not isinstance(schedule, ParamGroups | ReduceLROnPlateau):
        raise TypeError(f"`compare(schedule=...)` must be a schedule, got {schedule!r}.")
    found = [_measure("lr", _rates(schedule, trace), trace.reference)]
    if trace.momentum is not None:
        found.append(_measure("momentum", _momenta(schedule, trace), trace.momentum))
    return found


def _rates(schedule, trace: Trace) -> np.ndarray:
    groups = groups_of(schedule)
    if trace.lr.ndim == 1 and len(groups) == 1:
        return rates_of(groups[0], trace)
    if trace.lr.ndim == 1 or trace.lr.shape[1] != len(groups):
        raise ValueError(
            f"`compare(schedule=...)` must have as many groups as the trace,"
            f" got {len(groups)} for rates of shape {trace.lr.shape}."
        )
    return np.stack([rates_of(group, trace) for group in groups], axis=-1)


def _momenta(schedule, trace: Trace) -> np.ndarray:
    momenta = [momentum_of(group) for group in groups_of(schedule)]
    if any(momentum is None for momentum in momenta):
        raise ValueError(
            f"`compare(schedule=...)` must have a momentum, as the trace has, got {schedule!r}."
        )
    columns = [at_counts(momentum, trace.counts) for momentum in momenta]
    return columns[0] if trace.lr.ndim == 1 else np.stack(columns, axis=-1)


def momentum_of(schedule: Any) -> Any:
    """The momentum's own schedule, or None where there is none or it is not cycled."""
    try:
        return schedule.momentum
    except (AttributeError, ValueError):
        return None


def rates_of(schedule, trace: Trace) -> np.ndarray:
    """The rates of one parameter group at the counts of a trace, fed with its metrics."""
    if not isinstance(schedule, ReduceLROnPlateau):
        return at_counts(schedule, trace.counts)
    if trace.metrics is None:
        raise ValueError(
            "`compare(trace=...)` must hold metrics for a ReduceLROnPlateau, got none."
        )
    states = [schedule.init()]
    metrics = trace.stream()
    if len(metrics) > 1000:

        def step(state, metric):
            state = schedule.update(state, value=metric)
            return state, state

        _, rest = jax.lax.scan(step, states[0], jnp.asarray(metrics, states[0].best.dtype))
        states = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), states[0], rest)
    else:  # One step at a time is faster than to compile a loop for each trace.
        for metric in metrics:
            states.append(schedule.update(states[-1], value=metric))
        states = jax.tree.map(lambda *x: np.stack(x), *states)
    return np.asarray(schedule(states))[trace.counts]


def at_counts(schedule, counts: np.ndarray) -> np.ndarray:
    """The rates at `counts`, padded to few different shapes so that few programs are compiled."""
    size = max(256, 1 << (len(counts) - 1).bit_length())
    padded = np.pad(counts, (0, size - len(counts)), mode="edge")
    rates = np.asarray(schedule(padded))
    if rates.shape not in ((), padded.shape) or not jnp.issubdtype(rates.dtype, jnp.number):
        raise TypeError(
            "`compare(schedule=...)` must give a rate for each count of an array, got"
            f" {rates.dtype} of shape {rates.shape} for {padded.shape} from {schedule!r}."
        )
    if rates.dtype not in (np.float32, np.float64):
        rates = rates.astype(np.float32)
    return np.broadcast_to(rates, padded.shape)[: len(counts)]


def _measure(what: str, ours: np.ndarray, torch: np.ndarray) -> Curve:
    bits = np.finfo(ours.dtype).nmant
    smallest = np.finfo(ours.dtype).minexp - bits
    ulp = 2.0 ** np.maximum(np.frexp(np.abs(torch))[1] - 1 - bits, smallest)
    peak = np.max(np.abs(torch), initial=0.0, where=np.isfinite(torch))
    error = np.maximum(np.abs(ours.astype(np.float64) - torch) - 1e-15 * peak, 0.0)
    limit = 0.501 * ulp if ours.dtype == np.float32 else 1e-12 * np.abs(torch)
    with np.errstate(divide="ignore", over="ignore"):
        relative = error / np.where(error == 0.0, 1.0, np.abs(torch))  # 0 / 0 is no error
    return Curve(what, ours, torch, error / ulp, relative, error <= limit)


def _worst(curve: Curve, counts: np.ndarray) -> Comparison:
    error = np.where(np.isnan(curve.error), np.inf, curve.error)
    worst = np.unravel_index(np.argmax(error), error.shape)
    return Comparison(
        dtype=curve.ours.dtype.name,
        num_steps=curve.ours.size,
        worst_ulp=float(np.max(curve.ulp)),
        worst_relative=float(np.max(curve.relative)),
        worst_count=counts[worst[0]].item(),
        ours=float(curve.ours[worst]),
        torch=float(curve.torch[worst]),
        what=curve.what,
        ok=bool(curve.ok.all()),
    )
