"""The swap set of two models: who comes in and who goes out if both approve as many of the same decisions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from credit_model import metrics
from credit_model.arrays import BoolArray, FloatArray
from credit_model.training.strategy import nearest_cut_off

CELLS = ("approved by both", "goes out", "comes in", "refused by both")
TIES = (
    "decisions of one probability are approved together or not at all, so that the number approved is as near to that asked for "
    "as the probabilities of each model allow"
)
Customers = npt.NDArray[np.object_]


@dataclass(frozen=True)
class SwapSet:
    """What two models approve of the same n decisions at one approval rate.

    Attributes:
        rate: the approval rate asked for.
        cut_offs: the probability of each below which it approves.
        approved: true for the decisions that each approves, both of shape (n,).
        table: a row for each of ``CELLS``: ``cell``, ``decisions`` and ``share``, and where outcomes are given how many of its
            decisions have one (``outcomes``), ``bads``, ``bad_rate``, and the ends of its 95 % interval, ``low`` and ``high``.
    """

    rate: float
    cut_offs: tuple[float, float]
    approved: tuple[BoolArray, BoolArray]
    table: pl.DataFrame

    @property
    def counts(self) -> tuple[int, int]:
        """How many decisions each approves."""
        first, second = self.approved
        return int(first.sum()), int(second.sum())

    @property
    def cells(self) -> dict[str, Mapping[str, float | None]]:
        """The rows of the table by ``CELLS``."""
        return {str(row.pop("cell")): row for row in self.table.to_dicts()}


def swap_set(
    probabilities: tuple[FloatArray, FloatArray],
    rate: float,
    customers: Customers,
    bad: FloatArray | None = None,
) -> SwapSet:
    """Compare what two models approve at one approval rate.

    Args:
        probabilities: of bad, by each model, without NaN, both of shape (n,).
        rate: share of the decisions to approve.
        customers: customer of each decision, shape (n,).
        bad: 1 for bad, 0 for good, NaN where the outcome is not known; None where no outcomes are given.
    """
    count = round(rate * len(customers))
    first, second = (nearest_cut_off(probability, count) for probability in probabilities)
    approved = probabilities[0] < first, probabilities[1] < second
    rows = [
        {"cell": cell, **told(members, customers, bad)}
        for cell, members in zip(CELLS, members_of(*approved), strict=True)
    ]
    return SwapSet(rate, (first, second), approved, pl.DataFrame(rows))


def members_of(first: BoolArray, second: BoolArray) -> tuple[BoolArray, ...]:
    """The decisions of each of ``CELLS``, by what each model approves."""
    return first & second, first & ~second, ~first & second, ~first & ~second


def told(members: BoolArray, customers: Customers, bad: FloatArray | None) -> dict[str, float | None]:
    """Number and share of some decisions and, where outcomes are given, their bad rate with its interval."""
    count: dict[str, float | None] = {"decisions": int(members.sum()), "share": float(members.mean())}
    if bad is None:
        return count
    known = members & ~np.isnan(bad)
    bads = int(bad[known].sum())
    low, high = metrics.rate_interval(bads, customers[known])
    rate = {"bad_rate": bads / known.sum(), "low": low, "high": high} if known.any() else dict.fromkeys(_RATE)
    return count | {"outcomes": int(known.sum()), "bads": bads} | rate


_RATE = ("bad_rate", "low", "high")
