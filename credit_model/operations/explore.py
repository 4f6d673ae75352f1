"""``explore``: describes transactions in pictures and on one page, and logs both to an MLflow run."""

from credit_model.data.paths import check_place
from credit_model.data.transactions import tidy_table
from credit_model.data.writers import write_text
from credit_model.reporting.exploration import analysis
from credit_model.reporting.exploration.bad_definition import readings
from credit_model.reporting.exploration.notes import notes
from credit_model.reporting.exploration.page import document, pictures
from credit_model.settings.settings import Settings, texts
from credit_model.tracking import described, store
from credit_model.tracking.runs import log_exploration
from credit_model.training import workflow


def explore(settings: Settings) -> str:
    """Explore transactions, and log the pictures and the page; returns what to print.

    Raises:
        ValueError: the store does not accept the run, or a file cannot be read or written.
    """
    if settings.output is not None and not settings.output.endswith(".html"):
        raise ValueError(f"output: {settings.output} is no page; name a file that ends in .html")
    if settings.output is not None:
        check_place(settings.output)
    with store.run(store.EXPERIMENT, texts("explore", settings), described.begun("explore", settings)):
        asked = workflow.read(settings)
        transactions = tidy_table(asked.transactions)
        exploration = analysis.explored(asked, transactions, settings)
        drawn = pictures(exploration, transactions)
        page = document(exploration, transactions, drawn)
        lines = notes(exploration)
        if exploration.bad_definition is not None:
            lines += readings(exploration.bad_definition)
        if settings.output is not None:
            write_text(page, settings.output)
            lines.append(f"page written to {settings.output}")
        with store.using("log the run"):
            log_exploration(page, drawn)
    return "\n".join([*lines, "page and pictures logged as an MLflow run: exploration.html"])
