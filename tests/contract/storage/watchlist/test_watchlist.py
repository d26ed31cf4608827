"""What the watchlist's store promises of the records it is given, on every kind of database."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy

from cekalwatch.contract.values.orders import OrderGround, OrderKind, PersonStatus, RevocationGround
from cekalwatch.contract.values.subjects import MAX_ORDERS, TravelDocument
from cekalwatch.server.encryption.keyring import DataKey, KeyPurpose, Keyring
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.watchlist.record_store import NewRecord, RecordResult, StoreOutcome
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import MODEL, SIZE, figures, order, reference, subject
from tests.support.tools.stored_templates import stored_templates

DIGEST_OF_0_2 = "f933b1f4fa28873c7b6f3a3a574aa89d6d05253a1d025529928eb7ee8e7adff5"


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def test_an_urgent_order_that_is_sent_again_keeps_the_day_on_which_it_first_came(store: WatchlistStore) -> None:
    first, again = (order(urgent=True, received_on=date(2026, 2, number)) for number in (1, 20))
    assert store.put(subject(), first) is StoreOutcome.STORED
    for outcome in (StoreOutcome.STORED, StoreOutcome.UNCHANGED):
        assert store.put(subject(), again) is outcome
    (held,) = store.get_subject("S-1").orders
    assert (held.received_on, held.urgent_since, held.first_received_on) == (
        date(2026, 2, 20),
        date(2026, 2, 1),
        date(2026, 2, 1),
    )
    store.put(subject(), order(urgent=False, received_on=date(2026, 3, 1)))
    assert store.get_subject("S-1").orders[0].urgent_since == date(2026, 2, 1), "N2: not urgent any more"


def test_what_was_urgent_is_remembered_until_a_decision_was_stored(store: WatchlistStore) -> None:
    plain: dict[str, Any] = {"decree_number": "", "decree_date": None}

    def since(**facts: Any) -> date | None:
        store.put(subject(), order(**facts))
        return store.get_subject("S-1").orders[0].urgent_since

    assert since(urgent=True, received_on=date(2026, 2, 1), **plain) is None
    assert since(received_on=date(2026, 2, 1), **plain) == date(2026, 2, 1)
    assert since(received_on=date(2026, 2, 20), requesting_agency="KPK", **plain) == date(2026, 2, 1)
    assert since(received_on=date(2026, 2, 20), decree_date=date(2026, 2, 19)) == date(2026, 2, 1)
    assert since(received_on=date(2026, 2, 25), **plain) is None


@pytest.mark.both_databases
def test_what_is_stored_comes_back_as_it_was(store: WatchlistStore) -> None:
    person = subject(
        name="Dewi 'Wulan' Lestari, S.H.",
        aliases=("Wulan", "D. Lestari"),
        sex="F",
        place_of_birth="Tanjungpinang",
        date_of_birth="1980",
        nik="2171010101800001",
        travel_documents=(TravelDocument("passport", "X0000001", "IDN"), TravelDocument("KTP", "1")),
        address="Jl. Contoh 1, Batam",
        occupation="pedagang",
    )
    ban = order(
        urgent=True,
        decree_number="",
        decree_date=None,
        reason="penyidikan",
        extends_order_id="O-0",
        revoked_at=datetime(2026, 2, 1, 7, tzinfo=timezone(timedelta(hours=7))),
    )
    assert store.put(person, ban) is StoreOutcome.STORED
    file = store.get_subject("S-1")
    assert (file.subject, file.orders, file.references) == (person, (ban,), ())


def test_the_same_record_again_is_unchanged_and_moves_no_counter(store: WatchlistStore) -> None:
    store.put(subject(), order())
    version = store.version()
    assert store.put(subject(), order()) is StoreOutcome.UNCHANGED
    assert store.version() == version


@pytest.mark.both_databases
def test_the_same_moment_with_another_offset_is_no_change(store: WatchlistStore) -> None:
    moment = datetime(2026, 2, 1, 7, tzinfo=timezone(timedelta(hours=7)))
    store.put(subject(), order(revoked_at=moment))
    assert store.put(subject(), order(revoked_at=moment.astimezone(UTC))) is StoreOutcome.UNCHANGED


@pytest.mark.parametrize(
    "changed",
    [
        (subject(), order(valid_until=date(2026, 5, 1))),
        (subject(), order(revoked_at=datetime(2026, 2, 1, tzinfo=UTC))),
        (subject(aliases=("Satu",)), order()),
        (subject(), order(ground=OrderGround.IMMIGRATION)),
        (subject(), order(person_status=PersonStatus.WITNESS)),
        (subject(), order(revocation_ground=RevocationGround.COURT)),
        (subject(), order(revocation_reference="12/Pid.Pra/2026/PN Btm")),
    ],
)
def test_a_changed_record_is_stored_and_counted(store: WatchlistStore, changed: tuple[object, object]) -> None:
    store.put(subject(), order())
    version = store.version()
    person, ban = changed
    assert store.put(person, ban) is StoreOutcome.STORED  # type: ignore[arg-type]
    file = store.get_subject("S-1")
    assert (file.subject, file.orders) == (person, (ban,))
    assert store.version() == version + 1


def test_two_records_that_state_a_subject_differently_settle(store: WatchlistStore) -> None:
    """Else each import would undo the other's and never come to rest."""
    records = [(subject(name="Satu"), order("O-1")), (subject(name="Satoe"), order("O-2"))]
    assert [store.put(*record) for record in records] == [StoreOutcome.STORED] * 2
    assert [store.put(*record) for record in records] == [StoreOutcome.UNCHANGED] * 2
    assert store.get_subject("S-1").subject.name == "Satoe"


