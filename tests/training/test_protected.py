"""Protected characteristics are no features unless they were allowed, and treatment is compared by them."""

import polars as pl
import pytest

from credit_model.settings.settings import Settings
from credit_model.training import protected
from credit_model.training.sample import groups, observed_sample

TABLE = pl.DataFrame(
    {
        "CustomerId": ["a", "b"],
        "as_of": ["2019-01-01", "2019-01-02"],
        "defaulted": [0, 1],
        "age": [30, 40],
        "Gender": ["f", "m"],
        "village": ["n", "s"],
        "income": [1.0, 2.0],
    }
)


def taken(settings: Settings) -> tuple[set[str], set[str], str]:
    """Names of the attributes, names of the groups, and the summary's lines."""
    sample = observed_sample(settings, TABLE)
    lines = " ".join(sample.lines)
    return {each.name for each in sample.recipe.attributes}, set(groups(sample.decisions)), lines


def test_a_name_of_the_short_list_is_left_out_and_compared_by() -> None:
    attributes, compared, lines = taken(Settings(attributes=("age", "Gender", "income")))
    assert (attributes, compared) == ({"age", "income"}, {"Gender"})
    assert "Gender is protected: it is left out of the features" in lines
    assert "allow_protected=Gender" in lines


def test_a_column_that_the_lender_names_is_left_out_too() -> None:
    attributes, compared, lines = taken(Settings(attributes=("village", "income"), protected=("village",)))
    assert (attributes, compared) == ({"income"}, {"village"})
    assert "village is protected: it is left out" in lines


def test_what_is_named_and_no_attribute_is_compared_by_alone() -> None:
    attributes, compared, lines = taken(Settings(attributes=("income",), protected=("village",), group="age"))
    assert (attributes, compared) == ({"income"}, {"age", "village"})
    assert "village is protected" not in lines, "nothing was left out"


def test_what_is_allowed_is_a_feature_and_is_said_to_be() -> None:
    attributes, compared, lines = taken(Settings(attributes=("Gender",), allow_protected=("Gender",)))
    assert (attributes, compared) == ({"Gender"}, {"Gender"})
    assert "Gender is protected and a feature all the same" in lines


def test_without_any_nothing_is_said() -> None:
    attributes, compared, lines = taken(Settings(attributes=("age", "income")))
    assert (attributes, compared) == ({"age", "income"}, set())
    assert "protected" not in lines


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            Settings(allow_protected=("Gendr",), attributes=("Gender",)),
            "allow_protected: Gendr .* did you mean Gender",
        ),
        (Settings(protected=("vilage",)), "protected vilage is not a column .* did you mean village"),
        (Settings(group="income", attributes=("income",)), "group income is an attribute too"),
    ],
)
def test_names_that_fit_nothing_are_refused(settings: Settings, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        observed_sample(settings, TABLE)


def test_features_that_were_computed_with_one_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"computed with Gender, which is protected; .*allow_protected=Gender"
    ):
        protected.refuse_computed(Settings(attributes=("income", "Gender")))
    protected.refuse_computed(Settings(attributes=("Gender",), allow_protected=("Gender",)))
