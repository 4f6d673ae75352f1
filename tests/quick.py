"""A quick yardstick, so that a small training takes no longer than what is tested."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from credit_model.training import cross_validation
from credit_model.training.candidates import CANDIDATES
from credit_model.training.yardstick import YARDSTICK


@contextmanager
def quick_yardstick() -> Iterator[None]:
    """The yardstick, which every training fits, has five trees."""
    few = {**CANDIDATES[YARDSTICK].default_parameters, "trees": 5}
    fewer = replace(CANDIDATES[YARDSTICK], default_parameters=few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_validation, "CANDIDATES", {**CANDIDATES, YARDSTICK: fewer})
        yield
