"""A scorecard as SQL scores a table of features as the model scores transactions, whatever its bins, levels and calibration."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model.data.decisions import Attribute, read_decisions
from credit_model.data.transactions import tidy_table
from credit_model.features import offline_table
from credit_model.features.catalogue import Catalogue
from credit_model.features.plan import FeaturePlan
from credit_model.models.binning import Binning
from credit_model.models.logistic import Linear, Term
from credit_model.models.scorecard import Scorecard
from credit_model.reporting.export.dialects import DIALECTS
from credit_model.reporting.export.sql import scorecard_sql
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.scorer import Scorer
from credit_model.serving.batch import score_tables
from credit_model.synthetic import generate
from credit_model.training.whole_points import points_of_bins, rounded
from scorers import small_scorer

ODD = "a \"b\" `c` 'd' \\n\n${e} -- f"
NUMBERS, TEXTS = ("recency", "monetary"), ("ProductCategory", ODD)
ATTRIBUTES = (Attribute(ODD, "category"),)
AS_OF = datetime(2019, 2, 1)
ANSWERED = ("CustomerId", "as_of", "status", "probability", "score", "prediction", "risk_level", "decision")
small = st.floats(-3, 3)
edges = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5, unique=True).map(sorted)
levels = st.lists(
    st.sampled_from(["airtime", "it's", "\\", "", "tv", "Ü\n--", "${x}"]), unique=True, max_size=5
)
values = st.none() | st.floats() | st.sampled_from([0.0, 1.0, -1.0])


def on_duckdb(statement: str, features: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001, DuckDB finds it by its name
    found = duckdb.sql(statement)
    assert found is not None
    table: pl.DataFrame = found.pl()
    return table


@st.composite
def binnings(draw: st.DrawFn, feature: str) -> Binning:
    inner = tuple(draw(edges)) if feature in NUMBERS else ()
    groups: tuple[tuple[str, ...], ...] = ()
    if feature in TEXTS:
        groups = tuple((level,) for level in draw(levels))
    bins = (len(inner) + 1 if inner else max(len(groups), 1)) + 2
    evidence = tuple(draw(st.lists(small, min_size=bins, max_size=bins)))
    groups = groups or ((),) if feature in TEXTS else ()
    kind: Any = "numeric" if inner else "categorical"
    return Binning(feature, kind, inner, groups, (9,) * bins, (1,) * bins, evidence)


@st.composite
def terms(draw: st.DrawFn, feature: str) -> Term:
    if feature in TEXTS:
        return Term(feature, (), (), {level: draw(small) for level in draw(levels)}, draw(small), draw(small))
    knots = tuple(draw(edges))
    return Term(feature, knots, tuple(draw(small) for _ in knots), {}, draw(small), 0.0)


@st.composite
def parts(draw: st.DrawFn) -> dict[str, Any]:
    """Those of any additive model: its table of features is given, so that its catalogue only names them."""
    inputs = draw(st.lists(st.sampled_from([*NUMBERS, *TEXTS]), min_size=1, unique=True))
    slope, intercept = draw(st.floats(0.2, 3)), draw(small)
    knots = tuple(draw(edges))
    probabilities = tuple(sorted(draw(st.lists(st.floats(0, 1), min_size=len(knots), max_size=len(knots)))))
    calibrator = draw(
        st.sampled_from(
            [
                Calibrator("sigmoid", slope, intercept),
                Calibrator("isotonic", knots=knots, levels=probabilities),
            ]
        )
    )
    model: Scorecard | Linear = draw(
        st.builds(
            Scorecard,
            st.tuples(*map(binnings, inputs)),
            st.tuples(*(st.floats(0, 2) for _ in inputs)),
            small,
        )
        | st.builds(Linear, st.tuples(*map(terms, inputs)), small)
    )
    silent = draw(st.none() | st.just(0.25))
    attributes = draw(st.sampled_from([(), ATTRIBUTES])) if ODD not in inputs else ATTRIBUTES
    return {
        "catalogue": Catalogue(30, attributes=attributes),
        "classifier": model,
        "calibrator": calibrator,
        "no_history_probability": silent,
    }


@pytest.fixture(scope="module")
def small_card() -> Scorer:
    return small_scorer()


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    texts = st.none() | st.sampled_from(["airtime", "it's", "\\", "", "tv", "Ü\n--", "${x}", "never seen"])
    row = st.fixed_dictionaries(
        {
            "status": st.sampled_from(["computed", "computed", "no_history", "invalid"]),
            "CurrencyCode": st.sampled_from(["UGX", None, "KES"]),
            **dict.fromkeys(NUMBERS, values),
            **dict.fromkeys(TEXTS, texts),
        }
    )
    rows = draw(st.lists(row, min_size=1, max_size=8))
    schema = {name: pl.Float64 if name in NUMBERS else pl.String for name in rows[0]}
    key = pl.int_range(pl.len()).cast(pl.String)
    return pl.DataFrame(rows, schema=schema).with_columns(CustomerId=key, as_of=pl.lit("2019-02-01"))


def judged(scorer: Scorer, features: pl.DataFrame) -> pl.DataFrame:
    """What the parts of a model make of a table of features."""
    faulty = (pl.col("status") == "invalid") | (pl.col("CurrencyCode") != "UGX").fill_null(value=False)
    scored = pl.when(pl.col("status") == "computed").then(pl.lit("scored")).otherwise(pl.lit("no_history"))
    status = features.select(status=pl.when(faulty).then(pl.lit("invalid")).otherwise(scored))["status"]
    rows = scorer.judged(status.to_numpy())
    margin, probability = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    if scorer.no_history_probability is not None:
        probability[(status == "no_history").to_numpy()] = scorer.no_history_probability
    margin[rows] = scorer.classifier.margin(features.filter(pl.Series(rows)))
    probability[rows] = scorer.calibrator.probability(margin[rows])
    bands = scorer.bands.assign(probability)
    decision = [
        word if state == "scored" else "review" for word, state in zip(bands.decision, status, strict=True)
    ]
    numbers = {
        "margin": margin,
        "probability": probability,
        "score": scorer.scale.score(probability),
        "prediction": bands.prediction,
    }
    known = pl.DataFrame({name: pl.Series(values, nan_to_null=True) for name, values in numbers.items()})
    texts = {
        "status": status,
        "risk_level": pl.Series(bands.risk_level, dtype=pl.String),
        "decision": pl.Series(decision, dtype=pl.String),
    }
    return features.select("CustomerId").hstack(known).with_columns(**texts)


@settings(max_examples=25)
@given(parts=parts(), features=tables())
def test_any_card_scores_any_table_as_the_model_does(
    small_card: Scorer, parts: dict[str, Any], features: pl.DataFrame
) -> None:
    scorer = replace(small_card, **parts)
    found = on_duckdb(scorecard_sql(scorer, "duckdb"), features).sort("CustomerId")
    expected = judged(scorer, features)
    limits = [*scorer.bands.limits, scorer.bands.threshold]
    certain = [p is None or min(abs(p - limit) for limit in limits) > 1e-9 for p in expected["probability"]]
    both = [table.select(expected.columns).filter(pl.Series(certain)) for table in (found, expected)]
    assert_frame_equal(*both, rel_tol=1e-9, abs_tol=1e-9)
    if scorer.calibrator.kind == "sigmoid":
        within = found.filter(
            pl.col("probability").is_between(1e-5, 1 - 1e-5), pl.col("margin").is_not_null()
        )
        own = [name for name in found.columns if name.startswith("points_")]
        total = within.select(pl.sum_horizontal(own)).to_series()
        assert np.allclose(total.to_numpy(), within["score"].to_numpy(), atol=1e-6)


@pytest.fixture(scope="module")
def whole_card(small_card: Scorer) -> Scorer:
    assert isinstance(small_card.classifier, Scorecard)
    card = rounded(small_card.classifier, small_card.calibrator, small_card.scale)
    return replace(small_card, classifier=card, scale=replace(small_card.scale, whole=True))


def some_decisions(raw: pl.DataFrame) -> pl.DataFrame:
    people = raw["CustomerId"].unique().sort()
    moments = [datetime(2018, 12, 1 + place % 28) for place in range(len(people))]
    return pl.DataFrame({"CustomerId": people, "as_of": moments}).sort("CustomerId")


def features_of(scorer: Scorer, raw: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    asked = read_decisions({name: decisions[name] for name in decisions.columns}, decisions.height)
    plan = FeaturePlan(scorer.catalogue, tuple(scorer.catalogue.features))
    return offline_table.computed(tidy_table(raw), asked, plan)


@pytest.mark.parametrize("whole", [False, True])
def test_from_transactions_to_the_answer(whole: bool, small_card: Scorer, whole_card: Scorer) -> None:
    scorer = whole_card if whole else replace(small_card, no_history_probability=0.3)
    raw = generate.transactions(customers=80, seed=5)
    decisions = some_decisions(raw)
    found = on_duckdb(scorecard_sql(scorer, "duckdb"), features_of(scorer, raw, decisions)).sort("CustomerId")
    answer = score_tables(scorer, tidy_table(raw), decisions, AS_OF)
    assert set(answer["status"]) == {"scored", "no_history"}
    assert_frame_equal(found.select(ANSWERED), answer.select(ANSWERED), rel_tol=1e-9, abs_tol=1e-9)
    points = found.filter(pl.col("status") == "scored").select("^points_.*$")
    whole_points = (points == points.select(pl.all().round())).select(pl.all().all()).row(0)
    assert all(whole_points) == whole
    assert isinstance(scorer.classifier, Scorecard)
    each = points_of_bins(scorer.classifier, scorer.calibrator, scorer.scale)[0]
    assert np.isin(points.to_series(0).round(9).to_numpy(), np.round(each, 9)).all()


def test_names_that_a_dialect_does_not_tell_apart(small_card: Scorer) -> None:
    two = Catalogue(30, {"ProductCategory": ("tv", "TV")})
    term = Term("share_ProductCategory_tv", (0.0,), (1.0,), {}, 0.0, 0.0)
    scorer = replace(small_card, catalogue=two, classifier=Linear((term,), 0.0))
    for dialect in ("duckdb", "spark"):
        with pytest.raises(
            ValueError, match="does not tell the columns share_ProductCategory_tv and share_Product"
        ):
            scorecard_sql(scorer, dialect)
    assert '"share_ProductCategory_tv"' in scorecard_sql(scorer, "postgres")


def test_quotes_of_each_dialect() -> None:
    assert [d.name('a"`b') for d in DIALECTS.values()] == ['"a""`b"', '"a""`b"', '`a"``b`']
    assert [d.text("it's \\ $") for d in DIALECTS.values()] == [
        "'it''s \\ $'",
        "'it''s \\ $'",
        "'it\\'s \\\\ \\u0024'",
    ]
