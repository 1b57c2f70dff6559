"""Errors of Optax's and of jaxsched's schedules, compared with PyTorch's for equal arguments.

python benchmarks/optax_schedules.py           # prints the table of the guide
python benchmarks/optax_schedules.py --write   # writes it into the guide, between two markers

The reference is live PyTorch, in float64. Optax and jaxsched return float32.
"""

import argparse
import dataclasses
import importlib.util
import platform
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import markers
import numpy as np
import optax
import optax.contrib

import jaxsched as js

GUIDE = Path(__file__).parents[1] / "examples" / "guides" / "optax_schedules.md"
MARKERS = "<!-- optax-table -->", "<!-- /optax-table -->"
HEADER = "PyTorch", "Optax's nearest", "largest difference", "at step", "jaxsched"
NOTE = """\
The largest error in percent of the peak rate, and in units in the last place (ULP) of float32, each
with its step. About 1e-5 % is float32 rounding, which is many ULP where a rate is close to 0. The
rate of a plateau is read after each loss; Optax applies it to that update, PyTorch to the next."""
STEPS = 1000


def inverse_sqrt(t):
    return (1 + t) ** -0.5


def shrink(t):
    return 1 - 0.01 * inverse_sqrt(t)


WARMUP = js.LinearLR(0.1, 0.1, total_iters=50)
LINEAR = js.OneCycleLR(0.1, 1000, anneal_strategy="linear")
THREE_PHASE = dataclasses.replace(LINEAR, three_phase=True)
PLATEAU = js.ReduceLROnPlateau(0.1, factor=0.5, patience=25)

# Optax's calls are text, so that the table shows exactly what was measured. If the obvious call can
# be corrected, the corrected one follows it.
CASES = [  # (ours, Optax's nearest)
    (js.LambdaLR(0.1, inverse_sqrt), "lambda t: 0.1 * inverse_sqrt(t)"),
    (js.StepLR(0.1, 300), "exponential_decay(0.1, 300, 0.1, staircase=True)"),
    (js.MultiStepLR(0.1, [300, 800]), "piecewise_constant_schedule(0.1, {300: 0.1, 800: 0.1})"),
    (
        js.ConstantLR(0.1, 0.5, total_iters=50),
        "join_schedules([constant_schedule(0.05), constant_schedule(0.1)], [50])",
    ),
    (WARMUP, "linear_schedule(0.01, 0.1, 50)"),
    (js.LinearLR(0.1, 1.0, 0.0, 1000), "linear_schedule(0.1, 0.0, 1000)"),
    (js.ExponentialLR(0.1, 0.99), "exponential_decay(0.1, 1, 0.99)"),
    (js.PolynomialLR(0.1, 1000, 2.0), "polynomial_schedule(0.1, 0.0, 2.0, 1000)"),
    (js.CosineAnnealingLR(0.1, 1000), "cosine_decay_schedule(0.1, 1000)"),
    (js.CosineAnnealingLR(0.1, 1000, 0.001), "cosine_decay_schedule(0.1, 1000, alpha=0.01)"),
    (js.CosineAnnealingLR(0.1, 500, 0.001), "cosine_decay_schedule(0.1, 500, alpha=0.01)"),
    (
        js.CosineAnnealingWarmRestarts(0.1, 100, 2, 0.001),
        "sgdr_schedule([dict(init_value=0.1, peak_value=0.1, warmup_steps=0, decay_steps=n,"
        " end_value=0.001) for n in (100, 200, 400, 800)])",
    ),
    (js.OneCycleLR(0.1, 1000), "cosine_onecycle_schedule(1000, 0.1)"),
    (js.OneCycleLR(0.1, 1000), "cosine_onecycle_schedule(999, 0.1)"),
    # With pct_final=1.0 the last two of Optax's three phases end at the same step, which leaves the
    # first two; their end is then the peak rate over final_div_factor.
    (LINEAR, "linear_onecycle_schedule(1000, 0.1, pct_final=1.0, final_div_factor=25e4)"),
    (LINEAR, "linear_onecycle_schedule(999, 0.1, pct_final=1.0, final_div_factor=25e4)"),
    (THREE_PHASE, "linear_onecycle_schedule(1000, 0.1, pct_final=0.6)"),
    (
        THREE_PHASE,
        'piecewise_interpolate_schedule("linear", 0.004, {299: 25, 598: 1 / 25, 999: 1e-4})',
    ),
    (js.SWALR(0.1, 0.05, anneal_epochs=100), "cosine_decay_schedule(0.1, 100, alpha=0.5)"),
    (
        js.SequentialLR([WARMUP, js.CosineAnnealingLR(0.1, 950)], [50]),
        "warmup_cosine_decay_schedule(0.01, 0.1, 50, 1000)",
    ),
    (PLATEAU, "contrib.reduce_on_plateau(factor=0.5, patience=25)"),
    (PLATEAU, "contrib.reduce_on_plateau(factor=0.5, patience=26)"),
    (
        js.ChainedScheduler([WARMUP, js.CosineAnnealingLR(0.1, 1000, 0.001)], total_steps=STEPS),
        None,
    ),
    (js.CyclicLR(0.01, 0.1, 200), None),
    (js.MultiplicativeLR(0.1, shrink, total_steps=STEPS), None),
]


