"""The fast path: answers a plain request of one decision, the most common one, without making tables.

The modules of this folder repeat for one decision what other modules do for many; the answers are the same, to the last bit:

- ``request`` repeats the two shapes of ``serving.request``, the default of ``Value`` in ``transactions.tidy``, and from
  ``history`` the window, the currency, repeated transactions, the total order and the balance at the window's start. A request
  with a fault takes the general path.
- ``cells`` repeats ``texts``, ``numbers`` and ``times`` of ``data.cells``, for the types of JSON.
- ``program`` and ``kernels`` repeat ``FeaturePlan.compute``: they evaluate the catalogue's expressions in NumPy.
- ``reasons`` repeats ``Reasons.explain``.
- ``ShortWay.answer`` repeats ``Scorer.judge``, with the same classifier, calibrator, scale and bands.

It is off if ``CREDIT_MODEL_FAST`` is 0 when the model is loaded, or if a feature has an operation without a NumPy form. Then
every request takes the general path.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from credit_model.data.decisions import Attribute
from credit_model.models.classifier import Case
from credit_model.scoring.scorer import BALANCE_BASIS, WHAT_WOULD_HELP, Scorer
from credit_model.serving.decided import Decided
from credit_model.serving.fast.program import Program, program_of
from credit_model.serving.fast.reasons import reasons_of_one
from credit_model.serving.fast.request import Sight, read_plain

SWITCH = "CREDIT_MODEL_FAST"
_MOMENT = datetime(2000, 1, 2)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShortWay:
    """The fast path of a scorer.

    Attributes:
        scorer: the scorer whose answers it gives.
        program: computes the features that the classifier reads.
        sight: which parts of a request are read.
    """

    scorer: Scorer
    program: Program
    sight: Sight

    def answer(self, table: pd.DataFrame, as_of: datetime) -> Decided | None:
        """The decision of a plain request, with what it was made from; None for any other request.

        Args:
            table: the request, in either shape.
            as_of: the ``as_of`` of rows that give none, in UTC.
        """
        case = read_plain(table, as_of, self.sight)
        if case is None:
            return None
        scorer = self.scorer
        features = Case(self.program.run(case.given))
        margin, contributions = scorer.classifier.margin_and_contributions(features)
        probability = scorer.calibrator.probability(margin)
        bands = scorer.bands.assign(probability)
        answer = {
            "CustomerId": case.customer,
            "as_of": f"{case.as_of:%Y-%m-%dT%H:%M:%S.%fZ}",
            "status": "scored",
            "message": None,
            "probability": float(probability[0]),
            "score": float(scorer.scale.score(probability)[0]),
            "prediction": float(bands.prediction[0]),
            "risk_level": bands.risk_level[0],
            "decision": bands.decision[0],
            "reasons": reasons_of_one(scorer.reasons, features.values, contributions, scorer.points_per_unit),
            "transaction_count": case.count,
            "target": scorer.target,
            "model_version": scorer.version,
        }
        if scorer.tells_changes:
            answer[WHAT_WOULD_HELP] = None
        if scorer.plan.needs_balance:
            answer[BALANCE_BASIS] = scorer.balance_basis(opening_stated=case.opening_stated)
        return Decided(answer, features.values, contributions)


def short_way(scorer: Scorer, environment: Mapping[str, str]) -> ShortWay | None:
    """The fast path of a scorer; None where it is off.

    Args:
        scorer: a loaded scorer.
        environment: environment variables of the process.
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
    except Exception as error:  # noqa: BLE001, whatever fails here, Polars answers the same
        _LOG.warning("every request is computed by Polars, which takes longer: %r", error)
        return None
    return way


def _example(attributes: Sequence[Attribute]) -> pd.DataFrame:
    """A request to try: what the features' program cannot do shows when the model is loaded."""
    application = {a.name: 1.0 if a.kind == "number" else "a" for a in attributes}
    transactions = {"TransactionStartTime": ["2000-01-01", "2000-01-01"], "Amount": [1.0, -1.0]}
    return pd.DataFrame([{"CustomerId": "C-1"} | transactions | application])
