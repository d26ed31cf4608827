"""Importing records with the real engine into a real database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from queue import Queue

import cv2
import numpy as np
import pytest
import sqlalchemy

from cekalwatch.contract.values.imports import RecordReport
from cekalwatch.contract.values.orders import OrderFlag, OrderKind, OrderRule, OrderStatus
from cekalwatch.contract.values.watchlist import ImportOutcome, PhotoOutcome
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.imports.import_run import MAX_TOGETHER, SPARE, ImportRun
from cekalwatch.server.watchlist.imports.importer import PreparedRecord, WatchlistImporter
from cekalwatch.server.watchlist.imports.records import ImportRecord, Photograph
from cekalwatch.wire.bounds import MAX_PHOTO_BYTES
from tests.support.builders.audit import OFFICER
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut, encoded, group, wall
from tests.support.builders.watchlist import WIB, FixedClock, alone, order, subject
from tests.support.scenarios.server import engine
from tests.support.tools.importing import enrolling_threads, import_one
from tests.support.tools.stored_templates import stored_templates

PORTRAIT = Photograph("portrait.jpg", encoded(astronaut()))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def importer(database: Database, store: WatchlistStore, clock: FixedClock) -> ImportRun:
    enroller = Enroller(engine().detector, engine().recogniser)
    lookalikes = alone(engine().recogniser.model_version, engine().recogniser.size)
    one = WatchlistImporter(store, enroller, clock, WIB, Law(), lookalikes)
    return ImportRun(one, store, AuditStore(database), clock, OFFICER, enrolling_threads())


def test_a_record_is_stored_with_its_face(database: Database, importer: ImportRun, store: WatchlistStore) -> None:
    report = import_one(importer, ImportRecord(subject(), order(), (PORTRAIT,)))
    assert (report.order_id, report.subject_id, report.outcome) == ("O-1", "S-1", ImportOutcome.STORED)
    assert (report.status, report.broken_rules) == (OrderStatus.ACTIVE, ())
    (photo,) = report.photos
    assert (photo.name, photo.outcome, photo.reason) == ("portrait.jpg", PhotoOutcome.ENROLLED, None)
    assert photo.figures is not None
    assert photo.figures.eye_distance_px > 32
    snapshot = stored_templates(database, model=engine().recogniser.model_version, size=engine().recogniser.size)
    assert snapshot.subject_ids == ("S-1",)
    assert np.linalg.norm(snapshot.templates[0]) == pytest.approx(1, abs=1e-4)
    face = store.face_jpeg(store.get_subject("S-1").references[0].reference_id)
    assert face.startswith(b"\xff\xd8")
    assert len(face) <= 60_000


def test_the_same_record_again_changes_nothing(importer: ImportRun, store: WatchlistStore) -> None:
    record = ImportRecord(subject(), order(), (PORTRAIT, Photograph("none.jpg", problem=Code.PHOTO_MISSING)))
    first = import_one(importer, record)
    version = store.version()
    again = import_one(importer, record)
    assert again.outcome is ImportOutcome.UNCHANGED
    assert [photo.outcome for photo in again.photos] == [PhotoOutcome.UNCHANGED, PhotoOutcome.REFUSED]
    assert again.photos[0].warnings == first.photos[0].warnings
    assert again.photos[0].figures == first.photos[0].figures
    assert store.version() == version


def test_each_refused_photograph_has_its_reason_and_the_order_is_stored(
    importer: ImportRun, store: WatchlistStore
) -> None:
    photographs = (
        Photograph("wall.jpg", encoded(wall())),
        Photograph("group.jpg", encoded(group())),
        Photograph("small.jpg", encoded(np.ascontiguousarray(astronaut()[::4, ::4]))),
        Photograph("text.jpg", b"no picture"),
        Photograph("empty.jpg", b""),
        Photograph("cut.jpg", PORTRAIT.data[:2000]),
        Photograph("huge.jpg", b"\0" * (MAX_PHOTO_BYTES + 1)),
        Photograph("none.jpg", problem=Code.PHOTO_MISSING),
        PORTRAIT,
    )
    report = import_one(importer, ImportRecord(subject(), order(), photographs))
    assert report.outcome is ImportOutcome.STORED
    assert [photo.reason for photo in report.photos] == [
        Code.PHOTO_NO_FACE,
        Code.PHOTO_SEVERAL_FACES,
        Code.PHOTO_FACE_TOO_SMALL,
        Code.PHOTO_UNREADABLE,
        Code.PHOTO_UNREADABLE,
        Code.PHOTO_UNREADABLE,
        Code.PHOTO_TOO_LARGE,
        Code.PHOTO_MISSING,
        None,
    ]
    assert len(store.get_subject("S-1").references) == 1


def test_a_picture_under_two_names_counts_once(importer: ImportRun, store: WatchlistStore) -> None:
    report = import_one(importer, ImportRecord(subject(), order(), (PORTRAIT, Photograph("copy.jpg", PORTRAIT.data))))
    assert [photo.outcome for photo in report.photos] == [PhotoOutcome.ENROLLED, PhotoOutcome.UNCHANGED]
    assert len(store.get_subject("S-1").references) == 1


def test_a_photograph_that_comes_later_is_added(importer: ImportRun, store: WatchlistStore) -> None:
    import_one(importer, ImportRecord(subject(), order()))
    version = store.version()
    report = import_one(importer, ImportRecord(subject(), order(), (PORTRAIT,)))
    assert (report.outcome, report.photos[0].outcome) == (ImportOutcome.UNCHANGED, PhotoOutcome.ENROLLED)
    assert store.version() == version + 1


def test_an_order_that_breaks_a_rule_is_stored_and_flagged(importer: ImportRun, store: WatchlistStore) -> None:
    report = import_one(importer, ImportRecord(subject(), order(kind=OrderKind.TANGKAL), (PORTRAIT,)))
    assert (report.outcome, report.status) == (ImportOutcome.STORED, OrderStatus.INVALID)
    assert (report.broken_rules, report.article) == ((OrderRule.TANGKAL_ON_CITIZEN,), "UU 6/2011 Pasal 14")
    assert report.photos[0].outcome is PhotoOutcome.ENROLLED
    assert len(store.get_subject("S-1").orders) == 1


def test_an_extension_is_judged_with_the_orders_that_are_held(importer: ImportRun) -> None:
    extension = order(
        "E-1",
        extends_order_id="O-1",
        valid_from=date(2026, 7, 1),
        valid_until=date(2026, 12, 31),
        received_on=date(2026, 6, 1),
    )
    early = import_one(importer, ImportRecord(subject(), extension))
    assert early.flags == (OrderFlag.BASE_NOT_HELD,)
    import_one(importer, ImportRecord(subject(), order()))
    again = import_one(importer, ImportRecord(subject(), extension))
    assert (again.status, again.flags) == (OrderStatus.NOT_YET_VALID, ())


def test_renewals_without_an_end_are_stored_and_flagged_in_whatever_order_they_come(importer: ImportRun) -> None:
    first = order(valid_from=date(2025, 1, 1), valid_until=date(2025, 6, 30), received_on=date(2025, 1, 1))
    second = order("O-2", valid_from=date(2025, 7, 1), valid_until=date(2025, 12, 31), received_on=date(2025, 7, 1))
    third = order("O-3")
    for one in (third, first):
        assert not import_one(importer, ImportRecord(subject(), one)).is_doubtful
    report = import_one(importer, ImportRecord(subject(), second))
    assert (report.flags, report.has_problem, report.is_doubtful) == ((OrderFlag.RENEWED_TOO_LONG,), False, True)
    assert import_one(importer, ImportRecord(subject(), third)).status is OrderStatus.ACTIVE


def test_an_urgent_order_that_comes_again_with_a_later_receipt_is_told(importer: ImportRun) -> None:
    for received, flags in ((date(2026, 2, 10), ()), (date(2026, 2, 28), (OrderFlag.URGENT_SENT_AGAIN,))):
        urgent = order(urgent=True, decree_number="", decree_date=None, received_on=received)
        report = import_one(importer, ImportRecord(subject(), urgent))
        lacks = (OrderFlag.LACKS_SEX, OrderFlag.LACKS_BIRTH, OrderFlag.LACKS_PHOTOGRAPH, OrderFlag.LACKS_REASON)
        assert (report.status, report.flags) == (OrderStatus.ACTIVE, (*flags, *lacks))


def test_the_report_tells_the_status_by_the_checkpoints_clock(importer: ImportRun, clock: FixedClock) -> None:
    clock.moment = datetime(2026, 6, 30, 16, 59, 59, tzinfo=UTC)
    assert import_one(importer, ImportRecord(subject(), order())).status is OrderStatus.ACTIVE
    clock.moment = datetime(2026, 6, 30, 17, 0, tzinfo=UTC)
    assert import_one(importer, ImportRecord(subject(), order())).status is OrderStatus.LAPSED


def test_finishing_makes_the_watchlist_fresh(importer: ImportRun, store: WatchlistStore, clock: FixedClock) -> None:
    import_one(importer, ImportRecord(subject(), order()))
    assert store.last_success_at() is None
    importer.finish()
    assert store.last_success_at() == clock.moment


def test_a_database_that_fails_keeps_the_old_state(
    importer: ImportRun, store: WatchlistStore, database: Database
) -> None:
    import_one(importer, ImportRecord(subject(), order()))
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE template RENAME TO away"))
    with pytest.raises(StorageError, match=r"OperationalError|ProgrammingError"):
        import_one(importer, ImportRecord(subject(name="Contoh Dua"), order(reason="another"), (PORTRAIT,)))
    file = store.get_subject("S-1")
    assert (file.subject, file.orders) == (subject(), (order(),))


def other_face() -> Photograph:
    """One of the people of insightface's group picture."""
    (engine_face, *_) = sorted(engine().detector.detect(group()), key=lambda face: face.left)
    margin = engine_face.width
    left, top = max(0, int(engine_face.left - margin)), max(0, int(engine_face.top - margin))
    shown = group()[top : int(engine_face.bottom + margin), left : int(engine_face.right + margin / 4)]
    return Photograph("other.jpg", encoded(np.asarray(cv2.resize(shown, None, fx=2, fy=2), dtype=np.uint8)))


