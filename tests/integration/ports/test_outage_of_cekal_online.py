"""Cekal Online is away for three days: what two ports confirm meanwhile is owed, and nothing is left unreconciled.

The ports' stores, steps and escalations, the centre's store and the simulated application are real; the clock is set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import UUID

import pytest

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Clearing, Reason
from cekalwatch.contract.values.alerts import AlertFilter, AlertSearch
from cekalwatch.contract.values.federation import LogStart, StartReason
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.domain.ports import Port, PortReport
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.store import PortStore
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.web import Simulator
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import keyring
from tests.support.builders.ports import HARBOUR_BAY, SEKUPANG, contradicted
from tests.support.builders.watchlist import FixedClock, order, subject
from tests.support.fakes.simulated_application import simulated
from tests.support.scenarios.adjudication import Counter, contact

pytestmark = pytest.mark.slow

HOURS = 72
HITS_EVERY_H = 12
GONE_EVERY = 3
"""Of the orders of hits, every so many has left Cekal Online by the end of the outage."""


@dataclass
class BusyPort:
    """A port that confirms hits while Cekal Online is away, and reports to the centre."""

    port: Port
    counter: Counter
    cekal_online: Simulator
    centre: PortStore
    hits: dict[UUID, str] = field(default_factory=dict)
    """The hits of the outage, each with the key of its order."""
    reported: int = 0

    def __post_init__(self) -> None:
        self.budi = self.counter.hire("budi", PersonRole.OFFICER)
        self.siti = self.counter.hire("siti", PersonRole.SUPERVISOR)
        self.centre.start(self.port, LogStart(0, StartReason.FIRST), NOON)

    def hit(self, number: int) -> None:
        """A listed person comes, and an officer refers them. The supervisor looks them up, if that can be done."""
        order_id, subject_id = f"C-{number}", f"S-{number}"
        self.counter.watchlist.put(subject(subject_id), order(order_id, subject_id=subject_id), [])
        alert_id = self.counter.raise_alert(str(number), subject_id)
        self.counter.claim(alert_id, self.budi)
        self.counter.judge(alert_id, self.budi)
        assert self.look_up(order_id) is None
        self.counter.confirm_provisionally(alert_id, self.siti)
        version = self.counter.version(alert_id)
        self.counter.adjudicator.follow_up(alert_id, self.siti, contact(self.siti), version)
        self.hits[alert_id] = order_id

    def look_up(self, order_id: str) -> str | None:
        """The reference number; empty where it is not listed, None where nobody answers."""
        try:
            with urlopen(f"{self.cekal_online.origin}/lookup/{order_id}", timeout=10) as answer:  # noqa: S310
                return str(json.load(answer)["reference"])
        except HTTPError as error:
            return "" if error.code == 404 else None
        except (OSError, HTTPException):
            return None

    def owed(self) -> list[UUID]:
        """What the supervisor's screen lists, oldest first."""
        found = self.counter.alerts.list_alerts(AlertFilter(), None, 1000, AlertSearch(reference_owed=True))
        return [one.alert_id for one in reversed(found)]

    def settle(self, alert_id: UUID) -> None:
        """Enter the reference of a hit, or take it back; then close it."""
        reference, version = self.look_up(self.hits[alert_id]), self.counter.version(alert_id)
        if reference:
            self.counter.adjudicator.enter_reference(alert_id, self.siti, reference, "", version)
        else:
            self.counter.clear(alert_id, self.siti, Reason.NOT_LISTED_IN_CEKAL_ONLINE)
        self.counter.adjudicator.close(alert_id, self.budi, self.counter.version(alert_id))

    def work(self) -> None:
        """Do what the server does by itself, and report."""
        self.counter.escalator.escalate()
        people = {str(self.budi.person.person_id): "Budi", str(self.siti.person.person_id): "Siti"}
        reports = []
        for event in self.counter.alerts.events_after(self.reported, 1000):
            reports.append(PortReport(self.reported, event, self.counter.alerts.get(event.alert_id), people))
            self.reported = event.sequence
        if reports:
            self.centre.record(self.port, reports, self.counter.clock.now(), contradicted)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def ports(tmp_path: Path, clock: FixedClock) -> Iterator[tuple[BusyPort, BusyPort]]:
    with ExitStack() as opened:

        def database(name: str) -> Database:
            made = Database(f"sqlite:///{tmp_path / name / 'test.sqlite3'}")
            opened.callback(made.close)
            made.upgrade()
            return made

        centre = database("centre")
        store = PortStore(centre, keyring(centre))
        cekal_online = opened.enter_context(simulated(2 * HOURS // HITS_EVERY_H))
        cekal_online.faults.set([SimulatedFault.OUTAGE])
        one, other = (
            BusyPort(port, Counter(database(port.site), clock), cekal_online, store) for port in (SEKUPANG, HARBOUR_BAY)
        )
        yield one, other


def test_three_days_without_cekal_online_leave_nothing_unreconciled(
    ports: tuple[BusyPort, BusyPort], clock: FixedClock
) -> None:
    numbers = iter(range(1, 2 * HOURS // HITS_EVERY_H + 1))
    for hour in range(HOURS):
        for port in ports:
            if hour % HITS_EVERY_H == 0:
                port.hit(next(numbers))
            port.work()
            assert port.owed() == list(port.hits), "each is listed, oldest first"
        clock.advance(timedelta(hours=1))
    for port in ports:
        port.work()
        first = port.counter.alerts.get(next(iter(port.hits))).handling
        assert first.reference_owed_since == NOON
        assert first.escalations >= HOURS - 1, "it is announced each hour"
        told = {one.alert.alert_id: one.alert for one in port.centre.alerts(port.port.site, None, 1000)}
        assert {key for key, one in told.items() if one.handling.reference_owed_since} == set(port.hits)

    cekal_online = ports[0].cekal_online
    gone = {order_id for port in ports for order_id in list(port.hits.values())[::GONE_EVERY]}
    for order_id in gone:
        cekal_online.book.remove(order_id)
    cekal_online.faults.set()
    for port in ports:
        for alert_id in port.owed():
            port.settle(alert_id)
        port.work()
        assert port.owed() == []
        told = {one.alert.alert_id: one.alert for one in port.centre.alerts(port.port.site, None, 1000)}
        for alert_id, order_id in port.hits.items():
            after = port.counter.alerts.get(alert_id)
            shown = port.counter.details.get(alert_id).whole
            assert (after.state, shown.hit) == (AlertState.CLOSED, order_id not in gone)
            assert bool(after.handling.reference) == (order_id not in gone)
            assert shown.handling.clearing == (Clearing.NOT_LISTED if order_id in gone else None)
            ends = {AlertEventType.TAKEN_BACK, AlertEventType.REFERENCE_ENTERED} & set(port.counter.events(alert_id))
            assert len(ends) == 1
            assert told[alert_id].handling.findings == after.handling.findings, "the centre knows it too"
        entries = port.counter.trail(Action.ALERT_TAKEN_BACK, Action.ALERT_REFERENCE_ENTERED)
        assert len(entries) == len(port.hits)
    before = [port.reported for port in ports]
    clock.advance(timedelta(days=1))
    for port in ports:
        port.work()
    assert [port.reported for port in ports] == before, "nothing waits any more"
