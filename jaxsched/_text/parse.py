"""Text to schedule and back: `OneCycleLR(0.1, total_steps=100)`, read and never evaluated.

A schedule is written as the Python call that builds it. Its functions are expressions of `step`
(see `Expression`): bare, as a string, or as a lambda.
"""

import ast
import difflib
import inspect
import operator
import re
from typing import Any

from .._core.schedule import without_warnings
from .arithmetic import constant
from .expression import Expression
from .names import FUNCTIONS, NAMED
from .source import PointedError, Source, brief

MAX_CALLS = 48  # schedules in one text: to compile more takes longer than one waits
MOST_TABULATED = 1_000_000  # steps, about a second of calls of a Python function
_OPTIMIZERS = {"optimizer", "opt", "optim"}


def parse(text: str) -> Any:
    """The schedule that a text writes down as a Python call; nothing in it is run.

    Args:
      text: a call of one of the schedulers, of `ParamGroups`, `per_epoch`, `per_update`, `delay` or
        `skip`, `jaxsched.` before the name or not, or a product of such calls and numbers. Their
        arguments are numbers and arithmetic on them, strings, True, False, None, lists and further
        schedules; `lr_lambda` and `scale_fn` are arithmetic of `step`.

    Returns:
      The schedule, or ParamGroups. What its constructor only warns of is not said.

    Raises:
      ValueError: for anything else, the constructor's own errors among it, with the line of text
        and carets below the place; also for more than 48 calls, 2,000 numbers and names or
        100,000 characters, and for tables of more than 1,000,000 steps.

    >>> parse("OneCycleLR(0.1, total_steps=30 * 390)")
    OneCycleLR(max_lr=0.1, total_steps=11700)
    >>> parse("LambdaLR(0.1, lambda epoch: 0.95 ** epoch)")
    LambdaLR(lr=0.1, lr_lambda=Expression('0.95 ** step'))
    >>> parse("CosineAnnealingLR(0.1, 90) * LinearLR(1, 0.2, total_iters=4) / 2")
    CosineAnnealingLR(lr=0.1, T_max=90) * LinearLR(lr=1, start_factor=0.2, total_iters=4) * 0.5
    >>> parse("StepLr(0.1, 30)")
    Traceback (most recent call last):
      ...
    jaxsched._text.source.PointedError: unknown scheduler `StepLr`: did you mean StepLR?
        StepLr(0.1, 30)
        ^^^^^^
    """
    reader = _Reader(Source(text))
    reader.check_calls()
    with without_warnings():  # of a missing `total_steps`
        return reader.schedule(reader.source.tree)


