"""Habits from PyTorch, and numbers as people write them."""

import dataclasses
import enum
import inspect
import math
import pydoc
import re
import typing
import warnings
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxsched as js
from jaxsched._core.schedule import without_warnings
from jaxsched._schedulers import RECIPES, SCHEDULERS

LR = 0.1
E = js.ExponentialLR(LR, 0.9)
CYCLE = js.OneCycleLR(LR, 10)


class Sgd:
    """What a PyTorch optimizer shows of itself."""

    def __init__(self):
        self.param_groups = [{"lr": LR}]

    def __repr__(self):
        return "many\nlines"


GIVE_THE_RATE = "where PyTorch takes the optimizer, give the learning rate"
CALLS = [
    (lambda: js.StepLR(Sgd(), 30), GIVE_THE_RATE),
    (lambda: js.LambdaLR(Sgd(), abs), GIVE_THE_RATE),
    (lambda: js.StepLR(LR, 30, optimizer=Sgd()), GIVE_THE_RATE),
    (lambda: js.ReduceLROnPlateau(Sgd(), "min"), GIVE_THE_RATE),
    (lambda: js.CosineAnnealingLR(lr=Sgd(), T_max=3), GIVE_THE_RATE),
    (lambda: js.CyclicLR(Sgd(), 0.1, 0.2), "leave the optimizer out, `base_lr` comes first"),
    (lambda: js.OneCycleLR(Sgd(), 0.1, 100), "leave the optimizer out, `max_lr` comes first"),
    (lambda: js.SequentialLR(Sgd(), [E, E], [3]), "leave the optimizer out, `schedulers` comes"),
    (lambda: js.ChainedScheduler([E, E], Sgd()), "leave the optimizer out"),
    (lambda: js.ChainedScheduler([E, E], optimizer=None), "leave the optimizer out"),
    (lambda: js.StepLR(optax.sgd(LR), 30), "it takes the schedule as its rate, as in `optax.sgd(s"),
    (lambda: js.ReduceLROnPlateau(optax.adam(LR)), "it takes the schedule as its rate"),
    (lambda: js.StepLR(LR, 30, verbose=True), "leave it out and print `schedule(count)`"),
    (lambda: js.CosineAnnealingLR(LR, t_max=50), "did you mean `T_max`"),
    (lambda: js.StepLR(LR, 30, gama=0.5), "`StepLR(gama=...)` is no argument: did you mean `gamma`"),
    (lambda: js.StepLR(LR, 30, zzz=0.5), "it has lr, step_size, gamma, last_epoch, initial_lr"),
    (lambda: js.StepLR(LR), "`StepLR(...)` must have `step_size`"),
    (lambda: js.StepLR(), "must have `lr` and `step_size`"),
    (lambda: js.LambdaLR(LR), "must have `lr_lambda`"),
    (lambda: js.StepLR(LR, 30, lr=LR), "`StepLR(lr=...)` must be given once"),
    (lambda: js.StepLR(LR, 30, 0.1, -1, 0.1), "takes at most 4 arguments"),
    (lambda: js.ChainedScheduler(E, E), "write `ChainedScheduler([a, b])`"),
    (lambda: js.SequentialLR(E, E, [3]), "write `SequentialLR([a, b])`"),
    (lambda: js.tabulate(np.ones(3), 3), "`tabulate(schedule=...)` must be a schedule"),
]  # fmt: skip


@pytest.mark.parametrize("build, message", CALLS)
def test_a_call_that_does_not_fit_says_what_to_write(build, message):
    with pytest.raises(TypeError, match=re.escape(message)) as caught:
        build()
    assert "many" not in str(caught.value) and "__init__" not in str(caught.value)


def test_a_real_optimizer_is_not_printed():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=LR)
    with pytest.raises(TypeError, match=GIVE_THE_RATE) as caught:
        js.StepLR(optimizer, 30)
    assert "Parameter Group" not in str(caught.value)


def test_the_signature_is_that_of_the_fields():
    names = list(inspect.signature(js.StepLR).parameters)
    assert names == ["lr", "step_size", "gamma", "last_epoch", "initial_lr"]


