"""State dicts with a value that PyTorch would not have saved: an error that names the key."""

import contextlib
import copy
import signal

import jax
import numpy as np
import pytest

import jaxsched as js

with contextlib.suppress(ImportError):
    import torch

STEP = {"step_size": 3, "gamma": 0.1, "base_lrs": [0.1], "last_epoch": 1, "_step_count": 2, "_last_lr": [0.1]}  # fmt: skip
RESTARTS = {
    "T_0": 3, "T_mult": 2, "T_i": 3, "T_cur": 0, "eta_min": 0.0, "base_lrs": [0.1],
    "last_epoch": 0, "_step_count": 0, "_last_lr": [0.1],
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_bounded_time():
    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "name, state, words",
    [
        ("StepLR", STEP | {"gamma": "0.1"}, "must hold a finite number as `gamma`, got '0.1'"),
        ("StepLR", STEP | {"gamma": True}, "must hold a finite number as `gamma`, got True"),
        ("StepLR", STEP | {"last_epoch": 1e300}, "as `last_epoch`, got 1e"),
        ("StepLR", STEP | {"base_lrs": np.zeros(2)}, "as `base_lrs`"),
        ("StepLR", STEP | {"_last_lr": [0.1, 0.1]}, "as `_last_lr`"),
        ("StepLR", STEP | {"warmup": 3}, "a subclass's, with `warmup`: convert the live"),
        ("CosineAnnealingWarmRestarts", RESTARTS | {"T_mult": 0}, "a positive count as `T_mult`"),
        ("CosineAnnealingWarmRestarts", RESTARTS | {"T_0": -1}, "a positive count as `T_0`"),
        ("SequentialLR", {"_milestones": [], "_schedulers": 3, "last_epoch": 0}, "`_milestones`|`_schedulers`"),
        ("ChainedScheduler", {"_schedulers": [3], "_last_lr": [0.1]}, "`_schedulers`"),
    ],
)  # fmt: skip
def test_a_value_that_its_key_does_not_hold(name, state, words):
    with pytest.raises(ValueError, match=words):
        js.from_torch_state_dict(name, state)


@pytest.mark.parametrize(
    "key, value", [("base_lrs", [{}]), ("base_lrs", 3), ("_last_lr", 3), ("last_epoch", [])]
)
def test_a_part_that_may_be_of_two_classes_is_checked_before_it_is_told(key, value):
    part = {key_: x for key_, x in STEP.items() if key_ not in ("step_size", "gamma")}
    state = {"_schedulers": [part | {"lr_lambdas": [None], key: value}], "_last_lr": [0.1]}
    with pytest.raises(ValueError, match=f"as `{key}`, got"):
        js.from_torch_state_dict("ChainedScheduler", state, lr_lambda=lambda step: 1.0)


def test_a_dict_that_contains_itself():
    state = {"_schedulers": [], "_last_lr": [0.1]}
    state["_schedulers"].append(state)

    with pytest.raises(ValueError, match="`_schedulers`, got more, or one that contains itself"):
        js.from_torch_state_dict("ChainedScheduler", state)


@pytest.mark.parametrize(
    "groups, key",
    [
        ([{"lr": "0.1"}], "lr"), ([{"lr": float("nan")}], "lr"), ([{}], "lr"), ([], "lr"),
        (3, "param_groups"), ([3], "param_groups"), ([{"lr": 0.1}] * 2, "optimizer has 2"),
    ],
)  # fmt: skip
def test_damaged_groups(groups, key):
    with pytest.raises(ValueError, match=key):
        js.from_torch_state_dict("StepLR", STEP, {"param_groups": groups})


# --- what two keys say, and what would take for ever ---

LONG = {"base_lrs": [0.1], "last_epoch": 2 * 10**9, "_step_count": 2 * 10**9 + 1, "_last_lr": [0.1]}
WAVE = LONG | {"T_max": 10, "eta_min": 0.01}
CYCLE = {
    "base_lrs": [0.01], "last_epoch": 0, "_step_count": 1, "_last_lr": [0.01], "max_lrs": [0.1],
    "total_size": 6.0, "step_ratio": 0.5, "mode": "triangular", "gamma": 1.0, "scale_mode": "xyz",
    "cycle_momentum": False, "_scale_fn_custom": None,
}  # fmt: skip


def nested(depth):
    """The same list of two at every level."""
    state = {"_schedulers": [{"gamma": 1.0} | LONG], "_last_lr": [0.1]}
    for _ in range(depth):
        state = {"_schedulers": [state, state], "_last_lr": [0.1]}
    return state


