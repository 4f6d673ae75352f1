"""Baselines that a model must beat: recency alone, and a customer-base model."""

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.training.mbg_nbd import Purchases, fit_mbg_nbd


def recency_risk(measured: pl.DataFrame, history_days: int) -> FloatArray:
    """Days since the last transaction: the longer, the riskier; shape (n,).

    Args:
        measured: what ``rfm`` gives over the observation window, one row per decision.
        history_days: length of that window in days; the recency of a decision without history.
    """
    return measured["recency"].fill_null(history_days).to_numpy()


def customer_base_risk(train: pl.DataFrame, measured: pl.DataFrame, outcome_days: int) -> FloatArray:
    """Probability of no transaction within ``outcome_days``, by MBG/NBD; shape (n,).

    A customer's life begins with the first transaction in the observation window. A decision without history has
    risk 1.

    Args:
        train: what ``rfm`` gives for the training decisions, whose purchases (not labels) the model is fitted
            on.
        measured: what ``rfm`` gives for the decisions to rank.
        outcome_days: length of the performance window in days.

    Raises:
        ValueError: no training decision has a transaction.
    """
    model = fit_mbg_nbd(purchases(train.filter(pl.col("frequency") > 0)))
    active = (measured["frequency"] > 0).to_numpy()
    risk = np.ones(measured.height)
    risk[active] = model.silent(purchases(measured.filter(active)), outcome_days)
    return risk


def purchases(measured: pl.DataFrame) -> Purchases:
    """Purchase days of decisions that all have a transaction: several purchases on one day count as one.

    The model assumes independent purchases; several of one session are not, and would look like a high rate.

    Args:
        measured: what ``rfm`` gives over the observation window, one row per decision.
    """
    last, first = (measured[name].floor().to_numpy() for name in ("recency", "tenure"))
    return Purchases(measured["active_days"].to_numpy() - 1, first - last, first)
