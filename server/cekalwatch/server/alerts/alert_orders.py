"""Decides whether an alert has an order in force now, for judgements, screens and the watch for ended orders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cekalwatch.contract.values.orders import OrderStatus
from cekalwatch.server.domain.alerts.alert import Alert
from cekalwatch.server.domain.orders.ban_order import JudgedOrder, SubjectFile
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.storage.watchlist.store import WatchlistStore


class AlertOrders:
    """Judges the orders of an alert's candidates. Its methods block: call them from a worker thread."""

    def __init__(self, watchlist: WatchlistStore, checkpoints: Checkpoints) -> None:
        self._watchlist = watchlist
        self._checkpoints = checkpoints

    def files(self, alert: Alert) -> list[SubjectFile]:
        """Return the candidates that are not ruled out and still held, with their orders."""
        return self._watchlist.orders_of([one.subject_id for one in alert.left])

    def subjects(self, alert: Alert, files: Iterable[SubjectFile], now: datetime) -> frozenset[str]:
        """Return the keys of the subjects in `files` with an order in force that alerts where the traveller was
        seen."""
        return frozenset(
            file.subject.subject_id for file in files if any(one.in_force for one in self.orders(alert, file, now))
        )

    def stands(self, alert: Alert, file: SubjectFile, now: datetime) -> bool:
        """Whether the subject has an order that is in force at the alert's site, or will be."""
        judged = self._checkpoints.judged(file, now, alert.camera.site)
        return any(one.judgement.status in {OrderStatus.ACTIVE, OrderStatus.NOT_YET_VALID} for one in judged)

    def orders(self, alert: Alert, file: SubjectFile, now: datetime) -> tuple[JudgedOrder, ...]:
        """Return the orders of a candidate that concern the alert, with their status now.

        These are the orders with which it was raised, and all orders in force now that alert in that direction: a later
        extension replaces the order that it extends.
        """
        judged, raised_with = (
            self._checkpoints.judged(file, now, alert.camera.site),
            alert.orders_of(file.subject.subject_id),
        )
        return tuple(
            one
            for one in judged
            if one.order.order_id in raised_with or (one.in_force and alert.watched_for(one.order.kind))
        )