@pytest.mark.parametrize(
    "name, state, words",
    [
        ("CosineAnnealingWarmRestarts", RESTARTS | {"T_cur": 1}, "must hold `T_cur` and `T_i` as they are at a"),
        ("CosineAnnealingWarmRestarts", RESTARTS | {"T_i": 6}, "must hold `T_cur` and `T_i` as they are at a"),
        ("CosineAnnealingWarmRestarts", RESTARTS | {"T_mult": 1, "T_i": 6}, "T_0=3 and T_mult=1, got"),
        ("CosineAnnealingWarmRestarts", RESTARTS | {"T_cur": -1, "last_epoch": 4}, "`T_cur` and `T_i`"),
        ("StepLR", STEP | {"last_epoch": 1.5}, "a whole count of steps done as `last_epoch`"),
        ("StepLR", STEP | {"last_epoch": -1}, "a count from 0 up as `last_epoch`, got -1"),
        ("StepLR", STEP | {"_is_initial": True}, "must hold False as `_is_initial`"),
        ("StepLR", STEP | {"base_lrs": [-0.1]}, "from 0 up, one for each parameter group, as `base"),
        ("CyclicLR", CYCLE, "one of 'cycle', 'iterations' as `scale_mode`, got 'xyz'"),
        ("MultiStepLR", LONG | {"gamma": 0.5, "milestones": {3: 2 * 10**9}}, "1024 in all .* as `milestones`"),
        ("ChainedScheduler", {"_schedulers": [WAVE, LONG | {"gamma": 1.0}], "_last_lr": [0.1]}, "at most 10000000 as `last_epoch`"),
        ("ChainedScheduler", nested(22), "at most 256 state dicts in all its `_schedulers`"),
    ],
)  # fmt: skip
def test_what_pytorch_would_not_go_on_with_or_takes_for_ever(name, state, words):
    with pytest.raises(ValueError, match=words):
        js.from_torch_state_dict(name, state)


def test_a_function_that_is_called_too_often():
    state = LONG | {"lr_lambdas": [None]}

    with pytest.raises(ValueError, match="must hold at most 10000000 as `last_epoch`"):
        js.from_torch_state_dict("MultiplicativeLR", state, lr_lambda=lambda step: 1.0)
    with pytest.raises(ValueError, match="at most 100000 above `_step_count`"):
        js.from_torch_state_dict(
            "MultiplicativeLR", state | {"_step_count": 1}, lr_lambda=abs, total_steps=20
        )
    with pytest.raises(ValueError, match="LambdaLR or a MultiplicativeLR"):
        chain = {"_schedulers": [state], "_last_lr": [0.1]}
        js.from_torch_state_dict("ChainedScheduler", chain, lr_lambda=lambda step: 1.0)


def test_a_keyword_that_there_is_not():
    words = (
        r"`from_torch_state_dict\(optax_state_dict=...\)` has no place in this scheduler: besides"
        " `cls_or_name`, `state_dict`, `optimizer_state_dict`, `total_steps` and `start` it takes "
    )
    with pytest.raises(TypeError, match=words + "no Python function"):
        js.from_torch_state_dict("StepLR", STEP, optax_state_dict={"lr": 0.1})
    with pytest.raises(TypeError, match=words + "`lr_lambda`"):
        js.from_torch_state_dict("LambdaLR", LONG | {"lr_lambdas": [None]}, optax_state_dict={})


def one_cycle(**group):
    levels = [
        ("initial_lr", "max_lr", "max_momentum", "base_momentum"),
        ("max_lr", "min_lr", "base_momentum", "max_momentum"),
    ]
    keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    phases = [dict(zip(keys, names, strict=True)) for names in levels]
    state = STEP | {
        "last_epoch": 0, "_step_count": 1, "total_steps": 10, "cycle_momentum": False,
        "_anneal_func_type": "linear",
        "_schedule_phases": [phases[0] | {"end_step": 2.0}, phases[1] | {"end_step": 9}],
    }  # fmt: skip
    state = {key: value for key, value in state.items() if key not in ("step_size", "gamma")}
    group = {"lr": group["initial_lr"]} | group
    return state, {"param_groups": [group]}


