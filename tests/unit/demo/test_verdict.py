"""The demonstration's verdict: what it must call right, missing and wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from deploy.demo.verdict import Expected, Seen, Verdict, judge, percentile

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LISTED = Expected("S-1", must_alert=True, in_view=((1.0, 5.0), (20.0, 25.0)))
OTHER = Expected("S-2", must_alert=True, in_view=((8.0, 12.0),))
LAPSED = Expected("S-3", must_alert=False, in_view=((3.0, 7.0),))


def seen(subject_id: str, second: float, alert_id: str = "", sequence: int = 1) -> Seen:
    moment = START + timedelta(seconds=second)
    return Seen(
        sequence, alert_id or f"A-{subject_id}", subject_id, True, 0.7, moment, moment + timedelta(milliseconds=80)
    )


def verdicts(*events: Seen) -> dict[str, Verdict]:
    return {subject.subject_id: subject.verdict for subject in judge([LISTED, OTHER, LAPSED], events)}


def test_exactly_the_expected_alerts_are_right() -> None:
    assert set(verdicts(seen("S-1", 2), seen("S-1", 21), seen("S-2", 9)).values()) == {Verdict.RIGHT}


def test_an_alert_that_does_not_come_is_missing() -> None:
    assert verdicts(seen("S-1", 2))["S-2"] is Verdict.MISSING


def test_an_alert_of_a_lapsed_order_is_wrong() -> None:
    assert verdicts(seen("S-1", 2), seen("S-2", 9), seen("S-3", 4))["S-3"] is Verdict.WRONG


def test_an_alert_of_somebody_unknown_to_the_scene_is_wrong() -> None:
    assert verdicts(seen("S-1", 2), seen("S-2", 9), seen("S-9", 4))["S-9"] is Verdict.WRONG


def test_two_alerts_for_one_subject_are_one_too_many() -> None:
    result = verdicts(seen("S-1", 2, "A-1"), seen("S-1", 21, "A-2"), seen("S-2", 9))
    assert result["S-1"] is Verdict.REPEATED


def test_an_alert_while_its_subject_is_out_of_view_is_wrong() -> None:
    result = verdicts(seen("S-1", 2), seen("S-1", 3), seen("S-1", 21), seen("S-2", 15))
    assert result == {"S-1": Verdict.RIGHT, "S-2": Verdict.WRONG_MOMENT, "S-3": Verdict.RIGHT}


def test_somebody_on_the_list_who_never_comes_must_not_alert() -> None:
    absent = Expected("S-8", must_alert=False, in_view=())
    assert judge([absent], [])[0].verdict is Verdict.RIGHT
    assert judge([absent], [seen("S-8", 1)])[0].verdict is Verdict.WRONG


ALIKE = Expected("X-1", must_alert=True, in_view=((40.0, 45.0),), resembles="S-1")


def with_look_alike(*events: Seen) -> dict[str, Verdict]:
    return {subject.subject_id: subject.verdict for subject in judge([LISTED, ALIKE], events)}


def test_a_look_alike_and_the_real_person_have_an_alert_each() -> None:
    right = {"S-1": Verdict.RIGHT, "X-1": Verdict.RIGHT}
    assert with_look_alike(seen("S-1", 2, "A-1"), seen("S-1", 21, "A-1"), seen("S-1", 41, "A-2")) == right


def test_a_real_person_in_the_look_alikes_alert_is_buried() -> None:
    result = with_look_alike(seen("S-1", 2, "A-1"), seen("S-1", 21, "A-1"), seen("S-1", 41, "A-1"))
    assert set(result.values()) == {Verdict.SHARED}


def test_an_alert_of_the_look_alike_does_not_stand_for_the_real_one() -> None:
    listed = Expected("S-1", must_alert=True, in_view=((1.0, 5.0),))
    result = judge([listed, ALIKE, OTHER], [seen("S-1", 41, "A-2"), seen("S-2", 9)])
    assert [one.verdict for one in result] == [Verdict.MISSING, Verdict.RIGHT, Verdict.RIGHT]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([7.0], 0.95, 7.0), ([1, 2, 3, 4], 0.5, 2), (range(1, 101), 0.95, 95), (range(1, 11), 0.95, 10)],
)
def test_percentile_is_the_nearest_rank(values: Iterable[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected
