"""Whatever is given for an argument: the constructor refuses it in a sentence, or the rates are PyTorch's.

Each scheduler is built with each value in place of each argument. What the rates must be comes
from PyTorch's own run with the same argument; without PyTorch, the sentence alone is held to.
"""

import dataclasses
import decimal
import fractions
import inspect
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsched as js
from jaxsched._core.past_end import PastEnd
from jaxsched._core.schedule import without_warnings
from jaxsched._core.table import Table

try:
    import torch
except ImportError:
    torch = None

COUNTS = np.arange(7)
METRICS = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]


class Floating:
    def __float__(self):
        return 0.5


class Indexing:
    def __index__(self):
        return 3


class Optimizing:
    def __init__(self):
        self.param_groups = [{"lr": 0.1}]


NUMBERS = [0, -3, 3, 1.0, 0.5, 2.5, -0.0, True, False, None, "min", "abs", "linear", "exp_range"]
NUMBERS += [1e300, -1e300, 1e-300, 5e-324, 8e307, -8e307, math.inf, -math.inf, math.nan]
NUMBERS += [2**31, 2**63 - 1, 2**63, 2**70, -(2**70), 10**400, -(10**400), 10**5000]
DRESSED = {  # what is a number in another dress, and the number
    "int8": (lambda: np.int8(3), 3),
    "uint64": (lambda: np.uint64(3), 3),
    "0-d int32": (lambda: np.array(3, np.int32), 3),
    "0-d >i4": (lambda: np.array(3, ">i4"), 3),
    "0-d >u2": (lambda: np.array(3, ">u2"), 3),
    "float16": (lambda: np.float16(0.5), 0.5),
    "0-d float32": (lambda: np.array(0.5, np.float32), 0.5),
    "0-d >f8": (lambda: np.array(0.5, ">f8"), 0.5),
    "0-d >f2": (lambda: np.array(0.5, ">f2"), 0.5),
    "longdouble": (lambda: np.longdouble(0.5), 0.5),
    "0-d object": (lambda: np.array(0.5, object), 0.5),
    "0-d None": (lambda: np.array(None), None),
    "unmasked": (lambda: np.ma.array(0.5), 0.5),
    "bool_": (lambda: np.True_, True),
    "0-d bool": (lambda: np.array(False), False),
    "Fraction": (lambda: fractions.Fraction(1, 2), 0.5),
    "whole Fraction": (lambda: fractions.Fraction(3), 3),
    "0-d str": (lambda: np.array("min"), "min"),
}
FROM_JAX = {
    "bfloat16": (lambda: jnp.bfloat16(0.5), 0.5),
    "jax float32": (lambda: jnp.float32(0.5), 0.5),
    "jax int32": (lambda: jnp.int32(3), 3),
    "jax uint8": (lambda: jnp.uint8(3), 3),
    "jax int4": (lambda: jnp.asarray(3, jnp.int4), 3),
}
ABSURD = {
    "complex": lambda: 1j,
    "complex one": lambda: 1 + 0j,
    "Decimal": lambda: decimal.Decimal("0.5"),
    "text": lambda: "0.1",
    "no text": lambda: "",
    "bytes": lambda: b"1",
    "set": lambda: {3},
    "dict": lambda: {},
    "list": lambda: [3, 5],
    "empty list": list,
    "list of None": lambda: [None],
    "list of lists": lambda: [[3], [5]],
    "tuple": lambda: (0.5,),
    "generator": lambda: (n for n in [3, 5]),
    "range": lambda: range(2, 4),
    "function": lambda: lambda step: 0.5,
    "two parameters": lambda: lambda a, b: 0.5,
    "class": lambda: int,
    "object": object,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "module": lambda: math,
    "__float__": Floating,
    "__index__": Indexing,
    "optimizer": Optimizing,
    "schedule": lambda: js.StepLR(0.1, 3),
    "masked": lambda: np.ma.masked,
    "masked array": lambda: np.ma.array([3.0], mask=[True]),
    "matrix": lambda: np.asmatrix([[3.0]]),
    "two axes": lambda: np.ones((2, 2)),
    "structured": lambda: np.zeros((), [("a", "f8")]),
    "void": lambda: np.void(b"ab"),
    "ShapeDtypeStruct": lambda: jax.ShapeDtypeStruct((), np.float32),
    "jax bool": lambda: jnp.array(True),
    "jax complex": lambda: jnp.complex64(1),
    "jax nan": lambda: jnp.float32(math.nan),
    "jax one": lambda: jnp.ones(1),
    "jax empty": lambda: jnp.zeros(0),
    "jax key": lambda: jax.random.key(0),
}
DTYPES = ["bool", "int8", "uint64", "float16", "longdouble", "complex64", "object", "U3", "S3"]
DTYPES += ["datetime64[s]", "timedelta64[s]", ">f8", ">i4"]
for dtype in DTYPES:
    ABSURD[f"one {dtype}"] = lambda dtype=dtype: np.ones(1, dtype)
    ABSURD[f"no {dtype}"] = lambda dtype=dtype: np.ones(0, dtype)
