"""The live table on a terminal that keeps what is written to it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cekalwatch.contract.values.adjudication import AlertEventType, AlertState, Outcome, Reason
from cekalwatch.contract.values.alarms import AlarmKind
from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusableReason
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.notifier.console.picture_folder import PictureFolder
from cekalwatch.notifier.console.view import Painter
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.office.connection import Cause, Disconnected, LostPosition, Refusal
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alarms import COVERED, make_alarm, of_source
from tests.support.builders.notifier_alerts import (
    BUDI,
    FRESH,
    SITI,
    SetClock,
    judged_by,
    make_alert,
    make_pictures,
    make_shown,
    session_of,
)
from tests.support.fakes.alert_server import EPOCH, JPEG

BELL = "\x07"


class Terminal:
    def __init__(self, folder: Path, counters: tuple[str, ...] = ()) -> None:
        self.clock = SetClock()
        self.file = io.StringIO()
        pictures = PictureFolder(folder, lambda _: make_pictures(JPEG, JPEG), timedelta(minutes=10))
        console = Console(file=self.file, force_terminal=True, width=120, height=40, _environ={})
        station = Station("pc-1", AlertFilter(counters=frozenset(counters)), None if counters else session_of(BUDI))
        self.live = LiveConsole(console, Painter(Language.EN), pictures, station, "127.0.0.1:50051", self.clock)

    @property
    def written(self) -> str:
        return self.file.getvalue()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    with made.live:
        yield made


def test_new_alert_is_on_screen_and_rings_when_show_returns(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert("BUDI"), new=True))
    assert "BUDI" in terminal.written
    assert terminal.written.count(BELL) == 1


def test_pictures_are_named_while_they_are_there(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    alert = make_alert()
    with terminal.live:
        terminal.live.prepare(alert)
        terminal.live.show(make_shown(alert))
        assert "Pictures: " in terminal.written
        assert "There are no pictures here now" not in terminal.written


def test_a_further_crop_updates_its_row_in_silence(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert(alert_id="a", score=0.6), new=True))
    terminal.clock.pass_time(seconds=30)
    terminal.live.show(
        make_shown(
            make_alert(alert_id="a", score=0.9),
            sequence=2,
            event=AlertEventType.SIGHTED,
            notified_at=terminal.clock(),
        )
    )
    (row,) = terminal.live.view.alerts
    assert row.alert.score == pytest.approx(0.9)
    assert row.notified_at == EPOCH, "a sighting does not make it new again"
    assert terminal.written.count(BELL) == 1


def test_an_alert_that_another_counter_raised_rings_when_its_sighting_comes(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert(), sequence=2, event=AlertEventType.SIGHTED, new=True))
    assert terminal.written.count(BELL) == 1


def test_a_referral_rings_once_a_supervisor_works_here(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, counters=("3",))
    referred = replace(judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES), call="announced")
    with terminal.live:
        terminal.live.show(make_shown(referred, event=AlertEventType.ADJUDICATED, new=True))
        assert terminal.written.count(BELL) == 0
        terminal.live.claims(session_of(SITI, PersonRole.SUPERVISOR), "pc-1")
        terminal.live.show(make_shown(referred, event=AlertEventType.ESCALATED, new=True))
        assert terminal.written.count(BELL) == 1


def test_an_event_that_a_later_version_has_overtaken_rings_for_no_past_state(terminal: Terminal) -> None:
    referred = replace(judged_by(BUDI, Outcome.REFERRED, Reason.FACE_AGREES), call="announced")
    settled = replace(referred, state=AlertState.CLOSED, version=referred.version + 2)
    terminal.live.show(make_shown(settled, sequence=None, event=None))
    terminal.live.show(make_shown(referred, event=AlertEventType.ADJUDICATED, new=True))
    assert BELL not in terminal.written


def test_alerts_that_were_shown_before_are_listed_again_in_silence_and_stand_by_their_time(terminal: Terminal) -> None:
    for minutes in (0, 10, 5):
        terminal.live.show(make_shown(make_alert(str(minutes), minutes=minutes), sequence=None, event=None))
    assert [shown.alert.subject.name for shown in terminal.live.view.alerts] == ["10", "5", "0"]
    assert BELL not in terminal.written


def test_connection_state_has_the_time_of_its_last_change(terminal: Terminal) -> None:
    live, clock = terminal.live, terminal.clock
    assert (live.view.connection.ready, live.view.connection.cause) == (False, None)
    clock.pass_time(seconds=10)
    live.connected(FRESH, 0)
    clock.pass_time(seconds=10)
    live.connected(Freshness(EPOCH, stale=True, active_subjects=1), 0)
    assert (live.view.connection.since - EPOCH).seconds == 10
    assert live.view.freshness
    assert live.view.freshness.stale
    clock.pass_time(seconds=10)
    live.disconnected(Disconnected(Cause.CLOSED))
    clock.pass_time(seconds=10)
    live.disconnected(Disconnected(Cause.UNREACHABLE))
    assert (live.view.connection.since - EPOCH).seconds == 30
    assert live.view.connection.cause is Cause.UNREACHABLE
    assert "DISCONNECTED" in terminal.written
    live.disconnected(Disconnected(Cause.REFUSED, Refusal("CERTIFICATE_REVOKED")))
    assert "pki invite" in terminal.written


def test_a_locked_console_says_how_many_alerts_wait(terminal: Terminal) -> None:
    terminal.live.connected(FRESH, 2)
    assert "Waiting alerts: 2" in terminal.written
    terminal.live.connected(FRESH, 3)
    assert terminal.written.count(BELL) == 1, "what waited when it began is heard once"


def test_alerts_of_a_replaced_log_leave_and_those_of_a_shortened_one_stay(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert()))
    terminal.live.started_over(LostPosition.TOO_OLD)
    assert len(terminal.live.view.alerts) == 1
    terminal.live.started_over(LostPosition.UNKNOWN)
    assert len(terminal.live.view.alerts) == 0


def test_no_name_stays_on_the_terminal_after_the_end(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    with terminal.live:
        terminal.live.show(make_shown(make_alert("BUDI")))
    on_alternate_screen = terminal.written.index("\x1b[?1049h"), terminal.written.index("\x1b[?1049l")
    assert on_alternate_screen[0] < terminal.written.index("BUDI")
    assert terminal.written.rindex("BUDI") < on_alternate_screen[1]


def test_a_blind_counter_is_on_screen_until_it_is_well_and_a_supervisor_sees_all(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, counters=("3",))
    with terminal.live as live:
        live.alarms((COVERED, make_alarm(counter="4"), of_source(AlarmKind.LIST_SHRUNK, missing="40", held="90")))
        assert "Counter 3 (dep-3): the camera is covered" in terminal.written
        assert "dep-4" not in terminal.written
        live.claims(session_of(SITI, PersonRole.SUPERVISOR), "pc-1")
        live.renewed(make_alert())
        assert "dep-4" in terminal.written
        assert "40 of 90 orders are no longer in the source" in terminal.written
        live.alarms(())
        assert live.view.alarms == ()


def test_a_traveller_without_a_usable_face_is_a_line_and_no_bell(terminal: Terminal) -> None:
    notice = UnusableNotice("batam-center", "D1", 1, UnusableReason.COVERED, terminal.clock())
    terminal.live.passed_unusable(notice)
    assert "1 traveller without a usable face" in terminal.written
    assert BELL not in terminal.written
