"""Functions of the step as text, which can be stored, parsed and compared."""

import ast
import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from .source import Source

MAX_BITS = 10_000  # of an integer; without a limit, 9 ** 9 ** 9 would run forever


class Expression:
    """A function of the step, written in a small arithmetic language: `0.95 ** step`.

    It may contain numbers, `step`, + - * / // % **, comparisons (chained ones too), `and`, `or`,
    `not`, `a if condition else b`, `min`, `max`, `abs`, `int`, `floor`, `ceil`, `exp`, `log`,
    `sqrt`, `cos`, `sin`, `tanh` and `pi`, with `math.` before a name or without. The text is
    parsed, never evaluated as Python. The function takes Python numbers and traced ones. Two
    expressions are equal if their texts are.

    Raises:
      ValueError: for anything else; the message marks the place with carets.

    >>> warmup = Expression("min(1, (step + 1) / 10)")
    >>> warmup(4), warmup(40)
    (0.5, 1)
    """

    def __init__(self, text: str):
        self._source = Source(" ".join(text.split()) if "\n" in text else text)
        self.text = self._source.text
        if "#" in self.text:
            start = self.text.index("#")
            raise self._source.error("an expression must not contain a comment", start)
        self.size = sum(isinstance(x, ast.expr) for x in ast.walk(self._source.tree))
        self._function = self._function_of(self._source.tree)

    def __call__(self, step):
        return self._function(step)

    def _function_of(self, node: ast.AST) -> Callable[[Any], Any]:
        """Compiles a node of the syntax tree to a function of the step."""
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return lambda step: value
            case ast.Name(id="step"):
                return lambda step: step
            case ast.Name() | ast.Attribute() if _name_of(node) == "pi":
                return lambda step: math.pi
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return self._combine(OPERATORS[type(op)], left, right)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                type(op) in OPERATORS for op in ops
            ):
                pairs = zip([left, *others], ops, others, strict=False)
                return _all([self._combine(OPERATORS[type(op)], a, b) for a, op, b in pairs])
            case ast.BoolOp(op=op, values=values):
                conditions = list(map(self._function_of, values))
                return (_all if isinstance(op, ast.And) else _any)(conditions)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return self._combine(_UNARY[type(op)], operand)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return _either(*map(self._function_of, (test, body, orelse)))
            case ast.Call(func=function, args=[_, *_] as arguments, keywords=[]):
                if (name := _name_of(function)) in _FUNCTIONS:
                    return self._combine(_FUNCTIONS[name], *arguments)
        raise self._source.error_at(
            node,
            f"an expression of the step must not contain `{self._source.quote(node)}`: use only"
            " numbers, `step`, `pi`, + - * / // % **, comparisons, `and`, `or`, `not`,"
            " `a if condition else b`,"
            f" {', '.join(_FUNCTIONS)}",
        )

    def _combine(self, function, *nodes: ast.AST) -> Callable[[Any], Any]:
        if len(nodes) == 2:  # the most frequent case, called for every step of a table
            left, right = map(self._function_of, nodes)
            return lambda step: function(left(step), right(step))
        arguments = [self._function_of(node) for node in nodes]
        return lambda step: function(*[argument(step) for argument in arguments])

    def __eq__(self, other):
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self):
        return hash((Expression, self.text))

    def __repr__(self):
        return f"Expression({self.text!r})"

    def __getstate__(self):
        return self.text

    def __setstate__(self, text):
        self.__init__(text)


def power(base, exponent):
    """`base ** exponent`; raises an OverflowError for an integer of more than MAX_BITS bits."""
    if _traced(base, exponent):
        return (1.0 * base) ** exponent  # JAX's integers overflow, and have no negative powers
    integers = isinstance(base, int) and isinstance(exponent, int)
    if integers and abs(base) > 1 and base.bit_length() * exponent > MAX_BITS:
        raise OverflowError("an integer power is too large")
    return base**exponent


def product(left, right):
    """`left * right`; raises an OverflowError likewise, as products of powers may grow too."""
    integers = isinstance(left, int) and isinstance(right, int)
    if integers and left.bit_length() + right.bit_length() > 2 * MAX_BITS:
        raise OverflowError("an integer product is too large")
    return left * right


def _as_number(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison with result 0 or 1: JAX's True + True is True, and not 2 as in Python."""
    return lambda left, right: 1 * compare(left, right)


OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: power,
    ast.Lt: _as_number(operator.lt),
    ast.LtE: _as_number(operator.le),
    ast.Gt: _as_number(operator.gt),
    ast.GtE: _as_number(operator.ge),
    ast.Eq: _as_number(operator.eq),
    ast.NotEq: _as_number(operator.ne),
}


def _traced(*values: Any) -> bool:
    return any(hasattr(value, "dtype") for value in values)


_Function = Callable[[Any], Any]


def _either(test: _Function, yes: _Function, no: _Function) -> _Function:
    """`yes if test else no`: as in Python, only one of the two is asked, unless JAX traces it."""

    def value(step):
        condition = test(step)
        if _traced(condition):
            return jnp.where(condition != 0, yes(step), no(step))
        return yes(step) if condition else no(step)

    return value


def _all(conditions: list[_Function]) -> _Function:
    """`a and b and ...`: as in Python, the value of the last one asked."""

    def value(step):
        result = conditions[0](step)
        for condition in conditions[1:]:
            if _traced(result):
                result = jnp.where(result != 0, condition(step), result)
            elif result:
                result = condition(step)
        return result

    return value


def _any(conditions: list[_Function]) -> _Function:
    """`a or b or ...`: as in Python, the value of the last one asked."""

    def value(step):
        result = conditions[0](step)
        for condition in conditions[1:]:
            if _traced(result):
                result = jnp.where(result != 0, result, condition(step))
            elif not result:
                result = condition(step)
        return result

    return value


_UNARY = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: lambda value: 1 * (value == 0)}


def _name_of(node: ast.AST) -> str:
    """The name of a function or constant, without the module that has it."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="math" | "np" | "numpy" | "jnp" | "torch"), attr=name):
            return name
    return ""


def _on_both(host: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: (traced if _traced(*values) else host)(*values)


_FUNCTIONS = {
    "min": _on_both(min, lambda *values: functools.reduce(jnp.minimum, values)),
    "max": _on_both(max, lambda *values: functools.reduce(jnp.maximum, values)),
} | {
    name: _on_both(getattr(math, host), getattr(jnp, name))
    for name, host in [("abs", "fabs"), ("exp", "exp"), ("log", "log"), ("sqrt", "sqrt"),
                       ("cos", "cos"), ("sin", "sin"), ("tanh", "tanh"), ("floor", "floor"),
                       ("ceil", "ceil"), ("trunc", "trunc")]
}  # fmt: skip
_FUNCTIONS["int"] = _FUNCTIONS.pop("trunc")
