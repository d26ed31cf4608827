"""Where a reading of a database goes on survives being a text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.extensions.sql_source.position import SqlPosition

MARK = st.none() | st.text() | st.integers() | st.dates() | st.datetimes() | st.datetimes(timezones=st.just(UTC))


@given(st.integers(0, 1), MARK, MARK, MARK, st.floats(0, 4e9))
def test_any_position_comes_back(group: int, after: object, since: object, mark: object, whole_at: float) -> None:
    position = SqlPosition(group, after, since, mark, whole_at)  # type: ignore[arg-type]  # each is a Mark
    assert SqlPosition.of(position.text) == position


def test_a_time_reaches_back_for_what_was_committed_late_and_a_number_does_not() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert SqlPosition(since=at).reaching_back(300) == at - timedelta(minutes=5)
    assert SqlPosition(since=17).reaching_back(300) == 17
