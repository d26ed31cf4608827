"""A look at pictures that are not on screen is no look: its steps open when both faces are painted, a moment later."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import JUDGEMENTS, FirstLook, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.desktop.dialogs.step_flow import KEYS
from cekalwatch.notifier.desktop.windows.alert_window import KEYS_IGNORED_MS, AlertWindow
from tests.support.builders.jpegs import plain_jpeg
from tests.support.builders.notifier_alerts import BUDI, make_alert, make_pictures, session_of
from tests.support.scenarios.lone_desk import LoneDesk, lone_desk

FACES = make_pictures(plain_jpeg(), plain_jpeg())


class Counter:
    """An officer in front of the alert window."""

    def __init__(self, desk: LoneDesk, bot: QtBot) -> None:
        self.desk, self._bot = desk, bot
        self.window = AlertWindow(desk.controller, desk.alarms)
        desk.sit_down(session_of(BUDI))

    def see(self, *alerts: Alert) -> None:
        self.desk.show(*alerts)
        self.window.bring_up()
        self._bot.waitUntil(self.window.isActiveWindow)
        self._bot.wait(KEYS_IGNORED_MS + 50)

    def press_all(self) -> list[Step]:
        """Press the keys of all judgements, and return what was sent."""
        for step in sorted(JUDGEMENTS):
            QTest.keyClick(self.window, Qt.Key[f"Key_{KEYS[step]}"])
            self.window.view.action_bar.steps[step].click()
        return self.sent()

    def sent(self) -> list[Step]:
        found = [decision.step for decision, *_ in self.desk.decisions]
        self.desk.decisions.clear()
        self.window.view.action_bar.set_busy(busy=False)
        return found

    def open(self, *steps: Step) -> bool:
        offered = self.window.view.action_bar.steps
        return {step for step in JUDGEMENTS if offered[step].isEnabled()} == set(steps)

    def until_open(self, *steps: Step) -> None:
        self._bot.waitUntil(lambda: self.open(*steps))


@pytest.fixture
def counter(tmp_path: Path, qtbot: QtBot) -> Iterator[Counter]:
    with lone_desk(tmp_path) as desk:
        made = Counter(desk, qtbot)
        yield made
        shiboken6.delete(made.window)


def to_look_at(minutes: int = 0) -> Alert:
    return replace(make_alert(minutes=minutes), first_look=FirstLook.TAKEN, asked_key="one")


def test_no_key_and_no_click_is_a_look_before_both_faces_are_painted(counter: Counter, qtbot: QtBot) -> None:
    counter.see(to_look_at())
    assert not counter.press_all(), "nothing is there to look at"
    counter.desk.give(FACES)
    assert not counter.press_all(), "they are not painted yet"
    comparison = counter.window.view.comparison
    qtbot.waitUntil(lambda: comparison.probe.on_screen and comparison.reference.on_screen)
    assert not counter.press_all(), "a key may have been meant for what was there before"
    counter.until_open(*JUDGEMENTS)
    QTest.keyClick(counter.window, Qt.Key.Key_F6)
    assert counter.sent() == [Step.NOT_SAME]


def test_a_better_probe_is_looked_at_before_it_is_judged(counter: Counter) -> None:
    alert = to_look_at()
    counter.see(alert)
    counter.desk.give(FACES)
    counter.until_open(*JUDGEMENTS)
    counter.desk.show(replace(alert, version=2, probe_capture_id=str(uuid.uuid4())))
    assert counter.window.view.comparison.probe.loaded, "the earlier one stays until then"
    assert not counter.press_all()
    counter.desk.give(make_pictures(plain_jpeg(), plain_jpeg()))
    assert not counter.press_all()
    counter.until_open(*JUDGEMENTS)


def test_the_next_alert_is_not_judged_by_the_key_that_was_meant_for_the_one_before(counter: Counter) -> None:
    first, second = to_look_at(), to_look_at(1)
    counter.see(first, second)
    for _ in range(2):
        counter.desk.give(FACES)
    counter.until_open(*JUDGEMENTS)
    counter.window.turn(1)
    assert counter.window.alert_id == second.alert_id
    assert not counter.press_all(), "also where the faces are there at once"
    counter.until_open(*JUDGEMENTS)


@pytest.mark.parametrize(
    "pictures", [make_pictures(b"damaged", plain_jpeg()), make_pictures(plain_jpeg())], ids=["damaged", "no reference"]
)
def test_what_cannot_be_compared_can_only_be_found_undecidable(counter: Counter, pictures: object) -> None:
    counter.see(to_look_at())
    counter.desk.give(pictures)  # type: ignore[arg-type]
    counter.until_open(Step.CANNOT_TELL)
    assert "only “Cannot tell”" in counter.window.view.look.text()
    assert set(counter.press_all()) == {Step.CANNOT_TELL}


def test_the_pictures_of_the_next_two_alerts_come_after_those_on_screen_and_no_more(counter: Counter) -> None:
    alerts = [to_look_at(minutes) for minutes in range(4)]
    counter.see(*alerts)
    assert [one for one, _ in counter.desk.asked] == [alerts[0].alert_id], "the face on screen comes first"
    counter.desk.give(FACES)
    assert [one for one, _ in counter.desk.asked] == [one.alert_id for one in alerts[1:3]]
    for _ in range(2):
        counter.desk.give(FACES)
    assert not counter.desk.asked
    counter.window.turn(1)
    assert counter.desk.controller.pictures.has(alerts[1]), "it is there though the server may hang"
    assert not counter.desk.asked, "no more than two wait in memory"
