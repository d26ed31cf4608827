"""The pictures of alerts, only in memory, each loaded once for a probe. It knows no screen and no disk.

Faces stay on an officer's PC only while somebody there views them: they are dropped after their lifetime, except those
of the alert on screen, and all when the person leaves. They are encrypted with a key of this program's run, so that
what is swapped out, or left by a crash, shows nobody.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic

import grpc
import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cekalwatch.contract.codec.alerts import PICTURES
from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.office.alerts import PicturesMissing
from cekalwatch.office.client.refusals import Failure

MAX_ALERTS = 100
"""Above this number, the pictures that have been here longest go first: some 25 MB."""
MAX_AHEAD = 2
"""Of how many waiting alerts pictures are loaded before somebody turns to them: each load is a view in the trail."""
_NONCE = 12


@dataclass(frozen=True)
class _Held:
    key: str
    asked: str
    sealed: bytes
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
        self._cipher = AESGCM(AESGCM.generate_key(bit_length=256))

    def has(self, alert: Alert) -> bool:
        """Whether the pictures of this version of the alert are in memory."""
        with self._lock:
            held = self._held.get(alert.alert_id)
        return held is not None and held.key == alert.pictures_key

    def held(self, alert: Alert) -> AlertPictures | None:
        """Return the pictures of this version of the alert, or None when they are not in memory."""
        with self._lock:
            held = self._held.get(alert.alert_id)
        return self._opened(held) if held and held.key == alert.pictures_key else None

    def held_before(self, alert: Alert) -> AlertPictures | None:
        """Return pictures of the alert with an earlier probe, to show until the newer one has arrived, and while the
        server does not answer."""
        with self._lock:
            held = self._held.get(alert.alert_id)
        return self._opened(held) if held and held.asked == alert.asked else None

    def fetch(self, alert: Alert) -> AlertPictures:
        """Return the pictures of this version of the alert, and load them if needed; raises grpc.RpcError."""
        if (pictures := self.held(alert)) is not None:
            return pictures
        pictures = self._load(alert.alert_id)
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, PICTURES.write(pictures).SerializeToString(), None)
        with self._lock:
            self._held.pop(alert.alert_id, None)
            self._held[alert.alert_id] = _Held(alert.pictures_key, alert.asked, sealed, self._monotonic_s())
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
        with self._lock:
            self._held.clear()

    def _opened(self, held: _Held) -> AlertPictures:
        plain = self._cipher.decrypt(held.sealed[:_NONCE], held.sealed[_NONCE:], None)
        return PICTURES.read(PICTURES.message.FromString(plain))


log = structlog.get_logger()

_Wanted = tuple[str, str]
"""The keys of an alert and of its pictures."""
_Run = Callable[[Callable[[], AlertPictures], Callable[[AlertPictures], object], Callable[[Failure], object]], None]
"""Runs a call, and then takes what it returned or its failure."""


class PictureLoader:
    """The pictures of the alert on screen and of the next ones, loaded outside the windows' thread, once for a probe.

    Its methods run in the windows' thread.
    """

    def __init__(self, cache: PictureCache, run: _Run, changed: Callable[[], object]) -> None:
        """`run` runs a call in another thread; `changed` is called when there is something else to show."""
        self._cache, self._run, self._changed = cache, run, changed
        self._on_screen = ""
        self._loading: set[_Wanted] = set()
        self._failed: set[_Wanted] = set()
        """What could not be loaded: not tried again before `retry`."""
        self._visits = 0
        """Grows when a person leaves: pictures requested before are not kept."""

    def of(self, alert: Alert) -> AlertPictures | PicturesMissing:
        """Return the pictures of an alert, or the reason for their absence; load missing ones.

        Those of an alert that does not say yet whom it asks about are loaded once it does. For a first look, what is
        left is asked for also when there is no probe any more: the server takes no look at what it has not given.
        """
        if self._all_gone(alert):
            return PicturesMissing.NOT_KEPT
        if not alert.named:
            return PicturesMissing.LOADING
        if (held := self._cache.held(alert)) is not None:
            return held
        has_failed = (alert.alert_id, alert.pictures_key) in self._failed
        self._fetch(alert)
        missing = PicturesMissing.NOT_LOADED if has_failed else PicturesMissing.LOADING
        return self._cache.held_before(alert) or missing

    def has(self, alert: Alert) -> bool:
        """Whether `of` returns all there is of this very version, and not the pictures of an earlier probe."""
        return self._cache.has(alert) or self._all_gone(alert)

    @staticmethod
    def _all_gone(alert: Alert) -> bool:
        return not alert.pictures_key and not alert.look_needed

    def load_ahead(self, waiting: Iterable[Alert]) -> None:
        """Load the pictures of those that come next, so that they are there also while the server hangs."""
        for alert in [one for one in waiting if one.alert_id != self._on_screen][:MAX_AHEAD]:
            if alert.named and alert.pictures_key and not self._cache.has(alert) and len(self._loading) <= MAX_AHEAD:
                self._fetch(alert)

    def _fetch(self, alert: Alert) -> None:
        wanted = alert.alert_id, alert.pictures_key
        if wanted not in self._failed and wanted not in self._loading:
            self._loading.add(wanted)
            done, failed = partial(self._loaded, wanted, self._visits), partial(self._not_loaded, wanted)
            self._run(partial(self._cache.fetch, alert), done, failed)

    def turn_to(self, alert_id: str) -> None:
        """Take note of the alert on screen: its pictures stay, and are tried again."""
        self._on_screen = alert_id
        self._failed.clear()

    def retry(self) -> None:
        """Try again what could not be loaded, when it is asked for."""
        if self._failed:
            self._failed.clear()
            self._changed()

    def drop_old(self) -> None:
        """Forget the pictures that have been here for their time, but for those on screen; see `retry`."""
        self._cache.drop_old(self._on_screen)
        self.retry()

    def leave(self) -> None:
        """Forget all pictures, since nobody views them any more."""
        self._visits += 1
        self._cache.clear()

    def _loaded(self, wanted: _Wanted, visit: int, _: AlertPictures) -> None:
        self._loading.discard(wanted)
        if visit != self._visits:
            self._cache.clear()
        self._changed()

    def _not_loaded(self, wanted: _Wanted, error: Failure) -> None:
        self._loading.discard(wanted)
        self._failed.add(wanted)
        code = error.code().name if isinstance(error, grpc.RpcError) else type(error).__name__
        log.warning("pictures_not_loaded", alert_id=wanted[0], code=code)
        self._changed()
