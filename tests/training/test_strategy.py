"""What a cut-off leads to by plain counting; a target is reached; nobody approved or rejected is said."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from credit_model.features.catalogue import Catalogue
from credit_model.scoring.policy import Bands
from credit_model.settings.kinds import Levels
from credit_model.settings.settings import Settings, resolve
from credit_model.training.dataset import Dataset
from credit_model.training.sample import Recipe
from credit_model.training.strategy import (
    Target,
    approve_limit,
    decisions,
    lines,
    strategy,
    target_of,
    with_target,
)
from credit_model.training.train import Trained
from scorers import small_scorer

COSTS = (10.0, 1.0)


def drawn(rows: int = 1_000, seed: int = 1, decimals: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probability = random.beta(2, 8, rows).round(decimals)
    return (random.random(rows) < probability).astype(np.int8), probability


@pytest.mark.parametrize("decimals", [12, 2])
def test_every_row_is_what_counting_gives(decimals: int) -> None:
    bad, probability = drawn(decimals=decimals)
    table = strategy(bad, probability, COSTS)
    assert table["approved"][0] == 0
    assert table["bad_rate"][0] is None
    assert table["approved"][-1] == len(bad)
    for row in table.to_dicts():
        approved = probability < row["cut_off"]
        assert row["approved"] == approved.sum()
        assert row["approval_rate"] == pytest.approx(approved.mean())
        assert row["bads_approved"] == bad[approved].sum()
        assert row["cost"] == pytest.approx(
            (10 * bad[approved].sum() + (bad[~approved] == 0).sum()) / len(bad)
        )
        if approved.any():
            assert row["bad_rate"] == pytest.approx(bad[approved].mean())
    steps = [share / 20 for share in range(1, 21)]
    assert all((table["approval_rate"] >= share).any() for share in steps)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.61, 0.99])
def test_the_share_approved_is_the_one_asked_for(rate: float) -> None:
    bad, probability = drawn()
    limit = approve_limit(bad, probability, Target("approval_rate", rate))
    assert (probability < limit).mean() == pytest.approx(rate, abs=0.5 / len(bad))
    few = probability.round(1)
    near = approve_limit(bad, few, Target("approval_rate", rate))
    shares = [(few <= value).mean() for value in np.unique(few)]
    assert (few < near).mean() == pytest.approx(min(shares, key=lambda share: abs(share - rate)))


@pytest.mark.parametrize("rate", [0.08, 0.12, 0.5])
def test_as_many_are_approved_as_the_bad_rate_allows(rate: float) -> None:
    bad, probability = drawn()
    limit = approve_limit(bad, probability, Target("bad_rate", rate))
    assert bad[probability < limit].mean() <= rate
    for more in np.unique(probability[probability > limit]):
        assert bad[probability <= more].mean() > rate


def test_a_bad_rate_that_nobody_has_is_refused_with_the_lowest_there_is() -> None:
    bad, probability = drawn()
    everybody = np.ones_like(bad)
    with pytest.raises(
        ValueError, match=r"bad_rate: the lowest bad rate .* is 100\.00%; give a bad_rate above"
    ):
        approve_limit(everybody, probability, Target("bad_rate", 0.02))


def judged(bad: np.ndarray, probability: np.ndarray, active: np.ndarray | None = None) -> Trained:
    """A trained model, as far as a strategy looks at it."""
    rows = len(bad)
    frame = pl.DataFrame({"CustomerId": [str(n) for n in range(rows)], "bad": bad})
    frame = frame.with_columns(as_of=datetime(2024, 1, 1), part=pl.lit("train"))
    history = np.ones(rows) if active is None else active
    dataset = Dataset(frame, pl.DataFrame({"transaction_count": history}), Catalogue(60), None, 0)
    figures = {"grouped_precision": -1.0, "grouped_roc_auc": 0.7}
    trained: Any = SimpleNamespace(
        dataset=dataset,
        probability=probability,
        test_probability=np.full(rows, np.nan),
        scorer=small_scorer(),
        figures=figures,
    )
    return cast(Trained, trained)


def test_a_decision_without_history_is_reviewed_whatever_its_probability() -> None:
    bad, probability = drawn()
    active = (np.arange(len(bad)) % 4 > 0).astype(float)
    made = np.array(decisions(judged(bad, probability, active).dataset, probability, Bands()))
    assert set(made[active == 0]) == {"review"}
    assert (made[active > 0] == np.array(Bands().assign(probability).decision)[active > 0]).all()


def told(bands: Bands, settings: Settings, probability: np.ndarray | None = None) -> list[str]:
    bad, drawn_probability = drawn()
    trained: Any = judged(bad, drawn_probability if probability is None else probability)
    trained.scorer = replace(trained.scorer, bands=bands)
    return lines(trained, settings)


OBSERVED = Settings(outcomes="x")


def test_bands_that_approve_and_reject_some_need_no_word() -> None:
    assert told(Bands(limits=(0.1, 0.3), threshold=0.3), OBSERVED) == []


@pytest.mark.parametrize(
    ("bands", "settings", "said"),
    [
        (
            Bands(limits=(1e-9, 0.3), threshold=0.3),
            OBSERVED,
            "nobody is approved out of fold, with bands set by costs of 10 to 1",
        ),
        (Bands(limits=(0.1, 0.99), threshold=0.3), OBSERVED, "nobody is rejected out of fold"),
        (Bands(limits=(1e-9, 0.3), threshold=0.3), Settings(), "as the defaults of a proxy"),
        (
            Bands(limits=(1e-9, 0.3), threshold=0.3),
            replace(OBSERVED, bands=Levels(("a", "b"), (0.1,), ("approve", "review"))),
            "set as given",
        ),
        (Bands(limits=(1e-9, 0.3), threshold=0.3), replace(OBSERVED, threshold=0.3), "by the threshold 0.3"),
    ],
)
def test_bands_that_approve_or_reject_nobody_say_so_with_the_remedy(
    bands: Bands, settings: Settings, said: str
) -> None:
    (line,) = told(bands, settings)
    assert said in line
    assert "give approval_rate or bad_rate" in line


def test_a_few_are_not_nobody() -> None:
    _, probability = drawn()
    fifth = np.sort(probability)[5]
    (line,) = told(Bands(limits=(float(fifth), 0.3), threshold=0.3), OBSERVED)
    assert "only 5 of 1000 decisions with a history are approved" in line
    assert "nobody" not in line


def test_without_any_history_all_go_to_review_and_it_is_said() -> None:
    bad, probability = drawn()
    (line,) = lines(judged(bad, probability, np.zeros(len(bad))), OBSERVED)
    assert "no decision has a transaction" in line


@pytest.mark.parametrize("name", ["approval_rate", "bad_rate"])
def test_a_target_sets_the_bands_and_what_follows_from_the_threshold_alone(name: str) -> None:
    bad, probability = drawn()
    settings = resolve("train", {"outcomes": "x", name: "0.15"})
    target = target_of(settings)
    assert target is not None
    plain: Any = judged(bad, probability)
    whole = Trained(
        plain.scorer, plain.scorer, plain.dataset, {}, {}, "scorecard", True, "out of time", (),
        plain.probability, plain.test_probability, {}, plain.figures, probability, {},
    )  # fmt: skip
    changed = with_target(whole, target, Recipe(60, "observed_default"))
    limit, threshold = changed.scorer.bands.limits[0], changed.scorer.bands.threshold
    assert limit == approve_limit(bad, probability, target)
    assert changed.figures["grouped_precision"] == pytest.approx(bad[probability >= threshold].mean())
    assert changed.figures["grouped_roc_auc"] == 0.7
    (line,) = [line for line in lines(changed, settings) if "approve below" in line]
    assert f"by {name}=0.15" in line
    assert f"{(probability < limit).mean():.1%} of the decisions" in line
    assert f"{bad[probability < limit].mean():.1%} of the approved are bad" in line
