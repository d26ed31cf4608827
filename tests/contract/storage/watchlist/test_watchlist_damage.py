"""What damaged and exchanged values of the watchlist cost, and how they are mended, on every kind of database."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy

from cekalwatch.server.storage.columns import TEMPLATE
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.watchlist.record_store import StoreOutcome
from cekalwatch.server.storage.watchlist.removing import SubjectDeletion
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import MODEL, SIZE, order, reference, subject
from tests.support.tools.stored_templates import stored_templates


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


def damage(database: Database, statement: str, **values: object) -> None:
    with database.engine.begin() as connection:
        assert connection.execute(sqlalchemy.text(statement), values).rowcount == 1


@pytest.mark.parametrize(
    "vector",
    [
        b"",
        b"\x00" * 7,
        np.ones(SIZE // 2, np.float32).tobytes(),
        np.full(SIZE, np.nan, np.float32).tobytes(),
        np.full(SIZE, np.inf, np.float32).tobytes(),
        np.full(SIZE, 3e38, np.float32).tobytes(),
        np.zeros(SIZE, np.float32).tobytes(),
        np.full(SIZE, 2.0, np.float32).tobytes(),
    ],
    ids=["empty", "odd length", "other size", "NaN", "infinite", "overflow", "zero", "length not 1"],
)
def test_a_damaged_template_is_counted_and_the_others_work(
    database: Database, store: WatchlistStore, vector: bytes
) -> None:
    store.put(subject("S-1"), order("O-1"), [reference(b"a", direction=1)])
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"b", direction=2)])
    (face,) = store.get_subject("S-1").references
    sealed = keyring(database).seal(TEMPLATE.at(face.reference_id, MODEL), vector)
    damage(database, "UPDATE template SET vector = :v WHERE reference_id = :r", v=sealed, r=face.reference_id)
    held = stored_templates(database)
    assert (held.subject_ids, held.unusable_templates) == (("S-2",), 1)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "OTHER"),
        ("valid_from", "1 January"),
        ("valid_until", "2025-01-01"),
        ("revoked_at", "2026-01-01T00:00:00"),
    ],
)
def test_a_damaged_order_harms_only_itself(database: Database, store: WatchlistStore, column: str, value: str) -> None:
    store.put(subject(), order("O-1"), [reference()])
    store.put(subject(), order("O-2"))
    damage(database, f"UPDATE ban_order SET {column} = :v WHERE order_id = 'O-1'", v=value)  # noqa: S608  # ours
    (file,) = store.orders_of(["S-1"])
    assert [ban.order_id for ban in file.orders] == ["O-2"]
    assert [ban.order_id for ban in store.get_subject("S-1").orders] == ["O-2"]


@pytest.mark.both_databases
def test_a_damaged_subject_is_left_out(database: Database, store: WatchlistStore) -> None:
    store.put(subject("S-1"), order("O-1"), [reference(b"a", direction=1)])
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"b", direction=2)])
    damage(database, "UPDATE subject SET facts = substr(facts, 2) WHERE subject_id = 'S-1'")
    assert [file.subject.subject_id for file in store.orders_of(["S-1", "S-2"])] == ["S-2"]
    assert [file.subject.subject_id for file in store.list_subjects("", 10)] == ["S-2"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ban_order SET kind = 'OTHER'",
        "UPDATE ban_order SET valid_until = '2036-06-30'",
        "UPDATE subject SET facts = substr(facts, 2)",
    ],
)
@pytest.mark.both_databases
def test_storing_a_record_again_heals_a_damaged_row(database: Database, store: WatchlistStore, statement: str) -> None:
    store.put(subject(), order())
    damage(database, statement)
    assert store.put(subject(), order()) is StoreOutcome.STORED
    file = store.get_subject("S-1")
    assert (file.subject, file.orders) == (subject(), (order(),))
    assert store.put(subject(), order()) is StoreOutcome.UNCHANGED


@pytest.mark.parametrize("vector", [b"", b"\0" * SIZE * 4, b"\0" * 7], ids=["empty", "zero", "odd length"])
def test_a_photograph_with_a_damaged_template_counts_as_not_enrolled(
    database: Database, store: WatchlistStore, vector: bytes
) -> None:
    store.put(subject(), order(), [reference()])
    (face,) = store.get_subject("S-1").references
    sealed = keyring(database).seal(TEMPLATE.at(face.reference_id, MODEL), vector)
    damage(database, "UPDATE template SET vector = :v", v=sealed)
    assert store.enrolled("S-1", MODEL) == {}
    store.put(subject(), order(), [reference()])
    assert len(store.enrolled("S-1", MODEL)) == len(stored_templates(database).templates) == 1


SWAPPED = [("subject", "facts"), ("ban_order", "facts"), ("reference_face", "photo_sha256"), ("template", "vector")]


@pytest.mark.parametrize(("table", "column"), SWAPPED)
def test_a_value_from_another_row_is_left_out(
    database: Database, store: WatchlistStore, table: str, column: str
) -> None:
    """Who can write to the database cannot give one person's facts or face to another."""
    store.put(subject("S-1"), order("O-1"), [reference(b"a", direction=1)])
    store.put(subject("S-2"), order("O-2", subject_id="S-2"), [reference(b"b", direction=2)])
    (face,) = store.get_subject("S-1").references
    key = {"subject": ("subject_id", "S-1"), "ban_order": ("order_id", "O-1")}.get(
        table, ("reference_id", face.reference_id)
    )
    other = f"(SELECT {column} FROM {table} WHERE {key[0]} <> :k)"  # noqa: S608  # ours
    damage(database, f"UPDATE {table} SET {column} = {other} WHERE {key[0]} = :k", k=key[1])  # noqa: S608  # ours
    held = stored_templates(database)
    assert store.get_subject("S-2").subject == subject("S-2")
    assert "S-2" in held.subject_ids
    for file in store.list_subjects("", 1):
        complete = file.subject.subject_id == "S-1" and file.orders and file.references
        assert not (complete and "S-1" in held.subject_ids)


@pytest.mark.parametrize(("table", "column"), SWAPPED)
def test_importing_a_damaged_record_again_mends_it(
    database: Database, store: WatchlistStore, table: str, column: str
) -> None:
    store.put(subject(), order(), [reference()])
    before = store.get_subject("S-1")
    damage(database, f"UPDATE {table} SET {column} = substr({column}, 2)")  # noqa: S608  # ours
    new = [] if reference().photo_sha256 in store.enrolled("S-1", MODEL) else [reference()]
    store.put(subject(), order(), new)
    held = stored_templates(database)
    assert (len(held.templates), held.unusable_templates) == (1, 0)
    assert store.get_subject("S-1") == before


def test_a_picture_that_does_not_open_is_missing(database: Database, store: WatchlistStore) -> None:
    store.put(subject(), order(), [reference()])
    (face,) = store.get_subject("S-1").references
    damage(database, "UPDATE reference_picture SET face_jpeg = photo")
    assert store.face_jpeg(face.reference_id) == b""


@pytest.mark.both_databases
def test_a_subject_can_be_deleted_though_its_rows_are_damaged(database: Database, store: WatchlistStore) -> None:
    store.put(subject(), order(), [reference()])
    damage(database, "UPDATE subject SET facts = substr(facts, 2)")
    damage(database, "UPDATE template SET vector = substr(vector, 2)")
    assert store.delete_subject("S-1", deleted) == SubjectDeletion(("O-1",), photographs=1, templates=1, probes=0)
