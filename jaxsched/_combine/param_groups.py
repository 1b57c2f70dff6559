"""One schedule per parameter group, and the one optimizer of them all."""

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NoReturn

import jax
import jax.numpy as jnp
import optax

from .._core.fields import NESTED
from .._core.schedule import Schedule
from .._core.value import Value
from .._schedulers.reduce_lr_on_plateau import ReduceLROnPlateau


class ParamGroups(Value):
    """One schedule per parameter group, as PyTorch's lists of rates and functions give.

    It is a container and no schedule. Optax takes several rates as one optimizer per group:
    `partition` makes it. Indexing gives one group's schedule (a slice: fewer groups).

    Args:
      schedules: the schedules, one per group.

    Raises:
      ValueError: for no schedules.
      TypeError: for a group that is no schedule; and where the groups are used as one rate.

    >>> import jaxsched
    >>> groups = ParamGroups([jaxsched.StepLR(0.01, 30), jaxsched.StepLR(0.1, 30)])
    >>> groups.rates(30)
    Array([0.001, 0.01 ], dtype=float32)
    >>> groups[1]
    StepLR(lr=0.1, step_size=30)
    """

    schedules: Annotated[Sequence[Schedule | ReduceLROnPlateau], NESTED]

    def __post_init__(self):
        if not isinstance(self.schedules, list | tuple):
            self._reject("schedules", "a list of schedules", TypeError)
        super().__post_init__()

    def _validate(self):
        if not self.schedules:
            self._reject("schedules", "at least one schedule")
        for schedule in self.schedules:
            if not isinstance(schedule, Schedule | ReduceLROnPlateau):
                self._reject("schedules", "schedules", TypeError)

    def rates(self, count: Any) -> jax.Array:
        """The groups' rates at `count`, along a last axis.

        Raises:
          TypeError: where a group is a ReduceLROnPlateau, whose rate depends on a metric.
        """
        return jnp.stack([schedule(count) for schedule in self.schedules], axis=-1)

    @property
    def momentum(self) -> "ParamGroups":
        """The groups' momenta, as groups of schedules.

        Raises an AttributeError where a group has none, a ValueError where it is not cycled.
        """
        return ParamGroups([_momentum(index, group) for index, group in enumerate(self)])

    def partition(
        self,
        optimizer: Callable[..., Any] | Sequence[Callable[..., Any]],
        labels: Any,
        **options: Any,
    ) -> optax.GradientTransformationExtraArgs:
        """The `optax.partition` of one optimizer per group.

        Args:
          optimizer: what makes an optimizer of a schedule, such as `optax.adamw`, or
            `optax.inject_hyperparams(optax.sgd)`; or a list of such functions, one per group,
            for groups that differ in more than the rate.
          labels: each parameter's group, an int from 0 to the number of groups less 1: a pytree
            of them (or a prefix of one), or a function of the parameters that returns it. Other
            labels, such as names, go with `optax.partition` itself.
          **options: handed to each optimizer, as in `weight_decay=0.1`.

        Returns:
          An optimizer; its states are `opt_state.inner_states[index]`.

        Raises:
          TypeError: for an `optimizer` that is already made, or that makes none.
          ValueError: for a list of the wrong length, or labels that are no groups' numbers (of a
            function, once the optimizer sees the parameters).

        >>> import jax.numpy as jnp
        >>> import jaxsched, optax
        >>> groups = ParamGroups([jaxsched.StepLR(0.01, 30), jaxsched.StepLR(0.1, 30)])
        >>> optimizer = groups.partition(optax.sgd, {"backbone": 0, "head": 1}, momentum=0.9)
        >>> params = {"backbone": jnp.ones(1), "head": jnp.ones(1)}
        >>> optimizer.update(params, optimizer.init(params), params)[0]
        {'backbone': Array([-0.01], dtype=float32), 'head': Array([-0.1], dtype=float32)}
        """
        makers = _makers(optimizer, len(self))
        made = {
            index: _made(maker(schedule, **options))
            for index, (maker, schedule) in enumerate(zip(makers, self.schedules, strict=True))
        }
        return optax.partition(made, _numbered(labels, len(self)))

    def single(self) -> Any:
        """The one schedule of groups that are equal, such as those with and without decay.

        Raises:
          ValueError: where two groups differ.
        """
        first = self.schedules[0]
        for index, schedule in enumerate(self.schedules):
            if schedule != first:
                raise ValueError(
                    f"`ParamGroups.single()` must have equal groups, got {first!r} at index 0 and"
                    f" {schedule!r} at index {index}: `groups.partition(optax.adamw, labels)` makes"
                    " an optimizer for each."
                )
        return first

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ParamGroups(self.schedules[index])
        try:
            number = operator.index(index)
        except TypeError as error:
            raise TypeError(f"`ParamGroups[...]` must get an int, got {index!r}.") from error
        if not -len(self) <= number < len(self):
            raise IndexError(f"`ParamGroups` has {len(self)} groups, got index {number}.")
        return self.schedules[number]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.schedules)

    def __len__(self) -> int:
        return len(self.schedules)

    __array_ufunc__ = None  # NumPy's numbers then ask `_refuse` too.


