"""SequentialLR: one scheduler after the other."""

import bisect
from collections.abc import Sequence
from typing import Annotated

from .._core import milestones as _milestones
from .._core import protocol
from .._core.fields import NESTED, Counts, TotalSteps, static
from .._core.schedule import Schedule
from .composite import Composite, singles


class SequentialLR(Composite):
    """One schedule after the other; each `milestone` is the count at which the next begins.

    Like PyTorch, a part begins at the initial rate if it has a closed form of its own, and goes
    on from the last rate if not (MultiplicativeLR, SWALR); of two equal milestones the part
    between is skipped. A chain or sequence as a later part, which PyTorch cannot run, starts as
    if built at that moment on an optimizer at the initial rate.

    Args:
      schedulers: the schedules, in order. Those that carry an `lr` agree on it.
      milestones: one count less than schedules, in order: Python ints, or an integer array to
        trace or sweep them (all parts then single schedulers).
      total_steps: if given, the rates of the first `total_steps` counts become a table where
        there is no closed form, and the last of them holds after that.

    Returns:
      A `Schedule`: the rate as a function of the step count.

    Raises:
      ValueError: as ChainedScheduler does, and for milestones of the wrong number, unsorted,
        negative or no integers; for a part that counts its steps itself, and so has other rates
        in PyTorch's sequence than alone.
      TypeError: for a part that is no schedule.

    Warns:
      UserWarning: where there is no closed form and no `total_steps`.

    >>> import jax.numpy as jnp
    >>> from jaxsched import ExponentialLR, LinearLR
    >>> schedule = SequentialLR([LinearLR(0.1, 0.5, 1.0, 2), ExponentialLR(0.1, 0.9)], [2])
    >>> schedule(jnp.arange(5))
    Array([0.05 , 0.075, 0.1  , 0.09 , 0.081], dtype=float32)

    Port of https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
    """

    schedulers: Annotated[Sequence[Schedule], NESTED]
    milestones: Counts = static(when=_milestones.are_counts)
    total_steps: TotalSteps = static(default=None, kw_only=True)

    def __post_init__(self):
        _milestones.normalise(self, "milestones")
        super().__post_init__()

    @property
    def _has_traced_milestones(self) -> bool:
        """Whether the milestones are an array, and so perhaps traced."""
        return not _milestones.are_counts(self.milestones)

    def _validate(self):
        _milestones.check(self, "milestones", "schedulers")
        nested = any(isinstance(part, Composite) for part in self.schedulers)
        if self._has_traced_milestones and nested:
            self._reject("milestones", "Python ints where a part is a chain or a sequence")
        super()._validate()
        self._check_runs()

    def _check_runs(self):
        """Refuses a part that counts its steps itself, where that makes PyTorch's rates others."""
        traced = self._has_traced_milestones
        running = 0 if traced else bisect.bisect_right(self.milestones, 0)
        for index, part in enumerate(self.schedulers):
            first = traced or index == running  # A traced milestone may be 0.
            if isinstance(part, Composite) and not first:
                continue  # It is built at its milestone.
            for single in singles(part):
                if not single._runs_in_sequence(first):
                    raise ValueError(
                        "`SequentialLR(schedulers=...)` must hold no"
                        f" {single._call_name()} at index {index}: PyTorch takes back the first"
                        " step of each part, which this one goes on counting, so that its rates"
                        " are others. Write `jaxsched.join(schedules, boundaries)`, where each"
                        " begins at its count 0."
                    )

    def _live(self, group, table_size):
        if self._has_traced_milestones:
            self._reject("milestones", "Python ints inside another chain or sequence")
        return protocol.Sequence(self.schedulers, self.milestones, group, table_size)
