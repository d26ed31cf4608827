"""What the audit trail's store promises, on every kind of database."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.audit import TrailProblem, TrailProblemKind
from cekalwatch.server.alerts.retention import RetentionSweeper
from cekalwatch.server.audit.entry import GENESIS, Action, Actor, ActorKind, AuditEntry, stamp
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.encryption.master_key import SecretMasterKey
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.server.storage.alerts.retention_store import RetentionStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.checkpoint_signer import EVERY, EVERY_ENTRIES
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.audit.trail_check import Anchor, ChainCheck
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.errors import StorageError
from cekalwatch.server.storage.keys.resealing import Resealer
from cekalwatch.server.storage.watchlist.record_store import StoreOutcome
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.audit import OFFICER, START, chain, deleted, entry, signer
from tests.support.builders.keys import KEEPER, TESTS_KEY, key_store, keyring
from tests.support.builders.watchlist import FixedClock, order, reference, subject

pytestmark = pytest.mark.both_databases

WINDOW = timedelta(minutes=10)
COPY_OF_4_BEFORE_ALL = (
    "INSERT INTO audit_entry SELECT 0, previous_hash, hash, at, actor, action, objects, outcome, details "
    "FROM audit_entry WHERE sequence = 4"
)


@pytest.fixture
def store(database: Database) -> AuditStore:
    return AuditStore(database)


def breaks(store: AuditStore) -> list[TrailProblem]:
    return list(ChainCheck([Anchor(*store.head(), "the head")]).breaks(store.links()))


def tamper(database: Database, statement: str) -> None:
    """What a dishonest administrator can do: put the triggers out of action first."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            for name in names:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        assert connection.exec_driver_sql(statement).rowcount > 0


def test_entries_come_back_as_a_whole_chain(store: AuditStore):
    assert store.head() == (0, GENESIS)
    store.append(entry(1))
    store.append(entry(2), entry(3))
    assert list(store.links()) == chain(3)
    assert store.head() == (3, chain(3)[-1].hash)
    assert breaks(store) == []


def test_a_span_of_time_is_read(store: AuditStore):
    store.append(*map(entry, range(1, 6)))
    since, until = (stamp(START + timedelta(seconds=seconds)) for seconds in (2, 4))
    assert [one.sequence for one in store.links(since, until)] == [2, 3]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'client:nobody'",
        "UPDATE audit_entry SET actor = actor WHERE sequence = 2",
        "DELETE FROM audit_entry WHERE sequence = 2",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_checkpoint SET sequence = 1",
    ],
)
def test_the_database_refuses_to_change_or_remove(
    database: Database, store: AuditStore, tmp_path: Path, statement: str
):
    store.append(*map(entry, range(1, 4)))
    signer(store, tmp_path, FixedClock()).sign()
    with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert list(store.links()) == chain(3)


def test_an_entry_cannot_be_replaced_by_another_of_its_sequence(database: Database, store: AuditStore):
    store.append(entry(1))
    values = "VALUES (1, 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x')"
    if database.engine.dialect.name == "sqlite":
        statements = [f"INSERT OR REPLACE INTO audit_entry {values}"]
    else:
        statements = [
            f"INSERT INTO audit_entry {values} ON CONFLICT (sequence) DO UPDATE SET actor = 'x'",
            "TRUNCATE audit_entry",
        ]
    for statement in statements:
        with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
            connection.exec_driver_sql(statement)
    assert list(store.links()) == chain(1)


@pytest.mark.parametrize(
    ("statement", "kind", "named"),
    [
        ("UPDATE audit_entry SET actor = 'client:nobody' WHERE sequence = 4", TrailProblemKind.CHANGED, 4),
        ("DELETE FROM audit_entry WHERE sequence = 4", TrailProblemKind.MISSING, 4),
        ("DELETE FROM audit_entry WHERE sequence = 9", TrailProblemKind.CUT_OFF, 9),
        ("UPDATE audit_entry SET sequence = 20 WHERE sequence = 4", TrailProblemKind.MISSING, 4),
        (
            COPY_OF_4_BEFORE_ALL,
            TrailProblemKind.INSERTED,
            0,
        ),
    ],
)
def test_tampering_past_the_triggers_is_named(
    database: Database, store: AuditStore, statement: str, kind: TrailProblemKind, named: int
):
    store.append(*map(entry, range(1, 10)))
    tamper(database, statement)
    first = breaks(store)[0]
    assert (first.kind, first.first) == (kind, named)


def test_many_writers_at_once_make_one_chain(database: Database):
    """Each has connections of its own, as several servers have."""
    writers, each = 6, 15
    failures: list[BaseException] = []
    address = database.engine.url.render_as_string(hide_password=False)

    def write(number: int) -> None:
        own = Database(address)
        try:
            mine = AuditStore(own)
            for step in range(each):
                mine.append(entry(number * each + step))
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = AuditStore(database)
    assert store.head()[0] == writers * each
    assert breaks(store) == []


