"""What signing and checking rows promise, on every kind of database."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy
from sqlmodel import SQLModel, select, update

import cekalwatch.server.app  # noqa: F401  # has all tables
from cekalwatch.contract.values.capture_policy import CapturePolicyChanges, SetPolicy
from cekalwatch.contract.values.federation import LogStart, StartReason
from cekalwatch.contract.values.orders import OrderKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.surveys import KeptSurvey
from cekalwatch.extensions.notices.domain import Notice
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.server.domain.lookalikes import SubjectPair
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.domain.syncs import SeenOrder
from cekalwatch.server.learning.learned_threshold import LearnedOffset, LearnedThreshold, SiteFindings
from cekalwatch.server.learning.score_counts import BINS, CountKey, ScoreCounts
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.cameras import CameraPolicyStore, CameraSurveyStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import CHANGED, REMOVED
from cekalwatch.server.storage.integrity.guarded_session import checked
from cekalwatch.server.storage.integrity.scan import RowMismatch, RowScan
from cekalwatch.server.storage.integrity.signed_row import ChangedRowError, form_of, signed_models
from cekalwatch.server.storage.integrity.versions import next_version
from cekalwatch.server.storage.keys.resealing import Resealer
from cekalwatch.server.storage.models.threshold_store import ScoreStore, ThresholdStore
from cekalwatch.server.storage.people.tables import PersonRow
from cekalwatch.server.storage.ports.store import PortStore
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.storage.watchlist.tables import BanOrderRow
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.audit import entry
from tests.support.builders.keys import key_store
from tests.support.builders.lookalikes import judge
from tests.support.builders.ports import SEKUPANG, contradicted, port_alert, report
from tests.support.builders.surveys import survey_figures
from tests.support.builders.watchlist import FixedClock, order, reference, subject
from tests.support.scenarios.adjudication import Counter

pytestmark = pytest.mark.both_databases

UNSIGNED = {
    "agent": "positions: a PC that connects while alerts wait lists them, whatever its position is",
    "agent_presence": "who is connected to which server",
    "alert_agency": "sealed with its key, for statistics",
    "alert_event": "tells what to look at; what is shown is read from the alert",
    "audit_checkpoint": "signed",
    "audit_entry": "a chain of its own",
    "audit_head": "a chain of its own",
    "audit_index": "made of the entries, with which `audit verify` compares it",
    "camera_presence": "which camera is connected to which server, and how it does",
    "centre_report": "at a port, how far it has reported: shown, and nothing goes by it",
    "chore_lease": "which server does the chores; a time that is too far ahead counts for nothing",
    "data_key": "wrapped by the master key",
    "device_tries": "counts of wrong passwords",
    "event_log": "a lock, and how far it was pruned",
    "notice_position": "how far a receiver was told: one that skips leaves a gap in the sequences it gets",
    "passage_count": "statistics",
    "port_following": "which port follows the list at which server",
    "port_presence": "which port is connected to which server, and a lock",
    "reference_picture": "sealed with its key",
    "refused_server": "which server was refused at its start: shown, and nothing goes by it",
    "server_run": "what servers tell each other of themselves; one may refuse to start for it",
    "sign_in_failure": "counts of wrong passwords",
    "sign_in_key": "a key for these, and a lock",
    "subject_identity": "an index: the sealed facts of both subjects decide, and a missing row is missed (inventory)",
    "sync_schedule": "whose turn it is to synchronise, and a lock; a time that is too far ahead counts for nothing",
    "template": "sealed with all its columns",
    "template_refusal": "why a reference face has no template",
    "trouble": "what is wrong, found again at the next look",
    "trouble_log": "a lock and a counter",
    "unusable_count": "statistics",
    "watchlist_change": "what to read again",
    "watchlist_state": "a lock and a counter",
    "write_probe": "nothing",
}
"""Tables without MACs, and why (ADR 20)."""


@pytest.fixture
def scan(database: Database) -> RowScan:
    return RowScan(database, key_store(database).guard)


def fill(database: Database, scan: RowScan) -> None:
    """Write rows of every signed table that takes no switch of the model."""
    keyring = scan.guard.keyring
    watchlist = WatchlistStore(database, keyring)
    watchlist.put(subject(), order(), [reference(b"a face")])
    watchlist.put(subject("S-2"), order("O-2", subject_id="S-2"))
    watchlist.mark_success(NOON)
    judge(watchlist, SubjectPair("S-1", "S-2"))
    event = AlertStore(database, keyring).record(match(capture(jpeg=b"a probe")), timedelta(0), NOON)
    assert event is not None
    counter = Counter(database, FixedClock(NOON), keys=keyring)
    officer = counter.hire("budi", PersonRole.OFFICER)
    counter.claim(event.alert_id, officer)
    counter.judge(event.alert_id, officer, note="a scar")
    ThresholdStore(database).set(0.5, "model", entry(1))
    wider = SetPolicy(number=1, changes=CapturePolicyChanges(jpeg_quality=90), set_at=NOON)
    assert CameraPolicyStore(database).set("dep-1", wider, entry(1))
    CameraSurveyStore(database).add("dep-1", KeptSurvey(NOON, survey_figures()), entry(1))
    ScoreStore(database).add([ScoreCounts(CountKey("2026-03-01", "dep-1", "model", 1, "batam"), np.zeros(BINS), 20)])
    learned = LearnedThreshold("model", LearnedOffset(), "", SiteFindings.NONE)
    ThresholdStore(database).forget_learned(learned, entry(1))
    NoticeStore(database).add("siem", "alerts", [Notice("alert/1", "alert.raised", NOON, {})], 1, NOON)
    syncs = SyncStore(database)
    begun = syncs.begin("source", NOON)
    assert begun
    syncs.advance(begun.lease, NOON, begun.run, reading=1, seen=[SeenOrder("O-1", "x")])
    AlarmStore(database).tell({"dep-1": NOON}, {}, NOON)
    ports = PortStore(database, keyring)
    ports.start(SEKUPANG, LogStart(0, StartReason.FIRST), NOON)
    ports.record(SEKUPANG, [report(1, port_alert())], NOON, contradicted)


def change(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        assert connection.execute(sqlalchemy.text(statement)).rowcount == 1


def test_every_table_is_signed_or_said_why_not() -> None:
    signed = {str(model.__tablename__) for model in signed_models()}
    assert signed.isdisjoint(UNSIGNED)
    assert signed | set(UNSIGNED) == set(SQLModel.metadata.tables)


def test_what_the_stores_write_is_in_order(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    assert scan.all() == []


def test_any_column_that_is_changed_is_found(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    changes = {
        "person": "display_name = 'x'",
        "subject": "row_version = row_version + 1 WHERE subject_id = 'S-1'",
        "ban_order": "urgent = NOT urgent WHERE order_id = 'O-1'",
        "reference_face": "warnings = '[]  '",
        "alert": "captured_at = raised_at, raised_at = last_seen_at, last_seen_at = captured_at, late = NOT late",
        "sighting": "score = score + 0.01",
        "alert_passage": "model_version = 'x'",
        "probe": "quality = 1",
        "alert_finding": "outcome = 'NOT_SAME_PERSON'",
        "lookalike_judgement": "judgement = 'SAME_PERSON'",
        "decision_threshold": "value = 0.51",
        "camera_policy": "changes = '{}'",
        "camera_survey": "figures = '{}'",
        "score_count": "reached = 7",
        "learned_threshold": "step = 0.1",
        "notice": "body = 'x'",
        "sync_order": "erased = true",
        "list_inventory": "total = '0'",
        "sync_run": "outcome = 'DONE'",
        "sync_state": "accepted = 5",
        "port_alert": "reported_at = raised_at, raised_at = reported_at, state = 'CLEARED'",
        "port_event": "sequence = 2",
        "port_position": "sequence = 0",
        "watchlist_success": "source = 'another'",
        "camera_news": "site = 'x'",
    }
    for table, changed in changes.items():
        change(database, f"UPDATE {table} SET {changed}")  # noqa: S608  # written above
    found = [row for row in scan.all() if row.key[0] != "watchlist_change"]
    assert {row.key[0] for row in found} == set(changes)
    assert {row.reason for row in found} == {CHANGED}


def test_a_row_that_a_session_reads_again_is_checked_again(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    with database.session() as session:
        row = checked(session, session.get_one(BanOrderRow, "O-1"))
        change(database, "UPDATE ban_order SET urgent = NOT urgent WHERE order_id = 'O-1'")
        assert not checked(session, row).urgent, "it is what was read, and that stood"
        session.refresh(row)
        with pytest.raises(ChangedRowError):
            checked(session, row)
        row.kind = OrderKind.TANGKAL
        with pytest.raises(ChangedRowError):
            session.flush()
    with database.session() as session:
        row = checked(session, session.get_one(BanOrderRow, "O-2"))
        session.rollback()
        change(database, "UPDATE ban_order SET urgent = NOT urgent WHERE order_id = 'O-2'")
        with pytest.raises(ChangedRowError):
            checked(session, row)


def test_an_old_sealed_value_does_not_fit_into_a_new_row(database: Database, scan: RowScan) -> None:
    store = WatchlistStore(database, scan.guard.keyring)
    store.put(subject(), order(reason="smuggling"))
    with database.engine.connect() as connection:
        old = connection.execute(sqlalchemy.text("SELECT facts FROM ban_order")).scalar_one()
    store.put(subject(), order(reason="nothing"))
    with database.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE ban_order SET facts = :facts"), {"facts": old})
    assert scan.all() == [RowMismatch(("ban_order", "O-1"), CHANGED)]


def test_a_row_that_is_removed_is_missed_where_none_leaves(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    assert scan.all() == []
    change(database, "DELETE FROM decision_threshold")
    assert scan.all() == [RowMismatch(("decision_threshold", "1"), REMOVED)]
    with pytest.raises(ChangedRowError):
        ThresholdStore(database).get("model")
    ThresholdStore(database).set(None, "model", entry(1))
    assert scan.all() == []


def test_statements_cannot_change_signed_rows(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    with database.session() as session, pytest.raises(RuntimeError, match="one by one"):
        session.exec(update(PersonRow).values(disabled=True))


def test_without_the_keys_no_signed_row_is_written_or_used(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    with closing(Database(url)) as closed, pytest.raises(RuntimeError, match="not open"):
        ThresholdStore(closed).get("model")


def test_rows_stay_in_order_when_the_data_key_changes(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    with database.session() as session:
        before = session.exec(select(BanOrderRow.row_version)).all()
    keys = key_store(database)
    keys.rotate()
    list(Resealer(database, keys).steps())
    assert scan.all() == []
    with database.session() as session:
        assert session.exec(select(BanOrderRow.row_version)).all() == before


def test_a_changed_row_is_not_sealed_again(database: Database, scan: RowScan) -> None:
    fill(database, scan)
    change(database, "UPDATE ban_order SET kind = 'TANGKAL' WHERE order_id = 'O-1'")
    keys = key_store(database)
    keys.rotate()
    assert sum(step.damaged for step in Resealer(database, keys).steps()) == 1
    assert [row.key for row in scan.all()] == [("ban_order", "O-1")]


def test_a_deleted_order_that_comes_again_is_newer_than_it_was(database: Database, scan: RowScan) -> None:
    store, ended = WatchlistStore(database, scan.guard.keyring), order(reason="changed")
    for ban in (order(), ended):
        store.put(subject(), ban)
    assert scan.all() == []
    store.delete_subject("S-1", lambda _: entry(1))
    store.put(subject(), order())
    assert scan.all() == []
    assert kinds(store) == [order()]


def test_versions_rise_also_when_the_clock_does_not() -> None:
    late = next_version(0) + 10**12
    assert next_version(late) > late
    assert next_version(0) % 2 == 0
    assert next_version(late) % 2 == 1


def test_a_form_names_all_columns_but_the_mac() -> None:
    for model in signed_models():
        form = form_of(model)
        assert {*form.columns, "mac"} == {column.name for column in form.table.columns}


def kinds(store: WatchlistStore) -> list[BanOrder]:
    return list(store.get_subject("S-1").orders)