for dtype in ("complex64", "S3", "datetime64[s]", "timedelta64[s]"):
    ABSURD[f"0-d {dtype}"] = lambda dtype=dtype: np.ones((), dtype)
TENSORS = {
    "tensor": (lambda: torch.tensor(3), 3),
    "tensor of one": (lambda: torch.tensor([0.5]), 0.5),
    "bfloat16 tensor": (lambda: torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
    "bool tensor": (lambda: torch.tensor(True), True),
    "parameter": (lambda: torch.nn.Parameter(torch.tensor(0.5)), 0.5),
}
ABSURD_TENSORS = {
    "complex tensor": lambda: torch.tensor(1j),
    "two tensors": lambda: torch.ones(2),
    "no tensor": lambda: torch.ones(0),
    "meta tensor": lambda: torch.ones((), device="meta"),
}

CALLS = {
    "LambdaLR": dict(lr_lambda=lambda step: 0.9**step),
    "MultiplicativeLR": dict(lr_lambda=lambda step: 0.9),
    "StepLR": dict(step_size=2),
    "MultiStepLR": dict(milestones=[2, 4]),
    "ConstantLR": {},
    "LinearLR": {},
    "ExponentialLR": dict(gamma=0.9),
    "PolynomialLR": {},
    "CosineAnnealingLR": dict(T_max=4),
    "CosineAnnealingWarmRestarts": dict(T_0=3),
    "CyclicLR": dict(base_lr=0.01, max_lr=0.1, step_size_up=2),
    "CyclicLR exp_range": dict(base_lr=0.01, max_lr=0.1, step_size_up=2, mode="exp_range"),
    "CyclicLR function": dict(base_lr=0.01, max_lr=0.1, step_size_up=2, scale_fn=lambda n: 0.9**n),
    "OneCycleLR": dict(max_lr=0.1, total_steps=10),
    "OneCycleLR epochs": dict(max_lr=0.1, epochs=5, steps_per_epoch=2, three_phase=True),
    "SWALR": dict(swa_lr=0.05, anneal_epochs=3),
    "ReduceLROnPlateau": dict(patience=1, mode="max"),
}


def arguments_of(call):
    return [field.name for field in dataclasses.fields(getattr(js, call.split()[0]))]


# The arguments for which another call of the same class makes a difference.
VARIED = {
    "CyclicLR exp_range": ["gamma", "mode", "step_size_up", "step_size_down", "max_lr"],
    "CyclicLR function": ["scale_fn", "scale_mode", "mode", "total_steps", "step_size_down"],
    "OneCycleLR epochs": ["total_steps", "epochs", "steps_per_epoch", "pct_start", "three_phase"],
}
COMBINATIONS = [(call, name) for call in CALLS for name in VARIED.get(call, arguments_of(call))]
OF_EACH_CLASS = [call for call in CALLS if " " not in call]
IN_FULL = ["LambdaLR", "StepLR", "CosineAnnealingLR", "CyclicLR function", "ReduceLROnPlateau"]
OURS = {"initial_lr", "best", "num_bad_epochs", "cooldown_counter"}  # PyTorch has none


def built(call, name, value):
    cls = getattr(js, call.split()[0])
    given = CALLS[call] if cls in (js.CyclicLR, js.OneCycleLR) else {"lr": 0.1} | CALLS[call]
    with without_warnings():
        return cls(**given | {name: value})


def rates(schedule):
    if not isinstance(schedule, js.ReduceLROnPlateau):
        return np.asarray(schedule(COUNTS))
    state, found = schedule.init(), []
    for metric in METRICS:
        found.append(float(schedule(state)))
        state = schedule.update(state, value=metric)
    return np.array(found)


found_before: dict = {}  # rates by schedule, and PyTorch's by argument


def outcome(call, name, value):
    """(schedule, rates), or (where it is refused, in a sentence held to what that must say)."""
    stage = "constructor"
    try:
        schedule = built(call, name, value)
        stage = "call"
        if schedule not in found_before:
            found_before[schedule] = rates(schedule)
        found = found_before[schedule]
    except (TypeError, ValueError) as error:
        told, cls = str(error), call.split()[0]
        assert type(error) in (TypeError, ValueError, PastEnd), error
        assert f"`{cls}(" in told and len(told) < 5500, error
        about = (f"{name}=", f"`{name}`", "Tried to step", "takes no optimizer")
        assert any(words in told for words in about), error
        assert "_Reduced" not in told and "_Scaled" not in told
        return stage, error
    assert found.shape == COUNTS.shape and not np.isnan(found).any(), found
    return schedule, found


def torch_rates(call, name, value):
    """What PyTorch shows, or None where it raises."""
    if not isinstance(value, int | float | str):
        return stepped_by_torch(call, name, value)
    key = (call, name, type(value), value)
    if key not in found_before:
        found_before[key] = stepped_by_torch(call, name, value)
    return found_before[key]


def stepped_by_torch(call, name, value):
    from jaxsched._torch.to_torch import scheduler_class

    arguments = CALLS[call] | {name: value}
    lr = arguments.pop("lr", 0.1)
    found = []
    try:
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr, momentum=0.9)
        if name == "last_epoch" and value != -1:
            optimizer.param_groups[0]["initial_lr"] = lr
        scheduler = scheduler_class(getattr(js, call.split()[0]))(optimizer, **arguments)
        for metric in METRICS:
            found.append(float(optimizer.param_groups[0]["lr"]))
            scheduler.step(*[metric] if call.startswith("Reduce") else [])
    except Exception:
        return None if len(found) < len(METRICS) else np.array(found)
    return np.array(found)


