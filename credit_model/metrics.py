"""Measures of a probability or score against what happened; intervals resample customers, not rows.

``bad`` is 1 for bad and 0 for good, shape (n,); ``risk`` is any number that is higher for riskier cases, and
``probability`` one in [0, 1], both shape (n,). A measure that needs both classes is NaN where one is absent.
"""

from collections.abc import Callable, Iterable, Iterator
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from credit_model.arrays import BadArray, FloatArray, IntArray

Measure = Callable[[BadArray, FloatArray], float]

LEAST_CASES = 20
NEAREST_TO_CERTAIN = 1e-15


def estimable(bad: BadArray) -> bool:
    """Whether both classes have at least 20 cases; with fewer a measure says nothing."""
    return bool(min(int(bad.sum()), int(len(bad) - bad.sum())) >= LEAST_CASES)


def roc_auc(bad: BadArray, risk: FloatArray) -> float:
    """Chance that a bad case has a higher risk than a good one, ties counted half (Mann-Whitney)."""
    goods, bads = _by_risk(bad, risk)
    return _ratio(float(bads @ (np.cumsum(goods) - goods / 2)), bads.sum() * goods.sum())


def gini(bad: BadArray, risk: FloatArray) -> float:
    """2 AUC - 1: 1 ranks perfectly, 0 not at all."""
    return 2 * roc_auc(bad, risk) - 1


def ks(bad: BadArray, risk: FloatArray) -> float:
    """Kolmogorov-Smirnov: largest distance between the distributions of risk among good and bad."""
    goods, bads = _by_risk(bad, risk)
    distance = np.abs(np.cumsum(goods) * bads.sum() - np.cumsum(bads) * goods.sum()).max()
    return _ratio(distance, goods.sum() * bads.sum())


def pr_auc(bad: BadArray, risk: FloatArray) -> float:
    """Average precision: the step-wise area under precision and recall."""
    goods, bads = (counts[::-1] for counts in _by_risk(bad, risk))
    hits = np.cumsum(bads)
    return _ratio(float(hits / (hits + np.cumsum(goods)) @ bads), bads.sum())