@dataclasses.dataclass(frozen=True)
class Difference:
    """The largest error in percent of the peak rate and in float32 ULP, and their steps."""

    percent: float
    percent_step: int
    ulp: float
    ulp_step: int

    def __str__(self) -> str:
        return f"{_short(self.percent)} %, {_short(self.ulp)} ULP"

    @property
    def steps(self) -> str:
        return ", ".join(dict.fromkeys([str(self.percent_step), str(self.ulp_step)]))


@dataclasses.dataclass(frozen=True)
class Row:
    """PyTorch's call, the nearest call of Optax, and the errors of Optax and jaxsched."""

    call: str
    nearest: str | None
    optax: Difference | None
    ours: Difference

    def cells(self) -> list[str]:
        if self.nearest is None:
            return [f"`{self.call}`", "-", "-", "-", str(self.ours)]
        return [
            f"`{self.call}`",
            f"`{self.nearest}`",
            str(self.optax),
            self.optax.steps,
            str(self.ours),
        ]


def _short(number: float) -> str:
    """Two digits: 0.29, 370, 22,000, 1.6e7, 3.7e-6."""
    if 10 <= number < 1e5:
        return f"{float(f'{number:.2g}'):,.0f}"
    return re.sub(r"e(-?)\+?0?", r"e\1", f"{number:.2g}")


def losses() -> np.ndarray:
    """The metrics of the plateaus: a noisy falling loss."""
    step = np.arange(STEPS - 1)
    return (1 / (1 + step / 100) + 0.1 * np.sin(step**2)).astype(np.float32)


def torch_rates(schedule) -> tuple[str, np.ndarray]:
    """PyTorch's constructor call, and the rates of its scheduler."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)
    metrics = losses().tolist() if isinstance(schedule, js.ReduceLROnPlateau) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The optimizer makes no steps here.
        trace = js.record(js.to_torch(schedule, optimizer), STEPS, metrics)
    call = re.sub(r"<function (\w+) at \w+>", r"\1", trace.call)
    return call.replace("optimizer", "opt"), trace.lr


def our_rates(schedule) -> np.ndarray:
    if not isinstance(schedule, js.ReduceLROnPlateau):
        return np.asarray(schedule(np.arange(STEPS)))

    def step(state, loss):
        state = schedule.update(state, value=loss)
        return state, schedule(state)

    first = schedule.init()
    _, rest = jax.lax.scan(step, first, losses())
    return np.append(schedule(first), rest)


def optax_rates(text: str) -> np.ndarray:
    """The rates as a jitted training step computes them; a plateau's after each metric."""
    nearest = eval(text, vars(optax) | {"inverse_sqrt": inverse_sqrt})
    if callable(nearest):
        return np.asarray(jax.jit(jax.vmap(nearest))(jnp.arange(STEPS)))

    def step(state, loss):
        rate, state = nearest.update(jnp.float32(0.1), state, value=loss)
        return state, rate

    _, rest = jax.lax.scan(step, nearest.init(jnp.float32(0)), losses())
    return np.append(np.float32(0.1), rest)


def difference(rates: np.ndarray, torch: np.ndarray) -> Difference:
    """As in `jaxsched.compare`, 1e-15 of the peak rate is subtracted for PyTorch's rounding."""
    peak = np.abs(torch).max()
    error = np.maximum(np.abs(rates.astype(np.float64) - torch) - 1e-15 * peak, 0.0)
    ulps = error / 2.0 ** (np.frexp(torch)[1] - 24)
    far, off = int(error.argmax()), int(ulps.argmax())
    return Difference(float(100 * error[far] / peak), far, float(ulps[off]), off)


def measured() -> list[Row]:
    """A row for each case, in float32 whatever `jax_enable_x64` says."""
    rows = []
    with jax.enable_x64(False):
        for schedule, nearest in CASES:
            call, torch = torch_rates(schedule)
            theirs = None if nearest is None else difference(optax_rates(nearest), torch)
            rows.append(Row(call, nearest, theirs, difference(our_rates(schedule), torch)))
    return rows


def setting() -> str:
    """Versions and machine of the measurement, as rounding depends on them."""
    torch, optax, jax_ = (version(name).split("+")[0] for name in ("torch", "optax", "jax"))
    return (
        f"Steps 0 to {STEPS - 1}; optax {optax}, jax {jax_} (float32, {jax.default_backend()},"
        f" {platform.machine()}) against PyTorch {torch} (float64)."
    )


def table(rows: list[Row]) -> str:
    lines = [HEADER, ["---"] * len(HEADER), *[row.cells() for row in rows]]
    return "\n".join([*[f"| {' | '.join(cells)} |" for cells in lines], "", setting(), NOTE, ""])


def split_guide(text: str) -> tuple[str, str, str]:
    """The guide before, between and after the two markers."""
    return markers.split_guide(text, GUIDE, MARKERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write the table into {GUIDE.name}")
    write = parser.parse_args().write
    if importlib.util.find_spec("torch") is None:
        raise SystemExit("this compares with live PyTorch: pip install -e '.[torch]'")
    if not write:
        print(table(measured()), end="")
        return
    before, _, after = split_guide(GUIDE.read_text())
    GUIDE.write_text(before + table(measured()) + after)


if __name__ == "__main__":
    main()
