"""The tray says how many alerts are open, and before a first look nothing of whom they are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import shiboken6

from cekalwatch.contract.values.adjudication import AlertState, FirstLook
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.windows.tray import Tray
from tests.support.builders.notifier_alerts import SITI, make_alert, make_shown, session_of
from tests.support.scenarios.lone_desk import lone_desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Controller, Tray]]:
    """The tray of a PC that reaches no server."""
    with lone_desk(tmp_path) as desk, ExitStack() as opened:
        tray = Tray(desk.controller, desk.alarms)
        for one in (tray.menu, tray):
            opened.callback(shiboken6.delete, one)
        yield desk.controller, tray


@pytest.mark.usefixtures("qapp")
@pytest.mark.parametrize("state", [AlertState.NEW, AlertState.REFERRED])
def test_the_tray_names_nobody_before_the_look(desk: tuple[Controller, Tray], state: AlertState) -> None:
    controller, tray = desk
    alert = replace(make_alert(), state=state, first_look=FirstLook.TAKEN, asked_key="one")
    controller.session = session_of(SITI)
    controller.alert_cache.read_by(SITI.person_id)
    controller.show(make_shown(alert))
    said = "\n".join((tray.toolTip(), *(one.text() for one in tray.menu.actions())))
    assert "1" in tray.state.text()
    words = (alert.subject.name, alert.subject.subject_id, "0.62", "KEP-118", "Kejaksaan", "Referred")
    assert not [one for one in words if one in said]
    (shown,) = controller.alert_cache.newest_first()
    place = controller.formatter.place(shown.alert)  # what it announces with a new alert
    assert place
    assert not [one for one in words if one in place]
