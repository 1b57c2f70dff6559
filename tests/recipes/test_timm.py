"""The schedulers of timm: against the installed library, and where they are not quite its own."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import LR, STEPS, arguments, assert_exact, assert_like_all

import jaxsched as js
from jaxsched import timm
from jaxsched.__main__ import main
from jaxsched.testing import bound

WARM = {"warmup_t": 7, "warmup_lr_init": 0.001}
EXAMPLES = {
    "CosineLRScheduler": {
        "t_initial": 9, "lr_min": 0.002, "cycle_mul": 2.0, "cycle_decay": 0.5, "cycle_limit": 2, **WARM,
    },
    "PolyLRScheduler": {"t_initial": 40, "power": 2.0, "lr_min": 0.002, "k_decay": 1.5, **WARM},
    "TanhLRScheduler": {
        "t_initial": 13, "lb": -6.0, "cycle_decay": 0.5, "cycle_limit": 3, "t_in_epochs": False, **WARM,
    },
    "StepLRScheduler": {"decay_t": 9, "decay_rate": 0.5, **WARM},
    "MultiStepLRScheduler": {"decay_t": [9, 20], "decay_rate": 0.5, "warmup_prefix": False, **WARM},
    "WSDLRScheduler": {
        "t_initial": 40, "decay_t": 12, "lr_min": 0.002, "stable_fn": "power", "stable_timescale": 20,
        "decay_fn": "exp", **WARM,
    },
}  # fmt: skip


def library():
    pytest.importorskip("torch")
    return pytest.importorskip("timm.scheduler")


def sgd(*groups):
    torch = pytest.importorskip("torch")
    members = [{"params": [torch.zeros(1)], **group} for group in groups or ({},)]
    return torch.optim.SGD(members, lr=LR)


def live(name, options, *groups):
    """timm's scheduler, on an optimizer with these groups, by default a single one."""
    return getattr(library(), name)(sgd(*groups), **options)


def rates_of(scheduler, steps=STEPS):
    """The rates that timm sets when it is told the counts 0, 1, ..., of each group."""
    tell = scheduler.step if scheduler.t_in_epochs else scheduler.step_update
    found = []
    for count in range(steps):
        tell(count)
        found.append([group["lr"] for group in scheduler.optimizer.param_groups])
    return np.array(found)


