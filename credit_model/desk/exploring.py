"""Exploring in Python: the tables of an exploration, and its page."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from credit_model.data.transactions import Tidy, tidy_table
from credit_model.desk import tables
from credit_model.desk.page import Page
from credit_model.desk.tables import Table
from credit_model.reporting.exploration import analysis
from credit_model.reporting.exploration.analysis import Exploration
from credit_model.reporting.exploration.page import document, pictures
from credit_model.training import workflow


@dataclass(frozen=True, repr=False)
class PagedExploration(Exploration):
    """An exploration with its page, which a notebook shows."""

    transactions: Tidy = field(kw_only=True, repr=False)

    @cached_property
    def page(self) -> Page:
        """What the command ``explore`` writes."""
        return Page(document(self, self.transactions, pictures(self, self.transactions)))

    def _repr_html_(self) -> str:
        return self.page._repr_html_()


def explore(
    transactions: Table | None = None, outcomes: Table | None = None, **parameters: Any
) -> PagedExploration:
    """Describe transactions, and real outcomes, as the command ``explore`` does.

    Args:
        transactions: a frame, or the path of a file, a folder or a pattern; synthetic ones where neither they nor outcomes
            are given.
        outcomes: real outcomes: ``CustomerId``, ``as_of``, ``defaulted``; or days past due: ``CustomerId``, ``as_of``,
            ``observed_at``, ``days_past_due``.
        **parameters: those of ``python -m credit_model explore --help``, but ``output``.

    Returns:
        Small Polars tables: ``quality``, ``amounts``, ``levels``, ``days``, ``customers`` and others; of days past due
            ``bad_definition``, with ``rolls``, ``vintages``, ``choices`` and others; and ``page``.

    Raises:
        TypeError: a table is neither a frame nor a path.
        ValueError: a parameter or the data cannot be read.
    """
    settings = tables.settings("explore", {"transactions": transactions, "outcomes": outcomes}, parameters)
    if settings.output is not None:
        raise ValueError(
            "output: only the command writes files; use .page.save(path), or python -m credit_model explore"
        )
    asked = workflow.read(settings)
    tidy = tidy_table(asked.transactions)
    found = analysis.explored(asked, tidy, settings)
    return PagedExploration(
        **{one.name: getattr(found, one.name) for one in fields(found)}, transactions=tidy
    )
