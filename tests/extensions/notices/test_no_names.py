"""No name, document, picture or score leaves to other systems, by any channel, whatever happens to an alert."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.gates import MAY_HOLD, GatePolicy
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.contract.values.subjects import TravelDocument
from cekalwatch.extensions.gates.teller import GateTeller, RecentAlerts
from cekalwatch.extensions.notices.collector import (
    AlarmNotices,
    AlertNotices,
    CheckpointNotices,
    NoticeCollector,
    Source,
)
from cekalwatch.extensions.notices.domain import Notice, NoticeKind
from cekalwatch.extensions.notices.mqtt_broker import MqttBroker
from cekalwatch.extensions.notices.mqtt_feed import ControlRoomStates, MqttOutbox
from cekalwatch.extensions.notices.onvif_events import OnvifEvents
from cekalwatch.extensions.notices.settings import GateTerms, MqttTerms, NoticeTerms, SyslogText, WebhookTerms
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.extensions.notices.syslog_feed import SyslogOutbox
from cekalwatch.server.alerts.adjudication import ActingPerson
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, stamp
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import Account, KeptPassword
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.alerts import DEPARTURE, NOON, capture, match
from tests.support.builders.portraits import astronaut, encoded
from tests.support.builders.watchlist import FixedClock, order, reference, subject
from tests.support.fakes.webhook_receiver import WebhookReceiver, write_secret
from tests.support.scenarios.adjudication import REFERENCE, Counter, contact
from tests.support.scenarios.people import person
from tests.support.scenarios.site_pki import Site

NAME, ALIAS, NIK, PASSPORT = "Sekar Ayuningtyas", "Mbak Ayu", "2171015509860007", "X7654321"
NOTE, ADDRESS, SCORE = "the man with the scar on his chin", "Jalan Engku Putri 8", 0.7351937
RECEIVER = Path("/none")


class Office:
    """An alert from its beginning to its end, and what each channel sends of that."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
        self.database.upgrade()
        self.clock, self.picture = FixedClock(NOON), encoded(astronaut())
        self.counter = Counter(self.database, self.clock)
        self.store, self.alarms = NoticeStore(self.database), AlarmStore(self.database)
        self.key = SigningKey.load_or_create(folder / "audit_key.pem")
        self.people = dict[str, ActingPerson]()
        webhook = WebhookTerms("siem", "https://a", RECEIVER)
        sources: dict[NoticeKind, Source[Notice]] = {
            NoticeKind.ALERTS: AlertNotices(self.counter.alerts),
            NoticeKind.TROUBLES: AlarmNotices(self.alarms),
            NoticeKind.CHECKPOINTS: CheckpointNotices(self.counter.audit, self.clock),
        }
        self.collector = NoticeCollector(self.store, sources, (webhook,), self.clock)
        receiver = SyslogReceiver("127.0.0.1:1", None, None)
        self.syslog = {
            form: SyslogOutbox(receiver, self.store, self.counter.audit, self.alarms, form) for form in SyslogText
        }
        states = ControlRoomStates(
            (DEPARTURE,),
            lambda _: Readiness(ReadinessFault.CAMERA, ("D1",)),
            self.alarms.open,
            self.counter.handling.open_at,
            OnvifEvents(self.clock),
        )
        broker = MqttBroker(MqttTerms("127.0.0.1:1"))
        self.mqtt = MqttOutbox(broker, self.store, self.alarms, states, self.clock)
        self.files = Site(folder / "site").device(DeviceRole.SERVER, "gate")
        self.secret = write_secret(folder / "gate.secret")

    def live(self) -> None:
        """List a person with all that is known of her, see her, and handle the alert to its end."""
        counter, documents = self.counter, (TravelDocument("PASSPORT", PASSPORT),)
        listed = subject("S-1", name=NAME, aliases=(ALIAS,), nik=NIK, travel_documents=documents, address=ADDRESS)
        ban = order("O-1", subject_id="S-1", valid_until=date(2026, 6, 30))
        counter.watchlist.put(listed, ban, [reference(self.picture)])
        officer, supervisor = (self.hire(name, role) for name, role in PEOPLE)
        seen = match(capture(jpeg=self.picture), subject="S-1", score=SCORE)
        event = counter.alerts.record(seen, timedelta(), NOON)
        assert event is not None
        alert = event.alert_id
        counter.claim(alert, officer)
        counter.look(alert, officer)
        counter.judge(alert, officer, note=NOTE)
        counter.confirm(alert, supervisor, note=NOTE)
        counter.adjudicator.follow_up(alert, supervisor, contact(supervisor, NOTE), counter.version(alert))
        self.alarms.write(
            AlarmChanges(begun=(AlarmCondition(AlarmKind.CAMERA_DOWN, "dep-1", "batam-center", "D1"),)), NOON
        )
        counter.audit.add_checkpoint(self.key.sign(1, counter.audit.head()[0], "a" * 64, stamp(NOON)))

    def hire(self, name: str, role: PersonRole) -> ActingPerson:
        """Add a person who sits at a PC whose name says nothing of them."""
        who, seat = person(name, role), f"pc-{len(self.people)}"
        added = AuditEntry(NOON, Actor(ActorKind.COMMAND, "test"), Action.PERSON_ADDED)
        self.counter.people.add(Account(who, KeptPassword(None, must_change=False)), added)
        self.counter.sign_in(who, seat)
        actor = Actor(ActorKind.PERSON, f"{who.person_id}@{seat}")
        self.people[name] = ActingPerson(who, actor, lambda site: site == "batam-center")
        return self.people[name]

    def sent(self) -> Iterator[tuple[str, bytes]]:
        """Yield every message of every channel, with the channel."""
        self.collector.collect()
        for notice in self.store.waiting("siem", 1000):
            yield "webhook", notice.body.encode()
        for form, outbox in self.syslog.items():
            for page in outbox.due():
                yield from ((f"syslog {form}", one) for one in page.messages)
        for batch in self.mqtt.due():
            yield from (("mqtt", f"{one.topic} {one.text}".encode()) for one in batch.messages)

        with WebhookReceiver(self.files) as gate:
            terms = GateTerms("gate-1", "batam-center", "D1", gate.url, self.secret, gate.authority)
            alerts = RecentAlerts(self.counter.alerts, self.clock)
            GateTeller(terms, lambda: GatePolicy(MAY_HOLD), alerts, self.clock).tell()
        yield from (("gate", json.dumps(one).encode()) for one in gate.taken)

    def secrets(self) -> dict[str, bytes]:
        """What must be in none of them."""
        people = {
            f"{part} of {name}": text.encode()
            for name, who in self.people.items()
            for part, text in (("name", who.person.display_name), ("sign-in name", name))
        }
        told = {one: one.encode() for one in (NAME, ALIAS, NIK, PASSPORT, NOTE, ADDRESS, REFERENCE, "Kejaksaan Agung")}
        return people | told | {"picture": self.picture[100:130], "score": str(SCORE)[:6].encode()}


