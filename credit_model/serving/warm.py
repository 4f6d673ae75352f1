"""A process that is kept warm: it loads a model once, with the model's own code, and does job after job.

A job is a line of JSON on its standard input, and the reply a line of JSON on its standard output; tables are files that the job
names. The process ends with its input, so that it never outlives the process that started it.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Any

from credit_model.scoring.scorer import Scorer
from credit_model.serving import batch, features, jobs
from credit_model.serving.jobs import Job
from credit_model.settings.settings import Settings

WARM = "warm"
WORKS: Mapping[str, Callable[[Job, Scorer], str]] = {"score": batch.score, "features": features.of_model}
_PATIENCE = 10  # seconds that a process has to end by itself
_BAD_INPUT, _TERMINATED = 2, 143


class WarmModel:
    """A model in a process of its own, which runs the code of its artifact.

    The process is ended by ``close``, when nothing refers to the model any more, and at the latest with the interpreter. A
    call that is interrupted ends it too; the next call starts it again.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Start the process, and wait until the model is loaded.

        Args:
            folder: of the model.
            name: what the user calls the model.

        Raises:
            ValueError: the model's code does no job after job, or the model cannot be loaded.
        """
        self._name, self._lock, self._closed = name, Lock(), False
        scorer = str((folder / "artifacts" / "scorer").resolve())
        self._protocol, modules = jobs.spoken(Path(scorer))
        if WARM not in modules:
            raise ValueError(
                f"the code of the model {name} cannot be kept warm, because it is older than that; train the model again, or "
                "use the commands: python -m credit_model score"
            )
        self._job = Job(scorer)
        words = json.dumps(jobs.written(self._job, self._protocol, name))
        self._command = [sys.executable, "-P", "-m", modules[WARM], words]
        self._environment = jobs.own_code(folder)
        self._start()

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def submit(self, command: str, settings: Settings) -> list[str]:
        """Have a job done, and wait for it.

        Args:
            command: one of ``WORKS``.
            settings: those of the command.

        Returns:
            The warnings, a sentence each.

        Raises:
            ValueError: the model is closed, the data cannot be read, or the model's code cannot do this.
            RuntimeError: the process ended before it replied.
        """
        job = replace(Job.of(settings, self._job.scorer), command=command)
        line = json.dumps(jobs.written(job, self._protocol, self._name))
        with self._lock:
            if self._closed:
                raise ValueError(f"{self._name} is closed and answers nothing any more; load it again")
            if not self._stop.alive:
                self._start()
            return self._asked(line)

    def close(self) -> None:
        """End the process; a closed model answers nothing any more."""
        with self._lock:
            self._closed = True
            self._stop()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=pipe, stdout=pipe, stderr=self._log, encoding="utf-8"
        )
        self._stop = weakref.finalize(self, _end, self._process, self._log)
        try:
            self._asked(None)
        except ValueError:
            self._stop()
            raise

    def _asked(self, line: str | None) -> list[str]:
        """The warnings of the next reply, after a line is sent, if any."""
        try:
            if line is not None:
                print(line, file=self._process.stdin, flush=True)
            told = self._process.stdout.readline() if self._process.stdout else ""
            if not told:
                raise self._lost()
            reply: dict[str, Any] = json.loads(told)
        except BrokenPipeError:
            raise self._lost() from None
        except BaseException:
            self._stop()  # nobody waits for its reply, and the next job must not get it
            raise
        if reply["fault"] is not None:
            raise ValueError(reply["fault"])
        return list(reply["warned"])

    def _lost(self) -> RuntimeError:
        """That the process is no more, with the last line that it wrote."""
        code = self._process.wait(_PATIENCE)
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        self._stop()
        why = f": {lines[-1]}" if lines else ""
        return RuntimeError(f"the process of {self._name} ended with exit code {code}{why}")


def _end(process: subprocess.Popen[str], log: IO[bytes]) -> None:
    """End a process, and wait for its end."""
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
    with log, suppress(OSError), process:  # closes its pipes
        process.wait()


def listen(argv: list[str] | None = None) -> int:
    """Do the jobs of standard input, one after the other, with the model of the job that is the process's argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it is interrupted, and ends it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # leaves no unfinished file behind
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)  # what libraries print is no reply
        first = (sys.argv[1:] if argv is None else argv)[0]
        loaded: list[Scorer] = []
        print(_done(lambda: loaded.append(_loaded(first))), file=replies, flush=True)
        for line in sys.stdin if loaded else ():
            print(_done(partial(_work, line, loaded[0])), file=replies, flush=True)
    return 0 if loaded else _BAD_INPUT


def _loaded(words: str) -> Scorer:
    return Scorer.load(Path(Job.read(words).scorer))


def _work(line: str, scorer: Scorer) -> None:
    job = Job.read(line)
    work = WORKS.get(job.command or "")
    if work is None:
        raise ValueError(f"the model's code knows no {job.command}; train the model again")
    work(job, scorer)


def _done(work: Callable[[], object]) -> str:
    """Do some work; returns the reply: its fault, or null, and the warnings that it printed."""
    fault = None
    with redirect_stderr(io.StringIO()) as said:
        try:
            work()
        except (ValueError, OSError) as problem:
            fault = " ".join(str(problem).split())
    return json.dumps({"fault": fault, "warned": said.getvalue().splitlines()})


if __name__ == "__main__":
    sys.exit(listen())
