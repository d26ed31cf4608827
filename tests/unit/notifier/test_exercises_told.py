"""Once it is over, every screen says that it was an exercise: to who judged it how, to others only that (rule 16)."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from pytestqt.qtbot import QtBot
from rich.console import Console

from cekalwatch.contract.values.adjudication import AlertState, Handling, Look, Outcome
from cekalwatch.contract.values.alerts import Alert, AlertFilter
from cekalwatch.contract.values.exercises import ExerciseRecord, ExerciseResult
from cekalwatch.notifier.cli.alert_output import print_alert
from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.console.view import ConsoleView, Painter
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.notifier.desktop.windows.alert_view import AlertView
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import PicturesMissing, options
from cekalwatch.office.connection import Connection
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, SITI, make_alert, make_shown, session_of
from tests.support.fakes.alert_server import EPOCH
from tests.unit.notifier.test_two_faces import read_aloud, secrets

RESULTS = (ExerciseResult.RECOGNISED, ExerciseResult.UNDECIDED, ExerciseResult.MISSED)


def judged(result: ExerciseResult = ExerciseResult.RECOGNISED) -> Alert:
    """An exercise that Budi has judged, with all that the server knows of it."""
    alert = make_alert()
    look = Look(Outcome.REFERRED, BUDI, EPOCH, 1, alert.subject.subject_id)
    record = ExerciseRecord(11, 12, 13)
    handling = Handling(looks=(look,))
    return replace(alert, state=AlertState.CLOSED, handling=handling, exercise=result, exercise_record=record)


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("language", list(Language))
def test_the_window_tells_who_judged_it_what_it_was_and_names_nobody(
    qtbot: QtBot, language: Language, result: ExerciseResult
):
    view, formatter, session = AlertView(), NotifierTexts(language), session_of(BUDI)
    qtbot.addWidget(view)
    view.show()
    own = judged(result).seen_by(BUDI.person_id)
    steps = options(own, session, "pc-1")
    view.show_alert(make_shown(own), PicturesMissing.NOT_KEPT, steps, formatter, cekal_online=False, session=session)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert view.look.isVisible()
    assert view.look.text() == formatter.exercise(own)
    assert formatter.say(f"EXERCISE_{result}") in view.look.text()
    assert all(number in view.look.text() for number in ("11", "12", "13"))
    assert not {one for one in secrets(judged()) - {""} if one in read_aloud(view)}
    assert not view.action_bar.steps, "nothing is left to do"


@pytest.mark.parametrize("reader", [BUDI, SITI])
@pytest.mark.parametrize("language", list(Language))
def test_terminal_and_json_tell_it_and_nobody_elses_result(language: Language, reader: object):
    told = judged(ExerciseResult.MISSED).seen_by(reader.person_id)  # type: ignore[attr-defined]
    written, formatter = io.StringIO(), NotifierTexts(language)
    console = Console(file=written, width=300, height=60)
    print_alert(console, told, formatter)
    view = ConsoleView("pc-1", "127.0.0.1", Connection(EPOCH), alerts=(make_shown(told),))
    console.print(Painter(language).paint(view, console, EPOCH + timedelta(seconds=5)))
    lines = io.BytesIO()
    JsonLines(lines, None, Station("pc-1", AlertFilter())).show(make_shown(told))  # type: ignore[arg-type]
    own = ExerciseResult.MISSED if reader is BUDI else ExerciseResult.ENDED
    assert json.loads(lines.getvalue())["exercise"] == own
    assert formatter.say(f"EXERCISE_{own}") in " ".join(written.getvalue().split())
    assert (formatter.say("EXERCISE_MISSED") in written.getvalue()) is (reader is BUDI)
    assert not {one for one in secrets(judged()) if one in written.getvalue() + lines.getvalue().decode()}


def test_who_signs_in_next_at_a_pc_does_not_see_the_result_of_who_was_there():
    cache = AlertCache()
    cache.read_by(BUDI.person_id)
    cache.take(make_shown(judged()))
    assert cache.newest_first()[0].alert.exercise is ExerciseResult.RECOGNISED
    cache.read_by(SITI.person_id)
    (shown,) = cache.newest_first()
    assert (shown.alert.exercise, shown.alert.exercise_record) == (ExerciseResult.ENDED, None)
    assert not shown.alert.handling.looks
