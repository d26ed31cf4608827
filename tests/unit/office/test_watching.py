"""The line of every screen: whether a listed traveller who passes now would ring here, and if not why."""

from __future__ import annotations

import pytest

from cekalwatch.contract.values.readiness import Readiness, ReadinessFault, WatchLevel
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.connection import Cause, Connection
from cekalwatch.program.translations import Language
from tests.support.fakes.alert_server import EPOCH

NEW = Connection(EPOCH)
READY = NEW.made(EPOCH, Readiness())
OWN = frozenset({ReadinessFault.WINDOW, ReadinessFault.SOUND})


@pytest.mark.parametrize("fault", [one for one in ReadinessFault if one is not ReadinessFault.SERVER])
def test_each_reason_has_words_in_both_languages(fault: ReadinessFault) -> None:
    told = READY.made(EPOCH, Readiness(fault, ("D1", "D2")))
    lines = {NotifierTexts(language).watching(told) for language in Language}
    assert len(lines) == len(Language)
    assert all("{" not in one for one in lines)
    if fault in {ReadinessFault.CAMERA, ReadinessFault.PC}:
        assert all("D1, D2" in one for one in lines)


def test_a_connection_alone_does_not_say_that_anybody_is_watched() -> None:
    assert READY.level() is WatchLevel.ALL
    assert NEW.made(EPOCH).level() is WatchLevel.UNKNOWN
    assert "does not say" in NotifierTexts(Language.EN).watching(NEW.made(EPOCH))
    assert READY.made(EPOCH, Readiness(ReadinessFault.DATABASE, nobody=True)).level() is WatchLevel.NONE


@pytest.mark.parametrize("connection", [NEW, READY.lost(Cause.SILENT, EPOCH)], ids=["not yet", "lost"])
def test_without_a_server_nobody_is_watched(connection: Connection) -> None:
    assert connection.level(OWN) is WatchLevel.NONE
    assert connection.told is None


def test_the_reason_of_a_lost_server_is_said_with_its_time() -> None:
    line = NotifierTexts(Language.EN).watching(READY.lost(Cause.SILENT, EPOCH))
    assert line.startswith("NOBODY IS WATCHED")
    assert "DISCONNECTED since" in line
    assert "server does not answer" in line


def test_a_pc_that_cannot_ring_says_so_only_while_the_server_is_well() -> None:
    assert READY.readiness({ReadinessFault.SOUND}) == Readiness(ReadinessFault.SOUND)
    assert READY.level({ReadinessFault.SOUND}) is WatchLevel.SOME
    away = Readiness(ReadinessFault.DATABASE, nobody=True)
    assert READY.made(EPOCH, away).readiness(OWN) == away


def test_a_pc_without_sound_window_and_icon_rings_for_nobody() -> None:
    old = READY.made(EPOCH, Readiness(ReadinessFault.LIST))
    assert [one.level(OWN) for one in (READY, old)] == [WatchLevel.NONE] * 2
    assert old.readiness({ReadinessFault.SOUND}) == Readiness(ReadinessFault.LIST)
