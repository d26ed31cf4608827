"""Sums of the field for any span, on both databases: kept days give what counting again gives, and are read once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import delete

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.reports import PeriodLength
from cekalwatch.evaluation.report.field_screen import field_json
from cekalwatch.server.alerts.daily_stats import DAYS_A_ROUND, DAYS_AHEAD, KEPT_FOR, MAX_KEPT, DailyStats
from cekalwatch.server.alerts.reports import FieldReports
from cekalwatch.server.audit.alert_entries import deletion_entry
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.domain.alerts.field_report import FieldSpan, field_report
from cekalwatch.server.domain.alerts.field_sums import FieldAlert, FieldSums, PassageCount
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.storage.alerts.agency_history import AgencyHistory
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.tables import AlertAgencyRow
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, FixedClock, order, subject
from tests.support.scenarios.adjudication import Counter

pytestmark = pytest.mark.both_databases

SITE = "batam-center"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MIDNIGHT = NOON.astimezone(WIB).replace(hour=0)


class WatchedStore(FieldStore):
    """Remembers which time it was asked for."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.spans: list[tuple[datetime, datetime]] = []

    def alerts(self, since: datetime, until: datetime, site: str | None) -> list[FieldAlert]:
        self.spans.append((since, until))
        return super().alerts(since, until, site)


class Archive:
    """Ten days with an alert each, every second one false, and passages of every day."""

    def __init__(self, database: Database) -> None:
        self.clock, self.database = FixedClock(NOON), database
        self.desk = Counter(database, self.clock)
        self.store, self.agencies = WatchedStore(database), AgencyHistory(database, keyring(database)).of
        self.desk.list_subject()
        self.officer = self.desk.hire("ani", PersonRole.OFFICER)
        self.alerts = []
        for number in range(10):
            self.alerts.append(self.desk.raise_alert(str(number)))
            if number % 2:
                self.find_false(number)
            self.store.add([PassageCount("dep-1", SITE, Direction.DEPARTURE, NOON, 100 + number)])
            self.clock.advance(DAY)
            self.store.add([PassageCount("dep-1", SITE, Direction.DEPARTURE, NOON + (number + 1) * DAY, 10)])
        self.days = DailyStats(self.store, self.agencies, {SITE: WIB}, self.clock)

    def find_false(self, number: int) -> None:
        self.desk.claim(self.alerts[number], self.officer)
        self.desk.judge(self.alerts[number], self.officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)

    def kept(self, begin: datetime, end: datetime) -> str:
        self.store.spans.clear()
        return told(self.days.sums(SITE, begin, end))

    def counted(self, begin: datetime, end: datetime) -> str:
        alerts = self.store.alerts(begin, end, SITE)
        return told(FieldSums.of(alerts, self.store.passages(begin, end, SITE), self.agencies(alerts), WIB))

    @property
    def all(self) -> tuple[datetime, datetime]:
        return MIDNIGHT, self.clock.now() + HOUR


def told(sums: FieldSums) -> str:
    return field_json(field_report(FieldSpan(NOON, NOON, SITE), sums, 1, NOON))


@pytest.fixture
def archive(database: Database) -> Archive:
    return Archive(database)


def test_any_span_gives_what_counting_again_gives_the_second_time_too(archive: Archive):
    spans = [
        archive.all,
        (MIDNIGHT, MIDNIGHT + DAY),
        (NOON, NOON + 3 * DAY),
        (MIDNIGHT + DAY, MIDNIGHT + 4 * DAY + 5 * HOUR),
        (NOON + 9 * DAY, NOON + 9 * DAY),
        (NOON - 30 * DAY, NOON - 20 * DAY),
    ]
    for begin, end in [*spans, *spans]:
        assert archive.kept(begin, end) == archive.counted(begin, end), (begin, end)
    assert '"key": "Kejaksaan Agung"' in archive.kept(*archive.all)


def test_alerts_of_past_days_are_read_once_and_passages_of_the_newest_days_each_time(archive: Archive):
    archive.kept(*archive.all)
    assert min(begin for begin, _ in archive.store.spans) == MIDNIGHT
    archive.kept(*archive.all)
    assert [begin for begin, _ in archive.store.spans] == [MIDNIGHT + 10 * DAY]
    archive.store.add([PassageCount("dep-1", SITE, Direction.DEPARTURE, NOON + 9 * DAY, 1000)])
    assert archive.kept(*archive.all) == archive.counted(*archive.all)
    archive.clock.advance(KEPT_FOR - HOUR)  # then no passage of that day can come any more
    archive.store.add([PassageCount("dep-1", SITE, Direction.DEPARTURE, NOON + 9 * DAY, 1000)])
    assert archive.kept(*archive.all) == archive.counted(*archive.all)
    archive.kept(*archive.all)
    assert [begin for begin, _ in archive.store.spans] == [MIDNIGHT + 11 * DAY]


def test_a_day_is_read_again_when_something_happened_to_one_of_its_alerts(archive: Archive):
    before = archive.kept(*archive.all)
    archive.find_false(2)
    after = archive.kept(*archive.all)
    assert after != before
    assert (MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY) in archive.store.spans
    assert len(archive.store.spans) == 2
    assert after == archive.counted(*archive.all)


