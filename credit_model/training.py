"""Labelled decisions -> features -> fit -> compare -> the scorer and its figures; touches no file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.calibration import fit_calibrator
from credit_model.candidates import CANDIDATES, CrossValidation, choose, cross_validate
from credit_model.catalogue import Catalogue
from credit_model.decisions import Attribute
from credit_model.features import FeaturePlan, learn_levels
from credit_model.history import history
from credit_model.metrics import BadArray, FloatArray
from credit_model.reasons import Reasons
from credit_model.scorecard import Bands, Scale, cost_bands, cost_threshold
from credit_model.scoring import Scorer
from credit_model.splits import customer_folds
from credit_model.transactions import Tidy

FOLDS = 5
LEAST_NO_HISTORY = 30
LEAST_EFFECT = 0.02
REFUSED_AUC = 0.98


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        history_days: length of the history window.
        target: ``rfm_proxy``, ``same_window`` or ``observed_default``.
        attributes: application attributes among the decisions' columns.
        include: features off by default to switch on.
        candidate: the candidate that wins, or ``auto``.
        scale: probability to points.
        costs: of a false negative and of a false positive.
        seed: of everything random.
    """

    history_days: int
    target: str
    attributes: tuple[Attribute, ...] = ()
    include: tuple[str, ...] = ()
    candidate: str = "auto"
    scale: Scale = field(default_factory=Scale)
    costs: tuple[float, float] = (10.0, 1.0)
    seed: int = 42


@dataclass(frozen=True)
class Prepared:
    """Features and labels of the decisions that can be learned from.

    Attributes:
        decisions: the labelled decisions: ``CustomerId``, ``as_of``, ``bad``, ``part``, attributes.
        features: one row per decision.
        catalogue: the features, with the levels that the training part taught.
        currency: the one currency of the data, or null.
        invalid: decisions left out because their transactions are at fault.
    """

    decisions: pl.DataFrame
    features: pl.DataFrame
    catalogue: Catalogue
    currency: str | None
    invalid: int

    def part(self, name: str) -> npt.NDArray[np.bool_]:
        """Rows of ``train`` or ``test``."""
        return (self.decisions["part"] == name).to_numpy()

    @property
    def bad(self) -> BadArray:
        """0 or 1 per decision."""
        return self.decisions["bad"].to_numpy().astype(np.int8)

    @property
    def customers(self) -> npt.NDArray[np.object_]:
        """Customer of every decision."""
        return self.decisions["CustomerId"].to_numpy()

    @property
    def modelled(self) -> npt.NDArray[np.bool_]:
        """Rows that the classifier judges: those with history, or all where there are attributes."""
        known = (self.features["transaction_count"] > 0).to_numpy()
        return known | bool(self.catalogue.attributes)


@dataclass(frozen=True)
class Trained:
    """The fitted scorer and what was measured on the way.

    Attributes:
        scorer: fitted on the training part alone; the model that was validated is the one that is served.
        prepared: what it was fitted on.
        comparison: cross-validation of every candidate on the training part.
        winner: name of the candidate that the scorer holds.
        probability: of every decision; out of fold in the training part, honest in the test part.
        figures: metrics by name.
    """

    scorer: Scorer
    prepared: Prepared
    comparison: Mapping[str, CrossValidation]
    winner: str
    probability: FloatArray
    figures: Mapping[str, float]


def prepare(transactions: Tidy, decisions: pl.DataFrame, recipe: Recipe) -> Prepared:
    """Features of labelled decisions; those whose transactions are at fault are left out and counted.

    Raises:
        ValueError: the data hold two currencies.
    """
    currency = _currency(transactions)
    known = history(transactions, decisions, recipe.history_days, currency)
    valid = ~decisions.with_row_index("decision")["decision"].is_in(known.faults["decision"].implode())
    train = (decisions["part"] == "train") & valid
    levels = learn_levels(known.frame.filter(pl.col("decision").is_in(train.arg_true().implode())))
    catalogue = Catalogue(recipe.history_days, levels, recipe.attributes)
    unknown = [name for name in recipe.include if name not in catalogue.features]
    if unknown:
        raise ValueError(f"there is no feature {', '.join(unknown)} to include; data/FEATURES.md lists them")
    wanted = [n for n, feature in catalogue.features.items() if feature.default or n in recipe.include]
    features = FeaturePlan(catalogue, wanted).compute(known.frame, decisions).filter(valid)
    varying = [n for n in wanted if features.filter(train.filter(valid))[n].n_unique() > 1]
    kept = features.select(list(dict.fromkeys([*varying, "transaction_count"])))
    return Prepared(decisions.filter(valid), kept, catalogue, currency, int((~valid).sum()))


def fit(prepared: Prepared, recipe: Recipe, advance: Callable[[str], object] = lambda _: None) -> Trained:
    """Compare the candidates on the training part, fit the winner, measure it on the test part.

    Args:
        prepared: features and labels.
        recipe: how to train.
        advance: called with a candidate's name after each of its folds.

    Raises:
        ValueError: the training part has too few customers or only one class.
    """
    rows = prepared.part("train") & prepared.modelled
    table, bad = prepared.features.filter(pl.Series(rows)), prepared.bad[rows]
    _check_learnable(bad, prepared.customers[rows])
    features = [name for name in table.columns if name in _usable(table, prepared.catalogue)]
    table = table.select(features)
    known = directions(prepared.catalogue)
    fold = customer_folds(pl.Series(prepared.customers[rows]), FOLDS, recipe.seed).to_numpy().astype(np.int64)
    comparison = {
        name: cross_validate(c, table, bad, fold, recipe.seed, known, lambda name=name: advance(name))  # type: ignore[misc]
        for name, c in CANDIDATES.items()
    }
    winner = choose(comparison) if recipe.candidate == "auto" else recipe.candidate
    scorer = _scorer(prepared, recipe, winner, comparison[winner], table, bad)
    probability = _probabilities(prepared, scorer, rows, comparison[winner])
    return Trained(
        scorer,
        prepared,
        comparison,
        winner,
        probability,
        _figures(prepared, scorer, probability, comparison[winner], rows, recipe),
    )


