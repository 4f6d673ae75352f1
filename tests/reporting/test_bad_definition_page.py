"""What the page of an exploration says of days past due holds for the table in front of the reader."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache

import polars as pl
import pytest

from credit_model.data.past_due import read_past_due
from credit_model.reporting.exploration import bad_definition as page
from credit_model.reporting.page import Note, Picture, Table
from credit_model.training.bad_definition import BadDefinition, bad_definition, rolled
from past_due import late_loans, table_of


@cache
def found() -> BadDefinition:
    return bad_definition(read_past_due(late_loans()))


def said(definition: BadDefinition) -> str:
    return " ".join(page.readings(definition))


def test_the_sentences_carry_the_figures_of_the_tables() -> None:
    rates = {row["worst"]: row for row in rolled(found().rolls).to_dicts()}
    text = said(found())
    assert f"{rates['30-59']['roll_rate']:.0%} from 30-59 (n = {rates['30-59']['pairs']})" in text
    bads = found().choices.filter(bad_days=90)["bads"][-1]
    assert f"Of the {bads} loans that reach 90 days past due within 270 days of their decision" in text
    assert "Siddiqi" in text
    assert text.endswith("Nothing is chosen here: a training is told by bad_days and outcome_days.")


def with_rate(worst: str, share: float) -> BadDefinition:
    """The definition of a table whose only late bucket is this, of which a share gets as late as can be."""
    cells = {(worst, "90+"): round(100 * share), (worst, "0"): 100 - round(100 * share)}
    counts = [cells.get(key, 0) for key in found().rolls.select("worst", "next").iter_rows()]
    return replace(found(), rolls=found().rolls.with_columns(pairs=pl.Series(counts)))


@pytest.mark.parametrize(
    ("worst", "share", "sentence"),
    [
        ("60-89", 0.51, "which speaks for 60 days here."),
        ("90+", 0.8, "which speaks for 90 days here."),
        ("60-89", 0.5, "and no bucket from 30 days on is above it here."),
        ("1-29", 0.9, "and no bucket from 30 days on is above it here."),
    ],
)
def test_a_point_of_no_return_is_named_only_where_more_than_half_roll(
    worst: str, share: float, sentence: str
) -> None:
    assert sentence in said(with_rate(worst, share))


def test_few_loans_are_not_read() -> None:
    few = bad_definition(read_past_due(late_loans().filter(pl.col("LoanId").is_in(["l1", "l2", "l3"]))))
    text = said(few)
    assert "no roll rate is read of fewer than 20" in text
    assert "too few to say when they show" in text
    assert "%" not in text
    assert page.VINTAGES not in page.pictures(few)


def test_a_short_table_has_no_pictures_and_says_why() -> None:
    short = bad_definition(read_past_due(table_of([(0, 1, 0), (0, 9, 3)])))
    drawn = page.pictures(short)
    assert drawn == {}
    texts = " ".join(block.text for block in page.section(short, drawn).blocks if isinstance(block, Note))
    assert "too short for any performance window" in texts
    assert "there are no roll rates" in texts
    assert "there is no picture" in texts


def test_loans_that_leave_the_table_are_named_where_there_are_any() -> None:
    assert found().gone > 0
    assert f"{found().gone} of 400 loans leave the table" in said(found())
    end = late_loans()["observed_at"].max()
    kept = late_loans().filter(
        (pl.col("observed_at").max().over("LoanId") == end)
        | pl.col("repaid_at").is_not_null().any().over("LoanId")
    )
    assert "leave the table" not in said(bad_definition(read_past_due(kept)))


def test_every_picture_and_table_says_of_how_many() -> None:
    drawn = page.pictures(found())
    assert list(drawn) == [page.ROLLS, page.VINTAGES, page.MATURITY]
    blocks = [block for block in page.section(found(), drawn).blocks if isinstance(block, Picture | Table)]
    assert len(blocks) == 8
    assert all(re.search(r"\d", block.caption) for block in blocks)
    assert f"{found().rolls['pairs'].sum()} pairs of consecutive windows of 90 days" in blocks[0].caption


def test_vintages_of_few_loans_are_left_out_of_the_picture_and_the_caption_counts_the_others() -> None:
    earlier = pl.col("as_of", "observed_at") - timedelta(days=60)
    one = table_of([(0, 30, 0), (0, 200, 0)]).with_columns(earlier)
    table = pl.concat([late_loans(), one.with_columns(LoanId=pl.lit("x"))], how="diagonal_relaxed")
    more = bad_definition(read_past_due(table))
    blocks = page.section(more, page.pictures(more)).blocks
    caption = next(b.caption for b in blocks if isinstance(b, Picture) and b.caption.startswith("Vintages"))
    vintages = more.vintages.group_by("vintage").agg(pl.col("loans").first(), pl.col("month").max())
    large = vintages.filter(pl.col("loans") >= 20, pl.col("month") > 0)
    assert 1 in vintages["loans"]
    assert f"the latest {large.height} of {vintages.height} vintages" in caption
    assert f"{large['loans'].sum()} of 401 loans" in caption
