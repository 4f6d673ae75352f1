"""Laws of the only road from transactions to features."""

import json
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.data.decisions import Attribute
from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue, documentation
from credit_model.features.history import history
from credit_model.features.plan import FeaturePlan, customer_features
from credit_model.training.dataset import learn_levels
from processes import ROOT
from raw_tables import AS_OF, CATALOGUE, DECISIONS, tables

BALANCES = {n for n in CATALOGUE.features if FeaturePlan(CATALOGUE, (n,)).needs_opening}
CALENDAR = {"transaction_day", "transaction_month", "transaction_year", "transaction_week"}


def features(
    raw: pl.DataFrame, decisions: pl.DataFrame = DECISIONS, catalogue: Catalogue = CATALOGUE
) -> pl.DataFrame:
    return customer_features(tidy_table(raw), decisions, catalogue)


@given(raw=tables, extra=tables)
def test_what_lies_outside_the_window_changes_nothing_but_balances(
    raw: pl.DataFrame, extra: pl.DataFrame
) -> None:
    later = extra.select(raw.columns).with_columns(pl.col("TransactionStartTime") + timedelta(days=70))
    older = extra.select(raw.columns).with_columns(
        pl.col("TransactionStartTime") - timedelta(days=60, minutes=1)
    )
    at_once = extra.select(raw.columns).head(1).with_columns(TransactionStartTime=pl.lit(AS_OF))
    assert features(pl.concat([raw, later, at_once])).equals(features(raw))
    with_older = features(pl.concat([raw, older]))
    assert with_older.drop(BALANCES).equals(features(raw).drop(BALANCES))


@given(raw=tables, seed=st.integers(0, 99))
def test_row_order_changes_nothing(raw: pl.DataFrame, seed: int) -> None:
    assert features(raw.sample(fraction=1, shuffle=True, seed=seed)).equals(features(raw))


@given(raw=tables, seed=st.integers(0, 99))
def test_a_transaction_sent_twice_counts_once(raw: pl.DataFrame, seed: int) -> None:
    assert features(pl.concat([raw, raw.sample(fraction=0.5, seed=seed)])).equals(features(raw))


@given(raw=tables)
def test_a_decision_is_the_same_alone_and_in_a_batch(raw: pl.DataFrame) -> None:
    together = features(raw)
    for place, customer in enumerate(DECISIONS["CustomerId"]):
        alone = features(raw.filter(pl.col("CustomerId") == customer), DECISIONS.slice(place, 1))
        assert alone.equals(together.slice(place, 1))


@given(raw=tables, factor=st.sampled_from([0.25, 4.0, 1024.0]))
def test_the_currencys_unit_leaves_ratios_alone(raw: pl.DataFrame, factor: float) -> None:
    scaled = features(raw.with_columns(pl.col("Amount") * factor))
    plain = features(raw)
    money = {
        name
        for name, f in CATALOGUE.features.items()
        if "currency units" in f.meaning or f.topic.startswith("latest")
    }
    money |= {name for name in plain.columns if name.startswith(("debit_", "credit_")) and name.endswith("d")}
    ratios = [name for name in plain.columns if name not in money]
    assert scaled.select(ratios).equals(plain.select(ratios))


@given(raw=tables, weeks=st.integers(-60, 60))
def test_whole_weeks_change_only_the_calendar(raw: pl.DataFrame, weeks: int) -> None:
    shift = timedelta(weeks=weeks)
    moved = features(
        raw.with_columns(pl.col("TransactionStartTime") + shift),
        DECISIONS.with_columns(pl.col("as_of") + shift),
    )
    assert moved.drop(CALENDAR).equals(features(raw).drop(CALENDAR))


@given(raw=tables, wanted=st.sets(st.sampled_from(sorted(CATALOGUE.features)), min_size=1, max_size=6))
def test_a_plan_of_some_features_computes_what_all_would(raw: pl.DataFrame, wanted: set[str]) -> None:
    known = history(tidy_table(raw), DECISIONS, CATALOGUE.history_days, opening=True).frame
    some = FeaturePlan(CATALOGUE, sorted(wanted)).compute(known, DECISIONS)
    assert some.select(sorted(wanted)).equals(features(raw).select(sorted(wanted)))


