"""The pictures of the alert on screen: loaded when it is turned to, outside the windows' thread, and once for a probe.

Its methods run in the windows' thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import grpc
import structlog

from cekalwatch.contract.values.alerts import Alert, AlertPictures
from cekalwatch.notifier.delivery.picture_cache import PictureCache
from cekalwatch.notifier.desktop.worker import Worker
from cekalwatch.office.alerts import PicturesMissing
from cekalwatch.office.client.refusals import Failure

log = structlog.get_logger()

_Wanted = tuple[str, str]
"""The keys of an alert and of its pictures."""


class PictureLoader:
    """Loads with the worker, keeps in the cache, and calls `changed` when there is something else to show."""

    def __init__(self, cache: PictureCache, worker: Worker, changed: Callable[[], object]) -> None:
        self._cache, self._worker, self._changed = cache, worker, changed
        self._on_screen = ""
        self._loading: set[_Wanted] = set()
        self._failed: set[_Wanted] = set()
        """What could not be loaded: not tried again before `retry`."""
        self._visits = 0
        """Grows when a person leaves: what was asked for before is not kept."""

    def of(self, alert: Alert) -> AlertPictures | PicturesMissing:
        """Return the pictures of an alert, or why there are none now; what is not here is loaded."""
        if not alert.pictures_key:
            return PicturesMissing.NOT_KEPT
        if (held := self._cache.held(alert)) is not None:
            return held
        wanted = alert.alert_id, alert.pictures_key
        if wanted in self._failed:
            return PicturesMissing.NOT_LOADED
        if wanted not in self._loading:
            self._loading.add(wanted)
            done, failed = partial(self._loaded, wanted, self._visits), partial(self._not_loaded, wanted)
            self._worker.run(partial(self._cache.fetch, alert), done, failed)
        return self._cache.held_before(alert) or PicturesMissing.LOADING

    def turn_to(self, alert_id: str) -> None:
        """Take note of the alert on screen: its pictures stay, and are tried again."""
        self._on_screen = alert_id
        self.retry()

    def retry(self) -> None:
        """Try again what could not be loaded, when it is asked for."""
        self._failed.clear()

    def drop_old(self) -> None:
        """Forget the pictures that have been here for their time, but for those on screen."""
        self._cache.drop_old(self._on_screen)

    def leave(self) -> None:
        """Forget all of them: nobody looks at them any more."""
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
