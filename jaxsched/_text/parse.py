"""Parses the text of a schedule, `OneCycleLR(0.1, total_steps=100)`, without evaluating it.

A schedule is written as the Python call that builds it. A function is an expression of `step` (see
`Expression`), written bare, as a string, or as a lambda.
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
from .names import FUNCTIONS, NAMED, maker
from .source import PointedError, Source, brief

MAX_CALLS = 48  # schedules in one text; more would take too long to compile
MOST_TABULATED = 1_000_000  # steps; about a second of calls of a Python function
_OPTIMIZERS = {"optimizer", "opt", "optim"}
_MODULES = {
    "jaxsched", "js", "torch.optim.lr_scheduler", "optim.lr_scheduler", "lr_scheduler",
    "torch.optim.swa_utils", "optim.swa_utils", "swa_utils",
}  # fmt: skip


def _is_list(node: ast.expr) -> bool:
    """Whether it is a list, or lists that are added."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_list(node.left)
    return isinstance(node, ast.List | ast.Tuple)


def parse(text: str) -> Any:
    """The schedule that a text describes as a Python call; the text is never evaluated.

    Args:
      text: a call of one of the schedulers, of `ParamGroups`, `per_epoch`, `per_batches`,
        `per_update`, `delay` or `skip`, with or without `jaxsched.` before the name, or a product
        of such calls and numbers. The arguments are numbers and arithmetic on them, strings, True,
        False, None, lists and schedules; `lr_lambda` and `scale_fn` are expressions of `step`.

    Returns:
      The schedule, or ParamGroups. Warnings of its constructor are suppressed.

    Raises:
      ValueError: for anything else, and for errors of the constructor. The message shows the line
        of text with carets below the place. Limits: 48 calls, 2,000 numbers and names, 100,000
        characters, tables of 1,000,000 steps.

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
    with without_warnings():  # about a missing `total_steps`
        return reader.schedule(reader.source.tree)


class _Reader:
    """Converts the nodes of a syntax tree to schedules and their arguments."""

    def __init__(self, source: Source):
        self.source = source

    def check_calls(self) -> None:
        tree = self.source.tree
        calls = [x for x in ast.walk(tree) if isinstance(x, ast.Call) and self.is_schedule(x.func)]
        if len(calls) > MAX_CALLS:
            reason = f"the text has {len(calls)} schedules: at most {MAX_CALLS} are allowed"
            raise self.source.error_at(calls[MAX_CALLS], reason)

    @staticmethod
    def is_schedule(node: ast.expr) -> bool:
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        return name in NAMED or maker(ast.unparse(node)) is not None

    def has_schedule(self, node: ast.expr) -> bool:
        calls = (x for x in ast.walk(node) if isinstance(x, ast.Call))
        return any(self.is_schedule(call.func) for call in calls)

    def schedule(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BinOp) and self.has_schedule(node):
            return self.product(node)
        if isinstance(node, ast.Call):
            return self.call(node)
        raise self.source.error_at(
            node, f"`{self.source.quote(node)}` must be the call of a scheduler, as StepLR(0.1, 30)"
        )

    def product(self, node: ast.BinOp) -> Any:
        """The product of two operands, at least one of which contains a schedule."""
        operation = {ast.Mult: operator.mul, ast.Div: operator.truediv}.get(type(node.op))
        if operation is None:
            raise self.source.error_at(
                node, f"`{self.source.quote(node)}`: schedules can be combined by `*` and `/` only"
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
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _is_list(left):
                return self.listed(left) + self.listed(right)
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
            f"`{self.source.quote(node)}` is not allowed here: use numbers and arithmetic on them,"
            " strings, True, False, None, lists or schedulers",
        )

    def listed(self, node: ast.expr) -> list:
        if not _is_list(node):
            raise self.source.error_at(
                node, f"`{self.source.quote(node)}` is no list, and is added to one"
            )
        return list(self.value(node))

    def call(self, node: ast.Call) -> Any:
        name = self.name(node.func)
        names = list(inspect.signature(self.maker(name)).parameters)
        places: dict[str, ast.AST] = {}
        positional, named = [], {}
        for index, item in enumerate(node.args):
            key = names[index] if index < len(names) else ""
            places[key] = item
            if isinstance(item, ast.Name) and item.id in _OPTIMIZERS and "lr" not in names:
                raise self.source.error_at(
                    item, f"remove `{item.id}`: {name} takes neither an optimizer nor a rate"
                )
            positional.append(self.argument(key, item))
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.source.error_at(
                    keyword,
                    f"`{self.source.quote(keyword)}` is not allowed: name each argument",
                )
            places[keyword.arg] = keyword
            value = self.argument(keyword.arg, keyword.value)
            if name != "OneCycleLR" and keyword.arg == "total_steps":
                self.check_table(keyword, value)
            named[keyword.arg] = value
        try:
            return self.maker(name)(*positional, **named)
        except Exception as error:  # The constructor refused these arguments.
            raise self.rejected(error, name, node, places) from None

    @staticmethod
    def maker(name: str) -> Any:
        """What makes a schedule under a name that there is."""
        return maker(name)

    def check_table(self, node: ast.keyword, steps: Any) -> None:
        if isinstance(steps, int) and steps > MOST_TABULATED:
            reason = f"total_steps must be at most {MOST_TABULATED:,} here, got {steps}"
            raise self.source.error_at(node, reason)

    def name(self, node: ast.expr) -> str:
        """The name of the scheduler that is called."""
        name = self.source.cut(node)
        match node:
            case ast.Name(id=found) if found in NAMED:
                return found
            case ast.Attribute(value=module, attr=found) if (
                found in NAMED and self.source.cut(module) in _MODULES
            ):
                return found
            case ast.Attribute() if maker(name) is not None:
                return name.removeprefix("jaxsched.").removeprefix("js.")
        near = {known.lower(): known for known in NAMED}
        close = difflib.get_close_matches(name.rpartition(".")[2].lower(), near, n=1)
        hint = f"did you mean {near[close[0]]}?" if close else f"use one of {', '.join(NAMED)}"
        raise self.source.error_at(node, f"unknown scheduler `{brief(name)}`: {hint}")

    def argument(self, name: str, node: ast.expr) -> Any:
        if name not in FUNCTIONS or (isinstance(node, ast.Constant) and node.value is None):
            return self.value(node)
        return self.function(node)

    def function(self, node: ast.expr) -> Any:
        """The expression in a node, written bare, as a string or as a lambda."""
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.function(item) for item in items]  # refused by the constructor
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
            if text and written.count(text) == 1:  # not so in a lambda of another parameter name
                start += written.index(text) + error.start
                end = start + error.end - error.start
            raise self.source.error(error.reason, start, end) from None

    def body(self, node: ast.Lambda) -> str:
        """The text of a lambda's body, with its parameter renamed to `step`."""
        match node.args:
            case ast.arguments(
                posonlyargs=[], args=[ast.arg(arg=name)], vararg=None, kwonlyargs=[], kwarg=None,
                defaults=[],
            ):  # fmt: skip
                pass
            case _:
                raise self.source.error_at(
                    node, "a function must have exactly one parameter, the step"
                )
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
                    other, f"`step` is unknown here: write `{name}`, the lambda's parameter"
                )
        return text.strip()

    def rejected(self, error: Exception, name: str, node: ast.Call, places) -> PointedError:
        """A constructor's error, with carets below the argument it names, or below the call."""
        message = " ".join(str(error).split())
        named = [key for key in places if re.search(rf"{name}\({key}=|argument '{key}'", message)]
        if "()" in message:  # Python's error for a missing or an unknown argument
            message += (
                f" (its arguments are {', '.join(inspect.signature(self.maker(name)).parameters)})"
            )
        return self.source.error_at(places[named[0]] if named else node, message)
