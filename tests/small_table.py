"""One small table with text, gaps and a signal, and its labels."""

import numpy as np
import polars as pl

ROWS = 600


def make_table(rows: int = ROWS, seed: int = 1) -> tuple[pl.DataFrame, np.ndarray]:
    random = np.random.default_rng(seed)
    rising, noise, amount = random.normal(size=rows), random.normal(size=rows), random.lognormal(3, 2, rows)
    level = random.choice(["a", "b", "c", "once"], rows, p=[0.5, 0.3, 0.195, 0.005])
    logit = 1.2 * rising - 0.8 * (level == "b") + 0.3 * np.log(amount) - 1.5
    bad = (random.uniform(size=rows) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    gaps = random.uniform(size=rows) < 0.1
    table = pl.DataFrame(
        {
            "rising": pl.Series(rising).set(pl.Series(gaps), None),
            "noise": noise,
            "amount": amount,
            "level": pl.Series(level).set(pl.Series(random.uniform(size=rows) < 0.05), None),
        }
    )
    return table, bad


TABLE, BAD = make_table()