rates = st.sampled_from([0.0, 1e-3, 0.15])
bools = st.booleans()
ANY_WARM = {
    "warmup_t": st.sampled_from([0, 3, 7, 25, 2.5]), "warmup_lr_init": rates, "t_in_epochs": bools,
}  # fmt: skip
# Of these factors, no restart is rounded to the cycle before.
ANY_CYCLES = ANY_WARM | {
    "t_initial": st.sampled_from([1, 5, 17, 30]), "lr_min": rates, "cycle_mul": st.sampled_from([1.0, 1, 2.0, 1.5]),
    "cycle_decay": st.sampled_from([1.0, 0.1, 0.0, 1.2]), "cycle_limit": st.integers(0, 5), "warmup_prefix": bools,
}  # fmt: skip
drops = st.sampled_from([1.0, 0.5, 0.0, -0.5, 1.1])
ANY = {
    "CosineLRScheduler": ANY_CYCLES | {"k_decay": st.sampled_from([1.0, 1.5, 2, 0.7])},
    "PolyLRScheduler": ANY_CYCLES
    | {"k_decay": st.sampled_from([1.0, 1.5, 2]), "power": st.sampled_from([0.5, 1.0, 2, 0.9])},
    "TanhLRScheduler": ANY_CYCLES
    | {"lb": st.sampled_from([-7.0, -3]), "ub": st.sampled_from([3.0, 1])},
    "StepLRScheduler": ANY_WARM | {
        "decay_t": st.sampled_from([1, 3, 2.5, 0.7, 100, math.inf]), "decay_rate": drops, "warmup_prefix": bools,
    },
    "MultiStepLRScheduler": ANY_WARM | {
        "decay_t": st.lists(st.sampled_from([0, 1, 3, 9.5, 20]), max_size=4).map(sorted), "decay_rate": drops,
        "warmup_prefix": bools,
    },
    "WSDLRScheduler": ANY_WARM | {
        "t_initial": st.integers(9, 30), "decay_t": st.integers(1, 9), "lr_min": rates,
        "stable_fn": st.sampled_from(["constant", "rsqrt", "power"]), "stable_timescale": st.sampled_from([5, 2.5]),
        "stable_power": st.sampled_from([0.5, 1, 0.3]), "decay_fn": st.sampled_from(["linear", "1-sqrt", "cosine", "power", "exp"]),
        "decay_power": st.sampled_from([0.5, 1, 2.0]), "decay_ratio": st.sampled_from([0.1, 0.01]),
    },
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*is a number of steps:UserWarning")
@pytest.mark.parametrize("name", ANY)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    options = {key: data.draw(strategy, label=key) for key, strategy in ANY[name].items()}

    assert_exact(getattr(timm, name)(LR, **options), rates_of(live(name, options))[:, 0])


@pytest.mark.parametrize("name", [*EXAMPLES, "create_scheduler_v2"])
def test_the_arguments_are_those_of_the_library(name):
    ours, theirs = getattr(timm, name), getattr(library(), name)

    assert arguments(ours, "lr") == arguments(theirs, "optimizer")


# --- where timm rounds a restart to the cycle before ---

ROUNDED = [(3.0, 10, 5), (3.0, 30, 10), (9.0, 10, 5), (10.0, 30, 3), (1.2, 100, 3), (1.4, 50, 2), (1.6, 100, 3), (1.8, 30, 2)]  # fmt: skip


@pytest.mark.parametrize("growth, first, cycle", ROUNDED)
def test_a_cycle_begins_where_it_is_due(growth, first, cycle):
    """Only there, and only where the machine's logarithm rounds so, is timm's rate another one."""
    options = {"t_initial": first, "cycle_mul": growth, "cycle_limit": 20, "lr_min": 1e-3}
    due = round(first * (growth**cycle - 1) / (growth - 1))
    index = math.floor(math.log(1 - due / first * (1 - growth), growth))
    schedule = timm.CosineLRScheduler(LR, **options)
    theirs = live("CosineLRScheduler", options)._get_lr

    assert schedule(due) == np.float32(LR)
    assert index in (cycle, cycle - 1)
    assert theirs(due)[0] == pytest.approx(LR if index == cycle else 1e-3)
    for count in (due - 1, due + 1):
        np.testing.assert_allclose(schedule(count), theirs(count)[0], rtol=1e-7)


def test_all_other_counts_of_such_a_schedule_are_timms():
    options = {"t_initial": 10, "cycle_mul": 1.4, "cycle_limit": 4, "cycle_decay": 0.5, **WARM}
    expected = rates_of(live("CosineLRScheduler", options))[:, 0]
    off = np.flatnonzero(
        np.abs(timm.CosineLRScheduler(LR, **options)(np.arange(STEPS)) - expected) > 1e-8
    )

    assert set(off) <= {24}


def test_cycles_that_shrink_end_where_timm_fails():
    options = {"t_initial": 10, "cycle_mul": 0.5, "cycle_limit": 9, "lr_min": 0.01}
    schedule = timm.CosineLRScheduler(LR, **options)

    assert_exact(schedule, rates_of(live("CosineLRScheduler", options), 20)[:, 0])
    with pytest.raises(ValueError, match="math domain error"):
        live("CosineLRScheduler", options).step(20)
    with pytest.raises(
        ValueError, match=r"step 20 times.*`timm.CosineLRScheduler\(cycle_mul=0.5\)` ends"
    ):
        schedule(20)
    assert jax.jit(schedule)(20) == np.float32(0.01)
    waiting = timm.CosineLRScheduler(LR, **options, warmup_t=5, warmup_prefix=True)
    assert waiting(24) == schedule(19)
    with pytest.raises(ValueError, match="step 25 times"):
        waiting(25)


def test_the_slope_in_the_growth_of_equal_cycles():
    """At a `cycle_mul` of 1 there is a formula of its own, which has the derivative of the other."""

    def rate(growth):
        return timm.CosineLRScheduler(LR, 10, cycle_mul=growth, cycle_limit=9)(34)

    with jax.enable_x64(True):
        across = (rate(1.0 + 1e-5) - rate(1.0 - 1e-5)) / 2e-5
        np.testing.assert_allclose(jax.grad(rate)(1.0), across, rtol=1e-6)


# --- edges by name ---


def test_the_curve_is_entered_in_the_middle_unless_it_waits():
    curve = timm.CosineLRScheduler(LR, 10)
    over = timm.CosineLRScheduler(LR, 10, warmup_t=5)
    after = timm.CosineLRScheduler(LR, 10, warmup_t=5, warmup_prefix=True)

    assert over(5) == curve(5) == np.float32(0.05) and after(5) == curve(0)
    assert timm.TanhLRScheduler(LR, 10, warmup_t=5)(5) < timm.TanhLRScheduler(LR, 10)(0)


def test_a_milestone_counts_one_early():
    schedule = timm.MultiStepLRScheduler(LR, [10], 0.5)

    assert schedule(8) > schedule(9) == js.MultiStepLR(LR, [10], 0.5)(10)


def test_which_of_its_methods_counts_changes_no_rate():
    epochs, updates = (timm.StepLRScheduler(LR, 3, 0.5, t_in_epochs=x) for x in (True, False))

    assert epochs != updates
    np.testing.assert_array_equal(epochs(np.arange(9)), updates(np.arange(9)))


def test_before_its_first_call_timm_has_not_the_rate_of_count_0():
    for options, shown in ((WARM, 0.001), ({}, LR)):
        scheduler = live("TanhLRScheduler", {"t_initial": 3, "lr_min": 0.05, **options})
        assert scheduler.optimizer.param_groups[0]["lr"] == shown
    assert timm.TanhLRScheduler(LR, 3, lr_min=0.05)(0) < LR


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(timm, name), EXAMPLES[name])


