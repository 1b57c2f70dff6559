"""What becomes of one case of `tests/fuzz.py`: PyTorch's lines are run, and our expression."""

import contextlib
import copy
import importlib
import math
import pickle
import re
import signal
import traceback
import types
import warnings
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import libraries
import numpy as np
import oracle
import torch
from fuzz_cases import MOST_STEPS, Case
from oracle import step
from torch.optim import lr_scheduler, swa_utils

import jaxsched as js
from jaxsched._core.past_end import PastEnd
from jaxsched._core.schedule import without_warnings
from jaxsched._text.call import call_text
from jaxsched._text.expression import Expression
from jaxsched._text.parse import parse
from jaxsched._text.source import PointedError
from jaxsched.testing import bound

# What the lines of a case may use.
__all__ = [
    "DELETED", "Decimal", "Expression", "Fraction", "Looped", "copy", "damage", "damaged", "dropping", "flat", "functions_of",
    "jax", "jnp", "js", "lr_scheduler", "math", "no_library", "np", "of_library", "optimizer_of", "parse", "show", "step",
    "swa_utils", "torch",
]  # fmt: skip

MOST_SECONDS = 60  # of CPU time for one case, however busy the machine is; most take a tenth of one
FOR_USERS = (TypeError, ValueError, PastEnd, PointedError)


# Python's functions have neither a pickle nor a text; a text has at most so many schedules.
NEVER_KEPT = (
    "pickle|local object|Python function|cannot be written|to be written|at most 48 are allowed"
)


class Skipped(Exception):
    """There is nothing to compare with."""


class Difference(NamedTuple):
    """What the port states to do otherwise than PyTorch."""

    reason: str
    ours: str = ""  # what our error says
    theirs: str = ""  # what PyTorch's says; where one of the two is refused, the other says nothing
    of: str = ""  # which kinds and names


DIFFERENCES = [
    Difference(
        "A function that needs Python's numbers asks for `total_steps`, and a table.",
        ours=r"`total_steps=N`",
    ),
    Difference(
        "What is no number, word or bool is refused, though PyTorch can compute with it or never looks at it.",
        ours=r"must be (a number|one number|True or False|a str|finite|an int|a positive int|0, or at least|one function"
        r"|a function|a scalar|a list of numbers|a sequence of step counts)|must hold (schedules|counts)|takes no optimizer",
    ),
    Difference(
        "A recipe's numbers that contradict each other are refused at once; the library runs, or divides by 0 later.",
        ours=r"must be (above|other than|positive|a positive number|a number from|a list of milestones|at least|from|below"
        r"|greater|less|of at least)",
        of="^recipe ",
    ),
    Difference(
        "A negative rate is refused; PyTorch refuses it as the optimizer's own, not as a group's.",
        ours=r"\(lr=\.\.\.\)` must be a number from 0 up",
    ),
    Difference(
        "A composition as a later part of a sequence starts at its milestone, where PyTorch raises.",
        theirs="^NotImplementedError",
    ),
    Difference(
        "A number may be of any type where PyTorch asks for Python's own.",
        theirs="Expected float or int eta_min",
    ),
    Difference(
        "An array of no axes is what it holds, and so perhaps None.",
        theirs="'numpy.ndarray' object is not callable",
    ),
    Difference(
        "A negative power of a curve that ends divides by 0 there, and is refused at once.",
        ours=r"\(power=\.\.\.\)` must be from 0 up",
    ),
    Difference(
        "A CyclicLR's dict may hold its function itself, as up to PyTorch 2.1.",
        theirs="object is not iterable",
        of="^state_dict CyclicLR",
    ),
    Difference(
        "PyTorch counts the letters of a text as milestones.",
        ours=r"\(milestones=\.\.\.\)` must be a list of counts",
        theirs="expects number of schedulers",
    ),
    Difference(
        "An int beyond float64 stands for infinity.",
        theirs="OverflowError: int too large to convert",
    ),
    Difference(
        "The value is refused as the wrong one that it is; PyTorch fails as it looks at it or writes its own message.",
        ours=r"^\w+: `\w+\(\w+=\.\.\.\)` must be",
        theirs="can only concatenate str|truth value|not supported between|unhashable|concatenate|as a number",
    ),
]


