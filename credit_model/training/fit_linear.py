"""Fitting logistic regressions: on weights of evidence, and on scaled and one-hot inputs."""

from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray
from credit_model.models.binning import Binning
from credit_model.models.logistic import Linear, Term
from credit_model.models.scorecard import Scorecard
from credit_model.training.own_bins import AS_TRAINED, OwnBins

LEAST_INFORMATION = 0.02
LEAST_LEVEL = 10
EVENTS_PER_CHARACTERISTIC = 5
LEAST_C, MOST_C = 0.001, 0.01
_TAIL, _KNOTS = 0.01, 33


def fit_scorecard(
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],
    params: Mapping[str, Any],
    bins: OwnBins = AS_TRAINED,
) -> Scorecard:
    """Fit a scorecard: logistic regression on the WoE of informative, little correlated features with the right sign.

    It has at most one characteristic for every 5 cases of the rarer class (Vittinghoff and McCulloch, 2007).

    Args:
        table: feature table, one row per case.
        bad: 1 for bad, 0 for good, shape (n,).
        seed: of the solver.
        directions: +1 or -1 for each feature whose effect on risk is known; its bins follow it.
        params: ``characteristics`` (the most), ``correlation`` (the largest between two of them) and ``c``, the inverse of
            the penalty.
        bins: what a person asks of the bins. A required characteristic is chosen before all others, and stays without weight
            where its weight would have the wrong sign.
    """
    afforded = int(min(bad.sum(), len(bad) - bad.sum())) // EVENTS_PER_CHARACTERISTIC
    most = max(1, min(params["characteristics"], afforded))
    chosen = _characteristics(table, bins.binnings(table, bad, directions), params["correlation"], most, bins)
    used = chosen
    while True:
        weights, intercept = _logistic(-_evidence(table, used), bad, params["c"], seed)
        if len(used) == 1 or (weights > 0).all():
            break
        used = [b for b, weight in zip(used, weights, strict=True) if weight > 0] or used[:1]
    weight_of = dict(zip((b.feature for b in used), np.maximum(weights, 0.0).tolist(), strict=True))
    kept = [b for b in chosen if b.feature in weight_of or b.feature in bins.used("required")]
    return Scorecard(tuple(kept), tuple(weight_of.get(b.feature, 0.0) for b in kept), intercept)


def fit_logistic(
    table: pl.DataFrame,
    bad: BadArray,
    seed: int,
    directions: Mapping[str, int],  # noqa: ARG001, weights are free
    params: Mapping[str, Any],
) -> Linear:
    """Fit a logistic regression on scaled numbers, one-hot levels and indicators of missing values, with a strong L2 penalty.

    Numbers are first limited to their 1st and 99th percentile; a missing number becomes the median, with an indicator. The
    features whose contributions vary most are kept, and fitted again.

    Args:
        table: feature table, one row per case.
        bad: 1 for bad, 0 for good, shape (n,).
        seed: of the solver.
        directions: not used; weights may have either sign.
        params: ``inputs`` (number of features to keep), ``scaling`` (``normal``, to normal scores by rank, ``standard``,
            ``robust`` or ``minmax``) and ``c``, the inverse of the penalty; with None it is 4 over the number of cases,
            between 0.001 and 0.01.
    """
    first = _fit_linear(table, bad, seed, params)
    if len(first.terms) <= params["inputs"]:
        return first
    sizes = -first.contributions(table).std(axis=0)
    kept = sorted(np.argsort(sizes, kind="stable")[: params["inputs"]])
    return _fit_linear(table.select([first.inputs[place] for place in kept]), bad, seed, params)


def _fit_linear(table: pl.DataFrame, bad: BadArray, seed: int, params: Mapping[str, Any]) -> Linear:
    parts = [_part(table[name], SCALINGS[params["scaling"]]) for name in table.columns]
    design = np.concatenate([columns for _, columns in parts], axis=1)
    centre = design.mean(axis=0)
    weights, intercept = _logistic(design - centre, bad, _penalty(params, len(bad)), seed)
    terms, start = [], 0
    for term, columns in parts:
        place = slice(start, start + columns.shape[1])
        terms.append(_weighted(term, weights[place], float(centre[place] @ weights[place])))
        start = place.stop
    return Linear(tuple(terms), intercept)


def _penalty(params: Mapping[str, Any], cases: int) -> float:
    """Inverse of the penalty: ``c`` where given, else 4 over the cases, from 0.001 to 0.01."""
    return float(params["c"] or min(max(4.0 / cases, LEAST_C), MOST_C))


