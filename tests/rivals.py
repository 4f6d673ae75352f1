"""Two models in folders, one of which takes the safe for risky, and decisions that became what the other expects."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from credit_model.scoring.scorer import Scorer
from credit_model.serving import batch, jobs
from loans import outcomes, transactions
from processes import ROOT
from scorers import small_scorer


def good_and_bad(folder: Path) -> tuple[Path, Path]:
    """A model and one that takes the safe for risky, in folders."""
    good = small_scorer()
    weights = tuple(-weight for weight in good.classifier.weights)  # type: ignore[attr-defined]
    classifier = replace(good.classifier, weights=weights)  # type: ignore[type-var]
    return _model(folder / "good", good), _model(folder / "bad", replace(good, classifier=classifier))


def _model(folder: Path, scorer: Scorer) -> Path:
    """The folder of a model, as far as jobs read it."""
    scorer.save(folder / "artifacts" / "scorer", jobs.MANIFEST)
    (folder / "code").mkdir()
    (folder / "code" / "credit_model").symlink_to(ROOT / "credit_model")
    return folder


def as_the_good_expects(folder: Path) -> dict[str, str]:
    """Files of transactions, and of decisions that became what the good model expects, more or less."""
    decisions = outcomes().drop("defaulted")
    answers = batch.score_tables(small_scorer(), transactions(), decisions, datetime(2019, 3, 1))
    noisy = answers["probability"].fill_null(0.5).to_numpy() + np.random.default_rng(1).normal(
        0, 0.1, answers.height
    )
    table = decisions.with_columns(defaulted=pl.Series((noisy > np.median(noisy)).astype(int)))
    transactions().frame.select(
        "CustomerId", "TransactionStartTime", "Amount", "Value", "ProductCategory"
    ).write_parquet(folder / "t.parquet")
    table.write_parquet(folder / "o.parquet")
    return {"transactions": str(folder / "t.parquet"), "outcomes": str(folder / "o.parquet")}
