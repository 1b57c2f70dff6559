"""Why a PyTorch scheduler cannot be read as a schedule."""

STEP_FROM_START = (
    "Give `total_steps=N`, and a copy of the scheduler is stepped instead, for the first N counts."
)
STEP_A_COPY = STEP_FROM_START.removesuffix(".") + ' (with `start="now"`, for the next N).'


class Unreadable(ValueError):
    """What is wrong, as it goes on after "`from_torch(scheduler=...)`", and what to write instead.

    What to write is for live schedulers; checkpoints have hints of their own.
    """

    def __init__(self, reason: str, instead: str = STEP_A_COPY):
        super().__init__(reason)
        self.instead = instead


class Unexplained(Unreadable):
    """The schedule that a scheduler's attributes describe is not where the scheduler is."""


class DifferentInitialRates(Unreadable):
    """The parts of a composition were built on different initial rates."""
