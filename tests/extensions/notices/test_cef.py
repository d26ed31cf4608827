"""Entries of the audit trail and alarms in CEF, as a parser of others reads them, and as rsyslog gets them."""

from __future__ import annotations

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import pycef
import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.extensions.notices.cef import HIGH, LOW, MAX_STRING, MEDIUM, alarm_event, entry_event
from cekalwatch.extensions.notices.collector import alarm_notice
from cekalwatch.extensions.notices.settings import SyslogText
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.extensions.notices.syslog_feed import SyslogOutbox, syslog_feed
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.audit.entry import GENESIS, Action, Actor, ActorKind, ObjectKind, link
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition, StoredAlarm
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.alerts import NOON
from tests.support.builders.audit import START, entry
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.site_pki import Site
from tests.support.tools.daemons import rsyslog


def parsed(event: str) -> dict[str, str]:
    """What the parser finds; it leaves escapes in values as they are."""
    found = pycef.parse(event)
    assert found is not None, event
    return {
        name: re.sub(r"\\([\\=nr])", lambda one: {"n": "\n", "r": "\r"}.get(one[1], one[1]), value)
        for name, value in found.items()
    }


def test_an_entry_is_an_event_of_its_action_with_the_texts_of_the_trail() -> None:
    officer = Actor(ActorKind.PERSON, "0190=a\\b@loopback")
    one = link(entry(7, actor=officer, details={"pictures": 3, "reason": "a=b \\ c|d"}), 41, GENESIS)
    found = parsed(entry_event(one))
    header = ("CEFVersion", "DeviceVendor", "DeviceProduct", "DeviceEventClassID", "Name", "Severity")
    assert [found[name] for name in header if name in found] == [
        *("0", "Cekalwatch", "cekalwatch-server", "SUBJECT_VIEWED", "Subject viewed", str(LOW))
    ]
    assert found["rt"] == str(round(START.timestamp() * 1000) + 7000)
    assert (found["externalId"], found["suid"], found["outcome"]) == ("41", "person:0190=a\\b@loopback", "OK")
    assert (found["objects"], found["details"], found["hash"]) == (one.objects, one.details, one.hash)


def test_what_may_be_an_attack_is_severe() -> None:
    severities = {
        action: parsed(entry_event(link(entry(action=action), 1, GENESIS)))["Severity"]
        for action in (Action.ALERT_RAISED, Action.SIGN_IN_LOCKED, Action.ROWS_REFUSED)
    }
    assert list(severities.values()) == [str(LOW), str(MEDIUM), str(HIGH)]


def test_no_text_of_a_changed_entry_becomes_a_header_a_field_or_a_line() -> None:
    changed = link(entry(), 1, GENESIS)._replace(
        at="long ago", action="A|10|x=y\\\n", actor="x suid=root\nCEF:0|Other|", objects='["é"]' + "x" * 9000
    )
    event = entry_event(changed)
    assert event.isascii()
    assert event.isprintable()
    assert event.startswith(f"CEF:0|Cekalwatch|cekalwatch-server|{version('cekalwatch')}|A\\|10\\|x=y\\\\_|")
    assert re.findall(r"(?<!\\)=", event.partition("|3|")[2]) == ["="] * 10
    assert " suid=x suid\\=root\\nCEF:0|Other| " in event
    (objects,) = re.findall(r"cs1=(\S*)", event)
    assert len(objects) == MAX_STRING
    assert objects.endswith("...")
    assert " rt=" not in event


@pytest.mark.skipif(not shutil.which("rsyslogd", path="/usr/sbin"), reason="apt-get install rsyslog rsyslog-openssl")
def test_rsyslog_gets_events_whole_and_each_once(tmp_path: Path) -> None:
    files = Site(tmp_path / "site").device(DeviceRole.SERVER, "collector")
    database = Database(f"sqlite:///{tmp_path / 'cekalwatch.sqlite3'}")
    database.upgrade()
    key_store(database)
    audit, alarms, clock = AuditStore(database), AlarmStore(database), FixedClock(NOON)
    with rsyslog(tmp_path, files) as (address, messages):
        receiver = SyslogReceiver(address, files.authority, None)
        feed = syslog_feed(SyslogOutbox(receiver, NoticeStore(database), audit, alarms, SyslogText.CEF), clock)
        feed.deliver()
        many = tuple(ObjectKind.ALERT.key(number) for number in range(300))
        audit.append(entry(1), entry(2, objects=many))
        condition = AlarmCondition(AlarmKind.CAMERA_DOWN, "dep-1", "batam-center", "D1", {"reason": "AWAY"})
        alarms.write(AlarmChanges(begun=(condition,)), NOON)
        feed.deliver()
        alarms.write(AlarmChanges(over=(condition.key,)), NOON)
        feed.deliver()
        assert feed.failing is None, "rsyslog ends TLS in order"
    database.close()
    lines = [one.split(" ", 3) for one in messages.read_text().splitlines()]
    assert [one[:3] for one in lines] == [
        *([["109", "cekalwatch-server", "audit_entry"]] * 2),
        ["108", "cekalwatch-server", "trouble_open"],
        ["109", "cekalwatch-server", "trouble_over"],
    ]
    first, second, begun, over = (parsed(one[3]) for one in lines)
    assert [first["objects"], json.loads(second["objects"])] == ['["subject:S-1"]', list(many)]
    assert [one["DeviceEventClassID"] for one in (begun, over)] == ["CAMERA_DOWN"] * 2
    assert [one["Severity"] for one in (begun, over)] == [str(MEDIUM), str(LOW)]
    assert [begun[name] for name in ("about", "site", "counter", "outcome")] == ["dep-1", "batam-center", "D1", "open"]
    assert json.loads(begun["details"]) == {"reason": "AWAY"}


def test_the_notice_of_an_alarm_without_place_has_no_empty_field() -> None:
    notice = alarm_notice(StoredAlarm(UUID(int=1), AlarmCondition(AlarmKind.LOOP_FAILING, "server-1"), began_at=NOON))
    assert not re.search(r"=( |$)", alarm_event(notice))
