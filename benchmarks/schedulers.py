"""PyTorch's sixteen schedulers, each in one typical configuration, and their alternatives.

The alternatives are text, so that the results show exactly what was measured. If the obvious call
is not PyTorch's curve (see `optax_schedules.py`), its arguments are corrected:
`cosine_onecycle_schedule` is one step late, and the patience of Optax's plateau one step shorter.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import optax
import optax.contrib

import jaxsched as js


def inverse_sqrt(t):
    return (1 + t) ** -0.5


def constant_factor(t):
    return 0.9997


def product(*schedules):
    """A chain, as users of Optax write it."""

    def rate(count):
        value = schedules[0](count)
        for schedule in schedules[1:]:
            value = value * schedule(count)
        return value

    return rate


@dataclasses.dataclass(frozen=True)
class Case:
    """A schedule, the nearest call of Optax, and the call of braintools' port or None."""

    ours: Any
    optax: str
    port: str | None

    @property
    def name(self) -> str:
        return type(self.ours).__name__

    @property
    def is_plateau(self) -> bool:
        return isinstance(self.ours, js.ReduceLROnPlateau)

    def nearest(self) -> Any:
        """Optax's schedule; for a plateau, its gradient transformation."""
        return eval(self.optax, vars(optax) | {"inverse_sqrt": inverse_sqrt, "product": product})


def cases(steps: int = 20_000) -> list[Case]:
    """All sixteen schedulers, with arguments for a training of `steps` steps."""
    warm, phase, rest = steps // 20, steps * 3 // 10, steps - steps // 20
    half_cycle = steps // 10
    turns = {half_cycle * (i + 1): 10.0 if i % 2 == 0 else 0.1 for i in range(10)}
    restarts = tuple(warm * 2**i for i in range(5))
    warmup = js.LinearLR(0.1, 0.1, 1.0, warm)
    port_warmup = f"LinearLR(0.1, 0.1, 1.0, {warm})"
    return [
        Case(js.LambdaLR(0.1, inverse_sqrt), "lambda t: 0.1 * inverse_sqrt(t)", None),
        Case(
            js.MultiplicativeLR(0.1, constant_factor, total_steps=steps),
            "exponential_decay(0.1, 1, 0.9997)",
            None,
        ),
        Case(
            js.StepLR(0.1, phase),
            f"exponential_decay(0.1, {phase}, 0.1, staircase=True)",
            f"StepLR(0.1, {phase})",
        ),
        Case(
            js.MultiStepLR(0.1, [phase, 2 * phase]),
            f"piecewise_constant_schedule(0.1, {{{phase}: 0.1, {2 * phase}: 0.1}})",
            f"MultiStepLR(0.1, [{phase}, {2 * phase}])",
        ),
        Case(
            js.ConstantLR(0.1, 0.5, warm),
            f"join_schedules([constant_schedule(0.05), constant_schedule(0.1)], [{warm}])",
            f"ConstantLR(0.1, 0.5, {warm})",
        ),
        Case(warmup, f"linear_schedule(0.01, 0.1, {warm})", port_warmup),
        Case(
            js.ExponentialLR(0.1, 0.9997),
            "exponential_decay(0.1, 1, 0.9997)",
            "ExponentialLR(0.1, 0.9997)",
        ),
        Case(
            js.PolynomialLR(0.1, steps, 2.0),
            f"polynomial_schedule(0.1, 0.0, 2.0, {steps})",
            f"PolynomialLR(0.1, {steps}, 2.0)",
        ),
        Case(
            js.CosineAnnealingLR(0.1, steps),
            f"cosine_decay_schedule(0.1, {steps})",
            f"CosineAnnealingLR(0.1, {steps})",
        ),
        Case(
            js.CosineAnnealingWarmRestarts(0.1, warm, 2, 0.001),
            "sgdr_schedule([dict(init_value=0.1, peak_value=0.1, warmup_steps=0, decay_steps=n,"
            f" end_value=0.001) for n in {restarts}])",
            f"CosineAnnealingWarmRestarts(0.1, {warm}, 2, 0.001)",
        ),
        Case(
            js.CyclicLR(0.01, 0.1, half_cycle),
            f'piecewise_interpolate_schedule("linear", 0.01, {turns})',
            f"CyclicLR(0.01, 0.1, {half_cycle})",
        ),
        Case(
            js.OneCycleLR(0.1, steps),
            f"cosine_onecycle_schedule({steps - 1}, 0.1)",
            f"OneCycleLR(0.1, {steps})",
        ),
        Case(
            js.SWALR(0.1, 0.05, anneal_epochs=half_cycle),
            f"cosine_decay_schedule(0.1, {half_cycle}, alpha=0.5)",
            None,
        ),
        Case(
            js.ChainedScheduler([warmup, js.CosineAnnealingLR(0.1, steps)]),
            f"product(linear_schedule(0.1, 1.0, {warm}), cosine_decay_schedule(0.1, {steps}))",
            f"ChainedScheduler([{port_warmup}, CosineAnnealingLR(0.1, {steps})])",
        ),
        Case(
            js.SequentialLR([warmup, js.CosineAnnealingLR(0.1, rest)], [warm]),
            f"warmup_cosine_decay_schedule(0.01, 0.1, {warm}, {steps})",
            f"SequentialLR([{port_warmup}, CosineAnnealingLR(0.1, {rest})], [{warm}])",
        ),
        Case(
            js.ReduceLROnPlateau(0.1, factor=0.3, patience=half_cycle),
            f"contrib.reduce_on_plateau(factor=0.3, patience={half_cycle + 1})",
            f"ReduceLROnPlateau(0.1, factor=0.3, patience={half_cycle})",
        ),
    ]


def losses(steps: int) -> np.ndarray:
    """The metrics of plateaus: a noisy loss that falls for a third of the training."""
    step = np.arange(steps - 1)
    falling = np.maximum(1 - 3 * step / steps, 0.2)
    return (falling + 0.1 * np.sin(step**2)).astype(np.float32)


def composites(parts: int) -> tuple[dict[str, js.Schedule], Callable]:
    """A sequence and a chain of `parts` exponential decays, and Optax's join of as many."""
    gammas, milestones = np.linspace(0.9, 0.99, parts).tolist(), list(range(10, 10 * parts, 10))
    decays = [js.ExponentialLR(0.1, gamma) for gamma in gammas]
    ours = {
        "SequentialLR": js.SequentialLR(decays, milestones),
        "ChainedScheduler": js.ChainedScheduler(decays),
    }
    return ours, optax.join_schedules(
        [optax.exponential_decay(0.1, 1, gamma) for gamma in gammas], milestones
    )
