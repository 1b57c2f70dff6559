"""Compares a schedule with a trace; defines the error bounds of an exact schedule."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._chart.small import block
from .._combine.combined import momentum_of
from .._combine.param_groups import ParamGroups, groups_of
from .._core import numerics as xp
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau
from .trace import Trace

MOST_ULP = 0.501  # in float32; rounding a float64 rate once has an error of up to 0.5
MOST_RELATIVE = 1e-12  # in float64
MOST_OF_PEAK = 1e-15  # for PyTorch's own rounding, where a rate decays to 0


def ulp(rates: Any, dtype: Any = np.float32) -> np.ndarray:
    """The unit in the last place of float type `dtype` at each of the `rates`.

    Args:
      rates: numbers, in float64.
      dtype: a NumPy float type.

    Returns:
      A float64 array of the shape of `rates`.

    >>> ulp([1.0, 0.1])
    array([1.1920929e-07, 7.4505806e-09])
    """
    kind, sizes = np.finfo(dtype), np.abs(np.asarray(rates, np.float64))
    exponent = np.where(sizes > 0, np.frexp(sizes)[1] - 1, kind.minexp)
    return 2.0 ** (np.maximum(exponent, kind.minexp) - kind.nmant)


def bound(rates: Any, dtype: Any = np.float32) -> np.ndarray:
    """The largest error, compared with PyTorch's float64 `rates`, of an exact schedule.

        float32:  0.501 ULP(rate) + 1e-15 * peak
        float64:  1e-12 * |rate|  + 1e-15 * peak

    Args:
      rates: PyTorch's rates (or momenta) in float64, steps along the first axis.
      dtype: the float type of the schedule's rates, NumPy's float32 or float64.

    Returns:
      A float64 array of the shape of `rates`.

    >>> bound([0.1, 0.0])
    array([3.73274098e-09, 1.00000000e-16])
    """
    return _own_bound(np.asarray(rates, np.float64), dtype) + MOST_OF_PEAK * _peak(rates)


def _own_bound(rates: np.ndarray, dtype: Any) -> np.ndarray:
    if np.dtype(dtype) == np.float32:
        return MOST_ULP * ulp(rates)
    return MOST_RELATIVE * np.abs(rates)


def _peak(rates: Any) -> np.ndarray:
    sizes = np.abs(np.asarray(rates, np.float64))
    return np.max(sizes, axis=0, initial=0.0, where=np.isfinite(sizes))


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The errors of a schedule against a trace, in JAX's current float type; `print` shows them.

    `worst_ulp` is the largest error in units in the last place of that type, `worst_relative` the
    largest relative error; 1e-15 of the peak rate is subtracted from each error first, for
    PyTorch's own rounding, and the `rtol` of the trace. `ok` says whether all errors are within the
    bound: 0.501 ULP in float32, 1e-12 relative in float64. `worst_count` is the count of the
    largest error in the unit of the bound; `ours` and `torch` are the two values there.
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

    def _repr_html_(self) -> str:
        worst = f"{error_text(self.dtype, self.worst)} at step {self.worst_count:g}"
        rows = [
            ("compared", f"{self.num_steps:,} rates in {self.dtype}"),
            ("largest error", worst),
            (f"{self.what} there", f"{self.ours!r}, PyTorch's {self.torch!r}"),
        ]
        return block("✓ matches PyTorch" if self.ok else "✗ differs from PyTorch", "", rows)


def error_text(dtype: str, error: float) -> str:
    """An error in the unit of its bound; in float64 that is relative, not ULP."""
    return f"{error:.3g} ULP" if dtype == "float32" else f"{relative_text(error)} relative"


def relative_text(error: float) -> str:
    return f"{error:.1e}" if error else "0"


def compare(schedule: Any, trace: Trace) -> Comparison:
    """Evaluates `schedule` at the steps of `trace` and measures the error.

    Args:
      schedule: a schedule, a ParamGroups for a trace of several groups, a ReduceLROnPlateau for
        a trace with metrics.
      trace: the recorded run of PyTorch.

    Returns:
      A `Comparison`, in float32, or in float64 under `jax_enable_x64`.

    Raises:
      ValueError: if the number of groups differs, if only the trace has momenta, or if only the
        schedule needs metrics.
      TypeError: if `schedule` does not return rates, or `trace` is not a `Trace`.

    >>> import jaxsched
    >>> trace = Trace("2.13.0", "ExponentialLR(optimizer, gamma=0.5)", "SGD",
    ...               np.arange(3), np.array([0.1, 0.05, 0.025]))
    >>> print(compare(jaxsched.ExponentialLR(0.1, gamma=0.5), trace))
    matches PyTorch: 3 steps in float32, worst 0.2 ULP at step 0
    (lr 0.10000000149011612, PyTorch 0.1)
    """
    results = [_worst(curve, trace.counts) for curve in curves(schedule, trace)]
    return max(results, key=lambda result: (not result.ok, result.worst))


def compare_both(schedule: Any, trace: Trace) -> tuple[Comparison, Comparison]:
    """The comparisons in float32 and in float64."""
    both = []
    for x64 in (False, True):
        with xp.float64(x64):
            both.append(compare(schedule, trace))
    return both[0], both[1]


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """A recorded quantity and jaxsched's, at each step of a trace (and in each parameter group).

    Args:
      what: "lr" or "momentum".
      ours: jaxsched's values in JAX's current float type, of shape `(steps,)` or
        `(steps, groups)`.
      torch: PyTorch's values in float64, of the same shape.
      ulp: the errors in units in the last place, as in `Comparison`; NaN where `ours` is NaN.
      relative: the errors relative to PyTorch's values.
      ok: whether each error is within the bound.
    """

    what: str
    ours: np.ndarray
    torch: np.ndarray
    ulp: np.ndarray
    relative: np.ndarray
    ok: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """The errors in the unit of the bound, as `Comparison.worst`."""
        return self.ulp if self.ours.dtype == np.float32 else self.relative


def curves(schedule: Any, trace: Trace) -> list[Curve]:
    """Rates of schedule and trace, and momenta if the trace has them; see `compare`."""
    if not isinstance(trace, Trace):
        raise TypeError(
            f"`compare(trace=...)` must be a Trace, got {trace!r}: see `Trace.load(path)`."
        )
    if not callable(schedule) and not isinstance(schedule, ParamGroups | ReduceLROnPlateau):
        raise TypeError(f"`compare(schedule=...)` must be a schedule, got {schedule!r}.")
    found = [_measure("lr", _rates(schedule, trace), trace.reference, trace.rtol)]
    if trace.momentum is not None:
        found.append(_measure("momentum", _momenta(schedule, trace), trace.momentum, trace.rtol))
    return found


def _rates(schedule, trace: Trace) -> np.ndarray:
    groups = groups_of(schedule)
    if trace.lr.ndim == 1 and len(groups) == 1:
        return rates_of(groups[0], trace)
    if trace.lr.ndim == 1 or trace.lr.shape[1] != len(groups):
        raise ValueError(
            f"`compare(schedule=...)` must have as many parameter groups as the trace,"
            f" got {len(groups)} for rates of shape {trace.lr.shape}."
        )
    return np.stack([rates_of(group, trace) for group in groups], axis=-1)


def _momenta(schedule, trace: Trace) -> np.ndarray:
    momenta = [momentum_of(group) for group in groups_of(schedule)]
    if any(momentum is None for momentum in momenta):
        raise ValueError(
            f"`compare(schedule=...)` must have a momentum, as the trace has one, got {schedule!r}."
        )
    columns = [at_counts(momentum, trace.counts) for momentum in momenta]
    return columns[0] if trace.lr.ndim == 1 else np.stack(columns, axis=-1)


def rates_of(schedule, trace: Trace) -> np.ndarray:
    """The rates of one parameter group at the counts of a trace, given its metrics."""
    if not isinstance(schedule, ReduceLROnPlateau):
        return at_counts(schedule, trace.counts)
    if trace.metrics is None:
        raise ValueError(
            "`compare(trace=...)` must have metrics for a ReduceLROnPlateau, got a trace without."
        )
    states = [schedule.init()]
    metrics = trace.stream()
    if len(metrics) > 1000:

        def step(state, metric):
            state = schedule.update(state, value=metric)
            return state, state

        _, rest = jax.lax.scan(step, states[0], jnp.asarray(metrics, states[0].best.dtype))
        states = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), states[0], rest)
    else:  # Single steps are faster than compiling a loop for each trace.
        for metric in metrics:
            states.append(schedule.update(states[-1], value=metric))
        states = jax.tree.map(lambda *x: np.stack(x), *states)
    return np.asarray(schedule(states))[trace.counts]


def at_counts(schedule, counts: np.ndarray) -> np.ndarray:
    """The rates at `counts`, which are padded so that few shapes are compiled."""
    size = max(256, 1 << (len(counts) - 1).bit_length())
    padded = np.pad(counts, (0, size - len(counts)), mode="edge")
    rates = np.asarray(schedule(padded))
    if rates.shape not in ((), padded.shape) or not jnp.issubdtype(rates.dtype, jnp.number):
        raise TypeError(
            "`compare(schedule=...)` must return a rate for each count of an array, got"
            f" {rates.dtype} of shape {rates.shape} for {padded.shape} from {schedule!r}."
        )
    if rates.dtype not in (np.float32, np.float64):
        rates = rates.astype(np.float32)
    return np.broadcast_to(rates, padded.shape)[: len(counts)]


def _measure(what: str, ours: np.ndarray, torch: np.ndarray, rtol: float) -> Curve:
    granted = MOST_OF_PEAK * _peak(torch) + rtol * np.abs(torch)
    error = np.maximum(np.abs(ours.astype(np.float64) - torch) - granted, 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        ulps = error / ulp(torch, ours.dtype)
        relative = error / np.where(error == 0.0, 1.0, np.abs(torch))  # so that 0 / 0 gives 0
    return Curve(what, ours, torch, ulps, relative, error <= _own_bound(torch, ours.dtype))


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