# --- what the lines of a case may use ---


def optimizer_of(*rates, initial=None):
    """An optimizer with a parameter group for each rate, perhaps one of a run that goes on."""
    optimizer = oracle.sgd(*rates)
    for group, rate in zip(optimizer.param_groups, initial or [], strict=False):
        group["initial_lr"] = rate
    return optimizer


class Told:
    """timm's scheduler, which is told its count, as one that counts."""

    def __init__(self, scheduler):
        self.optimizer, self.count = scheduler.optimizer, 0
        self._tell = scheduler.step if scheduler.t_in_epochs else scheduler.step_update
        self._tell(0)

    def step(self):
        self.count += 1
        self._tell(self.count)


class Looped:
    """A scheduler that a loop steps every few updates, and of whose rate it takes a share."""

    def __init__(self, scheduler, every, factor):
        self.scheduler, self.every, self.factor, self.count = scheduler, every, factor, 0
        self.optimizer = types.SimpleNamespace(param_groups=[{}])
        self._show()

    def step(self):
        self.count += 1
        if self.count % self.every == 0:
            self.scheduler.step()
        self._show()

    def _show(self):
        rate = self.scheduler.optimizer.param_groups[0]["lr"]
        self.optimizer.param_groups[0]["lr"] = self.factor * rate


def of_library(home, name):
    library = next(
        (x for x, parts in libraries.ALONE.items() if home.startswith(parts[0][0].split(".")[0])),
        None,
    )
    if library and libraries.is_there(library):
        libraries.library(library)
    try:
        make = getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError):
        raise Skipped(f"no {home.split('.')[0]}") from None
    return (
        (lambda *given, **named: Told(make(*given, **named))) if home == "timm.scheduler" else make
    )


def no_library():
    raise Skipped("a library that is not run")


DELETED = object()
OF_NO_SCHEDULER = {
    "params",
    "dampening",
    "nesterov",
    "maximize",
    "foreach",
    "differentiable",
    "fused",
    "weight_decay",
}


def flat(step):
    return 0.95


def dropping(step):
    return 0.5 if step < 6 else 0.1


def damaged(tree, place, value):
    """A copy in which one value, `place` of the way through all of them, is another or gone."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if places:
        holder, key = places[int(place * len(places))]
        if value is DELETED:
            del holder[key]
        else:
            holder[key] = value
    return tree


def damage(tree, place, value):
    tree |= (changed := damaged(tree, place, value))
    for key in set(tree) - set(changed):
        del tree[key]


def _places(tree):
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        if key in OF_NO_SCHEDULER:
            continue
        yield tree, key
        if key in ("lr_lambdas", "_scale_fn_custom"):
            continue  # A function's own attributes are its user's.
        if isinstance(value, dict | list):
            yield from _places(value)


def functions_of(scheduler):
    """The functions that a state dict does not have, by the names that its conversion asks for."""
    parts = getattr(scheduler, "_schedulers", None)
    if parts is not None:
        return {f"schedulers_{i}_{name}": f for i, part in enumerate(parts) for name, f in functions_of(part).items()}  # fmt: skip
    found = {"lr_lambda": getattr(scheduler, "lr_lambdas", None)}
    found["scale_fn"] = getattr(scheduler, "_scale_fn_custom", None)
    return {name: function for name, function in found.items() if function is not None}


def show(schedule, count, scheduler, steps, metrics=None):
    """Prints our rates in float64 and PyTorch's, and the error that ends these."""
    with _quiet():
        rows, error = oracle.shown(scheduler, steps, metrics)
    for number, theirs in enumerate(rows):
        ours = _rates(schedule, count, number + 1, metrics)[-1]
        print(f"step {count + number}: {ours}, PyTorch {theirs}")
    if error is not None:
        print(f"PyTorch: {error!r}")


