"""Features, weights of evidence and the scorecard as estimators of scikit-learn, for pipelines and searches of your own.

They fit and compute what ``train`` does. Frames of pandas and Polars and arrays of NumPy go in.
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, Literal, Self, Union

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import ClassifierTags, Tags, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from credit_model.arrays import BadArray, FloatArray
from credit_model.data.decisions import learn_attributes, read_decisions
from credit_model.data.frames import in_polars
from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.frames import customer_features
from credit_model.features.history import history
from credit_model.models.scorecard import Scorecard as Card
from credit_model.reporting.tables import binning_table
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.scale import Scale
from credit_model.training.dataset import has_balances, learn_levels, wanted
from credit_model.training.fit_linear import fit_scorecard
from credit_model.training.monotone_binning import BinningRules, fit_binnings
from credit_model.training.whole_points import points_of_bins, rounded

if TYPE_CHECKING:
    import pandas as pd

Frame = Union[pl.DataFrame, "pd.DataFrame"]
_ITSELF = Calibrator("sigmoid")


class _OfBinnedInputs(TransformerMixin):  # type: ignore[misc]
    """What the estimators of bins share: how they read X and y, and what they tell scikit-learn of themselves."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.target_tags.required = True
        tags.classifier_tags = tags.classifier_tags or ClassifierTags()
        tags.classifier_tags.multi_class = False
        return tags

    def _read(self, inputs: Any) -> pl.DataFrame:
        """X of a fitted estimator."""
        check_is_fitted(self)
        cells = validate_data(self, inputs, reset=False, dtype=None, ensure_all_finite=False)
        return _table(inputs, cells, self._names())

    def _read_both(self, inputs: Any, target: Any) -> tuple[pl.DataFrame, BadArray]:
        """X and y to fit on; keeps the two classes, of which the second is bad."""
        cells, labels = validate_data(
            self, inputs, target, dtype=None, ensure_all_finite=False, ensure_min_samples=2
        )
        check_classification_targets(labels)
        labels = column_or_1d(labels, warn=True)
        kind = type_of_target(labels)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, bad = np.unique(labels, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError("y holds one class only; give cases of both")
        return _table(inputs, cells, self._names()), bad.astype(np.int8)

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        return [f"x{place}" for place in range(self.n_features_in_)] if names is None else list(names)


class WoeBinner(OneToOneFeatureMixin, _OfBinnedInputs, BaseEstimator):  # type: ignore[misc]
    """Weights of evidence: every column in bins over which the bad rate only rises or only falls.

    Numbers become intervals, texts groups of levels; missing values and levels that were not seen have bins of their own.
    Positive weights of evidence are safer. It is the first half of ``Scorecard``, for models of your own on top.

    Args:
        directions: +1 where risk is known to rise with a column, by name, -1 where it falls; the data decide for the others.
        max_bins: largest number of bins of a column.
        min_share: smallest share of the cases in a bin.
        min_cases: smallest number of cases in a bin.
        smoothing: number of cases at the base rate that are added to every bin.
        significance: probability of cutting pure noise.

    Attributes:
        binnings_: the bins of each column, by name.
        classes_: the two labels, of which the second is bad.
    """

    def __init__(
        self,
        *,
        directions: Mapping[str, int] | None = None,
        max_bins: int = 8,
        min_share: float = 0.05,
        min_cases: int = 30,
        smoothing: float = 5.0,
        significance: float = 0.1,
    ) -> None:
        self.directions = directions
        self.max_bins = max_bins
        self.min_share = min_share
        self.min_cases = min_cases
        self.smoothing = smoothing
        self.significance = significance

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the bins.

        Args:
            X: numbers and texts, shape (n, columns); missing values may be null or NaN.
            y: two labels, shape (n,); the greater one is bad.

        Raises:
            ValueError: X or y cannot be read, or y does not hold two classes.
        """
        table, bad = self._read_both(X, y)
        rules = BinningRules(
            max_bins=self.max_bins,
            min_share=self.min_share,
            min_cases=self.min_cases,
            smoothing=self.smoothing,
            significance=self.significance,
        )
        self.binnings_ = fit_binnings(table, bad, self.directions, rules)
        return self

    def transform(self, X: Any) -> FloatArray:
        """The weight of evidence of every cell, shape (n, columns), always finite."""
        table = self._read(X)
        return np.stack([binning.woe(table[name]) for name, binning in self.binnings_.items()], axis=1)


class Scorecard(_OfBinnedInputs, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The scorecard that ``train`` fits: logistic regression on the weights of evidence of few, little correlated columns.

    The probability is that of the logistic regression; ``train`` calibrates it on folds, as ``CalibratedClassifierCV`` does.

    Args:
        characteristics: the most columns that it reads; it reads at most one for every 5 cases of the rarer class.
        correlation: the largest correlation between two of them.
        C: inverse of the penalty.
        directions: +1 where risk is known to rise with a column, by name, -1 where it falls; the data decide for the others.
        points: ``exact``, or ``integer`` for whole points, which add up to whole scores.
        points_to_double_odds: points that double the odds of good.
        base_score: score at ``base_odds``.
        base_odds: odds of good to bad at ``base_score``.
        random_state: seed of the solver.

    Attributes:
        card_: the fitted card: bins, weights and neutral margin.
        scale_: from probability to points.
        classes_: the two labels, of which the second is bad.
    """

    def __init__(
        self,
        *,
        characteristics: int = 15,
        correlation: float = 0.7,
        C: float = 0.5,
        directions: Mapping[str, int] | None = None,
        points: Literal["exact", "integer"] = "exact",
        points_to_double_odds: float = 20.0,
        base_score: float = 600.0,
        base_odds: float = 50.0,
        random_state: int = 42,
    ) -> None:
        self.characteristics = characteristics
        self.correlation = correlation
        self.C = C
        self.directions = directions
        self.points = points
        self.points_to_double_odds = points_to_double_odds
        self.base_score = base_score
        self.base_odds = base_odds
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the card.

        Args:
            X: numbers and texts, shape (n, columns); missing values may be null or NaN.
            y: two labels, shape (n,); the greater one is bad.

        Raises:
            ValueError: X or y cannot be read, y does not hold two classes, a parameter has no such value, or whole points would
                leave the range of probabilities.
        """
        if self.points not in {"exact", "integer"}:
            raise ValueError(f"points: {self.points!r} is no choice; give exact or integer")
        table, bad = self._read_both(X, y)
        limits = {"characteristics": self.characteristics, "correlation": self.correlation, "c": self.C}
        card = fit_scorecard(table, bad, self.random_state, self.directions or {}, limits)
        whole = self.points == "integer"
        self.scale_ = Scale(self.points_to_double_odds, self.base_score, self.base_odds, whole)
        self.card_: Card = rounded(card, _ITSELF, self.scale_) if whole else card
        return self

    def decision_function(self, X: Any) -> FloatArray:
        """Log-odds of the second class, bad, shape (n,)."""
        table = self._read(X)
        return self.card_.margin(table)

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities of the two classes, shape (n, 2)."""
        bad = _ITSELF.probability(self.decision_function(X))
        return np.stack([1 - bad, bad], axis=1)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The more probable class of each case, shape (n,)."""
        check_is_fitted(self)
        bad: npt.NDArray[Any] = self.classes_[(self.decision_function(X) > 0).astype(np.intp)]
        return bad

    def transform(self, X: Any) -> FloatArray:
        """The points of each characteristic, shape (n, characteristics); those of a case add up to its score."""
        table = self._read(X)
        each = zip(self.card_.binnings, points_of_bins(self.card_, _ITSELF, self.scale_), strict=True)
        return np.stack([points[binning.index(table[binning.feature])] for binning, points in each], axis=1)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """The names of the characteristics."""
        check_is_fitted(self)
        return np.array(self.card_.inputs, dtype=object)

    def table(self) -> pl.DataFrame:
        """The points of every bin.

        Returns:
            One row per bin: ``characteristic``, ``bin``, ``count``, ``goods``, ``bads``, ``bad_rate``, ``woe``, ``iv`` (its part
            of the information value) and ``points``.
        """
        check_is_fitted(self)
        points = points_of_bins(self.card_, _ITSELF, self.scale_)
        parts = [
            binning_table(binning).with_columns(points=pl.Series(own))
            for binning, own in zip(self.card_.binnings, points, strict=True)
        ]
        return pl.concat(parts).drop("bin").rename({"feature": "characteristic", "range": "bin"})


class TransactionFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Decisions to features, as ``train`` and a served model compute them.

    X is a frame of decisions. The transactions are a parameter: a cross-validator cuts X into folds, and must never cut the
    transactions. A feature sees only what came before its decision, so that one frame of transactions serves every fold. Clones
    share it.

    Args:
        transactions: raw transactions, a frame of pandas or Polars, as in ``customer_features``.
        history_days: length of the observation window in days.
        attributes: columns of X that are features too, such as an income stated.
        include: features to switch on that the catalogue has switched off.

    Attributes:
        catalogue_: how the features are defined, with the levels of categories that were frequent before the decisions of X.
        features_: their names, in order.
    """

    def __init__(
        self,
        transactions: "Frame | None" = None,
        *,
        history_days: int = 90,
        attributes: Sequence[str] = (),
        include: Sequence[str] = (),
    ) -> None:
        self.transactions = transactions
        self.history_days = history_days
        self.attributes = attributes
        self.include = include

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # columns have names and kinds of their own
        tags.input_tags.string = tags.input_tags.categorical = tags.input_tags.allow_nan = True
        tags.no_validation = True
        return tags

    def fit(self, X: "Frame", y: object = None) -> Self:  # noqa: ARG002
        """Learn the frequent levels of categories, and of what kind the attributes are.

        Args:
            X: ``CustomerId``, ``as_of`` and the attributes; other columns are ignored.
            y: not used.

        Raises:
            TypeError: a table is not a frame.
            ValueError: there are no transactions, or a column is absent.
        """
        decisions = in_polars(X, "X")
        attributes = learn_attributes(decisions, tuple(self.attributes))
        columns = {name: decisions[name] for name in decisions.columns}
        asked = read_decisions(columns, decisions.height, attributes)
        past = history(tidy_table(self._transactions()), asked.frame, self.history_days, opening=True)
        faulty = pl.concat([past.faults["decision"], asked.faults["decision"]])
        rows = past.frame.filter(~pl.col("decision").is_in(faulty.implode()))
        levels, balances = learn_levels(rows), has_balances(rows)
        self.catalogue_ = Catalogue(self.history_days, levels, attributes, balance_column=balances)
        self.features_ = wanted(self.catalogue_, tuple(self.include))
        return self

    def transform(self, X: "Frame") -> "Frame":
        """The features of decisions, in their order; null where a decision's data are at fault, or nothing is known.

        Args:
            X: as in ``fit``.

        Returns:
            A frame of the kind of X, or of the kind that ``set_output`` names: numbers and texts.
        """
        check_is_fitted(self)
        told = (
            getattr(self, "_sklearn_output_config", {}).get("transform") or get_config()["transform_output"]
        )
        decisions: Any = in_polars(X, "X") if told == "polars" else X
        if told == "pandas" and isinstance(X, pl.DataFrame):
            decisions = X.to_pandas()
        table = customer_features(self.transactions, decisions, catalogue=self.catalogue_)
        features: Frame = table[self.features_]
        return features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """The names of the features."""
        check_is_fitted(self)
        return np.array(self.features_, dtype=object)

    def _transactions(self) -> pl.DataFrame:
        if self.transactions is None:
            raise ValueError("there are no transactions; give TransactionFeatures a frame of them")
        return in_polars(self.transactions, "the frame of transactions")


def _table(inputs: Any, cells: npt.NDArray[Any], names: list[str]) -> pl.DataFrame:
    """X as numbers and texts: the columns of a frame by their own kinds, those of an array by the kinds of their cells."""
    if hasattr(inputs, "columns") and hasattr(inputs, "dtypes"):
        frame = in_polars(inputs, "X")
        return frame.select(_plain(frame[name]) for name in frame.columns)
    return pl.DataFrame([_column(name, cells[:, place]) for place, name in enumerate(names)])


def _plain(column: pl.Series) -> pl.Series:
    texts = column.dtype in (pl.String, pl.Categorical, pl.Enum)
    return column.cast(pl.String if texts else pl.Float64)


def _column(name: str, cells: npt.NDArray[Any]) -> pl.Series:
    if any(isinstance(cell, str) for cell in cells):
        return pl.Series(name, [None if _is_absent(cell) else str(cell) for cell in cells], dtype=pl.String)
    return pl.Series(name, np.asarray(cells, dtype=np.float64))


def _is_absent(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and isnan(cell))
