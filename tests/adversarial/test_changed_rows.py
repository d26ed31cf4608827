"""Who can write the database by SQL, but has not its keys, is not obeyed: the list, the threshold and the model.

Each attack is made on a running server. Of people and sessions: `test_changed_people.py`.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.program.errors import ProgramError
from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.store import ModelChoice, ModelStore
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.v1 import alert_service_pb2, operations_pb2, operations_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.support.builders.keys import KEEPER, key_store
from tests.support.builders.watchlist import subject
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.server import (
    CaptureClient,
    engine,
    face,
    list_astronaut,
    order_in_force,
    running,
)
from tests.support.scenarios.sign_in import WAIT_S, becomes

TODAY = datetime.now(UTC).date()
ENDED = {"valid_from": TODAY - timedelta(days=90), "valid_until": TODAY - timedelta(days=30)}
FOLLOWED = (
    "UPDATE watchlist_state SET version = version + 1",
    "UPDATE watchlist_change SET version = (SELECT version FROM watchlist_state)",
)
"""Lets the server read all subjects again."""


def opened(chosen: ServerSettings) -> closing[Database]:
    """The database with its keys, as a command of the administrator's opens it."""
    database = Database(chosen.database_address)
    key_store(database, chosen.master_key_source)
    return closing(database)


def put(chosen: ServerSettings, ban: BanOrder) -> None:
    with opened(chosen) as database:
        assert database.guard is not None
        WatchlistStore(database, database.guard.keyring).put(subject(ban.subject_id, nationality="USA"), ban)


def set_threshold(chosen: ServerSettings, value: float) -> None:
    with opened(chosen) as database:
        ThresholdStore(database).set(value, engine().recogniser.model_version, entry(Action.THRESHOLD_SET))


def entry(action: Action) -> AuditEntry:
    return AuditEntry(datetime.now(UTC), KEEPER, action)


async def passing(channel: grpc.aio.Channel, outcome: str = "ACCEPTED") -> list[str]:
    """Let the listed person pass a camera; return as whom they are alerted, in all alerts so far."""
    assert (await (await CaptureClient.open(channel)).receipt(face()))[0] == outcome
    stub: Any = AlertServiceStub(channel)
    answer = await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())
    return [alert.subject.subject_id for alert in answer.alerts]


async def gallery(channel: grpc.aio.Channel) -> operations_pb2.GalleryStatus:
    stub: Any = OperationsServiceStub(channel)
    answer = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return answer.gallery  # type: ignore[no-any-return]


@pytest.mark.slow
async def test_a_face_alerts_as_whom_it_was_enrolled_for(chosen: ServerSettings, intruder: Intruder):
    list_astronaut(chosen)
    put(chosen, order_in_force(order_id="O-2", subject_id="S-2"))
    async with running(chosen) as server:
        for statement in ("UPDATE reference_face SET subject_id = 'S-2'", *FOLLOWED):
            intruder.run(statement)
        assert await passing(server.channel) == ["S-1"]
        for statement in ("UPDATE template SET subject_id = 'S-2'", *FOLLOWED):
            intruder.run(statement)

        async def is_blind() -> bool:
            return (await gallery(server.channel)).blind

        await becomes(is_blind)
        assert await passing(server.channel, "RETRY") == ["S-1"], "it alerts as nobody else"
    with pytest.raises(ProgramError, match="Nobody would be searched"):
        async with running(chosen):
            pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("held", "change"),
    [
        (ENDED, f"valid_until = '{TODAY + timedelta(days=30)}'"),
        ({"kind": OrderKind.TANGKAL}, "kind = 'CEGAH'"),
        ({"revoked_at": datetime.now(UTC)}, "revoked_at = ''"),
    ],
)
async def test_an_order_that_was_rewritten_never_alerts(
    chosen: ServerSettings, intruder: Intruder, held: dict[str, Any], change: str
):
    list_astronaut(chosen, order_in_force(**held), order_in_force(order_id="O-2", kind=OrderKind.TANGKAL))
    async with running(chosen) as server:
        for statement in (f"UPDATE ban_order SET {change} WHERE order_id = 'O-1'", *FOLLOWED):  # noqa: S608  # ours
            intruder.run(statement)
        assert await passing(server.channel) == []
    async with running(chosen) as server:
        assert await passing(server.channel) == []


@pytest.mark.slow
async def test_a_revocation_cannot_be_taken_back(chosen: ServerSettings, intruder: Intruder):
    list_astronaut(chosen, order_in_force(), order_in_force(order_id="O-2", kind=OrderKind.TANGKAL))
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        before = intruder.rows("ban_order")
        put(chosen, order_in_force(revoked_at=datetime.now(UTC)))
        assert await passing(server.channel) == []
        intruder.put_back("ban_order", before)
        assert await passing(server.channel) == []
        await watcher.until(lambda one: "ROWS_CHANGED ban_order" in one.kinds, WAIT_S)
    async with running(chosen) as server:
        assert await passing(server.channel) == [], "another start forgets nothing"


@pytest.mark.slow
async def test_a_threshold_that_was_written_by_hand_does_not_count(chosen: ServerSettings, intruder: Intruder):
    list_astronaut(chosen)
    set_threshold(chosen, 0.5)
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:

        async def stays(value: float) -> bool:
            await watcher.until(lambda one: "ROWS_CHANGED decision_threshold" in one.kinds, WAIT_S)
            return (await gallery(server.channel)).threshold == pytest.approx(value)

        before = intruder.rows("decision_threshold")
        intruder.run("UPDATE decision_threshold SET value = 0.79")
        assert await stays(0.5)
        set_threshold(chosen, 0.6)
        await watcher.until(lambda one: "ROWS_CHANGED decision_threshold" not in one.kinds, WAIT_S)
        intruder.put_back("decision_threshold", before)
        assert await stays(0.6)
        set_threshold(chosen, 0.55)
        await watcher.until(lambda one: "ROWS_CHANGED decision_threshold" not in one.kinds, WAIT_S)
        intruder.run("DELETE FROM decision_threshold")
        assert await stays(0.55)


@pytest.mark.slow
async def test_a_model_that_was_written_by_hand_is_not_used(chosen: ServerSettings, intruder: Intruder):
    list_astronaut(chosen)
    with opened(chosen) as database:
        here = ModelChoice(chosen.model_pack, engine().recogniser.model_version)
        ModelStore(database).switch(here, here, lambda _: entry(Action.GALLERY_SWITCHED))
    intruder.run("UPDATE gallery_state SET pack = 'weak', model_version = 'weak-00000000'")
    async with running(chosen) as server:
        assert await passing(server.channel) == ["S-1"], "it goes on with the settings' model"


@pytest.mark.slow
@pytest.mark.both_databases
async def test_an_alert_that_was_settled_by_hand_is_not_obeyed(chosen: ServerSettings, intruder: Intruder):
    list_astronaut(chosen)
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        assert await passing(server.channel) == ["S-1"]
        intruder.run("UPDATE alert SET state = 'CLEARED'")
        await watcher.until(lambda one: "ROWS_CHANGED alert" in one.kinds, WAIT_S)
        assert await passing(server.channel) == ["S-1"], "a further passage raises an alert that nobody has touched"