SCOPE = {name: globals()[name] for name in __all__}


# --- one case ---


class Outcome(NamedTuple):
    """accepted, refused or skipped; or a find, with what equal finds share."""

    what: str
    detail: str = ""
    of: str = ""

    @property
    def is_find(self):
        return self.what not in ("accepted", "refused", "skipped")


class Late(BaseException):
    """A case has taken too long."""


@contextlib.contextmanager
def in_bounded_time():
    def late(*_):
        raise Late

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(case: Case) -> Outcome:
    try:
        with in_bounded_time(), without_warnings(), _quiet():
            return _outcome(case)
    except Skipped as reason:
        return Outcome("skipped", str(reason))
    except Late:
        return Outcome("takes for ever", "", case.of)


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _outcome(case):
    names = dict(SCOPE)
    try:
        their_error = _error_of(lambda: exec(case.theirs, names))
    except Late:
        raise Skipped("PyTorch itself takes for ever") from None
    skipped = isinstance(their_error, Skipped)
    if their_error is not None and case.kind in ("from_torch", "state_dict"):
        raise Skipped("PyTorch itself does not build it")
    try:
        schedule = eval(case.ours, names)
        _rates(schedule, 0, 2, case.metrics)
    except Exception as error:
        return _refused(case, names, error, their_error)
    if found := _not_kept(case, schedule):
        return found
    if skipped or not case.theirs:
        return Outcome("skipped" if skipped else "accepted", str(their_error))
    if their_error is None and case.then:
        their_error = _error_of(lambda: exec(case.then, names))
    if their_error is not None:
        what = f"accepts what PyTorch refuses with {type(their_error).__name__}"
        return _stated(case, theirs=their_error) or Outcome(what, str(their_error), case.of)
    try:
        at = eval(case.at, names)
    except Exception as error:
        raw = Outcome(f"raw {type(error).__name__} in current_count", str(error))
        return Outcome("accepted") if _is_for_users(error) else raw
    if not isinstance(at, int):
        return Outcome("accepted")  # A fractional epoch, at which only one class may stand.
    return _compared(case, names, schedule, at)


def _is_for_users(error):
    """Whether an error says in words what is wrong, and is of a type that the contract has."""
    told = str(error)
    in_words = "`" in told or "Tried to step" in told or type(error) is PointedError
    return type(error) in FOR_USERS and in_words


def _error_of(function):
    try:
        function()
    except Exception as error:
        return error
    return None


def _refused(case, names, error, their_error):
    """What a refusal of ours is: as PyTorch's, as the contract has it, or a find."""
    told = str(error)
    if not _is_for_users(error):
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return Outcome(f"raw {type(error).__name__} in {place}", told)
    if isinstance(their_error, Skipped):
        raise their_error
    if not case.theirs or case.kind in ("from_torch", "state_dict"):
        asked = case.wild or "total_steps" in told or 'start="now"' in told or not case.exact
        return Outcome("refused") if asked else Outcome("refuses what PyTorch runs", told, case.of)
    if their_error is None:
        rows, their_error = oracle.shown(names["scheduler"], case.steps, case.metrics or None)
        if their_error is None and np.isfinite(rows).all():
            return _stated(case, error) or Outcome(f"refuses: {_shape(told)}", told, case.of)
        return Outcome("refused")
    alike = type(their_error) is type(error) or type(their_error) not in (TypeError, ValueError)
    if alike or case.wild != 1 or case.kind in ("recipe", "to_torch"):
        return Outcome("refused")
    return _stated(case, error, their_error) or Outcome(
        f"{type(error).__name__} for PyTorch's {type(their_error).__name__}",
        f"{told}\nPyTorch: {their_error}",
        case.of,
    )


