"""A server that was refused at its start is one alarm, with its last reason, until it runs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from cekalwatch.contract.values.alarms import OF_CAMERAS, AlarmKind, acknowledges
from cekalwatch.contract.values.people import KEEPS_SYSTEM
from cekalwatch.server.domain.alarms import MAX_DETAIL
from cekalwatch.server.foundation.refusals import RefusedServer, StartRefusal
from cekalwatch.server.health.alarms.board import AlarmBoard
from cekalwatch.server.health.alarms.servers import RefusedServerAlarms
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.database import Database
from tests.support.scenarios.people import HandClock

REFUSED = RefusedServer("main-2", "cekal-2", "/var/lib/cekalwatch", "0.2.0", StartRefusal.LAW)


def test_the_newest_reason_of_each_name_is_told_until_nothing_is(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")) as database:
        database.upgrade()
        store, told = AlarmStore(database), [replace(REFUSED, reason=StartRefusal.CLOCK, machine="cekal-3"), REFUSED]
        rule, board = RefusedServerAlarms(lambda: told), AlarmBoard(store, HandClock())
        board.apply(rule)
        (alarm,) = store.open()
        assert alarm.condition.key == (AlarmKind.SERVER_REFUSED, "main-2")
        assert alarm.condition.details == {"reason": "CLOCK", "machine": "cekal-3", "version": "0.2.0"}
        told.clear()
        board.apply(rule)
        assert not store.open()
        # Whoever can write the database could write anything.
        told.append(replace(REFUSED, name="\n", machine="x" * 1000, version=""))
        board.apply(rule)
        (alarm,) = store.open()
        assert alarm.condition.about == "?"
        assert (len(alarm.condition.details["machine"]), alarm.condition.details["version"]) == (MAX_DETAIL, "?")
    assert acknowledges(AlarmKind.SERVER_REFUSED) == KEEPS_SYSTEM
    assert AlarmKind.SERVER_REFUSED not in OF_CAMERAS
