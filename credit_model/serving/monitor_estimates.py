"""What quality a model has by its own probabilities, before any outcome is known (confidence-based estimation).

If the probabilities are calibrated, a decision of probability p is bad with chance p: then the expected confusion matrix, AUC and
cost follow from the probabilities alone. That they still are calibrated is what cannot be seen without outcomes. A change of who
defaults at the same features shows in none of these figures.
"""

import numpy as np

from credit_model import metrics
from credit_model.arrays import FloatArray
from credit_model.scoring.reference import Counts, Reference


def estimates(
    probability: FloatArray, threshold: float, reference: Reference, score: Counts
) -> dict[str, float]:
    """Figures to expect of decisions with a probability, by name.

    Args:
        probability: of bad, shape (n,), n at least 1.
        threshold: from which the prediction is bad.
        reference: that of the model.
        score: the new decisions per bin of the reference's score.
    """
    refused = probability >= threshold
    cells = {
        "true_positives": float(probability[refused].sum()),
        "false_positives": float((1 - probability[refused]).sum()),
        "false_negatives": float(probability[~refused].sum()),
        "true_negatives": float((1 - probability[~refused]).sum()),
    }
    found = {
        "expected_bad_rate": float(probability.mean()),
        "estimated_roc_auc": metrics.expected_roc_auc(probability),
    }
    if reference.estimated_roc_auc is not None:
        found["estimated_roc_auc_in_training"] = reference.estimated_roc_auc
    found |= {f"expected_{name}": value for name, value in cells.items()}
    if reference.costs is not None:
        missed, refusal = reference.costs
        errors = cells["false_negatives"] * missed + cells["false_positives"] * refusal
        found["expected_cost"] = errors / len(probability)
    return found | _calibration(reference, score, float(probability.mean()))


def _calibration(reference: Reference, score: Counts, expected: float) -> dict[str, float]:
    """Bads over those expected, if every band of the score had the bad rate of its training out of fold, with its interval."""
    if reference.bads_by_score is None:
        return {}
    cases, bads = np.array(reference.bads_by_score, dtype=np.float64).T
    rate = (bads + 0.5) / (cases + 1)
    weight = score[: len(cases)] / max(score.sum(), 1)
    centre = float((weight * rate).sum())
    error = float(np.sqrt((weight**2 * rate * (1 - rate) / (cases + 1)).sum()))
    ends = {"": centre, "_low": max(centre - 1.96 * error, 0.0), "_high": centre + 1.96 * error}
    return {f"estimated_observed_to_expected{end}": value / expected for end, value in ends.items()}
