"""A small scorer, made by hand, and the reasons of any classifier."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from credit_model.features.catalogue import Catalogue
from credit_model.models.classifier import Classifier
from credit_model.models.scorecard import Scorecard
from credit_model.scoring.calibrator import Calibrator
from credit_model.scoring.policy import Bands
from credit_model.scoring.reasons import Reasons
from credit_model.scoring.scale import Scale
from credit_model.scoring.scorer import Scorer
from credit_model.training.cross_validation import Cases
from credit_model.training.fit_reasons import fit_reasons
from credit_model.training.language import built_in
from credit_model.training.monotone_binning import fit_binnings
from credit_model.training.train import LEAST_EFFECT

INPUTS = ("recency", "transaction_count", "credit_share", "ProductCategory")


def small_scorer(inputs: Sequence[str] = INPUTS) -> Scorer:
    """A scorecard over four features of the catalogue, all of them numbers but ``ProductCategory``."""
    random = np.random.default_rng(1)
    bad = random.integers(0, 2, 400)
    values = (
        random.uniform(0, 20, 400) + 10 * bad,
        random.poisson(10 - 6 * bad).astype(float) + 1,
        random.uniform(0, 1, 400),
        np.where(random.uniform(size=400) < 0.3 + 0.4 * bad, "airtime", "tv"),
    )
    table = pl.DataFrame(dict(zip(inputs, values, strict=True)))
    binnings = fit_binnings(table, bad)
    classifier = Scorecard(tuple(binnings[name] for name in inputs), (0.8, 0.7, 0.2, 0.5), 0.1)
    catalogue = Catalogue(60)
    goods = table.filter(pl.Series(bad == 0))
    reasons = fit_reasons(catalogue, inputs, goods, built_in("en"), "UGX", 0.02)
    return Scorer(catalogue, classifier, Calibrator("sigmoid"), Scale(), Bands(), reasons, "rfm_proxy", "UGX")


def fitted_reasons(
    classifier: Classifier, cases: Cases, catalogue: Catalogue, language: str = "en"
) -> Reasons:
    """The reasons of a classifier that was fitted on cases, as training makes them."""
    goods = cases.table.filter(pl.Series(cases.bad == 0))
    least = LEAST_EFFECT * float(np.std(classifier.margin(cases.table)))
    return fit_reasons(catalogue, classifier.inputs, goods, built_in(language), "UGX", least)
