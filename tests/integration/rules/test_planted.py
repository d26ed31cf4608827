"""The drawn days find faults: each of those in `planted.py`, of which each breaks one rule."""

from __future__ import annotations

import pytest

from tests.integration.rules.planted import PLANTED, Planting
from tests.integration.rules.playing import DayFailedError, play_day

WITHIN = 200
"""Days in which a fault is found: as many as `make test` plays."""
EACH_TIME = ("what_came_since_may_be_unseen", "a_track_is_one_person")
"""Found soon; the others are searched for with the exhaustive tests."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def _found(planting: Planting, monkeypatch: pytest.MonkeyPatch) -> None:
    planting(monkeypatch)
    with pytest.raises(DayFailedError):
        for number in range(WITHIN):
            play_day(number, shorten_s=0)


@pytest.mark.parametrize("planting", [one for one in PLANTED if one.__name__ in EACH_TIME])
def test_a_planted_fault_is_found(planting: Planting, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(planting, monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.parametrize("planting", [one for one in PLANTED if one.__name__ not in EACH_TIME])
def test_each_other_planted_fault_is_found(planting: Planting, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(planting, monkeypatch)
