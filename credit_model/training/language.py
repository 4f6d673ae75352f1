"""What applicants are told, in a language: a lender's own templates, and those built in, as data in YAML files.

A file holds languages; a language, patterns of feature names; a pattern, sentences by the side of the typical range on which a
customer's value lies. The most specific pattern counts; what a file does not name is that of the built-in language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from credit_model.data.suggest import suggest
from credit_model.data.yaml_file import read_yaml
from credit_model.features.aggregates import LATEST_TEXTS
from credit_model.features.catalogue import Catalogue
from credit_model.training.patterns import KNOWN, Parts, matches, placeholders

BUILT_IN = ("de", "en")
SIDES = ("high", "low", "missing", "is", "change")  # the last of what it would have to be
EVERYWHERE = ("value", "typical", "feature", "history_days")
_SECTIONS = ("words", "units", "columns")
_FOLDER = Path(__file__).parent / "languages"
_FORM = "write languages, in each patterns of features, and in each of these sentences by side"
Layer = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Language:
    """What applicants are told.

    Attributes:
        name: of the language, such as ``en``.
        source: the lender's file; None where there is none.
        words: how numbers are written, ranges and lists, and what is said without transactions.
        units: by unit, how its numbers are written.
        columns: what columns of transactions are called.
        layers: sentences by pattern and side; an earlier layer overrides a later one.
    """

    name: str
    source: str | None
    words: Mapping[str, str]
    units: Mapping[str, Mapping[str, Any]]
    columns: Mapping[str, str]
    layers: tuple[Layer, ...]

    def templates(self, catalogue: Catalogue) -> dict[str, dict[str, tuple[str, Parts]]]:
        """For each feature and side the template of the sentence, and what the placeholders of its pattern stand for."""
        chosen: dict[str, dict[str, tuple[str, Parts]]] = {}
        for layer in self.layers:
            for feature, found in matches(layer, catalogue).items():
                sides = chosen.setdefault(feature, {})
                for pattern, parts in found:
                    for side, template in layer[pattern].items():
                        sides.setdefault(side, (template, parts))
        return chosen

    def check(self, catalogue: Catalogue, inputs: list[str]) -> None:
        """Refuse templates of no feature, and a language that leaves an input without a sentence.

        Args:
            catalogue: the features of the training.
            inputs: names of the features that a classifier may read.

        Raises:
            ValueError: a pattern of the lender's file matches no feature, or an input has no sentence.
        """
        if self.source is None:
            return
        matched = {pattern for found in matches(self.layers[0], catalogue).values() for pattern, _ in found}
        for pattern in self.layers[0]:
            if pattern not in matched:
                raise ValueError(
                    f"reasons: {self.source}: {self.name}: {pattern} matches no feature of this training; "
                    f"{suggest(pattern, [*catalogue.features])}"
                )
        templates = self.templates(catalogue)
        bare = [name for name in inputs if not _needed(name, catalogue) <= templates.get(name, {}).keys()]
        if bare:
            more = f" and {len(bare) - 5} more" if len(bare) > 5 else ""
            raise ValueError(
                f"reasons: {self.source}: {self.name} has no sentences for {', '.join(bare[:5])}{more}; give each high and low, "
                "a text is, or all of them at once by the pattern '{feature}'"
            )


def texts(catalogue: Catalogue) -> set[str]:
    """Names of the features that are texts."""
    return {*LATEST_TEXTS, *(each.name for each in catalogue.attributes if each.kind != "number")}


def _needed(feature: str, catalogue: Catalogue) -> set[str]:
    return {"is"} if feature in texts(catalogue) else {"high", "low"}


@cache
def built_in(name: str) -> Language:
    """A language that is built in."""
    plain = read_yaml(str(_FOLDER / f"{name}.yaml"), "reasons", _FORM)
    framed = {pattern: _framed(plain["frames"], phrase) for pattern, phrase in plain["quantities"].items()}
    layers = (plain["sentences"], framed)
    return Language(name, None, plain["words"], plain["units"], plain["columns"], layers)


def english() -> Language:
    """The language of a training that names none."""
    return built_in("en")


def read_language(name: str, path: str | None) -> Language:
    """The language of a training.

    Args:
        name: ``en``, ``de`` or a language of the file.
        path: the lender's own templates; None where there are none.

    Raises:
        ValueError: there is no such language, or the file cannot be read as templates.
    """
    languages = {} if path is None else _mapping(read_yaml(path, "reasons", _FORM), path)
    if name not in languages and name not in BUILT_IN:
        where = "" if path is None else f", and {path} has {', '.join(languages)}"
        remedy = "give one of them, or a file of templates with it (reasons)"
        raise ValueError(
            f"language: {name!r} is unknown; {', '.join(BUILT_IN)} are built in{where}; {remedy}"
        )
    basis = built_in(name if name in BUILT_IN else "en")
    if path is None or name not in languages:
        return basis
    own, place = _mapping(languages[name], f"{path}: {name}"), f"{path}: {name}"
    sections = {
        name: _section(getattr(basis, name), own.get(name, {}), f"{place}: {name}") for name in _SECTIONS
    }
    layer = {
        pattern: _sentences(pattern, sides, f"{place}: {pattern}")
        for pattern, sides in own.items()
        if pattern not in _SECTIONS
    }
    return Language(name, path, **sections, layers=(layer, *(basis.layers if name in BUILT_IN else ())))


@cache
def units() -> Mapping[str, Mapping[str, Any]]:
    """How numbers of features are shown, by unit: ``scale``, ``decimals`` and the patterns of its ``features``."""
    plain: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
        (_FOLDER / "units.yaml").read_text(encoding="utf-8")
    )
    return plain


def _framed(frames: Mapping[str, str], phrase: str) -> dict[str, str]:
    capital = phrase[0].upper() + phrase[1:]
    return {
        side: frame.replace("{quantity}", phrase).replace("{Quantity}", capital)
        for side, frame in frames.items()
    }


def _mapping(plain: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(plain, dict) or not all(isinstance(key, str) for key in plain):
        raise ValueError(f"reasons: {place} is no mapping of texts; {_FORM}")
    return plain


def _section(known: Mapping[str, Any], own: Any, place: str) -> dict[str, Any]:
    """The words of a section: a lender's, and those known for what they leave out."""
    for name, value in _mapping(own, place).items():
        if name not in known:
            raise ValueError(f"reasons: {place}: {name!r} is unknown; {suggest(name, [*known])}")
        if type(value) is not type(known[name]):
            raise ValueError(
                f"reasons: {place}: {name} has another form than in the built-in languages; see en.yaml there"
            )
    return {**known, **own}


def _sentences(pattern: str, sides: Any, place: str) -> dict[str, str]:
    """The sentences of a pattern, checked."""
    names = _names(pattern, place)
    if names not in KNOWN:
        known = ", ".join(sorted(set().union(*KNOWN)))
        raise ValueError(f"reasons: {place} is no pattern of features; its placeholders can be {known}")
    for side, template in _mapping(sides, place).items():
        if side not in SIDES:
            raise ValueError(f"reasons: {place}: {side!r} is no side; {suggest(side, SIDES)}")
        if not isinstance(template, str) or not template.strip():
            raise ValueError(f"reasons: {place}: {side} is no sentence; give a text")
        allowed = {*EVERYWHERE, *KNOWN[names]}
        for name in _names(template, f"{place}: {side}") - allowed:
            raise ValueError(
                f"reasons: {place}: {side}: there is no {{{name}}} here; {suggest(name, sorted(allowed))}"
            )
    return dict(sides)


def _names(text: str, place: str) -> frozenset[str]:
    try:
        return placeholders(text)
    except ValueError:
        raise ValueError(f"reasons: {place}: its braces do not match; write {{value}}") from None
