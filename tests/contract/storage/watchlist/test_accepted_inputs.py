"""Whatever an import or a camera's capture is accepted with can be listed, read and told afterwards, on every database.

One accepted value that cannot be told would hide all that stands beside it from the officers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy
import uuid6
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cekalwatch.contract.codec.captures import FACE
from cekalwatch.contract.codec.imports import RECORD_REPORT
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.subjects import MAX_ORDERS, MAX_REFERENCES
from cekalwatch.contract.values.watchlist import EnrolmentWarning, ImportOutcome, WatchlistFilter
from cekalwatch.server.alerts.details import AlertDetailsReader, AlertOrders
from cekalwatch.server.alerts.fanout import DetailedEvent
from cekalwatch.server.capture.candidates import OrdersInForce
from cekalwatch.server.capture.session import placed
from cekalwatch.server.domain.alerts.alert import MAX_SIGHTINGS
from cekalwatch.server.domain.alerts.grouping import MAX_CANDIDATES
from cekalwatch.server.domain.alerts.match import Candidate, Match
from cekalwatch.server.domain.captures import CameraClock, Rejected
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.order_terms import TermsReader
from cekalwatch.server.grpc_api import alert_answers, alert_requests
from cekalwatch.server.grpc_api.servicers.watchlist import subjects as subject_messages
from cekalwatch.server.grpc_api.servicers.watchlist.import_call import record_begun
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.alerts.store import MAX_AGENTS, AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.browser import WatchlistReader
from cekalwatch.server.watchlist.imports.import_run import ImportRun
from cekalwatch.server.watchlist.imports.importer import WatchlistImporter
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph, build_order, build_subject
from cekalwatch.server.watchlist.imports.upload import RecordAssembly
from cekalwatch.server.watchlist.subject_search import SubjectSearch
from cekalwatch.v1 import capture_pb2, watchlist_service_pb2
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_MESSAGE_BYTES
from tests.support.builders.alerts import DEPARTURE, NOON, capture, face, match
from tests.support.builders.audit import OFFICER
from tests.support.builders.keys import keyring
from tests.support.builders.messages import RECORD, RUN, SENT, ValidValues, nearly_valid
from tests.support.builders.watchlist import MODEL, WIB, FixedClock, alone, order, reference, subject
from tests.support.scenarios.server import engine
from tests.support.tools.importing import enrolling_threads, import_one

MANY = examples(
    max_examples=40,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,  # what was accepted stays, beside what comes
        HealthCheck.filter_too_much,
    ],
)
ACCEPTED: ValidValues = dict(RECORD) | {
    "revoked_time": [Timestamp(seconds=10**9)],
    "valid_from": ["2026-01-01"],
    "valid_until": ["2026-06-30", "9999-12-31"],
}
CHECKPOINTS = Checkpoints(Law(), {"batam-center": WIB})
WIDE = "\U00020000"
"""A letter of four bytes, the most that one can have."""


class Desk:
    """Reads everything, as the servicers do."""

    def __init__(self, database: Database) -> None:
        keys = keyring(database)
        self.watchlist, self.alerts = WatchlistStore(database, keys), AlertStore(database, keys)
        self.clock = FixedClock()
        search = SubjectSearch(self.watchlist, CHECKPOINTS, "batam-center", lambda: engine().recogniser.model_version)
        self.reader = WatchlistReader(self.watchlist, AuditStore(database), CHECKPOINTS, "batam-center", search)
        orders = AlertOrders(self.watchlist, CHECKPOINTS)
        self.details = AlertDetailsReader(self.alerts, self.watchlist, PeopleStore(database), orders, self.clock)
        importer = WatchlistImporter(
            self.watchlist,
            Enroller(engine().detector, engine().recogniser),
            self.clock,
            WIB,
            CHECKPOINTS.law,
            alone(engine().recogniser.model_version, engine().recogniser.size),
        )
        self.run = ImportRun(importer, self.watchlist, AuditStore(database), self.clock, OFFICER, enrolling_threads())

    def listed_subjects(self) -> list[watchlist_service_pb2.SubjectEntry]:
        """List all subjects, page by page."""
        found: list[watchlist_service_pb2.SubjectEntry] = []
        after = ""
        while True:
            page = subject_messages.subject_page(self.reader.page(WatchlistFilter(), self.clock.now(), after, 100))
            told(page)
            found += page.subjects
            if not page.next_page_token:
                return found
            after = subject_messages.subject_page_token(page.next_page_token)

    def get(self, entry: watchlist_service_pb2.SubjectEntry) -> None:
        """Get a subject that was listed."""
        key = subject_messages.subject_key(entry.subject.subject_id)
        assert self.watchlist.get_subject(key).subject.name == entry.subject.name

    def subjects(self) -> list[watchlist_service_pb2.SubjectEntry]:
        """List all subjects, and get each."""
        found = self.listed_subjects()
        for entry in found:
            self.get(entry)
        return found

    def listed_alerts(self) -> list[UUID]:
        """List all alerts, page by page."""
        found: list[UUID] = []
        before = None
        while True:
            alerts = self.details.page(AlertFilter(), before, 100)
            page = alert_answers.alert_page(alerts, 100, ())
            told(page)
            found += [UUID(alert.alert_id) for alert in page.alerts]
            if not page.next_page_token:
                return found
            before = alert_requests.alert_page_token(page.next_page_token)

    def tell(self, alert_id: UUID) -> None:
        """Tell an alert with its pictures."""
        told(alert_answers.alert_with_images(self.details.get(alert_id).whole, self.details.pictures(alert_id)))

    def tell_events(self, after: int) -> None:
        """Tell each event since."""
        for event in self.alerts.events_after(after, 1000):
            told(alert_answers.event_message(DetailedEvent(event, self.details.get(event.alert_id))))

    def alert_ids(self) -> list[UUID]:
        """List all alerts, tell each with its pictures, and tell each event."""
        found = self.listed_alerts()
        for key in found:
            self.tell(key)
        self.tell_events(0)
        return found


def told(message: object) -> None:
    assert len(message.SerializeToString()) <= MAX_MESSAGE_BYTES  # type: ignore[attr-defined]  # any message


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.mark.slow
@pytest.mark.both_databases
def test_any_record_that_is_accepted_can_be_listed_and_read(desk: Desk) -> None:
    accepted: set[str] = set()
    stored: list[str] = []

    @given(nearly_valid(watchlist_service_pb2.ImportRecord, ACCEPTED))
    @MANY
    def each(message: watchlist_service_pb2.ImportRecord) -> None:
        message.order.subject_id = message.subject.subject_id
        begun = record_begun(message)
        if isinstance(begun, RecordAssembly):
            report = import_one(desk.run, begun.record())
            accepted.add(report.subject_id)
            stored.append(report.order_id)
        else:
            report = desk.run.refused(begun)
        told(RECORD_REPORT.write(report))
        listed = {entry.subject.subject_id: entry for entry in desk.listed_subjects()}
        assert listed.keys() == accepted
        if report.subject_id in accepted:
            desk.get(listed[report.subject_id])
        assert {file.subject.subject_id for file in desk.watchlist.orders_of(accepted)} == accepted
        late = datetime(9999, 1, 1, tzinfo=UTC)
        OrdersInForce(desk.watchlist, CHECKPOINTS).of(accepted, DEPARTURE, late)
        TermsReader(desk.watchlist, CHECKPOINTS).read().active(late)

    each()
    assert len(stored) > 5
    assert {entry.subject.subject_id for entry in desk.subjects()} == accepted


@pytest.mark.slow
@pytest.mark.both_databases
def test_any_capture_that_is_accepted_makes_an_alert_that_can_be_listed_and_read(desk: Desk) -> None:
    desk.watchlist.put(subject(), order())
    alerted: set[UUID] = set()

    @given(nearly_valid(capture_pb2.FaceCapture, SENT), st.booleans())
    @MANY
    def each(message: capture_pb2.FaceCapture, new: bool) -> None:
        if new:
            message.capture_id = str(uuid6.uuid7())
        try:
            probe = placed(FACE.read(message, Reading.STRICT), DEPARTURE, RUN, CameraClock(), NOON)
        except Refused:
            return
        if isinstance(probe, Rejected):
            return
        found = replace(match(probe), model_version=MODEL)
        event = desk.alerts.record(found, timedelta(minutes=10), desk.clock.now())
        if event:
            alerted.add(event.alert_id)
            desk.tell(event.alert_id)
            desk.tell_events(event.sequence - 1)
        assert set(desk.listed_alerts()) == alerted

    each()
    assert alerted
    assert set(desk.alert_ids()) == alerted


def longest_subject(key: str) -> ImportRecord:
    texts = {name: WIDE * most for name, most in {"place_of_birth": 100, "address": 500, "occupation": 100}.items()}
    person = build_subject(
        subject_id=longest_key(key),
        name=WIDE * 200,
        aliases=[WIDE * 200] * 20,
        sex="F",
        date_of_birth="1980-01-01",
        nationality="IDN",
        nik="1" * 16,
        travel_documents=[(WIDE * 40, WIDE * 40, "IDN")] * 10,
        **texts,
    )
    return ImportRecord(person, longest_order(person.subject_id, f"{key}-0"))


def longest_key(key: str) -> str:
    return key + WIDE * (64 - len(key))


def longest_order(subject_id: str, key: str) -> BanOrder:
    return build_order(
        order_id=longest_key(key),
        subject_id=subject_id,
        kind="TANGKAL",
        requesting_agency=WIDE * 200,
        valid_from="2026-01-01",
        valid_until="9999-12-31",
        received_on="2026-01-01",
        reason=WIDE * 1000,
        decree_number=WIDE * 100,
        decree_date="2026-01-01",
        urgent=True,
        extends_order_id=longest_key("another"),
        revoked_at=datetime(2026, 5, 1, tzinfo=UTC),
    )


def fill(desk: Desk, key: str) -> str:
    """Put as much on the watchlist as it takes of one subject; return the subject's key."""
    record = longest_subject(key)
    subject_id = record.subject.subject_id
    for number in range(MAX_ORDERS):
        ban = longest_order(subject_id, f"{key}-{number}")
        assert import_one(desk.run, ImportRecord(record.subject, ban)).reason is None
    faces = [
        reference(f"{key} {number}".encode(), warnings=tuple(EnrolmentWarning), face_jpeg=b"x" * 60_000)
        for number in range(MAX_REFERENCES)
    ]
    desk.watchlist.put(record.subject, record.order, faces)
    return subject_id


