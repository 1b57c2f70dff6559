"""Rates of Ignite, Composer and SpeechBrain: of the lines of the guide to recipes.

PYTHONPATH=<where the libraries are> python tests/helpers/pytorch_libraries.py    # records them again

The calls are those of the guide, on an optimizer with a rate of 0.1, in a run of 10,000 updates.
"""

import enum
import types

from guide_lines import Lines
from libraries import alone

LR, LENGTH = 0.1, 10_000


def _optimizer():
    import torch

    return torch.optim.SGD([torch.zeros(1)], lr=LR)


def _along(optimizer, advance):
    """The rate at each count, as a loop leaves it in the optimizer."""
    rates = []
    for count in range(LENGTH):
        advance(count)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates.__getitem__


def _ignite(call):
    """Ignite sets the rate before each update."""
    import torch

    names = ("ITERATION_STARTED", "ITERATION_COMPLETED", "EPOCH_STARTED")
    events = type("Events", (), dict.fromkeys(names))
    module = alone("ignite.handlers.param_scheduler", "ignite.engine", Events=events)
    optimizer = _optimizer()
    names = vars(module) | {"optimizer": optimizer}
    names |= {"CosineAnnealingLR": torch.optim.lr_scheduler.CosineAnnealingLR}
    scheduler = eval(call, names)
    optimizer.step()
    return _along(optimizer, lambda count: scheduler(None))


def _composer(call):
    """Composer's are functions of the state, a factor of the optimizer's rate."""
    string = types.new_class("StringEnum", (enum.StrEnum,))
    time = alone(
        "composer.core.time",
        "composer", "composer.core", "composer.core.serializable", "composer.utils",
        StringEnum=string, Serializable=object,
    )  # fmt: skip
    module = alone(
        "composer.optim.scheduler",
        "composer", "composer.core",
        Time=time.Time, TimeUnit=time.TimeUnit,
    )  # fmt: skip
    scheduler = eval(call, vars(module))
    state = types.SimpleNamespace(max_duration=time.Time(LENGTH, "ba"), dataloader_len=1_000)

    def rate(count):
        state.timestamp = time.Timestamp(batch=count)
        return LR * scheduler(state)

    return rate


def _speechbrain(call):
    """SpeechBrain's recipes call theirs after each update, some with the number of updates."""
    stubs = ("speechbrain", "speechbrain.utils", "speechbrain.utils.logger")
    hooks = ("register_checkpoint_hooks", "mark_as_saver", "mark_as_loader")
    checkpoints = types.SimpleNamespace(**dict.fromkeys(hooks, lambda decorated: decorated))
    module = alone("speechbrain.nnet.schedulers", *stubs, checkpoints=checkpoints)
    optimizer = _optimizer()
    scheduler = eval(call, vars(module))
    told = "TriStage" in call

    def advance(count):
        if count:
            scheduler(optimizer, *[count] * told)

    return _along(optimizer, advance)


LIBRARIES = {"Ignite": _ignite, "Composer": _composer, "SpeechBrain": _speechbrain}
LINES = Lines("recipes.md", "pytorch_libraries.json", LIBRARIES)


if __name__ == "__main__":
    LINES.record(lambda library, call: (LIBRARIES[library](call), LENGTH))
