"""The live table on a terminal that keeps what is written to it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from cekalwatch.notifier.console.live import LiveConsole
from cekalwatch.notifier.console.view import Painter
from cekalwatch.notifier.model.subscription_updates import Cause, Freshness, LostPosition
from cekalwatch.program.translations import Language
from cekalwatch.wire.vocabulary.adjudication import AlertEventType
from tests.support.builders.notifier_alerts import FRESH, SetClock, make_alert, make_shown
from tests.support.fakes.alert_server import EPOCH

BELL = "\x07"


class Terminal:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.file = io.StringIO()
        console = Console(file=self.file, force_terminal=True, width=120, height=40, _environ={})
        self.live = LiveConsole(console, Painter(Language.EN), "pc-1", "127.0.0.1:50051", self.clock)

    @property
    def written(self) -> str:
        return self.file.getvalue()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    with made.live:
        yield made


def test_new_alert_is_on_screen_and_rings_when_show_returns(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert("BUDI")))
    assert "BUDI" in terminal.written
    assert terminal.written.count(BELL) == 1


def test_later_sighting_updates_its_row_in_silence(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert(alert_id="a", score=0.6)))
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


def test_alerts_listed_again_do_not_ring_and_stand_by_their_time(terminal: Terminal) -> None:
    for minutes in (0, 10, 5):
        terminal.live.show(make_shown(make_alert(str(minutes), minutes=minutes), sequence=None, event=None))
    assert [shown.alert.subject.name for shown in terminal.live.view.alerts] == ["10", "5", "0"]
    assert BELL not in terminal.written


def test_connection_state_has_the_time_of_its_last_change(terminal: Terminal) -> None:
    live, clock = terminal.live, terminal.clock
    assert (live.view.connection.ready, live.view.connection.cause) == (False, None)
    clock.pass_time(seconds=10)
    live.connected(FRESH)
    clock.pass_time(seconds=10)
    live.connected(Freshness(EPOCH, stale=True, active_subjects=1))
    assert (live.view.connection.since - EPOCH).seconds == 10
    assert live.view.freshness
    assert live.view.freshness.stale
    clock.pass_time(seconds=10)
    live.disconnected(Cause.CLOSED)
    clock.pass_time(seconds=10)
    live.disconnected(Cause.UNREACHABLE)
    assert (live.view.connection.since - EPOCH).seconds == 30
    assert live.view.connection.cause is Cause.UNREACHABLE
    assert "DISCONNECTED" in terminal.written


def test_alerts_of_a_replaced_log_leave_and_those_of_a_shortened_one_stay(terminal: Terminal) -> None:
    terminal.live.show(make_shown(make_alert()))
    terminal.live.started_over(LostPosition.TOO_OLD)
    assert len(terminal.live.view.alerts) == 1
    terminal.live.started_over(LostPosition.UNKNOWN)
    assert len(terminal.live.view.alerts) == 0


def test_no_name_stays_on_the_terminal_after_the_end() -> None:
    terminal = Terminal()
    with terminal.live:
        terminal.live.show(make_shown(make_alert("BUDI")))
    on_alternate_screen = terminal.written.index("\x1b[?1049h"), terminal.written.index("\x1b[?1049l")
    assert on_alternate_screen[0] < terminal.written.index("BUDI")
    assert terminal.written.rindex("BUDI") < on_alternate_screen[1]
