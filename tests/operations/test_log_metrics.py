"""``metrics``: every line of the logs is counted once, whatever happens to their files, and nothing tells a customer."""

import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from credit_model.data import files
from credit_model.operations.metrics import FAMILIES, metrics
from credit_model.operations.override import override
from credit_model.scoring.scorer import Scorer
from credit_model.serving.decision_log import HEALTH_CHECK, KEY
from credit_model.serving.log_file import LogFile, line
from logged import EVERY, HASH_KEY, SCORED, ask, entries, loaded
from scorers import small_scorer

Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(path: Path) -> dict[Sample, float]:
    """Every sample of a file, as Prometheus' own parser reads it."""
    families = text_string_to_metric_families(path.read_text())
    return {
        (one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples
    }


def total(path: Path, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(value for (own, having), value in samples(path).items() if own == name and wanted <= having)


def decision(number: int, **answer: Any) -> bytes:
    """A line of a decision log, as early as its number is small."""
    made = {
        "status": "scored",
        "risk_level": "low",
        "decision": "approve",
        "score": 612.5,
        "model_version": "abc",
        "reasons": [{"code": "R01"}, {"code": "R07"}],
    }
    moment = f"2026-11-22T01:00:{number // 1000:02}.{number % 1000:03}000Z"
    head = {"time": moment, "kind": "decision", "decision_id": str(number), "customer": f"secret-{number}"}
    return line(head | {"answer": made | answer})


def request(number: int, status: str = "200", seconds: float = 0.004) -> bytes:
    """A line of nginx's log."""
    entry = {"time": f"17637732{number:02}.123", "route": "/invocations", "status": status}
    return line(entry | {"seconds": seconds})


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return small_scorer()


def test_what_a_model_logged(scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, HASH_KEY)
    log, output = tmp_path / "decisions.jsonl", tmp_path / "credit.prom"
    answers = ask(loaded(scorer, tmp_path / "model", log), *EVERY, SCORED | {"CustomerId": HEALTH_CHECK})
    first = entries(log)[0]
    to = "approve" if first["answer"]["decision"] != "approve" else "reject"
    override(str(log), first["decision_id"], "A. Person", to, "a payslip")
    metrics(str(log), None, str(output))
    for status, count in answers["status"][: len(EVERY)].value_counts().items():
        assert total(output, "credit_decisions_total", status=str(status)) == count
    assert total(output, "credit_decisions_total", model_version=answers["model_version"][0]) == len(EVERY)
    assert total(output, "credit_probes_total") == 1
    assert total(output, "credit_overrides_total", to=to) == 1
    scores = [score for score in answers["score"][: len(EVERY)] if score is not None]
    assert total(output, "credit_score_count") == len(scores)
    assert total(output, "credit_score_sum") == pytest.approx(sum(scores))
    codes = [reason["code"] for reasons in answers["reasons"][: len(EVERY)] for reason in reasons or []]
    assert total(output, "credit_reasons_total") == len(codes)
    written = output.read_text() + Path(f"{output}.state").read_text()
    assert not [one for one in entries(log) if one["customer"] in written or one["decision_id"] in written]
    assert not [one["CustomerId"] for one in EVERY if one["CustomerId"] in written]


def test_what_nginx_logged(tmp_path: Path) -> None:
    (tmp_path / "access-2026-11-21.json").write_bytes(request(1) + request(2, seconds=0.3))
    (tmp_path / "access-2026-11-22.json").write_bytes(
        request(3, "429") + b"no JSON\n" + request(4, seconds=99)
    )
    output = tmp_path / "credit.prom"
    metrics(None, str(tmp_path / "access-*.json"), str(output))
    assert total(output, "credit_requests_total", status="200") == 3
    assert total(output, "credit_requests_total", status="429", route="/invocations") == 1
    buckets = [
        total(output, "credit_request_duration_seconds_bucket", le=bound)
        for bound in ("0.005", "0.5", "+Inf")
    ]
    assert buckets == [2, 3, 4]
    assert total(output, "credit_request_duration_seconds_count") == 4
    assert total(output, "credit_unreadable_lines_total", log="access") == 1
    assert total(output, "credit_last_answer_timestamp_seconds") == 1763773204.123


def test_lag_is_the_time_from_the_last_logged_decision_to_the_last_answer(tmp_path: Path) -> None:
    log, access, output = tmp_path / "decisions.jsonl", tmp_path / "access.json", tmp_path / "credit.prom"
    log.write_bytes(decision(0))
    moment = 1795309200.0  # 2026-11-22T01:00:00Z
    for later, lag in ((40.5, 40.5), (-3.0, 40.5)):
        entry = {"time": f"{moment + later:.3f}", "route": "/invocations", "status": "200", "seconds": 0.1}
        with access.open("ab") as file:
            file.write(line(entry))
        metrics(str(log), str(access), str(output))
        assert total(output, "credit_decision_log_lag_seconds") == pytest.approx(lag)
    log.write_bytes(log.read_bytes() + decision(41_000))
    metrics(str(log), str(access), str(output))
    assert total(output, "credit_decision_log_lag_seconds") == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_alarms_of_the_last_monitoring_are_told(ending: str, tmp_path: Path) -> None:
    watched, output = tmp_path / f"watched.{ending}", tmp_path / "credit.prom"
    for alarms, told in ((None, []), ([True, False, True], [2.0]), ([False], [0.0])):
        if alarms is not None:
            files.write(pl.DataFrame({"subject": "score", "alarm": alarms}), str(watched))
        metrics(None, None, str(output), str(watched))
        found = [value for (name, _), value in samples(output).items() if name == "credit_monitoring_alarms"]
        assert found == told
    assert total(output, "credit_monitoring_timestamp_seconds") == watched.stat().st_mtime


@pytest.mark.parametrize("seed", range(5))
def test_every_line_is_counted_once(seed: int, tmp_path: Path) -> None:
    """Lines, halves of lines, renamings, erasures and removals between runs that may see any of them."""
    lot = random.Random(seed)
    output = tmp_path / "credit.prom"
    log = LogFile(tmp_path / "decisions.jsonl", most_bytes=3_000)
    written = 0
    for _ in range(60):
        what = lot.choice(["write", "write", "write", "run", "run", "erase", "tear"])
        if what == "write":
            for _ in range(lot.randint(1, 8)):
                log.write(decision(written, score=300 + written))
                written += 1
        elif what == "tear" and log.path.exists():
            with log.path.open("ab") as file:
                file.write(decision(written)[:40])  # a writer was killed; the next one takes it away
        elif what == "erase" and written:
            metrics(
                str(log.path), None, str(output)
            )  # a line that is erased before it is read was never counted
            customer = f'"secret-{lot.randrange(written)}"'.encode()
            log.rewrite(lambda text, customer=customer: customer not in text)  # type: ignore[misc]
        elif what == "run":
            metrics(str(log.path), None, str(output))
            assert total(output, "credit_decisions_total") == written
    metrics(str(log.path), None, str(output))
    assert total(output, "credit_decisions_total") == written
    assert total(output, "credit_score_sum") == sum(300 + number for number in range(written))
    assert total(output, "credit_unreadable_lines_total") == 0


def test_a_run_reads_only_what_is_new(tmp_path: Path) -> None:
    """What was read is not opened for reading again: its bytes may change under the same first line."""
    log, output = tmp_path / "decisions.jsonl", tmp_path / "credit.prom"
    log.write_bytes(decision(0) + decision(1))
    metrics(str(log), None, str(output))
    with log.open("r+b") as file:
        file.seek(len(decision(0)))
        file.write(b"#" * (len(decision(1)) - 1))
    with log.open("ab") as file:
        file.write(decision(2))
    metrics(str(log), None, str(output))
    assert total(output, "credit_decisions_total") == 3
    assert total(output, "credit_unreadable_lines_total") == 0


def test_a_run_that_was_killed_is_made_up_for(tmp_path: Path) -> None:
    """Before its state was written it counted nothing; after it, the next run writes the output."""
    log, output = tmp_path / "decisions.jsonl", tmp_path / "credit.prom"
    log.write_bytes(decision(0))
    metrics(str(log), None, str(output))
    log.write_bytes(log.read_bytes() + decision(1))
    metrics(str(log), None, str(output))
    output.write_text("of the run before")
    metrics(str(log), None, str(output))
    assert total(output, "credit_decisions_total") == 2


def test_a_file_that_took_the_place_of_another_is_read_from_its_start(tmp_path: Path) -> None:
    log, output = tmp_path / "access.json", tmp_path / "credit.prom"
    log.write_bytes(request(1) + request(2))
    metrics(None, str(log), str(output))
    log.write_bytes(request(3) + request(4) + request(5))  # the same inode
    metrics(None, str(log), str(output))
    assert total(output, "credit_requests_total") == 5


def test_every_family_is_described_whether_it_has_values_or_not(tmp_path: Path) -> None:
    output = tmp_path / "credit.prom"
    assert metrics(str(tmp_path / "none.jsonl"), str(tmp_path / "none*.json"), str(output)) == (
        f"0 lines of decisions and 0 of requests counted into {output}"
    )
    described = {family.name for family in text_string_to_metric_families(output.read_text())}
    assert described == {family.name.removesuffix("_total") for family in FAMILIES}
    assert output.stat().st_mode & 0o044 == 0o044  # another user reads it


def test_labels_are_escaped(tmp_path: Path) -> None:
    log, output = tmp_path / "decisions.jsonl", tmp_path / "credit.prom"
    code = 'R09-"a\\b"\nc'
    log.write_bytes(decision(0, reasons=[{"code": code}]))
    metrics(str(log), None, str(output))
    assert total(output, "credit_reasons_total", code=code) == 1


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"format": 99}', json.dumps({"format": 1})])
def test_a_state_of_something_else_is_said(text: str, tmp_path: Path) -> None:
    output = tmp_path / "credit.prom"
    state = Path(f"{output}.state")
    state.write_text(text)
    with pytest.raises(ValueError, match="is not the state of this command; remove it"):
        metrics(None, str(tmp_path / "access.json"), str(output))
    assert state.read_text() == text
    assert not output.exists()
