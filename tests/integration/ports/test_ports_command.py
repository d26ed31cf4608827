"""`cekalwatch-server ports` says since when a port follows the list, and how old its own is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.contract.values.adjudication import AlertState
from cekalwatch.contract.values.federation import LogStart, StartReason
from cekalwatch.server.audit.entry import Action
from cekalwatch.server.cli.app import app
from cekalwatch.server.domain.ports import Following
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.followings import FollowingStore
from cekalwatch.server.storage.ports.store import PortStore
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import key_store, keyring
from tests.support.builders.ports import HARBOUR_BAY, SEKUPANG, contradicted, port_alert, report
from tests.support.scenarios.server import settings


def shown(data_dir: Path, *words: str) -> str:
    found = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["ports", *words, "--data-dir", str(data_dir)])
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.parametrize("follows", [True, False])
def test_it_lists_the_ports(tmp_path: Path, follows: bool) -> None:
    chosen = settings(tmp_path)
    database = Database(chosen.database_address)
    database.upgrade()
    key_store(database, chosen.master_key_source)
    assert "No port has called yet" in shown(tmp_path)
    began = datetime.now(UTC)
    here = Following(SEKUPANG, "run-1", "model-1", "0.2.0", "ca:1f", "server-1", began)
    FollowingStore(database).tell([here], began)
    if not follows:
        FollowingStore(database).left(here, began)
    reports = PortStore(database, keyring(database, chosen.master_key_source))
    reports.tell(SEKUPANG, "server-1", 3, "0.2.0", began, began)
    database.close()
    said = shown(tmp_path)
    assert str(SEKUPANG) in said
    assert said.count(f"{began.astimezone():%Y-%m-%d %H:%M:%S}") == 3
    assert ("not since" in said) is not follows


def test_it_lists_what_ports_reported_and_records_who_looked(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    database = Database(chosen.database_address)
    database.upgrade()
    key_store(database, chosen.master_key_source)
    assert "No port has reported such an alert" in shown(tmp_path, "alerts")
    reports = PortStore(database, keyring(database, chosen.master_key_source))
    older, newer = port_alert(), port_alert()
    closed = port_alert(AlertState.CLOSED)
    for port in (SEKUPANG, HARBOUR_BAY):
        reports.start(port, LogStart(0, StartReason.FIRST), NOON)
    reports.record(SEKUPANG, [report(1, older), report(2, closed)], NOON, contradicted)
    reports.record(HARBOUR_BAY, [report(1, newer)], NOON, contradicted)

    def told(*words: str) -> list[str]:
        said = shown(tmp_path, "alerts", *words)
        return [key for key in map(str, (closed.alert_id, newer.alert_id, older.alert_id)) if key in said]

    assert told() == [str(newer.alert_id), str(older.alert_id)]
    assert told("--settled") == [str(closed.alert_id), str(newer.alert_id), str(older.alert_id)]
    assert told("--site", SEKUPANG.site) == [str(older.alert_id)]
    assert told("--most", "1") == [str(newer.alert_id)]
    assert told("--after", str(newer.alert_id)) == [str(older.alert_id)]
    said = shown(tmp_path, "alerts", "--site", SEKUPANG.site)
    assert all(word in said for word in (str(SEKUPANG), "NEW", "S-1", "0.70"))
    entries = [one for one in AuditStore(database).links() if one.action == Action.ALERTS_LISTED]
    assert f"alert:{older.alert_id}" in entries[-1].objects
    assert str(newer.alert_id) not in entries[-1].objects
    assert "subject:S-1" in entries[-1].objects
    database.close()
