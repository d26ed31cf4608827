"""Alarms: the rules that find them, the board, the feed for subscribers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from cekalwatch.contract.values.alarms import BLIND
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.grpc_api.servicers.alarms import AlarmCalls
from cekalwatch.server.health.alarms.board import AlarmBoard, AlarmSweeper
from cekalwatch.server.health.alarms.cameras import CameraAlarms, CameraLimits
from cekalwatch.server.health.alarms.counters import CounterAlarms, DeviceAlarms, ExerciseAlarms
from cekalwatch.server.health.alarms.feed import AlarmFeed
from cekalwatch.server.health.alarms.people import RightsAlarms
from cekalwatch.server.health.alarms.servers import (
    PortAlarms,
    RefusedServerAlarms,
    RowAlarms,
    ServerAlarms,
)
from cekalwatch.server.health.alarms.upkeep import BackupAlarms, DeadServerAlarms, UpkeepAlarms
from cekalwatch.server.health.alarms.watchlist import SourceAlarms, ThresholdAlarms
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.health.state.readiness import ReadinessGauge
from cekalwatch.server.health.state.status import disk_space
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.cluster.change_notifier import ChangeTopic
from cekalwatch.server.storage.cluster.presence_store import PresenceStore
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.wiring.capture import CaptureParts
from cekalwatch.server.wiring.cluster import ClusterParts
from cekalwatch.server.wiring.endings import endings_of
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.part import Part
from cekalwatch.server.wiring.storage import Context

LOOK_AT_CAMERAS_PERIOD_S = 1.0
LOOK_AT_SOURCES_PERIOD_S = 5.0
LOOK_AT_SERVER_PERIOD_S = 1.0
LOOK_AT_THRESHOLD_PERIOD_S = 5.0
LOOK_AT_ROWS_PERIOD_S = 2.0
LOOK_AT_PORTS_PERIOD_S = 5.0
LOOK_AT_COUNTERS_PERIOD_S = 1.0
LOOK_AT_EXERCISES_PERIOD_S = 2.0
LOOK_AT_REFUSED_PERIOD_S = 2.0
LOOK_AT_DEVICES_PERIOD_S = 2.0
LOOK_AT_RIGHTS_PERIOD_S = 5.0
LOOK_AT_UPKEEP_PERIOD_S = 600.0
LOOK_AT_BACKUPS_PERIOD_S = 60.0
FOLLOW_PERIOD_S = 1.0
SWEEP_PERIOD_S = 3600.0


@dataclass(frozen=True)
class AlarmParts(Part):
    """The service of alarms, the regular work on them, and what a screen is told of them."""

    board: AlarmBoard
    feed: AlarmFeed
    readiness: ReadinessGauge

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loop that sends changes to subscribers."""
        return (LOOPS.keep("follow_troubles", partial(self.feed.follow, FOLLOW_PERIOD_S)),)


def init_alarms(
    context: Context,
    cluster: ClusterParts,
    search: GalleryParts,
    capture: CaptureParts,
    health: Health,
    revoked: Callable[[str], bool],
    attendance: Attendance,
) -> AlarmParts:
    """Load the open alarms. `revoked` says whether a certificate is revoked, by the text of its key."""
    settings, stores, clock = context.settings, context.stores, context.clock
    store = stores.alarms
    feed = AlarmFeed(store)

    def changed() -> None:
        feed.wake()
        cluster.changes.send(ChangeTopic.ALARMS)

    audit = AuditSearch(context.database)
    rights = RightsAlarms(audit, clock)
    upkeep = UpkeepAlarms(
        context.actor.key, lambda: endings_of(settings, clock.now()), lambda: disk_space(settings.data_dir), clock
    )
    backups = BackupAlarms(audit, stores.audit, clock, settings.backup.limit)
    dead = DeadServerAlarms(PresenceStore(context.database, clock).dead)
    board = AlarmBoard(store, clock, rights.actors, changed)
    terms = CameraLimits(timedelta(seconds=settings.heartbeat_period_seconds), settings.min_camera_fps)
    cameras = CameraAlarms(settings.cameras, cluster.presence, store, clock, terms)
    sources = SourceAlarms(search.source, stores.syncs, search.freshness, lambda: search.snapshots.current)
    server = ServerAlarms(context.actor.key, health)
    sweeper = AlarmSweeper(store, clock, context.actor, settings.alarm_retention)
    scan = RowScan(context.database, context.keys.guard)
    rows = RowAlarms(scan, stores.audit, clock, context.actor, stores.syncs.read_again)
    thresholds = ThresholdAlarms(stores.thresholds, lambda: search.snapshots.current, settings.cameras, clock)
    sites = frozenset(one.site for one in settings.sites)
    ports = PortAlarms(stores.ports.states, sites, revoked, audit, clock, settings.port_silence)
    refused = RefusedServerAlarms(cluster.refusals.told)
    exercises = ExerciseAlarms(stores.exercises, clock)
    calls = AlarmCalls(feed, board, store, clock, settings.keep_alive_period_seconds)
    jobs = (
        PeriodicJob("look_at_cameras", LOOK_AT_CAMERAS_PERIOD_S, partial(board.apply, cameras)),
        PeriodicJob("look_at_sources", LOOK_AT_SOURCES_PERIOD_S, partial(board.apply, sources)),
        PeriodicJob("look_at_server", LOOK_AT_SERVER_PERIOD_S, partial(board.apply, server)),
        PeriodicJob("look_at_threshold", LOOK_AT_THRESHOLD_PERIOD_S, partial(board.apply, thresholds)),
        PeriodicJob("look_at_rows", LOOK_AT_ROWS_PERIOD_S, partial(board.apply, rows)),
        PeriodicJob("look_at_devices", LOOK_AT_DEVICES_PERIOD_S, partial(board.apply, DeviceAlarms(cluster.presence))),
        LeaderJob("look_at_counters", LOOK_AT_COUNTERS_PERIOD_S, partial(board.apply, CounterAlarms(attendance))),
        LeaderJob("look_at_exercises", LOOK_AT_EXERCISES_PERIOD_S, partial(board.apply, exercises)),
        LeaderJob("look_at_ports", LOOK_AT_PORTS_PERIOD_S, partial(board.apply, ports)),
        LeaderJob("look_at_refused_servers", LOOK_AT_REFUSED_PERIOD_S, partial(board.apply, refused)),
        PeriodicJob("look_at_upkeep", LOOK_AT_UPKEEP_PERIOD_S, partial(board.apply, upkeep)),
        LeaderJob("look_at_backups", LOOK_AT_BACKUPS_PERIOD_S, partial(board.apply, backups)),
        LeaderJob("look_at_dead_servers", LOOK_AT_REFUSED_PERIOD_S, partial(board.apply, dead)),
        LeaderJob("look_at_rights", LOOK_AT_RIGHTS_PERIOD_S, partial(board.apply, rights)),
        LeaderJob("sweep_troubles", SWEEP_PERIOD_S, sweeper.sweep),
    )
    readiness = ReadinessGauge(
        lambda: capture.chain.fault,
        health.late_s,
        lambda: cameras.unheard | {one.condition.about for one in feed.open if one.condition.kind in BLIND},
        lambda: attendance.attended,
        lambda: cluster.presence.agents,
        search.freshness.now,
        settings.cameras,
        settings.keep_alive_period_seconds,
    )
    return AlarmParts(board, feed, readiness, served=calls.served(), jobs=jobs)