def _logistic(design: FloatArray, bad: BadArray, c: float, seed: int) -> tuple[FloatArray, float]:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # more threads would add in another order
        fitted = LogisticRegression(C=c, max_iter=2000, random_state=seed).fit(design, bad)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _characteristics(
    table: pl.DataFrame, binnings: Mapping[str, Binning], correlation: float, most: int, bins: OwnBins
) -> list[Binning]:
    """Those required; then the most informative, each little correlated with those before it.

    Those excluded only where no other feature varies, as it can be where one is left out to see what hangs on it.
    """
    required, excluded = bins.used("required"), bins.used("excluded")
    offered = [b for name, b in binnings.items() if name not in excluded] or [*binnings.values()]
    informative = [b for b in offered if b.information_value >= LEAST_INFORMATION or b.feature in required]
    ranked = sorted(
        informative or offered, key=lambda b: (b.feature not in required, -b.information_value, b.feature)
    )
    chosen: list[Binning] = []
    columns: list[FloatArray] = []
    for binning in ranked:
        column = binning.woe(table[binning.feature])
        column = (column - column.mean()) / (column.std() or 1.0)
        alone = all(abs(float((column * other).mean())) <= correlation for other in columns)
        if binning.feature in required or (alone and len(chosen) < most):
            chosen.append(binning)
            columns.append(column)
        elif len(chosen) >= most:
            break
    return chosen


def _evidence(table: pl.DataFrame, binnings: list[Binning]) -> FloatArray:
    return np.stack([binning.woe(table[binning.feature]) for binning in binnings], axis=1)


def _normal(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots at evenly spaced ranks, each at the normal score of the middle of its ranks."""
    ranks = np.linspace(_TAIL, 1 - _TAIL, _KNOTS)
    scores = np.array([NormalDist().inv_cdf(rank) for rank in ranks])
    knots, place, count = np.unique(np.quantile(values, ranks), return_inverse=True, return_counts=True)
    return knots, np.bincount(place, scores) / count


def _affine(values: FloatArray, centre: float, spread: float) -> tuple[FloatArray, FloatArray]:
    knots = np.unique(np.quantile(values, [_TAIL, 1 - _TAIL]))
    return knots, (knots - centre) / (spread or 1.0)


def _standard(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    cut = np.clip(values, *np.quantile(values, [_TAIL, 1 - _TAIL]))
    return _affine(values, float(cut.mean()), float(cut.std()))


def _robust(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return _affine(values, float(middle), float(high - low))


def _minmax(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    return _affine(values, float(low), float(high - low))


SCALINGS: dict[str, Callable[[FloatArray], tuple[FloatArray, FloatArray]]] = {
    "normal": _normal,
    "standard": _standard,
    "robust": _robust,
    "minmax": _minmax,
}


def _part(
    values: pl.Series, scaling: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
) -> tuple[Term, FloatArray]:
    """A feature's term before its weights are known, and its columns of the design."""
    missing = values.is_null().to_numpy()
    if values.dtype == pl.String:
        counts = values.drop_nulls().value_counts().filter(pl.col("count") >= LEAST_LEVEL)
        levels = sorted(counts[values.name].to_list())
        columns = [missing, *((values == level).fill_null(value=False).to_numpy() for level in levels)]
        term = Term(values.name, (), (), dict.fromkeys(levels, 0.0), 0.0, 0.0)
    else:
        numbers = values.to_numpy()
        readable = numbers[~missing] if not missing.all() else np.zeros(1)
        knots, effects = scaling(readable)
        middle = float(np.median(readable))
        columns = [missing, np.interp(np.where(missing, middle, numbers), knots, effects)]
        at_middle = float(np.interp(middle, knots, effects))
        term = Term(values.name, tuple(knots.tolist()), tuple(effects.tolist()), {}, at_middle, 0.0)
    return term, np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def _weighted(term: Term, weights: FloatArray, mean: float) -> Term:
    """A term with its weights multiplied in, less its mean over the training cases."""
    missing, *others = weights.tolist()
    if not term.knots:
        levels = {level: weight - mean for level, weight in zip(term.levels, others, strict=True)}
        return Term(term.feature, (), (), levels, missing - mean, -mean)
    effects = tuple(effect * others[0] - mean for effect in term.effects)
    return Term(term.feature, term.knots, effects, {}, term.missing * others[0] + missing - mean, 0.0)
