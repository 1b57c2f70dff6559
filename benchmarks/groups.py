"""The eight tables: what each is about, and how it is measured."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Group:
    """A table's title and explanation; what the guide calls it, and the other side."""

    title: str
    text: str
    headline: str
    against: str


GROUPS = {
    "exactness": Group(
        "Exactness",
        """\
The worst error over steps 0 to 19,999, in units in the last place (ULP) of float32, against live
PyTorch stepped in float64; differences under 1e-15 of the peak rate, PyTorch's own rounding, are no
error. 0.5 is a float64 rate rounded once, 0.501 what the library promises. Optax's schedules run
jitted; braintools' schedulers are stepped inside a jitted loop, as in training, and those that give
something else outside of it there as well (its SequentialLR, at a quarter of a second a step, at
some of the steps). A rate that nears 0 makes thousands of ULP of a small error. All sides have
equal arguments, but for Optax's one-cycle and plateau: theirs make them PyTorch's.""",
        "exactness over 20,000 steps, 16 schedulers",
        "PyTorch; the others are Optax's nearest and braintools' port",
    ),
    "eager": Group(
        "Eager call",
        """\
One call outside of `jit`: at a Python int, as one reads a rate, and at a JAX array, as Optax hands
its count over. For ReduceLROnPlateau it is an update with a loss. At a Python int, the other side
of LambdaLR is a Python function that never meets JAX.""",
        "eager call",
        "Optax's nearest",
    ),
    "adam": Group(
        "Jitted Adam step",
        """\
A jitted step of `optax.adam` and `optax.apply_updates`, parameters and state donated. Of 100
million parameters only on a GPU.""",
        "jitted Adam step, from 10 million parameters on",
        "a constant rate",
    ),
    "compile": Group(
        "Trace and compile, and what parts cost",
        """\
From a schedule just built to the compiled program of one call, in a process that has compiled
before: JAX's caches are emptied before each, the persistent one is off. What is done once per
process is not in it: JAX's own start, and the check or table of a Python function. A single
scheduler is measured against Optax's nearest, which is also `join_schedules` of that one part.
Then one step of a composition of many parts, as a jitted call and inside a jitted scan of 10,000
steps. Two targets put numbers on "about what 2 parts cost" and "far below linear": of 50 times the
parts, 1.5 times the time for a call, 5 times inside a scan.""",
        "trace and compile, 16 schedulers and compositions of 2, 10, 100 parts",
        "Optax's nearest, `optax.join_schedules`",
    ),
    "curve": Group(
        "Whole curves, and far steps",
        """\
All rates of 1,000,000 steps, in one call, and from a PyTorch scheduler that is stepped and read in
a loop. Then one eager call at step 2,000,000,000 against one at step 3, where 1.0x is taken for at
most 1.05.""",
        "a whole curve of 1,000,000 steps",
        "PyTorch, stepping",
    ),
    "training": Group(
        "Training",
        """\
SquareNet (`examples/squarenet.py`), 2,000 epochs of 10 Adam steps in float32: one jitted scan, and
PyTorch's loop on one thread of the CPU, from the same parameters, after a check that both have the
same losses. The target is for a program that is compiled already.""",
        "training SquareNet, 20,000 steps",
        "PyTorch's loop",
    ),
    "sweep": Group(
        "Sweep",
        """\
SquareNet as above, under each of many candidates in equal shares: ExponentialLR over lr and gamma,
CosineAnnealingLR over lr and T_max, StepLR over lr and step_size, OneCycleLR over max_lr and
pct_start, a SequentialLR of warm-up and cosine over lr and the warm-up's length. Ours are all
trained in one call, `jax.vmap` over `jaxsched.stack`. PyTorch's time is **extrapolated**: one
candidate of each family is trained for 200 of the 2,000 epochs, and that time scaled to all
candidates, one by one. Before that, the losses of these candidates are held to PyTorch's. 10,000
candidates only on a GPU.""",
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
