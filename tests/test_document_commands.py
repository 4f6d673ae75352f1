"""The commands of README.md and docs/, run as they stand in a copy of the project; only the port is a free one.

Blocks of ``bash``, then those of ``python``, one program a page, run in the order of the pages; ``RUN_ALONE`` names the pages
that need no other, and the test that runs them beside these.
"""

import json
import re
import sys
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest

from clones import cloned, shell
from documents import PROGRAMS_RUN_ALONE, RUN_ALONE, blocks
from processes import execute, free_port

pytestmark = pytest.mark.slow


def test_every_command_runs(tmp_path: Path) -> None:
    project, environment = cloned(tmp_path / "project"), shell()
    together = [block for block in blocks("bash") if block.page not in RUN_ALONE]
    script = "\n".join(
        [
            "set -euo pipefail",
            "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT",
            *(f"echo '--- {block.page}'\n{block.text}" for block in together),
        ]
    )
    done = execute(["bash", "-c", script.replace("5001", str(free_port()))], environment, project)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.JSONDecoder()
    answers = [
        found.raw_decode(done.stdout, at.start())[0]["predictions"]
        for at in re.finditer(r'\{"predictions"', done.stdout)
    ]
    rows, arrays = answers
    assert rows == arrays
    assert rows[0]["status"] == "scored"
    for block in blocks("json"):
        assert set(json.loads(block.text)["predictions"][0]) == set(rows[0]), block.page
    assert "CustomerId" in (project / "answers.csv").read_text().splitlines()[0]
    programs = [block for block in blocks("python") if block.page not in PROGRAMS_RUN_ALONE]
    for page, several in groupby(programs, attrgetter("page")):
        program = "\n".join(block.text for block in several)
        ran = execute([sys.executable, "-c", program], environment, project, 600)
        assert ran.returncode == 0, f"{page}: {ran.stderr}"
