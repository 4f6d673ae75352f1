"""How a score comes about: what each input of the classifier adds to it or takes off it, in points.

The contributions are the classifier's own (Shapley values of trees: Lundberg et al., 2020; weights of a linear model). They are
of the margin; what calibration makes of the margin's points is a row of its own, so that the rows of a decision add up to its
score.
"""

import math

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.data.decisions import Decisions
from credit_model.features.history import History
from credit_model.scoring.scorer import Scorer

START, CALIBRATION = "(start)", "(calibration)"
SCHEMA = {
    "row": pl.UInt32(),
    "CustomerId": pl.String(),
    "as_of": pl.String(),
    "feature": pl.String(),
    "value": pl.String(),
    "points": pl.Float64(),
}


def contributions_in_points(
    scorer: Scorer, history: History, decisions: Decisions, answer: pl.DataFrame
) -> pl.DataFrame:
    """One row for every input of every decision that the classifier judged.

    Args:
        scorer: the fitted scorer.
        history: the transactions of the decisions.
        decisions: the decisions.
        answer: what the scorer answers of them.

    Returns:
        The columns of ``SCHEMA``, in the order of the decisions: the row of the decision from 0 on, the input and its value
        as text (null where missing), and the points that it adds to the score. The first row of a decision, ``(start)``, is
        the score of a case whose contributions are all zero; the last one, ``(calibration)``, what calibration adds. The points
        of a decision add up to its ``score``.
    """
    judged = scorer.judged(answer["status"].to_numpy())
    if not judged.any():
        return pl.DataFrame(schema=SCHEMA)
    rows = pl.Series(judged)
    features = scorer.plan.compute(history.frame, decisions.frame).filter(rows)
    contributions = scorer.classifier.contributions(features)
    points = in_points(scorer, contributions, answer["score"].filter(rows).to_numpy())
    names = names_of(scorer)
    values = features.select(pl.col(name).cast(pl.String) for name in scorer.classifier.inputs)
    texts = values.select(
        pl.lit(None, pl.String).alias(START), pl.all(), pl.lit(None, pl.String).alias(CALIBRATION)
    )
    whose = answer.with_row_index("row").filter(rows).select("row", "CustomerId", "as_of")
    long = whose.hstack(texts).unpivot(
        names, index=whose.columns, variable_name="feature", value_name="value"
    )
    return (
        long.with_columns(pl.Series("points", points.T.ravel()))
        .sort("row", maintain_order=True)
        .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    )


def names_of(scorer: Scorer) -> list[str]:
    """What adds to a score, in order: the start, each input, and calibration."""
    return [START, *scorer.classifier.inputs, CALIBRATION]


def in_points(scorer: Scorer, contributions: FloatArray, score: FloatArray) -> FloatArray:
    """What adds to scores, in points.

    Args:
        scorer: the fitted scorer.
        contributions: of the inputs to the margins, shape (n, inputs).
        score: of the decisions, shape (n,).

    Returns:
        Points of what ``names_of`` names, shape (n, inputs + 2).
    """
    scale = scorer.scale
    unit = scale.points_to_double_odds / math.log(2)  # points of one unit of log-odds
    start = scale.base_score - unit * (scorer.classifier.neutral + math.log(scale.base_odds))
    before = np.column_stack([np.full(len(contributions), start), -unit * contributions])
    return np.column_stack([before, score - before.sum(axis=1)])
