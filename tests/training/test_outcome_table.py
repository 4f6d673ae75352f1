"""Wherever outcomes are given, they may be days past due."""

from pathlib import Path

import polars as pl
import pytest

from credit_model.data.outcomes import observed
from credit_model.data.past_due import outcomes, read_past_due
from credit_model.settings.settings import Settings, resolve
from credit_model.training import workflow
from credit_model.training.outcome_table import outcome_table, plain_outcomes
from past_due import late_loans


@pytest.fixture
def path(tmp_path: Path) -> str:
    late_loans().with_columns(balance=pl.col("days_past_due") * 2).write_csv(tmp_path / "late.csv")
    return str(tmp_path / "late.csv")


def settings(path: str, command: str = "train", **words: object) -> Settings:
    return resolve(command, {"outcomes": path, **{name: str(word) for name, word in words.items()}})


def test_the_outcomes_are_those_of_the_days_and_the_lines_say_how(path: str) -> None:
    found = outcome_table(settings(path, bad_days=90, outcome_days=180, attributes="loan_amount"))
    expected = outcomes(read_past_due(late_loans()), 90, 180)
    assert found.frame["defaulted"].equals(expected["defaulted"])
    bads, known = expected["defaulted"].sum(), expected["defaulted"].count()
    assert found.lines[0].startswith(
        f"bad is 90 days past due within 180 days of the decision: {bads} of {known} loans;"
    )
    assert found.lines[-1].endswith("left out: balance")


def test_loans_that_leave_make_bad_rates_too_high_which_is_said_only_where_some_leave(
    path: str, tmp_path: Path
) -> None:
    found = outcome_table(settings(path, bad_days=90, outcome_days=180))
    said = [line for line in found.lines if line.startswith("warning")]
    known = outcomes(read_past_due(late_loans()), 90, 180)["defaulted"]
    assert f"the bad rate, {known.sum() / known.count():.1%}, may be as low as" in said[0]
    ends = pl.coalesce("repaid_at", pl.col("observed_at").max().over("LoanId"))
    late_loans().with_columns(repaid_at=ends).write_parquet(tmp_path / "repaid.parquet")
    lines = outcome_table(settings(f"{tmp_path}/repaid.parquet", bad_days=90, outcome_days=180)).lines
    assert not any("warning" in line for line in lines)


def test_a_file_that_says_what_defaulted_has_no_such_lines(tmp_path: Path) -> None:
    table = outcomes(read_past_due(late_loans()), 90, 180)
    table.write_parquet(tmp_path / "plain.parquet")
    assert outcome_table(settings(f"{tmp_path}/plain.parquet")).lines == ()


def test_what_changes_after_the_decision_is_no_attribute_of_it(path: str) -> None:
    with pytest.raises(
        ValueError, match="balance changes within a loan; write what was known at the decision"
    ):
        outcome_table(settings(path, bad_days=90, outcome_days=180, attributes="balance"))


def test_days_past_due_without_what_is_bad_are_named_as_such(path: str) -> None:
    with pytest.raises(
        ValueError, match=r"has days_past_due and no defaulted: .* say what is bad, such as bad_days=90"
    ):
        outcome_table(settings(path))


def test_who_knows_no_days_past_due_gets_a_file_that_says_what_defaulted(path: str) -> None:
    own = settings(path, "promote", bad_days=90, outcome_days=180)
    with plain_outcomes(own) as plain:
        assert (plain.bad_days, plain.outcome_days) == (None, None)
        written = plain.outcomes or ""
        labels = observed(pl.read_parquet(written), 0)
    assert not Path(written).exists()
    assert labels.decisions.height == outcomes(read_past_due(late_loans()), 90, 180)["defaulted"].count()
    with plain_outcomes(settings(path, "promote")) as same:
        assert same.outcomes == path


def test_explore_reads_them_with_and_without_what_is_bad(path: str) -> None:
    shown = workflow.read(settings(path, "explore"))
    assert (shown.decisions, shown.past_due is not None) == (None, True)
    both = workflow.read(settings(path, "explore", bad_days=60, outcome_days=90))
    assert both.past_due is not None
    assert both.decisions is not None
    assert both.decisions["bad"].sum() == outcomes(both.past_due, 60, 90)["defaulted"].sum() > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"bad_days": "90"}, "bad_days: they are of a table of days past due; give --outcomes FILE"),
        (
            {"bad_days": "90", "outcomes": "x.csv"},
            "bad_days: a bad reaches them within a performance window; give --outcome_days DAYS",
        ),
        (
            {"bad_days": "90", "outcomes": "x.csv", "outcome_days": "30"},
            "outcome_days: within 30 days of its decision no loan is 90 days past due; give 90 or more",
        ),
        (
            {"bad_days": "90", "outcomes": "x.csv", "bad_values": "yes", "outcome_days": "90"},
            "bad_days: they say what is bad, and so does bad_values; give one of them",
        ),
    ],
)
def test_bad_days_go_with_a_table_and_a_window(words: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        resolve("train", words)


def test_a_performance_window_alone_is_nothing_to_monitor_by() -> None:
    with pytest.raises(
        ValueError, match="outcome_days: it is of days past due here; give --bad_days DAYS too"
    ):
        resolve("monitor", {"outcomes": "x.csv", "outcome_days": "90"})
