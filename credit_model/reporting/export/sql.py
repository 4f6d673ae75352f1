"""A scorecard or logistic regression as one statement of SQL, which scores a table of features as the model does.

The table is the one of the command ``features``. Each characteristic is a ``CASE`` that adds log-odds of bad to the margin; what
follows is calibration, scale and policy.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from credit_model.features.offline_table import HEAD, INVALID
from credit_model.models.binning import Binning
from credit_model.models.logistic import Linear, Term
from credit_model.models.scorecard import Scorecard
from credit_model.reporting.export.dialects import DIALECTS, Dialect, number
from credit_model.scoring.calibrator import LOWEST, Calibrator
from credit_model.scoring.policy import Bands
from credit_model.scoring.scale import NEAREST_TO_CERTAIN
from credit_model.scoring.scorer import Scorer
from credit_model.training.whole_points import shares

Additive = Scorecard | Linear
_LARGEST = number(np.finfo(np.float64).max)  # NaN is above it in all three dialects
_MOST_LOG_ODDS = 50.0  # of the calibrator
_KEY = ("CustomerId", "as_of", "status")


class Branch(NamedTuple):
    """One branch of a ``CASE``.

    Attributes:
        condition: when it applies; None otherwise.
        log_odds: of bad that it adds, as SQL.
        note: a comment, without texts of the data.
    """

    condition: str | None
    log_odds: str
    note: str = ""


def scorecard_sql(scorer: Scorer, dialect: str, table: str = "features") -> str:
    """Write a scorecard or logistic regression as SQL.

    Args:
        scorer: with a classifier of one of these kinds.
        dialect: ``duckdb``, ``postgres`` or ``spark``.
        table: name of the table of features, or of a view of it.

    Returns:
        A statement that gives one row per row of the table: ``CustomerId``, ``as_of``, ``status``, the points of each
        characteristic, which add up to the score (none after an isotonic calibration, whose points do not add up),
        ``margin``, ``probability``, ``score``, ``prediction``, ``risk_level`` and ``decision``.

    Raises:
        TypeError: the classifier is of another kind.
        ValueError: the dialect does not tell two columns apart.
    """
    classifier, d = scorer.classifier, DIALECTS[dialect]
    if not isinstance(classifier, Scorecard | Linear):
        raise TypeError(f"a classifier of the kind {classifier.kind} is no sum of its inputs")
    _check_names(scorer, d)
    parts = (
        ("effects", _effects(scorer, classifier, d), table),
        ("margins", _margins(scorer, classifier, d), "effects"),
        ("probabilities", _probabilities(scorer, classifier, d), "margins"),
    )
    steps = ",\n".join(f"{name} AS (\n{_select(columns, source)}\n)" for name, columns, source in parts)
    last = _select(_answers(scorer, classifier, d), "probabilities")
    return f"{_heading(scorer, dialect)}WITH {steps}\n{last}\n"


def _check_names(scorer: Scorer, d: Dialect) -> None:
    """The columns that are read differ from every other one in the dialect too."""
    columns = dict.fromkeys([*HEAD, *scorer.catalogue.features])
    for name in scorer.classifier.inputs:
        others = [other for other in columns if other != name and d.told_apart(other) == d.told_apart(name)]
        same = [
            other
            for other in scorer.classifier.inputs
            if other != name and d.told_apart(_points(other)) == d.told_apart(_points(name))
        ]
        if others or same:
            raise ValueError(
                f"this dialect does not tell the columns {name} and {(others or same)[0]} apart; export another dialect"
            )


def _heading(scorer: Scorer, dialect: str) -> str:
    scale = scorer.scale
    return (
        f"-- Model {scorer.version or '(not saved)'}, target {scorer.target}, as SQL of {dialect}. Effects are log-odds of bad.\n"
        f"-- {scale.base_score:g} points are odds of {scale.base_odds:g} good to one bad; "
        f"{scale.points_to_double_odds:g} points double the odds.\n"
    )


def _select(columns: Sequence[str], source: str) -> str:
    listed = ",\n  ".join(columns)
    return f"SELECT\n  {listed}\nFROM {source}"


def _key(d: Dialect) -> list[str]:
    return [d.name(name) for name in _KEY]


def _effects(scorer: Scorer, classifier: Additive, d: Dialect) -> list[str]:
    """The columns of the first step: whom, whether they are scored, and what each characteristic adds."""
    faulty = f"{d.name('status')} = {d.text(INVALID)}"
    if scorer.currency is not None:
        faulty += f" OR {d.name('CurrencyCode')} <> {d.text(scorer.currency)}"
    status = (
        f"CASE WHEN {faulty} THEN 'invalid' WHEN {d.name('status')} = 'computed' THEN 'scored' "
        f"ELSE 'no_history' END AS {d.name('status')}"
    )
    cases = [_case(branches, d) for branches in _branches(scorer, classifier, d)]
    return [
        *_key(d)[:2],
        status,
        *(f"{case} AS {effect}" for case, effect in zip(cases, _names(cases), strict=True)),
    ]


def _names(many: Sequence[object]) -> list[str]:
    """Names of effects within the statement: those of features may be too long."""
    return [f"effect_{place}" for place in range(1, len(many) + 1)]


def _points(feature: str) -> str:
    return f"points_{feature}"


def _case(branches: Sequence[Branch], d: Dialect) -> str:
    lines = []
    for condition, log_odds, note in branches:
        words = f"ELSE {log_odds}" if condition is None else f"WHEN {condition} THEN {log_odds}"
        lines.append(f"    {words}{f'  -- {note}' if note else ''}")
    return d.cast("CASE\n" + "\n".join(lines) + "\n  END")


def _branches(scorer: Scorer, classifier: Additive, d: Dialect) -> Iterator[list[Branch]]:
    if isinstance(classifier, Linear):
        yield from ([*_of_term(term, d)] for term in classifier.terms)
        return
    told = _dealt(scorer, classifier)
    for place, binning in enumerate(classifier.binnings):
        if classifier.rounded:
            effects = classifier.rounded[place]
        else:
            effects = tuple(-classifier.weights[place] * evidence for evidence in binning.evidence)
        notes = [
            f"WoE {evidence:.4f}" + ("" if told is None else f", {told[0] - told[1] * effect:.4g} points")
            for evidence, effect in zip(binning.evidence, effects, strict=True)
        ]
        yield [*_of_binning(binning, effects, notes, d)]


def _of_binning(
    binning: Binning, effects: Sequence[float], notes: Sequence[str], d: Dialect
) -> Iterator[Branch]:
    column = d.name(binning.feature)
    numeric = binning.kind == "numeric"
    absent = f"{column} IS NULL" + (f" OR ABS({column}) > {_LARGEST}" if numeric else "")
    yield Branch(absent, number(effects[binning.missing]), notes[binning.missing])
    if numeric:
        inner: list[str | None] = [f"{column} < {number(edge)}" for edge in binning.edges]
        for condition, effect, note in zip([*inner, None], effects[:-2], notes[:-2], strict=True):
            yield Branch(condition, number(effect), note)
        return
    for place, levels in enumerate(binning.levels):
        if levels:
            listed = ", ".join(d.text(level) for level in levels)
            yield Branch(f"{column} IN ({listed})", number(effects[place]), notes[place])
    yield Branch(None, number(effects[binning.unseen]), notes[binning.unseen])


def _of_term(term: Term, d: Dialect) -> Iterator[Branch]:
    column = d.name(term.feature)
    if term.knots:
        yield Branch(f"{column} IS NULL OR {column} > {d.cast(d.text('Infinity'))}", number(term.missing))
        yield from _lines(column, term.knots, term.effects)
        return
    yield Branch(f"{column} IS NULL", number(term.missing))
    for level, log_odds in term.levels.items():
        yield Branch(f"{column} = {d.text(level)}", number(log_odds))
    yield Branch(None, number(term.unseen))


def _lines(x: str, knots: Sequence[float], values: Sequence[float]) -> Iterator[Branch]:
    """Straight lines between knots, constant outside."""
    yield Branch(f"{x} <= {number(knots[0])}", number(values[0]))
    for (low, high), (start, end) in zip(pairwise(knots), pairwise(values), strict=True):
        slope = (end - start) / (high - low)
        yield Branch(f"{x} < {number(high)}", f"{number(start)} + ({x} - {number(low)}) * {number(slope)}")
    yield Branch(None, number(values[-1]))


def _margins(scorer: Scorer, classifier: Additive, d: Dialect) -> list[str]:
    effects = _names(classifier.inputs)
    judged = "'scored', 'no_history'" if scorer.catalogue.attributes else "'scored'"
    total = " + ".join([number(classifier.neutral), *effects])
    return [*_key(d), *effects, f"CASE WHEN {d.name('status')} IN ({judged}) THEN {total} END AS margin"]


def _probabilities(scorer: Scorer, classifier: Additive, d: Dialect) -> list[str]:
    silent = scorer.no_history_probability
    known = "" if silent is None else f"WHEN {d.name('status')} = 'no_history' THEN {number(silent)} "
    limits = number(LOWEST), number(1 - LOWEST)
    judged = f"GREATEST({limits[0]}, LEAST({limits[1]}, {_calibrated(scorer.calibrator, d)}))"
    whole = d.cast(f"CASE WHEN margin IS NOT NULL THEN {judged} {known}END")
    return [*_key(d), *_names(classifier.inputs), "margin", f"{whole} AS probability"]


def _calibrated(calibrator: Calibrator, d: Dialect) -> str:
    if calibrator.kind == "isotonic":
        return _case([*_lines("margin", calibrator.knots, calibrator.levels)], d)
    log_odds = f"{number(calibrator.slope)} * margin + {number(calibrator.intercept)}"
    most = number(_MOST_LOG_ODDS)
    return f"1E0 / (1E0 + EXP(-GREATEST(-{most}, LEAST({most}, {log_odds}))))"


def _answers(scorer: Scorer, classifier: Additive, d: Dialect) -> list[str]:
    told, points = _dealt(scorer, classifier), list[str]()
    for effect, feature in zip(_names(classifier.inputs), classifier.inputs, strict=True):
        if told is not None:
            each = _whole(f"{number(told[0])} - {number(told[1])} * {effect}", scorer)
            points.append(f"CASE WHEN margin IS NOT NULL THEN {each} END AS {d.name(_points(feature))}")
    return [*_key(d), *points, "margin", "probability", _score(scorer), *_policy(scorer.bands, d)]


def _dealt(scorer: Scorer, classifier: Additive) -> tuple[float, float] | None:
    """Each characteristic's share of the base's points, and the points per log-odds of margin; None where they do not add up."""
    if scorer.calibrator.kind == "isotonic":
        return None
    return shares(classifier, scorer.calibrator, scorer.scale)


def _whole(points: str, scorer: Scorer) -> str:
    return f"ROUND({points})" if scorer.scale.whole else points


def _score(scorer: Scorer) -> str:
    scale, ends = scorer.scale, (number(NEAREST_TO_CERTAIN), number(1 - NEAREST_TO_CERTAIN))
    p = f"GREATEST({ends[0]}, LEAST({ends[1]}, probability))"
    points = (
        f"{number(scale.base_score)} + {number(scale.points_per_unit)} * "
        f"LN((1E0 - {p}) / {p} / {number(scale.base_odds)})"
    )
    return f"CASE WHEN probability IS NOT NULL THEN {_whole(points, scorer)} END AS score"


def _policy(bands: Bands, d: Dialect) -> list[str]:
    """Prediction, risk level and decision."""
    p, limits = "probability", [*bands.limits, None]
    inner = [(f"{p} IS NULL", "NULL")]

    def case(branches: Sequence[tuple[str, str]], names: Sequence[str]) -> str:
        lines = [f"WHEN {condition} THEN {value}" for condition, value in branches]
        lines += [
            f"ELSE {d.text(name)}" if limit is None else f"WHEN {p} < {number(limit)} THEN {d.text(name)}"
            for limit, name in zip(limits, names, strict=True)
        ]
        return f"CASE {' '.join(lines)} END"

    prediction = f"CASE WHEN {p} >= {number(bands.threshold)} THEN 1E0 WHEN {p} IS NOT NULL THEN 0E0 END"
    unsure = f"{d.name('status')} <> 'scored' OR {p} IS NULL"
    return [
        f"{d.cast(prediction)} AS prediction",
        f"{case(inner, bands.names)} AS risk_level",
        f"{case([(unsure, d.text('review'))], bands.decisions)} AS decision",
    ]
