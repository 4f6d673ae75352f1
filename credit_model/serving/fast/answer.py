"""One plain decision, answered without a table: the short way, for what serving does most.

Everything here says again, for one decision, what the long way says for many; the answers are the same, to the last bit:

- ``plain`` repeats the two shapes of ``requests``, the defaults of ``transactions.tidy``, and of ``history`` the window, the
  currency, copies of one transaction and the total order. Whatever would be a fault there goes the long way.
- ``plain_cells`` repeats ``texts``, ``numbers`` and ``times`` of ``cells``, for JSON's own kinds.
- ``program`` and ``row_functions`` repeat ``FeaturePlan.compute``: the catalogue's expressions in NumPy.
- ``ShortWay.answer`` repeats ``Scorer.answer_history``. Classifier, calibrator, scale, bands and reasons are the same objects.

It is off where ``CREDIT_MODEL_FAST`` is 0 when the model is loaded, and where a feature has an operation that only Polars
knows. Then every request goes the long way.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from credit_model.data.decisions import Attribute
from credit_model.models.classifier import Case
from credit_model.scoring.scorer import Scorer
from credit_model.serving.fast.program import Program, program_of
from credit_model.serving.fast.request import Sight, read_plain

SWITCH = "CREDIT_MODEL_FAST"
_MOMENT = datetime(2000, 1, 2)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShortWay:
    """A scorer with the program of its features.

    Attributes:
        scorer: what it answers as.
        program: the features that the classifier reads.
        sight: what is read of a request.
    """

    scorer: Scorer
    program: Program
    sight: Sight

    def answer(self, table: pd.DataFrame, as_of: datetime) -> dict[str, Any] | None:
        """One row of ``scorer.ANSWER`` for a plain request; None if it is not plain.

        Args:
            table: the request, in either shape.
            as_of: the moment of rows that give none.
        """
        case = read_plain(table, as_of, self.sight)
        if case is None:
            return None
        scorer = self.scorer
        margin, contributions = scorer.classifier.margin_and_contributions(Case(self.program.run(case.given)))
        probability = scorer.calibrator.probability(margin)
        bands = scorer.bands.assign(probability)
        return {
            "CustomerId": case.customer,
            "as_of": f"{case.as_of:%Y-%m-%dT%H:%M:%S.%fZ}",
            "status": "scored",
            "message": None,
            "probability": float(probability[0]),
            "score": float(scorer.scale.score(probability)[0]),
            "prediction": float(bands.prediction[0]),
            "risk_level": bands.risk_level[0],
            "decision": bands.decision[0],
            "reasons": scorer.reasons.of_one(contributions),
            "transaction_count": case.count,
            "target": scorer.target,
            "model_version": scorer.version,
        }


def short_way(scorer: Scorer, environment: Mapping[str, str]) -> ShortWay | None:
    """The short way of a scorer; None where it is off.

    Args:
        scorer: a loaded scorer.
        environment: the process's variables.
    """
    if environment.get(SWITCH) == "0":
        return None
    try:
        program, catalogue = program_of(scorer.plan), scorer.catalogue
        sight = Sight(
            catalogue.history_days, scorer.currency, catalogue.attributes, frozenset(program.inputs)
        )
        way = ShortWay(scorer, program, sight)
        way.answer(_example(catalogue.attributes), _MOMENT)
    except Exception as error:  # noqa: BLE001, whatever fails here, the long way answers the same
        _LOG.warning("every request goes the long way, and takes longer: %r", error)
        return None
    return way


def _example(attributes: Sequence[Attribute]) -> pd.DataFrame:
    """A request to try: what the features' program cannot do shows when the model is loaded."""
    application = {a.name: 1.0 if a.kind == "number" else "a" for a in attributes}
    transactions = {"TransactionStartTime": ["2000-01-01", "2000-01-01"], "Amount": [1.0, -1.0]}
    return pd.DataFrame([{"CustomerId": "C-1"} | transactions | application])
