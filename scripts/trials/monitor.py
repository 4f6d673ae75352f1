"""How often monitoring alarms without drift, and how often it finds one: simulated windows of simulated lenders.

``python scripts/trials/monitor.py --windows 200`` prints, for windows of several sizes, the share with any alarm where nothing has
changed, and the share in which each planted drift raises an alarm of its own; exit code 1 where more windows without drift alarm
than 1 % and its sampling error allow. Every lender is made from its number: a training of 2,000 decisions, 30 numbers and 4 texts,
some of them often missing, customers with several decisions that are alike, some decisions without history, and outcomes.
Nothing is trained: the model's probabilities are the true ones.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.features.catalogue import Catalogue
from credit_model.models.logistic import Linear, Term
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.policy import Bands
from credit_model.scoring.reasons import Reasons
from credit_model.scoring.scale import Scale
from credit_model.scoring.scorer import Scorer
from credit_model.serving.monitor_decisions import Decisions, keep
from credit_model.serving.monitor_limits import CHANCE
from credit_model.serving.monitor_window import Window, window_of
from credit_model.training.dataset import Dataset
from credit_model.training.fit_reference import fit_reference
from credit_model.training.sample import Recipe

NUMBERS, TEXTS, TRAINED_ON, SILENT = 30, 4, 2_000, 0.05
START = datetime(2026, 1, 1)
_EFFECTS = (0.7, -0.5, 0.4, 0.3, -0.3)
Table = pl.DataFrame


def decisions(random: np.random.Generator, size: int, repeated: float) -> Table:
    """Decisions of a lender: customer, features, and whether they became bad; ``repeated`` of them a customer, who are alike."""
    owner = random.integers(0, max(1, round(size / repeated)), size)
    signal = 0.8 * random.normal(size=(size, NUMBERS + TEXTS))[owner] + 0.6 * random.normal(
        size=(size, NUMBERS + TEXTS)
    )
    columns: dict[str, object] = {"customer": np.char.add("c", owner.astype(str))}
    for k in range(NUMBERS):
        values = np.exp(signal[:, k]) if k % 3 == 0 else np.floor(np.exp(1 + signal[:, k])) if k % 3 == 1 else signal[:, k]
        columns[f"n{k}"] = np.where(random.random(size) < 0.02 * (k % 5), np.nan, values)
    for k in range(TEXTS):
        places = np.searchsorted([-1.0, 0.2, 1.0, 2.2, 2.8], signal[:, NUMBERS + k])
        columns[f"t{k}"] = np.array(["a", "b", "c", "d", "rare 1", "rare 2"])[places]
    columns["tenure"] = np.minimum(365.0, 90 * np.exp(0.7 * signal[:, 6]))
    columns["transaction_count"] = np.where(random.random(size) < SILENT, 0.0, 1 + np.floor(np.exp(2 + signal[:, 7])))
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def became(random: np.random.Generator, scorer: Scorer, table: Table) -> Table:
    """The same with outcomes as the model expects them."""
    probability = scorer.calibrator.probability(scorer.classifier.margin(table))
    return table.with_columns(bad=pl.Series((random.random(table.height) < probability).astype(np.int8)))


def lender(number: int, repeated: float) -> Scorer:
    """A model with the reference of its training."""
    random = np.random.default_rng(number)
    effects = dict(zip((f"n{3 * k + 2}" for k in range(len(_EFFECTS))), _EFFECTS, strict=True))
    terms = [
        Term(name, (-2.0, 2.0), (-2 * effects.get(name, 0.0), 2 * effects.get(name, 0.0)), {}, 0.0, 0.0)
        for name in (f"n{k}" for k in range(NUMBERS))
    ]
    texts = [Term(f"t{k}", (), (), {"a": 0.2, "b": 0.0}, 0.0, 0.0) for k in range(TEXTS)]
    classifier = Linear((*terms, *texts), neutral=-1.5)
    parts = Catalogue(365), classifier, Calibrator("sigmoid"), Scale(), Bands((), (), (), 0.3) if False else Bands()
    scorer = Scorer(*parts, Reasons((), 0.1), "observed_default")
    table = became(random, scorer, decisions(random, TRAINED_ON, repeated))
    probability = scorer.calibrator.probability(classifier.margin(table))
    active = (table["transaction_count"] > 0).to_numpy()
    bad, risk, whose = table["bad"].to_numpy()[active], probability[active], table["customer"].to_numpy()[active]
    low, high = metrics.interval(metrics.roc_auc, bad, risk, whose, number)
    figures = {"grouped_roc_auc": metrics.roc_auc(bad, risk), "grouped_roc_auc_low": low, "grouped_roc_auc_high": high}
    labelled = table.select(CustomerId="customer", bad="bad").with_columns(as_of=pl.lit(START), part=pl.lit("train"))
    dataset = Dataset(labelled, table.drop("customer", "bad"), scorer.catalogue, None, 0)
    known = np.where(active, probability, np.nan)
    return replace(scorer, reference=fit_reference(dataset, scorer, known, figures, Recipe(365, "observed_default")))
