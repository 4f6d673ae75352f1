"""A model that reads the balance answers the same whether it is told by earlier transactions or by the caller, in every door."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from credit_model.data.decisions import read_decisions
from credit_model.data.transactions import tidy_table
from credit_model.scoring.reference import Reference, fit_distribution
from credit_model.scoring.scorer import ANSWER, WHAT_WOULD_HELP, Scorer
from credit_model.serving import batch
from credit_model.serving.fast.answer import SWITCH
from credit_model.serving.jobs import Job
from credit_model.serving.monitor import monitored
from credit_model.serving.pyfunc import CreditModel, RefusedRequestError, signature
from credit_model.serving.spark.customers import DECISION, DOUBTFUL, KEY, PLACE, TRANSACTION
from credit_model.serving.spark.customers import scored as on_a_worker
from scorers import small_scorer

AS_OF = datetime(2019, 3, 1)
DAYS, SENT = 60, 200
BALANCES = ("balance_now", "balance_mean_30d", "balance_now_to_inflow", "ProductCategory")
PEOPLE = ("a", "b", "c", "d", "stranger")
Door = Callable[[Scorer, pl.DataFrame, pl.DataFrame, Path], pl.DataFrame]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return small_scorer(BALANCES)


@pytest.fixture(scope="module")
def with_column(scorer: Scorer) -> Scorer:
    return replace(scorer, catalogue=replace(scorer.catalogue, balance_column=True))


def transactions() -> pl.DataFrame:
    """Of four customers over 200 days, amounts in cents."""
    random = np.random.default_rng(3)
    cents = random.integers(-2_000, 2_000, SENT) / 100
    ago = [timedelta(minutes=int(m)) for m in random.integers(1, 200 * 1440, SENT)]
    return pl.DataFrame(
        {
            "CustomerId": random.choice(PEOPLE[:4], SENT),
            "TransactionStartTime": [f"{AS_OF - each:%Y-%m-%dT%H:%M:%S}Z" for each in ago],
            "TransactionId": [f"t{place}" for place in range(SENT)],
            "Amount": cents,
            "ProductCategory": random.choice(["airtime", "tv"], SENT),
        }
    )


def decisions() -> pl.DataFrame:
    return pl.DataFrame({"CustomerId": PEOPLE, "as_of": [f"{AS_OF:%Y-%m-%d}"] * len(PEOPLE)})


def inside() -> pl.Expr:
    return pl.col("TransactionStartTime") >= f"{AS_OF - timedelta(DAYS):%Y-%m-%d}"


def stated() -> pl.DataFrame:
    """The decisions with minus the amounts before their window, one after the other."""
    sums = []
    for customer in PEOPLE:
        earlier = transactions().filter((pl.col("CustomerId") == customer) & ~inside())
        balance = 0.0
        for amount in earlier.sort("TransactionStartTime", "TransactionId")["Amount"]:
            balance += amount
        sums.append(0 - balance)
    return decisions().with_columns(opening_balance=pl.Series(sums))


def loaded(scorer: Scorer, folder: Path, way: str) -> CreditModel:
    scorer.save(folder / way)
    model = CreditModel()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SWITCH, way)
        model.load_context(SimpleNamespace(artifacts={"scorer": str(folder / way)}, model_config=None))  # type: ignore[arg-type]
    assert (model.short_way is None) == (way == "0")
    return model


def as_table(scorer: Scorer, answers: Iterable[pd.DataFrame]) -> pl.DataFrame:
    return pl.concat(pl.DataFrame(each.to_dict("records"), scorer.answer_schema) for each in answers)


def arrays(rows: pl.DataFrame, asked: pl.DataFrame) -> list[dict[str, Any]]:
    grouped = rows.group_by("CustomerId", maintain_order=True).all()
    joined = asked.join(grouped, on="CustomerId", how="left", maintain_order="left")
    lists = [name for name in rows.columns if name != "CustomerId"]
    return joined.with_columns(pl.col(lists).fill_null([])).to_dicts()


def by_arrays(
    scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path, way: str
) -> pl.DataFrame:
    model = loaded(scorer, folder, way)
    requests = (
        pd.DataFrame([{k: v for k, v in one.items() if v is not None}]) for one in arrays(rows, asked)
    )
    return as_table(scorer, (model.predict(None, request) for request in requests))  # type: ignore[arg-type]


def by_the_short_way(scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path) -> pl.DataFrame:
    return by_arrays(scorer, rows, asked, folder, "1")


def by_the_long_way(scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path) -> pl.DataFrame:
    return by_arrays(scorer, rows, asked, folder, "0")


def by_all_rows(scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """One row per transaction, all in one request; the stranger has none, and is asked about alone."""
    model = loaded(scorer, folder, "1")
    flat = rows.join(asked, on="CustomerId", maintain_order="left").to_pandas().astype(object)
    flat = flat.sort_values("CustomerId", kind="stable")
    stranger = pd.DataFrame(arrays(rows, asked.tail(1)))
    return as_table(scorer, (model.predict(None, each) for each in (flat, stranger)))  # type: ignore[arg-type]


def in_memory(scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path) -> pl.DataFrame:
    return batch.score_tables(loaded(scorer, folder, "0").scorer, tidy_table(rows), asked, AS_OF)


def by_pieces(scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path) -> pl.DataFrame:
    rows.write_parquet(folder / "t.parquet")
    asked.write_parquet(folder / "d.parquet")
    job = Job("", str(folder / "t.parquet"), str(folder / "d.parquet"), as_of=AS_OF.isoformat())
    with batch.scored(job, loaded(scorer, folder, "0").scorer, 40) as found:
        return pl.concat(found.in_order())


def on_workers(scorer: Scorer, rows: pl.DataFrame, asked: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """What Spark's workers do with its rows."""
    model = loaded(scorer, folder, "1")
    own = asked.with_columns(asked["CustomerId"].alias(PLACE))
    two = [
        own.select(pl.col("CustomerId").alias(KEY), pl.struct(pl.exclude("CustomerId")).alias(DECISION)),
        rows.select(pl.col("CustomerId").alias(KEY), pl.struct(pl.exclude("CustomerId")).alias(TRANSACTION)),
    ]
    table = pl.concat(two, how="diagonal").sort(KEY, maintain_order=True)
    table = table.with_columns(pl.lit(None, pl.Float64).alias(DOUBTFUL))
    schema = pl.DataFrame(schema={PLACE: pl.String(), **scorer.answer_schema}).to_arrow().schema
    found = on_a_worker(
        iter(table.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()),
        lambda request, params: model.predict(None, request, params),  # type: ignore[arg-type]
        None,
        scorer.answer_schema,
        schema,
    )
    return pl.concat(pl.DataFrame(pl.from_arrow(each)) for each in found).drop(PLACE)


