"""The audit trail and alarms as they reach a real syslog receiver over TLS, whatever fails meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.extensions.notices.syslog_feed import PAGE, Page, SyslogOutbox, entry_message, syslog_feed
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.audit.entry import Link
from cekalwatch.server.concurrency.outbox import Dispatcher
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.alerts import NOON
from tests.support.builders.audit import entry
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock
from tests.support.fakes import syslog_receiver
from tests.support.scenarios.site_pki import Site

ENTRY = re.compile(r"<109>1 (\S+) \S+ cekalwatch-server \d+ audit_entry - (\{.*\})")


class Feed:
    """A database with an audit trail, whose feed can be begun anew."""

    def __init__(self, folder: Path) -> None:
        self.files = Site(folder / "site").device(DeviceRole.SERVER, "collector")
        self.database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
        self.database.upgrade()
        key_store(self.database)
        self.audit, self.alarms = AuditStore(self.database), AlarmStore(self.database)
        self.clock = FixedClock(NOON)

    def begun(self, address: str) -> Dispatcher[Page]:
        receiver = SyslogReceiver(address, self.files.authority, None)
        outbox = SyslogOutbox(receiver, NoticeStore(self.database), self.audit, self.alarms)
        return syslog_feed(outbox, self.clock)


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    made = Feed(tmp_path)
    yield made
    made.database.close()


def entries(receiver: syslog_receiver.SyslogReceiver) -> list[dict[str, Any]]:
    found = [ENTRY.fullmatch(one) for one in receiver.messages]
    return [json.loads(one[2]) for one in found if one]


def test_every_entry_arrives_with_all_that_the_chain_needs(feed: Feed) -> None:
    feed.audit.append(entry(1))
    with syslog_receiver.SyslogReceiver(feed.files) as receiver:
        sender = feed.begun(receiver.address)
        sender.deliver()
        assert receiver.messages == [], "it is told from now on"
        begun = feed.audit.head()[0]
        feed.audit.append(*map(entry, range(2, PAGE + 50)))
        sender.deliver()
        sender.deliver()
    assert receiver.broken_frames == []
    links = [Link(**one) for one in entries(receiver)]
    assert links == list(feed.audit.links_after(begun, begun + 10_000))
    assert len(links) == PAGE + 48
    assert all(link.holds for link in links)


def test_an_outage_loses_nothing_and_is_told_once(feed: Feed) -> None:
    with syslog_receiver.SyslogReceiver(feed.files) as stopped:
        address = stopped.address
    feed.begun(address).deliver()
    begun = feed.audit.head()[0]
    with capture_logs() as lines:
        away = feed.begun(address)
        for number in range(1, 6):
            feed.audit.append(entry(number))
            away.deliver()
            feed.clock.advance(timedelta(minutes=2))
    assert [line["event"] for line in lines] == ["syslog_not_sent"]
    with syslog_receiver.SyslogReceiver(feed.files, closes_at_once=True) as deaf:
        feed.begun(deaf.address).deliver()
    with syslog_receiver.SyslogReceiver(feed.files) as receiver:
        again = feed.begun(receiver.address)  # after a restart
        again.deliver()
        again.deliver()
    assert [one["sequence"] for one in entries(receiver)] == list(range(begun + 1, begun + 6))


def test_a_receiver_that_fails_is_not_asked_all_the_time(feed: Feed) -> None:
    files = feed.files
    with syslog_receiver.SyslogReceiver(files, closes_at_once=True) as deaf:
        sender = feed.begun(deaf.address)
        sender.deliver()
        feed.audit.append(entry(1))
        for _ in range(10):
            sender.deliver()
        assert len(deaf.messages) == 1
        feed.clock.advance(timedelta(seconds=3))
        sender.deliver()
        assert len(deaf.messages) == 2


def test_alarms_are_warnings_and_their_end_a_notice(feed: Feed) -> None:
    condition = AlarmCondition(AlarmKind.CAMERA_DOWN, "dep-1", "batam-center", "D1")
    with syslog_receiver.SyslogReceiver(feed.files) as receiver:
        sender = feed.begun(receiver.address)
        sender.deliver()
        feed.alarms.write(AlarmChanges(begun=(condition,)), NOON)
        sender.deliver()
        feed.alarms.write(AlarmChanges(over=(condition.key,)), NOON)
        sender.deliver()
    assert [one.split(" ")[0] for one in receiver.messages] == ["<108>1", "<109>1"]
    assert ["trouble_open - {" in receiver.messages[0], "trouble_over - {" in receiver.messages[1]] == [True, True]
    assert json.loads(receiver.messages[0].partition(" - ")[2])["data"]["about"] == "dep-1"


def test_an_entry_that_somebody_changed_forges_no_header(feed: Feed) -> None:
    feed.audit.append(entry(1))
    link = list(feed.audit.links_after(0, feed.audit.head()[0]))[-1]
    forged = entry_message(link._replace(at="2026-01-01T00:00:00Z other-host app - - x\n", details="{")).decode()
    assert forged.split(" ")[1] == "2026-01-01T00:00:00Z_other-host_app_-_-_x_"
    assert "\n" not in forged
