"""What was noted by a clock that was ahead hides nothing once the clock is right: not until that time has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.contract.values.status import Reporting, SigningStatus
from cekalwatch.server.domain.ports import FOLLOWS_WITHIN, HEARD_WITHIN, Following, Port, PortState
from cekalwatch.server.health.state.health import UNREPORTED_AFTER, Health
from cekalwatch.server.health.state.status import MaintenanceReader
from cekalwatch.server.storage.database import Database
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import FixedClock

LIMIT = timedelta(days=1)
SEKUPANG = Port("sekupang", "port-1")


@dataclass(frozen=True)
class Noted:
    """By how much what was noted lies ahead of the clock, and whether it still tells that all is well."""

    ahead: timedelta
    is_well: bool


def around(limit: timedelta) -> tuple[Noted, ...]:
    little = timedelta(seconds=1)
    return (
        Noted(little - limit, is_well=True),
        Noted(-limit - little, is_well=False),
        Noted(limit - little, is_well=True),
        Noted(limit + little, is_well=False),
        Noted(timedelta(days=365), is_well=False),
    )


@pytest.mark.parametrize("noted", around(LIMIT))
def test_a_backup(tmp_path: Path, noted: Noted) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    made_at = NOON + noted.ahead
    reader = MaintenanceReader(tmp_path, lambda: made_at, LIMIT, key_store(database), FixedClock(NOON))
    for found in (reader.read(), reader.read_without_database()):
        assert (found.backup_at, found.backup_stale) == (made_at, not noted.is_well)
    database.close()


@pytest.mark.parametrize("noted", around(UNREPORTED_AFTER))
def test_the_moment_since_when_a_centre_is_away(noted: Noted) -> None:
    def unreported(since: datetime, *, connected: bool) -> Reporting | None:
        state = Reporting(connected, since)
        return Health(lambda: None, LIMIT, FixedClock(NOON), SigningStatus, reporting=lambda: state).unreported

    assert (unreported(NOON + noted.ahead, connected=False) is None) is noted.is_well
    assert unreported(NOON + noted.ahead, connected=True) is None


@pytest.mark.parametrize("noted", around(HEARD_WITHIN))
def test_a_ports_sign_of_life(noted: Noted) -> None:
    told = PortState(SEKUPANG, "server-1", NOON + noted.ahead).status(NOON)
    assert (told.connected, told.server) == ((True, "server-1") if noted.is_well else (False, ""))
    gone = PortState(SEKUPANG, "", NOON + noted.ahead).status(NOON)
    assert not gone.connected


@pytest.mark.parametrize("noted", around(FOLLOWS_WITHIN))
def test_that_a_port_follows_the_list(noted: Noted) -> None:
    following = Following(SEKUPANG, "run", server="server-1", heard_at=NOON + noted.ahead)
    told = PortState(SEKUPANG, following=following).status(NOON)
    assert told.follows_list is noted.is_well
