"""The `state_dict()` of a PyTorch scheduler to a schedule, without PyTorch.

A state dict has the attributes of the live object but for three things: the classes of its parts,
Python functions, and the values in the optimizer's groups, which are in the optimizer's dict.
"""

from collections.abc import Mapping
from typing import Any

from .._combine.counts import delay, skip
from .._core.past_end import PastEnd
from .._schedulers.cyclic_lr import CyclicLR
from . import old_states
from .errors import DifferentInitialRates, Unexplained, Unreadable
from .from_torch import as_total_steps, check_start, read
from .given import Given
from .numeric import int_if_integer, is_finite, to_python
from .of_timm import of_timm_state, timm_name
from .saved_snapshot import saved_snapshot
from .snapshot import Snapshot, steps_done


def from_torch_state_dict(
    cls_or_name: Any,
    state_dict: Mapping[str, Any],
    optimizer_state_dict: Mapping[str, Any] | None = None,
    *,
    total_steps: int | None = None,
    start: str = "beginning",
    **given: Any,
) -> Any:
    """A PyTorch scheduler from a checkpoint, as a schedule. PyTorch need not be installed.

    Args:
      cls_or_name: the scheduler's class or its name. For a ChainedScheduler or SequentialLR that
        name alone: the keys of its parts tell their classes, except LambdaLR from
        MultiplicativeLR. If these cannot be told apart, pass all names, as in
        `["SequentialLR", "LinearLR", "LambdaLR"]`. For a LambdaLR that a function of another
        library built, the function or its name, as in
        `"transformers.get_cosine_schedule_with_warmup"`. One of timm's, as in
        `"timm.CosineLRScheduler"`, or one of NeMo's, fairseq2's or ESPnet's.
      state_dict: what the scheduler's `state_dict()` returned in PyTorch 1.1 or later, read with
        `torch.load(..., weights_only=True)` or from plain Python or JSON.
      optimizer_state_dict: the optimizer's, which holds some of OneCycleLR's, SWALR's and
        ReduceLROnPlateau's values, and the `lr_scale` of timm's groups.
      total_steps: as in `from_torch`.
      start: what count 0 is. "beginning": the moment when the scheduler was built. "now": the
        moment when it was saved.
      **given: what PyTorch does not save. A Python function is `lr_lambda` or `scale_fn`, or a list
        with one for each parameter group. (A state dict does not always show that a CyclicLR had
        a `scale_fn`: pass it.) Of another library's function, its arguments, as in
        `num_warmup_steps=50`: they are verified against the rate in the dict, which in the warm-up
        says nothing of what comes after. If several parts of a composition have one, name each by
        its place, as in `schedulers_0_lr_lambda`.

    Returns:
      The schedule that `from_torch` gives for the live scheduler. (PyTorch 1.1 began the cycles of
      a CosineAnnealingWarmRestarts one step late, which gives a `jaxsched.delay`.)

    Raises:
      ValueError: for an unknown class, a dict of another class, a dict that lacks a key, or one
        whose keys contradict each other: the message names the key, or what to pass.
      TypeError: for a `state_dict` that is no dict, or functions that cannot be called, or
        functions and arguments that the scheduler does not take.

    >>> state_dict = {
    ...     "step_size": 30, "gamma": 0.1, "base_lrs": [0.1], "last_epoch": 31, "_step_count": 32,
    ...     "_last_lr": [0.01],
    ... }
    >>> from_torch_state_dict("StepLR", state_dict)
    StepLR(lr=0.1, step_size=30)
    >>> state_dict = {
    ...     "base_lrs": [0.1], "last_epoch": 31, "_step_count": 32, "_last_lr": [0.062],
    ...     "lr_lambdas": [{}],
    ... }
    >>> from_torch_state_dict(
    ...     "transformers.get_constant_schedule_with_warmup", state_dict, num_warmup_steps=50
    ... )
    transformers.get_constant_schedule_with_warmup(lr=0.1, num_warmup_steps=50)
    """
    total_steps = as_total_steps("from_torch_state_dict", total_steps)
    name = timm_name(cls_or_name)
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"`from_torch_state_dict(state_dict=...)` must be a dict, got {state_dict!r}."
        )
    check_start("from_torch_state_dict", start)
    asked = Given(given)
    try:
        if name is not None:
            asked.check()
            return of_timm_state(name, state_dict, optimizer_state_dict)
        taken = saved_snapshot(cls_or_name, state_dict, asked, "")
        asked.check()
        groups = _groups(taken, state_dict, optimizer_state_dict)
    except (KeyError, IndexError, AttributeError) as error:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must be as PyTorch saved it, got one that"
            f" lacks something: {type(error).__name__}: {error}"
        ) from error
    except Unreadable as reason:
        raise ValueError(f"`from_torch_state_dict(state_dict=...)` {reason}.") from None
    except RecursionError:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must hold a list of state dicts as"
            " `_schedulers`, got one that contains itself."
        ) from None
    try:
        schedule = read(taken, groups, total_steps)
    except Unreadable as reason:
        hint = ""
        if isinstance(reason, Unexplained):
            rate = "`_last_lr`" if optimizer_state_dict is None else "the optimizer's `lr`"
            hint = f" One of {rate}, `base_lrs`, `last_epoch` and `_step_count` belies the others."
            if asked.recipe_names:
                hint += f" Or {asked.recipe_names[0]} had other arguments."
        if isinstance(reason, DifferentInitialRates):
            hint = " It is what each has as `base_lrs`."
        if any(leaf.cls is CyclicLR for leaf in taken.leaves()):
            hint += " A `scale_fn` that a CyclicLR had must be passed, too."
        raise ValueError(f"`from_torch_state_dict(state_dict=...)` {reason}.{hint}") from None
    except PastEnd as error:
        raise ValueError(
            "`from_torch_state_dict(state_dict=...)` must hold a `last_epoch` that the scheduler"
            f" reaches, got one past its end. {error}"
        ) from None
    except ValueError as error:
        told = str(error).replace("`from_torch(", "`from_torch_state_dict(")
        raise ValueError(told) from None
    late = taken.state.get(old_states.LATE)
    schedule = delay(schedule, 1) if late else schedule
    if start == "beginning" or taken.is_plateau:
        return schedule
    count = int_if_integer(to_python(state_dict["last_epoch"])) if late else steps_done(taken)
    if not isinstance(count, int):
        raise ValueError(
            f"`from_torch_state_dict(start=...)` must be 'beginning' at epoch {count:.6g}: a"
            " schedule is skipped by whole counts."
        )
    return skip(schedule, count)


