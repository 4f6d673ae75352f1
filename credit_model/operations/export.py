"""``export``: a scorecard as SQL, or the data dictionary of a model, for programs and people outside."""

from pathlib import Path

from credit_model.data import files
from credit_model.data.paths import check_output
from credit_model.data.writers import write_text
from credit_model.models.logistic import Linear
from credit_model.models.scorecard import Scorecard
from credit_model.models.segmented import Segmented
from credit_model.reporting.export.dictionary import dictionary
from credit_model.reporting.export.sql import scorecard_sql
from credit_model.scoring.scorer import Scorer
from credit_model.settings.settings import Settings
from credit_model.tracking.model_folder import verified_folder
from credit_model.tracking.primary import primary_of


def export(settings: Settings) -> str:
    """Write what ``format`` names of a model; returns what to print.

    Raises:
        ValueError: there is no such model, SQL does not hold its classifier, or the file cannot be written.
    """
    output, folder = settings.output or "", verified_folder(settings.model)
    scorer = Scorer.load(folder / "artifacts" / "scorer")
    if settings.format == "dictionary":
        check_output(output)
        table = dictionary(scorer.catalogue, frozenset(scorer.classifier.inputs))
        files.write(table, output)
        return f"{table.height} features described in {output}"
    if not isinstance(scorer.classifier, Scorecard | Linear):
        raise ValueError(_refused(settings.model, scorer.classifier.kind, folder))
    write_text(scorecard_sql(scorer, settings.dialect), output)
    return (
        f"{len(scorer.classifier.inputs)} characteristics written to {output} as SQL of {settings.dialect}; "
        "it scores the table features, which the command features computes"
    )


def _refused(model: str, kind: str, folder: Path) -> str:
    primary = primary_of(folder)
    named = f"--model {primary}" if primary else "its model document names it under Scorecard"
    why = "which is no sum of its inputs, as SQL needs"
    if kind == Segmented.kind:
        why = "a scorecard for each segment, and SQL holds one"
    return (
        f"{model} is of the kind {kind}, {why}; export the primary scorecard of its training instead: {named}"
    )
