"""`cekalwatch-server ports` says since when a port follows the list, and how old its own is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cekalwatch.server.cli.app import app
from cekalwatch.server.domain.ports import Following
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.ports.followings import FollowingStore
from cekalwatch.server.storage.ports.store import PortStore
from tests.support.builders.keys import key_store, keyring
from tests.support.builders.ports import SEKUPANG
from tests.support.scenarios.server import settings


def shown(data_dir: Path) -> str:
    found = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["ports", "--data-dir", str(data_dir)])
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
    here = Following(SEKUPANG, "run-1", "server-1", began, None, "model-1", "0.2.0", "ca:1f")
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
