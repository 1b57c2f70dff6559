"""State dicts with a value that PyTorch would not have saved: an error that names the key."""

import signal
import warnings

import numpy as np
import pytest

import jaxsched as js

STEP = {"step_size": 3, "gamma": 0.1, "base_lrs": [0.1], "last_epoch": 1, "_step_count": 2, "_last_lr": [0.1]}  # fmt: skip
RESTARTS = {
    "T_0": 3, "T_mult": 2, "T_i": 3, "T_cur": 0, "eta_min": 0.0, "base_lrs": [0.1],
    "last_epoch": 0, "_step_count": 0, "_last_lr": [0.1],
}  # fmt: skip
DAMAGES = [
    [1.0, 2.0, 3.0], np.zeros(3), None, float("nan"), float("inf"), -float("inf"), True, "text",
    1e300, 10**400, -(10**400), -5, -1, 0, 2.5, [], [None], {"a": 1}, object(),
]  # fmt: skip


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


def live():
    pytest.importorskip("torch")
    import torch
    from torch.optim import lr_scheduler as pt

    def sgd():
        groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (0.1, 0.2)]
        return torch.optim.SGD(groups, lr=0.1, momentum=0.9)

    return torch, pt, sgd


BUILDS = {
    "StepLR": (3,), "MultiStepLR": ([2, 4],), "ConstantLR": (), "LinearLR": (),
    "ExponentialLR": (0.9,), "PolynomialLR": (), "CosineAnnealingLR": (5,),
    "CosineAnnealingWarmRestarts": (3, 2), "LambdaLR": (lambda n: 1.0,),
    "MultiplicativeLR": (lambda n: 1.0,), "CyclicLR": (0.01, 0.1), "OneCycleLR": (0.1, 10),
    "ReduceLROnPlateau": (), "SWALR": (0.05,),
}  # fmt: skip
# What the schedules do not depend on, and a value that only some of these damages damage.
UNREAD = {"verbose", "_get_lr_called_within_step", "_is_initial", "mode_worse"}
UNSEEN = {"_last_lr", "default_min_lr", "_scale_fn_custom"}


def could_be_saved(key, value):
    """Whether PyTorch could have saved such a value: a number, where the key holds one."""
    lists = {"base_lrs", "_last_lr", "min_lrs", "max_lrs", "base_momentums", "max_momentums",
             "lr_lambdas", "_schedule_phases"}  # fmt: skip
    strings = {"threshold_mode", "_anneal_strategy", "_anneal_func_type"}
    if (
        key in UNREAD
        or (key == "_last_lr" and isinstance(value, list) and len(value) == 3)
        or (key in ("default_min_lr", "_scale_fn_custom") and value is None)
    ):
        return True
    if key == "milestones":
        return value in ([], [1.0, 2.0, 3.0]) if isinstance(value, list) else value == {}
    if key in ("cycle_momentum", "use_beta1"):
        return value is True or value == 0
    if key == "_scale_fn_custom":
        return isinstance(value, dict)
    if key in strings or (key in lists and key != "min_lrs"):
        return False
    if key in ("mode", "scale_mode"):
        return False
    if key == "min_lrs":
        return isinstance(value, list) and None not in value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value == value and (value in (np.inf, -np.inf) or abs(value) < 10**400)


@pytest.mark.parametrize("name", BUILDS)
def test_every_damage_of_every_key(name):
    torch, pt, sgd = live()
    optimizer = sgd()
    cls = torch.optim.swa_utils.SWALR if name == "SWALR" else getattr(pt, name)
    state = cls(optimizer, *BUILDS[name]).state_dict()
    functions = {"lr_lambda": BUILDS[name][0]} if "lr_lambdas" in state else {}

    def read(damaged):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return js.from_torch_state_dict(name, damaged, optimizer.state_dict(), **functions)

    right, wrong = read(state), []
    for key in state:
        damages = [state | {key: value} for value in [*DAMAGES, torch.zeros(3)]]
        for damaged in [*damages, {k: v for k, v in state.items() if k != key}]:
            value = damaged.get(key, "missing")
            try:
                same = read(damaged) == right
            except ValueError as error:
                named = any(words in str(error) for words in (key, "do not explain", "scale_fn="))
                named = named or (key == "step_ratio" and "step_size_up" in str(error))
                if not named:
                    wrong.append((key, value, str(error)[:200]))
            except Exception as error:
                wrong.append((key, value, repr(error)[:200]))
            else:
                optional = value == "missing" if isinstance(value, str) else False
                if not (same and optional) and not could_be_saved(key, value):
                    wrong.append((key, value, "accepted"))
    assert not wrong, "\n".join(map(str, wrong))
