"""What a schedule states, and what follows from it.

One step of any PyTorch scheduler is an affine map of the current rate, lr <- a * lr + b. The
map of the steps from clock `s` to clock `t` is a schedule's whole definition:

- a schedule that *overwrites* states `_curve(t)`, its rate at clock t (a = 0);
- one that *multiplies* states `_scale(s, t)`, the factor between two clocks (b = 0);
- CosineAnnealingLR, SWALR and MultiplicativeLR state `_steps(s, t)` themselves.

Everything else follows: a lone schedule, one resumed at `last_epoch`, chains and sequences
(`protocol.py` finds out who steps when, `phases.py` puts the maps together), tables and
derivatives.
"""

import contextlib
import contextvars
import dataclasses
import functools
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from . import numerics as xp
from . import protocol
from .affine import Affine
from .closed_forms import by_steps, choose
from .evaluate import evaluate
from .phases import rate_at, replay
from .value import Float, Number, Value, evolve, is_ours, known


class Schedule(Value):
    """A learning rate as a pure function of the step count; the base class of all of them.

    Calling it with a `count` (an integer or an integer array of any shape, counted from 0)
    gives the rate of that optimizer step, in float32, or in float64 under `jax_enable_x64`. It
    is an `optax.Schedule`, an immutable value and a pytree whose leaves are its numbers.

    A schedule of your own states its fields and its `curve`, and plugs in like ours:

    >>> import jax.numpy as jnp
    >>> import jaxsched
    >>> class InverseSquareRoot(jaxsched.Schedule):
    ...     lr: float
    ...     warmup: int = 4
    ...
    ...     def curve(self, t):
    ...         return self.lr * jnp.minimum((t + 1) / self.warmup, jnp.sqrt(self.warmup / (t + 1)))
    >>> schedule = InverseSquareRoot(0.1)
    >>> schedule(jnp.arange(6))
    Array([0.025     , 0.05      , 0.075     , 0.1       , 0.08944272,
           0.08164966], dtype=float32)
    >>> jaxsched.SequentialLR([schedule, jaxsched.ExponentialLR(0.1, gamma=0.5)], [4])(5)
    Array(0.05, dtype=float32)

    `curve(t)` gets one step, an int or a traced int64 scalar, and runs in float64 whatever the
    caller's precision; Python control flow must not depend on it.

    A field may hold a number, an array (annotated as one), a schedule, or a tuple of these; they
    are traced, so that gradients reach them. Fields annotated as `str`, `bool`, `Callable`,
    `Literal` or an enum are structure, and so is what `jaxsched.static()` marks.
    """

    # Facts about a class that others ask for.
    _overwrites = True  # each step replaces the rate: a = 0
    _multiplies = False  # each step is a factor: b = 0
    _replayed = False  # there is no closed form for many steps at once
    _fractional: ClassVar[Any] = False  # a fractional count means something
    _own_clock: ClassVar[Any] = False  # SequentialLR neither rewinds nor resets the clock
    _last_clock: ClassVar[Any] = None  # the last reading that PyTorch computes without an error
    _resets_initial_lr: ClassVar[Any] = False  # the group's initial rate, by being built
    _whole_curve: ClassVar[Any] = None  # from the initial rate at clock 0 on: shorter than `_steps`
    _plain_division: ClassVar[Any] = False  # its formulas know nothing of `numerics.over`

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not is_ours(cls):
            cls._plain_division = vars(cls).get("_plain_division", True)
            if "curve" in vars(cls):
                cls.curve = _traceable(vars(cls)["curve"])
        if "_steps" in vars(cls):
            cls._whole_curve = vars(cls).get("_whole_curve")
        names = {field.name for field in dataclasses.fields(cls)}
        hidden = names & vars(Schedule).keys()
        if hidden:
            raise TypeError(
                f"`{cls.__name__}` must not have fields named {sorted(hidden)}: `Schedule` uses"
                " these names for methods."
            )

    def __call__(self, count: Any) -> jax.Array:
        """The learning rate of optimizer step `count`.

        A count below 0 has the rate of count 0. Raises a TypeError for a count that is no integer,
        a ValueError for one past the end of a OneCycleLR, as far as the value is known.
        """
        return evaluate(self, count)

    # --- what a subclass states; all in float64, for one clock reading at a time ---

    def _curve(self, t):
        """The rate at clock `t`, for a schedule that overwrites: a user's own `curve`."""
        own = getattr(self, "curve", None)
        if own is None:
            raise NotImplementedError(f"`{type(self).__name__}` states no `curve(t)`.")
        return own(t)

    def _steps(self, s, t) -> Affine:
        """What the steps s + 1, ..., t do to the rate."""
        return Affine(0, self._curve(t))

    def _step(self, t) -> Affine:
        """What the one step to clock `t` does."""
        return self._steps(t - 1, t)

    def _start(self, t) -> Affine:
        """What construction does, which sets the clock to `t`: PyTorch's `_initial_step`."""
        return self._step(t)

    def _restart(self, t) -> Affine:
        """What reaching a milestone of SequentialLR does: PyTorch's `_update_lr(0)`."""
        return self._step(t)

    def _first_clock(self, t: int) -> int:
        """The clock after PyTorch's `_initial_step`, given the one before."""
        return t + 1

    def _between(self, s, t) -> Affine:
        """What the steps s + 1, ..., t do at one count: nothing where there is none."""
        change = self._steps(s, t)
        if not change.overwrites:
            return change
        none = t == s
        return Affine(xp.where(none, 1.0, 0.0), xp.where(none, 0.0, change.b))

    def _forbids(self, move: str, t: int) -> str | None:
        """The argument that makes `move` at clock `t` a division by zero in PyTorch, if any."""
        return None

    def _horizon(self) -> int | None:
        """The number of counts the user wants tabulated."""
        return None

    def _undefined_from(self) -> int | None:
        """The first count whose rate is known to be no number."""
        return None

    def _warn_if_replayed(self) -> None:
        """Tells the user what a missing `total_steps` costs."""
        if not _silent.get() and self._horizon() is None and by_steps in self._plan()[0]:
            warn(
                f"`{type(self).__name__}` has no closed form here and steps from 0 at every call."
                " Give it `total_steps=N`, and its rates are computed once."
            )

    def _warn_if_below_one(self, name: str, rate: str) -> None:
        """Asks whether a rate has landed where a number of steps belongs."""
        size = getattr(self, name)
        if known(size) and 0 < size < 1:
            warn(
                f"`{type(self).__name__}({name}=...)` is a number of steps, got {size!r}: is the"
                f" rate in its place, `{type(self).__name__}({rate}=..., {name}=...)`?"
            )

    __array_ufunc__ = None  # NumPy's numbers then leave arithmetic to the schedule.

    if TYPE_CHECKING:  # `_combine/product.py` has them

        def __mul__(self, other: "Schedule | Number") -> "Schedule": ...
        def __rmul__(self, other: "Schedule | Number") -> "Schedule": ...
        def __truediv__(self, other: Number) -> "Schedule": ...

    else:

        def __getattr__(self, name):
            if name in _STATEFUL:
                raise AttributeError(
                    f"`{type(self).__name__}.{name}` does not exist, for a schedule has no state:"
                    f" {_STATEFUL[name]}."
                )
            return object.__getattribute__(self, name)  # for the error of its own

    # --- how it meets an optimizer's parameter group ---

    def _nested(self) -> "tuple[Schedule, ...]":
        """The schedules that it is made of."""
        return ()

    def _carried(self) -> tuple | None:
        """The group's (lr, initial_lr) before any scheduler was built, if it is known here."""
        return None

    def _momentum_part(self) -> "Schedule | None":
        """The momentum that it sets with each rate, if it does."""
        return None

    def _attach(self, group: "protocol.Group") -> "tuple[Schedule, Schedule]":
        """Builds on `group`: this schedule from then on, and the one its first step shows."""
        group.set_default_initial_lr()
        return self, self

    def _within(self, horizon: int | None) -> "Schedule":
        """This schedule, Python functions tabulated up to `horizon` if they are not yet."""
        return self

    def _live(self, group: "protocol.Group", horizon) -> "protocol.Part":
        return protocol.Part(self._within(horizon), group)

    # --- evaluation ---

    def _plan(self) -> "tuple[tuple, Schedule]":
        """How to evaluate each phase, and on what: chosen once, where numbers are known."""
        phases = protocol.play(self)
        plan = tuple(map(choose, phases))
        horizon = self._horizon()
        numbers_known = all(map(known, jax.tree.leaves(self)))
        if horizon is not None and by_steps in plan and numbers_known:
            return (), Lookup(replay(self, horizon))
        return plan, self

    def _rate(self, count, plan: tuple):
        """The rate at `count` in float64."""
        horizon = self._horizon()
        if horizon is not None:
            count = jax.numpy.minimum(count, horizon - 1)
        return rate_at(protocol.play(self), plan, count)

    def _last_count(self) -> int | None:
        """The last count that PyTorch reaches without an error, if there is one."""
        return protocol.last_count(self)

    def _past_end(self, count: int) -> str:
        return (
            f"Tried to step {count} times. `{type(self).__name__}` ends at step"
            f" {self._last_count()} with one of its parts: the `total_steps` of a OneCycleLR must"
            " cover all updates, and a ConstantLR with `factor=0` never comes back."
        )


