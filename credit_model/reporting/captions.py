"""Whose figure it is, on which decisions, and on how many: what every caption of the model document says."""

import numpy as np

from credit_model.arrays import BadArray
from credit_model.training.strategy import considered, decided
from credit_model.training.train import Trained


def out_of_fold(trained: Trained) -> str:
    """For figures of every decision with a probability, by fits that had not seen its customer."""
    return f"winner {trained.winner}, out of fold, {_scored(trained)}"


def ranked(trained: Trained) -> str:
    """For measures that rank decisions out of fold, whose order is that of the margins."""
    return f"winner {trained.winner}, ranked by the margins out of fold, {_scored(trained)}"


def by_bands(trained: Trained) -> str:
    """For figures of the decisions that the bands decide, out of fold."""
    rows = considered(trained.dataset, trained.probability)
    history = " with a history" if decided(trained.dataset, trained.probability).any() else ""
    return f"winner {trained.winner}, out of fold, {_counted(trained.dataset.bad[rows], history)}"


def tested(trained: Trained) -> str:
    """For figures of the test part, by a fit on the training part alone."""
    return f"winner {trained.winner}, {tested_on(trained)}"


def tested_on(trained: Trained) -> str:
    """The test part, whatever the candidate."""
    return f"{trained.tested}, {_counted(trained.dataset.bad[~np.isnan(trained.test_probability)])}"


def pictured(trained: Trained) -> str:
    """For the pictures of ``plots.pictures`` that show probabilities."""
    return tested(trained) if both_classes(trained) else out_of_fold(trained)


def pictured_ranking(trained: Trained) -> str:
    """For the pictures of ``plots.pictures`` that show a ranking."""
    return tested(trained) if both_classes(trained) else ranked(trained)


def both_classes(trained: Trained) -> bool:
    """Whether the test part has goods and bads, so that a picture can be drawn of it."""
    return len(np.unique(trained.dataset.bad[~np.isnan(trained.test_probability)])) > 1


def fitted(trained: Trained) -> str:
    """For what is said of the served model itself, on the decisions that it was fitted on."""
    return f"winner {trained.winner}, as served, on the {_modelled(trained)} that it was fitted on"


def primary(trained: Trained) -> str:
    """For what is said of the interpretable scorecard, on the decisions that it was fitted on."""
    return f"primary scorecard, on the {_modelled(trained)} that it was fitted on"


def modelled(trained: Trained) -> str:
    """For what is said of features, whatever the model."""
    return f"the data, without any model, {_modelled(trained)}, all parts"


def compared(trained: Trained) -> str:
    """For the comparison of the candidates."""
    return f"every candidate, out of fold, {compared_on(trained)}"


def compared_on(trained: Trained) -> str:
    """The decisions that the candidates were compared on."""
    dataset = trained.dataset
    rows = dataset.modelled & dataset.part("train") if trained.choosable else dataset.modelled
    part = "of the training part" if trained.choosable else "of all parts"
    return f"{_counted(dataset.bad[rows])}, {part}"


def _scored(trained: Trained) -> str:
    return _counted(trained.dataset.bad[~np.isnan(trained.probability)])


def _modelled(trained: Trained) -> str:
    return _counted(trained.dataset.bad[trained.dataset.modelled])


def _counted(bad: BadArray, which: str = "") -> str:
    return f"{len(bad):,} decisions{which} ({int(bad.sum()):,} bad)"
