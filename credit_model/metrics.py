"""Measures of a probability or score against what happened; intervals resample customers, not rows."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BadArray = npt.NDArray[np.int8]
Measure = Callable[[BadArray, FloatArray], float]

LEAST_CASES = 20


def estimable(bad: BadArray) -> bool:
    """Whether both classes have at least 20 cases; with fewer a measure says nothing."""
    return bool(min(int(bad.sum()), int(len(bad) - bad.sum())) >= LEAST_CASES)


def roc_auc(bad: BadArray, risk: FloatArray) -> float:
    """Chance that a bad case has a higher risk than a good one, ties counted half; NaN with one class."""
    bads = int(bad.sum())
    goods = len(bad) - bads
    if bads == 0 or goods == 0:
        return float("nan")
    _, place, counts = np.unique(risk, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[bad == 1].sum() - bads * (bads + 1) / 2) / (bads * goods))


def gini(bad: BadArray, risk: FloatArray) -> float:
    """2 AUC - 1."""
    return 2 * roc_auc(bad, risk) - 1


def ks(bad: BadArray, risk: FloatArray) -> float:
    """Kolmogorov-Smirnov: largest distance between the distributions of risk among good and bad."""
    cuts = np.unique(risk)
    shares = [np.searchsorted(np.sort(risk[bad == kind]), cuts, side="right") / (bad == kind).sum() for kind in (0, 1)]
    return float(np.abs(shares[0] - shares[1]).max())


def pr_auc(bad: BadArray, risk: FloatArray) -> float:
    """Average precision: the step-wise area under precision and recall."""
    order = np.argsort(-risk, kind="stable")
    last = np.append(np.diff(risk[order]) != 0, True)
    hits = np.cumsum(bad[order])[last]
    precision = hits / (np.flatnonzero(last) + 1)
    return float((precision * np.diff(hits, prepend=0)).sum() / bad.sum())


def brier(bad: BadArray, probability: FloatArray) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((probability - bad) ** 2))


def log_loss(bad: BadArray, probability: FloatArray) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(-np.mean(np.where(bad == 1, np.log(probability), np.log1p(-probability))))


def calibration_in_the_large(bad: BadArray, probability: FloatArray) -> float:
    """Bads observed over bads expected; 1 is calibrated."""
    return float(bad.sum() / probability.sum())


def confusion(bad: BadArray, prediction: npt.NDArray[np.int8]) -> dict[str, int]:
    """Counts of true and false, positives and negatives."""
    cells = {"true_negatives": (0, 0), "false_positives": (0, 1), "false_negatives": (1, 0), "true_positives": (1, 1)}
    return {name: int(((bad == truth) & (prediction == said)).sum()) for name, (truth, said) in cells.items()}


def classification(bad: BadArray, prediction: npt.NDArray[np.int8]) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of predictions; 0 where a denominator is empty."""
    cells = confusion(bad, prediction)
    hits, said, real = cells["true_positives"], int(prediction.sum()), int(bad.sum())
    precision, recall = hits / said if said else 0.0, hits / real if real else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"accuracy": float((bad == prediction).mean()), "precision": precision, "recall": recall, "f1": f1}


def expected_cost(bad: BadArray, prediction: npt.NDArray[np.int8], false_negative: float, false_positive: float) -> float:
    """Mean cost of errors per decision."""
    cells = confusion(bad, prediction)
    return (cells["false_negatives"] * false_negative + cells["false_positives"] * false_positive) / len(bad)


def psi(reference: FloatArray, current: FloatArray, bins: int = 10) -> float:
    """Population stability index of two samples over the deciles of the reference, smoothed by half a case."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    shares = [np.bincount(np.searchsorted(edges, s, side="right"), minlength=len(edges) + 1) + 0.5 for s in (reference, current)]
    old, new = (share / share.sum() for share in shares)
    return float(((new - old) * np.log(new / old)).sum())


def reliability(bad: BadArray, probability: FloatArray, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean probability, observed bad rate and cases of groups of equal size, for a reliability diagram."""
    order = np.argsort(probability, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    return [(float(probability[g].mean()), float(bad[g].mean()), len(g)) for g in groups]


def interval(
    measure: Measure, bad: BadArray, risk: FloatArray, customers: npt.NDArray[np.object_], seed: int, times: int = 500
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a measure, resampling customers with all their decisions."""
    draws = [measure(bad[rows], risk[rows]) for rows in _resamples(customers, seed, times)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def paired_interval(
    measure: Measure,
    bad: BadArray,
    risks: tuple[FloatArray, FloatArray],
    customers: npt.NDArray[np.object_],
    seed: int,
    times: int = 500,
) -> tuple[float, float]:
    """The 95 % interval of the first risk's measure less the second's, on the same resampled customers."""
    first, second = risks
    draws = [measure(bad[r], first[r]) - measure(bad[r], second[r]) for r in _resamples(customers, seed, times)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _resamples(customers: npt.NDArray[np.object_], seed: int, times: int) -> list[npt.NDArray[np.intp]]:
    _, owner = np.unique(customers.astype(str), return_inverse=True)
    order = np.argsort(owner, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(owner))[:-1])
    random = np.random.default_rng(seed)
    return [np.concatenate([rows[k] for k in random.integers(0, len(rows), len(rows))]) for _ in range(times)]
