"""Answers of two models to the same decisions, drawn by lot; the second knows more of what becomes of them."""

import numpy as np
import polars as pl

CODES = ("R01", "R02", "R03")
NOISES = {"A": 2.0, "B": 0.5}


def two_answers(seed: int = 1, count: int = 600, levels: int = 1000) -> pl.DataFrame:
    """Answers as ``two_models.compared`` takes them: some without history, some without a known outcome.

    Args:
        seed: of the lot.
        count: of decisions; two of each customer.
        levels: how many probabilities can occur: few make many ties.
    """
    lot = np.random.default_rng(seed)
    risk = lot.normal(-1, 1.5, count)
    table = pl.DataFrame({"CustomerId": [f"C-{number // 2}" for number in range(count)]}).with_columns(
        as_of=pl.datetime(2019, 1, 1) + pl.duration(days=pl.int_range(count)),
        bad=pl.Series(lot.uniform(size=count) < 1 / (1 + np.exp(-risk))).cast(pl.Int8),
    )
    known = pl.Series(lot.uniform(size=count) < 0.9)
    return table.with_columns(pl.when(known).then("bad").alias("bad")).hstack(
        [column for side in NOISES for column in _answers(side, risk, levels, lot)]
    )


def _answers(side: str, risk: np.ndarray, levels: int, lot: np.random.Generator) -> list[pl.Series]:
    """What one model says of decisions of a risk."""
    seen = risk + lot.normal(0, NOISES[side], len(risk))
    probability = np.ceil(levels / (1 + np.exp(-seen))) / (levels + 1)
    history = pl.Series(lot.uniform(size=len(risk)) < 0.95)
    codes = [[CODES[place] for place in lot.permutation(3)[: lot.integers(0, 4)]] for _ in risk]
    said = pl.DataFrame({"probability": probability, "history": history})
    return said.select(
        pl.when("history").then(pl.lit("scored")).otherwise(pl.lit("no_history")).alias(f"{side} status"),
        pl.when("history").then("probability").alias(f"{side} probability"),
        pl.when("history").then((pl.col("probability") >= 0.4).cast(pl.Float64)).alias(f"{side} prediction"),
        pl.when(~pl.col("history"))
        .then(pl.lit("review"))
        .when(pl.col("probability") < 0.3)
        .then(pl.lit("approve"))
        .otherwise(pl.lit("reject"))
        .alias(f"{side} decision"),
        pl.Series(f"{side} reasons", codes, pl.List(pl.String)),
    ).get_columns()


def swapped(answers: pl.DataFrame) -> pl.DataFrame:
    """The same with A and B exchanged."""
    other = {"A": "B", "B": "A"}
    return answers.rename(lambda name: other[name[0]] + name[1:] if name[:2] in {"A ", "B "} else name)


def twice(answers: pl.DataFrame) -> pl.DataFrame:
    """A beside itself."""
    own = [name for name in answers.columns if name.startswith("A ")]
    return answers.with_columns(pl.col(name).alias(f"B{name[1:]}") for name in own)
