"""Files that are damaged, written otherwise, very large or very old: refused in a sentence or answered rightly, nothing lost.

``python scripts/trials/hostile_files.py`` writes transactions, damages copies of them at seeded places, and scores each with the
program that the command ``score`` runs. It prints a table of what happened. These must hold, else the exit code is 1:

- a refusal is exit code 2 and one sentence that repeats no cell of a damaged file; nothing ends with a stack trace;
- whatever is answered, every customer of an intact row has a decision, and one whose rows are all intact the decision of the
  intact file, to the last digit; of Parquet, whose pages carry no checksums, the decisions are those of duckdb's reading;
- training reads what ``score`` reads, and refuses what it refuses;
- the counts of large files and old dates are those of duckdb.
"""

import argparse
import gzip
import io
import json
import random
import runpy
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import duckdb
import numpy as np
import polars as pl

import credit_model
from credit_model.scoring.scorer import Scorer
from credit_model.serving import jobs
from credit_model.settings.settings import resolve
from credit_model.synthetic import generate
from credit_model.training import workflow

AS_OF = "2019-01-13T00:00:00"
COLUMNS = ("CustomerId", "TransactionStartTime", "Amount", "ProductCategory")
REFUSED, ANSWERED, FAILED = "refused", "answered", "failed"
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "cp1252", "shift_jis")


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        how: refused, answered or failed.
        said: the sentence, or the error of a failure.
        answers: one row per decision; None where it was not answered.
    """

    how: str
    said: str
    answers: pl.DataFrame | None = None


@dataclass(frozen=True)
class Case:
    """A file, and what may become of it: a function that tells what is wrong with an answer."""

    group: str
    name: str
    file: Path
    wrong: Callable[[pl.DataFrame], list[str]]


class Trial:
    """A scorer, intact files, and what they are answered."""

    def __init__(self, folder: Path, table: pl.DataFrame, scorer: Scorer) -> None:
        """Score the intact file."""
        self.folder, self.table = folder, table.select(COLUMNS)
        self.history_days = scorer.catalogue.history_days
        scorer.save(folder / "scorer", jobs.MANIFEST)
        text = self.table.with_columns(
            pl.col("TransactionStartTime").dt.to_string("%Y-%m-%dT%H:%M:%SZ")
        ).write_csv()
        self.lines = text.encode().splitlines(keepends=True)
        intact = self.written("intact.csv", b"".join(self.lines))
        outcome = self.scored(intact)
        self.expected = outcome.answers
        if self.expected is None:
            raise SystemExit(f"the intact file is not answered: {outcome.said}")

    def written(self, name: str, content: bytes) -> Path:
        """A file of the folder."""
        file = self.folder / name
        file.write_bytes(content)
        return file

    def scored(self, file: Path, as_of: str = AS_OF, decisions: Path | None = None) -> Outcome:
        """What ``score`` makes of a file."""
        output = self.folder / "answers.parquet"
        output.unlink(missing_ok=True)
        asked = None if decisions is None else str(decisions)
        job = {"scorer": str(self.folder / "scorer"), "transactions": str(file), "decisions": asked}
        text = json.dumps(job | {"as_of": as_of, "output": str(output)})
        how, said = _run("credit_model.serving.batch", text)
        if how == ANSWERED:
            return Outcome(how, said, pl.read_parquet(output))
        return Outcome(FAILED if output.exists() else how, said)

    def training_reads(self, file: Path) -> str:
        """What training makes of a file: whether it reads its rows or refuses them."""
        try:
            workflow.read(resolve("train", {"transactions": str(file)}))
        except (ValueError, OSError):
            return REFUSED
        except Exception:  # noqa: BLE001 - any other end is what the trial looks for
            return FAILED
        return ANSWERED

    def differs(self, answers: pl.DataFrame, touched: set[str]) -> list[str]:
        """What is wrong with the answers of customers whose rows are intact."""
        whole = self.expected.filter(~pl.col("CustomerId").is_in(sorted(touched)))  # type: ignore[union-attr]
        mine = answers.filter(pl.col("CustomerId").is_in(whole["CustomerId"].to_list()))
        order = "CustomerId"
        if mine.sort(order).equals(whole.sort(order)):
            return []
        lost = whole.height - mine.height
        return [f"{lost} intact customers are lost" if lost else "an intact customer is answered otherwise"]


def _run(module: str, job: str) -> tuple[str, str]:
    """Run a program of the model's code here; returns how it ended and what it said."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with (
            mock.patch.object(sys, "argv", [module, job]),
            redirect_stdout(out),
            redirect_stderr(err),
            warnings.catch_warnings(action="ignore", category=RuntimeWarning),  # it may be imported already
        ):
            runpy.run_module(module, run_name="__main__")
    except SystemExit as end:
        lines = [line for line in err.getvalue().splitlines() if line.startswith("credit_model: ")]
        how = {0: ANSWERED, 2: REFUSED}.get(int(end.code or 0), FAILED)
        plain = how == ANSWERED or (len(lines) == 1 and "Traceback" not in err.getvalue())
        return (how if plain else FAILED), err.getvalue().strip() or out.getvalue().strip()
    except BaseException as fault:  # noqa: BLE001 - a stack trace is what the trial looks for
        return FAILED, f"{type(fault).__name__}: {fault}"
    return FAILED, "it did not end"


