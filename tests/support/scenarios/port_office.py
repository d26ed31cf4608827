"""A port's office: a real server with certificates, people who sign in at their PCs, and a traveller who is listed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Link
from cekalwatch.server.domain.people import Person
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.v1 import alert_pb2, session_service_pb2
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.server import CaptureClient, LateClock, face, list_astronaut, reason_of
from tests.support.scenarios.site_pki import SITE, Site

WAIT_S = 30.0


@dataclass
class Seat:
    """A person who has signed in at a PC."""

    channel: grpc.aio.Channel
    agent_id: str
    token: str = ""

    @property
    def alerts(self) -> Any:
        # The generated stubs are typed for one kind of channel only.
        return AlertServiceStub(self.channel)

    async def call(self, name: str, **fields: Any) -> Any:
        """Call a method of AlertService as the person."""
        request = getattr(messages, f"{name}Request")(**fields)
        return await getattr(self.alerts, name)(request, metadata=bearer(self.token), timeout=WAIT_S)

    async def refusal(self, name: str, **fields: Any) -> str:
        """Call a method that is refused, and return the catalogue's code."""
        return reason_of(await self.error(name, **fields))

    async def error(self, name: str, **fields: Any) -> grpc.aio.AioRpcError:
        """Call a method that is refused."""
        try:
            await self.call(name, **fields)
        except grpc.aio.AioRpcError as error:
            return error
        raise AssertionError(f"{name} was not refused")

    async def claim(self, alert_id: str) -> alert_pb2.Alert:
        return await self._alert("ClaimAlert", alert_id=alert_id, agent_id=self.agent_id)

    async def look(
        self, alert: alert_pb2.Alert, finding: words.Outcome.ValueType = words.OUTCOME_REFERRED
    ) -> alert_pb2.Alert:
        """Record a first look at the faces of an alert."""
        return await self._alert("RecordLook", **seen(alert), agent_id=self.agent_id, finding=finding)

    async def judge(
        self,
        alert: alert_pb2.Alert,
        outcome: words.Outcome.ValueType = words.OUTCOME_REFERRED,
        reason: words.Reason.ValueType = words.REASON_FACE_AGREES,
        note: str = "",
    ) -> alert_pb2.Alert:
        return await self._alert(
            "AdjudicateAlert",
            alert_id=alert.alert_id,
            agent_id=self.agent_id,
            version=alert.version,
            outcome=outcome,
            reason=reason,
            note=note,
        )

    async def confirm(self, alert: alert_pb2.Alert, reference: str = "CO-2026/0117") -> alert_pb2.Alert:
        return await self._alert("ConfirmAlert", **seen(alert), cekal_online_reference=reference)

    async def follow_up(self, alert: alert_pb2.Alert, **fields: Any) -> alert_pb2.Alert:
        usual: dict[str, Any] = {"agency": "Kejaksaan Agung", "contact": "duty desk", "result": "two officers come"}
        contact = words.FollowUp(**usual | fields)
        contact.contact_time.FromDatetime(datetime.now(UTC))
        return await self._alert("RecordFollowUp", **seen(alert), follow_up=contact)

    async def close(self, alert: alert_pb2.Alert) -> alert_pb2.Alert:
        return await self._alert("CloseAlert", **seen(alert))

    async def get(self, alert_id: str) -> alert_pb2.Alert:
        return await self._alert("GetAlert", alert_id=alert_id)

    async def _alert(self, name: str, **fields: Any) -> alert_pb2.Alert:
        answer = await self.call(name, **fields)
        return answer.alert  # type: ignore[no-any-return]

    def subscribe(self, *, named: bool = False, **fields: Any) -> Any:
        """Open the agent's event stream, which needs nobody; `named`: as the person, so that it names people."""
        request = messages.SubscribeAlertsRequest(agent_id=self.agent_id, **fields)
        return self.alerts.SubscribeAlerts(request, metadata=bearer(self.token if named else ""))


