"""Loaded models that log their decisions, and what they logged."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from credit_model.scoring.scorer import Scorer
from credit_model.serving.pyfunc import CreditModel

HASH_KEY = "a key of the tests alone"
AS_OF = {"as_of": "2019-03-01"}
SCORED: dict[str, Any] = {
    "CustomerId": "C-scored",
    "TransactionStartTime": ["2019-02-20", "2019-02-20", "2019-02-11"],
    "Amount": [500.0, -120.25, 40.1],
    "ProductCategory": ["tv", "airtime", None],
}
SILENT = SCORED | {"CustomerId": "C-silent", "TransactionStartTime": ["2010-02-20"] * 3}
INVALID = SCORED | {"CustomerId": "C-invalid", "Amount": [1.0, "much", 2.0]}
RISKY = SCORED | {
    "CustomerId": "C-risky",
    "TransactionStartTime": ["2019-01-05"] * 3,
    "Amount": [9.0, 8.5, 7.0],
}
EVERY = [SCORED, SILENT, INVALID, RISKY]
Entries = list[dict[str, Any]]


def loaded(scorer: Scorer, folder: Path, log: Path | str = "") -> CreditModel:
    """A model loaded as MLflow loads it; the log's key must be in the environment."""
    scorer.save(folder)
    model = CreditModel()
    context = SimpleNamespace(artifacts={"scorer": str(folder)}, model_config={"decision_log": str(log)})
    model.load_context(context)  # type: ignore[arg-type]
    return model


def ask(model: CreditModel, *decisions: dict[str, Any], **params: object) -> pd.DataFrame:
    """The answers to one request."""
    return model.predict(None, pd.DataFrame(list(decisions)), AS_OF | params)  # type: ignore[arg-type]


def entries(log: Path) -> Entries:
    """Every line of every file of a log, the renamed ones first, each of which must be whole."""
    files = [*sorted(log.parent.glob(f"{log.name}.*Z")), *log.parent.glob(log.name)]
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]
