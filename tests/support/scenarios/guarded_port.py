"""A real server with a dozen people whose bans are in force, everybody who works there, and every device of theirs.

It says after each call for whom no alert would come any more, by what the database has then.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import numpy as np

from cekalwatch.contract.values.capture_policy import CapturePolicy, SetPolicy
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.people import CONFIRMS, HANDLES_ALERTS, PersonRole
from cekalwatch.server.app import Server
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.domain.exercises import ExerciseSetting
from cekalwatch.server.domain.orders.agencies import KNOWN_AGENCIES
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.pki.device_admin import DevicePlaces
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.store import read_shift
from cekalwatch.server.storage.watchlist.record_store import NewRecord, NewReference
from cekalwatch.server.watchlist.amendments import _mark
from cekalwatch.server.wiring.storage import Context
from cekalwatch.v1 import alert_service_pb2 as alert_messages
from cekalwatch.v1 import session_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from cekalwatch.wire.tls import TlsFiles
from cekalwatch.wire.tokens import bearer
from tests.support.builders.watchlist import order, reference, subject
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.server import CaptureClient, engine, face, portrait
from tests.support.scenarios.site_pki import SITE, Site

WHO = {
    "adi": PersonRole.ADMINISTRATOR,
    "budi": PersonRole.OFFICER,
    "lina": PersonRole.LIST_MANAGER,
    "sari": PersonRole.SUPERVISOR,
    "umi": PersonRole.AUDITOR,
}
DEVICES = {
    DeviceRole.CONSOLE: "console-1",
    DeviceRole.NOTIFIER: "pc-1",
    DeviceRole.DIAGNOSTICS: "laptop",
    DeviceRole.SERVER: "main",
    DeviceRole.CAMERA: "dep-1",
    DeviceRole.PORT: "port-1",
}
PEOPLE = 12
URGENT_DAYS = 15
"""Fewer than the law gives an urgent order, however its days are counted."""
SHIFTS = ("07:00-15:00", "15:00-23:00")
PASSAGE_S = 10.0
"""An alert comes within this time."""
TEST = Actor(ActorKind.COMMAND, "test")


def in_force(number: int) -> tuple[Any, Any]:
    """A subject with an order in force; of the twelfth, two agencies ask urgently."""
    today = datetime.now(UTC).date()
    first = today - timedelta(days=5)
    key = f"S-{min(number, PEOPLE)}"
    facts: dict[str, Any] = {"valid_from": first, "valid_until": today + timedelta(days=60), "received_on": first}
    facts |= {"decree_date": first, "decree_number": f"KEP-{number}/2026"}
    nationality = "IDN"
    if number % 4 == 0:
        facts["kind"], nationality = OrderKind.TANGKAL, "MYS"
    if number % 5 == 0:
        facts["requesting_agency"] = "KPK"
    if number >= PEOPLE:
        facts |= {"urgent": True, "decree_date": None, "decree_number": "", "kind": OrderKind.CEGAH}
        facts["requesting_agency"] = "BNN" if number == PEOPLE else "KPK"
        facts["received_on"] = first + timedelta(days=number - PEOPLE)
        nationality = "IDN"
    who = subject(key, name=f"Contoh {key}", nationality=nationality, date_of_birth="1980-01-01")
    return who, order(f"O-{number}", subject_id=key, **facts)


def photograph(subject_id: str) -> NewReference:
    """One with a template that is like nobody else's; the first subject is whom `alerts_at_a_passage` shows."""
    if subject_id == "S-1":
        return portrait(1.0)
    drawn = np.random.default_rng(int(subject_id[2:])).normal(size=512)
    template = (drawn / np.linalg.norm(drawn)).astype(np.float32)
    version = engine().recogniser.model_version
    return reference(f"photograph of {subject_id}".encode(), template=template, model_version=version)


EXERCISES = ExerciseSetting(tuple(map(read_shift, SHIFTS)), 2)
ORDERS = [in_force(number) for number in range(1, PEOPLE + 2)]


@dataclass(frozen=True)
class Caller:
    """A person at a device; a device alone has no name."""

    device: DeviceRole
    name: str = ""


