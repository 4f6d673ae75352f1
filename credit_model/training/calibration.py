"""Fitting a calibrator on out-of-fold margins.

Sigmoid: Platt, Probabilistic outputs for support vector machines (1999), with his smoothed targets. Isotonic: Zadrozny and
Elkan (2002), centred (Oron and Flournoy, 2017): each flat step is one knot, so that margins between the first and the last knot
keep their ranking. Isotonic regression needs many cases of the rarer class, and is used only then.
"""

import numpy as np
import numpy.typing as npt

from credit_model.arrays import FloatArray
from credit_model.scoring.calibrator import Calibrator

ISOTONIC_LEAST = 1000


def fit_calibrator(margin: FloatArray, bad: npt.NDArray[np.int8], *, linear: bool = False) -> Calibrator:
    """Fit a calibrator: isotonic with at least 1,000 cases of the rarer class, else a sigmoid.

    Args:
        margin: out-of-fold margins in log-odds, shape (n,).
        bad: 1 for bad, 0 for good, shape (n,).
        linear: always fit a sigmoid, which keeps log-odds linear in the margin, as the points of a scorecard must be.
    """
    rarer = min(int(bad.sum()), int(len(bad) - bad.sum()))
    return _sigmoid(margin, bad) if linear or rarer < ISOTONIC_LEAST else _isotonic(margin, bad)


def cross_fitted(
    margin: FloatArray, bad: npt.NDArray[np.int8], fold: npt.NDArray[np.int64], *, linear: bool = False
) -> FloatArray:
    """The probability of every case by a calibrator fitted on the other folds alone, shape (n,).

    Args:
        margin: (n,) out-of-fold margins.
        bad: (n,) 0 or 1.
        fold: (n,) fold of each case.
        linear: as of ``fit_calibrator``.
    """
    probability = np.empty(len(margin))
    for held_out in np.unique(fold):
        inside = fold == held_out
        calibrator = fit_calibrator(margin[~inside], bad[~inside], linear=linear)
        probability[inside] = calibrator.probability(margin[inside])
    return probability


def _isotonic(margin: FloatArray, bad: npt.NDArray[np.int8]) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    least = 1 / (len(bad) + 2)
    steps = IsotonicRegression(y_min=least, y_max=1 - least).fit_transform(margin, bad)
    levels, step, cases = np.unique(steps, return_inverse=True, return_counts=True)
    knots = np.bincount(step, margin) / cases
    return Calibrator("isotonic", knots=tuple(knots.tolist()), levels=tuple(levels.tolist()))


def _sigmoid(margin: FloatArray, bad: npt.NDArray[np.int8]) -> Calibrator:
    from scipy.optimize import minimize

    bads, goods = float(bad.sum()), float(len(bad) - bad.sum())
    target = np.where(bad == 1, (bads + 1) / (bads + 2), 1 / (goods + 2))
    centre, spread = float(margin.mean()), float(margin.std()) or 1.0
    unit = (margin - centre) / spread

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        logit = np.exp(weights[0]) * unit + weights[1]
        error = np.exp(-np.logaddexp(0, -logit)) - target
        slope = float((error * unit).sum() * np.exp(weights[0]))
        return float((np.logaddexp(0, logit) - target * logit).sum()), np.array([slope, error.sum()])

    start = np.array([0.0, np.log((bads + 1) / (goods + 1))])
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-10, 10), (-30, 30)]).x
    slope = float(np.exp(fitted[0]) / spread)
    return Calibrator("sigmoid", slope=slope, intercept=float(fitted[1] - slope * centre))
