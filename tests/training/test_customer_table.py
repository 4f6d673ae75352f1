"""The customers of the proxy at a snapshot: the labels that decisions get, and R, F and M by SQL."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from credit_model.data.transactions import REQUIRED, Tidy, tidy_table
from credit_model.settings.settings import Settings, resolve
from credit_model.synthetic import generate
from credit_model.training.customer_table import customer_table
from credit_model.training.observation_dates import ObservationDates, automatic_windows, observation_dates
from credit_model.training.rfm_proxy import Proxy, rfm_proxy
from processes import commanded

DAY = timedelta(days=1)
COLUMNS = ["CustomerId", "recency", "frequency", "monetary", "cluster", "is_high_risk", "snapshot"]


@cache
def transactions() -> Tidy:
    """With some rows sent twice."""
    table = generate.transactions(customers=400, seed=3)
    return tidy_table(pl.concat([table, table.head(500)]))


@cache
def ends() -> tuple[datetime, datetime]:
    moments = transactions().frame["TransactionStartTime"].sort()
    return moments[0], moments[-1]


@cache
def trained() -> tuple[ObservationDates, Proxy]:
    plan = observation_dates(*ends(), *automatic_windows(*ends()))
    return plan, rfm_proxy(transactions(), plan)


def table(snapshot: datetime | None = None) -> pl.DataFrame:
    plan, proxy = trained()
    return customer_table(transactions(), proxy.labeller, plan.history_days, snapshot)


@pytest.mark.parametrize("back", [0, 3, 30])
def test_the_labels_are_those_of_decisions_at_the_window_s_start(back: int) -> None:
    plan, proxy = trained()
    snapshot = ends()[1] - back * DAY
    moved = replace(plan, test=snapshot - plan.outcome_days * DAY)
    labelled = rfm_proxy(transactions(), moved, proxy.labeller).labels.decisions
    expected = labelled.filter(pl.col("as_of") == moved.test)
    found = table(snapshot)
    assert found.columns == COLUMNS
    assert found["CustomerId"].to_list() == expected["CustomerId"].unique(maintain_order=True).to_list()
    assert found["is_high_risk"].to_list() == expected["bad"].to_list()[-found.height :]
    assert found["snapshot"].unique().to_list() == [snapshot]


def test_without_a_date_it_is_the_test_part_of_the_training() -> None:
    plan, proxy = trained()
    test = proxy.labels.decisions.filter(pl.col("as_of") == plan.test)
    assert_frame_equal(
        table().select("CustomerId", bad="is_high_risk"),
        test.select("CustomerId", "bad"),
    )


def test_sql_measures_the_same() -> None:
    plan, _ = trained()
    snapshot, days = datetime(2019, 2, 5), plan.outcome_days
    begin, history = f"'{snapshot - days * DAY}'::timestamp", f"interval {plan.history_days} day"
    rows = transactions().frame.select("CustomerId", "TransactionId", "TransactionStartTime", "Value")
    with duckdb.connect() as engine:
        engine.register("rows", rows.to_arrow())
        expected = engine.sql(
            f"""
            with once as (select *, TransactionStartTime as t from (select distinct * from rows))
            select CustomerId,
                   coalesce(min(epoch_us('{snapshot}'::timestamp) - epoch_us(t)) / 86400e6, {days}) as recency,
                   count(t) as frequency, coalesce(sum(Value), 0) as monetary
            from (select distinct CustomerId from once where t >= {begin} - {history} and t < {begin})
            left join (from once where t >= {begin} and t < '{snapshot}'::timestamp) using (CustomerId)
            group by CustomerId order by CustomerId
            """
        ).pl()
    found = table(snapshot)
    assert found["frequency"].min() == 0
    assert_frame_equal(found.select(expected.columns), expected, rel_tol=1e-12)


def test_clusters_are_numbered_by_engagement_and_the_lowest_is_the_high_risk() -> None:
    found = table()
    assert found["is_high_risk"].equals((found["cluster"] == 0).cast(pl.Int8), check_names=False)
    measured = found.group_by("cluster").agg(pl.col("recency", "frequency").mean()).sort("cluster")
    assert measured["cluster"].to_list() == [0, 1, 2]
    assert measured["recency"].is_sorted(descending=True)
    assert measured["frequency"].is_sorted()


def test_a_snapshot_whose_windows_are_not_covered_is_refused_with_the_range() -> None:
    first, last = ends()
    days = sum(automatic_windows(first, last))
    earliest, latest = first - DAY + days * DAY, last + DAY
    assert not table(earliest).is_empty()
    assert not table(latest).is_empty()
    said = f"give a time from {earliest.isoformat()} to {latest.isoformat()}"
    for snapshot in (earliest - timedelta(seconds=1), latest + timedelta(seconds=1)):
        with pytest.raises(ValueError, match=f"^snapshot: the transactions run from .*{said}"):
            table(snapshot)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"snapshot": "2019-02-01"}, "snapshot: .*give --customers_table FILE too"),
        ({"customers_table": "c.csv", "outcomes": "o.csv"}, "this training's is observed; leave it out"),
        (
            {"customers_table": "c.csv", "label": "same_window"},
            "this training's is same_window; leave it out",
        ),
    ],
)
def test_where_there_are_no_such_customers(texts: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve("train", texts)


def test_a_date_alone_is_a_snapshot() -> None:
    found = resolve("train", {"customers_table": "c.csv", "snapshot": "2019-02-13"})
    assert found == Settings(customers_table="c.csv", snapshot=datetime(2019, 2, 13))


@pytest.mark.slow
def test_the_command_writes_them_to_the_file_alone(tmp_path: Path) -> None:
    few = generate.transactions(customers=400, seed=3).select(*REQUIRED, "Value")
    few.write_parquet(tmp_path / "t.parquet")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"}
    words = ["train", "--transactions", "t.parquet", "--candidate", "scorecard", "--customers_table", "c.csv"]
    refused = commanded([*words, "--snapshot", "2018-12-01"], store, tmp_path)
    assert (refused.returncode, refused.stdout, (tmp_path / "c.csv").exists()) == (2, "", False)
    assert refused.stderr.startswith("credit_model: snapshot: the transactions run from")
    done = commanded(words, store, tmp_path)
    assert done.returncode == 0, done.stderr
    found = pl.read_csv(tmp_path / "c.csv")
    assert found.columns == COLUMNS
    assert (
        f"{found.height} customers, {found['is_high_risk'].sum()} of them high risk, written to c.csv"
        in done.stdout
    )
    assert found["is_high_risk"].to_list() == table()["is_high_risk"].to_list()
    kept = [
        path for path in (tmp_path / "mlruns").rglob("*") if path.suffix in {".txt", ".html", ".csv", ".json"}
    ]
    assert kept
    assert not any("CustomerId_" in path.read_text() for path in kept)
