"""The development of the model, in sections of the model document: data, label, features, candidates."""

from collections.abc import Iterable, Mapping

import polars as pl
from matplotlib.figure import Figure

from credit_model.reporting import captions, tables
from credit_model.reporting.page import Block, Note, Picture, Section, Table
from credit_model.scoring.scorer import Scorer
from credit_model.settings.kinds import Search
from credit_model.training import protected
from credit_model.training.candidates import usual_candidate
from credit_model.training.characteristics import STRONG
from credit_model.training.cross_validation import FOLDS
from credit_model.training.dataset import PARTS
from credit_model.training.population import known_after
from credit_model.training.segment_cards import SEGMENTED
from credit_model.training.train import Trained
from credit_model.training.workflow import TrainingResult
from credit_model.training.yardstick import YARDSTICK

MOST_ROWS = 20


def data(result: TrainingResult) -> Section:
    """Section on the population: from the rows that were read to the decisions of each part."""
    trained = result.trained
    missing = result.validation.missing
    gaps = missing.filter(pl.max_horizontal(pl.exclude("feature")) > 0)
    lines = [line for line in result.summary if line.startswith(("data:", "left out"))]
    blocks: list[Block] = [
        *lines,
        Table(
            result.validation.population,
            "Population: from the rows read to the decisions; what is negative is left out",
        ),
        Table(
            _parts(trained),
            "Decisions by part, with and without a history; the served model is fitted on every part",
        ),
    ]
    if gaps.is_empty():
        return Section(
            "Data", [*blocks, "No input of the model is missing in any decision that the classifier scores."]
        )
    worst = gaps.sort(pl.max_horizontal(pl.exclude("feature")), descending=True, maintain_order=True)
    caption = (
        f"Missing: share of decisions without a value; {min(MOST_ROWS, gaps.height)} of the {gaps.height} inputs with gaps, of "
        f"{missing.height}; all in validation/missing.csv: {captions.modelled(trained)}"
    )
    return Section("Data", [*blocks, Table(worst.head(MOST_ROWS), caption)])


def _parts(trained: Trained) -> pl.DataFrame:
    """One row per part that has decisions."""
    cases = trained.dataset.decisions.with_columns(history=pl.Series(trained.dataset.active))
    table = cases.group_by("part").agg(
        decisions=pl.len(),
        customers=pl.col("CustomerId").n_unique(),
        bad=pl.col("bad").sum(),
        bad_rate=pl.col("bad").mean(),
        with_history=pl.col("history").sum(),
        first_as_of=pl.col("as_of").min().dt.strftime("%Y-%m-%d %H:%M"),
        last_as_of=pl.col("as_of").max().dt.strftime("%Y-%m-%d %H:%M"),
    )
    return pl.DataFrame({"part": PARTS}).join(table, "part", maintain_order="left")


def label(result: TrainingResult) -> Section:
    """Section on the label: what bad means and how it was made."""
    recipe, proxy = result.sample.recipe, result.sample.proxy
    blocks: list[Block] = list(result.sample.lines)
    if proxy is None:
        return Section("Label", [*blocks, f"Bad is a default that was really observed. {_known(result)}"])
    blocks.append(_made(result))
    caption = (
        "Observation dates: customers, bad rate, silent share, agreement of the label with silence; no model"
    )
    blocks.append(Table(proxy.cohorts, f"{caption}, of the label rfm_proxy"))
    if recipe.target == "rfm_proxy" and "same_window_roc_auc" in result.figures:
        blocks.append(
            "Under the published recipe, which makes the label of the features' own window, the yardstick has an AUC of "
            f"{result.figures['same_window_roc_auc']:.4f}; that says nothing of what comes after a decision."
        )
    return Section("Label", blocks)


def _made(result: TrainingResult) -> str:
    """How the proxy was made."""
    recipe, days = result.sample.recipe, result.sample.outcome_days
    after = f"of the {days} days after each decision"
    if recipe.target == "same_window":
        after = f"of the same {recipe.history_days} days that the features see, before each decision"
    fitted = (
        ""
        if recipe.target == "same_window"
        else (" The labeller was fitted on the training observation dates alone and then frozen.")
    )
    return (
        f"Recency, frequency and monetary value {after}, on a log and robust scale, are clustered by K-means into three; the "
        f"least engaged cluster is bad.{fitted}"
    )


