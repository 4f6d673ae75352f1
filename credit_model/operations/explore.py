"""``explore``: transactions looked at, in pictures and on one page; both are kept as an MLflow run."""

from credit_model.data.paths import check_place
from credit_model.data.transactions import tidy_table
from credit_model.data.writers import write_text
from credit_model.reporting.exploration import analysis
from credit_model.reporting.exploration.notes import notes
from credit_model.reporting.exploration.page import document, pictures
from credit_model.settings import settings
from credit_model.settings.settings import Settings
from credit_model.tracking import store
from credit_model.tracking.runs import EXPERIMENT, log_exploration
from credit_model.training import workflow


def explore(given: Settings) -> str:
    """Explore transactions; log the pictures and the page; returns what to print."""
    if given.output is not None and not given.output.endswith(".html"):
        raise ValueError(f"output: {given.output} is no page; name a file that ends in .html")
    if given.output is not None:
        check_place(given.output)
    with store.run(EXPERIMENT, settings.texts("explore", given)):
        table, outcomes = workflow.read(given)
        transactions = tidy_table(table)
        found = analysis.explore(transactions, outcomes, given.seed, table.columns)
        drawn = pictures(found, transactions)
        page = document(found, transactions, drawn)
        lines = notes(found)
        if given.output is not None:
            write_text(page, given.output)
            lines.append(f"page written to {given.output}")
        with store.using("log the run"):
            log_exploration(page, drawn)
    return "\n".join([*lines, "page and pictures logged as an MLflow run: exploration.html"])
