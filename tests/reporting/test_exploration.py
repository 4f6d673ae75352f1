"""What exploration counts is what SQL counts, and it names nobody."""

import re
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.data.transactions import COLUMNS, Tidy, tidy_table
from credit_model.reporting.exploration.analysis import LEAST_CUSTOMERS, RARE, Exploration, explore
from credit_model.reporting.exploration.notes import notes
from credit_model.reporting.exploration.page import document, pictures
from credit_model.synthetic import generate
from past_due import late_loans
from processes import commanded


@cache
def data() -> Tidy:
    return tidy_table(generate.transactions(customers=300, seed=9))


@cache
def found() -> Exploration:
    return explore(data())


def sql(query: str) -> pl.DataFrame:
    with duckdb.connect() as engine:
        engine.register("t", data().frame.to_arrow())
        return pl.DataFrame(engine.sql(query).pl())


def test_days_hours_and_sides_are_those_of_sql() -> None:
    days = sql(
        "select TransactionStartTime::date as day, count(*) as n, count(distinct CustomerId) as who, sum(Value) as v "
        "from t group by 1 order by 1"
    )
    assert found().days["transactions"].to_list() == days["n"].to_list()
    assert found().days["customers"].to_list() == days["who"].to_list()
    np.testing.assert_allclose(found().days["turnover"], days["v"])
    hours = sql(
        "select isodow(TransactionStartTime) as d, hour(TransactionStartTime) as h, count(*) as n from t "
        "group by 1, 2 order by 1, 2"
    )
    assert found().hours["transactions"].to_list() == hours["n"].to_list()
    sides = sql(
        "select Amount < 0 as credit, count(*) as n, sum(Amount) as a from t group by 1 order by 1 desc"
    )
    assert found().sides["transactions"].to_list() == sides["n"].to_list()


def test_levels_are_those_of_sql_and_rare_ones_are_folded() -> None:
    for column in ("ProductCategory", "ProductId", "ChannelId"):
        counted = sql(
            f"select {column} as l, count(*) as n, count(distinct CustomerId) as who from t group by 1"
        )
        ours = dict(found().levels.filter(column=column).select("level", "transactions").iter_rows())
        assert sum(ours.values()) == counted["n"].sum()
        for level, rows, customers in counted.iter_rows():
            assert customers >= LEAST_CUSTOMERS or level not in ours
            assert level not in ours or ours[level] == rows
        if (counted["who"] < LEAST_CUSTOMERS).any():
            assert RARE in ours


def test_quality_counts_nulls_the_unreadable_and_the_constant() -> None:
    raw = pl.DataFrame(
        {
            "CustomerId": ["a", "b", "c"],
            "TransactionStartTime": ["2019-01-01", "never", None],
            "Amount": ["1", "2", "x"],
            "CurrencyCode": ["UGX"] * 3,
        }
    )
    table = explore(tidy_table(raw)).quality
    row = {name: table.row(by_predicate=pl.col("column") == name, named=True) for name in raw.columns}
    assert (row["TransactionStartTime"]["null"], row["TransactionStartTime"]["unreadable"]) == (2, 1)
    assert (row["Amount"]["null"], row["Amount"]["unreadable"]) == (1, 1)
    assert row["CurrencyCode"]["constant"]
    assert not row["CustomerId"]["constant"]


def test_only_columns_of_the_files_are_shown_and_the_others_named() -> None:
    raw = pl.DataFrame(
        {
            "CustomerId": [f"c{place}" for place in range(9)],
            "TransactionStartTime": ["2019-01-01"] * 9,
            "Amount": [1.0] * 9,
        }
    )
    few = explore(tidy_table(raw), present=raw.columns)
    assert few.quality["column"].to_list() == raw.columns
    assert few.absent == tuple(name for name in COLUMNS if name not in raw.columns)
    assert few.amounts["amount"].to_list() == ["Amount"]
    assert few.duplicates.is_empty()
    assert few.levels.is_empty()
    assert (
        f"Optional columns that are absent: {', '.join(few.absent)}. Value is taken as the" in notes(few)[0]
    )
    made = pictures(few, tidy_table(raw))
    assert not {"amount_against_value.png", "categories.png"} & set(made)
    page = document(few, tidy_table(raw), made)
    assert not any(f">{name}</td>" in page for name in few.absent)
    assert "The transactions have no column of categories." in page
    more = raw.with_columns(ProductCategory=pl.lit("tv"), TransactionId=pl.col("CustomerId"))
    shown = explore(tidy_table(more), present=more.columns)
    assert (shown.levels["level"].to_list(), shown.duplicates.height) == (["tv"], 2)


