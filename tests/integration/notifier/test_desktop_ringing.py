"""For whom the real windows ring: at each PC once, at supervisors' when something comes to them, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cekalwatch.contract.values.adjudication import Reason, Step
from cekalwatch.contract.values.unusable_faces import UnusableNotice, UnusableReason
from cekalwatch.notifier.desktop import sound
from tests.support.scenarios.officer_pc import OfficerPc, OfficeThread, officer_pc

pytestmark = pytest.mark.slow


@pytest.fixture
def office(tmp_path: Path) -> Iterator[OfficeThread]:
    with OfficeThread(tmp_path / "site").open() as opened:
        yield opened


class Pcs:
    """Opens PCs whose bells are counted, and beep."""

    def __init__(self, office: OfficeThread, folder: Path, app: QApplication, bot: QtBot) -> None:
        self._made = partial(officer_pc, office, folder, app, bot, sound=True)

    def open(self, name: str, **settings: Any) -> AbstractContextManager[OfficerPc]:
        return self._made(name, **settings)


@pytest.fixture
def pcs(office: OfficeThread, tmp_path: Path, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Pcs:
    monkeypatch.setenv("PATH", "")  # no player: the system's beep
    monkeypatch.setattr(sound, "TOGETHER_S", 0)
    return Pcs(office, tmp_path, qapp, qtbot)


def rung(pc: OfficerPc) -> list[str]:
    """Collect the keys of the alerts for which a PC rings."""
    keys: list[str] = []
    pc.controller.rang.connect(keys.append)
    return keys


def test_a_new_alert_is_heard_again_until_somebody_turns_to_it(office: OfficeThread, pcs: Pcs) -> None:
    with pcs.open("pc-1") as pc:
        alert_id = office.raise_alert()
        pc.until(lambda: pc.agent.bell.rings == 1)
        pc.until(pc.window.isVisible)
        pc.controller.rang.emit(alert_id)  # the window may have got the keyboard, as if somebody had turned to it
        pc.agent.bell.ring_again()
        assert pc.agent.bell.rings == 3
        pc.window.seen.emit()
        pc.agent.bell.ring_again()
        assert pc.agent.bell.rings == 3


def test_alerts_that_ring_together_make_one_sound(pcs: Pcs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "TOGETHER_S", 3600)
    with pcs.open("pc-1") as pc:
        for number in range(50):
            pc.controller.rang.emit(str(number))
        assert pc.agent.bell.rings == 1


def test_what_waits_rings_at_each_start_before_and_after_the_sign_in(office: OfficeThread, pcs: Pcs) -> None:
    with pcs.open("pc-1"):
        pass
    first, second = office.raise_alert("1"), office.raise_alert("2")
    office.office.clock.go(minutes=2)
    with pcs.open("pc-1") as pc:
        heard = rung(pc)
        pc.sign_in("budi")
        pc.until(lambda: len(pc.controller.waiting()) == 2)
        assert set(heard) <= {first, second}
        assert pc.agent.bell.rings >= 1
    with pcs.open("pc-1") as pc:
        heard = rung(pc)
        # Before somebody has signed in, only that some wait is known here; what goes up now is told by itself.
        pc.until(lambda: pc.agent.bell.rings > len(heard))
        rings = pc.agent.bell.rings
        pc.controller.found_waiting.emit()  # the window may have got the keyboard, as if somebody had turned to it
        pc.agent.bell.ring_again()
        assert pc.agent.bell.rings == rings + 2
        pc.sign_in("budi")
        pc.until(lambda: len(pc.controller.waiting()) == 2)
        pc.until(lambda: set(heard) == {first, second})
        third = office.raise_alert("3")
        pc.until(lambda: heard[-1] == third)


def test_a_released_alert_rings_again_where_it_was_shown_and_its_window_says_where_the_traveller_is(
    office: OfficeThread, pcs: Pcs
) -> None:
    with pcs.open("pc-d1", counters=("D1",)) as pc, pcs.open("pc-s") as supervisors:
        pc.sign_in("ani")
        supervisors.sign_in("siti")
        heard, at_supervisors = rung(pc), rung(supervisors)
        alert_id = office.raise_alert()
        pc.until(lambda: heard == [alert_id])
        supervisors.until(lambda: at_supervisors == [alert_id])
        pc.window.open_alert(alert_id)
        office.office.clock.go(seconds=12)
        pc.until(lambda: "Counter D1" in pc.window.whereabouts.text())
        budi = office.run(office.office.sign_in("budi", "pc-b"))
        office.run(budi.claim(alert_id))
        pc.shows(alert_id, "CLAIMED")
        office.run(budi.call("ReleaseAlert", alert_id=alert_id, agent_id=budi.agent_id))
        pc.until(lambda: heard == [alert_id] * 2)
        supervisors.until(lambda: at_supervisors == [alert_id] * 2)


def test_a_referral_rings_at_the_supervisors_pc_and_not_at_the_officers(office: OfficeThread, pcs: Pcs) -> None:
    with pcs.open("pc-s") as supervisors, pcs.open("pc-o") as officers:
        supervisors.sign_in("siti")
        officers.sign_in("ani")
        at_supervisor, at_officer = rung(supervisors), rung(officers)
        budi = office.run(office.office.sign_in("budi", "pc-b"))
        alert_id = office.raise_alert()
        supervisors.until(lambda: at_supervisor == [alert_id])
        office.run(budi.judge(office.run(budi.claim(alert_id))))
        supervisors.until(lambda: at_supervisor == [alert_id] * 2)
        assert supervisors.controller.waiting()[0].alert.alert_id == alert_id
        supervisors.window.open_alert(alert_id)
        supervisors.shows(alert_id, "REFERRED")
        supervisors.controller.rang.emit(alert_id)
        rings = supervisors.agent.bell.rings
        supervisors.agent.bell.ring_again()
        assert supervisors.agent.bell.rings == rings + 1, "it waits for a supervisor still"
        officers.window.open_alert(alert_id)
        officers.shows(alert_id, "REFERRED")
        assert at_officer == [alert_id]


def test_a_supervisor_who_signs_in_at_another_counter_is_rung_for_what_was_referred_before(
    office: OfficeThread, pcs: Pcs
) -> None:
    budi = office.run(office.office.sign_in("budi", "pc-b"))
    alert_id = office.raise_alert()
    with pcs.open("pc-a1", counters=("A1",)) as pc:
        heard = rung(pc)
        office.run(budi.judge(office.run(budi.claim(alert_id))))
        pc.sign_in("siti")
        pc.until(lambda: heard == [alert_id])
        pc.shows(alert_id, "REFERRED")
        pc.agent.controller.sign_out()
        pc.sign_in("siti")
        pc.until(lambda: pc.controller.unlocked)
        other = office.raise_alert("2")
        office.run(budi.judge(office.run(budi.claim(other))))
        pc.until(lambda: heard == [alert_id, other])


def test_an_alert_whose_order_is_revoked_says_so_on_every_screen_falls_silent_and_can_only_be_cleared(
    office: OfficeThread, pcs: Pcs, tmp_path: Path
) -> None:
    with pcs.open("pc-1") as pc:
        pc.sign_in("budi")
        alert_id = office.raise_alert()
        pc.shows(alert_id, "NEW")
        announced: list[str] = []
        pc.controller.orders_ended.connect(announced.append)
        office.revoke_order()
        pc.until(lambda: announced == [alert_id])
        view = pc.window.view
        assert "No ban order on this person" in view.ended.text()
        assert view.ended.isVisible()
        (revoked,) = (fact.value for fact in view.orders[0].facts if fact.label == "Revoked")
        assert revoked.endswith("annulled by a court (praperadilan), number 12/Pid.Pra/2026/PN Btm")
        assert set(view.action_bar.steps) == {Step.CLEAR}
        assert "1 with an ended ban order" in pc.agent.tray.toolTip()
        pc.agent.show_today()
        table = pc.agent.today.table
        cells = [table.data(table.index(0, column)) for column in range(table.columnCount())]
        assert "New: the ban order has ended" in cells
        pc.controller.rang.emit(alert_id)
        rings = pc.agent.bell.rings
        pc.agent.bell.ring_again()
        assert pc.agent.bell.rings == rings
        assert pc.window.grab().save(str(tmp_path / "ended.png"))
        pc.press(Qt.Key.Key_F9)
        assert pc.dialog.reason is None
        pc.give_reason(Reason.ORDER_ENDED)
        pc.shows(alert_id, "CLEARED")
        assert not view.ended.isVisible()


def test_a_traveller_without_a_usable_face_is_a_quiet_line_for_two_minutes(office: OfficeThread, pcs: Pcs) -> None:
    with pcs.open("pc-1") as pc:
        pc.until(lambda: pc.controller.connection.ready)
        pc.controller.passed_unusable(
            UnusableNotice("batam-center", "D1", 2, UnusableReason.COVERED, pc.controller.clock())
        )
        pc.window.bring_up()
        pc.until(pc.window.unusable.isVisible)
        assert "D1" in pc.window.unusable.text()
        assert pc.agent.bell.rings == 0
        office.office.clock.go(minutes=3)
        pc.until(lambda: not pc.window.unusable.isVisible())
