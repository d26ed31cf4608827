"""The product in one process: a server's parts as the server puts them together, cameras, and officers' PCs.

Time is the test's. What the server does regularly is done when it is told to; the network is a `Line`.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uuid6

from cekalwatch.contract.codec.captures import TO_CAMERA
from cekalwatch.contract.values.captures import ExerciseRequest
from cekalwatch.contract.values.orders import OrderKind, RevocationGround
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.subjects import Subject, TravelDocument
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.cluster.peers import WholePresence
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.domain.exercises import Exercise, ExerciseEnd, ExerciseSubject
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law_table import SHIPPED
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.grpc_api.servicers.faces import Thumbnails
from cekalwatch.server.recognition.engine_in_use import EngineInUse
from cekalwatch.server.recognition.photographs import decode_photograph
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.trail import AuditTrail
from cekalwatch.server.storage.cluster.change_notifier import ChangeNotifier
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.session_store import SessionStore
from cekalwatch.server.storage.people.store import Account, KeptPassword
from cekalwatch.server.storage.watchlist.record_store import NewReference
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.wiring.alerts import init_alerts
from cekalwatch.server.wiring.capture import init_capture
from cekalwatch.server.wiring.events import init_events
from cekalwatch.server.wiring.gallery import RecognitionParts, init_gallery
from cekalwatch.server.wiring.storage import Context
from cekalwatch.v1 import capture_pb2, capture_service_pb2
from cekalwatch.v1.capture_service_pb2_grpc import CaptureServiceStub
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.integration.rules.faces import SUBJECTS, THRESHOLD, engine, jpeg, message, photograph, reference
from tests.integration.rules.line import Exchange, Line
from tests.integration.rules.values import CITIZENS, WIB, Order, person_of
from tests.support.builders.watchlist import FixedClock, figures, subject
from tests.support.scenarios.people import begin_session, person
from tests.support.tools.packs import light_pack

WITH_THE_LIST = {"follow_gallery"}
"""Jobs that follow the watchlist: they are done at once when it changes, and like the others as time passes."""
AT_ONCE = {"follow_pcs", "escalate", "follow_exercises", "look_at_orders"}
"""Jobs that watch alerts."""
SOON = {"forget_passages"}
"""Jobs that the rules take as done whenever time has passed, although they come a little later."""
ELSEWHERE = {"count_field_days", "count_scores", "learn_threshold", "make_templates", "follow_camera_policies"}
ELSEWHERE |= {"send_exercises"}
"""Jobs that have no part in these rules; exercises are sent in a step of their own."""
MYSELF = Actor(ActorKind.SERVER, "rules")
FIRST_DAY = FixedClock().now().astimezone(WIB).date()
RUN = "019ab3c4-0000-7000-8000-000000000001"
"""All captures are of one run of their camera's client, so that tracks go on when it connects again."""

SITES = ("batam-center", "sekupang")
CAMERAS = (
    {"camera_id": "dep-1", "site": "batam-center", "counter": "D1", "direction": "DEPARTURE"},
    {"camera_id": "dep-2", "site": "batam-center", "counter": "D2", "direction": "DEPARTURE"},
    {"camera_id": "arr-1", "site": "batam-center", "counter": "A1", "direction": "ARRIVAL"},
    {"camera_id": "sek-1", "site": "sekupang", "counter": "D1", "direction": "DEPARTURE"},
)
PEOPLE = {
    "budi": ("batam-center", PersonRole.OFFICER),
    "ani": ("batam-center", PersonRole.OFFICER),
    "siti": ("batam-center", PersonRole.SUPERVISOR),
    "tono": ("sekupang", PersonRole.OFFICER),
}


def settings(folder: Path) -> ServerSettings:
    """The server's settings; time limits are its own, but for what would wait in real time."""
    chosen = ServerSettings.load(
        None,
        listen="127.0.0.1:0",
        data_dir=folder,
        models_dir=light_pack().parent,
        model_pack="light",
        threads=1,
        sites=[{"site": site} for site in SITES],
        cameras=CAMERAS,
        threshold=THRESHOLD,
        heartbeat_period_seconds=300,
        keep_alive_period_seconds=0.001,
    )
    # Shorter than an office may have it: here nobody measures how long a receipt takes.
    return chosen.model_copy(update={"receipt_delay_seconds": 0.004})