def _known(result: TrainingResult) -> str:
    """When outcomes count as known, and what the model that judged the test part had seen."""
    days = known_after(result.trained.dataset.decisions)
    at_once = days == 0
    known = "An outcome counts from the day it was known."
    if days is not None:
        known = f"An outcome counts from {days:g} day{'s' * (days != 1)} after its decision."
    if at_once:
        known = "Every outcome counts as known at the moment of its decision."
    if result.sample.recipe.apart == "customer":
        return f"{known} The test part is a draw of customers: the model that judged it had seen other customers alone."
    seen = "decisions before it" if at_once else "decisions whose outcome was known when it began"
    return f"{known} The test part was judged by a model trained on {seen}."


def features(result: TrainingResult) -> Section:
    """Section on the features that the model reads, and on what all features tell."""
    table = tables.features(result.trained)
    used = table.filter(pl.col("used")).drop("used")
    text = (
        f"{table.height} features varied among the decisions that the classifier is fitted on; the model reads {used.height}. "
        f"{_origin(result)} One function computes them for training and serving. {_calendar(result)}"
    )
    whose = f"inputs of the winner {result.trained.winner}"
    blocks: list[Block] = [
        text,
        *_balance(result.trained.scorer),
        *_ages(result),
        Table(used, f"Features that the model reads: {whose}"),
    ]
    return Section("Features", [*blocks, *_ranking(result)])


def _origin(result: TrainingResult) -> str:
    """What the inputs of the model are computed from."""
    scorer = result.trained.scorer
    attributes = {attribute.name for attribute in scorer.catalogue.attributes}
    read = {name for feature in scorer.classifier.inputs for name in _columns(scorer, feature)}
    window = f"the transactions in the {result.sample.recipe.history_days} days before a decision"
    if not read & attributes:
        return f"They come from {window}."
    if read <= attributes:
        return "They come from the application alone."
    return f"They come from {window} and from the application."


def _columns(scorer: Scorer, feature: str) -> Iterable[str]:
    return scorer.catalogue.features[feature].expression.columns()


def _calendar(result: TrainingResult) -> str:
    """Whether the model may learn when instead of who."""
    definitions, inputs = result.trained.scorer.catalogue.features, result.trained.scorer.classifier.inputs
    added = [name for name in inputs if not definitions[name].default]
    if added:
        return f"Switched on by include, though off by default: {', '.join(added)}."
    return "Calendar features that would let the model learn when instead of who are off."


def _ranking(result: TrainingResult) -> list[Block]:
    """What single features tell, and which tell the same."""
    information, correlations = result.validation.information, result.validation.correlations
    whose = captions.modelled(result.trained)
    ranked = (
        f"Information value of the {min(MOST_ROWS, information.height)} most informative features of {information.height}; "
        f"all in validation/information.csv: {whose}"
    )
    blocks: list[Block] = [Table(information.head(MOST_ROWS), ranked)]
    if correlations.is_empty():
        return [*blocks, f"No two numeric features have a rank correlation of {STRONG:g} or more in size."]
    strongest = (
        f"Rank correlations, the {min(MOST_ROWS, correlations.height)} strongest of {correlations.height} of at least {STRONG:g} "
        f"in size, a missing value having the middle rank; all of these in validation/correlations.csv: {whose}"
    )
    return [*blocks, Table(correlations.head(MOST_ROWS), strongest)]


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
    told = "Every answer that transactions gave names the source of the balance as balance_basis."
    if scorer.catalogue.balance_column:
        return [
            f"The model reads the account's balance from the column Balance: send it with the transactions. {told}"
        ]
    need = (
        "The model reads a running balance: what was paid to the customer less what the customer paid, added up over the "
        "transactions that are sent, from 0 before the first of them or from opening_balance. It counts from before the "
        "observation window: send all transactions before the decision, or opening_balance, the balance at the window's start. "
        f"{told}"
    )
    return [need]


