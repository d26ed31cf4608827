"""A subscriber that never reads costs others nothing: it delays nobody, and takes no more than its connection holds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.adjudication import AlertEventType
from cekalwatch.contract.values.people import CONFIRMS, HANDLES_ALERTS
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.server.alerts.details import AlertDetailsReader
from cekalwatch.server.alerts.fanout import Acknowledgements, DetailedEvent, Fanout, WaitingAlerts, Wants
from cekalwatch.server.alerts.unusable_notices import UnusableNotices
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.auth.certificate import LoopbackAuthentication
from cekalwatch.server.auth.refusals import RefusalLog
from cekalwatch.server.auth.sessions import DevicesOfRole
from cekalwatch.server.auth.sign_in_terms import SessionTerms
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.grpc_api.authentication import AuthenticationInterceptor
from cekalwatch.server.grpc_api.errors import CatalogueErrors
from cekalwatch.server.grpc_api.served import add_to
from cekalwatch.server.grpc_api.servicers.alerts import AlertCalls
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.alerts.tables import AlertEventRow
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail import AuditTrail, DeliveryTrail
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.freshness import FreshnessGauge
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc
from cekalwatch.wire.options import CLIENT_OPTIONS, SERVER_OPTIONS
from tests.support.builders.alerts import DEPARTURE, NOON, match
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import WIB, order, subject
from tests.support.scenarios import adjudication
from tests.support.scenarios.people import Office

PADDING = "x" * 16_000
EVENTS = 1500
"""More than the fan-out keeps in memory, and more than fits a connection."""
STEP = 100
NAMES = ("deaf-1", "deaf-2", "keen")
FIRST = 1
"""The sequence of the event that raises the alert."""


class CountingFanout(Fanout):
    """Counts the events that each subscription took; the filter's counter names it, and filters nothing."""

    def __init__(self, store: AlertStore, details: AlertDetailsReader) -> None:
        super().__init__(store, details)
        self.taken: Counter[str] = Counter()

    async def follow(self, after: int, wants: Wants, quiet_s: float) -> AsyncGenerator[DetailedEvent | None, None]:
        """As the real one."""
        first = (await asyncio.to_thread(self._read, 0)).found[0].details.alert
        (name,) = (
            name for name in NAMES if wants(replace(first, cameras=frozenset({replace(DEPARTURE, counter=name)})))
        )
        async with aclosing(super().follow(after, lambda _: True, quiet_s)) as events:
            async for item in events:
                self.taken[name] += item is not None
                yield item


class AlertLog:
    """The alert service alone, in front of a real log of many events."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'test.sqlite3'}")
        self.database.upgrade()
        keys = keyring(self.database)
        store, watchlist = AlertStore(self.database, keys), WatchlistStore(self.database, keys)
        watchlist.put(subject(), order(reason=PADDING), [])
        checkpoints = Checkpoints(Law(), {"batam-center": WIB})
        clock = SystemClock()
        counter = adjudication.Counter(self.database, clock)
        details = counter.details
        freshness = FreshnessGauge(watchlist, TermsReader(watchlist, checkpoints), clock, timedelta(hours=24))
        self.acknowledgements = Acknowledgements(store, clock)
        self.fanout = CountingFanout(store, details)
        self.trail = AuditTrail(AuditStore(self.database), clock)
        self.deliveries = DeliveryTrail(AuditStore(self.database), clock, Actor(ActorKind.SERVER, "test"))
        sessions = SessionStore(self.database)
        self.calls = AlertCalls(
            self.fanout,
            self.acknowledgements,
            details,
            DevicesOfRole(sessions, SessionTerms(), clock, CONFIRMS),
            DevicesOfRole(sessions, SessionTerms(), clock, HANDLES_ALERTS),
            freshness,
            Presence(clock),
            self.trail,
            self.deliveries,
            clock,
            3600,
            WaitingAlerts(store, self.fanout),
            [replace(DEPARTURE, counter=name) for name in NAMES],
            lambda _: Readiness(),
            UnusableNotices(FieldStore(self.database), (), clock, 60),
            Thumbnails(lambda jpeg: jpeg),
        )
        first = store.record(match(), timedelta(0), NOON)
        assert first is not None
        self._first = first

    def grow(self, count: int) -> None:
        """Write so many events of one alert."""
        with self.database.session() as session:
            for _ in range(count):
                session.add(
                    AlertEventRow(
                        type=AlertEventType.SIGHTED,
                        occurred_at=NOON,
                        alert_id=str(self._first.alert_id),
                        capture_id=str(self._first.capture_id),
                    )
                )
            session.commit()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[str]:
        """Serve it, and give its address."""
        # However long the others take on a busy machine, the deaf ones are there until the end.
        patience_s = 600.0
        access = AuthenticationInterceptor(LoopbackAuthentication(), Office(self.database).attendance, patience_s)
        errors = CatalogueErrors(RefusalLog(SystemClock()))
        server = grpc.aio.server(interceptors=[access, errors], options=SERVER_OPTIONS)
        add_to(server, self.calls.served())
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        yield f"127.0.0.1:{port}"
        await server.stop(None)
        self.trail.close()
        self.deliveries.close()
        self.acknowledgements.close()
        self.fanout.close()
        self.database.close()


def subscribe(channel: grpc.aio.Channel, name: str) -> Any:
    request = alert_service_pb2.SubscribeAlertsRequest(
        agent_id=name, filter=alert_service_pb2.AlertFilter(counters=[name])
    )
    request.from_start.SetInParent()
    return alert_service_pb2_grpc.AlertServiceStub(channel).SubscribeAlerts(request)


@pytest.mark.slow
async def test_a_subscriber_that_never_reads_delays_nobody_and_takes_no_more_than_fits_its_connection(tmp_path: Path):
    log = AlertLog(tmp_path)
    apart = (*CLIENT_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
    async with (
        log.served() as address,
        grpc.aio.insecure_channel(address, options=apart) as deaf,
        grpc.aio.insecure_channel(address, options=apart) as keen,
    ):
        calls = [subscribe(channel, name) for channel, name in zip((deaf, deaf, keen), NAMES, strict=True)]
        for call in calls:
            assert (await call.read()).HasField("subscribed")
        size = 0
        async with asyncio.timeout(60):
            for start in range(0, EVENTS, STEP):
                log.grow(STEP if start else STEP - FIRST)
                await log.fanout.catch_up()
                for number in range(start, start + STEP):
                    message = await calls[-1].read()
                    assert message.event.sequence == FIRST + number
                    size = message.ByteSize()
        assert log.fanout.taken["keen"] == EVENTS
        for name in ("deaf-1", "deaf-2"):
            # gRPC's window of 4 MB, and what is under way to it.
            assert log.fanout.taken[name] * size < 6_000_000 < EVENTS * size / 3
        # It may listen yet: what has left the memory meanwhile is in the log.
        for number in range(2 * log.fanout.taken["deaf-2"]):
            assert (await calls[1].read()).event.sequence == FIRST + number
