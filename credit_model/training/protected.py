"""Protected characteristics: columns that a lender may not decide by, left out of the features and kept for fairness.

The short list is of characteristics that the Equal Credit Opportunity Act forbids to decide by (Regulation B, 12 CFR 1002.2(z):
sex, race, religion, national origin, marital status) and that the EU's Charter of Fundamental Rights protects (article 21). Age
is not on it: Regulation B lets an empirically derived credit scoring system use it (12 CFR 1002.6(b)(2)).
"""

import re
from collections.abc import Sequence

from credit_model.data.suggest import suggest
from credit_model.settings.settings import Settings

SHORT_LIST = ("sex", "gender", "race", "ethnicity", "religion", "nationality", "marital status")


def is_protected(name: str) -> bool:
    """Whether a column's name says that it holds a characteristic of the short list.

    Example:
        >>> [name for name in ("Gender", "maritalStatus", "applicant_sex", "Essex", "age") if is_protected(name)]
        ['Gender', 'maritalStatus', 'applicant_sex']
    """
    return any(f" {listed} " in f" {_words(name)} " for listed in SHORT_LIST)


def is_age(name: str) -> bool:
    """Whether a column's name says that it holds an age or a date of birth.

    Example:
        >>> [name for name in ("age", "CustomerAge", "date_of_birth", "mortgage") if is_age(name)]
        ['age', 'CustomerAge', 'date_of_birth']
    """
    return any(f" {listed} " in f" {_words(name)} " for listed in ("age", "birth", "birthday", "birthdate"))


def set_aside(settings: Settings) -> tuple[str, ...]:
    """The attributes asked for that are protected and not allowed by ``allow_protected``, in their order.

    Raises:
        ValueError: ``allow_protected`` names what is no attribute.
    """
    for name in settings.allow_protected:
        if name not in settings.attributes:
            raise ValueError(
                f"allow_protected: {name} is none of the attributes; {suggest(name, settings.attributes)}"
            )
    named = {name.casefold() for name in settings.protected}
    return tuple(
        name
        for name in settings.attributes
        if name not in settings.allow_protected and (name.casefold() in named or is_protected(name))
    )


def refuse_computed(settings: Settings) -> None:
    """Refuse features that were computed before, in a table, with a protected attribute among their attributes.

    Raises:
        ValueError: there is one.
    """
    for name in set_aside(settings):
        raise ValueError(
            f"the features were computed with {name}, which is protected; compute them without it, or allow it by "
            f"allow_protected={name}"
        )


def compared_groups(settings: Settings) -> tuple[str, ...]:
    """Columns of the outcomes that treatment is compared by: ``group``, and whatever is protected."""
    group = () if settings.group is None else (settings.group,)
    return tuple(dict.fromkeys((*group, *settings.protected, *set_aside(settings), *allowed(settings))))


def warnings(settings: Settings) -> tuple[str, ...]:
    """What the summary says of protected attributes: those left out, and those that were allowed."""
    return (
        *(
            f"warning: {name} is protected: it is left out of the features and used for fairness alone; "
            f"allow_protected={name} would take it in"
            for name in set_aside(settings)
        ),
        *(
            f"warning: {name} is protected and a feature all the same, as allow_protected says"
            for name in allowed(settings)
        ),
    )


def allowed(settings: Settings) -> tuple[str, ...]:
    """The protected attributes that ``allow_protected`` takes in."""
    named: Sequence[str] = [name.casefold() for name in settings.protected]
    return tuple(name for name in settings.allow_protected if name.casefold() in named or is_protected(name))


def _words(name: str) -> str:
    """A name in small letters, its words apart: ``maritalStatus`` and ``MARITAL-STATUS`` are ``marital status``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))