PEOPLE = (("wulandari", PersonRole.OFFICER), ("hendrawan", PersonRole.SUPERVISOR))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.database.close()


def test_no_channel_has_a_name_a_document_a_picture_or_a_score(office: Office) -> None:
    assert list(office.sent())  # every channel tells from now on
    office.live()
    sent = list(office.sent())
    channels = {channel: b"\n".join(one for name, one in sent if name == channel) for channel, _ in sent}
    assert set(channels) == {"webhook", "syslog json", "syslog cef", "mqtt", "gate"}
    for channel in ("webhook", "syslog json", "syslog cef"):
        assert b"S-1" in channels[channel], "keys are told"
    assert b'"CONFIRMED":1' in channels["mqtt"]
    assert b'"asks": "hold"' in channels["gate"]
    for channel, text in channels.items():
        plain = text + b"".join(_decoded(text))
        found = [what for what, secret in office.secrets().items() if secret.lower() in plain.lower()]
        assert found == [], channel


def test_there_is_no_other_channel_and_no_setting_that_opens_one() -> None:
    """Who adds one adds it to the test above, or has two people open it (docs/notices.md)."""
    assert {one.name for one in fields(NoticeTerms)} == {
        *("webhooks", "gates", "syslog", "syslog_authorities", "syslog_tls_dir", "syslog_text", "mqtt", "log_days"),
    }
    assert {one.name for one in fields(WebhookTerms)} == {"name", "url", "secret_file", "authorities", "kinds"}
    gate = {"name", "site", "counter", "url", "secret_file", "authorities"}
    assert {one.name for one in fields(GateTerms)} == gate
    assert set(NoticeKind) == {"alerts", "troubles", "checkpoints"}


def _decoded(text: bytes) -> Iterator[bytes]:
    """What is in Base64 or hexadecimal."""
    for part in re.findall(rb"[A-Za-z0-9+/]{40,}", text):
        yield base64.b64decode(part[: len(part) // 4 * 4])
    for part in re.findall(rb"[0-9a-f]{40,}", text):
        yield bytes.fromhex(part[: len(part) // 2 * 2].decode())
