"""What was seen of alerts does not pile up: what retention has removed is forgotten, and nothing before."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.integrity.guard import RowGuard
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.storage.keys.store import KeyStore
from tests.support.builders.alerts import NOON, capture, match
from tests.support.builders.keys import KEEPER
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter

TERM = timedelta(days=730)


class Seen:
    """An alert on which an officer has worked, and what is kept of it outside the database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.file = database, folder / "seen_versions.json"
        self.keys = KeyStore.open(
            database, KeyFile(folder / "master.key"), FixedClock(NOON), KEEPER, self.file, {"alert": TERM}
        )
        event = AlertStore(database, self.keys.keyring).record(match(capture()), timedelta(0), NOON)
        assert event is not None
        self.alert_id = event.alert_id
        counter = Counter(database, FixedClock(NOON), keys=self.keys.keyring)
        counter.claim(self.alert_id, counter.hire("budi", PersonRole.OFFICER))

    @property
    def guard(self) -> RowGuard:
        return self.keys.guard

    def look(self) -> None:
        """Look at all rows, as a server does again and again, and keep what was seen."""
        RowScan(self.database, self.guard).all()
        self.guard.versions.keep()

    def kept(self) -> set[str]:
        rows = json.loads(json.loads(self.file.read_bytes())["rows"])
        return {key for table, key, *_ in rows if table == "alert"}

    def remove_alert(self) -> None:
        with self.database.engine.begin() as connection:
            for table in ("alert_event", "sighting", "alert_passage", "probe", "alert"):
                connection.execute(sqlalchemy.text(f"DELETE FROM {table}"))  # noqa: S608  # names of ours


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    with closing(Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")) as database:
        database.upgrade()
        yield Seen(database, tmp_path)


def test_an_alert_that_retention_removed_is_forgotten(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.look()
    assert seen.kept() == {str(seen.alert_id)}
    seen.remove_alert()
    seen.look()
    assert seen.kept() == {str(seen.alert_id)}, "retention removes none so young: it may be put back"
    now_ns = time.time_ns()
    monkeypatch.setattr(
        time, "time_ns", lambda: now_ns + (TERM + timedelta(minutes=1)) // timedelta(microseconds=1) * 1000
    )
    seen.look()
    assert seen.kept() == set()
    again = KeyStore.open(seen.database, KeyFile(seen.file.parent / "master.key"), FixedClock(NOON), KEEPER, seen.file)
    assert again.guard.versions.of(("alert", str(seen.alert_id))) == 0


def test_an_old_alert_that_is_there_is_remembered(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    seen.look()
    now_ns = time.time_ns()
    monkeypatch.setattr(
        time, "time_ns", lambda: now_ns + (TERM + timedelta(minutes=1)) // timedelta(microseconds=1) * 1000
    )
    seen.look()
    assert seen.kept() == {str(seen.alert_id)}