@pytest.mark.both_databases
def test_orders_come_newest_first_and_references_best_first(store: WatchlistStore) -> None:
    store.put(subject(), order("O-1", received_on=date(2026, 1, 1)))
    store.put(
        subject(),
        order("O-2", received_on=date(2026, 2, 1)),
        [
            reference(b"small", figures=figures(50), warnings=("EYE_DISTANCE_LOW",)),
            reference(b"good", figures=figures(100)),
            reference(b"better", figures=figures(120)),
        ],
    )
    file = store.get_subject("S-1")
    assert [ban.order_id for ban in file.orders] == ["O-2", "O-1"]
    assert [face.figures.eye_distance_px for face in file.references] == [120, 100, 50]
    assert file.references[2].warnings == ("EYE_DISTANCE_LOW",)
    assert store.face_jpeg(file.references[0].reference_id) == b"face of better"


def test_an_unknown_subject_has_its_code_and_an_unknown_face_no_picture(store: WatchlistStore) -> None:
    with pytest.raises(CekalwatchError) as caught:
        store.get_subject("S-1")
    assert caught.value.code is Code.SUBJECT_NOT_FOUND
    assert store.face_jpeg("nothing") == b""


@pytest.mark.both_databases
def test_pages_of_subjects_go_by_key(store: WatchlistStore) -> None:
    for number in (3, 1, 5, 2, 4):
        store.put(subject(f"S-{number}"), order(f"O-{number}", subject_id=f"S-{number}"))
    first = store.list_subjects("", 2)
    second = store.list_subjects(first[-1].subject.subject_id, 2)
    assert [file.subject.subject_id for file in (*first, *second)] == ["S-1", "S-2", "S-3", "S-4"]
    assert [file.subject.subject_id for file in store.list_subjects("S-4", 2)] == ["S-5"]


def test_a_photograph_is_enrolled_once_for_each_model(database: Database, store: WatchlistStore) -> None:
    photo = reference(b"photograph")
    store.put(subject(), order(), [photo])
    store.put(subject(), order(), [dataclasses.replace(photo, model_version="other")])
    (face,) = store.get_subject("S-1").references
    assert face.photo_sha256 == photo.photo_sha256
    for model in (MODEL, "other"):
        ((digest, enrolled),) = store.enrolled("S-1", model).items()
        assert digest == photo.photo_sha256
        assert (enrolled.reference_id, enrolled.figures) == (face.reference_id, face.figures)
        assert enrolled.template.tolist() == photo.template.tolist()
    assert store.enrolled("S-2", MODEL) == {}
    assert stored_templates(database).templates.shape == (1, SIZE)


