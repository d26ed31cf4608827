"""`cekalwatch-server retention` as a person runs it: it shows what is due, and removes it when asked to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit
from cekalwatch.server.alerts.hand_overs import HandOvers
from cekalwatch.server.domain.retention import RetentionPolicy
from cekalwatch.server.storage.alerts.hand_over_store import HandOverStore
from cekalwatch.server.storage.database import Database
from tests.support.builders.keys import keyring
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter
from tests.support.scenarios.server import settings
from tests.support.tools.programs import server_command


@pytest.mark.slow
async def test_what_is_due_is_shown_and_then_removed(tmp_path: Path):
    chosen = settings(tmp_path)
    database = Database(chosen.database_address)
    database.upgrade()
    clock = FixedClock(datetime.now(UTC) - timedelta(days=100))
    counter = Counter(database, clock, keys=keyring(database, chosen.master_key_source))
    counter.list_subject("S-1", until=date(2026, 3, 1))
    alert_id = counter.raise_alert()
    store = HandOverStore(database, keyring(database, chosen.master_key_source))
    hand_overs = HandOvers(store, counter.people, clock, RetentionPolicy().shift_notes)
    hand_overs.leave(counter.hire("budi", PersonRole.OFFICER), "batam-center", "the sheet is in the drawer")
    shown = await server_command("retention", "due", data=tmp_path)
    assert shown.returncode == Exit.OK
    assert "1 images of alerts that nobody settled are due." in shown.stdout
    assert "1 notes of shifts are due." in shown.stdout
    assert counter.alerts.probe(alert_id), "looking removes nothing"
    swept = await server_command("retention", "sweep", data=tmp_path)
    assert "1 images of alerts that nobody settled were removed." in swept.stdout
    assert "1 notes of shifts were removed." in swept.stdout
    assert hand_overs.due() == 0
    assert "0 records of alerts were removed." in swept.stdout
    assert counter.alerts.probe(alert_id) == b""
    database.close()