def damaged_csv(trial: Trial, draw: random.Random, count: int) -> Iterator[Case]:
    """Lines cut short, bytes changed, blocks lost, zero bytes, quotes, broken lines."""
    content = b"".join(trial.lines)
    damages = ("cut", "lose", "flip", "zero", "line", "quote")
    for number in range(count):
        kind, place = damages[number % len(damages)], draw.randrange(len(trial.lines[0]), len(content) - 100)
        if kind == "quote":  # where a cell begins
            place = content.index(b",", place) + 1
        put = {"cut": b"", "lose": b"", "zero": b"\0", "line": b"\n", "quote": b'"'}
        put["flip"] = bytes([content[place] ^ 1 << draw.randrange(8)])
        after = {"cut": len(content), "lose": place + 64}.get(kind, place + 1)
        made = content[:place] + put[kind] + content[after:]

        def wrong(answers: pl.DataFrame, made: bytes = made) -> list[str]:
            return trial.differs(answers, _touched(trial.lines, made.splitlines(keepends=True)))

        yield Case(f"CSV, {kind}", f"at byte {place}", trial.written(f"{kind}-{number}.csv", made), wrong)


def _touched(before: list[bytes], after: list[bytes]) -> set[str]:
    """The customers of lines that are gone, and those that the new lines name."""
    one, other = Counter(before), Counter(after)
    return {line.split(b",")[0].strip().decode(errors="replace") for line in (one - other) + (other - one)}


def damaged_gzip(trial: Trial, draw: random.Random, count: int) -> Iterator[Case]:
    """Compressed CSV, cut and changed: its checksum must tell."""
    content = gzip.compress(b"".join(trial.lines), mtime=0)
    for number in range(count):
        place, cut = draw.randrange(10, len(content)), number % 2 == 0
        flipped = bytes([content[place] ^ 1 << draw.randrange(8)])
        made = content[:place] if cut else content[:place] + flipped + content[place + 1 :]
        name = f"{'cut' if cut else 'flip'}-{number}.csv.gz"

        def wrong(answers: pl.DataFrame) -> list[str]:
            return trial.differs(answers, set())

        yield Case(f"gzip, {'cut' if cut else 'flip'}", f"at byte {place}", trial.written(name, made), wrong)


def damaged_parquet(trial: Trial, draw: random.Random, count: int) -> Iterator[Case]:
    """Parquet, cut and changed."""
    buffer = io.BytesIO()
    trial.table.write_parquet(buffer)
    content = buffer.getvalue()
    for number in range(count):
        place, cut = draw.randrange(len(content)), number % 4 == 0
        flipped = bytes([content[place] ^ 1 << draw.randrange(8)])
        made = content[:place] if cut else content[:place] + flipped + content[place + 1 :]
        file = trial.written(f"{'cut' if cut else 'flip'}-{number}.parquet", made)

        def wrong(answers: pl.DataFrame, file: Path = file) -> list[str]:
            return _as_duckdb_reads(trial, answers, file)

        yield Case(f"Parquet, {'cut' if cut else 'flip'}", f"at byte {place}", file, wrong)


def _as_duckdb_reads(trial: Trial, answers: pl.DataFrame, file: Path) -> list[str]:
    try:
        found = duckdb.execute(
            f"SELECT DISTINCT CustomerId FROM read_parquet('{file}') WHERE CustomerId IS NOT NULL"
        )
        customers = {str(row[0]) for row in found.fetchall()}
    except (duckdb.Error, UnicodeDecodeError):
        return trial.differs(answers, set())  # read by us alone: then it must be as if intact
    mine = {name for name in answers["CustomerId"].to_list() if name is not None}
    lost = len(customers - mine)
    return [f"{lost} customers that duckdb reads are lost"] if lost else []


