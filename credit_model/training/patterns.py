"""Patterns of feature names, such as ``share_{column}_{level}``, and the features of a catalogue that they match."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise, product
from string import Formatter

from credit_model.features.aggregates import CATEGORIES, CROSSED, MONTH_DAYS, WINDOWS, months
from credit_model.features.catalogue import Catalogue
from credit_model.features.learned import PUBLISHED_LEVELS

Parts = Mapping[str, str]
_MONTH = ("month", "next", "start", "end")
KNOWN: Mapping[frozenset[str], tuple[str, ...]] = {
    frozenset(): (),
    frozenset({"days"}): ("days",),
    frozenset({"days", "longer"}): ("days", "longer"),
    frozenset({"month"}): _MONTH,
    frozenset({"month", "next"}): _MONTH,
    frozenset({"column"}): ("column",),
    frozenset({"level"}): ("level",),
    frozenset({"days", "level"}): ("days", "level"),
    frozenset({"column", "level"}): ("column", "level"),
    frozenset({"attribute"}): ("attribute",),
    frozenset({"month", "attribute"}): (*_MONTH, "attribute"),
    frozenset({"days", "attribute"}): ("days", "attribute"),
    frozenset({"upper", "lower"}): ("upper", "lower"),
    frozenset({"feature"}): ("feature",),
}


def placeholders(text: str) -> frozenset[str]:
    """Names of the placeholders of a text.

    Raises:
        ValueError: its braces do not match.
    """
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def matches(patterns: Iterable[str], catalogue: Catalogue) -> dict[str, list[tuple[str, Parts]]]:
    """The patterns that match each feature, and what their placeholders stand for; most specific first.

    Args:
        patterns: with the placeholders of one of ``KNOWN`` each.
        catalogue: the features.

    Example:
        >>> matches(["count_{days}d", "{feature}"], Catalogue(10))["count_7d"]
        [('count_{days}d', {'days': '7'}), ('{feature}', {'feature': 'count_7d'})]
    """
    found: dict[str, list[tuple[str, Parts]]] = {}
    for pattern in sorted(patterns, key=lambda each: (each == "{feature}", len(placeholders(each)))):
        for parts in _values(placeholders(pattern), catalogue):
            name = pattern.format_map(parts)
            if name in catalogue.features:
                found.setdefault(name, []).append((pattern, parts))
    return found


def _values(names: frozenset[str], catalogue: Catalogue) -> Iterator[Parts]:
    """What the placeholders of a pattern can stand for."""
    attributes = [{"attribute": attribute.name} for attribute in catalogue.attributes]
    windows = [{"days": str(days)} for days in WINDOWS]
    known: Mapping[frozenset[str], Iterable[Parts]] = {
        frozenset(): [{}],
        frozenset({"days"}): windows,
        frozenset({"days", "longer"}): [{"days": str(a), "longer": str(b)} for a, b in pairwise(WINDOWS)],
        frozenset({"days", "level"}): _each_with_each(windows, _levels(catalogue)),
        frozenset({"days", "attribute"}): _each_with_each(windows, attributes),
        frozenset({"month"}): _months(catalogue),
        frozenset({"month", "next"}): _months(catalogue),
        frozenset({"month", "attribute"}): _each_with_each(_months(catalogue), attributes),
        frozenset({"column"}): [{"column": column} for column in CATEGORIES],
        frozenset({"level"}): _levels(catalogue),
        frozenset({"column", "level"}): _column_levels(catalogue),
        frozenset({"attribute"}): attributes,
        frozenset({"upper", "lower"}): [{"upper": a, "lower": b} for a, b in catalogue.ratios],
        frozenset({"feature"}): [{"feature": name} for name in catalogue.features],
    }
    yield from known[names]


def _each_with_each(some: Iterable[Parts], others: Iterable[Parts]) -> Iterator[Parts]:
    return ({**one, **other} for one, other in product(some, others))


def _months(catalogue: Catalogue) -> list[dict[str, str]]:
    return [
        {
            "month": str(month),
            "next": str(month + 1),
            "start": str(MONTH_DAYS * month),
            "end": str(MONTH_DAYS * (month + 1)),
        }
        for month in months(catalogue.history_days)
    ]


def _levels(catalogue: Catalogue) -> list[dict[str, str]]:
    """Levels that stand without their column: crossed ones, and product categories of the latest transaction."""
    learned = (*catalogue.levels.get(CROSSED, ()), *catalogue.levels.get("ProductCategory", ()))
    return [{"level": level} for level in dict.fromkeys((*PUBLISHED_LEVELS, *learned))]


def _column_levels(catalogue: Catalogue) -> list[dict[str, str]]:
    return [
        {"column": column, "level": level}
        for column, levels in catalogue.levels.items()
        if column != CROSSED
        for level in levels
    ]
