"""How a model is trained: everything that a caller decides, in one plain record."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from credit_model.decisions import Attribute
from credit_model.formats import AS_READ, Formats
from credit_model.scorecard import Bands, Scale


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes:
        history_days: length of the history window.
        target: ``rfm_proxy``, ``same_window`` or ``observed_default``.
        attributes: application attributes among the decisions' columns.
        include: features off by default to switch on.
        candidate: the candidate that wins, or ``auto``.
        search: ``none``, ``grid`` or ``random``: how each candidate's parameters are chosen.
        scale: probability to points.
        costs: of a false negative and of a false positive.
        bands: risk levels and decisions.
        columns: the files' own names of columns, kept in the model.
        formats: how cells of the files are written, kept in the model.
        seed: of everything random.
    """

    history_days: int
    target: str
    attributes: tuple[Attribute, ...] = ()
    include: tuple[str, ...] = ()
    candidate: str = "auto"
    search: str = "none"
    scale: Scale = field(default_factory=Scale)
    costs: tuple[float, float] = (10.0, 1.0)
    bands: Bands = field(default_factory=Bands)
    columns: Mapping[str, str] = field(default_factory=dict)
    formats: Formats = AS_READ
    seed: int = 42
