"""The bespoke peer of ``serving.py``: FastAPI, pandas and a random forest on 26 features."""

import argparse
from typing import Any

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request
from sklearn.ensemble import RandomForestClassifier

LEVELS = (
    *("airtime", "data_bundles", "financial_services", "movies", "other"),
    *("ticket", "transport", "tv", "utility_bill"),
)
NUMBERS = ("total", "avg", "std", "min", "max", "median", "count")
CLOCK = ("hour", "dayofweek", "day", "month", "year")
FEATURES = ("Amount", "Value", *NUMBERS, *CLOCK, *LEVELS, "Provider", "Channel", "Pricing")

server = FastAPI()
_random = np.random.default_rng(0)
_training = pd.DataFrame(_random.normal(size=(2000, len(FEATURES))), columns=list(FEATURES))
forest = RandomForestClassifier(100, max_depth=8, n_jobs=1, random_state=0)
forest.fit(_training, _training["Amount"] + _random.normal(size=2000) > 0)


@server.post("/score")
async def score(request: Request) -> list[dict[str, Any]]:
    """The probability of each customer."""
    rows = pd.DataFrame((await request.json())["dataframe_records"])
    if isinstance(rows["Amount"].iloc[0], list):
        rows = rows.explode([name for name in rows.columns if name != "CustomerId"], ignore_index=True)
    table = features(rows)
    probability = forest.predict_proba(table)[:, 1]
    return [
        {"CustomerId": customer, "probability": float(value), "prediction": int(value >= 0.5)}
        for customer, value in zip(table.index, probability, strict=True)
    ]


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """The 26 features of every customer of a table of transactions."""
    rows["when"] = pd.to_datetime(rows["TransactionStartTime"], utc=True)
    rows["Amount"] = rows["Amount"].astype(float)
    rows["Value"] = rows["Amount"].abs()
    rows = rows.sort_values("when")
    groups = rows.groupby("CustomerId")
    amount = groups["Amount"]
    table = groups[["Amount", "Value"]].last()
    statistics = ("sum", "mean", "std", "min", "max", "median", "count")
    for name, statistic in zip(NUMBERS, statistics, strict=True):
        table[name] = amount.agg(statistic)
    latest = groups.last()
    for part in CLOCK:
        table[part] = getattr(latest["when"].dt, part)
    for level in LEVELS:
        table[level] = (latest["ProductCategory"] == level).astype(float)
    for name, column in {"Provider": "ProviderId", "Channel": "ChannelId"}.items():
        table[name] = latest[column].str.rsplit("_", n=1).str[-1].astype(float)
    table["Pricing"] = latest["PricingStrategy"].astype(float)
    return table[list(FEATURES)].fillna(0.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(server, port=parser.parse_args().port, log_level="warning")
