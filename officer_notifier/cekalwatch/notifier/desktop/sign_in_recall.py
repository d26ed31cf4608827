"""Tells the delivery of alerts who has signed in at this PC, so that what waits for such a person comes at once."""

from __future__ import annotations

from contextlib import suppress

import shiboken6
from PySide6.QtCore import QObject

from cekalwatch.contract.values.people import PersonSession
from cekalwatch.notifier.delivery.alert_delivery import AlertDelivery
from cekalwatch.notifier.desktop.controller import Controller
from cekalwatch.notifier.desktop.screen import ScreenGone
from cekalwatch.notifier.desktop.worker import Worker
from cekalwatch.office.client.refusals import Failure


class SignInRecall(QObject):
    """Follows the controller's session. Alerts come from a thread: each waits until the windows have shown it."""

    def __init__(self, controller: Controller, delivery: AlertDelivery) -> None:
        super().__init__()
        self._controller, self._delivery = controller, delivery
        self._worker = Worker(self)
        controller.session_changed.connect(self._session_changed)

    def close(self) -> None:
        """Wait for what runs."""
        self._worker.close()
        shiboken6.delete(self)

    def _session_changed(self) -> None:
        session = self._controller.session
        if session and self._controller.unlocked:
            self._worker.run(lambda: self._told(session), _nothing, _raise)

    def _told(self, session: PersonSession) -> None:
        with suppress(ScreenGone):
            self._delivery.person_came(session)


def _nothing(_: None) -> None:
    pass


def _raise(error: Failure) -> None:
    raise error
