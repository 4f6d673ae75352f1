"""One decision explained: its answer, its reasons, and a picture of how its score comes about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from credit_model.desk.page import Page
from credit_model.desk.tables import wanted
from credit_model.reporting import explanation


@dataclass(frozen=True)
class Explanation:
    """A decision explained; a notebook shows it as a page.

    Attributes:
        model: what the model is called.
        answer: the answer, by field.
    """

    model: str
    answer: Mapping[str, Any]
    _table: pl.DataFrame = field(repr=False)
    _pandas: bool = field(repr=False)

    @property
    def reasons(self) -> Sequence[Mapping[str, Any]]:
        """The reasons, the weightiest first: ``code``, ``text`` and what else the model tells of each."""
        reasons: Sequence[Mapping[str, Any]] = self.answer["reasons"]
        return reasons

    @property
    def contributions(self) -> Any:
        """A frame of ``feature``, ``value`` and ``points``, which add up to the score; empty where the model did not judge."""
        return wanted(self._table, pandas=self._pandas)

    @cached_property
    def waterfall(self) -> Figure | None:
        """The contributions as a picture; None where the model did not judge the decision."""
        return explanation.waterfall(self._table) if self._table.height else None

    @cached_property
    def page(self) -> Page:
        """All of it on one page."""
        return Page(explanation.explanation(self.model, self.answer, self._table, self.waterfall))

    def _repr_html_(self) -> str:
        return self.page._repr_html_()
