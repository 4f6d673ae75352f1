"""Raw transactions in, one defensible credit decision per customer out.

Every step between is one MLflow pyfunc model, which stock MLflow tools train, register, serve, containerise and run
on Spark. Start with ``python -m credit_model --help``; in Python, the names of ``__all__`` are imported when they are used.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "customer_features", "explore", "train"]

if TYPE_CHECKING:
    from credit_model.features.frames import customer_features
    from credit_model.notebook import explore, train
else:
    _HOMES = {
        "customer_features": "credit_model.features.frames",
        "explore": "credit_model.notebook",
        "train": "credit_model.notebook",
    }

    def __getattr__(name: str) -> object:
        """A name of ``__all__``.

        Raises:
            AttributeError: there is no such name.
            ImportError: what it needs is not installed, or this is the code of a served model, which carries no training.
        """
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as fault:
            why = f"needs {fault.name}"
            if fault.name == _HOMES[name]:
                why = "is not here: this is the code of a served model, which carries no training"
            raise ImportError(
                f"credit_model.{name} {why}; pip install '.[train]' in a clone of the repository, "
                f"or pip install 'credit_model-{__version__}-py3-none-any.whl[train]'"
            ) from fault

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