DOORS: tuple[Door, ...] = (
    *(by_the_short_way, by_the_long_way, by_all_rows, in_memory, by_pieces, on_workers),
)


def plain(answers: pl.DataFrame) -> pl.DataFrame:
    return answers.sort("CustomerId").drop("balance_basis", "model_version")


@pytest.mark.parametrize("door", DOORS)
def test_the_window_with_its_opening_balance_gets_the_answer_of_everything(
    door: Door, scorer: Scorer, tmp_path: Path
) -> None:
    everything = in_memory(scorer, transactions(), decisions(), tmp_path)
    whole = door(scorer, transactions(), decisions(), tmp_path)
    window = door(scorer, transactions().filter(inside()), stated(), tmp_path)
    assert plain(whole).equals(plain(everything))
    assert plain(window).equals(plain(everything))
    known = pl.Series(["given_rows"] * 4 + [None])
    assert whole.sort("CustomerId")["balance_basis"].equals(known)
    assert window.sort("CustomerId")["balance_basis"].equals(known.replace("given_rows", "opening_balance"))


def test_both_are_plain_requests(scorer: Scorer, tmp_path: Path) -> None:
    short_way = loaded(scorer, tmp_path, "1").short_way
    assert short_way
    for rows, asked in ((transactions(), decisions()), (transactions().filter(inside()), stated())):
        assert short_way.answer(pd.DataFrame(arrays(rows, asked)[:1]), AS_OF)


def test_without_either_only_the_balance_is_another(scorer: Scorer, tmp_path: Path) -> None:
    whole, short = (
        in_memory(scorer, rows, decisions(), tmp_path)
        for rows in (transactions(), transactions().filter(inside()))
    )
    same = ["CustomerId", "as_of", "status", "message", "transaction_count", "balance_basis"]
    assert short.select(same).equals(whole.select(same))
    assert (short["probability"] != whole["probability"]).any()


@pytest.mark.parametrize("door", DOORS)
def test_where_training_had_the_column_nothing_else_is_asked_for(
    door: Door, with_column: Scorer, tmp_path: Path
) -> None:
    rows = transactions().with_columns(Balance=pl.col("Amount").cum_sum())
    whole = door(with_column, rows, decisions(), tmp_path)
    window = door(with_column, rows.filter(inside()), stated(), tmp_path)
    assert window.equals(whole)
    assert set(whole["balance_basis"]) == {"balance_column", None}


