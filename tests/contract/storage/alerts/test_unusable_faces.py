"""Travellers without a usable face, on both databases: counts by camera, hour and reason, and notices to counters."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from cekalwatch.contract.values.unusable_faces import UnusableReason
from cekalwatch.server.alerts.unusable_notices import UnusableNotices
from cekalwatch.server.capture.unusable_faces import UnusableCounter
from cekalwatch.server.domain.alerts.field_report import FieldSpan, field_report
from cekalwatch.server.domain.alerts.field_sums import FieldSums, PassageCount
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from tests.support.builders.alerts import ARRIVAL, DEPARTURE, NOON
from tests.support.builders.watchlist import FixedClock

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)
PAUSE_S = 60.0
DARK, COVERED, TURNED = UnusableReason.DARK, UnusableReason.COVERED, UnusableReason.TURNED


class Office:
    """Two servers of one database, each with a counter of travellers and notices."""

    def __init__(self, database: Database) -> None:
        self.store = FieldStore(database)
        self.here, self.there = UnusableCounter(self.store), UnusableCounter(self.store)
        self.clock = FixedClock(NOON)
        beside = replace(DEPARTURE, camera_id="dep-1b")
        cameras = (DEPARTURE, beside, ARRIVAL)
        self.notices = UnusableNotices(self.store, cameras, self.clock, PAUSE_S)
        self.told = 0
        self.notices.follow()

    def new(self) -> list[tuple[str, int, UnusableReason]]:
        """Let everything be written and read; return the new notices."""
        self.here.write()
        self.there.write()
        self.notices.follow()
        notices, self.told = self.notices.after(self.told)
        return [(one.counter, one.passages, one.reason) for _, one in notices]

    def wait(self, seconds: float) -> None:
        self.clock.moment += timedelta(seconds=seconds)
        self.clock.passed += timedelta(seconds=seconds)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def test_they_are_counted_by_camera_hour_and_reason_and_add_up_over_servers(office: Office):
    for counter, at in ((office.here, NOON), (office.there, NOON + timedelta(minutes=59)), (office.here, NOON + HOUR)):
        counter.passed(DEPARTURE, COVERED, at, sent=True)
    office.here.passed(DEPARTURE, TURNED, NOON, sent=False)
    office.here.passed(ARRIVAL, COVERED, NOON, sent=False)
    office.here.write()
    office.there.write()
    found = office.store.unusable(NOON, NOON + 2 * HOUR, None)
    assert {(one.camera_id, one.hour, one.reason): (one.passages, one.unsent) for one in found} == {
        (DEPARTURE.camera_id, NOON, COVERED): (2, 0),
        (DEPARTURE.camera_id, NOON + HOUR, COVERED): (1, 0),
        (DEPARTURE.camera_id, NOON, TURNED): (1, 1),
        (ARRIVAL.camera_id, NOON, COVERED): (1, 1),
    }
    assert max(one.last_seen_at for one in found if one.hour == NOON) == NOON + timedelta(minutes=59)
    assert office.store.unusable(NOON, NOON + HOUR, "sekupang") == []


def test_counts_that_cannot_be_written_are_kept(office: Office, monkeypatch: pytest.MonkeyPatch):
    office.here.passed(DEPARTURE, COVERED, NOON, sent=True)
    with monkeypatch.context() as broken:
        broken.setattr(office.store, "add_unusable", _fails)
        with pytest.raises(StorageError):
            office.here.write()
    office.here.write()
    assert [one.passages for one in office.store.unusable(NOON, NOON + HOUR, None)] == [1]


def test_the_share_by_camera_and_hour_is_of_all_who_passed(office: Office):
    office.here.passed(DEPARTURE, COVERED, NOON, sent=True)
    office.here.passed(DEPARTURE, TURNED, NOON, sent=False)
    office.here.write()
    passages = [PassageCount(one.camera_id, one.site, one.direction, NOON, 9) for one in (DEPARTURE, ARRIVAL)]
    unusable = office.store.unusable(NOON, NOON + HOUR, None)
    sums = FieldSums.of((), passages, {}, UTC, unusable)
    sums.add(FieldSums.of((), (), {}, UTC))
    report = field_report(FieldSpan(NOON, NOON + HOUR), sums, 0, NOON)
    shares = {one.key: (one.unusable, one.unusable_rate.value) for one in report.cameras}
    # Nine of whom a crop came, and one of whom none came.
    assert shares == {DEPARTURE.camera_id: (2, pytest.approx(0.2)), ARRIVAL.camera_id: (0, 0.0)}
    assert report.whole.unusable_rate.value == pytest.approx(2 / 19)
    assert [(one.key, one.unusable) for one in report.hours] == [(f"{NOON:%H}:00", 2)]


def test_a_counter_is_told_at_once_and_then_after_a_pause_with_the_number(office: Office):
    office.here.passed(DEPARTURE, COVERED, NOON, sent=True)
    assert office.new() == [(DEPARTURE.counter, 1, COVERED)]
    assert office.new() == []
    for _ in range(20):
        office.wait(2)
        office.there.passed(DEPARTURE, TURNED, office.clock.moment, sent=False)
        assert office.new() == []
    office.here.passed(DEPARTURE, COVERED, office.clock.moment, sent=True)
    office.wait(PAUSE_S)
    assert office.new() == [(DEPARTURE.counter, 21, TURNED)]


def test_two_cameras_of_a_counter_share_its_lines_and_other_counters_have_their_own(office: Office):
    office.here.passed(DEPARTURE, DARK, NOON, sent=True)
    office.here.passed(replace(DEPARTURE, camera_id="dep-1b"), DARK, NOON, sent=True)
    office.here.passed(ARRIVAL, COVERED, NOON, sent=True)
    assert sorted(office.new()) == sorted([(DEPARTURE.counter, 2, DARK), (ARRIVAL.counter, 1, COVERED)])


def test_who_has_left_long_ago_is_counted_and_not_told(office: Office):
    office.here.passed(DEPARTURE, COVERED, NOON - timedelta(seconds=61), sent=True)
    assert office.new() == []
    assert len(office.store.unusable(NOON - HOUR, NOON + HOUR, None)) == 1


def test_a_server_that_starts_tells_nothing_of_before(office: Office, database: Database):
    office.here.passed(DEPARTURE, COVERED, NOON, sent=True)
    office.here.write()
    fresh = UnusableNotices(FieldStore(database), (DEPARTURE,), office.clock, PAUSE_S)
    fresh.follow()
    fresh.follow()
    assert fresh.newest == 0


def _fails(_: object) -> None:
    raise StorageError("away")
