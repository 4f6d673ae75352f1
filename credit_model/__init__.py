"""Raw transactions in, one defensible credit decision per customer out.

Every step between is one MLflow pyfunc model, which stock MLflow tools train, register, serve, containerise and run
on Spark. Start with ``python -m credit_model --help``; in Python, the names of ``__all__`` are imported when they are used.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "Model",
    "Scorecard",
    "Training",
    "TransactionFeatures",
    "WoeBinner",
    "__version__",
    "customer_features",
    "explore",
    "load",
    "train",
]

if TYPE_CHECKING:
    from credit_model.desk.exploring import explore
    from credit_model.desk.model import Model, load
    from credit_model.desk.training import Training, train
    from credit_model.estimators import Scorecard, TransactionFeatures, WoeBinner
    from credit_model.features.frames import customer_features
else:
    _HOMES = {
        "Model": "credit_model.desk.model",
        "Scorecard": "credit_model.estimators",
        "Training": "credit_model.desk.training",
        "TransactionFeatures": "credit_model.estimators",
        "WoeBinner": "credit_model.estimators",
        "customer_features": "credit_model.features.frames",
        "explore": "credit_model.desk.exploring",
        "load": "credit_model.desk.model",
        "train": "credit_model.desk.training",
    }

    def __getattr__(name: str) -> object:
        """A name of ``__all__``.

        Raises:
            AttributeError: there is no such name.
            ImportError: what it needs is not installed, or this is the code of a served model, which carries no training.
        """
        from importlib import import_module
        from pathlib import Path

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOMES[name].split(".")
        # An installation that can be edited would find in its own folder what an artifact's code does not carry.
        if not Path(__file__).parent.joinpath(*home[1:]).with_suffix(".py").exists():
            raise _missing(name, "is not here: this is the code of a served model, which carries no training")
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as fault:
            raise _missing(name, f"needs {fault.name}") from fault

    def _missing(name: str, why: str) -> ImportError:
        return ImportError(
            f"credit_model.{name} {why}; pip install '.[train]' in a clone of the repository, "
            f"or pip install 'credit_model-{__version__}-py3-none-any.whl[train]'"
        )

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
