"""Programs that leave the process: lowered for every platform, and run where jaxsched is not."""

import contextlib
import functools
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import export
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache
from schedules import LR, SCHEDULES

import jaxsched as js

PLATFORMS = ["cpu", "cuda", "rocm", "tpu"]
COUNTS = np.arange(41, dtype=np.int32)
FAR = np.append(COUNTS[:-1], np.int32(2**31 - 1))
ENDS = {"OneCycleLR", "OneCycleLR-linear", "momentum"}  # these are errors at FAR's last count

# JAX serialises no tuple class that it has not been told of: one line for a plateau's state, in the
# process that exports and in the one that loads.
export.register_namedtuple_serialization(js.PlateauState, serialized_name="jaxsched.PlateauState")


@pytest.fixture(params=SCHEDULES)
def name(request):
    return request.param


def counts_of(name):
    return COUNTS if name in ENDS else FAR


@functools.cache
def rates_of(name):
    """The float32 rates at these counts, in this process."""
    return np.asarray(SCHEDULES[name](counts_of(name)))


@contextlib.contextmanager
def as_optax_needs():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


# --- another process: no jaxsched, no Optax, only JAX and the bytes ---

ELSEWHERE = """
import pickle
import sys
from pathlib import Path

import jax
import numpy as np
from jax.experimental import serialize_executable

for path in Path(sys.argv[1]).iterdir():
    if path.suffix == ".npz":
        continue
    with np.load(f"{path}.npz") as given, jax.enable_x64(path.stem.endswith("float64")):
        values = [given[name] for name in given.files]
        if path.suffix == ".compiled":
            call = serialize_executable.deserialize_and_load(*pickle.loads(path.read_bytes()))
        else:
            call = jax.export.deserialize(path.read_bytes()).call
        for _ in range(8 if path.stem.startswith("step") else 1):
            values = call(*values)
        np.savez(Path(sys.argv[2]) / path.stem, *values)
assert not {"jaxsched", "optax"} & sys.modules.keys()
"""


class Elsewhere:
    """Programs and their arguments in a folder, and the results that are expected of them."""

    def __init__(self, folder):
        self.programs, self.results = folder / "programs", folder / "results"
        self.programs.mkdir()
        self.results.mkdir()
        self.expected = {}

    def export(self, name, function, specs, values, expected):
        exported = export.export(jax.jit(function), platforms=PLATFORMS)(*specs)
        assert exported.platforms == tuple(PLATFORMS)
        self.save(f"{name}-{jnp.zeros(()).dtype}.exported", exported.serialize(), values, expected)

    def save(self, name, program, values, expected):
        (self.programs / name).write_bytes(program)
        np.savez(self.programs / f"{name}.npz", *values)
        self.expected[name.rsplit(".")[0]] = bits(expected)

    def run(self):
        """The names of the results that have other bits than expected."""
        command = [sys.executable, "-W", "error", "-c", ELSEWHERE, self.programs, self.results]
        subprocess.run(command, cwd=self.results, check=True)
        differing = []
        for name, expected in self.expected.items():
            with np.load(self.results / f"{name}.npz") as results:
                if bits(results[key] for key in results.files) != expected:
                    differing.append(name)
        return differing


@pytest.fixture(scope="module")
def differing(tmp_path_factory):
    """The programs with other bits elsewhere; all are run by one process, as its start takes long."""
    elsewhere = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    export_schedules(elsewhere)
    export_steps(elsewhere)
    save_compiled(elsewhere)
    return elsewhere.run()


def bits(arrays):
    return [(x.dtype, x.shape, x.tobytes()) for x in map(np.asarray, arrays)]


def export_schedules(elsewhere):
    any_length = jax.ShapeDtypeStruct(export.symbolic_shape("length"), np.int32)
    for name, schedule in SCHEDULES.items():
        counts, many = counts_of(name), rates_of(name)
        assert many.dtype == "float32"

        def rates(*counts, schedule=schedule):
            return [schedule(t) for t in counts]

        specs, values = [counts[7], any_length], [counts[7], counts]
        elsewhere.export(f"schedule-{name}", rates, specs, values, [many[7], many])
        with jax.enable_x64(True):
            # Called by itself, a schedule is another program, whose last bit may be another.
            many = jax.jit(schedule.__call__)(counts)
            assert many.dtype == "float64"
            elsewhere.export(f"schedule-{name}", rates, [counts], [counts], [many])
    wrong = np.nextafter(rates_of(name)[7], np.float32(1))
    elsewhere.export("schedule-one-bit-off", rates, [counts[7]], [counts[7]], [wrong])