def _scorer(
    prepared: Prepared,
    recipe: Recipe,
    winner: str,
    result: CrossValidation,
    table: pl.DataFrame,
    bad: BadArray,
) -> Scorer:
    classifier = CANDIDATES[winner].fit(table, bad, recipe.seed, directions(prepared.catalogue))
    topics = tuple(prepared.catalogue.features[name].topic for name in classifier.inputs)
    spread = float(np.std(classifier.margin(table)))
    return Scorer(
        catalogue=prepared.catalogue,
        classifier=classifier,
        calibrator=fit_calibrator(result.margin, bad),
        scale=recipe.scale,
        bands=Bands() if recipe.target != "observed_default" else cost_bands(cost_threshold(*recipe.costs)),
        reasons=Reasons(topics, LEAST_EFFECT * spread),
        target=recipe.target,
        currency=prepared.currency,
        no_history_probability=_no_history_probability(prepared),
    )


def _no_history_probability(prepared: Prepared) -> float | None:
    """Bad rate of the training decisions without history, smoothed by one case of each class; needs 30 of them."""
    silent = prepared.part("train") & ~prepared.modelled
    bads, cases = int(prepared.bad[silent].sum()), int(silent.sum())
    return (bads + 1) / (cases + 2) if cases >= LEAST_NO_HISTORY else None


def _probabilities(
    prepared: Prepared, scorer: Scorer, rows: npt.NDArray[np.bool_], result: CrossValidation
) -> FloatArray:
    margin = np.full(len(prepared.bad), np.nan)
    margin[rows] = result.margin
    test = prepared.modelled & ~rows
    if test.any():
        margin[test] = scorer.classifier.margin(prepared.features.filter(pl.Series(test)))
    probability = scorer.calibrator.probability(margin)
    silent = np.nan if scorer.no_history_probability is None else scorer.no_history_probability
    return np.where(prepared.modelled, probability, silent)


def _figures(
    prepared: Prepared,
    scorer: Scorer,
    probability: FloatArray,
    result: CrossValidation,
    rows: npt.NDArray[np.bool_],
    recipe: Recipe,
) -> dict[str, float]:
    parts = {
        "grouped": prepared.part("train"),
        "test": prepared.part("test"),
        "grouped_with_history": rows,
        "test_with_history": prepared.part("test") & prepared.modelled,
    }
    figures: dict[str, float] = {"cv_auc_mean": result.mean, "cv_auc_standard_error": result.standard_error}
    for name, part in parts.items():
        chosen = part & ~np.isnan(probability)
        figures |= {
            f"{name}_{k}": v for k, v in measure(prepared, probability, chosen, scorer.bands, recipe).items()
        }
    return figures


def measure(
    prepared: Prepared, probability: FloatArray, rows: npt.NDArray[np.bool_], bands: Bands, recipe: Recipe
) -> dict[str, float]:
    """Every measure of some decisions; where they are too few, their counts only."""
    bad, risk = prepared.bad[rows], probability[rows]
    counts = {"decisions": float(len(bad)), "bads": float(bad.sum())}
    if not metrics.estimable(bad):
        return counts
    prediction = (risk >= bands.threshold).astype(np.int8)
    low, high = metrics.interval(metrics.roc_auc, bad, risk, prepared.customers[rows], recipe.seed)
    measures = ("roc_auc", "gini", "ks", "pr_auc", "brier", "log_loss", "calibration_in_the_large")
    return (
        counts
        | {"bad_rate": float(bad.mean()), "roc_auc_low": low, "roc_auc_high": high}
        | {name: getattr(metrics, name)(bad, risk) for name in measures}
        | metrics.classification(bad, prediction)
        | {"expected_cost": metrics.expected_cost(bad, prediction, *recipe.costs)}
    )


def _currency(transactions: Tidy) -> str | None:
    codes = transactions.frame["CurrencyCode"].drop_nulls().unique().sort().to_list()
    if len(codes) > 1:
        raise ValueError(
            f"CurrencyCode: the transactions hold {len(codes)} currencies; train one model per currency"
        )
    return codes[0] if codes else None


def _check_learnable(bad: BadArray, customers: Sequence[str] | npt.NDArray[np.object_]) -> None:
    people = len(set(customers))
    if people < 2 * FOLDS:
        raise ValueError(f"{people} customers to train on are too few; give at least {2 * FOLDS}")
    rarer = min(int(bad.sum()), int(len(bad) - bad.sum()))
    if rarer < FOLDS:
        raise ValueError(
            f"{int(bad.sum())} bad and {int(len(bad) - bad.sum())} good decisions to train on are too few; "
            f"give at least {FOLDS} of each"
        )


def _usable(table: pl.DataFrame, catalogue: Catalogue) -> set[str]:
    return {name for name in table.columns if name in catalogue.features and table[name].n_unique() > 1}


def directions(catalogue: Catalogue) -> dict[str, int]:
    """The features whose effect on risk is known: +1 where it rises with them, -1 where it falls."""
    return {name: feature.direction for name, feature in catalogue.features.items() if feature.direction}
