"""Gains: how many of the bads are among the riskiest tenth, fifth and so on of the decisions."""

import numpy as np
import polars as pl

from credit_model.arrays import BadArray, FloatArray, IntArray

GROUPS = 10


def gains(bad: BadArray, probability: FloatArray, groups: int = GROUPS) -> pl.DataFrame:
    """The gains table: decisions in groups of about equal size by probability of bad, the riskiest first.

    Decisions of one probability stay in one group, so that a group may be larger than another, or absent.

    Args:
        bad: 1 for bad, 0 for good, shape (n,), both present.
        probability: of bad, shape (n,).
        groups: number of groups.

    Returns:
        One row per group: ``group`` (1 is the riskiest), ``decisions``, ``bads``, ``bad_rate``, ``lowest_probability``;
        cumulative shares ``cumulative_decisions``, ``cumulative_bads``, ``cumulative_goods``, their distance ``ks``; and
        ``lift`` (bad rate over that of all decisions) and ``cumulative_lift``.
    """
    place = _groups(-probability, groups)
    cells = pl.DataFrame({"group": place, "bad": bad, "probability": probability})
    table = cells.group_by("group").agg(
        decisions=pl.len(),
        bads=pl.col("bad").sum().cast(pl.Int64),
        bad_rate=pl.col("bad").mean(),
        lowest_probability=pl.col("probability").min(),
    )
    return _cumulated(table.sort("group"), float(bad.mean()))


def _cumulated(table: pl.DataFrame, rate: float) -> pl.DataFrame:
    goods = pl.col("decisions") - pl.col("bads")
    shares = table.with_columns(
        group=pl.col("group") + 1,
        cumulative_decisions=pl.col("decisions").cum_sum() / pl.col("decisions").sum(),
        cumulative_bads=pl.col("bads").cum_sum() / pl.col("bads").sum(),
        cumulative_goods=goods.cum_sum() / goods.sum(),
    )
    return shares.with_columns(
        ks=pl.col("cumulative_bads") - pl.col("cumulative_goods"),
        lift=pl.col("bad_rate") / rate,
        cumulative_lift=pl.col("cumulative_bads") / pl.col("cumulative_decisions"),
    )


def _groups(risk: FloatArray, groups: int) -> IntArray:
    """The group of each case by the middle of its ranks, ascending from 0, shape (n,)."""
    _, place, counts = np.unique(risk, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    return (middle * groups // len(risk)).astype(np.intp)[place]
