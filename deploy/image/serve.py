"""Serve the model of this folder by MLflow's scoring server, which takes this process's place and so its signals.

``MLFLOW_HOST``, ``MLFLOW_PORT`` and ``MLFLOW_MODELS_WORKERS`` are MLflow's own variables for what ``mlflow models serve`` takes.
"""

import os
import shlex
from pathlib import Path

from mlflow.pyfunc.scoring_server import get_cmd

model = Path(__file__).resolve().parent / "model"
host, port, workers = (os.environ[f"MLFLOW_{name}"] for name in ("HOST", "PORT", "MODELS_WORKERS"))
command, environment = get_cmd(str(model), port=int(port), host=host, nworkers=int(workers))
words = shlex.split(command)
os.execvpe(words[0], words, environment)