def has_counterpart(call, name, value):
    if name == "last_epoch" and value == 2**31:
        return False  # whose waves are all rounding
    if isinstance(value, js.Schedule):
        return False  # a plateau's rate
    resumed = name == "last_epoch" and call.startswith(("CyclicLR", "OneCycleLR"))
    own_table = name == "total_steps" and not call.startswith("OneCycleLR")
    return not (resumed or own_table or name in OURS)


def assert_alike(found, expected):
    """Within section 3's bounds for float64; both infinite where one is."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    peak = np.abs(expected[finite]).max(initial=0.0)
    error = np.abs(found[finite] - expected[finite])
    assert np.all(error <= 1e-12 * np.abs(expected[finite]) + 1e-15 * peak + 1e-307), (
        found,
        expected,
    )


@pytest.fixture(autouse=True)
def _quiet_in_float64():
    with jax.enable_x64(True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check(call, name, value, plain):
    """The outcome of a value, held to PyTorch's of the plain number that it stands for."""
    found = outcome(call, name, value)
    refused = isinstance(found[0], str)
    if torch is None or found[0] == "constructor" or not has_counterpart(call, name, plain):
        return found
    if name == "milestones" and hasattr(value, "tolist"):
        plain = value.tolist()
    expected = torch_rates(call, name, plain)
    if refused:
        batch = getattr(value, "ndim", 0) > 0
        only_python = callable(value) and "`total_steps=N`" in str(found[1])
        assert expected is None or batch or only_python, f"PyTorch has rates, and not {found}"
    elif isinstance(plain, int) and abs(plain) >= 2**1024 and expected is None:
        pass  # stands for an infinite length, which PyTorch takes too
    else:
        assert expected is not None, f"PyTorch raises, and not {found}"
        assert_alike(found[1], expected)
    return found