@pytest.mark.parametrize("cycles", [0, 3])
@pytest.mark.parametrize(
    "options", [{}, {"cycle_mul": 1.5}, {"warmup_t": 5, "warmup_prefix": True, "cycle_limit": 2}]
)
def test_the_length_of_the_cycles(options, cycles):
    for name in ("CosineLRScheduler", "PolyLRScheduler", "TanhLRScheduler"):
        scheduler = live(name, {"t_initial": 9, **options})
        ours = getattr(timm, name)(LR, 9, **options)
        assert ours.get_cycle_length(cycles) == scheduler.get_cycle_length(cycles)
    assert timm.WSDLRScheduler(LR, 9, 3, warmup_t=2).get_cycle_length(cycles) == 11


# --- conversions ---


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_live_one_converts_from_its_beginning(name):
    scheduler = live(name, EXAMPLES[name])
    expected = rates_of(scheduler, 20)  # It stands in the middle of its run.
    schedule = js.from_torch(scheduler)

    assert schedule == getattr(timm, name)(LR, **EXAMPLES[name])
    assert js.from_torch(scheduler, total_steps=100) == schedule
    assert_exact(schedule, expected[:, 0])
    with pytest.raises(ValueError, match=r"is told the count: `jaxsched.skip\(schedule, n\)`"):
        js.from_torch(scheduler, start="now")
    with pytest.raises(ValueError, match="the number that your loop gives to `step`"):
        js.current_count(scheduler)


@pytest.mark.parametrize("name", EXAMPLES)
def test_groups_with_rates_and_scales_of_their_own(name):
    given = (
        {"lr": 0.1},
        {"lr": 0.02, "lr_scale": 0.75},
        {"lr": 0.3, "initial_lr": 0.05, "lr_scale": 1.0},
    )
    scheduler = live(name, EXAMPLES[name], *given)
    groups = js.from_torch(scheduler)

    assert groups[1] == getattr(timm, name)(0.02, **EXAMPLES[name]) * 0.75
    assert groups[2] == getattr(timm, name)(0.05, **EXAMPLES[name])
    assert (
        js.from_torch_state_dict(
            f"timm.{name}", scheduler.state_dict(), scheduler.optimizer.state_dict()
        )
        == groups
    )
    expected = rates_of(scheduler)
    for index in range(3):
        assert_exact(groups[index], expected[:, index])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_state_dict_has_all_but_the_scales(name):
    scheduler = live(name, EXAMPLES[name])
    schedule = js.from_torch(scheduler)

    for named in (name, type(scheduler), getattr(timm, name)):
        assert js.from_torch_state_dict(named, scheduler.state_dict()) == schedule


