"""The rules that the model document answers to, as in force in November 2026, and where it does."""

import polars as pl

RULES = (
    (
        "SR 26-2",
        "Model risk management of US banks; it replaced SR 11-7 in April 2026.",
        "Label, Features, Scorecard, Candidates and baselines, Performance, Gates, Monitoring plan",
    ),
    (
        "EU AI Act, Regulation (EU) 2024/1689",
        (
            "Assessing the creditworthiness of natural persons is high-risk (Annex III, 5 b). The duties apply from 2 December "
            "2027 (Regulation (EU) 2026/1744). Logs are kept for at least six months (Articles 19, 26)."
        ),
        "the whole document; annex_iv.json beside it follows the nine points of Annex IV",
    ),
    (
        "Consumer credit, Directive (EU) 2023/2225",
        (
            "Applied since 20 November 2026, and covers buy-now-pay-later. A consumer who is assessed by automated means may ask "
            "for a person, an explanation and a review (Article 18)."
        ),
        "Decisions and costs, Reasons, Purpose and limits",
    ),
    (
        "GDPR, Regulation (EU) 2016/679",
        (
            "Articles 15 and 22 with the rulings C-634/21 and C-203/22: the procedure really applied is explained; a formula "
            "alone is not enough."
        ),
        "Reasons, Decisions and costs",
    ),
    (
        "Regulation B, 12 CFR 1002.9",
        "An adverse action is notified with its specific principal reasons. The effects test left Regulation B on 21 July 2026.",
        "Reasons",
    ),
    (
        "Basel Framework, CRE36",
        "Rating systems of banks that use internal ratings: design, documentation, validation.",
        "Data, Label, Features, Performance, Calibration, Stability",
    ),
)


def rules() -> pl.DataFrame:
    """One row per rule: ``rule``, what it ``says``, and the sections in which it is ``answered under``."""
    return pl.DataFrame(RULES, schema=["rule", "says", "answered under"], orient="row")
