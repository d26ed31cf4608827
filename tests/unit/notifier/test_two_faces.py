"""Before the first look no screen says a name, an order, a score or what others found (domain rule 15)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from rich.console import Console

from cekalwatch.contract.values.adjudication import (
    UNSETTLED,
    AlertState,
    FirstLook,
    Handling,
    Look,
    Outcome,
    Reason,
    Step,
)
from cekalwatch.contract.values.alerts import Alert, AlertFilter, Candidate
from cekalwatch.notifier.cli.alert_output import print_alert, print_alerts
from cekalwatch.notifier.console.jsonl import JsonLines
from cekalwatch.notifier.console.view import ConsoleView, Painter
from cekalwatch.notifier.delivery.alert_cache import AlertCache
from cekalwatch.notifier.delivery.ringing import Station
from cekalwatch.notifier.desktop.windows.alert_view import AlertView
from cekalwatch.notifier.locale.texts import NotifierTexts
from cekalwatch.office.alerts import PicturesMissing, options
from cekalwatch.office.connection import Connection
from cekalwatch.program.translations import Language
from tests.support.builders.notifier_alerts import BUDI, SITI, judged_by, make_alert, make_shown, session_of
from tests.support.fakes.alert_server import EPOCH

OTHER = Candidate("S-99", 0.57, "SRI WAHYUNI")


def whole(state: AlertState = AlertState.NEW) -> Alert:
    """An alert as somebody sees it who has looked; somebody else has found something of it."""
    alert = make_alert()
    (found,) = judged_by(SITI, Outcome.REFERRED, Reason.OTHER, "the scar on the chin").handling.findings
    found = replace(found, subject_id=alert.subject.subject_id)
    look = Look(Outcome.NOT_SAME_PERSON, SITI, EPOCH, 1, alert.subject.subject_id)
    return replace(
        alert,
        state=state,
        candidates=(*alert.candidates, OTHER),
        handling=Handling(findings=(found,), looks=(look,)),
        first_look=FirstLook.TAKEN,
        asked_key="one",
    )


def secrets(alert: Alert) -> set[str]:
    """What comes after a first look, as screens would say it."""
    found = [alert.score, *(one.score for one in alert.candidates), *(one.score for one in alert.sightings)]
    scores = {f"{one:.2f}" for one in found}
    orders = {one for order in alert.orders for one in (order.decree_number, order.requesting_agency, order.order_id)}
    names = {alert.subject.name, alert.subject.subject_id, OTHER.name, OTHER.subject_id}
    numbers = {score.replace(".", ",") for score in scores} | {f"{alert.threshold:.2f}"}
    return {one for one in scores | numbers | orders | names | {"the scar on the chin", SITI.display_name} if one}


def told(interface: QAccessibleInterface) -> Iterator[str]:
    """Everything that assistive technology may read of a widget and all in it, the hidden ones too."""
    for kind in (QAccessible.Text.Name, QAccessible.Text.Description, QAccessible.Text.Value, QAccessible.Text.Help):
        yield interface.text(kind)
    for number in range(interface.childCount()):
        child = interface.child(number)
        if child.isValid():
            yield from told(child)


def read_aloud(widget: QWidget) -> str:
    return "\n".join(told(QAccessible.queryAccessibleInterface(widget)))


@pytest.mark.parametrize("state", sorted(UNSETTLED))
@pytest.mark.parametrize("language", list(Language))
def test_the_window_has_two_faces_and_three_keys_before_the_look(
    qtbot: QtBot, language: Language, state: AlertState
) -> None:
    view, formatter, alert = AlertView(), NotifierTexts(language), whole(state)
    qtbot.addWidget(view)
    view.resize(1366, 768)
    view.show()
    session = session_of(BUDI)

    def show(one: Alert) -> str:
        steps = options(one, session, "pc-1")
        view.show_alert(make_shown(one), PicturesMissing.LOADING, steps, formatter, cekal_online=False, session=session)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # as the next turn of the loop does
        return read_aloud(view)

    known = show(alert)
    assert {alert.subject.name, OTHER.name, "the scar on the chin"} <= {one for one in secrets(alert) if one in known}
    before = alert.seen_by(BUDI.person_id)
    shown = show(before)
    assert not {one for one in secrets(alert) if one in shown}
    assert {Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL} <= set(view.action_bar.steps)
    assert not view.score_bar.isVisible()
    assert view.comparison.width() > 1366 * 0.9, "the faces have the whole window"


@pytest.mark.parametrize("state", [AlertState.NEW, AlertState.REFERRED])
def test_terminal_and_json_say_no_more(state: AlertState) -> None:
    alert = whole(state)
    before = alert.seen_by(BUDI.person_id)
    written, formatter = io.StringIO(), NotifierTexts(Language.EN)
    console = Console(file=written, width=160, height=60)
    print_alerts(console, [before], formatter)
    print_alert(console, before, formatter)
    view = ConsoleView("pc-1", "127.0.0.1", Connection(EPOCH), alerts=(make_shown(before),))
    console.print(Painter(Language.EN).paint(view, console, EPOCH + timedelta(seconds=5)))
    lines = io.BytesIO()
    JsonLines(lines, None, Station("pc-1", AlertFilter())).show(make_shown(before))  # type: ignore[arg-type]
    assert not {one for one in secrets(alert) if one in written.getvalue() or one in lines.getvalue().decode()}
    told = json.loads(lines.getvalue())
    assert (told["look_needed"], told["score"], told["orders"]) == (True, None, [])
    assert told["counter"] == alert.place.counter


def test_who_comes_after_another_sees_two_faces_first() -> None:
    cache, alert = AlertCache(), whole()
    look = Look(Outcome.REFERRED, BUDI, EPOCH, 1, alert.subject.subject_id)
    looked = replace(alert, handling=replace(alert.handling, looks=(look,)))
    cache.read_by(BUDI.person_id)
    cache.take(make_shown(looked))
    (shown,) = cache.newest_first()
    assert (shown.alert.subject.name, shown.alert.candidates[1].name) == (alert.subject.name, "")
    cache.take(make_shown(alert.before_look))
    assert cache.newest_first()[0].alert.subject.name, "what was sent before the look comes too late"
    assert cache.unread(alert.before_look)
    cache.read_by(SITI.person_id)
    assert cache.newest_first()[0].alert.look_needed is False, "Siti has judged it"
    cache.read_by("0197a1b2-0000-7000-8000-0000000000aa")
    assert cache.newest_first()[0].alert.look_needed