def test_what_a_state_dict_may_be_wrong_in():
    state = live("StepLRScheduler", EXAMPLES["StepLRScheduler"]).state_dict()

    with pytest.raises(
        ValueError, match=r"state_dict=.*got a CosineLRScheduler without t_initial, lr_min"
    ):
        js.from_torch_state_dict("timm.CosineLRScheduler", state)
    with pytest.raises(ValueError, match=r"is for 1 parameter groups, and the optimizer has 2"):
        js.from_torch_state_dict("timm.StepLRScheduler", state, sgd({}, {}).state_dict())
    with pytest.raises(ValueError, match=r"cls_or_name=.*got timm's PlateauLRScheduler: its rate"):
        js.from_torch_state_dict("timm.PlateauLRScheduler", {"best": 1.0})
    with pytest.raises(TypeError, match="has no place in this scheduler"):
        js.from_torch_state_dict("timm.StepLRScheduler", state, lr_lambda=abs)


@pytest.mark.parametrize("initialize", [True, False])
@pytest.mark.parametrize("name", EXAMPLES)
def test_there_and_back(name, initialize):
    library()
    schedule = getattr(timm, name)(LR, **EXAMPLES[name], initialize=initialize)
    scheduler = js.to_torch(schedule, sgd({"lr": 7.0, "initial_lr": 9.0}))

    assert type(scheduler) is getattr(library(), name)
    assert js.from_torch(scheduler) == getattr(timm, name)(LR, **EXAMPLES[name])
    np.testing.assert_array_equal(rates_of(scheduler), rates_of(live(name, EXAMPLES[name])))


def test_what_pytorch_cannot_hold():
    schedule = timm.StepLRScheduler(LR, 9)

    for wrong in (js.SequentialLR([js.LinearLR(LR), schedule], [5]), schedule * 0.5):
        with pytest.raises(TypeError, match=r"`to_torch\(schedule=...\)` must be"):
            js.to_torch(wrong, sgd())


NOISE = {"t_initial": 40, "noise_range_t": [5, 30]}


def test_noise_is_a_table():
    scheduler = live("CosineLRScheduler", NOISE)

    with pytest.raises(ValueError, match=r"noise_range_t=...\)` must be None .*`total_steps=N`"):
        js.from_torch(scheduler)
    assert_exact(js.from_torch(scheduler, total_steps=STEPS), rates_of(scheduler)[:, 0])


def test_a_decay_that_is_a_function_is_a_table():
    scheduler = live(
        "WSDLRScheduler", {"t_initial": 40, "decay_t": 20, "decay_fn": lambda x: 1 - x**3}
    )

    with pytest.raises(ValueError, match=r"makes a table of a function.*`total_steps=N`"):
        js.from_torch(scheduler)
    assert_exact(js.from_torch(scheduler, total_steps=STEPS), rates_of(scheduler)[:, 0])


@pytest.mark.filterwarnings("ignore:PlateauLRScheduler is deprecated:FutureWarning")
def test_a_plateau_is_refused_by_name():
    scheduler = live("PlateauLRScheduler", {})

    for total_steps in (None, 40):
        with pytest.raises(
            ValueError, match="timm's PlateauLRScheduler: its rate goes by the metric"
        ):
            js.from_torch(scheduler, total_steps)
    with pytest.raises(TypeError, match=r"record\(scheduler=...\)` must be a PyTorch scheduler"):
        js.record(scheduler, 9)
    with pytest.raises(AttributeError, match=r"`jaxsched.ReduceLROnPlateau\(lr, mode"):
        _ = timm.PlateauLRScheduler
    with pytest.raises(AttributeError, match="no attribute 'CosinLRScheduler'"):
        _ = timm.CosinLRScheduler


def test_a_class_of_ones_own_is_no_timms():
    class Warmer(library().StepLRScheduler):
        def _get_lr(self, t):
            return [2.0 * rate for rate in super()._get_lr(t)]

    scheduler = Warmer(sgd(), 9, 0.5)
    with pytest.raises(ValueError, match="is no scheduler of PyTorch's own"):
        js.from_torch(scheduler)
    assert_exact(js.from_torch(scheduler, total_steps=STEPS), rates_of(scheduler)[:, 0])