_NOW = (
    "`schedule(count)` is the rate of update `count`; `jaxsched.current_lr(opt_state)` the one now"
)
_SAVED = "the count in the optimizer's state is all there is to {}"
_STATEFUL = {  # what PyTorch's schedulers have, and the way here
    "step": "the optimizer counts the updates and asks for the rate, as in `optax.sgd(schedule)`",
    "get_lr": _NOW,
    "get_last_lr": _NOW,
    "base_lrs": "the rate it began with is an argument, as in `schedule.lr`",
    "state_dict": _SAVED.format("save"),
    "load_state_dict": f"{_SAVED.format('load')}, and `jaxsched.fast_forward` sets it",
}

TRACER_ERRORS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


def _traceable(curve):
    """A user's own `curve`, JAX's errors about Python control flow told in a sentence."""

    @functools.wraps(curve)
    def told(self, t):
        try:
            return curve(self, t)
        except TRACER_ERRORS as error:
            raise TypeError(
                f"`{type(self).__name__}.curve` cannot be traced by JAX, because it needs a Python"
                " number: write `jnp.where` for `if`, `jnp.cos` for `math.cos`."
            ) from error

    return told


def no_number(self: Schedule, *_: Any) -> NoReturn:
    raise TypeError(
        f"`{self!r}` must not be used as a number: a schedule for another hyperparameter than the"
        " rate goes through `optax.inject_hyperparams(optax.adam)(learning_rate=..., b1=schedule)`."
    )


