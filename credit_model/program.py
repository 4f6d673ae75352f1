"""The features of one decision as a program of small steps, for what serving does most.

Polars is made for many rows: for one customer its fixed cost per expression exceeds the work. So the catalogue's expressions
are translated, once, into NumPy calls on the customer's rows and plain arithmetic on their results. Nothing is defined here:
a feature means what its Polars expression says, to the last bit.

A row's number is null where it is NaN; a text is null where it is None.
"""

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Value = float | str | None
_Node = Any  # of Polars' JSON: a name, or one name with its operands
_Step = tuple[Callable[..., Any], int, tuple[int, ...]]

_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_THURSDAY = 3  # 1970-01-01, counted from Monday


class Texts(NamedTuple):
    """A column of texts: the code of each cell, the texts by code, and the codes by text; null has a code too."""

    codes: npt.NDArray[np.intp]
    texts: list[str | None]
    places: dict[str | None, int]


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
        if function in _OF_SERIES:
            arguments = (self._step(_series, *arguments),)
        if (function, arguments) not in self._written:
            self.steps.append((function, self._slot(None, function, arguments), arguments))
        return self._written[function, arguments]

    def _slot(self, value: Any, *key: Any) -> int:
        if key not in self._written:
            self._written[key] = len(self.constants)
            self.constants.append(value)
        return self._written[key]


def coded(cells: Sequence[str | None]) -> Texts:
    """Texts with their codes, in order of first appearance."""
    places = {text: code for code, text in enumerate(dict.fromkeys(cells))}
    codes = np.fromiter(map(places.__getitem__, cells), dtype=np.intp, count=len(cells))
    return Texts(codes, list(places), places)


def _constant(content: Mapping[str, Any]) -> Any:
    (value,) = content.values()
    if isinstance(value, Mapping):
        return _constant(value)
    return np.nan if value == "Null" and "Null" in content else value


def _series(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | pl.Series:
    return values if values.dtype == np.bool_ else pl.Series(values, nan_to_null=True)


def _float(value: Any) -> Any:
    return value.astype(np.float64) if isinstance(value, np.ndarray) else float(value)


def _differs(left: Any, right: Any) -> Any:
    return (left < right) | (left > right)


def _is(left: Any, right: Any) -> Any:
    """Equal, where null is equal to nothing but null."""
    return left.codes == left.places.get(right, -1) if isinstance(left, Texts) else left == right


def _choose(condition: Any, then: Any, otherwise: Any) -> Any:
    if isinstance(condition, np.ndarray):
        return np.where(condition, then, otherwise)
    return then if condition else otherwise


def _shift(values: npt.NDArray[Any], places: int) -> npt.NDArray[np.float64]:
    """Later by some rows; whole numbers below 2^53, as microseconds until 2255 are, stay exact."""
    return np.concatenate([np.full(places, np.nan), values[:-places]])


def _shift_and_fill(values: npt.NDArray[Any], places: int, value: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.full(places, value), values[:-places]])


def _drop_nulls(values: npt.NDArray[Any] | Texts) -> Any:
    if isinstance(values, Texts):
        return values._replace(codes=values.codes[values.codes != values.places.get(None, -1)])
    return values[~np.isnan(values)]


def _is_known(value: Any) -> bool:
    return value is not None and value == value  # noqa: PLR0124, NaN is null


def _fill_null(value: Value, other: Value) -> Value:
    return value if _is_known(value) else other


def _first(values: Any) -> Any:
    return _item(values, 0)


def _last(values: Any) -> Any:
    return _item(values, -1)


def _item(values: Any, place: int) -> Any:
    if isinstance(values, Texts):
        return values.texts[values.codes[place]]
    return values[place].item() if len(values) else np.nan


def _sum(values: npt.NDArray[np.bool_] | pl.Series) -> float:
    return float(np.count_nonzero(values) if isinstance(values, np.ndarray) else values.sum())


def _mean(values: pl.Series) -> Value:
    return _number(values.mean())


def _std(values: pl.Series) -> Value:
    return _number(values.std())


def _median(values: pl.Series) -> Value:
    return _number(values.median())


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def _min(values: npt.NDArray[Any]) -> float:
    return float(np.fmin.reduce(values))


def _max(values: npt.NDArray[Any]) -> float:
    return float(np.fmax.reduce(values))