CHANGES = [
    (
        lambda x: setattr(x, "base_values", [0.2]),
        "must have the rates that its attributes describe",
    ),
    (lambda x: setattr(x, "_get_lr", lambda t: [LR]), "must have the rates that its attributes"),
    (lambda x: delattr(x, "decay_rate"), "got a StepLRScheduler without decay_rate"),
    (lambda x: x.optimizer.add_param_group({"params": []}), "is for 1 parameter groups, and the"),
]


@pytest.mark.parametrize("change, message", CHANGES)
def test_one_that_was_changed_is_not_guessed(change, message):
    scheduler = live("StepLRScheduler", EXAMPLES["StepLRScheduler"])
    change(scheduler)

    with pytest.raises(ValueError, match=message):
        js.from_torch(scheduler)


def test_a_run_of_timm_is_recorded(tmp_path, capsys):
    scheduler = live("TanhLRScheduler", EXAMPLES["TanhLRScheduler"])
    trace = js.record(scheduler, STEPS)

    assert trace.library == "timm 1.0.31" and trace.call.startswith(
        "timm.TanhLRScheduler(optimizer"
    )
    assert trace.build() == js.from_torch(scheduler)
    np.testing.assert_array_equal(trace.lr, rates_of(scheduler)[:, 0])
    js.testing.assert_matches_torch(
        trace.build(), lambda optimizer: js.to_torch(trace.build(), optimizer), STEPS
    )
    text, path = "timm.StepLRScheduler(0.1, 9, 0.5)", str(tmp_path / "run.jsonl")
    assert main(["record", text, "--steps", "30", "-o", path]) == 0
    assert main(["check", path]) == 0
    capsys.readouterr()


# --- the factory ---

FACTORY = [
    *[{"sched": name} for name in ("cosine", "tanh", "poly", "step", "multistep", "wsd", "rsqrt", "constant", "none")],
    *[{"sched": name, "warmup_prefix": True} for name in ("cosine", "step", "wsd")],
    *[{"sched": name, "step_on_epochs": False, "updates_per_epoch": 3} for name in ("cosine", "multistep", "step", "rsqrt")],
    {"cycle_mul": 1.5, "cycle_limit": 3, "cooldown_epochs": 4, "min_lr": 1e-4, "k_decay": 2.0},
    {"sched": "wsd", "decay_epochs": 7, "decay_fn": "cosine", "cooldown_epochs": 2},
    {"sched": "rsqrt", "stable_timescale": 3, "step_on_epochs": False, "updates_per_epoch": 2, "cooldown_epochs": 3},
]  # fmt: skip


@pytest.mark.parametrize("options", FACTORY)
def test_the_factory_makes_what_timms_makes(options):
    options = {"num_epochs": 30, "warmup_epochs": 4, "decay_milestones": [9, 20], **options}
    scheduler, epochs = library().create_scheduler_v2(sgd(), **options)
    schedule, number = timm.create_scheduler_v2(LR, **options)

    assert number == epochs
    assert schedule == (None if scheduler is None else js.from_torch(scheduler))


# --- what is refused ---

