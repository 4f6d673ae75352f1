"""The development of the model, in sections of the model document: data, label, features, candidates."""

from collections.abc import Mapping

import polars as pl
from matplotlib.figure import Figure

from credit_model.reporting import tables
from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.scoring.scorer import Scorer
from credit_model.training import protected
from credit_model.training.workflow import TrainingResult


def data(result: TrainingResult) -> Section:
    """Section on the decisions, by part."""
    dataset = result.trained.dataset
    rows = []
    for part in ("train", "test", "excluded"):
        inside = dataset.decisions.filter(pl.col("part") == part)
        if inside.height:
            rows.append(
                {
                    "part": part,
                    "decisions": inside.height,
                    "customers": inside["CustomerId"].n_unique(),
                    "bad": int(inside["bad"].sum()),
                    "bad rate": float(inside["bad"].mean()),  # type: ignore[arg-type]
                    "first as_of": str(inside["as_of"].min()),
                    "last as_of": str(inside["as_of"].max()),
                }
            )
    notes = [line for line in result.summary if line.startswith(("data:", "left out"))]
    return Section(
        "Data", [*notes, Table(pl.DataFrame(rows), "Decisions by part; excluded: outcome not known in time")]
    )


def label(result: TrainingResult) -> Section:
    """Section on the label: what bad means and how it was made."""
    recipe, proxy = result.sample.recipe, result.sample.proxy
    blocks: list[Block] = list(result.sample.lines)
    if proxy is None:
        blocks.append(
            "Bad is a default that was really observed. An outcome counts from the day it was known; the test part was "
            "judged by a model trained on what was known when it began."
        )
        return Section("Label", blocks)
    blocks.append(
        f"Recency, frequency and monetary value of the {result.sample.outcome_days} days after each decision, on a log and "
        "robust scale, are clustered by K-means into three; the least engaged cluster is bad. The labeller was fitted on the "
        "training observation dates alone and then frozen."
    )
    blocks.append(
        Table(
            proxy.cohorts,
            "Observation dates: customers, bad rate, silent share, agreement of the label with silence",
        )
    )
    if recipe.target == "rfm_proxy" and "same_window_roc_auc" in result.figures:
        blocks.append(
            "Under the published recipe, which makes the label of the features' own window, the same model has an AUC of "
            f"{result.figures['same_window_roc_auc']:.4f}; that says nothing of what comes after a decision."
        )
    return Section("Label", blocks)


def features(result: TrainingResult) -> Section:
    """Section on the features that the model reads."""
    table = tables.features(result.trained)
    used = table.filter(pl.col("used")).drop("used")
    applied = " and from the application" if result.sample.recipe.attributes else ""
    text = (
        f"{table.height} features varied; the model reads {used.height}. They come from the transactions in the "
        f"{result.sample.recipe.history_days} days before a decision{applied}, through one function for training and serving. "
        "Calendar features that would let the model learn when instead of who are off."
    )
    blocks: list[Block] = [text, *_balance(result.trained.scorer), *_ages(result)]
    return Section("Features", [*blocks, Table(used, "Features that the model reads")])


def _ages(result: TrainingResult) -> list[Note]:
    """What the law asks of a model that reads an age."""
    read = set(result.trained.scorer.catalogue.attributes) & set(result.sample.recipe.attributes)
    ages = ", ".join(sorted(attribute.name for attribute in read if protected.is_age(attribute.name)))
    if not ages:
        return []
    text = (
        f"The model is offered {ages}. Regulation B allows age in a credit scoring system that is empirically derived, "
        "demonstrably and statistically sound, if the age of an applicant of 62 years or more is no negative factor "
        "(12 CFR 1002.6(b)(2)): a validator checks that. Where other law applies, a different treatment by age needs its "
        "justification."
    )
    return [Note(text, "warning")]


def _balance(scorer: Scorer) -> list[str]:
    """What a model that reads the account's balance needs of who asks."""
    if not scorer.plan.needs_balance:
        return []
    told = "Every answer names the source of the balance as balance_basis."
    if scorer.catalogue.balance_column:
        return [
            f"The model reads the account's balance from the column Balance: send it with the transactions. {told}"
        ]
    need = (
        "The model reads the account's balance, which counts from before the observation window: send all transactions before "
        f"the decision, or opening_balance, the balance at the window's start. {told}"
    )
    return [need]


def candidates(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the candidates and the baselines."""
    trained = result.trained
    won = (
        "The simplest whose loss to the best, fold by fold, is within one standard error of that difference and at most "
        f"{result.sample.recipe.tolerance:g} is served"
    )
    if not trained.choosable:
        won = "The training part has too few cases of a class to choose on it alone, so that the default candidate is served"
    if result.sample.recipe.candidate != "auto":
        won = "The one that was asked for is served"
    text = (
        f"Every candidate was compared on the same five folds, grouped by customer. {won}: {trained.winner}. The scorecard is "
        "the interpretable primary, reported whatever wins. The yardstick is plain_xgboost, an untuned booster on the plain "
        "features alone: what is chosen must not lose to it."
    )
    blocks: list[Block] = [text, Table(tables.comparison(trained), "Candidates")]
    blocks.append(
        Picture(pictures["candidates.png"], "AUC of the candidates", "AUC of every candidate with its error")
    )
    if result.baselines:
        rows = [
            {
                "baseline": b.words,
                "AUC": b.roc_auc,
                "lift, low": b.lift[0],
                "lift, high": b.lift[1],
            }
            for b in result.baselines
        ]
        caption = f"Baselines on the same decisions, {trained.tested}; lift of the model, 95 % interval, customers resampled"
        blocks.append(Table(pl.DataFrame(rows), caption))
    else:
        blocks.append(
            Note("Baselines: not estimable, the test part has fewer than 20 of a class.", "warning")
        )
    return Section("Candidates and baselines", blocks)
