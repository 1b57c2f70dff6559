"""Schedules as JSON-ready dicts, and the functions of a step that can be written down."""

import ast
import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._value import Value, known


def to_config(schedule: Value) -> dict[str, Any]:
    """The schedule as a dict of plain Python values, ready for JSON.

    Args:
      schedule: any schedule, nested ones and ReduceLROnPlateau included, whose numbers are known.

    Returns:
      `{"class": "StepLR", "lr": 0.1, ...}`, with a dict for each nested schedule. A class of
      your own is named with its module.

    Raises:
      TypeError: for a Python function in it, or a traced value.

    >>> import jaxsched
    >>> config = to_config(jaxsched.StepLR(0.1, step_size=30))
    >>> config
    {'class': 'StepLR', 'lr': 0.1, 'step_size': 30, 'gamma': 0.1, 'last_epoch': -1}
    >>> from_config(config)
    StepLR(lr=0.1, step_size=30)
    """
    if not isinstance(schedule, Value):
        raise TypeError(f"`to_config(schedule=...)` must be a schedule, got {schedule!r}.")
    config: dict[str, Any] = {"class": _name(type(schedule))}
    for field in dataclasses.fields(schedule):
        value = getattr(schedule, field.name)
        if value is not None:
            config[field.name] = _encode(value, f"{type(schedule).__name__}({field.name}=...)")
    return config


def from_config(config: dict[str, Any]) -> Any:
    """The schedule that `to_config` wrote down.

    Args:
      config: the dict, also after a round trip through JSON.

    Returns:
      An equal schedule.

    Raises:
      ValueError: for an unknown schedule or argument.

    >>> from_config({"class": "ExponentialLR", "lr": 0.1, "gamma": 0.9})
    ExponentialLR(lr=0.1, gamma=0.9)
    """
    if not isinstance(config, dict) or "class" not in config:
        raise ValueError(f"`from_config(config=...)` must be a dict with 'class', got {config!r}.")
    classes = {_name(cls): cls for cls in _subclasses(Value)}
    name = config["class"]
    if name not in classes:
        raise ValueError(
            f"`from_config(config=...)` must name a schedule, got {name!r}: known are"
            f" {', '.join(sorted(n for n in classes if not n.startswith('_')))}."
        )
    arguments = {key: _decode(value) for key, value in config.items() if key != "class"}
    unknown = arguments.keys() - {field.name for field in dataclasses.fields(classes[name])}
    if unknown:
        raise ValueError(
            f"`from_config(config=...)` must hold arguments of {name}, got {sorted(unknown)}."
        )
    return classes[name](**arguments)


def _name(cls: type) -> str:
    ours = cls.__module__.split(".")[0] == __package__
    return cls.__name__ if ours else f"{cls.__module__}:{cls.__qualname__}"


def _subclasses(cls: type) -> Iterator[type]:
    subclass: type
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _encode(value: Any, where: str) -> Any:
    if isinstance(value, Value):
        return to_config(value)
    if isinstance(value, tuple):
        return [_encode(item, where) for item in value]
    if isinstance(value, Expression):
        return {"expression": value.text}
    if isinstance(value, bool | str):
        return value
    try:
        array = np.asarray(value)
    except Exception as error:
        raise TypeError(f"`{where}` must be known for a config, got {value!r}.") from error
    if jnp.issubdtype(array.dtype, jnp.floating):
        array = array.astype(np.float64)
    if not np.issubdtype(array.dtype, np.number):
        raise TypeError(f"`{where}` is a Python function, which a config cannot hold: {value!r}.")
    return (
        array.tolist() if not known(value) or isinstance(value, np.generic | np.ndarray) else value
    )


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        return Expression(value["expression"]) if "expression" in value else from_config(value)
    if isinstance(value, list):
        return tuple(map(_decode, value))
    return value


class Expression:
    """A function of the step, written in a small arithmetic language: `0.95 ** step`.

    It knows numbers, `step`, + - * / // % **, comparisons, `a if condition else b`, `min`, `max`,
    `abs`, `exp`, `log`, `sqrt`, `cos`, `sin` and `pi`. It is parsed, never evaluated as Python;
    works on Python numbers and on traced ones; and compares by its text, so that it can be
    stored.

    Raises:
      ValueError: for anything else, with the place.

    >>> warmup = Expression("min(1, (step + 1) / 10)")
    >>> warmup(4), warmup(40)
    (0.5, 1)
    """

    def __init__(self, text: str):
        self.text = text
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(
                f"`{text}` is no expression: {error.msg}, column {error.offset}."
            ) from None
        self._function = self._function_of(tree)

    def __call__(self, step):
        return self._function(step)

    def _function_of(self, node: ast.AST) -> Callable[[Any], Any]:
        """The function of the step that a piece of the expression is."""
        match node:
            case ast.Constant(value=int() | float() as value):
                return lambda step: value
            case ast.Name(id="step"):
                return lambda step: step
            case ast.Name(id="pi"):
                return lambda step: math.pi
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._combine(_OPERATORS[type(op)], left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                return self._combine(_OPERATORS[type(op)], left, right)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._combine(operator.neg, operand)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._combine(_either, test, body, orelse)
            case ast.Call(func=ast.Name(id=name), args=[_, *_] as arguments, keywords=[]):
                if name in _FUNCTIONS:
                    return self._combine(_FUNCTIONS[name], *arguments)
        place = f", at column {node.col_offset + 1}" if isinstance(node, ast.expr) else ""
        raise ValueError(f"`{self.text}` may not hold `{ast.unparse(node)}`{place}.")

    def _combine(self, function, *nodes: ast.AST) -> Callable[[Any], Any]:
        if len(nodes) == 2:  # by far the most frequent, and called for every step of a table
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


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _traced(*values: Any) -> bool:
    return any(hasattr(value, "dtype") for value in values)


def _either(condition, yes, no):
    if _traced(condition):
        return jnp.where(condition, yes, no)
    return yes if condition else no


def _on_both(host: Callable[..., Any], traced: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: (traced if _traced(*values) else host)(*values)


_FUNCTIONS = {
    "min": _on_both(min, lambda *values: functools.reduce(jnp.minimum, values)),
    "max": _on_both(max, lambda *values: functools.reduce(jnp.maximum, values)),
} | {
    name: _on_both(getattr(math, host), getattr(jnp, name))
    for name, host in [("abs", "fabs"), ("exp", "exp"), ("log", "log"), ("sqrt", "sqrt"),
                       ("cos", "cos"), ("sin", "sin")]
}  # fmt: skip
