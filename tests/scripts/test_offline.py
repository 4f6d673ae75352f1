"""The trial of the offline installation: it carries out the page itself, and notices what fails. It takes minutes as a whole."""

from pathlib import Path

import pytest

import offline
from documents import blocks


def test_the_trial_carries_out_the_page_without_network(tmp_path: Path) -> None:
    page = [block.text for block in blocks("sh") if block.page == "docs/offline.md"]
    assert offline.blocks() == page
    assert ["pip wheel" in page[0], "--no-index" in page[1], "mlflow models serve" in page[2]] == [True] * 3
    prefix, environment = offline.alone()
    asked = "curl --silent --max-time 3 http://192.0.2.1 || echo nobody answered; sleep 1000 &"
    assert offline.timed("asked", asked, prefix, environment, tmp_path) == "nobody answered\n"


def test_a_command_that_fails_ends_it_and_is_shown(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^installed: exit code 1\nwhat it printed\n$"):
        offline.timed("installed", "echo what it printed\nfalse\necho more", [], {}, tmp_path)
