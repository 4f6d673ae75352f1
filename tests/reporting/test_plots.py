"""What the pictures draw is what statistics say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit_model.reporting.plots import error_bars


@given(cases=st.integers(1, 5000), share=st.floats(0, 1))
def test_error_bars_stay_between_none_and_all(cases: int, share: float) -> None:
    bads = round(share * cases)
    below, above = error_bars([bads], [cases])[:, 0]
    assert 0 <= bads / cases - below <= bads / cases + above <= 1 + 1e-12
    assert below + above > 0


def test_error_bars_are_those_of_wilson() -> None:
    assert error_bars([0, 10], [10, 20])[:, 1] == pytest.approx(np.array([0.2007, 0.2007]), abs=1e-4)
    assert error_bars([0, 10], [10, 20])[:, 0] == pytest.approx(np.array([0, 0.2775]), abs=1e-4)
    assert error_bars([], []).shape == (2, 0)
