"""A server with people who sign in on devices with certificates."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Link
from cekalwatch.server.auth.signing_in.passwords import Passwords
from cekalwatch.server.domain.people import Person
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import alert_service_pb2 as alerts
from cekalwatch.v1 import operations_service_pb2 as operations
from cekalwatch.v1 import session_pb2
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.operations_service_pb2_grpc import OperationsServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.builders.keys import key_store
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.second_person import beside
from tests.support.scenarios.server import LateClock, reason_of
from tests.support.scenarios.site_pki import Site

WAIT_S = 30


@dataclass
class Desk:
    """A device with its connection."""

    channel: grpc.aio.Channel

    # The generated stubs are typed for one kind of channel only.
    def sessions(self) -> Any:
        return SessionServiceStub(self.channel)

    async def sign_in(self, name: str = "budi", password: str = PASSWORD) -> str:
        proof = messages.PasswordProof(sign_in_name=name, password=password)
        answer = await self.sessions().SignIn(messages.SignInRequest(password=proof))
        return str(answer.token)

    async def countersign(self, name: str, token: str, request: Message) -> str:
        """Sign `name` in as the second person of that request, beside the session of `token`."""
        answer = await self.sessions().SignIn(beside(name, request), metadata=bearer(token))
        return str(answer.token)

    async def whoami(self, token: str) -> session_pb2.Session:
        answer = await self.sessions().GetSession(messages.GetSessionRequest(), metadata=bearer(token))
        return answer.session  # type: ignore[no-any-return]

    async def alerts(self, token: str) -> Any:
        stub: Any = AlertServiceStub(self.channel)
        return await stub.ListAlerts(alerts.ListAlertsRequest(), metadata=bearer(token))

    async def claim(self, token: str) -> Any:
        """A step on an alert that there is not."""
        stub: Any = AlertServiceStub(self.channel)
        request = alerts.ClaimAlertRequest(alert_id=str(uuid.uuid4()), agent_id="pc-1")
        return await stub.ClaimAlert(request, metadata=bearer(token))

    async def set_threshold(self, value: float | None, token: str, second: str) -> Any:
        stub: Any = OperationsServiceStub(self.channel)
        return await stub.SetThreshold(threshold_of(value), metadata=bearer(token, second))

    async def change(self, token: str, present: str, wanted: str) -> Any:
        request = messages.ChangePasswordRequest(present_password=present, new_password=wanted)
        return await self.sessions().ChangePassword(request, metadata=bearer(token))


def threshold_of(value: float | None) -> operations.SetThresholdRequest:
    return operations.SetThresholdRequest(threshold=value)


@dataclass
class Scene:
    """A server with its people, and devices to sign in on."""

    site: Site
    settings: ServerSettings
    clock: LateClock = field(default_factory=LateClock)
    address: str = ""

    def __post_init__(self) -> None:
        self.database = Database(self.settings.database_address)
        self.database.upgrade()
        key_store(self.database, self.settings.master_key_source)
        self.office = Office(self.database, passwords=Passwords())

    def hire(self, name: str, *roles: PersonRole, first: bool = False) -> Person:
        return self.office.hire(person(name, *roles), first=first).person

    @asynccontextmanager
    async def desk(self, name: str = "pc-1", role: DeviceRole = DeviceRole.NOTIFIER) -> AsyncIterator[Desk]:
        async with self.site.dialer(self.address, self.site.device(role, name)).aio_channel() as channel:
            yield Desk(channel)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Scene]:
        async with Server(self.settings, self.clock) as server:
            self.address = f"127.0.0.1:{server.port}"
            yield self

    def trail(self, *actions: Action) -> list[Link]:
        return self.office.trail(*actions)


async def refused(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value)


async def becomes(question: Callable[[], Awaitable[bool]], within_s: float = WAIT_S) -> None:
    """Ask until it is so: what the server does by itself, it tells nobody."""
    async with asyncio.timeout(within_s):
        while True:
            if await question():
                return
            await asyncio.sleep(0.05)
