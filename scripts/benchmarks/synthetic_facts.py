"""Print the table of data/README.md: the published statistics beside those of the default synthetic set."""

from collections.abc import Iterator

import polars as pl

from credit_model.synthetic import generate

AMOUNT, TIME = pl.col("Amount"), pl.col("TransactionStartTime")
QUANTILES = {"5th percentile": 0.05, "25th percentile": 0.25, "median": 0.5, "75th percentile": 0.75}
PER_CUSTOMER = {**QUANTILES, "95th percentile": 0.95, "maximum": 1.0}
FLOW = {"25th percentile": 0.25, "median": 0.5, "75th percentile": 0.75, "minimum": 0.0, "maximum": 1.0}
PUBLISHED_PER_CUSTOMER = (1, 2, 7, 20, 98, 4091)
PUBLISHED_SILENCE = {"25th percentile": 5.1, "median": 24.6, "75th percentile": 53.6}
PUBLISHED_FLOW = (-50, 1000, 2800, -1_000_000, 9_880_000)
PUBLISHED_COUNTS: dict[str, dict[object, int]] = {
    "ProductCategory": {
        "financial_services": 45405,
        "airtime": 45027,
        "utility_bill": 1920,
        "data_bundles": 1613,
        "tv": 1279,
        "ticket": 216,
        "movies": 175,
        "transport": 25,
        "other": 2,
    },
    "ProviderId": {
        "ProviderId_4": 38189,
        "ProviderId_6": 34186,
        "ProviderId_5": 14542,
        "ProviderId_1": 5643,
        "ProviderId_3": 3084,
        "ProviderId_2": 18,
    },
    "ChannelId": {"ChannelId_3": 56935, "ChannelId_2": 37141, "ChannelId_5": 1048, "ChannelId_1": 538},
    "PricingStrategy": {2: 79848, 4: 13562, 1: 1867, 0: 385},
}
PUBLISHED_HOURS = (
    168, 176, 289, 714, 2329, 4161, 5325, 5723, 5639, 5443, 5986, 6226,
    5262, 5224, 5179, 6285, 7306, 7291, 6332, 5132, 3026, 1479, 683, 284,
)  # fmt: skip

Fact = tuple[str, object, object]


def facts(transactions: pl.DataFrame) -> Iterator[Fact]:
    """Statistic, published value, generated value."""
    yield from sizes(transactions)
    yield from amounts(transactions)
    for column, published in PUBLISHED_COUNTS.items():
        generated = counts(transactions[column])
        for value, count in published.items():
            yield f"{column} {value}", count, generated.get(value, 0)
    hours = counts(transactions["TransactionStartTime"].dt.hour())
    for hour, count in enumerate(PUBLISHED_HOURS):
        yield f"hour {hour}", count, hours.get(hour, 0)


def sizes(transactions: pl.DataFrame) -> Iterator[Fact]:
    """Numbers of rows and customers, the span, and rows per customer."""
    each = transactions.group_by("CustomerId").agg(rows=pl.len(), last=TIME.max())
    yield "transactions", 95662, transactions.height
    yield "customers", 3742, each.height
    first, last = transactions.select(first=TIME.min(), last=TIME.max()).row(0)
    yield "first transaction", "2018-11-15T02:18:49Z", f"{first:%Y-%m-%dT%H:%M:%SZ}"
    yield "last transaction", "2019-02-13T10:01:28Z", f"{last:%Y-%m-%dT%H:%M:%SZ}"
    for (name, share), published in zip(PER_CUSTOMER.items(), PUBLISHED_PER_CUSTOMER, strict=True):
        yield f"transactions of a customer, {name}", published, quantile(each["rows"], share)
    yield "customers with one transaction", "19.0 %", percent(each["rows"].eq(1).mean())
    silent = each.select((last - pl.col("last")).dt.total_seconds() / 86400).to_series()
    for name, published_days in PUBLISHED_SILENCE.items():
        yield (
            f"days since the last transaction, {name}",
            published_days,
            round(quantile(silent, FLOW[name]), 1),
        )


def amounts(transactions: pl.DataFrame) -> Iterator[Fact]:
    """Signs, quantiles and sum of the amounts, and the frauds."""
    amount = transactions["Amount"]
    yield "negative amounts", "39.92 %", percent(amount.lt(0).mean(), 2)
    for (name, share), published in zip(FLOW.items(), PUBLISHED_FLOW, strict=True):
        yield f"Amount, {name}", published, quantile(amount, share)
    yield "Amount, sum in millions", 642.6, round(float(amount.sum()) / 1e6, 1)
    yield (
        "correlation of Amount and Value",
        0.990,
        round(transactions.select(pl.corr("Amount", "Value")).item(), 4),
    )
    yield "FraudResult 1", "0.2018 %", percent(transactions["FraudResult"].mean(), 4)


def quantile(values: pl.Series, share: float) -> float:
    """A quantile, interpolated between neighbours."""
    return float(values.quantile(share, "linear") or 0.0)


def percent(share: object, digits: int = 1) -> str:
    """A share as text."""
    return f"{share:.{digits}%}".replace("%", " %")


def counts(values: pl.Series) -> dict[object, int]:
    """How often each value occurs."""
    return dict(values.value_counts().iter_rows())


def text(value: object) -> str:
    """A number as a person writes it."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) >= 1
    return f"{value:,.0f}" if whole else f"{value:,}" if isinstance(value, int | float) else str(value)


def table() -> str:
    """The table in Markdown, for the default set."""
    rows = [
        f"| {name} | {text(published)} | {text(generated)} |"
        for name, published, generated in facts(generate.transactions())
    ]
    return "\n".join(["| statistic | published | generated |", "|---|--:|--:|", *rows])


if __name__ == "__main__":
    print(table())
