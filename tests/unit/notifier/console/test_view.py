"""The table as text, at the size of a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusableReason
from cekalwatch.contract.values.watchlist import Freshness
from cekalwatch.notifier.console.picture_folder import ImagePaths
from cekalwatch.notifier.console.view import ConsoleView, Painter
from cekalwatch.office.alerts import ScoreLevel, ShownAlert, score_level
from cekalwatch.office.connection import Cause, Connection, LostPosition
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, FRESH, held_by, make_alert, make_shown
from tests.support.fakes.alert_server import EPOCH

WIB = ZoneInfo("Asia/Jakarta")
FOLDER = Path("/run/user/1000/cekalwatch-notifier/pc-1/0197a1b2-0000-7000-8000-000000000001")
IMAGES = ImagePaths(FOLDER / "probe.jpg", (FOLDER / "ref1.jpg", FOLDER / "ref2.jpg"))
READY = ConsoleView("pc-1", "127.0.0.1:50051", Connection(EPOCH, ready=True, told=Readiness()), FRESH)


def paint(
    view: ConsoleView, language: Language = Language.EN, *, width: int = 120, height: int = 40, after_s: int = 0
) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), record=True, force_terminal=True)
    console.print(Painter(language, WIB).paint(view, console, EPOCH + timedelta(seconds=after_s)))
    return console.export_text()


def with_alerts(*alerts: ShownAlert) -> ConsoleView:
    return replace(READY, alerts=alerts)


def with_pictures(*alerts: ShownAlert) -> ConsoleView:
    return replace(with_alerts(*alerts), images={shown.alert.alert_id: IMAGES for shown in alerts})


def lines_with(text: str, words: Sequence[str]) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_officer_reads_who_where_when_and_which_order() -> None:
    text = paint(with_pictures(make_shown(make_alert())))
    assert lines_with(text, ["08:30:00", "BUDI SANTOSO", "10 February 2026 –", "Departure", "clearly above"])
    assert lines_with(text, ["taken 08:29:59", "Counter 3"])
    assert "0.62" not in text, "numbers are for who asks for them"
    assert "now at counter 3, 0 s ago" in text
    assert "LATE" not in text
    assert lines_with(text, ["KEP-118/D/Dip.4/02/2026"])
    assert lines_with(text, ["Kejaksaan Agung"])
    assert lines_with(text, ["batam-center"])
    assert "sightings: 1" in text
    assert lines_with(text, [f"{FOLDER}: probe.jpg, ref1.jpg, ref2.jpg"])
    assert "CEGAH (exit)" in text
    assert "possible match" in text


def test_before_somebody_signs_in_the_screen_says_where_and_when_and_whom_to_see_after_signing_in() -> None:
    alert = make_alert()
    text = paint(with_alerts(make_shown(alert.unnamed)))
    assert lines_with(text, ["08:30:00", "Sign in to see who", "Departure"])
    assert "now at counter 3, 0 s ago" in text
    for hidden in (alert.subject.name, "unknown", "0.62", "0.00", "KEP-118", "sightings"):
        assert hidden not in text
    assert "Masuk untuk melihat siapa" in paint(with_alerts(make_shown(alert.unnamed)), Language.ID)


def test_the_screen_says_where_the_traveller_is_counts_on_and_marks_what_came_late() -> None:
    alert = make_alert()
    (first,) = alert.sightings
    there = replace(first, camera=replace(first.camera, counter="5"), captured_at=EPOCH + timedelta(seconds=48))
    view = with_alerts(make_shown(replace(alert, sightings=(first, there), current=there)))
    assert "now at counter 5, 12 s ago" in paint(view, after_s=60)
    assert "now at counter 5, 13 s ago" in paint(view, after_s=61)
    assert "terlihat, terakhir di konter 5" in paint(view, Language.ID, after_s=48 + 180)
    late = with_alerts(make_shown(replace(alert, late=True, current=None)))
    assert lines_with(paint(late, after_s=180), ["not seen for 3 min, last at counter 3", "LATE"])


def test_the_same_in_indonesian() -> None:
    text = paint(with_pictures(make_shown(make_alert())), Language.ID)
    for word in (
        "Pengawasan berjalan",
        "Kemungkinan cocok",
        "Pencegahan",
        "Keberangkatan",
        "Konter 3",
        "Peringatan: 1",
    ):
        assert word in text


@pytest.mark.parametrize("language", Language)
def test_score_is_never_shown_as_a_share_of_certainty(language: Language) -> None:
    assert "%" not in paint(with_alerts(make_shown(make_alert())), language)


@pytest.mark.parametrize(
    ("score", "level"),
    [(0.48, ScoreLevel.JUST), (0.52, ScoreLevel.JUST), (0.54, ScoreLevel.CLEARLY), (0.7, ScoreLevel.FAR)],
)
def test_levels_order_scores_by_their_distance_to_the_threshold(score: float, level: ScoreLevel) -> None:
    assert score_level(make_alert(score=score)) is level


def test_lost_connection_is_on_top_with_its_time_and_what_it_means() -> None:
    text = paint(replace(READY, connection=Connection(EPOCH, cause=Cause.SILENT)))
    assert "NOBODY IS WATCHED" in text.splitlines()[1]
    assert "DISCONNECTED since 08:30:00 WIB (server does not answer)" in text.splitlines()[1]
    first = paint(replace(READY, connection=Connection(EPOCH)), Language.ID)
    assert "MENYAMBUNG sejak 08:30:00 WIB" in first.splitlines()[1]


@pytest.mark.parametrize(
    ("freshness", "words"),
    [
        (None, "not known yet"),
        (FRESH, "Watchlist as of 2 March 2026 08:30 WIB, active subjects: 812"),
        (
            Freshness(EPOCH, stale=True, active_subjects=812),
            "WATCHLIST OUT OF DATE: last updated 2 March 2026 08:30 WIB",
        ),
        (Freshness(None, stale=True, active_subjects=0), "NEVER BEEN IMPORTED"),
    ],
)
def test_age_of_the_watchlist_is_always_there(freshness: Freshness | None, words: str) -> None:
    assert words in paint(replace(READY, freshness=freshness)).splitlines()[2]


@pytest.mark.parametrize(
    ("lost", "words"), [(LostPosition.TOO_OLD, "off for too long"), (LostPosition.UNKNOWN, "was replaced")]
)
def test_lost_position_is_told(lost: LostPosition, words: str) -> None:
    assert words in paint(replace(READY, lost=lost))


def test_markup_in_a_name_is_only_text() -> None:
    name = "[bold red]JOHN[/] :warning: {x}"
    assert name in paint(with_alerts(make_shown(make_alert(name))), width=200), (
        "neither styled, nor an emoji, nor filled in"
    )


def test_fresh_alert_is_marked_as_new_for_a_minute_and_a_listed_one_is_not() -> None:
    view = with_alerts(make_shown(make_alert()))
    assert "NEW" in paint(view, after_s=59)
    assert "NEW" not in paint(view, after_s=61)
    assert "NEW" not in paint(with_alerts(make_shown(make_alert(), sequence=None, event=None)))


def test_missing_facts_are_said_and_do_not_break_the_table() -> None:
    alert = make_alert("")
    urgent = replace(alert.orders[0], decree_number="", urgent=True, kind=OrderKind.TANGKAL)
    strange = replace(alert.orders[0], kind=None)
    subject = replace(alert.subject, nationality="", date_of_birth="")
    alert = replace(
        alert, orders=(urgent, strange, *(urgent,) * 4), camera=replace(alert.camera, direction=None), subject=subject
    )
    alert = replace(alert, current=None, sightings=())
    text = paint(replace(with_alerts(make_shown(alert)), images={}))
    for words in (
        "TANGKAL (entry), urgent",
        "no decree yet",
        "unknown, date of",
        "They load when you claim the alert",
    ):
        assert words in text
    assert text.count("no decree yet") == 5, "each order is shown"
    arrival = replace(make_alert(), camera=replace(alert.camera, direction=Direction.ARRIVAL), orders=())
    arrival = replace(arrival, current=None, sightings=())
    assert "Kedatangan" in paint(with_alerts(make_shown(arrival)), Language.ID)


@pytest.mark.parametrize(("width", "height"), [(120, 40), (120, 24), (80, 24), (60, 24), (200, 60)])
def test_screen_is_never_fuller_than_the_terminal_and_tells_what_is_left_out(width: int, height: int) -> None:
    alerts = tuple(make_shown(make_alert(f"PERSON {n}", minutes=-n)) for n in range(30))
    text = paint(with_pictures(*alerts), width=width, height=height).rstrip("\n")
    lines = text.splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "PERSON 0" in text
    shown = sum(f"PERSON {n}" in line for n in range(30) for line in lines if f"PERSON {n} " in line + " ")
    assert f"do not fit on this screen: {30 - shown}" in text
    assert lines[-1].startswith("An alert is a possible match")


def test_newest_alert_shows_even_on_a_terminal_that_is_too_low() -> None:
    assert "PERSON" in paint(with_alerts(make_shown(make_alert("PERSON"))), height=5)


def test_officer_reads_where_the_alert_stands_and_the_key_that_names_it_in_commands() -> None:
    alert = held_by(BUDI)
    text = paint(with_alerts(make_shown(alert)))
    assert lines_with(text, [alert.alert_id[-6:]])
    assert "Being checked" in text
    assert "Budi (pc-1)" in text


@pytest.mark.parametrize(
    ("language", "passages", "words"),
    [
        (Language.EN, 1, ["Counter D1", "1 traveller", "08:30:00", "looking down", "No picture"]),
        (Language.EN, 4, ["Counter D1", "4 travellers", "Most often: looking down"]),
        (Language.ID, 1, ["Konter D1", "1 pelintas", "menunduk", "Gambar tidak disimpan"]),
        (Language.ID, 4, ["4 pelintas", "Paling sering: menunduk"]),
    ],
)
def test_travellers_without_a_usable_face_are_one_line_for_two_minutes(
    language: Language, passages: int, words: list[str]
) -> None:
    notice = UnusableNotice("batam-center", "D1", passages, UnusableReason.LOOKING_DOWN, EPOCH)
    view = replace(READY, unusable=notice)
    assert lines_with(paint(view, language, width=160), words)
    assert not lines_with(paint(view, language, width=160, after_s=121), words[:1])