@pytest.mark.parametrize("call, name", COMBINATIONS, ids=lambda part: part)
def test_every_argument(call, name):
    # What all share is tried in full with some, for each needs a program of its own.
    shared = name in ("lr", "initial_lr", "last_epoch", "scale_mode") and call not in IN_FULL
    numbers = [x for x in NUMBERS if x not in (0, 1, "abs", "linear")] if shared else NUMBERS
    given = [check(call, name, value, value) for value in numbers]
    accepted = sum(not isinstance(found[0], str) for found in given)
    place = COMBINATIONS.index((call, name))
    dressed = [] if shared else [*DRESSED.values(), *(TENSORS.values() if torch else [])]
    if not shared and call in OF_EACH_CLASS:
        dressed.append(list(FROM_JAX.values())[place % len(FROM_JAX)])
    for make, plain in dressed:
        found, of_plain = check(call, name, make(), plain), outcome(call, name, plain)
        if isinstance(make(), jax.Array) and name in ("last_epoch", "total_steps"):
            continue  # where they are structure, JAX's numbers are refused
        if name == "milestones":
            continue  # where a tensor of one is a sequence
        assert isinstance(found[0], str) == isinstance(of_plain[0], str), (make(), found, of_plain)
        if not isinstance(found[0], str):
            np.testing.assert_allclose(found[1], of_plain[1], rtol=1e-15)
    for make in [*ABSURD.values(), *(ABSURD_TENSORS.values() if torch else [])]:
        value = make()
        check(call, name, value, make() if inspect.isgenerator(value) else value)
    # Else it is refused whatever is given.
    words = ("mode", "scale_mode", "threshold_mode", "anneal_strategy")
    functions = ("lr_lambda", "scale_fn", "milestones")
    assert accepted >= 1 if shared or name in words else accepted >= 2 or name in functions, (
        accepted
    )


COMPILED = [("jitted", lambda s: jax.jit(s.__call__)), ("mapped", lambda s: jax.vmap(s))]


@pytest.mark.parametrize("call", CALLS)
def test_inside_jit_and_vmap(call):
    tried = 0
    arguments = VARIED.get(call, arguments_of(call))
    for place, name in enumerate(arguments):
        for value in (True, 1e300, np.array(0.5, ">f8"), np.array(3, ">u2")):
            found = outcome(call, name, value)
            if isinstance(found[0], str) or call.startswith("Reduce"):
                continue
            schedule, eager = found
            way = COMPILED[(place + tried) % 2][1]
            tried += 1
            np.testing.assert_allclose(way(schedule)(COUNTS), eager, rtol=1e-14, atol=1e-290)
            break
    assert tried >= len(arguments) // 3 or call.startswith("Reduce")


OTHERS = {
    "per_epoch": (js.per_epoch, "steps_per_epoch"),
    "per_batches": (lambda s, n: js.per_batches(s, n, 5), "frequency"),
    "batches": (lambda s, n: js.per_batches(s, 2, n), "batches_per_epoch"),
    "per_update": (js.per_update, "steps_per_update"),
    "delay": (js.delay, "num_steps"),
    "skip": (js.skip, "num_steps"),
    "tabulate": (js.tabulate, "num_steps"),
}
EXPONENTIAL = js.ExponentialLR(0.1, 0.9)
PLACES = {
    **{f"{name} schedule": lambda x, f=f: f(x, 3) for name, (f, _) in OTHERS.items()},
    "ParamGroups": js.ParamGroups,
    "a group": lambda x: js.ParamGroups([x]).rates(COUNTS),
    "Table": lambda x: Table(x),
    "a rate of a Table": lambda x: Table([x]),
    "momenta": lambda x: Table([0.1, 0.2], momenta=x),
    "ChainedScheduler": js.ChainedScheduler,
    "a part": lambda x: js.ChainedScheduler([x]),
    "SequentialLR": lambda x: js.SequentialLR(x, [3]),
    "milestones": lambda x: js.SequentialLR([EXPONENTIAL] * 3, x),
    "a milestone": lambda x: js.SequentialLR([EXPONENTIAL] * 2, [x]),
    "total_steps": lambda x: js.ChainedScheduler([EXPONENTIAL], total_steps=x),
}
PLACES |= {name: lambda x, f=f: f(EXPONENTIAL, x) for name, (f, _) in OTHERS.items()}


@pytest.mark.parametrize("place", PLACES)
def test_around_the_schedulers(place):
    refused = 0
    values = [lambda v=v: v for v in NUMBERS]
    values += [*ABSURD.values(), *(make for make, _ in DRESSED.values())]
    for make in values:
        try:
            found = PLACES[place](make())
            if isinstance(found, js.Schedule):
                assert not np.isnan(found(COUNTS)).any()
        except (TypeError, ValueError) as error:
            assert type(error) in (TypeError, ValueError, PastEnd), error
            assert str(error).startswith("`"), error
            refused += 1
    assert refused > len(values) / 2