@pytest.mark.parametrize("name, way", [
    ("step", "optax.sgd(schedule)"), ("get_last_lr", "current_lr"), ("get_lr", "schedule(count)"),
    ("base_lrs", "schedule.lr"), ("state_dict", "count"), ("load_state_dict", "fast_forward"),
])  # fmt: skip
@pytest.mark.parametrize("schedule", [E, CYCLE, js.ChainedScheduler([E, E])])
def test_there_is_no_state(schedule, name, way):
    with pytest.raises(AttributeError, match=rf"\.{name}` does not exist.*{re.escape(way)}"):
        getattr(schedule, name)


def test_other_attributes_raise_their_own_errors():
    with pytest.raises(AttributeError, match="no attribute 'gama'"):
        E.gama  # noqa: B018
    with pytest.raises(AttributeError, match="none of its parts cycles one"):
        js.ChainedScheduler([E, E]).momentum  # noqa: B018


@pytest.mark.parametrize("change", [lambda: setattr(E, "gamma", 0.5), lambda: delattr(E, "gamma")])
def test_a_field_cannot_be_changed(change):
    with pytest.raises(
        dataclasses.FrozenInstanceError, match=r"dataclasses\.replace\(schedule, gamma=\.\.\.\)"
    ):
        change()
    assert E.gamma == 0.9


BELOW_ONE = [
    (lambda: js.StepLR(30, 0.1), "StepLR(step_size=...)` is a number of steps, got 0.1"),
    (lambda: js.CosineAnnealingLR(50, 1e-4), "CosineAnnealingLR(T_max=...)`"),
    (lambda: js.CyclicLR(LR, 0.01, 0.1, 2000), "CyclicLR(step_size_up=...)`"),
]


@pytest.mark.parametrize("build, message", BELOW_ONE)
def test_a_length_below_one_asks_for_the_rate(build, message):
    with pytest.warns(UserWarning, match=re.escape(message)) as caught:
        build()
    assert caught[0].filename == __file__ and "is the rate in its place" in str(caught[0].message)
    with warnings.catch_warnings(), without_warnings():
        warnings.simplefilter("error")
        build()


# --- numbers as people write them ---

NUMBERS = {
    "np.int64": np.int64, "np.uint8": np.uint8, "0-d array": np.array,
    "tensor": lambda n: pytest.importorskip("torch").tensor(n),
    "tensor of one": lambda n: pytest.importorskip("torch").tensor([n]),
}  # fmt: skip
INTEGERS = {  # where PyTorch wants an int
    "T_0": lambda n: js.CosineAnnealingWarmRestarts(LR, n),
    "T_mult": lambda n: js.CosineAnnealingWarmRestarts(LR, 3, n),
    "one cycle": lambda n: js.OneCycleLR(LR, n),
    "epochs": lambda n: js.OneCycleLR(LR, epochs=n, steps_per_epoch=n),
    "anneal_epochs": lambda n: js.SWALR(LR, 0.01, n),
}
COUNTS = {  # where it takes a float, too, or has no say
    "step_size": lambda n: js.StepLR(LR, n),
    "T_max": lambda n: js.CosineAnnealingLR(LR, n),
    "total_iters": lambda n: js.LinearLR(LR, total_iters=n),
    "milestones": lambda n: js.MultiStepLR(LR, [n]),
    "patience": lambda n: js.ReduceLROnPlateau(LR, patience=n),
    "step_size_up": lambda n: js.CyclicLR(LR, 0.2, n),
}
STATIC_COUNTS = {
    "sequence": lambda n: js.SequentialLR([E, E], [n]),
    "total_steps": lambda n: js.LambdaLR(LR, float, total_steps=n),
    "last_epoch": lambda n: js.StepLR(LR, 3, last_epoch=n),
    "steps_per_epoch": lambda n: js.per_epoch(E, n),
    "num_steps": lambda n: js.tabulate(E, n),
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("field", INTEGERS | COUNTS | STATIC_COUNTS)
def test_whole_numbers_of_every_kind(field, number):
    build = (INTEGERS | COUNTS | STATIC_COUNTS)[field]
    plain, given = build(7), build(NUMBERS[number](7))
    if not isinstance(plain, js.ReduceLROnPlateau):
        np.testing.assert_array_equal(given(np.arange(6)), plain(np.arange(6)))
    assert given == plain
    if field in STATIC_COUNTS:
        assert hash(given) == hash(plain) and "np." not in repr(given)


@pytest.mark.parametrize("seven", [7.0, np.float64(7.0), np.float32(7.0)])
@pytest.mark.parametrize("field", COUNTS | STATIC_COUNTS)
def test_whole_floats(field, seven):
    build = (COUNTS | STATIC_COUNTS)[field]
    assert build(seven) == build(7)


@pytest.mark.parametrize("field", INTEGERS)
def test_floats_where_torch_wants_ints(field):
    with pytest.raises(ValueError, match=r"must be an? (positive )?int"):
        INTEGERS[field](7.0)


@pytest.mark.parametrize("field", STATIC_COUNTS)
def test_floats_that_are_not_whole(field):
    with pytest.raises(ValueError, match=r"must be.*got .*7\.5"):
        STATIC_COUNTS[field](7.5)


def test_tensors_as_rates():
    torch = pytest.importorskip("torch")
    assert js.StepLR(torch.tensor(0.5), 3, torch.tensor([0.25])) == js.StepLR(0.5, 3, 0.25)
    assert js.MultiStepLR(LR, torch.tensor([3, 5])) == js.MultiStepLR(LR, [3, 5])
    assert js.SequentialLR([E, E, E], torch.tensor([3, 5])) == js.SequentialLR([E, E, E], [3, 5])
    with pytest.raises(TypeError, match=r"`StepLR\(lr=\.\.\.\)` must be a number"):
        js.StepLR(torch.ones(2), 3)


@pytest.mark.parametrize("count", [3.0, np.int64(3), np.array(3)])
def test_fast_forward_takes_them_too(count):
    state = optax.sgd(E).init(jnp.zeros(1))
    assert js.fast_forward(state, count)[1].count == 3


def test_record_takes_them_too():
    torch = pytest.importorskip("torch")
    scheduler = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], lr=LR), 2)
    assert len(js.record(scheduler, np.int64(4)).lr) == 4


