"""The open alerts that *Now* shows to one person: listed once, and then only the changes, with calls of that person.

The server decides in each call whether this person may still see them, and records what it shows. Kept alerts are shown
only after such a call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from cekalwatch.contract.values.adjudication import OPEN_STATES
from cekalwatch.contract.values.alerts import Alert, AlertSearch
from cekalwatch.office.client.alert_client import AlertClient
from cekalwatch.office.client.refusals import error_reason

MAX_SHOWN: Final = 100
LIST_AGAIN_S: Final = 300.0
"""The period after which all are listed again, since a corrected name on the list raises no event of an alert."""
OUT_OF_STEP: Final = frozenset({"POSITION_TOO_OLD", "POSITION_UNKNOWN"})
"""The answers of a server that does not know what changed."""


@dataclass(frozen=True)
class Shown:
    """What there is to show."""

    alerts: tuple[Alert, ...]
    more: bool
    """Whether others are open, older than these."""


class OpenAlerts:
    """Those of one session. It may be used from several threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._alerts: dict[str, Alert] = {}
        self._more = False
        self._position: int | None = None
        """The event up to which they are known; None means that they must be listed."""
        self._listed_s = 0.0

    def forget(self) -> None:
        with self._lock:
            self._alerts, self._position = {}, None

    def list_all(self, client: AlertClient, heard: int | None) -> Shown:
        """List all; `heard` is the newest event that the console has received, or None.

        Errors stay grpc.RpcError.
        """
        with self._lock:
            return self._list(client, heard)

    def renew(self, client: AlertClient, heard: int | None) -> Shown:
        """Request the changes since the last listing, or list all if that is not enough; see `list_all`."""
        with self._lock:
            old = self._monotonic() - self._listed_s > LIST_AGAIN_S
            # With more than a page it is unknown which alert follows one that is settled.
            if heard is None or self._position is None or self._more or old:
                return self._list(client, heard)
            try:
                return self._follow(client, self._position, heard)
            except grpc.RpcError as error:
                if error_reason(error) not in OUT_OF_STEP:
                    raise
                return self._list(client, heard)

    def _list(self, client: AlertClient, heard: int | None) -> Shown:
        # What happens while they are listed has a later place, and is asked for again.
        alerts, token = client.page(AlertSearch(OPEN_STATES), MAX_SHOWN)
        self._alerts, self._more = {one.alert_id: one for one in alerts}, bool(token)
        self._position, self._listed_s = heard, self._monotonic()
        return Shown(tuple(self._alerts.values()), self._more)

    def _follow(self, client: AlertClient, position: int, heard: int) -> Shown:
        more = True
        while more:
            changed, position, more = client.changed(position, heard)
            for one in changed:
                self._alerts.pop(one.alert_id, None)
                if one.open:
                    self._alerts[one.alert_id] = one
        self._position = position
        if len(self._alerts) > MAX_SHOWN:
            return self._list(client, heard)
        return Shown(tuple(self._alerts.values()), self._more)