W = timm.WSDLRScheduler
WRONG = [
    (lambda: timm.CosineLRScheduler(LR), TypeError, "CosineLRScheduler(...)` must have `t_initial`"),
    (lambda: timm.CosineLRScheduler(LR, 0), ValueError, "t_initial=...)` must be a positive number"),
    (lambda: timm.CosineLRScheduler(-LR, 9), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: timm.CosineLRScheduler(LR, 9, -1.0), ValueError, "lr_min=...)` must be a number from 0"),
    (lambda: timm.CosineLRScheduler(LR, 9, cycle_mul=0), ValueError, "cycle_mul=...)` must be a pos"),
    (lambda: timm.CosineLRScheduler(LR, 9, cycle_limit=-1), ValueError, "cycle_limit=...)` must be"),
    (lambda: timm.CosineLRScheduler(LR, 9, warmup_t=-1), ValueError, "warmup_t=...)` must be a number"),
    (lambda: timm.CosineLRScheduler(LR, 9, k_decay=0), ValueError, "k_decay=...)` must be a positive"),
    (lambda: timm.PolyLRScheduler(LR, 9, k_decay=-1), ValueError, "k_decay=...)` must be a positive"),
    (lambda: timm.StepLRScheduler(LR, 9, noise_range_t=5), ValueError, "noise_range_t=...)` must be None"),
    (lambda: timm.StepLRScheduler(LR, 0), ValueError, "decay_t=...)` must be a positive number"),
    (lambda: timm.TanhLRScheduler(LR, 9, 3, -7), ValueError, "lb=...)` must be below `ub`, -7"),
    (lambda: timm.MultiStepLRScheduler(LR, [9, 3]), ValueError, "decay_t=...)` must be milestones in order"),
    (lambda: timm.MultiStepLRScheduler(LR, np.array([9, 3])), ValueError, "decay_t=...)` must be milestones in order"),
    (lambda: timm.MultiStepLRScheduler(LR, 9), TypeError, "decay_t=...)` must be a list of numbers"),
    (lambda: timm.CosineLRScheduler(LR, 9)(1.5), TypeError, "takes an integer step count"),
    (lambda: W(LR, 9, 10), ValueError, "decay_t=...)` must be at most `t_initial`, 9, got 10"),
    (lambda: W(LR, 9, 5, stable_fn="x"), ValueError, "stable_fn=...)` must be 'constant', 'rsqrt' or"),
    (lambda: W(LR, 9, 5, decay_fn="x"), ValueError, "decay_fn=...)` must be 'linear', '1-sqrt'"),
    (lambda: W(LR, 9, 5, decay_fn=abs), ValueError, "makes a table of a function"),
    (lambda: W(LR, 9, 5, decay_ratio=1), ValueError, "decay_ratio=...)` must be above 0 and below 1"),
    (lambda: W(LR, 9, 5, decay_power=0), ValueError, "decay_power=...)` must be a positive number"),
    (lambda: W(LR, 9, 5, stable_fn="rsqrt"), ValueError, "or `stable_timescale` must be given, got 0"),
    (lambda: W(LR, 9, 5, 0, "power", 0), ValueError, "stable_timescale=...)` must be a positive number"),
    (lambda: timm.create_scheduler_v2(LR, "plateau"), ValueError, "got 'plateau': its rate goes by"),
    (lambda: timm.create_scheduler_v2(LR, "cosin"), ValueError, "must be one of 'cosine', 'tanh'"),
    (lambda: timm.create_scheduler_v2(LR, noise=0.5), ValueError, "noise=...)` must be None"),
    (lambda: timm.create_scheduler_v2(LR, step_on_epochs=False), ValueError, "updates_per_epoch=...)` must be"),
    (lambda: timm.create_scheduler_v2(LR, "wsd", 9, 20), ValueError, "got 20: 20 of 9 counts"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)


def test_the_rate_in_the_place_of_a_length_warns():
    with pytest.warns(UserWarning, match="is the rate in its place"):
        timm.CosineLRScheduler(90, 0.1)


def test_a_sweep_of_milestones():
    batch = timm.MultiStepLRScheduler(LR, jnp.array([[3, 9], [2, 5]]), 0.5)
    axes = jax.tree.map(lambda leaf: 0 if np.ndim(leaf) else None, batch)
    swept = jax.vmap(lambda schedule: schedule(5), in_axes=(axes,))(batch)

    np.testing.assert_allclose(swept, [LR * 0.5, LR * 0.25], rtol=1e-6)


def test_a_sweep_of_the_warm_up():
    lengths = jnp.array([0, 5, 9])
    swept = jax.vmap(lambda n: timm.CosineLRScheduler(LR, 40, warmup_t=n)(7))(lengths)
    one_by_one = [timm.CosineLRScheduler(LR, 40, warmup_t=n)(7) for n in (0, 5, 9)]

    np.testing.assert_allclose(swept, one_by_one, rtol=1e-6)


def test_the_borders_of_very_long_cycles():
    """Of cycles of 1, 2, 4, ... counts, half a cosine each: sin(pi / 2 / length)**2 is the last."""
    schedule = timm.CosineLRScheduler(LR, t_initial=1, cycle_mul=2, cycle_limit=40)
    lengths = 2 ** np.arange(1, 35)
    lasts = LR * np.sin(np.pi / 2 / lengths) ** 2

    rates = np.asarray(schedule(2 * lengths - 2), np.float64)
    assert (np.abs(rates - lasts) <= bound(lasts) + 1e-15 * LR).all()
    np.testing.assert_array_equal(schedule(2 * lengths - 1), np.float32(LR))