# --- training steps, and plateaus ---

TARGET = np.linspace(-1.0, 1.0, 12, dtype=np.float32)
METRICS = np.array([1.0, 0.9, 0.9, np.nan, 0.6, 0.5, 0.5, 0.5], np.float32)
RATES = LR * 0.5 ** np.array([0, 0, 1, 2, 3, 3, 4, 5])
CYCLE = js.OneCycleLR(LR, 60)
PLATEAU = js.ReduceLROnPlateau(LR, factor=0.5, patience=0, threshold=0.3)
WARMUP = js.ReduceLROnPlateau(js.LinearLR(LR, 0.3, 1.0, 5), factor=0.5, patience=0, threshold=0.3)
inject = optax.inject_hyperparams
OPTIMIZERS = {
    "adam": optax.adam(SCHEDULES["sequence"]),
    "adam-table": optax.adam(js.tabulate(SCHEDULES["sequence"], 40)),
    "adam-momentum": inject(optax.adam)(learning_rate=CYCLE, b1=CYCLE.momentum),
    "sgd-averaged": inject(optax.sgd)(learning_rate=WARMUP.averaged(2)),
}


def training_step(optimizer):
    """A step over the leaves of parameters and state, as a process without Optax can call it."""
    params = {"weights": jnp.zeros(TARGET.shape), "bias": jnp.ones(())}
    optimizer = optax.with_extra_args_support(optimizer)
    leaves, structure = jax.tree.flatten((params, optimizer.init(params)))

    def loss_fn(params):
        return jnp.mean((params["weights"] + params["bias"] - TARGET) ** 2)

    def step(*leaves):
        params, opt_state = jax.tree.unflatten(structure, leaves)
        loss, grads = jax.value_and_grad(loss_fn)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params, value=loss)
        return jax.tree.leaves((optax.apply_updates(params, updates), opt_state))

    return step, leaves


def plateau_step(plateau):
    """Likewise a plateau by hand: the number of metrics, the rates so far, and its state."""
    leaves, structure = jax.tree.flatten(plateau.init())

    def step(number, rates, *leaves):
        state = jax.tree.unflatten(structure, leaves)
        rates = rates.at[number].set(plateau(state))
        state = plateau.update(state, value=jnp.asarray(METRICS)[number])
        return [number + 1, rates, *jax.tree.leaves(state)]

    return step, [jnp.int32(0), jnp.zeros(METRICS.shape), *leaves]


def steps():
    made = {f"step-{name}": training_step(optimizer) for name, optimizer in OPTIMIZERS.items()}
    return made | {"step-plateau": plateau_step(PLATEAU), "step-warmup": plateau_step(WARMUP)}


def export_steps(elsewhere):
    for x64 in (False, True):
        with jax.enable_x64(x64), as_optax_needs():
            for name, (step, start) in steps().items():
                if x64 and name not in ("step-adam", "step-plateau"):
                    continue
                step, leaves = jax.jit(step), start
                for _ in METRICS:
                    leaves = step(*leaves)
                elsewhere.export(name, step, start, start, leaves)
                if name == "step-plateau":
                    np.testing.assert_allclose(leaves[1], RATES, rtol=1e-6)


@contextlib.contextmanager
def compiled_anew():
    """Without JAX's cache: JAX 0.12 saves a CPU program that came from there without its code."""
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", True)
        compilation_cache.reset_cache()


def save_compiled(elsewhere):
    for name in ("CosineAnnealingLR", "sequence-nested", "OneCycleLR", "table"):
        schedule = SCHEDULES[name]
        lowered = jax.jit(lambda t, schedule=schedule: [schedule(t)]).lower(jnp.int32(0))
        with compiled_anew():
            compiled = lowered.compile()
        program = pickle.dumps(serialize_executable.serialize(compiled))
        elsewhere.save(f"compiled-{name}.compiled", program, [np.int32(7)], [schedule(7)])


