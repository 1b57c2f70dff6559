"""Data-parallel training: all devices and processes have the rates of a single device.

Each device computes a part of every batch, and the metric of the plateau is the mean loss of all
parts. With the loss of its own part, each process would reduce the rate at a different step, and
their parameters would diverge. The script shows two ways: a plain `jit` of sharded arrays, and
`shard_map`.

python examples/data_parallel.py --devices 8
"""

import argparse
import os
import signal
from functools import partial
from pathlib import Path

import jax
import matplotlib
import numpy as np
import optax
import orbax.checkpoint as ocp
from drawing import difference
from flax import nnx
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from moons import Classifier, cross_entropy
from recorded import load
from rich.console import Console
from rich.table import Table

import jaxsched

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STEPS, EPOCH, BATCH, SAVED_EVERY = 210, 3, 64, 50
VARIANTS = "one device", "plain", "shard_map"

# No epoch's loss is within 0.5 % of its threshold, so rounding (0.001 %) cannot change a reduction.
WARMUP = jaxsched.LinearLR(0.2, start_factor=0.1, total_iters=20)
PLATEAU = jaxsched.ReduceLROnPlateau(WARMUP, factor=0.5, patience=2, threshold=0.05)


def train(variant: str, directory: Path | None = None):
    """Yields the number, the loss and the rate of each step; every process calls it.

    Saves checkpoints into `directory`, which all processes share, and resumes from the last one.
    """
    mesh = Mesh(jax.local_devices()[:1] if variant == "one device" else jax.devices(), "data")
    everywhere, split = NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))
    data = load("one_cycle")[0]["data"]
    graph, params = nnx.split(Classifier("float32", nnx.Rngs(0)))
    plateau = PLATEAU.averaged(steps_per_epoch=EPOCH)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=plateau, momentum=0.9)

    def train_step(params, opt_state, x, y, mean=lambda loss: loss):
        def loss_fn(params):
            return mean(cross_entropy(nnx.merge(graph, params)(x), y))

        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params, value=loss)
        return optax.apply_updates(params, updates), opt_state, loss

    if variant == "shard_map":
        # Here x and y are one device's part. The mean is taken before the gradient, not of it:
        # `shard_map` has already summed the gradient of parameters that all devices share. It
        # also refuses to compile where `value` is a device's own loss, as `out_specs` is P().
        train_step = jax.shard_map(
            partial(train_step, mean=partial(jax.lax.pmean, axis_name="data")),
            mesh=mesh,
            in_specs=(P(), P(), P("data"), P("data")),
            out_specs=P(),
        )
    # Otherwise x and y are the whole batch, and the compiler adds the sums over all devices.
    train_step = jax.jit(train_step, out_shardings=everywhere)

    def part_of(values, batch):
        """The batch as one array; each process reads only the rows of its own devices."""
        shape = (len(batch), *values.shape[1:])
        return jax.make_array_from_callback(shape, split, lambda index: values[batch[index[0]]])

    start, state = 0, jax.device_put((params, optimizer.init(params)), everywhere)
    if directory:
        options = ocp.CheckpointManagerOptions(enable_async_checkpointing=False)
        checkpoints = ocp.CheckpointManager(directory.resolve(), options=options)
        if (saved := checkpoints.latest_step()) is not None:
            start, state = saved, checkpoints.restore(saved, args=ocp.args.StandardRestore(state))
    for step in range(start, STEPS):
        order = np.random.default_rng(step // EPOCH).permutation(len(data["x"]))
        batch = order[step % EPOCH * BATCH :][:BATCH]
        x, y = part_of(data["x"], batch), part_of(data["y"], batch)
        *state, loss = train_step(*state, x, y)
        yield step, float(loss), float(jaxsched.current_lr(state))
        if directory and (step + 1) % SAVED_EVERY == 0:
            checkpoints.save(step + 1, args=ocp.args.StandardSave(tuple(state)))


def draw(path: Path, results: dict[str, np.ndarray]) -> None:
    alone = results["one device"]
    figure, axes = plt.subplots(1, 3, figsize=(14.4, 4.2), layout="constrained")
    axes[0].plot(alone["loss"], color="0.5", lw=1, label="one device")
    axes[1].plot(alone["rate"], color="0.5", lw=1, drawstyle="steps-post")
    for place, variant in enumerate(VARIANTS[1:]):
        result = results[variant]
        some, circles = result[5 * place :: 10], {"color": f"C{place}", "ms": 5, "mfc": "none"}
        axes[0].plot(some["step"], some["loss"], "o", **circles)
        axes[1].plot(some["step"], some["rate"], "o", **circles)
        apart = difference(result["loss"], alone["loss"][result["step"]])
        apart = np.maximum(np.maximum.accumulate(apart), 1e-9)  # for a logarithmic axis
        axes[2].plot(result["step"], apart, color=f"C{place}")
        axes[2].plot([], "o", label=variant, **circles)
    titles = "loss", "learning rate", "largest relative difference of the losses so far"
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axes[0].set_yscale("log")
    axes[2].set_yscale("log")
    axes[2].set_ylim(1e-8, 1e-4)
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=75)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, default="data_parallel.png", metavar="PNG")
    parser.add_argument("--devices", type=int, metavar="N", help="use the CPU as N devices")
    parser.add_argument(
        "--distributed", action="store_true", help="run as one process of a cluster"
    )
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="the address of process 0")
    parser.add_argument("--processes", type=int, metavar="N", help="the number of processes")
    parser.add_argument("--process", type=int, metavar="I", help="the index of this process")
    parser.add_argument(
        "--directory", type=Path, help="for checkpoints and logs; shared by all processes"
    )
    parser.add_argument(
        "--kill-at", type=int, metavar="STEP", help="kill this process at that step"
    )
    options = parser.parse_args(arguments)
    if options.devices:
        jax.config.update("jax_num_cpu_devices", options.devices)
    # A GPU or a TPU would round products more coarsely, to TF32 or bfloat16.
    jax.config.update("jax_default_matmul_precision", "highest")
    if options.distributed or options.coordinator:
        jax.distributed.initialize(options.coordinator, options.processes, options.process)

    columns = "", "devices", "processes", "steps", "last loss", "losses differ by", "rates"
    table, results = Table(*columns, title="data_parallel"), {}
    for variant in VARIANTS:
        alone, directory, log = variant == "one device", None, os.devnull
        if options.directory:
            directory = None if alone else options.directory / variant
            log = options.directory / f"{variant}, process {jax.process_index()}.txt"
        result = []
        with open(log, "a") as file:
            for step, loss, rate in train(variant, directory):
                result.append((step, loss, rate))
                print(*result[-1], file=file, flush=True)
                if step == options.kill_at and not alone:
                    os.kill(os.getpid(), signal.SIGKILL)
        assert result, f"{variant}: all steps are in {directory} already"
        result = np.array(result, [("step", int), ("loss", np.float32), ("rate", np.float32)])
        results[variant] = result
        theirs = results["one device"][result["step"]]
        assert result["rate"].tobytes() == theirs["rate"].tobytes(), f"{variant}: the rates differ"
        table.add_row(
            variant,
            "1" if alone else str(jax.device_count()),
            "1" if alone else str(jax.process_count()),
            f"{result['step'][0]} to {result['step'][-1]}",
            f"{result['loss'][-1]:.6g}",
            "" if alone else f"{difference(result['loss'], theirs['loss']).max():.1e}",
            f"{len(set(result['rate']))} different" if alone else "same bits",
        )
    if jax.process_index() == 0:
        console = Console(width=120)
        console.print(table)
        if jax.device_count() == 1:
            console.print("There is one device only: `--devices 8` makes eight of a CPU.")
        draw(options.picture, results)
        console.print("Picture:", options.picture)


if __name__ == "__main__":
    main()