def test_the_same_face_under_another_subject_is_reported_and_both_stay_listed(
    database: Database, importer: ImportRun
) -> None:
    first = import_one(importer, ImportRecord(subject("S-1"), order("O-1"), (PORTRAIT,)))
    smaller = Photograph("smaller.jpg", encoded(np.asarray(cv2.resize(astronaut(), (480, 480)), dtype=np.uint8)))
    second = import_one(importer, ImportRecord(subject("S-2"), order("O-2", subject_id="S-2"), (smaller, other_face())))
    assert first.photos[0].also_under == ()
    assert [photo.also_under for photo in second.photos] == [("S-1",), ()]
    assert "ALSO_UNDER" in second.photos[0].warnings
    assert second.is_doubtful
    assert [photo.outcome for photo in second.photos] == [PhotoOutcome.ENROLLED] * 2
    # Whichever is imported again, the other one is told now.
    again = import_one(importer, ImportRecord(subject("S-1"), order("O-1"), (PORTRAIT,)))
    assert (again.outcome, again.photos[0].also_under) == (ImportOutcome.UNCHANGED, ("S-2",))
    held = stored_templates(database, model=engine().recogniser.model_version, size=engine().recogniser.size)
    assert len(held.subject_ids) == 3


def test_the_same_face_is_reported_in_records_that_are_stored_together(
    store: WatchlistStore, database: Database, clock: FixedClock
) -> None:
    lookalikes = alone(engine().recogniser.model_version, engine().recogniser.size)
    enroller = Enroller(engine().detector, engine().recogniser)
    importer = WatchlistImporter(store, enroller, clock, WIB, Law(), lookalikes)
    faces = (PORTRAIT, other_face(), PORTRAIT)
    prepared = [
        importer.prepare(ImportRecord(subject(f"S-{number}"), order(f"O-{number}", subject_id=f"S-{number}"), (face,)))
        for number, face in enumerate(faces)
    ]
    reports = importer.store(prepared, OFFICER)
    assert [report.photos[0].also_under for report in reports] == [(), (), ("S-0",)]
    recorded = [json.loads(one.details) for one in AuditStore(database).links()]
    assert [details.get("also_under", 0) for details in recorded] == [0, 0, 1]