def test_a_new_photograph_of_a_known_order_moves_the_counter(store: WatchlistStore) -> None:
    store.put(subject(), order())
    version = store.version()
    assert store.put(subject(), order(), [reference()]) is StoreOutcome.UNCHANGED
    assert store.version() == version + 1


@pytest.mark.both_databases
def test_a_record_is_stored_as_a_whole_or_not_at_all(database: Database, store: WatchlistStore) -> None:
    """The second photograph cannot be sealed; nothing of the record remains, and the counter stands."""
    store.put(subject(), order())
    version = store.version()
    bad = reference(b"two", model_version=None)
    with pytest.raises(AttributeError):
        store.put(subject(name="Contoh Dua"), order(reason="another"), [reference(b"one"), bad])
    file = store.get_subject("S-1")
    assert (file.subject, file.orders, file.references) == (subject(), (order(),), ())
    assert store.version() == version
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.both_databases
def test_records_that_are_stored_together_come_to_the_same_as_one_by_one(
    database: Database, store: WatchlistStore
) -> None:
    for number in range(MAX_ORDERS):
        store.put(subject("S-2"), order(f"F-{number}", subject_id="S-2"))
    store.put(subject("S-3"), order("O-3", subject_id="S-3"), [reference(b"three", direction=3)])
    version, noted = store.version(), list[tuple[int, StoreOutcome]]()

    def note(number: int, done: RecordResult) -> None:
        noted.append((number, done.outcome))

    written = store.put_all(
        [
            NewRecord(subject("S-1"), order("O-1"), [reference(b"one", direction=1), reference(b"two", direction=2)]),
            NewRecord(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"of nobody")]),
            NewRecord(subject("S-3"), order("O-3", subject_id="S-3"), [reference(b"three", direction=4)]),
            NewRecord(subject("S-4", name="Contoh Dua"), order("O-4", subject_id="S-4")),
        ],
        note,
    )
    assert written.outcomes == [
        StoreOutcome.STORED,
        StoreOutcome.SUBJECT_FULL,
        StoreOutcome.UNCHANGED,
        StoreOutcome.STORED,
    ]
    assert noted == [(0, StoreOutcome.STORED), (2, StoreOutcome.UNCHANGED), (3, StoreOutcome.STORED)]
    assert written.version == store.version() == version + 1
    held = stored_templates(database)
    axes = {int(row.argmax()): key for key, row in zip(held.subject_ids, held.templates, strict=True)}
    assert axes == {4: "S-3", 1: "S-1", 2: "S-1"}, "the photograph that came again has a new template"
    assert [file.subject.subject_id for file in store.get_subjects(["S-4", "S-1", "S-9"])] == ["S-1", "S-4"]
    assert store.get_subject("S-4").subject.name == "Contoh Dua"


def test_of_records_that_are_stored_together_each_is_another_subjects(store: WatchlistStore) -> None:
    with pytest.raises(ValueError, match="twice"):
        store.put_all([NewRecord(subject(), order("O-1")), NewRecord(subject(), order("O-2"))], lambda *_: None)


def test_orders_are_read_of_those_who_are_asked_about_alone(store: WatchlistStore) -> None:
    for number in (1, 2, 3):
        store.put(subject(f"S-{number}"), order(f"O-{number}", subject_id=f"S-{number}"), [reference(b"a")])
    store.put(subject("S-2"), order("O-4", subject_id="S-2", kind=OrderKind.TANGKAL))
    found = store.orders_of(["S-2", "S-1", "S-9"])
    assert {file.subject.subject_id: {ban.order_id for ban in file.orders} for file in found} == {
        "S-1": {"O-1"},
        "S-2": {"O-2", "O-4"},
    }


@pytest.mark.both_databases
def test_the_last_success_is_kept_as_a_moment(store: WatchlistStore) -> None:
    assert store.last_success_at() is None
    store.mark_success(datetime(2026, 3, 1, 7, 30, tzinfo=timezone(timedelta(hours=7))))
    last = store.last_success_at()
    assert last == datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    assert last is not None
    assert last.utcoffset() == timedelta(0)
    assert store.version() == 0


