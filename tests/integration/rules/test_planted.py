"""The drawn days find faults: each of those in `planted.py`, of which each breaks one rule."""

from __future__ import annotations

import pytest

from tests.integration.rules.planted import PLANTED, Planting
from tests.integration.rules.playing import DayFailedError, play_day

WITHIN = 200
"""Days in which a fault is found, at most."""
EACH_TIME = {"what_came_since_may_be_unseen": 30, "a_track_is_one_person": 11}
"""The day that finds them; the others are searched for with the exhaustive tests."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def _found(planting: Planting, monkeypatch: pytest.MonkeyPatch, first: int = 0) -> None:
    planting(monkeypatch)
    with pytest.raises(DayFailedError):
        for number in range(first, WITHIN):
            play_day(number, shorten_s=0)


@pytest.mark.parametrize("planting", [one for one in PLANTED if one.__name__ in EACH_TIME])
def test_a_planted_fault_is_found(planting: Planting, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(planting, monkeypatch, EACH_TIME[planting.__name__])


@pytest.mark.exhaustive
@pytest.mark.parametrize("planting", [one for one in PLANTED if one.__name__ not in EACH_TIME])
def test_each_other_planted_fault_is_found(planting: Planting, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(planting, monkeypatch)
