"""Topics: what a feature is about. The contributions of a topic's features are added up to one reason, with one stable code."""

from collections.abc import Mapping

NO_HISTORY = "no_history"
LEVEL, APPLICATION, RELATIVE = (
    "mix: ",
    "application: ",
    "relative: ",
)  # beginnings of topics that training learns

TOPICS: Mapping[str, tuple[str, str]] = {
    "recency": ("R01", "how long ago you made a transaction, a payment, or were paid"),
    "frequency": ("R02", "how often you make transactions"),
    "tenure": ("R03", "how long your history goes back"),
    "amount": ("R04", "how large your transactions are"),
    "trend": ("R05", "how the number of your transactions develops"),
    "credits": ("R06", "how much money is paid to you"),
    "balance": ("R07", "your running balance"),
    "regularity": ("R08", "how regular your transactions are"),
    LEVEL: ("R09", "your transactions with one value of a column, such as a product category"),
    "variety": ("R10", "how many products and channels you use"),
    "timing": ("R11", "the times of day and of the week of your transactions"),
    "latest": ("R12", "the kind of your latest transaction"),
    APPLICATION: ("R13", "what you stated in your application"),
    "affordability": ("R14", "the amount asked for, or your debt, against your income and turnover"),
    NO_HISTORY: ("R15", "that there are no recent transactions of yours"),
    "cycle": ("R16", "how soon you pay after money was paid to you, and the reverse"),
    "latest amount": ("R17", "the amount of your latest transaction"),
    "latest time": ("R18", "the time of your latest transaction"),
    "spending": ("R19", "how much money you pay"),
    "net": ("R20", "what you pay against what is paid to you"),
    "spending trend": ("R21", "how what you pay develops"),
    "credit trend": ("R22", "how what is paid to you develops"),
    "growth": ("R23", "the latest amount against earlier ones"),
    RELATIVE: ("R24", "your transactions and balance against what you stated in your application"),
}

_INFLUENCED = frozenset(
    {
        *(
            "recency",
            "frequency",
            "amount",
            "trend",
            "credits",
            "balance",
            "regularity",
            "affordability",
            "cycle",
        ),
        *("spending", "net", "spending trend", "credit trend", "growth"),
        *(f"{APPLICATION}{name}" for name in ("loan_amount", "loan_days")),
    }
)


def influenced(topic: str) -> bool:
    """Whether a customer can influence what a topic is about, by using, paying or asking otherwise.

    Example:
        >>> influenced("recency"), influenced("tenure"), influenced("application: loan_amount"), influenced("application: age")
        (True, False, True, False)
    """
    return topic in _INFLUENCED


NO_WAY, DOWN, TO_ZERO, ANY_WAY = "no way", "down", "to zero", "any way"
_WAYS: Mapping[str, str] = {
    **dict.fromkeys(("recency", "recency_debit", "recency_credit"), TO_ZERO),
    **dict.fromkeys(("loan_amount", "loan_amount_to_income"), DOWN),
    **dict.fromkeys(
        ("loan_amount_to_turnover", "loan_amount_to_largest_credit", "loan_amount_to_average"), DOWN
    ),
    **dict.fromkeys(("total_debt_to_income", "overdue", "debit_after_credit"), NO_WAY),
    **dict.fromkeys(("balance_now_to_inflow", "balance_mean_to_inflow", "balance_min_90d_to_inflow"), NO_WAY),
    **dict.fromkeys(("balance_variation", "drawdown_share"), NO_WAY),
    **{
        f"{time}_{which}": NO_WAY
        for time in ("turnaround", "redraw")
        for which in ("mean", "max", "latest", "change")
    },
}


def way(feature: str, topic: str) -> str:
    """Which way a customer can move a feature: ``any way``, ``down``, ``to zero`` or ``no way``.

    A time since something grows by itself and only starts again, at zero, with a new transaction; nobody is told to ask for more;
    and a customer sets neither a ratio of a balance nor the time from one payment to the next.

    Example:
        >>> [way(*each) for each in (("count_30d", "frequency"), ("recency", "recency"), ("tenure", "tenure"))]
        ['any way', 'to zero', 'no way']
    """
    return _WAYS.get(feature, ANY_WAY) if influenced(topic) else NO_WAY


def code(topic: str) -> str:
    """The code of a topic; one that training learned has its name in it.

    Raises:
        KeyError: there is no such topic.

    Example:
        >>> code("tenure"), code("application: loan_amount"), code("mix: ProductCategory_airtime")
        ('R03', 'R13-loan_amount', 'R09-ProductCategory_airtime')
    """
    if topic in TOPICS:
        return TOPICS[topic][0]
    kind, _, name = topic.partition(": ")
    return f"{TOPICS[f'{kind}: '][0]}-{name}"