def test_an_alert_and_its_entry_are_committed_together(database: Database, store: AuditStore):
    alerts = AlertStore(database, keyring(database))
    raised = alerts.record(match(capture(passage="1")), WINDOW, NOON)
    alerts.record(match(capture(passage="2")), WINDOW, NOON)
    assert raised is not None
    first, second = store.links()
    assert (first.action, second.action) == (Action.ALERT_RAISED, Action.ALERT_SIGHTED)
    assert first.actor == "camera:dep-1"
    for expected in (f"alert:{raised.alert_id}", f"capture:{raised.capture_id}", "subject:S-1", "order:O-1"):
        assert expected in first.objects
    tamper(database, "UPDATE audit_head SET sequence = 0")  # the next entry cannot be written
    with pytest.raises(StorageError):
        alerts.record(match(capture(passage="3"), subject="S-3"), WINDOW, NOON)
    assert len(alerts.list_alerts(AlertFilter(), None, 10)) == 1
    assert len(alerts.events_after(0, 10)) == 2


def test_a_capture_sent_again_is_not_recorded_again(database: Database, store: AuditStore):
    alerts, again = AlertStore(database, keyring(database)), match(capture())
    alerts.record(again, WINDOW, NOON)
    alerts.record(again, WINDOW, NOON)
    assert store.head()[0] == 1


def test_an_order_and_its_entry_are_committed_together(database: Database, store: AuditStore):
    watchlist = WatchlistStore(database, keyring(database))

    def note(outcome: StoreOutcome) -> AuditEntry:
        return entry(outcome=outcome)

    for references in ([], [], [reference()]):
        watchlist.put(subject(), order(), references, note)
    assert [one.outcome for one in store.links()] == ["STORED", "UNCHANGED"], "the second changed nothing"
    tamper(database, "UPDATE audit_head SET sequence = 0")
    with pytest.raises(StorageError):
        watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"), (), note)
    assert [file.subject.subject_id for file in watchlist.list_subjects("", 10)] == ["S-1"]


def test_a_sweep_removes_what_is_due_and_records_it(database: Database, store: AuditStore):
    alerts, clock = AlertStore(database, keyring(database)), FixedClock(NOON)
    alerts.record(match(capture(passage="old")), timedelta(0), NOON)
    clock.advance(timedelta(days=300))
    alerts.record(match(capture(passage="new"), subject="S-2"), timedelta(0), clock.now())
    sweeper = RetentionSweeper(
        alerts,
        HandlingStore(database, keyring(database)),
        RetentionStore(database),
        clock,
        Actor(ActorKind.SERVER, "test"),
        RetentionPolicy(),
    )
    assert sweeper.sweep().events == 0
    clock.advance(timedelta(days=66))
    report = sweeper.sweep()
    assert (report.events, report.events_before) == (1, NOON + timedelta(days=1))
    assert len(alerts.events_after(0, 10)) == 1
    sweeps = [one for one in store.links() if one.action == Action.RETENTION_SWEPT]
    assert [one.details for one in sweeps] == [
        '{"events":0,"events_before":"2025-12-26T05:00:00.000000Z"}',
        '{"events":1,"events_before":"2026-03-02T05:00:00.000000Z"}',
    ]


def test_facts_are_recorded_when_they_differ_from_the_last_ones_of_that_actor_and_action(
    database: Database, store: AuditStore
):
    def record(**facts: int | str) -> list[str]:
        before = store.head()[0]
        store.append_changed(OFFICER, Action.CONFIGURATION_CHANGED, facts, NOON)
        return [one.details for one in store.links() if one.sequence > before]

    assert record(a=1, b="x") == ['{"a":1,"b":"x","changed":"a b"}']
    assert record(a=1, b="x") == []
    store.append(entry(3, actor=Actor(ActorKind.SERVER, "x"), action=Action.CONFIGURATION_CHANGED, details={"a": 2}))
    store.append(entry(4, action=Action.ALERTS_LISTED, details={"a": 2}))
    assert record(a=1, b="x") == []
    assert record(a=2, b="x") == ['{"a":2,"b":"x","changed":"a"}']
    tamper(database, "UPDATE audit_entry SET details = '{damaged' WHERE sequence = 4")
    assert record(a=2, b="x") == ['{"a":2,"b":"x","changed":"a b"}']


