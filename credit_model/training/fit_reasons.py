"""Fitting reasons: what is typical of good customers, and the sentences of a language with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.features.aggregates import CROSSED
from credit_model.features.catalogue import Catalogue
from credit_model.features.expression import JOINT
from credit_model.scoring.displayed import Style, rounded
from credit_model.scoring.reasons import Reasons
from credit_model.scoring.sides import Input
from credit_model.training.language import Language, units
from credit_model.training.patterns import Parts, matches

QUARTERS = (0.25, 0.75)
_MOST_LEVELS = 3
_DIGITS = 2
_VALUE = "\0"
_NUMBERS = ("scale", "decimals", "small_below")


class Typical(NamedTuple):
    """What is typical of good customers.

    Attributes:
        low: lower end of the range, as shown; None where there is none.
        high: its upper end.
        levels: the most frequent levels of a text, which together are those of half the customers, at most three; None for a
            number.
        absent: whether more than half of the customers have no value.
    """

    low: float | None
    high: float | None
    levels: tuple[str, ...] | None
    absent: bool


def fit_reasons(
    catalogue: Catalogue,
    inputs: Sequence[str],
    goods: pl.DataFrame,
    language: Language,
    currency: str | None,
    minimum: float,
) -> Reasons:
    """The reasons of a classifier.

    Args:
        catalogue: the features.
        inputs: names of those that the classifier reads, in order.
        goods: features of the good customers' training decisions.
        language: what applicants are told.
        currency: of the amounts, or None.
        minimum: as in ``Reasons``.
    """
    templates, styles = language.templates(catalogue), _styles(catalogue, language, currency)
    told = []
    for name in inputs:
        style = styles.get(name, _style(language, "", currency))
        typical = typical_of(goods[name], style)
        style = _without_small(style) if _needs_decimals(typical, style) else style
        parts = {"feature": name, "history_days": str(catalogue.history_days)}
        text = _text(typical, style, language)
        sentences = {
            side: _filled(template, parts | {"typical": text} | _said(own, language, catalogue))
            for side, (template, own) in templates.get(name, {}).items()
            if side in _sides(typical)
        }
        topic = catalogue.features[name].topic
        told.append(Input(name, topic, text, *typical[:3], style, sentences))
    no_history = language.words["no_history"].replace("{history_days}", str(catalogue.history_days))
    return Reasons(tuple(told), minimum, no_history)


def typical_of(values: pl.Series, style: Style) -> Typical:
    """What is typical of good customers: the middle half of their numbers, rounded outwards, or their most frequent texts.

    Args:
        values: of good customers, null where missing.
        style: how numbers are shown.

    Example:
        >>> typical_of(pl.Series([1.0, 2.0, 3.0, 140.0, 147.0]), Style(decimals=0))
        Typical(low=2.0, high=140.0, levels=None, absent=False)
        >>> typical_of(pl.Series("x", ["web", "web", "app", None]), Style()).levels
        ('web',)
    """
    present = values.drop_nulls()
    if present.dtype != pl.String:
        present = present.filter(present.is_finite())
    absent = 2 * len(present) < len(values) or not len(present)
    if values.dtype == pl.String:
        return Typical(None, None, () if absent else _frequent(present, len(values)), absent)
    if absent:
        return Typical(None, None, None, absent)
    low, high = present.quantile(QUARTERS[0], "lower"), present.quantile(QUARTERS[1], "higher")
    ends = rounded(np.array([low, high], dtype=np.float64) * style.scale, style.decimals)
    return Typical(_outward(ends[:1], style, -1), _outward(ends[1:], style, 1), None, absent)


def _frequent(present: pl.Series, count: int) -> tuple[str, ...]:
    ranked = present.value_counts().sort(["count", present.name], descending=[True, False])
    before = ranked["count"].cum_sum() - ranked["count"]
    return tuple(ranked.filter(2 * before < count)[present.name].head(_MOST_LEVELS).to_list())


def _outward(shown: FloatArray, style: Style, sign: int) -> float:
    """A number with two significant digits, rounded away from the range."""
    size = float(np.abs(shown[0]))
    digits = _DIGITS - 1 - int(np.floor(np.log10(size))) if size else 0
    power = 10.0 ** abs(min(digits, style.decimals))
    if digits < 0:
        return float(sign * np.ceil(np.round(sign * shown[0] / power, 6)) * power + 0.0)
    return float(sign * np.ceil(np.round(sign * shown[0] * power, 6)) / power + 0.0)


def _sides(typical: Typical) -> tuple[str, ...]:
    """The sides on which something can be said."""
    if typical.absent:
        return ("is",)
    return ("high", "low", "missing", "change") if typical.levels is None else ("is", "missing")


def _text(typical: Typical, style: Style, language: Language) -> str:
    if typical.absent:
        return language.words["none"]
    if typical.low is not None and typical.high is not None:
        return style.span_of(typical.low, typical.high)
    return language.words["or"].join(typical.levels or ())


def _styles(catalogue: Catalogue, language: Language, currency: str | None) -> dict[str, Style]:
    """How the numbers of each feature with a unit are shown."""
    return {
        feature: _style(language, unit, currency)
        for unit, plain in units().items()
        for feature in matches(plain["features"], catalogue)
    }


def _style(language: Language, unit: str, currency: str | None) -> Style:
    plain, words = units().get(unit, {}), language.units.get(unit, {})
    many = str(words.get("many", "{number}")).replace("{currency}", currency or "").strip()
    style = Style(
        many=many,
        one=str(words.get("one", many)),
        span=language.words["range"],
        decimal=language.words["decimal"],
        thousands=plain.get("thousands", language.words["thousands"]),
        names=tuple(words.get("names", ())),
        small=str(words.get("small", "")),
    )
    return replace(style, **{name: plain[name] for name in _NUMBERS if name in plain})


def _needs_decimals(typical: Typical, style: Style) -> bool:
    """Whether the typical range begins among the numbers that are otherwise shown as one text."""
    return typical.low is not None and typical.low < style.small_below


def _without_small(style: Style) -> Style:
    return replace(style, small="", small_below=0.0)


def _said(parts: Parts, language: Language, catalogue: Catalogue) -> dict[str, str]:
    """What the placeholders of a pattern stand for, in words."""
    words = {name: parts[name].replace("_", " ") for name in ("attribute", "upper", "lower") if name in parts}
    columns = {"column": language.columns.get(parts["column"], parts["column"])} if "column" in parts else {}
    crossed = parts.get("level") in catalogue.levels.get(CROSSED, ())
    level = {"level": parts["level"].replace(JOINT, ", ")} if crossed else {}
    return {**parts, **words, **columns, **level}


def _filled(template: str, parts: Mapping[str, str]) -> tuple[str, ...]:
    """A template without its placeholders, in the parts between which the value stands."""
    text = template.format_map({**parts, "value": _VALUE}).strip()
    return tuple(text.split(_VALUE))