def test_what_a_list_says_later_of_an_order_changes_no_past_figure(archive: Archive):
    before = archive.kept(*archive.all)
    renamed = replace(order("O-1", valid_until=date(2026, 6, 30)), requesting_agency="Badan Contoh")
    archive.desk.watchlist.put(subject(), renamed, [])
    archive.clock.advance(KEPT_FOR)
    assert archive.kept(*archive.all) == before
    archive.desk.raise_alert("renamed")
    assert '"key": "Badan Contoh"' in archive.kept(*archive.all), "from now on it counts for the new one"
    actor = Actor(ActorKind.COMMAND, "test")
    archive.desk.watchlist.delete_subject("S-1", lambda gone: deletion_entry(actor, NOON, "S-1", gone.order_ids))
    archive.clock.advance(KEPT_FOR)
    assert archive.kept(*archive.all).count('"key": "Kejaksaan Agung"') == 1


def test_an_alert_of_an_earlier_release_counts_for_the_agency_of_the_order_as_it_is(archive: Archive):
    before = archive.kept(*archive.all)
    with archive.database.session() as session:
        session.exec(delete(AlertAgencyRow))
        session.commit()
    archive.clock.advance(KEPT_FOR)
    assert archive.kept(*archive.all) == before


def test_nothing_is_kept_for_longer_than_a_day(archive: Archive):
    archive.kept(*archive.all)
    archive.clock.advance(KEPT_FOR)
    archive.kept(*archive.all)
    assert min(begin for begin, _ in archive.store.spans) == MIDNIGHT


def test_when_the_log_has_forgotten_what_happened_all_is_read_again(archive: Archive):
    archive.kept(*archive.all)
    archive.find_false(2)
    archive.clock.advance(2 * HOUR)
    archive.desk.sweeper(RetentionPolicy(events=HOUR)).sweep()
    assert archive.kept(*archive.all) == archive.counted(*archive.all)
    assert min(begin for begin, _ in archive.store.spans) == MIDNIGHT


def test_what_is_kept_is_bounded(archive: Archive):
    archive.clock.advance(3000 * DAY)
    for start in (0, 400, 800):
        archive.kept(MIDNIGHT + start * DAY, MIDNIGHT + (start + 366) * DAY)
    assert len(archive.days._kept) == MAX_KEPT


def test_a_year_is_counted_ahead_and_then_only_what_has_changed_or_is_new(archive: Archive):
    for _ in range(DAYS_AHEAD // DAYS_A_ROUND + 1):
        archive.days.count_ahead()
    newest = archive.clock.now().astimezone(WIB).replace(hour=0) - DAY
    oldest = newest - DAYS_AHEAD * DAY
    assert archive.store.spans[0] == (newest - DAYS_A_ROUND * DAY, newest)
    assert min(begin for begin, _ in archive.store.spans) == oldest
    assert sum((end - begin for begin, end in archive.store.spans), timedelta()) == DAYS_AHEAD * DAY  # each once
    assert archive.kept(oldest, newest) == archive.counted(oldest, newest)
    archive.kept(oldest, newest)
    assert archive.store.spans == []
    archive.find_false(2)
    archive.days.count_ahead()
    archive.days.count_ahead()
    assert archive.store.spans == [(MIDNIGHT + 2 * DAY, MIDNIGHT + 3 * DAY)]
    archive.store.spans.clear()
    archive.clock.advance(KEPT_FOR)
    archive.days.count_ahead()
    assert archive.store.spans == [(MIDNIGHT + (10 - DAYS_A_ROUND) * DAY, MIDNIGHT + 10 * DAY)]


def test_a_trend_has_the_whole_days_or_weeks_of_its_span(archive: Archive):
    begin, end = MIDNIGHT + HOUR, MIDNIGHT + 9 * DAY + HOUR
    days = archive.days.periods(SITE, begin, end, PeriodLength.DAY)
    assert [(first, last) for first, last, _ in days] == [
        (MIDNIGHT + number * DAY, MIDNIGHT + (number + 1) * DAY) for number in range(1, 9)
    ]
    assert [told(own) for _, _, own in days] == [archive.counted(first, last) for first, last, _ in days]
    monday = MIDNIGHT + (7 - MIDNIGHT.weekday()) % 7 * DAY
    weeks = archive.days.periods(SITE, monday - HOUR, monday + 16 * DAY, PeriodLength.WEEK)
    assert [(first, last) for first, last, _ in weeks] == [
        (monday, monday + 7 * DAY),
        (monday + 7 * DAY, monday + 14 * DAY),
    ]
    assert told(weeks[0][2]) == archive.counted(monday, monday + 7 * DAY)
    assert archive.days.periods(SITE, begin, begin + DAY, PeriodLength.DAY) == []


def test_a_report_begins_where_records_are_kept_and_ends_now_at_the_latest(archive: Archive):
    reports = FieldReports(
        archive.days, archive.store.listed, lambda _: None, 5 * DAY, None, archive.clock, lambda: 0.5, lambda *_: ()
    )
    now = archive.clock.now()
    found = reports.of(SITE, MIDNIGHT - 100 * DAY, now + DAY)
    assert (found.since, found.until) == (now - 5 * DAY + HOUR, now)
    assert (found.listed, found.made_at, found.groups) == (1, now, None)
    assert told(archive.days.sums(SITE, found.since, now)) == archive.counted(found.since, now)
    later = reports.of(SITE, now + DAY, now + 2 * DAY)
    assert (later.since, later.until, later.whole.alerts) == (now, now, 0)
    odd = reports.of(SITE, now - timedelta(hours=3, minutes=20), now)
    assert odd.since == now - 4 * HOUR
