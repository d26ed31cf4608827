"""The real windows against a real server: from an alert to its end through two people, at two PCs, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import Reason, Step
from cekalwatch.server.audit.entry import Action
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeThread]:
    with OfficeThread(tmp_path / "site", grouping_window_seconds=600).open() as opened:
        yield opened


@pytest.fixture
def pc(office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot) -> Iterator[OfficerPc]:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-1") as made:
        yield made


@pytest.fixture
def hall(office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot) -> Iterator[OfficerPc]:
    with officer_pc(office, tmp_path, qapp, qtbot, "pc-hall") as made:
        yield made


@pytest.mark.slow
def test_two_people_bring_an_alert_from_new_to_closed(office: OfficeThread, pc: OfficerPc, hall: OfficerPc) -> None:
    pc.sign_in("budi")
    hall.sign_in("siti")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    assert pc.window.isVisible()
    pc.until(lambda: pc.window.view.comparison.probe.loaded and pc.window.view.comparison.reference.loaded)

    pc.press(Qt.Key.Key_F2)
    pc.shows(alert_id, "CLAIMED")
    hall.shows(alert_id, "CLAIMED")
    assert not hall.can(Step.RELEASE)
    pc.press(Qt.Key.Key_F5)
    pc.type(pc.dialog, "\r")
    assert pc.dialog.problem.text() == "Choose a reason first.", "F5 and Enter alone decide nothing"
    pc.dialog.note_field.setPlainText("same scar")
    pc.give_reason(Reason.FACE_AGREES)
    pc.shows(alert_id, "REFERRED")

    hall.shows(alert_id, "REFERRED")
    hall.press(Qt.Key.Key_F8)
    hall.type(hall.dialog, "co-2026/0117\r")
    hall.shows(alert_id, "CONFIRMED")
    pc.shows(alert_id, "CONFIRMED")
    assert not pc.window.view.action_bar.message, "the step that was saved here was not the last"
    hall.until(lambda: hall.window.view.action_bar.message == "Saved.")
    assert hall.window.view.action_bar.role == "warning", "a hit does not end in green"
    assert not pc.can(Step.CLOSE)
    pc.press(Qt.Key.Key_F10)
    pc.type(pc.dialog, "duty desk, telephone")
    pc.dialog.outcome.setPlainText("two officers come")
    pc.dialog.submit()
    pc.until(lambda: pc.can(Step.CLOSE))
    pc.press(Qt.Key.Key_F12)
    hall.shows(alert_id, "CLOSED")
    assert hall.window.tone == "calm"
    pc.until(lambda: (pc.window.tone, pc.window.view.action_bar.role) == ("calm", "warning"))
    history = " ".join(fact.value for fact in hall.window.view.history.facts)
    for words in ("same scar", "CO-2026/0117", "two officers come", "Petugas budi", "Petugas siti"):
        assert words in history
    assert len(office.office.trail(Action.ALERT_CONFIRMED)) == 1


@pytest.mark.slow
def test_the_next_candidate_is_asked_about_in_the_same_window(office: OfficeThread, pc: OfficerPc) -> None:
    office.list_people()
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.look()
    pc.shows(alert_id, "CLAIMED")
    # The gallery follows the list: another candidate comes with a later crop.
    pc.until(lambda: office.raise_alert() and pc.window.view.candidate.text())
    seen = office.office.trail(Action.ALERT_RAISED, Action.ALERT_SIGHTED)
    pc.until(lambda: len(pc.shown.sightings) == len(seen))
    first = pc.window.view.name.text()
    pc.press(Qt.Key.Key_F6)
    pc.give_reason()
    pc.until(lambda: "next face" in pc.window.undo.words.text())
    assert not {name for name in ("EILEEN MARIE SANTOSO", "SARI WIJAYA") if name in pc.words}
    pc.shows(alert_id, "CLAIMED")
    pc.until(lambda: pc.window.view.comparison.reference.loaded)
    pc.press(Qt.Key.Key_F6)
    second = pc.window.view.name.text()
    assert {first, second} == {"EILEEN MARIE SANTOSO", "SARI WIJAYA"}
    pc.give_reason()
    pc.shows(alert_id, "CLEARED")
    assert [fact.value.split(":")[0] for fact in pc.window.view.history.facts] == [first, second] * 2
    pc.window.undo.ask()
    pc.shows(alert_id, "CLAIMED")
    assert pc.window.view.name.text() == second
    assert pc.window.undo.isHidden()
    assert len(office.office.trail(Action.ALERT_UNDONE)) == 1


@pytest.mark.slow
def test_a_judgement_of_what_has_changed_is_refused_and_what_came_is_told(office: OfficeThread, pc: OfficerPc) -> None:
    pc.sign_in("budi")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.press(Qt.Key.Key_F2)
    pc.shows(alert_id, "CLAIMED")
    pc.press(Qt.Key.Key_F5)
    asked = pc.dialog
    office.list_people()
    # Crops of the passage go on, and the gallery follows the list: another candidate comes while the question is open.
    pc.until(lambda: office.raise_alert() and pc.window.view.candidate.text())
    asked.choose(Reason.FACE_AGREES)
    asked.submit()
    pc.until(lambda: "another face to compare" in asked.problem.text())
    assert pc.state == "CLAIMED"


@pytest.mark.slow
def test_a_supervisor_takes_over_and_a_hit_owes_its_number_until_cekal_online_answers(
    office: OfficeThread, pc: OfficerPc, hall: OfficerPc
) -> None:
    pc.sign_in("budi")
    hall.sign_in("siti")
    alert_id = office.raise_alert()
    pc.shows(alert_id, "NEW")
    pc.press(Qt.Key.Key_F2)
    hall.shows(alert_id, "CLAIMED")
    pc.look()
    hall.press(Qt.Key.Key_F11)
    hall.give_reason(Reason.HOLDER_AWAY)
    pc.until(lambda: "taken over by Petugas siti (pc-hall): The officer is away" in pc.words)
    assert not pc.can(Step.REFER)
    hall.press(Qt.Key.Key_F3)
    pc.shows(alert_id, "NEW")
    pc.press(Qt.Key.Key_F5)
    pc.give_reason(Reason.FACE_AGREES)

    hall.shows(alert_id, "REFERRED")
    hall.press(Qt.Key.Key_F8)
    hall.dialog.central_system_down.setChecked(True)
    hall.dialog.submit()
    pc.shows(alert_id, "CONFIRMED")
    assert not pc.can(Step.CLOSE)
    hall.agent.show_supervisor()
    hall.until(lambda: "Cekal Online number owed" in hall.agent.supervisor.owed.text())
    hall.agent.supervisor.hide()
    hall.turn_to()
    hall.until(lambda: hall.window.takes_keys and hall.can(Step.ENTER_REFERENCE))
    hall.window.view.action_bar.steps[Step.ENTER_REFERENCE].click()
    hall.until(lambda: hall.dialog)
    hall.type(hall.dialog, "co-2026/0118\r")
    hall.until(lambda: not hall.can(Step.ENTER_REFERENCE) and hall.can(Step.FOLLOW_UP))
    hall.agent.show_supervisor()
    hall.until(lambda: not hall.agent.supervisor.owed.text())
    assert len(office.office.trail(Action.ALERT_TAKEN_OVER, Action.ALERT_REFERENCE_ENTERED)) == 2
