"""What is watched for at one moment: the gallery, its threshold, and the orders of its subjects, consistent.

A `Watch` never changes. The holder swaps it when the watchlist changes; order status is computed at each question, so
an expiry takes effect without any change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from cekalwatch.server.alerting.threshold import Threshold
from cekalwatch.server.domain.cameras import Camera
from cekalwatch.server.domain.legal import LegalParameters
from cekalwatch.server.domain.orders import BanOrder, Judgement, OrderStatus, alerts_on, judge
from cekalwatch.server.gallery.gallery import Gallery
from cekalwatch.server.storage.watchlist_reading import SubjectFile
from cekalwatch.server.storage.watchlist_store import WatchlistStore

WIB = ZoneInfo("Asia/Jakarta")

log = structlog.get_logger()


@dataclass(frozen=True)
class JudgedOrder:
    """An order with its status at the moment of asking."""

    order: BanOrder
    judgement: Judgement

    @property
    def in_force(self) -> bool:
        """Whether it is ACTIVE."""
        return self.judgement.status is OrderStatus.ACTIVE


@dataclass(frozen=True)
class Checkpoints:
    """The law's figures and each site's local time."""

    legal: LegalParameters
    zones: Mapping[str, ZoneInfo]

    def judged(self, file: SubjectFile, now: datetime, site: str) -> list[JudgedOrder]:
        """Return a subject's orders with their status at `site`; a site that is no longer configured has WIB."""
        zone = self.zones.get(site, WIB)
        return [
            JudgedOrder(order, judge(order, file.subject, file.orders, now, zone, self.legal)) for order in file.orders
        ]


@dataclass(frozen=True, eq=False)
class Watch:
    """One consistent state of the watchlist."""

    gallery: Gallery
    decision: Threshold
    version: int
    unusable_templates: int
    references_without_template: int
    files: Mapping[str, SubjectFile]
    checkpoints: Checkpoints

    @property
    def threshold(self) -> float:
        """The decision threshold, comparison score."""
        return self.decision.value

    def orders_in_force(self, subject_id: str, camera: Camera, now: datetime) -> tuple[str, ...]:
        """Return the subject's orders that are ACTIVE at the camera's site and alert in its direction."""
        file = self.files.get(subject_id)
        judged = self.checkpoints.judged(file, now, camera.site) if file else []
        return tuple(
            one.order.order_id for one in judged if one.in_force and alerts_on(one.order.kind) is camera.direction
        )

    def active_subjects(self, now: datetime) -> int:
        """Count the subjects with an order that is ACTIVE at some site."""
        return sum(
            any(one.in_force for site in self.checkpoints.zones for one in self.checkpoints.judged(file, now, site))
            for file in self.files.values()
        )


class WatchHolder:
    """Holds the current watch, and loads another when the database has a newer watchlist. Loading blocks."""

    def __init__(
        self,
        store: WatchlistStore,
        checkpoints: Checkpoints,
        model_version: str,
        size: int,
        threshold: Callable[[int], Threshold],
    ) -> None:
        self._store = store
        self._checkpoints = checkpoints
        self._model_version = model_version
        self._size = size
        self._threshold = threshold
        self._watch = self._load()

    def current(self) -> Watch:
        """Return the watch in use; reading a reference is atomic."""
        return self._watch

    def follow(self) -> bool:
        """Load the watchlist anew if it has changed; returns whether it had. One caller at a time.

        A threshold that was set anew is taken up as well.
        """
        if self._store.version() == self._watch.version:
            self._follow_threshold()
            return False
        self._watch = self._load()
        return True

    def _follow_threshold(self) -> None:
        decision = self._threshold(len(self._watch.gallery))
        if decision != self._watch.decision:
            self._watch = replace(self._watch, decision=decision)
            log.info("threshold taken up", threshold=round(decision.value, 4), source=decision.source)

    def _load(self) -> Watch:
        snapshot = self._store.snapshot(self._model_version, self._size)
        gallery = Gallery.build(self._model_version, self._size, snapshot.templates, snapshot.subject_ids)
        watch = Watch(
            gallery=gallery,
            decision=self._threshold(len(gallery)),
            version=snapshot.version,
            unusable_templates=snapshot.unusable_templates,
            references_without_template=snapshot.references_without_template,
            files=snapshot.files,
            checkpoints=self._checkpoints,
        )
        log.info(
            "gallery loaded",
            templates=len(gallery),
            subjects=gallery.subjects,
            unusable=watch.unusable_templates,
            threshold=round(watch.threshold, 4),
            threshold_source=watch.decision.source,
            expected_fpir=float(f"{watch.decision.expected_fpir:.2g}"),
            version=watch.version,
        )
        return watch
