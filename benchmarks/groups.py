"""Titles and explanations of the eight tables of results."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Group:
    """Title and text of a table; its name in the guide to speed, and what it compares with."""

    title: str
    text: str
    headline: str
    against: str


GROUPS = {
    "exactness": Group(
        "Exactness",
        """\
The worst error over steps 0 to 19,999, in units in the last place (ULP) of float32, against live
PyTorch stepped in float64. Differences below 1e-15 of the peak rate, PyTorch's own rounding, do not
count. A float64 rate that is rounded once has an error of up to 0.5; jaxsched guarantees 0.501.
Optax's schedules run jitted. braintools' schedulers are stepped inside a jitted loop, as in
training; those whose rates are different outside of `jit` are also stepped there (its SequentialLR
at some of the steps, as each takes a quarter of a second). Where a rate is close to 0, a small
error is thousands of ULP. All have equal arguments, except Optax's one-cycle and plateau, whose
arguments are chosen so that they agree with PyTorch's.""",
        "exactness over 20,000 steps, 16 schedulers",
        "PyTorch; the others are Optax's nearest and braintools' port",
    ),
    "eager": Group(
        "Eager call",
        """\
One call outside of `jit`: at a Python int, as in reading a rate, and at a JAX array, as in Optax's
update. For ReduceLROnPlateau it is an update with a loss. At a Python int, LambdaLR is compared
with a Python function that does not use JAX.""",
        "eager call",
        "Optax's nearest",
    ),
    "adam": Group(
        "Jitted Adam step",
        """\
A jitted step of `optax.adam` and `optax.apply_updates`, with parameters and state donated. 100
million parameters are measured only on a GPU.""",
        "jitted Adam step, from 10 million parameters on",
        "a constant rate",
    ),
    "compile": Group(
        "Trace and compile, and the cost of many parts",
        """\
The time from a schedule just built to the compiled program of one call, in a process that has
compiled before. JAX's caches are cleared before each measurement, and the persistent cache is off.
Work that is done once per process is excluded: the start of JAX, and the check or table of a Python
function. A single scheduler is compared with Optax's nearest, which equals `join_schedules` of that
one part. After that, one step of a composition of many parts, as a jitted call and inside a jitted
scan of 10,000 steps. For 50 times as many parts, the targets are 1.5 times the time of a call, and
5 times the time inside a scan.""",
        "trace and compile, 16 schedulers and compositions of 2, 10, 100 parts",
        "Optax's nearest, `optax.join_schedules`",
    ),
    "curve": Group(
        "Whole curves, and late steps",
        """\
All rates of 1,000,000 steps: in one call, and from a PyTorch scheduler that is stepped and read in
a loop. Then one eager call at step 2,000,000,000, compared with one at step 3; the target is at
most 1.05.""",
        "a whole curve of 1,000,000 steps",
        "PyTorch, stepping",
    ),
    "training": Group(
        "Training",
        """\
SquareNet (`examples/squarenet.py`), 2,000 epochs of 10 Adam steps in float32: one jitted scan, and
PyTorch's loop on one thread of the CPU, from the same parameters, after a check that both have the
same losses. The target is for the program after its compilation.""",
        "training SquareNet, 20,000 steps",
        "PyTorch's loop",
    ),
    "sweep": Group(
        "Sweep",
        """\
SquareNet as above, under each of many candidates in equal shares: ExponentialLR over lr and gamma,
CosineAnnealingLR over lr and T_max, StepLR over lr and step_size, OneCycleLR over max_lr and
pct_start, a SequentialLR of warm-up and cosine over lr and the warm-up's length. jaxsched trains
all of them in one call, `jax.vmap` over `jaxsched.stack`. PyTorch's time is **extrapolated**: one
candidate of each family is trained for 200 of the 2,000 epochs, and that time is scaled to all
candidates, one by one. Before that, the losses of these candidates are compared with PyTorch's.
10,000 candidates are measured only on a GPU.""",
        "sweep of 1,000 schedules over SquareNet",
        "PyTorch one by one (extrapolated)",
    ),
    "import": Group(
        "Import",
        """\
`import jaxsched` in a process that has imported jax and optax, and the import of these two.""",
        "`import jaxsched`, on top of jax and optax",
        "the import of these two",
    ),
}
