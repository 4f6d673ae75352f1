"""The MBG/NBD customer-base model: how often a customer buys, and whether they still do.

Purchases of a live customer are Poisson with a gamma-distributed rate; after each purchase, the first
included, a customer drops out with a beta-distributed probability (Batislam, Denizel and Filiztekin,
"Empirical validation and comparison of models for customer base analysis", 2007; Hoppe and Wagner, "Customer
base analysis: the case for a central variant of the betageometric/NBD model", 2007). In the plain BG/NBD
no customer drops out after the first purchase, so that one-time buyers would be alive for certain.
"""

from dataclasses import dataclass

import numpy as np

from credit_model.arrays import FloatArray

MOST_CUSTOMERS = 20_000
_LIMIT = 12.0
_STARTS = ((1.0, 1.0, 1.0, 1.0), (0.3, 0.3, 0.5, 2.0))


@dataclass(frozen=True)
class Purchases:
    """The purchase histories that the model is fitted on: arrays of shape (n,), one element per customer, times in days.

    Attributes:
        repeats: purchases after the first, x.
        last: time from the first to the last purchase, t_x: 0 without repeats.
        age: time from the first purchase to now, T >= t_x.
    """

    repeats: FloatArray
    last: FloatArray
    age: FloatArray


@dataclass(frozen=True)
class MbgNbd:
    """The fitted model.

    Attributes:
        r: shape of the gamma distribution of purchase rates.
        alpha: its rate, in days: the mean is r / alpha purchases a day.
        a: first parameter of the beta distribution of the drop-out probability, whose mean is a / (a + b).
        b: its second parameter.
    """

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, purchases: Purchases) -> FloatArray:
        """Probability that each customer has not dropped out, shape (n,)."""
        x, longer = (
            purchases.repeats,
            np.log(self.alpha + purchases.age) - np.log(self.alpha + purchases.last),
        )
        logit = np.log(self.b + x) - np.log(self.a) - (self.r + x) * longer
        probability: FloatArray = np.exp(-np.logaddexp(0.0, -logit))
        return probability

    def silent(self, purchases: Purchases, days: float) -> FloatArray:
        """Probability that each customer makes no purchase within the next ``days``, shape (n,)."""
        waits = self.alpha + purchases.age
        none_while_alive = np.exp((self.r + purchases.repeats) * (np.log(waits) - np.log(waits + days)))
        probability: FloatArray = 1.0 - self.alive(purchases) * (1.0 - none_while_alive)
        return probability

    def log_likelihood(self, purchases: Purchases) -> FloatArray:
        """Log-likelihood of each customer's purchases, shape (n,), always finite."""
        from scipy.special import betaln, gammaln

        x = purchases.repeats
        timing = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        lives = betaln(self.a, self.b + x + 1) - (self.r + x) * np.log(self.alpha + purchases.age)
        left = betaln(self.a + 1, self.b + x) - (self.r + x) * np.log(self.alpha + purchases.last)
        total: FloatArray = timing + np.logaddexp(lives, left) - betaln(self.a, self.b)
        return total

    def gradient(self, purchases: Purchases) -> FloatArray:
        """Derivatives of the log-likelihood by the logarithms of r, alpha, a and b, shape (4, n)."""
        from scipy.special import digamma

        r, alpha, a, b, x = self.r, self.alpha, self.a, self.b, purchases.repeats
        lives, age, last = self.alive(purchases), alpha + purchases.age, alpha + purchases.last
        mean_log = lives * np.log(age) + (1 - lives) * np.log(last)
        chances = digamma(a + b) - digamma(a + b + x + 1)
        by_r = digamma(r + x) - digamma(r) + np.log(alpha) - mean_log
        by_alpha = r / alpha - (r + x) * (lives / age + (1 - lives) / last)
        by_a = (1 - lives) / a + chances
        by_b = digamma(b + x) - digamma(b) + lives / (b + x) + chances
        return np.array([r * by_r, alpha * by_alpha, a * by_a, b * by_b])


def fit_mbg_nbd(purchases: Purchases) -> MbgNbd:
    """Fit by maximum likelihood; the order of customers changes nothing.

    Of more than 20,000 customers an even sample is used, in the order of their purchases: enough for four
    parameters.

    Raises:
        ValueError: there are no customers.
    """
    from scipy.optimize import minimize

    if not len(purchases.age):
        raise ValueError("MBG/NBD has nobody to be fitted on; give decisions with at least one transaction")
    sample, unit = _scaled(_thinned(purchases))

    def cost(logs: FloatArray) -> tuple[float, FloatArray]:
        model = MbgNbd(*np.exp(logs).tolist())
        return -float(model.log_likelihood(sample).mean()), -model.gradient(sample).mean(axis=1)

    bounds = [(-_LIMIT, _LIMIT)] * 4
    fits = [minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds) for start in np.log(_STARTS)]
    r, alpha, a, b = np.exp(min(fits, key=lambda fit: fit.fun).x).tolist()
    return MbgNbd(r, alpha * unit, a, b)


def _thinned(purchases: Purchases) -> Purchases:
    columns = np.array([purchases.repeats, purchases.last, purchases.age])
    ordered = columns[:, np.lexsort(columns)]
    step = -(-ordered.shape[1] // MOST_CUSTOMERS)
    return Purchases(*ordered[:, ::step])


def _scaled(purchases: Purchases) -> tuple[Purchases, float]:
    """Times in units of the longest age, so that no parameter is far from 1, and that unit in days."""
    unit = float(purchases.age.max()) or 1.0
    return Purchases(purchases.repeats, purchases.last / unit, purchases.age / unit), unit
