"""The technical documentation of Annex IV of the EU AI Act as plain JSON values: its nine points with a training's content.

What only the provider can say is None, and named in ``to_be_supplied``.
"""

from typing import Any

from credit_model.reporting import tables
from credit_model.reporting.identity import Identity
from credit_model.training.summary import auc
from credit_model.training.workflow import TrainingResult

_OVERSIGHT = (
    "Decisions to review go to a person, and so does every decision without a transaction history. An answer carries the "
    "principal reasons that can be told of it, up to four, which may be none. A rejection can be reviewed by a person who sees "
    "them."
)
_LIMITS = (
    "Not for customers of another lender, currency or country, nor as the only ground of a refusal. Figures hold for the "
    "population and the time of the training; drift is watched by the command monitor."
)
_PROVIDER = {
    "1": ["provider", "form in which it is placed on the market", "hardware", "user interface"],
    "2": ["cybersecurity measures"],
    "3": ["risks to health, safety and fundamental rights"],
    "5": ["risk management system (Article 9)"],
    "7": ["harmonised standards applied"],
    "8": ["EU declaration of conformity (Article 47)"],
}


def annex_iv(result: TrainingResult, identity: Identity) -> dict[str, Any]:
    """The nine points, by number, each with its heading and this training's content.

    Args:
        result: result of the training.
        identity: identity of the version.
    """
    points = {
        "1": ("General description", _general(result, identity)),
        "2": ("Elements and process of development", _development(result, identity)),
        "3": ("Monitoring, functioning and control", _control(result)),
        "4": ("Appropriateness of the performance metrics", _appropriate(result)),
        "5": ("Risk management system", None),
        "6": ("Changes through the lifecycle", _changes(identity)),
        "7": ("Standards applied", None),
        "8": ("EU declaration of conformity", None),
        "9": (
            "Post-market monitoring",
            "Plan: section Monitoring plan of model_document.html; command: monitor.",
        ),
    }
    return {
        "regulation": "Regulation (EU) 2024/1689, Annex IV; applies to credit scoring from 2 December 2027",
        "points": {
            number: {"heading": heading, "content": content, "to_be_supplied": _PROVIDER.get(number, [])}
            for number, (heading, content) in points.items()
        },
    }


def _general(result: TrainingResult, identity: Identity) -> dict[str, Any]:
    return {
        "name": identity.name,
        "version": identity.model_version,
        "intended_purpose": "one credit decision per customer and moment, for unsecured credit of one lender in one currency",
        "target": result.sample.recipe.target,
        "currency": result.trained.dataset.currency,
        "software": dict(identity.environment),
        "instructions_for_use": "docs/answer.md and docs/serve.md of the package",
    }


def _development(result: TrainingResult, identity: Identity) -> dict[str, Any]:
    trained = result.trained
    return {
        "methods": {
            "candidates": sorted(trained.comparison),
            "winner": trained.winner,
            "parameters": dict(trained.comparison[trained.winner].parameters),
            "calibration": trained.scorer.calibrator.kind,
        },
        "design": dict(result.used),
        "data": {
            "files_sha256": dict(identity.files),
            "population": result.validation.population.to_dicts(),
            "label": list(result.sample.lines),
        },
        "human_oversight": _OVERSIGHT,
        "validation": {
            "figures": dict(result.figures),
            "gates": tables.gates(result).to_dicts(),
            "disparities": {column: each.disparities.to_dicts() for column, each in result.fairness.items()},
        },
        "seed": result.sample.recipe.seed,
        "commit": identity.commit,
    }


def _control(result: TrainingResult) -> dict[str, Any]:
    return {
        "capabilities": {
            "out_of_fold": auc(result.figures, "grouped"),
            result.trained.tested: auc(result.figures, "test"),
            "by_segment": result.validation.segments.to_dicts(),
        },
        "limitations": _LIMITS,
        "human_oversight": _OVERSIGHT,
        "bands": result.trained.scorer.bands.to_dict(),
        "inputs": list(result.trained.scorer.classifier.inputs),
    }


def _appropriate(result: TrainingResult) -> str:
    false_negative, false_positive = result.sample.recipe.costs
    return (
        "The AUC and KS say how well goods and bads are ranked; the Brier score, observed over expected bads and the slope "
        f"whether the probability is right; the cost of errors ({false_negative:g} for a missed bad, {false_positive:g} for a "
        "refused good) what its use is worth. Intervals resample customers."
    )


def _changes(identity: Identity) -> str:
    return (
        f"Every training is a version of {identity.name} of its own, with parameters, hashes and gates; this is "
        f"{identity.model_version}. A promotion by force is recorded with who forced it and why."
    )
