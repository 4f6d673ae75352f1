"""Measures of a probability or score against what happened; intervals resample customers, not rows.

Arrays have shape (n,), one element per case. ``bad`` is 1 for bad and 0 for good. ``risk`` is any number that is higher for
riskier cases, so that a score, which is higher for safer ones, enters with its sign reversed. ``probability`` is the
probability of bad, in [0, 1]; ``prediction`` is 1 where bad is predicted, else 0. A measure that needs both classes is NaN where
one is absent.
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
    """Whether both classes have at least 20 cases; with fewer, measures are too uncertain to report.

    Example:
        >>> estimable(np.array([1] * 20 + [0] * 80)), estimable(np.array([1] * 19 + [0] * 81))
        (True, False)
    """
    return bool(min(int(bad.sum()), int(len(bad) - bad.sum())) >= LEAST_CASES)


def roc_auc(bad: BadArray, risk: FloatArray) -> float:
    """Area under the ROC curve: the chance that a bad case has a higher risk than a good one, ties counted half.

    It is the Mann-Whitney statistic divided by its maximum (Hanley and McNeil, 1982).

    Example:
        Of the four pairs of a good and a bad, three are ranked rightly.

        >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
    """
    goods, bads = _by_risk(bad, risk)
    return _ratio(float(bads @ (np.cumsum(goods) - goods / 2)), bads.sum() * goods.sum())


def expected_roc_auc(probability: FloatArray) -> float:
    """The AUC to expect of calibrated probabilities: each case counts as bad by p and as good by 1 - p, in pairs of two cases.

    Example:
        One case is bad for certain and one good; of two that are alike, either may be the bad one.

        >>> expected_roc_auc(np.array([1.0, 0.0])), expected_roc_auc(np.array([0.3, 0.3]))
        (1.0, 0.5)
    """
    ordered = np.sort(probability)
    goods = np.concatenate([[0.0], np.cumsum(1 - ordered)])
    below = goods[np.searchsorted(ordered, ordered, side="left")]
    up_to = goods[np.searchsorted(ordered, ordered, side="right")]
    itself = ordered * (1 - ordered)
    right = (ordered * (below + up_to) - itself).sum() / 2
    return _ratio(float(right), float(ordered.sum() * (1 - ordered).sum() - itself.sum()))


def gini(bad: BadArray, risk: FloatArray) -> float:
    """The Gini coefficient (accuracy ratio), 2 AUC - 1: 1 is a perfect ranking, 0 a random one.

    Example:
        >>> gini(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.5
    """
    return 2 * roc_auc(bad, risk) - 1


def ks(bad: BadArray, risk: FloatArray) -> float:
    """Kolmogorov-Smirnov statistic: the largest distance between the distributions of risk of goods and bads, in [0, 1].

    Example:
        At a risk of 0.1 half of the goods and none of the bads are at or below.

        >>> ks(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.5
    """
    goods, bads = _by_risk(bad, risk)
    distance = np.abs(np.cumsum(goods) * bads.sum() - np.cumsum(bads) * goods.sum()).max()
    return _ratio(distance, goods.sum() * bads.sum())


def pr_auc(bad: BadArray, risk: FloatArray) -> float:
    """Average precision: the step-wise area under the curve of precision against recall; at random the bad rate.

    Example:
        The riskiest case is bad (precision 1), the other bad comes third (precision 2/3).

        >>> round(pr_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 3)
        0.833
    """
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
    """Mean squared error of the probability (Brier, 1950); 0 is perfect.

    Example:
        >>> round(brier(np.array([0, 1]), np.array([0.2, 0.6])), 3)
        0.1
    """
    return float(np.mean((probability - bad) ** 2))


def log_loss(bad: BadArray, probability: FloatArray) -> float:
    """Mean negative log-likelihood, in nats; 0 is perfect.

    The likelihood of a case is at least 1e-15, so that one certain and wrong probability does not make it infinite.

    Example:
        A coin's probability costs ln 2 per case.

        >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 3)
        0.693
    """
    likelihood = np.where(bad == 1, probability, 1 - probability)
    return float(-np.mean(np.log(np.maximum(likelihood, NEAREST_TO_CERTAIN))))


def calibration_in_the_large(bad: BadArray, probability: FloatArray) -> float:
    """Bads observed over bads expected; 1 is calibrated, above 1 the probabilities are too low.

    Example:
        Two bads where the probabilities add up to one:

        >>> calibration_in_the_large(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4]))
        2.0
    """
    return _ratio(float(bad.sum()), float(probability.sum()))


def calibration_line(bad: BadArray, probability: FloatArray) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of bad on the log-odds of its probability (Cox, 1958).

    (0, 1) is calibrated; a slope below 1 says that the probabilities are too extreme. NaN where no line fits:
    one class, one probability, or classes that do not overlap.

    Example:
        Said 1 in 10 and 9 in 10, came 2 in 10 and 8 in 10:

        >>> bad = np.array([1] * 2 + [0] * 8 + [1] * 8 + [0] * 2)
        >>> intercept, slope = calibration_line(bad, np.array([0.1] * 10 + [0.9] * 10))
        >>> round(abs(intercept), 3), round(slope, 3)
        (0.0, 0.631)
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
    """The points of a reliability diagram: groups of about equal size by probability, ties together.

    Args:
        bad: 1 for bad, 0 for good.
        probability: of bad.
        bins: the most groups to make.

    Returns:
        For each group, ascending: mean probability, observed bad rate and number of cases.

    Example:
        >>> bad, probability = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.1, 0.3, 0.5, 0.75, 0.75])
        >>> [(round(said, 2), came, cases) for said, came, cases in reliability(bad, probability, bins=2)]
        [(0.17, 0.0, 3), (0.67, 1.0, 3)]
    """
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    group = (middle * bins // len(bad)).astype(np.intp)[place]
    members = [group == k for k in np.unique(group)]
    return [(float(probability[g].mean()), float(bad[g].mean()), int(g.sum())) for g in members]


def confusion(bad: BadArray, prediction: npt.NDArray[np.int8]) -> dict[str, int]:
    """Count true and false negatives and positives; a positive is a predicted bad.

    Example:
        >>> confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
        {'true_negatives': 1, 'false_positives': 1, 'false_negatives': 1, 'true_positives': 1}
    """
    cells = {
        "true_negatives": (0, 0),
        "false_positives": (0, 1),
        "false_negatives": (1, 0),
        "true_positives": (1, 1),
    }
    return {name: int(((bad == truth) & (prediction == said)).sum()) for name, (truth, said) in cells.items()}


def classification(bad: BadArray, prediction: npt.NDArray[np.int8]) -> dict[str, float]:
    """Accuracy, precision, recall and F1 of predictions of bad; 0 where a denominator is zero.

    Example:
        >>> classification(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 1]))
        {'accuracy': 0.8, 'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666}
    """
    cells = confusion(bad, prediction)
    hits, said, real = cells["true_positives"], int(prediction.sum()), int(bad.sum())
    precision, recall = hits / said if said else 0.0, hits / real if real else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return {"accuracy": float((bad == prediction).mean()), "precision": precision, "recall": recall, "f1": f1}


def expected_cost(
    bad: BadArray, prediction: npt.NDArray[np.int8], false_negative: float, false_positive: float
) -> float:
    """Mean cost of the errors per decision, in the unit of the costs.

    Args:
        bad: 1 for bad, 0 for good.
        prediction: 1 where bad is predicted (refused), else 0.
        false_negative: cost of a bad that was approved.
        false_positive: cost of a good that was refused.

    Example:
        One bad in four decisions was approved, at a cost of 10, and one good refused, at 1:

        >>> expected_cost(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), false_negative=10, false_positive=1)
        2.75
    """
    cells = confusion(bad, prediction)
    return (cells["false_negatives"] * false_negative + cells["false_positives"] * false_positive) / len(bad)


def psi(reference: FloatArray, current: FloatArray, bins: int = 10) -> float:
    """Population stability index of two samples over quantile bins of the reference (Siddiqi, 2006).

    Common reading: below 0.1 stable, above 0.25 a clear shift; ``psi_limit`` takes the sizes of the samples into account.

    Args:
        reference: numbers without NaN, shape (n,).
        current: numbers without NaN, shape (m,).
        bins: number of quantile bins of the reference; equal quantiles are merged.

    Example:
        >>> scores = np.arange(1000.0)
        >>> psi(scores, scores), round(psi(scores, scores + 50), 2), round(psi(scores, scores + 300), 2)
        (0.0, 0.05, 2.0)
    """
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    places = [np.searchsorted(edges, sample, side="right") for sample in (reference, current)]
    old, new = (np.bincount(place, minlength=len(edges) + 1) for place in places)
    return psi_of_counts(old, new)


def psi_of_counts(reference: npt.NDArray[np.intp], current: npt.NDArray[np.intp]) -> float:
    """Population stability index of cases per bin, both shape (bins,), each count raised by half a case.

    Example:
        >>> round(psi_of_counts(np.array([100, 200, 100]), np.array([60, 200, 140])), 3)
        0.084
    """
    return float(psi_by_row(reference, current[np.newaxis])[0])


def psi_by_row(reference: npt.NDArray[np.intp], current: npt.NDArray[np.intp] | FloatArray) -> FloatArray:
    """``psi_of_counts`` of many samples: ``reference`` has shape (bins,), ``current`` (samples, bins), the result (samples,).

    Example:
        >>> psi_by_row(np.array([100, 200, 100]), np.array([[60, 200, 140], [50, 100, 50]])).round(3).tolist()
        [0.084, 0.0]
    """
    old, new = (
        (counts + 0.5) / (counts + 0.5).sum(axis=-1, keepdims=True) for counts in (reference, current)
    )
    return np.asarray(((new - old) * np.log(new / old)).sum(axis=-1))


def psi_limit(
    reference: int, current: int, bins: int = 10, chance: float = 0.01, least: float = 0.1
) -> float:
    """The population stability index above which two samples of these sizes have drifted.

    Without drift the index is about (1 / reference + 1 / current) times chi-square with bins - 1 degrees of
    freedom (Yurdakul and Naranjo, 2020), whose quantile is approximated by Wilson and Hilferty (1931).

    Args:
        reference: number of cases of the reference.
        current: number of new cases.
        bins: number of bins that the index is taken over.
        chance: probability of a false alarm.
        least: the smallest limit; a smaller index is no drift, however large the samples.

    Returns:
        The quantile of the index at ``1 - chance``, or ``least`` where that is larger.

    Example:
        A hundred new cases exceed the usual 0.1 by chance; ten thousand do not.

        >>> round(psi_limit(reference=2000, current=100), 2), psi_limit(reference=2000, current=10_000)
        (0.23, 0.1)
    """
    freedom = bins - 1
    if freedom < 1:
        return least
    spread = 2 / (9 * freedom)
    root: float = 1 - spread + NormalDist().inv_cdf(1 - chance) * spread**0.5
    quantile = freedom * root**3
    return max(least, (1 / reference + 1 / current) * quantile)


def stability(bad: BadArray, risk: FloatArray, period: npt.NDArray[np.int64]) -> float:
    """Stability of the Gini over time: its mean + 88 min(0, slope) - 0.5 std(residuals) of a line through the periods.

    The measure of the competition Home Credit - Credit Risk Model Stability (Kaggle, 2024), which chose 88 for weeks.

    Args:
        bad: 1 for bad, 0 for good.
        risk: higher is riskier.
        period: number of each case's period, such as its week, shape (n,).

    Returns:
        The measure over the periods by their numbers, those without both classes left out; NaN with fewer than two.

    Example:
        Two periods, ranked perfectly and then at random: the mean is 0.5, and a slope of -1 costs 88.

        >>> bad, period = np.array([0, 1, 0, 1]), np.array([1, 1, 2, 2])
        >>> round(stability(bad, np.array([0.1, 0.9, 0.5, 0.5]), period), 6)
        -87.5
    """
    numbers = np.unique(period)
    by_period = np.array([gini(bad[period == number], risk[period == number]) for number in numbers])
    known = ~np.isnan(by_period)
    ginis, times = by_period[known], (numbers - numbers[0])[known]
    if len(ginis) < 2:
        return float("nan")
    slope, intercept = np.polyfit(times, ginis, 1)
    residuals = ginis - (slope * times + intercept)
    return float(ginis.mean() + 88 * min(0.0, float(slope)) - 0.5 * residuals.std())


def interval(
    measure: Measure,
    bad: BadArray,
    risk: FloatArray,
    customers: npt.NDArray[np.object_],
    seed: int,
    times: int = 500,
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a measure, resampling customers with all their decisions (percentile method).

    Args:
        measure: a function of ``bad`` and ``risk``, such as ``roc_auc``.
        bad: 1 for bad, 0 for good.
        risk: higher is riskier.
        customers: customer of each case, shape (n,).
        seed: of the resampling.
        times: number of resamples.

    Returns:
        The 2.5 % and the 97.5 % quantile over the resamples; those where the measure is NaN are left out.

    Example:
        Forty customers with five decisions each: taking decisions for independent would claim too narrow an interval.

        >>> bad, risk = np.repeat([0, 1] * 20, 5), np.repeat(np.arange(40) % 7 + [0, 2] * 20, 5)
        >>> customers = np.repeat(np.arange(40), 5).astype(object)
        >>> low, high = interval(roc_auc, bad, risk, customers, seed=1)
        >>> too_low, too_high = interval(roc_auc, bad, risk, np.arange(200).astype(object), seed=1)
        >>> low < too_low < roc_auc(bad, risk) < too_high < high
        True
    """
    return middle(measure(bad[rows], risk[rows]) for rows in _resamples(customers, risk, seed, times))