DECIDED = dict.fromkeys(SUBJECTS, FIRST_DAY) | {SUBJECTS[0]: FIRST_DAY - timedelta(days=40)}
"""When it was: one of them so long ago that a shorter term ends the order."""
LISTED = tuple(
    Order(f"O-{number}", one, "CEGAH", decided, FIRST_DAY + timedelta(days=30), decided, decree=decided)
    for number, (one, decided) in enumerate(DECIDED.items(), 1)
)
"""Each person has an order when a day begins."""

COLLEAGUES = ("stranger 0", "look-alike of one")
"""Looks of staff who agreed to be exercises; one of them resembles a listed person."""


def ban_order(one: Order) -> BanOrder:
    """Return an order as a source states it."""
    return BanOrder(
        order_id=one.key,
        subject_id=one.subject,
        kind=OrderKind(one.kind),
        requesting_agency=one.agency,
        valid_from=one.first,
        valid_until=one.last,
        received_on=one.received,
        decree_number="KEP-1/2026" if one.decree else "",
        decree_date=one.decree,
        urgent=one.urgent,
        extends_order_id=one.extends,
        revoked_at=one.revoked_at,
        revocation_ground=RevocationGround(one.ground) if one.ground else None,
        withdrawn_at=one.withdrawn_at,
    )


def listed_person(key: str) -> Subject:
    """Return who is listed under a key: two keys of one person have the same passport."""
    person = person_of(key)
    passport = TravelDocument("PASSPORT", f"K{person[-1]}234567", "SGP")
    citizen = person in CITIZENS
    return subject(key, name=key, nationality="IDN" if citizen else "SGP", travel_documents=(passport,))


def put(watchlist: WatchlistStore, one: Order, photograph: int = 1) -> None:
    """Put an order on the watchlist, with its subject and one of their photographs, by number."""
    ban = ban_order(one)
    photo = f"photograph {photograph} of {ban.subject_id}".encode()
    face = NewReference(
        photo=photo,
        face_jpeg=b"face on " + photo,
        figures=figures(),
        warnings=(),
        model_version=engine().recogniser.model_version,
        template=reference(ban.subject_id),
    )
    watchlist.put(listed_person(ban.subject_id), ban, [face])


class Machine:
    """A server's computer, for all the days of this process: people, keys and statements are made ready once."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=fast_folder()))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        data = self.folder / "server"
        self.settings = settings(data)
        # One for all servers of all days: a database's statements are compiled once.
        self.database = Database(self.settings.database_address)
        self.database.upgrade()
        self.people = {name: person(name, role, sites=(site,)) for name, (site, role) in PEOPLE.items()}
        with ExitStack() as stack:
            context = Context.open(self.settings, self.database, FixedClock(), MYSELF, stack)
            for who in self.people.values():
                entry = AuditEntry(FixedClock().now(), MYSELF, Action.PERSON_ADDED)
                context.stores.people.add(Account(who, KeptPassword(None, must_change=False)), entry)
                begin_session(SessionStore(self.database), who, "pc", FixedClock().now())
            for ban in LISTED:
                put(context.stores.watchlist, ban)
            for name in COLLEAGUES:
                until = FixedClock().now() + timedelta(days=300)
                agreed = ExerciseSubject(name, "Sari Dewi", "W.12/34", until, 1)
                entry = AuditEntry(FixedClock().now(), MYSELF, Action.EXERCISE_SUBJECT_ADDED)
                context.stores.exercises.add_subject(agreed, [photograph(name), jpeg(name)], entry)
        self._watch = sqlite3.connect(self.database.name, isolation_level=None)
        self._prepared = sqlite3.connect(":memory:")
        self._watch.backup(self._prepared)
        self._files = {path: path.read_bytes() for path in data.rglob("*") if self._is_other(path)}

    def _is_other(self, path: Path) -> bool:
        """Whether it is a file that is not the database's."""
        return path.is_file() and not path.name.startswith(Path(self.database.name).name)

    def restore(self) -> None:
        """Bring everything back to what a day begins with."""
        for path in list(self.folder.rglob("*")):
            if self._is_other(path) and path not in self._files:
                path.unlink()
        for path, content in self._files.items():
            path.write_bytes(content)
        self._prepared.backup(self._watch)
        self.database.purge_journal()

    def state(self) -> tuple[int, int]:
        """Return the counts of the watchlist's changes and of the alerts' events."""
        query = "SELECT (SELECT version FROM watchlist_state), (SELECT max(sequence) FROM alert_event)"
        listed, happened = self._watch.execute(query).fetchone()
        return listed, happened or 0


@cache
def machine() -> Machine:
    """Return the computer of this process."""
    return Machine()


