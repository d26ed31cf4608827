"""Storage: settings, clock, database, keys and stores, in the server and in a command that works without one."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import structlog

from cekalwatch.server.alerts.first_looks import FirstLookSetting
from cekalwatch.server.audit.entry import Actor, ActorKind
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.domain.orders.law import Checkpoints
from cekalwatch.server.domain.orders.law_table import Law
from cekalwatch.server.encryption.keyring import Keyring
from cekalwatch.server.foundation.clock import Clock
from cekalwatch.server.foundation.probes import NO_METRICS, Metrics
from cekalwatch.server.settings.recording import note_configuration
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.alarms import AlarmStore
from cekalwatch.server.storage.alerts.agency_history import AgencyHistory
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.alerts.hand_over_store import HandOverStore
from cekalwatch.server.storage.alerts.handling_store import HandlingStore
from cekalwatch.server.storage.alerts.retention_store import RetentionStore
from cekalwatch.server.storage.alerts.store import AlertStore
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.cameras import CameraPolicyStore, CameraSurveyStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.exercises.store import ExerciseStore
from cekalwatch.server.storage.integrity.versions import ALERTS
from cekalwatch.server.storage.keys.resealing import Resealer
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.models.photograph_store import PhotographStore
from cekalwatch.server.storage.models.store import ModelStore
from cekalwatch.server.storage.models.threshold_store import ScoreStore, ThresholdStore
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.ports.followings import FollowingStore
from cekalwatch.server.storage.ports.store import PortStore
from cekalwatch.server.storage.settings import SettingStore
from cekalwatch.server.storage.sync.store import SyncStore
from cekalwatch.server.storage.watchlist.agencies import AgencyStore
from cekalwatch.server.storage.watchlist.law import LawStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.server.watchlist.law_follower import LawFollower
from cekalwatch.server.wiring.data_folder import hold_folder, refuse_lost_database
from cekalwatch.vision.manifest import Pack

RESEAL_PERIOD_S = 2.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Stores:
    """The stores of one database, which seal with one keyring. They keep nothing in memory."""

    agencies: AgencyStore
    agency_history: AgencyHistory
    alerts: AlertStore
    audit: AuditStore
    camera_policies: CameraPolicyStore
    camera_surveys: CameraSurveyStore
    exercises: ExerciseStore
    field: FieldStore
    followings: FollowingStore
    hand_overs: HandOverStore
    handling: HandlingStore
    law: LawStore
    look_setting: SettingStore[FirstLookSetting]
    models: ModelStore
    people: PeopleStore
    photographs: PhotographStore
    ports: PortStore
    retention: RetentionStore
    scores: ScoreStore
    syncs: SyncStore
    thresholds: ThresholdStore
    alarms: AlarmStore
    watchlist: WatchlistStore

    @classmethod
    def of(cls, database: Database, keyring: Keyring, clock: Clock) -> Self:
        """Return those of an upgraded database."""
        return cls(
            AgencyStore(database),
            AgencyHistory(database, keyring),
            AlertStore(database, keyring),
            AuditStore(database),
            CameraPolicyStore(database),
            CameraSurveyStore(database),
            ExerciseStore(database, keyring),
            FieldStore(database),
            FollowingStore(database),
            HandOverStore(database, keyring),
            HandlingStore(database, keyring),
            LawStore(database),
            SettingStore(database, "first_looks", FirstLookSetting),
            ModelStore(database),
            PeopleStore(database),
            PhotographStore(database, keyring),
            PortStore(database, keyring),
            RetentionStore(database),
            ScoreStore(database),
            SyncStore(database),
            ThresholdStore(database),
            AlarmStore(database),
            WatchlistStore(database, keyring, clock),
        )


@dataclass(frozen=True)
class Context:
    """Settings, clock and database, with who works on it."""

    settings: ServerSettings
    database: Database
    keys: KeyStore
    stores: Stores
    checkpoints: Checkpoints
    """The law, and the clock of each site."""
    law: LawFollower
    """Keeps their law up to date."""
    clock: Clock
    actor: Actor
    """The actor in the audit trail for what the server does on its own."""
    stack: ExitStack
    """Closes opened parts in reverse order."""
    metrics: Metrics = NO_METRICS

    @classmethod
    def open(
        cls,
        settings: ServerSettings,
        database: Database,
        clock: Clock,
        actor: Actor,
        stack: ExitStack,
        metrics: Metrics = NO_METRICS,
    ) -> Self:
        """Open the keys of an upgraded database. Raises ProgramError."""
        keys = KeyStore.open(
            database,
            settings.master_key_source,
            clock,
            actor,
            settings.seen_versions_file,
            removed_after={ALERTS: settings.retention_policy.records},
        )
        stack.callback(keys.guard.versions.keep)
        if changed := settings.legal.changed:
            log.warning("law_figures_changed", figures=changed)
        checkpoints = Checkpoints(Law.of(settings.legal), {site.site: site.zone for site in settings.sites})
        stores = Stores.of(database, keys.keyring, clock)
        law = LawFollower(
            checkpoints,
            stores.watchlist.version,
            lambda: Law.of(settings.legal, stores.law.read(), stores.agencies.read()),
        )
        law.follow()
        return cls(settings, database, keys, stores, checkpoints, law, clock, actor, stack, metrics)

    @property
    def foresight(self) -> ListForesight:
        """The guard's comparison of the list before and after what people do."""
        return ListForesight(self.stores.watchlist, self.checkpoints, self.clock)

    def note_configuration(self, pack: Pack) -> None:
        """Record the settings and the model pack if they differ from the last record."""
        note_configuration(self.settings, pack, self.stores.audit, self.actor, self.clock.now())


def init_storage(settings: ServerSettings, clock: Clock, stack: ExitStack, metrics: Metrics = NO_METRICS) -> Context:
    """Hold the folder of the data, open the database and its keys; it blocks. Raises ProgramError, also for a loss."""
    hold_folder(settings.data_dir, stack)
    database = Database(settings.database_address, metrics.commit)
    stack.callback(database.close)
    refuse_lost_database(settings, database)
    database.begin()
    return Context.open(settings, database, clock, Actor(ActorKind.SERVER, settings.name), stack, metrics)


def init_keys(context: Context) -> tuple[PeriodicJob, ...]:
    """Return the work on data keys, which one server does for all of a database."""
    return (LeaderJob("reseal", RESEAL_PERIOD_S, Resealer(context.database, context.keys).take_turn),)
