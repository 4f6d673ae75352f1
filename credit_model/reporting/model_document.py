"""The model document: one page per version, for the people who validate, approve and monitor the model.

Its headings are those a validator looks for: documentation and validation of rating systems (Basel Framework, CRE36), model
risk management (SR 26-2, which replaced SR 11-7), technical documentation (EU AI Act, Annex IV), specific principal reasons
(Regulation B, 12 CFR 1002.9). Every claim stands beside its number.
"""

from collections import Counter
from collections.abc import Mapping
from shlex import quote

import polars as pl
from matplotlib.figure import Figure

from credit_model.reporting import (
    document_declined,
    document_development,
    document_results,
    document_scorecard,
    document_strategy,
    law,
)
from credit_model.reporting.document_strategy import share
from credit_model.reporting.identity import Identity
from credit_model.reporting.page import Block, Note, Section, Table, page
from credit_model.reporting.tables import decided
from credit_model.training.summary import auc
from credit_model.training.workflow import TrainingResult

_PROXY = (
    "The label is a proxy made of behaviour: it is not default, and the probability is not a probability of default. It "
    "serves to build and rehearse the process. Prices, limits and provisions must wait for real outcomes."
)


def model_document(result: TrainingResult, pictures: Mapping[str, Figure], identity: Identity) -> str:
    """The model document as one self-contained HTML page.

    Args:
        result: result of the training.
        pictures: pictures of ``plots.pictures``, by file name.
        identity: identity of the version.
    """
    sections = (
        _purpose(result, identity),
        _map(),
        document_development.data(result),
        document_development.label(result),
        document_development.features(result),
        document_development.candidates(result, pictures),
        document_results.performance(result, pictures),
        document_strategy.gains(result, pictures),
        document_results.calibration(result, pictures),
        document_results.stability(result),
        document_results.sensitivity(result),
        document_scorecard.scorecard(result, pictures, identity.primary),
        document_results.reasons(result, pictures),
        document_strategy.decisions(result, pictures),
        *declined(result),
        document_results.fairness(result),
        document_results.gates(result),
        monitoring_plan(result),
        _reproduce(result, identity),
        _sign_off(),
    )
    subtitle = (
        f"version {identity.model_version}, target {result.sample.recipe.target}, {result.trained.winner}"
    )
    return page(f"Model document: {identity.name}", subtitle, sections)


def declined(result: TrainingResult) -> list[Section]:
    """The section on declined applicants, where there are any."""
    found = result.declined
    return [] if found is None else [document_declined.declined(found, result.trained.winner)]


def _purpose(result: TrainingResult, identity: Identity) -> Section:
    figures = result.figures
    blocks: list[Block] = [
        "The model turns a customer's raw transactions, and the application's attributes where there are any, into one credit "
        f"decision at a moment: a probability of {_target(result)}, a score, a band, a decision and its reasons. It is meant "
        "for buy-now-pay-later and similar unsecured credit of one lender in one currency"
        + (f" ({result.trained.dataset.currency})." if result.trained.dataset.currency else "."),
        (
            f"{result.trained.tested.capitalize()} it ranks with AUC {auc(figures, 'test')}; out of fold, grouped by customer, "
            f"{auc(figures, 'grouped')}."
        ),
    ]
    if result.failed_gates:
        blocks.append(Note("Gates failed: " + "; ".join(result.failed_gates) + ".", "warning"))
    else:
        blocks.append(Note(f"No gate failed; of {len(result.gates)}, {_counted(result)}.", "note"))
    if result.warned_gates:
        blocks.append(Note("Warnings: " + "; ".join(result.warned_gates) + ".", "warning"))
    blocks += nobody_decided(result)
    if result.sample.proxy is not None:
        blocks.append(Note(_PROXY, "warning"))
    blocks.append(
        "It must not be used on customers of another lender, currency or country, on another history than the last "
        f"{result.sample.recipe.history_days} days, or as the only ground of a refusal: decisions to review, "
        f"{share(result, 'review')} of the {result.trained.dataset.decisions.height:,} labelled decisions out of fold"
        f"{_all_active(result)}, and every contested one need a person. Package {identity.package}."
    )
    return Section("Purpose and limits", blocks)


