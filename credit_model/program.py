"""The features of one decision as a program of small steps, for what serving does most.

Polars is made for many rows: for one customer its fixed cost per expression exceeds the work. So the catalogue's expressions
are translated, once, into NumPy calls on the customer's rows and plain arithmetic on their results. Nothing is defined here:
a feature means what its Polars expression says, to the last bit.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from credit_model import row_functions
from credit_model.row_functions import Value

_Node = Any  # of Polars' JSON: a name, or one name with its operands
_Step = tuple[Callable[..., Any], int, tuple[int, ...]]
_Part = tuple[Callable[..., Any], Sequence[_Node]]


@dataclass(frozen=True)
class Program:
    """Steps over numbered slots; nothing in it changes when it runs, so threads may share it.

    Attributes:
        constants: what every slot holds at the start.
        inputs: slot of each column of a history and of each attribute that is read.
        steps: a function, the slot of its result, the slots of its arguments.
        outputs: slot of each feature.
    """

    constants: tuple[Any, ...]
    inputs: Mapping[str, int]
    steps: tuple[_Step, ...]
    outputs: Mapping[str, int]

    def run(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """The features of a decision.

        Args:
            given: every input by name. Columns of its history, which has at least one row: numbers, moments in
                microseconds, ``Texts``. Its ``as_of`` in microseconds; its attributes.
        """
        slots = list(self.constants)
        for name, slot in self.inputs.items():
            slots[slot] = given[name]
        for function, slot, arguments in self.steps:
            slots[slot] = function(*[slots[argument] for argument in arguments])
        return {name: slots[slot] for name, slot in self.outputs.items()}


def translate(
    rows: Sequence[Sequence[pl.Expr]], aggregates: Sequence[pl.Expr], features: Sequence[pl.Expr]
) -> Program | None:
    """The program of a feature plan.

    Args:
        rows: layers of columns of a transaction, each over those before it.
        aggregates: of the rows.
        features: over the aggregates and the attributes.

    Returns:
        Null where an expression has a part that is not known here: Polars must compute it then.
    """
    writer, columns = _Writer(), dict[str, int]()
    try:
        for layer in rows:
            columns |= writer.write_all(layer, columns)
        outputs = writer.write_all(features, writer.write_all(aggregates, columns))
    except KeyError:
        return None
    return Program(tuple(writer.constants), writer.inputs, tuple(writer.steps), outputs)


def _tree(expression: pl.Expr) -> _Node:
    return json.loads(expression.meta.undo_aliases().meta.serialize(format="json"))


class _Writer:
    """Writes steps; what was written before is not written again."""

    def __init__(self) -> None:
        self.constants: list[Any] = []
        self.inputs: dict[str, int] = {}
        self.steps: list[_Step] = []
        self._written: dict[tuple[Any, ...], int] = {}

    def write_all(self, expressions: Sequence[pl.Expr], names: Mapping[str, int]) -> dict[str, int]:
        """The slot of each expression, by its name."""
        return {e.meta.output_name(): self._write(_tree(e), names) for e in expressions}

    def _write(self, node: _Node, names: Mapping[str, int]) -> int:
        kind, content = (node, {}) if isinstance(node, str) else next(iter(node.items()))
        if kind == "Column":
            return names[content] if content in names else self._input(content)
        if kind == "Literal":
            return self._slot(_constant(content), "constant", repr(content))
        if kind == "Over":  # all rows are those of one decision
            return self._write(content["function"], names)
        function, operands = _PARTS[kind](content)
        return self._step(function, *(self._write(operand, names) for operand in operands))

    def _input(self, name: str) -> int:
        if name not in self.inputs:
            self.inputs[name] = self._slot(None, "input", name)
        return self.inputs[name]

    def _step(self, function: Callable[..., Any], *arguments: int) -> int:
        if function in row_functions.OF_SERIES:
            arguments = (self._step(row_functions.series, *arguments),)
        if (function, arguments) not in self._written:
            self.steps.append((function, self._slot(None, function, arguments), arguments))
        return self._written[function, arguments]

    def _slot(self, value: Any, *key: Any) -> int:
        if key not in self._written:
            self._written[key] = len(self.constants)
            self.constants.append(value)
        return self._written[key]


def _constant(content: Mapping[str, Any]) -> Any:
    (value,) = content.values()
    if isinstance(value, Mapping):
        return _constant(value)
    return np.nan if value == "Null" and "Null" in content else value


def _aggregate(content: Mapping[str, Any]) -> _Part:
    ((name, operand),) = content.items()
    flags: Any = {}
    if isinstance(operand, list):
        operand, *flags = operand
    elif "input" in operand:
        operand, flags = operand["input"], {flag: value for flag, value in operand.items() if flag != "input"}
    return row_functions.AGGREGATES[_label(name, flags)], [operand]


def _function(content: Mapping[str, Any]) -> _Part:
    function = content["function"]
    name, flags = (function, {}) if isinstance(function, str) else next(iter(function.items()))
    return row_functions.FUNCTIONS[_label(name, flags)], content["input"]


def _label(name: str, flags: Any) -> str:
    """A name with the flags that are set: ``Clip has_min``."""
    if isinstance(flags, Mapping):
        flags = [flag for flag, value in flags.items() if value]
    return " ".join([name, *map(str, [flags] if isinstance(flags, str) else flags)])


_PARTS: dict[str, Callable[[Any], _Part]] = {
    "Len": lambda _: (len, [{"Column": "TransactionStartTime"}]),
    "BinaryExpr": lambda c: (row_functions.OPERATORS[c["op"]], [c["left"], c["right"]]),
    "Cast": lambda c: (row_functions.CASTS[c["dtype"]["Literal"]], [c["expr"]]),
    "Ternary": lambda c: (row_functions.choose, [c["predicate"], c["truthy"], c["falsy"]]),
    "Function": _function,
    "Agg": _aggregate,
}
