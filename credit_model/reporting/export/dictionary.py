"""The data dictionary: every feature of a catalogue with its meaning, unit, window and definition."""

from collections.abc import Iterator, Mapping

import polars as pl

from credit_model.features.catalogue import Catalogue
from credit_model.features.expression import Expression
from credit_model.features.offline_table import schema
from credit_model.features.topics import APPLICATION
from credit_model.training.language import units
from credit_model.training.patterns import matches

UNITS: Mapping[str, str] = {
    "days": "days",
    "percent": "share, 0 to 1",
    "money": "currency units",
    "count": "number",
    "year": "year",
    "hour": "hour of the day",
    "weekday": "day of the week, Monday is 0",
    "flag": "0 or 1",
}
OWN_UNITS = {"transactions_per_day": "transactions a day", "hour_std": "hours"}
DIRECTIONS: Mapping[int, str] = {1: "risk rises with it", -1: "risk falls with it", 0: "left to the data"}
_INFIX: Mapping[str, str] = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "eq": "=",
    "eq_missing": "=",
    "ne": "<>",
    "and_": "and",
    "or_": "or",
}
_BEFORE: Mapping[str, str] = {"neg": "-", "not_": "not "}


def dictionary(catalogue: Catalogue, used: frozenset[str] = frozenset()) -> pl.DataFrame:
    """Describe every feature of a catalogue.

    Args:
        catalogue: how the features are defined.
        used: names of those that the model reads.

    Returns:
        One row per feature: ``feature``, ``meaning``, ``kind`` (``number`` or ``category``), ``unit``, ``window``,
        ``direction``, ``topic``, ``used``, ``definition`` (from aggregates and attributes), ``aggregates`` (from columns of
        a transaction) and ``columns`` (from the columns of the file).
    """
    told, kinds = _units(catalogue), schema(catalogue)
    rows = []
    for name, feature in catalogue.features.items():
        category = kinds[name] == pl.String
        aggregates = _read(feature.expression, catalogue.aggregates)
        rows.append(
            {
                "feature": name,
                "meaning": feature.meaning,
                "kind": "category" if category else "number",
                "unit": "" if category else told[name],
                "window": "; ".join(_windows(aggregates, catalogue)) or "the application",
                "direction": DIRECTIONS[feature.direction],
                "topic": feature.topic,
                "used": name in used,
                "definition": text(feature.expression),
                "aggregates": _listed(aggregates),
                "columns": _listed(_columns(aggregates, catalogue)),
            }
        )
    return pl.DataFrame(rows)


def _units(catalogue: Catalogue) -> dict[str, str]:
    """The unit of each feature that is a number; what has none of its own is a ratio, or as the application states it."""
    stated = {
        name: "as stated" if feature.topic.startswith(APPLICATION) else "ratio"
        for name, feature in catalogue.features.items()
    }
    shown = {
        name: UNITS[unit] for unit, plain in units().items() for name in matches(plain["features"], catalogue)
    }
    return stated | OWN_UNITS | shown


def _columns(aggregates: Mapping[str, Expression], catalogue: Catalogue) -> dict[str, Expression]:
    """The columns of a transaction that aggregates read, which are not in the file as they are."""
    columns: dict[str, Expression] = {}
    for layer in reversed(catalogue.rows):
        for expression in (*aggregates.values(), *columns.values()):
            columns = columns | _read(expression, layer)
    return columns


def text(expression: Expression) -> str:
    """An expression as text: operators between operands, the other operations as functions.

    Example:
        >>> from credit_model.features.expression import col, when
        >>> text(when(col("Amount") > 0, col("Amount")).mean())
        'mean(if (Amount > 0) then Amount)'
    """
    operation = expression.operation
    if operation == "col":
        return str(expression.operands[0])
    parts = [text(o) if isinstance(o, Expression) else _constant(o) for o in expression.operands]
    if operation == "when":
        condition, then, otherwise = parts
        return f"if {condition} then {then}" + ("" if otherwise == "null" else f" else {otherwise}")
    if operation in _INFIX:
        return f"({f' {_INFIX[operation]} '.join(map(_enclosed, parts))})"
    if operation in _BEFORE:
        return f"{_BEFORE[operation]}{_enclosed(parts[0])}"
    return f"{operation.removeprefix('dt.')}({', '.join(parts)})"


def _enclosed(part: str) -> str:
    return f"({part})" if part.startswith("if ") else part


def _constant(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value)
    return str(value)


def _read(expression: Expression, layer: Mapping[str, Expression]) -> dict[str, Expression]:
    """What an expression reads of a layer, by name."""
    return {name: layer[name] for name in expression.columns() if name in layer}


def _listed(layer: Mapping[str, Expression]) -> str:
    return "; ".join(f"{name} = {text(expression)}" for name, expression in layer.items())


def _windows(aggregates: Mapping[str, Expression], catalogue: Catalogue) -> Iterator[str]:
    """The windows of aggregates, each once, the longest last."""
    spans = dict.fromkeys(_span(expression, catalogue.history_days) for expression in aggregates.values())
    for first, last in sorted(spans, key=lambda span: span[1] - span[0]):
        yield f"last {last:g} days" if not first else f"{first:g} to {last:g} days before the decision"


def _span(expression: Expression, history_days: int) -> tuple[float, float]:
    """The days before the decision, from and to, whose transactions an aggregate counts."""
    limits = [_limit(part) for part in _inside(expression)]
    starts = [days for operation, days in limits if operation in {"ge", "gt"}]
    ends = [days for operation, days in limits if operation in {"le", "lt"}]
    return max(starts, default=0.0), min(ends, default=float(history_days))


def _inside(expression: Expression) -> Iterator[Expression]:
    yield expression
    for operand in expression.operands:
        if isinstance(operand, Expression):
            yield from _inside(operand)


def _limit(expression: Expression) -> tuple[str, float]:
    """The comparison of a transaction's age with a number of days; an empty text where it is none."""
    match expression.operands:
        case (Expression(operation="col", operands=("days_ago",)), int() | float() as days):
            return expression.operation, float(days)
    return "", 0.0
