"""The services of deploy/compose.yaml as plain processes, for where no Docker engine is.

Each runs the command line and the variables of the file, with paths and ports moved. A named volume is a folder, a mounted file a
copy; the name of a service with its port is 127.0.0.1 with a free one. What runs an image of ours is read from its Dockerfile.
What an official image does before its command, a new database for PostgreSQL, is done here. Services are ready when their own
health checks say so.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import yaml

from processes import ROOT, free_port
from tracking_server import INITDB, new_database

DEPLOY = ROOT / "deploy"
PORTS = {
    "postgres": (5432,),
    "mlflow": (5000,),
    "champion": (8080,),
    "challenger": (8080,),
    "nginx": (8443, 8444, 8081),
    "prometheus": (9090,),
}
NEEDED = ("nginx", "prometheus", "curl", "wget", "openssl")
SYSTEM = f"{INITDB.parent}:/usr/sbin:/usr/bin:/sbin:/bin"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_TRIES = 1_500  # of 0.2 seconds


def absent() -> list[str]:
    """The programs that this machine lacks."""
    return [name for name in NEEDED if not shutil.which(name, path=SYSTEM)] + ["postgresql"] * (
        not INITDB.exists()
    )


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """compose.yaml with its variables filled in."""

    def value(found: re.Match[str]) -> str:
        name, how, default = found.groups()
        given = variables.get(name)
        assert given or how == "-" or how is None, f"{name} is required"
        return given or default or ""

    text = _VARIABLE.sub(value, (DEPLOY / "compose.yaml").read_text()).replace("$$", "$")
    plain: dict[str, Any] = yaml.safe_load(text)
    return plain


def dockerfile(context: Path) -> dict[str, list[str]]:
    """The arguments of a Dockerfile's instructions, by name."""
    found: dict[str, list[str]] = {}
    for line in (context / "Dockerfile").read_text().replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            name, text = line.split(maxsplit=1)
            found.setdefault(name, []).append(text)
    return found


class Service:
    """One service: what it runs, with what, and how it is asked for its health."""

    def __init__(self, name: str, stack: "Stack") -> None:
        """Read it from its part of the file, and lay out its files."""
        plain = stack.plain["services"][name]
        self.name, self.stack = name, stack
        self.process: subprocess.Popen[bytes] | None = None
        self.folder, temporary = stack.folder / "services" / name, stack.folder / "tmp" / name
        self.cwd = self.folder / "cwd"
        for folder in (self.cwd, temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self.places = {"/tmp": temporary}
        self._mount(plain)
        image: dict[str, list[str]] = {}
        if "command" not in plain:
            self.cwd = Path(plain["build"]["context"])
            image = dockerfile(self.cwd)
        command = plain.get("command") or json.loads(image["CMD"][0])
        self.command = [self.moved(word) for word in [*plain.get("entrypoint", []), *command]]
        own = dict(pair.split("=", 1) for text in image.get("ENV", []) for pair in shlex.split(text))
        self.environment = {
            key: self.moved(str(text)) for key, text in (own | plain.get("environment", {})).items()
        }
        check = plain["healthcheck"]["test"] if "healthcheck" in plain else _health(image)
        self.check = [self.moved(word) for word in check[1:]]

    def moved(self, text: str) -> str:
        """A text with its addresses, ports and paths moved to this machine's."""
        for (name, port), free in self.stack.ports.items():
            text = re.sub(rf"\b{name}:{port}\b", f"127.0.0.1:{free}", text)
        for port in PORTS.get(self.name, ()):
            text = re.sub(rf"(?<!\d){port}(?!\d)", str(self.stack.ports[self.name, port]), text)
        text = re.sub(r"listen (?=\d)", "listen 127.0.0.1:", text.replace("0.0.0.0", "127.0.0.1"))
        places = "|".join(re.escape(place) for place in sorted(self.places, key=len, reverse=True))
        return re.sub(rf"({places})(?![\w-])", lambda found: str(self.places[found[0]]), text)

    @property
    def variables(self) -> dict[str, str]:
        """The variables of its process."""
        path, home = f"{Path(sys.executable).parent}:{SYSTEM}", str(self.places["/tmp"])
        return {"PATH": path, "HOME": home, "TMPDIR": home, "PYTHONPATH": str(ROOT)} | self.environment

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "log"

    def healthy(self) -> bool:
        """Whether its health check passes."""
        return not subprocess.run(
            self.check, env=self.variables, cwd=self.cwd, capture_output=True, check=False
        ).returncode

    def wait(self) -> None:
        """Wait until its health check passes."""
        assert self.process
        for _ in range(_TRIES):
            if self.healthy():
                return
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.2)
                break
        raise AssertionError(self.log.read_text())

    def _mount(self, plain: Mapping[str, Any]) -> None:
        volumes = [volume.removesuffix(":ro").split(":") for volume in plain.get("volumes", [])]
        configs = {config["target"]: config["source"] for config in plain.get("configs", [])}
        for source, place in volumes:
            copied = source.startswith(".")
            self.places[place] = self.folder / Path(place).name if copied else self.stack.volume(source)
        self.places |= {place: self.folder / Path(place).name for place in configs}
        for source, place in volumes:
            if source.startswith("."):
                self._copy(source, self.places[place])
        for place, source in configs.items():
            self.places[place].write_text(self.moved(self.stack.plain["configs"][source]["content"]))

    def _copy(self, source: str, target: Path) -> None:
        given = self.stack.folder / source
        found = given if given.exists() else DEPLOY / source
        for file in [found] if found.is_file() else found.rglob("*.*"):
            place = target / file.relative_to(found)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(self.moved(file.read_text()))


class Stack:
    """The services of the file, in a folder of their own."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        """Read the file; the folder may hold ``secrets``."""
        self.folder, self.plain = folder, compose(variables)
        self.ports = {(name, port): free_port() for name, ports in PORTS.items() for port in ports}

    def volume(self, name: str) -> Path:
        """The folder of a named volume."""
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def running(self, name: str, *, ready: bool = True) -> Iterator[Service]:
        """A service, from when it is ready or, where that is not waited for, from when it was started."""
        service = Service(name, self)
        prepared = _new_database(service) if name == "postgres" else nullcontext(None)
        with prepared as user, service.log.open("ab") as out:
            service.process = process = subprocess.Popen(
                _as_root(service) if os.geteuid() == 0 else service.command,
                env=service.variables,
                cwd=service.cwd,
                stdout=out,
                stderr=out,
                start_new_session=True,
                user=user,
            )
            try:
                if ready:
                    service.wait()
                yield service
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait(60)


def _health(image: Mapping[str, list[str]]) -> list[str]:
    text = image.get("HEALTHCHECK", ['CMD ["true"]'])[0]
    return ["CMD", *json.loads(text[text.index("CMD") + 3 :])]


def _as_root(service: Service) -> list[str]:
    """The command where the tests run as root, whose folders nginx's workers could not reach as anybody else."""
    *words, last = service.command
    return [*words, f"{last} user root;"] if service.name == "nginx" else service.command


@contextmanager
def _new_database(service: Service) -> Iterator[str | None]:
    """What the entry point of PostgreSQL's image does before the command; yields the user to run as, None for this one."""
    given = service.environment
    with tempfile.TemporaryDirectory() as folder:  # which that user can reach
        user = new_database(
            Path(folder), given["POSTGRES_USER"], given["POSTGRES_PASSWORD"], given["POSTGRES_DB"]
        )
        service.cwd = Path(folder)
        service.command += ["-D", f"{folder}/data", "-k", folder]
        yield user