def _stated(case, ours=None, theirs=None):
    """The difference that the port states, if this is one; a name is told with an error."""
    told = ["" if error is None else f"{type(error).__name__}: {error}" for error in (ours, theirs)]
    for known in DIFFERENCES:
        places = zip(
            (known.of, known.ours, known.theirs), (f"{case.kind} {case.of}", *told), strict=True
        )
        if all(re.search(pattern, text) for pattern, text in places):
            differed[known.reason] += 1
            return Outcome("refused", known.reason)
    return None


differed: Counter = Counter()


def _shape(told):
    """A message without its values."""
    return re.sub(r"got .*|-?\d[\d.e+-]*|'[^']*'", "#", told.split("\n")[0])[:90]


def _rates(schedule, at, number, metrics=None):
    """Our first rates in float64, shape (steps, groups)."""
    with jax.enable_x64(True):
        if metrics:
            plateaus = [_of_plateau(x, metrics[: number - 1]) for x in _members(schedule)]
            return np.stack(plateaus, axis=1)
        # Of one shape always: other shapes are other programs.
        counts = np.minimum(np.arange(MOST_STEPS), number - 1) + at
        rates = np.asarray(oracle.ours(schedule, counts), np.float64)
        return rates.reshape(len(counts), -1)[:number]


def _of_plateau(plateau, metrics):
    state = plateau.init()
    found = [float(plateau(state))]
    for metric in metrics:
        state = plateau.update(state, value=metric)
        found.append(float(plateau(state)))
    return np.array(found)


def _members(schedule):
    return schedule if isinstance(schedule, js.ParamGroups) else [schedule]


def _compared(case, names, schedule, at):
    try:
        rows, error = oracle.shown(names["scheduler"], case.steps, case.metrics or None)
    except Late:
        raise Skipped("PyTorch itself takes for ever") from None
    if not len(rows):
        return Outcome("refused") if error else Outcome("accepted")
    finite = np.isfinite(rows).all(axis=1)
    number = len(rows) if finite.all() else int(np.argmin(finite))
    if number == 0:
        return Outcome("accepted")
    if case.kind == "state_dict" and np.abs(rows[:number]).max() > 1e30:
        return Outcome("accepted")
    try:
        ours = _rates(schedule, at, number, case.metrics)
    except Exception as ours_error:
        if not _is_for_users(ours_error):
            return Outcome(f"raw {type(ours_error).__name__} at a count", str(ours_error))
        return _stated(case, ours_error) or Outcome(
            f"ends before PyTorch: {_shape(str(ours_error))}", str(ours_error), case.of
        )
    if ours.shape != rows[:number].shape:
        return Outcome("another number of groups", f"{ours.shape}, PyTorch {rows.shape}", case.of)
    wrong = ~_close(case, ours, rows[:number])
    if wrong.any() and case.exact:
        exact = _exact(case, number)
        if exact is not None and exact.shape == ours.shape:
            wrong = ~_close(case, ours, exact)
    if wrong.any():
        step = int(np.argmax(wrong.any(axis=1)))
        difference = np.abs(ours - rows[:number])[step].max()
        kind = "NaN where PyTorch has a rate" if np.isnan(ours[step]).any() else "rates differ"
        return Outcome(
            kind,
            f"{schedule!r} at step {step}: {ours[step]}, PyTorch {rows[step]} (by {difference:.3g})",
            case.of,
        )
    if not case.exact or case.kind == "to_torch":
        return Outcome("accepted")
    if found := _of_float32(case, schedule, at, number, ours):
        return found
    if found := _of_momentum(case, schedule, number):
        return found
    if error is not None and number == len(rows):
        return _past(case, schedule, at, number, error)
    return Outcome("accepted")


