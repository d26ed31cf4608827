"""The hands of whoever sits at a PC in `morning`: keys and buttons of the real windows, in a process of its own.

They do what an officer or a supervisor would do with what is on screen, as fast as the windows let them.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from cekalwatch.contract.values.adjudication import AlertState, Step
from cekalwatch.contract.values.alerts import Alert
from cekalwatch.notifier.desktop.agent import DesktopAgent
from cekalwatch.notifier.desktop.dialogs.form_dialog import FormDialog
from cekalwatch.notifier.desktop.dialogs.step_dialogs import ConfirmDialog, FollowUpDialog, ReasonDialog
from cekalwatch.notifier.desktop.dialogs.step_flow import KEYS
from cekalwatch.notifier.desktop.run import assembled
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.office.client.subscription import Start

ACT_EVERY_MS = 50
SIGN_IN_S = 60.0


@dataclass(frozen=True)
class Desk:
    """A PC and who sits there."""

    name: str
    """Key of the agent, and sign-in name of the person."""
    counters: tuple[str, ...]
    """The counters that it watches; none: the whole site, as a supervisor's does."""
    server_addresses: str
    tls_dir: Path
    folder: Path
    """Its record and its results go here."""
    password: str = field(repr=False)


def sit(desk: Desk, ready: Any, stop: Any) -> None:  # noqa: ANN401  # events of multiprocessing
    """Be the process of a PC: work until `stop` is set, then write which alerts rang and what was done."""
    settings = NotifierSettings.load(
        None,
        server_addresses=desk.server_addresses,
        agent_id=desk.name,
        counters=desk.counters,
        tls_dir=desk.tls_dir,
        state_dir=desk.folder,
        images_dir=desk.folder / "images",
        idle_lock_seconds=3600,
        sound=False,
    )
    app = QApplication([])
    with assembled(settings, Start.ACKNOWLEDGED, app) as (agent, _):
        hands = Hands(agent)
        agent.controller.rang.connect(hands.heard)
        _until(lambda: agent.controller.connection.ready)
        agent.sign_in()
        _type(agent.dialog, f"{desk.name}\t{desk.password}\r")
        _until(lambda: agent.controller.unlocked and agent.dialog is None)
        timer = QTimer()
        timer.timeout.connect(hands.act)
        timer.timeout.connect(lambda: app.exit() if stop.is_set() else None)
        timer.start(ACT_EVERY_MS)
        ready.set()
        app.exec()
        timer.stop()
    (desk.folder / "result.json").write_text(json.dumps({"rang": hands.rang, "steps": dict(hands.steps)}))


class Hands:
    """What a person does, a touch at a time."""

    def __init__(self, agent: DesktopAgent) -> None:
        self._agent = agent
        self._answered: FormDialog | None = None
        self.rang: list[tuple[float, str]] = []
        """When this PC rang, and for which alert."""
        self.steps: Counter[str] = Counter()

    def heard(self, alert_id: str) -> None:
        """Note that the PC rings."""
        self.rang.append((time.time(), alert_id))

    def act(self) -> None:
        """Do the next thing, if there is one to do."""
        window, controller = self._agent.alert, self._agent.controller
        if window.flow.dialog is not None:
            self._answer(window.flow.dialog)
            return
        if not window.isActiveWindow():
            window.bring_up()
            return
        shown = controller.alert_cache.find(window.alert_id)
        step = self._wanted(shown.alert) if shown else None
        if step is None:
            if controller.waiting():
                QTest.keyClick(window, Qt.Key.Key_PageDown, Qt.KeyboardModifier.ControlModifier)
        elif window.takes_keys and window.view.action_bar.steps[step].isEnabled():
            self.steps[step] += 1
            QTest.keyClick(window, getattr(Qt.Key, f"Key_{KEYS[step]}"))

    def _wanted(self, alert: Alert) -> Step | None:
        """Return the step that this person takes now; what they find depends on nothing but the alert's key."""
        options = self._agent.controller.options(alert)
        chance = zlib.crc32(alert.alert_id.encode()) % 10
        judgement = (Step.REFER, Step.REFER, Step.CANNOT_TELL, *(7 * (Step.NOT_SAME,)))[chance]
        if alert.state is AlertState.CONFIRMED:
            wanted = Step.CLOSE if alert.handling.follow_ups else Step.FOLLOW_UP
            return wanted if options.can(wanted) else None
        # A supervisor leaves the judgement to officers, looks at what they have judged, and confirms it.
        session = self._agent.controller.session
        supervises = session is None or session.supervises
        if supervises and alert.state in {AlertState.NEW, AlertState.CLAIMED}:
            return None
        steps = () if supervises and not alert.look_needed else (Step.CLAIM, judgement)
        steps = (*steps, Step.CONFIRM if chance else Step.CLEAR, Step.CLEAR)
        return next((step for step in steps if options.can(step)), None)

    def _answer(self, dialog: FormDialog) -> None:
        if not dialog.send_button.isEnabled():
            return  # it is under way
        if dialog is self._answered:
            # Refused: something came since it was asked. The window shows it.
            QTest.keyClick(dialog, Qt.Key.Key_Escape)
            return
        self._answered = dialog
        match dialog:
            case ReasonDialog():
                QTest.keyClick(dialog, Qt.Key.Key_1)
            case ConfirmDialog():
                QTest.keyClicks(dialog.reference, "CO-2026/0117")
            case FollowUpDialog():
                QTest.keyClicks(dialog.contact, "duty desk, by telephone")
                QTest.keyClicks(dialog.outcome, "two officers come")
        QTest.mouseClick(dialog.send_button, Qt.MouseButton.LeftButton)


def _type(window: QWidget | None, keys: str) -> None:
    if window is None:
        raise RuntimeError("nothing is asked")
    special = {"\t": Qt.Key.Key_Tab, "\r": Qt.Key.Key_Return}
    for key in keys:
        receiver = window if window.focusWidget() is None else window.focusWidget()
        if key in special:
            QTest.keyClick(receiver, special[key])
        else:
            QTest.keyClicks(receiver, key)


def _until(condition: Any) -> None:  # noqa: ANN401  # anything that can be called
    deadline = time.monotonic() + SIGN_IN_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the PC did not get ready")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20)
