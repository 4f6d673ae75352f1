"""The picture and the page of one decision say what its contributions say."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit_model.reporting.explanation import MOST, explanation, waterfall
from credit_model.scoring.contributions import CALIBRATION, START

ANSWER: dict[str, Any] = {
    "CustomerId": "C-1",
    "as_of": "2019-01-10T00:00:00.000000Z",
    "status": "scored",
    "message": None,
    "reasons": [],
}


def contributions(points: list[float], calibration: float = 0.0) -> pl.DataFrame:
    names = [f"feature_{place}" for place in range(len(points))]
    values = [None if place % 3 == 2 else str(1234.56789 * place) for place in range(len(points))]
    return pl.DataFrame(
        {
            "feature": [START, *names, CALIBRATION],
            "value": [None, *values, None],
            "points": [500.0, *points, calibration],
        }
    )


@settings(max_examples=15)
@given(points=st.lists(st.floats(-80, 80), min_size=1, max_size=30), calibration=st.floats(-30, 30))
def test_the_bars_lead_from_the_start_to_the_score(points: list[float], calibration: float) -> None:
    axes = waterfall(contributions(points, calibration)).axes[0]
    bars = axes.containers[0].patches  # type: ignore[attr-defined]
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
    assert ends[0][0] == 500
    assert [start for start, _ in ends[1:]] == pytest.approx([end for _, end in ends[:-1]])
    score = 500 + np.sum(points) + (calibration if abs(calibration) >= 0.05 else 0)
    assert ends[-1][1] == pytest.approx(score)
    assert np.asarray(axes.lines[0].get_xdata()) == pytest.approx([score])
    assert len(bars) <= MOST + 2
    sizes = np.abs([end - start for start, end in ends[: min(len(points), MOST)]])
    assert (np.diff(sizes) <= 1e-9).all()


def test_values_and_the_rest_are_named() -> None:
    axes = waterfall(contributions([float(30 - place) for place in range(MOST + 3)], 2.0)).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[:3] == ["feature_0 = 0", "feature_1 = 1235", "feature_2 = missing"]
    assert labels[-3:] == ["3 others", CALIBRATION, "score"]
    assert "feature_10 = 12,346" in labels


@pytest.mark.parametrize(
    ("change", "said", "unsaid"),
    [
        ({}, "No reason is given", "could not be judged"),
        (
            {"status": "invalid", "message": "Amount: 1 unreadable"},
            "could not be judged: Amount: 1",
            "No reason",
        ),
        ({"reasons": [{"text": "You are new."}]}, "You are new.", "No reason"),
    ],
)
def test_the_page_says_why(change: dict[str, Any], said: str, unsaid: str) -> None:
    page = explanation("a model", ANSWER | change, contributions([]).clear(), None)
    assert said in page
    assert unsaid not in page
    assert "nothing contributed to a score" in page


@pytest.mark.parametrize(
    ("count", "said"), [(3, "all 3 inputs"), (MOST + 1, f"the {MOST} that weigh most of {MOST + 1}")]
)
def test_the_caption_says_how_many_inputs_are_shown(count: int, said: str) -> None:
    table = contributions([1.0] * count)
    page = explanation("a model", ANSWER, table, waterfall(table))
    assert said in page
    assert "One decision, C-1 at 2019-01-10" in page
    assert "nothing contributed" not in page
