"""Every feature as a plan and as a program, with balances as running sums and as a column."""

from dataclasses import replace

from credit_model.data.decisions import Attribute
from credit_model.features.catalogue import Catalogue
from credit_model.features.plan import FeaturePlan
from credit_model.serving.fast.kernels import Value
from credit_model.serving.fast.program import program_of
from raw_tables import CATALOGUE

ATTRIBUTES = (
    Attribute("loan_amount", "number"),
    Attribute("income", "number"),
    Attribute("hour", "category"),
)
EVERYTHING = Catalogue(60, CATALOGUE.levels, ATTRIBUTES)
APPLICATION = {"loan_amount": 500.0, "income": float("nan"), "hour": "late"}


PLAN, COLUMN_PLAN = (
    FeaturePlan(replace(EVERYTHING, balance_column=column), tuple(EVERYTHING.features))
    for column in (False, True)
)
PROGRAM, COLUMN_PROGRAM = program_of(PLAN), program_of(COLUMN_PLAN)


def without_nan(value: Value) -> Value:
    return None if value != value else value  # noqa: PLR0124, NaN is null
