"""A measure of two models on the same decisions, and whether their difference is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from credit_model import metrics
from credit_model.arrays import BadArray, BoolArray, FloatArray


@dataclass(frozen=True)
class Paired:
    """A measure of two models on the same decisions.

    Attributes:
        first: of the first model.
        second: of the second model.
        low: lower end of the 95 % interval of the difference, the second less the first.
        high: its upper end.
    """

    first: float
    second: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The second less the first."""
        return self.second - self.first


def paired(
    measure: metrics.Measure,
    bad: BadArray,
    risks: Sequence[FloatArray | BoolArray],
    customers: npt.NDArray[np.object_],
    seed: int,
) -> Paired:
    """Measure two models on the same decisions; the interval resamples customers, the same ones for both.

    Args:
        measure: a function of ``bad`` and ``risk``, such as ``metrics.roc_auc``.
        bad: 1 for bad, 0 for good, shape (n,).
        risks: of the first model and of the second, both of shape (n,).
        customers: customer of each decision, shape (n,).
        seed: of the resampling.
    """
    first, second = (np.asarray(risk, dtype=np.float64) for risk in risks)
    low, high = metrics.paired_interval(measure, bad, (second, first), customers, seed)
    return Paired(measure(bad, first), measure(bad, second), low, high)