def _refuse(self: ParamGroups, *_: Any, **__: Any) -> NoReturn:
    raise TypeError(
        f"`ParamGroups` must not be used as one rate, got {len(self)} groups: Optax takes an"
        " optimizer for each, `groups.partition(optax.adamw, labels)` or `optax.partition`;"
        " `groups.single()` is the one schedule of equal groups, `groups.rates(count)` an array."
    )


_ARITHMETIC = ["add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow"]
_OTHER = ["neg", "pos", "abs", "float", "int", "index", "complex", "round"]
_OTHER += ["lt", "le", "gt", "ge", "array", "jax_array"]


for _name in [*_ARITHMETIC, *("r" + name for name in _ARITHMETIC), *_OTHER]:
    setattr(ParamGroups, f"__{_name}__", _refuse)


def _momentum(index: int, group: Any) -> Schedule:
    try:
        return group.momentum
    except (AttributeError, ValueError) as error:
        raise type(error)(
            "`ParamGroups.momentum` must find a momentum in each group, got none from"
            f" {group!r} at index {index}."
        ) from error


def _makers(optimizer: Any, number: int) -> list[Callable[..., Any]]:
    made = hasattr(optimizer, "update")
    makers = list(optimizer) if isinstance(optimizer, list | tuple) else [optimizer] * number
    if made or not all(map(callable, makers)):
        raise TypeError(
            "`ParamGroups.partition(optimizer=...)` must be a function of the rate, such as"
            f" `optax.adamw`, or a list of them, got {optimizer!r}."
        )
    if len(makers) != number:
        raise ValueError(
            f"`ParamGroups.partition(optimizer=...)` must have one function for each of {number}"
            f" groups, got {len(makers)}."
        )
    return makers


def _made(optimizer: Any) -> Any:
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"`ParamGroups.partition(optimizer=...)` must make an optimizer, got {optimizer!r}."
        )
    return optimizer


def _numbered(labels: Any, number: int) -> Any:
    if callable(labels):
        return lambda params: _numbered(labels(params), number)
    return jax.tree.map(functools.partial(_number, number), labels)


def _number(number: int, label: Any) -> int:
    try:
        index = -1 if isinstance(label, bool) else operator.index(label)
    except TypeError:
        index = -1
    if not 0 <= index < number:
        raise ValueError(
            f"`ParamGroups.partition(labels=...)` must be ints from 0 to {number - 1}, got"
            f" {label!r}: for labels of your own write `optax.partition({{label:"
            " optax.adamw(groups[0]), ...}, labels)`."
        )
    return index


def for_each_group(make: Callable[[Any], Any], schedule: Any) -> Any:
    """What `make` makes of a schedule, or of each in a ParamGroups."""
    if isinstance(schedule, ParamGroups):
        return ParamGroups([make(member) for member in schedule])
    return make(schedule)


def groups_of(schedule: Any) -> list[Any]:
    """One schedule for each parameter group."""
    return list(schedule) if isinstance(schedule, ParamGroups) else [schedule]
