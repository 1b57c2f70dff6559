"""`to_torch`: schedules as live PyTorch schedulers, and both back again."""

import io
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("torch")

import oracle
import strategies
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schedules import LR, SINGLES, InverseSquareRoot, is_torchs

import jaxsched as js
from jaxsched._schedulers.composite import singles
from jaxsched._text.expression import Expression
from jaxsched._traces.cases import cases

pytestmark = pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
LIVE = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def optimizer_for(schedule, name="SGD", lr=1.0):
    number = len(schedule) if isinstance(schedule, js.ParamGroups) else 1
    momentum = {"momentum": 0.9} if name == "SGD" else {}
    return getattr(torch.optim, name)(
        [{"params": [torch.zeros(1)]} for _ in range(number)], lr=lr, **momentum
    )


def there_and_back(schedule, name="SGD"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scheduler = js.to_torch(schedule, optimizer_for(schedule, name))
        first = schedule[0] if isinstance(schedule, js.ParamGroups) else schedule
        table = None if isinstance(first, js.OneCycleLR) else getattr(first, "total_steps", None)
        return js.from_torch(scheduler, table)


def forgotten(schedule):
    """What PyTorch does not keep, and so nobody can give back, though the rates are the same."""
    members = list(schedule) if isinstance(schedule, js.ParamGroups) else [schedule]
    parts = [p for m in members if isinstance(m, js.Schedule) for p in singles(m)]
    resetting = [p for p in parts if isinstance(p, js.OneCycleLR | js.CyclicLR)]
    levels = [p for p in parts if isinstance(p, js.OneCycleLR | js.SWALR)]
    yield len(parts) > 1 and bool(resetting)  # the rate before it
    yield any(len([p for p in levels if type(p) is c]) > 1 for c in (js.OneCycleLR, js.SWALR))
    yield any(getattr(p, "epochs", None) for p in parts)  # only their product
    yield any(
        getattr(p, "last_epoch", -1) >= 0 for p in parts
    )  # the rate before one that overwrites it
    yield any(type(m) in (js.ChainedScheduler, js.SequentialLR) and m.total_steps for m in members)
    recipes = [p for p in parts if type(p).__module__ == "jaxsched.transformers"]
    yield any(getattr(p, "min_lr", None) is not None for p in recipes)  # only its ratio
    yield any(type(p).__name__ == "get_wsd_schedule" for p in recipes)  # only the stable steps


CASES = [c for c in cases() if c.num_steps and is_torchs(c.schedule)]


@pytest.mark.parametrize("block", range(8))
def test_there_and_back_is_where_one_was(block):
    """All recorded configurations, but for what PyTorch itself forgets."""
    number = 0
    for case in CASES[block::8]:
        back = there_and_back(case.schedule, case.optimizer)
        if not any(forgotten(case.schedule)):
            assert back == case.schedule
            number += 1
    assert number > 20


@pytest.mark.parametrize("block", range(8))
def test_there_and_back_has_the_same_rates(block):
    for case in CASES[block::8]:
        if not any(forgotten(case.schedule)) or case.metrics is not None:
            continue  # equal, as the test above says
        back = there_and_back(case.schedule, case.optimizer)
        steps = np.arange(min(case.num_steps, 40))
        earlier = 0  # Restarts resumed in their first cycle are the same from the very start.
        if isinstance(back, js.CosineAnnealingWarmRestarts):
            earlier = case.schedule.last_epoch - back.last_epoch
        np.testing.assert_array_equal(
            oracle.ours(back, earlier + steps),
            oracle.ours(case.schedule, steps),
            err_msg=f"{case.schedule}",
        )


@settings(LIVE, max_examples=30)
@given(strategies.singles(last_epoch=False))
def test_any_single_scheduler_comes_back(schedule):
    assert there_and_back(schedule) == schedule


@settings(LIVE, max_examples=30)
@given(strategies.compositions(depth=3), st.integers(0, 12))
def test_any_composition_converts_on_its_way(schedule, done):
    """PyTorch's rates, from the schedule that was read after some steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scheduler = js.to_torch(schedule, optimizer_for(schedule))
        for _ in range(done):
            scheduler.step()
        back = js.from_torch(scheduler, 40)
        expected = [scheduler.optimizer.param_groups[0]["lr"]]
        for _ in range(done + 1, 40):
            scheduler.step()
            expected.append(scheduler.optimizer.param_groups[0]["lr"])

    ours = np.asarray(back(np.arange(done, 40)), np.float64)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-13)


@pytest.mark.parametrize("name", SINGLES)
def test_the_rates_agree(name):
    schedule = SINGLES[name]
    optimizer = optimizer_for(schedule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scheduler = js.to_torch(schedule, optimizer)
    rates = []
    for _ in range(25):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()

    oracle.assert_close(schedule, np.array(rates))


def test_a_plateau_goes_on_where_it_was():
    plateau = js.ReduceLROnPlateau(LR, patience=3, best=0.25, num_bad_epochs=2, cooldown_counter=1)
    scheduler = js.to_torch(plateau, optimizer_for(plateau))

    assert (scheduler.best, scheduler.num_bad_epochs, scheduler.cooldown_counter) == (0.25, 2, 1)
    assert js.from_torch(scheduler) == plateau


def test_a_function_written_in_jax_works_in_pytorch_to_the_last_bit():
    schedule = js.LambdaLR(LR, lambda e: jnp.where(e < 5, 1.0, 0.9**e))
    optimizer = optimizer_for(schedule)
    scheduler = js.to_torch(schedule, optimizer)
    for _ in range(9):
        scheduler.step()
    rate = optimizer.param_groups[0]["lr"]
    with jax.enable_x64(True):
        ours = float(schedule(9))

    assert type(rate) is float
    assert rate == ours == pytest.approx(LR * 0.9**9, rel=1e-15)
    assert js.from_torch(scheduler) == schedule


def test_loading_a_checkpoint_does_not_reach_our_functions():
    schedule = js.LambdaLR(LR, Expression("0.9 ** step"))
    scheduler = js.to_torch(schedule, optimizer_for(None))
    other = js.to_torch(js.LambdaLR(LR, Expression("0.5 ** step")), optimizer_for(None))
    file = io.BytesIO()
    torch.save(other.state_dict(), file)
    scheduler.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))

    assert schedule.lr_lambda == Expression("0.9 ** step")
    assert js.from_torch(scheduler) == schedule


def test_numbers_of_numpy_and_jax():
    schedule = js.OneCycleLR(np.float64(LR), np.int64(20), pct_start=np.float64(0.25))
    scheduler = js.to_torch(schedule, optimizer_for(schedule))

    assert js.from_torch(scheduler) == js.OneCycleLR(LR, 20, pct_start=0.25)
    plain = js.to_torch(js.StepLR(jnp.float32(0.5), jnp.int32(3)), optimizer_for(schedule))
    assert js.from_torch(plain) == js.StepLR(0.5, 3)


def test_the_scheduler_before_is_superseded():
    optimizer = optimizer_for(None)
    js.to_torch(js.OneCycleLR(0.7, 20), optimizer)
    scheduler = js.to_torch(js.StepLR(LR, 3), optimizer)

    assert scheduler.base_lrs == [LR] == scheduler.get_last_lr()


def test_a_rate_in_a_tensor_stays_in_it():
    optimizer = optimizer_for(None, lr=torch.tensor(1.0))
    tensor = optimizer.param_groups[0]["lr"]
    js.to_torch(js.StepLR(0.5, 3), optimizer)

    assert optimizer.param_groups[0]["lr"] is tensor and float(tensor) == 0.5


E = js.ExponentialLR(LR, 0.9)
WRONG = [
    (InverseSquareRoot(LR), TypeError, "one of PyTorch's schedulers, got InverseSquareRoot"),
    (js.per_epoch(E, 3), TypeError, "Convert its `schedule`"),
    (js.tabulate(E, 3), TypeError, "one of PyTorch's schedulers, got from_rates"),
    (js.OneCycleLR(LR, 9).momentum, TypeError, "one of PyTorch's schedulers"),
    (0.1, TypeError, "one of PyTorch's schedulers, got 0.1"),
    (js.ReduceLROnPlateau(E), ValueError, "plateau of one `lr`"),
    (js.ReduceLROnPlateau(LR, threshold_mode="magnitude"), ValueError, "'rel' or 'abs'"),
    (
        js.SequentialLR([E, js.ChainedScheduler([E])], [3]),
        ValueError,
        "single schedulers from its second",
    ),
    (js.ParamGroups([E, E]), ValueError, "1 parameter groups, got 2"),
    (js.StepLR(jnp.array([0.1, 0.2]), 3), ValueError, "one schedule, not a batch"),
    (
        js.ChainedScheduler([js.ExponentialLR(LR, np.ones(2))]),
        ValueError,
        "one schedule, not a batch",
    ),
]


@pytest.mark.parametrize("schedule, error, message", WRONG)
def test_what_pytorch_cannot_do(schedule, error, message):
    with pytest.raises(error, match=message):
        js.to_torch(schedule, optimizer_for(None))


GROUPS = [
    ([E, js.StepLR(LR, 3)], "of the same schedulers in all groups"),
    ([E, js.ExponentialLR(LR, 0.8)], "one `gamma` for all groups"),
    ([js.SequentialLR([E, E], [3]), js.SequentialLR([E, E], [4])], "one `milestones` for all"),
    ([js.ChainedScheduler([E]), js.ChainedScheduler([E, E])], "of the same schedulers"),
]


@pytest.mark.parametrize("members, message", GROUPS)
def test_groups_that_differ_in_what_pytorch_has_once(members, message):
    groups = js.ParamGroups(members)
    with pytest.raises(ValueError, match=message):
        js.to_torch(groups, optimizer_for(groups))


def test_what_is_no_optimizer():
    with pytest.raises(
        TypeError, match=r"`to_torch\(optimizer=\.\.\.\)` must be a PyTorch optimizer"
    ):
        js.to_torch(E, 0.1)


def test_an_optimizer_that_pytorch_refuses_stays_as_it_was():
    optimizer = torch.optim.Rprop([torch.zeros(1)], lr=0.3)
    optimizer.param_groups[0]["initial_lr"] = 0.7
    with pytest.raises(ValueError, match="momentum"):
        js.to_torch(js.CyclicLR(0.01, LR), optimizer)

    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["initial_lr"]) == (0.3, 0.7)


def test_traced_numbers():
    with pytest.raises(TypeError, match=r"must be of concrete numbers, .*: call it outside `jit`"):
        jax.jit(lambda lr: js.to_torch(js.StepLR(lr, 3), optimizer_for(None)) and lr)(LR)


def test_equal_functions_of_the_groups_are_one_for_pytorch():
    groups = js.ParamGroups(
        [js.CyclicLR(0.1, rate, 3, scale_fn=Expression("1 / (1 + step)")) for rate in (0.2, 0.3)]
    )
    assert js.from_torch(js.to_torch(groups, oracle.sgd(0.1, 0.1))) == groups
