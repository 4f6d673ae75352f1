"""What programs cost with all their children: wall time, processor time, peak memory; run in turn, so that they share moods."""

import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

ROOT = Path(__file__).resolve().parents[2]
_BETWEEN_LOOKS = 0.25
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Task:
    """A program to measure: ``python`` with these arguments, and what its environment has beyond this one's."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes:
        wall: seconds from start to end.
        user: processor seconds outside the system, of the program and its children.
        system: processor seconds inside the system.
        memory: peak megabytes of all its processes together, as seen from time to time, or of the largest if that is more.
    """

    wall: float
    user: float
    system: float
    memory: float

    @property
    def processor(self) -> float:
        """Processor seconds in all."""
        return self.user + self.system


def in_turn(tasks: Mapping[str, Task], rounds: int, folder: Path) -> dict[str, list[Cost]]:
    """Run every task once a round.

    Args:
        tasks: by name.
        rounds: how often.
        folder: where they run.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            costs[name].append(measure(task, folder))
    return costs


def measure(task: Task, folder: Path) -> Cost:
    """Run a task to its end.

    Raises:
        SystemExit: it fails; with what it said.
    """
    with (folder / "errors.txt").open("w") as errors:
        begin = perf_counter()
        process = subprocess.Popen(
            [sys.executable, *task.arguments],
            env=environment() | dict(task.environment),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        with _stopped_with_us(process.pid), _watched(process.pid) as seen:
            _, status, usage = os.wait4(process.pid, 0)
        wall = perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit((folder / "errors.txt").read_text())
    largest = usage.ru_maxrss / (2**10 if sys.platform == "linux" else 2**20)
    user, system = (sum(seconds) for seconds in zip((0.0, 0.0), *seen.seconds.values(), strict=True))
    return Cost(wall, max(usage.ru_utime, user), max(usage.ru_stime, system), max(largest, seen.memory))


def processor_seconds(session: int) -> float:
    """What the processes of a session have used of the processor so far."""
    seen = _Seen()
    seen.look(session)
    return sum(user + system for user, system in seen.seconds.values())


def environment() -> dict[str, str]:
    """This process's variables, with the project on Python's path and MLflow quiet."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return os.environ | quiet | {"PYTHONPATH": paths}


def markdown(costs: Mapping[str, Sequence[Cost]], bases: Mapping[str, str]) -> str:
    """A table of medians and ranges; the ratios are those of each round's pair.

    Args:
        costs: of each task, round by round.
        bases: which other task a task is compared with.
    """
    lines = [
        "| what | wall s | processor s | peak MB | wall over base | processor over base | base |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in costs.items():
        cells = [_spread([c.wall for c in found]), _spread([c.processor for c in found])]
        cells.append(f"{max(c.memory for c in found):.0f}")
        cells += _ratios(found, costs.get(bases.get(name, ""), []))
        lines.append(f"| {name} | {' | '.join(cells)} | {bases.get(name, '')} |")
    return "\n".join(lines)


def _ratios(found: Sequence[Cost], base: Sequence[Cost]) -> list[str]:
    if not base:
        return ["", ""]
    pairs = list(zip(found, base, strict=True))
    walls, processors = [c.wall / b.wall for c, b in pairs], [c.processor / b.processor for c, b in pairs]
    return [_spread(walls), _spread(processors)]


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


@contextmanager
def _stopped_with_us(pid: int) -> Iterator[None]:
    try:
        yield
    except BaseException:
        os.killpg(pid, signal.SIGTERM)
        raise


@dataclass
class _Seen:
    """What the processes of a session have used, looked at from time to time; those nobody waits for are among them.

    Attributes:
        memory: most megabytes that they held together.
        seconds: of the processor, outside and inside the system, by process.
    """

    memory: float = 0.0
    seconds: dict[str, tuple[float, float]] = field(default_factory=dict)

    def look(self, session: int) -> None:
        pages = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[3]) == session:
                    pages += int(fields[21])
                    self.seconds[stat.parent.name] = (int(fields[11]) / _TICKS, int(fields[12]) / _TICKS)
        self.memory = max(self.memory, pages * _PAGE)


@contextmanager
def _watched(pid: int) -> Iterator[_Seen]:
    seen, over = _Seen(), Event()

    def watch() -> None:
        while not over.wait(_BETWEEN_LOOKS):
            seen.look(pid)

    thread = Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
