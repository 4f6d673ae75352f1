"""``metrics``: what the decision log, nginx's access log and the last monitoring tell, as one text file for Prometheus.

Every run reads on from where the last one stopped. What was counted and how far each file was read lies beside the output, in
``OUTPUT.state``; the output is made from it alone, so that a run that was killed is made up for by the next.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from credit_model.data import files
from credit_model.data.paths import check_place
from credit_model.data.writers import write_text
from credit_model.operations.metrics_files import Entry, Followed
from credit_model.operations.metrics_text import Family, Values
from credit_model.operations.recorded import OVERRIDE
from credit_model.serving.decision_log import DECISION, PROBE
from credit_model.serving.log_file import LogFile

_FORMAT = 1
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_POINTS = tuple(float(points) for points in range(300, 901, 25))

REQUESTS = Family("credit_requests_total", "counter", "Requests that nginx answered.", ("route", "status"))
DURATION = Family(
    "credit_request_duration_seconds",
    "histogram",
    "Time that the model took to answer, as nginx measured it.",
    ("route",),
    _SECONDS,
)
DECISIONS = Family(
    "credit_decisions_total",
    "counter",
    "Logged decisions; a label is none where the answer has null.",
    ("status", "risk_level", "decision", "model_version"),
)
SCORE = Family(
    "credit_score", "histogram", "Scores of logged decisions, in points.", ("model_version",), _POINTS
)
REASONS = Family("credit_reasons_total", "counter", "Reasons given with logged decisions.", ("code",))
OVERRIDES = Family("credit_overrides_total", "counter", "Decisions that a person overrode.", ("from", "to"))
PROBES = Family("credit_probes_total", "counter", "Decisions that health checks asked for.")
UNREADABLE = Family(
    "credit_unreadable_lines_total", "counter", "Lines of a log that could not be read.", ("log",)
)
LAST_DECISION = Family(
    "credit_last_decision_timestamp_seconds", "gauge", "When the last decision was logged."
)
LAST_ANSWER = Family(
    "credit_last_answer_timestamp_seconds", "gauge", "When nginx last answered with decisions."
)
LAG = Family(
    "credit_decision_log_lag_seconds",
    "gauge",
    "Time from the last logged decision to the last answer; near 0 where answers are logged.",
)
ALARMS = Family("credit_monitoring_alarms", "gauge", "Figures beyond their limits when monitor last ran.")
MONITORED = Family("credit_monitoring_timestamp_seconds", "gauge", "When monitor last ran.")
WRITTEN = Family("credit_metrics_timestamp_seconds", "gauge", "When these figures were written.")
FAMILIES = (
    *(REQUESTS, DURATION, DECISIONS, SCORE, REASONS, OVERRIDES, PROBES, UNREADABLE),
    *(LAST_DECISION, LAST_ANSWER, LAG, ALARMS, MONITORED, WRITTEN),
)


def metrics(log: str | None, access: str | None, output: str, watched: str | None = None) -> str:
    """Count what was logged since the last run and write the file; returns what to print.

    Args:
        log: path of the decision log; None counts no decisions.
        access: path or pattern of nginx's access logs; None counts no requests.
        output: the file to write.
        watched: what monitor wrote to its output; None, or a file that is not there yet, tells of no alarms.

    Raises:
        ValueError: the folder of the output cannot be written to, or its state or what monitor wrote cannot be read.
    """
    check_place(output)
    alarms = _alarms(watched)
    state = Path(f"{output}.state")
    with LogFile(state).locked():
        values, logs = _read_state(state)
        requests = _count(logs["access"], _access_files(access), _request, values, "access")
        decisions = _count(logs["decisions"], _decision_files(log), _decision, values, "decisions")
        plain = {"format": _FORMAT, "values": values.plain()}
        logs_plain = {name: followed.plain() for name, followed in logs.items()}
        write_text(json.dumps(plain | {"logs": logs_plain}), str(state))
        write_text(_text(values, alarms), output)
    return f"{decisions} lines of decisions and {requests} of requests counted into {output}"


def _alarms(watched: str | None) -> dict[Family, float]:
    """How many alarms monitor raised, and when."""
    if watched is None or not Path(watched).exists():
        return {}
    alarm = files.read(watched, {}, ("alarm",))["alarm"]
    return {
        ALARMS: float((alarm.cast(pl.String) == "true").sum()),
        MONITORED: Path(watched).stat().st_mtime,
    }


def _text(values: Values, now: Mapping[Family, float]) -> str:
    for family, value in now.items():
        values.latest(family, value)
    last, answered = values.value(LAST_DECISION), values.value(LAST_ANSWER)
    if answered is not None:
        values.latest(LAG, max(0.0, answered - (last or 0)))
    values.latest(WRITTEN, time.time())
    return values.text(FAMILIES)


def _read_state(path: Path) -> tuple[Values, dict[str, Followed]]:
    if not path.exists():
        return Values(), {"decisions": Followed(), "access": Followed()}
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] == _FORMAT:
            logs = {name: Followed.read(one) for name, one in plain["logs"].items()}
            return Values(plain["values"]), logs
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        f"{path} is not the state of this command; remove it to count from the start of the logs"
    )


def _decision_files(path: str | None) -> list[Path]:
    """The files of a decision log, oldest first; none where it is not written yet."""
    if path is None or not Path(path).parent.is_dir():
        return []
    return [*LogFile(Path(path)).renamed(), Path(path)]


def _access_files(pattern: str | None) -> list[Path]:
    if pattern is None:
        return []
    place = Path(pattern)
    return sorted(path for path in place.parent.glob(place.name) if path.suffix != ".gz")


def _count(
    followed: Followed,
    paths: Iterable[Path],
    count: Callable[[Values, Entry], None],
    values: Values,
    log: str,
) -> int:
    """Count the new lines of a log; returns how many there are."""
    lines = 0
    for entry in followed.new(paths):
        lines += 1
        try:
            count(values, entry or {})
        except (KeyError, TypeError, ValueError):
            values.add(UNREADABLE, log)
    return lines


def _decision(values: Values, entry: Entry) -> None:
    kind = entry["kind"]
    if kind == OVERRIDE:
        values.add(OVERRIDES, entry["from"], entry["to"])
    elif kind == PROBE:
        values.add(PROBES)
    elif kind == DECISION:
        _answer(values, entry["answer"], datetime.fromisoformat(entry["time"]))


def _answer(values: Values, answer: dict[str, Any], moment: datetime) -> None:
    codes = [reason["code"] for reason in answer["reasons"] or ()]
    labels = [answer[name] or "none" for name in DECISIONS.labels]
    if answer["score"] is not None:
        values.observe(SCORE, float(answer["score"]), answer["model_version"])
    values.add(DECISIONS, *labels)
    for code in codes:
        values.add(REASONS, code)
    values.latest(LAST_DECISION, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def _request(values: Values, entry: Entry) -> None:
    route, status, moment = entry["route"], entry["status"], float(entry["time"])
    values.observe(DURATION, float(entry["seconds"]), route)
    values.add(REQUESTS, route, status)
    if (route, status) == ("/invocations", "200"):
        values.latest(LAST_ANSWER, moment)