# --- ends, and functions of one's own ---


@pytest.mark.parametrize("last_epoch", range(2, 12))
def test_a_one_cycle_that_has_ended(last_epoch):
    torch = pytest.importorskip("torch")
    group = {"params": [torch.zeros(1)], "initial_lr": 0.004, "max_lr": LR, "min_lr": 4e-7}
    group |= {"max_momentum": 0.95, "base_momentum": 0.85}
    optimizer = torch.optim.SGD([group], lr=LR, momentum=0.9)
    try:
        torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=5, last_epoch=last_epoch)
    except ValueError as error:
        told = str(error)[: str(error).index(" times")]
        with pytest.raises(ValueError, match=rf"{told} times.*must cover all updates"):
            js.OneCycleLR(LR, total_steps=5, last_epoch=last_epoch)
    else:
        assert np.isfinite(js.OneCycleLR(LR, total_steps=5, last_epoch=last_epoch)(0))


def test_past_the_end_says_what_to_change():
    for schedule in (CYCLE, js.SequentialLR([E, CYCLE], [3])):
        with pytest.raises(ValueError, match=r"`?total_steps`?.* must cover all updates"):
            schedule(99)


def test_the_end_of_a_composition_names_the_part_that_ends():
    with pytest.raises(ValueError, match=r"^Tried to step 99 times\. `SequentialLR` ends at step (\d+) with a part: `OneCycleLR\(total_steps=\d+\)` ends at step"):  # fmt: skip
        js.SequentialLR([E, CYCLE], [3])(99)
    with pytest.raises(ValueError, match=r"^Tried to step 33 times\. `OneCycleLR"):
        js.per_epoch(CYCLE, 3)(99)
    with pytest.raises(ValueError, match=r"^Tried to step 99 times\. `OneCycleLR"):
        (js.ExponentialLR(1.0, 0.9) * CYCLE)(99)


class Branching(js.Schedule):
    lr: float

    def curve(self, t):
        return self.lr if t < 3 else 0.1 * self.lr


class Waving(js.Schedule):
    lr: float

    def curve(self, t):
        return self.lr * math.cos(t)


@pytest.mark.parametrize("cls", [Branching, Waving])
@pytest.mark.parametrize("use", [
    lambda s: s(np.arange(3)), lambda s: jax.jit(s.__call__)(3),
    lambda s: js.SequentialLR([E, s], [3])(np.arange(9)), lambda s: js.per_epoch(s, 3)(5),
])  # fmt: skip
def test_python_control_flow_in_a_curve(cls, use):
    with pytest.raises(TypeError, match=rf"`{cls.__name__}\.curve` .*`jnp\.where`.*`jnp\.cos`"):
        use(cls(LR))


