"""Alarms (the rules that find them, the board, the feed for subscribers), and notices to other systems of the office.

Notices have a log, webhooks, and a feed to syslog.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from cekalwatch.contract.values.alerts import AlertFilter
from cekalwatch.contract.values.readiness import Readiness
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.program.loops import LOOPS
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.cluster.attendance import Attendance
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.cluster.presence import Presence
from cekalwatch.server.concurrency.outbox import Dispatcher
from cekalwatch.server.domain.alarms import StoredAlarm
from cekalwatch.server.domain.notices import Notice, NoticeKind
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.server.grpc_api.servicers.alarms import AlarmCalls
from cekalwatch.server.health.alarms.board import AlarmBoard, AlarmSweeper
from cekalwatch.server.health.alarms.cameras import CameraAlarms, CameraLimits
from cekalwatch.server.health.alarms.counters import CounterAlarms, DeviceAlarms, ExerciseAlarms
from cekalwatch.server.health.alarms.feed import AlarmFeed
from cekalwatch.server.health.alarms.people import RightsAlarms
from cekalwatch.server.health.alarms.servers import (
    NoticeAlarms,
    PortAlarms,
    RefusedServerAlarms,
    RowAlarms,
    ServerAlarms,
)
from cekalwatch.server.health.alarms.watchlist import SourceAlarms, ThresholdAlarms
from cekalwatch.server.health.state.health import Health
from cekalwatch.server.notices.collector import (
    AlarmNotices,
    AlertNotices,
    CheckpointNotices,
    NoticeCollector,
    Source,
)
from cekalwatch.server.notices.mqtt_feed import TARGET as MQTT_TARGET
from cekalwatch.server.notices.mqtt_feed import ControlRoomStates, MqttOutbox, mqtt_feed
from cekalwatch.server.notices.onvif_events import OnvifEvents
from cekalwatch.server.notices.syslog_feed import TARGET as SYSLOG_TARGET
from cekalwatch.server.notices.syslog_feed import SyslogOutbox, syslog_feed
from cekalwatch.server.notices.terms import MqttTerms, NoticeTerms
from cekalwatch.server.notices.webhook import NoticeOutbox, Webhook
from cekalwatch.server.storage.audit.search import AuditSearch
from cekalwatch.server.storage.cluster.change_notifier import ChangeTopic
from cekalwatch.server.storage.integrity.scan import RowScan
from cekalwatch.server.storage.notices import NoticeStore
from cekalwatch.server.wiring.cluster import ClusterParts
from cekalwatch.server.wiring.gallery import GalleryParts
from cekalwatch.server.wiring.storage import Context

if TYPE_CHECKING:
    from cekalwatch.server.notices.mqtt_broker import MqttBroker

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
FOLLOW_PERIOD_S = 1.0
SWEEP_PERIOD_S = 3600.0
COLLECT_PERIOD_S = 1.0
DELIVER_PERIOD_S = 1.0
FEED_PERIOD_S = 1.0
LOOK_AT_NOTICES_PERIOD_S = 5.0


@dataclass(frozen=True)
class AlarmParts:
    """The service of alarms, and the regular work on them."""

    served: tuple[Served, ...]
    board: AlarmBoard
    feed: AlarmFeed
    jobs: tuple[PeriodicJob, ...]

    def loops(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """Return the loop that sends changes to subscribers."""
        return (LOOPS.keep("follow_troubles", partial(self.feed.follow, FOLLOW_PERIOD_S)),)


def init_alarms(
    context: Context,
    presence: Presence,
    search: GalleryParts,
    health: Health,
    cluster: ClusterParts,
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

    board = AlarmBoard(store, clock, changed)
    terms = CameraLimits(timedelta(seconds=settings.heartbeat_period_seconds), settings.min_camera_fps)
    cameras = CameraAlarms(settings.cameras, presence, store, clock, terms)
    sources = SourceAlarms(search.source, stores.syncs, search.freshness, lambda: search.snapshots.current)
    server = ServerAlarms(context.actor.key, health)
    sweeper = AlarmSweeper(store, clock, context.actor, settings.alarm_retention)
    scan = RowScan(context.database, context.keys.guard)
    rows = RowAlarms(scan, stores.audit, clock, context.actor, stores.syncs.read_again)
    thresholds = ThresholdAlarms(stores.thresholds, lambda: search.snapshots.current, settings.cameras, clock)
    sites = frozenset(one.site for one in settings.sites)
    audit = AuditSearch(context.database)
    ports = PortAlarms(stores.ports.states, sites, revoked, audit, clock, settings.port_silence)
    refused = RefusedServerAlarms(cluster.refusals.told)
    rights = RightsAlarms(audit, clock)
    exercises = ExerciseAlarms(stores.exercises, clock)
    calls = AlarmCalls(feed, board, store, clock, settings.keep_alive_period_seconds)
    jobs = (
        PeriodicJob("look_at_cameras", LOOK_AT_CAMERAS_PERIOD_S, partial(board.apply, cameras)),
        PeriodicJob("look_at_sources", LOOK_AT_SOURCES_PERIOD_S, partial(board.apply, sources)),
        PeriodicJob("look_at_server", LOOK_AT_SERVER_PERIOD_S, partial(board.apply, server)),
        PeriodicJob("look_at_threshold", LOOK_AT_THRESHOLD_PERIOD_S, partial(board.apply, thresholds)),
        PeriodicJob("look_at_rows", LOOK_AT_ROWS_PERIOD_S, partial(board.apply, rows)),
        PeriodicJob("look_at_devices", LOOK_AT_DEVICES_PERIOD_S, partial(board.apply, DeviceAlarms(presence))),
        LeaderJob("look_at_counters", LOOK_AT_COUNTERS_PERIOD_S, partial(board.apply, CounterAlarms(attendance))),
        LeaderJob("look_at_exercises", LOOK_AT_EXERCISES_PERIOD_S, partial(board.apply, exercises)),
        LeaderJob("look_at_ports", LOOK_AT_PORTS_PERIOD_S, partial(board.apply, ports)),
        LeaderJob("look_at_refused_servers", LOOK_AT_REFUSED_PERIOD_S, partial(board.apply, refused)),
        LeaderJob("look_at_rights", LOOK_AT_RIGHTS_PERIOD_S, partial(board.apply, rights)),
        LeaderJob("sweep_troubles", SWEEP_PERIOD_S, sweeper.sweep),
    )
    return AlarmParts(calls.served(), board, feed, jobs)


def init_notices(
    context: Context,
    board: AlarmBoard,
    open_alarms: Callable[[], tuple[StoredAlarm, ...]],
    readiness: Callable[[AlertFilter], Readiness],
) -> tuple[PeriodicJob, ...]:
    """Return the work on what the settings name, which one server does for all of a database.

    `board` gets the alarms of receivers. Raises ProgramError when the extra of a broker is missing.
    """
    terms, clock, stores = context.settings.notices, context.clock, context.stores
    store = NoticeStore(context.database)
    feeds: dict[str, tuple[str, Dispatcher[Any]]] = {}
    if terms.syslog:
        messages = SyslogOutbox(notice_syslog(terms), store, stores.audit, stores.alarms, terms.syslog_text)
        feeds["syslog"] = SYSLOG_TARGET, syslog_feed(messages, clock)
    if terms.mqtt:
        broker = open_broker(terms.mqtt)
        context.stack.callback(broker.close)
        states = ControlRoomStates(
            context.settings.cameras, readiness, open_alarms, stores.handling.open_at, OnvifEvents(clock)
        )
        feeds["mqtt"] = MQTT_TARGET, mqtt_feed(MqttOutbox(broker, store, stores.alarms, states, clock), clock)
    failing = {name: feed for name, (_, feed) in feeds.items()}
    rule = NoticeAlarms(store, [one.name for one in terms.webhooks], failing, clock)
    jobs: list[PeriodicJob] = [LeaderJob("look_at_notices", LOOK_AT_NOTICES_PERIOD_S, partial(board.apply, rule))]
    if terms.webhooks:
        sources: dict[NoticeKind, Source[Notice]] = {
            NoticeKind.ALERTS: AlertNotices(stores.alerts),
            NoticeKind.TROUBLES: AlarmNotices(stores.alarms),
            NoticeKind.CHECKPOINTS: CheckpointNotices(stores.audit, clock),
        }
        collector = NoticeCollector(store, sources, terms.webhooks, clock)
        jobs.append(LeaderJob("collect_notices", COLLECT_PERIOD_S, collector.collect))
        for one in terms.webhooks:
            delivery = Dispatcher(NoticeOutbox(Webhook(one), store, clock), clock)
            jobs.append(LeaderJob(f"send_notices_{one.name}", DELIVER_PERIOD_S, delivery.deliver))
    jobs += [LeaderJob(f"send_{name}", FEED_PERIOD_S, feed.deliver) for name, feed in failing.items()]
    if terms.webhooks or feeds:
        targets = [*(one.name for one in terms.webhooks), *(target for target, _ in feeds.values())]

        def sweep() -> None:
            store.keep_only(targets)
            store.remove_settled(clock.now() - timedelta(days=terms.log_days))

        jobs.append(LeaderJob("sweep_notices", SWEEP_PERIOD_S, sweep))
    return tuple(jobs)


def notice_syslog(terms: NoticeTerms) -> SyslogReceiver:
    """Return the receiver of the settings, which name one."""
    return SyslogReceiver(terms.syslog, terms.syslog_authorities, terms.syslog_tls_dir)


def open_broker(terms: MqttTerms, *, lasting: bool = True) -> MqttBroker:
    """Return the broker of the settings without connecting; raises ProgramError without the extra.

    `lasting`: see `MqttBroker`.
    """
    try:
        from cekalwatch.server.notices.mqtt_broker import MqttBroker
    except ModuleNotFoundError:
        raise ProgramError(
            "paho-mqtt is not installed. Install with: pip install --no-index --find-links wheels 'cekalwatch[mqtt]'",
            Exit.MISSING_EXTRA,
        ) from None
    return MqttBroker(terms, lasting=lasting)
