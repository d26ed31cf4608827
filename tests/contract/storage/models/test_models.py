"""What the stores of models and photographs promise, on every kind of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy

from cekalwatch.server.audit.entry import Action, AuditEntry
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.rebuilding import PHOTOGRAPHS_A_STEP, Rebuilder, RebuildStep
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.photograph_store import NewTemplate, PhotographStore
from cekalwatch.server.storage.models.store import (
    Coverage,
    IncompleteModelError,
    ModelChoice,
    ModelStore,
    TemplateRefusal,
)
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.audit import deleted
from tests.support.builders.keys import KEEPER, key_store, keyring
from tests.support.builders.watchlist import MODEL, SIZE, order, reference, subject
from tests.support.tools.stored_templates import stored_templates

OTHER = "other-11111111"
PRESENT, WANTED = ModelChoice("test", MODEL), ModelChoice("other", OTHER)


@pytest.fixture
def store(database: Database) -> WatchlistStore:
    return WatchlistStore(database, keyring(database))


@pytest.fixture
def photographs(database: Database) -> PhotographStore:
    return PhotographStore(database, keyring(database))


def listed(store: WatchlistStore, key: str, *photos: bytes) -> None:
    faces = [reference(photo, direction=number % SIZE) for number, photo in enumerate(photos)]
    store.put(subject(key), order(f"O-{key}", subject_id=key), faces)


def note(_: object) -> AuditEntry:
    return AuditEntry(datetime(2026, 3, 1, tzinfo=UTC), KEEPER, Action.GALLERY_SWITCHED)


def template(direction: int) -> np.ndarray:
    return np.asarray(np.eye(SIZE, dtype=np.float32)[direction])


class Enroller:
    """Stands for another model's: its template tells which photograph it is of, and it refuses photographs of walls."""

    model_version = OTHER

    def enrol(self, data: bytes) -> object:
        if data.startswith(b"wall"):
            raise CekalwatchError(Code.PHOTO_NO_FACE)
        return type("Enrolled", (), {"template": template(int(data.split()[-1]) % SIZE)})


def rebuilder(photographs: PhotographStore) -> Rebuilder:
    return Rebuilder(photographs, Enroller(), ThreadPoolExecutor(1))  # type: ignore[arg-type]  # its protocol


def test_nothing_is_chosen_until_somebody_switches(database: Database) -> None:
    key_store(database)
    assert ModelStore(database).chosen() is None
    assert ModelStore(database).coverages() == []


@pytest.mark.both_databases
def test_coverage_counts_templates_refusals_and_what_is_missing(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    listed(store, "S-1", b"face 1", b"wall", b"face 2")
    first, second, _ = photographs.without_template(OTHER, "", 10)
    photographs.put(
        OTHER,
        [
            NewTemplate(first.reference_id, template(1)),
            NewTemplate(second.reference_id, None, Code.PHOTO_NO_FACE),
        ],
    )
    models = ModelStore(database)
    assert models.coverages() == [Coverage(OTHER, 1, 1, 1), Coverage(MODEL, 3, 0, 0)]
    assert models.refusals(OTHER) == [TemplateRefusal("S-1", second.reference_id, Code.PHOTO_NO_FACE)]


def test_a_model_is_chosen_only_when_it_is_complete(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    listed(store, "S-1", b"face 1", b"face 2")
    models = ModelStore(database)
    with pytest.raises(IncompleteModelError) as incomplete:
        models.switch(WANTED, PRESENT, note)
    assert incomplete.value.missing == 2
    assert models.chosen() is None
    assert AuditStore(database).head()[0] == 0
    list(rebuilder(photographs).steps())
    models.switch(WANTED, PRESENT, note)
    chosen = models.chosen()
    assert chosen is not None
    assert (chosen.current, chosen.previous) == (WANTED, PRESENT)
    assert AuditStore(database).head()[0] == 1


def test_a_rebuild_makes_every_template_and_records_what_it_cannot(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    for number in range(10):
        listed(store, f"S-{number}", f"face {number}".encode(), b"wall" if number == 4 else f"more {number}".encode())
    steps = list(rebuilder(photographs).steps())
    assert sum(step.embedded for step in steps) == 19
    assert sum(step.refused for step in steps) == 1
    held = stored_templates(database, model=OTHER)
    assert {key: int(row.argmax()) for key, row in zip(held.subject_ids, held.templates, strict=True)} == {
        f"S-{number}": number % SIZE for number in range(10)
    }
    assert len(stored_templates(database).subject_ids) == 20, "those of the model in use stay"
    assert list(rebuilder(photographs).steps()) == [], "what was refused is not tried again"


def test_an_interrupted_rebuild_goes_on_where_it_was(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    for number in range(3 * PHOTOGRAPHS_A_STEP):
        listed(store, f"S-{number}", f"face {number}".encode())
    steps = rebuilder(photographs).steps()
    next(steps)
    assert ModelStore(database).coverage(OTHER).missing == 2 * PHOTOGRAPHS_A_STEP
    assert sum(step.embedded for step in rebuilder(photographs).steps()) == 2 * PHOTOGRAPHS_A_STEP


@pytest.mark.both_databases
def test_faces_that_come_and_go_during_a_rebuild_are_dealt_with(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    for number in range(2 * PHOTOGRAPHS_A_STEP):
        listed(store, f"S-{number:02}", f"face {number}".encode())
    steps = rebuilder(photographs).steps()
    next(steps)
    listed(store, "S-99", b"face 5")
    store.delete_subject("S-15", deleted)
    store.delete_subject("S-00", deleted)
    list(steps)
    assert ModelStore(database).coverage(OTHER) == Coverage(OTHER, 2 * PHOTOGRAPHS_A_STEP - 1, 0, 0)
    assert "S-99" in stored_templates(database, model=OTHER).subject_ids


def test_a_face_that_was_deleted_while_it_was_embedded_is_left_out(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    listed(store, "S-1", b"face 1")
    (photo,) = photographs.without_template(OTHER, "", 10)
    store.delete_subject("S-1", deleted)
    photographs.put(OTHER, [NewTemplate(photo.reference_id, template(1))])
    assert ModelStore(database).coverage(OTHER) == Coverage(OTHER, 0, 0, 0)


def test_a_photograph_that_does_not_open_is_refused_with_its_reason(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    listed(store, "S-1", b"face 1")
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE reference_picture SET photo = face_jpeg"))
    assert list(rebuilder(photographs).steps()) == [RebuildStep(0, 1)]
    assert [one.reason for one in ModelStore(database).refusals(OTHER)] == [Code.PHOTO_UNREADABLE]


def test_a_subject_with_refusals_can_be_deleted(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    listed(store, "S-1", b"wall")
    list(rebuilder(photographs).steps())
    store.delete_subject("S-1", deleted)
    assert ModelStore(database).refusals(OTHER) == []


@pytest.mark.both_databases
def test_dropping_a_model_removes_its_templates_alone(
    database: Database, store: WatchlistStore, photographs: PhotographStore
) -> None:
    listed(store, "S-1", b"face 1", b"wall")
    list(rebuilder(photographs).steps())
    assert ModelStore(database).drop(OTHER, note) == 1
    assert ModelStore(database).coverages() == [Coverage(MODEL, 2, 0, 0)]


def test_servers_hear_of_templates_that_were_made(store: WatchlistStore, photographs: PhotographStore) -> None:
    listed(store, "S-1", b"face 1")
    version = store.version()
    list(rebuilder(photographs).steps())
    assert store.changed_since(version) == ["S-1"]