@pytest.mark.slow
def test_a_refused_face_is_reported_with_what_was_measured(importer: ImportRun) -> None:
    small = Photograph("small.jpg", encoded(np.ascontiguousarray(astronaut()[::2, ::2])))
    report = import_one(importer, ImportRecord(subject(), order(), (small, Photograph("group.jpg", encoded(group())))))
    too_small, several = (photo.figures for photo in report.photos)
    assert too_small is not None
    assert too_small.eye_distance_px < 32
    assert too_small.sharpness > 0.1
    assert several is not None
    assert several.faces == 6


def many(subjects: int, photographs: tuple[Photograph, ...] = (PORTRAIT,)) -> list[ImportRecord]:
    """Two orders for each subject, one after the other, with the same photographs."""
    return [
        ImportRecord(subject(f"S-{number // 2}"), order(f"O-{number}", subject_id=f"S-{number // 2}"), photographs)
        for number in range(subjects * 2)
    ]


def test_records_that_are_prepared_side_by_side_are_stored_and_reported_in_order(
    importer: ImportRun, store: WatchlistStore
) -> None:
    records = many(3)
    reports = list(importer.import_records(iter(records)))
    assert [report.order_id for report in reports] == [record.order.order_id for record in records]
    # The second order's photograph was known by then: two records of one subject are never prepared at once.
    assert [report.photos[0].outcome for report in reports] == [PhotoOutcome.ENROLLED, PhotoOutcome.UNCHANGED] * 3
    assert [len(store.get_subject(f"S-{number}").references) for number in range(3)] == [1, 1, 1]