def _chosen_by(result: TrainingResult) -> str:
    """How it came that the winner won, as the beginning of a sentence."""
    trained, recipe = result.trained, result.sample.recipe
    if trained.winner == SEGMENTED and recipe.candidate != "auto":
        return "The scorecard was asked for, and scorecards by segment rank better beyond the error"
    if recipe.candidate != "auto":
        return "The one that was asked for is served"
    if not trained.choosable:
        return "The training part has too few cases of a class to choose on it alone, so that the default candidate is served"
    bads = trained.figures["train_bads"]
    return (
        f"With {bads:.0f} bads to learn from, {usual_candidate(bads)} is served, unless one of the others gains AUC on it with "
        "95 % confidence over all of them together, or a simpler one loses at most "
        f"{recipe.tolerance:g} with 95 % confidence, customers resampled"
    )


def candidates(result: TrainingResult, pictures: Mapping[str, Figure]) -> Section:
    """Section on the candidates and the baselines."""
    trained = result.trained
    text = (
        f"Every candidate was compared on the same {_folds(trained)}, grouped by customer. "
        f"{_chosen_by(result)}: {trained.winner}, called the "
        "winner in this document. The scorecard is the interpretable primary, reported whatever wins. The yardstick is "
        f"{YARDSTICK}, an untuned booster on the plain features alone{_against(trained)}"
    )
    blocks: list[Block] = [
        text,
        Table(tables.comparison(trained), _compared(trained)),
        *_parameters(result),
    ]
    blocks.append(
        Picture(
            pictures["candidates.png"],
            f"AUC of the candidates, mean of the folds: {captions.compared(trained)}{_diamonds(trained)}",
            "AUC of every candidate with its error",
        )
    )
    if result.baselines:
        rows = [
            {
                "baseline": b.words,
                "decisions": b.decisions,
                "AUC": b.roc_auc,
                "lift, low": b.lift[0],
                "lift, high": b.lift[1],
            }
            for b in result.baselines
        ]
        caption = (
            "Baselines, and the model's lift over each on the same decisions, 95 % interval, customers resampled; any history is "
            f"measured on all decisions of the test part, the model's among them: {captions.tested(trained)}"
        )
        blocks.append(Table(pl.DataFrame(rows), caption))
    else:
        blocks.append(
            Note("Baselines: not assessed; the gates say why.", "warning"),
        )
    return Section("Candidates and baselines", blocks)


def _parameters(result: TrainingResult) -> list[Block]:
    """What was changed of the candidates' parameters, by a person or a search."""
    trained, search = result.trained, result.sample.recipe.search
    changed = tables.parameters(trained)
    blocks: list[Block] = [*_searched(trained, search)]
    if changed.is_empty():
        return [*blocks, "Every candidate has its default parameters."]
    caption = "Parameters that are not the default ones, of the candidates that were compared"
    return [*blocks, Table(changed, caption)]


def _searched(trained: Trained, search: Search) -> list[str]:
    tried = {name: len(trials) for name, trials in trained.trials.items() if trials}
    if not tried:
        return []
    counts = ", ".join(f"{count} points of {name}" for name, count in tried.items())
    kept = "Parameters stay as they are without it, unless others are better by more than the standard error of the difference"
    return [
        f"A search ({search.method}) tried {counts} by {search.metric} on {search.folds} folds of its own. {kept} over them."
    ]


def _diamonds(trained: Trained) -> str:
    """What the second mark of the picture of the candidates is, where there is one."""
    return f"; diamonds: {captions.tested_on(trained)}" if trained.test_auc else ""


def _against(trained: Trained) -> str:
    """What the yardstick means for the winner."""
    return (
        ", and the winner itself."
        if trained.winner == YARDSTICK
        else ": the winner must not lose to it out of fold."
    )


_MEAN = "Candidates; auc is the mean of the folds' AUC, which is not that of all folds together"


def _compared(trained: Trained) -> str:
    """The caption of the comparison: where its figures are from."""
    if not trained.test_auc:
        return f"{_MEAN}: {captions.compared(trained)}"
    return f"{_MEAN}: {captions.compared(trained)}; auc test: every candidate, {captions.tested_on(trained)}"


def _folds(trained: Trained) -> str:
    """How many folds each candidate was compared on."""
    times = len(trained.comparison[trained.winner].fold_auc) // FOLDS
    return "five folds" if times < 2 else f"five folds, {times} times"