def paired_interval(
    measure: Measure,
    bad: BadArray,
    risks: tuple[FloatArray, FloatArray],
    customers: npt.NDArray[np.object_],
    seed: int,
    times: int = 500,
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a difference: the first risk's measure less the second's on the same customers.

    Args:
        measure: a function of ``bad`` and ``risk``, such as ``roc_auc``.
        bad: 1 for bad, 0 for good.
        risks: two risks of the same cases.
        customers: customer of each case, shape (n,).
        seed: of the resampling.
        times: number of resamples.

    Returns:
        The ends of the interval; the first risk is better beyond chance where both are above 0.

    Example:
        >>> bad, customers = np.array([0, 1] * 50), np.arange(100).astype(object)
        >>> useful, useless = bad * 1.0, np.zeros(100)
        >>> paired_interval(roc_auc, bad, (useful, useless), customers, seed=1)
        (0.5, 0.5)
    """
    first, second = risks
    resamples = _resamples(customers, first, seed, times)
    return middle(measure(bad[rows], first[rows]) - measure(bad[rows], second[rows]) for rows in resamples)


def middle(drawn: Iterable[float]) -> tuple[float, float]:
    """The 2.5 % and the 97.5 % quantile of numbers, those that are NaN left out; NaN where none is left.

    Example:
        >>> middle([float("nan"), *range(101)])
        (2.5, 97.5)
    """
    numbers = [value for value in drawn if not np.isnan(value)]
    if not numbers:
        return float("nan"), float("nan")
    low, high = np.quantile(numbers, [0.025, 0.975])
    return float(low), float(high)


def rate_interval(bads: int, customers: npt.NDArray[np.object_]) -> tuple[float, float]:
    """The 95 % interval of a bad rate (Wilson, 1927), of as many cases as are independent; it is one without bads too.

    Args:
        bads: how many of the decisions are bad.
        customers: customer of each decision, shape (n,); None is a customer of its own.

    Returns:
        The ends of the interval; NaN without decisions.

    Example:
        None of ten is bad; if these are two decisions each of five customers, less is known of the rate.

        >>> low, high = rate_interval(0, np.arange(10).astype(object))
        >>> low, round(high, 3), round(rate_interval(0, np.repeat(np.arange(5), 2).astype(object))[1], 3)
        (0.0, 0.278, 0.434)
    """
    if not len(customers):
        return float("nan"), float("nan")
    cases, rate, deviations = len(customers) * independent(customers), bads / len(customers), 1.959964
    middle_of, scale = rate + deviations**2 / (2 * cases), 1 + deviations**2 / cases
    reach = deviations * (rate * (1 - rate) / cases + deviations**2 / (4 * cases**2)) ** 0.5
    return max((middle_of - reach) / scale, 0.0), min((middle_of + reach) / scale, 1.0)


def independent(customers: npt.NDArray[np.object_]) -> float:
    """How many independent cases a decision stands for, if all decisions of a customer were one and the same (Kish, 1965).

    Args:
        customers: customer of each decision, shape (n,); None is a customer of its own.

    Returns:
        1 where no customer has several decisions.

    Example:
        >>> independent(np.array(["C-1", "C-1", "C-2", "C-2"], dtype=object))
        0.5
    """
    named = customers[[customer is not None for customer in customers]].astype(str)
    counts = np.unique(named, return_counts=True)[1]
    return _ratio(len(customers), float((counts**2).sum()) + len(customers) - len(named))


def draws(customers: npt.NDArray[np.object_], seed: int, times: int) -> Iterator[IntArray]:
    """How often each case is drawn in each resample: as often as its customer, of whom as many are drawn as there are.

    Args:
        customers: customer of each case, shape (n,).
        seed: of the resampling.
        times: number of resamples.

    Yields:
        The number of times that each case is drawn, shape (n,).

    Example:
        The two cases of C-1 are always drawn together.

        >>> drawn = np.array(list(draws(np.array(["C-1", "C-1", "C-2"], dtype=object), seed=1, times=100)))
        >>> bool((drawn[:, 0] == drawn[:, 1]).all()), set((drawn[:, 0] + drawn[:, 2]).tolist())
        (True, {2})
    """
    _, owner = np.unique(customers.astype(str), return_inverse=True)
    count = int(owner.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(times):
        yield np.bincount(random.integers(0, count, count), minlength=count)[owner]


def _resamples(
    customers: npt.NDArray[np.object_], risk: FloatArray, seed: int, times: int
) -> Iterator[IntArray]:
    """Rows of each resample in order of risk, so that a measure has almost nothing left to sort."""
    order = np.argsort(risk, kind="stable")
    return (np.repeat(order, drawn) for drawn in draws(customers[order], seed, times))