def test_repeated_transactions_are_counted_by_content() -> None:
    row = {"CustomerId": "a", "TransactionStartTime": "2019-01-01", "Amount": 1.0, "TransactionId": "t1"}
    raw = pl.DataFrame([row, row, row | {"Amount": 2.0}, row | {"TransactionId": "t2"}])
    assert explore(tidy_table(raw)).duplicates["transactions"].to_list() == [1, 1]


def test_nobody_is_named_on_the_page() -> None:
    page = document(found(), data(), pictures(found(), data()))
    for column in ("CustomerId", "TransactionId", "AccountId"):
        assert not any(f">{name}<" in page for name in data().frame[column].unique())


def test_findings_carry_their_numbers() -> None:
    texts = notes(found())
    assert any("CurrencyCode" in text and text.startswith("Constant") for text in texts)
    share = found().rfm.filter(pl.col("frequency") == 1).height / found().rfm.height
    assert any(f"{share:.1%} of the customers have exactly one" in text for text in texts)


def test_the_page_says_of_how_many_and_shows_outliers_before_quantiles() -> None:
    exploration = explore(data())
    page = document(exploration, data(), pictures(exploration, data()))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>|<caption><span>(.*?)</span></caption>", page)
    assert len(captions) > 10
    for caption in map("".join, captions):
        assert re.search(r": .*\d (transactions of \d+ )?(customers|decisions)", caption), caption
    assert page.index(">outliers<") < page.index(">50%<")


def test_outcomes_by_month() -> None:
    outcomes = pl.DataFrame(
        {"as_of": [datetime(2019, 1, 5), datetime(2019, 1, 9), datetime(2019, 2, 1)], "bad": [1, 0, 1]}
    )
    table = explore(data(), outcomes).outcomes
    assert table.rows() == [("2019-01", 2, 1, 0.5), ("2019-02", 1, 1, 1.0)]


def test_odd_data_are_explored_too() -> None:
    one = pl.DataFrame({"CustomerId": ["a"], "TransactionStartTime": [datetime(2019, 1, 1)], "Amount": [0.0]})
    assert document(
        explore(tidy_table(one)), tidy_table(one), pictures(explore(tidy_table(one)), tidy_table(one))
    )
    spread = one.with_columns(TransactionStartTime=pl.col("TransactionStartTime") + timedelta(days=40))
    assert "39 days" in " ".join(notes(explore(tidy_table(pl.concat([one, spread])))))
    with pytest.raises(ValueError, match="no transaction has a customer, a time and an amount"):
        explore(tidy_table(one.clear()))


def categories(names: list[str]) -> Tidy:
    rows = {"CustomerId": [f"c{place}" for place in range(len(names))], "ProductCategory": names}
    return tidy_table(pl.DataFrame(rows).with_columns(TransactionStartTime=datetime(2019, 1, 1), Amount=1.0))


@settings(max_examples=15, deadline=None)
@given(few=st.integers(1, 9), others=st.lists(st.integers(1, 9), min_size=1, max_size=15))
def test_no_line_of_levels_stands_for_fewer_than_five_customers(few: int, others: list[int]) -> None:
    names = ["solo"] * few + [f"p{place}" for place, count in enumerate(others) for _ in range(count)]
    counts = explore(categories(names)).levels["transactions"].to_list()
    assert sum(counts) == len(names)
    assert len(counts) == 1 or min(counts) >= LEAST_CUSTOMERS


@pytest.mark.parametrize("level", ["a$b_$c", r"$\frac$", "<script>", "x" * 40 + "1"])
def test_a_level_is_drawn_as_it_is_written(level: str) -> None:
    transactions = categories([level] * 6 + ["x" * 40 + "2"] * 6)
    made = pictures(explore(transactions), transactions)
    bars = made["categories.png"].axes[0].patches
    assert len({bar.get_window_extent().y0 for bar in bars}) == 2
    assert "<script>" not in document(explore(transactions), transactions, made)


def test_an_unknown_outcome_counts_in_no_month() -> None:
    outcomes = pl.DataFrame(
        {"as_of": [datetime(2019, 1, 5)] * 4, "bad": pl.Series([1, 0, None, None], dtype=pl.Int8)}
    )
    assert explore(data(), outcomes).outcomes.rows() == [("2019-01", 2, 1, 0.5)]


@pytest.mark.slow
def test_the_command_logs_the_page(tmp_path: Path) -> None:
    data().frame.drop("BatchId").write_parquet(tmp_path / "t.parquet")
    late_loans().write_csv(tmp_path / "late.csv")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    words = ["--transactions", "t.parquet", "--outcomes", "late.csv", "--output", "page.html"]
    done = commanded(["explore", *words], store, tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "page.html").read_text()
    assert next(tmp_path.rglob("exploration.html")).read_text() == written
    assert "Bad definition</h2>" in written
    assert "Nothing is chosen here" in done.stdout
    assert len(list(tmp_path.rglob("pictures/*.png"))) >= 10
    assert "Optional columns that are absent: BatchId." in done.stdout