def fast_folder() -> Path | None:
    """A folder in memory where there is one: nothing here is about power failures."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of its own is made in it
    return memory if memory.is_dir() else None


@dataclass
class Office:
    """The server and what connects to it; `folder` has all that they write."""

    clock: FixedClock

    def __post_init__(self) -> None:
        self.machine = machine()
        self.machine.restore()
        self.folder, self.settings, self.people = self.machine.folder, self.machine.settings, self.machine.people
        self.exchange = Exchange(frozenset(SITES), dict(self.people))
        self.ahead = {one["camera_id"]: timedelta() for one in CAMERAS}
        """By how much each camera's clock is ahead."""
        self.start()

    def start(self) -> None:
        """Start the server, and let the cameras connect."""
        self._listed = -1
        self.exchange.begin()
        self.exchange.run(self._open())
        self.cameras = {one["camera_id"]: self._camera(one["camera_id"], one["site"]) for one in CAMERAS}

    def _camera(self, camera_id: str, site: str) -> CameraLine:
        return CameraLine(self.exchange, camera_id, site, lambda: self.clock.now() + self.ahead[camera_id])

    def set_camera_clock(self, camera_id: str, ahead: timedelta) -> None:
        """Set a camera's clock wrong, or right; its client starts again."""
        self.cameras[camera_id].close()
        self.ahead[camera_id] = ahead
        (site,) = (one["site"] for one in CAMERAS if one["camera_id"] == camera_id)
        self.cameras[camera_id] = self._camera(camera_id, site)

    def stop(self) -> None:
        """Stop the server."""
        for camera in self.cameras.values():
            camera.close()
        self.exchange.end()
        self._stack.close()

    async def _open(self) -> None:
        self._stack = stack = ExitStack()
        database = self.machine.database
        context = Context.open(self.settings, database, self.clock, MYSELF, stack)
        self.stores = context.stores
        trail = AuditTrail(context.stores.audit, self.clock)
        stack.callback(trail.close)
        presence = Presence(self.clock)
        terms = TermsReader(context.stores.watchlist, context.checkpoints)
        search = init_gallery(context, RecognitionParts(EngineInUse(engine(), 1, decode_photograph), terms))
        there = Attendance(
            self.settings.cameras, lambda: WholePresence((), {}, {}, watched=presence.agents), self.clock
        )
        events = init_events(context, ChangeNotifier(database))
        captures = init_capture(context, search, events, presence)
        small = Thumbnails(captures.crops.thumbnail)
        alerts = init_alerts(
            context, search, events, presence, trail, there, lambda _: False, lambda _: Readiness(), small
        )
        self._signed_out = alerts.signed_out
        self._fanout, self._snapshots = events.fanout, search.snapshots
        self._jobs = (*search.jobs, *captures.jobs, *events.jobs, *alerts.jobs)
        self._watching = asyncio.create_task(LOOPS.keep("probe_database", captures.health.write_expected))
        served = (*alerts.served, *captures.served)
        self.exchange.methods.update((one.call.path, one.method) for one in served)

    def work(self, passed: timedelta | None = None, *, all_of_it: bool = True) -> None:
        """Do what the server does regularly, all that is due after the time that `passed`; let its streams know.

        Not `all_of_it`: only what follows alerts, since more time passes in this step.
        """
        listed = self.machine.state()[0]
        for job in self._jobs:
            if passed is None:
                due = job.name in AT_ONCE or (job.name in WITH_THE_LIST and listed != self._listed)
            else:
                soon = job.period_s <= passed.total_seconds() or job.name in SOON
                due = soon and job.name not in ELSEWHERE and (all_of_it or job.name in AT_ONCE)
            if due:
                job.work()
        self._listed = listed
        self.exchange.run(self._fanout.catch_up())

    def put(self, ban: Order, photograph: int = 1) -> None:
        """Put an order on the watchlist, with its subject and one of their photographs, by number."""
        put(self.stores.watchlist, ban, photograph)

    def signs_out(self, name: str, pc: str) -> None:
        """Somebody signs out at a PC; at others they stay signed in."""
        self._signed_out(self.people[name], MYSELF, pc)

    def set_disabled(self, name: str, *, disabled: bool) -> None:
        """Disable somebody's account, or enable it again and let them sign in: for the day, as everybody is here."""
        who, now = replace(self.people[name], disabled=disabled), self.clock.now()
        self.stores.people.change(who, AuditEntry(now, MYSELF, Action.PERSON_CHANGED))
        if disabled:
            del self.exchange.people[name]
        else:
            begin_session(SessionStore(self.machine.database), who, "pc", FixedClock().now())
            self.exchange.people[name] = who

    def add_law(self, holds_from: date, term_months: int) -> None:
        """Add a row of the law for CEGAH orders, or replace that of its day."""
        (present,) = (row for row in SHIPPED.rows if row.kind is OrderKind.CEGAH and row.suspects_only)
        row = replace(present, holds_from=holds_from, term_months=term_months, extension_months=term_months)
        self.stores.law.add(row, AuditEntry(self.clock.now(), MYSELF, Action.LAW_ROW_ADDED))

    def searched(self) -> set[str]:
        """Return the keys of those who are in the gallery."""
        return {key.decode() for key in self._snapshots.current.gallery.keys().tolist()}  # no mapping

    def exercise_is_sent(self, camera: str, colleague: str) -> ExerciseRequest | None:
        """Plan an exercise for now; return what the camera gets of it. None: the server sends none."""
        store, now = self.stores.exercises, self.clock.now()
        (place,) = (one for one in self.settings.cameras if one.camera_id == camera)
        planned = Exercise(uuid6.uuid7(), colleague, camera, place.site, place.counter, now)
        store.plan([planned], now)
        self._sends_exercises()
        if next(one for one in store.under_way() if one.exercise_id == planned.exercise_id).sent_at:
            return self.cameras[camera].exercise()
        store.end(planned.exercise_id, ExerciseEnd.WITHDRAWN, MYSELF, now)
        return None

    def exercise_is_played(self, camera: str, request: ExerciseRequest, look: str, capture_id: str) -> str:
        """Let a camera send the crop of an exercise, and say so; return what the receipt says."""
        face = message(look, capture_id, capture_id.replace("-8000-", "-9000-"), 0.5)
        face.jpeg, face.exercise_token = request.jpegs[0], request.token
        receipt = self.cameras[camera].send(face, self.clock.now() + self.ahead[camera])
        self.cameras[camera].played(request)
        self._sends_exercises()
        return receipt

    def _sends_exercises(self) -> None:
        next(job for job in self._jobs if job.name == "send_exercises").work()
        self.exchange.run(asyncio.sleep(0))

    def passes(self, camera: str, look: str, track: str, capture_id: str, at: datetime, quality: float) -> str:
        """Send a capture of a traveller, taken `at` that moment; return what the receipt says."""
        return self.cameras[camera].send(message(look, capture_id, track, quality), at + self.ahead[camera])


