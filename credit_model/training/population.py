"""The population: how many rows were read, which of them became decisions, and which of those the model learned from."""

from collections.abc import Iterator

import polars as pl

from credit_model.data.transactions import COLUMNS, Tidy
from credit_model.training.dataset import PARTS, Dataset
from credit_model.training.sample import Sample

COPIES = "copies of a transaction, sent again with the same content: they count once"
_PARTS = {
    "train": "of these, in the training part",
    "test": "of these, in the test part",
    "excluded": "of these, in neither part: their outcome was not known when the test part began",
}


def population(transactions: Tidy, sample: Sample, dataset: Dataset) -> pl.DataFrame:
    """A waterfall of counts, from the rows of the files to the decisions of each part.

    Args:
        transactions: tidy transactions; empty where features were computed elsewhere.
        sample: the labelled decisions.
        dataset: those that were kept, with their features.

    Returns:
        ``step`` and ``count``, in order; those that leave something out are negative.
    """
    rows = [*_transactions(transactions), *_outcomes(sample), *_decisions(sample, dataset)]
    return pl.DataFrame(rows, schema={"step": pl.String, "count": pl.Int64}, orient="row")


def known_after(decisions: pl.DataFrame) -> float | None:
    """Days from a decision to the moment its outcome counts as known, where these are the same for all; else None."""
    days = (decisions["known_at"] - decisions["as_of"]).dt.total_seconds().unique() / 86_400
    return float(days[0]) if len(days) == 1 else None


def _transactions(transactions: Tidy) -> Iterator[tuple[str, int]]:
    frame, faults = transactions.frame, transactions.faults
    if not frame.height:
        return
    yield "transactions read", frame.height
    named = frame.filter(pl.col("TransactionId").is_not_null())
    yield COPIES, named.unique(COLUMNS).height - named.height
    yield "transactions with a cell that is missing or cannot be read", faults["row"].n_unique()
    yield "customers with a transaction", frame["CustomerId"].drop_nulls().n_unique()


def _outcomes(sample: Sample) -> Iterator[tuple[str, int]]:
    if sample.proxy is not None:
        return
    yield "outcomes read", sample.decisions.height + sum(sample.left_out.values())
    for why, count in sample.left_out.items():
        yield f"{why} outcomes", -count


def _decisions(sample: Sample, dataset: Dataset) -> Iterator[tuple[str, int]]:
    yield "labelled decisions", sample.decisions.height
    yield "decisions whose transactions are at fault", -dataset.invalid
    silent = int((~dataset.active).sum())
    if dataset.catalogue.attributes:
        yield (
            "of the rest, without a transaction in the observation window: scored by their attributes",
            silent,
        )
    else:
        yield (
            "decisions without a transaction in the observation window: not scored by the classifier",
            -silent,
        )
    modelled = dataset.modelled
    yield "decisions that the classifier is fitted on or judged by", int(modelled.sum())
    for part in PARTS:
        yield _PARTS[part], int((dataset.part(part) & modelled).sum())
    yield "customers of the labelled decisions", dataset.decisions["CustomerId"].n_unique()
