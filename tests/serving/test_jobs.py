"""The protocol between a command and an artifact's code: what either does not know harms neither."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.serving import jobs
from credit_model.serving.jobs import MANIFEST, PROTOCOL, Job
from credit_model.settings.settings import Settings

words = st.none() | st.text(max_size=9)
JOBS = st.builds(
    Job,
    scorer=st.text(max_size=9),
    transactions=words,
    decisions=words,
    outcomes=words,
    columns=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    as_of=st.text(max_size=9),
    output=words,
    date_format=words,
    decimal=words,
    bad_values=st.lists(st.text(max_size=5), max_size=3),
    protocol=st.integers(0, PROTOCOL),
    log=words,
    decision=words,
    decided=words,
    command=words,
)


@given(job=JOBS)
def test_a_job_that_is_written_is_read(job: Job) -> None:
    assert Job.read(json.dumps(asdict(job))) == job


@given(job=JOBS, name=st.text(min_size=1, max_size=9), value=words)
def test_a_field_that_the_code_does_not_know_is_ignored(job: Job, name: str, value: str | None) -> None:
    assert Job.read(json.dumps({f"new_{name}": value} | asdict(job))) == job


@given(job=JOBS, absent=st.sampled_from(sorted(set(asdict(Job(""))) - {"scorer"})))
def test_a_field_that_is_absent_has_its_default(job: Job, absent: str) -> None:
    plain = {name: value for name, value in asdict(job).items() if name != absent}
    assert Job.read(json.dumps(plain)) == replace(job, **{absent: getattr(Job(""), absent)})


def test_a_job_of_a_newer_protocol_is_refused_with_a_remedy() -> None:
    with pytest.raises(
        ValueError,
        match=rf"needs protocol {PROTOCOL + 1} and the model's code speaks up to {PROTOCOL}; train",
    ):
        Job.read(json.dumps({"scorer": "", "protocol": PROTOCOL + 1}))


@pytest.fixture
def submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a model with some manifest is told to do."""

    def submit(manifest: dict[str, Any], settings: Settings, command: str = "score") -> tuple[str, Any]:
        scorer = tmp_path / "artifacts" / "scorer"
        scorer.mkdir(parents=True, exist_ok=True)
        (scorer / "manifest.json").write_text(json.dumps(manifest))
        (scorer / "scorer.json").write_text("{}")
        told: list[str] = []
        monkeypatch.setattr(jobs, "wait", lambda words, *_: told.extend(words))
        jobs.submit(command, settings, tmp_path)
        return told[3], json.loads(told[4])

    return submit


def test_the_manifest_names_the_module(submitted: Any) -> None:
    assert submitted({"jobs": MANIFEST}, Settings())[0] == "credit_model.serving.batch"
    assert submitted({"jobs": MANIFEST}, Settings(), "monitor")[0] == "credit_model.serving.monitor"
    assert submitted({"jobs": MANIFEST}, Settings(), "features")[0] == "credit_model.serving.features"
    elsewhere = {"protocol": PROTOCOL + 3, "modules": {"score": "credit_model.rooms.score"}}
    assert submitted({"jobs": elsewhere}, Settings())[0] == "credit_model.rooms.score"
    with pytest.raises(ValueError, match="knows no monitor; train the model again"):
        submitted({"jobs": elsewhere}, Settings(), "monitor")


def test_a_job_needs_no_more_than_what_it_asks_for(submitted: Any) -> None:
    assert submitted({"jobs": MANIFEST}, Settings())[1]["protocol"] == 0
    assert submitted({"jobs": MANIFEST}, Settings(decimal="comma"))[1]["protocol"] == 1


def test_a_model_without_a_manifest_of_jobs_gets_the_fields_of_its_time(submitted: Any) -> None:
    module, job = submitted({}, Settings())
    assert module == "credit_model.batch"
    assert {"date_format", "decimal", "bad_values", "protocol"} & set(job) == set()
