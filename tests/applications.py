"""Synthetic loan applications without any transactions: what an applicant states, and whether the loan went bad."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

NUMBERS = (
    *("age", "income", "employment_length", "loan_amount", "credit_history_length"),
    *("credit_lines", "derogatory_marks", "total_debt"),
)
CATEGORIES = ("intent", "home_ownership")
ATTRIBUTES = (*NUMBERS, *CATEGORIES)


def applications(rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Outcomes with attributes, and the probability that each was drawn with, shape (rows,)."""
    random = np.random.default_rng(seed)
    age = random.integers(19, 75, rows)
    income = random.lognormal(10.3, 0.5, rows).round(-1)
    loan = (income * random.uniform(0.05, 0.6, rows)).round(-1)
    debt = (income * random.gamma(2, 0.25, rows)).round(-1)
    employed = np.minimum(random.gamma(1.5, 4, rows), age - 18).round(1)
    marks = random.poisson(0.3, rows)
    home = random.choice(["RENT", "MORTGAGE", "OWN", "OTHER"], rows, p=[0.5, 0.38, 0.115, 0.005])
    intent = random.choice(["EDUCATION", "MEDICAL", "VENTURE", "PERSONAL"], rows)
    logit = (
        -3.1
        + 3.0 * np.maximum(loan / income - 0.25, 0)
        + 0.8 * (debt / income)
        + 0.7 * marks
        - 0.08 * employed
        + 0.5 * (home == "RENT")
        + 0.4 * (intent == "MEDICAL")
    )
    probability = 1 / (1 + np.exp(-logit))
    start = datetime(2024, 1, 1)
    table = pl.DataFrame(
        {
            "CustomerId": [f"A{seed}-{place}" for place in range(rows)],
            "as_of": [start + timedelta(hours=int(hour)) for hour in np.sort(random.integers(0, 8760, rows))],
            "defaulted": (random.uniform(size=rows) < probability).astype(np.int8),
            "age": age,
            "income": income,
            "employment_length": pl.Series(employed).set(pl.Series(random.uniform(size=rows) < 0.05), None),
            "loan_amount": loan,
            "credit_history_length": random.integers(0, 30, rows),
            "credit_lines": random.poisson(5, rows),
            "derogatory_marks": marks,
            "total_debt": debt,
            "intent": intent,
            "home_ownership": home,
        }
    )
    return table, probability
