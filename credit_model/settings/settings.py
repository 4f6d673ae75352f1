"""Every parameter once: name, kind, default, meaning, and the commands that take it.

The command line overrides the YAML file named by ``config``, which overrides the default. An empty text means unset, because
MLflow passes every parameter of an entry point, whether it was given or not.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import datetime
from typing import Any

from credit_model.data.suggest import suggest
from credit_model.data.yaml_file import read_yaml
from credit_model.settings.kinds import (
    CANDIDATE_PARAMETERS,
    COLUMN_NAMES,
    DATE_FORMAT,
    FLAG,
    LEVELS,
    MEMORY,
    MOMENT,
    NAMES,
    SEARCH,
    TEXT,
    Kind,
    Levels,
    Search,
    choice,
    number,
    whole,
)

COMMANDS = (
    *("generate", "explore", "features", "train", "promote", "approve", "compare", "score"),
    *("score_spark", "monitor", "export", "retrain", "verify", "replay"),
    *("review", "override", "erase", "metrics"),
)
CONFIG = "YAML file of parameters; the command line beats it"
_SCORING = "features score score_spark monitor"
_FILES = f"explore train compare {_SCORING}"
_PROMOTED = f"{_FILES} promote retrain"
_LOGGED = "monitor retrain replay review override erase metrics"

_NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "generate": (("output",),),
    "features": (("transactions", "decisions"), ("output",)),
    "export": (("format",), ("output",)),
    "compare": (("models",), ("transactions", "decisions", "outcomes")),
    "score": (("transactions", "decisions"), ("output",)),
    "score_spark": (("transactions", "decisions"), ("output",)),
    "monitor": (("transactions", "decisions", "outcomes", "log"),),
    "retrain": (("transactions",),),
    "replay": (("log",),),
    "review": (("log",), ("decision",), ("output",)),
    "override": (("log",), ("decision",), ("who",), ("to",), ("reason",)),
    "erase": (("customer", "customer_hash"),),
    "metrics": (("log", "access"), ("output",)),
}
# What stands for the value in a remedy; a FILE for every other parameter.
_WORDS = {
    "decision": "ID",
    "format": "sql",
    "models": "A,B",
    "who": "NAME",
    "to": "DECISION",
    "reason": "TEXT",
    "customer": "ID",
}


_BANDING = ("bands", "threshold", "cost_false_negative", "cost_false_positive")


def _parameter(kind: Kind, default: Any, commands: str, meaning: str) -> Any:
    metadata = {"kind": kind, "commands": tuple(commands.split()), "meaning": meaning}
    return field(metadata=metadata, default_factory=default if callable(default) else lambda: default)


@dataclass(frozen=True)
class Settings:
    """The typed parameters of a command; None means unset, or ``auto`` where the parameter accepts it.

    Parameters that the command does not take have their default values.
    """

    transactions: str | None = _parameter(
        TEXT,
        None,
        _PROMOTED,
        "transactions: a CSV or Parquet file, a folder of them, or a pattern in quotes: '2019-*.parquet'",
    )
    decisions: str | None = _parameter(
        TEXT,
        None,
        f"{_SCORING} compare",
        "whom to judge and when: a table of CustomerId, as_of and attributes",
    )
    outcomes: str | None = _parameter(
        TEXT,
        None,
        "generate explore train monitor promote compare retrain",
        "real outcomes: a table of CustomerId, as_of, defaulted and attributes, or of days past due, with bad_days; generate "
        "writes one of past loans",
    )
    features: str | None = _parameter(
        TEXT,
        None,
        "train",
        "features instead of transactions: a table that the command features wrote, or serving.spark.features.write",
    )
    columns: dict[str, str] = _parameter(
        COLUMN_NAMES, dict, _PROMOTED, "your names of the files' columns: CustomerId=client,Amount=value"
    )
    date_format: str | None = _parameter(
        DATE_FORMAT,
        None,
        _PROMOTED,
        "how times in files are written: iso, or codes such as %d.%m.%Y; else as the model's training was told, else iso",
    )
    decimal: str | None = _parameter(
        choice("point", "comma"),
        None,
        _PROMOTED,
        "decimal mark of numbers held as text: point or comma; else as the model's training was told, else point",
    )
    bad_values: tuple[str, ...] = _parameter(
        NAMES,
        (),
        "explore train monitor promote compare retrain",
        "values of defaulted that mean bad, every other one good: yes,charged off; else 1 is bad, 0 good",
    )
    bad_days: int | None = _parameter(
        whole(),
        None,
        "explore train monitor promote compare retrain",
        "outcomes are a table of days past due: bad is who reaches so many within outcome_days; explore helps to choose",
    )
    attributes: tuple[str, ...] = _parameter(
        NAMES,
        (),
        "features train",
        "columns of the outcomes, for features of the decisions, that are features too: loan_amount,income",
    )
    ratios: tuple[str, ...] = _parameter(
        NAMES,
        (),
        "train",
        "attributes and features to divide, as features too: bill/limit_bal,total_transaction_amount/income",
    )
    label: str = _parameter(
        choice("auto", "rfm_proxy", "same_window", "observed"),
        "auto",
        "train",
        "the target: auto is observed where outcomes are given, else rfm_proxy",
    )
    history_days: int | None = _parameter(
        whole(auto=True),
        None,
        "features train",
        "days of transactions before a decision that count; for features instead of a model",
    )
    outcome_days: int | None = _parameter(
        whole(auto=True),
        None,
        "explore train monitor promote compare retrain",
        "days after a decision in which its outcome shows; other commands than train take it for days past due",
    )
    split: str = _parameter(
        choice("time", "random"), "time", "train", "how the test part is set apart: the latest, or by lot"
    )
    until: datetime | None = _parameter(
        MOMENT,
        None,
        "train",
        "train on real outcomes of decisions before this moment alone, ISO-8601; else all",
    )
    max_age_days: float | None = _parameter(
        number(),
        None,
        "retrain",
        "days after which the champion is trained again without an alarm; else never",
    )
    test_share: float | None = _parameter(
        number(below=1.0, auto=True),
        None,
        "train",
        "share of real outcomes in the test part: auto is 0.3 by time, 0.2 by lot",
    )
    include: tuple[str, ...] = _parameter(
        NAMES, (), "train", "features to switch on that the catalogue has switched off"
    )
    candidate: str = _parameter(
        choice(
            "auto",
            "scorecard",
            "logistic",
            "tree",
            "plain_xgboost",
            "forest",
            "xgboost",
            "deep_xgboost",
            "blend",
            "lightgbm",
        ),
        "auto",
        "train",
        "the model to serve: auto is blend, with 2,000 bads deep_xgboost, or a clearly better or simpler one that is as good",
    )
    tolerance: float = _parameter(
        number(below=1.0),
        0.002,
        "train",
        "the most AUC that a simpler candidate may lose, with 95 % confidence",
    )
    candidates: dict[str, Any] = _parameter(
        CANDIDATE_PARAMETERS,
        dict,
        "train",
        "parameters of the candidates, where not the default ones: {xgboost: {depth: 3, trees: 200}}",
    )
    search: Search = _parameter(
        SEARCH,
        Search,
        "train",
        "how the candidates' parameters are chosen: none, grid, random, or {trials: 30, folds: 5, metric: roc_auc}",
    )
    confirm: tuple[str, ...] = _parameter(
        NAMES, (), "train", "attributes that look like a leak and are known at the decision all the same"
    )
    group: str | None = _parameter(
        TEXT, None, "train", "column of the outcomes to compare treatment by; never a feature"
    )
    protected: tuple[str, ...] = _parameter(
        NAMES, (), "train", "columns of the outcomes to compare treatment by that no feature may be made of"
    )
    allow_protected: tuple[str, ...] = _parameter(
        NAMES,
        (),
        "train",
        "attributes to take in although their names, or protected, say that they are protected",
    )
    cost_false_negative: float = _parameter(number(), 10.0, "train", "cost of approving a bad customer")
    cost_false_positive: float = _parameter(number(), 1.0, "train", "cost of rejecting a good customer")
    threshold: float | None = _parameter(
        number(below=1.0, auto=True), None, "train", "probability from which the prediction is 1"
    )
    bands: Levels | None = _parameter(
        LEVELS, None, "train", "risk levels: low:0.3:approve,medium:0.6:review,high:reject"
    )
    approval_rate: float | None = _parameter(
        number(below=1.0),
        None,
        "train compare",
        "share to approve of decisions with a history: sets the bands instead of costs; compare: of both models, else as A does",
    )
    bad_rate: float | None = _parameter(
        number(below=1.0), None, "train", "the most bads among the approved: sets the bands instead of costs"
    )
    bins: str | None = _parameter(
        TEXT,
        None,
        "train",
        "YAML file of the scorecard's bins as you want them; every training writes one, bins.yaml, to start from",
    )
    segment: str | None = _parameter(
        TEXT,
        None,
        "train",
        "an attribute or category whose levels get scorecards of their own, where these surely rank better than the common one",
    )
    points: str = _parameter(
        choice("exact", "integer"),
        "exact",
        "train",
        "points of the scorecard's bins: exact, or integer, which add up to whole scores",
    )
    points_to_double_odds: float = _parameter(number(), 20.0, "train", "points that double the odds of good")
    base_score: float = _parameter(number(), 600.0, "train", "score at the base odds")
    base_odds: float = _parameter(number(), 50.0, "train", "odds of good to bad at the base score")
    language: str = _parameter(
        TEXT, "en", "train", "language of the reasons: en, de, or one that the file of reasons holds"
    )
    reasons: str | None = _parameter(
        TEXT, None, "train", "YAML file of your own sentences for applicants, by language, feature and side"
    )
    name: str = _parameter(
        TEXT, "credit-risk", "train promote approve retrain", "name of the registered model"
    )
    version: str | None = _parameter(
        TEXT, None, "promote approve", "version or alias; the challenger where not given"
    )
    force: bool = _parameter(
        FLAG,
        False,
        "promote",
        "promote a version whose gates failed; who did, why and over which is recorded",
    )
    reason: str | None = _parameter(
        TEXT,
        None,
        "promote approve override",
        "why a version is promoted by force, rolled back or approved, or a decision overridden",
    )
    rollback: bool = _parameter(FLAG, False, "promote", "make the former champion the champion again")
    history: bool = _parameter(
        FLAG, False, "promote", "print who promoted what, and every gate; change nothing"
    )
    latency_limit: float = _parameter(
        number(), 2.0, "promote retrain", "the most that a request may take, in times of the champion's (p50)"
    )
    size_limit: float = _parameter(
        number(), 5.0, "promote retrain", "the most that the artifact may weigh, in times of the champion's"
    )
    model: str = _parameter(
        TEXT,
        "models:/credit-risk@champion",
        f"{_SCORING} verify replay export",
        "an MLflow URI, or the folder of a model",
    )
    models: tuple[str, ...] = _parameter(
        NAMES,
        (),
        "compare",
        "the two models to compare, A,B: MLflow URIs, or folders of models",
    )
    as_of: datetime | None = _parameter(
        MOMENT,
        None,
        f"{_SCORING} compare retrain",
        "moment of decisions that give none, ISO-8601; else now; with a log the end of the window",
    )
    customers_table: str | None = _parameter(
        TEXT,
        None,
        "train",
        "CSV or Parquet file for the proxy's customers: recency, frequency, monetary, cluster, is_high_risk",
    )
    snapshot: datetime | None = _parameter(
        MOMENT, None, "train", "end of the window that customers_table measures; else the end of the data"
    )
    customers: int = _parameter(whole(), 3742, "generate", "customers to generate")
    days: int = _parameter(whole(), 90, "generate", "days of transactions to generate")
    seed: int = _parameter(whole(0), 42, "generate explore train compare", "seed of everything random")
    output: str | None = _parameter(
        TEXT,
        None,
        f"generate explore {_SCORING} compare review metrics export",
        "file to write: CSV or Parquet; folder/ for several Parquet files; a folder on Spark, for review and compare; a page for "
        "explore; text for metrics and SQL",
    )
    format: str | None = _parameter(
        choice("sql", "dictionary"),
        None,
        "export",
        "what to export: sql, a scorecard that scores a table of features; dictionary, what every feature means",
    )
    dialect: str = _parameter(
        choice("duckdb", "postgres", "spark"), "duckdb", "export", "the SQL of duckdb, postgres or spark"
    )
    explain: str | None = _parameter(
        TEXT,
        None,
        "score",
        "file for contributions: what each feature adds to each decision's score, in points",
    )
    what_would_help: bool = _parameter(
        FLAG, False, "score", "look for the smallest change of features that reaches the next band"
    )
    driver_memory: str | None = _parameter(
        MEMORY, None, "score_spark", "memory of Spark's driver, such as 2g; Spark's own default else"
    )
    truth: str | None = _parameter(
        TEXT, None, "generate", "CSV or Parquet file for the generated customers' drop-out times"
    )
    applications: str | None = _parameter(
        TEXT, None, "generate", "CSV or Parquet file for new loan applications, the decisions to score"
    )
    log: str | None = _parameter(
        TEXT,
        None,
        _LOGGED,
        "the decision log, with its renamed files beside it; monitor also takes a pattern of logs in quotes",
    )
    window_days: int | None = _parameter(
        whole(),
        None,
        "monitor retrain",
        "days of the log that are compared, up to as_of or its end; else all of it",
    )
    page: str | None = _parameter(
        TEXT, None, "monitor", "HTML file for the page with pictures of the course over time"
    )
    access: str | None = _parameter(
        TEXT, None, "metrics", "nginx's access log in JSON lines: a file, or a pattern in quotes"
    )
    watched: str | None = _parameter(
        TEXT, None, "metrics", "what monitor wrote to its output, for the number of its alarms"
    )
    decision: str | None = _parameter(
        TEXT, None, "replay review override", "decision_id of a line of the log; replay takes all without it"
    )
    who: str | None = _parameter(TEXT, None, "override", "the person who decides")
    to: str | None = _parameter(
        choice("approve", "review", "reject"), None, "override", "the decision: approve, review or reject"
    )
    customer: str | None = _parameter(
        TEXT, None, "erase", "CustomerId of whom to erase; the key is that of the log"
    )
    customer_hash: str | None = _parameter(
        TEXT, None, "erase", "instead of customer: the field customer of the lines to erase"
    )

    @property
    def target(self) -> str:
        """The label in use, with ``auto`` resolved: ``rfm_proxy``, ``same_window`` or ``observed``."""
        if self.label != "auto":
            return self.label
        return "rfm_proxy" if self.outcomes is None else "observed"


def parameters(command: str) -> dict[str, Field[Any]]:
    """The fields of ``Settings`` that a command takes, by name.

    Raises:
        ValueError: there is no such command.
    """
    if command not in COMMANDS:
        raise ValueError(f"there is no command {command!r}; {suggest(command, COMMANDS)}")
    return {
        parameter.name: parameter
        for parameter in fields(Settings)
        if command in parameter.metadata["commands"]
    }


def resolve(command: str, words: Mapping[str, str]) -> Settings:
    """Resolve the settings of a command from the command line, the YAML file and the defaults.

    Args:
        command: one of ``COMMANDS``.
        words: texts of the command line by parameter name, ``config`` among them; an empty text means unset.

    Raises:
        ValueError: a parameter is unknown, a value cannot be read, or a required parameter is not given.
    """
    texts = {name: text for name, text in words.items() if text != ""}
    config = texts.pop("config", None)
    accepted = parameters(command)
    for name in texts:
        if name not in accepted:
            raise ValueError(f"{command} takes no parameter {name!r}; {suggest(name, [*accepted, 'config'])}")
    filed = {} if config is None else _read_config(config)
    raw = {name: value for name, value in (filed | texts).items() if name in accepted}
    settings = Settings(**{name: _value(accepted[name], value) for name, value in raw.items()})
    _check(command, settings)
    return settings


def texts(command: str, settings: Settings) -> dict[str, str]:
    """Every parameter of a command, by name, as a text that reads as the same value; MLflow keeps them with the run."""
    values = {
        name: (parameter.metadata["kind"], getattr(settings, name))
        for name, parameter in parameters(command).items()
    }
    return {
        name: kind.unset if value is None else kind.write(value) for name, (kind, value) in values.items()
    }


def _value(parameter: Field[Any], raw: Any) -> Any:
    try:
        return parameter.metadata["kind"].read(raw)
    except ValueError as fault:
        raise ValueError(f"{parameter.name}: {fault}") from None


def _read_config(path: str) -> dict[str, Any]:
    plain = read_yaml(path, "config", "write one parameter a line: seed: 42")
    if not isinstance(plain, dict):
        raise ValueError(f"config: {path} holds no parameters; write one a line, such as seed: 42")
    names = [item.name for item in fields(Settings)]
    for name in plain:
        if name not in names:
            raise ValueError(f"config: {path} has an unknown parameter {name!r}; {suggest(name, names)}")
    return {name: value for name, value in plain.items() if value != ""}


def _check_columns(settings: Settings) -> None:
    """A name that differs from one of the contract in case alone was meant to be it."""
    if not settings.columns:
        return
    from credit_model.data.outcomes import APPROVED, KNOWN_AT, OUTCOME_COLUMNS
    from credit_model.data.past_due import LOAN, PAST_DUE_COLUMNS, REPAID_AT
    from credit_model.data.transactions import COLUMNS as CONTRACT

    ours = (*CONTRACT, *OUTCOME_COLUMNS, KNOWN_AT, APPROVED, *PAST_DUE_COLUMNS, LOAN, REPAID_AT)
    names = {name.lower(): name for name in ours}
    for name in settings.columns:
        meant = names.get(name.lower(), name)
        if meant != name:
            raise ValueError(f"columns: {name!r} is none of ours; did you mean {meant}?")


def _check_bands(settings: Settings) -> None:
    """Bands follow from a business target, or from what else determines them; not from two things."""
    targets = [name for name in ("approval_rate", "bad_rate") if getattr(settings, name) is not None]
    unset = Settings()
    others = [name for name in _BANDING if getattr(settings, name) != getattr(unset, name)]
    if targets and len(targets) + len(others) > 1:
        raise ValueError(
            f"{targets[0]}: it sets the bands, and so does {[*targets[1:], *others][0]}; give one of them"
        )


def _check_promotion(settings: Settings) -> None:
    if settings.reason is not None and not (settings.force or settings.rollback):
        raise ValueError("reason: it is that of a promotion by force; give --force too, or leave it out")
    others = settings.force or settings.version is not None or settings.outcomes is not None
    if settings.rollback and (others or settings.history):
        raise ValueError(
            "rollback: it promotes the former champion whatever the gates say; give it without version, force, outcomes and "
            "history"
        )
    if settings.transactions is not None and settings.outcomes is None:
        raise ValueError("transactions: two versions are compared by outcomes; give --outcomes FILE too")


def _check_models(settings: Settings) -> None:
    if len(settings.models) != 2:
        raise ValueError(f"models: two are compared, and these are {len(settings.models)}; give --models A,B")


def _check_log(command: str, settings: Settings) -> None:
    """A window of a log; decisions of files are a window by themselves."""
    if settings.window_days is not None and settings.log is None:
        raise ValueError("window_days: they are days of a decision log; give --log FILE, or leave it out")
    made = [name for name in ("transactions", "decisions") if getattr(settings, name) is not None]
    if command == "monitor" and settings.log is not None and made:
        raise ValueError(f"log: its decisions were made already; leave --{made[0]} out, or --log")


def _check_features(settings: Settings) -> None:
    """Features are those of a model's catalogue, or of a length of history."""
    if settings.history_days is not None and settings.model != Settings().model:
        raise ValueError("history_days: it is the model's own; leave it out, or leave out the model")
    if settings.attributes and settings.history_days is None:
        raise ValueError(
            "attributes: they are the model's own; leave them out, or give --history_days for features without a model"
        )
    if settings.attributes and settings.decisions is None:
        raise ValueError("attributes: they are columns of the decisions; give --decisions FILE")


