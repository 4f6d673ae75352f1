"""The folder of a model's files."""

from pathlib import Path

from credit_model.tracking import integrity


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


def verified_folder(model: str) -> Path:
    """The folder of a model, its files checked, before any of its code runs.

    Raises:
        ValueError: there is no such model, or a file is not the one that was registered.
    """
    return _checked(model)[0]


def verify(model: str) -> str:
    """Check the files of a model, without running its code; returns what was checked, as a sentence.

    Raises:
        ValueError: there is no such model, or a file is not the one that was registered.
    """
    return _checked(model)[1]


def _checked(model: str) -> tuple[Path, str]:
    """The folder of a model, and what was checked of it."""
    folder = model_folder(model)
    return folder, integrity.check(folder, model, _registered(model))


def _registered(model: str) -> dict[str, str]:
    """The hashes that stand with the registered version of a model; none where a folder is named."""
    if Path(model).is_dir():
        return {}
    from credit_model.tracking import registry

    return registry.hashes(model)
