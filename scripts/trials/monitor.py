"""How often monitoring alarms without drift, and how often it finds one: simulated windows of simulated lenders.

``python scripts/trials/monitor.py --windows 200`` prints, for windows of several sizes, the share with any alarm where nothing
has changed, and the share in which each planted drift raises an alarm of its own; exit code 1 where more windows without drift
alarm than 1 % and its sampling error allow. Every lender is made from its number: a training of 2,000 decisions, 15 numbers and
4 texts, some of them often missing, customers with several decisions that are alike, some decisions without history, and
outcomes. Nothing is trained: the model's probabilities are the true ones.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from credit_model import metrics
from credit_model.arrays import FloatArray
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

NUMBERS, TEXTS, TRAINED_ON, SILENT = 15, 4, 2_000, 0.05
START = datetime(2026, 1, 1)
_LEVELS = (-1.0, 0.2, 1.0, 2.2, 2.8)
_EFFECTS = (0.7, -0.5, 0.4, 0.3, -0.3)
Table = pl.DataFrame


def decisions(random: np.random.Generator, size: int, repeated: float) -> Table:
    """Decisions of a lender: customers, of whom each has about ``repeated`` that are alike, and their features."""
    owner = random.integers(0, max(1, round(size / repeated)), size)
    shape = (size, NUMBERS + TEXTS)
    signal = 0.8 * random.normal(size=shape)[owner] + 0.6 * random.normal(size=shape)
    numbers = {f"n{k}": _number(k, signal[:, k]) for k in range(NUMBERS)}
    for k, values in enumerate(numbers.values()):
        values[random.random(size) < 0.02 * (k % 5)] = np.nan
    levels = np.array(["a", "b", "c", "d", "rare 1", "rare 2"])
    texts = {f"t{k}": levels[np.searchsorted(_LEVELS, signal[:, NUMBERS + k])] for k in range(TEXTS)}
    count = np.where(random.random(size) < SILENT, 0.0, 1 + np.floor(np.exp(2 + signal[:, 7])))
    tenure = np.where(count > 0, np.minimum(365.0, 90 * np.exp(0.7 * signal[:, 6])), np.nan)
    customer = np.char.add("c", owner.astype(str))
    columns = {"customer": customer, **numbers, **texts, "tenure": tenure, "transaction_count": count}
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _number(place: int, signal: FloatArray) -> FloatArray:
    """Continuous and skew, whole, or normal."""
    kinds = (np.exp(signal), np.floor(np.exp(1 + signal)), signal.copy())
    return np.asarray(kinds[place % 3])


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
    parts = Catalogue(365), classifier, Calibrator("sigmoid"), Scale(), Bands()
    scorer = Scorer(*parts, Reasons((), 0.1), "observed_default")
    table = became(random, scorer, decisions(random, TRAINED_ON, repeated))
    probability = scorer.calibrator.probability(classifier.margin(table))
    active = (table["transaction_count"] > 0).to_numpy()
    bad, risk, whose = (
        table["bad"].to_numpy()[active],
        probability[active],
        table["customer"].to_numpy()[active],
    )
    low, high = metrics.interval(metrics.roc_auc, bad, risk, whose, number)
    figures = {
        "grouped_roc_auc": metrics.roc_auc(bad, risk),
        "grouped_roc_auc_low": low,
        "grouped_roc_auc_high": high,
    }
    labelled = table.select(CustomerId="customer", bad="bad").with_columns(
        as_of=pl.lit(START), part=pl.lit("train")
    )
    dataset = Dataset(labelled, table.drop("customer", "bad"), scorer.catalogue, None, 0)
    known = np.where(active, probability, np.nan)
    return replace(
        scorer, reference=fit_reference(dataset, scorer, known, figures, Recipe(365, "observed_default"))
    )


def window(random: np.random.Generator, scorer: Scorer, table: Table, *, logged: bool = True) -> Window:
    """What monitoring says of decisions, which the model answers first; one in twenty is overridden."""
    active = (table["transaction_count"] > 0).to_numpy()
    answers = table.select(
        "customer", *(name for name in ("bad", "status", "stands") if name in table.columns)
    )
    given = answers["status"].to_numpy() if "status" in answers.columns else np.full(len(active), "")
    status = np.where(given != "", given, np.where(active, "scored", "no_history"))
    probability = scorer.calibrator.probability(scorer.classifier.margin(table))
    probability = np.where(status == "scored", probability, np.nan)
    assigned = scorer.bands.assign(probability)
    if "stands" not in answers.columns:
        overridden = pl.Series(random.random(len(active)) < 0.05)
        answers = answers.with_columns(stands=pl.when(overridden).then(pl.lit("review")))
    answers = answers.with_columns(
        status=pl.Series(status),
        probability=pl.Series(probability, nan_to_null=True),
        score=pl.Series(scorer.scale.score(probability), nan_to_null=True),
        risk_level=pl.Series(assigned.risk_level),
        decision=pl.Series(assigned.decision),
        moment=pl.lit(START) + pl.duration(minutes=pl.int_range(pl.len())),
    )
    with TemporaryDirectory() as folder:
        features = table.drop("customer", *(set(answers.columns) & set(table.columns)) - {"customer"})
        keep(Path(folder), 0, answers, features)
        return window_of(scorer, Decisions(Path(folder), real=True, logged=logged))


def _some(table: Table, share: float) -> pl.Expr:
    """True for the first decisions, which come in no order."""
    return pl.int_range(pl.len()) < round(share * table.height)


# Each changes what was drawn, before the model answers, so that a subject must alarm.
DRIFTS: Mapping[str, tuple[str, Callable[[Table], Table]]] = {
    "a feature moves": ("n0", lambda table: table.with_columns(pl.col("n0") * 3)),
    "a feature goes missing": (
        "n5",
        lambda table: table.with_columns(n5=pl.when(~_some(table, 0.3)).then("n5")),
    ),
    "an unseen level": (
        "t1",
        lambda table: table.with_columns(t1=pl.when(_some(table, 0.25)).then(pl.lit("new")).otherwise("t1")),
    ),
    "customers of higher risk": ("score", lambda table: table.with_columns(pl.col("n2") + 2.5)),
    "fewer are approved": ("approved", lambda table: table.with_columns(pl.col("n2") + 2.5)),
    "histories of 30 days": (
        "history reach",
        lambda table: table.with_columns(pl.col("tenure").clip(upper_bound=30)),
    ),
    "half of the transactions": (
        "transactions of a history",
        lambda table: table.with_columns((pl.col("transaction_count") / 2).ceil()),
    ),
    "customers without history": (
        "no history",
        lambda table: table.with_columns(
            transaction_count=pl.when(_some(table, 0.4)).then(0.0).otherwise("transaction_count")
        ),
    ),
    "invalid requests": (
        "invalid",
        lambda table: table.with_columns(
            status=pl.when(_some(table, 0.2)).then(pl.lit("invalid")).otherwise(pl.lit(""))
        ),
    ),
    "overrides": (
        "overridden",
        lambda table: table.with_columns(stands=pl.when(_some(table, 0.4)).then(pl.lit("reject"))),
    ),
    "more defaults than expected": (
        "calibration",
        lambda table: table.with_columns(bad=pl.when(_some(table, 0.4)).then(1).otherwise("bad")),
    ),
    "the order is lost": ("roc auc", lambda table: table.with_columns(pl.col("bad").shuffle(seed=1))),
}


def quiet(number: int, size: int, repeated: float) -> bool:
    """Whether a window without drift raises no alarm."""
    scorer, random = lender(number, repeated), np.random.default_rng([number, size])
    found = window(random, scorer, became(random, scorer, decisions(random, size, repeated)))
    return not found.alarms


def found(name: str, number: int, size: int) -> bool:
    """Whether a planted drift raises its own alarm."""
    subject, change = DRIFTS[name]
    scorer, random = lender(number, 1.5), np.random.default_rng([number, size])
    changed = change(became(random, scorer, decisions(random, size, 1.5)))
    return subject in {row["subject"] for row in window(random, scorer, changed).alarms}


def most_alarms(windows: int) -> int:
    """The number of false alarms that chance exceeds in one of a thousand trials, where each window has one of a hundred."""
    drawn = np.random.default_rng(1).binomial(windows, CHANCE, 100_000)
    return int(np.quantile(drawn, 0.999))


def main() -> int:
    """Simulate windows; print shares."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--windows", type=int, default=200)
    ask.add_argument("--sizes", type=int, nargs="+", default=[100, 500, 3000])
    wanted = ask.parse_args()
    alarms = 0
    print(f"{'without drift':<40}" + "".join(f"{size:>12}" for size in wanted.sizes))
    for repeated in (1.01, 3.0):
        rows = [
            sum(not quiet(number, size, repeated) for number in range(wanted.windows))
            for size in wanted.sizes
        ]
        alarms += sum(rows)
        print(
            f"{f'  {repeated:g} decisions a customer':<40}"
            + "".join(f"{n / wanted.windows:>12.1%}" for n in rows)
        )
    for name in DRIFTS:
        shares = [
            sum(found(name, number, size) for number in range(wanted.windows // 10)) / (wanted.windows // 10)
            for size in wanted.sizes
        ]
        print(f"{name:<40}" + "".join(f"{share:>12.0%}" for share in shares))
    every = 2 * len(wanted.sizes) * wanted.windows
    print(f"{alarms} of {every} windows without drift alarm; {most_alarms(every)} may")
    return int(alarms > most_alarms(every))


if __name__ == "__main__":
    sys.exit(main())