def _check_segment(settings: Settings) -> None:
    """Segments are of the scorecard, with exact points."""
    if settings.segment is None:
        return
    if settings.candidate not in {"auto", "scorecard"}:
        raise ValueError(
            f"segment: its cards are scorecards, and the candidate is {settings.candidate}; give candidate=scorecard or auto, or "
            "leave segment out"
        )
    if settings.points == "integer":
        raise ValueError("points: whole points are of one scorecard; leave segment out, or points")


def _check_outcomes(settings: Settings) -> None:
    """What is of real outcomes is given with them."""
    if settings.features is not None and (settings.target != "observed" or settings.outcomes is None):
        raise ValueError("features: they are trained on with real outcomes; give --outcomes FILE")
    if settings.features is not None and settings.transactions is not None:
        raise ValueError("features: they stand for the transactions; leave --transactions out")
    if settings.group is not None and settings.target != "observed":
        raise ValueError("group: it is a column of the outcomes; give --outcomes FILE, or leave it out")
    if settings.until is not None and settings.target != "observed":
        raise ValueError("until: it leaves out real outcomes; give --outcomes FILE, or leave it out")
    if settings.bad_values and settings.outcomes is None:
        raise ValueError("bad_values: they are values of outcomes; give --outcomes FILE")


def _check_bad_days(command: str, settings: Settings) -> None:
    """Days past due make a bad together with a performance window in which they can be reached."""
    days, window = settings.bad_days, settings.outcome_days
    if days is None:
        if window is not None and command in {"monitor", "promote", "compare"}:
            raise ValueError(
                "outcome_days: it is of days past due here; give --bad_days DAYS too, or leave it out"
            )
        return
    if settings.outcomes is None:
        raise ValueError("bad_days: they are of a table of days past due; give --outcomes FILE")
    if settings.bad_values:
        raise ValueError("bad_days: they say what is bad, and so does bad_values; give one of them")
    if window is None:
        raise ValueError(
            "bad_days: a bad reaches them within a performance window; give --outcome_days DAYS, such as 365; explore shows how "
            "many bads a window reaches"
        )
    if window < days:
        raise ValueError(
            f"outcome_days: within {window} days of its decision no loan is {days} days past due; give {days} or more, or fewer "
            "bad_days"
        )


