"""Brings what is wrong with cameras and sources onto the screen, in a thread of its own, beside the alerts."""

from __future__ import annotations

from typing import Protocol

import structlog

from cekalwatch.contract.values.troubles import Troubles
from cekalwatch.office.client.background_thread import BackgroundThread
from cekalwatch.office.client.trouble_subscription import TroubleSubscription
from cekalwatch.program.errors import ProgramError

log = structlog.get_logger()


class TroubleScreen(Protocol):
    """What a person looks at, or a program reads."""

    def troubles(self, present: Troubles) -> None:
        """Show what is wrong now; what is not in it is well again."""


class TroubleDelivery(BackgroundThread):
    """Tells a screen for the time of the block."""

    def __init__(self, subscription: TroubleSubscription, screen: TroubleScreen) -> None:
        super().__init__("troubles")
        self._subscription = subscription
        self._screen = screen

    def _wake(self) -> None:
        self._subscription.stop()

    def _round(self) -> bool:
        try:
            for present in self._subscription.updates():
                self._screen.troubles(present)
        except ProgramError as error:  # the screen is gone; the delivery of alerts meets that as well
            log.warning("troubles_not_shown", error=str(error))
        return False
