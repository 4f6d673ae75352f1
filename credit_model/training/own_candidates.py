"""Parameters and search spaces that a person gives the candidates, checked by name and value."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from credit_model.data.suggest import suggest
from credit_model.settings.kinds import Kind, Search, choice, number, share, whole
from credit_model.training.candidates import CANDIDATES, Candidate
from credit_model.training.fit_linear import SCALINGS
from credit_model.training.yardstick import YARDSTICK

MOST_POINTS = 10_000
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("trees", "inputs", "characteristics"), whole()),
    "depth": whole(most=12),
    **dict.fromkeys(("l2", "c"), number()),
    "leaf": number(below=0.5),
    **dict.fromkeys(("rate", "rows", "columns", "correlation"), share()),
    "scaling": choice(*SCALINGS),
}
Parameters = Mapping[str, Any]
Space = Mapping[str, Sequence[Any]]


def own_parameters(asked: Mapping[str, Any]) -> dict[str, Parameters]:
    """The parameters of each candidate that a person names, with those that they leave out.

    What is asked of a candidate is asked of the part of the blend that has its name too, unless the blend names others. The
    yardstick itself is never tuned.

    Args:
        asked: by candidate, parameters as texts.

    Raises:
        ValueError: a candidate or parameter does not exist, or a value cannot be read.
    """
    for name in asked:
        _check_candidate(name, "candidates")
    own = {
        name: _read(asked[name], CANDIDATES[name].default_parameters, name)
        for name in asked
        if name != "blend"
    }
    found = {name: {**CANDIDATES[name].default_parameters, **values} for name, values in own.items()}
    usual = CANDIDATES["blend"].default_parameters
    parts = {name: {**usual[name], **own[name]} for name in usual if name in own}
    blend = {**usual, **parts}
    blend |= _read(asked.get("blend", {}), blend, "blend")
    return found | ({"blend": blend} if parts or "blend" in asked else {})


def own_spaces(search: Search) -> dict[str, Space]:
    """For each candidate that a search names, the values that it tries.

    Raises:
        ValueError: as ``own_parameters``, or there are more than 10,000 points.
    """
    place = "search: space"
    for name in search.space:
        _check_candidate(name, place)
    found = {name: _space(name, asked, f"{place}: {name}") for name, asked in search.space.items()}
    for name, space in found.items():
        points = prod(len(values) for values in space.values())
        if points > MOST_POINTS:
            raise ValueError(
                f"{place}: {name} has {points} points; give fewer values, at most {MOST_POINTS} points"
            )
    return found


def asked_of(
    candidate: Candidate, parameters: Mapping[str, Parameters], spaces: Mapping[str, Space]
) -> Candidate:
    """A candidate with what a person gave it; what they fixed is not searched, unless they gave its values too.

    Args:
        candidate: one of ``CANDIDATES``.
        parameters: by ``own_parameters``.
        spaces: by ``own_spaces``.
    """
    name, usual = candidate.name, candidate.default_parameters
    own = parameters.get(name, usual)
    left = {key: values for key, values in candidate.space.items() if own[key] == usual[key]}
    return replace(candidate, default_parameters=own, space=spaces.get(name, left))


def changes(name: str, used: Parameters) -> list[tuple[str, Any, Any]]:
    """The parameters of a candidate that are not the default ones: name, default and used value."""
    known = CANDIDATES.get(name, CANDIDATES["scorecard"])  # scorecards by segment are such
    usual, found = _flat(known.default_parameters), _flat(used)
    return [(key, usual[key], value) for key, value in found.items() if key in usual and value != usual[key]]


def _flat(parameters: Parameters) -> dict[str, Any]:
    """Parameters of a part under the part's name: ``xgboost.depth``."""
    flat: dict[str, Any] = {}
    for name, value in parameters.items():
        flat |= (
            {f"{name}.{key}": each for key, each in value.items()}
            if isinstance(value, Mapping)
            else {name: value}
        )
    return flat


def _check_candidate(name: str, place: str) -> None:
    if name not in CANDIDATES:
        raise ValueError(f"{place}: there is no candidate {name!r}; {suggest(name, CANDIDATES)}")
    if name == YARDSTICK:
        raise ValueError(
            f"{place}: {name} is the yardstick, which is never tuned; leave it out, or give it to the blend: blend: {{{name}: …}}"
        )


def _read(asked: Any, known: Parameters, place: str) -> dict[str, Any]:
    """Parameters from texts, by what is known of their candidate."""
    found = {}
    for name, raw in asked.items():
        _check_name(name, known, f"candidates: {place}")
        if isinstance(known[name], Mapping):
            if not isinstance(raw, Mapping):
                raise ValueError(
                    f"candidates: {place}: {name} is a part; give its parameters, such as {name}: {{depth: 3}}"
                )
            found[name] = {**known[name], **_read(raw, known[name], f"{place}: {name}")}
        else:
            found[name] = _value(name, raw, known[name], f"candidates: {place}")
    return found


def _space(name: str, asked: Mapping[str, Any], place: str) -> Space:
    known = CANDIDATES[name].default_parameters
    space = {}
    for key, raw in asked.items():
        _check_name(key, known, place)
        if isinstance(known[key], Mapping):
            raise ValueError(f"{place}: {key} is a part of it, and parts are not searched; leave it out")
        if not isinstance(raw, list) or not raw:
            raise ValueError(f"{place}: {key} is no list of values; give one, such as {key}: [{known[key]}]")
        space[key] = tuple(dict.fromkeys(_value(key, each, known[key], place) for each in raw))
    return space


def _check_name(name: str, known: Parameters, place: str) -> None:
    if name not in known:
        raise ValueError(f"{place}: {name!r} is unknown; {suggest(name, known)}")


def _value(name: str, raw: Any, usual: Any, place: str) -> Any:
    kind = number(auto=True) if usual is None else _KINDS[name]
    try:
        return kind.read(raw)
    except ValueError as fault:
        raise ValueError(f"{place}: {name}: {fault}") from None