class GuardedPort:
    """The port, in this process; calls block."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.site = Site(folder)
        self.settings = self.site.settings()
        self.database = Database(self.settings.database_address)
        self._stack.callback(self.database.close)
        self.database.upgrade()
        self.database.begin()
        self.context = Context.open(self.settings, self.database, SystemClock(), TEST, self._stack)
        self.office = Office(self.database)
        self._hired = {name: self.office.hire(person(name, role)) for name, role in WHO.items()}
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(self._loop.call_soon_threadsafe, self._loop.stop)
        self._sound = self._looked_at = -1
        self._ringing: Any = None
        self._channels: dict[DeviceRole, grpc.Channel] = {}
        self._tokens: dict[Caller, str] = {}
        self._devices = DevicePlaces(self.settings.sites, self.settings.cameras)
        self.restore()
        self.server = Server(self.settings)
        self._do(self.server.__aenter__())
        self._stack.callback(lambda: self._do(self.server.__aexit__(None, None, None)))
        self.address = f"127.0.0.1:{self.server.port}"
        for device in DEVICES:
            self._files(device)
        self._restore_devices()

    def close(self) -> None:
        self._stack.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def _stores(self) -> Any:
        return self.context.stores

    def _entry(self, action: Action = Action.ROWS_ACCEPTED) -> AuditEntry:
        return AuditEntry(datetime.now(UTC), TEST, action)

    def restore(self) -> None:
        """Make everything as it was at first, as far as it has changed."""
        stores = self._stores
        if stores.watchlist.version() != self._sound:
            stores.agencies.replace(KNOWN_AGENCIES.known, self._entry())
            for key in stores.watchlist.held(stores.watchlist.changed_since(self._sound)):
                stores.watchlist.delete_subject(key, lambda _: self._entry())
            held = set(stores.watchlist.held([who.subject_id for who, _ in ORDERS]))
            missing = [(who, ban) for who, ban in ORDERS if who.subject_id not in held]
            for some in ([one for one in missing if one != ORDERS[-1]], [one for one in missing if one == ORDERS[-1]]):
                if some:
                    records = [NewRecord(who, ban, [photograph(who.subject_id)]) for who, ban in some]
                    stores.watchlist.put_all(records, lambda *_: None)
            self._sound = stores.watchlist.version()
        for camera, found in stores.camera_policies.all().items():
            if found.changes.figures:
                stores.camera_policies.set(
                    camera, SetPolicy(number=found.number + 1, set_at=datetime.now(UTC)), self._entry()
                )
        if stores.exercises.setting() != EXERCISES:
            stores.exercises.set(EXERCISES, self._entry())
        version = engine().pack.score_version
        if stores.thresholds.get(version) is not None:
            stores.thresholds.set(None, version, self._entry())
        self._restore_people()
        if self._channels:
            self._restore_devices()

    def _restore_devices(self) -> None:
        """Issue the certificates that were revoked, and let the officer's PC ring at all counters."""
        for device in DEVICES.keys() - self._admitted() - {DeviceRole.SERVER}:
            shutil.rmtree(self._files(device).folder)
            self._channels.pop(device, None)
            self._tokens = {who: token for who, token in self._tokens.items() if who.device is not device}
            self._files(device)
        if self._ringing is None or self._ringing.done():
            begun = threading.Event()
            self._ringing = asyncio.run_coroutine_threadsafe(self._ring(begun), self._loop)
            self._stack.callback(self._ringing.cancel)
            begun.wait(30)

    async def _ring(self, begun: threading.Event) -> None:
        async with self._dialer(DeviceRole.NOTIFIER).aio_channel() as channel:
            request = alert_messages.SubscribeAlertsRequest(agent_id=DEVICES[DeviceRole.NOTIFIER])
            events: Any = AlertServiceStub(channel)
            async for _ in events.SubscribeAlerts(request):
                begun.set()

    def _restore_people(self) -> None:
        people = self._stores.people
        for account in people.all():
            hired = self._hired.get(account.person.sign_in_name)
            if hired and (account.person, account.password.must_change) != (hired.person, False):
                people.change(hired.person, self._entry())
                people.set_password(hired.person.person_id, hired.password, self._entry())
        for name in WHO:
            people.forgive(name)

    def silenced(self) -> list[str]:
        """Say what no longer alerts as it did at first, and where, by what the database has."""
        stores, found = self._stores, list[str]()
        found += self._silenced_orders()
        usual = CapturePolicy()
        for camera, policy in stores.camera_policies.all().items():
            now_sent = policy.changes.applied_to(usual)
            if (
                now_sent.min_eye_distance_px > usual.min_eye_distance_px
                or now_sent.max_yaw_degrees < usual.max_yaw_degrees
                or now_sent.max_pitch_degrees < usual.max_pitch_degrees
                or now_sent.min_detector_score > usual.min_detector_score
                or now_sent.max_crops_per_track < usual.max_crops_per_track
            ):
                found.append(f"camera {camera}")
        setting = stores.exercises.setting()
        if len(setting.shifts) < len(SHIFTS) or setting.a_shift < 2:
            found.append("exercises")
        if stores.thresholds.get(engine().pack.score_version) is not None:
            found.append("threshold")
        found += {DeviceRole.CAMERA, DeviceRole.PORT, DeviceRole.NOTIFIER} - self._admitted()
        for needed in (HANDLES_ALERTS, CONFIRMS):
            if not any(one.person.roles & needed and not one.person.disabled for one in stores.people.all()):
                found.append(f"nobody is {' or '.join(needed)}")
        return found

    def newest_alert(self) -> tuple[str, int]:
        with self.database.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT alert_id, version FROM alert ORDER BY alert_id DESC LIMIT 1")
            return next(((str(key), int(version)) for key, version in found), ("", 0))

    def alerts_at_a_passage(self) -> bool:
        """Let the first subject pass the departure camera, and say whether that became an alert, or part of one."""
        before, until_s = self.newest_alert(), time.monotonic() + PASSAGE_S
        self._do(self._pass())
        while (found := self.newest_alert()) == before and time.monotonic() < until_s:
            pass
        return found != before

    async def _pass(self) -> None:
        async with self._dialer(DeviceRole.CAMERA).aio_channel() as channel:
            camera = await CaptureClient.open(channel, DEVICES[DeviceRole.CAMERA])
            await camera.receipt(face(track=str(uuid4())))
            camera.call.cancel()

    def _silenced_orders(self) -> list[str]:
        stores, found = self._stores, list[str]()
        version = stores.watchlist.version()
        if version == self._looked_at:
            return found
        self.context.law.follow()
        now = datetime.now(UTC)
        for who, ban in ORDERS:
            (file,) = stores.watchlist.get_subjects([who.subject_id]) or (None,)
            judged = self.context.checkpoints.judged(file, now, SITE) if file else ()
            own = next((one for one in judged if one.order.order_id == ban.order_id), None)
            if own is None or not own.in_force or own.order.kind is not ban.kind or own.last_day < self._last_day(ban):
                found.append(ban.order_id)
            elif file is None or not file.references:
                found.append(f"{ban.order_id} has no photograph")
        if not found:
            self._looked_at = version
        return found

    @staticmethod
    def _last_day(ban: Any) -> Any:
        """The last day of an order as it was at first; what is urgent ends before it says."""
        return ban.received_on + timedelta(days=URGENT_DAYS) if ban.urgent else ban.valid_until

    def _admitted(self) -> set[DeviceRole]:
        now = datetime.now(UTC)
        return {one.identity.role for one in self._devices.all(self.site.pki, now) if one.good_until(now)}

    def call(self, who: Caller, method: str, requests: list[Any], answer: Any) -> list[Any]:
        """Make a call; return its answers, and nothing where it was refused."""
        kind = "unary" if len(requests) == 1 else "stream"
        channel = self._channel(who.device)
        try:
            metadata = bearer(self._token(who)) if who.name else ()
            if kind == "unary":
                ask: Any = channel.unary_unary(method, response_deserializer=answer.FromString)
                return [ask(requests[0].SerializeToString(), metadata=metadata, timeout=20)]
            ask = channel.stream_stream(method, response_deserializer=answer.FromString)
            return list(ask((one.SerializeToString() for one in requests), metadata=metadata, timeout=20))
        except grpc.RpcError as error:
            self.last_refusal = error
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                self._tokens.pop(who, None)  # a session that was ended; the next call signs in again
            return []

    def _files(self, device: DeviceRole) -> TlsFiles:
        if device is DeviceRole.SERVER:
            return TlsFiles(self.site.folder / "tls")
        return self.site.device(device, DEVICES[device])

    def _channel(self, device: DeviceRole) -> grpc.Channel:
        if device not in self._channels:
            self._channels[device] = self._stack.enter_context(self._dialer(device).channel())
        return self._channels[device]

    def _dialer(self, device: DeviceRole) -> Dialer:
        return self.site.dialer(self.address, self._files(device))

    def _token(self, who: Caller) -> str:
        if who not in self._tokens:
            proof = messages.PasswordProof(sign_in_name=who.name, password=PASSWORD)
            ask: Any = self._channel(who.device).unary_unary(
                "/cekalwatch.v1.SessionService/SignIn", response_deserializer=messages.SignInResponse.FromString
            )
            request = messages.SignInRequest(password=proof)
            self._tokens[who] = ask(request.SerializeToString(), timeout=20).token
        return self._tokens[who]

    def mark_of_agency(self, code: str) -> str:
        return next((one.mark for one in self._stores.agencies.read().known if one.code == code), "")

    def mark_of_order(self, subject_id: str) -> str:
        files = self._stores.watchlist.orders_of([subject_id])
        keys = [one.order_id for one in files[0].orders] if files else []
        return _mark(self._stores.watchlist.content_of(keys))

    def number_of_policy(self, camera_id: str) -> int:
        found = self._stores.camera_policies.get(camera_id)
        return found.number if found else 0
