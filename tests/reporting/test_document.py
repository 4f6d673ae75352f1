"""What the model document says of the model that it is about."""

from dataclasses import replace
from types import SimpleNamespace

import polars as pl
import pytest

from credit_model.reporting.document_development import features
from credit_model.scoring.scorer import Scorer
from scorers import small_scorer

BALANCES = small_scorer(("balance_now", "transaction_count", "credit_share", "ProductCategory"))
COLUMN = replace(BALANCES, catalogue=replace(BALANCES.catalogue, balance_column=True))


@pytest.mark.parametrize(
    ("scorer", "said", "unsaid"),
    [
        (BALANCES, "send all transactions before the decision, or opening_balance", "column Balance"),
        (COLUMN, "from the column Balance", "opening_balance"),
        (small_scorer(), "through one function", "balance"),
    ],
)
def test_a_model_that_reads_the_balance_says_what_it_needs(scorer: Scorer, said: str, unsaid: str) -> None:
    table = pl.DataFrame(schema=dict.fromkeys(scorer.classifier.inputs, pl.Float64))
    trained = SimpleNamespace(
        scorer=scorer, dataset=SimpleNamespace(catalogue=scorer.catalogue, features=table)
    )
    recipe = SimpleNamespace(attributes=(), history_days=60)
    result = SimpleNamespace(trained=trained, sample=SimpleNamespace(recipe=recipe))
    text = " ".join(block for block in features(result).blocks if isinstance(block, str))  # type: ignore[arg-type]
    assert said in text
    assert unsaid not in text
    assert ("balance_basis" in text) == scorer.plan.needs_balance
