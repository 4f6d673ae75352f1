"""A small scorer with the reference of its training, and requests like those that it was trained on."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from credit_model.data.decisions import read_decisions
from credit_model.scoring.scorer import Scorer
from credit_model.training.dataset import Dataset
from credit_model.training.fit_reference import fit_reference
from credit_model.training.sample import Recipe
from loans import outcomes, transactions
from scorers import small_scorer

DAYS = 60


@cache
def watched_scorer() -> Scorer:
    """The small scorer as if it had been trained on the loans."""
    scorer = replace(small_scorer(), target="observed_default")
    loans = outcomes()
    columns = {name: loans[name] for name in ("CustomerId", "as_of")}
    asked = read_decisions(columns, loans.height, scorer.scalars, datetime(2019, 3, 1))
    judgement = scorer.judge(scorer.history(transactions(), asked), asked)
    labelled = loans.with_columns(bad="defaulted", part=pl.lit("train"))
    dataset = Dataset(labelled, judgement.features, scorer.catalogue, "UGX", 0)
    probability = judgement.answer["probability"].to_numpy()
    figures = {"grouped_roc_auc": 0.6, "grouped_roc_auc_low": 0.5, "grouped_roc_auc_high": 0.7}
    recipe = Recipe(DAYS, "observed_default")
    return replace(scorer, reference=fit_reference(dataset, scorer, probability, figures, recipe))


def requests(days: int = DAYS) -> list[dict[str, Any]]:
    """A decision for each loan, as a caller asks for it who sends some days of the past."""
    paid = transactions().frame.select("CustomerId", "TransactionStartTime", "Amount", "ProductCategory")
    by_customer = {name[0]: table for name, table in paid.partition_by("CustomerId", as_dict=True).items()}
    made = []
    for customer, moment in outcomes().select("CustomerId", "as_of").iter_rows():
        start = moment - timedelta(days=days)
        sent = by_customer[customer].filter(pl.col("TransactionStartTime").is_between(start, moment, "left"))
        told = {name: sent[name].to_list() for name in ("Amount", "ProductCategory")}
        times = sent["TransactionStartTime"].dt.to_string("iso:strict").to_list()
        made.append(
            {"CustomerId": customer, "as_of": moment.isoformat(), "TransactionStartTime": times, **told}
        )
    return made


def random_half(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Half of the requests."""
    chosen = np.random.default_rng(seed).permutation(len(rows))[: len(rows) // 2]
    return [rows[place] for place in sorted(chosen.tolist())]
