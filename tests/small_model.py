"""The folder of a small model, made by hand: its scorer, and the code that it carries."""

from pathlib import Path

from credit_model.serving import jobs
from credit_model.tracking.carried import carried_code
from scorers import small_scorer


def write(folder: Path) -> Path:
    """Write the model into a new folder; returns the folder."""
    small_scorer().save(folder / "artifacts" / "scorer", jobs.MANIFEST)
    carried_code(folder / "code")
    return folder
