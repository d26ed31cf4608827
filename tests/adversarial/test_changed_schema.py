"""Who can write the database by SQL adds triggers that undo what the server writes, and hides rows: it is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from cekalwatch.server.alerts import automatic_steps
from cekalwatch.server.health.alarms import servers
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import CHANGED
from cekalwatch.server.storage.integrity.scan import RowMismatch, RowScan
from tests.support.builders.keys import key_store
from tests.support.scenarios.alarms import Watcher
from tests.support.scenarios.intruder import Intruder
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running
from tests.support.scenarios.sign_in import WAIT_S

_EATEN = "DELETE FROM alert_event WHERE sequence = NEW.sequence;"
EATER = {
    "sqlite": [f"CREATE TRIGGER eater AFTER INSERT ON alert_event BEGIN {_EATEN} END"],
    "postgresql": [
        f"CREATE FUNCTION eat() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {_EATEN} RETURN NULL; END $$",
        "CREATE TRIGGER eater AFTER INSERT ON alert_event FOR EACH ROW EXECUTE FUNCTION eat()",
    ],
}
FED = {"sqlite": "DROP TRIGGER eater", "postgresql": "DROP FUNCTION eat CASCADE"}
EITHER = {
    "CREATE VIEW people AS SELECT * FROM person": "view people of people",
    "CREATE TABLE copy AS SELECT * FROM person": "remove_table copy",
    "DROP INDEX ix_alert_event_alert_id": "add_index ix_alert_event_alert_id",
}
ONLY = {
    "sqlite": {
        "DROP TRIGGER audit_entry_no_delete": "trigger audit_entry_no_delete of audit_entry",
        "DROP TRIGGER audit_entry_no_update": "trigger audit_entry_no_update of audit_entry",
        "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry BEGIN SELECT 1; END": (
            "trigger audit_entry_no_update of audit_entry"
        ),
    },
    "postgresql": {
        "ALTER TABLE audit_entry DISABLE TRIGGER USER": "trigger audit_entry_append_only of audit_entry",
        "CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$": "trigger audit_entry_append_only of audit_entry",
        "CREATE RULE none AS ON DELETE TO person DO INSTEAD NOTHING": "rule none of person",
        "ALTER TABLE person ENABLE ROW LEVEL SECURITY": "row policy person of person",
    },
}


@pytest.fixture
def scan(chosen: ServerSettings) -> Iterator[RowScan]:
    with closing(Database(chosen.database_address)) as database:
        database.upgrade()
        yield RowScan(database, key_store(database).guard)


def kind_of(chosen: ServerSettings) -> str:
    return "postgresql" if chosen.database_url else "sqlite"


def test_each_object_that_no_migration_made_is_named(
    chosen: ServerSettings, intruder: Intruder, scan: RowScan, subtests: pytest.Subtests
) -> None:
    assert scan.all() == []
    known: set[RowMismatch] = set()
    for statement, name in (EITHER | ONLY[kind_of(chosen)]).items():
        with subtests.test(statement):
            intruder.run(statement)
            found = set(scan.all())
            assert RowMismatch(("schema", name), CHANGED) in found
            assert known <= found
            known = found


HIDING = (
    # Names of theirs stand before those of the catalogue, and show everything but what they have made.
    "CREATE VIEW pg_class AS SELECT * FROM pg_catalog.pg_class WHERE relname NOT IN ('pg_class', 'pg_trigger')",
    "CREATE VIEW pg_trigger AS SELECT * FROM pg_catalog.pg_trigger WHERE tgname <> 'eater'",
    "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO public, pg_catalog', current_database()); END $$",
)
SHOWING = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET search_path', current_database()); END $$"


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.usefixtures("scan")
@pytest.mark.parametrize("database_setting", ["postgresql"], indirect=True)
def test_who_hides_a_trigger_from_the_catalogue_is_noticed(chosen: ServerSettings, intruder: Intruder) -> None:
    for statement in (*EATER["postgresql"], *HIDING):
        intruder.run(statement)
    try:
        with closing(Database(chosen.database_address)) as later:
            found = {row.key for row in RowScan(later, key_store(later).guard).schema(whole=False)}
    finally:
        intruder.run(SHOWING)
    assert ("schema", "search_path public, pg_catalog") in found


@pytest.mark.slow
async def test_an_alert_whose_event_is_eaten_is_an_alarm_and_reaches_the_pcs_at_last(
    chosen: ServerSettings, intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "MISSED_PERIOD_S", 1.0)
    monkeypatch.setattr(automatic_steps, "TELL_AGAIN_S", 2.0)
    list_astronaut(chosen)
    async with running(chosen) as server, Watcher(server.channel).watching() as watcher:
        for statement in EATER[kind_of(chosen)]:
            intruder.run(statement)
        assert (await (await CaptureClient.open(server.channel)).receipt(face()))[0] == "ACCEPTED"
        await watcher.until(lambda one: {"ROWS_CHANGED alert_event", "ROWS_CHANGED schema"} <= set(one.kinds), WAIT_S)
        assert intruder.rows("alert_event") == []
        intruder.run(FED[kind_of(chosen)])
        await watcher.until(lambda one: not any("ROWS_CHANGED" in kind for kind in one.kinds), 3 * WAIT_S)
        assert "RAISED" in {row["type"] for row in intruder.rows("alert_event")}
