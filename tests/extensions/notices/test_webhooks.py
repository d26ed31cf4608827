"""Notices to webhooks: signed, in order, once more until they are taken, and never to anybody else."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.extensions.notices import collector as collecting
from cekalwatch.extensions.notices.collector import (
    AlarmNotices,
    AlertNotices,
    CheckpointNotices,
    NoticeCollector,
    Source,
)
from cekalwatch.extensions.notices.domain import Notice, NoticeKind
from cekalwatch.extensions.notices.settings import Section, WebhookTerms
from cekalwatch.extensions.notices.store import LoggedNotice, NoticeOutcome, NoticeStore
from cekalwatch.extensions.notices.webhook import (
    GIVE_UP_AFTER,
    MAX_PAUSE,
    NoticeOutbox,
    Webhook,
    pause_after,
    signature,
)
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.checkpoints import SigningKey
from cekalwatch.server.audit.entry import stamp
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure, Dispatcher
from cekalwatch.server.domain.alarms import AlarmChanges, AlarmCondition
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.alerts import NOON
from tests.support.builders.audit import entry
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock
from tests.support.fakes.webhook_receiver import SECRET, WebhookReceiver, write_secret
from tests.support.scenarios.adjudication import Counter
from tests.support.scenarios.server import settings
from tests.support.scenarios.site_pki import Site


class Office:
    """A database with a webhook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = Site(folder / "site")
        self.files = self.site.device(DeviceRole.SERVER, "collector")
        self.database = Database(f"sqlite:///{folder / 'cekalwatch.sqlite3'}")
        self.database.upgrade()
        self.keys = key_store(self.database)
        self.store = NoticeStore(self.database)
        self.clock = FixedClock(NOON)
        self.secret = write_secret(folder / "webhook.secret")

    def terms(self, receiver: WebhookReceiver | str, *kinds: NoticeKind) -> WebhookTerms:
        url, authority = (receiver, None) if isinstance(receiver, str) else (receiver.url, receiver.authority)
        return WebhookTerms("siem", url, self.secret, authority, frozenset(kinds or NoticeKind))

    def webhook(self, receiver: WebhookReceiver | str) -> Webhook:
        return Webhook(self.terms(receiver))

    def delivery(self, receiver: WebhookReceiver | str) -> Dispatcher[LoggedNotice]:
        return Dispatcher(NoticeOutbox(self.webhook(receiver), self.store, self.clock), self.clock)

    def collector(self, *kinds: NoticeKind) -> NoticeCollector:
        sources: dict[NoticeKind, Source[Notice]] = {
            NoticeKind.ALERTS: AlertNotices(AlertStore(self.database, self.keys.keyring)),
            NoticeKind.TROUBLES: AlarmNotices(AlarmStore(self.database)),
            NoticeKind.CHECKPOINTS: CheckpointNotices(AuditStore(self.database), self.clock),
        }
        return NoticeCollector(self.store, sources, (self.terms("https://a", *kinds),), self.clock)

    def log(self, *numbers: int) -> None:
        """Have notices with these numbers wait."""
        told = [Notice(f"alert/{number}", f"alert.{number}", NOON, {"sequence": number}) for number in numbers]
        self.store.add("siem", "alerts", told, numbers[-1], self.clock.now())

    def waiting(self) -> list[str]:
        return [one.body.split('"')[3] for one in self.store.waiting("siem", 1000)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.database.close()


@contextmanager
def failing(failure: DeliveryFailure) -> Iterator[None]:
    with pytest.raises(DeliveryError) as caught:
        yield
    assert caught.value.failure is failure


def test_the_signature_is_that_of_standard_webhooks() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_notices_arrive_signed_and_in_order(office: Office) -> None:
    office.log(1, 2, 3)
    with WebhookReceiver(office.files) as receiver:
        office.delivery(receiver).deliver()
    assert receiver.types == ["alert.1", "alert.2", "alert.3"]
    assert receiver.wrong == []
    assert {one.outcome for one in office.store.newest("siem", 10)} == {NoticeOutcome.DELIVERED}
    assert receiver.taken[0] == {
        "type": "alert.1",
        "timestamp": "2026-03-01T05:00:00.000000Z",
        "data": {"sequence": 1},
    }


def test_the_first_that_fails_holds_up_the_others_and_goes_again_with_the_same_id(office: Office) -> None:
    office.log(1, 2)
    with WebhookReceiver(office.files, 204, 503, 429) as receiver, capture_logs() as lines:
        delivery = office.delivery(receiver)
        delivery.deliver()
        delivery.deliver()
        assert len(receiver.attempts) == 2, "it is not due yet"
        office.clock.advance(timedelta(seconds=6))
        office.log(3)
        delivery.deliver()
        assert (len(receiver.attempts), office.waiting()) == (3, ["alert.2", "alert.3"])
        office.clock.advance(timedelta(seconds=17))
        office.delivery(receiver).deliver()  # after a restart
    assert receiver.types == ["alert.1", "alert.2", "alert.3"]
    assert receiver.attempts[1] == receiver.attempts[2] == receiver.attempts[3]
    assert [line["event"] for line in lines] == ["notice_not_taken", "notice_not_taken", "notices_taken_again"]
    assert [line.get("failure") for line in lines] == ["ANSWERED: 503", "ANSWERED: 429", None]


def test_what_the_receiver_will_never_take_is_given_up_at_once(office: Office) -> None:
    office.log(1, 2)
    with WebhookReceiver(office.files, 422) as receiver, capture_logs() as lines:
        office.delivery(receiver).deliver()
    assert receiver.types == ["alert.2"]
    newest = office.store.newest("siem", 2)
    assert [(one.outcome, one.failure) for one in newest] == [
        (NoticeOutcome.DELIVERED, ""),
        (NoticeOutcome.GIVEN_UP, "ANSWERED: 422"),
    ]
    assert [line["event"] for line in lines] == ["notice_given_up"]


@pytest.mark.slow
def test_pauses_grow_to_an_hour_and_after_three_days_the_next_has_its_turn(office: Office) -> None:
    assert [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 7, 8, 1000)] == [
        5,
        15,
        45,
        3600,
        3600,
        3600,
    ]
    office.log(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = f"https://127.0.0.1:{taken.getsockname()[1]}/told"
    delivery = office.delivery(away)
    begun, attempts = office.clock.now(), 0
    while office.waiting():
        delivery.deliver()
        attempts += 1
        office.clock.advance(MAX_PAUSE * 1.2)
    assert office.clock.now() - begun >= GIVE_UP_AFTER
    assert 60 <= attempts <= 75
    (given_up,) = office.store.newest("siem", 10)
    assert (given_up.outcome, given_up.attempts) == (NoticeOutcome.GIVEN_UP, attempts)
    assert given_up.failure == "UNREACHABLE: ConnectError"


def test_nobody_else_is_asked(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with WebhookReceiver(office.files, 307) as receiver:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        with failing(DeliveryFailure.ANSWERED):
            office.webhook(receiver).send("msg_1", "{}", now)
        office.webhook(receiver).send("msg_2", "{}", now)
        assert receiver.wrong == []
        other = Site(tmp_path / "other").device(DeviceRole.SERVER, "elsewhere").authority
        with failing(DeliveryFailure.NOT_TRUSTED):
            Webhook(WebhookTerms("siem", receiver.url, office.secret, other)).send("msg_3", "{}", now)
        with failing(DeliveryFailure.NOT_TRUSTED):
            Webhook(WebhookTerms("siem", receiver.url, office.secret)).send("msg_4", "{}", now)
    assert receiver.attempts == ["msg_1", "msg_2"]
    impostor = office.site.device(DeviceRole.CAMERA, "dep-1")  # the same authority, and no server
    with WebhookReceiver(impostor) as receiver, failing(DeliveryFailure.NOT_TRUSTED):
        office.webhook(receiver).send("msg_5", "{}", now)
    assert receiver.attempts == []


def test_an_answer_without_end_is_cut_off(office: Office) -> None:
    context, over = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), threading.Event()
    context.load_cert_chain(office.files.certificate, office.files.key)

    def drip(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        with suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
            for byte in itertools.chain(b"HTTP/1.1 204 No Content\r\nx: ", itertools.repeat(ord("x"))):
                if over.wait(0.05):
                    return
                tls.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/told"
        terms = WebhookTerms("siem", url, office.secret, office.files.authority)
        try:
            with failing(DeliveryFailure.UNREACHABLE):
                Webhook(terms, longest_s=0.5).send("msg_1", "{}", datetime.now(UTC))
        finally:
            over.set()
            dripping.join(10)


@pytest.mark.parametrize(
    ("content", "mode"),
    [("whsec_AAAA", 0o600), ("no secret!", 0o600), ("", 0o600), ("whsec_" + "A" * 44, 0o644), (None, 0)],
)
def test_a_secret_that_cannot_be_used_is_told_and_not_shown(office: Office, content: str | None, mode: int) -> None:
    office.log(1)
    if content is None:
        office.secret.unlink()
    else:
        office.secret.write_text(content)
        office.secret.chmod(mode)
    with WebhookReceiver(office.files) as receiver, capture_logs() as lines:
        office.delivery(receiver).deliver()
    assert receiver.attempts == []
    (line,) = lines
    assert line["failure"].startswith("SECRET_UNUSABLE: ")
    assert str(office.secret) in line["failure"]
    assert not content or content not in str(lines)


def test_the_secret_is_in_no_log_and_no_error(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    office.log(1, 2)
    with WebhookReceiver(office.files, 500) as receiver, capture_logs() as lines:
        delivery = office.delivery(receiver)
        delivery.deliver()
        office.clock.advance(MAX_PAUSE)
        delivery.deliver()
    assert receiver.types == ["alert.1", "alert.2"]
    written = office.secret.read_text().strip().removeprefix("whsec_")
    for text in (str(lines), caplog.text, str(office.store.newest("siem", 10)), str(office.terms(receiver))):
        assert written not in text
        assert SECRET.decode() not in text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "http://siem.example/told"}, "https://"),
        ({"url": "https://me:secret@siem.example/told"}, "no user"),
        ({"name": "SIEM"}, "name"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["everything"]}, "kinds"),
        ({"retries": 3}, "retries"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, wrong: dict[str, object], says: str) -> None:
    right: dict[str, object] = {"name": "siem", "url": "https://siem.example/told", "secret_file": tmp_path / "secret"}
    chosen = settings(tmp_path, notices={"webhooks": [right]})
    assert Section.of(chosen).notices.webhooks[0].kinds == frozenset(NoticeKind)
    with pytest.raises(ProgramError, match=says):
        settings(tmp_path, notices={"webhooks": [right | wrong]})
    with pytest.raises(ProgramError, match="twice"):
        settings(tmp_path, notices={"webhooks": [right, right]})


