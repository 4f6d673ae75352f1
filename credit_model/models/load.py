"""Reading a classifier of any kind that can be served."""

import json
from pathlib import Path

from credit_model.models.blend import Blend
from credit_model.models.classifier import DESCRIPTION, Classifier
from credit_model.models.lightgbm_trees import LightGbmTrees
from credit_model.models.logistic import Linear
from credit_model.models.scorecard import Scorecard
from credit_model.models.segmented import Segmented
from credit_model.models.xgboost_trees import Trees

_KINDS = {kind.kind: kind for kind in (Scorecard, Segmented, Linear, Trees, LightGbmTrees, Blend)}


def load_classifier(folder: Path) -> Classifier:
    """Read a classifier of any kind from the folder that its ``save`` wrote."""
    plain = json.loads((folder / DESCRIPTION).read_text())
    classifier: Classifier = _KINDS[plain["kind"]].load(folder, plain)
    return classifier