def _check(command: str, settings: Settings) -> None:
    for choices in _NEEDED.get(command, ()):
        if all(getattr(settings, name) in (None, ()) for name in choices):
            raise ValueError(
                f"{command} needs {' or '.join(choices)}; give --{choices[0]} {_WORDS.get(choices[0], 'FILE')}"
            )
    _check_columns(settings)
    _check_bands(settings)
    _check_segment(settings)
    if command == "train" and settings.label == "observed" and settings.outcomes is None:
        raise ValueError("label: observed needs real outcomes; give --outcomes FILE")
    if settings.force and not (settings.reason or "").strip():
        raise ValueError(
            "force: a version with failed gates is promoted for a reason only; give --reason TEXT"
        )
    if command == "promote":
        _check_promotion(settings)
    if command == "compare":
        _check_models(settings)
    if command == "features":
        _check_features(settings)
    if command in {"monitor", "retrain"}:
        _check_log(command, settings)
    if settings.customers_table is None and settings.snapshot is not None:
        raise ValueError("snapshot: it dates the table of customers; give --customers_table FILE too")
    if settings.customers_table is not None and settings.target != "rfm_proxy":
        raise ValueError(
            f"customers_table: it shows the clusters of the label rfm_proxy, and this training's is {settings.target}; "
            "leave it out, or give --label rfm_proxy"
        )
    _check_outcomes(settings)
    _check_bad_days(command, settings)