def test_no_history_is_nothing_known() -> None:
    nobody = pl.DataFrame({"CustomerId": ["nobody"], "as_of": [AS_OF]})
    raw = pl.DataFrame({"CustomerId": ["a"], "TransactionStartTime": [AS_OF - timedelta(1)], "Amount": [5.0]})
    row = features(raw, nobody).row(0, named=True)
    assert row.pop("transaction_count") == 0
    assert set(row.values()) == {None}


def test_windows_as_long_as_the_history_are_not_built() -> None:
    assert "count_30d" in CATALOGUE.features
    assert "count_60d" not in CATALOGUE.features


def test_the_published_inputs_are_there_under_their_names() -> None:
    categories = [
        "data_bundles",
        "financial_services",
        "movies",
        "other",
        "ticket",
        "transport",
        "tv",
        "utility_bill",
    ]
    published = [
        *("CountryCode", "Amount", "Value", "PricingStrategy", "FraudResult"),
        *(f"transaction_{part}" for part in ("hour", "day", "month", "year", "dayofweek", "week")),
        *(f"{short}_transaction_amount" for short in ("total", "avg", "std", "min", "max", "median")),
        "transaction_count",
        *(f"ProductCategory_{name}" for name in categories),
    ]
    assert len(published) == 26
    assert set(published) <= set(Catalogue(30).features)


def test_when_is_off_by_default() -> None:
    off = {name for name, feature in CATALOGUE.features.items() if not feature.default}
    assert off == CALENDAR | {"FraudResult"}


def test_levels_are_learned_from_decisions_not_from_rows() -> None:
    known = pl.DataFrame(
        {"decision": [*range(100), *[0] * 50], "ProductCategory": ["tv"] * 100 + ["rare"] * 50}
    )
    known = known.with_columns(
        pl.lit(None, pl.String).alias(c) for c in ("ProductId", "ProviderId", "ChannelId", "PricingStrategy")
    )
    assert learn_levels(known) == {}
    more = known.with_columns(
        ProductCategory=pl.when(pl.col("decision") < 3).then(pl.lit("rare")).otherwise("ProductCategory")
    )
    assert learn_levels(more) == {"ProductCategory": ("tv", "rare"), "crossed": ("tv", "rare")}


def test_the_catalogue_survives_json() -> None:
    for catalogue in (CATALOGUE, replace(CATALOGUE, balance_column=True)):
        assert Catalogue.from_dict(catalogue.to_dict()) == catalogue
    older = CATALOGUE.to_dict()
    del older["balance_column"]
    assert Catalogue.from_dict(older) == CATALOGUE


def test_the_document_is_the_catalogue() -> None:
    written = ROOT / "data" / "FEATURES.md"
    assert written.read_text() == documentation(), "run python scripts/feature_table.py > data/FEATURES.md"


@pytest.mark.parametrize("name", list(Catalogue(366, {"ProductCategory": ("x",)}).features))
def test_every_feature_has_a_meaning(name: str) -> None:
    feature = Catalogue(366, {"ProductCategory": ("x",)}).features[name]
    assert feature.meaning
    assert feature.topic


def test_a_quotient_is_one_number_over_another_and_null_over_nothing() -> None:
    attributes = (Attribute("limit_bal", "number"), Attribute("home", "category"))
    catalogue = Catalogue(
        60, attributes=attributes, ratios=(("monetary", "limit_bal"), ("recency", "tenure"))
    )
    assert Catalogue.from_dict(json.loads(json.dumps(catalogue.to_dict()))) == catalogue
    raw = pl.DataFrame(
        {
            "CustomerId": ["a"] * 2,
            "Amount": [5.0, -3.0],
            "TransactionStartTime": [AS_OF - timedelta(days=d) for d in (2, 8)],
        }
    )
    decisions = pl.DataFrame(
        {"CustomerId": ["a", "a"], "as_of": [AS_OF] * 2, "limit_bal": [16.0, 0.0], "home": ["own", None]}
    )
    table = customer_features(tidy_table(raw), decisions, catalogue)
    assert table["monetary_to_limit_bal"].to_list() == [0.5, None]
    assert table["recency_to_tenure"].to_list() == [0.25, 0.25]


@pytest.mark.parametrize("name", ["limit", "home", "ChannelId"])
def test_what_is_no_number_cannot_be_divided(name: str) -> None:
    attributes = (Attribute("limit_bal", "number"), Attribute("home", "category"))
    with pytest.raises(ValueError, match=f"ratios: {name} is no number among the attributes and features; "):
        _ = Catalogue(60, attributes=attributes, ratios=(("monetary", name),)).features