PLATEAU = {"init", "update", "step", "averaged", "held"}


@pytest.mark.parametrize("cls", SCHEDULERS)
def test_the_public_names_are_the_arguments_and_what_one_calls(cls):
    names = {name for name in dir(cls) if not name.startswith("_")}
    arguments = {field.name for field in dataclasses.fields(cls)}
    callable_ones = {"momentum"} if "momentum" in names else set()
    callable_ones |= PLATEAU if cls is js.ReduceLROnPlateau else set()

    assert names <= arguments | callable_ones
    composites = {js.ChainedScheduler, js.SequentialLR}
    assert ("momentum" in names) == (cls in composites | {js.CyclicLR, js.OneCycleLR})


def test_the_package_shows_its_api_and_nothing_else():
    public = {name for name in dir(js) if not name.startswith("_")}

    assert set(js.__all__) <= public
    assert public - set(js.__all__) <= {"testing", *RECIPES}


# --- what `help` shows ---


def unspaced(text):
    """The text without the white space and the bars of `help`."""
    return re.sub(r"[\s|]+", "", text)


@pytest.mark.parametrize("cls", SCHEDULERS)
def test_help_names_the_types_in_short(cls):
    signature = inspect.signature(cls)
    texts = [str(parameter.annotation) for parameter in signature.parameters.values()]

    assert set(re.findall(r"\w+", " ".join(texts))) <= {
        "Float", "Int", "Number", "None", "Schedule", "Sequence", "Callable", "Array", "ndarray",
        "int", "float", "bool", "str",
    }  # fmt: skip
    assert "jax" not in str(signature) and "numpy" not in str(signature)
    shown = unspaced(pydoc.plain(pydoc.render_doc(cls)))  # Python 3.13 breaks long signatures
    assert unspaced(f"{cls.__name__}{signature}") in shown
    assert unspaced(f"__init__(self, {str(signature)[1:]}") in shown
    assert set(signature.parameters) == {f.name for f in dataclasses.fields(cls) if f.init}


def test_help_reads_as_the_source_does():
    assert str(inspect.signature(js.StepLR)) == (
        "(lr: Float, step_size: Number, gamma: Float = 0.1, last_epoch: int = -1, *,"
        " initial_lr: Float | None = None) -> None"
    )
    assert str(inspect.signature(js.SequentialLR)) == (
        "(schedulers: Sequence[Schedule], milestones: Sequence[int] | Array | ndarray, *,"
        " total_steps: int | None = None) -> None"
    )
    lr, *_ = inspect.signature(js.ReduceLROnPlateau).parameters.values()
    assert str(lr) == "lr: Float | Schedule"


def test_the_types_themselves_are_what_they_were():
    hints = typing.get_type_hints(js.StepLR.__init__)

    assert hints["step_size"] == float | int | jax.Array | np.ndarray
    assert hints["lr"] == float | jax.Array | np.ndarray


def test_the_signature_of_ones_own_schedule():
    class Mine(js.Schedule):
        lr: float
        best: "np.ndarray | None" = None

        def curve(self, t):
            return self.lr

    class Other(Mine):
        def __init__(self, scale: float):
            super().__init__(lr=scale)

    assert str(inspect.signature(Mine)) == "(lr: float, best: ndarray | None = None) -> None"
    assert str(inspect.signature(Other)) == "(scale: float)"


class Shape(enum.Enum):
    FLAT = "flat"


@pytest.mark.parametrize("annotation, value", [
    (str, "flat"), (bool, True), (Shape, Shape.FLAT), (Callable, abs), (Callable[[int], float], abs),
    (Literal["flat"], "flat"), (str | None, "flat"), (bool | None, None), ("str", "flat"),
    ("bool", True), ("typing.Callable[[int], float]", abs), ("collections.abc.Callable", abs),
    ("Literal['flat'] | None", "flat"),
])  # fmt: skip
def test_what_cannot_be_traced_is_static_in_a_class_of_ones_own(annotation, value):
    fields = {
        "__annotations__": {"lr": float, "more": annotation},
        "curve": lambda self, t: self.lr,
    }
    schedule = type("Own", (js.Schedule,), fields)(0.1, value)

    assert jax.tree.leaves(schedule) == [0.1]
    assert float(jax.jit(lambda schedule: schedule(3))(schedule)) == np.float32(0.1)
