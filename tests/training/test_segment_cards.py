"""Scorecards by segment: fitted where there are cases enough, kept where they surely gain, dispatched by the level alone."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

import credit_model
from applications import applications
from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.models.classifier import Case
from credit_model.models.load import load_classifier
from credit_model.models.scorecard import Scorecard
from credit_model.models.segmented import Segmented
from credit_model.operations.export import _refused
from credit_model.reporting.document_development import candidates
from credit_model.reporting.document_scorecard import scorecard
from credit_model.reporting.page import Note, Section
from credit_model.reporting.tables import documents, segment_points
from credit_model.serving.batch import score_tables
from credit_model.settings.settings import resolve
from credit_model.training.cross_validation import Cases
from credit_model.training.fit_linear import fit_scorecard
from credit_model.training.segment_cards import LEAST, SEGMENTED, check_segment, fit_segmented
from credit_model.training.train import _winner
from credit_model.training.workflow import TrainingResult
from credit_model.training.yardstick import YARDSTICK
from quick import quick_yardstick

ROWS = 1200
NONE = tidy_table(pl.DataFrame(schema=SCHEMA))
PARAMETERS = {"characteristics": 15, "correlation": 0.7, "c": 0.5, "segment": "product"}


def cases(turn: float, seed: int = 1) -> tuple[pl.DataFrame, np.ndarray]:
    """A risk that rises with ``x`` for one product, and ``turn`` times as much for the other."""
    random = np.random.default_rng(seed)
    product = random.choice(["card", "loan"], ROWS)
    x, y = random.normal(size=ROWS), random.normal(size=ROWS)
    logit = np.where(product == "card", 1.5 * x, turn * 1.5 * x) + 0.7 * y - 1
    bad = (random.uniform(size=ROWS) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    rare = random.uniform(size=ROWS) < 0.03
    level = pl.Series(np.where(rare, "rare", product)).set(pl.Series(random.uniform(size=ROWS) < 0.02), None)
    return pl.DataFrame({"x": x, "y": y, "product": level}), bad


def fitted(turn: float = -1.0) -> tuple[Segmented, pl.DataFrame, np.ndarray]:
    table, bad = cases(turn)
    card = fit_segmented(table, bad, 1, {}, PARAMETERS)
    assert isinstance(card, Segmented)
    return card, table, bad


def test_each_level_with_cases_enough_has_the_card_of_its_own_cases() -> None:
    card, table, bad = fitted()
    assert set(card.cards) == {"card", "loan"}
    assert card.common == fit_scorecard(table, bad, 1, {}, PARAMETERS)
    rows = (table["product"] == "loan").fill_null(value=False)
    own = fit_scorecard(table.filter(rows).drop("product"), bad[rows.to_numpy()], 1, {}, PARAMETERS)
    assert card.cards["loan"] == own
    np.testing.assert_allclose(
        card.margin(table)[rows.to_numpy()], own.margin(table.filter(rows)), atol=1e-12
    )


def test_an_unseen_level_and_none_have_the_common_card() -> None:
    card, table, _ = fitted()
    for level in ("rare", "never seen", None):
        other = table.with_columns(product=pl.lit(level, dtype=pl.String))
        np.testing.assert_allclose(card.margin(other), card.common.margin(other), atol=1e-12)


def test_contributions_add_up_for_tables_and_for_one_case() -> None:
    card, table, _ = fitted()
    margin, contributions = card.margin_and_contributions(table)
    np.testing.assert_allclose(card.neutral + contributions.sum(axis=1), margin, atol=1e-12)
    for place in range(5):
        one = Case(table.row(place, named=True))
        np.testing.assert_allclose(card.margin(one), margin[place], atol=1e-12)
        np.testing.assert_allclose(card.contributions(one)[0], contributions[place], atol=1e-12)
    empty = Case({"x": None, "y": None, "product": None})
    assert np.isfinite(card.margin(empty)).all()
    assert card.margin(table.clear()).shape == (0,)


def test_it_is_read_as_it_was_saved(tmp_path: Path) -> None:
    card, table, _ = fitted()
    card.save(tmp_path)
    again = load_classifier(tmp_path)
    assert again == card
    np.testing.assert_array_equal(again.margin(table), card.margin(table))


def test_without_cases_enough_there_is_the_common_card_alone() -> None:
    table, bad = cases(1.0)
    few = pl.Series(np.cumsum(bad) < LEAST)
    rows = (few | ~table["product"].is_in(["card", "loan"])).fill_null(value=True).to_numpy()
    assert isinstance(fit_segmented(table.filter(rows), bad[rows], 1, {}, PARAMETERS), Scorecard)
    assert isinstance(fit_segmented(table.drop("product"), bad, 1, {}, PARAMETERS), Scorecard)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("prodct", r"prodct is none of the attributes and categories that vary; did you mean product\?"),
        ("x", "x is a number; choose from product"),
    ],
)
def test_what_is_no_text_is_no_segment(column: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^segment: {said}"):
        check_segment(column, cases(1.0)[0])
    check_segment("product", cases(1.0)[0])
    check_segment(None, cases(1.0)[0])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            {"candidate": "forest"},
            "segment: its cards are scorecards, and the candidate is forest; give candidate",
        ),
        ({"points": "integer"}, "points: whole points are of one scorecard; leave segment out, or points"),
    ],
)
def test_segments_are_of_the_scorecard_with_exact_points(texts: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        resolve("train", {"segment": "product", **texts})


@pytest.fixture(scope="module")
def turned() -> TrainingResult:
    """Trained where the risk turns with the product."""
    table, bad = cases(-1.0)
    people, _ = applications(ROWS, 1)
    outcomes = people.select("CustomerId", "as_of", defaulted=pl.Series(bad)).hstack(table)
    known: dict[str, Any] = {"attributes": ["x", "y", "product"], "history_days": 30, "split": "random"}
    with quick_yardstick():
        return credit_model.train(outcomes=outcomes, candidate="scorecard", segment="product", **known).result


@pytest.fixture
def alike(turned: TrainingResult) -> TrainingResult:
    """The same with a gain that is within its error, and the common card served."""
    trained = turned.trained
    assert trained.segments is not None
    segments = replace(trained.segments, auc=(0.7, 0.69), interval=(-0.01, 0.03))
    common = replace(trained, segments=segments, winner="scorecard", scorer=trained.primary)
    return replace(turned, trained=common)


def text(section: Section) -> str:
    blocks = (block.text if isinstance(block, Note) else block for block in section.blocks)
    return " ".join(block for block in blocks if isinstance(block, str))


PICTURES = {"binnings.png": Figure(), "candidates.png": Figure()}


def test_they_are_served_where_their_gain_is_beyond_its_error(turned: TrainingResult) -> None:
    segments, model = turned.trained.segments, turned.trained.scorer.classifier
    assert segments is not None
    assert segments.interval[0] > 0
    assert turned.trained.winner == SEGMENTED
    assert isinstance(model, Segmented)
    assert model.common == turned.trained.scorecard
    assert segments.sentence in turned.summary
    said = text(scorecard(turned, PICTURES))
    assert "Scorecards by segment are served" in said
    assert "which is beyond its error" in said
    assert "scorecards by segment rank better beyond the error" in text(candidates(turned, PICTURES))


def test_the_common_card_is_served_where_it_is_not(alike: TrainingResult) -> None:
    recipe, trained = alike.sample.recipe, alike.trained
    known = Cases.of(trained.dataset, trained.dataset.modelled)
    results = {**trained.comparison, "blend": trained.comparison[YARDSTICK]}
    for candidate in ("scorecard", "auto"):
        asked = replace(recipe, candidate=candidate, tolerance=0.5)
        assert _winner(results, known, asked, trained.segments, choosable=True) == "scorecard"
    said = text(scorecard(alike, PICTURES))
    assert "not beyond its error, so that the common one stands" in said
    assert "Scorecards by segment are not served; the winner is scorecard" in said
    assert "The one that was asked for is served" in text(candidates(alike, PICTURES))
    assert segment_points(alike.trained) is None


def test_points_of_a_cases_card_add_up_to_its_score(turned: TrainingResult) -> None:
    scorer, features = turned.trained.scorer, turned.trained.dataset.features
    points = segment_points(turned.trained)
    assert points is not None
    assert "scorecard/segments.csv" in documents(turned)
    model = scorer.classifier
    assert isinstance(model, Segmented)
    score = scorer.scale.score(scorer.calibrator.probability(model.margin(features)))
    for level, card in model.cards.items():
        row = features.with_row_index("place").filter(pl.col("product") == level).head(1)
        own = points.filter(pl.col("product") == level)
        total = 0.0
        for binning in card.binnings:
            of_bin = own.filter(pl.col("feature") == binning.feature)["points"]
            total += of_bin[int(binning.index(row[binning.feature])[0])]
        assert total == pytest.approx(score[int(row["place"][0])])


def test_it_scores_and_gives_reasons(turned: TrainingResult) -> None:
    decisions = pl.DataFrame(
        {
            "CustomerId": ["a", "b", "c"],
            "x": [2.0, 2.0, 2.0],
            "y": [0.0, 0.0, 0.0],
            "product": ["card", "loan", None],
        }
    )
    answers = score_tables(turned.trained.scorer, NONE, decisions, datetime(2025, 1, 1))
    card, loan, none = answers["probability"].to_list()
    assert loan < none < card, "the risk turns with the product"
    assert all(reasons for reasons in answers["reasons"].to_list()[:1])


def test_sql_is_refused_with_what_to_do(tmp_path: Path) -> None:
    said = _refused("models:/m", SEGMENTED, tmp_path)
    assert (
        "a scorecard for each segment, and SQL holds one; export the primary scorecard of its training"
        in said
    )
