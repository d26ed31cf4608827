"""A simulated gate over TLS, which is told what people and their policy say of the counter's alerts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.values.adjudication import UNDO_FOR, AlertState, Outcome, Reason
from cekalwatch.contract.values.alarms import AlarmKind, acknowledges
from cekalwatch.contract.values.gates import GO_LASTS, GatePolicy, GatePolicyError
from cekalwatch.contract.values.people import CONFIRMS, PersonRole
from cekalwatch.extensions.gates.alarms import GateAlarms
from cekalwatch.extensions.gates.store import GateStore
from cekalwatch.extensions.gates.teller import LASTS, SILENT_AFTER, TELL_EVERY, GateTeller, RecentAlerts
from cekalwatch.extensions.notices.domain import Notice, stamp
from cekalwatch.extensions.notices.settings import GateTerms
from cekalwatch.extensions.notices.webhook import Webhook, signature
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.storage.database import Database
from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.gate import GateLogic, Mode, NoticeError, SimulatedGate
from tests.contract.storage.alerts.test_exercises import Exercises
from tests.support.builders.alerts import ARRIVAL, NOON, capture, match
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.fakes.webhook_receiver import SECRET, write_secret
from tests.support.scenarios.adjudication import Counter
from tests.support.scenarios.server import settings
from tests.support.scenarios.two_models import until

pytestmark = pytest.mark.slow
HOLDS = GatePolicy(frozenset({AlertState.NEW, AlertState.CLAIMED, AlertState.REFERRED, AlertState.CONFIRMED}), 10)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> SimulatorCertificates:
    return SimulatorCertificates(tmp_path_factory.mktemp("gate") / "tls")


@dataclass
class Hall:
    """A counter with a gate, by one clock."""

    folder: Path
    certificates: SimulatorCertificates
    database: Database

    def __post_init__(self) -> None:
        self.clock = FixedClock(NOON)
        self.counter = Counter(self.database, self.clock)
        self.counter.list_subject()
        self.officer = self.counter.hire("ani", PersonRole.OFFICER)
        self.policies = GateStore(self.database)
        self.logic = GateLogic("d1", SECRET, lambda: self.clock.now().timestamp())
        self.gate = SimulatedGate(self.logic, self.certificates)
        self.secret = write_secret(self.folder / "gate.secret")

    def policy(self, policy: GatePolicy) -> None:
        entry = AuditEntry(self.clock.now(), Actor(ActorKind.COMMAND, "test"), Action.GATES_SET)
        self.policies.set(policy, entry)

    def teller(self, counter: str = "D1") -> GateTeller:
        terms = GateTerms("d1", "batam-center", counter, self.gate.url, self.secret, self.certificates.authority)
        return GateTeller(terms, self.policies.policy, RecentAlerts(self.counter.alerts, self.clock), self.clock)

    def go(self, teller: GateTeller, seconds: float = TELL_EVERY.total_seconds()) -> None:
        self.clock.moment += timedelta(seconds=seconds)
        teller.tell()


@pytest.fixture
def hall(tmp_path: Path, certificates: SimulatorCertificates) -> Iterator[Hall]:
    with closing(Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")) as database:
        database.upgrade()
        hall = Hall(tmp_path, certificates, database)
        with hall.gate:
            yield hall


def test_a_hit_holds_and_a_persons_judgement_lets_go(hall: Hall):
    hall.policy(HOLDS)
    teller = hall.teller()
    teller.tell()
    alert = hall.counter.raise_alert()
    hall.go(teller, 1)
    assert (hall.logic.history, hall.logic.mode) == (["none", "hold"], Mode.OFFICER)
    hall.counter.claim(alert, hall.officer)
    hall.counter.look(alert, hall.officer, Outcome.NOT_SAME_PERSON)
    hall.counter.judge(alert, hall.officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    hall.go(teller, 1)
    assert hall.logic.mode is Mode.OFFICER  # the judgement can be taken back for ten seconds
    hall.go(teller, UNDO_FOR.total_seconds())
    assert (hall.logic.history, hall.logic.mode) == (["none", "hold", "go"], Mode.OWN)
    hall.go(teller, GO_LASTS.total_seconds())
    assert hall.logic.history == ["none", "hold", "go", "none"]
    assert not hall.gate.refused


@pytest.mark.parametrize("later", [timedelta(hours=13), timedelta(days=3)])
def test_somebody_holds_whenever_their_alert_was_raised_and_however_many_came_since(hall: Hall, later: timedelta):
    hall.policy(HOLDS)
    teller = hall.teller()
    alert = hall.counter.raise_alert()
    hall.clock.moment += later
    assert hall.counter.raise_alert("2", window=timedelta(days=4)) == alert
    for number in range(210):
        seen = capture(camera=ARRIVAL, passage=str(number), at=hall.clock.now())
        hall.counter.alerts.record(match(seen, subject=f"S-{number}"), timedelta(0), hall.clock.now())
    hall.go(teller, 1)
    assert hall.logic.mode is Mode.OFFICER


def test_nobody_goes_by_a_judgement_that_can_still_be_undone_also_when_no_hold_is_left(hall: Hall):
    hall.policy(HOLDS)
    teller = hall.teller()
    alert = hall.counter.raise_alert()
    teller.tell()
    hall.go(teller, 601)
    hall.counter.claim(alert, hall.officer)
    hall.counter.look(alert, hall.officer, Outcome.NOT_SAME_PERSON)
    hall.counter.judge(alert, hall.officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
    hall.go(teller, 1)
    assert hall.logic.history == ["hold", "none"]
    hall.go(teller, UNDO_FOR.total_seconds())
    assert hall.logic.history == ["hold", "none", "go"]


def test_without_a_policy_and_at_other_counters_nothing_is_asked(hall: Hall):
    hall.counter.raise_alert()
    hall.teller().tell()
    hall.policy(HOLDS)
    hall.go(hall.teller("D2"))
    hall.policy(GatePolicy(frozenset({AlertState.CONFIRMED})))
    hall.go(hall.teller())
    assert hall.logic.history == ["none"]


def test_a_hold_ends_with_its_time_and_with_its_orders_and_that_is_no_go(hall: Hall):
    hall.policy(HOLDS)
    teller = hall.teller()
    alert = hall.counter.raise_alert()
    teller.tell()
    hall.go(teller, 599)
    assert hall.logic.history == ["hold"]
    hall.go(teller, 2)
    assert hall.logic.history == ["hold", "none"]
    assert hall.counter.alerts.get(alert).open
    other = hall.counter.raise_alert("2")
    hall.go(teller)
    assert hall.logic.mode is Mode.OFFICER
    hall.counter.watchlist.put(subject(), order(revoked_at=hall.clock.now()), [])
    hall.counter.order_watch.look()
    hall.go(teller)
    assert hall.logic.history == ["hold", "none", "hold", "none"]
    assert hall.counter.alerts.get(other).open


def test_an_exercise_asks_nothing_of_a_gate(hall: Hall):
    hall.policy(HOLDS)
    alert = hall.counter.alerts.get(Exercises(hall.counter).raised())
    assert (alert.exercise_id is not None, alert.state, alert.place.counter) == (True, AlertState.NEW, "D1")
    hall.teller().tell()
    assert hall.logic.history == ["none"]


def test_a_gate_that_is_dead_is_an_alarm_and_is_told_the_present_state_when_it_comes_back(hall: Hall):
    hall.policy(HOLDS)
    teller = hall.teller()
    rule = GateAlarms([teller])
    teller.tell()
    hall.gate.__exit__()
    hall.counter.raise_alert()
    steps = 0
    while not rule.look().conditions:
        hall.go(teller)
        steps += 1
        assert steps <= SILENT_AFTER / TELL_EVERY
    (found,) = rule.look().conditions
    assert (found.kind, found.about, found.counter) == (AlarmKind.GATE_AWAY, "d1", "D1")
    assert found.details["reason"].startswith("UNREACHABLE")
    assert acknowledges(AlarmKind.GATE_AWAY) == CONFIRMS
    with hall.gate:
        hall.go(teller, 1)  # at the next look: what failed is not put off
        hall.go(teller)
        assert hall.logic.history == ["none", "hold"]
        assert not rule.look().conditions
    hall.gate.__enter__()


def test_our_silence_neither_opens_nor_holds(hall: Hall):
    hall.policy(HOLDS)
    teller = hall.teller()
    hall.counter.raise_alert()
    teller.tell()
    assert hall.logic.informed
    hall.clock.moment += LASTS
    assert not hall.logic.informed
    assert hall.logic.mode is Mode.OFFICER  # it does not open by itself …
    hall.logic.officer_opens()
    assert hall.logic.mode is Mode.OWN  # … and is not held for ever


def told(asks: str, seconds: float = 0, gate: str = "d1", secret: bytes = SECRET) -> tuple[str, str, str, bytes]:
    """A notice as somebody may have recorded or made it."""
    at = NOON + timedelta(seconds=seconds)
    data = {"gate": gate, "site": "batam-center", "counter": "D1", "asks": asks, "until": stamp(at + LASTS)}
    body, sent = Notice("x", "gate.state", at, data).body(), int(at.timestamp())
    return "msg", str(sent), signature(secret, "msg", sent, body), body.encode()


def test_a_gate_obeys_nobody_else_and_nothing_old():
    logic = GateLogic("d1", SECRET, NOON.timestamp)
    go, hold = told("go"), told("hold", 1)
    logic.hear(*go)
    logic.hear(*hold)
    forged = (*hold[:3], hold[3].replace(b"hold", b"go"))
    mac = hmac.digest(b"x" * 32, b"msg", hashlib.sha256)
    for wrong in (
        go,  # again
        forged,
        told("go", 2, secret=b"another secret, of 32 bytes even"),
        told("go", 2, gate="d2"),
        told("open", 2),
        told("go", 400),
        ("msg", go[1], "v1," + base64.b64encode(mac).decode(), go[3]),
        ("", "", "", b"[]"),
    ):
        with pytest.raises(NoticeError):
            logic.hear(*wrong)
    assert (logic.mode, logic.history) == (Mode.OFFICER, ["go", "hold"])


def test_notices_name_no_traveller_and_no_subject(hall: Hall, monkeypatch: pytest.MonkeyPatch):
    sent: list[dict[str, Any]] = []
    send = Webhook.send

    def listens(self: Webhook, key: str, body: str, now: datetime) -> None:
        sent.append(json.loads(body))
        send(self, key, body, now)

    monkeypatch.setattr(Webhook, "send", listens)
    hall.policy(HOLDS)
    hall.counter.raise_alert()
    hall.teller().tell()
    (one,) = sent
    assert one["type"] == "gate.state"
    assert set(one["data"]) == {"gate", "site", "counter", "asks", "until"}


def test_a_policy_binds_no_state_in_which_nobody_has_to_look():
    for wrong in (AlertState.CLEARED, AlertState.CLOSED):
        with pytest.raises(GatePolicyError):
            GatePolicy(frozenset({wrong}))
    for minutes in (0, 61):
        with pytest.raises(GatePolicyError):
            GatePolicy(frozenset({AlertState.NEW}), minutes)


async def test_a_running_server_tells_its_gates(tmp_path: Path, certificates: SimulatorCertificates):
    logic = GateLogic("d1", SECRET)
    secret = write_secret(tmp_path / "gate.secret")
    with SimulatedGate(logic, certificates) as gate:
        told_gate = {"name": "d1", "site": "batam-center", "counter": "D1", "url": gate.url, "secret_file": secret}
        with_gate = {"gates": [told_gate | {"authorities": certificates.authority}]}
        async with Server(settings(tmp_path / "data", notices=with_gate)):
            await until(lambda: logic.informed)
    assert (logic.history, gate.refused) == (["none"], [])
