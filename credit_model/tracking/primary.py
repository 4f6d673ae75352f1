"""The primary scorecard that a training keeps beside a winner of another kind."""

from pathlib import Path

PRIMARY_SCORECARD = "primary_scorecard"


def primary_of(folder: Path) -> str | None:
    """The URI of the primary scorecard of the run that a model is of; None where the store does not know one.

    Args:
        folder: of the model's files.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    client = MlflowClient()
    try:
        outputs = client.get_run(Model.load(str(folder)).run_id).outputs
        kept = outputs.model_outputs if outputs is not None else []
        models = [client.get_logged_model(output.model_id) for output in kept]
    except (MlflowException, OSError):
        return None
    return next((str(model.model_uri) for model in models if model.name == PRIMARY_SCORECARD), None)