def encodings(trial: Trial, _: random.Random, __: int) -> Iterator[Case]:
    """Names that are not ASCII in several encodings; BOM; zero bytes; other ends of lines."""
    text = b"".join(trial.lines).decode().replace("airtime", "crédit")
    plain = trial.scored(trial.written("plain.csv", text.encode())).answers
    assert plain is not None

    def as_plain(answers: pl.DataFrame) -> list[str]:
        """As the intact file, beside decisions that say themselves that they are invalid: a line of zero bytes is one."""
        added = pl.col("CustomerId").str.contains("\0", literal=True) & (pl.col("status") == "invalid")
        return [] if answers.filter(~added).equals(plain) else ["it is answered otherwise than UTF-8"]

    for encoding in ENCODINGS:
        content = text.encode(encoding, errors="replace")
        yield Case("encoding", encoding, trial.written(f"{encoding}.csv", content), as_plain)
    lines = text.encode()
    for name, content in {
        "CRLF": lines.replace(b"\n", b"\r\n"),
        "CR alone": lines.replace(b"\n", b"\r"),
        "no last line end": lines.removesuffix(b"\n"),
        "zero bytes at the end": lines + bytes(64),
        "gzip named .csv": gzip.compress(lines),
        "two gzip members": gzip.compress(lines[:1000]) + gzip.compress(lines[1000:]),
        "empty": b"",
        "header alone": trial.lines[0],
        "Parquet named .csv": b"PAR1" + bytes(100) + b"PAR1",
    }.items():
        yield Case("form", name, trial.written(f"{name}.csv", content), as_plain)


GROUPS = {"csv": damaged_csv, "gzip": damaged_gzip, "parquet": damaged_parquet, "encodings": encodings}


def tried(trial: Trial, case: Case) -> tuple[str, list[str]]:
    """How a case ended, and what is wrong with it."""
    outcome = trial.scored(case.file)
    faults = [] if outcome.how != FAILED else [outcome.said[-300:]]
    if outcome.answers is not None:
        faults += case.wrong(outcome.answers)
    cells = {line.split(b",")[0].decode() for line in trial.lines[1:]}
    if outcome.how == REFUSED and any(cell in outcome.said for cell in cells):
        faults.append("the refusal repeats a cell")
    training = trial.training_reads(case.file)
    if training == FAILED or (training == ANSWERED) != (outcome.how == ANSWERED):
        faults.append(f"{outcome.how} by score, {training} by train")
    case.file.unlink()
    return outcome.how, faults


def whale(trial: Trial, rows: int) -> tuple[str, list[str]]:
    """One customer with very many rows beside all others, who are answered as without it."""
    draw = np.random.default_rng(1)
    many = pl.DataFrame(
        {
            "CustomerId": ["whale"] * rows,
            "TransactionStartTime": np.datetime64(AS_OF, "us")
            - draw.integers(1, 19 * 86_400, rows).astype("m8[s]"),
            "Amount": draw.integers(1, 10_000, rows).astype(float),
            "ProductCategory": ["airtime"] * rows,
        }
    )
    file = trial.folder / "whale.parquet"
    same = [pl.col("TransactionStartTime").cast(pl.Datetime("us"))]
    pl.concat(
        [trial.table.with_columns(same), many.with_columns(same)], how="vertical_relaxed"
    ).write_parquet(file)
    outcome = trial.scored(file)
    if outcome.answers is None:
        return outcome.how, [outcome.said[-300:]]
    status = outcome.answers.filter(CustomerId="whale")["status"].to_list()
    faults = [] if status == ["scored"] else [f"the large customer is {status}"]
    return outcome.how, faults + trial.differs(outcome.answers, {"whale"})


