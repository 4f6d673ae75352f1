"""Principal reasons of a decision: up to four reason codes, worst first.

There is one code per topic, not one per correlated feature: the contributions of a topic's features are added up, and a topic is
named where their sum raised the risk by more than a minimum. Regulation B (12 CFR 1002.9(b)(2)) asks for the specific principal
reasons; its official interpretation says that more than four are not likely to be helpful to the applicant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model.features.learned import APPLICATION

MOST_REASONS = 4

CATALOGUE: dict[str, tuple[str, str]] = {
    "recency": ("R01", "You have not used the platform for some time."),
    "frequency": ("R02", "You have made few transactions."),
    "tenure": ("R03", "Your history with us is short."),
    "amount": ("R04", "The amounts of your transactions differ from those of customers in good standing."),
    "trend": ("R05", "Your use of the platform has changed recently."),
    "credits": (
        "R06",
        "The money paid back or paid out to you differs from that of customers in good standing.",
    ),
    "balance": ("R07", "The balance of what you paid in and what was paid out to you has been unfavourable."),
    "regularity": ("R08", "Your transactions are irregular."),
    "mix": ("R09", "The kinds of transactions you make differ from those of customers in good standing."),
    "variety": (
        "R10",
        "The range of products and channels you use differs from that of customers in good standing.",
    ),
    "timing": ("R11", "The times of your transactions differ from those of customers in good standing."),
    "latest": ("R12", "Your latest transactions differ from those of customers in good standing."),
    "affordability": ("R14", "The amount asked for is high for your income or turnover."),
    "cycle": (
        "R16",
        "The pace at which money was paid out to you and paid back differs from that of customers in good standing.",
    ),
    "no_history": ("R15", "We have no recent transactions of yours."),
}

_ENTRY = pl.Struct({"code": pl.String(), "text": pl.String()})


def reason(topic: str) -> tuple[str, str]:
    """The code of a topic and its sentence for the applicant; each attribute of the application has a code of its own.

    Raises:
        KeyError: there is no such topic.

    Example:
        >>> reason("tenure")
        ('R03', 'Your history with us is short.')
        >>> reason("application: loan_amount")[0]
        'R13-loan_amount'
    """
    if not topic.startswith(APPLICATION):
        return CATALOGUE[topic]
    name = topic.removeprefix(APPLICATION)
    plain = name.replace("_", " ")
    return f"R13-{name}", f"Your application: your {plain} differs from that of customers in good standing."


@dataclass(frozen=True)
class Reasons:
    """The reason codes of a fitted classifier.

    Attributes:
        topics: the topic of each of the classifier's inputs, in order.
        minimum: a topic is named only where the sum of its contributions, in units of the margin, is above this and above 0.

    Example:
        The two features of the topic amount add up to 0.4, less than recency's 0.5.

        >>> reasons = Reasons(topics=("recency", "amount", "amount"), minimum=0.05)
        >>> contributions = np.array([[0.5, -0.2, 0.6], [0.01, -0.3, 0.0]])
        >>> [[entry["code"] for entry in entries] for entries in reasons.explain(contributions)]
        [['R01', 'R04'], []]
    """

    topics: tuple[str, ...]
    minimum: float

    def explain(self, contributions: npt.NDArray[np.float64]) -> pl.Series:
        """Name the reasons of decisions.

        Args:
            contributions: shape (n, number of inputs), in units of the margin; positive raises the risk.

        Returns:
            For each decision a list of at most four structs (code, text), worst first; ties go to the smaller code.
        """
        chosen = self._chosen(contributions)
        key = (chosen + 1) @ (len(self._entries) + 1) ** np.arange(chosen.shape[1])
        _, first, place = np.unique(key, return_index=True, return_inverse=True)
        distinct = pl.Series("reasons", self._named(chosen[first]), dtype=pl.List(_ENTRY))
        return distinct.gather(place)

    def of_one(self, contributions: npt.NDArray[np.float64]) -> list[dict[str, str]]:
        """The reasons of one decision, from its contributions, shape (1, number of inputs); as in ``explain``."""
        return self._named(self._chosen(contributions))[0]

    def _chosen(self, contributions: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """The worst topics of each decision, shape (n, 4); -1 where fewer are to be named."""
        pushes = contributions @ self._membership
        order = np.argsort(-pushes, axis=1, kind="stable")[:, :MOST_REASONS]
        push = np.take_along_axis(pushes, order, axis=1)
        return np.where((push > self.minimum) & (push > 0), order, -1)

    def _named(self, chosen: npt.NDArray[np.intp]) -> list[list[dict[str, str]]]:
        return [[self._entries[idea] for idea in ideas if idea >= 0] for ideas in chosen.tolist()]

    @property
    def no_history(self) -> list[dict[str, str]]:
        """The reasons of a decision without transactions."""
        code, text = CATALOGUE["no_history"]
        return [{"code": code, "text": text}]

    @cached_property
    def _ideas(self) -> list[str]:
        return sorted(set(self.topics), key=reason)

    @cached_property
    def _membership(self) -> npt.NDArray[np.float64]:
        return np.array([[float(topic == idea) for idea in self._ideas] for topic in self.topics])

    @cached_property
    def _entries(self) -> list[dict[str, str]]:
        return [dict(zip(("code", "text"), reason(idea), strict=True)) for idea in self._ideas]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, read back by ``from_dict``."""
        return {"topics": list(self.topics), "minimum": self.minimum}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Reasons":
        """The inverse of ``to_dict``."""
        return cls(tuple(plain["topics"]), plain["minimum"])