def test_a_moment_without_zone_is_refused(store: WatchlistStore) -> None:
    with pytest.raises(StorageError, match="StatementError, ValueError"):
        store.mark_success(datetime(2026, 3, 1))  # noqa: DTZ001  # the point


@pytest.mark.both_databases
def test_imports_at_once_lose_nothing(store: WatchlistStore) -> None:
    """Eight threads store at once; every change is there and counted."""
    failures: list[BaseException] = []

    def import_some(thread: int) -> None:
        try:
            for number in range(3):
                key = f"{thread}-{number}"
                store.put(subject("S-1"), order(f"O-{key}"), [reference(key.encode())])
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            failures.append(error)

    threads = [threading.Thread(target=import_some, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    file = store.get_subject("S-1")
    assert (len(file.orders), len(file.references), store.version()) == (24, 24, 24)


@pytest.mark.both_databases
def test_an_order_can_move_to_another_subject(store: WatchlistStore) -> None:
    store.put(subject("S-1"), order("O-1"))
    store.put(subject("S-2"), order("O-1", subject_id="S-2"))
    assert store.get_subject("S-1").orders == ()
    assert [ban.order_id for ban in store.get_subject("S-2").orders] == ["O-1"]


def test_the_digests_of_a_record_are_of_no_use_without_the_key(database: Database, store: WatchlistStore) -> None:
    """Who guesses a name, or has a photograph, cannot confirm it with the database alone."""
    photo = reference()
    store.put(subject(), order(), [photo])
    query = "SELECT content_hash, photo_digest FROM ban_order JOIN reference_face USING (subject_id)"
    with database.engine.connect() as connection:
        content, digest = connection.execute(sqlalchemy.text(query)).one()
    other = WatchlistRows(
        Keyring(lambda _: [DataKey(1, KeyPurpose.SEALING, bytes(32)), DataKey(2, KeyPurpose.MATCHING, b"")])
    )
    assert content != other.content_hash(subject(), order())
    assert digest not in {photo.photo_sha256, other.photo_digest("S-1", photo.photo_sha256)}


def test_an_order_without_the_facts_of_0_3_has_the_digest_that_it_had_before() -> None:
    """Otherwise the first synchronisation after an upgrade would store each order anew."""
    keys = (DataKey(1, KeyPurpose.SEALING, bytes(32)), DataKey(2, KeyPurpose.MATCHING, bytes(32)))
    rows = WatchlistRows(Keyring(lambda known: [key for key in keys if key.key_id not in known]))
    assert rows.content_hash(subject(), order()) == DIGEST_OF_0_2
    assert rows.content_hash(subject(), order(person_status=PersonStatus.SUSPECT)) != DIGEST_OF_0_2


@pytest.mark.both_databases
def test_a_deleted_subject_is_gone_with_all_that_was_held_and_others_stay(
    database: Database, store: WatchlistStore
) -> None:
    store.put(subject("S-1"), order("O-1"), [reference(b"a"), reference(b"b", model_version="other")])
    store.put(subject("S-1"), order("O-2"))
    store.put(subject("S-2"), order("O-3", subject_id="S-2"), [reference(b"c", direction=2)])
    version = store.version()
    gone = store.delete_subject("S-1", deleted)
    assert gone == SubjectDeletion(("O-1", "O-2"), photographs=2, templates=2, probes=0)
    assert store.version() == version + 1
    assert [file.subject.subject_id for file in store.list_subjects("", 10)] == ["S-2"]
    assert stored_templates(database).subject_ids == ("S-2",)
    with database.engine.connect() as connection:
        for table in ("subject", "ban_order", "reference_face", "reference_picture", "template"):
            assert connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one() == 1  # noqa: S608


def test_deleting_an_unknown_subject_changes_nothing(database: Database, store: WatchlistStore) -> None:
    store.put(subject(), order())
    version = store.version()
    with pytest.raises(CekalwatchError) as caught:
        store.delete_subject("S-9", deleted)
    assert caught.value.code is Code.SUBJECT_NOT_FOUND
    assert store.version() == version
    assert AuditStore(database).head()[0] == 0
    assert store.get_subject("S-1").orders == (order(),)