def _by_risk(bad: BadArray, risk: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Goods and bads at each distinct risk, ascending."""
    order = np.argsort(risk)
    ordered = risk[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    cases = np.diff(last, prepend=-1)
    bads = np.diff(np.cumsum(bad[order], dtype=np.float64)[last], prepend=0)
    return cases - bads, bads


def _ratio(part: np.float64 | float, whole: np.float64 | float) -> float:
    return float(part / whole) if whole else float("nan")


def brier(bad: BadArray, probability: FloatArray) -> float:
    """Mean squared error of the probability (Brier, 1950)."""
    return float(np.mean((probability - bad) ** 2))


def log_loss(bad: BadArray, probability: FloatArray) -> float:
    """Mean negative log-likelihood, in nats; a probability of 0 or 1 counts as one 1e-15 away."""
    likelihood = np.where(bad == 1, probability, 1 - probability)
    return float(-np.mean(np.log(np.maximum(likelihood, NEAREST_TO_CERTAIN))))


def calibration_in_the_large(bad: BadArray, probability: FloatArray) -> float:
    """Bads observed over bads expected; 1 is calibrated, above 1 the probability is too low."""
    return _ratio(float(bad.sum()), float(probability.sum()))


def calibration_line(bad: BadArray, probability: FloatArray) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of bad on the log-odds of its probability (Cox, 1958).

    (0, 1) is calibrated; a slope below 1 says that the probabilities are too extreme. NaN where no line fits:
    one class, one probability, or classes that do not overlap.
    """
    safe = np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    logit = np.log(safe / (1 - safe))
    good, ill = logit[bad == 0], logit[bad == 1]
    if not len(good) or not len(ill) or good.max() <= ill.min() or ill.max() <= good.min():
        return float("nan"), float("nan")
    centre, spread = float(logit.mean()), float(logit.std())
    intercept, slope = _logistic((logit - centre) / spread, bad)
    return intercept - slope * centre / spread, slope / spread


def _logistic(unit: FloatArray, bad: BadArray) -> tuple[float, float]:
    """Newton's method with bounded steps for a logistic regression on one standardised input."""
    design = np.column_stack([np.ones_like(unit), unit])
    weights = np.zeros(2)
    for _ in range(100):
        fitted = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        curvature = design.T @ (design * (fitted * (1 - fitted))[:, None])
        step = np.linalg.solve(curvature, design.T @ (bad - fitted))
        weights = weights + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-10:
            break
    return float(weights[0]), float(weights[1])


def reliability(bad: BadArray, probability: FloatArray, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean probability, observed bad rate and cases of groups of about equal size; ties stay together."""
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    group = (middle * bins // len(bad)).astype(np.intp)[place]
    members = [group == k for k in np.unique(group)]
    return [(float(probability[g].mean()), float(bad[g].mean()), int(g.sum())) for g in members]


def confusion(bad: BadArray, prediction: npt.NDArray[np.int8]) -> dict[str, int]:
    """Counts of true and false, positives and negatives."""
    cells = {
        "true_negatives": (0, 0),
        "false_positives": (0, 1),
        "false_negatives": (1, 0),
        "true_positives": (1, 1),
    }
    return {name: int(((bad == truth) & (prediction == said)).sum()) for name, (truth, said) in cells.items()}


def classification(bad: BadArray, prediction: npt.NDArray[np.int8]) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of predictions; 0 where a denominator is empty."""
    cells = confusion(bad, prediction)
    hits, said, real = cells["true_positives"], int(prediction.sum()), int(bad.sum())
    precision, recall = hits / said if said else 0.0, hits / real if real else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"accuracy": float((bad == prediction).mean()), "precision": precision, "recall": recall, "f1": f1}


def expected_cost(
    bad: BadArray, prediction: npt.NDArray[np.int8], false_negative: float, false_positive: float
) -> float:
    """Mean cost of errors per decision."""
    cells = confusion(bad, prediction)
    return (cells["false_negatives"] * false_negative + cells["false_positives"] * false_positive) / len(bad)


def psi(reference: FloatArray, current: FloatArray, bins: int = 10) -> float:
    """Population stability index of two samples over quantile bins of the reference."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    places = [np.searchsorted(edges, sample, side="right") for sample in (reference, current)]
    old, new = (np.bincount(place, minlength=len(edges) + 1) for place in places)
    return psi_of_counts(old, new)


def psi_of_counts(reference: npt.NDArray[np.intp], current: npt.NDArray[np.intp]) -> float:
    """Population stability index of cases per bin, both shape (bins,), smoothed by half a case."""
    old, new = ((counts + 0.5) / (counts + 0.5).sum() for counts in (reference, current))
    return float(((new - old) * np.log(new / old)).sum())


def psi_limit(
    reference: int, current: int, bins: int = 10, chance: float = 0.01, least: float = 0.1
) -> float:
    """The index above which samples of these sizes have drifted: ``least``, or more where chance reaches it.

    Without drift the index is about (1 / reference + 1 / current) times chi-square with bins - 1 degrees of
    freedom (Yurdakul and Naranjo, 2020), whose quantile is approximated by Wilson and Hilferty (1931).
    """
    freedom = bins - 1
    if freedom < 1:
        return least
    spread = 2 / (9 * freedom)
    root: float = 1 - spread + NormalDist().inv_cdf(1 - chance) * spread**0.5
    quantile = freedom * root**3
    return max(least, (1 / reference + 1 / current) * quantile)


def stability(bad: BadArray, risk: FloatArray, period: npt.NDArray[np.int64]) -> float:
    """Home Credit 2024: mean Gini + 88 min(0, slope) - 0.5 std(residuals) of its line over the periods.

    Args:
        bad: 1 for bad, 0 for good.
        risk: Higher is riskier.
        period: Number of each case's period (a week in the competition, for which 88 was chosen), shape (n,).

    Returns:
        The figure over the periods in order, those without both classes left out; NaN with fewer than two.
    """
    by_period = [gini(bad[period == number], risk[period == number]) for number in np.unique(period)]
    ginis = np.array([value for value in by_period if not np.isnan(value)])
    if len(ginis) < 2:
        return float("nan")
    order = np.arange(len(ginis))
    slope, intercept = np.polyfit(order, ginis, 1)
    residuals = ginis - (slope * order + intercept)
    return float(ginis.mean() + 88 * min(0.0, float(slope)) - 0.5 * residuals.std())


def interval(
    measure: Measure,
    bad: BadArray,
    risk: FloatArray,
    customers: npt.NDArray[np.object_],
    seed: int,
    times: int = 500,
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a measure, resampling customers with all their decisions."""
    return middle(measure(bad[rows], risk[rows]) for rows in _resamples(customers, risk, seed, times))


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
    resamples = _resamples(customers, first, seed, times)
    return middle(measure(bad[rows], first[rows]) - measure(bad[rows], second[rows]) for rows in resamples)


def middle(drawn: Iterable[float]) -> tuple[float, float]:
    """The middle 95 % of a measure's resamples, those where it is NaN left out."""
    numbers = [value for value in drawn if not np.isnan(value)]
    if not numbers:
        return float("nan"), float("nan")
    low, high = np.quantile(numbers, [0.025, 0.975])
    return float(low), float(high)


def draws(customers: npt.NDArray[np.object_], seed: int, times: int) -> Iterator[IntArray]:
    """How often each decision is drawn, resample by resample: as often as its customer."""
    _, owner = np.unique(customers.astype(str), return_inverse=True)
    count = int(owner.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(times):
        yield np.bincount(random.integers(0, count, count), minlength=count)[owner]


def _resamples(
    customers: npt.NDArray[np.object_], risk: FloatArray, seed: int, times: int
) -> Iterator[IntArray]:
    """Rows of each resample in order of risk, so that a measure has next to nothing to sort."""
    order = np.argsort(risk, kind="stable")
    return (np.repeat(order, drawn) for drawn in draws(customers[order], seed, times))
