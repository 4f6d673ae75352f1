"""The folder of a model's files."""

from pathlib import Path


def model_folder(model: str) -> Path:
    """The folder of a model: the path itself where it is a folder, else downloaded from the MLflow URI.

    MLflow, which takes seconds to import, is imported only for a URI.

    Raises:
        ValueError: there is no such model, or the MLflow store does not give it.
    """
    if Path(model).is_dir():
        return Path(model)
    if ":/" not in model:
        raise ValueError(
            f"there is no model {model}: no such folder; name one, or an MLflow URI such as models:/credit-risk@champion"
        )
    from credit_model.tracking import registry

    return registry.fetched(model)
