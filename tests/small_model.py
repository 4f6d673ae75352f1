"""The folder of a small model, made by hand: its scorer, and the code that it carries."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from credit_model.serving import jobs
from credit_model.tracking.carried import carried_code
from scorers import small_scorer


def write(folder: Path, **changed: Any) -> Path:
    """Write the model into a new folder; returns the folder.

    Args:
        folder: to write.
        **changed: fields of its scorer.
    """
    replace(small_scorer(), **changed).save(folder / "artifacts" / "scorer", jobs.MANIFEST)
    carried_code(folder / "code")
    return folder