@pytest.mark.parametrize(
    "initial, top, final",
    [(0.004, 0.1, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 0.0), (0.2, 0.1, 0.4), (0.004, 0.1, 4e-7)],
)
def test_levels_of_a_one_cycle_that_a_division_cannot_give(initial, top, final):
    """A level of 0 is one that PyTorch divided by infinity for."""
    state, optimizer = one_cycle(initial_lr=initial, max_lr=top, min_lr=final)
    schedule = js.from_torch_state_dict("OneCycleLR", state, optimizer)

    expected = np.interp(np.arange(10), [0, 2, 9], [initial, top, final])
    np.testing.assert_allclose(schedule(np.arange(10)), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    "key, levels",
    [
        ("max_lr", {"initial_lr": 0.004, "max_lr": 0, "min_lr": 0.0}),
        ("initial_lr", {"initial_lr": 0, "max_lr": 0.1, "min_lr": 0.1}),
    ],
)
def test_levels_of_a_one_cycle_that_are_none_of_ours(key, levels):
    state, optimizer = one_cycle(**levels)

    with pytest.raises(ValueError, match=f"must have a `{key}` other than 0 in the optimizer's"):
        js.from_torch_state_dict("OneCycleLR", state, optimizer)


@pytest.mark.parametrize(
    "change",
    [
        {1: {"end_step": 12}}, {0: {"end_step": 12.0}}, {0: {"end_step": 0}},
        {0: {"start_lr": "max_lr"}}, {1: {"end_lr": "initial_lr"}}, {1: {"end_momentum": "lr"}},
    ],
)  # fmt: skip
def test_phases_that_are_not_pytorchs(change):
    state, optimizer = one_cycle(initial_lr=0.004, max_lr=0.1, min_lr=4e-7)
    phases = [phase | change.get(i, {}) for i, phase in enumerate(state["_schedule_phases"])]

    with pytest.raises(ValueError, match="as `_schedule_phases`"):
        js.from_torch_state_dict("OneCycleLR", state | {"_schedule_phases": phases}, optimizer)


# --- what is accepted goes on as in PyTorch ---


def sgd():
    return torch.optim.SGD([torch.zeros(1)], lr=0.1, momentum=0.9)


def build(name, optimizer):
    from torch.optim import lr_scheduler as pt
    from torch.optim.swa_utils import SWALR

    def part(cls, *arguments):
        return cls(optimizer, *arguments)

    return {
        "StepLR": lambda: part(pt.StepLR, 3),
        "MultiStepLR": lambda: part(pt.MultiStepLR, [2, 4, 4, 7]),
        "ConstantLR": lambda: part(pt.ConstantLR, 0.5, 7),
        "LinearLR": lambda: part(pt.LinearLR, 0.25, 0.75, 7),
        "ExponentialLR": lambda: part(pt.ExponentialLR, 0.9),
        "PolynomialLR": lambda: part(pt.PolynomialLR, 9, 2.0),
        "CosineAnnealingLR": lambda: part(pt.CosineAnnealingLR, 7, 0.01),
        "CosineAnnealingWarmRestarts": lambda: part(pt.CosineAnnealingWarmRestarts, 3, 2),
        "CosineAnnealingWarmRestarts-steady": lambda: part(pt.CosineAnnealingWarmRestarts, 3),
        "LambdaLR": lambda: part(pt.LambdaLR, FUNCTION),
        "MultiplicativeLR": lambda: part(pt.MultiplicativeLR, FUNCTION),
        "CyclicLR": lambda: part(pt.CyclicLR, 0.01, 0.1, 3, 4, "triangular2"),
        "OneCycleLR": lambda: part(pt.OneCycleLR, 0.1, 20),
        "ReduceLROnPlateau": lambda: part(pt.ReduceLROnPlateau, "min", 0.5, 1),
        "SWALR": lambda: part(SWALR, 0.05, 7),
        "ChainedScheduler": lambda: pt.ChainedScheduler(
            [part(pt.ExponentialLR, 0.9), part(pt.CosineAnnealingWarmRestarts, 3, 2)]
        ),
        "SequentialLR": lambda: part(
            pt.SequentialLR, [part(pt.LinearLR, 0.25, 0.75, 7), part(SWALR, 0.05, 7)], [3]
        ),
    }[name]()


def FUNCTION(step):
    return 1.0 / (1 + step)


NAMES = [
    "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CosineAnnealingWarmRestarts-steady",
    "LambdaLR", "MultiplicativeLR", "CyclicLR", "OneCycleLR", "ReduceLROnPlateau", "SWALR",
    "ChainedScheduler", "SequentialLR",
]  # fmt: skip
METRICS = [1.0, 0.9, 0.95, 0.99, 0.97, 0.8, 0.85, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95]
DONE, MORE, SHOWN = 5, 7, [0, 1, 2, 4, 7]
NONSENSE = [
    np.zeros(3), None, float("nan"), True, "text", 1e300, 10**400, -1, [], [None], {"a": 1}, object(),
]  # fmt: skip
COSTLY = (0, 1, 300)
PLAUSIBLE = [0, 1, 7, 300, 2.5, float("inf"), [1.0, 2.0, 3.0]]
# What PyTorch does not read again, or cannot do without though it says nothing.
UNREAD = {"verbose", "_get_lr_called_within_step", "mode_worse", "use_beta1", "_scale_fn_custom"}


