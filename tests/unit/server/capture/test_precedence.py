from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from cekalwatch.server.capture import precedence
from cekalwatch.server.capture.chain_probe import EMPTY
from cekalwatch.server.capture.precedence import CapturePrecedence
from cekalwatch.server.domain.captures import Capture
from tests.support.builders.watchlist import FixedClock

CLOCK = FixedClock()


def crop(passage: str, age_s: float = 0.0, *, fit: bool = True) -> Capture:
    captured_at = CLOCK.now() - timedelta(seconds=age_s)
    return replace(EMPTY, capture_id=str(uuid4()), passage=passage, captured_at=captured_at, fit=fit, empty=False)


@pytest.fixture
def precedence_of() -> CapturePrecedence:
    return CapturePrecedence(CLOCK, timedelta(seconds=60))


def test_the_first_fit_crop_of_a_passage_goes_before_any_other_and_live_before_late(
    precedence_of: CapturePrecedence,
) -> None:
    unfit, first, further = crop("1", fit=False), crop("1"), crop("1")
    late_first, late_further = crop("2", 61), crop("2", 61)
    assert [precedence_of(one) for one in (unfit, first, further, late_first, late_further)] == [1, 3, 1, 2, 0]
    assert precedence_of(first) == 3, "a first crop that is sent again is still the first"


def test_the_probe_of_health_does_not_wait_behind_captures(
    precedence_of: CapturePrecedence,
) -> None:
    assert [precedence_of(EMPTY), precedence_of(EMPTY)] == [3, 3]


def test_an_exercise_goes_before_no_travellers_first_crop(precedence_of: CapturePrecedence) -> None:
    assert precedence_of(replace(crop("1"), exercise_id=uuid4())) == 1


def test_a_bounded_number_of_passages_is_remembered(
    precedence_of: CapturePrecedence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precedence, "MAX_REMEMBERED_PASSAGES", 2)
    assert [precedence_of(crop(passage)) for passage in "1231"] == [3, 3, 3, 3]
    assert precedence_of(crop("1")) == 1