NOTICE_OF_ALERT = {
    *("sequence", "alert_id", "state", "version", "site", "counter", "camera_id", "direction", "last_seen_at"),
    *("subject_id", "order_ids"),
}


def test_each_event_of_an_alert_is_told_with_keys_only(office: Office) -> None:
    counter = Counter(office.database, office.clock, keys=office.keys.keyring)
    counter.list_subject()
    before = counter.raise_alert(passage="0", subject_id="S-1")
    collector = office.collector(NoticeKind.ALERTS)
    collector.collect()
    assert office.waiting() == [], "it is told from now on"
    officer = counter.hire("budi", PersonRole.OFFICER)
    alert = counter.raise_alert(passage="1", subject_id="S-1")
    assert alert != before
    counter.claim(alert, officer)
    collector.collect()
    collector.collect()
    assert office.waiting() == ["alert.raised", "alert.claimed"]
    body = office.store.waiting("siem", 1)[0].body
    assert json.loads(body)["data"].keys() == NOTICE_OF_ALERT
    assert f'"alert_id":"{alert}"' in body
    assert '"subject_id":"S-1"' in body
    assert '"counter":"D1"' in body
    subject = counter.watchlist.get_subject("S-1").subject
    for personal in (subject.name, subject.nik, "budi", officer.person.display_name):
        assert not personal or personal not in body