class CameraLine:
    """A camera client's stream. Its runs are one run: it goes on with its tracks when it connects again."""

    def __init__(self, exchange: Exchange, camera_id: str, site: str, now: Callable[[], datetime]) -> None:
        """`now` is the camera's own clock."""
        self._now = now
        self._requests: asyncio.Queue[Any] = asyncio.Queue()
        line: Any = Line(exchange, Identity(DeviceRole.CAMERA, site, camera_id))
        self._stream = CaptureServiceStub(line).StreamFaces(self._sent())
        hello = capture_service_pb2.Hello(camera_id=camera_id, client_version="rules", run_id=RUN, detector="light")
        hello.plays_exercises = True
        self._write(hello=hello)
        assert self._stream.read().WhichOneof("message") == "welcome"

    def send(self, face: capture_pb2.FaceCapture, at: datetime) -> str:
        """Send a capture, and return its receipt's outcome, with the reason where there is one."""
        face.capture_time.FromDatetime(at)
        self._write(face=face)
        while not (receipts := self._stream.read().receipts.receipts):
            pass  # credits come before
        (receipt,) = receipts
        assert receipt.capture_id == face.capture_id
        return " ".join(filter(None, (capture_pb2.CaptureOutcome.Name(receipt.outcome), receipt.reason)))

    def exercise(self) -> ExerciseRequest:
        """Read the exercise that was sent."""
        while not isinstance(told := TO_CAMERA.read(self._stream.read()), ExerciseRequest):
            pass
        return told

    def played(self, request: ExerciseRequest) -> None:
        """Say that an exercise was played; nobody answers."""
        self._write(exercise_played=capture_service_pb2.ExercisePlayed(token=request.token, crops=1))

    def close(self) -> None:
        """End the stream."""
        self._stream.cancel()

    def _write(self, **message: Any) -> None:
        request = capture_service_pb2.StreamFacesRequest(**message)
        request.client_time.FromDatetime(self._now())
        self._requests.put_nowait(request)

    async def _sent(self) -> AsyncIterator[Any]:
        while True:
            yield await self._requests.get()
