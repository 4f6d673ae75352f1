"""Customers in three clusters of recency, frequency and monetary value: the least engaged is called bad.

The label of the published RFM projects: k-means with three clusters. A rule on the centroids determines which cluster
is bad, because the clusters' numbers change with the seed. A fitted labeller is plain numbers, and labels later
customers by the same centroids.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from credit_model.arrays import BoolArray, FloatArray, IntArray

Point = tuple[float, float, float]

CLUSTERS = 3
MINIMUM_SHARE = 0.02
_TAIL = 0.05


@dataclass(frozen=True)
class Labeller:
    """The clusters fitted on the performance windows of the training observation dates.

    Points are (recency, frequency, monetary), each as ln(1 + value), less ``centre``, over ``scale``.

    Attributes:
        outcome_days: length in days of the performance window that it was fitted on, and the only one that it labels.
        centre: medians.
        scale: spreads from the 5th to the 95th percentile, robust to the few customers who trade most; quartiles
            would coincide where three in four customers are silent.
        centroids: the clusters' centroids, least engaged first.
        shares: the clusters' shares of the customers it was fitted on, in the same order.
    """

    outcome_days: int
    centre: Point
    scale: Point
    centroids: tuple[Point, ...]
    shares: tuple[float, ...]

    @property
    def high_risk(self) -> int:
        """The cluster that is called bad: the least engaged one."""
        return least_engaged(np.array(self.centroids))

    @property
    def centroids_in_units(self) -> list[dict[str, float]]:
        """The centroids in days, transactions and currency units (approximately geometric means)."""
        values = np.expm1(np.array(self.centroids) * self.scale + self.centre).clip(min=0.0)
        names = ("recency", "frequency", "monetary")
        return [dict(zip(names, row, strict=True)) for row in values.tolist()]

    def bad(self, measured: pl.DataFrame, outcome_days: int) -> pl.Series:
        """Label customers by their performance windows.

        Args:
            measured: what ``outcome_rfm`` gives, one row per decision.
            outcome_days: length of the windows that were measured.

        Returns:
            1 where the nearest centroid is the least engaged one, else 0: Int8, in order.

        Raises:
            ValueError: the windows are not as long as those it was fitted on.
        """
        return _labels((self.cluster(measured, outcome_days) == self.high_risk).to_numpy())

    def cluster(self, measured: pl.DataFrame, outcome_days: int) -> pl.Series:
        """The cluster of each customer: the place of the nearest centroid, 0 the least engaged, as Int64, in order.

        Arguments and errors as in ``bad``.
        """
        if outcome_days != self.outcome_days:
            raise ValueError(
                f"the labeller was fitted on performance windows of {self.outcome_days} days and cannot label "
                f"windows of {outcome_days}; use outcome_days={self.outcome_days} or fit another labeller"
            )
        points = (_logs(measured, outcome_days) - self.centre) / self.scale
        return pl.Series("cluster", _nearest(points, np.array(self.centroids)), dtype=pl.Int64)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The labeller that ``to_dict`` wrote, before or after a passage through JSON."""
        plain = {name: tuple(stored[name]) for name in ("centre", "scale", "shares")}
        centroids = tuple(tuple(point) for point in stored["centroids"])
        return cls(outcome_days=stored["outcome_days"], centroids=centroids, **plain)


def fit_labeller(
    measured: pl.DataFrame, outcome_days: int, seed: int = 42, minimum_share: float = MINIMUM_SHARE
) -> Labeller:
    """Fit the labeller on the performance windows of the training observation dates.

    Args:
        measured: what ``outcome_rfm`` gives, one row per training decision, silent customers included; the
            order of rows and the number of threads change nothing.
        outcome_days: length of the windows that were measured.
        seed: of k-means.
        minimum_share: smallest share of the customers that a cluster must have; a smaller cluster is an error,
            because a label that a handful of customers determine is not usable.

    Raises:
        ValueError: fewer than three different customers, or a cluster below the minimum share.
    """
    logs = _logs(measured, outcome_days)
    if len(np.unique(logs, axis=0)) < CLUSTERS:
        raise ValueError(
            f"the {len(logs)} training customers do not differ enough in their performance windows to form "
            f"{CLUSTERS} clusters; give more transactions, a longer outcome_days, or real outcomes"
        )
    low, centre, high = np.quantile(logs, [_TAIL, 0.5, 1 - _TAIL], axis=0)
    scale = np.where(high > low, high - low, 1.0)
    points = (logs - centre) / scale
    centroids = _k_means(points, seed)
    shares = np.bincount(_nearest(points, centroids), minlength=CLUSTERS) / len(points)
    if shares.min() < minimum_share:
        raise ValueError(
            f"the smallest of {CLUSTERS} clusters holds {shares.min():.2%} of the {len(points)} training "
            f"customers, less than {minimum_share:.2%}; change outcome_days (now {outcome_days}), or give "
            "real outcomes"
        )
    return Labeller(
        outcome_days, _point(centre), _point(scale), tuple(map(_point, centroids)), tuple(shares.tolist())
    )


def published_bad(measured: pl.DataFrame, days: int) -> pl.Series:
    """Label customers by the published recipe: k-means on standardised recency, frequency and net amount.

    ``StandardScaler``, then ``KMeans(3, random_state=42, n_init=10)``, on raw values, with monetary the sum
    of ``Amount``.

    Args:
        measured: what ``rfm`` gives, one row per decision.
        days: length of the window: the recency of a customer without transactions.

    Returns:
        1 for the least engaged cluster, else 0: Int8, in order.

    Raises:
        ValueError: fewer than three different customers.
    """
    values = measured.select(pl.col("recency").fill_null(days), "frequency", "net").to_numpy()
    if len(np.unique(values, axis=0)) < CLUSTERS:
        raise ValueError(
            f"{len(values)} customers do not differ enough to form {CLUSTERS} clusters; give more of them"
        )
    spread = values.std(axis=0)
    points = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    centroids = _k_means(points, seed=42)
    return _labels(_nearest(points, centroids) == least_engaged(centroids))


def least_engaged(centroids: FloatArray) -> int:
    """The row of ``centroids`` (recency, frequency, …) with the least frequency less recency.

    Monetary is ignored: as a net sum it can be far below zero for the most active customers.
    """
    return int(np.argmin(centroids[:, 1] - centroids[:, 0]))


def _logs(measured: pl.DataFrame, days: int) -> FloatArray:
    values = measured.select(pl.col("recency").fill_null(days), "frequency", "monetary")
    logs: FloatArray = np.log1p(values.to_numpy())
    return logs


def _k_means(points: FloatArray, seed: int) -> FloatArray:
    """Centroids, least engaged first; one thread and sorted points, because sums depend on their order."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    ordered = points[np.lexsort(points.T)]
    with threadpool_limits(limits=1):
        fitted = KMeans(CLUSTERS, random_state=seed, n_init=10).fit(ordered)
    centroids: FloatArray = fitted.cluster_centers_
    return centroids[np.argsort(centroids[:, 1] - centroids[:, 0])]


def _nearest(points: FloatArray, centroids: FloatArray) -> IntArray:
    squares = [((points - centroid) ** 2).sum(axis=1) for centroid in centroids]
    nearest: IntArray = np.argmin(squares, axis=0)
    return nearest


def _labels(bad: BoolArray) -> pl.Series:
    return pl.Series("bad", bad).cast(pl.Int8)


def _point(values: FloatArray) -> Point:
    recency, frequency, monetary = values.tolist()
    return recency, frequency, monetary
