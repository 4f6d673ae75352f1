"""One decision with what it was made from, as the decision log keeps it and a replay makes it again."""

from collections.abc import Iterator, Mapping
from math import inf, isfinite, isnan
from typing import Any, NamedTuple

from credit_model.arrays import FloatArray
from credit_model.scoring.contributions import points_of_one
from credit_model.scoring.scorer import Judgement, Scorer


class Decided(NamedTuple):
    """One decision.

    Attributes:
        answer: by the names of ``Scorer.answer_schema``.
        features: the classifier's inputs, ``tenure`` and ``transaction_count``, by name; None or NaN where missing.
        contributions: of the inputs to the margin, shape (1, number of inputs); None where the classifier did not judge.
    """

    answer: Mapping[str, Any]
    features: Mapping[str, Any]
    contributions: FloatArray | None


def each(scorer: Scorer, judgement: Judgement) -> Iterator[Decided]:
    """The decisions of a judgement, one by one."""
    judged = scorer.judged(judgement.answer["status"].to_numpy())
    rows = iter(range(len(judgement.contributions)))
    answers, features = judgement.answer.iter_rows(named=True), judgement.features.iter_rows(named=True)
    for answer, values, own in zip(answers, features, judged.tolist(), strict=True):
        row = next(rows) if own else None
        yield Decided(answer, values, None if row is None else judgement.contributions[row : row + 1])


def plain(scorer: Scorer, decided: Decided) -> dict[str, Any]:
    """A decision as plain JSON values, without its customer: the answer, the features and their contributions in points.

    Features and contributions are null where there are none to replay from: of an invalid decision, and of one that the
    classifier did not judge.
    """
    answer = {name: cell for name, cell in decided.answer.items() if name != "CustomerId"}
    valid = answer["status"] != "invalid"
    features = _cells(decided.features) if valid else None
    return {"answer": answer, "features": features, "contributions": _points(scorer, decided)}


def _points(scorer: Scorer, decided: Decided) -> dict[str, float] | None:
    if decided.contributions is None:
        return None
    return points_of_one(scorer, decided.contributions[0], decided.answer["score"])


def _cells(features: Mapping[str, Any]) -> dict[str, Any]:
    """Values for JSON; a finite float, which most are, is one already."""
    return {
        name: value if type(value) is float and -inf < value < inf else _cell(value)
        for name, value in features.items()
    }


def _cell(value: Any) -> Any:
    """A feature's value for JSON, which knows neither NaN, which is null, nor infinity, which is a text."""
    if value is None or isinstance(value, str) or isfinite(value):
        return value
    return None if isnan(value) else str(float(value))
