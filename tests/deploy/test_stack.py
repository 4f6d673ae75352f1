"""The stack of docs/deploy.md without Docker: every service of compose.yaml but Grafana, asked through nginx.

The challenger is a server of the test, which keeps what it gets.
"""

import base64
import json
import re
import shutil
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from compose import DEPLOY, SYSTEM, Service, Stack, absent
from documents import command
from logged import HASH_KEY
from processes import ROOT, TrainedModel, execute, run, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(absent()), reason=f"this machine lacks {', '.join(absent())}"),
]

SECRET = "0123456789abcdef"
SENTINEL = "C-nobody-may-read-this"


@dataclass
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def plain(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """Someone with a name and a password who trusts the stack's certificate."""

    stack: Stack
    password: str
    context: ssl.SSLContext

    def ask(
        self,
        body: bytes = b"",
        path: str = "/invocations",
        port: int = 8443,
        kind: str = "application/json",
        **how: Any,
    ) -> Answer:
        """Send a request; ``name`` and ``password`` are those of the caller unless given."""
        name, password = how.get("name", "caller"), how.get("password", self.password)
        sent = base64.b64encode(f"{name}:{password}".encode()).decode()
        url = f"https://localhost:{self.stack.ports['nginx', port]}{path}"
        headers = {"Content-Type": kind, "Authorization": f"Basic {sent}"}
        method = how.get("method", "POST" if body else "GET")
        return answered(urllib.request.Request(url, body or None, headers, method=method), self.context)


def answered(request: urllib.request.Request | str, context: ssl.SSLContext | None = None) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, dict(refusal.headers), refusal.read())


@contextmanager
def connected(caller: Caller) -> Iterator[HTTPSConnection]:
    """A connection without a password."""
    connection = HTTPSConnection("localhost", caller.stack.ports["nginx", 8443], context=caller.context)
    yield connection
    connection.close()


def received(connection: HTTPSConnection) -> Answer:
    response = connection.getresponse()
    return Answer(response.status, dict(response.getheaders()), response.read())


