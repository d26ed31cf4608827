"""The alarms that this PC knows, without a window, and their acknowledgement by its person."""

from __future__ import annotations

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QObject, Signal

from cekalwatch.contract.values.alarms import Alarm, Alarms, may_acknowledge, own_blind, shown_to
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.threads import Worker
from cekalwatch.office.client.alarm_client import AlarmClient
from cekalwatch.office.client.refusals import Failure, explain


class AlarmController(QObject):
    """The alarms of one PC. Windows follow `changed`, and announce those that `began` and those that are `over`."""

    changed = Signal()
    began = Signal(object)
    """A `Alarm` that the person here sees, and that began since the last update."""
    over = Signal(object)
    """A `Alarm` that the person here saw, and that has ended."""

    def __init__(self, controller: Controller, client: AlarmClient) -> None:
        super().__init__()
        self._controller = controller
        self._client = client
        self._worker = Worker(self)
        self._known: Alarms | None = None
        """None before the first news."""
        controller.session_changed.connect(self.changed)

    def close(self) -> None:
        self._worker.close()
        shiboken6.delete(self)

    def take(self, present: Alarms) -> None:
        before, self._known = self._known, present
        if before is not None:
            keys = {one.alarm_id for one in before}
            for one in self.shown:
                if one.alarm_id not in keys:
                    self.began.emit(one)
            left = {one.alarm_id for one in present}
            for one in shown_to(self._controller.session, before, self._counters):
                if one.alarm_id not in left:
                    self.over.emit(one)
        self.changed.emit()

    @property
    def shown(self) -> Alarms:
        """The alarms that concern the person here, oldest first."""
        return shown_to(self._controller.session, self._known or (), self._counters)

    @property
    def blind(self) -> Alarms:
        """Why counters of this PC are blind; empty while all are watched."""
        return own_blind(self._known or (), self._counters)

    @property
    def unseen(self) -> Alarms:
        """Alarms that the person here can acknowledge, and nobody has yet."""
        session = self._controller.session if self._controller.unlocked else None
        return tuple(one for one in self.shown if may_acknowledge(one, session))

    def acknowledge(self, alarm: Alarm, failed: Callable[[str], object]) -> None:
        """Acknowledge an alarm as the person here."""

        def told(answer: Alarm) -> None:
            known = self._known or ()
            self._known = tuple(answer if one.alarm_id == answer.alarm_id else one for one in known)
            self.changed.emit()

        def refused(error: Failure) -> None:
            failed(explain(error, self._controller.formatter))

        self._worker.run(lambda: self._client.acknowledge(alarm.alarm_id), told, refused)

    @property
    def _counters(self) -> tuple[str, ...]:
        return self._controller.settings.counters
