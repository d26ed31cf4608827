"""The pictures of alerts, in memory and nowhere else, each loaded once for a probe. It knows no screen and no disk.

Faces lie on an officer's PC only while somebody there looks at them: they go when they have been here for their time,
but for the alert on screen, and all of them when the person leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from cekalwatch.contract.values.alerts import Alert, AlertPictures

MAX_ALERTS = 100
"""Above this number, the pictures that have been here longest go first: some 25 MB."""


@dataclass(frozen=True)
class _Held:
    key: str
    subject_id: str
    pictures: AlertPictures
    loaded_at_s: float


class PictureCache:
    """Pictures by alert; its methods may be called from several threads."""

    def __init__(
        self,
        load: Callable[[str], AlertPictures],
        lifetime: timedelta,
        monotonic_s: Callable[[], float] = monotonic,
    ) -> None:
        """`load` returns the pictures of an alert by its key, or raises grpc.RpcError."""
        self._load = load
        self._lifetime_s, self._monotonic_s = lifetime.total_seconds(), monotonic_s
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def held(self, alert: Alert) -> AlertPictures | None:
        """Return the pictures of the alert as it stands, or None when they are not here."""
        with self._lock:
            held = self._held.get(alert.alert_id)
        return held.pictures if held and held.key == alert.pictures_key else None

    def held_before(self, alert: Alert) -> AlertPictures | None:
        """Return pictures of the alert with an earlier probe: to look at until the newer one has come."""
        with self._lock:
            held = self._held.get(alert.alert_id)
        return held.pictures if held and held.subject_id == alert.subject.subject_id else None

    def fetch(self, alert: Alert) -> AlertPictures:
        """Return the pictures of the alert as it stands, loading them if they are not here; raises grpc.RpcError."""
        if (pictures := self.held(alert)) is not None:
            return pictures
        pictures = self._load(alert.alert_id)
        with self._lock:
            self._held.pop(alert.alert_id, None)
            self._held[alert.alert_id] = _Held(
                alert.pictures_key, alert.subject.subject_id, pictures, self._monotonic_s()
            )
            while len(self._held) > MAX_ALERTS:
                del self._held[next(iter(self._held))]
        return pictures

    def drop_old(self, on_screen: str = "") -> None:
        """Drop the pictures that have been here for their time, but for those of the alert `on_screen`."""
        oldest_s = self._monotonic_s() - self._lifetime_s
        with self._lock:
            self._held = {
                alert_id: held
                for alert_id, held in self._held.items()
                if held.loaded_at_s > oldest_s or alert_id == on_screen
            }

    def clear(self) -> None:
        """Drop all of them."""
        with self._lock:
            self._held.clear()
