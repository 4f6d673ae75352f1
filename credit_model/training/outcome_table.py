"""The table of outcomes that the settings name, whether its file says what defaulted or how many days past due loans were."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory

import polars as pl

from credit_model.data import files, past_due
from credit_model.data.decisions import OPENING_BALANCE
from credit_model.data.formats import AS_READ, attributes
from credit_model.data.outcomes import OUTCOME_COLUMNS
from credit_model.data.past_due import DAYS, IMMATURE, LOAN, PAST_DUE_COLUMNS, SEEN_AT, UNFOLLOWED, PastDue
from credit_model.settings.settings import Settings


@dataclass(frozen=True)
class OutcomeTable:
    """Outcomes to learn from.

    Attributes:
        frame: as ``data.outcomes.observed`` reads it.
        lines: how they follow from days past due; none where the file says what defaulted.
    """

    frame: pl.DataFrame
    lines: tuple[str, ...] = ()


def outcome_table(settings: Settings) -> OutcomeTable:
    """The outcomes, with the attributes that the settings name as they are to be read.

    Raises:
        ValueError: the file cannot be read, a column is lacking, or one that the settings name changes within a loan.
    """
    path, table = settings.outcomes or "", raw(settings)
    numbers = (*settings.attributes, OPENING_BALANCE.name)
    return _of(attributes(table, numbers, settings.decimal, files.place(path)), settings)


def raw(settings: Settings) -> pl.DataFrame:
    """The rows of the file, under the contract's names.

    Raises:
        ValueError: the file cannot be read, or a column is lacking.
    """
    path = settings.outcomes or ""
    if settings.bad_days is None:
        formats = AS_READ.said(settings.date_format, settings.decimal).of_numbers(())
        _check_says(path, settings)
        return files.filled(files.read(path, settings.columns, OUTCOME_COLUMNS, formats=formats), path)
    formats = AS_READ.said(settings.date_format, settings.decimal).of_numbers((DAYS,))
    return files.filled(files.read(path, settings.columns, PAST_DUE_COLUMNS, formats=formats), path)


def days_past_due(settings: Settings) -> PastDue | None:
    """What the table of days past due says of loans; None where the outcomes are none.

    Raises:
        ValueError: the file cannot be read, or a column is lacking.
    """
    path = settings.outcomes or ""
    if settings.bad_days is None and not _is_past_due(path, settings):
        return None
    return past_due.read_past_due(raw(replace(settings, bad_days=settings.bad_days or 1)), files.place(path))


@contextmanager
def plain_outcomes(settings: Settings) -> Iterator[Settings]:
    """The settings for who knows no days past due: their outcomes are a file that says what defaulted, until the block ends.

    Raises:
        ValueError: the file cannot be read, or a column is lacking.
    """
    if settings.outcomes is None or settings.bad_days is None:
        yield settings
        return
    with TemporaryDirectory(prefix="credit_model_") as folder:
        path = f"{folder}/outcomes.parquet"
        _of(raw(settings), settings).frame.write_parquet(path)
        yield replace(settings, outcomes=path, bad_days=None, outcome_days=None)


def _of(table: pl.DataFrame, settings: Settings) -> OutcomeTable:
    bad_days, days = settings.bad_days, settings.outcome_days
    if bad_days is None or days is None:
        return OutcomeTable(table)
    found = past_due.read_past_due(table, files.place(settings.outcomes or ""))
    _check_fixed(found, settings)
    return OutcomeTable(past_due.outcomes(found, bad_days, days), tuple(_lines(found, bad_days, days)))


def _check_fixed(found: PastDue, settings: Settings) -> None:
    """What is known of a decision does not change after it."""
    named = (*settings.attributes, *settings.protected, *([settings.group] if settings.group else []))
    for name in named:
        if name in found.changing:
            raise ValueError(
                f"{name} changes within a loan; write what was known at the decision into each of its rows, or tell loans of one "
                f"customer and moment apart by a column {LOAN}"
            )


def _lines(found: PastDue, bad_days: int, days: int) -> Iterator[str]:
    states = past_due.state(found, bad_days, days)
    bad, good, young, lost = (int((states == name).sum()) for name in ("bad", "good", IMMATURE, UNFOLLOWED))
    yield (
        f"bad is {bad_days} days past due within {days} days of the decision: {bad} of {bad + good} loans; not known yet, and "
        f"left out: {young} whose window was not over on {found.end}, the last date of the table, and {lost} that were not "
        "followed to the end of theirs"
    )
    if lost and bad:
        rate, least = bad / (bad + good), bad / (bad + good + lost)
        yield (
            "warning: of loans that were not followed to the end of their window the bads are known and the goods are not, so "
            f"that the bad rate, {rate:.1%}, may be as low as {least:.1%} with them; write down when loans were repaid "
            "(repaid_at), or follow them longer"
        )
    for why, count in found.left_out.items():
        if count:
            yield f"rows of days past due left out: {count} {why}"
    if found.changing:
        yield f"columns that change within a loan are none of its decision, and left out: {', '.join(found.changing)}"


def _is_past_due(path: str, settings: Settings) -> bool:
    """Whether a file says how many days past due loans were, and not what defaulted."""
    names = files.scan(path, settings.columns).collect_schema().names()
    return DAYS in names and "defaulted" not in names


def _check_says(path: str, settings: Settings) -> None:
    if _is_past_due(path, settings):
        raise ValueError(
            f"{path} has {DAYS} and no defaulted: it is a table of days past due; say what is bad, such as bad_days=90 and "
            f"outcome_days=365, with {SEEN_AT} beside it; explore shows what each choice means"
        )
