"""Schedulers of other libraries that subclass PyTorch's: what all of them must do."""

import inspect
import warnings

import numpy as np
import pytest
from recipes import LR, STEPS, assert_exact, rates_of

import jaxsched as js


def sgd(*rates):
    torch = pytest.importorskip("torch")
    return torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in rates or (LR,)])


def live(cls, options, *rates):
    """The library's scheduler, on an optimizer with a group for each of the rates."""
    return cls(sgd(*rates), **options)


def expected(cls, options, *rates, steps=STEPS):
    """The library's rates from count 0 on, of each group."""
    return rates_of(live(cls, options, *rates), steps)


def made(make, options, lr=LR):
    """Our schedule of the same call."""
    return make(lr, **options) if "lr" in inspect.signature(make).parameters else make(**options)


def all_arguments(cls):
    """Names and defaults of a constructor's arguments, those included that it hands on."""
    found = {}
    for base in reversed(cls.__mro__[: [c.__name__ for c in cls.__mro__].index("LRScheduler")]):
        if "__init__" in vars(base):
            found |= {
                name: p.default
                for name, p in inspect.signature(base.__init__).parameters.items()
                if p.kind is not p.VAR_KEYWORD and name not in ("self", "optimizer")
            }
    return found


def assert_arguments(make, cls):
    """Ours has the library's names and defaults, and takes by position what it takes so."""
    ours = inspect.signature(make).parameters
    own = {name: p.default for name, p in ours.items() if name not in ("lr", "initial_lr")}
    assert own == all_arguments(cls)
    for parameters, rate in ((ours, "lr"), (inspect.signature(cls).parameters, "optimizer")):
        by_place = [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        yield [n for n in by_place if n != rate]


def assert_converts(make, cls, options, kept=None):
    """A live one, at its beginning and in the middle of a run, and its state dict."""
    schedule, scheduler = made(make, options if kept is None else kept), live(cls, options)
    rates = expected(cls, options)
    for done in (0, 1, 24):
        rates_of(scheduler, done)
        at = js.current_count(scheduler)
        assert js.from_torch(scheduler) == schedule
        assert js.from_torch(scheduler, start="now")(3) == schedule(at + 3)
    assert at == 25
    assert js.from_torch(scheduler, total_steps=100) == schedule
    assert_exact(schedule, rates[:, 0])
    name = schedule._call_name()
    for named in (name, cls, make):
        found = js.from_torch_state_dict(
            named, scheduler.state_dict(), scheduler.optimizer.state_dict()
        )
        assert found == schedule
    resumed = live(cls, options | {"last_epoch": -1})
    rates_of(resumed, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = cls(resumed.optimizer, **options, last_epoch=resumed.last_epoch - 1)
    assert_exact(js.from_torch(again), rates[9:, 0])


def assert_there_and_back(make, cls, options, kept=None):
    """`to_torch` builds the library's own, and `from_torch` gives the schedule back."""
    schedule = made(make, options)
    scheduler = js.to_torch(schedule, sgd(7.0))
    assert type(scheduler) is cls
    assert js.from_torch(scheduler) == (schedule if kept is None else made(make, kept))
    np.testing.assert_array_equal(rates_of(scheduler, STEPS), expected(cls, options))