def test_checkpoints_are_made_each_hour_and_after_so_many_entries(store: AuditStore, tmp_path: Path):
    clock = FixedClock()
    signing = signer(store, tmp_path, clock)
    signing.sign_if_due()
    assert store.checkpoints() == [], "an empty trail has nothing to sign"
    store.append(entry(1))
    signing.sign_if_due()
    store.append(entry(2))
    signing.sign_if_due()
    assert [one.sequence for one in store.checkpoints()] == [1], "neither is due"
    clock.advance(EVERY)
    signing.sign_if_due()
    store.append(*map(entry, range(3, 3 + EVERY_ENTRIES)))
    signing.sign_if_due()
    made = store.checkpoints()
    assert [one.sequence for one in made] == [1, 2, 2 + EVERY_ENTRIES]
    assert all(one.valid for one in made)
    assert breaks(store) == []
    clock.advance(EVERY)
    signing.sign_if_due()
    assert len(store.checkpoints()) == 3, "nothing came since"
    assert signer(store, tmp_path, clock).sign() == made[-1]
    clock.advance(-3 * EVERY)
    store.append(entry(3 + EVERY_ENTRIES))
    signing.sign_if_due()
    assert len(store.checkpoints()) == 4, "the clock was ahead when the last one was made"
    assert breaks(store) == []


def test_two_servers_sign_the_same_trail(store: AuditStore, tmp_path: Path):
    store.append(entry(1))
    both = [signer(store, tmp_path / name, FixedClock()) for name in ("a", "b")]
    twin = signer(store, tmp_path / "a", FixedClock())
    made = [one.sign() for one in both]
    assert made == [store.newest_checkpoint(one.public_key) for one in made if one]
    assert twin.sign() == both[0].sign(), "another program with the same key was first"
    assert len(store.checkpoints()) == 2


def test_a_deletion_and_its_entry_are_committed_together(database: Database, store: AuditStore):
    watchlist = WatchlistStore(database, keyring(database))
    watchlist.put(subject(), order("O-1"))
    watchlist.put(subject(), order("O-2"))
    watchlist.delete_subject("S-1", deleted)
    (kept,) = store.links()
    assert (kept.action, kept.objects) == ("SUBJECT_DELETED", '["subject:S-1","order:O-1","order:O-2"]')
    watchlist.put(subject(), order())
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_head")
    with pytest.raises(StorageError, match="NoResultFound"):
        watchlist.delete_subject("S-1", deleted)
    assert watchlist.get_subject("S-1").orders == (order(),)


def test_a_probe_that_came_while_its_subject_was_deleted_is_swept(database: Database, store: AuditStore):
    keys = keyring(database)
    alerts, watchlist = AlertStore(database, keys), WatchlistStore(database, keys)
    for key in ("S-1", "S-2"):
        watchlist.put(subject(key), order(f"O-{key}", subject_id=key))
    handling = HandlingStore(database, keys)
    sweeper = RetentionSweeper(
        alerts, handling, RetentionStore(database), FixedClock(NOON), Actor(ActorKind.SERVER, "test"), RetentionPolicy()
    )
    other = alerts.record(match(capture(passage="1", jpeg=b"other"), subject="S-2"), WINDOW, NOON)
    watchlist.delete_subject("S-1", deleted)
    late = alerts.record(match(capture(passage="2", jpeg=b"late"), subject="S-1"), WINDOW, NOON)
    assert other is not None
    assert late is not None
    assert sweeper.sweep_probes() == 1
    assert (alerts.probe(late.alert_id), alerts.probe(other.alert_id)) == (b"", b"other")
    last = list(store.links())[-1]
    assert (last.action, last.details) == ("RETENTION_SWEPT", '{"probes":1}')
    assert sweeper.sweep_probes() == 0
    assert store.head()[0] == last.sequence, "what removes nothing is not recorded"


def test_each_change_of_keys_is_recorded_with_it(database: Database, store: AuditStore):
    keys = key_store(database)
    WatchlistStore(database, keys.keyring).put(subject(), order(), [reference()])
    keys.rotate()
    list(Resealer(database, keys).steps())
    fresh = SecretMasterKey.generate()
    keys.rewrap(fresh)
    links = list(store.links())
    assert {one.actor for one in links} == {str(KEEPER)}
    assert [(one.action, one.objects, one.outcome) for one in links] == [
        ("KEY_ROTATED", '["key:3"]', "OK"),
        ("KEYS_RESEALED", '["key:3"]', "OK"),
        ("KEYS_RETIRED", '["key:1"]', "OK"),
        ("KEYS_REWRAPPED", '["key:2","key:3"]', "OK"),
    ]
    assert links[1].details == '{"damaged":0,"resealed":6}'
    assert links[3].details == f'{{"master_from":"{TESTS_KEY.key_id}","master_to":"{fresh.key_id}"}}'


def test_keys_do_not_change_without_an_entry(database: Database):
    keys = key_store(database)
    before = keys.entries()
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_head")
    for change in (keys.rotate, lambda: keys.rewrap(SecretMasterKey.generate()), lambda: keys.settle(1, 0, 0)):
        with pytest.raises(StorageError, match="NoResultFound"):
            change()
    assert keys.entries() == before
