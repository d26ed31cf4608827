"""Somebody pulls the token with the server's keys out while it runs: travellers are recognised all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.audit.checkpoint_signer import EVERY_ENTRIES
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.wiring import audit
from cekalwatch.v1 import alert_service_pb2, alert_service_pb2_grpc
from tests.support.builders.audit import entry
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.tools.soft_token import SoftToken, soft_token


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftToken]:
    with soft_token(tmp_path / "token") as plugged_in:
        yield plugged_in


@pytest.fixture
def chosen(token: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServerSettings:
    """A server whose audit key and master key are in the token, and which looks often."""
    monkeypatch.setattr(audit, "SIGN_PERIOD_S", 0.2)
    return settings(
        tmp_path / "data",
        audit_key_from=token.uri("audit"),
        master_key_from=token.uri("master"),
        receipt_delay_seconds=0.02,
    )


class Trail:
    """The audit trail and the alarms in the server's database, as somebody beside it sees them."""

    def __init__(self, chosen: ServerSettings) -> None:
        database = Database(chosen.database_address)
        self._audit, self._alarms = AuditStore(database), AlarmStore(database)

    def grow(self) -> None:
        """Let a checkpoint be due."""
        self._audit.append(*map(entry, range(1, EVERY_ENTRIES + 1)))

    def signed(self) -> int:
        return max((one.sequence for one in self._audit.checkpoints()), default=0)

    def unsigned(self) -> list[StoredAlarm]:
        return [one for one in self._alarms.open() if one.condition.kind is AlarmKind.AUDIT_UNSIGNED]


@pytest.mark.slow
async def test_alerting_goes_on_signing_waits_and_is_an_alarm_until_the_token_is_back(
    token: SoftToken, chosen: ServerSettings
):
    list_astronaut(chosen)
    trail = Trail(chosen)

    async def is_unsigned() -> bool:
        return bool(trail.unsigned())

    async def is_signed() -> bool:
        return not trail.unsigned() and trail.signed() > EVERY_ENTRIES

    async with running(chosen) as server:
        token.pull_out()
        trail.grow()
        await becomes(is_unsigned)
        (alarm,) = trail.unsigned()
        assert alarm.condition.details == {"reason": "KEY_AWAY"}
        before = trail.signed()
        client = await CaptureClient.open(server.channel)
        assert (await client.receipt(face()))[0] == "ACCEPTED"

        async def has_alerted() -> bool:
            stub: Any = alert_service_pb2_grpc.AlertServiceStub(server.channel)
            return len((await stub.ListAlerts(alert_service_pb2.ListAlertsRequest())).alerts) == 1

        await becomes(has_alerted)
        assert trail.signed() == before
        token.plug_in()
        await becomes(is_signed)


@pytest.mark.slow
async def test_a_server_whose_token_is_out_stops_in_order_and_the_next_one_signs(
    token: SoftToken, chosen: ServerSettings
):
    async with running(chosen):
        token.pull_out()
        trail = Trail(chosen)
        trail.grow()
    token.plug_in()
    assert trail.signed() < EVERY_ENTRIES

    async def is_signed() -> bool:
        return trail.signed() > EVERY_ENTRIES

    async with running(chosen):
        await becomes(is_signed)