class _Reader:
    """What the nodes of a syntax tree stand for."""

    def __init__(self, source: Source):
        self.source = source

    def check_calls(self) -> None:
        tree = self.source.tree
        calls = [x for x in ast.walk(tree) if isinstance(x, ast.Call) and self.is_schedule(x.func)]
        if len(calls) > MAX_CALLS:
            reason = f"a text of {len(calls)} schedules: {MAX_CALLS} are read"
            raise self.source.error_at(calls[MAX_CALLS], reason)

    @staticmethod
    def is_schedule(node: ast.expr) -> bool:
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
        return name in NAMED

    def has_schedule(self, node: ast.expr) -> bool:
        calls = (x for x in ast.walk(node) if isinstance(x, ast.Call))
        return any(self.is_schedule(call.func) for call in calls)

    def schedule(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp) and self.has_schedule(node):
            return self.product(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        raise self.source.error_at(
            node, f"`{self.source.quote(node)}` is no call of a scheduler, as StepLR(0.1, 30) is"
        )

    def product(self, node: ast.BinOp) -> Any:
        """The product of two sides, of which one at least holds a schedule."""
        operation = {ast.Mult: operator.mul, ast.Div: operator.truediv}.get(type(node.op))
        if operation is None:
            raise self.source.error_at(
                node, f"`{self.source.quote(node)}`: schedules go together with `*` and `/` alone"
            )
        left, right = map(self.value, (node.left, node.right))
        try:
            return operation(left, right)
        except (TypeError, ValueError) as error:
            raise self.source.error_at(node, " ".join(str(error).split())) from None

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp) and self.has_schedule(node):
            return self.product(node)
        match node:
            case ast.Constant(value=bool() | str() | None as value):
                return value
            case ast.Constant(value=int() | float()) | ast.BinOp() | ast.UnaryOp():
                return constant(self.source, node)
            case ast.List(elts=items):
                return [self.value(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self.value(item) for item in items)
            case ast.Call(func=ast.Name(id="float")):
                return constant(self.source, node)
            case ast.Call():
                return self.call(node)
            case ast.Name(id=name) if name in _OPTIMIZERS:
                raise self.source.error_at(
                    node, f"`{name}`: where PyTorch takes the optimizer, give the learning rate"
                )
        raise self.source.error_at(
            node,
            f"`{self.source.quote(node)}` is not allowed here: numbers and arithmetic on them,"
            " strings, True, False, None, lists and schedulers are",
        )

    def call(self, node: ast.Call) -> Any:
        name = self.name(node.func)
        names = list(inspect.signature(NAMED[name]).parameters)
        places: dict[str, ast.AST] = {}
        positional, named = [], {}
        for index, item in enumerate(node.args):
            key = names[index] if index < len(names) else ""
            places[key] = item
            if isinstance(item, ast.Name) and item.id in _OPTIMIZERS and "lr" not in names:
                raise self.source.error_at(item, f"leave `{item.id}` out: {name} takes no rate")
            positional.append(self.argument(key, item))
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.source.error_at(
                    keyword, f"`{self.source.quote(keyword)}` is not allowed: name each argument"
                )
            places[keyword.arg] = keyword
            value = self.argument(keyword.arg, keyword.value)
            if name != "OneCycleLR" and keyword.arg == "total_steps":
                self.check_table(keyword, value)
            named[keyword.arg] = value
        try:
            return NAMED[name](*positional, **named)
        except Exception as error:  # Whatever a constructor raises is about these arguments.
            raise self.rejected(error, name, node, places) from None

    def check_table(self, node: ast.keyword, steps: Any) -> None:
        if isinstance(steps, int) and steps > MOST_TABULATED:
            reason = f"a table of {steps} steps: {MOST_TABULATED:,} are tabulated here"
            raise self.source.error_at(node, reason)

    def name(self, node: ast.expr) -> str:
        """The scheduler that a call is of."""
        name = self.source.cut(node)
        match node:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="jaxsched" | "js"), attr=name):
                if name in NAMED:
                    return name
        near = {known.lower(): known for known in NAMED}
        found = difflib.get_close_matches(name.rpartition(".")[2].lower(), near, n=1)
        hint = f"did you mean {near[found[0]]}?" if found else f"known are {', '.join(NAMED)}"
        raise self.source.error_at(node, f"unknown scheduler `{brief(name)}`: {hint}")

    def argument(self, name: str, node: ast.expr) -> Any:
        if name not in FUNCTIONS or (isinstance(node, ast.Constant) and node.value is None):
            return self.value(node)
        return self.function(node)

    def function(self, node: ast.expr) -> Any:
        """The function of the step that a node is: bare, a string or a lambda."""
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.function(item) for item in items]  # for the constructor to refuse
            case ast.Constant(value=str() as text):
                return self.expression(text, node)
            case ast.Lambda():
                return self.expression(self.body(node), node)
        return self.expression(self.source.cut(node), node)

    def expression(self, text: str, node: ast.expr) -> Expression:
        try:
            return Expression(text)
        except PointedError as error:
            start, end = self.source.span(node)
            written = self.source.text[start:end]
            if text and written.count(text) == 1:  # else it was renamed, or is an escaped string
                start += written.index(text) + error.start
                end = start + error.end - error.start
            raise self.source.error(error.reason, start, end) from None

    def body(self, node: ast.Lambda) -> str:
        """The text of a lambda's body, its parameter called `step`."""
        match node.args:
            case ast.arguments(
                posonlyargs=[], args=[ast.arg(arg=name)], vararg=None, kwonlyargs=[], kwarg=None,
                defaults=[],
            ):  # fmt: skip
                pass
            case _:
                raise self.source.error_at(node, "a function must have one parameter, the step")
        start, end = self.source.span(node)
        start += self.source.text[start:end].index(":") + 1
        text = self.source.text[start:end]
        names = [n for n in ast.walk(node.body) if isinstance(n, ast.Name)]
        for other in sorted(names, key=self.source.span, reverse=True):
            if other.id == name:
                first, last = (place - start for place in self.source.span(other))
                text = f"{text[:first]}step{text[last:]}"
            elif other.id == "step":
                raise self.source.error_at(
                    other, f"`step` is unknown here: the parameter is `{name}`"
                )
        return text.strip()

    def rejected(self, error: Exception, name: str, node: ast.Call, places) -> PointedError:
        """A constructor's error, pointed at the argument it names, or else at the call."""
        message = " ".join(str(error).split())
        named = [key for key in places if re.search(rf"{name}\({key}=|argument '{key}'", message)]
        if "()" in message:  # Python's own, of a missing or an unknown argument
            message += f" (it has {', '.join(inspect.signature(NAMED[name]).parameters)})"
        return self.source.error_at(places[named[0]] if named else node, message)