@pytest.mark.parametrize("name, words", [
    ("mode", "'min' or 'max'"), ("threshold_mode", "'rel', 'abs' or 'magnitude'"),
])  # fmt: skip
@pytest.mark.parametrize("value", ["foo", None, ["min"], {"min"}, np.array(["min", "max"])])
def test_a_refused_word_is_told_the_words(name, words, value):
    with pytest.raises(ValueError, match=rf"`ReduceLROnPlateau\({name}=...\)` must be {words}"):
        js.ReduceLROnPlateau(0.1, **{name: value})
    for cls, arguments in [(js.SWALR, (0.1, 0.05)), (js.OneCycleLR, (0.1, 10))]:
        with pytest.raises(ValueError, match=r"anneal_strategy=...\)` must be 'cos' or 'linear'"):
            cls(*arguments, anneal_strategy=value)
    with pytest.raises(ValueError, match="must be 'triangular', 'triangular2' or 'exp_range'"):
        js.CyclicLR(0.1, 0.2, mode=value)


def test_a_power_that_overflows_is_an_end():
    cycle = js.CyclicLR(0.1, 1.0, 2, mode="exp_range", gamma=1e300)
    assert np.isfinite(cycle(1))
    for call in (cycle, cycle.momentum):
        with pytest.raises(ValueError, match=r"`CyclicLR\(gamma=1e\+300\)` ends at step 1"):
            call(np.array([0, 5]))
    assert not np.isnan(jax.jit(cycle.__call__)(COUNTS)).any()
    # Where the quotient of the logarithms is an integer, and where it is not.
    for gamma, last in ((2.0, 1023), (4.0, 511), (1.5, 1750), (-3.0, 646), (1.0001, 7_098_182)):
        growing = js.CyclicLR(0.1, 1.0, mode="exp_range", gamma=gamma)
        with pytest.raises(OverflowError):
            gamma ** (last + 1)
        assert np.isfinite(gamma**last) and np.isfinite(growing(last))
        with pytest.raises(ValueError, match=rf"ends at step {last}, as"):
            growing(last + 1)
    assert js.CyclicLR(0.1, 1.0, mode="exp_range", gamma=1.5)(1750) > 1e300
    with pytest.raises(ValueError, match=r"gamma \*\* 2` does not overflow"):
        js.MultiStepLR(0.1, [2, 2], 1e300)


def test_a_table_fails_only_where_it_holds_no_number():
    growing = js.MultiplicativeLR(1.0, lambda step: 1e30, total_steps=100)
    np.testing.assert_allclose(growing(np.arange(11)), 1e30 ** np.arange(11), rtol=1e-13)
    epochs = js.per_epoch(growing, 3)
    assert epochs(32) == growing(10)
    for call in (lambda: growing(11), lambda: epochs(33), lambda: jax.jit(growing.__call__)(3)):
        with pytest.raises(ValueError, match=r"takes counts below (11|33), from where on the rate"):
            call()
    assert jax.jit(dataclasses.replace(growing, total_steps=11).__call__)(99) == growing(10)


def test_a_table_of_a_foreign_byte_order():
    rates = np.linspace(0.1, 0.2, 5)
    for dtype in (">f8", ">f4", np.longdouble):
        table = Table(rates.astype(dtype), momenta=rates.astype(dtype))
        np.testing.assert_allclose(table(COUNTS[:5]), rates, rtol=1e-7)
        np.testing.assert_allclose(jax.jit(table.__call__)(COUNTS[:5]), rates, rtol=1e-7)
        np.testing.assert_allclose(jax.vmap(table.momentum)(COUNTS[:5]), rates, rtol=1e-7)
    swept = jax.vmap(lambda schedule: schedule(3))
    gammas = np.array([0.5, 0.9])
    foreign = js.ExponentialLR(gammas.astype(">f4"), gammas.astype(">f8"))
    np.testing.assert_allclose(swept(foreign), swept(js.ExponentialLR(gammas, gammas)), rtol=1e-6)


@pytest.mark.parametrize("threshold", [np.uint8(3), jnp.uint8(3), jnp.asarray(3, jnp.int4)])
def test_an_unsigned_threshold_has_a_negative(threshold):
    plateaus = [js.ReduceLROnPlateau(0.1, "max", threshold=x) for x in (3, threshold)]
    plain, given = (p.update(p.init(), value=-2.0) for p in plateaus)
    assert jax.tree.map(float, plain) == jax.tree.map(float, given)


def test_a_plateau_that_is_still_a_batch():
    plateau = js.ReduceLROnPlateau(np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match=r"`ReduceLROnPlateau\(lr=...\)` must be a scalar"):
        plateau.init()
