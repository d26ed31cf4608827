"""What the keys' store and the re-sealing promise, on every kind of database."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlmodel import SQLModel, select, update

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.encryption.keyring import AssociatedData
from cekalwatch.server.encryption.master_key import SecretMasterKey
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.columns import SEALED, SUBJECT_FACTS, Sealed
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.signed_row import signed_models
from cekalwatch.server.storage.keys import resealing
from cekalwatch.server.storage.keys.resealing import STEPS_A_TURN, Resealer
from cekalwatch.server.storage.keys.store import hold_sealing_key
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.storage.watchlist.tables import SubjectRow, WatchlistStateRow
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.keys import KnownKey, key_store
from tests.support.builders.watchlist import SIZE, FixedClock, order, reference, subject
from tests.support.scenarios.adjudication import Counter, contact
from tests.support.tools.stored_templates import stored_templates

pytestmark = pytest.mark.both_databases

OTHER = KnownKey(SecretMasterKey(b"other key of 32 bytes, for tests"), "another file")


@pytest.fixture
def rows_a_step(monkeypatch: pytest.MonkeyPatch) -> int:
    """Fewer than a server seals in a step: as many steps then need fewer people."""
    monkeypatch.setattr(resealing, "ROWS_A_STEP", 4)
    return resealing.ROWS_A_STEP


def fill(database: Database, people: int = 3) -> None:
    keyring = key_store(database).keyring
    store = WatchlistStore(database, keyring)
    for number in range(people):
        key = f"S-{number}"
        store.put(
            subject(key), order(f"O-{number}", subject_id=key), [reference(key.encode(), direction=number % SIZE)]
        )
    event = AlertStore(database, keyring).record(match(capture(jpeg=b"the probe"), subject="S-1"), timedelta(0), NOON)
    assert event is not None
    counter = Counter(database, FixedClock(NOON), keys=keyring)
    officer, supervisor = counter.hire("budi", PersonRole.OFFICER), counter.hire("siti", PersonRole.SUPERVISOR)
    counter.claim(event.alert_id, officer)
    counter.judge(event.alert_id, officer, note="the same scar")
    counter.confirm(event.alert_id, supervisor)
    counter.adjudicator.follow_up(event.alert_id, supervisor, contact(supervisor), counter.version(event.alert_id))


def contents(database: Database) -> list[Any]:
    """Everything that is sealed, as the stores give it."""
    keyring = key_store(database).keyring
    store, alerts = WatchlistStore(database, keyring), AlertStore(database, keyring)
    files = store.list_subjects("", 100)
    pictures = [store.face_jpeg(face.reference_id) for file in files for face in file.references]
    alert_id = alerts.events_after(0, 1)[0].alert_id
    templates = sorted(stored_templates(database, keyring).templates.tolist())
    return [files, pictures, templates, alerts.probe(alert_id), alerts.get(alert_id).handling]


def test_every_sealed_column_is_known_to_the_resealing() -> None:
    tables = SQLModel.metadata.tables.values()
    found = {
        AssociatedData(table.name, column.name)
        for table in tables
        for column in table.c
        if isinstance(column.type, Sealed)
    }
    assert found == set(SEALED)
    binary = {
        (table.name, column.name)
        for table in tables
        for column in table.c
        if isinstance(column.type, sqlalchemy.LargeBinary) and not isinstance(column.type, Sealed)
    } - {(str(model.__tablename__), "mac") for model in signed_models()}
    # A wrapped key is sealed already; the other makes digests of names that were typed in vain, and seals nothing.
    assert binary == {("data_key", "wrapped"), ("sign_in_key", "key")}


def test_keys_are_made_once(database: Database) -> None:
    first = key_store(database)
    sealed = first.keyring.seal(b"place", b"value")
    again = key_store(database)
    assert again.keyring.open(b"place", sealed) == b"value"
    assert again.keyring.digest(b"place", b"value") == first.keyring.digest(b"place", b"value")
    assert [entry.key_id for entry in again.entries()] == [1, 2]


def test_another_master_key_is_refused_with_what_to_do(database: Database) -> None:
    key_store(database)
    with pytest.raises(ProgramError, match="master_key_from") as caught:
        key_store(database, OTHER)
    assert caught.value.exit_code is Exit.CONFIG
    for part in ("another file", OTHER.key.key_id, KnownKey().key.key_id):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE data_key SET wrapped = substr(wrapped, 2) WHERE key_id = 1", "DELETE FROM data_key WHERE key_id = 2"],
)
def test_damaged_keys_are_named_at_start(database: Database, statement: str) -> None:
    key_store(database)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text(statement))
    with pytest.raises(ProgramError, match="backup") as caught:
        key_store(database)
    assert caught.value.exit_code is Exit.UNAVAILABLE


def test_wrapped_keys_cannot_change_places(database: Database) -> None:
    key_store(database).rotate()
    with database.engine.begin() as connection:
        other = connection.execute(sqlalchemy.text("SELECT wrapped FROM data_key WHERE key_id = 1")).scalar_one()
        connection.execute(sqlalchemy.text("UPDATE data_key SET wrapped = :v WHERE key_id = 3"), {"v": other})
    with pytest.raises(ProgramError, match="Data key 3"):
        key_store(database)


def test_after_a_rotation_everything_is_sealed_with_the_new_key_and_reads_as_before(database: Database) -> None:
    fill(database)
    before = contents(database)
    keys = key_store(database)
    resealer = Resealer(database, keys)
    values = resealer.counts()
    assert set(values) == {1}
    assert keys.rotate() == 3
    assert not keys.is_settled()
    steps = list(resealer.steps())
    assert (sum(step.resealed for step in steps), sum(step.damaged for step in steps)) == (values[1], 0)
    assert resealer.counts() == {3: values[1]}
    assert keys.is_settled()
    assert contents(database) == before


def test_resealing_that_was_interrupted_goes_on_where_it_stopped(database: Database, rows_a_step: int) -> None:
    fill(database, people=2 * rows_a_step + 1)
    before = contents(database)
    keys = key_store(database)
    keys.rotate()
    interrupted = Resealer(database, keys).steps()
    done = sum(next(interrupted).resealed for _ in range(4))
    interrupted.close()
    resealer = Resealer(database, key_store(database))
    counts = resealer.counts()
    assert counts[3] == done > 0
    assert contents(database) == before
    assert sum(step.resealed for step in resealer.steps()) == counts[1]
    assert set(resealer.counts()) == {3}
    assert contents(database) == before


@pytest.mark.slow
def test_a_server_reseals_in_turns_until_all_is_done(database: Database, rows_a_step: int) -> None:
    people = rows_a_step * STEPS_A_TURN // 6 + 1  # more values than one turn takes
    fill(database, people)
    keys = key_store(database)
    resealer = Resealer(database, keys)
    resealer.take_turn()
    assert set(resealer.counts()) == {1}
    keys.rotate()
    resealer.take_turn()
    assert set(resealer.counts()) == {1, 3}
    turns = 1
    while not keys.is_settled():
        resealer.take_turn()
        turns += 1
    assert turns >= 2
    assert set(resealer.counts()) == {3}


def test_a_damaged_value_stays_and_stops_nothing(database: Database) -> None:
    fill(database)
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE subject SET facts = substr(facts, 1, 40) WHERE subject_id = 'S-0'"))
    keys = key_store(database)
    keys.rotate()
    resealer = Resealer(database, keys)
    steps = list(resealer.steps())
    assert sum(step.damaged for step in steps) == 1
    assert keys.is_settled()
    assert resealer.counts()[1] == 1
    assert [entry.key_id for entry in keys.entries()] == [1, 2, 3], "the damaged value may yet be mended"
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("DELETE FROM ban_order WHERE subject_id = 'S-0'"))
        connection.execute(sqlalchemy.text("UPDATE reference_face SET subject_id = 'S-1' WHERE subject_id = 'S-0'"))
        connection.execute(sqlalchemy.text("DELETE FROM subject WHERE subject_id = 'S-0'"))
    list(resealer.steps())
    assert [entry.key_id for entry in keys.entries()] == [2, 3]


def test_what_is_changed_meanwhile_is_not_overwritten(database: Database) -> None:
    """Between the reading of some rows and their sealing, an import changes one of them."""
    fill(database)
    keys = key_store(database)
    keys.rotate()
    resealer = Resealer(database, keys)
    read = resealer._read

    def read_and_change(query: Any) -> Any:
        found = read(query)
        store = WatchlistStore(database, keys.keyring)
        store.put(subject("S-1", name="Nama Baru"), order("O-1", subject_id="S-1"))
        return found

    resealer._read = read_and_change  # type: ignore[method-assign]
    next(resealer.steps())
    assert WatchlistStore(database, keys.keyring).get_subject("S-1").subject.name == "Nama Baru"


def test_a_program_that_runs_reads_what_another_sealed_with_a_newer_key(database: Database) -> None:
    fill(database)
    running = key_store(database)
    other = key_store(database)
    other.rotate()
    list(Resealer(database, other).steps())
    assert running.keyring.current_id == 1
    snapshot = stored_templates(database, running.keyring)
    assert (len(snapshot.templates), snapshot.unusable_templates) == (3, 0)
    assert running.keyring.current_id == 3


def test_after_a_rewrap_only_the_new_master_key_opens_the_database(database: Database) -> None:
    fill(database)
    keys = key_store(database)
    sealed = keys.keyring.seal(b"place", b"value")
    assert keys.rewrap(OTHER.key) == 2
    assert key_store(database, OTHER).keyring.open(b"place", sealed) == b"value"
    with pytest.raises(ProgramError):
        key_store(database)


def test_an_old_key_is_removed_when_no_value_needs_it(database: Database) -> None:
    fill(database)
    before = contents(database)
    keys = key_store(database)
    keys.rotate()
    steps = Resealer(database, keys).steps()
    for _ in steps:
        assert [entry.key_id for entry in keys.entries()] == [1, 2, 3], "it is needed until all is sealed anew"
    assert [entry.key_id for entry in keys.entries()] == [2, 3]
    assert contents(database) == before
    assert keys.rotate() == 4, "numbers are not given twice"


def test_a_program_that_missed_a_rotation_does_not_seal_with_a_key_that_was_removed(database: Database) -> None:
    fill(database)
    stale = key_store(database).keyring
    keys = key_store(database)
    keys.rotate()
    list(Resealer(database, keys).steps())
    assert stale.current_id == 1
    store, alerts = WatchlistStore(database, stale), AlertStore(database, stale)
    store.put(subject("S-9"), order("O-9", subject_id="S-9"), [reference(b"late")])
    alerts.record(match(capture(passage="late"), subject="S-9"), timedelta(0), NOON)
    assert set(Resealer(database, keys).counts()) == {3}
    stale = key_store(database).keyring
    keys.rotate()
    WatchlistStore(database, stale).put(subject("S-8"), order("O-8", subject_id="S-8"))
    assert Resealer(database, keys).counts()[4] == 2, "it takes the newest one at once"


def test_a_program_that_cannot_have_the_new_key_writes_with_the_old_one_while_there_is_one(database: Database) -> None:
    """Its master key is not the new one: it goes on until it would write what nobody can read."""
    fill(database)
    running = key_store(database)
    key_store(database).rewrap(OTHER.key)
    other = key_store(database, OTHER)
    other.rotate()
    alerts = AlertStore(database, running.keyring)
    assert alerts.record(match(capture(passage="late"), subject="S-1"), timedelta(0), NOON) is not None
    list(Resealer(database, other).steps())
    assert [entry.key_id for entry in other.entries()] == [2, 3]
    with pytest.raises(CekalwatchError) as caught:
        alerts.record(match(capture(passage="later"), subject="S-1"), timedelta(0), NOON)
    assert caught.value.code is Code.STORAGE_UNAVAILABLE
    assert len([event for event in alerts.events_after(0, 10) if event.capture_id]) == 2


def test_a_key_is_not_removed_while_somebody_writes_with_it(database: Database) -> None:
    keys = key_store(database)
    place = SUBJECT_FACTS.at("S-1")

    def rotate() -> list[int]:
        other = key_store(database)
        return other.settle(other.rotate(), 0, 0)

    with ThreadPoolExecutor(1) as pool, database.session() as session:
        session.exec(update(WatchlistStateRow).values(version=WatchlistStateRow.version))
        hold_sealing_key(session, keys.keyring)
        session.add(SubjectRow(subject_id="S-1", facts=keys.keyring.seal(place, b"{}")))
        session.flush()
        removed = pool.submit(rotate)
        if database.engine.dialect.name == "postgresql":  # SQLite keeps even the rotation waiting
            wait_for_a_waiter(database)
        session.commit()
        assert removed.result(20) == []
    with database.session() as session:
        sealed = session.exec(select(SubjectRow.facts)).one()
    assert key_store(database).keyring.open(place, sealed) == b"{}"


def wait_for_a_waiter(database: Database) -> None:
    """Return when somebody waits for a lock of another."""
    waiting = sqlalchemy.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 20
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(waiting).scalar_one():
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.01)


def test_a_server_with_the_old_master_key_keeps_its_gallery_rather_than_losing_people(database: Database) -> None:
    """A key that it cannot unwrap is no damaged value: reading fails as a whole, so that nobody is left out."""
    fill(database)
    running = key_store(database)
    key_store(database).rewrap(OTHER.key)
    other = key_store(database, OTHER)
    other.rotate()
    list(Resealer(database, other).steps())
    with pytest.raises(CekalwatchError) as caught:
        stored_templates(database, running.keyring)
    assert caught.value.code is Code.STORAGE_UNAVAILABLE
