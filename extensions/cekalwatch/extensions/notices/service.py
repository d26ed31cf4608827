"""The work on notices: webhooks with a log of their delivery, and the feeds to syslog and a broker."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from cekalwatch.extensions.notices.alarms import NoticeAlarms
from cekalwatch.extensions.notices.collector import (
    AlarmNotices,
    AlertNotices,
    CheckpointNotices,
    NoticeCollector,
    Source,
)
from cekalwatch.extensions.notices.domain import Notice, NoticeKind
from cekalwatch.extensions.notices.mqtt_feed import TARGET as MQTT_TARGET
from cekalwatch.extensions.notices.mqtt_feed import ControlRoomStates, MqttOutbox, mqtt_feed
from cekalwatch.extensions.notices.onvif_events import OnvifEvents
from cekalwatch.extensions.notices.settings import MqttTerms, NoticeTerms, Section
from cekalwatch.extensions.notices.store import NoticeStore
from cekalwatch.extensions.notices.syslog_feed import TARGET as SYSLOG_TARGET
from cekalwatch.extensions.notices.syslog_feed import SyslogOutbox, syslog_feed
from cekalwatch.extensions.notices.webhook import NoticeOutbox, Webhook
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.audit.destinations.syslog import SyslogReceiver
from cekalwatch.server.cluster.jobs import LeaderJob, PeriodicJob
from cekalwatch.server.concurrency.outbox import Dispatcher
from cekalwatch.server.wiring.extensions import Core

if TYPE_CHECKING:
    from cekalwatch.extensions.notices.mqtt_broker import MqttBroker

SWEEP_PERIOD_S = 3600.0
COLLECT_PERIOD_S = 1.0
DELIVER_PERIOD_S = 1.0
FEED_PERIOD_S = 1.0
LOOK_AT_NOTICES_PERIOD_S = 5.0


def start(core: Core) -> tuple[PeriodicJob, ...]:
    """Return the work on what the settings name, which one server does for all of a database.

    Raises ProgramError when the extra of a broker is missing.
    """
    context = core.context
    terms, clock, stores = Section.of(context.settings).notices, context.clock, context.stores
    store = NoticeStore(context.database)
    feeds: dict[str, tuple[str, Dispatcher[Any]]] = {}
    if terms.syslog:
        messages = SyslogOutbox(notice_syslog(terms), store, stores.audit, stores.alarms, terms.syslog_text)
        feeds["syslog"] = SYSLOG_TARGET, syslog_feed(messages, clock)
    if terms.mqtt:
        broker = open_broker(terms.mqtt)
        context.stack.callback(broker.close)
        states = ControlRoomStates(
            context.settings.cameras, core.readiness, core.open_alarms, stores.handling.open_at, OnvifEvents(clock)
        )
        feeds["mqtt"] = MQTT_TARGET, mqtt_feed(MqttOutbox(broker, store, stores.alarms, states, clock), clock)
    failing = {name: feed for name, (_, feed) in feeds.items()}
    rule = NoticeAlarms(store, [one.name for one in terms.webhooks], failing, clock)
    jobs: list[PeriodicJob] = [LeaderJob("look_at_notices", LOOK_AT_NOTICES_PERIOD_S, partial(core.board.apply, rule))]
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
        from cekalwatch.extensions.notices.mqtt_broker import MqttBroker
    except ModuleNotFoundError:
        raise ProgramError(
            "paho-mqtt is not installed. Install with: pip install --no-index --find-links wheels 'cekalwatch[mqtt]'",
            Exit.MISSING_EXTRA,
        ) from None
    return MqttBroker(terms, lasting=lasting)