@dataclass
class PortOffice:
    """The office; `people` are those who were hired, by name."""

    site: Site
    settings: ServerSettings
    clock: LateClock = field(default_factory=LateClock)
    people: dict[str, Person] = field(default_factory=dict)
    address: str = ""

    def __post_init__(self) -> None:
        list_astronaut(self.settings)
        self.database = Database(self.settings.database_address)
        self._office = Office(self.database)
        self._seats = AsyncExitStack()

    def hire(self, name: str, *roles: PersonRole, first: bool = False, sites: tuple[str, ...] = (SITE,)) -> Person:
        """Add a person, an officer unless `roles` are given; `first`: with a password that must be changed."""
        self.people[name] = self._office.hire(person(name, *roles, sites=sites), first=first).person
        return self.people[name]

    def change(self, name: str, **changes: Any) -> None:
        """Change a person as an administrator does."""
        entry = self._office.entry(Action.PERSON_CHANGED)
        self._office.people.change(replace(self.people[name], **changes), entry)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PortOffice]:
        """Serve, with an officer at each of two PCs and a supervisor at a third still to sign in."""
        async with Server(self.settings, self.clock) as server, self._seats:
            self.address = f"127.0.0.1:{server.port}"
            yield self
        self.database.close()

    async def pc(self, name: str, site: str = "") -> Seat:
        """Return a PC at which nobody has signed in, of the office's site unless `site` names another."""
        files = self.site.device(DeviceRole.NOTIFIER, name, site)
        channel = await self._seats.enter_async_context(self.site.dialer(self.address, files).aio_channel())
        return Seat(channel, name)

    async def sign_in(self, name: str, pc: str = "") -> Seat:
        """Sign a person in at a PC, of their own unless `pc` names one."""
        seat = await self.pc(pc or f"pc-{name}")
        seat.token = await sign_in(seat.channel, name)
        return seat

    async def raise_alert(self, track: str = "1") -> str:
        """Let the listed person pass the departure camera, and return the newest alert's key."""
        files = self.site.device(DeviceRole.CAMERA, "dep-1")
        async with self.site.dialer(self.address, files).aio_channel() as channel:
            camera = await CaptureClient.open(channel)
            assert (await camera.receipt(face(track=track)))[0] == "ACCEPTED"
            camera.call.cancel()
        database = Database(self.settings.database_address)
        with database.engine.connect() as connection:
            newest = connection.exec_driver_sql("SELECT max(alert_id) FROM alert").scalar_one()
        database.close()
        return str(newest)

    def trail(self, *actions: Action) -> list[Link]:
        return self._office.trail(*actions)


def port_office(
    folder: Path, people: Mapping[str, Sequence[PersonRole]], clock: LateClock | None = None, **settings: Any
) -> PortOffice:
    """Set an office up in `folder`, not opened yet: with `people` by name, officers where they have no roles."""
    site = Site(folder)
    found = PortOffice(site, site.settings(**settings), clock or LateClock())
    for name, roles in people.items():
        found.hire(name, *roles)
    return found


async def sign_in(channel: grpc.aio.Channel, name: str) -> str:
    """Sign a person in, and return the token."""
    stub: Any = SessionServiceStub(channel)
    proof = session_service_pb2.PasswordProof(sign_in_name=name, password=PASSWORD)
    answer = await stub.SignIn(session_service_pb2.SignInRequest(password=proof), timeout=WAIT_S)
    return str(answer.token)


def seen(alert: alert_pb2.Alert) -> dict[str, Any]:
    """The fields of a step that say which alert, and what of it was seen."""
    return {"alert_id": alert.alert_id, "version": alert.version}


def told(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """Return the metadata of an error's ErrorInfo."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    return dict(info.metadata)


async def events_until(call: Any, done: Callable[[alert_pb2.AlertEvent], bool]) -> list[alert_pb2.AlertEvent]:
    """Read a subscription up to the event that satisfies `done`; what is no event is left out."""
    found: list[alert_pb2.AlertEvent] = []
    while not found or not done(found[-1]):
        message = await call.read()
        if message.HasField("event"):
            found.append(message.event)
    return found