@pytest.mark.slow
def test_subjects_of_whom_as_much_is_held_as_can_be_are_listed_and_read(desk: Desk) -> None:
    keys = [fill(desk, f"S{number}") for number in range(3)]
    assert sorted(entry.subject.subject_id for entry in desk.subjects()) == sorted(keys)
    entry = watchlist_service_pb2.GetSubjectResponse(subject=desk.subjects()[0])
    face = entry.subject.references[0].reference_id
    subject_messages.add_picture(entry, face, b"x" * 60_000)
    told(entry)


def test_more_orders_or_photographs_than_can_be_told_are_refused_with_a_reason(desk: Desk) -> None:
    key = fill(desk, "S")
    record = longest_subject("S")
    version = desk.watchlist.version()
    one_more = import_one(desk.run, ImportRecord(record.subject, longest_order(key, "one-more")))
    assert (one_more.outcome, one_more.reason) == (ImportOutcome.REFUSED, Code.SUBJECT_FULL)
    assert desk.watchlist.version() == version
    again = import_one(desk.run, ImportRecord(record.subject, record.order, (Photograph("new", b"a new one"),)))
    assert (again.outcome, again.photos[0].reason) == (ImportOutcome.UNCHANGED, Code.SUBJECT_FULL)


@pytest.mark.slow
def test_alerts_about_them_are_listed_read_and_told(desk: Desk) -> None:
    keys = [fill(desk, f"S{number}") for number in range(2)]
    camera = Camera("d" * 64, "s" * 64, WIDE * 64, Direction.DEPARTURE)
    others = tuple(Candidate(longest_key(f"other-{number}"), 0.5) for number in range(MAX_CANDIDATES - 2))
    for place, key in enumerate(keys):
        orders = tuple(longest_key(f"{key[:2]}-{number}") for number in range(MAX_ORDERS))
        for _ in range(MAX_SIGHTINGS + 1):
            probe = capture(camera=camera, passage=key, jpeg=b"x" * MAX_CROP_BYTES)
            near = (Candidate(key, 0.7, order_ids=orders), Candidate(keys[1 - place], 0.6, order_ids=orders), *others)
            found = Match(
                capture=probe,
                probe_jpeg=probe.jpeg,
                candidates=near,
                fused_crops=20,
                threshold=0.45,
                model_version=MODEL,
                template=face(float(place)),
            )
            assert desk.alerts.record(found, timedelta(minutes=10), NOON) is not None
    assert len(desk.alert_ids()) == 2
    assert all(len(desk.details.get(alert).whole.orders) == MAX_ORDERS for alert in desk.alert_ids())


@pytest.mark.slow
@pytest.mark.both_databases
def test_agents_whose_positions_are_kept_are_bounded(desk: Desk) -> None:
    desk.alerts.record(match(), timedelta(minutes=10), NOON)
    known = [(f"agent-{number}", 1) for number in range(MAX_AGENTS)]
    assert desk.alerts.acknowledge(known, NOON) == [1] * MAX_AGENTS
    refused, kept = desk.alerts.acknowledge([("one-more", 1), ("agent-7", 1)], NOON)
    assert isinstance(refused, CekalwatchError)
    assert refused.code is Code.TOO_MANY_AGENTS
    assert kept == 1
    assert len(desk.alerts.positions()) == MAX_AGENTS


def test_a_damaged_subject_does_not_end_the_list(desk: Desk, database: Database) -> None:
    for number in range(1, 6):
        desk.watchlist.put(subject(f"S-{number}"), order(f"O-{number}", subject_id=f"S-{number}"))
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE subject SET facts = substr(facts, 2) WHERE subject_id = 'S-2'"))
    assert [file.subject.subject_id for file in desk.watchlist.list_subjects("", 2)] == ["S-1", "S-3"]
