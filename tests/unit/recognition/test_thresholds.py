from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.server.recognition.thresholds import STARTER, threshold_for

TABLE = ((100, 0.4), (10_000, 0.6))


def test_the_table_holds_at_its_rows_and_beyond_its_ends():
    assert threshold_for(TABLE, 100) == pytest.approx(0.4)
    assert threshold_for(TABLE, 10_000) == pytest.approx(0.6)
    assert threshold_for(TABLE, 0) == pytest.approx(0.4)
    assert threshold_for(TABLE, 5_000_000) == pytest.approx(0.6)


def test_between_rows_each_tenfold_gallery_adds_the_same():
    assert threshold_for(TABLE, 1_000) == pytest.approx(0.5)


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000))
def test_a_larger_gallery_never_has_a_lower_threshold(one: int, other: int):
    smaller, larger = sorted((one, other))
    assert threshold_for(STARTER, smaller) <= threshold_for(STARTER, larger)


def test_a_single_row_holds_for_every_size():
    assert threshold_for(((100, 0.5),), 7) == threshold_for(((100, 0.5),), 7_000) == 0.5
