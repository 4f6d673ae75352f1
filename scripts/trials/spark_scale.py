"""``score_spark`` beside ``score`` on many transactions: are the answers equal, and how much memory does Spark's driver take?

``python scripts/trials/spark_scale.py --model URI --customers 3000000 --transactions 10000000 --driver-memory 2g`` writes random
transactions, at least one of each customer and ``--whale`` of one of them, scores them twice, and prints the verdict.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2019, 2, 13)
CATEGORIES = ("airtime", "financial_services", "tv", "utility_bill", "data_bundles")
_PART, _BETWEEN_LOOKS = 1_000_000, 0.5


def main() -> int:
    """Score twice and compare."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        _write(folder / "transactions", options.customers, options.transactions, options.whale)
        _run("score", folder, options.model, [])
        memory = [] if options.driver_memory is None else ["--driver_memory", options.driver_memory]
        driver = _run("score_spark", folder, options.model, memory)
        verdict = _compared(folder / "score.parquet", folder / "score_spark.parquet")
    print(f"{verdict}; the driver took at most {driver:.0f} MB")
    return int(verdict != "equal")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--transactions", type=int, default=10_000, help="at least one of each customer")
    parser.add_argument("--whale", type=int, default=0, help="transactions more of one customer")
    parser.add_argument("--driver-memory", help="of Spark, such as 2g [Spark's own default]")
    parser.add_argument("--model", default="models:/credit-risk@champion", help="URI or folder of the model")
    parser.add_argument("--folder", help="for temporary files")
    return parser.parse_args()


def _write(folder: Path, customers: int, transactions: int, whale: int) -> None:
    folder.mkdir()
    lot = np.random.default_rng(42)
    extra = lot.integers(0, customers, max(0, transactions - customers))
    owners = lot.permutation(np.concatenate([np.arange(customers), extra, np.zeros(whale, dtype=int)]))
    for part, start in enumerate(range(0, len(owners), _PART)):
        table = _transactions(lot, owners[start : start + _PART], start)
        table.write_parquet(folder / f"part-{part:03}.parquet")


def _transactions(lot: np.random.Generator, owners: np.ndarray, start: int) -> pl.DataFrame:
    size = len(owners)
    amounts = np.round(lot.lognormal(7, 1, size)) * lot.choice([1, 1, -1], size)
    seconds = lot.integers(0, 60 * 24 * 3600, size)
    return pl.DataFrame(
        {
            "TransactionId": np.arange(start, start + size),
            "CustomerId": owners,
            "TransactionStartTime": np.datetime64(AS_OF - timedelta(days=60), "us") + seconds.astype("m8[s]"),
            "Amount": amounts,
            "Value": np.abs(amounts),
            "CurrencyCode": ["UGX"] * size,
            "ProductCategory": lot.choice(CATEGORIES, size),
            "ChannelId": lot.choice(["ChannelId_2", "ChannelId_3"], size),
        }
    ).with_columns(pl.format("T-{}", "TransactionId"), pl.format("C-{}", "CustomerId"))


def _run(command: str, folder: Path, model: str, more: list[str]) -> float:
    """Run a command to its end; returns the most megabytes that a Java process of it held."""
    words = ["--transactions", f"{folder}/transactions", "--model", model, "--as_of", AS_OF.isoformat()]
    words += ["--output", f"{folder}/{command}.parquet", *more]
    begin, most = perf_counter(), 0.0
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "credit_model", command, *words], env=environment, start_new_session=True
    )
    try:
        while process.poll() is None:
            most = max(most, _of_java(process.pid))
            sleep(_BETWEEN_LOOKS)
    finally:
        process.terminate()
    print(f"{command}: exit code {process.returncode} after {perf_counter() - begin:.0f} s", flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)
    return most


def _of_java(session: int) -> float:
    megabytes = [0.0]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):  # it has just ended
            name, fields = stat.read_text().rpartition(")")[::2]
            if name.endswith("(java") and int(fields.split()[3]) == session:
                status = (stat.parent / "status").read_text()
                megabytes.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    return max(megabytes)


def _compared(score: Path, spark: Path) -> str:
    ours, theirs = (pl.read_parquet(path).sort("CustomerId") for path in (score, spark / "*.parquet"))
    if ours.height != theirs.height:
        return f"unequal: {ours.height} and {theirs.height} answers"
    unequal = [name for name in ours.columns if not _alike(ours[name], theirs[name])]
    return f"unequal: {', '.join(unequal)}" if unequal else "equal"


def _alike(ours: pl.Series, theirs: pl.Series) -> bool:
    if not ours.dtype.is_float():
        return ours.equals(theirs)
    near = ((ours - theirs).abs() <= 1e-9 * ours.abs().clip(lower_bound=1.0)) | (
        ours.is_null() & theirs.is_null()
    )
    return near.fill_null(False).all()


if __name__ == "__main__":
    sys.exit(main())