def test_an_alarm_is_told_when_it_begins_and_when_it_is_over(office: Office) -> None:
    alarms = AlarmStore(office.database)
    collector = office.collector(NoticeKind.TROUBLES)
    collector.collect()
    condition = AlarmCondition(AlarmKind.CAMERA_DOWN, "dep-1", "batam-center", "D1", {"since": "1"})
    alarms.write(AlarmChanges(begun=(condition,)), NOON)
    collector.collect()
    changed = AlarmCondition(AlarmKind.CAMERA_DOWN, "dep-1", "batam-center", "D1", {"since": "2"})
    alarms.write(AlarmChanges(changed=(changed,)), NOON)
    collector.collect()
    assert office.waiting() == ["trouble.open"]
    alarms.write(AlarmChanges(over=(condition.key,)), NOON)
    collector.collect()
    assert office.waiting() == ["trouble.open", "trouble.over"]
    assert '"about":"dep-1"' in office.store.waiting("siem", 1)[0].body


def test_each_checkpoint_is_told_once(office: Office) -> None:
    audit, key = AuditStore(office.database), SigningKey.load_or_create(office.folder / "audit_key.pem")
    audit.append(entry(1))
    collector = office.collector(NoticeKind.CHECKPOINTS)
    audit.add_checkpoint(key.sign(1, 1, "a" * 64, stamp(NOON)))
    collector.collect()
    for number in (2, 3):
        audit.append(entry(number))
        audit.add_checkpoint(key.sign(number, number, "b" * 64, stamp(NOON)))
        collector.collect()
        collector.collect()
    told = [json.loads(one.body)["data"]["number"] for one in office.store.waiting("siem", 10)]
    assert told == [1, 2, 3], "the one at the present end is told too: another server may sign there"


def test_what_waits_is_bounded_and_the_rest_comes_later(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MAX_WAITING", 5)
    monkeypatch.setattr(collecting, "PAGE", 2)
    alarms, collector = AlarmStore(office.database), office.collector(NoticeKind.TROUBLES)
    collector.collect()
    conditions = tuple(AlarmCondition(AlarmKind.CAMERA_DOWN, f"dep-{number}") for number in range(11))
    alarms.write(AlarmChanges(begun=conditions), NOON)
    collector.collect()
    assert len(office.waiting()) == 6
    told = []
    with WebhookReceiver(office.files) as receiver:
        for _ in range(3):
            office.delivery(receiver).deliver()
            collector.collect()
        told = [one["data"]["about"] for one in receiver.taken]
    assert told == [f"dep-{number}" for number in range(11)]
