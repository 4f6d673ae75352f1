"""Everything public in the features, the scoring and the measures shows an example, and the examples are true."""

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

from credit_model import features, metrics, scoring
from credit_model.data import suggest
from credit_model.settings import lists

FLAGS = doctest.NORMALIZE_WHITESPACE


def _modules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
    ]


MODULES = [*_modules(features), *_modules(scoring), metrics]
WITH_EXAMPLES = [*MODULES, lists, suggest]
EXAMPLES = {
    test.name: test
    for module in WITH_EXAMPLES
    for test in doctest.DocTestFinder().find(module)
    if test.examples
}
PUBLIC = [
    f"{module.__name__}.{name}"
    for module in MODULES
    for name, thing in vars(module).items()
    if (inspect.isfunction(thing) or inspect.isclass(thing))
    and thing.__module__ == module.__name__
    and not name.startswith("_")
]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_or_class_shows_an_example(name: str) -> None:
    assert name in EXAMPLES, f"{name} has no example; add the section Example to its docstring"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_true(name: str) -> None:
    said: list[str] = []
    run = doctest.DocTestRunner(optionflags=FLAGS).run(EXAMPLES[name], out=said.append, clear_globs=False)
    assert not run.failed, "".join(said)


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.__name__)
def test_every_line_of_an_example_is_run(module: ModuleType) -> None:
    """An example where doctest does not look, as in a cached property, would be shown and never run."""
    shown = inspect.getsource(module).count(">>> ")
    assert shown == sum(len(t.examples) for t in EXAMPLES.values() if t.filename == module.__file__)