def test_others_do_not_wait_behind_a_subjects_second_order(
    database: Database, store: WatchlistStore, clock: FixedClock
) -> None:
    prepared = Queue[str]()

    class Watched(WatchlistImporter):
        def prepare(self, record: ImportRecord) -> PreparedRecord:
            done = super().prepare(record)
            prepared.put(record.order.order_id)
            return done

    enroller = Enroller(engine().detector, engine().recogniser)
    lookalikes = alone(engine().recogniser.model_version, engine().recogniser.size)
    importer = Watched(store, enroller, clock, WIB, Law(), lookalikes)
    run = ImportRun(importer, store, AuditStore(database), clock, OFFICER, enrolling_threads())
    for record in many(2):
        run.add(record)
    assert {prepared.get(timeout=30) for _ in range(2)} == {"O-0", "O-2"}
    assert prepared.empty()
    assert [report.order_id for report in run.store()] == ["O-0"]
    reports = list[RecordReport]()
    while run.waiting:
        reports += run.store()
    assert [report.order_id for report in reports] == ["O-1", "O-2", "O-3"]


@pytest.mark.slow
def test_what_was_reported_before_an_import_was_broken_off_is_stored_and_nothing_else(
    importer: ImportRun, store: WatchlistStore
) -> None:
    taken: list[str] = []

    def records() -> Iterator[ImportRecord]:
        for record in many(20):
            taken.append(record.order.order_id)
            yield record

    run = importer.import_records(records())
    done = [next(run).order_id for _ in range(4)]
    run.close()
    held = [ban.order_id for file in store.list_subjects("", 100) for ban in file.orders]
    assert done == ["O-0", "O-1", "O-2", "O-3"]
    assert set(done) <= set(held) < set(taken), "what came after was dropped"
    assert len(held) <= len(done) + 1, "one subject's two orders are not stored together"
    most = MAX_TOGETHER + SPARE * enrolling_threads().count
    assert len(taken) <= len(held) + most < 40, "few records are in memory at a time"
    again = list(importer.import_records(many(3)))
    new = [report.order_id for report in again if report.outcome is ImportOutcome.STORED]
    assert new == [f"O-{number}" for number in range(len(held), 6)]
