"""NeMo's schedulers: against the library's own file, and where it counts in its own way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from libraries import NEMO, library
from recipes import LR, STEPS, assert_exact, assert_like_all, rates_of
from subclasses import (
    assert_arguments,
    assert_converts,
    assert_there_and_back,
    expected,
    live,
    made,
    sgd,
)

import jaxsched as js
from jaxsched import nemo

WARM = {"max_steps": 40, "warmup_steps": 7, "min_lr": 0.002}
HOLD = WARM | {"hold_steps": 9}
EXAMPLES = {
    "CosineAnnealing": WARM | {"constant_steps": 5},
    "InverseSquareRootAnnealing": WARM,
    "NoamAnnealing": {"d_model": 64, "warmup_steps": 7, "min_lr": 0.002},
    "NoamHoldAnnealing": HOLD | {"decay_rate": 1.0},
    "PolynomialDecayAnnealing": WARM | {"power": 2.0},
    "PolynomialHoldDecayAnnealing": HOLD | {"power": 3},
    "SquareAnnealing": WARM,
    "SquareRootAnnealing": WARM,
    "WarmupAnnealing": WARM,
    "WarmupHoldAnnealLinear": HOLD,
    "WarmupHoldAnnealOneMinusSquareRoot": HOLD,
    "WarmupHoldPolicy": HOLD,
    "WarmupPolicy": WARM,
}
T5 = {"max_steps": 40, "constant_steps": 9, "min_lr": 0.1}
ALL = EXAMPLES | {"T5InverseSquareRootAnnealing": T5}


def theirs(name):
    return getattr(library("nemo"), name)


floors = st.sampled_from([0.0, 1e-5, 0.03, 0.1])
ratios = st.sampled_from([0.0, 0.1, 0.29, 0.5])
either = st.one_of(
    st.just({}), st.integers(0, 20).map(lambda n: {"_steps": n}), ratios.map(lambda r: {"_ratio": r})
)  # fmt: skip
few = st.sampled_from([{}, {"_steps": 9}, {"_steps": 1}, {"_steps": 0}, {"_ratio": 0.1}])
STEPS_OF = {"warmup": either, "max_steps": st.integers(1, 45), "min_lr": floors}
HOLDS = STEPS_OF | {"hold": either}
POWERS = {"power": st.sampled_from([1.0, 0.5, 2.0, 3, 0.0]), "cycle": st.booleans()}
ANY = {
    "CosineAnnealing": STEPS_OF | {
        "min_lr": st.sampled_from([0.0, 1e-5, 0.03]), "constant": few, "max_steps": st.integers(30, 45),
    },
    "InverseSquareRootAnnealing": STEPS_OF,
    "NoamAnnealing": STEPS_OF | {"d_model": st.sampled_from([1, 64, 512, 37])},
    "NoamHoldAnnealing": HOLDS | {"warmup_steps": st.integers(1, 9), "warmup": st.just({}), "decay_rate": st.sampled_from([0.5, 1.0, 0.3, -1.0])},
    "PolynomialDecayAnnealing": STEPS_OF | POWERS,
    "PolynomialHoldDecayAnnealing": HOLDS | POWERS,
    "SquareAnnealing": STEPS_OF,
    "SquareRootAnnealing": STEPS_OF,
    "T5InverseSquareRootAnnealing": {
        "constant_steps": st.integers(1, 50), "max_steps": st.integers(1, 45), "min_lr": floors,
    },
    "WarmupAnnealing": STEPS_OF,
    "WarmupHoldAnnealLinear": HOLDS,
    "WarmupHoldAnnealOneMinusSquareRoot": HOLDS,
    "WarmupHoldPolicy": HOLDS,
    "WarmupPolicy": STEPS_OF | {"max_steps": st.sampled_from([None, 30, 5])},
}  # fmt: skip


@pytest.mark.parametrize("name", ANY)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_arguments_against_the_library(name, data):
    cls, options = theirs(name), {}
    for key, strategy in ANY[name].items():
        value = data.draw(strategy, label=key)
        more = value.items() if isinstance(value, dict) else [("", value)]
        options |= {key + ending: x for ending, x in more}
    if options.get("max_steps") is None:
        options.pop("warmup_ratio", None)
    try:
        schedule = made(getattr(nemo, name), options)
    except ValueError as error:  # NeMo fails too, when it comes to it.
        assert "ends before or after" in str(error)
        with pytest.raises(ZeroDivisionError):
            expected(cls, options)
        return

    assert_exact(schedule, expected(cls, options)[:, 0])


@pytest.mark.parametrize("name", ALL)
def test_the_arguments_are_those_of_the_library(name):
    for by_place in assert_arguments(getattr(nemo, name), theirs(name)):
        assert by_place == []


def test_all_of_the_library_are_there():
    own = {
        name for name, cls in library("nemo").AVAILABLE_SCHEDULERS.items()
        if cls.__module__ == NEMO[0]
    }  # fmt: skip
    assert own == set(nemo.__all__) == set(ALL)


@pytest.mark.parametrize("name", EXAMPLES)
def test_they_are_schedules_like_all(name):
    assert_like_all(getattr(nemo, name), EXAMPLES[name])


def test_the_one_without_a_rate_is_a_schedule_like_all():
    schedule = nemo.T5InverseSquareRootAnnealing(**T5)

    assert repr(schedule).startswith("nemo.T5InverseSquareRootAnnealing(max_steps=40, constant")
    assert js.from_config(js.to_config(schedule)) == schedule == eval(repr(schedule))
    assert schedule == js.nemo.T5InverseSquareRootAnnealing(**T5)
    slope = jax.grad(lambda m: nemo.T5InverseSquareRootAnnealing(**T5 | {"min_lr": m})(50))(0.1)
    assert slope == 1.0
    swept = jax.vmap(
        lambda n: nemo.T5InverseSquareRootAnnealing(max_steps=40, constant_steps=n)(20)
    )(jnp.array([9, 25]))
    np.testing.assert_allclose(swept, [20**-0.5, 0.2], rtol=1e-6)


def test_ratios_may_be_traced():
    """As float32, these ratios of 39 steps are cut to the same integers."""
    names = ("warmup_ratio", "hold_ratio")

    @jax.jit
    def rates(ratios):
        given = dict(zip(names, ratios, strict=True))
        held = nemo.NoamHoldAnnealing(LR, max_steps=39, **given)
        cosine = nemo.CosineAnnealing(
            LR, max_steps=39, warmup_ratio=ratios[0], constant_ratio=ratios[1]
        )
        return held(np.arange(STEPS)), cosine(np.arange(STEPS))

    held = nemo.NoamHoldAnnealing(LR, max_steps=39, warmup_ratio=0.2, hold_ratio=0.3)
    cosine = nemo.CosineAnnealing(LR, max_steps=39, warmup_ratio=0.2, constant_ratio=0.3)
    for found, schedule in zip(rates(jnp.array([0.2, 0.3])), (held, cosine), strict=True):
        np.testing.assert_allclose(found, schedule(np.arange(STEPS)), rtol=1e-5, atol=1e-9)


# --- edges by name ---


def test_the_warm_up_ends_at_its_count_and_begins_above_0():
    schedule = nemo.WarmupPolicy(LR, warmup_steps=4)

    assert_exact(schedule, LR * np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.0]))


def test_without_a_hold_the_curve_is_entered_in_the_middle():
    waits = nemo.WarmupHoldAnnealLinear(LR, max_steps=40, warmup_steps=10, hold_steps=0)
    enters = nemo.WarmupHoldAnnealLinear(LR, max_steps=40, warmup_steps=10)

    assert waits(10) == enters(10) == np.float32(LR)
    assert waits(11) > enters(11) == np.float32(LR * (1 - 11 / 40))


def test_a_hold_outlasts_the_end():
    schedule = nemo.WarmupHoldPolicy(LR, max_steps=5, hold_steps=9)

    assert schedule(8) == np.float32(LR) and schedule(9) == 0.0


def test_constant_steps_make_it_megatrons():
    schedule = nemo.CosineAnnealing(
        LR, max_steps=40, warmup_steps=4, constant_steps=10, min_lr=0.01
    )

    assert schedule(0) == 0.0 and schedule(1) == np.float32(LR / 4)
    assert schedule(29) > schedule(30) == schedule(50) == np.float32(0.01)


# --- conversions ---


@pytest.mark.parametrize("name", ALL)
def test_a_live_one_converts_in_the_middle_of_its_run(name):
    assert_converts(getattr(nemo, name), theirs(name), ALL[name])


@pytest.mark.parametrize("name", ALL)
def test_there_and_back(name):
    assert_there_and_back(getattr(nemo, name), theirs(name), ALL[name])


def test_a_ratio_is_kept_as_the_number_that_it_comes_to():
    options = {"max_steps": 39, "warmup_ratio": 0.2, "hold_ratio": 0.3}
    schedule = js.from_torch(live(theirs("WarmupHoldAnnealLinear"), options))

    assert schedule == nemo.WarmupHoldAnnealLinear(LR, max_steps=39, warmup_steps=7, hold_steps=11)
    again = nemo.WarmupHoldAnnealLinear(LR, **options)
    np.testing.assert_array_equal(again(np.arange(STEPS)), schedule(np.arange(STEPS)))


def test_groups_with_rates_of_their_own():
    for name in ("PolynomialDecayAnnealing", "NoamHoldAnnealing"):
        groups = js.from_torch(live(theirs(name), EXAMPLES[name], 0.1, 0.02))
        rates = expected(theirs(name), EXAMPLES[name], 0.1, 0.02)
        for index in range(2):
            assert_exact(groups[index], rates[:, index])


@pytest.mark.parametrize("name", ["WarmupAnnealing", "CosineAnnealing"])
def test_groups_that_get_the_rate_of_the_first(name):
    scheduler = live(theirs(name), EXAMPLES[name], 0.1, 0.05)

    with pytest.raises(ValueError, match=r"must (have|show) the rate"):
        js.from_torch(scheduler)
    table = js.from_torch(scheduler, total_steps=STEPS)
    assert_exact(table[1], expected(theirs(name), EXAMPLES[name], 0.1, 0.05)[:, 1])
    groups = js.ParamGroups([getattr(nemo, name)(lr, **EXAMPLES[name]) for lr in (0.1, 0.05)])
    with pytest.raises(ValueError, match="must have one rate for all groups"):
        js.to_torch(groups, sgd(0.1, 0.05))


def test_a_part_of_a_sequence():
    torch = pytest.importorskip("torch")
    scheduler = live(theirs("SquareAnnealing"), EXAMPLES["SquareAnnealing"])
    later = torch.optim.lr_scheduler.ExponentialLR(scheduler.optimizer, 0.9)
    both = torch.optim.lr_scheduler.SequentialLR(scheduler.optimizer, [scheduler, later], [12])
    schedule = js.from_torch(both)

    assert type(schedule.schedulers[0]) is nemo.SquareAnnealing
    assert_exact(schedule, rates_of(both, STEPS)[:, 0])
    again = js.to_torch(schedule, sgd())
    assert js.from_torch(again) == schedule


def test_one_that_was_changed_is_not_guessed():
    scheduler = live(theirs("WarmupAnnealing"), EXAMPLES["WarmupAnnealing"])
    scheduler._get_lr = lambda step: [0.5]
    with pytest.raises(ValueError, match=r"must have the rates that its attributes describe"):
        js.from_torch(scheduler)
    scheduler = live(theirs("CosineAnnealing"), EXAMPLES["CosineAnnealing"])
    scheduler.optimizer.param_groups[0]["reset_lr"] = {"num_steps": 3}
    with pytest.raises(ValueError, match=r"must have no `reset_lr` in the optimizer's groups"):
        js.from_torch(scheduler)
    state = live(theirs("WarmupPolicy"), {}).state_dict()
    with pytest.raises(ValueError, match=r"lacks something: KeyError: 'hold_steps'"):
        js.from_torch_state_dict("nemo.WarmupHoldPolicy", state)
    with pytest.raises(TypeError, match=r"max_steps=...\)` has no place in this scheduler"):
        js.from_torch_state_dict("nemo.WarmupPolicy", state, max_steps=4)


def test_a_class_of_ones_own_is_no_nemos():
    class Doubled(theirs("WarmupPolicy")):
        def _get_lr(self, step):
            return [2.0 * rate for rate in self.base_lrs]

    scheduler = Doubled(sgd(), warmup_steps=3)
    with pytest.raises(ValueError, match="is no scheduler of PyTorch's own"):
        js.from_torch(scheduler)


# --- what is refused ---

WRONG = [
    (lambda: nemo.CosineAnnealing(LR), TypeError, "must have `max_steps`"),
    (lambda: nemo.CosineAnnealing(LR, 100), TypeError, "CosineAnnealing(...)`"),
    (lambda: nemo.CosineAnnealing(-LR, max_steps=9), ValueError, "lr=...)` must be a number from 0 up"),
    (lambda: nemo.CosineAnnealing(LR, max_steps=-1), ValueError, "max_steps=...)` must be a positive number, got -1"),
    (lambda: nemo.WarmupHoldPolicy(LR), ValueError, "max_steps=...)` must be a number of steps, got None"),
    (lambda: nemo.WarmupPolicy(LR, warmup_steps=-3), ValueError, "warmup_steps=...)` must be a number from 0 up"),
    (lambda: nemo.WarmupPolicy(LR, warmup_ratio=0.1), ValueError, "warmup_ratio=...)` must be None without `max_steps`"),
    (lambda: nemo.WarmupPolicy(LR, max_steps=9, warmup_steps=3, warmup_ratio=0.1), ValueError, "must be None with `warmup_steps`"),
    (lambda: nemo.WarmupHoldPolicy(LR, max_steps=9, hold_steps=3, hold_ratio=0.1), ValueError, "must be None with `hold_steps`"),
    (lambda: nemo.WarmupHoldAnnealLinear(LR, max_steps=9, hold_steps=9), ValueError, "hold_steps=...)` must be one that ends before or after"),
    (lambda: nemo.CosineAnnealing(LR, max_steps=9, min_lr=0.2), ValueError, "lr=...)` must be at least `min_lr`, 0.2"),
    (lambda: nemo.CosineAnnealing(LR, max_steps=9, min_lr=LR, constant_steps=2), ValueError, "must be below `lr`, 0.1"),
    (lambda: nemo.CosineAnnealing(LR, max_steps=9, warmup_steps=4, constant_steps=5), ValueError, "constant_steps=...)` must be fewer than"),
    (lambda: nemo.NoamAnnealing(LR, d_model=0), ValueError, "d_model=...)` must be a positive number"),
    (lambda: nemo.NoamAnnealing(LR, d_model=9, min_lr=0.2), ValueError, "lr=...)` must be at least `min_lr`"),
    (lambda: nemo.NoamHoldAnnealing(LR, max_steps=9), ValueError, "must be a warm-up of at least one step"),
    (lambda: nemo.PolynomialDecayAnnealing(LR, max_steps=9, power=-1), ValueError, "power=...)` must be a number from 0 up"),
    (lambda: nemo.T5InverseSquareRootAnnealing(max_steps=9), ValueError, "constant_steps=...)` must be a positive number, got None"),
    (lambda: nemo.T5InverseSquareRootAnnealing(max_steps=9, constant_ratio=0.1), ValueError, "constant_ratio=...)` must be None"),
]  # fmt: skip


@pytest.mark.parametrize("wrong, error, message", WRONG)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error) as told:
        wrong()
    assert message in str(told.value)
