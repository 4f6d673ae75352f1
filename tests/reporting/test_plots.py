"""What the pictures draw is what statistics say."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.stats import ks_2samp
from sklearn import metrics as oracle

from credit_model.metrics import expected_cost
from credit_model.models.binning import Binning
from credit_model.reporting.explanation import waterfall
from credit_model.reporting.plots import (
    _lines,
    _ranks,
    binnings,
    confusion,
    cost,
    error_bars,
    ks,
    label,
    lift,
    precision_recall,
)
from credit_model.scoring.policy import Bands
from credit_model.training.gains import gains


@given(cases=st.integers(1, 5000), share=st.floats(0, 1))
def test_error_bars_stay_between_none_and_all(cases: int, share: float) -> None:
    bads = round(share * cases)
    below, above = error_bars([bads], [cases])[:, 0]
    assert 0 <= bads / cases - below <= bads / cases + above <= 1 + 1e-12
    assert below + above > 0


def test_error_bars_are_those_of_wilson() -> None:
    assert error_bars([0, 10], [10, 20])[:, 1] == pytest.approx(np.array([0.2007, 0.2007]), abs=1e-4)
    assert error_bars([0, 10], [10, 20])[:, 0] == pytest.approx(np.array([0, 0.2775]), abs=1e-4)
    assert error_bars([], []).shape == (2, 0)


RANDOM = np.random.default_rng(8)
PROBABILITY = RANDOM.beta(2, 5, 900).round(2)
BAD = (RANDOM.random(900) < PROBABILITY).astype(np.int8)


def test_precision_and_recall_are_those_of_scikit_learn() -> None:
    (line, *_) = precision_recall(BAD, PROBABILITY).axes[0].lines
    precision, recall, _ = oracle.precision_recall_curve(BAD, PROBABILITY, drop_intermediate=False)
    drawn = np.asarray(line.get_xydata())
    np.testing.assert_allclose(drawn[1:, 0], recall[-2::-1])
    np.testing.assert_allclose(drawn[1:, 1], precision[-2::-1])


def test_ks_is_drawn_where_scipy_finds_it() -> None:
    figure = ks(BAD, PROBABILITY)
    bads, goods = (np.asarray(line.get_ydata(), dtype=float) for line in figure.axes[0].lines)
    assert (bads - goods).max() == pytest.approx(
        ks_2samp(PROBABILITY[BAD == 1], PROBABILITY[BAD == 0]).statistic
    )


def test_the_confusion_matrix_is_that_of_scikit_learn() -> None:
    counts = oracle.confusion_matrix(BAD, PROBABILITY >= 0.3).ravel().tolist()
    texts = [text.get_text() for text in confusion(BAD, PROBABILITY, 0.3).axes[0].texts]
    assert [int(text.splitlines()[0].replace(",", "")) for text in texts] == counts


def test_the_curve_of_the_cost_is_the_cost_at_every_threshold() -> None:
    bands = Bands(limits=(0.1, 0.15), threshold=0.12)
    (steps,) = cost(BAD, PROBABILITY, (7.0, 2.0), bands).axes[0].patches
    values, edges, _ = steps.get_data()  # type: ignore[attr-defined]
    for threshold in (0.001, 0.12, 0.3, 0.302, 0.31, 0.999):
        drawn = values[np.searchsorted(edges, threshold, side="left") - 1]
        prediction = np.greater_equal(PROBABILITY, threshold).astype(np.int8)
        assert drawn == pytest.approx(expected_cost(BAD, prediction, 7.0, 2.0))


def test_the_lowest_and_the_highest_value_have_the_ends_of_the_colours_whatever_the_ties() -> None:
    ranks = _ranks(pl.Series([0.0, 0.0, 0.0, 1.0, 1.0, 3.0, None]))
    assert ranks[:6].tolist() == [0, 0, 0, 0.5, 0.5, 1]
    assert np.isnan(ranks[6])


def test_a_title_is_never_broken_inside_a_word() -> None:
    title = f"average_value_crossed_{'x' * 70}_and_more_of_it (IV 0.12)"
    lines = _lines(title)
    assert len(lines) > 2
    assert "".join(lines).replace(" ", "") == title.replace(" ", "")
    assert all(line.endswith("_") for line in lines[:-1])


def test_a_label_keeps_its_end_and_is_never_wider_than_its_room() -> None:
    name = "recent_share_crossed_financial_services+ChannelId_2+ProductId_6 missing"
    assert "".join(label(name).split("\n")).replace(" ", "") == name.replace(" ", "")
    long = label(f"{name}_and_{'y' * 90}_of_it psi")
    assert long.endswith("psi")
    assert "…" in long
    assert max(map(len, long.split("\n"))) <= 37
    assert len(long.split("\n")) == 3


def test_nothing_that_a_picture_says_is_drawn_outside_of_it() -> None:
    """Titles, axis titles, labels and legends, of long names too."""
    names = [f"recent_share_crossed_financial_services+ChannelId_{number}+ProductId_6" for number in range(3)]
    points = pl.DataFrame(
        {
            "feature": ["(start)", *names, "(calibration)"],
            "value": [None, "1234.5", None, "a text", None],
            "points": [520.0, 9.0, 4.0, -1.0, 3.0],
        }
    )
    binning = Binning(
        names[0], "numeric", (0.25,), (), (90, 40, 5, 0), (10, 30, 3, 0), (0.5, -0.7, -0.4, 0.0)
    )
    costs = cost(BAD, PROBABILITY, (10.0, 1.0), Bands())
    for figure in (waterfall(points), binnings((binning,)), costs, lift(gains(BAD, PROBABILITY))):
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert -0.02 < drawn.x0 < drawn.x1 < width + 0.02
        assert -0.02 < drawn.y0 < drawn.y1 < height + 0.02


def test_bins_are_shown_with_their_counts_and_their_information_value() -> None:
    binning = Binning(
        "recency", "numeric", (3.0,), (), (90, 40, 5, 0), (10, 40, 5, 0), (0.5, -0.7, -0.4, 0.0)
    )
    (axes,) = binnings((binning,)).axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        "below 3\n100, 10.0% bad",
        "3 and above\n80, 50.0% bad",
        "missing\n10, 50.0% bad",
    ]
    assert axes.get_title(loc="right") == f"recency (IV {binning.information_value:.2f})"
    assert axes.get_xlabel().startswith("WoE")


def test_the_bars_of_the_lift_are_those_of_the_table() -> None:
    table = gains(BAD, PROBABILITY)
    heights = [bar.get_height() for bar in lift(table).axes[0].patches]  # type: ignore[attr-defined]
    assert heights == pytest.approx(table["lift"].to_list())