def test_every_schedule_has_the_same_bits_elsewhere(differing):
    wrong = [name for name in differing if name.startswith("schedule")]
    assert wrong == ["schedule-one-bit-off-float32"]


def test_every_step_has_the_same_bits_elsewhere(differing):
    assert not [name for name in differing if name.startswith("step")]


def test_compiled_schedules_have_the_same_bits_elsewhere(differing):
    assert not [name for name in differing if name.startswith("compiled")]


def test_a_plateau_state_is_an_argument_once_registered():
    def step(state, value):
        return PLATEAU.update(state, value=value)

    state = expected = PLATEAU.init()
    exported = export.export(jax.jit(step), platforms=PLATFORMS)(state, jnp.float32(1.0))
    reloaded = export.deserialize(exported.serialize()).call

    for metric in METRICS:
        state, expected = reloaded(state, metric), PLATEAU.update(expected, value=metric)
    assert isinstance(state, js.PlateauState)
    assert bits(state) == bits(expected)
    np.testing.assert_allclose(PLATEAU(state), RATES[-1] / 2, rtol=1e-6)


# --- what is in the program ---


def program(platform, function, *arguments):
    """What the function is lowered to, as text."""
    return jax.jit(function).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()


def programs(function, *arguments):
    """What all platforms get: a single program, if it is the same."""
    return {program(platform, function, *arguments) for platform in PLATFORMS}


def refused(text):
    """What a lowered program has that not every platform runs."""
    return [word for word in ("custom_call", "callback", "bitcast_convert") if word in text]


def test_a_schedule_is_one_program_for_all_platforms_with_nothing_to_refuse(name):
    """So what is run here for cpu is, operation by operation, what the others compile."""
    [single] = programs(SCHEDULES[name].__call__, jnp.int32(3))
    with jax.enable_x64(True):
        double = program("tpu", SCHEDULES[name].__call__, jnp.int32(3))

    assert refused(single) == refused(double) == []


def test_a_step_is_one_program_for_all_platforms_with_nothing_to_refuse():
    with as_optax_needs():
        for step, leaves in steps().values():
            [lowered] = programs(step, *leaves)

            assert refused(lowered) == []


def in_float64(function):
    def wrapped(x):
        with jax.enable_x64(True):
            return function(jax.lax.convert_element_type(x, np.float64))

    return wrapped


def called_back(x):
    return jax.pure_callback(np.sin, jax.ShapeDtypeStruct(x.shape, x.dtype), x)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype (uint64|float64) :UserWarning")
@pytest.mark.parametrize(
    "function, platform, seen",
    [
        (in_float64(jnp.frexp), "tpu", ["bitcast_convert"]),
        (in_float64(lambda x: x.view(np.int64)), "tpu", ["bitcast_convert"]),
        (lambda x: jnp.linalg.eigvalsh(x * jnp.eye(3)), "tpu", ["custom_call"]),
        (called_back, "cpu", ["custom_call", "callback"]),
    ],
    ids=["frexp", "view", "eigvalsh", "callback"],
)
def test_what_would_be_refused_is_seen(function, platform, seen):
    assert refused(program(platform, function, jnp.float32(2.0))) == seen


def test_a_program_of_a_platform_of_its_own_is_seen():
    def rate(count):
        return jax.lax.platform_dependent(count, tpu=jnp.cos, default=jnp.sin)

    assert len(programs(rate, jnp.float32(3.0))) == 2


def test_a_table_has_no_float64(name):
    schedule, expected = SCHEDULES[name], rates_of(name)[:20]
    table = js.tabulate(schedule, 20)

    with jax.enable_x64(False):
        [lookup] = programs(table.__call__, jnp.int32(3))
        closed_form = program("tpu", schedule.__call__, jnp.int32(3))
    assert "f64" not in lookup
    assert ("f64" in closed_form) is (name != "table")
    np.testing.assert_array_equal(table(COUNTS[:20]), expected)
    np.testing.assert_array_equal(table(1000), expected[-1])


def test_a_step_with_a_table_has_no_float64():
    with jax.enable_x64(False), as_optax_needs():
        made = [training_step(OPTIMIZERS[name]) for name in ("adam-table", "adam")]
        [table], [closed_form] = (programs(step, *leaves) for step, leaves in made)
    assert "f64" not in table
    assert "f64" in closed_form
