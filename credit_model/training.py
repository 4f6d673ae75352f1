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
from credit_model.scorecard import Bands, Scale
from credit_model.scoring import Scorer
from credit_model.splits import customer_folds
from credit_model.transactions import Tidy

FOLDS = 5
PARTS = ("train", "test", "excluded")
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
        bands: risk levels and decisions.
        seed: of everything random.
    """

    history_days: int
    target: str
    attributes: tuple[Attribute, ...] = ()
    include: tuple[str, ...] = ()
    candidate: str = "auto"
    scale: Scale = field(default_factory=Scale)
    costs: tuple[float, float] = (10.0, 1.0)
    bands: Bands = field(default_factory=Bands)
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
        scorer: the validated recipe, fitted again on every decision whose outcome is known.
        prepared: what it was fitted on.
        comparison: cross-validation of every candidate, on the training part where it has 20 of each class, else on all.
        winner: name of the candidate that the scorer holds.
        probability: of every decision, out of fold, grouped by customer.
        test_probability: of the test part, by the recipe fitted on the training part alone; NaN elsewhere.
        figures: metrics by name.
    """

    scorer: Scorer
    prepared: Prepared
    comparison: Mapping[str, CrossValidation]
    winner: str
    probability: FloatArray
    test_probability: FloatArray
    figures: Mapping[str, float]


def prepare(
    transactions: Tidy, decisions: pl.DataFrame, recipe: Recipe, parts: Sequence[str] = PARTS
) -> Prepared:
    """Features of labelled decisions; those whose transactions are at fault are left out and counted.

    Args:
        transactions: tidy transactions.
        decisions: labelled decisions with their ``part``.
        recipe: how to train.
        parts: the parts that categories and constant features are learned from.

    Raises:
        ValueError: the data hold two currencies, or a feature to include does not exist.
    """
    currency = _currency(transactions)
    known = history(transactions, decisions, recipe.history_days, currency)
    valid = ~decisions.with_row_index("decision")["decision"].is_in(known.faults["decision"].implode())
    learned = decisions["part"].is_in(list(parts)) & valid
    levels = learn_levels(known.frame.filter(pl.col("decision").is_in(learned.arg_true().implode())))
    catalogue = Catalogue(recipe.history_days, levels, recipe.attributes)
    wanted = _wanted(catalogue, recipe.include)
    features = FeaturePlan(catalogue, wanted).compute(known.frame, decisions).filter(valid)
    varying = [n for n in wanted if features.filter(learned.filter(valid))[n].n_unique() > 1]
    kept = features.select(list(dict.fromkeys([*varying, "transaction_count"])))
    return Prepared(decisions.filter(valid), kept, catalogue, currency, int((~valid).sum()))


def train(
    transactions: Tidy,
    decisions: pl.DataFrame,
    recipe: Recipe,
    advance: Callable[[str], object] = lambda _: None,
) -> Trained:
    """Compare the candidates, validate the winner out of time, and fit it on all that is known.

    Args:
        transactions: tidy transactions.
        decisions: labelled decisions with their ``part``: ``train``, ``test`` or ``excluded`` (known only later).
        recipe: how to train.
        advance: called with a candidate's name after each of its folds.

    Raises:
        ValueError: too few customers or only one class.
    """
    prepared = prepare(transactions, decisions, recipe)
    rows = prepared.modelled
    _check_learnable(prepared.bad[rows], prepared.customers[rows])
    earlier = prepare(transactions, decisions, recipe, ("train",))
    early_rows = earlier.part("train") & earlier.modelled
    choosable = metrics.estimable(earlier.bad[early_rows])
    compared, compared_rows = (earlier, early_rows) if choosable else (prepared, rows)
    names = list(CANDIDATES) if recipe.candidate == "auto" else [recipe.candidate]
    comparison = {name: _cross_validate(compared, compared_rows, name, recipe, advance) for name in names}
    winner = choose(comparison)
    final = _cross_validate(prepared, rows, winner, recipe, advance) if choosable else comparison[winner]
    scorer = _scorer(prepared, recipe, winner, final, rows)
    probability = _with_silent(prepared, scorer, _filled(rows, scorer.calibrator.probability(final.margin)))
    test_probability = np.full(len(probability), np.nan)
    if _rarer(earlier.bad[early_rows]) >= FOLDS:
        early = (
            comparison[winner] if choosable else _cross_validate(earlier, early_rows, winner, recipe, advance)
        )
        test_probability = _test_probability(earlier, recipe, winner, early, early_rows)
    figures = _figures(prepared, scorer.bands, probability, test_probability, recipe)
    figures |= {
        "cv_auc_mean": comparison[winner].mean,
        "cv_auc_standard_error": comparison[winner].standard_error,
    }
    return Trained(scorer, prepared, comparison, winner, probability, test_probability, figures)