_OF_NUMBERS = ["add", "radd", "sub", "rsub", "pow", "rpow", "neg", "rtruediv"]  # what Optax tries
for _operation in _OF_NUMBERS:
    setattr(Schedule, f"__{_operation}__", no_number)


_silent = contextvars.ContextVar("silent", default=False)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Lets schedules be built without a word, in this thread alone."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def warn(message: str) -> None:
    """A UserWarning that points to the caller's line."""
    if not _silent.get():
        warnings.warn(message, UserWarning, stacklevel=caller_level())


def caller_level() -> int:
    """The `stacklevel` of the first frame that is neither ours nor a generated `__init__`."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("jaxsched."):
        frame, level = frame.f_back, level + 1
    return level


def first_undefined(rates: Any) -> int | None:
    """The first count at which a table holds no number."""
    undefined = ~np.isfinite(rates)
    return int(undefined.argmax()) if undefined.any() else None


class Lookup(Schedule):
    """Rates by count, in place of a schedule that has no closed form."""

    rates: np.ndarray

    def __post_init__(self):
        """Checks nothing, for a rate may overflow beyond the counts that are asked for."""

    def _plan(self):
        return (), self

    def _undefined_from(self):
        return first_undefined(self.rates)

    def _rate(self, count, plan):
        return jnp.asarray(self.rates)[jnp.clip(count, 0, len(self.rates) - 1)]


class Derived(Schedule):
    """A schedule whose rate follows from the rates of others, whatever their form."""

    def _curve(self, t):
        plan, stand_in = self._plan()
        return stand_in._rate(t, plan)


class Single(Schedule):
    """One of PyTorch's schedulers that continue from the optimizer's own rate."""

    if TYPE_CHECKING:
        lr: Float  # each subclass states it, as its first field
    initial_lr: Float | None = dataclasses.field(default=None, kw_only=True)

    _overwrites = False

    @property
    def _base(self):
        """PyTorch's `base_lrs` entry."""
        return self.lr if self.initial_lr is None else self.initial_lr

    def _validate(self) -> None:
        self._require("lr", lambda x: x >= 0, "a number from 0 up")

    def _carried(self) -> tuple:
        return self.lr, self.initial_lr

    def _attach(self, group):
        group.set_default_initial_lr()
        attached = self
        if self.initial_lr is None:
            attached = evolve(self, initial_lr=group.initial_lr)
        return attached, attached


class Multiplying(Single):
    """A scheduler whose every step is a factor of the current rate."""

    _multiplies = True

    def _scale(self, s, t):
        """The rate at clock `t` over the rate at clock `s`."""
        raise NotImplementedError

    def _steps(self, s, t) -> Affine:
        return Affine(self._scale(s, t), 0)

    def _restart(self, t) -> Affine:
        return Affine(0, self._base)
