"""Limits of monitoring: how far figures get by chance alone, by simulation.

Without drift the new decisions are draws from what the training's were drawn from. A simulation makes many such samples for every
distribution that is watched: the true shares of its bins are drawn first, for the training saw only a sample of them too
(Dirichlet, half a case in every bin beforehand), and then the new decisions (multinomial). The limit of a figure is the largest
that any sample has. A new sample exceeds the largest of n others in one of n + 1 cases, so that with 100 samples for each
figure all of them together raise a false alarm in at most 1 % of windows, whatever their dependence on each other.

Decisions of one customer are alike, and count together as one case at the worst: samples are as large as there are independent
customers (``metrics.independent``), in training and now.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from zlib import crc32

import numpy as np

from credit_model import metrics
from credit_model.arrays import FloatArray
from credit_model.scoring.reference import Counts

Distance = Callable[[Counts, Counts | FloatArray], FloatArray]
CHANCE = 0.01
PSI, KS, MISSING, UNSEEN, SHARE = "psi", "ks", "missing", "unseen", "share"
LEAST: Mapping[str, float] = {PSI: 0.1, KS: 0.1, MISSING: 0.02, UNSEEN: 0.02, SHARE: 0.02}
_SEED = 42


@dataclass(frozen=True)
class Limits:
    """The limits of figures of a window.

    Attributes:
        figures: how many are watched together.
        past: independent cases that a decision of the training stands for.
        now: those that a new decision stands for.
        chance: of a false alarm of any of them.
        seed: of the simulation.
    """

    figures: int
    past: float = 1.0
    now: float = 1.0
    chance: float = CHANCE
    seed: int = _SEED

    @property
    def samples(self) -> int:
        """How many samples are simulated."""
        return round(self.figures / self.chance)

    @property
    def deviations(self) -> float:
        """Standard deviations that a normal figure exceeds as seldom as one of the simulated ones its limit."""
        return NormalDist().inv_cdf(1 - 1 / (self.samples + 1))

    def of(self, name: str, then: Counts, size: int, figures: Iterable[str]) -> dict[str, float]:
        """The limits of figures of a distribution.

        Args:
            name: what is distributed; it seeds the simulation together with ``seed``.
            then: decisions of the training per bin.
            size: number of new decisions.
            figures: names in ``DISTANCES``.
        """
        drawn = self._drawn(name, then, size)
        return {name: max(LEAST[name], float(DISTANCES[name](then, drawn).max())) for name in figures}

    def of_share(self, name: str, tolerated: float, size: int) -> float:
        """The largest share that chance makes of a tolerated one."""
        random = np.random.default_rng([self.seed, crc32(name.encode())])
        cases = self._cases(size)
        return float(random.binomial(cases, tolerated, self.samples).max() / cases)

    def _drawn(self, name: str, then: Counts, size: int) -> Counts:
        """Counts per bin of as many samples as are simulated, shape (samples, bins)."""
        random = np.random.default_rng([self.seed, crc32(name.encode())])
        shares = random.dirichlet(then * min(self.past, 1.0) + 0.5, self.samples)
        return random.multinomial(self._cases(size), shares)

    def _cases(self, size: int) -> int:
        return max(1, round(size * min(self.now, 1.0)))


def _ks(then: Counts, now: Counts | FloatArray) -> FloatArray:
    """The largest distance between the cumulative shares at the edges of a number's bins; what is missing is left out."""
    old, new = (counts[..., :-1].cumsum(axis=-1) for counts in (then, now))
    totals = [np.maximum(sums[..., -1:], 1) for sums in (old, new)]
    return np.asarray(np.abs(old / totals[0] - new / totals[1]).max(axis=-1))


def share(counts: Counts | FloatArray, place: int) -> FloatArray:
    """The share of one bin in each sample, shape (samples,)."""
    return np.asarray(counts[..., place] / np.maximum(counts.sum(axis=-1), 1))


def _apart(place: int) -> Distance:
    return lambda then, now: np.abs(share(now, place) - share(then, place))


DISTANCES: Mapping[str, Distance] = {
    PSI: metrics.psi_by_row,
    KS: _ks,
    MISSING: _apart(-1),
    UNSEEN: _apart(-2),
    SHARE: _apart(0),
}
