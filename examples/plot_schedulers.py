"""Draws all sixteen schedulers, with PyTorch's recorded rates as points.

python examples/plot_schedulers.py     # writes schedulers.png
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxsched
from jaxsched._traces.trace import shipped

# The index of the recorded trace to draw, for each scheduler.
SHOWN = {
    "LambdaLR": "0.9 ** step",
    "MultiplicativeLR": "step % 10",
    "StepLR": "step_size=30, gamma=0.5",
    "MultiStepLR": "milestones=[30, 80]",
    "ConstantLR": "total_iters=80",
    "LinearLR": "total_iters=80",
    "ExponentialLR": "gamma=0.9)",
    "PolynomialLR": "total_iters=12",
    "CosineAnnealingLR": "T_max=20, eta_min=0.05",
    "CosineAnnealingWarmRestarts": "T_0=20",
    "CyclicLR": "step_size_up=30",
    "OneCycleLR": "pct_start=0.5, div_factor=10.0",
    "SWALR": "swa_lr=0.2",
    "ChainedScheduler": "end_factor=0.5, total_iters=10",
    "SequentialLR": "step / 10",
    "ReduceLROnPlateau": "patience=5",
}


def rates(schedule, trace) -> np.ndarray:
    if isinstance(schedule, jaxsched.ReduceLROnPlateau):

        def step(state, metric):
            return schedule.update(state, value=metric), schedule(state)

        return jax.lax.scan(step, schedule.init(), jnp.asarray([*trace.stream(), 0.0]))[1]
    return schedule(trace.counts)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, default="schedulers.png", metavar="PNG")
    path = parser.parse_args(arguments).picture

    figure, axes = plt.subplots(4, 4, figsize=(16, 11), layout="constrained")
    for axis, (name, wanted) in zip(axes.flat, SHOWN.items(), strict=True):
        trace = next(t for t in shipped()[name] if wanted in t.call and t.lr.ndim == 1)
        every = max(1, len(trace.counts) // 30)
        axis.plot(
            trace.counts, rates(trace.build(), trace), color="tab:blue", lw=1.5, label="jaxsched"
        )
        axis.plot(
            trace.counts[::every], trace.lr[::every], "o", color="tab:orange", ms=4, label="PyTorch"
        )
        axis.set_title(name, fontsize=11)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.margins(x=0.02)
    for axis in axes[-1]:
        axis.set_xlabel("step")
    for axis in axes[:, 0]:
        axis.set_ylabel("learning rate")
    axes.flat[0].legend()
    figure.savefig(path, dpi=80)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