def _groups(
    taken: Snapshot, state_dict: Mapping, optimizer: Mapping | None
) -> list[dict[str, Any]]:
    """The optimizer's parameter groups, or their rates as the scheduler keeps them."""
    if optimizer is not None:
        if not isinstance(optimizer, Mapping) or "param_groups" not in optimizer:
            raise TypeError(
                "`from_torch_state_dict(optimizer_state_dict=...)` must be an optimizer's"
                f" `state_dict()`, with 'param_groups', got {optimizer!r}."
            )
        groups = _param_groups(optimizer["param_groups"])
    elif "_last_lr" in state_dict and not old_states.built_in_turn(state_dict):
        groups = [{"lr": to_python(lr)} for lr in state_dict["_last_lr"]]
    else:
        raise ValueError(_lacks(taken.cls, "lr"))
    if any("lr" not in group for group in groups) or not groups:
        raise ValueError(_lacks(taken.cls, "lr"))
    for leaf in taken.leaves():
        for name in leaf.port.needed_in_groups(leaf.state):
            if any(name not in group for group in groups):
                raise ValueError(_lacks(leaf.cls, name))
            _check_groups(name, groups)
    _check_groups("lr", groups)
    return groups


def _param_groups(listed: Any) -> list[dict[str, Any]]:
    if not isinstance(listed, list | tuple) or not all(isinstance(g, Mapping) for g in listed):
        raise ValueError(
            "`from_torch_state_dict(optimizer_state_dict=...)` must hold a list of dicts as"
            f" `param_groups`, got {listed!r}."
        )
    return [dict(group) for group in listed]


def _check_groups(name: str, groups: list[dict[str, Any]]) -> None:
    for group in groups:
        if not is_finite(group[name]):
            raise ValueError(
                "`from_torch_state_dict(optimizer_state_dict=...)` must hold a finite number as"
                f" `{name}` of each group, got {group[name]!r}."
            )


def _lacks(cls: type, name: str) -> str:
    return (
        f"`from_torch_state_dict(optimizer_state_dict=...)` must be given for a {cls.__name__}:"
        f" PyTorch keeps its `{name}` in the optimizer's groups. Pass `optimizer.state_dict()`."
    )
