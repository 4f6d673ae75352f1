"""The whole default ``python -m credit_model train``: wall time, processor time, peak memory.

``python scripts/benchmarks/train.py`` trains on the default synthetic transactions, each time with a store of its own in a
temporary folder, and prints the medians; user seconds are those of the program and its children outside the system. Needs the
extra ``train``.
"""

import argparse
import json
import signal
import statistics
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from measurement import Cost, Task, markdown, measure

QUICK = ["--candidate", "scorecard"]


def main() -> int:
    """Measure, print a table and write it as JSON."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped too
    command = ["-m", "credit_model", "train", *(QUICK if options.quick else [])]
    costs = [_train(command) for _ in range(1 if options.quick else options.rounds)]
    options.output.write_text(json.dumps([asdict(cost) for cost in costs], indent=1))
    print(markdown({"train": costs}, {}))
    print(f"user seconds: {statistics.median(cost.user for cost in costs):.1f}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often it runs")
    parser.add_argument("--output", type=Path, default=Path("benchmark_train.json"))
    parser.add_argument("--quick", action="store_true", help="a smoke test: the scorecard alone, once")
    return parser.parse_args()


def _train(command: list[str]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        store = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        return measure(Task(command, store), Path(folder))


if __name__ == "__main__":
    sys.exit(main())
