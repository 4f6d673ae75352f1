"""The file ``bins.yaml`` that a training writes: the bins of its scorecard, for a person to change and hand to the next one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import yaml

from credit_model.models.binning import Binning
from credit_model.training.own_bins import OwnBin, OwnBins
from credit_model.training.train import Trained

NAME = "bins.yaml"
MOST_OFFERED = 20
_HEAD = """\
# The bins of the scorecard. Change what you want to decide yourself, and hand the file to the next training: bins=bins.yaml.
# What stays as training finds it changes nothing.
#
#   edges: [1, 7]                the bins of a number: below 1, 1 to 7, 7 and above; they increase
#   levels: [["a", "b"], ["c"]]  the bins of a text; a level named nowhere has no weight of evidence
#   direction: rising            risk must rise with the number (rising), fall (falling), or need not do either (none)
#   use: required                in the scorecard whatever its information value; excluded: never in it
"""
_OFFER = """
# Not in the scorecard, the most informative first. To decide one of them, take the hash away from its lines; whether it comes in
# is left to training, unless you add use: required.
"""
_NO_FIELD = OwnBin()


def bins_file(trained: Trained, bins: OwnBins, information: pl.DataFrame) -> str:
    """The text of the file.

    Args:
        trained: whose primary scorecard it is about.
        bins: what a person asked of this training, which the file asks again.
        information: information values by ``characteristics.information``.
    """
    card = {binning.feature: binning for binning in trained.scorecard.binnings}
    others = [name for name in bins.asked if name not in card]
    ranked = [name for name in information["feature"] if name not in card and name not in others]
    offered = ranked[:MOST_OFFERED]
    dataset = trained.dataset
    table = dataset.table(dataset.modelled).select([*others, *offered])
    found = card | bins.binnings(table, dataset.bad[dataset.modelled], dataset.directions)
    lines = [_HEAD.rstrip("\n")]
    for name in (*card, *others):
        lines += ["", *_entry(found[name], bins.asked.get(name, _NO_FIELD))]
    if offered:
        lines += [_OFFER.rstrip("\n")]
    for name in offered:
        lines += ["#", *(f"# {line}" for line in _entry(found[name], _NO_FIELD))]
    return "\n".join(lines) + "\n"


def _entry(binning: Binning, asked: OwnBin) -> Iterator[str]:
    named = (
        binning.feature
        if re.fullmatch(r"[A-Za-z]\w*", binning.feature, re.ASCII)
        else _quoted(binning.feature)
    )
    yield f"{named}:  # information value {binning.information_value:.4f}"
    if asked.use != "excluded" or asked.edges is not None or asked.levels is not None:
        for place, held in enumerate(binning.ranges):
            yield f"  # {_shown(held)}: {_told(binning, place)}"
        if sum(binning.goods[-2:-1]) + sum(binning.bads[-2:-1]):
            yield f"  # missing: {_told(binning, binning.missing)}"
        yield _bins(binning)
    words: Mapping[str, Any] = {"direction": asked.direction, "use": asked.use}
    yield from (f"  {name}: {word}" for name, word in words.items() if word is not None)


def _bins(binning: Binning) -> str:
    if binning.kind == "numeric":
        return f"  edges: [{', '.join(map(repr, binning.edges))}]"
    groups = (f"[{', '.join(map(_quoted, group))}]" for group in binning.levels)
    return f"  levels: [{', '.join(groups)}]"


def _told(binning: Binning, place: int) -> str:
    goods, bads = binning.goods[place], binning.bads[place]
    rate = f", {bads / (goods + bads):.1%} bad" if goods + bads else ""
    return f"{goods + bads} decisions{rate}, WoE {binning.evidence[place]:.2f}"


def _quoted(text: str) -> str:
    """A text in quotes, on one line, that YAML reads as itself."""
    written: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return written.rstrip("\n")


def _shown(text: str) -> str:
    """A text that may stand in a comment."""
    return "".join(each if each.isprintable() else " " for each in text)
