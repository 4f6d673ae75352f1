"""A model that answers a constant of the same fields: what MLflow and Spark cost by themselves.

``python scripts/benchmarks/constant_model.py MODEL FOLDER`` saves one with the signature of another, a folder or a URI.
"""

import sys
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

ANSWER = {
    "CustomerId": "C-1",
    "as_of": "2019-02-13T00:00:00.000000Z",
    "status": "scored",
    "message": None,
    "probability": 0.25,
    "score": 520.5,
    "prediction": 0.0,
    "risk_level": "low",
    "decision": "approve",
    "reasons": [
        {
            "code": "R01",
            "text": "You last used the platform 41 days ago; customers in good standing typically did 1 to 9 days ago.",
            "feature": "recency",
            "value": "41 days",
            "typical": "1 to 9 days",
            "points": 12.5,
        }
    ]
    * 4,
    "transaction_count": 30,
    "target": "rfm_proxy",
    "model_version": "0123456789ab",
}


class Constant(PythonModel):
    """One answer per row of arrays, one for all rows of single transactions."""

    def predict(
        self,
        context: Any,  # noqa: ARG002, MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """The constant."""
        collected = isinstance(model_input["Amount"].iloc[0], list | np.ndarray)
        return pd.DataFrame([ANSWER] * (len(model_input) if collected else 1))


def save(model: str, folder: str) -> None:
    """Save a constant model."""
    signature = mlflow.models.get_model_info(model).signature
    mlflow.pyfunc.save_model(folder, python_model=__file__, signature=signature, pip_requirements=["mlflow"])


if __name__ == "__main__":
    save(*sys.argv[1:])
else:
    mlflow.models.set_model(Constant())
