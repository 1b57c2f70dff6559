"""What the schedules of other libraries share: their names and, of most, a factor times `lr`."""

from collections.abc import Sequence
from typing import ClassVar

from .._core.number import is_concrete
from .._core.schedule import CarriesRate, Schedule

_TEXTS = (str, bytes, bytearray)


class OfLibrary(Schedule):
    """A schedule that another library has.

    It is called as there, in a module of jaxsched called as the library.
    """

    _is_built_here: ClassVar[bool] = True  # `to_torch` may build it, where its library is known

    def __init_subclass__(cls, **kwargs):
        cls._called = f"{cls.__module__.split('.')[-1]}.{cls.__name__}"
        super().__init_subclass__(**kwargs)

    def __post_init__(self):
        for field in self._field_table:
            value = getattr(self, field.name)
            if value is None or field.kind is None or field.kind.rank != 1:
                continue
            if isinstance(value, Sequence) and not isinstance(value, _TEXTS):
                object.__setattr__(self, field.name, tuple(value))  # as a config's may be its own
            elif not getattr(value, "ndim", 0):
                self._reject(field.name, "a list of numbers", TypeError)
        super().__post_init__()

    def _knows(self, *names: str) -> bool:
        """Whether all that is given of these fields can be looked at."""
        values = [getattr(self, name) for name in names]
        listed = [x for value in values for x in (value if isinstance(value, tuple) else [value])]
        return all(x is None or is_concrete(x) for x in listed)


class Subclass(OfLibrary):
    """A schedule that PyTorch runs as another library's subclass of its LRScheduler.

    It reads `last_epoch`, and overwrites the rate.
    """

    @property
    def _begun(self):
        return self.last_epoch  # type: ignore[attr-defined]


class Recipe(OfLibrary, CarriesRate):
    """A schedule that PyTorch runs as a LambdaLR over a function of another library."""

    def _curve(self, t):
        return self._base * self._factor(t)

    def _factor(self, t):
        """The rate at step t over `lr`."""
        raise NotImplementedError

    @property
    def _default(self):
        """The optimizer's default rate, which some functions read beside the group's."""
        default = getattr(self, "default_lr", None)
        return self._base if default is None else default

    @property
    def _assumes_default(self) -> bool:
        """Whether it reads that rate and was not given it; a minimum as a share needs none."""
        return getattr(self, "default_lr", 0) is None and getattr(self, "min_lr", 0) is not None