def _different(values: npt.NDArray[Any] | Texts) -> int:
    if isinstance(values, Texts):
        return int(np.count_nonzero(np.bincount(values.codes)))
    return len(set(values.tolist()))


def _known_count(values: npt.NDArray[Any]) -> int:
    return int(np.count_nonzero(~np.isnan(values)))


def _hour(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return moments // _HOUR % 24


def _weekday(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (moments // _DAY + _THURSDAY) % 7 + 1


def _date(moments: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return moments // _DAY


def _day(moments: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _moments(moments).dt.day().to_numpy()


def _month(moments: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _moments(moments).dt.month().to_numpy()


def _year(moments: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _moments(moments).dt.year().to_numpy()


def _week(moments: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return _moments(moments).dt.week().to_numpy()


def _moments(moments: npt.NDArray[np.int64]) -> pl.Series:
    return pl.Series(moments).cast(pl.Datetime("us"))


def _same(value: Any) -> Any:
    return value


def _negative(value: Any) -> Any:
    return -value


_OF_SERIES = {_sum, _mean, _std, _median}  # added up as Polars does
_OPERATORS: dict[str, Callable[..., Any]] = {
    "Plus": operator.add,
    "Minus": operator.sub,
    "Multiply": operator.mul,
    "TrueDivide": operator.truediv,
    "Lt": operator.lt,
    "LtEq": operator.le,
    "Gt": operator.gt,
    "GtEq": operator.ge,
    "Eq": operator.eq,
    "NotEq": _differs,
    "EqValidity": _is,
    "And": operator.and_,
    "Or": operator.or_,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Negate": _negative,
    "Boolean Not": np.logical_not,
    "Boolean IsNotNull": _is_known,
    "FillNull": _fill_null,
    "Clip has_min": np.maximum,
    "Clip has_max": np.minimum,
    "Shift": _shift,
    "ShiftAndFill": _shift_and_fill,
    "CumSum": np.cumsum,
    "CumMax": np.maximum.accumulate,
    "DropNulls": _drop_nulls,
    "ArgWhere": np.flatnonzero,
    "TemporalExpr Hour": _hour,
    "TemporalExpr WeekDay": _weekday,
    "TemporalExpr Date": _date,
    "TemporalExpr Day": _day,
    "TemporalExpr Month": _month,
    "TemporalExpr Year": _year,
    "TemporalExpr Week": _week,
}
_AGGREGATES: dict[str, Callable[..., Any]] = {
    "Sum": _sum,
    "Mean": _mean,
    "Std 1": _std,
    "Median": _median,
    "Min": _min,
    "Max": _max,
    "First": _first,
    "Last": _last,
    "NUnique": _different,
    "Count": _known_count,
}
_CASTS: dict[str, Callable[..., Any]] = {"Float64": _float, "Int64": _same}
_Part = tuple[Callable[..., Any], Sequence[_Node]]


def _aggregate(content: Mapping[str, Any]) -> _Part:
    ((name, operand),) = content.items()
    flags: Any = {}
    if isinstance(operand, list):
        operand, *flags = operand
    elif "input" in operand:
        operand, flags = operand["input"], {flag: value for flag, value in operand.items() if flag != "input"}
    return _AGGREGATES[_label(name, flags)], [operand]


def _function(content: Mapping[str, Any]) -> _Part:
    function = content["function"]
    name, flags = (function, {}) if isinstance(function, str) else next(iter(function.items()))
    return _FUNCTIONS[_label(name, flags)], content["input"]


def _label(name: str, flags: Any) -> str:
    """A name with the flags that are set: ``Clip has_min``."""
    if isinstance(flags, Mapping):
        flags = [flag for flag, value in flags.items() if value]
    return " ".join([name, *map(str, [flags] if isinstance(flags, str) else flags)])


_PARTS: dict[str, Callable[[Any], _Part]] = {
    "Len": lambda _: (len, [{"Column": "TransactionStartTime"}]),
    "BinaryExpr": lambda c: (_OPERATORS[c["op"]], [c["left"], c["right"]]),
    "Cast": lambda c: (_CASTS[c["dtype"]["Literal"]], [c["expr"]]),
    "Ternary": lambda c: (_choose, [c["predicate"], c["truthy"], c["falsy"]]),
    "Function": _function,
    "Agg": _aggregate,
}
