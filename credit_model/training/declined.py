"""Declined applicants: what their lacking outcomes leave open about everybody who applied.

They are scored, and never trained on: nobody knows what would have become of them. Bounds hold whatever that is; a multiple of
the model's own rate is an assumption, and named as one.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import rankdata

from credit_model import metrics
from credit_model.arrays import BadArray, BoolArray, FloatArray
from credit_model.data.transactions import Tidy
from credit_model.features.history import history
from credit_model.features.plan import FeaturePlan
from credit_model.scoring.scorer import Scorer
from credit_model.training.feature_table import FeatureTable
from credit_model.training.sample import Sample
from credit_model.training.train import Trained

MULTIPLES = (1.0, 1.5, 2.0)
APPROVED, ALL_GOOD, ALL_BAD = (
    "approved alone, as observed",
    "all would have been good",
    "all would have been bad",
)
LEAST, MOST = "lowest that is possible", "highest that is possible"
_BANDS = 10


@dataclass(frozen=True)
class Declined:
    """What declined applicants leave open.

    Attributes:
        scored: declined applicants that the model scores; the figures are about them and the approved.
        unscored: those that it does not: without a history or attributes, or with faulty transactions.
        approved: approved decisions with a known outcome and a probability.
        bads: the bads of these.
        beyond: declined applicants whose probability is above that of every approved decision.
        figures: ``figures``.
        bands: ``bands``.
    """

    scored: int
    unscored: int
    approved: int
    bads: int
    beyond: int
    figures: pl.DataFrame
    bands: pl.DataFrame

    @property
    def line(self) -> str:
        """Them in the summary of a training."""
        low, high = (
            self.figures.row(by_predicate=pl.col("assumption") == name, named=True) for name in (LEAST, MOST)
        )
        ranks = (
            ""
            if low["roc_auc"] is None
            else f", the AUC between {low['roc_auc']:.4f} and {high['roc_auc']:.4f}"
        )
        return (
            f"declined applicants: {self.scored} scored, {self.unscored} not; none is trained on. With those scored the bad rate "
            f"of all applicants is between {low['bad_rate']:.1%} and {high['bad_rate']:.1%}{ranks}, whatever they would have done"
        )


def declined(
    transactions: Tidy, table: FeatureTable | None, sample: Sample, trained: Trained
) -> Declined | None:
    """What the declined applicants of a sample leave open; None without any.

    Args:
        transactions: tidy transactions.
        table: features computed elsewhere, or None.
        sample: with the declined applicants.
        trained: the model that scores them; it has seen none of them.
    """
    if sample.declined.is_empty():
        return None
    risk = _probability(transactions, table, sample, trained)
    known = ~np.isnan(trained.ranked)
    bad, approved = trained.dataset.bad[known], trained.ranked[known]
    scored = risk[~np.isnan(risk)]
    return Declined(
        len(scored),
        sample.declined.height - len(scored),
        len(bad),
        int(bad.sum()),
        int((scored > approved.max(initial=0.0)).sum()),
        figures(bad, approved, scored),
        bands(bad, approved, scored),
    )


def figures(bad: BadArray, approved: FloatArray, declined: FloatArray) -> pl.DataFrame:
    """Bad rate and AUC of all applicants under each assumption about the declined.

    Args:
        bad: 1 for bad, 0 for good, of the approved, shape (n,).
        approved: their probability of bad, shape (n,).
        declined: that of the declined, shape (m,).

    Returns:
        ``assumption``, ``declined_bad_rate`` (null where it is not one number), ``bad_rate`` and ``roc_auc`` (null where the
        approved have fewer than 20 of a class).
    """
    risk = np.concatenate([approved, declined])
    low, high = roc_auc_bounds(bad, approved, declined)
    zeros, ones = np.zeros(len(declined)), np.ones(len(declined))
    supposed = {ALL_GOOD: zeros} | {
        f"the model's own rate, times {multiple:g}": np.minimum(multiple * declined, 1.0)
        for multiple in MULTIPLES
    }
    supposed |= {ALL_BAD: ones}
    rows: list[tuple[str, float | None, float, float]] = [
        (APPROVED, None, float(bad.mean()), metrics.roc_auc(bad, approved))
    ]
    for name, chance in supposed.items():
        every = np.concatenate([bad, chance])
        rate = float(chance.mean()) if len(chance) else None
        rows.append((name, rate, float(every.mean()), expected_roc_auc(every, risk)))
    (_, _, least, _), (_, _, most, _) = rows[1], rows[-1]
    rows += [(LEAST, None, least, low), (MOST, None, most, high)]
    schema = {"assumption": pl.String} | dict.fromkeys(
        ("declined_bad_rate", "bad_rate", "roc_auc"), pl.Float64
    )
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table if metrics.estimable(bad) else table.with_columns(roc_auc=pl.lit(None, pl.Float64))


def roc_auc_bounds(bad: BadArray, approved: FloatArray, declined: FloatArray) -> tuple[float, float]:
    """The lowest and the highest AUC of all applicants over every outcome that the declined could have had.

    Of k bads among the declined, the AUC is highest where they have the highest scores, and lowest where they have the
    lowest; the best and the worst k are looked for. NaN where no outcome gives both classes.

    Args:
        bad: 1 for bad, 0 for good, of the approved, shape (n,).
        approved: their risk, shape (n,).
        declined: that of the declined, shape (m,).
    """
    rank = rankdata(np.concatenate([approved, declined]))
    known, lacking = rank[: len(bad)] @ bad, np.sort(rank[len(bad) :])
    bads = bad.sum() + np.arange(len(lacking) + 1)
    goods = len(rank) - bads
    pairs = np.where(bads * goods > 0, bads * goods, np.nan)

    def extreme(ranks: FloatArray) -> FloatArray:
        total = known + np.concatenate([[0.0], np.cumsum(ranks)])
        return np.asarray((total - bads * (bads + 1) / 2) / pairs)

    if np.isnan(pairs).all():
        return float("nan"), float("nan")
    return float(np.nanmin(extreme(lacking))), float(np.nanmax(extreme(lacking[::-1])))


def expected_roc_auc(chance: FloatArray, risk: FloatArray) -> float:
    """The AUC to expect where each case is bad with a chance of its own, in pairs of two cases; NaN without any such pair.

    Args:
        chance: of being bad, shape (n,); 0 or 1 where it is known.
        risk: that ranks the cases, shape (n,).
    """
    _, place = np.unique(risk, return_inverse=True)
    bads, goods = (np.bincount(place, weight) for weight in (chance, 1 - chance))
    own = float((chance * (1 - chance)).sum())
    pairs = float(bads.sum() * goods.sum()) - own
    right = float(bads @ (np.cumsum(goods) - goods / 2)) - own / 2
    return right / pairs if pairs > 0 else float("nan")


def bands(bad: BadArray, approved: FloatArray, declined: FloatArray) -> pl.DataFrame:
    """Approved and declined by tenths of all applicants' probability: where the declined lie beyond what was observed.

    Returns:
        ``from_probability``, ``to``, ``approved``, ``bads``, ``bad_rate`` (null without approved), ``declined`` and
        ``predicted`` (the mean probability of the declined, null without any), the safest first; arguments as in ``figures``.
    """
    every = np.concatenate([approved, declined])
    edges = np.unique(np.quantile(every, np.linspace(0, 1, _BANDS + 1)))
    places = [np.searchsorted(edges[1:-1], risk, side="right") for risk in (approved, declined)]
    rows = [
        _band(edges, place, bad[places[0] == place], declined[places[1] == place])
        for place in range(max(len(edges) - 1, 1))
    ]
    floats = dict.fromkeys(("bad_rate", "predicted"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides=floats)


def _band(edges: FloatArray, place: int, bad: BadArray, declined: FloatArray) -> dict[str, float | None]:
    return {
        "from_probability": float(edges[place]),
        "to": float(edges[min(place + 1, len(edges) - 1)]),
        "approved": len(bad),
        "bads": int(bad.sum()),
        "bad_rate": float(bad.mean()) if len(bad) else None,
        "declined": len(declined),
        "predicted": float(declined.mean()) if len(declined) else None,
    }


def _probability(
    transactions: Tidy, table: FeatureTable | None, sample: Sample, trained: Trained
) -> FloatArray:
    """Of bad for each declined applicant by the served model, shape (n,); NaN where it does not score."""
    if table is not None:
        features, valid = table.of_known(sample.declined)
    else:
        features, valid = _features(transactions, sample, trained)
    scorer = trained.scorer
    active = (features["transaction_count"].fill_null(0) > 0).to_numpy()
    modelled = (active | bool(scorer.catalogue.attributes)) & valid
    risk = np.full(len(valid), np.nan)
    if modelled.any():
        risk[modelled] = scorer.calibrator.probability(
            scorer.classifier.margin(features.filter(pl.Series(modelled)))
        )
    return np.where(valid & ~modelled, _silent(scorer), risk)


def _features(transactions: Tidy, sample: Sample, trained: Trained) -> tuple[pl.DataFrame, BoolArray]:
    """The features of the declined, and for whom they can be computed."""
    dataset, applicants = trained.dataset, sample.declined
    past = history(transactions, applicants, sample.recipe.history_days, dataset.currency, opening=True)
    valid = np.ones(applicants.height, dtype=np.bool_)
    valid[past.faults["decision"].unique().to_numpy()] = False
    names = [*trained.scorer.classifier.inputs]
    return FeaturePlan(dataset.catalogue, names).compute(past.frame, applicants), valid


def _silent(scorer: Scorer) -> float:
    return float("nan") if scorer.no_history_probability is None else scorer.no_history_probability
