"""What a search of the audit trail finds, on every kind of database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry, ObjectKind, stamp
from cekalwatch.server.audit.search_terms import action_term, moment_of, outcome_term
from cekalwatch.server.storage.audit import search
from cekalwatch.server.storage.audit.search import AuditQuery, AuditSearch
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import TrailCheck
from cekalwatch.server.storage.database import Database
from tests.support.builders.audit import START, entry
from tests.support.scenarios.audit_forger import Forger

pytestmark = pytest.mark.both_databases

BUDI = ObjectKind.PERSON.key("00000000-0000-7000-8000-000000000001")


@pytest.fixture
def store(database: Database) -> AuditStore:
    found = AuditStore(database)
    found.append(*map(entry, range(1, 8)))
    at_a_pc = Actor(ActorKind.PERSON, BUDI.partition(":")[2] + "@batam/notifier/pc-1")
    found.append(
        entry(8, actor=at_a_pc, objects=(ObjectKind.SUBJECT.key("S-1"),)),
        entry(9, action=Action.PERSON_CHANGED, objects=(BUDI,), outcome="PERSON_UNKNOWN"),
    )
    return found


def found(database: Database, *terms: str, since: int | None = None, until: int | None = None) -> list[int]:
    """The sequences of what is found, read two at a time."""
    query = AuditQuery(terms, *(moment_of(stamp(START + timedelta(seconds=s))) if s else None for s in (since, until)))
    sequences, after, pages = [], None, 0
    while True:
        page = AuditSearch(database).page(query, 2, after)
        sequences += [link.sequence for _, link in page.found]
        after, pages = page.next, pages + 1
        if after is None:
            return sequences
        assert pages < 100


@pytest.mark.usefixtures("store")
def test_everything_is_found_newest_first(database: Database) -> None:
    assert found(database) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert found(database, since=3, until=6) == [5, 4, 3]


@pytest.mark.usefixtures("store")
def test_entries_are_found_by_who_did_it_and_by_what_they_name(database: Database) -> None:
    assert found(database, BUDI) == [9, 8]
    assert found(database, "subject:S-1") == [8, 1]
    assert found(database, "subject:S-1", BUDI) == [8]
    assert found(database, "subject:S-1", since=2) == [8]
    assert found(database, action_term(Action.PERSON_CHANGED)) == [9]
    assert found(database, outcome_term("PERSON_UNKNOWN"), action_term(Action.SUBJECT_VIEWED)) == []
    assert found(database, "subject:S") == []
    assert AuditSearch(database).has(BUDI)
    assert not AuditSearch(database).has("subject:S")


def test_an_entry_of_an_earlier_moment_that_came_later_stands_where_its_moment_is(
    store: AuditStore, database: Database
) -> None:
    store.append(entry(4), entry(4))
    assert found(database, since=3, until=6) == [5, 11, 10, 4, 3]


@pytest.mark.usefixtures("store")
def test_a_page_that_looked_at_enough_says_how_far_and_the_next_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_LOOKED_AT", 3)
    viewed = action_term(Action.SUBJECT_VIEWED)
    first = AuditSearch(database).page(AuditQuery((viewed, "subject:S-1")), 10)
    assert [link.sequence for _, link in first.found] == [8]
    assert not first.complete
    assert first.next is not None
    assert first.next.sequence == 6
    assert found(database, viewed, "subject:S-1") == [8, 1]


def test_an_entry_is_read_by_its_number(store: AuditStore, database: Database) -> None:
    one = AuditSearch(database).entry(8)
    assert one is not None
    assert one == list(store.links())[7]
    assert AuditSearch(database).entry(99) is None


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_index WHERE sequence = 4",
        "UPDATE audit_index SET moment = moment + 1 WHERE sequence = 4",
        "INSERT INTO audit_index VALUES (1, 1, 1)",
    ],
)
def test_who_changes_the_index_is_found_out(store: AuditStore, database: Database, statement: str) -> None:
    assert list(TrailCheck(store).problems(iter)) == []
    Forger(database).run(statement)
    assert [one.kind for one in TrailCheck(store).problems(iter)] == ["INDEX_WRONG"]


def test_a_damaged_entry_is_shown_as_it_is(store: AuditStore, database: Database) -> None:
    Forger(database).run("UPDATE audit_entry SET objects = 'no list' WHERE sequence = 4")
    (_, shown), *_ = AuditSearch(database).page(AuditQuery(("subject:S-4",)), 10).found
    assert (shown.sequence, shown.holds) == (4, False)
    assert {one.kind for one in TrailCheck(store).problems(iter)} == {"CHANGED"}


@pytest.mark.usefixtures("store")
def test_the_index_refuses_changes(database: Database) -> None:
    for statement in ("DELETE FROM audit_index", "UPDATE audit_index SET moment = 1"):
        with pytest.raises(Exception, match="append-only"), database.engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_an_entry_without_objects_is_found(store: AuditStore, database: Database) -> None:
    store.append(AuditEntry(START + timedelta(hours=1), Actor(ActorKind.SERVER, "s"), Action.BACKUP_MADE))
    assert found(database, action_term(Action.BACKUP_MADE)) == [10]
    assert found(database, "server:s") == [10]
