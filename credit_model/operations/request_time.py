"""A program: the median time of a model's own example request, asked through MLflow's pyfunc.

It runs in a process of its own, with the model's code, and imports nothing of this package.
"""

import json
import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import mlflow
import pandas as pd

EXAMPLE = "serving_input_example.json"


def median_seconds(folder: Path, requests: int) -> float:
    """The median over a number of requests, after one that is not counted."""
    body = json.loads((folder / EXAMPLE).read_text(encoding="utf-8"))
    table, params = pd.DataFrame(**body["dataframe_split"]), body.get("params")
    model = mlflow.pyfunc.load_model(str(folder))
    times = []
    for _ in range(requests + 1):
        begun = perf_counter()
        model.predict(table, params=params)
        times.append(perf_counter() - begun)
    return median(times[1:])


if __name__ == "__main__":
    print(median_seconds(Path(sys.argv[1]), int(sys.argv[2])))