def nobody_decided(result: TrainingResult) -> list[Note]:
    """A warning that the bands approve or reject nobody, where they do."""
    counts = dict(decided(result.trained).select("decision", "cases").iter_rows())
    made = {"approved": "approve", "rejected": "reject"}
    nobody = " and nobody ".join(done for done, decision in made.items() if not counts[decision])
    return [Note(f"Out of fold nobody is {nobody} by the bands of this model.", "warning")] if nobody else []


def _all_active(result: TrainingResult) -> str:
    return ", which all have a history" if result.trained.dataset.active.all() else ""


def _map() -> Section:
    text = (
        "The rules below are those of November 2026; whether one of them applies to a lender is for its counsel to say, and what "
        "is in force is to be checked again before it is relied on."
    )
    return Section(
        "Where to find what", [text, Table(law.rules(), "Rules, and the sections that answer them")]
    )


def monitoring_plan(result: TrainingResult) -> Section:
    """What to watch, by which command; what is said of ``monitor`` are the figures that it gives for this model's label."""
    real, limit = result.sample.proxy is None, "above the limit for the sample size"
    rows = [
        ("every month", "drift of every input and of the score", "monitor", limit),
        ("every month", "number of invalid decisions", "monitor", limit),
        ("every month", "how far back histories reach", "monitor", limit),
        ("every month", "decisions that people overrode", "monitor --log", "more than 10 %, beyond chance"),
        *(
            [("every month", "share of decisions without history", "monitor --decisions", limit)]
            if real
            else []
        ),
        (
            "when outcomes are known",
            "AUC with its interval",
            "monitor --outcomes",
            "interval below that of this document",
        ),
        *(
            [("when outcomes are known", "observed to expected bads", "monitor --outcomes", limit)]
            if real
            else []
        ),
        (
            "when outcomes are known",
            "bad rate by decision",
            "monitor --outcomes",
            "approved no safer than rejected",
        ),
        (
            "every year, or after a change",
            "a new training and its gates",
            "retrain",
            "the new version's gates pass",
        ),
    ]
    frame = pl.DataFrame(rows, schema=["when", "what", "by the command", "acted on where"], orient="row")
    return Section("Monitoring plan", [Table(frame, "Plan")])


def _reproduce(result: TrainingResult, identity: Identity) -> Section:
    words = " ".join(f"--{name} {quote(value)}" for name, value in identity.parameters.items() if value)
    used = [{"parameter": name, "decided": str(value)} for name, value in result.used.items()]
    commit = f"The package's git commit is {identity.commit}. " if identity.commit else ""
    files = _pairs(identity.files, "file", "SHA-256")
    read: Block = (
        Table(files, "Input files")
        if identity.files
        else "No input file was read: the data are synthetic or came from memory."
    )
    same = (
        "The same data, package, versions of libraries and parameters give the same artifact, byte for byte: its version is the "
        f"hash of its files. {commit}Everything random is drawn from the seed {result.sample.recipe.seed}."
    )
    blocks: list[Block] = [
        same,
        f"python -m credit_model train {words}",
        Table(pl.DataFrame(used), "What the training decided"),
        read,
        Table(_pairs(identity.environment, "package", "version"), "Environment of the training"),
    ]
    return Section("How to reproduce", blocks)


def _pairs(pairs: Mapping[str, str], first: str, second: str) -> pl.DataFrame:
    return pl.DataFrame(
        {first: list(pairs), second: list(pairs.values())}, schema={first: pl.String, second: pl.String}
    )


def _sign_off() -> Section:
    roles = ("Model developer", "Independent validator", "Model owner", "Data protection", "Approval")
    frame = pl.DataFrame({"role": roles, "name": "", "date": "", "finding": "", "signature": ""})
    return Section("Sign-off", [Table(frame, "To be filled in by the reviewers")])


def _counted(result: TrainingResult) -> str:
    """How many gates are in each state."""
    states = Counter(str(gate.state) for gate in result.gates)
    texts = {"passed": "passed", "warning": "with a warning", "not assessed": "could not be assessed"}
    return ", ".join(f"{states[state]} {text}" for state, text in texts.items() if states[state])


def _target(result: TrainingResult) -> str:
    return "default" if result.sample.recipe.target == "observed_default" else "the proxy label"