@dataclass
class Challenger:
    """A server in the challenger's place, with what it got and the status that it answers with."""

    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    status: int = 200
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> None:
        """Wait until it got as many requests."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, timeout=60)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        challenger = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(challenger.status)
                self.send_header("Content-Length", "12")
                self.end_headers()
                self.wfile.write(b'"challenger"')
                with challenger.arrived:
                    challenger.got.append((body, dict(self.headers)))
                    challenger.arrived.notify_all()

            def log_message(self, *_: Any) -> None:
                return

        return Handler


@pytest.fixture(scope="module")
def image(trained_model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the champion's image."""
    folder = tmp_path_factory.mktemp("image") / "champion"
    words = [str(ROOT / "scripts" / "image_folder.py"), trained_model.uri, str(folder)]
    done = run(words, trained_model.environment | {"PYTHONPATH": str(ROOT)}, folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def deploy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder after the page's first commands, and the password that they print."""
    folder = tmp_path_factory.mktemp("stack")
    shutil.copytree(DEPLOY, folder / "deploy")
    done = execute(["bash", "-euc", command("openssl req")], {"PATH": SYSTEM}, folder)
    assert done.returncode == 0, done.stderr
    found = re.search(r"^[0-9a-f]{32}$", done.stderr, re.MULTILINE)
    assert found
    return folder / "deploy", found[0]


@pytest.fixture(scope="module")
def variables(deploy: tuple[Path, str], image: Path) -> dict[str, str]:
    """What .env holds once it is filled in."""
    lines = (deploy[0] / ".env").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    filled = {name: value or SECRET for name, value in pairs.items()}
    own = {"CHAMPION": str(image), "WORKERS": "1", "MLFLOW_WORKERS": "1", "METRICS_SECONDS": "1"}
    return filled | own | {"CREDIT_MODEL_HASH_KEY": HASH_KEY}


@pytest.fixture(scope="module")
def stack(deploy: tuple[Path, str], variables: dict[str, str]) -> Iterator[Stack]:
    """All of it, ready, with the champion alone."""
    made = Stack(deploy[0], variables)
    with ExitStack() as running:
        running.enter_context(made.running("postgres"))
        slow = [running.enter_context(made.running(name, ready=False)) for name in ("mlflow", "champion")]
        for service in slow:
            service.wait()
        for name in ("metrics", "nginx", "prometheus"):
            running.enter_context(made.running(name))
        yield made


@pytest.fixture(scope="module")
def caller(stack: Stack, deploy: tuple[Path, str]) -> Caller:
    folder, password = deploy
    return Caller(stack, password, ssl.create_default_context(cafile=str(folder / "secrets/tls/server.crt")))


@pytest.fixture(scope="module")
def challenger(stack: Stack) -> Iterator[Challenger]:
    made = Challenger()
    server = ThreadingHTTPServer(("127.0.0.1", stack.ports["challenger", 8080]), made.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


@contextmanager
def traffic(stack: Stack, caller: Caller, variables: dict[str, str], how: str) -> Iterator[Caller]:
    """A second nginx of the same stack, with other traffic; yields a caller of it."""
    other = Stack(stack.folder, variables | {"TRAFFIC": how})
    own = {place: port for place, port in other.ports.items() if place[0] == "nginx"}
    other.ports = stack.ports | own
    with other.running("nginx"):
        yield Caller(other, caller.password, caller.context)


def known(image: Path) -> tuple[bytes, Any]:
    """The known request and its answer."""
    plain = json.loads((image / "known.json").read_text())
    return json.dumps(plain["request"]).encode(), plain["answer"]


def decision(name: str = SENTINEL) -> bytes:
    row = {"CustomerId": name, "TransactionStartTime": ["2019-02-11T07:45:31Z"], "Amount": [1000]}
    return json.dumps({"dataframe_records": [row], "params": {"as_of": "2019-02-13T00:00:00Z"}}).encode()


def assert_error(answer: Answer, status: int, code: str) -> None:
    """One form, whoever refused; nothing of the request and nothing of the server."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.plain) == {"error_code", "message"}
    assert answer.plain["error_code"] == code
    for word in (SENTINEL, "Traceback", "/", "nginx"):
        assert word not in answer.plain["message"].replace("/invocations", "").replace("docs/serve.md", "")


def test_a_decision_is_that_of_the_model(caller: Caller, image: Path) -> None:
    request, expected = known(image)
    answer = caller.ask(request)
    assert answer.status == 200, answer
    assert answer.plain == expected


@pytest.mark.parametrize("how", [{"password": "wrong"}, {"name": "nobody"}, {"name": "", "password": ""}])
def test_a_wrong_password_is_refused(how: dict[str, Any], caller: Caller) -> None:
    answer = caller.ask(decision(), **how)
    assert_error(answer, 401, "UNAUTHENTICATED")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(caller: Caller) -> None:
    with connected(caller) as connection:
        connection.putrequest("POST", "/invocations")
        connection.putheader("Content-Length", "2097153")
        connection.endheaders()
        assert_error(received(connection), 413, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (decision()[:-3], "application/json"),
        (json.dumps({"rows": [SENTINEL]}).encode(), "application/json"),
        (decision().replace(b'"2019-02-13T00:00:00Z"', b"5"), "application/json"),
        (json.dumps({"dataframe_records": [{"color": SENTINEL}]}).encode(), "application/json"),
        (f"CustomerId,Amount\n{SENTINEL},1\n".encode(), "text/csv"),
        (f"CustomerId {SENTINEL}".encode(), "application/x-parquet"),
    ],
    ids=["broken", "no rows", "type of a parameter", "no column", "csv", "no Parquet"],
)
def test_what_cannot_be_read_is_refused_and_nothing_of_it_repeated(
    body: bytes, kind: str, caller: Caller
) -> None:
    answer = caller.ask(body, kind=kind)
    assert_error(answer, answer.status, {400: "BAD_REQUEST"}.get(answer.status, "INTERNAL_ERROR"))
    assert answer.status in {400, 415}


def test_there_is_nothing_else(caller: Caller) -> None:
    for path in (f"/{SENTINEL}", "/docs", "/openapi.json", "/error", "/shadow", "/metrics", "/"):
        assert_error(caller.ask(path=path), 404, "ENDPOINT_NOT_FOUND")
    assert_error(caller.ask(), 405, "METHOD_NOT_ALLOWED")


def test_health_is_a_decision(stack: Stack, image: Path) -> None:
    _, expected = known(image)
    answer = answered(f"http://127.0.0.1:{stack.ports['nginx', 8081]}/health")
    assert answer.status == 200
    assert answer.plain == expected
    assert Service("champion", stack).healthy()


def test_a_shadow_gets_what_the_champion_answers(
    stack: Stack, caller: Caller, challenger: Challenger, variables: dict[str, str], image: Path
) -> None:
    request, expected = known(image)
    with traffic(stack, caller, variables, "shadow") as shadowed:
        for status in (200, 500):
            challenger.status, before = status, len(challenger.got)
            assert shadowed.ask(request).plain == expected
            challenger.wait(before + 1)
            body, headers = challenger.got[before]
            assert body == request
            assert headers["Content-Type"] == "application/json"
            assert "Authorization" not in headers
    challenger.status = 200


def test_a_canary_answers_some(
    stack: Stack, caller: Caller, challenger: Challenger, variables: dict[str, str], image: Path
) -> None:
    request, expected = known(image)
    before = len(challenger.got)
    with traffic(stack, caller, variables, "canary") as split:
        answers: list[Any] = []
        while len(answers) < 5 or (len(answers) < 100 and "challenger" not in answers):
            answers.append(split.ask(request).plain)
    own = answers.count("challenger")
    assert 1 <= own == len(challenger.got) - before
    assert answers.count(expected) == len(answers) - own


def test_prometheus_reads_what_was_decided(stack: Stack, caller: Caller) -> None:
    """Decisions from the decision log and requests from nginx, through the file and nginx's /metrics."""
    for _ in range(3):
        assert caller.ask(decision()).status == 200
    until(lambda: value(stack, "sum(credit_decisions_total)") >= 3)
    until(lambda: value(stack, 'credit_requests_total{route="/invocations",status="200"}') >= 3)
    assert value(stack, 'credit_request_duration_seconds_count{route="/invocations"}') >= 3
    assert value(stack, "credit_probes_total") >= 1
    assert value(stack, "credit_decision_log_lag_seconds") < 60
    assert value(stack, 'credit_requests_total{status="401"}') >= 0


def query(stack: Stack, text: str) -> Any:
    address = f"http://127.0.0.1:{stack.ports['prometheus', 9090]}/api/v1/query"
    answer = answered(f"{address}?{urllib.parse.urlencode({'query': text})}")
    assert answer.status == 200, (text, answer)
    return answer.plain["data"]["result"]


def value(stack: Stack, text: str) -> float:
    """The one number that a query gives, 0 where there is none yet."""
    result = query(stack, text)
    return float(result[0]["value"][1]) if result else 0.0


def test_prometheus_watches_by_the_alerts(stack: Stack) -> None:
    address = f"http://127.0.0.1:{stack.ports['prometheus', 9090]}/api/v1/rules"
    rules = until(
        lambda: [rule for group in answered(address).plain["data"]["groups"] for rule in group["rules"]]
    )
    assert len(rules) == len(re.findall("alert:", (DEPLOY / "prometheus" / "alerts.yml").read_text()))
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def test_prometheus_understands_the_dashboard(stack: Stack) -> None:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "credit.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query(stack, target["expr"].replace("$__rate_interval", "1m"))


def test_mlflow_wants_a_password_and_keeps_artifacts(stack: Stack, caller: Caller) -> None:
    body = json.dumps({"name": "through nginx"}).encode()
    create, artifact = "/api/2.0/mlflow/experiments/create", "/api/2.0/mlflow-artifacts/artifacts/kept.txt"
    for how in ({"name": "admin", "password": "wrong"}, {}):
        assert caller.ask(body, create, 8444, **how).status == 401
    admin = {"name": "admin", "password": SECRET}
    assert caller.ask(body, create, 8444, **admin).status == 200
    assert caller.ask(b"kept", artifact, 8444, kind="text/plain", method="PUT", **admin).status == 200
    assert (stack.volume("artifacts") / "kept.txt").read_text() == "kept"


def test_too_many_requests_are_refused(caller: Caller) -> None:
    """Also of those who guess passwords."""
    answers = []
    with connected(caller) as connection:
        for _ in range(250):
            connection.request("GET", "/ping")
            answers.append(received(connection))
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.status for answer in answers} == {401, 429}
    assert_error(refused[0], 429, "REQUEST_LIMIT_EXCEEDED")


def test_nobody_keeps_what_was_asked(stack: Stack) -> None:
    """After all of the above: no file of any service names the customer, and none writes where an image is read only."""
    files = [path for path in stack.folder.rglob("*") if path.is_file()]
    assert (stack.volume("decisions") / "decisions.jsonl") in files
    assert not [path for path in files if SENTINEL.encode() in path.read_bytes()]
    assert not [path for path in files if path.parent.name == "cwd"]


def test_a_model_that_is_gone_is_said_and_unhealthy(
    stack: Stack, caller: Caller, variables: dict[str, str]
) -> None:
    alone = Stack(stack.folder, variables)
    own = {place: port for place, port in alone.ports.items() if place[0] in {"nginx", "champion"}}
    alone.ports = stack.ports | own
    with alone.running("nginx", ready=False) as nginx:
        lonely = Caller(alone, caller.password, caller.context)
        assert_error(until(lambda: attempt(lonely)), 502, "TEMPORARILY_UNAVAILABLE")
        assert not nginx.healthy()
        assert not Service("champion", alone).healthy()


def attempt(caller: Caller) -> Answer | None:
    try:
        return caller.ask(decision())
    except urllib.error.URLError:
        return None