def years(trial: Trial, _: int) -> tuple[str, list[str]]:
    """A customer for every year from 1970 to 2262: scored up to 2199, invalid with a message later."""
    span = range(1970, 2263)
    times = [f"{year}-01-{day:02}T10:00:00Z" for year in span for day in (2, 5, 9)]
    names = [f"Y{year}" for year in span for _ in range(3)]
    table = pl.DataFrame(
        {"CustomerId": names, "TransactionStartTime": times, "Amount": 100.0, "ProductCategory": "tv"}
    )
    asked = pl.DataFrame(
        {"CustomerId": [f"Y{year}" for year in span], "as_of": [f"{year}-01-10T00:00:00Z" for year in span]}
    )
    files = trial.folder / "years.csv", trial.folder / "asked.csv"
    table.write_csv(files[0])
    asked.write_csv(files[1])
    outcome = trial.scored(files[0], decisions=files[1])
    if outcome.answers is None:
        return outcome.how, [outcome.said[-300:]]
    expected = ["scored" if year < 2200 else "invalid" for year in span]
    found = outcome.answers["status"].to_list()
    wrong = [year for year, one, other in zip(span, expected, found, strict=True) if one != other]
    silent = outcome.answers.filter(pl.col("status") == "invalid")["message"].null_count()
    faults = [f"{len(wrong)} years are answered wrongly, such as {wrong[0]}"] if wrong else []
    return outcome.how, faults + ([f"{silent} invalid decisions have no message"] if silent else [])


def crowd(trial: Trial, customers: int) -> tuple[str, list[str]]:
    """Very many customers with small histories, some of them too old: counts as duckdb's."""
    draw = np.random.default_rng(2)
    owner = np.concatenate([np.arange(customers), draw.integers(0, customers, customers // 2)])
    moment = datetime.fromisoformat(AS_OF)
    seconds = draw.integers(1, 3 * trial.history_days * 86_400, len(owner)).astype("m8[s]")
    table = pl.DataFrame(
        {
            "CustomerId": owner,
            "TransactionStartTime": np.datetime64(moment, "us") - seconds,
            "Amount": draw.integers(-900, 10_000, len(owner)).astype(float),
            "ProductCategory": draw.choice(["airtime", "tv", "data_bundles"], len(owner)),
        }
    ).with_columns(pl.format("C-{}", "CustomerId"))
    file = trial.folder / "crowd.parquet"
    table.write_parquet(file)
    outcome = trial.scored(file)
    if outcome.answers is None:
        return outcome.how, [outcome.said[-300:]]
    start = f"TIMESTAMP '{AS_OF}' - INTERVAL {trial.history_days} DAY"
    (expected,) = duckdb.execute(
        "SELECT count(DISTINCT CustomerId), count(DISTINCT CustomerId) FILTER (WHERE TransactionStartTime >= "
        f"{start} AND TransactionStartTime < TIMESTAMP '{AS_OF}') FROM read_parquet('{file}')"
    ).fetchall()
    found = Counter(outcome.answers["status"].to_list())
    pair = outcome.answers["CustomerId"].n_unique(), found["scored"]
    faults = [] if pair == expected else [f"customers and scored ones: {pair}, by duckdb {expected}"]
    once = outcome.answers.height == pair[0]
    return outcome.how, faults + ([] if once else ["a customer is answered twice"])


def main(words: Sequence[str] | None = None) -> int:
    """Try every file; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, default=120, help="of each kind of file")
    parser.add_argument("--customers", type=int, default=1_000_000, help="of the largest file")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the largest customer")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(words)
    found: dict[str, Counter[str]] = {}
    faults: list[str] = []
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        table = generate.transactions(customers=300, days=60, seed=7)
        scorer = credit_model.train(table, candidate="scorecard").trained.scorer
        trial, draw = Trial(Path(name), table, scorer), random.Random(given.seed)
        for group in GROUPS.values():
            for case in group(trial, draw, given.damages):
                how, wrong = tried(trial, case)
                found.setdefault(case.group, Counter())[how] += 1
                faults += [f"{case.group} {case.name}: {fault}" for fault in wrong]
        for title, large, size in (
            (f"a customer of {given.rows} rows", whale, given.rows),
            ("years 1970 to 2262", years, 0),
            (f"{given.customers} customers", crowd, given.customers),
        ):
            start = time.monotonic()
            how, wrong = large(trial, size)
            found[f"{title} ({time.monotonic() - start:.0f} s)"] = Counter([how])
            faults += [f"{title}: {fault}" for fault in wrong]
    _print(found, faults)
    return int(bool(faults))


def _print(found: dict[str, Counter[str]], faults: Sequence[str]) -> None:
    print(f"{'files':<45} {REFUSED:>9} {ANSWERED:>9} {FAILED:>9}")
    for group, counts in found.items():
        print(f"{group:<45} {counts[REFUSED]:>9} {counts[ANSWERED]:>9} {counts[FAILED]:>9}")
    print(
        "\n".join(f"WRONG: {fault}" for fault in faults) or "nothing was lost, nothing was answered wrongly"
    )


if __name__ == "__main__":
    sys.exit(main())
