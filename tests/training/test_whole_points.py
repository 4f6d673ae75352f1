"""A card with whole points is served as what its points say, and how it ranks is said."""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from applications import ATTRIBUTES, applications
from credit_model.data.decisions import read_decisions
from credit_model.data.transactions import SCHEMA, tidy_table
from credit_model.reporting import tables
from credit_model.scoring.scorer import Scorer
from credit_model.settings.settings import resolve
from credit_model.training import workflow
from credit_model.training.whole_points import RankCheck
from credit_model.training.workflow import TrainingResult

NONE = tidy_table(pl.DataFrame(schema=SCHEMA))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    path = tmp_path_factory.mktemp("points") / "o.csv"
    applications(700, 2)[0].write_csv(path)
    words = {"outcomes": str(path), "attributes": ",".join(ATTRIBUTES), "candidate": "scorecard"}
    return workflow.run(
        resolve("train", words | {"history_days": "30", "points": "integer", "approval_rate": "0.4"})
    )


def test_every_served_score_is_the_sum_of_its_whole_points(result: TrainingResult, tmp_path: Path) -> None:
    result.trained.scorer.save(tmp_path / "scorer")
    served = Scorer.load(tmp_path / "scorer")
    fresh = applications(300, 9)[0]
    columns = {name: fresh[name] for name in ("CustomerId", *ATTRIBUTES)}
    decisions = read_decisions(columns, 300, served.scalars, datetime(2024, 6, 1))
    answers = served.answer(NONE, decisions)
    points, total = tables.points(result.trained), np.zeros(300)
    features = served.plan.compute(served.history(NONE, decisions).frame, decisions.frame)
    for binning in result.trained.scorecard.binnings:
        own = points.filter(pl.col("feature") == binning.feature)["points"].to_numpy()
        assert (own == np.round(own)).all()
        total += own[binning.index(features[binning.feature])]
    assert answers["score"].to_list() == total.tolist()
    np.testing.assert_allclose(answers["probability"], served.scale.probability(total), rtol=1e-6)
    assert len(set(total)) > 20


def test_the_check_is_that_of_scipy_and_scikit_learn(result: TrainingResult) -> None:
    check, trained = result.whole_points, result.trained
    assert check is not None
    table = trained.dataset.features.filter(pl.Series(trained.dataset.modelled))
    card = trained.scorecard
    exact = card.neutral - sum(
        weight * binning.woe(table[binning.feature])
        for weight, binning in zip(card.weights, card.binnings, strict=True)
    )
    rounded = card.margin(table)
    assert check.correlation == pytest.approx(spearmanr(exact, rounded).statistic)
    assert check.exact == pytest.approx(roc_auc_score(trained.dataset.bad, exact))
    assert check.rounded == pytest.approx(roc_auc_score(trained.dataset.bad, rounded))
    assert check.sentence in result.summary


@pytest.mark.parametrize(("rounded", "warned"), [(0.7019, False), (0.7021, True), (0.6979, True)])
def test_an_auc_that_differs_is_warned_of(rounded: float, warned: bool) -> None:
    assert ("warning" in RankCheck(0.99, 0.7, rounded).sentence) == warned


def test_the_reference_holds_whole_scores(result: TrainingResult) -> None:
    reference = result.trained.scorer.reference
    assert reference is not None
    assert all(edge * 2 == round(edge * 2) for edge in reference.score.edges)


def test_a_business_target_sets_the_served_bands(result: TrainingResult) -> None:
    trained = result.trained
    scored = ~np.isnan(trained.probability)
    limit = trained.scorer.bands.limits[0]
    assert (trained.probability[scored] < limit).mean() == pytest.approx(0.4, abs=0.02)
    assert result.used["bands"] == "by approval_rate=0.4"
    predicted = trained.probability[scored] >= trained.scorer.bands.threshold
    assert result.figures["grouped_true_positives"] == (predicted & (trained.dataset.bad[scored] == 1)).sum()
