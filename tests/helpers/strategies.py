"""Random schedules, as Hypothesis draws them: hyperparameters, chains and sequences, groups."""

import warnings

from hypothesis import strategies as st

import jaxsched as js
from jaxsched._text.expression import Expression

LR = 0.1
numbers = st.floats(0.001, 1.0)
factors = st.floats(0.05, 1.2) | st.sampled_from([0.0, 1.0, -0.5])
lengths = st.integers(1, 12) | st.sampled_from([2.5, 7.25, 50])
may_be_zero = lengths | st.just(0)
functions = st.sampled_from(
    ["0.9 ** step", "1 / (1 + step)", "0.5 if step < 6 else 0.1", "max(0, 1 - step / 9)", "1"]
).map(Expression)


def resumed(draw, last_epoch):
    if last_epoch is False or draw(st.booleans()):
        return {}
    return {"last_epoch": draw(st.integers(0, 15)), "initial_lr": draw(numbers)}


@st.composite
def singles(draw, last_epoch=True):
    """One scheduler, perhaps resumed at some `last_epoch`."""
    r = resumed(draw, last_epoch)
    only = {k: v for k, v in r.items() if k == "last_epoch"}
    kind = draw(st.integers(0, 12))
    steps = {"total_steps": 80}
    build = [
        lambda: js.LambdaLR(LR, draw(functions), **r),
        lambda: js.MultiplicativeLR(LR, draw(functions), **r, **steps),
        lambda: js.StepLR(LR, draw(lengths), draw(factors), **r),
        lambda: js.MultiStepLR(LR, draw(st.lists(st.integers(0, 20), max_size=5)), draw(factors), **r),
        lambda: js.ConstantLR(LR, draw(st.floats(0.01, 1.0)), draw(may_be_zero), **r),
        lambda: js.LinearLR(
            # Near 0 PyTorch's own rounding shows, most of all in a resumed run.
            LR, draw(st.floats(0.01, 1.0)), draw(st.floats(0.01, 1.0)), draw(lengths), **r
        ),
        lambda: js.ExponentialLR(LR, draw(factors), **r),
        lambda: js.PolynomialLR(LR, draw(lengths), draw(st.floats(0.0, 3.0, allow_subnormal=False)), **r),
        lambda: js.CosineAnnealingLR(LR, draw(lengths), draw(st.just(0.0) | st.floats(0, 0.3)), **r),
        lambda: js.CosineAnnealingWarmRestarts(
            LR, draw(st.integers(1, 12)), draw(st.integers(1, 3)), draw(st.floats(0, 0.2)), **r
        ),
        lambda: js.CyclicLR(
            draw(numbers), draw(numbers), draw(lengths), draw(st.none() | may_be_zero),
            draw(st.sampled_from(["triangular", "triangular2", "exp_range"])), draw(st.floats(0.5, 1)), **only,
        ),
        lambda: js.OneCycleLR(
            draw(numbers), draw(st.integers(60, 90)), pct_start=draw(st.floats(0.05, 0.95)),
            anneal_strategy=draw(st.sampled_from(["cos", "linear"])), three_phase=draw(st.booleans()),
            div_factor=draw(st.floats(1, 30)), **only,
        ),
        lambda: js.SWALR(
            LR, draw(numbers), draw(st.integers(0, 12)), draw(st.sampled_from(["cos", "linear"])), **r
        ),
    ]  # fmt: skip
    return build[kind]()


@st.composite
def compositions(draw, depth=3):
    """Chains and sequences of schedulers, nested up to `depth`, that PyTorch can run."""

    def part(depth, later):
        # A chain or a sequence as a later part is what PyTorch cannot run.
        if depth == 0 or later or draw(st.integers(0, 2)) == 0:
            return draw(singles(last_epoch=False))
        return whole(depth)

    def whole(depth):
        size = draw(st.integers(1, 4))
        if draw(st.booleans()):
            return js.ChainedScheduler([part(depth - 1, False) for _ in range(size)])
        parts = [part(depth - 1, index > 0) for index in range(size)]
        milestones = draw(st.lists(st.integers(0, 30), min_size=size - 1, max_size=size - 1))
        return js.SequentialLR(parts, sorted(milestones))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        schedule = whole(depth)
        return type(schedule)(**{**vars_of(schedule), "total_steps": 40})


def vars_of(schedule):
    names = ("schedulers", "milestones")
    return {name: getattr(schedule, name) for name in names if hasattr(schedule, name)}