@pytest.mark.parametrize("door", DOORS)
def test_other_models_answer_as_ever(door: Door, tmp_path: Path) -> None:
    other = small_scorer()
    whole = door(other, transactions(), decisions(), tmp_path)
    window = door(other, transactions().filter(inside()), stated(), tmp_path)
    assert window.equals(whole)
    assert whole.columns == [*ANSWER, WHAT_WOULD_HELP]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("odd", [{"Amount": None}, {"ProductCategory": None, "TransactionId": "t0"}])
def test_odd_rows_before_the_window_fail_nothing(
    door: Door, odd: dict[str, Any], scorer: Scorer, tmp_path: Path
) -> None:
    old = {"TransactionStartTime": pl.lit("2018-05-05"), "Amount": pl.lit(0.0)}
    odd_cells = {name: pl.lit(cell, pl.String) for name, cell in odd.items() if cell is not None}
    nothing = [pl.lit(None).alias(name) for name, cell in odd.items() if cell is None]
    extra = transactions().head(1).with_columns(**old).with_columns(*nothing, **odd_cells)
    more = pl.concat([transactions(), extra], how="vertical_relaxed")
    assert door(scorer, more, decisions(), tmp_path).equals(
        door(scorer, transactions(), decisions(), tmp_path)
    )


@pytest.mark.parametrize("door", [by_the_short_way, by_the_long_way, by_all_rows, in_memory, by_pieces])
def test_an_opening_balance_that_cannot_be_read_is_a_fault(
    door: Door, scorer: Scorer, tmp_path: Path
) -> None:
    cells = pl.Series(["12.5", "much", None, "1e300", "much"])
    found = door(scorer, transactions(), decisions().with_columns(opening_balance=cells), tmp_path)
    fault = "opening_balance: 1 unreadable"
    assert found["message"].to_list() == [None, fault, None, fault, fault]
    assert found["balance_basis"].to_list() == ["opening_balance", None, "given_rows", None, None]


def test_rows_of_a_decision_must_state_one_opening_balance(scorer: Scorer, tmp_path: Path) -> None:
    rows = transactions().filter(pl.col("CustomerId") == "a").head(2).to_pandas()
    model = loaded(scorer, tmp_path, "1")
    found = model.predict(None, rows.assign(opening_balance=[1, 2]), {"as_of": "2019-03-01"})  # type: ignore[arg-type]
    assert found["message"].to_list() == ["opening_balance: 1 different values in one decision"]


def test_the_signature_names_it_where_it_is_read(scorer: Scorer, with_column: Scorer) -> None:
    for one, reads, answers in (
        (scorer, True, True),
        (with_column, False, True),
        (small_scorer(), False, False),
    ):
        said = signature(one)
        assert ("opening_balance" in said.inputs.input_names()) == reads
        assert ("balance_basis" in said.outputs.input_names()) == answers
        assert not any(column.required for column in said.inputs)


def test_it_is_no_application_without_transactions(scorer: Scorer, tmp_path: Path) -> None:
    model, request = (
        loaded(scorer, tmp_path, "1"),
        pd.DataFrame({"CustomerId": ["a"], "opening_balance": [1]}),
    )
    with pytest.raises(RefusedRequestError, match="lacks the required column TransactionStartTime, Amount"):
        model.predict(None, request)  # type: ignore[arg-type]


def test_monitoring_counts_the_balances_that_were_answered(scorer: Scorer, tmp_path: Path) -> None:
    everyone = read_decisions(dict(decisions().to_dict()), len(PEOPLE), scorer.scalars)
    known = scorer.history(tidy_table(transactions()), everyone)
    features = scorer.plan.compute(known.frame, everyone.frame)
    inputs = {name: fit_distribution(pl.concat([features[name]] * 30)) for name in BALANCES}
    score = fit_distribution(in_memory(scorer, transactions(), decisions(), tmp_path)["score"])
    watched = replace(scorer, reference=Reference(inputs, score, 0.0, 0.1, None))
    said = []
    for rows, asked in ((transactions(), decisions()), (transactions().filter(inside()), stated())):
        rows.write_parquet(tmp_path / "t.parquet")
        asked.write_parquet(tmp_path / "d.parquet")
        job = Job("", str(tmp_path / "t.parquet"), str(tmp_path / "d.parquet"), as_of=AS_OF.isoformat())
        said.append([line for line in monitored(job, watched).splitlines() if "PSI" in line])
    assert len(said[0]) == len(BALANCES) + 1
    assert said[0] == said[1]
