"""A schedule: the rate as a function of the step count, and how it meets others on an optimizer."""

import contextlib
import contextvars
import dataclasses
import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from . import protocol
from .closed_forms import by_steps, choose
from .evaluate import evaluate
from .fields import Rate, Rates, is_ours
from .formulas import Formula, class_sets_rate
from .number import Number, is_concrete
from .past_end import End
from .phases import rate_at, replay
from .value import Value


def kept(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method whose result is kept, where all numbers are concrete: tracers must not be."""
    name = f"_kept{method.__name__}"

    @functools.wraps(method)
    def keeping(self):
        if name in self.__dict__:
            return self.__dict__[name]
        result = method(self)
        if self._is_concrete:
            self.__dict__[name] = result
        return result

    return keeping


class Schedule(Formula, Value):
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
    `Literal` or an enum are static, and so is what `jaxsched.static()` marks.
    """

    _begun: ClassVar[Any] = -1  # the `last_epoch` that it is built with
    _part: ClassVar[Any] = protocol.Part  # how PyTorch has it step
    _fractional: ClassVar[Any] = False  # a fractional count means something

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if not is_ours(cls) and "curve" in vars(cls):
            if not class_sets_rate(cls) or cls._curve is not Formula._curve:
                base = next(c for c in cls.__mro__ if is_ours(c)).__name__
                raise TypeError(
                    f"`{cls.__name__}` must not have a `curve`, which {base} would not ask for:"
                    " subclass `jaxsched.Schedule`."
                )
            cls.curve = _traceable(vars(cls)["curve"])
        names = {field.name for field in dataclasses.fields(cls)}
        hidden = names & {*vars(Schedule), *vars(Formula)}
        if hidden:
            raise TypeError(
                f"`{cls.__name__}` must not have fields named {sorted(hidden)}: `Schedule` uses"
                " these names for methods."
            )

    def __call__(self, count: Any) -> jax.Array:
        """The learning rate of optimizer step `count`.

        A count below 0 has the rate of count 0. Raises a TypeError for a count that is no integer,
        a ValueError for one past the end of a OneCycleLR, unless it is traced.
        """
        return evaluate(self, count)

    # --- tables ---

    def _table_size(self) -> int | None:
        """The number of counts to tabulate, where the user gave one as `total_steps`."""
        return None

    def _tabulated(self, size: int | None) -> "Schedule":
        """This schedule, its Python functions tabulated for `size` counts if they are not yet."""
        return self

    def _undefined_from(self) -> int | None:
        """The first count whose rate is an infinity or a NaN, if a table says so."""
        return None

    def _warn_if_replayed(self) -> None:
        """Tells the user what a missing `total_steps` costs."""
        if not _silent.get() and self._table_size() is None and by_steps in self._plan()[0]:
            warn(
                f"`{type(self).__name__}` has no closed form here and steps from 0 at every call."
                " Give it `total_steps=N`, and its rates are computed once."
            )

    def _warn_if_below_one(self, name: str, rate: str) -> None:
        """Asks whether a rate has landed where a number of steps belongs."""
        size = getattr(self, name)
        if is_concrete(size) and 0 < size < 1:
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
        """The group's (lr, initial_lr) before any scheduler was built, if this schedule says it."""
        return None

    def _momentum_part(self) -> "Schedule | None":
        """The momentum that it sets with each rate, if it does."""
        return None

    def _live(self, group: "protocol.Group", table_size: int | None) -> Any:
        """This schedule at work on a parameter group."""
        return self._part(self._tabulated(table_size), group)

    # --- evaluation ---

    @property
    def _is_ours(self) -> bool:
        """Whether its formulas divide by `numerics.divide`, which says why."""
        return is_ours(type(self))

    @functools.cached_property
    def _is_concrete(self) -> bool:
        return all(map(is_concrete, jax.tree.leaves(self)))

    @kept
    def _phases(self) -> "list[protocol.Phase]":
        return protocol.play(self)

    @kept
    def _plan(self) -> "tuple[tuple, Any]":
        """How to evaluate each phase, and on what, which has a `_rate` too.

        Chosen once, where numbers are concrete.
        """
        plan = tuple(map(choose, self._phases()))
        size = self._table_size()
        if size is not None and by_steps in plan and self._is_concrete:
            return (), Lookup(replay(self, size))
        return plan, self

    def _rate(self, count, plan: tuple):
        """The rate at `count` in float64."""
        size = self._table_size()
        if size is not None:
            count = jax.numpy.minimum(count, size - 1)
        return rate_at(self._phases(), plan, count)

    def _end(self) -> End | None:
        """The last count that PyTorch reaches without an error, if there is one."""
        return protocol.end(self, self._phases())


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


def looked_up(rates, count):
    """The rate at `count` in a table, whose last one holds on."""
    return jnp.asarray(rates)[jnp.clip(count, 0, len(rates) - 1)]


class Lookup(Schedule):
    """Rates by count, in place of a schedule that has no closed form."""

    rates: Rates

    def __post_init__(self):
        """Checks nothing, for a rate may overflow beyond the counts that are asked for."""

    def _plan(self):
        return (), self

    def _undefined_from(self):
        return first_undefined(self.rates)

    def _rate(self, count, plan):
        return looked_up(self.rates, count)


class Derived(Schedule):
    """A schedule whose rate follows from the rates of others, whatever their form."""

    def _curve(self, t):
        plan, stand_in = self._plan()
        return stand_in._rate(t, plan)


class CarriesRate(Schedule):
    """One of PyTorch's schedulers that have no rate of their own but the optimizer's."""

    if TYPE_CHECKING:
        lr: Rate  # each subclass states it, as its first field
    initial_lr: Rate | None = dataclasses.field(default=None, kw_only=True)

    _part = protocol.CarryingPart

    @property
    def _begun(self):
        return self.last_epoch  # type: ignore[attr-defined]

    @property
    def _base(self):
        """PyTorch's `base_lrs` entry."""
        return self.lr if self.initial_lr is None else self.initial_lr

    def _validate(self) -> None:
        self._require("lr", lambda x: x >= 0, "a number from 0 up")

    def _carried(self) -> tuple:
        return self.lr, self.initial_lr
