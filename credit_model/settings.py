"""Every parameter once: name, type, meaning, default, and the commands that take it."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

COMMANDS = ("generate", "explore", "train", "promote", "score", "score_spark", "monitor")
TRAIN, SCORE = ("train",), ("score", "score_spark")
FILES = ("explore", "train", "score", "score_spark", "monitor")


def _parameter(meaning: str, default: Any, commands: tuple[str, ...], choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"meaning": meaning, "commands": commands, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """The parameters of one command; empty text means unset."""

    config: str = _parameter("YAML file of parameters; the command line beats it", "", COMMANDS)
    transactions: str = _parameter("CSV or Parquet file of raw transactions", "", FILES)
    outcomes: str = _parameter("table of CustomerId, as_of, defaulted and attributes", "", TRAIN)
    columns: str = _parameter("names of your columns, such as CustomerId=client,Amount=value", "", FILES)
    label: str = _parameter(
        "how the target is made; auto is observed with outcomes, else rfm_proxy",
        "auto",
        TRAIN,
        ("auto", "rfm_proxy", "same_window", "observed"),
    )
    history_days: str = _parameter("days of history before a decision, or auto", "auto", TRAIN)
    outcome_days: str = _parameter("days after a decision in which the outcome shows, or auto", "auto", TRAIN)
    attributes: str = _parameter("application columns of the outcomes table, comma separated", "", TRAIN)
    include: str = _parameter("features off by default to switch on, comma separated", "", TRAIN)
    candidate: str = _parameter(
        "the candidate that wins; auto takes the simplest within one standard error of the best",
        "auto",
        TRAIN,
        ("auto", "scorecard", "xgboost"),
    )
    split: str = _parameter("how the test part is set apart", "time", TRAIN, ("time", "random"))
    name: str = _parameter("name of the registered model", "credit-risk", ("train", "promote"))
    cost_false_negative: float = _parameter("cost of a bad customer approved", 10.0, TRAIN)
    cost_false_positive: float = _parameter("cost of a good customer rejected", 1.0, TRAIN)
    points_to_double_odds: float = _parameter("points that double the odds of being good", 20.0, TRAIN)
    base_score: float = _parameter("score at the base odds", 600.0, TRAIN)
    base_odds: float = _parameter("good to bad odds at the base score", 50.0, TRAIN)
    seed: int = _parameter("seed of everything random", 42, ("train", "generate"))
    customers: int = _parameter("number of customers to generate", 3742, ("generate",))
    days: int = _parameter("days of transactions to generate", 90, ("generate",))
    truth: str = _parameter("file for each generated customer's true drop-out time", "", ("generate",))
    decisions: str = _parameter("table of CustomerId, as_of and attributes to judge", "", SCORE)
    as_of: str = _parameter(
        "moment of the decisions, ISO-8601; now where unset", "", (*SCORE, "explore", "monitor")
    )
    model: str = _parameter("model to use", "models:/credit-risk@champion", (*SCORE, "monitor"))
    version: str = _parameter("version to promote; the challenger where unset", "", ("promote",))
    output: str = _parameter("file to write", "", ("generate", "explore", *SCORE, "monitor"))


def parameters(command: str) -> dict[str, Any]:
    """The fields of ``Settings`` that a command takes, by name.

    Raises:
        ValueError: no such command.
    """
    if command not in COMMANDS:
        raise ValueError(f"there is no command {command!r}; choose one of {', '.join(COMMANDS)}")
    return {item.name: item for item in fields(Settings) if command in item.metadata["commands"]}


def resolve(command: str, given: Mapping[str, str]) -> Settings:
    """The settings of a command: the command line beats the config file, which beats the default.

    Args:
        command: one of ``COMMANDS``.
        given: texts of the command line by name; empty text is unset.

    Raises:
        ValueError: an unknown parameter, or a value that cannot be read.
    """
    known = parameters(command)
    texts = {name: text for name, text in given.items() if text != ""}
    stored = _config(texts["config"]) if "config" in texts else {}
    for name in [*texts, *stored]:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise ValueError(f"{command} takes no parameter {name!r}; {hint}")
    merged = stored | texts
    return Settings(**{name: _typed(known[name], value) for name, value in merged.items()})


def names(text: str) -> list[str]:
    """The items of a comma separated text."""
    return [item.strip() for item in text.split(",") if item.strip()]


def days(name: str, text: str) -> int | None:
    """A number of days, or None for ``auto``.

    Raises:
        ValueError: neither.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"{name}: {text!r} is not a whole number of days; give days such as 30, or auto")
    return int(text)


def _config(path: str) -> dict[str, Any]:
    import yaml

    try:
        plain = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise ValueError(
            f"config file {path} cannot be read as YAML; check it ({type(fault).__name__})"
        ) from None
    if not isinstance(plain, dict):
        raise ValueError(f"config file {path} holds no mapping; write one parameter a line, such as seed: 42")
    return {name: _as_text(value) for name, value in plain.items() if value is not None}


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}={item}" for key, item in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _typed(item: Any, text: str) -> Any:
    choices = item.metadata["choices"]
    if choices and text not in choices:
        raise ValueError(f"{item.name}: {text!r} is not a choice; give one of {', '.join(choices)}")
    try:
        return item.type(text)
    except ValueError:
        kind = "whole number" if item.type is int else "number"
        raise ValueError(f"{item.name}: {text!r} is not a {kind}; the default is {item.default}") from None
