"""The contributions of a decision's inputs are the classifier's own, and add up to the score that the decision got."""

import math
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from credit_model.data.decisions import Attribute, read_decisions
from credit_model.data.transactions import tidy_table
from credit_model.features.catalogue import Catalogue
from credit_model.models.logistic import Linear, Term
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.contributions import (
    CALIBRATION,
    SCHEMA,
    START,
    contributions_in_points,
    in_points,
    names_of,
    points_of_one,
)
from credit_model.scoring.policy import Bands
from credit_model.scoring.scale import Scale
from credit_model.scoring.scorer import Scorer
from credit_model.serving import batch
from credit_model.serving.jobs import Job
from credit_model.synthetic import generate
from credit_model.training.fit_reasons import fit_reasons
from credit_model.training.language import built_in
from scorers import small_scorer

AS_OF = datetime(2019, 2, 10)


def explained(scorer: Scorer, customers: int = 60) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Answers, features and contributions of some customers, one of them unknown and one without a name."""
    transactions = tidy_table(generate.transactions(customers=customers, seed=3))
    names = [*transactions.frame["CustomerId"].unique().sort(), "nobody", None]
    columns = {"CustomerId": names, **{name: [2.0] * len(names) for name in scorer.numbers}}
    decisions = read_decisions(columns, len(names), scorer.scalars, AS_OF)
    history = scorer.history(transactions, decisions)
    answer = scorer.answer_history(history, decisions)
    features = scorer.plan.compute(history.frame, decisions.frame)
    return answer, features, contributions_in_points(scorer, history, decisions, answer)


def linear(*attributes: Attribute) -> Scorer:
    names = ("recency", *(attribute.name for attribute in attributes))
    terms = tuple(Term(name, (0.0, 30.0), (-1.5, 1.5), {}, 0.4, 0.0) for name in names)
    parts = (
        Linear(terms, neutral=-1.0),
        Calibrator("isotonic", knots=(-2.0, 0.0, 2.0), levels=(0.02, 0.2, 0.9)),
    )
    catalogue = Catalogue(60, attributes=attributes)
    goods = pl.DataFrame({name: [1.0, 3.0, 30.0] for name in names})
    reasons = fit_reasons(catalogue, names, goods, built_in("en"), None, 0.02)
    return Scorer(catalogue, *parts, Scale(40, 500, 10), Bands(), reasons, "observed_default")


@given(st.floats(-4, 4), st.floats(0, 1_000))
def test_the_points_of_one_decision_are_those_of_many(push: float, score: float) -> None:
    scorer = linear()
    (many,) = in_points(scorer.scale, -1.0, np.array([[push]]), np.array([score]))
    one = points_of_one(scorer, np.array([push]), score)
    assert list(one) == names_of(scorer.classifier.inputs)
    assert list(one.values()) == pytest.approx(list(many), abs=1e-9)


@pytest.mark.parametrize("scorer", [small_scorer(), linear(), linear(Attribute("income", "number"))])
def test_the_points_of_a_decision_add_up_to_its_score(scorer: Scorer) -> None:
    answer, _, rows = explained(scorer)
    judged = scorer.judged(answer["status"].to_numpy())
    assert 0 < judged.sum() < answer.height
    sums = rows.group_by("row", maintain_order=True).agg(pl.col("points").sum())
    assert sums["row"].to_list() == np.flatnonzero(judged).tolist()
    assert sums["points"].to_numpy() == pytest.approx(
        answer["score"].filter(pl.Series(judged)).to_numpy(), abs=1e-9
    )


def test_each_input_has_its_own_contribution_and_value() -> None:
    scorer = small_scorer()
    answer, features, rows = explained(scorer)
    judged = pl.Series(answer["status"] == "scored")
    features, contributions = (
        features.filter(judged),
        scorer.classifier.contributions(features.filter(judged)),
    )
    unit = scorer.scale.score(np.array([1 / (1 + math.e)])) - scorer.scale.score(np.array([0.5]))
    for place, name in enumerate(scorer.classifier.inputs):
        mine = rows.filter(pl.col("feature") == name)
        assert mine["points"].to_numpy() == pytest.approx(-unit[0] * contributions[:, place])
        assert mine["value"].to_list() == features[name].cast(pl.String).to_list()
    assert rows["feature"].head(6).to_list() == [START, *scorer.classifier.inputs, CALIBRATION]


def test_where_calibration_changes_nothing_its_row_is_zero() -> None:
    _, _, rows = explained(small_scorer())
    assert rows.filter(pl.col("feature") == CALIBRATION)["points"].to_numpy() == pytest.approx(0, abs=1e-9)


def test_nobody_judged_gives_no_row() -> None:
    assert explained(small_scorer(), customers=2)[2].height > 0
    scorer = small_scorer()
    decisions = read_decisions({"CustomerId": ["nobody"]}, 1, (), AS_OF)
    history = scorer.history(tidy_table(generate.transactions(customers=2, seed=3)), decisions)
    rows = contributions_in_points(scorer, history, decisions, scorer.answer_history(history, decisions))
    assert (rows.height, dict(rows.schema)) == (0, SCHEMA)


def test_files_are_explained_piece_by_piece_in_the_order_of_the_decisions(tmp_path: Path) -> None:
    transactions = generate.transactions(customers=40, seed=3)
    transactions.write_parquet(tmp_path / "t.parquet")
    whom = transactions.select("CustomerId").unique().sort("CustomerId").reverse()
    whom.write_parquet(tmp_path / "d.parquet")
    explain = str(tmp_path / "c.parquet")
    job = Job(
        "", str(tmp_path / "t.parquet"), str(tmp_path / "d.parquet"), as_of=AS_OF.isoformat(), explain=explain
    )
    tables = []
    for rows_at_once in (100, 100_000):
        with batch.scored(job, small_scorer(), rows_at_once) as scored:
            tables.append(pl.concat(scored.contributions_in_order()))
            answer = pl.concat(scored.in_order())
    assert_frame_equal(*tables)
    sums = tables[0].group_by("row", maintain_order=True).agg(pl.col("points").sum(), pl.first("CustomerId"))
    assert sums["CustomerId"].to_list() == answer.filter(pl.col("status") == "scored")["CustomerId"].to_list()


def test_contributions_are_nobodys_business_unless_asked_for(tmp_path: Path) -> None:
    generate.transactions(customers=5, seed=3).write_parquet(tmp_path / "t.parquet")
    with batch.scored(
        Job("", str(tmp_path / "t.parquet"), as_of=AS_OF.isoformat()), small_scorer()
    ) as scored:
        assert list(scored.contributions_in_order()) == []