def _wanted(catalogue: Catalogue, include: Sequence[str]) -> list[str]:
    unknown = [name for name in include if name not in catalogue.features]
    if unknown:
        raise ValueError(f"there is no feature {', '.join(unknown)} to include; data/FEATURES.md lists them")
    return [name for name, feature in catalogue.features.items() if feature.default or name in include]


def _cross_validate(
    prepared: Prepared,
    rows: npt.NDArray[np.bool_],
    name: str,
    recipe: Recipe,
    advance: Callable[[str], object],
) -> CrossValidation:
    fold = customer_folds(pl.Series(prepared.customers[rows]), FOLDS, recipe.seed).to_numpy()
    known = directions(prepared.catalogue)
    table = _table(prepared, rows)
    return cross_validate(
        CANDIDATES[name], table, prepared.bad[rows], fold, recipe.seed, known, lambda: advance(name)
    )


def _table(prepared: Prepared, rows: npt.NDArray[np.bool_]) -> pl.DataFrame:
    table = prepared.features.filter(pl.Series(rows))
    return table.select([name for name in table.columns if table[name].n_unique() > 1])


def _filled(rows: npt.NDArray[np.bool_], values: FloatArray) -> FloatArray:
    filled = np.full(len(rows), np.nan)
    filled[rows] = values
    return filled


def _with_silent(prepared: Prepared, scorer: Scorer, probability: FloatArray) -> FloatArray:
    silent = np.nan if scorer.no_history_probability is None else scorer.no_history_probability
    return np.where(prepared.modelled, probability, silent)


def _test_probability(
    earlier: Prepared, recipe: Recipe, winner: str, result: CrossValidation, rows: npt.NDArray[np.bool_]
) -> FloatArray:
    scorer = _scorer(earlier, recipe, winner, result, rows)
    judged = earlier.part("test") & earlier.modelled
    margin = scorer.classifier.margin(earlier.features.filter(pl.Series(judged)))
    probability = _with_silent(earlier, scorer, _filled(judged, scorer.calibrator.probability(margin)))
    return np.where(earlier.part("test"), probability, np.nan)


def _scorer(
    prepared: Prepared, recipe: Recipe, winner: str, result: CrossValidation, rows: npt.NDArray[np.bool_]
) -> Scorer:
    table, bad = _table(prepared, rows), prepared.bad[rows]
    classifier = CANDIDATES[winner].fit(table, bad, recipe.seed, directions(prepared.catalogue))
    topics = tuple(prepared.catalogue.features[name].topic for name in classifier.inputs)
    spread = float(np.std(classifier.margin(table)))
    return Scorer(
        catalogue=prepared.catalogue,
        classifier=classifier,
        calibrator=fit_calibrator(result.margin, bad),
        scale=recipe.scale,
        bands=recipe.bands,
        reasons=Reasons(topics, LEAST_EFFECT * spread),
        target=recipe.target,
        currency=prepared.currency,
        no_history_probability=_no_history_probability(prepared, rows),
    )


def _no_history_probability(prepared: Prepared, rows: npt.NDArray[np.bool_]) -> float | None:
    """Bad rate of the decisions without history, smoothed by one case of each class; needs 30 of them."""
    parts = prepared.decisions["part"].filter(pl.Series(rows)).unique()
    silent = prepared.decisions["part"].is_in(parts.implode()).to_numpy() & ~prepared.modelled
    bads, cases = int(prepared.bad[silent].sum()), int(silent.sum())
    return (bads + 1) / (cases + 2) if cases >= LEAST_NO_HISTORY else None


def _figures(
    prepared: Prepared, bands: Bands, probability: FloatArray, test_probability: FloatArray, recipe: Recipe
) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, judged in {"grouped": probability, "test": test_probability}.items():
        part = prepared.part("test") if name == "test" else np.ones(len(judged), dtype=np.bool_)
        for suffix, among in {"": part, "_with_history": part & prepared.modelled}.items():
            rows = among & ~np.isnan(judged)
            found = measure(prepared, judged, rows, bands, recipe)
            figures |= {f"{name}{suffix}_{key}": value for key, value in found.items()}
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
    if _rarer(bad) < FOLDS:
        raise ValueError(
            f"{int(bad.sum())} bad and {int(len(bad) - bad.sum())} good decisions to train on are too few; "
            f"give at least {FOLDS} of each"
        )


def _rarer(bad: BadArray) -> int:
    return min(int(bad.sum()), int(len(bad) - bad.sum()))


def directions(catalogue: Catalogue) -> dict[str, int]:
    """The features whose effect on risk is known: +1 where it rises with them, -1 where it falls."""
    return {name: feature.direction for name, feature in catalogue.features.items() if feature.direction}
