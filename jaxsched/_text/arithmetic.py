"""Constant arithmetic in a text: `1 / 3`, `30 * 390`, `-2 ** 5`, `float("inf")`."""

import ast
from typing import Any

from .expression import OPERATORS
from .source import Source

_LIMIT = 2**63  # beyond JAX's int64


def constant(source: Source, node: ast.expr) -> int | float:
    """The value of a numeric expression.

    Raises:
      PointedError: if it is not numeric, or if the number needs more than 64 bits.
    """
    try:
        value = _value(source, node)
    except ArithmeticError as error:
        raise source.error_at(node, f"`{source.quote(node)}` has no value: {error}") from None
    if isinstance(value, complex) or (isinstance(value, int) and abs(value) >= _LIMIT):
        raise source.error_at(
            node, f"`{source.quote(node)}` must be a real number of at most 64 bits"
        )
    return value


def _value(source: Source, node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -constant(source, operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return constant(source, operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return OPERATORS[type(op)](constant(source, left), constant(source, right))
        case ast.Call(
            func=ast.Name(id="float"), args=[ast.Constant(value="inf" as text)], keywords=[]
        ):
            return float(text)
    raise source.error_at(node, f"`{source.quote(node)}` must be a number or arithmetic on numbers")