def _of_float32(case, schedule, at, number, ours):
    """A find if the rates in float32 are not those of float64, rounded once."""
    if (len(case.theirs) + len(case.ours)) % 4 or case.metrics:
        return None  # Each is a program more.
    with jax.enable_x64(False):
        counts = np.minimum(np.arange(MOST_STEPS), number - 1) + at
        if counts.max() >= 2**31:
            return None
        found = np.asarray(oracle.ours(schedule, counts)).reshape(len(counts), -1)[:number]
    expected = ours.astype(np.float32)
    smallest = np.finfo(np.float32).tiny  # XLA has no smaller ones.
    right = (found == expected) | (np.abs(expected) < smallest) & (np.abs(found) <= smallest)
    if found.dtype == np.float32 and right.all():
        return None
    return Outcome("another float32", f"{schedule!r}: {found[:3]} for {expected[:3]}", case.of)


def _of_momentum(case, schedule, number):
    """A find if the momentum of a cycle is not PyTorch's."""
    if case.kind != "constructor" or not getattr(_members(schedule)[0], "cycle_momentum", False):
        return None
    names = dict(SCOPE)
    exec(case.theirs, names)
    scheduler, rows = names["scheduler"], []
    for count in range(number):
        if count:
            scheduler.step()
        rows.append([group["momentum"] for group in scheduler.optimizer.param_groups])
    with jax.enable_x64(True):
        columns = [np.asarray(x.momentum(np.arange(number))) for x in _members(schedule)]
    if _close(case, np.stack(columns, axis=1), np.array(rows, np.float64)).all():
        return None
    return Outcome("momenta differ", f"{schedule!r}", case.of)


def _past(case, schedule, at, number, error):
    """Where PyTorch's run ends in an error, ours must not give a rate silently."""
    try:
        rates = _rates(schedule, at, number + 1, case.metrics)
    except Exception as ours:
        if _is_for_users(ours):
            return Outcome("accepted")
        return Outcome(f"raw {type(ours).__name__} past the end", str(ours))
    if isinstance(error, OverflowError) and np.isinf(rates[-1]).any():
        return Outcome("accepted")
    return _stated(case, theirs=error) or Outcome(
        f"goes on where PyTorch ends with {type(error).__name__}",
        f"{schedule!r} at step {number}: {error}",
        case.of,
    )


def _close(case, ours, expected):
    if not case.exact:  # as far as the rates in a checkpoint are held to its arguments
        return np.isclose(ours, expected, rtol=2e-6, atol=1e-8 * max(1.0, np.abs(expected).max()))
    # What cancels to 0 is the rounding of what has cancelled.
    largest = 2.0**63 if "2**63" in case.ours else np.abs(expected).max(initial=0)
    floor = 1e-13 * largest + 1e-307
    return np.abs(ours - expected) <= bound(expected, np.float64) + floor


def _exact(case, number):
    """PyTorch's own code run in 40 digits: what it means, without its rounding."""

    def step(scheduler, steps):
        oracle.in_digits(scheduler.optimizer)
        oracle.shown(scheduler, steps + 1, exact=True)
        return scheduler

    with contextlib.suppress(Exception), oracle.forty_digits():
        names = SCOPE | {"step": step}
        exec(case.theirs, names)
        exec(case.then, names)
        return oracle.shown(names["scheduler"], number, case.metrics or None, exact=True)[0]
    return None


def _not_kept(case, schedule):
    """A find if the schedule is another one after a round trip."""
    trips = {
        "pickle": lambda: pickle.loads(pickle.dumps(schedule)),
        "copy": lambda: copy.deepcopy(schedule),
        "config": lambda: js.from_config(js.to_config(schedule)),
        "text": lambda: parse(call_text(schedule)),
        "repr": lambda: repr(schedule) and schedule,
    }
    for name, trip in trips.items():
        try:
            kept = trip() == schedule
        except Exception as error:
            told = str(error)
            if re.search(NEVER_KEPT, told):
                continue
            if not _is_for_users(error):
                return Outcome(f"{name}: raw {type(error).__name__}", told, case.of)
            if not case.wild:
                return Outcome(f"{name}: refused: {_shape(told)}", told, case.of)
        else:
            if not kept and not case.wild:
                return Outcome(f"{name}: another schedule", repr(schedule), case.of)
    return None