def damages(state, values):
    """Copies of a dict with one value changed or gone, each with the keys that lead there."""
    for key, held in state.items():
        if key in UNREAD:
            yield (key,), None, {**state, key: None}
            continue
        for value in values:
            # Where it was built is compiled into a schedule: one other place is enough.
            if (
                key not in ("last_epoch", "_step_count")
                or type(value) is not int
                or value not in COSTLY
            ):
                yield (key,), value, {**state, key: value}
        yield (key,), "missing", {k: v for k, v in state.items() if k != key}
        if isinstance(held, list) and isinstance(held[0], float):
            yield (key,), "another rate", {**state, key: [0.05, *held[1:]]}
        if isinstance(held, list) and isinstance(held[0], dict):
            for index, part in enumerate(held):
                for keys, value, damaged in damages(part, [0, 7, 2.5, None]):
                    parts = [*held[:index], damaged, *held[index + 1 :]]
                    yield (key, *keys), value, {**state, key: parts}


def step(scheduler, count, plateau):
    scheduler.step(*([METRICS[count]] if plateau else []))


def go_on(name, state, optimizer_state):
    """PyTorch's rates after it has loaded the dict, and the count that it then stands at."""
    optimizer = sgd()
    scheduler = build(name, optimizer)
    optimizer.load_state_dict(copy.deepcopy(optimizer_state))
    scheduler.load_state_dict(copy.deepcopy(state))
    count = js.current_count(scheduler)
    shown = []
    for more in range(MORE + 1):
        if more:
            step(scheduler, DONE + more - 1, name == "ReduceLROnPlateau")
        shown.append(float(optimizer.param_groups[0]["lr"]))
    return np.array(shown)[SHOWN], count


def rates(schedule, count):
    if not isinstance(schedule, js.ReduceLROnPlateau):
        # One by one and in float64, as the conversion has compiled it already.
        with jax.enable_x64(True):
            return np.array([float(schedule(count + more)) for more in SHOWN])
    state = schedule.init()
    shown = [schedule(state)]
    for metric in METRICS[DONE : DONE + MORE]:
        state = schedule.update(state, value=metric)
        shown.append(schedule(state))
    return np.array(shown)[SHOWN]


def what_is_wrong(name, keys, state, optimizer_state, functions):
    """None if the dict is refused in words, or its schedule goes on as PyTorch's scheduler."""
    try:
        schedule = js.from_torch_state_dict(name.split("-")[0], state, optimizer_state, **functions)
    except ValueError as error:
        words = (keys[-1], keys[0], "belies the others", "scale_fn=")
        return None if any(word in str(error) for word in words) else f"unnamed: {error}"
    except Exception as error:
        return f"raw: {error!r}"
    if keys[-1] in UNREAD:
        return None
    try:
        expected, count = go_on(name, state, optimizer_state)
    except Exception as error:
        return f"accepted, and PyTorch cannot go on: {error!r}"
    if not np.abs(expected).max() < 1e30:
        return None
    got = rates(schedule, count)
    scale = max(1.0, np.abs(expected).max())
    same = np.allclose(got, expected, rtol=2e-6, atol=1e-8 * scale)
    return None if same else f"{schedule} gives {got}, PyTorch {expected}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:overflow encountered in cast")
def test_a_dict_is_refused_or_goes_on_as_in_pytorch(name):
    pytest.importorskip("torch")
    optimizer = sgd()
    scheduler = build(name, optimizer)
    for count in range(DONE):
        step(scheduler, count, name == "ReduceLROnPlateau")
    state, optimizer_state = scheduler.state_dict(), optimizer.state_dict()
    functions = {"lr_lambda": FUNCTION} if "lr_lambdas" in state else {}
    functions |= {"total_steps": 20} if name == "MultiplicativeLR" else {}

    assert what_is_wrong(name, ("right",), state, optimizer_state, functions) is None
    wrong = []
    for keys, value, damaged in damages(state, NONSENSE + PLAUSIBLE + [torch.zeros(3)]):
        problem = what_is_wrong(name, keys, damaged, optimizer_state, functions)
        wrong += [f"{keys} = {value!r}: {problem}"] if problem else []
    assert not wrong, "\n".join(wrong)
