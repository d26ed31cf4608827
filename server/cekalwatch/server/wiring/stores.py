"""Every store of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.photograph_store import PhotographStore
from cekalwatch.server.storage.models.store import ModelStore, ThresholdStore
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore


@dataclass(frozen=True)
class Stores:
    """The stores of one database, which seal with one keyring. They keep nothing in memory."""

    alerts: AlertStore
    audit: AuditStore
    field: FieldStore
    handling: HandlingStore
    models: ModelStore
    people: PeopleStore
    photographs: PhotographStore
    syncs: SyncStore
    thresholds: ThresholdStore
    watchlist: WatchlistStore

    @classmethod
    def of(cls, database: Database, keyring: Keyring) -> Self:
        """Return those of an upgraded database."""
        return cls(
            AlertStore(database, keyring),
            AuditStore(database),
            FieldStore(database),
            HandlingStore(database, keyring),
            ModelStore(database),
            PeopleStore(database),
            PhotographStore(database, keyring),
            SyncStore(database),
            ThresholdStore(database),
            WatchlistStore(database, keyring),
        )
