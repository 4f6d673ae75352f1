"""``review``: the letter for the applicant of a logged decision, and the page for the person who reviews it."""

import os
from pathlib import Path

from credit_model.data.writers import write_text
from credit_model.operations.recorded import recorded
from credit_model.reporting.decision_pages import letter, reviewer_page
from credit_model.serving.decision_log import log_file


def review(path: str, decision: str, folder: str) -> str:
    """Write ``letter.html`` and ``reviewer.html`` into a folder; returns what to print.

    Raises:
        ValueError: the log has no such decision, or it is invalid, so that nothing was decided.
        OSError: the folder cannot be written.
    """
    logged = recorded(log_file(path, os.environ), decision)
    if logged.entry["answer"]["status"] == "invalid":
        raise ValueError(
            f"decision {decision} is invalid: {logged.entry['answer']['message']}; mend the data and ask again"
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    pages = {
        "letter.html": letter(logged.entry, logged.stands),
        "reviewer.html": reviewer_page(logged.entry, logged.overrides),
    }
    for name, text in pages.items():
        write_text(text, str(Path(folder) / name))
    return f"{' and '.join(pages)} of decision {decision} written to {folder}"
