"""Assertions for your own tests: a schedule has PyTorch's rates, within the documented bounds.

    import jaxsched.testing, torch

    def test_the_recipe():
        jaxsched.testing.assert_matches_torch(
            my_schedule, lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 30), 100
        )

A schedule is compared with live PyTorch, or with a trace where PyTorch is not installed.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ._combine.combined import momentum_of
from ._combine.counts import Mapped
from ._combine.param_groups import groups_of
from ._core.schedule import Schedule
from ._text.source import brief
from ._torch.to_torch import the_torch
from ._traces.compare import Curve, bound, curves, error_text, ulp
from ._traces.record import call_of, check_arguments, step_through
from ._traces.trace import Trace

__all__ = ["assert_matches_torch", "assert_matches_trace", "bound", "ulp"]


def assert_matches_torch(
    schedule: Any,
    build: Callable[[Any], Any],
    num_steps: int,
    metrics: Iterable[float] | None = None,
    *,
    lr: float | None = None,
) -> None:
    """Steps a live PyTorch scheduler; fails if a rate or momentum of `schedule` differs.

    Args:
      schedule: a schedule, any function of the count that takes arrays (an Optax schedule), a
        ParamGroups for several parameter groups, or a ReduceLROnPlateau.
      build: a function that takes an optimizer and returns the PyTorch scheduler. The optimizer is
        `torch.optim.SGD` with a momentum of 0.9 and a parameter group for each group of the
        schedule. The scheduler may also be built on another optimizer.
      num_steps: the number of counts to compare, a positive int: 0, ..., `num_steps` - 1.
      metrics: for ReduceLROnPlateau, the `num_steps` - 1 arguments of its `step`.
      lr: the optimizer's rate, by default the `lr` of the schedule, or 1.0 if the schedule has no
        `lr` (an Optax schedule, for example).

    The momentum is compared too if `schedule` has one: CyclicLR, OneCycleLR, and chains and
    sequences of them.

    Raises:
      AssertionError: if they differ by more than the bounds (0.501 ULP in float32, 1e-12 relative
        in float64 under `jax_enable_x64`, each plus 1e-15 of the peak rate). The message shows
        the first step that differs, both values, the error, and the worst step.
      ImportError: without PyTorch.
      TypeError: if `build` does not return a PyTorch scheduler, or `schedule` does not return
        rates.
      ValueError: if `num_steps` is not positive, or `metrics` has the wrong length.

    >>> import jaxsched, torch  # doctest: +SKIP
    >>> assert_matches_torch(  # doctest: +SKIP
    ...     jaxsched.ExponentialLR(0.1, gamma=0.9),
    ...     lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9),
    ...     num_steps=100,
    ... )
    """
    if not callable(build):
        raise TypeError(
            f"`assert_matches_torch(build=...)` must be a function of an optimizer, got {build!r}."
        )
    __tracebackhide__ = True  # pytest shows the caller's line and the message.
    scheduler = build(_optimizer(schedule, lr))
    metrics = None if metrics is None else [float(metric) for metric in metrics]
    check_arguments("assert_matches_torch", scheduler, num_steps, metrics)
    call = call_of(scheduler)
    trace = step_through(scheduler, num_steps, metrics, momentum=True)
    trace = dataclasses.replace(trace, call=call)
    without = [member for member in groups_of(schedule) if momentum_of(member) is None]
    moved = np.ptp(np.asarray(trace.momentum), axis=0).any()
    if moved and any(hasattr(m, "cycle_momentum") or hasattr(m, "schedulers") for m in without):
        raise AssertionError(
            f"{schedule!r} does not cycle the momentum, but PyTorch's"
            f" {brief(trace.call, 500)} does."
        )
    if without:
        trace = dataclasses.replace(trace, momentum=None)
    assert_matches_trace(schedule, trace)


def assert_matches_trace(schedule: Any, trace: Trace) -> None:
    """Fails if a rate or momentum of `schedule` differs from a trace.

    Args:
      schedule: as for `assert_matches_torch`.
      trace: the recorded run of PyTorch, from `jaxsched.record` or `jaxsched.Trace.load`.

    Raises:
      AssertionError: as `assert_matches_torch`.

    >>> import jaxsched
    >>> trace = jaxsched.Trace("2.13.0", "ExponentialLR(optimizer, gamma=0.5)", "SGD",
    ...                        np.arange(3), np.array([0.1, 0.05, 0.025]))
    >>> assert_matches_trace(jaxsched.ExponentialLR(0.1, gamma=0.5), trace)
    >>> assert_matches_trace(jaxsched.ExponentialLR(0.1, gamma=0.6), trace)
    Traceback (most recent call last):
      ...
    AssertionError: differs from PyTorch at step 1: lr 0.06, PyTorch 0.05 (20 %, 2.68e+06 ULP)
      worst at step 2: lr 0.036, PyTorch 0.025 (44 %, 5.91e+06 ULP)
      at 2 of 3 steps in all, in float32
      jaxsched: ExponentialLR(lr=0.1, gamma=0.6)
      PyTorch 2.13.0: ExponentialLR(optimizer, gamma=0.5)
    """
    __tracebackhide__ = True
    wrong = [curve for curve in curves(schedule, trace) if not curve.ok.all()]
    if wrong:
        raise AssertionError("\n".join(_message(schedule, trace, curve) for curve in wrong))


def _optimizer(schedule: Any, lr: float | None) -> Any:
    torch = the_torch("assert_matches_torch")
    groups = [
        {"params": [torch.zeros(1)], "lr": _initial_rate(member) if lr is None else lr}
        for member in groups_of(schedule)
    ]
    return torch.optim.SGD(groups, lr=1.0, momentum=0.9)


def _initial_rate(schedule: Any) -> float:
    if isinstance(schedule, Mapped):
        return _initial_rate(schedule.schedule)
    carried = schedule._carried() if isinstance(schedule, Schedule) else None
    lr = carried[0] if carried else getattr(schedule, "lr", 1.0)
    return 1.0 if isinstance(lr, Schedule) or np.ndim(lr) else float(np.asarray(lr))


def _message(schedule: Any, trace: Trace, curve: Curve) -> str:
    wrong = ~curve.ok.reshape(len(trace.counts), -1).all(axis=1)
    error = np.where(np.isnan(curve.error), np.inf, curve.error)
    first = np.unravel_index(np.argmax(~curve.ok), curve.ok.shape)
    worst = np.unravel_index(np.argmax(np.where(curve.ok, -1.0, error)), error.shape)
    return (
        f"differs from PyTorch at {_place(trace, curve, first)}\n"
        f"  worst at {_place(trace, curve, worst)}\n"
        f"  at {np.sum(wrong)} of {len(trace.counts)} steps in all, in {curve.ours.dtype}\n"
        f"  jaxsched: {schedule!r}\n"
        f"  {trace.source}: {brief(trace.call, 500)}"
    )


def _place(trace: Trace, curve: Curve, index: tuple) -> str:
    group = f" of group {index[1]}" if len(index) > 1 else ""
    ours, torch = curve.ours[index], curve.torch[index]
    error = error_text(curve.ours.dtype.name, curve.error[index])
    if torch and ours.dtype == np.float32:
        error = f"{100 * abs(float(ours) - torch) / abs(torch):.2g} %, {error}"
    return (
        f"step {trace.counts[index[0]]}{group}: {curve.what} {ours!s}, PyTorch {torch!s} ({error})"
    )
