"""Brings what is wrong with cameras and sources onto the screen, in a thread of its own, beside the alerts."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Protocol, Self

import structlog

from cekalwatch.notifier.client.trouble_client import TroubleClient
from cekalwatch.notifier.model.trouble import Troubles
from cekalwatch.program.errors import ProgramError

log = structlog.get_logger()


class TroubleScreen(Protocol):
    """What a person looks at, or a program reads."""

    def troubles(self, present: Troubles) -> None:
        """Show what is wrong now; what is not in it is well again."""


class TroubleDelivery:
    """Tells a screen for the time of the block."""

    def __init__(self, client: TroubleClient, screen: TroubleScreen) -> None:
        self._client = client
        self._screen = screen
        self._thread = threading.Thread(target=self._run, name="troubles", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            for present in self._client.updates():
                self._screen.troubles(present)
        except ProgramError as error:  # the screen is gone; the delivery of alerts meets that as well
            log.warning("troubles_not_shown", error=str(error))
