"""How a score comes about: what each input of the classifier adds to it or takes off it, in points.

The contributions are the classifier's own (Shapley values of trees: Lundberg et al., 2020; weights of a linear model). They are
of the margin; what calibration makes of the margin's points is a row of its own, so that the rows of a decision add up to its
score.
"""

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from credit_model.arrays import FloatArray
from credit_model.data.decisions import Decisions
from credit_model.features.history import History
from credit_model.scoring.scale import Scale
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

    Example:
        >>> from credit_model.features.catalogue import Catalogue
        >>> from credit_model.models.logistic import Linear, Term
        >>> from credit_model.scoring import calibrator, policy, reasons, scale
        >>> recency = Term("recency", knots=(0.0, 30.0), effects=(-1.5, 1.5), levels={}, missing=1.5, unseen=0.0)
        >>> parts = Catalogue(30), Linear((recency,), neutral=-1.0), calibrator.Calibrator("sigmoid"), scale.Scale()
        >>> scorer = Scorer(*parts, policy.Bands(), reasons.Reasons((), minimum=0.1), target="observed_default")
        >>> from datetime import datetime
        >>> from credit_model.data.decisions import read_decisions
        >>> from credit_model.data.transactions import tidy_table
        >>> paid = pl.DataFrame({"CustomerId": ["C-1"], "TransactionStartTime": ["2019-01-29"], "Amount": [1000]})
        >>> decisions = read_decisions({"CustomerId": ["C-1"]}, height=1, default_as_of=datetime(2019, 2, 1))
        >>> history = scorer.history(tidy_table(paid), decisions)
        >>> rows = contributions_in_points(scorer, history, decisions, scorer.answer_history(history, decisions))
        >>> rows.select("feature", "value", pl.col("points").round(1)).rows()
        [('(start)', None, 516.0), ('recency', '3.0', 34.6), ('(calibration)', None, 0.0)]
    """
    judged = scorer.judged(answer["status"].to_numpy())
    if not judged.any():
        return pl.DataFrame(schema=SCHEMA)
    rows = pl.Series(judged)
    features = scorer.plan.compute(history.frame, decisions.frame).filter(rows)
    classifier, score = scorer.classifier, answer["score"].filter(rows).to_numpy()
    points = in_points(scorer.scale, classifier.neutral, classifier.contributions(features), score)
    names = names_of(classifier.inputs)
    values = features.select(pl.col(name).cast(pl.String) for name in classifier.inputs)
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


def names_of(inputs: Sequence[str]) -> list[str]:
    """What adds to a score, in order: the start, each of a classifier's inputs, and calibration.

    Example:
        >>> names_of(["recency"])
        ['(start)', 'recency', '(calibration)']
    """
    return [START, *inputs, CALIBRATION]


def in_points(scale: Scale, neutral: float, contributions: FloatArray, score: FloatArray) -> FloatArray:
    """What adds to scores, in points.

    Args:
        scale: of the scores.
        neutral: margin of a case whose contributions are all zero.
        contributions: of the inputs to the margins, shape (n, inputs).
        score: of the decisions, shape (n,).

    Returns:
        Points of what ``names_of`` names, shape (n, inputs + 2).

    Example:
        >>> in_points(Scale(), -1.0, np.array([[0.5]]), score=np.array([500.0])).round(1).tolist()
        [[516.0, -14.4, -1.5]]
    """
    start = _start_in_points(scale, neutral)
    before = np.column_stack([np.full(len(contributions), start), -scale.points_per_unit * contributions])
    return np.column_stack([before, score - before.sum(axis=1)])


def points_of_one(scorer: Scorer, contributions: FloatArray, score: float) -> dict[str, float]:
    """What adds to the score of one decision, by name, in points; as ``in_points``, in fewer steps.

    Args:
        scorer: the fitted scorer.
        contributions: of the inputs to the margin, shape (inputs,).
        score: of the decision.

    Example:
        >>> from credit_model.features.catalogue import Catalogue
        >>> from credit_model.models.logistic import Linear, Term
        >>> from credit_model.scoring import calibrator, policy, reasons
        >>> recency = Term("recency", knots=(0.0, 30.0), effects=(-1.5, 1.5), levels={}, missing=1.5, unseen=0.0)
        >>> parts = Catalogue(30), Linear((recency,), neutral=-1.0), calibrator.Calibrator("sigmoid"), Scale()
        >>> scorer = Scorer(*parts, policy.Bands(), reasons.Reasons((), minimum=0.1), target="observed_default")
        >>> {name: round(points, 1) for name, points in points_of_one(scorer, np.array([0.5]), 500.0).items()}
        {'(start)': 516.0, 'recency': -14.4, '(calibration)': -1.5}
    """
    start = _start_in_points(scorer.scale, scorer.neutral)
    added = (-scorer.scale.points_per_unit * contributions).tolist()
    rest = score - math.fsum((start, *added))
    return dict(zip(names_of(scorer.classifier.inputs), (start, *added, rest), strict=True))


def _start_in_points(scale: Scale, neutral: float) -> float:
    """The score of a case whose contributions are all zero, before calibration."""
    return scale.base_score - scale.points_per_unit * (neutral + math.log(scale.base_odds))
